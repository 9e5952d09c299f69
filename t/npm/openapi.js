// Checks conf/openapi.yaml itself, and answers that tests have seen against
// it.  Prints the faults found as JSON, for t/openapi.t.
//
// Usage: node openapi.js DOCUMENT ANSWERS
//
// ANSWERS has one JSON text a line: { method, path, status, headers, body },
// the names of headers in lower case.

const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const Ajv = require('ajv/dist/2020');
const yaml = require('js-yaml');

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'];

// What every answer of nginx may have, beside what a document tells; and what
// conf/cors.conf adds to all.
const PLAIN_HEADERS = ['server', 'date', 'connection', 'keep-alive',
    'content-type', 'content-length', 'transfer-encoding',
    'content-encoding', 'vary'];
const CORS_HEADER = /^access-control-/;

const [documentFile, answersFile] = process.argv.slice(2);
const document = yaml.load(fs.readFileSync(documentFile, 'utf8'));
const ajv = new Ajv({ strict: false, allErrors: false });

ajv.addSchema(document, 'document');


// A value and the pointer to it, references followed.
function resolve(pointer) {
    const parts = pointer.split('/').slice(1)
        .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));
    let value = document;
    let at = '#';

    for (const part of parts) {
        value = value[part];
        at += '/' + escape(part);

        if (value && typeof value.$ref === 'string'
            && Object.keys(value).length === 1)
        {
            [value, at] = resolve(value.$ref);
        }
    }

    return [value, at];
}

function escape(part) {
    return part.replace(/~/g, '~0').replace(/\//g, '~1');
}

function check(pointer, value) {
    const uri = 'document' + encodeURI(pointer);
    const validate = ajv.getSchema(uri);

    if (!validate) {
        return `no schema at ${pointer}`;
    }

    return validate(value) ? null
        : ajv.errorsText(validate.errors, { dataVar: 'it' });
}


// The path of the document that a request's path is one of.
function findPath(asked) {
    for (const template of Object.keys(document.paths)) {
        const pattern = template.replace(/[.:]/g, '\\$&')
            .replace(/\{\w+\}/g, '[^/]+');

        if (new RegExp(`^${pattern}$`).test(asked)
            && !(template.includes('{') && document.paths[asked]))
        {
            return template;
        }
    }

    return null;
}

function forNoOperation(status) {
    const names = { 404: 'NoSuchEndpoint', 405: 'MethodNotAllowed',
                    413: 'TooLarge' };

    return '#/components/responses/' + (names[status] || 'Other');
}

// The pointer to the description of an answer, and where it belongs to.
function findResponse(answer) {
    const template = findPath(answer.path.split('?')[0]);
    const method = answer.method.toLowerCase();

    if (template === null) {
        return [forNoOperation(answer.status), null];
    }

    const operation = METHODS.includes(method)
        && document.paths[template][method];

    if (!operation) {
        return [forNoOperation(answer.status), null];
    }

    const status = operation.responses[answer.status]
        ? String(answer.status) : 'default';

    return [`#/paths/${escape(template)}/${method}/responses/${status}`,
            `${answer.method} ${template} ${status}`];
}

// The first thing that is not as the document says, or null.
function fault(answer, pointer) {
    const [response, at] = resolve(pointer);
    const described = response.headers || {};

    for (const name of Object.keys(described)) {
        const value = answer.headers[name.toLowerCase()];
        const [header, place] = resolve(`${at}/headers/${escape(name)}`);

        if (value === undefined) {
            if (header.required) {
                return `no ${name}`;
            }
            continue;
        }

        const wrong = check(`${place}/schema`, value);

        if (wrong) {
            return `${name} is ${value}: ${wrong}`;
        }
    }

    const known = Object.keys(described).map((name) => name.toLowerCase());

    for (const name of Object.keys(answer.headers)) {
        if (!known.includes(name) && !PLAIN_HEADERS.includes(name)
            && !CORS_HEADER.test(name))
        {
            return `${name} is not described`;
        }
    }

    if (!response.content) {
        return answer.body === '' ? null : 'a body';
    }

    const type = answer.headers['content-type'];

    if (!Object.hasOwn(response.content, type)) {
        return `the type is ${type}`;
    }

    const schema = `${at}/content/${escape(type)}/schema`;

    if (answer.method === 'HEAD') {
        return answer.body === '' ? null : 'a body';
    }

    if (type === 'application/x-ndjson') {
        return linesFault(answer.body, schema);
    }

    let body = answer.body;

    try {
        if (/json$/.test(type)) {
            body = JSON.parse(answer.body);
        }
    } catch (error) {
        return `no JSON: ${error.message}`;
    }

    if (type === 'application/problem+json'
        && body.status !== Number(answer.status))
    {
        return `the status is said to be ${body.status}`;
    }

    return check(schema, body);
}


// The same of a body whose lines the schema is of.
function linesFault(body, schema) {
    if (!body.endsWith('\n')) {
        return 'the last line has no end';
    }

    for (const line of body.slice(0, -1).split('\n')) {
        let value;

        try {
            value = JSON.parse(line);
        } catch (error) {
            return `no JSON: ${error.message}`;
        }

        const wrong = check(schema, value);

        if (wrong) {
            return wrong;
        }
    }

    return null;
}


// Every status of every operation but "default".
function allResponses() {
    return Object.keys(document.paths).flatMap((template) =>
        METHODS.filter((method) => document.paths[template][method])
            .flatMap((method) =>
                Object.keys(document.paths[template][method].responses)
                    .filter((status) => status !== 'default')
                    .map((status) =>
                        `${method.toUpperCase()} ${template} ${status}`)));
}

// Names that a generator would give to two things: components of any two
// kinds, whatever their case, and operations.
function clashes() {
    const seen = new Map();
    const found = [];

    function add(name, place) {
        const key = name.toLowerCase();

        if (seen.has(key)) {
            found.push(`${place} and ${seen.get(key)}`);
        }

        seen.set(key, place);
    }

    for (const kind of Object.keys(document.components)) {
        for (const name of Object.keys(document.components[kind])) {
            add(name, `${kind}/${name}`);
        }
    }

    for (const template of Object.keys(document.paths)) {
        for (const method of METHODS) {
            const operation = document.paths[template][method];
            const place = `${method.toUpperCase()} ${template}`;

            if (!operation) {
                continue;
            }

            if (/^[a-z][A-Za-z]+$/.test(operation.operationId)) {
                add(operation.operationId, place);

            } else {
                found.push(`${place} has no operationId`);
            }
        }
    }

    return found;
}

async function main() {
    const { Validator } = await import(pathToFileURL(path.join(
        process.env.NODE_PATH, '@seriousme/openapi-schema-validator',
        'index.js')));
    const verdict = await new Validator().validate(document);
    const seen = new Set();
    const faults = [];
    let count = 0;

    for (const line of fs.readFileSync(answersFile, 'utf8').split('\n')) {
        if (line === '') {
            continue;
        }

        const answer = JSON.parse(line);
        const [pointer, place] = findResponse(answer);
        const wrong = fault(answer, pointer);

        count += 1;

        if (place) {
            seen.add(place);
        }

        if (wrong) {
            faults.push(`${answer.test}: ${answer.method} ${answer.path} `
                + `${answer.status} ${answer.body.slice(0, 300)}: ${wrong}`);
        }
    }

    return {
        version: document.openapi,
        document: verdict.valid ? [] : verdict.errors,
        clashes: clashes(),
        count,
        faults: faults.slice(0, 50),
        unseen: allResponses().filter((place) => !seen.has(place))
    };
}

main().then((result) => {
    console.log(JSON.stringify(result));
}, (error) => {
    console.error(error);
    process.exit(1);
});
