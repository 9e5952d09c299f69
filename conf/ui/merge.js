// Two people change one tracker: what can be joined without a question.


const LISTS = ['vocabulary', 'categories', 'languages'];
const TEXTS = ['name', 'description'];


function equal(a, b) {
    return JSON.stringify(a) === JSON.stringify(b);
}


// Whether two trackers say the same, whatever their ids.

export function same(a, b) {
    return [...LISTS, ...TEXTS].every((key) => equal(a[key], b[key]));
}


// Lists merge as sets: theirs, without what I removed, with what I added.

export function mergeLists(base, mine, theirs) {
    const before = new Set(base);
    const kept = new Set(mine);
    const list = theirs.filter((item) => kept.has(item) || !before.has(item));
    const there = new Set(list);

    for (const item of mine) {
        if (!before.has(item) && !there.has(item)) {
            there.add(item);
            list.push(item);
        }
    }

    return list;
}


// { merged, questions }: questions are the fields that both have changed, in
// different ways; merged has mine there.  A vocabulary without any phrase left
// is a question, too.

export function mergeTrackers(base, mine, theirs) {
    const merged = {};
    const questions = [];

    for (const key of TEXTS) {
        const iChanged = !equal(base[key], mine[key]);
        const theyChanged = !equal(base[key], theirs[key]);
        const value = iChanged ? mine[key] : theirs[key];

        if (iChanged && theyChanged && !equal(mine[key], theirs[key])) {
            questions.push(key);
        }
        if (value !== undefined) {
            merged[key] = value;
        }
    }

    for (const key of LISTS) {
        mergeList(key, base, mine, theirs, merged);
    }

    if (merged.vocabulary.length === 0) {
        merged.vocabulary = mine.vocabulary;
        questions.push('vocabulary');
    }

    return { merged, questions };
}


function mergeList(key, base, mine, theirs, merged) {
    const list = mergeLists(base[key] ?? [], mine[key] ?? [],
                            theirs[key] ?? []);

    if (list.length || mine[key] || theirs[key]) {
        merged[key] = list;
    }
}


// Phrases added to a tracker that is there: those that it lacks.

export function addPhrases(tracker, phrases) {
    const there = new Set(tracker.vocabulary);

    return { ...tracker, vocabulary: [...tracker.vocabulary,
             ...phrases.filter((phrase) => !there.has(phrase))] };
}
