// Texts that are compared as people read them.


const MARKS = /\p{M}+/gu;
const BLANKS = /\s+/gu;
const ASCII = /^[\x21-\x7e]+( [\x21-\x7e]+)*$/;


// The same for texts that differ in case, accents or blanks only.

export function fold(text) {
    if (ASCII.test(text)) {
        return text.toLowerCase();
    }

    return text.normalize('NFD').replace(MARKS, '').toLowerCase()
        .replace(BLANKS, ' ').trim();
}


export function lines(text) {
    return text.split(/\r\n|\n|\r/);
}


// The phrases of a text that was pasted: one a line or a cell of a table.

export function pastedPhrases(text) {
    return text.split(/[\r\n\t]+/).map((part) => part.trim())
        .filter((part) => part !== '');
}
