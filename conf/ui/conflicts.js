// Questions that only a person can answer: the name is taken, or somebody else
// was faster.

import { ask, openDialog } from './dialog.js';
import { button, h } from './dom.js';
import { t } from './i18n.js';
import { mergeTrackers } from './merge.js';


// open, add, rename or null

export function askConflict(tracker) {
    return ask(t('conflict.title'), [
        h('p', {}, t('conflict.text', { name: tracker.name })),
        h('p', { class: 'hint' },
          `${t('conflict.open')}: ${t('conflict.openHint')}`),
    ], [
        ['rename', t('conflict.rename')],
        ['open', t('conflict.open')],
        ['add', t('conflict.add'), 'main'],
    ]);
}


// 'theirs', or the tracker to save, or null.

export function askChanged(base, mine, theirs) {
    const { merged, questions } = mergeTrackers(base, mine, theirs);

    return new Promise((resolve) => {
        let answer = null;

        const finish = (value) => {
            answer = value;
            dialog.close();
        };

        const dialog = openDialog(t('changed.title'), [
            h('p', {}, t('changed.text', { name: base.name })),
            differences(base, mine, theirs),
            questions.map((key) => question(key, mine, theirs, (value) =>
                setField(merged, key, value))),
            h('div', { class: 'actions' },
              button(t('changed.takeTheirs'), () => finish('theirs')),
              button(t('changed.keepMine'), () => finish(mine)),
              button(t('changed.join'), () => finish(merged),
                     { class: 'main' })),
        ], { wide: true, onClose: () => resolve(answer) });
    });
}


function setField(tracker, key, value) {
    if (value === undefined) {
        delete tracker[key];
    } else {
        tracker[key] = value;
    }
}


// What each of both has done to the phrases.

function differences(base, mine, theirs) {
    const minus = (a, b) => {
        const there = new Set(b.vocabulary);
        return a.vocabulary.filter((phrase) => !there.has(phrase));
    };
    const rows = [
        ['changed.theyAdded', minus(theirs, base)],
        ['changed.theyRemoved', minus(base, theirs)],
        ['changed.youAdded', minus(mine, base)],
        ['changed.youRemoved', minus(base, mine)],
    ].filter(([, phrases]) => phrases.length > 0);

    return rows.length === 0 ? null : [
        h('p', {}, t('changed.merged')),
        h('dl', {}, rows.map(([key, phrases]) => [
            h('dt', {}, t(key)),
            phrases.map((phrase) => h('dd', { dir: 'auto' }, phrase)),
        ])),
    ];
}


// A field that both have changed: mine stands until theirs is chosen.

function question(key, mine, theirs, choose) {
    const name = `choose-${key}`;
    const show = (value) => [value ?? ''].flat().join(', ')
                            || t('changed.nothing');
    const radio = (label, value, checked) =>
        h('label', { class: 'radio' },
          h('input', { type: 'radio', name, checked,
                       on: { change: () => choose(value) } }),
          h('span', {}, `${label}: `, h('b', { dir: 'auto' }, show(value))));

    return h('fieldset', {},
        h('legend', {}, `${t(`field.${key}`)}: ${t('changed.ask')}`),
        radio(t('changed.mine'), mine[key], true),
        radio(t('changed.theirs'), theirs[key], false));
}
