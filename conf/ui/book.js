// The trackers that the page knows: searched, filtered, sorted, selected.

import { same } from './merge.js';
import { fold } from './text.js';
import { apart, moment } from './times.js';


// Adds to a map of { kind, name } by id, of what others have done since: what
// is gone again was never there.

export function remember(told, id, kind, name) {
    const isNew = told.get(id)?.kind === 'created';

    if (isNew && kind === 'deleted') {
        told.delete(id);
    } else {
        told.set(id, { kind: isNew ? 'created' : kind, name });
    }
}


const collator = new Intl.Collator(undefined, { numeric: true });


export class Book {
    constructor() {
        this.entries = new Map();
        this.order = 0;
        this.hidden = new Set();
        this.sorted = null;
        this.sortedBy = null;
    }

    clear() {
        this.entries.clear();
        this.hidden.clear();
        this.sorted = null;
    }

    // Adds a tracker, or takes what is new of it; with times that are not in it
    // { created, changed }.  Returns whether it says something new.
    put(record, times = {}) {
        const { tracker, ...own } = apart(record);
        const known = this.entries.get(tracker.id);
        const isNew = !known || !same(known.tracker, tracker);
        const entry = isNew ? { tracker, order: known?.order ?? this.order++,
            text: [tracker.name, ...tracker.vocabulary].map(fold).join('\n') }
            : known;

        for (const key of ['created', 'changed']) {
            entry[key] = own[key] ?? times[key] ?? known?.[key];
        }

        this.entries.set(tracker.id, entry);
        this.sorted = null;
        return isNew;
    }

    // What this page has written itself, at that time by the server's clock.
    wrote(tracker, at) {
        const known = this.get(tracker.id);
        const hasMoved = !known || !same(known, tracker);

        this.put(tracker, !this.knowsTimes || !hasMoved ? {}
                          : { changed: at, created: known ? undefined : at });
    }

    // The server's changes, in order.  Returns a map of what is new to us, as
    // remember() makes it: what this page has done is there already.
    take(changes) {
        const told = new Map();

        for (const { type, id, at, tracker } of changes) {
            if (type === 'deleted') {
                this.#lose(told, id);
            } else if (tracker) {
                const time = moment(at);

                this.#learn(told, tracker, { changed: time,
                    created: type === 'created' ? time : undefined });
            }
        }

        return told;
    }

    // All trackers as they are now, to be given piece by piece: { take, end }.
    // end() returns such a map, too.
    renew() {
        const old = new Set(this.entries.keys());
        const told = new Map();

        return {
            take: (trackers) => trackers.forEach((tracker) => {
                old.delete(tracker.id);
                this.#learn(told, tracker);
            }),
            end: () => {
                old.forEach((id) => this.#lose(told, id));
                return told;
            },
        };
    }

    #learn(told, tracker, times) {
        const kind = this.entries.has(tracker.id) ? 'updated' : 'created';

        if (this.put(tracker, times) && !this.hidden.has(tracker.id)) {
            remember(told, tracker.id, kind, tracker.name);
        }
    }

    #lose(told, id) {
        const known = this.get(id);

        if (known && !this.hidden.has(id)) {
            remember(told, id, 'deleted', known.name);
        }
        this.remove(id);
    }

    remove(id) {
        this.entries.delete(id);
        this.hidden.delete(id);
        this.sorted = null;
    }

    get(id) {
        return this.entries.get(id)?.tracker;
    }

    // When it was changed, if that is known.
    changed(id) {
        return this.entries.get(id)?.changed;
    }

    get knowsTimes() {
        for (const { changed } of this.entries.values()) {
            if (changed !== undefined) {
                return true;
            }
        }
        return false;
    }

    byName(name) {
        for (const { tracker } of this.entries.values()) {
            if (tracker.name === name) {
                return tracker;
            }
        }
        return undefined;
    }

    // Those that are to be deleted are not there any more for those who look.
    hide(id) {
        this.hidden.add(id);
    }

    show(id) {
        this.hidden.delete(id);
    }

    get size() {
        return this.entries.size - this.hidden.size;
    }

    // All trackers but the hidden ones, in the order in which they were made.
    all() {
        return [...this.entries.values()].map((entry) => entry.tracker)
            .filter((tracker) => !this.hidden.has(tracker.id));
    }

    // What is to be seen: { query, language, category, sort }.
    find({ query = '', language = '', category = '', sort = 'name' }) {
        const words = fold(query);
        const found = [];

        for (const { tracker, text } of this.inOrder(sort)) {
            if (this.hidden.has(tracker.id)
                || (words && !text.includes(words))
                || (language && !(tracker.languages ?? []).includes(language))
                || (category
                    && !(tracker.categories ?? []).includes(category)))
            {
                continue;
            }
            found.push(tracker);
        }

        return found;
    }

    inOrder(sort) {
        if (!this.sorted || this.sortedBy !== sort) {
            this.sorted = [...this.entries.values()].sort(ORDERS[sort]);
            this.sortedBy = sort;
        }
        return this.sorted;
    }

    // The values that a list of all trackers has, in order.
    values(key) {
        const values = new Set();

        for (const { tracker } of this.entries.values()) {
            (tracker[key] ?? []).forEach((value) => values.add(value));
        }

        values.delete('');
        return [...values].sort(collator.compare);
    }
}


const byName = (a, b) => collator.compare(a.tracker.name, b.tracker.name)
                         || a.order - b.order;

const ORDERS = {
    name: byName,
    phrases: (a, b) => b.tracker.vocabulary.length
                       - a.tracker.vocabulary.length || byName(a, b),
    newest: (a, b) => b.order - a.order,
    changed: (a, b) => (b.changed ?? 0) - (a.changed ?? 0)
                       || b.order - a.order,
};
