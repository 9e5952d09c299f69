// The API.  The token is in a private field of an object, and nowhere else.


import { apart } from './times.js';


// What went wrong: status is 0 if no answer came.

export class Failure extends Error {
    constructor(status, message, body = {}, wait = 0) {
        super(message);
        this.status = status;
        this.body = body;
        this.wait = wait;
    }

    // whether the same request may be tried again later
    get passing() {
        return [0, 429, 502, 503, 504].includes(this.status);
    }
}


const JSON_TYPE = 'application/json';
const PAGE = 1000;
const PATIENCE = 120000;    // the server gives up earlier
const LATE = 15000;         // what was held longer than asked for is lost


// A key for Idempotency-Key; randomUUID is not there over plain HTTP.

export function newKey() {
    return [...crypto.getRandomValues(new Uint8Array(16))]
        .map((byte) => byte.toString(16).padStart(2, '0')).join('');
}


// paths: { manage, talk, login }.  signIn() resolves to true when somebody has
// signed in again; without it a 401 is a failure.

export class Api {
    #token = null;
    #writes = new Set();

    constructor(paths, { signIn, fetch = globalThis.fetch.bind(globalThis),
                         sleep = (ms) => new Promise((done) =>
                             setTimeout(done, ms)) } = {})
    {
        this.paths = paths;
        this.signIn = signIn;
        this.fetch = fetch;
        this.sleep = sleep;
    }

    get signedIn() {
        return this.#token !== null;
    }

    signOut() {
        this.#token = null;
    }

    async login(appId, appSecret) {
        const { body } = await this.#once('POST', this.paths.login, {
            body: JSON.stringify({ type: 'application', appId, appSecret }),
            open: true });

        this.#token = body.accessToken;
    }

    // Whether the site lets us in without a token of ours.
    async probe() {
        try {
            await this.#once('GET', `${this.#trackers}?limit=1`);
            return true;
        } catch (failure) {
            if (failure.status === 401) {
                return false;
            }
            throw failure;
        }
    }

    async offersDetection() {
        try {
            const answer = await this.fetch(this.#detect, { method: 'OPTIONS',
                credentials: 'same-origin' });
            return answer.status === 204
                   && (answer.headers.get('Allow') ?? '').includes('POST');
        } catch {
            return false;
        }
    }

    // Calls onPage with the trackers of each page, their times among what they
    // have.  Resolves to the revision of the first page: what was done since is
    // in none of them, or in some.  With a signal nobody has asked for it: it
    // fails rather than to open a sign-in.
    async list(onPage, { signal } = {}) {
        let cursor = '', rev;

        do {
            const path = `${this.#trackers}?limit=${PAGE}&expand=times`
                + cursor;
            const { body, etag } = signal
                ? await this.#once('GET', path, { signal })
                : await this.#call('GET', path);

            signal?.throwIfAborted();
            rev ??= /^(?:W\/)?"(.*)"$/.exec(etag)?.[1];
            await onPage(body.trackers);
            cursor = body.next && `&cursor=${encodeURIComponent(body.next)}`;
        } while (cursor);

        return rev;
    }

    // What was done since a revision: { changes, rev }; held for so many
    // seconds if that is nothing yet.
    async changes(since, seconds, signal) {
        const hold = new AbortController();
        const stop = () => hold.abort();
        const timer = setTimeout(stop, seconds * 1000 + LATE);

        signal.addEventListener('abort', stop);

        try {
            const { body } = await this.#once('GET', `${this.#trackers}/changes`
                + `?since=${encodeURIComponent(since)}&limit=${PAGE}`
                + `&wait=${seconds}`, { signal: hold.signal });

            if (!Array.isArray(body.changes) || body.rev === undefined) {
                throw new Failure(0, '');
            }
            return { changes: body.changes, rev: String(body.rev) };
        } finally {
            clearTimeout(timer);
            signal.removeEventListener('abort', stop);
        }
    }

    // Resolves when nothing that is written here is on its way, and whoever
    // has written it knows.
    async quiet() {
        while (this.#writes.size) {
            await Promise.allSettled(this.#writes);
            await this.sleep(0);
        }
    }

    // { tracker, created, changed, etag }, times where they are known
    async get(id) {
        return asTracker(await this.#call('GET',
                                          `${this.#at(id)}?expand=times`));
    }

    // { tracker, at, etag }: at is when the server has answered
    async create(tracker, key) {
        return asTracker(await this.#write('POST',
            `${this.paths.manage}tracker`,
            { body: JSON.stringify(tracker), key }));
    }

    async put(id, tracker, etag) {
        return asTracker(await this.#write('PUT', this.#at(id), {
            body: JSON.stringify(tracker), etag }));
    }

    // One that is gone already is deleted, too.
    async remove(id, etag) {
        try {
            await this.#write('DELETE', this.#at(id), { etag });
        } catch (failure) {
            if (failure.status !== 404) {
                throw failure;
            }
        }
    }

    // The page goes away: the request must outlive it.
    removeLater(id, etag) {
        const headers = this.#authorization();

        if (etag) {
            headers['If-Match'] = etag;
        }

        this.fetch(this.#at(id), { method: 'DELETE', keepalive: true, headers,
            credentials: 'same-origin' }).catch(() => {});
    }

    // { results, summary }
    async preview(trackers, policy) {
        const { body } = await this.#call('POST',
            `${this.#trackers}?dryRun=true&on_conflict=${policy}`,
            { body: JSON.stringify(trackers) });
        return body;
    }

    async import(trackers, policy, key) {
        const { body } = await this.#write('POST',
            `${this.#trackers}?on_conflict=${policy}`,
            { body: JSON.stringify(trackers), key });
        return body;
    }

    // A tracker that is not stored may be looked for, too.
    async detect(text, tracker) {
        const body = { messages: [{ payload: { content: text } }],
                       enableAllTrackers: !tracker };

        if (tracker) {
            body.trackers = [tracker];
        }

        return (await this.#call('POST', this.#detect,
                                 { body: JSON.stringify(body) })).body;
    }

    get #trackers() {
        return `${this.paths.manage}trackers`;
    }

    get #detect() {
        return this.paths.talk + 'conversations/detect';
    }

    #at(id) {
        return `${this.paths.manage}tracker/${id}`;
    }

    #authorization() {
        return this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
    }

    async #write(...request) {
        const sent = this.#call(...request);

        this.#writes.add(sent);

        try {
            return await sent;
        } finally {
            this.#writes.delete(sent);
        }
    }

    // A request that is repeated where that is safe: all of ours have a key or
    // a condition, or change nothing by being repeated.
    async #call(method, path, options = {}) {
        const tried = new Set();

        for (;;) {
            const token = this.#token;

            try {
                return await this.#once(method, path, options);
            } catch (failure) {
                if (!await this.#mayRepeat(failure, tried, token)) {
                    throw failure;
                }
            }
        }
    }

    // Once after a new sign-in, where there was one, and once after the time
    // that a 429 tells, or some time after a 502 or 504.
    async #mayRepeat(failure, tried, token) {
        const isLost = failure.status === 401;

        if (tried.has(isLost) || (isLost && !(this.signIn && token))
            || !(isLost || [429, 502, 504].includes(failure.status)))
        {
            return false;
        }

        tried.add(isLost);

        // somebody may have signed in again while this was on its way
        if (isLost) {
            return this.#token !== token || this.signIn();
        }

        await this.sleep(1000 * Math.min(failure.wait || 1, 10));
        return true;
    }

    async #once(method, path, { body, key, etag, open, signal } = {}) {
        const headers = { Accept: JSON_TYPE,
                          ...open ? {} : this.#authorization() };

        if (body !== undefined) {
            headers['Content-Type'] = JSON_TYPE;
        }
        if (key) {
            headers['Idempotency-Key'] = key;
        }
        if (etag) {
            headers['If-Match'] = etag;
        }

        let answer, text;

        try {
            answer = await this.fetch(path, { method, headers, body,
                credentials: 'same-origin', cache: 'no-store',
                signal: signal ?? AbortSignal.timeout(PATIENCE) });
            text = await answer.text();
        } catch {
            throw new Failure(0, '');
        }

        return understood(answer, text);
    }
}


function understood(answer, text) {
    let body = {};

    try {
        body = JSON.parse(text);
    } catch {
        // an error of a proxy between us, or no body
    }

    if (answer.ok) {
        return { body, etag: answer.headers.get('ETag'),
                 at: Date.parse(answer.headers.get('Date')) || undefined };
    }

    throw new Failure(answer.status, body.message || String(answer.status),
                      body, Number(answer.headers.get('Retry-After')) || 0);
}


function asTracker({ body, etag, at }) {
    return { ...apart(body.tracker), etag, at };
}
