// The change feed: one request that the server holds until others have done
// something, and then the next one.

import { Failure } from './api.js';


const WAIT = 25;        // s that the server may hold a request
const EARLY = 23000;    // ms: an answer without a change comes later than that
const BREATH = 500;     // ms between an answer and the next request
const FIRST = 1000;     // ms of the first pause after trouble, and at most
const MOST = 60000;


// ask(rev, seconds, signal) is the request, and again(signal) loads all anew,
// when the server does not know any more what was done since; that resolves to
// the revision of what was loaded.  ready() resolves when nothing of our own is
// on its way.  take(changes) shows what has come.

export class Feed {
    #rev = null;
    #reasons = new Set();
    #round = null;
    #off = false;
    #cut = () => {};

    constructor({ ask, again, ready, take, now = Date.now,
                  random = Math.random, sleep = (ms) => new Promise((done) =>
                      setTimeout(done, ms)) })
    {
        Object.assign(this, { ask, again, ready, take, now, random, sleep });
    }

    // From that revision on; without one there is no feed.
    start(rev) {
        this.stop();
        this.#rev = rev ?? null;
        this.#go();
    }

    stop() {
        this.#rev = null;
        this.#reasons.delete('signed out');
        this.#end();
    }

    // It rests while there is a reason, and goes on where it was.
    rest(reason) {
        this.#reasons.add(reason);
        this.#end();
    }

    wake(reason) {
        this.#reasons.delete(reason);
        this.#go();
    }

    // What a pause was for may be over.
    hurry() {
        this.#cut();
    }

    #go() {
        if (this.#rev === null || this.#off || this.#reasons.size
            || this.#round)
        {
            return;
        }

        this.#round = new AbortController();
        this.#run(this.#round.signal);
    }

    #end() {
        this.#round?.abort();
        this.#round = null;
    }

    async #run(signal) {
        let tries = 0;

        while (!signal.aborted) {
            let wait = 0, good = false;

            try {
                good = await this.#step(signal);
            } catch (failure) {
                if (signal.aborted || !this.#mayGoOn(failure)) {
                    return;
                }
                wait = failure.wait * 1000;
            }

            tries = good ? 0 : tries + 1;
            await this.#pause(good ? BREATH : Math.max(wait,
                                                       this.#growing(tries)));
        }
    }

    // Whether the next request may follow at once: not where the server gives
    // an answer early for want of room, or its history is too short for us.
    async #step(signal) {
        const began = this.now();
        let page;

        try {
            page = await this.ask(this.#rev, WAIT, signal);
        } catch (failure) {
            if (failure.status !== 410) {
                throw failure;
            }

            const rev = await this.again(signal);

            if (!signal.aborted) {
                this.#rev = rev;
            }
            return false;
        }

        await this.ready();

        if (!signal.aborted) {
            this.#rev = page.rev;
            if (page.changes.length) {
                this.take(page.changes);
            }
        }

        return page.changes.length > 0 || this.now() - began > EARLY;
    }

    // Nobody has asked for anything: a sign-in is not for the feed to open.
    #mayGoOn(failure) {
        if (!(failure instanceof Failure)) {
            throw failure;
        }
        if (failure.passing || failure.status >= 500) {
            return true;
        }

        if (failure.status === 401) {
            this.rest('signed out');
        } else {
            this.#off = true;
            this.#end();
        }
        return false;
    }

    // Pages that have failed together do not come back together.
    #growing(tries) {
        return Math.min(FIRST * 2 ** (tries - 1), MOST)
               * (0.5 + this.random());
    }

    async #pause(ms) {
        await Promise.race([this.sleep(ms), new Promise((done) => {
            this.#cut = done;
        })]);
    }
}
