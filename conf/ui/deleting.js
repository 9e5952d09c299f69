// Deletes trackers after a while in which that can be taken back: one that was
// made anew would have another id.

import { same } from './merge.js';
import { t } from './i18n.js';
import { notice } from './notices.js';
import { explain } from './trouble.js';


// A browser sends not many more requests for a page that is gone.
const FEW = 10;
const LANES = 4;


// onChange(id) is called whenever the list has become another; with an id, that
// tracker is there again and gets the focus.

export class Deleting {
    #groups = [];
    #waiting = new Map();

    constructor(api, book, onChange) {
        this.api = api;
        this.book = book;
        this.onChange = onChange;

        addEventListener('beforeunload', (event) => {
            if (this.#waiting.size > FEW) {
                event.preventDefault();
            }
        });
        addEventListener('pagehide', () => this.#flush());
    }

    start(trackers) {
        const group = { trackers };

        for (const { id } of trackers) {
            this.#waiting.set(id, null);
            this.book.hide(id);
        }
        this.#groups.push(group);
        this.onChange();

        group.notice = notice(t('delete.done', counted(trackers)), {
            action: { label: t('delete.undo'), run: () => this.#undo(group) },
            after: () => this.#finish(group) });
        group.looked = this.#look(group);
    }

    // The last one is taken back, if there is any.
    undo() {
        if (this.#groups.length) {
            this.#undo(this.#groups[this.#groups.length - 1]);
        }
    }

    // To be called before something that what waits would be in the way of.
    async finishAll() {
        for (const group of [...this.#groups]) {
            await this.#finish(group);
        }
    }

    // The same before something takes this name.
    async finishNamed(name) {
        for (const group of this.#groups.filter(({ trackers }) =>
            trackers.some((tracker) => tracker.name === name)))
        {
            await this.#finish(group);
        }
    }

    #end(group) {
        const at = this.#groups.indexOf(group);

        if (at < 0) {
            return false;
        }

        this.#groups.splice(at, 1);
        group.notice.close();
        return true;
    }

    #undo(group) {
        if (!this.#end(group)) {
            return;
        }

        // others may have deleted some of them meanwhile
        const there = group.trackers.filter(({ id }) => this.book.get(id));
        const gone = group.trackers.filter(({ id }) => !this.book.get(id));

        this.#back(group.trackers);
        this.onChange(there[0]?.id);

        if (there.length) {
            notice(t('delete.back', counted(there)));
        }
        if (gone.length) {
            notice(t('delete.gone', counted(gone)), { bad: true });
        }
    }

    #back(trackers) {
        for (const { id } of trackers) {
            this.#waiting.delete(id);
            this.book.show(id);
        }
    }

    // What is deleted is what was on the page: its tag, or false where somebody
    // has changed it since the list was read.
    async #look({ trackers }) {
        let isOver = false;

        await inLanes(trackers, async (tracker) => {
            if (isOver || !this.#waiting.has(tracker.id)) {
                return;
            }

            try {
                const { tracker: now, etag } = await this.api.get(tracker.id);

                if (this.#waiting.has(tracker.id)) {
                    this.#waiting.set(tracker.id, same(now, tracker) && etag);
                }
            } catch (failure) {
                isOver = failure.status !== 404;
            }
        });
    }

    // Those that the server does not delete are there again.
    async #finish(group) {
        if (!this.#end(group)) {
            return;
        }

        const changed = [], left = [];
        const busy = group.trackers.length > FEW
            ? notice(t('delete.busy', { n: group.trackers.length })) : null;
        let words = '';

        await group.looked;
        await inLanes(group.trackers, async (tracker) => {
            if (words !== '') {
                left.push(tracker);
                return;
            }

            try {
                if (!await this.#remove(tracker)) {
                    changed.push(tracker);
                }
            } catch (failure) {
                words = explain(failure);
                left.push(tracker);
            }
        });
        busy?.close();

        this.#back([...changed, ...left]);

        if (changed.length) {
            notice(t('delete.changed', counted(changed)), { bad: true });
        }
        if (left.length) {
            notice(t('delete.failed', { ...counted(left), message: words }),
                   { bad: true });
        }
        if (changed.length + left.length) {
            this.onChange();
        }
    }

    // Whether it is gone; else somebody has changed it, as the book says then.
    async #remove({ id }) {
        const tag = this.#waiting.get(id);

        this.#waiting.delete(id);

        try {
            if (tag !== false) {
                await this.api.remove(id, tag);
                this.book.remove(id);
                return true;
            }
        } catch (failure) {
            if (failure.status !== 412) {
                throw failure;
            }
        }

        this.book.put((await this.api.get(id)).tracker);
        return false;
    }

    // The page is left: nobody can take it back any more.
    #flush() {
        for (const group of [...this.#groups]) {
            this.#end(group);
        }
        for (const [id, tag] of this.#waiting) {
            if (tag !== false) {
                this.api.removeLater(id, tag);
            }
        }
        this.#waiting.clear();
    }
}


// A few at the same time.

async function inLanes(items, work) {
    let next = 0;

    await Promise.all(Array.from({ length: LANES }, async () => {
        while (next < items.length) {
            await work(items[next++]);
        }
    }));
}


function counted(trackers) {
    return { n: trackers.length, name: trackers[0].name };
}
