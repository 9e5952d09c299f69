// The words of the page: a flat table a language.  A value is a text with
// {names}, or { one, other } chosen by {n}.

import de from './de.js';
import en from './en.js';


const TABLES = { en, de };

export const LANGUAGES = [['en', 'English'], ['de', 'Deutsch']];

let language = 'en';
let plural = new Intl.PluralRules('en');
let number = new Intl.NumberFormat('en');


// The first language of a list that there is a table for; else English.

export function choose(wanted) {
    return wanted.map((tag) => tag.toLowerCase().split('-')[0])
        .find((tag) => tag in TABLES) ?? 'en';
}


export function setLanguage(tag) {
    language = choose([tag]);
    plural = new Intl.PluralRules(language);
    number = new Intl.NumberFormat(language);
}

export function getLanguage() {
    return language;
}


export function t(key, values = {}) {
    let text = TABLES[language][key] ?? en[key] ?? key;

    if (typeof text === 'object') {
        text = text[plural.select(values.n)] ?? text.other;
    }

    return text.replace(/\{(\w+)\}/g, (all, name) => {
        const value = values[name];
        return typeof value === 'number' ? number.format(value) : value ?? all;
    });
}
