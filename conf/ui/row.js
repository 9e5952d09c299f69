// A row of the list.  Its parts stay in the document while what they say
// changes, so that the focus and a selection in it stay, too.

import { button, h, replace } from './dom.js';
import { isolated, t } from './i18n.js';
import { timeOf } from './times.js';


const SUMMARY = 6;


export class Row {
    #tracker = null;
    #changed = undefined;

    // Options: id, onSelect(isSelected), onOpen(), onRemove().
    constructor({ id, onSelect, onOpen, onRemove }) {
        this.box = h('input', { type: 'checkbox',
            on: { change: () => onSelect(this.box.checked) } });
        this.name = button('', onOpen, { class: 'plain name', dir: 'auto' });
        this.some = h('p', { class: 'some' });
        this.hint = h('p', { class: 'hint' });
        this.when = h('p', { class: 'when' });
        this.remove = button(t('list.delete'), onRemove, { class: 'danger' });

        this.node = h('li', { class: 'row', 'data-id': id },
            this.box,
            h('div', { class: 'what' }, this.name, this.some, this.hint),
            this.when, this.remove);
    }

    // hasTimes: whether there is a place for the time, known or not.
    fill({ tracker, changed, hasTimes, isSelected }) {
        this.box.checked = isSelected;
        this.when.hidden = !hasTimes;

        if (tracker !== this.#tracker) {
            this.#tracker = tracker;
            this.#fillTracker(tracker);
        }
        if (changed !== this.#changed) {
            this.#changed = changed;
            replace(this.when, changed === undefined ? null
                    : [h('span', {}, t('time.changed')), ' ', timeOf(changed)]);
        }
    }

    #fillTracker({ name, vocabulary, categories, languages }) {
        this.box.setAttribute('aria-label', t('list.select', { name }));
        this.name.setAttribute('aria-label', t('list.edit', { name }));
        this.remove.setAttribute('aria-label', t('list.deleteNamed', { name }));
        this.name.textContent = name;
        this.some.textContent = summary(vocabulary);
        this.hint.textContent = [
            t('list.phrases', { n: vocabulary.length }),
            ...categories ?? [], ...languages ?? []]
            .filter((part) => part !== '').map(isolated).join(' · ');
    }
}


function summary(phrases) {
    return phrases.slice(0, SUMMARY).map(isolated).join(', ')
           + (phrases.length > SUMMARY ? ' …' : '');
}
