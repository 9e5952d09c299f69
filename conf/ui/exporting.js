// Trackers as files.  Each of them can be imported again, JSON and NDJSON
// exactly.

import { joinList, writeTable } from './table.js';


const BOM = '\uFEFF';


// A row a phrase; what a tracker has once is in its first row.

export function toCsv(trackers) {
    const rows = [['name', 'phrase', 'description', 'categories', 'languages']];

    for (const tracker of trackers) {
        tracker.vocabulary.forEach((phrase, i) => {
            const once = i === 0
                ? [tracker.description ?? '',
                   joinList(tracker.categories ?? []),
                   joinList(tracker.languages ?? [])]
                : ['', '', ''];

            rows.push([tracker.name, phrase, ...once]);
        });
    }

    return BOM + writeTable(rows);
}


export function toJson(trackers) {
    return JSON.stringify({ trackers }, null, 2) + '\n';
}


export function toNdjson(trackers) {
    return trackers.map((tracker) => JSON.stringify(tracker) + '\n').join('');
}


export const FORMATS = {
    json: { write: toJson, type: 'application/json', ending: 'json' },
    csv: { write: toCsv, type: 'text/csv;charset=utf-8', ending: 'csv' },
    ndjson: { write: toNdjson, type: 'application/x-ndjson', ending: 'ndjson' },
};
