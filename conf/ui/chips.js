// A list of short texts: each a chip, and a field that adds one.

import { button, h, replace, uniqueId } from './dom.js';
import { t } from './i18n.js';
import { check } from './phrases.js';
import { pastedPhrases } from './text.js';


// Options: label, values, hint, suggestions, onChange(values), marks (whether
// repeats are marked).  node is what to show; take() gives the values, with
// what is still in the field.

export class Chips {
    constructor({ label, values = [], hint, suggestions = [], onChange,
                  marks = false })
    {
        this.label = label;
        this.values = [...values];
        this.onChange = onChange ?? (() => {});
        this.marks = marks;
        this.current = 0;
        this.edited = null;

        const id = uniqueId('chips'), hintId = uniqueId('hint');
        const options = uniqueId('options');

        this.list = h('ul', { class: 'chips',
                              on: { keydown: (e) => this.#listKey(e) } });
        this.input = h('input', { id, dir: 'auto', autocomplete: 'off',
            list: suggestions.length ? options : null,
            'aria-describedby': hint ? hintId : null,
            on: { keydown: (e) => this.#inputKey(e),
                  paste: (e) => this.#paste(e),
                  input: () => this.onChange(this.take()) } });

        this.node = h('div', { class: 'field' },
            h('label', { for: id }, label),
            this.list,
            h('div', { class: 'add' }, this.input,
              button(t('chips.add'), () => this.#add())),
            suggestions.length
                ? h('datalist', { id: options },
                    suggestions.map((value) => h('option', { value })))
                : null,
            hint ? h('p', { class: 'hint', id: hintId }, hint) : null);

        this.#draw();
    }

    take() {
        const { at } = this.edited ?? { at: this.values.length };

        return [...this.values.slice(0, at), ...this.#typed(),
                ...this.values.slice(at)];
    }

    set(values) {
        this.values = [...values];
        this.input.value = '';
        this.edited = null;
        this.#draw();
    }

    // What is in the field; a field has no blanks at its ends, nor line ends: a
    // phrase that was only looked at keeps them.
    #typed() {
        const { value } = this.input;

        return this.edited?.shown === value ? [this.edited.value]
               : pastedPhrases(value);
    }

    #takeTyped(more = []) {
        this.values = this.take();
        this.values.push(...more);
        this.input.value = '';
        this.edited = null;
    }

    #changed() {
        this.#draw();
        this.onChange(this.take());
    }

    #add() {
        this.#takeTyped();
        this.#changed();
        this.input.focus();
    }

    #remove(i) {
        this.values.splice(i, 1);
        if (this.edited?.at > i) {
            this.edited.at--;
        }
        this.current = Math.min(i, this.values.length - 1);
        this.#changed();
        this.#focus(this.current);
    }

    // Takes a chip back into the field; it keeps its place.
    #edit(i) {
        const value = this.values[i];

        this.#takeTyped();
        const at = this.values.indexOf(value);

        this.values.splice(at, 1);
        this.input.value = value;
        this.edited = { at, value, shown: this.input.value };
        this.#changed();
        this.input.focus();
    }

    #focus(i) {
        const chip = this.list.querySelectorAll('.chip')[i];

        (chip ?? this.input).focus();
    }

    #inputKey(event) {
        if (event.isComposing) {
            return;
        }

        if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) {
            event.preventDefault();
            this.#add();
        } else if (event.key === 'Backspace' && this.input.value === ''
                   && this.values.length)
        {
            event.preventDefault();
            this.#edit(this.values.length - 1);
        } else if (event.key === 'ArrowUp' && this.values.length
                   && !this.input.hasAttribute('list'))
        {
            event.preventDefault();
            this.#focus(this.values.length - 1);
        }
    }

    #listKey(event) {
        const chips = [...this.list.querySelectorAll('.chip')];
        const i = chips.indexOf(event.target);
        const to = { ArrowLeft: i - 1, ArrowUp: i - 1, ArrowRight: i + 1,
                     ArrowDown: i + 1, Home: 0,
                     End: chips.length - 1 }[event.key];

        if (i < 0) {
            return;
        }

        if (to !== undefined) {
            event.preventDefault();
            this.#focus(Math.max(to, 0));
        } else if (['Delete', 'Backspace'].includes(event.key)) {
            event.preventDefault();
            this.#remove(i);
        }
    }

    #paste(event) {
        const text = event.clipboardData?.getData('text') ?? '';
        const phrases = pastedPhrases(text);

        if (phrases.length > 1) {
            event.preventDefault();
            this.#takeTyped(phrases);
            this.#changed();
        }
    }

    #draw() {
        const found = this.marks ? check(this.values) : [];

        this.list.setAttribute('aria-label', t('chips.list',
            { label: this.label, n: this.values.length }));
        this.list.hidden = this.values.length === 0;
        replace(this.list, this.values.map((value, i) =>
            this.#chip(value, i, found[i])));
    }

    // One chip of the list takes part in the order of Tab.
    #chip(value, i, found) {
        const mark = !found ? '' : found.exact >= 0 ? 'exact'
                     : found.near >= 0 ? 'near' : '';
        const tabindex = i === Math.max(this.current, 0) ? 0 : -1;

        return h('li', { class: mark ? `mark-${mark}` : null },
            h('button', { type: 'button', class: 'chip', dir: 'auto', tabindex,
                          'aria-label': t('chips.chip', { value })
                              + (mark ? `, ${t(`chips.${mark}`)}` : ''),
                          on: { click: () => this.#edit(i),
                                focus: (e) => this.#walk(e.target, i) } },
              value,
              mark ? h('small', {}, ` ${t(`chips.${mark}`)}`) : null),
            h('button', { type: 'button', class: 'remove', tabindex: -1,
                          'aria-label': t('chips.remove', { value }),
                          on: { click: () => this.#remove(i) } }, '×'));
    }

    #walk(chip, i) {
        this.list.querySelectorAll('.chip[tabindex="0"]').forEach((other) =>
            other.setAttribute('tabindex', '-1'));
        chip.setAttribute('tabindex', '0');
        this.current = i;
    }
}
