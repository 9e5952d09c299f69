// The page: who is signed in, and which view is there.

import { Api } from './api.js';
import { Book } from './book.js';
import { Deleting } from './deleting.js';
import { button, choice, h, pause, replace } from './dom.js';
import { Editor } from './editor.js';
import { openExport } from './export-view.js';
import { Feed } from './feed.js';
import { LANGUAGES, choose, getLanguage, setLanguage, t } from './i18n.js';
import { Import } from './import-view.js';
import { List } from './list-view.js';
import { mountNotices, notice } from './notices.js';
import { signInAgain, signInForm } from './signin.js';
import { explain } from './trouble.js';
import { openTry } from './try-view.js';


class Page {
    constructor(paths) {
        this.api = new Api(paths, { signIn: () => this.signInAgain() });
        this.book = new Book();
        this.deleting = new Deleting(this.api, this.book, (id) =>
            this.changed(id));
        this.feed = this.#openFeed();
        this.account = '';
        this.list = null;
        this.editor = null;

        this.header = h('header', { class: 'page' });
        this.main = h('main', {});
        document.body.append(this.header, this.main);
        mountNotices(document.body);
        addEventListener('keydown', (event) => this.key(event));

        // what was to be deleted when it was left is gone now
        addEventListener('pageshow', (event) =>
            event.persisted && this.list && this.reload());
    }

    // What others do is in the list at once, as long as somebody can see it.
    #openFeed() {
        const { api, book } = this;
        const feed = new Feed({
            ask: (...request) => api.changes(...request),
            ready: () => api.quiet(),
            again: (signal) => this.#renew(signal),
            take: (changes) => this.#heard(book.take(changes),
                new Set(changes.map(({ id }) => id))) });
        const look = () => document.hidden ? feed.rest('hidden')
                                           : feed.wake('hidden');

        look();
        document.addEventListener('visibilitychange', look);
        addEventListener('pagehide', () => feed.stop());
        addEventListener('online', () => feed.hurry());
        return feed;
    }

    // Reads all trackers while the list is there; resolves to their revision.
    async #renew(signal) {
        const { take, end } = this.book.renew();
        const rev = await this.api.list(async (trackers) => {
            take(trackers);
            await pause();
            signal.throwIfAborted();
        }, { signal });
        const told = end();

        this.#heard(told, new Set(told.keys()));
        return rev;
    }

    // ids are those that the list may show differently now; told what nobody
    // here has done.
    #heard(told, ids) {
        const id = this.editor?.base?.tracker.id;

        this.list.update(ids);

        if (told.size) {
            this.list.others.tell(told);
        }
        if (told.has(id)) {
            this.editor.heard(this.book.get(id));
        }
    }

    async signInAgain() {
        const isDone = await signInAgain(this.api, this.account);

        if (isDone) {
            this.feed.wake('signed out');
        }
        return isDone;
    }

    // A letter is a command only where it is not typed.
    key(event) {
        const isTyped = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)
                        && event.target.type !== 'checkbox';

        if (!this.list || isTyped || event.altKey
            || document.querySelector('dialog[open]'))
        {
            return;
        }

        if (!event.ctrlKey && !event.metaKey) {
            this.list.key(event);
        } else if (event.key === 'z' && !event.shiftKey) {
            event.preventDefault();
            this.deleting.undo();
        }
    }

    draw(...content) {
        document.documentElement.lang = getLanguage();
        document.title = t('title');

        replace(this.header,
            h('h1', {}, t('title')),
            choice(LANGUAGES, getLanguage(), (tag) => {
                setLanguage(tag);
                this.redraw();
                this.header.querySelector('select').focus();
            }, { 'aria-label': t('language') }),
            this.account
                ? h('span', { class: 'account', title: this.account },
                    shortened(this.account))
                : null,
            this.api.signedIn
                ? button(t('signin.out'), () => this.signOut()) : null);
        replace(this.main, content);
    }

    async start() {
        this.redraw = () => this.draw(h('p', { role: 'status' }, t('loading')));
        this.redraw();

        try {
            if (await this.api.probe()) {
                await this.showList();
            } else {
                this.showSignIn();
            }
        } catch (failure) {
            this.showTrouble(failure, () => this.start());
        }
    }

    showSignIn() {
        this.#leaveList();
        this.redraw = () => {
            this.draw(h('h2', {}, t('signin.title')),
                      signInForm(this.api, (account) => {
                          this.account = account;
                          this.showList();
                      }));
            this.main.querySelector('input').focus();
        };
        this.redraw();
    }

    #leaveList() {
        this.feed.stop();
        this.list = null;
    }

    showTrouble(failure, retry) {
        this.#leaveList();
        this.redraw = () => this.draw(
            h('p', { class: 'error', role: 'alert' },
              explain(failure)),
            button(t('retry'), retry, { class: 'main' }));
        this.redraw();
    }

    async signOut() {
        this.feed.stop();
        await this.deleting.finishAll();
        this.api.signOut();
        this.account = '';
        this.book.clear();
        this.showSignIn();
    }

    async showList() {
        let rev;

        try {
            rev = await this.load();
        } catch (failure) {
            this.showTrouble(failure, () => this.showList());
            return;
        }

        this.offersTry = await this.api.offersDetection();
        this.redraw = () => {
            const before = this.list;

            this.list = new List({ book: this.book, actions: this.actions() });

            if (before) {
                this.list.filter = before.filter;
                this.list.selected = before.selected;
                this.list.search.value = before.filter.query;
            }

            this.draw(h('h2', { class: 'unseen' }, t('list.title')),
                      this.list.node);
            this.list.update();
        };
        this.redraw();
        this.feed.start(rev);
    }

    // Reads all trackers; the browser can paint between two pages of them.
    // Resolves to the revision that the feed goes on from.
    async load() {
        const status = h('p', { role: 'status' }, t('loading'));

        this.redraw = () => this.draw(status);
        this.redraw();
        this.feed.stop();
        this.book.clear();

        return await this.api.list(async (trackers) => {
            for (const tracker of trackers) {
                this.book.put(tracker);
            }
            replace(status, t('loaded', { n: this.book.size }));
            await pause();
        });
    }

    actions() {
        const { book } = this;

        return {
            create: () => this.edit({}),
            open: (id) => this.open(id),
            remove: (trackers) => this.deleting.start(trackers),
            importing: () => this.import(),
            exporting: () => openExport({ all: book.all(),
                found: this.list.found, selected: this.list.chosen() }),
            tryIt: this.offersTry ? () => openTry(this.api) : null,
            reload: () => this.reload(),
        };
    }

    async reload() {
        await this.deleting.finishAll();
        await this.showList();
    }

    // Nothing may be added to a tracker that is deleted a moment later.  What
    // is imported is not what others have done.
    async import() {
        await this.deleting.finishAll();

        if (!document.querySelector('dialog[open]')) {
            this.feed.rest('import');
            new Import({ api: this.api, onDone: () => this.reload(),
                         onClose: () => this.feed.wake('import') });
        }
    }

    // What is edited is what the server has now, not what the list says.
    async open(id) {
        try {
            const base = await this.api.get(id);

            if (!document.querySelector('dialog[open]')) {
                this.edit({ base });
            }
        } catch (failure) {
            if (failure.status === 404) {
                this.book.remove(id);
                this.list.update();
            }
            notice(explain(failure), { bad: true });
        }
    }

    edit(options) {
        const editor = new Editor({ ...options, api: this.api, book: this.book,
            tryIt: this.offersTry
                ? (tracker) => openTry(this.api, tracker) : null,
            openOther: (id) => this.open(id),
            makeWay: (name) => this.deleting.finishNamed(name),
            onSaved: (tracker, at) => {
                this.book.wrote(tracker, at);
                this.changed(tracker.id);
            },
            onClose: () => {
                if (this.editor === editor) {
                    this.editor = null;
                }
                this.#find(options.base?.tracker.id);
            } });

        this.editor = editor;
    }

    // Others may have taken away the row that the focus would come back to.
    #find(id) {
        if (id && this.list && document.activeElement === document.body) {
            this.list.focus(id);
        }
    }

    // The list is drawn anew, which takes the focus away.
    changed(id) {
        this.list?.update();

        if (id) {
            this.list?.focus(id);
        }
    }
}


// An appId may be 64 digits, of which the first are enough to know it.
function shortened(account) {
    return account.length > 20 ? `${account.slice(0, 12)}…` : account;
}


const meta = (name) =>
    document.querySelector(`meta[name="${name}"]`).content;

setLanguage(choose([new URLSearchParams(location.search).get('lang') ?? '',
                    ...navigator.languages].filter((tag) => tag !== '')));

new Page({ manage: meta('tracker-manage'), talk: meta('tracker-talk'),
           login: meta('tracker-login') }).start();
