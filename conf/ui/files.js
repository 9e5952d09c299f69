// Files that the page gives, and the clipboard.

import { openDialog } from './dialog.js';
import { h } from './dom.js';
import { t } from './i18n.js';
import { notice } from './notices.js';


export function download(name, type, text) {
    const url = URL.createObjectURL(new Blob([text], { type }));

    h('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
}


// trackers-2026-01-31.csv

export function dated(ending) {
    return `trackers-${new Date().toISOString().slice(0, 10)}.${ending}`;
}


// Over plain HTTP a page may not copy: then the text is shown, selected.

export async function copy(text) {
    try {
        await navigator.clipboard.writeText(text);
        notice(t('copied'));
    } catch {
        const area = h('textarea', { rows: 6, readonly: true,
                                     'aria-label': t('copy.failed') });

        area.value = text;
        openDialog(t('copy.failed'), area);
        area.select();
    }
}
