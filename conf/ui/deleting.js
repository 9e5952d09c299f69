// Deletes trackers after a while in which that can be taken back: one that was
// made anew would have another id.

import { t } from './i18n.js';
import { notice } from './notices.js';
import { explain } from './trouble.js';


// onChange(id) is called whenever the list has become another; with an id, that
// tracker is there again and gets the focus.

export class Deleting {
    #waiting = new Set();

    constructor(api, book, onChange) {
        this.api = api;
        this.book = book;
        this.onChange = onChange;
        addEventListener('pagehide', () => this.#flush());
    }

    start(trackers) {
        const values = { n: trackers.length, name: trackers[0].name };

        for (const { id } of trackers) {
            this.#waiting.add(id);
            this.book.hide(id);
        }
        this.onChange();

        notice(t('delete.done', values), {
            action: { label: t('delete.undo'), run: () => {
                this.#back(trackers);
                this.onChange(trackers[0].id);
                notice(t('delete.back', values));
            } },
            after: () => this.#finish(trackers) });
    }

    // To be called before somebody signs out: what waits is done now.
    async finishAll() {
        await this.#finish([...this.#waiting].map((id) => this.book.get(id))
            .filter((tracker) => tracker));
    }

    #back(trackers) {
        for (const { id } of trackers) {
            this.#waiting.delete(id);
            this.book.show(id);
        }
    }

    async #finish(trackers) {
        for (const tracker of trackers) {
            if (!this.#waiting.delete(tracker.id)) {
                continue;
            }

            try {
                await this.api.remove(tracker.id);
                this.book.remove(tracker.id);
            } catch (failure) {
                this.#back([tracker]);
                notice(t('delete.failed', { name: tracker.name,
                    message: explain(failure) }), { bad: true });
            }
        }

        this.onChange();
    }

    // The page is left: nobody can take it back any more.
    #flush() {
        for (const id of this.#waiting) {
            this.api.removeLater(id);
        }
        this.#waiting.clear();
    }
}
