// What people have in files and tables, as trackers.  Nothing is dropped
// silently: what cannot be taken is a fault with its line.

import { lines } from './text.js';
import { guessSeparator, readTable, splitList, unguard } from './table.js';


export const ROLES = ['name', 'phrase', 'description', 'categories',
                      'languages', 'ignore'];

const HEADERS = {
    name: ['name', 'tracker', 'tracker name', 'trackername'],
    phrase: ['phrase', 'phrases', 'vocabulary', 'keyword', 'keywords', 'term',
             'phrasen', 'wort', 'begriff', 'ausdruck'],
    description: ['description', 'beschreibung'],
    categories: ['category', 'categories', 'kategorie', 'kategorien'],
    languages: ['language', 'languages', 'sprache', 'sprachen'],
};

const LISTS = ['categories', 'languages'];

// NUL, and half of a character that takes two places, are in no text of JSON
const UNFIT = /\0|\p{Surrogate}/u;


// The text of a file: UTF-8, UTF-16 with a mark, or what spreadsheets write
// that know neither.  { text, encoding }

export function decoded(buffer) {
    const [first, second] = new Uint8Array(buffer);
    const as = (encoding, options) => ({ encoding,
        text: new TextDecoder(encoding, options).decode(buffer) });

    if (first === 0xff && second === 0xfe) {
        return as('utf-16le');
    }
    if (first === 0xfe && second === 0xff) {
        return as('utf-16be');
    }

    try {
        return as('utf-8', { fatal: true });
    } catch {
        return as('windows-1252');
    }
}


// json, ndjson, csv, tsv, semicolon or lines

export function guessFormat(text) {
    const head = text.replace(/^\uFEFF/, '').trimStart();

    if (head.startsWith('[')) {
        return 'json';
    }
    if (head.startsWith('{')) {
        return looksLikeLines(head) ? 'ndjson' : 'json';
    }

    return { '\t': 'tsv', ';': 'semicolon', ',': 'csv' }[guessSeparator(head)]
           ?? 'lines';
}

function looksLikeLines(text) {
    try {
        JSON.parse(lines(text)[0]);
        return lines(text).some((line, i) => i > 0 && line.trim() !== '');
    } catch {
        return false;
    }
}


// A table to map: { rows, roles, header, open }.  With a header it has a row a
// phrase or a row a tracker; without, a row a tracker with the name first.

export function openTable(text, format) {
    const separator = { tsv: '\t', semicolon: ';', csv: ',' }[format];
    const { rows, open } = readTable(text.replace(/^\uFEFF/, ''), separator);
    const width = rows.reduce((most, { cells }) =>
        Math.max(most, cells.length), 0);
    const named = rows.length ? rows[0].cells.map(roleOf) : [];
    const header = named.includes('name') && named.includes('phrase');
    const roles = [];

    for (let i = 0; i < width; i++) {
        roles.push(header ? headerRole(named, i) : i === 0 ? 'name' : 'phrase');
    }

    return { rows, roles, header, open };
}

function roleOf(cell) {
    const word = cell.trim().toLowerCase().replace(/[\s_-]*\d+$/, '');

    return Object.keys(HEADERS).find((role) => HEADERS[role].includes(word))
           ?? 'ignore';
}

// cells beyond the header continue its last column, if it has phrases
function headerRole(named, i) {
    return named[i]
           ?? (named[named.length - 1] === 'phrase' ? 'phrase' : 'ignore');
}


// Everything below gives { trackers, faults, repeats }: trackers are
// { tracker, lines, phraseLines }, with the lines that they come from; faults
// are { line, key, values }; repeats are phrases that are left out because the
// tracker has them.

class Collector {
    constructor() {
        this.byName = new Map();
        this.faults = [];
        this.repeats = [];
    }

    fault(line, key, values = {}) {
        this.faults.push({ line, key, values });
    }

    at(name, line) {
        let item = this.byName.get(name);

        if (!item) {
            item = { tracker: { name, vocabulary: [] }, lines: [],
                     phraseLines: [], seen: new Set() };
            this.byName.set(name, item);
        }

        item.lines.push(line);
        return item;
    }

    phrase(item, phrase, line) {
        if (item.seen.has(phrase)) {
            this.repeats.push({ line, name: item.tracker.name, phrase });
            return;
        }

        item.seen.add(phrase);
        item.tracker.vocabulary.push(phrase);
        item.phraseLines.push(line);
    }

    // the first one counts
    set(item, key, value, line) {
        item.tracker[key] ??= value;

        if (JSON.stringify(item.tracker[key]) !== JSON.stringify(value)) {
            this.fault(line, 'fault.differs', { name: item.tracker.name });
        }
    }

    // those without a phrase were told already, row by row
    result() {
        const trackers = [...this.byName.values()]
            .filter((item) => item.tracker.vocabulary.length > 0)
            .map(({ tracker, lines, phraseLines }) =>
                ({ tracker, lines, phraseLines }));

        return { trackers, faults: this.faults, repeats: this.repeats };
    }
}


export function fromTable({ rows, roles, header, open }) {
    const collector = new Collector();

    // a quote that is never closed has swallowed what follows it
    for (const { line, cells } of rows.slice(header ? 1 : 0,
                                             open ? -1 : undefined))
    {
        takeRow(collector, roles, line, cells);
    }

    if (open) {
        collector.fault(open, 'fault.quote');
    }

    return collector.result();
}

function takeRow(collector, roles, line, cells) {
    const values = { name: '', phrase: [], description: '', categories: [],
                     languages: [] };

    cells.forEach((cell, i) =>
        takeCell(values, roles[i], unguard(cell)));

    if (UNFIT.test(cells.join('\n'))) {
        collector.fault(line, 'fault.text');
        return;
    }
    if (values.name === '') {
        collector.fault(line, 'fault.name');
        return;
    }
    if (values.phrase.length === 0) {
        collector.fault(line, 'fault.phrase', { name: values.name });
        return;
    }

    const item = collector.at(values.name, line);
    values.phrase.forEach((phrase) => collector.phrase(item, phrase, line));

    if (values.description !== '') {
        collector.set(item, 'description', values.description, line);
    }
    for (const key of LISTS) {
        if (values[key].length) {
            item.tracker[key] = [...new Set([...item.tracker[key] ?? [],
                                             ...values[key]])];
        }
    }
}

function takeCell(values, role, text) {
    if (text === '' || role === 'ignore' || role === undefined) {
        return;
    }
    if (role === 'phrase') {
        values.phrase.push(text);
    } else if (LISTS.includes(role)) {
        values[role].push(...splitList(text));
    } else {
        values[role] = text;
    }
}


// One phrase a line, all for one tracker.

export function fromLines(text, name) {
    const collector = new Collector();
    const all = lines(text.replace(/^\uFEFF/, ''));

    if (name === '') {
        collector.fault(1, 'fault.tracker');
        return collector.result();
    }

    all.forEach((line, i) => {
        if (UNFIT.test(line)) {
            collector.fault(i + 1, 'fault.text');
        } else if (line.trim() !== '') {
            collector.phrase(collector.at(name, i + 1), line.trim(), i + 1);
        }
    });

    return collector.result();
}


export function fromJson(text) {
    const collector = new Collector();
    let value;

    try {
        value = JSON.parse(text.replace(/^\uFEFF/, ''));
    } catch (error) {
        collector.fault(lineOfError(text, error), 'fault.json');
        return collector.result();
    }

    listOf(value).forEach((item, i) => takeObject(collector, item, null, i));
    return collector.result();
}

function listOf(value) {
    if (Array.isArray(value)) {
        return value;
    }
    if (value && Array.isArray(value.trackers)) {
        return value.trackers;
    }

    return [value && value.tracker ? value.tracker : value];
}

// "... (line 3 column 5)" or "... at position 17", as the engine has it
function lineOfError(text, error) {
    const line = /line (\d+)/.exec(error.message);
    const position = /position (\d+)/.exec(error.message);

    if (line) {
        return Number(line[1]);
    }

    return position ? lines(text.slice(0, Number(position[1]))).length : 1;
}


export function fromNdjson(text) {
    const collector = new Collector();

    lines(text.replace(/^\uFEFF/, '')).forEach((line, i) => {
        if (line.trim() === '') {
            return;
        }

        try {
            const value = JSON.parse(line);

            if (!(value && value.end === true)) {
                takeObject(collector, value, i + 1, i);
            }
        } catch {
            collector.fault(i + 1, 'fault.json');
        }
    });

    return collector.result();
}


// A tracker as the API has it.  Its line is known in NDJSON only; else place is
// shown, counted from 1.

function takeObject(collector, value, line, i) {
    const at = line ?? i + 1;

    if (!value || typeof value !== 'object' || Array.isArray(value)) {
        collector.fault(at, 'fault.object');
        return;
    }
    if (typeof value.name !== 'string' || value.name === '') {
        collector.fault(at, 'fault.name');
        return;
    }
    if (!isStrings(value.vocabulary) || value.vocabulary.length === 0
        || value.vocabulary.includes(''))
    {
        collector.fault(at, 'fault.phrase', { name: value.name });
        return;
    }
    if (!LISTS.every((key) => value[key] === undefined || isStrings(value[key]))
        || !['undefined', 'string'].includes(typeof value.description))
    {
        collector.fault(at, 'fault.fields', { name: value.name });
        return;
    }
    if (UNFIT.test([value.name, value.description, value.vocabulary,
                    value.categories, value.languages].flat().join('\n')))
    {
        collector.fault(at, 'fault.text');
        return;
    }

    const item = collector.at(value.name, at);

    value.vocabulary.forEach((phrase) => collector.phrase(item, phrase, at));
    for (const key of ['description', ...LISTS]) {
        if (value[key] !== undefined) {
            collector.set(item, key, value[key], at);
        }
    }
}

function isStrings(value) {
    return Array.isArray(value)
           && value.every((item) => typeof item === 'string');
}


// The line that the server's pointer into a part means; the part is a list of
// what is in trackers above.

export function lineOf(part, pointer) {
    const [, index, key, i] = (pointer ?? '').split('/');
    const item = part[Number(index)];

    if (!item) {
        return null;
    }

    return (key === 'vocabulary' && item.phraseLines[Number(i)])
           || item.lines[0];
}


// Parts that the server takes: at most so many bytes each.

export function split(trackers, bytes) {
    const encoder = new TextEncoder();
    const parts = [];
    let part = [], size = 2;

    for (const item of trackers) {
        const n = encoder.encode(JSON.stringify(item.tracker)).length + 1;

        if (part.length && size + n > bytes) {
            parts.push(part);
            part = [];
            size = 2;
        }

        part.push(item);
        size += n;
    }

    if (part.length) {
        parts.push(part);
    }

    return parts;
}
