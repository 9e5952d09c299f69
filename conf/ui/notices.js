// Short messages at the edge of the page, read out by screen readers.

import { button, h, replace } from './dom.js';
import { t } from './i18n.js';


const LONG = 8000;
const MOST = 2;

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


// A dialog is above all else, so what is told must be in it: to be called when
// one is opened or closed.

export function placeNotices() {
    const open = document.querySelectorAll('dialog[open]');
    const parent = open.length ? open[open.length - 1] : document.body;

    for (const node of [banner, region]) {
        if (node.parentNode !== parent) {
            parent.append(node);
        }
    }
}


export function setBanner(text) {
    replace(banner, text);
}


// A few are enough, and none where something new begins: those that only tell
// something go.

export function tidyNotices(most = 0) {
    const plain = [...region.children].filter((node) =>
        !node.querySelector('button'));

    plain.slice(0, Math.max(0, plain.length - most)).forEach((node) =>
        node.remove());
}


// Shows a message for a while, a bad one until it is closed; its time stands
// still while somebody is in it.  action is { label, run }.  Calls after() when
// it has gone by itself.  Returns { close }.

export function notice(text, { action, after, bad } = {}) {
    placeNotices();

    let left = LONG, since = Date.now(), timer;
    const node = h('div', { class: bad ? 'notice bad' : 'notice' },
                   h('span', {}, text));

    const stop = () => {
        clearTimeout(timer);
        left -= Date.now() - since;
        since = Date.now();
    };
    const close = () => {
        stop();
        node.remove();
    };
    const go = () => {
        stop();
        if (!bad && node.isConnected && !node.matches(':hover')
            && !node.contains(document.activeElement))
        {
            timer = setTimeout(() => {
                node.remove();
                after?.();
            }, Math.max(left, 1000));
        }
    };

    if (action) {
        node.append(button(action.label, () => {
            close();
            action.run();
        }));
    }
    if (bad) {
        node.append(button('×', close, { 'aria-label': t('close') }));
    }

    node.addEventListener('mouseenter', stop);
    node.addEventListener('focusin', stop);
    node.addEventListener('mouseleave', go);
    node.addEventListener('focusout', () => setTimeout(go, 0));
    region.append(node);
    tidyNotices(MOST);
    go();
    return { close };
}
