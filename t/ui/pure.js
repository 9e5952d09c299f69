// The parts of conf/ui that know no document, run by t/ui.t with node --test in
// a copy of that folder.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';

import { Api, Failure } from './api.js';
import { Book, remember } from './book.js';
import de from './de.js';
import en from './en.js';
import { toCsv, toJson, toNdjson } from './exporting.js';
import { Feed } from './feed.js';
import { pieces, sentences } from './found.js';
import { choose, isolated, setLanguage, t } from './i18n.js';
import { decoded, fromJson, fromLines, fromNdjson, fromTable, guessFormat,
         lineOf, openTable, split } from './importing.js';
import { addPhrases, mergeLists, mergeTrackers, same } from './merge.js';
import { wording } from './others.js';
import { advice, check } from './phrases.js';
import { guard, guessSeparator, joinList, readTable, splitList, unguard,
         writeTable } from './table.js';
import { fold, pastedPhrases } from './text.js';
import { apart } from './times.js';


const trackers = (read) => read.trackers.map((item) => item.tracker);
const keys = (list) => list.map(({ line, key }) => `${line} ${key}`);


test('text: case, accents and blanks are folded, nothing else', () => {
    assert.equal(fold('  CAFÉ\u00a0 au  lait '), 'cafe au lait');
    assert.equal(fold('cafe\u0301'), 'cafe');
    assert.equal(fold('a  b'), 'a b');
    assert.equal(fold('COVID-19'), 'covid-19');
    assert.notEqual(fold('c++'), fold('c'));
});

test('text: what is pasted is a phrase a line or a cell', () => {
    assert.deepEqual(pastedPhrases('one\r\n two\tthree\n\n'),
                     ['one', 'two', 'three']);
    assert.deepEqual(pastedPhrases('one, two'), ['one, two']);
});


test('phrases: the same, nearly the same, fillers', () => {
    const found = check(['Mask', 'mask', 'Mask', 'uh', 'the mask']);

    assert.deepEqual(found.map((one) => one.exact), [-1, -1, 0, -1, -1]);
    assert.deepEqual(found.map((one) => one.near), [-1, 0, -1, -1, -1]);
    assert.deepEqual(found.map((one) => one.filler),
                     [false, false, false, true, false]);
});

test('phrases: advice of 5 to 50, and only what is there twice blocks', () => {
    const some = (n) => Array.from({ length: n }, (_, i) => `phrase ${i}`);
    const told = (list) => advice(list).map((note) => note.key);

    assert.deepEqual(told([]), []);
    assert.deepEqual(told(some(4)), ['warn.few']);
    assert.deepEqual(told(some(5)), []);
    assert.deepEqual(told(some(50)), []);
    assert.deepEqual(told(some(51)), ['warn.many']);
    assert.deepEqual(advice([...some(5), 'Phrase 1', 'phrase 1'])
        .map((note) => [note.key, note.blocks]),
        [['warn.near', false], ['warn.exact', true]]);
});


test('merge: lists merge as sets', () => {
    assert.deepEqual(mergeLists(['a', 'b', 'c'], ['a', 'c', 'm'],
                                ['t', 'a', 'b']), ['t', 'a', 'm']);
    assert.deepEqual(mergeLists([], ['x'], ['x']), ['x']);
});

test('merge: only what both have changed is asked', () => {
    const base = { name: 'n', vocabulary: ['a'], description: 'd' };
    const mine = { name: 'mine', vocabulary: ['a', 'b'], description: 'm' };
    const theirs = { id: '1', name: 'n', vocabulary: ['a', 'c'],
                     description: 'x' };

    assert.deepEqual(mergeTrackers(base, mine, theirs), {
        merged: { name: 'mine', description: 'm', vocabulary: ['a', 'c', 'b'] },
        questions: ['description'] });
    assert.deepEqual(mergeTrackers(base, mine, { ...theirs, description: 'm' })
        .questions, []);
    assert.equal('description' in mergeTrackers(base,
        { name: 'n', vocabulary: ['a'] }, base).merged, false);
});

test('merge: an empty vocabulary is a question, not a result', () => {
    const { merged, questions } = mergeTrackers(
        { name: 'n', vocabulary: ['a', 'b'] },
        { name: 'n', vocabulary: ['a'] }, { name: 'n', vocabulary: ['b'] });

    assert.deepEqual(questions, ['vocabulary']);
    assert.deepEqual(merged.vocabulary, ['a']);
});

test('merge: phrases added to another, and what is the same', () => {
    const one = { id: '1', name: 'n', vocabulary: ['a'] };

    assert.deepEqual(addPhrases(one, ['b', 'a']).vocabulary, ['a', 'b']);
    assert.equal(same(one, { name: 'n', vocabulary: ['a'] }), true);
    assert.equal(same(one, { ...one, languages: [] }), false);
});


test('table: quotes, line feeds in them, CR LF, empty lines', () => {
    const { rows, open } = readTable(
        'a,"b ""c"", d"\r\n\r\n"two\nlines",x\r\nlast,', ',');

    assert.deepEqual(rows, [
        { line: 1, cells: ['a', 'b "c", d'] },
        { line: 3, cells: ['two\nlines', 'x'] },
        { line: 5, cells: ['last', ''] }]);
    assert.equal(open, 0);
    assert.equal(readTable('a,b\nc,"d\ne', ',').open, 2);
    assert.deepEqual(readTable('5" pipe,b', ',').rows[0].cells,
                     ['5" pipe', 'b']);
    assert.deepEqual(readTable(' a ,  " b "\n , \n  \n', ',').rows.map(
        (row) => row.cells), [['a', ' b '], ['', '']]);
});

test('table: a list in a cell', () => {
    for (const list of [['a', 'b'], ['a|b', '\\', 'c\\|'], []]) {
        assert.deepEqual(splitList(joinList(list)), list);
    }
    assert.deepEqual(splitList(' a | b ||c'), ['a', 'b', 'c']);
});

test('table: the separator is guessed outside of quotes', () => {
    assert.equal(guessSeparator('a\tb, c\nd\te'), '\t');
    assert.equal(guessSeparator('a;"b, c"\nd;e, f'), ';');
    assert.equal(guessSeparator('one phrase\nanother, with one\nthird'), '');
});

test('table: what a spreadsheet would run is guarded, and comes back', () => {
    for (const text of ['=1+1', '+1', '-x', '@a', "'=1", 'plain', "it's",
                        "'tis"])
    {
        assert.equal(unguard(guard(text)), text);
        assert.doesNotMatch(guard(text), /^[=+\-@]/);
    }
    assert.equal(writeTable([['=1', 'a"b', ' c', 'd;e']]),
                 '\'=1,"a""b"," c","d;e"\r\n');
});


test('import: formats are recognised', () => {
    const cases = { '[{"name":"a"}]': 'json', '{"trackers":[]}': 'json',
                    '{"name":"a"}\n{"name":"b"}': 'ndjson',
                    'name,phrase\na,b': 'csv', 'a;b\nc;d': 'semicolon',
                    'a\tb': 'tsv', 'a phrase\nanother': 'lines',
                    '\uFEFF[]': 'json', '{\n "a": 1\n}': 'json' };

    for (const [text, format] of Object.entries(cases)) {
        assert.equal(guessFormat(text), format, text);
    }
});

test('import: CSV with a row a phrase', () => {
    const table = openTable('\uFEFFName;Phrase;Language\nA;one;en\nB;x;\n'
                            + 'A;two;de|en\nA;one;\n;lost;\nC;;\n',
                            'semicolon');
    const read = fromTable(table);

    assert.equal(table.header, true);
    assert.deepEqual(trackers(read), [
        { name: 'A', vocabulary: ['one', 'two'], languages: ['en', 'de'] },
        { name: 'B', vocabulary: ['x'] }]);
    assert.deepEqual(read.repeats, [{ line: 5, name: 'A', phrase: 'one' }]);
    assert.deepEqual(keys(read.faults), ['6 fault.name', '7 fault.phrase']);
});

test('import: a row a tracker, with and without a header', () => {
    assert.deepEqual(trackers(fromTable(openTable('A,one,two\nB,x', 'csv'))), [
        { name: 'A', vocabulary: ['one', 'two'] },
        { name: 'B', vocabulary: ['x'] }]);
    assert.deepEqual(trackers(fromTable(openTable(
        'name,description,phrases\nA,about,one,two,three', 'csv'))), [
        { name: 'A', vocabulary: ['one', 'two', 'three'],
          description: 'about' }]);
    assert.deepEqual(trackers(fromTable(openTable(
        'Tracker\tPhrase 1\tPhrase 2\nA\tone\ttwo', 'tsv'))), [
        { name: 'A', vocabulary: ['one', 'two'] }]);
});

test('import: columns that somebody has mapped, a quote left open', () => {
    const table = openTable('one,x,A\ntwo,y,A', 'csv');

    table.roles = ['phrase', 'ignore', 'name'];
    assert.deepEqual(trackers(fromTable(table)),
                     [{ name: 'A', vocabulary: ['one', 'two'] }]);
    assert.deepEqual(keys(fromTable(openTable('A,b\nC,"d\nE,f', 'csv')).faults),
                     ['2 fault.quote']);
    assert.deepEqual(trackers(fromTable(openTable('A,b\nC,"d\nE,f', 'csv'))),
                     [{ name: 'A', vocabulary: ['b'] }]);
});

test('import: a file in UTF-8, UTF-16 or what Excel calls CSV', () => {
    const bytes = (...list) => new Uint8Array(list).buffer;

    assert.deepEqual(decoded(new TextEncoder().encode('ü').buffer),
                     { text: 'ü', encoding: 'utf-8' });
    assert.deepEqual(decoded(bytes(0xfc)),
                     { text: 'ü', encoding: 'windows-1252' });
    assert.deepEqual(decoded(bytes(0xff, 0xfe, 0xfc, 0)),
                     { text: 'ü', encoding: 'utf-16le' });
    assert.deepEqual(decoded(bytes(0xfe, 0xff, 0, 0xfc)),
                     { text: 'ü', encoding: 'utf-16be' });
    assert.equal(decoded(bytes()).text, '');
});

test('import: lines, JSON and NDJSON', () => {
    assert.deepEqual(trackers(fromLines('one\n\n two, three \none', 'N')),
                     [{ name: 'N', vocabulary: ['one', 'two, three'] }]);
    assert.deepEqual(keys(fromLines('one', '').faults), ['1 fault.tracker']);

    const a = { name: 'A', vocabulary: ['x'], description: '' };

    for (const value of [[a], a, { tracker: a },
                         { trackers: [{ id: '1', ...a }] }])
    {
        assert.deepEqual(trackers(fromJson(JSON.stringify(value))), [a]);
    }

    assert.deepEqual(keys(fromJson('[\n{"name":"A"},\n').faults).length, 1);

    const read = fromNdjson(`${JSON.stringify(a)}\n\nno\n{"name":"B"}\n`
        + '{"name":"C","vocabulary":["c"],"languages":"en"}\n'
        + '{"end":true,"count":1}\n');

    assert.deepEqual(trackers(read), [a]);
    assert.deepEqual(keys(read.faults),
                     ['3 fault.json', '4 fault.phrase', '5 fault.fields']);
});

test('import: one name twice is one tracker', () => {
    assert.deepEqual(trackers(fromNdjson(
        '{"name":"A","vocabulary":["x"]}\n'
        + '{"name":"A","vocabulary":["y","x"]}')),
        [{ name: 'A', vocabulary: ['x', 'y'] }]);
});

test('import: what is in no text of JSON is a fault', () => {
    assert.deepEqual(keys(fromTable(openTable('A,x\0\nB,y', 'csv')).faults),
                     ['1 fault.text']);
    assert.deepEqual(keys(fromLines('\ud83d\ude00\nx\ud83d', 'N').faults),
                     ['2 fault.text']);
    assert.deepEqual(keys(fromNdjson('{"name":"\\ud83d\\ude00",'
        + '"vocabulary":["x"]}\n{"name":"B","vocabulary":["\\ud83d"]}\n'
        + '{"name":"C","vocabulary":["x"],"description":"\\u0000"}').faults),
        ['2 fault.text', '3 fault.text']);
});

test('import: of two descriptions of a name the second is a fault', () => {
    const read = fromTable(openTable('name,phrase,description\nA,x,one\n'
                                     + 'A,y,one\nA,z,two\n', 'csv'));

    assert.deepEqual(trackers(read), [{ name: 'A', description: 'one',
                                        vocabulary: ['x', 'y', 'z'] }]);
    assert.deepEqual(keys(read.faults), ['4 fault.differs']);
    assert.deepEqual(keys(fromJson('[{"name":"A","vocabulary":["x"]},'
        + '{"name":"A","vocabulary":["x"],"languages":["en"]},'
        + '{"name":"A","vocabulary":["x"],"languages":[]}]').faults),
        ['3 fault.differs']);
});

test('import: what the server points at has a line', () => {
    const { trackers: part } = fromTable(openTable(
        'name,phrase\nA,one\nB,x\nA,two', 'csv'));

    assert.equal(lineOf(part, '/0/vocabulary/1'), 4);
    assert.equal(lineOf(part, '/1'), 3);
    assert.equal(lineOf(part, '/1/name'), 3);
    assert.equal(lineOf(part, '/7'), null);
    assert.equal(lineOf(part, undefined), null);
});

test('import: parts are as large as the server takes, in order', () => {
    const items = Array.from({ length: 100 }, (_, i) =>
        ({ tracker: { name: `n${i}`, vocabulary: ['ü'.repeat(20)] } }));
    const parts = split(items, 1000);

    assert.deepEqual(parts.flat(), items);
    assert.ok(parts.length > 5);
    for (const part of parts) {
        const body = JSON.stringify(part.map((item) => item.tracker));
        assert.ok(new TextEncoder().encode(body).length <= 1000);
    }
    assert.equal(split(items.slice(0, 1), 1).length, 1);
});

test('export: each form is imported again as it was', () => {
    const list = [
        { id: '4503599627370496', name: 'a "name", x', description: 'about',
          categories: ['c|d', '\\'], languages: ['en'],
          vocabulary: ['=1+1', ' two '] },
        { id: '4503599627370497', name: 'B',
          vocabulary: ['line\nfeed', "it's"] }];
    const bare = list.map(({ id, ...rest }) => rest);

    assert.deepEqual(trackers(fromJson(toJson(list))), bare);
    assert.deepEqual(trackers(fromNdjson(toNdjson(list))), bare);
    assert.ok(toCsv(list).startsWith('\uFEFFname,phrase,'));
    assert.deepEqual(trackers(fromTable(openTable(toCsv(list), 'csv'))), bare);
});


test('book: search, filters, orders, what is hidden', () => {
    const book = new Book();
    const names = (filter) =>
        book.find(filter).map(({ name }) => name).join(' ');

    book.put({ id: '1', name: 'b10', vocabulary: ['Été'], languages: ['fr'] });
    book.put({ id: '2', name: 'b9', vocabulary: ['x', 'y'] });
    book.put({ id: '3', name: 'a', vocabulary: ['summer'], languages: ['en'],
               categories: ['c'] });

    assert.equal(names({}), 'a b9 b10');
    assert.equal(names({ sort: 'newest' }), 'a b9 b10');
    assert.equal(names({ sort: 'phrases' }), 'b9 a b10');
    assert.equal(names({ query: ' ete' }), 'b10');
    assert.equal(names({ query: 'B' }), 'b9 b10');
    assert.equal(names({ language: 'en' }), 'a');
    assert.equal(names({ category: 'c', query: 'b' }), '');
    assert.deepEqual(book.values('languages'), ['en', 'fr']);

    book.hide('3');
    assert.equal(names({}), 'b9 b10');
    assert.equal(book.size, 2);
    book.show('3');
    book.put({ id: '2', name: 'c', vocabulary: ['x'] });
    assert.equal(names({ sort: 'newest' }), 'a c b10');
    book.remove('1');
    assert.equal(book.all().length, 2);
});


test('found: pieces of a sentence, overlapping ones too', () => {
    assert.deepEqual(pieces('wear a mask', [
        { from: 0, to: 11, name: 'A' }, { from: 7, to: 11, name: 'B' }]), [
        { text: 'wear a ', names: ['A'] },
        { text: 'mask', names: ['A', 'B'] }]);
    assert.deepEqual(pieces('x', [{ from: -1, to: -1, name: 'A' }]),
                     [{ text: 'x', names: [] }]);

    const { counts, list } = sentences({
        messages: [{ id: '1', text: 'a b' }, { id: '2', text: 'c' }],
        trackers: [{ name: 'T', matches: [{ value: 'b', messageRefs: [
            { id: '1', text: 'a b', offset: 2, end: 3 }] }] }] });

    assert.deepEqual(counts, [{ name: 'T', n: 1, phrases: ['b'] }]);
    assert.deepEqual(list[0].map(({ text }) => text), ['a ', 'b']);
    assert.deepEqual(list[1], [{ text: 'c', names: [] }]);
});


test('words: both languages have the same, with the same places', () => {
    const places = (value) => [...new Set([...JSON.stringify(value)
        .matchAll(/\{(\w+)\}/g)].map((match) => match[1]))].sort();

    assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
    for (const key of Object.keys(en)) {
        assert.deepEqual(places(de[key]), places(en[key]), key);
    }
});

test('words: each that is used is there, each that is there is used', () => {
    const files = fs.readdirSync(new URL('.', import.meta.url))
        .filter((name) => name.endsWith('.js')
                          && !['pure.js', 'en.js', 'de.js'].includes(name));
    const text = files.map((name) => fs.readFileSync(
        new URL(name, import.meta.url), 'utf8')).join('\n');
    const asked = [...text.matchAll(/\bt\(\s*'([^']+)'/g)];
    const parts = [...text.matchAll(/`([a-z]+(?:\.[a-z]+)*\.)\$\{/g)]
        .map((match) => match[1]);

    assert.ok(asked.length > 100);
    for (const [, key] of asked) {
        assert.ok(key in en, key);
    }
    for (const key of Object.keys(en)) {
        assert.ok(text.includes(`'${key}'`)
                  || parts.some((part) => key.startsWith(part)), key);
    }
});

test('words: names from right to left stay apart, languages are ours', () => {
    assert.equal(isolated('a "b" ü'), 'a "b" ü');
    assert.equal(isolated('שלום'), '\u2068שלום\u2069');
    assert.equal(t('edit.saved', { name: 'שלום' }),
                 '\u2068שלום\u2069 is saved.');
    assert.equal(choose(['constructor', '__proto__', 'toString']), 'en');
});

test('words: the language, numbers and one of something', () => {
    assert.equal(choose(['fr-FR', 'de-AT', 'en']), 'de');
    assert.equal(choose(['fr']), 'en');
    setLanguage('de');
    assert.equal(t('list.count', { n: 10000 }), '10.000 Tracker');
    setLanguage('en');
    assert.equal(t('list.count', { n: 1 }), '1 tracker');
    assert.equal(t('list.count', { n: 10000 }), '10,000 trackers');
    assert.equal(t('conflict.text', { name: '{n} $& <b>' }),
                 'There is a tracker “{n} $& <b>” already.');
});


// An Api, and what it asked for; each answer is [status, body, headers], or
// null where the connection fails.
function apiWith(answers, options = {}) {
    const asked = [], slept = [];
    const api = new Api({ manage: '/m/', talk: '/t/', login: '/login' }, {
        sleep: async (ms) => { slept.push(ms); },
        fetch: async (path, request) => {
            asked.push({ path, ...request });
            const answer = await answers.shift();

            if (!answer) {
                throw new TypeError('failed');
            }
            return new Response(JSON.stringify(answer[1]),
                                { status: answer[0], headers: answer[2] });
        }, ...options });

    return { api, asked, slept };
}

const tracker = { name: 'n', vocabulary: ['x'] };

test('api: the token is sent, and nowhere to be seen', async () => {
    const { api, asked } = apiWith([[200, { accessToken: 'secret-token' }],
                                    [200, { tracker }, { ETag: '"1"' }]]);

    await api.login('a', 'b');
    assert.deepEqual(await api.get('5'), { tracker, etag: '"1"',
        created: undefined, changed: undefined, at: undefined });
    assert.equal(asked[1].path, '/m/tracker/5?expand=times');
    assert.equal(asked[0].headers.Authorization, undefined);
    assert.equal(asked[1].headers.Authorization, 'Bearer secret-token');
    assert.doesNotMatch(JSON.stringify(api), /secret-token/);
    api.signOut();
    assert.equal(api.signedIn, false);
});

test('api: 429, 502 and 504 once more, with the same key', async () => {
    for (const [status, headers, ms] of [[429, { 'Retry-After': '3' }, 3000],
                                         [502, {}, 1000], [504, {}, 1000]])
    {
        const { api, asked, slept } = apiWith([[status, {}, headers],
                                               [200, { tracker }]]);

        await api.create(tracker, 'key');
        assert.deepEqual(asked.map((one) => one.headers['Idempotency-Key']),
                         ['key', 'key']);
        assert.equal(asked[0].body, asked[1].body);
        assert.deepEqual(slept, [ms]);
    }
});

test('api: what fails says how, and is not tried for ever', async () => {
    const { api, asked } = apiWith([[504, { message: 'late' }],
                                    [504, { message: 'late' }], null,
                                    [409, { message: 'exists',
                                            conflicts: [{ id: '7' }] }]]);

    await assert.rejects(api.put('5', tracker, '"1"'),
        (failure) => failure instanceof Failure && failure.status === 504
                     && failure.message === 'late');
    assert.equal(asked.length, 2);
    assert.equal(asked[1].headers['If-Match'], '"1"');
    await assert.rejects(api.create(tracker, 'k'), { status: 0 });
    await assert.rejects(api.create(tracker, 'k'),
        (failure) => failure.body.conflicts[0].id === '7');
});

test('api: 401 asks for a sign-in, and goes on after it', async () => {
    let answer = true;
    const { api, asked } = apiWith([
        [200, { accessToken: 'a' }], [401, {}], [200, { tracker }], [401, {}]],
        { signIn: async () => answer });

    await api.login('a', 'b');
    await api.create(tracker, 'k');
    assert.equal(asked.length, 3);
    answer = false;
    await assert.rejects(api.create(tracker, 'k'), { status: 401 });
    assert.equal(asked.length, 4);
});

test('api: what is refused together asks for one sign-in', async () => {
    let n = 0, answer;
    const late = new Promise((done) => { answer = done; });
    const signIn = async () => {
        n++;
        await api.login('a', 'b');
        answer([401, {}]);
        return true;
    };
    const { api, asked } = apiWith([
        [200, { accessToken: 'a' }], [401, {}], late,
        [200, { accessToken: 'b' }], [200, { tracker }], [200, { tracker }]],
        { signIn });

    await api.login('a', 'b');
    await Promise.all([api.get('5'), api.get('6')]);
    assert.equal(asked.length, 6);
    assert.equal(n, 1);
});

test('api: where the site signs in, this page does not ask', async () => {
    const { api } = apiWith([[200, { trackers: [] }], [401, {}]],
                            { signIn: async () => assert.fail() });

    assert.equal(await api.probe(), true);
    await assert.rejects(api.get('5'), { status: 401 });
});

test('api: the probe, pages, a delete of what is gone', async () => {
    const { api, asked } = apiWith([[401, {}],
                                    [200, { trackers: [1], next: 'a+b' },
                                     { ETag: 'W/"71"' }],
                                    [200, { trackers: [2] }, { ETag: '"72"' }],
                                    [404, { message: 'gone' }]]);
    const seen = [];

    assert.equal(await api.probe(), false);
    assert.equal(await api.list((page) => { seen.push(...page); }), '71');
    assert.deepEqual(seen, [1, 2]);
    assert.equal(asked[2].path,
                 '/m/trackers?limit=1000&expand=times&cursor=a%2Bb');
    await api.remove('5', '"1"');
    assert.equal(asked[3].headers['If-Match'], '"1"');
});

test('api: nobody is asked to sign in for what nobody has asked for', async () =>
{
    const signIn = async () => assert.fail();
    const { api, asked } = apiWith([[200, { accessToken: 'a' }], [401, {}],
                                    [401, {}], [200, {}],
                                    [200, { changes: [], rev: 7 }]],
                                   { signIn });
    const { signal } = new AbortController();

    await api.login('a', 'b');
    await assert.rejects(api.changes('1', 25, signal), { status: 401 });
    await assert.rejects(api.list(() => {}, { signal }), { status: 401 });
    await assert.rejects(api.changes('1', 25, signal), { status: 0 });
    assert.deepEqual(await api.changes('a b', 25, signal),
                     { changes: [], rev: '7' });
    assert.equal(asked[4].path,
                 '/m/trackers/changes?since=a%20b&limit=1000&wait=25');
});

test('api: a list that nobody wants any more', async () => {
    let answer;
    const late = new Promise((done) => { answer = done; });
    const { api } = apiWith([late]);
    const leave = new AbortController();
    const list = api.list(() => assert.fail(), { signal: leave.signal });

    leave.abort();
    answer([200, { trackers: [] }]);
    await assert.rejects(list, { name: 'AbortError' });
});

test('api: it is quiet when what is written has its answer', async () => {
    let answer;
    const late = new Promise((done) => { answer = done; });
    const { api } = apiWith([late, [200, { tracker }]]);
    const steps = [];

    await api.quiet();
    api.put('5', tracker).then(() => steps.push('written'));
    const quiet = api.quiet().then(() => steps.push('quiet'));

    await new Promise((done) => setTimeout(done, 10));
    assert.deepEqual(steps, []);
    answer([200, { tracker }]);
    await quiet;
    assert.deepEqual(steps, ['written', 'quiet']);
});


const at = (n) => new Date(n).toISOString();
const change = (type, id, time, name, phrase = 'x') =>
    ({ rev: String(time), type, id, at: at(time),
       ...name && { tracker: { id, name, vocabulary: [phrase] } } });
const kinds = (told) => Object.fromEntries([...told].map(([id, { kind }]) =>
    [id, kind]));

test('book: times are beside the trackers, and order them', () => {
    const book = new Book();

    book.put({ id: '1', name: 'a', vocabulary: ['x'] });
    assert.equal(book.knowsTimes, false);
    book.wrote({ id: '1', name: 'a', vocabulary: ['y'] }, 5);
    assert.equal(book.knowsTimes, false);
    book.put({ id: '2', name: 'b', vocabulary: ['x'], createdAt: at(1000),
               updatedAt: at(2000) });
    book.put({ id: '3', name: 'c', vocabulary: ['x'], updatedAt: at(3000) });
    assert.equal(book.knowsTimes, true);
    assert.deepEqual(book.get('2'), { id: '2', name: 'b', vocabulary: ['x'] });
    assert.deepEqual(book.find({ sort: 'changed' }).map(({ id }) => id),
                     ['3', '2', '1']);

    book.wrote({ id: '2', name: 'b', vocabulary: ['x'] }, 9000);
    assert.equal(book.changed('2'), 2000, 'the same again is no change');
    book.wrote({ id: '2', name: 'b', vocabulary: ['z'] }, 9000);
    assert.equal(book.changed('2'), 9000);
    assert.deepEqual(apart({ id: '1', createdAt: at(7), updatedAt: 'odd' }),
                     { tracker: { id: '1' }, created: 7, changed: undefined });
});

test('book: what others did is told, what the page did is not', () => {
    const book = new Book();

    for (const id of ['1', '2', '3', '4']) {
        book.put({ id, name: `n${id}`, vocabulary: ['x'] });
    }
    book.hide('4');

    const before = book.get('1');
    const told = book.take([
        change('updated', '1', 10, 'n1'), change('updated', '2', 20, 'n2', 'y'),
        change('deleted', '3', 30), change('deleted', '3', 31),
        change('updated', '4', 40, 'n4', 'y'),
        change('created', '5', 50, 'n5'), change('updated', '5', 60, 'n5', 'y'),
        change('created', '6', 70), change('updated', '6', 80),
        change('deleted', '6', 90), change('created', '7', 100, 'n7'),
        change('deleted', '7', 110)]);

    assert.deepEqual(kinds(told), { 2: 'updated', 3: 'deleted', 5: 'created' });
    assert.equal(book.get('1'), before);
    assert.deepEqual(['1', '2', '5'].map((id) => book.changed(id)),
                     [10, 20, 60]);
    assert.equal(book.entries.get('5').created, 50);
    assert.deepEqual(book.all().map(({ id }) => id), ['1', '2', '5']);
    assert.ok(book.hidden.has('4'));
});

test('book: all of it anew, where it stays what it is', () => {
    const book = new Book();

    for (const id of ['1', '2', '3']) {
        book.put({ id, name: `n${id}`, vocabulary: ['x'] });
    }
    book.hide('3');

    const before = book.get('1');
    const { take, end } = book.renew();

    take([{ id: '1', name: 'n1', vocabulary: ['x'] },
          { id: '3', name: 'n3', vocabulary: ['x'] }]);
    book.put({ id: '8', name: 'mine', vocabulary: ['x'] });
    take([{ id: '4', name: 'n4', vocabulary: ['x'] }]);

    assert.deepEqual(kinds(end()), { 4: 'created', 2: 'deleted' });
    assert.equal(book.get('1'), before);
    assert.deepEqual(book.all().map(({ id }) => id), ['1', '8', '4']);
});

test('others: in a few words', () => {
    const told = new Map();
    const said = () => {
        setLanguage('en');
        return wording(told);
    };

    remember(told, '1', 'updated', 'n');
    assert.equal(said(), 'n was changed by somebody else.');
    remember(told, '2', 'updated', 'm');
    remember(told, '3', 'updated', 'm');
    assert.equal(said(), '3 trackers were changed by others.');
    remember(told, '3', 'deleted', 'm');
    assert.equal(said(),
                 '3 trackers were created, changed or deleted by others.');
    setLanguage('de');
    assert.match(wording(told), /3 Tracker wurden von anderen angelegt,/);
    setLanguage('en');
});


// A feed whose requests and pauses are answered here: ask() resolves to what
// was asked, with answer(page or failure); pauses are over at once.

function feedWith({ again = async () => assert.fail(),
                    ready = async () => {} } = {})
{
    const asked = [], pauses = [], taken = [];
    let next, clock = 0;
    const feed = new Feed({ now: () => clock, random: () => 0.5, again, ready,
        sleep: async (ms) => { pauses.push(ms); },
        take: (changes) => taken.push(...changes),
        ask: (rev, seconds, signal) => new Promise((done, fail) => {
            asked.push(rev);
            next = { done, fail };
            signal.onabort = () => fail(new Failure(0, ''));
        }) });
    const settle = () => new Promise((done) => setTimeout(done, 0));
    const answer = async (what, seconds = 25) => {
        clock += seconds * 1000;
        if (what instanceof Failure) {
            next.fail(what);
        } else {
            next.done(what);
        }
        await settle();
    };

    return { feed, asked, pauses, taken, answer, settle };
}

test('feed: from answer to answer', async () => {
    const { feed, asked, pauses, taken, answer } = feedWith();

    feed.start(undefined);
    assert.deepEqual(asked, []);
    feed.start('1');
    await answer({ changes: ['a', 'b'], rev: '3' }, 0);
    await answer({ changes: [], rev: '3' });
    await answer({ changes: ['c'], rev: '4' }, 1);
    assert.deepEqual(asked, ['1', '3', '3', '4']);
    assert.deepEqual(taken, ['a', 'b', 'c']);
    assert.deepEqual(pauses, [500, 500, 500]);
    feed.stop();
    await answer({ changes: ['d'], rev: '5' });
    assert.deepEqual(taken, ['a', 'b', 'c']);
    assert.equal(asked.length, 4);
});

test('feed: what comes too late is for nobody', async () => {
    let go;
    const { feed, taken, answer, settle } = feedWith({
        ready: () => new Promise((done) => { go = done; }) });

    feed.start('1');
    await answer({ changes: ['a'], rev: '2' });
    assert.deepEqual(taken, []);
    feed.stop();
    go();
    await settle();
    assert.deepEqual(taken, []);
});

test('feed: pauses grow after trouble and early answers', async () => {
    const { feed, asked, pauses, answer } = feedWith();

    feed.start('1');
    for (const status of [0, 429, 502, 503, 504, 500, 503]) {
        await answer(new Failure(status, '', {}, status === 429 ? 7 : 0), 0);
    }
    assert.deepEqual(pauses, [1000, 7000, 4000, 8000, 16000, 32000, 60000]);
    assert.deepEqual([...new Set(asked)], ['1']);

    await answer({ changes: ['a'], rev: '2' }, 0);
    await answer({ changes: [], rev: '2' }, 0);
    await answer({ changes: [], rev: '2' }, 1);
    await answer({ changes: [], rev: '2' });
    await answer({ changes: [], rev: '2' }, 0);
    assert.deepEqual(pauses.slice(7), [500, 1000, 2000, 500, 1000]);
    feed.stop();
});

test('feed: 410 loads all anew, and not all the time', async () => {
    let n = 10;
    const { feed, asked, pauses, answer } = feedWith({ again: async () => {
        n++;
        if (n === 12) {
            throw new Failure(502, '');
        }
        return String(n);
    } });

    feed.start('1');
    await answer(new Failure(410, ''), 0);
    await answer(new Failure(410, ''), 0);
    await answer(new Failure(410, ''), 0);
    await answer({ changes: [], rev: '13' });
    assert.deepEqual(asked, ['1', '11', '11', '13', '13']);
    assert.deepEqual(pauses, [1000, 2000, 4000, 500]);
    feed.stop();
});

test('feed: without a history it is not used any more', async () => {
    for (const status of [404, 405, 400]) {
        const { feed, asked, pauses, answer, settle } = feedWith();

        feed.start('1');
        await answer(new Failure(status, ''), 0);
        feed.wake('hidden');
        feed.start('2');
        await settle();
        assert.deepEqual([asked, pauses], [['1'], []]);
    }
});

test('feed: it rests while nobody sees it, or is signed in', async () => {
    const { feed, asked, taken, answer, settle } = feedWith();

    feed.rest('hidden');
    feed.start('1');
    assert.deepEqual(asked, []);
    feed.wake('hidden');
    feed.rest('hidden');
    await settle();
    feed.rest('import');
    feed.wake('hidden');
    assert.deepEqual(asked, ['1']);
    feed.wake('import');
    assert.deepEqual(asked, ['1', '1']);

    await answer(new Failure(401, ''), 0);
    feed.wake('hidden');
    assert.equal(asked.length, 2);
    feed.wake('signed out');
    await answer({ changes: ['a'], rev: '2' });
    assert.deepEqual([asked, taken], [['1', '1', '1', '2'], ['a']]);

    await answer(new Failure(401, ''), 0);
    feed.start('9');
    assert.equal(asked[4], '9');
    feed.stop();
});
