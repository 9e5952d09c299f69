// When a tracker was created and changed.  The server has it beside a tracker,
// and so has the page: what is edited, compared and exported is without it.

import { h } from './dom.js';
import { dateTime } from './i18n.js';


// { tracker, created, changed }: ms since 1970, undefined where nobody knows.

export function apart(record) {
    const { createdAt, updatedAt, ...tracker } = record;

    return { tracker, created: moment(createdAt), changed: moment(updatedAt) };
}

export function moment(text) {
    return text === undefined ? undefined : Date.parse(text) || undefined;
}


// A time as its reader writes it, the whole of it as a title.

export function timeOf(ms) {
    const date = new Date(ms);

    return h('time', { datetime: date.toISOString(),
                       title: dateTime(date, 'whole') }, dateTime(date));
}
