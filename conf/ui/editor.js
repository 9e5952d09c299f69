// A tracker in a form: a new one, or one that is there.

import { newKey } from './api.js';
import { Chips } from './chips.js';
import { askChanged, askConflict } from './conflicts.js';
import { ask, openDialog } from './dialog.js';
import { field, button, h, replace } from './dom.js';
import { t } from './i18n.js';
import { addPhrases, same } from './merge.js';
import { notice } from './notices.js';
import { advice } from './phrases.js';
import { timeOf } from './times.js';
import { explain } from './trouble.js';


const WARNINGS = 10;


// Options: api, book, base (of one that is there, as api.get() has it),
// openOther(id), makeWay(name) before a name is taken, onSaved(tracker, at)
// with the time of the server's answer, onClose(), tryIt(tracker) or null.

export class Editor {
    #key = { text: '', value: '' };
    #now = null;
    #isGone = false;

    constructor(options) {
        this.options = options;
        this.base = options.base ?? null;

        this.#build();
        this.#fill(this.base?.tracker ?? { name: '', vocabulary: [] });
        this.clean = this.#text();
        this.#changed();

        this.dialog = openDialog(this.base ? t('edit.title') : t('edit.new'),
                                 this.form, {
            wide: true,
            mayClose: () => this.#mayClose(),
            isDirty: () => this.dirty,
            onClose: () => this.options.onClose?.() });
    }

    // What others have made of this tracker, undefined if it is gone: said
    // before it is in the way of what is typed here.
    heard(tracker) {
        this.#now = tracker ?? null;
        this.#isGone = !tracker;
        this.#drawOthers();
    }

    #drawOthers() {
        const now = this.#now;
        const isOther = now && !same(now, this.base.tracker)
                        && !same(now, this.tracker());
        const text = this.#isGone ? t('edit.othersDeleted')
                     : isOther ? t('edit.othersChanged') : '';

        if (this.others.textContent !== text) {
            this.others.textContent = text;
        }
    }

    get dirty() {
        return this.#text() !== this.clean;
    }

    // What the form says; what is optional and empty is left out, unless the
    // tracker had it.
    tracker() {
        const before = this.base?.tracker ?? {};
        const value = { name: this.#typed('name') };
        const description = this.#typed('description');

        if (description !== '' || 'description' in before) {
            value.description = description;
        }
        for (const key of ['categories', 'languages']) {
            const list = this[key].take();

            if (list.length || key in before) {
                value[key] = list;
            }
        }

        value.vocabulary = this.phrases.take();
        return value;
    }

    // A field changes line ends: what nobody has changed stays as it was.
    #typed(key) {
        const { value } = this[key];
        return value === this.shown[key] ? this.start[key] : value;
    }

    #text() {
        return JSON.stringify(this.tracker());
    }

    #fill(tracker) {
        this.start = { name: tracker.name,
                       description: tracker.description ?? '' };
        this.name.value = this.start.name;
        this.description.value = this.start.description;
        this.shown = { name: this.name.value,
                       description: this.description.value };

        replace(this.times, [['time.created', this.base?.created],
                             ['time.changed', this.base?.changed]]
            .filter(([, ms]) => ms !== undefined).map(([key, ms], i) =>
                [i ? ' · ' : '', t(key), ' ', timeOf(ms)]));

        this.phrases.set(tracker.vocabulary);
        this.categories.set(tracker.categories ?? []);
        this.languages.set(tracker.languages ?? []);
    }

    #build() {
        const { book, tryIt } = this.options;
        const onChange = () => this.#changed();
        const optional = (key) => t('edit.optional', { label: t(key) });

        this.name = h('input', { dir: 'auto', autocomplete: 'off',
            required: true, on: { input: onChange } });
        this.description = h('textarea', { dir: 'auto', rows: 2,
            on: { input: onChange } });

        this.phrases = new Chips({ onChange, marks: true,
            label: t('edit.phrases'), hint: t('edit.phrasesHint') });
        this.categories = new Chips({ onChange,
            label: optional('edit.categories'),
            suggestions: book.values('categories') });
        this.languages = new Chips({ onChange,
            label: optional('edit.languages'),
            hint: t('edit.languagesHint'),
            suggestions: book.values('languages') });

        this.times = h('p', { class: 'hint times' });
        this.others = h('p', { class: 'others', role: 'status' });
        this.warnings = h('ul', { class: 'warnings' });
        this.error = h('p', { class: 'error', role: 'alert' });
        this.json = h('pre', { tabindex: 0, 'aria-label': t('edit.json') });
        this.details = h('details', { on: { toggle: () => this.#drawJson() } },
                         h('summary', {}, t('edit.json')), this.json);
        this.submit = h('button', { class: 'main' }, t('edit.save'));

        this.form = h('form', { novalidate: true, on: {
                submit: (event) => {
                    event.preventDefault();
                    this.save();
                },
                keydown: (event) => this.#onKey(event) } },
            h('div', { class: 'fields' },
              field(t('edit.name'), this.name),
              this.phrases.node,
              h('div', { role: 'status' }, this.warnings),
              field(optional('edit.description'), this.description),
              this.categories.node,
              this.languages.node,
              this.times,
              this.details),
            h('div', { class: 'foot' }, this.others, this.error,
              h('div', { class: 'actions' },
                tryIt ? button(t('list.try'), () => tryIt(this.tracker()))
                      : null,
                button(t('cancel'), () => this.dialog.leave()),
                this.submit)));
    }

    #onKey(event) {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            this.save();
        }
    }

    #changed() {
        const tracker = this.tracker();
        const notes = [...this.#taken(tracker.name),
                       ...advice(tracker.vocabulary)];

        notes.sort((a, b) => b.blocks - a.blocks);
        replace(this.warnings, notes.slice(0, WARNINGS).map((note) =>
            h('li', { class: note.blocks ? 'blocks' : null },
              t(note.key, note.values))));
        this.#drawJson(tracker);
        this.#drawOthers();
        this.error.textContent = '';
    }

    #drawJson(tracker = this.tracker()) {
        if (this.details.open) {
            replace(this.json, JSON.stringify(tracker, null, 2));
        }
    }


    // Whether the name is that of another one, as far as the page knows.
    #taken(name) {
        const other = this.options.book.byName(name);

        return other && other.id !== this.base?.tracker.id
            ? [{ key: 'conflict.text', values: { name }, blocks: false }] : [];
    }

    async #mayClose() {
        if (!this.dirty || this.saving) {
            return !this.saving;
        }

        return await ask(t('edit.unsaved'), h('p', {}, t('edit.leave')), [
            ['stay', t('edit.stay'), 'main'],
            ['leave', t('edit.leaveDo'), 'danger'],
        ]) === 'leave';
    }

    // Why it cannot be saved as it is, and where to go then.
    #fault(tracker) {
        if (tracker.name === '') {
            return [t('edit.noName'), this.name];
        }
        if (tracker.vocabulary.length === 0) {
            return [t('edit.noPhrase'), this.phrases.input];
        }
        if (advice(tracker.vocabulary).some((note) => note.blocks)) {
            return [t('edit.blocked'), this.phrases.input];
        }

        return null;
    }

    async save() {
        const tracker = this.tracker();
        const fault = this.#fault(tracker);

        if (fault) {
            this.error.textContent = fault[0];
            fault[1].focus();
            return;
        }

        await this.#work(() => this.#send(tracker));
    }

    // The form stands still meanwhile, and is as it was when something fails.
    async #work(run) {
        if (this.saving) {
            return;
        }

        this.saving = true;
        this.submit.disabled = true;
        this.form.setAttribute('aria-busy', 'true');
        this.error.textContent = '';

        let next = null;

        try {
            next = await run();
        } catch (failure) {
            this.error.textContent = explain(failure);
        } finally {
            this.saving = false;
            this.submit.disabled = false;
            this.form.removeAttribute('aria-busy');
        }

        await next?.();
    }

    // What to do afterwards, if it needs somebody's answer.
    async #send(tracker) {
        try {
            await this.options.makeWay(tracker.name);

            const saved = this.base && !this.#isGone
                ? await this.options.api.put(this.base.tracker.id, tracker,
                                             this.base.etag)
                : await this.options.api.create(tracker, this.#keyFor(tracker));

            this.#saved(saved.tracker, saved.at);
            return null;
        } catch (failure) {
            switch (failure.status) {
            case 409:
                return () => this.#conflict(tracker, failure);
            case 412:
                return this.#theirs(tracker);
            case 404:
                return this.#gone();
            default:
                throw failure;
            }
        }
    }

    // The same draft has the same key, so that it is stored once.
    #keyFor(tracker) {
        const text = JSON.stringify(tracker);

        if (this.#key.text !== text) {
            this.#key = { text, value: newKey() };
        }
        return this.#key.value;
    }

    #saved(tracker, at) {
        this.clean = this.#text();
        this.dialog.close();
        this.options.onSaved(tracker, at);
        notice(t('edit.saved', { name: tracker.name }));
    }

    #gone() {
        this.options.book.remove(this.base.tracker.id);
        this.base = null;
        this.clean = '';
        this.#now = null;
        this.#isGone = false;
        this.#drawOthers();
        this.error.textContent = t('edit.gone');
        return null;
    }

    async #conflict(tracker, failure) {
        const id = failure.body.conflicts?.[0]?.id;

        if (!id) {
            this.error.textContent = explain(failure);
            return;
        }

        switch (await askConflict(tracker)) {
        case 'open':
            this.clean = this.#text();
            this.dialog.close();
            this.options.openOther(id);
            break;
        case 'add':
            await this.#work(() => this.#addTo(id, tracker));
            break;
        default:
            this.name.focus();
            this.name.select();
        }
    }

    // When that one changes meanwhile, the newer one is read and added to.
    async #addTo(id, tracker) {
        const { api } = this.options;

        for (let tries = 0; ; tries++) {
            const other = await api.get(id);

            try {
                const saved = await api.put(id,
                    without(addPhrases(other.tracker, tracker.vocabulary)),
                    other.etag);

                this.#saved(saved.tracker, saved.at);
                return null;
            } catch (failure) {
                if (failure.status !== 412 || tries === 3) {
                    throw failure;
                }
            }
        }
    }

    // Somebody has changed it, or our own request had come through already.
    async #theirs(mine) {
        let theirs;

        try {
            theirs = await this.options.api.get(this.base.tracker.id);
        } catch (failure) {
            if (failure.status === 404) {
                return this.#gone();
            }
            throw failure;
        }

        if (same(theirs.tracker, mine)) {
            this.#saved(theirs.tracker, theirs.changed);
            return null;
        }

        return () => this.#changedBy(mine, theirs);
    }

    async #changedBy(mine, theirs) {
        const chosen = await askChanged(this.base.tracker, mine,
                                        theirs.tracker);

        if (chosen === 'theirs') {
            this.clean = this.#text();
            this.dialog.close();
            this.options.onSaved(theirs.tracker, theirs.changed);
        } else if (chosen) {
            // if that fails, too, the form says what is to be saved
            this.base = theirs;
            this.#now = null;
            this.#fill(chosen);
            this.#changed();
            await this.#work(() => this.#send(chosen));
        }
    }
}


function without(tracker) {
    const { id, ...rest } = tracker;
    return rest;
}
