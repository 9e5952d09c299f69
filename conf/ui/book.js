// The trackers that the page knows: searched, filtered, sorted, selected.

import { fold } from './text.js';


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

    // Adds a tracker, or takes what is new of it.
    put(tracker) {
        const known = this.entries.get(tracker.id);
        const order = known ? known.order : this.order++;

        this.entries.set(tracker.id, { tracker, order,
            text: [tracker.name, ...tracker.vocabulary].map(fold).join('\n') });
        this.sorted = null;
    }

    remove(id) {
        this.entries.delete(id);
        this.hidden.delete(id);
        this.sorted = null;
    }

    get(id) {
        return this.entries.get(id)?.tracker;
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
};
