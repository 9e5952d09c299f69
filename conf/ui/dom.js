// Elements.  Text comes in as text only: nothing here, nor elsewhere in the
// page, turns a string into markup.


// h('button', { class: 'x', disabled: true, on: { click: f } }, 'text', node):
// an attribute that is false, null or undefined is left out.

export function h(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);

    for (const [name, value] of Object.entries(attributes)) {
        if (name === 'on') {
            for (const [event, handler] of Object.entries(value)) {
                node.addEventListener(event, handler);
            }
        } else if (value === true) {
            node.setAttribute(name, '');
        } else if (value !== false && value !== null && value !== undefined) {
            node.setAttribute(name, String(value));
        }
    }

    append(node, children);
    return node;
}


// Adds nodes and strings; what is null or false is left out.

export function append(node, children) {
    for (const child of children.flat(Infinity)) {
        if (child === null || child === undefined || child === false) {
            continue;
        }
        node.append(child);
    }

    return node;
}


export function replace(node, ...children) {
    node.replaceChildren();
    return append(node, children);
}


// The same for controls that are drawn anew: the focus stays at its place.

export function redraw(node, ...children) {
    const controls = () => [...node.querySelectorAll('button, input, select')];
    const at = controls().indexOf(document.activeElement);

    replace(node, children);
    controls()[at]?.focus({ preventScroll: true });
    return node;
}


// Makes these the children of a node.  Those that are there already stay in the
// document, and are moved only if they must.

export function arrange(node, children) {
    const wanted = new Set(children);

    [...node.children].filter((child) => !wanted.has(child)).forEach((child) =>
        child.remove());
    children.forEach((child, i) => {
        if (node.children[i] !== child) {
            node.insertBefore(child, node.children[i] ?? null);
        }
    });
}


let last = 0;

export function uniqueId(prefix) {
    last++;
    return `${prefix}-${last}`;
}


// A control below its label, and a hint that screen readers read with it.

export function field(label, control, hint) {
    control.id = control.id || uniqueId('field');

    const parts = [h('label', { for: control.id }, label), control];

    if (hint) {
        const id = uniqueId('hint');
        control.setAttribute('aria-describedby', id);
        parts.push(h('p', { class: 'hint', id }, hint));
    }

    return h('div', { class: 'field' }, parts);
}


export function button(label, handler, attributes = {}) {
    return h('button', { type: 'button', ...attributes,
                         on: { click: handler } }, label);
}


// A select of [value, label] pairs.

export function choice(pairs, value, handler, attributes = {}) {
    return h('select', { ...attributes,
                         on: { change: (e) => handler(e.target.value) } },
             pairs.map(([key, label]) =>
                 h('option', { value: key, selected: key === value }, label)));
}


// Lets the browser paint and take input between two pieces of work.

export function pause() {
    return new Promise((resolve) => setTimeout(resolve, 0));
}
