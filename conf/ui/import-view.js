// The dialog that imports: a text, what its columns are, what the server would
// do with it, and what it has done.

import { newKey } from './api.js';
import { ask, openDialog } from './dialog.js';
import { button, choice, field, h, pause, replace } from './dom.js';
import { dated, download } from './files.js';
import { isolated, t } from './i18n.js';
import { ROLES, decoded, fromJson, fromLines, fromNdjson, fromTable,
         guessFormat, lineOf, openTable, split } from './importing.js';
import { lines } from './text.js';
import { writeTable } from './table.js';
import { explain } from './trouble.js';


const FORMATS = ['lines', 'csv', 'semicolon', 'tsv', 'json', 'ndjson'];
const POLICIES = ['merge', 'skip', 'replace', 'error'];
const RESULTS = ['created', 'merged', 'replaced', 'skipped', 'unchanged'];
const PART = 900000;
const SHOWN = 50;
const SAMPLE = 3;
const LARGE = 20000000;
const ERRORS = 100;


export class Import {
    // onDone() is called when something was stored, onClose() in any case.
    constructor({ api, onDone, onClose }) {
        this.api = api;
        this.onDone = onDone;
        this.format = 'lines';
        this.chosen = false;
        this.policy = 'merge';
        this.table = null;
        this.stored = false;

        this.#build();
        this.#opened();
        this.dialog = openDialog(t('import.title'), this.node, { wide: true,
            mayClose: () => this.#mayClose(),
            isDirty: () => this.busy || this.#holds(),
            onClose: () => {
                if (this.stored) {
                    onDone();
                }
                onClose();
            } });
    }

    #build() {
        this.source = h('textarea', { rows: 8, dir: 'auto', spellcheck: 'false',
            on: { input: () => {
                replace(this.note);
                this.#opened();
            } } });
        this.note = h('p', { class: 'hint', role: 'status' });
        this.file = h('input', { type: 'file', class: 'hidden', tabindex: -1,
            'aria-hidden': 'true',
            accept: '.csv,.tsv,.txt,.json,.ndjson,.jsonl',
            on: { change: () => this.#read(this.file.files[0]) } });
        this.options = h('div', { class: 'options' });
        this.result = h('div', { class: 'result', role: 'status' });
        this.actions = h('div', { class: 'actions' });

        this.node = h('div', { class: 'form', on: {
                dragover: (event) => event.preventDefault(),
                drop: (event) => {
                    event.preventDefault();
                    this.#read(event.dataTransfer.files[0]);
                } } },
            h('div', { class: 'fields' },
              this.given = h('div', {},
                  field(t('import.source'), this.source,
                        t('import.sourceHint')),
                  button(t('import.file'), () => this.file.click()), this.file,
                  this.note, this.options),
              this.result),
            h('div', { class: 'foot' }, this.actions));
    }

    #holds() {
        return this.source.value.trim() !== '' && !this.finished;
    }

    async #mayClose() {
        if (this.busy) {
            return false;
        }

        return !this.#holds()
               || await ask(t('import.title'), h('p', {}, t('import.leave')), [
                   ['stay', t('edit.stay'), 'main'],
                   ['leave', t('import.leaveDo'), 'danger'],
               ]) === 'leave';
    }

    async #read(file) {
        if (!file || this.busy) {
            return;
        }
        if (file.size > LARGE) {
            replace(this.note, t('import.large'));
            return;
        }

        const { text, encoding } = decoded(await file.arrayBuffer());

        this.source.value = text;
        this.file.value = '';
        this.chosen = false;
        replace(this.note, encoding === 'utf-8' ? null
                           : t('import.encoding', { name: encoding }));
        this.#opened();
    }

    // The text is another one: its format and columns are guessed anew, unless
    // somebody has set the format, or the columns of a table of this width.
    #opened() {
        const text = this.source.value;

        this.chosen &&= text.trim() !== '';

        if (!this.chosen) {
            this.format = text.trim() === '' ? 'lines' : guessFormat(text);
        }

        this.#openTable();
        this.#drawOptions();
        this.#stale();
    }

    #openTable() {
        const isTable = ['csv', 'semicolon', 'tsv'].includes(this.format);
        const before = this.table;

        this.table = isTable ? openTable(this.source.value, this.format) : null;

        if (this.table && before?.chosen
            && before.roles.length === this.table.roles.length)
        {
            this.table.roles = before.roles;
            this.table.header = before.header;
            this.table.chosen = true;
        }
    }

    // What was previewed is not what would be imported.
    #stale() {
        this.plan = null;
        this.finished = false;
        replace(this.result);
        replace(this.actions,
            button(t('cancel'), () => this.dialog.leave()),
            button(t('import.preview'), () => this.preview(),
                   { class: 'main' }));
    }

    #drawOptions() {
        const parts = [
            field(t('import.format'), choice(FORMATS.map((key) =>
                [key, t(`import.format.${key}`)]), this.format, (value) => {
                    this.format = value;
                    this.chosen = true;
                    this.#openTable();
                    this.#drawOptions();
                    this.#stale();
                })),
            field(t('import.policy'), choice(POLICIES.map((key) =>
                [key, t(`import.policy.${key}`)]), this.policy, (value) => {
                    this.policy = value;

                    if (this.plan) {
                        this.preview();
                    } else {
                        this.#stale();
                    }
                })),
        ];

        if (this.format === 'lines') {
            this.name ??= h('input', { dir: 'auto', autocomplete: 'off',
                on: { input: () => this.#stale() } });
            parts.unshift(field(t('import.name'), this.name));
        }
        if (this.table) {
            parts.push(this.#columns());
        }

        replace(this.options, parts);
    }

    // The first rows, with a choice above each column.
    #columns() {
        const { rows, roles, header } = this.table;
        const chosen = () => {
            this.table.chosen = true;
            this.#stale();
        };
        const role = (value, i) => choice(ROLES.map((key) =>
            [key, t(`import.role.${key}`)]), value, (next) => {
                roles[i] = next;
                chosen();
            }, { 'aria-label': t('import.column', { n: i + 1 }) });

        return h('fieldset', {},
            h('legend', {}, t('import.columns')),
            h('label', { class: 'radio' },
              h('input', { type: 'checkbox', checked: header, on: {
                  change: (event) => {
                      this.table.header = event.target.checked;
                      chosen();
                  } } }),
              t('import.header')),
            h('div', { class: 'scroll', tabindex: 0, role: 'group',
                       'aria-label': t('import.columns') },
              h('table', {},
                h('thead', {}, h('tr', {}, roles.slice(0, 12).map((value, i) =>
                    h('th', { scope: 'col' }, role(value, i))))),
                h('tbody', {}, rows.slice(0, SAMPLE).map(({ cells }) =>
                    h('tr', {}, roles.slice(0, 12).map((value, i) =>
                        h('td', { dir: 'auto' }, cells[i] ?? ''))))))));
    }

    #parse() {
        const text = this.source.value;

        switch (this.format) {
        case 'lines':
            return fromLines(text, this.name.value.trim());
        case 'json':
            return fromJson(text);
        case 'ndjson':
            return fromNdjson(text);
        default:
            return fromTable(this.table);
        }
    }

    // Reads, and asks the server what it would do; nothing is stored.
    async preview() {
        if (this.busy) {
            return;
        }

        await this.#work(async () => {
            const read = this.#parse();
            const parts = split(read.trackers, PART);
            const plan = { read, parts, policy: this.policy, next: 0,
                           keys: parts.map(newKey), checked: {}, names: {},
                           refused: [] };

            for (const part of parts) {
                await this.#check(plan, part);
            }

            this.plan = plan;
            this.#showPlan();
        });
    }

    async #check(plan, part) {
        try {
            const { summary, results } = await this.api.preview(
                part.map((item) => item.tracker), plan.policy);

            addUp(plan.checked, summary);
            for (const { result, name } of results) {
                (plan.names[result] ??= []).push(name);
            }
        } catch (failure) {
            if (![400, 409].includes(failure.status)) {
                throw failure;
            }
            plan.refused.push(...refusals(part, failure));
        }
    }

    // Nothing can be changed meanwhile.  The focus goes to what is next.
    async #work(run) {
        const { activeElement } = document;

        this.busy = true;
        this.given.inert = true;
        this.node.setAttribute('aria-busy', 'true');
        replace(this.result, t('loading'));
        await pause();

        try {
            await run();
        } catch (failure) {
            replace(this.result, h('p', { class: 'error' },
                                   explain(failure)));
        } finally {
            this.busy = false;
            this.given.inert = false;
            this.node.removeAttribute('aria-busy');

            if (activeElement.isConnected && this.given.contains(activeElement))
            {
                activeElement.focus({ preventScroll: true });
            } else {
                this.actions.querySelector('.main').focus();
            }
        }
    }

    #showPlan() {
        const { read, parts, checked, names, refused } = this.plan;
        const n = read.trackers.length;
        const good = n > 0 && refused.length === 0;

        replace(this.result,
            h('p', {}, t('import.summary', { n })),
            parts.length > 1
                ? h('p', {}, t('import.parts', { n: parts.length })) : null,
            good ? [h('p', {}, t('import.checked')), counts(checked, names)]
                 : null,
            refused.length
                ? [h('p', { class: 'error' }, t('import.refused')),
                   this.#faults(refused),
                   refused.length >= ERRORS
                       ? h('p', {}, t('import.first', { n: refused.length }))
                       : null] : null,
            read.faults.length
                ? [h('h3', {}, t('import.faults', { n: read.faults.length })),
                   this.#faults(read.faults), h('p', { class: 'hint' },
                                                t('import.without'))] : null,
            read.repeats.length
                ? this.#repeats(read.repeats) : null);

        replace(this.actions,
            read.faults.length || refused.length
                ? button(t('import.download'), () => this.#download()) : null,
            button(t('cancel'), () => this.dialog.leave()),
            button(t('import.preview'), () => this.preview(),
                   { class: good ? null : 'main' }),
            good ? button(t('import.do', { n }), () => this.run(),
                          { class: 'main' }) : null);
        this.result.scrollIntoView({ block: 'start' });
    }

    #repeats(repeats) {
        return h('details', {},
            h('summary', {}, t('import.repeats', { n: repeats.length })),
            this.#faults(repeats.map(({ line, phrase, name }) =>
                ({ line,
                message: `${isolated(name)}: ${isolated(phrase)}` }))));
    }

    #faults(faults) {
        return h('ul', { class: 'faults' },
            faults.slice(0, SHOWN).map((fault) => h('li', {},
                this.#place(fault), ' ',
                isolated(wording(fault)))),
            faults.length > SHOWN
                ? h('li', {}, t('import.more', { n: faults.length - SHOWN }))
                : null);
    }

    // The line of a fault, to go to; of JSON only which entry it is.
    #place(fault) {
        if (!fault.line) {
            return null;
        }

        return this.format === 'json' ? t('import.entry', fault)
               : button(t('import.line', fault), () => this.#goTo(fault.line),
                        { class: 'plain',
                          'aria-label': t('import.goto', fault) });
    }

    // Selects a line of the text, where it can be mended.
    #goTo(line) {
        const all = this.source.value.split('\n');
        const from = all.slice(0, line - 1).reduce((n, text) =>
            n + text.length + 1, 0);
        const to = from + (all[line - 1] ?? '').length;

        this.source.focus();
        this.source.setSelectionRange(from, to);

        const height = this.source.scrollHeight / Math.max(all.length, 1);
        this.source.scrollTop = Math.max(0, (line - 3) * height);
    }

    #download() {
        const { read, refused } = this.plan;
        const all = this.format === 'json' ? [] : lines(this.source.value);

        download(dated('faults.csv'), 'text/csv;charset=utf-8',
            '\uFEFF' + writeTable([['line', 'fault', 'text'],
                ...[...read.faults, ...refused].map((fault) =>
                    [String(fault.line ?? ''), plain(wording(fault)),
                     all[fault.line - 1] ?? ''])]));
    }

    // Each part is one request with a key of its own: what was done is not done
    // again when somebody goes on after a failure.
    async run() {
        const { plan } = this;

        if (this.busy) {
            return;
        }

        plan.done ??= {};

        await this.#work(async () => {
            try {
                for (; plan.next < plan.parts.length; plan.next++) {
                    const { summary } = await this.api.import(
                        plan.parts[plan.next].map((item) => item.tracker),
                        plan.policy, plan.keys[plan.next]);

                    this.stored = true;
                    addUp(plan.done, summary);
                }
            } catch (failure) {
                this.#stopped(failure);
                return;
            }

            this.#showDone();
        });
    }

    #stopped(failure) {
        const { plan } = this;

        if (plan.parts.length === 1) {
            replace(this.result, h('p', { class: 'error' },
                                   explain(failure)));
            return;
        }

        replace(this.result,
            h('p', { class: 'error' }, t('import.stopped',
                { n: plan.next, all: plan.parts.length,
                  message: explain(failure) })),
            counts(plan.done));
    }

    #showDone() {
        const { read } = this.plan;

        this.finished = true;
        this.given.hidden = true;
        replace(this.result,
            h('h3', {}, t('import.done')),
            h('p', {}, t('import.doneText')),
            counts(this.plan.done));
        replace(this.actions,
            read.faults.length
                ? button(t('import.download'), () => this.#download()) : null,
            button(t('close'), () => this.dialog.close(), { class: 'main' }));
    }
}


function addUp(sum, more) {
    for (const [key, n] of Object.entries(more)) {
        sum[key] = (sum[key] ?? 0) + n;
    }
}


// How many have each result, and, where it is known, which.

function counts(summary, names = {}) {
    const which = (all) => all.slice(0, SHOWN).map(isolated).join(', ')
        + (all.length > SHOWN
            ? ` ${t('import.more', { n: all.length - SHOWN })}` : '');

    return h('ul', { class: 'counts' },
        RESULTS.filter((key) => summary[key]).map((key) => {
            const told = t(`import.${key}`, { n: summary[key] });

            return h('li', {}, names[key]
                ? h('details', {}, h('summary', {}, told), which(names[key]))
                : told);
        }));
}


function wording({ message, key, values }) {
    return message ?? t(key, values);
}


// without what keeps directions of letters apart
function plain(text) {
    return text.replace(/[\u2068\u2069]/g, '');
}


// What the server has against a part, with the lines of the text.

function refusals(part, failure) {
    const { errors, conflicts, message } = failure.body;

    if (errors?.length) {
        return errors.map((error) => ({ line: lineOf(part, error.pointer),
                                        message: error.message ?? message }));
    }
    if (conflicts?.length) {
        return conflicts.map(({ index, name }) => ({
            line: lineOf(part, `/${index}`), key: 'conflict.text',
            values: { name } }));
    }

    return [{ line: null, message: failure.message }];
}
