// What others have done, in a few words beside the list.  Screen readers read
// it out when they have nothing else to say.

import { remember } from './book.js';
import { h, replace } from './dom.js';
import { t } from './i18n.js';


const QUIET = 5000;     // ms between two notes
const SHOWN = 10000;    // ms that one is to be seen


// told is what remember() makes, and not empty.

export function wording(told) {
    const all = [...told.values()];
    const { kind, name } = all[0];
    const key = all.every((one) => one.kind === kind) ? kind : 'mixed';

    return t(`others.${key}`, { n: all.length, name });
}


export class Others {
    #told = new Map();
    #next = null;
    #end = null;

    constructor() {
        this.node = h('p', { class: 'others', role: 'status' });
    }

    // What comes soon after a note is told together, a while later.
    tell(told) {
        for (const [id, { kind, name }] of told) {
            remember(this.#told, id, kind, name);
        }
        if (!this.#next) {
            this.#say();
        }
    }

    #say() {
        if (this.#told.size === 0) {
            return;
        }

        replace(this.node, wording(this.#told));
        this.#told.clear();

        clearTimeout(this.#end);
        this.#end = setTimeout(() => replace(this.node), SHOWN);
        this.#next = setTimeout(() => {
            this.#next = null;
            this.#say();
        }, QUIET);
    }
}
