// Posts texts to conversations/detect, and cuts what was found out of them as
// a client would: sentence.slice(offset, end) must be the phrase, whole words
// of it.  Texts and phrases are random rows of words in several scripts, in any
// case, composed and not, between emoji and other characters of two units.
// Prints what came of it as JSON, for t/offsets.t.
//
// Usage: node offsets.js URL TOKEN HITS

const [url, token, wanted] = process.argv.slice(2);

const words = [
    'budget', 'mask', 'naïve', 'İstanbul', 'straße', 'STRASSE', 'Größe',
    'ΣΟΦΟΣ', 'σοφός', 'Жук', 'ёлка', 'été', 'e\u0301te\u0301', '𐐀𐐨𐐂', '𝐛old',
    'covid', '19', '2024', 'ﬁnance', 'ﬆyle', 'co\u00adop', 'ȷ̌unk', 'ǅep',
    'ŉobody', 'o\u031b\u0323n', 'شكرا', 'हिन्दी', '漢', '字', 'か', 'が', 'ไทย'
];

const between = [
    ' ', ' ', ' ', ' ', '  ', ', ', ' - ', ' 😀 ', '😀', ' 👩‍👩‍👧 ', ' 🇩🇪 ', '\u00a0',
    ' "', '" ', ' (', ') ', ' … x ', '𝄞 ', ': ', '/', ' — ', '. ', '! ', '。', '\n'
];

// the same numbers in every run
let state = 1;

function some(n) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;

    return (state >>> 16) % n;
}

function one(list) {
    return list[some(list.length)];
}

function anyCase(word) {
    return [word, word, word.toLowerCase(), word.toUpperCase(),
            word.normalize('NFD'), word.normalize('NFC')][some(6)];
}

function row(n, separators) {
    let text = '';

    for (let i = 0; i < n; i++) {
        text += (i ? one(separators) : '') + anyCase(one(words));
    }

    return text;
}

// What all ways to write a word have in common: by way of capital letters, as
// there ß is SS and the three small sigmas are one.
function fold(text) {
    return text.normalize('NFD').toUpperCase().toLowerCase()
        .normalize('NFD').replace(/ς/g, 'σ').replace(/\u00ad|\u200d/g, '');
}

// its words; those of scripts without spaces come one by one, too
function folded(text) {
    return fold(text).match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu) || [];
}

const spaceless = /^[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}]/u;

// words with a blank between two, where a blank says something
function separate(text) {
    return folded(text).reduce((line, word) =>
        line + (line && !spaceless.test(word)
                && !spaceless.test([...line.replace(/\p{M}+$/u, '')].pop())
                ? ' ' : '') + word, '');
}

// would a word go on from one end of these to the other?
function joined(before, after) {
    before = before.replace(/[\p{M}\u00ad\u200d]+$/u, '');

    const last = [...before].pop() || '';
    const first = [...after][0] || '';

    return /[\p{L}\p{N}]/u.test(last) && /[\p{L}\p{N}\p{M}]/u.test(first)
           && !spaceless.test(last) && !spaceless.test(first);
}

// what is wrong with a place, or nothing
function wrong(value, { text, offset, end }) {
    const said = text.slice(offset, end);

    if (separate(said) !== separate(value)) {
        return 'other words';
    }

    if (joined(text.slice(0, offset), said)
        || joined(said, text.slice(end)))
    {
        return 'a part of a word';
    }

    // nothing but the words, from the first to the last
    return /^[\p{L}\p{N}]/u.test(said)
           && /[\p{L}\p{N}\p{M}\u00ad\u200d]$/u.test(said) ? '' : 'more';
}

async function detect(phrases, texts) {
    const response = await fetch(`${url}/v1/conversations/detect`, {
        method: 'POST',
        headers: {
            'authorization': `Bearer ${token}`,
            'content-type': 'application/json'
        },
        body: JSON.stringify({
            trackers: [{ name: 'n', vocabulary: phrases }],
            messages: texts.map((content) => ({ payload: { content } }))
        })
    });

    if (response.status !== 200) {
        throw new Error(`${response.status} ${await response.text()}`);
    }

    return response.json();
}

async function main() {
    const result = { hits: 0, beyond: 0, seen: 0, wrong: [] };
    const values = new Set();

    while (result.hits < Number(wanted) && result.wrong.length < 5) {
        const before = result.hits;
        const phrases = [...new Set(
            Array.from({ length: 60 }, () => row(1 + some(3), [' ', '-', ', '])))];
        const texts = Array.from({ length: 40 }, () => row(30, between));
        const { trackers } = await detect(phrases, texts);

        for (const { value, messageRefs } of trackers[0].matches) {
            values.add(value);

            for (const ref of messageRefs) {
                const fault = wrong(value, ref);

                result.hits++;

                // bytes or characters would be another place
                result.beyond += /[\u{10000}-\u{10ffff}]/u.test(
                    ref.text.slice(0, ref.offset));

                if (fault) {
                    result.wrong.push({ fault, value, ...ref });
                }
            }
        }

        if (result.hits === before) {
            throw new Error('nothing was found');
        }
    }

    result.seen = values.size;

    return result;
}

main().then((result) => console.log(JSON.stringify(result)));
