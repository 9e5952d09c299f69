// The words of the page: a flat table a language.  A value is a text with
// {names}, or { one, other } chosen by {n}.

import de from './de.js';
import en from './en.js';


const TABLES = { en, de };

export const LANGUAGES = [['en', 'English'], ['de', 'Deutsch']];

let language = 'en';
let plural = new Intl.PluralRules('en');
let number = new Intl.NumberFormat('en');
let times = timesOf('en');


// The first language of a list that there is a table for; else English.

export function choose(wanted) {
    return wanted.map((tag) => tag.toLowerCase().split('-')[0])
        .find((tag) => Object.hasOwn(TABLES, tag)) ?? 'en';
}


export function setLanguage(tag) {
    language = choose([tag]);
    plural = new Intl.PluralRules(language);
    number = new Intl.NumberFormat(language);
    times = timesOf(language);
}

export function getLanguage() {
    return language;
}


// As they are written where the reader is, who may have said so: en-GB for en.

function timesOf(tag) {
    const wanted = (globalThis.navigator?.languages ?? []).find((one) =>
        one.toLowerCase().split('-')[0] === tag) ?? tag;

    return { short: new Intl.DateTimeFormat(wanted, { dateStyle: 'medium',
                                                      timeStyle: 'short' }),
             whole: new Intl.DateTimeFormat(wanted, { dateStyle: 'full',
                                                      timeStyle: 'long' }) };
}


// A date and its time in the reader's own time zone.

export function dateTime(date, form = 'short') {
    return times[form].format(date);
}


// Somebody's text in one of ours: letters that run from right to left must not
// turn round what stands beside them.

export function isolated(text) {
    return /[^\u0000-\u058f]/.test(text) ? `\u2068${text}\u2069` : text;
}


export function t(key, values = {}) {
    let text = TABLES[language][key] ?? en[key] ?? key;

    if (typeof text === 'object') {
        text = text[plural.select(values.n)] ?? text.other;
    }

    return text.replace(/\{(\w+)\}/g, (all, name) => {
        const value = values[name];

        switch (typeof value) {
        case 'number':
            return number.format(value);
        case 'string':
            return isolated(value);
        default:
            return all;
        }
    });
}
