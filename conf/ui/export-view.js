// The dialog that exports.

import { openDialog } from './dialog.js';
import { button, choice, field, h } from './dom.js';
import { FORMATS } from './exporting.js';
import { dated, download } from './files.js';
import { t } from './i18n.js';


// sets are { all, found, selected }, lists of trackers; the narrowest one that
// has any is proposed.

export function openExport(sets) {
    const offered = ['all', 'found', 'selected'].filter((key) =>
        key === 'all' || (sets[key].length > 0
                          && sets[key].length < sets.all.length));
    let which = offered[offered.length - 1], format = 'json';

    const dialog = openDialog(t('export.title'), [
        field(t('export.which'), choice(offered.map((key) =>
            [key, t(`export.${key}`, { n: sets[key].length })]), which,
            (value) => { which = value; })),
        field(t('export.format'), choice(Object.keys(FORMATS).map((key) =>
            [key, t(`export.format.${key}`)]), format,
            (value) => { format = value; })),
        h('div', { class: 'actions' },
          button(t('cancel'), () => dialog.close()),
          button(t('export.do'), () => {
              const { write, type, ending } = FORMATS[format];

              download(dated(ending), type, write(sets[which]));
              dialog.close();
          }, { class: 'main' })),
    ]);
}
