// The list: search, filters, pages of rows, and what is selected.

import { button, choice, field, h, replace } from './dom.js';
import { copy } from './files.js';
import { isolated, t } from './i18n.js';


const ROWS = 50;
const SUMMARY = 6;
const SORTS = ['name', 'phrases', 'newest'];

// Letters are in the way of those who speak to their computer: WCAG 2.1.4.
let hasLetters = true;


// Options: book, actions ({ create, open, remove, importing, exporting, tryIt,
// reload, signOut }, of which tryIt and signOut may be null).

export class List {
    constructor({ book, actions }) {
        this.book = book;
        this.actions = actions;
        this.filter = { query: '', language: '', category: '', sort: 'name' };
        this.page = 0;
        this.selected = new Set();
        this.found = [];

        this.#build();
    }

    #build() {
        const { actions } = this;

        this.search = h('input', { type: 'search', autocomplete: 'off',
            dir: 'auto', on: { input: () => {
                this.filter.query = this.search.value;
                this.#first();
            } } });
        this.filters = h('div', { class: 'filters' });
        this.count = h('p', { class: 'count', role: 'status' });
        this.bar = h('div', { class: 'bar', role: 'group',
                              'aria-label': t('selected.title') });
        this.rows = h('ul', { class: 'rows' });
        this.pages = h('nav', { 'aria-label': t('list.pages') });

        this.node = h('div', {},
            h('div', { class: 'actions top' },
              button(t('list.new'), actions.create, { class: 'main' }),
              button(t('list.import'), actions.importing),
              button(t('list.export'), actions.exporting),
              actions.tryIt ? button(t('list.try'), actions.tryIt) : null,
              button(t('list.reload'), actions.reload)),
            h('div', { class: 'filters', role: 'search' },
              field(t('list.search'), this.search), this.filters),
            this.count, this.bar, this.rows, this.pages,
            h('label', { class: 'radio hint' },
              h('input', { type: 'checkbox', checked: hasLetters, on: {
                  change: (event) => {
                      hasLetters = event.target.checked;
                  } } }),
              t('list.keys')));
    }

    #first() {
        this.page = 0;
        this.draw();
    }

    // Keys that work wherever nothing is being typed.
    key(event) {
        if (event.key === '/' && hasLetters) {
            event.preventDefault();
            this.search.focus();
            this.search.select();
        } else if (event.key === 'n' && hasLetters) {
            event.preventDefault();
            this.actions.create();
        } else if (event.key === 'Escape' && this.selected.size) {
            this.selected.clear();
            this.draw();
        }
    }

    // The filters know which values there are: drawn when the trackers change.
    // Somebody who is in a row stays there.
    update() {
        const { activeElement } = document;
        const id = activeElement.closest('.row')?.dataset.id;
        const control = ['.name', '.danger', 'input'].find((one) =>
            activeElement.matches(one));

        this.#update();

        if (id && control) {
            this.#rowOf(id)?.querySelector(control).focus();
        }
    }

    #update() {
        const set = (key) => (value) => {
            this.filter[key] = value;
            this.#first();
        };
        const offer = (key, label, none, values) => values.length === 0 ? null
            : field(label, choice([['', none], ...values.map((v) => [v, v])],
                                  this.filter[key], set(key)));

        replace(this.filters,
            field(t('list.sort'), choice(SORTS.map((key) =>
                [key, t(`list.sort.${key}`)]), this.filter.sort, set('sort'))),
            offer('language', t('list.filterLanguage'), t('list.anyLanguage'),
                  this.book.values('languages')),
            offer('category', t('list.filterCategory'), t('list.anyCategory'),
                  this.book.values('categories')));
        this.draw();
    }

    chosen() {
        return [...this.selected].map((id) => this.book.get(id))
            .filter((tracker) => tracker && !this.book.hidden.has(tracker.id));
    }

    draw() {
        this.found = this.book.find(this.filter);

        const pages = Math.max(1, Math.ceil(this.found.length / ROWS));
        this.page = Math.min(this.page, pages - 1);

        const from = this.page * ROWS;
        const n = this.book.size;

        replace(this.count, this.found.length === n ? t('list.count', { n })
                            : t('list.found', { found: this.found.length, n }));
        replace(this.rows, this.found.slice(from, from + ROWS).map((tracker) =>
            this.#row(tracker)));
        this.#drawEmpty(n);
        this.#drawPages(pages);
        this.#drawBar();
    }

    #drawEmpty(n) {
        if (n === 0) {
            replace(this.rows, h('li', { class: 'empty' },
                h('p', {}, t('list.empty')),
                h('div', { class: 'actions' },
                  button(t('list.first'), this.actions.create,
                         { class: 'main' }),
                  button(t('list.import'), this.actions.importing))));
        } else if (this.found.length === 0) {
            replace(this.rows, h('li', { class: 'empty' }, t('list.nothing')));
        }
    }

    #row(tracker) {
        const { id, name, vocabulary } = tracker;
        const box = h('input', { type: 'checkbox',
            checked: this.selected.has(id),
            'aria-label': t('list.select', { name }),
            on: { change: () => {
                if (box.checked) {
                    this.selected.add(id);
                } else {
                    this.selected.delete(id);
                }
                this.#drawBar();
            } } });

        return h('li', { class: 'row', 'data-id': id },
            box,
            h('div', { class: 'what' },
              h('button', { type: 'button', class: 'plain name', dir: 'auto',
                            'aria-label': t('list.edit', { name }),
                            on: { click: () => this.actions.open(id) } }, name),
              h('p', { class: 'some' }, summary(vocabulary)),
              h('p', { class: 'hint' },
                [t('list.phrases', { n: vocabulary.length }),
                 ...tracker.categories ?? [], ...tracker.languages ?? []]
                    .filter((part) => part !== '').map(isolated)
                    .join(' · '))),
            button(t('list.delete'), () => this.remove([tracker]),
                   { class: 'danger', 'aria-label':
                         t('list.deleteNamed', { name }) }));
    }

    // Somebody goes on where they were; else at the search.
    focus(id) {
        (this.#rowOf(id)?.querySelector('.name') ?? this.search).focus();
    }

    #rowOf(id) {
        return [...this.rows.children].find((one) => one.dataset.id === id);
    }

    // The focus goes to the row that takes the place of the first one.
    remove(trackers) {
        const rows = [...this.rows.children];
        const at = rows.findIndex((row) => row.dataset.id === trackers[0].id);

        trackers.forEach(({ id }) => this.selected.delete(id));
        this.actions.remove(trackers);

        const left = this.rows.children;
        const next = left[Math.min(Math.max(at, 0), left.length - 1)];
        (next?.querySelector('.name') ?? this.search).focus();
    }

    #drawPages(pages) {
        const go = (to) => () => {
            this.page = to;
            this.draw();
            this.rows.querySelector('.name')?.focus();
        };

        this.pages.hidden = pages === 1;
        replace(this.pages,
            button(t('list.previous'), go(this.page - 1),
                   { disabled: this.page === 0 }),
            h('span', {}, t('list.page', { page: this.page + 1, pages })),
            button(t('list.next'), go(this.page + 1),
                   { disabled: this.page === pages - 1 }));
    }

    #drawBar() {
        const chosen = this.chosen();
        const select = (trackers) => () => {
            trackers.forEach(({ id }) => this.selected.add(id));
            this.draw();
            this.bar.querySelector('button')?.focus();
        };
        const from = this.page * ROWS;
        const found = new Set(chosen.length ? this.found : []);
        const unseen = chosen.filter((tracker) => !found.has(tracker)).length;

        this.bar.hidden = chosen.length === 0;
        replace(this.bar,
            h('span', {}, t('selected.count', { n: chosen.length }),
              unseen ? ` ${t('selected.unseen', { n: unseen })}` : null),
            button(t('list.selectPage'),
                   select(this.found.slice(from, from + ROWS))),
            button(t('list.selectFound', { n: this.found.length }),
                   select(this.found)),
            button(t('selected.ids'), () =>
                copy(chosen.map(({ id }) => id).join('\n'))),
            button(t('selected.json'), () =>
                copy(JSON.stringify({ trackers: chosen.map(({ id }) =>
                    ({ id })) }))),
            button(t('list.export'), this.actions.exporting),
            button(t('list.delete'), () => this.remove(chosen),
                   { class: 'danger' }),
            button(t('selected.clear'), () => {
                this.selected.clear();
                this.draw();
            }));
    }
}


function summary(phrases) {
    return phrases.slice(0, SUMMARY).map(isolated).join(', ')
           + (phrases.length > SUMMARY ? ' …' : '');
}
