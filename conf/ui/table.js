// Text in cells: CSV and TSV, read and written.


const SEPARATORS = ['\t', ';', ','];


// { rows, open }: rows are { line, cells }, empty lines are left out; open is
// the line of a quote that is never closed, else 0.  Cells have no blanks at
// their ends, unless they are in quotes.

export function readTable(text, separator) {
    const rows = [];
    let cells = [], cell = '', line = 1, start = 1, quote = 0, i = 0;
    let isQuoted = false;

    const endCell = () => {
        cells.push(isQuoted ? cell : cell.trim());
        cell = '';
        isQuoted = false;
    };
    const endRow = () => {
        endCell();
        if (cells.length > 1 || cells[0] !== '') {
            rows.push({ line: start, cells });
        }
        cells = [];
        start = line;
    };

    for (; i < text.length; i++) {
        const c = text[i];

        if (c === '\n') {
            line++;
        }

        if (quote) {
            if (c !== '"') {
                cell += c;
            } else if (text[i + 1] === '"') {
                cell += '"';
                i++;
            } else {
                quote = 0;
            }
        } else if (c === '"' && !isQuoted && cell.trim() === '') {
            quote = line;
            isQuoted = true;
            cell = '';
        } else if (c === separator) {
            endCell();
        } else if (c === '\n') {
            endRow();
        } else if (c !== '\r') {
            cell += c;
        }
    }

    if (cell !== '' || cells.length) {
        endRow();
    }

    return { rows, open: quote };
}


// The separator that stands in most of the first lines, outside of quotes;
// none if there is no such.

export function guessSeparator(text) {
    const head = text.slice(0, 20000).split('\n').slice(0, 50)
        .map((line) => line.replace(/"[^"]*"/g, ''))
        .filter((line) => line.trim() !== '');

    let best = '', most = 0;

    for (const separator of SEPARATORS) {
        const n = head.filter((line) => line.includes(separator)).length;

        if (n > most) {
            best = separator;
            most = n;
        }
    }

    return most * 2 > head.length ? best : '';
}


// A cell that a spreadsheet would take for a formula gets an apostrophe, and
// loses it when it is read again.

export function guard(text) {
    return /^'*[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

export function unguard(text) {
    return /^'+[=+\-@\t\r]/.test(text) ? text.slice(1) : text;
}


// A list in a cell: a|b, where \ stands before a | and \ of an item.

export function joinList(items) {
    return items.map((item) => item.replace(/[\\|]/g, '\\$&')).join('|');
}

export function splitList(text) {
    return (text.match(/(?:\\[\\|]|[^|])+/g) ?? [])
        .map((item) => item.trim().replace(/\\([\\|])/g, '$1'))
        .filter((item) => item !== '');
}


export function writeTable(rows) {
    return rows.map((cells) => cells.map(writeCell).join(',')).join('\r\n')
           + '\r\n';
}

function writeCell(text) {
    const guarded = guard(text);

    return /[",;\t\r\n]|^\s|\s$/.test(guarded)
        ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}
