// The list: search, filters, pages of rows, and what is selected.

import { arrange, button, choice, field, h, redraw, replace } from './dom.js';
import { copy } from './files.js';
import { t } from './i18n.js';
import { Others } from './others.js';
import { Row } from './row.js';


const ROWS = 50;
const SORTS = ['name', 'phrases', 'newest', 'changed'];

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
        this.shown = new Map();
        this.offered = '';
        this.others = new Others();

        this.#build();
    }

    #build() {
        const { actions } = this;

        this.search = h('input', { type: 'search', autocomplete: 'off',
            dir: 'auto', on: { input: () => {
                this.filter.query = this.search.value;
                this.#first();
            } } });
        this.filters = h('div', { class: 'filters', on: {
            focusout: (event) => this.filters.contains(event.relatedTarget)
                                 || this.#drawFilters(event.relatedTarget) } });
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
            h('div', { class: 'told' }, this.count, this.others.node),
            this.bar, this.rows, this.pages,
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

    // To be called when the trackers have changed.  Somebody who is in a row
    // stays there, or in the one that takes its place.  If nobody here has done
    // it, ids are those of what has changed: the others stay where they are to
    // be seen.
    update(ids = null) {
        const { activeElement } = document;
        const row = activeElement.closest('li');
        const at = [...this.rows.children].indexOf(row);
        const goBack = ids && this.#place(ids);

        this.hasTimes = this.book.knowsTimes;
        if (!this.hasTimes && this.filter.sort === 'changed') {
            this.filter.sort = 'name';
        }
        this.#drawFilters(activeElement);
        this.draw();

        if (at >= 0 && !row.isConnected) {
            this.#focusAt(at);
        } else if (at >= 0) {
            activeElement.focus({ preventScroll: true });
        }
        goBack?.();
    }

    // Where the first row is that is to be seen and will not change; nothing
    // moves for those who see the first of all.  The result brings it back.
    #place(ids) {
        const rows = [...this.rows.children];
        const top = (row) => row.getBoundingClientRect().top;

        if (!rows.length || top(rows[0]) >= 0) {
            return null;
        }

        const row = rows.find((one) => !ids.has(one.dataset.id)
            && one.getBoundingClientRect().bottom > 0);
        const before = row && top(row);

        return () => row?.isConnected && scrollBy(0, top(row) - before);
    }

    // The filters know which values there are.  Nobody loses a choice that is
    // open: then they wait until the focus is elsewhere.
    #drawFilters(focused) {
        const { filter } = this;
        const valuesOf = (key) => [...new Set([...this.book.values(key),
            filter[key === 'languages' ? 'language' : 'category']])]
            .filter((value) => value !== '');
        const sorts = SORTS.filter((key) => key !== 'changed' || this.hasTimes);
        const languages = valuesOf('languages');
        const categories = valuesOf('categories');
        const offered = JSON.stringify([sorts, languages, categories]);

        if (offered === this.offered || this.filters.contains(focused)) {
            return;
        }
        this.offered = offered;

        const set = (key) => (value) => {
            filter[key] = value;
            this.#first();
        };
        const offer = (key, label, none, values) => values.length === 0 ? null
            : field(label, choice([['', none], ...values.map((v) => [v, v])],
                                  filter[key], set(key)));

        replace(this.filters,
            field(t('list.sort'), choice(sorts.map((key) =>
                [key, t(`list.sort.${key}`)]), filter.sort, set('sort'))),
            offer('language', t('list.filterLanguage'), t('list.anyLanguage'),
                  languages),
            offer('category', t('list.filterCategory'), t('list.anyCategory'),
                  categories));
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

        this.#drawCount(this.found.length === n ? t('list.count', { n })
                        : t('list.found', { found: this.found.length, n }));
        this.#drawRows(this.found.slice(from, from + ROWS));
        this.#drawEmpty(n);
        this.#drawPages(pages);
        this.#drawBar();
    }

    // What has not changed is not read out again.
    #drawCount(text) {
        if (this.count.textContent !== text) {
            this.count.textContent = text;
        }
    }

    #drawRows(trackers) {
        const before = this.shown;

        this.shown = new Map(trackers.map((tracker) => {
            const { id } = tracker;
            const row = before.get(id) ?? this.#row(id);

            row.fill({ tracker, changed: this.book.changed(id),
                       hasTimes: this.hasTimes,
                       isSelected: this.selected.has(id) });
            return [id, row];
        }));
        arrange(this.rows, [...this.shown.values()].map((row) => row.node));
    }

    #row(id) {
        return new Row({ id, onSelect: (isSelected) => {
                if (isSelected) {
                    this.selected.add(id);
                } else {
                    this.selected.delete(id);
                }
                this.#drawBar();
            },
            onOpen: () => this.actions.open(id),
            onRemove: () => this.remove([this.book.get(id)]) });
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

    // Somebody goes on where they were; else at the search.
    focus(id) {
        (this.shown.get(id)?.name ?? this.search).focus();
    }

    #focusAt(at) {
        const { children } = this.rows;
        const row = children[Math.min(Math.max(at, 0), children.length - 1)];

        (row?.querySelector('.name') ?? this.search).focus();
    }

    // The focus goes to the row that takes the place of the first one.
    remove(trackers) {
        const rows = [...this.rows.children];
        const at = rows.findIndex((row) => row.dataset.id === trackers[0].id);

        trackers.forEach(({ id }) => this.selected.delete(id));
        this.actions.remove(trackers);
        this.#focusAt(at);
    }

    #drawPages(pages) {
        const go = (to) => () => {
            this.page = to;
            this.draw();
            this.rows.querySelector('.name')?.focus();
        };

        this.pages.hidden = pages === 1;
        redraw(this.pages,
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
        redraw(this.bar,
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
