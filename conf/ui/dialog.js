// Dialogs.  The browser's own keep the focus inside and give it back.

import { button, h, uniqueId } from './dom.js';
import { t } from './i18n.js';
import { placeNotices, tidyNotices } from './notices.js';


// what the focus goes to first, rather than to the cross
const FIRST = ['input', 'select', 'textarea'].map((tag) =>
    `${tag}:not(.hidden, [readonly])`).join(', ') + ', .main';


// Opens one.  content are nodes; mayClose() is asked, and may be a promise,
// before Esc, the cross or leave() close it; isDirty() says whether something
// would be lost with the page.  Returns { node, close, leave }.

export function openDialog(title, content, { mayClose = () => true, onClose,
                                             isDirty = () => false,
                                             wide } = {})
{
    const id = uniqueId('title');
    let asking = false, closing = false;

    // All at once, not at the event: the next key may come before that.
    const close = () => {
        if (closing) {
            return;
        }

        closing = true;
        node.close();
        placeNotices();
        node.remove();
        removeEventListener('beforeunload', guard);
        onClose?.();
    };

    const leave = async () => {
        if (asking) {
            return;
        }

        asking = true;
        const may = await mayClose();
        asking = false;

        if (may) {
            close();
        }
    };

    const guard = (event) => isDirty() && event.preventDefault();
    const node = h('dialog', { class: wide ? 'wide' : null,
                               'aria-labelledby': id },
        h('header', {},
          h('h2', { id }, title),
          button('×', leave, { class: 'plain close',
                               'aria-label': t('close') })),
        content);

    node.addEventListener('cancel', (event) => {
        if (event.target === node) {
            event.preventDefault();
            leave();
        }
    });

    // a browser may close it unasked
    node.addEventListener('close', (event) => {
        if (event.target === node && !closing) {
            node.showModal();
            leave();
        }
    });

    // the second Esc would be such a time
    node.addEventListener('keydown', (event) => {
        if (event.key === 'Escape' && !event.defaultPrevented) {
            event.preventDefault();
            event.stopPropagation();
            leave();
        }
    });

    document.body.append(node);
    node.showModal();
    tidyNotices();
    placeNotices();
    addEventListener('beforeunload', guard);
    node.querySelector(`header ~ * :is(${FIRST})`)?.focus();
    return { node, close, leave };
}


// Asks.  choices are [value, label, class]; resolves to a value, or to null.

export function ask(title, content, choices) {
    return new Promise((resolve) => {
        let answer = null;

        const dialog = openDialog(title, [
            content,
            h('div', { class: 'actions' },
              choices.map(([value, label, style]) => button(label, () => {
                  answer = value;
                  dialog.close();
              }, { class: style ?? null }))),
        ], { onClose: () => resolve(answer) });

        dialog.node.querySelector('.actions .main')?.focus();
    });
}
