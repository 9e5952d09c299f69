// Short messages at the edge of the page, read out by screen readers.

import { button, h, replace } from './dom.js';
import { t } from './i18n.js';


const LONG = 8000;

const banner = h('div', { class: 'banner', role: 'alert' });
const region = h('div', { class: 'notices', role: 'status' });


export function mountNotices(root) {
    root.append(banner, region);
    addEventListener('offline', () => setBanner(t('trouble.offline')));
    addEventListener('online', () => {
        setBanner('');
        notice(t('trouble.online'));
    });
}


// A dialog is above all else, so its notices must be in it.

function place() {
    const open = document.querySelectorAll('dialog[open]');
    const parent = open.length ? open[open.length - 1] : document.body;

    if (region.parentNode !== parent) {
        parent.append(region);
    }
}


export function setBanner(text) {
    replace(banner, text);
}


// Shows a message for a while; its time stands still while somebody is in it.
// action is { label, run }.  Calls after() when it has gone by itself.

export function notice(text, { action, after, bad } = {}) {
    place();

    let left = LONG, since, timer;
    const node = h('div', { class: bad ? 'notice bad' : 'notice' },
                   h('span', { dir: 'auto' }, text));

    const stop = () => {
        clearTimeout(timer);
        left -= Date.now() - since;
    };
    const go = () => {
        since = Date.now();
        clearTimeout(timer);
        timer = setTimeout(() => {
            node.remove();
            after?.();
        }, Math.max(left, 1000));
    };

    if (action) {
        node.append(button(action.label, () => {
            clearTimeout(timer);
            node.remove();
            action.run();
        }));
    }

    node.addEventListener('mouseenter', stop);
    node.addEventListener('focusin', stop);
    node.addEventListener('mouseleave', go);
    node.addEventListener('focusout', go);
    region.append(node);
    go();
}
