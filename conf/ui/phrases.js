// What is good and bad about a vocabulary.

import { fold } from './text.js';


export const FEW = 5;
export const MANY = 50;


// Words that alone are in almost everything that is said.

const FILLERS = new Set(('a an and are as at be but by for from have i in is '
    + 'it just like no not of ok okay on or so that the this to uh um was we '
    + 'well with yeah yes you '
    + 'aber also auch das der die ein eine es halt ich ist ja mit nein nicht '
    + 'oder sie so und von war wir zu').split(' '));


export function isFiller(phrase) {
    const words = fold(phrase).split(' ');
    return words.every((word) => FILLERS.has(word));
}


// For each phrase { exact, near, filler }: the index of an earlier phrase that
// is the same, or the same but for case, accents and blanks; else -1.

export function check(phrases) {
    const exact = new Map();
    const near = new Map();

    return phrases.map((phrase, i) => {
        const folded = fold(phrase);
        const found = { exact: exact.get(phrase) ?? -1,
                        near: near.get(folded) ?? -1,
                        filler: isFiller(phrase) };

        if (found.exact < 0) {
            exact.set(phrase, i);
        }
        if (found.near < 0) {
            near.set(folded, i);
        }
        if (found.exact >= 0) {
            found.near = -1;
        }

        return found;
    });
}


// What to tell somebody who types: [{ key, values, blocks }].

export function advice(phrases) {
    const notes = [];

    check(phrases).forEach((found, i) => {
        const values = { phrase: phrases[i] };

        if (found.exact >= 0) {
            notes.push({ key: 'warn.exact', values, blocks: true });
        } else if (found.near >= 0) {
            notes.push({ key: 'warn.near', blocks: false,
                         values: { ...values, other: phrases[found.near] } });
        }
        if (found.filler) {
            notes.push({ key: 'warn.filler', values, blocks: false });
        }
    });

    if (phrases.length > 0 && phrases.length < FEW) {
        notes.push({ key: 'warn.few', values: { n: FEW, max: MANY },
                     blocks: false });
    }
    if (phrases.length > MANY) {
        notes.push({ key: 'warn.many', values: { n: phrases.length, max: MANY },
                     blocks: false });
    }

    return notes;
}
