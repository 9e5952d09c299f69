// A text, and the phrases that are found in it.

import { openDialog } from './dialog.js';
import { button, field, h, replace } from './dom.js';
import { sentences } from './found.js';
import { isolated, t } from './i18n.js';
import { explain } from './trouble.js';


// Looks for all trackers that are stored, or for one that may not be.

export function openTry(api, tracker) {
    const text = h('textarea', { rows: 6, dir: 'auto' });
    const result = h('div', { class: 'found', role: 'status' });

    let last = 0;

    const search = async () => {
        if (text.value.trim() === '') {
            text.focus();
            return;
        }

        const mine = ++last;
        const tell = (...content) =>
            mine === last && replace(result, ...content);

        replace(result, t('loading'));

        try {
            const answer = await api.detect(text.value, tracker && {
                name: tracker.name || t('edit.new'),
                vocabulary: [...new Set(tracker.vocabulary)] });
            tell(show(sentences(answer), Boolean(tracker)));
        } catch (failure) {
            tell(h('p', { class: 'error' }, explain(failure)));
        }
    };

    text.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            search();
        }
    });

    openDialog(t('try.title'), [
        field(t('try.text'), text, t('try.hint')),
        h('div', { class: 'actions' },
          button(t('try.do'), search, { class: 'main' })),
        result,
    ], { wide: true });
}


function show({ counts, list }, isDraft) {
    return [
        h('p', { class: 'hint' }, t(isDraft ? 'try.draft' : 'try.all')),
        counts.length === 0 ? h('p', {}, t('try.none')) : [
            h('h3', {}, t('try.found')),
            h('ul', { class: 'counts' }, counts.map(({ name, n, phrases }) =>
                h('li', {},
                  h('b', { dir: 'auto' }, name),
                  ` · ${t('try.hits', { n })} · `,
                  phrases.map(isolated).join(', ')))),
        ],
        h('h3', {}, t('try.sentences')),
        list.map((parts) => h('p', { dir: 'auto' }, parts.map(mark))),
    ];
}


function mark({ text, names }) {
    return names.length === 0 ? text
           : h('mark', { title: names.join(', ') }, text);
}
