// The page of conf/ui in a real browser, as people use it; prints TAP.
//
// Usage: node browser.js CHROMIUM URL APPID SECRET RUN-FOLDER

const fs = require('fs');
const net = require('net');
const path = require('path');
const puppeteer = require('puppeteer-core');

const [chromium, url, appId, secret, run] = process.argv.slice(2);
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.env.TRACKER_SHOTS;

const LIMIT = 60000;
const WIDE = { width: 1100, height: 800 };
const NARROW = { width: 320, height: 700 };
const LOOKS = [['light', WIDE], ['dark', WIDE], ['light', NARROW]];
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

let count = 0, failed = 0;

function ok(good, title, note = '') {
    count++;
    failed += good ? 0 : 1;
    console.log(`${good ? '' : 'not '}ok ${count} - ${title}`);
    if (!good && note) {
        console.log(`  ${String(note).replace(/\n/g, '\n  ')}`);
    }
}

function is(got, expected, title) {
    ok(got === expected, title, `got ${got}, expected ${expected}`);
}

function like(got, pattern, title) {
    ok(pattern.test(got), title, `got ${got}, expected ${pattern}`);
}


// The API, without the page.

let token;

async function call(method, at, body, headers = {}) {
    const send = () => fetch(`${url}/v1/manage/${at}`, { method, headers: {
        Authorization: `Bearer ${token}`, 'Content-Type': 'application/json',
        ...headers }, body: body && JSON.stringify(body) });

    // a worker that ends closes connections that are kept
    const answer = await send().catch(send);

    return { status: answer.status, body: await answer.json() };
}

async function login() {
    const answer = await fetch(`${url}/oauth2/token:generate`, { method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ type: 'application', appId,
                               appSecret: secret }) });

    token = (await answer.json()).accessToken;
}

const named = async (name) => (await call('GET',
    `trackers?name=${encodeURIComponent(name)}`)).body.trackers[0];

async function settled(test, title, note = () => '') {
    const end = Date.now() + LIMIT;

    while (Date.now() < end) {
        if (await test()) {
            ok(true, title);
            return;
        }
        await new Promise((done) => setTimeout(done, 100));
    }

    ok(false, title, note());
}


// A page of its own context, as of another person.

const words = [];
const asked = [];

async function person(browser) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();

    page.setDefaultTimeout(LIMIT);
    await page.setViewport(WIDE);
    page.on('pageerror', (error) => words.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => {
        asked.push(dialog.type());
        dialog.accept();
    });

    // the requests of its feed, and those of them that it has aborted
    page.asked = [];
    page.aborted = [];
    page.on('request', (request) => {
        if (request.url().includes('/trackers/changes?')) {
            page.asked.push(request);
        }
    });
    page.on('requestfailed', (request) => {
        if (page.asked.includes(request)
            && request.failure().errorText === 'net::ERR_ABORTED')
        {
            page.aborted.push(request);
        }
    });

    // told at once, since a page may go away
    await page.exposeFunction('tellViolation', (text) => words.push(text));
    page.notes = [];
    await page.exposeFunction('tellNote', (text) => page.notes.push(text));
    await page.evaluateOnNewDocument(() => {
        new MutationObserver((all) => all.forEach(({ target, addedNodes }) =>
            target.matches?.('.told .others[role=status]')
            && addedNodes.length && window.tellNote(target.textContent)))
            .observe(document, { childList: true, subtree: true });
        document.addEventListener('securitypolicyviolation', (event) =>
            window.tellViolation(
                `${event.violatedDirective} ${event.blockedURI}`));
    });

    return page;
}

const shows = (page, text) => page.waitForFunction((wanted) =>
    (document.querySelector('dialog[open]:last-of-type') ?? document.body)
        .innerText.includes(wanted), {}, text);
const fails = (page, text) => page.waitForFunction((wanted) =>
    [...document.querySelectorAll('dialog .error')].some((one) =>
        one.innerText.includes(wanted)), {}, text);
const closed = (page) => page.waitForFunction(() =>
    !document.querySelector('dialog[open]'));

// By keyboard only: Tab until something has the focus that the selector means
// and that says this, then a key.
async function press(page, label, { selector = 'button', key = 'Enter' } = {}) {
    await page.waitForFunction((one, wanted) => {
        const dialogs = document.querySelectorAll('dialog[open]');

        return [...(dialogs[dialogs.length - 1] ?? document)
            .querySelectorAll(one)].some((node) => !node.disabled
                && (!wanted || node.textContent === wanted));
    }, {}, selector, label);

    for (let i = 0; i < 400; i++) {
        if (await page.evaluate((one, wanted) =>
            document.activeElement.matches(one)
            && (!wanted || document.activeElement.textContent === wanted),
            selector, label))
        {
            await page.keyboard.press(key);
            return;
        }
        await page.keyboard.press('Tab');
    }

    throw new Error(`the keyboard does not reach ${selector} "${label}"`);
}

async function chord(page, modifier, key) {
    await page.keyboard.down(modifier);
    await page.keyboard.press(key);
    await page.keyboard.up(modifier);
}

// A letter is a command where nothing is typed.
async function command(page, key) {
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press(key);
}

async function paste(page, selector, text) {
    await page.focus(selector);
    await chord(page, 'Control', 'a');
    await page.keyboard.sendCharacter(text);
}

// Until the feed's request is held by the server.
async function holds(page) {
    const isHeld = () => {
        const last = page.asked.at(-1);
        return last && !last.response() && !last.failure();
    };

    for (let i = 0; i < LIMIT / 100 && !isHeld(); i++) {
        await new Promise((done) => setTimeout(done, 100));
    }
}

// Of a response that tells the page of what was done.
const hears = (page) => page.waitForResponse(async (answer) =>
    answer.url().includes('/trackers/changes?') && answer.ok()
    && (await answer.json()).changes.length > 0);

const focused = (page) => page.evaluate(() =>
    document.activeElement.innerText);
const textOf = (page, selector) => page.$$eval(selector, (all) =>
    all.map((one) => one.innerText).join('\n'));

async function signIn(page) {
    await page.goto(`${url}/?lang=en`);
    await page.waitForSelector('input[name=username]');
    await page.type('input[name=username]', appId);
    await page.type('input[name=password]', secret);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.count');
}

// What is seen now, in each look: nothing that axe finds, nothing to scroll
// sideways.
async function look(page, state) {
    for (const [scheme, viewport] of LOOKS) {
        const title = `${state}, ${scheme}, ${viewport.width} px`;

        await page.emulateMediaFeatures([
            { name: 'prefers-color-scheme', value: scheme },
            { name: 'prefers-reduced-motion', value: 'reduce' }]);
        await page.setViewport(viewport);

        const found = await faults(page);
        is(found, '', `${title}: axe`);

        const [has, may] = await page.evaluate(() =>
            [document.documentElement.scrollWidth, window.innerWidth]);
        ok(has <= may, `${title}: no scrolling sideways`, `${has} of ${may}`);

        if (shots) {
            const file = `${state}-${scheme}-${viewport.width}.png`;

            await page.screenshot({
                path: path.join(shots, file.replace(/\s/g, '-')) });
        }
    }

    await page.setViewport(WIDE);
}

// axe runs in a world of its own: the policy of the page stays as it is.
async function faults(page) {
    const session = await page.createCDPSession();
    const { frameTree } = await session.send('Page.getFrameTree');
    const { executionContextId: contextId } = await session.send(
        'Page.createIsolatedWorld', { frameId: frameTree.frame.id });
    const run = (expression) => session.send('Runtime.evaluate',
        { expression, contextId, awaitPromise: true, returnByValue: true });

    await run(axe);
    const { result, exceptionDetails } = await run(`axe.run(document, { runOnly:
        { type: 'tag', values: ${JSON.stringify(TAGS)} } }).then((found) =>
        found.passes.length < 3 ? 'nothing was looked at' :
        found.violations.map((one) => one.id + ': ' + one.nodes.map((node) =>
            node.html.slice(0, 120) + ' ' + node.failureSummary).join('; '))
            .join('\\n'))`);

    await session.detach();
    return exceptionDetails ? exceptionDetails.exception.description
                            : result.value;
}


// S1, S2: the sign-in, and nothing there yet.

async function starts(page) {
    await page.goto(`${url}/?lang=en`);
    await page.waitForSelector('input[name=username]');
    await look(page, 'sign-in');

    await page.type('input[name=username]', appId);
    await page.type('input[name=password]', 'wrong');
    await page.keyboard.press('Enter');
    await shows(page, 'Invalid appId or appSecret.');
    is(await page.evaluate(() => document.activeElement.name), 'password',
       'a wrong secret: it has the focus');

    await page.evaluate(() => { document.activeElement.value = ''; });
    await page.type('input[name=password]', secret);
    await page.keyboard.press('Enter');
    await shows(page, 'There are no trackers yet.');
    await look(page, 'nothing yet');

    is(await page.evaluate(() => localStorage.length + sessionStorage.length
                                 + document.cookie.length), 0,
       'nothing is in storage or cookies');
    ok(!page.url().includes(secret), 'nor in the address');
}


// S4 by keyboard only: a name that looks like markup, phrases, Ctrl+Enter.

const NAME = 'Masks <img src=x onerror=alert(1)>';

async function creates(page) {
    await command(page, 'n');
    await page.waitForSelector('dialog form');
    await page.keyboard.type(NAME);
    await page.keyboard.press('Tab');

    for (const phrase of ['mask', 'Mask', 'face cover', 'uh']) {
        await page.keyboard.type(phrase);
        await page.keyboard.press('Enter');
    }

    const warnings = await textOf(page, '.warnings li');
    like(warnings, /“Mask” and “mask” differ/,
         'warned of what is nearly twice');
    like(warnings, /“uh” is in almost/, 'of a filler');
    like(warnings, /5 to 50 phrases/, 'of too few');
    await look(page, 'editor');

    await page.keyboard.type('mask');
    await chord(page, 'Control', 'Enter');
    await shows(page, 'A phrase is there twice');
    ok(true, 'what is there twice blocks');

    for (let i = 0; i < 4; i++) {
        await page.keyboard.press('Backspace');
    }
    await chord(page, 'Control', 'Enter');
    await closed(page);

    is((await named(NAME)).vocabulary.join('|'), 'mask|Mask|face cover|uh',
       'it is stored');
    is(await textOf(page, '.row .name'), NAME, 'and shown as text');
    is(await page.$('main img'), null, 'not as markup');
    is(await focused(page), NAME, 'it has the focus');
    await look(page, 'list');
}


// S6: the name exists.

async function conflicts(page) {
    await command(page, 'n');
    await page.waitForSelector('dialog form');
    await page.keyboard.type(NAME);
    like(await textOf(page, '.warnings'), /There is a tracker/,
         'a name that exists: told while it is typed');
    await page.keyboard.press('Tab');
    await page.keyboard.type('respirator');
    await press(page, 'Save');
    await shows(page, 'The name exists');
    await look(page, 'conflict');
    await press(page, 'Add these phrases to it');
    await closed(page);
    like((await named(NAME)).vocabulary.join('|'), /uh\|respirator$/,
         '409: added to the one that is there');
}


// S7: two people change one tracker.

async function changes(one, two) {
    const open = async (page) => {
        await press(page, NAME, { selector: '.row .name' });
        await page.waitForSelector('dialog form');
    };
    const add = async (page, phrase, text) => {
        await page.type('dialog .add input', phrase);
        await page.keyboard.press('Enter');
        await page.type('dialog form textarea', text);
        await press(page, 'Save');
    };

    await signIn(two);
    await open(one);
    await open(two);
    await add(two, 'of two', 'words of two');
    await closed(two);
    await add(one, 'of one', 'words of one');
    await shows(one, 'Changed by somebody else');
    await look(one, 'changed');
    await press(one, '', { selector: 'fieldset input', key: 'ArrowDown' });

    // the next try must not save what somebody has typed over it
    await one.setOfflineMode(true);
    await press(one, 'Save the joined one');
    await fails(one, 'No connection.');
    like(await textOf(one, '.chips'), /of two/,
         'not saved: the form has the joined one');
    await one.setOfflineMode(false);
    await press(one, 'Save');
    await closed(one);

    const stored = await named(NAME);
    like(stored.vocabulary.join('|'), /of two\|of one$/,
         '412: the phrases of both');
    is(stored.description, 'words of two',
       'and the description that was chosen');
}


// S9: the store stands still, the key of the tokens is another one, no
// network: what was typed stays, and is saved in the end.

const signal = (file, name) =>
    process.kill(Number(fs.readFileSync(path.join(run, file), 'utf8')), name);

async function troubles(page) {
    await command(page, 'n');
    await page.waitForSelector('dialog form');
    await page.keyboard.type('draft');
    await page.keyboard.press('Tab');
    await page.keyboard.type('one phrase');

    signal('redis.pid', 'SIGSTOP');
    await press(page, 'Save');
    await page.waitForFunction(() =>
        document.querySelector('dialog .error').innerText !== '');
    signal('redis.pid', 'SIGCONT');
    like(await textOf(page, 'dialog .error'), /try again/,
         'the store: says so');
    is(await page.$eval('dialog form input', (input) => input.value), 'draft',
       'the draft is there');
    await look(page, 'trouble');

    await page.setOfflineMode(true);
    await press(page, 'Save');
    await fails(page, 'No connection.');
    await page.setOfflineMode(false);

    fs.writeFileSync(path.join(run, 'jwt.key'), 'k'.repeat(64));
    signal('nginx.pid', 'SIGHUP');
    await settled(async () => (await call('GET', 'trackers')).status === 401,
                  'the tokens are good no more');
    await settled(() => page.asked.at(-1).response()?.status() === 401,
                  'the feed is refused');
    await new Promise((done) => setTimeout(done, 1000));
    is(await page.$('.signin'), null, 'and opens nothing over the draft');
    await press(page, 'Save');
    await shows(page, 'Sign in again');
    await look(page, 'sign-in again');
    await page.type('dialog input[name=password]', secret);
    await page.keyboard.press('Enter');

    // what the store did when it went on may hold the account's lock
    await settled(() => page.evaluate(() => {
        const submit = document.querySelector('dialog form:not(.signin) .main');

        submit?.click();
        return !submit;
    }), 'saved when all is well again');
    await login();
    is((await named('draft'))?.vocabulary.join('|'), 'one phrase',
       'the draft, once');

    const { id } = await make('followed again', 'x');
    await page.waitForSelector(rowOf(id));
    ok(true, 'and the feed goes on');
}


// S3, S10: selected, deleted, brought back; deleted for good.

async function deletes(page) {
    const { id } = await named('draft');

    await press(page, '', { selector: `.row[data-id="${id}"] input`,
                            key: 'Space' });
    await shows(page, '1 selected');
    await look(page, 'selected');
    await command(page, 'Escape');
    ok(await page.$eval('.bar', (bar) => bar.hidden), 'Esc ends a selection');

    const remove = () => press(page, '',
        { selector: `.row[data-id="${id}"] .danger` });

    await remove();
    await shows(page, 'draft is deleted.');
    is(await page.$(`.row[data-id="${id}"]`), null, 'the row is gone');
    await press(page, 'Undo');
    await page.waitForSelector(`.row[data-id="${id}"]`);
    is((await named('draft')).id, id, 'brought back, with its id');
    is(await focused(page), 'draft', 'and the focus');

    await remove();
    await page.waitForFunction((one) =>
        !document.querySelector(`.row[data-id="${one}"]`), {}, id);
    await chord(page, 'Control', 'z');
    await page.waitForSelector(`.row[data-id="${id}"]`);
    is(await focused(page), 'draft', 'Ctrl+Z brings it back, too');

    await remove();
    is((await named('draft')).id, id, 'not deleted at once');
    await look(page, 'deleted');
    const before = await focused(page);
    await settled(async () => !await named('draft'), 'deleted after a while');
    is(await focused(page), before, 'and the focus stays where it was');
}


// A tracker that somebody has changed is not what was deleted; a page that is
// closed deletes at once, and asks before if there are many.

async function changedMeanwhile(page) {
    const { tracker } = (await call('POST', 'tracker',
        { name: 'shared', vocabulary: ['before'] })).body;
    const remove = () => press(page, '',
        { selector: `.row[data-id="${tracker.id}"] .danger` });

    await page.waitForSelector(`.row[data-id="${tracker.id}"]`);

    const looked = page.waitForResponse((answer) =>
        answer.url().includes(`/tracker/${tracker.id}`));
    await remove();
    await looked;
    await call('PUT', `tracker/${tracker.id}`,
               { name: 'shared', vocabulary: ['after'] });
    await shows(page, 'Somebody else has changed shared: not deleted.');
    await shows(page, 'after');
    is((await named('shared')).vocabulary[0], 'after',
       'changed by somebody else: not deleted, shown as it is now');
    await press(page, '×');

    await remove();
    await shows(page, 'shared is deleted.');
    await command(page, 'n');
    await page.waitForSelector('dialog form');
    await page.keyboard.type('shared');
    await page.keyboard.press('Tab');
    await page.keyboard.type('anew');
    await chord(page, 'Control', 'Enter');
    await closed(page);

    const anew = await named('shared');
    ok(anew.id !== tracker.id && anew.vocabulary[0] === 'anew',
       'its name is free for another one at once');
}

async function leaves(browser) {
    const make = (n) => call('POST', 'trackers', Array.from({ length: n },
        (_, i) => ({ name: `left ${i}`, vocabulary: ['x'] })));
    const left = async () => (await call('GET', 'trackers')).body.trackers
        .filter(({ name }) => name.startsWith('left ')).length;
    const removeAll = async (page, n) => {
        await command(page, '/');
        await page.keyboard.type('left ');
        await shows(page, `${n} of`);
        await press(page, '', { selector: '.row input', key: 'Space' });
        await press(page, `Select all ${n} found`);
        await press(page, 'Delete');
        await shows(page, `${n} trackers are deleted.`);
    };

    await make(5);
    let page = await person(browser);
    await signIn(page);
    await removeAll(page, 5);
    is(await left(), 5, 'nothing is deleted while it can be taken back');
    await page.close({ runBeforeUnload: true });
    await settled(async () => await left() === 0,
                  'a closed tab deletes at once');

    await make(20);
    page = await person(browser);
    await signIn(page);
    await removeAll(page, 20);
    asked.length = 0;
    await page.goto('about:blank');
    is(asked.join(), 'beforeunload', 'asks before it is left with many');
    await settled(async () => await left() === 0,
                  'and all of them are deleted');
    await page.close();
}


// Another write of the account is on its way, its body not: 429.

async function waits(page) {
    const { hostname, port } = new URL(url);
    const hold = () => new Promise((done, fail) => {
        const socket = net.connect(port, hostname, () => socket.write(
            'POST /v1/manage/tracker HTTP/1.1\r\nHost: x\r\n'
            + `Authorization: Bearer ${token}\r\nExpect: 100-continue\r\n`
            + 'Content-Type: application/json\r\nContent-Length: 9\r\n\r\n'));

        socket.once('data', () => done(socket));
        socket.once('error', fail);
    });
    const refused = () => page.waitForResponse((answer) =>
        answer.status() === 429);

    let socket = await hold();
    await command(page, 'n');
    await page.waitForSelector('dialog form');
    await page.keyboard.type('waited');
    await page.keyboard.press('Tab');
    await page.keyboard.type('for it');

    let answer = refused();
    await chord(page, 'Control', 'Enter');
    await answer;
    answer = refused();
    await answer;
    await shows(page, 'busy with another change');
    is(await textOf(page, 'dialog h2'), 'New tracker',
       '429 twice: says so, the draft is there');

    answer = refused();
    await chord(page, 'Control', 'Enter');
    await answer;
    socket.destroy();
    await closed(page);
    is((await named('waited')).vocabulary[0], 'for it',
       '429 once: saved without a word');
}


// A draft is not left unasked, by Esc or with the page.

async function stays(page) {
    await command(page, 'n');
    await page.waitForSelector('dialog form');
    await page.keyboard.type('unsaved');
    await page.keyboard.press('Escape');
    await shows(page, 'What you have changed is not saved.');
    await look(page, 'leave');
    await page.keyboard.press('Escape');
    await shows(page, 'Phrases');
    is(await page.$eval('dialog input', (input) => input.value), 'unsaved',
       'Esc twice: still there');

    // keys that come one after the other in no time
    await page.keyboard.press('Escape');
    await shows(page, 'What you have changed is not saved.');
    await page.evaluate(async () => {
        const escape = () => [...document.querySelectorAll('dialog[open]')]
            .at(-1).dispatchEvent(new KeyboardEvent('keydown',
                { key: 'Escape', bubbles: true, cancelable: true }));

        escape();
        for (let i = 0; i < 20; i++) {
            await null;
        }
        escape();
    });
    is(await page.$$eval('dialog[open]', (all) => all.length), 2,
       'Esc twice more in a moment: asks again');
    await press(page, 'Leave without saving');
    await closed(page);
    await press(page, '', { selector: 'label input', key: 'Space' });
    await page.keyboard.press('n');
    await page.keyboard.press('/');
    ok(!await page.$('dialog') && await page.evaluate(() =>
        document.activeElement.type === 'checkbox'),
       'letters can be turned off');
    await page.keyboard.press('Space');
    await page.keyboard.press('n');
    await page.waitForSelector('dialog form');
    await page.keyboard.type('unsaved');

    asked.length = 0;
    await page.reload();
    is(asked.join(), 'beforeunload', 'a reload asks');
    await signIn(page);
    is(await named('unsaved'), undefined, 'and what is left is not saved');
}


// Quotes, letters from right to left, line feeds, and markup in each field.

async function texts(page) {
    const odd = { name: 'שלום "a" \'b\' `c` \u202ez',
                  description: 'a\r\nb\n<b>c</b>',
                  categories: ['<i>x</i>', ' é '], languages: ['he'],
                  vocabulary: ['שלום עולם', '"quoted"', "it's", 'a\nb', ' c ',
                               '<script>alert(1)</script>'] };
    const { tracker } = (await call('POST', 'tracker', odd)).body;

    await press(page, 'Reload');
    await page.waitForSelector(`.row[data-id="${tracker.id}"]`);
    await look(page, 'texts');
    await press(page, odd.name, { selector: '.name' });
    await page.waitForSelector('dialog form');
    await look(page, 'editor of texts');

    // each phrase is looked at, and one is added
    for (let i = 0; i < odd.vocabulary.length; i++) {
        await page.focus(`.chips li:nth-child(${i + 1}) .chip`);
        await page.keyboard.press('Enter');
        await page.keyboard.press('Enter');
    }
    await page.keyboard.type('new');
    await chord(page, 'Control', 'Enter');
    await closed(page);

    const { id, ...rest } = await named(odd.name);
    is(JSON.stringify(rest), JSON.stringify({ ...odd,
        vocabulary: [...odd.vocabulary, 'new'] }),
       'quotes, right to left, line feeds, blanks: as they were');
    is(await page.$('main script, main b, main i'), null, 'and never markup');
}


// Who changed what and when: times in the list and in the editor.

async function times(page) {
    const { id, createdAt, updatedAt } = (await call('GET',
        'trackers?expand=times')).body.trackers.find(({ name }) =>
        name === NAME);
    const cell = `.row[data-id="${id}"] .when`;

    ok(createdAt < updatedAt, 'the server knows when');
    await page.emulateTimezone('Asia/Kathmandu');
    await signIn(page);
    await page.waitForSelector(`${cell} time`);

    const [text, at, title] = await page.$eval(`${cell} time`, (time) =>
        [time.textContent, time.dateTime, time.title]);
    const said = (style) => page.evaluate((time, one) =>
        new Intl.DateTimeFormat('en', { ...one, timeZone: 'Asia/Kathmandu' })
            .format(new Date(time)), updatedAt, style);

    is(at, updatedAt, 'the list: when it was changed');
    is(text, await said({ dateStyle: 'medium', timeStyle: 'short' }),
       'where the reader is');
    is(title, await said({ dateStyle: 'full', timeStyle: 'long' }),
       'the full time as title');
    like(await textOf(page, cell), /^Changed\n/, 'and what it is');

    await press(page, NAME, { selector: '.row .name' });
    await page.waitForSelector('dialog .times time');
    is((await page.$$eval('dialog .times time', (all) =>
        all.map((one) => one.dateTime))).join(), `${createdAt},${updatedAt}`,
        'the editor: created and changed');
    like(await textOf(page, 'dialog .times'), /^Created .* · Changed /,
         'and which is which');
    await look(page, 'times');
    await page.keyboard.press('Escape');
    await closed(page);
}


// What others do comes into the list, and nobody is disturbed in it.

const rowOf = (id) => `.row[data-id="${id}"]`;
const topOf = (page, id) => page.$eval(rowOf(id), (row) =>
    Math.round(row.getBoundingClientRect().top));
const make = async (name, ...vocabulary) =>
    (await call('POST', 'tracker', { name, vocabulary })).body.tracker;

// A note of this text, after what was told before.
const told = (page, text) => settled(() => page.notes.at(-1) === text,
    `told: ${text}`, () => page.notes.join('\n'));

async function follows(page) {
    const names = Array.from({ length: 30 }, (_, i) => `feed ${i + 10}`);
    const made = [];

    page.notes.length = 0;
    for (const name of names) {
        made.push(await make(name, 'before'));
    }
    for (const { id } of made) {
        await page.waitForSelector(rowOf(id));
    }
    ok(true, 'created by others: in the list at once');
    like(await page.$eval(`${rowOf(made[0].id)} time`, (time) =>
        time.dateTime), /^20\d\d-.*Z$/, 'with its time');

    await command(page, '/');
    await page.keyboard.type('feed');
    await shows(page, '30 of');
    await press(page, '', { selector: `${rowOf(made[20].id)} input`,
                            key: 'Space' });
    await page.focus(`${rowOf(made[20].id)} .name`);
    await page.evaluate(() => {
        const rows = document.querySelectorAll('.row');

        rows[20].scrollIntoView({ block: 'center' });
        window.was = [document.activeElement, ...rows];
    });

    // where a note needs a line of its own
    await page.setViewport(NARROW);
    await settled(async () => await textOf(page, '.told .others') === '',
                  'a note goes by itself');

    const before = await topOf(page, made[20].id);

    page.notes.length = 0;
    await call('PUT', `tracker/${made[21].id}`,
               { name: made[21].name, vocabulary: ['after'] });
    await call('DELETE', `tracker/${made[1].id}`);
    const extra = await make('feed 00', 'before', 'a longer one '.repeat(30));

    await page.waitForSelector(rowOf(extra.id));
    await page.waitForFunction((one) => !document.querySelector(one), {},
                               rowOf(made[1].id));
    await page.waitForFunction((one) => document.querySelector(one).innerText
        .includes('after'), {}, `${rowOf(made[21].id)} .some`);
    ok(true, 'created, changed, deleted by others: shown without a reload');
    await settled(() => page.notes.length > 0, 'and told');
    is(await topOf(page, made[20].id), before, 'what is seen stays there');
    await settled(async () => await textOf(page, '.told .others') === '',
                  'the note goes');
    is(await topOf(page, made[20].id), before, 'and nothing moves');
    await page.setViewport(WIDE);
    is(await focused(page), made[20].name, 'and the focus');
    ok(await page.evaluate(() => window.was[0] === document.activeElement
        && window.was.slice(1).filter((one) => one.isConnected).length === 29),
        'in the same elements');
    ok(await page.$eval(`${rowOf(made[20].id)} input`, (box) => box.checked),
       'what was selected is');
    is(await page.$eval('input[type=search]', (input) => input.value), 'feed',
       'and what was searched for');
    is(await textOf(page, '.count'), `30 of ${(await call('GET', 'trackers'))
        .body.trackers.length} trackers`, 'counted');
    await command(page, 'Escape');

    // the focus goes on where a row was; several are told of in one note
    await page.focus(`${rowOf(made[2].id)} .name`);
    await call('DELETE', `tracker/${made[2].id}`);
    await told(page, `${made[2].name} was deleted by somebody else.`);
    is(await focused(page), made[3].name,
       'the row with the focus: it goes to the next');
    await call('POST', 'trackers?on_conflict=replace', made.slice(3, 6)
        .map(({ name }) => ({ name, vocabulary: ['after'] })));
    await told(page, '3 trackers were changed by others.');
    await page.evaluate(() => window.scrollTo(0, 0));
    await look(page, 'followed');
    is(await focused(page), made[3].name, 'changed: it stays');

    await page.select('.filters select', 'changed');
    await page.waitForFunction((name) => document.querySelector('.row .name')
        .textContent === name, {}, made[5].name);
    ok(true, 'in the order of their times');
    await page.select('.filters select', 'name');
    return made;
}


// Own changes are nobody's news.

async function quietly(page, made) {
    const { id, name } = made[6];

    page.notes.length = 0;
    await press(page, name, { selector: '.row .name' });
    await page.waitForSelector('dialog form');
    await page.type('dialog .add input', 'own');

    let heard = hears(page);
    await chord(page, 'Control', 'Enter');
    await closed(page);
    await heard;
    await page.waitForFunction((one) => document.querySelector(one).innerText
        .includes('own'), {}, `${rowOf(id)} .some`);
    is(await focused(page), name, 'changed here: the focus');

    heard = hears(page);
    await command(page, 'n');
    await page.waitForSelector('dialog form');
    await page.keyboard.type('feed own');
    await page.keyboard.press('Tab');
    await page.keyboard.type('own');
    await chord(page, 'Control', 'Enter');
    await closed(page);
    await heard;

    heard = hears(page);
    await press(page, '', { selector: `${rowOf(id)} .danger` });
    await heard;
    await settled(async () => !await named(name), 'deleted here');

    // what comes after them is told
    const other = await make('feed other', 'before');

    await told(page, 'feed other was created by somebody else.');
    is(page.notes.length, 1, 'what this page does is not told');
    return other;
}


// A draft stays what it is while others change or delete the tracker.

async function warned(page, { id, name }) {
    const value = (selector) => page.$eval(selector, (one) => one.value);
    const note = () => textOf(page, 'dialog .others');

    await press(page, name, { selector: '.row .name' });
    await page.waitForSelector('dialog form');
    await page.type('dialog .add input', 'mine');
    await page.keyboard.press('Enter');
    await page.type('dialog form textarea', 'draft');
    is(await note(), '', 'an editor: nothing to say');

    await call('PUT', `tracker/${id}`, { name, vocabulary: ['theirs'] });
    await page.waitForFunction(() => document.querySelector('dialog .others')
        .innerText.includes('has changed this tracker meanwhile'));
    ok(true, 'changed by others: said before it is saved');
    is(await page.$eval('dialog .others', (one) => one.getAttribute('role')),
       'status', 'politely');
    is(await value('dialog form textarea'), 'draft', 'the draft stays');
    is(await page.evaluate(() => document.activeElement.tagName), 'TEXTAREA',
       'and the focus');
    await look(page, 'changed while edited');

    await call('PUT', `tracker/${id}`, { name, vocabulary: ['before'] });
    await page.waitForFunction(() =>
        document.querySelector('dialog .others').innerText === '');
    ok(true, 'changed back: nothing to say');

    await call('PUT', `tracker/${id}`, { name, vocabulary: ['theirs'] });
    await shows(page, 'has changed this tracker meanwhile');
    await chord(page, 'Control', 'Enter');
    await shows(page, 'Changed by somebody else');
    await press(page, 'Save the joined one');
    await closed(page);
    is((await named(name)).vocabulary.join('|'), 'theirs|mine', 'joined');

    await press(page, name, { selector: '.row .name' });
    await page.waitForSelector('dialog form');
    await page.type('dialog form textarea', 'more');
    await call('DELETE', `tracker/${id}`);
    await page.waitForFunction(() => document.querySelector('dialog .others')
        .innerText.includes('has deleted this tracker'));
    is(await value('dialog form textarea'), 'draftmore',
       'deleted by others: said, the draft stays');
    await chord(page, 'Control', 'Enter');
    await closed(page);

    const anew = await named(name);
    ok(anew.id !== id && anew.description === 'draftmore', 'created anew');

    await press(page, name, { selector: '.row .name' });
    await page.waitForSelector('dialog form');
    await call('DELETE', `tracker/${anew.id}`);
    await shows(page, 'has deleted this tracker');
    await page.keyboard.press('Escape');
    await closed(page);
    await settled(() => page.evaluate(() =>
        document.activeElement.type === 'search'),
        'left then: no row has the focus, but the search');
    await command(page, '/');
    await page.keyboard.press('Backspace');
}


// Nobody looks: no request.  Then the feed goes on where it was, or loads the
// list again if that is too long ago.

const turn = (page, isHidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true,
                                                get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
}, isHidden);

async function hides(page) {
    await holds(page);
    page.aborted.length = 0;
    await turn(page, true);
    await settled(() => page.aborted.length === 1, 'hidden: the feed stops');

    const n = page.asked.length;
    const { id } = await make('feed hidden', 'x');

    await new Promise((done) => setTimeout(done, 2000));
    is(page.asked.length, n, 'and asks for nothing');
    is(await page.$(rowOf(id)), null, 'nothing comes');
    await turn(page, false);
    await page.waitForSelector(rowOf(id));
    ok(true, 'shown again: what was done meanwhile is there');

    await holds(page);
    page.aborted.length = 0;
    await press(page, 'Sign out');
    await page.waitForSelector('input[name=username]');
    await settled(() => page.aborted.length === 1, 'signed out: it stops');
    await signIn(page);
    await holds(page);
    ok(true, 'signed in: it begins anew');

    const all = (await call('GET', 'trackers')).body.trackers;

    for (const one of all.filter(({ name }) => name.startsWith('feed '))) {
        await call('DELETE', `tracker/${one.id}`);
    }
    await page.waitForFunction(() => ![...document.querySelectorAll('.name')]
        .some((one) => one.textContent.startsWith('feed ')));
    ok(true, 'and what others delete goes');
}


// Try it.

async function tries(page) {
    await press(page, 'Try it');
    await page.waitForSelector('dialog textarea');
    await page.keyboard.type('😀 Please wear a mask. Nothing else.');
    await chord(page, 'Control', 'Enter');
    await page.waitForSelector('mark');
    is(await textOf(page, 'mark'), 'mask', 'the phrase is marked');
    await look(page, 'try it');
    await page.keyboard.press('Escape');
    await closed(page);
}


// S8, S8a to S8d.

const opensImport = async (page) => {
    await press(page, 'Import');
    await page.waitForSelector('dialog textarea');
};

async function endsImport(page) {
    await shows(page, 'This is stored now:');
    const told = await textOf(page, '.result');

    // the list is read anew, and another one then
    await page.$eval('.count', (count) => count.classList.add('old'));
    await press(page, 'Close');
    await page.waitForSelector('.count:not(.old)');
    return told;
}

// What the page shows for a policy, when the server has said it.
async function checks(page, policy, pattern, title) {
    await page.select('.options .field:nth-last-of-type(1) select', policy);
    await page.waitForFunction(() =>
        !document.querySelector('[aria-busy]'));
    like(await textOf(page, '.result'), pattern, title);
}

const CSV = 'name,phrase,language\nImported,first,en\nImported,second,en\n'
    + ',lost,en\nMasks <img src=x onerror=alert(1)>,imported,en\n';

async function imports(page) {
    await opensImport(page);
    await paste(page, 'dialog textarea', CSV);
    await look(page, 'import');
    await press(page, 'Preview');
    await shows(page, '2 trackers read');
    like(await textOf(page, '.result'), /1 new[^]*1 gets more phrases/,
         'what the server would do');
    like(await textOf(page, '.result'), /1 fault[^]*Line 4/, 'a fault by line');
    await look(page, 'preview');
    await checks(page, 'skip', /1 new[^]*1 is left as it is/, 'skip');
    await checks(page, 'replace', /1 new[^]*1 is replaced/, 'replace');
    await checks(page, 'error',
                 /refuses it[^]*Line 5 .There is a tracker “Masks/,
                 'error: refused, by line');
    await checks(page, 'merge', /1 gets more phrases/, 'merge');
    is(await named('Imported'), undefined, 'nothing is stored yet');

    await page.setOfflineMode(true);
    await press(page, 'Import 2 trackers');
    await fails(page, 'No connection.');
    await page.setOfflineMode(false);
    await press(page, 'Import 2 trackers');
    await shows(page, 'This is stored now:');
    await look(page, 'imported');
    await endsImport(page);
    is((await named('Imported')).vocabulary.join('|'), 'first|second',
       'created');
    like((await named(NAME)).vocabulary.join('|'), /\|imported$/, 'merged');
}

// 500 phrases of 25 trackers, and 20 rows with a fault.

const ROWS = Array.from({ length: 500 }, (_, i) =>
    `Set ${i % 25},phrase ${i},about ${i % 25}`);
const FAULTS = Array.from({ length: 20 }, (_, i) =>
    [`,nameless ${i},`, `Set ${i},,`, `Set ${i},more ${i},else`][i % 3]);

async function mends(page) {
    const text = ['name,phrase,description',
        ...ROWS.flatMap((row, i) => i % 25 === 24
            ? [row, FAULTS[(i - 24) / 25]] : [row])].join('\r\n');

    await opensImport(page);
    await paste(page, 'dialog textarea', text);
    await press(page, 'Preview');
    await shows(page, '25 trackers read');
    like(await textOf(page, '.result'), /25 new[^]*20 faults/,
         '500 phrases of 25 trackers, 20 faults');
    like(await textOf(page, '.faults'), /^Line 27 There is no name\./,
         'the first by its line');

    await press(page, 'Line 27');
    await page.waitForFunction(() =>
        document.activeElement.matches('dialog textarea'));
    is(await page.evaluate(() => window.getSelection().toString()), FAULTS[0],
       'its line is selected, to be mended');
    await page.keyboard.type('Set 0,mended,');
    await press(page, 'Preview');
    await shows(page, '19 faults');
    await press(page, 'Import 25 trackers');
    like(await endsImport(page), /25 new/, 'imported');
    is((await named('Set 0')).vocabulary.length, 21, 'with what was mended');

    // what is exported is imported again: nothing would change
    const trackers = (await call('GET', 'trackers')).body.trackers;

    await opensImport(page);
    await paste(page, 'dialog textarea', JSON.stringify({ trackers }));
    await press(page, 'Preview');
    await shows(page, `${trackers.length} are the same already`);
    ok(true, 'an export is the same already');
    await page.keyboard.press('Escape');
    await press(page, 'Leave');
    await closed(page);
}

// A file of a spreadsheet, which is larger than one request may be.

async function largeFile(page) {
    const file = path.join(run, 'temp', 'large.csv');
    const rows = Array.from({ length: 400 }, (_, i) =>
        `Large ${i};${'größer '.repeat(400)}${i}`);

    fs.writeFileSync(file, `name;phrase\n${rows.join('\n')}\n`, 'latin1');
    await opensImport(page);

    const [chooser] = await Promise.all([page.waitForFileChooser(),
                                         press(page, 'Choose a file')]);
    await chooser.accept([file]);
    await shows(page, 'it was read as windows-1252');
    await press(page, 'Preview');
    await shows(page, '400 trackers read');
    like(await textOf(page, '.result'), /too large for one request: it takes 2/,
         'a large file: two requests');
    await press(page, 'Import 400 trackers');
    like(await endsImport(page), /400 new/, 'imported');
    like((await named('Large 399')).vocabulary[0], /^größer .*399$/,
         'Windows-1252: letters are what they were');

    await command(page, '/');
    await page.keyboard.type('large');
    await shows(page, '400 of');
    await press(page, '', { selector: '.row input', key: 'Space' });
    await press(page, 'Select all 400 found');
    await press(page, 'Delete');
    await shows(page, '400 trackers are deleted.');
    await command(page, '/');
    await page.keyboard.press('Backspace');
    await opensImport(page);
    is(await named('Large 0'), undefined,
       'what was to be deleted is gone before an import begins');
    await page.keyboard.press('Escape');
    await closed(page);
}


// S11.

async function exports_(page) {
    const folder = fs.mkdtempSync(path.join(run, 'temp', 'download-'));
    const session = await page.createCDPSession();

    await session.send('Browser.setDownloadBehavior', { behavior: 'allow',
        downloadPath: folder,
        browserContextId: page.browserContext().id });
    await press(page, 'Export');
    await look(page, 'export');
    await press(page, 'Download');
    await settled(async () => fs.readdirSync(folder).some((name) =>
        /^trackers-[\d-]+\.json$/.test(name)), 'a file is downloaded');

    const [name] = fs.readdirSync(folder);
    const stored = (await call('GET', 'trackers')).body.trackers;
    const file = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));

    is(JSON.stringify(file.trackers), JSON.stringify(stored),
       'with what is stored');
}


// The processor time of the page's longest task meanwhile, in ms: how long it
// takes is for the machine to say.
async function longest(page, work) {
    await page.tracing.start({ categories: ['toplevel'] });
    await work();

    const { traceEvents } = JSON.parse(Buffer.from(await page.tracing.stop()));
    const main = new Set(traceEvents.filter((event) =>
        event.name === 'thread_name' && event.args.name === 'CrRendererMain')
        .map(({ pid, tid }) => `${pid} ${tid}`));
    const times = traceEvents.filter(({ pid, tid, ph }) =>
        main.has(`${pid} ${tid}`) && ph === 'X')
        .map((event) => (event.tdur ?? 0) / 1000);

    return Math.max(...times);
}

async function isShort(page, title, work) {
    const ms = await longest(page, work);

    console.log(`# ${title}: ${ms.toFixed()} ms`);
    ok(ms < 200, `${title}: no task over 200 ms`, `${ms} ms`);
}


// 10,000 trackers: a page of them, found by their phrases.

async function many(page) {
    // made in another order than that of their names
    const numbers = Array.from({ length: 10000 }, (_, i) => i * 7919 % 10000);

    const make = (from, to) => call('POST', 'trackers',
        numbers.slice(from, to).map((n) => ({ name: `tracker ${n}`,
            vocabulary: Array.from({ length: 5 }, (_, k) =>
                `phrase ${n} number ${k}`) })));
    const before = (await call('GET', 'trackers')).body.trackers.length;
    const count = (n) => `${(before + n).toLocaleString('en')} trackers`;
    const counts = (n) => page.waitForFunction((wanted) =>
        document.querySelector('.count')?.innerText === wanted, {}, count(n));
    const all = count(10000);

    await isShort(page, '1,000 created by others', async () => {
        await make(0, 1000);
        await counts(1000);
    });

    await settled(async () => await textOf(page, '.told .others') === '',
                  'all of it told');

    // more than the history of the server has room for
    const one = numbers[500];

    await turn(page, true);
    await command(page, '/');
    await page.keyboard.type(`phrase ${one}`);
    await shows(page, `1 of ${count(1000)}`);
    for (let i = 1; i < 10; i++) {
        await make(i * 1000, (i + 1) * 1000);
    }
    page.notes.length = 0;
    await isShort(page, 'too long ago: all loaded again', async () => {
        await turn(page, false);
        await shows(page, `1 of ${all}`);
    });
    ok(page.asked.some((asked) => asked.response()?.status() === 410),
       'which the server has said');
    await told(page, '9,000 trackers were created by others.');
    is(await page.evaluate(() => document.activeElement.type), 'search',
       'and the focus is where it was');
    await isShort(page, 'one of 10,000 changed by others', async () => {
        const { id, name } = await named(`tracker ${one}`);

        await call('PUT', `tracker/${id}`,
                   { name, vocabulary: [`phrase ${one} after`] });
        await page.waitForFunction((some) => document.querySelector(some)
            .innerText.includes('after'), {}, `${rowOf(id)} .some`);
    });
    await chord(page, 'Control', 'a');
    await page.keyboard.press('Backspace');

    await isShort(page, '10,000 trackers loaded', async () => {
        await page.$eval('.count', (one) => one.classList.add('old'));
        await press(page, 'Reload');
        await page.waitForFunction((wanted) => document.querySelector(
            '.count:not(.old)')?.innerText === wanted, {}, all);
    });
    is((await page.$$('.row')).length, 50, '10,000 trackers: fifty rows');

    await isShort(page, 'searched', async () => {
        await command(page, '/');
        await page.keyboard.type('phrase 7777 ');
        await shows(page, `1 of ${all}`);
    });
    is(await textOf(page, '.row .name'), 'tracker 7777', 'found by a phrase');

    await isShort(page, 'all again, scrolled, the next page', async () => {
        await command(page, '/');
        await page.keyboard.press('Backspace');
        await page.waitForFunction(() =>
            document.querySelectorAll('.row').length === 50);
        await page.evaluate(() =>
            window.scrollTo(0, document.body.scrollHeight));
        await press(page, 'Next');
        await shows(page, 'Page 2 of');
    });
    await look(page, 'many');
    await isShort(page, 'in another order', async () => {
        await page.select('.filters select', 'newest');
        await shows(page, `tracker ${numbers[9999]}`);
    });
}


// What the module does not do is not offered, and without a history there are
// no times and no feed.

async function without(page) {
    const file = path.join(run, 'nginx.conf');
    const text = fs.readFileSync(file, 'utf8');

    await page.waitForFunction(() => [...document.querySelectorAll('button')]
        .some((one) => one.textContent === 'Try it'));
    fs.writeFileSync(file, text.replace(
        /tracker_(conversation\w*|history)[^;]*;/g, ''));
    signal('nginx.pid', 'SIGHUP');
    await settled(async () => (await fetch(`${url}/v1/conversations/detect`,
        { method: 'OPTIONS' })).status !== 204,
        'a server that does not detect');
    await settled(async () => (await call('GET', 'trackers/changes?since=1'))
        .status === 404, 'and keeps no history');
    await page.goto('about:blank');
    page.asked.length = 0;
    await signIn(page);
    ok(!(await textOf(page, 'button')).includes('Try it'),
       'has nothing to try it with');
    ok(await page.$$eval('.row .when', (all) => all.length === 50
        && all.every((one) => one.hidden)), 'no times: no place for them');
    ok(!(await textOf(page, '.filters')).includes('Last changed'),
       'nor an order by them');
    await settled(() => page.asked[0]?.response()?.status() === 404,
                  'the feed is refused');
    await press(page, 'Reload');
    await page.waitForFunction(() =>
        document.querySelectorAll('.row').length === 50);
    await new Promise((done) => setTimeout(done, 2000));
    is(page.asked.length, 1, 'and not asked for again');
    await press(page, '', { selector: '.row .name' });
    await page.waitForSelector('dialog form');
    is(await textOf(page, 'dialog .times'), '', 'nor times in the editor');
    await page.keyboard.press('Escape');
    await closed(page);
}


async function german(page) {
    await page.select('header select', 'de');
    await shows(page, 'Neuer Tracker');
    is(await page.$eval('html', (html) => html.lang), 'de',
       'German: the document says so');
    await look(page, 'german');
}


async function main() {
    const browser = await puppeteer.launch({ executablePath: chromium,
        args: ['--no-sandbox', '--disable-dev-shm-usage', '--lang=en'],
        protocolTimeout: 3 * LIMIT });

    try {
        const one = await person(browser);
        const two = await person(browser);

        await login();
        await starts(one);
        await creates(one);
        await conflicts(one);
        await changes(one, two);
        await times(two);
        await warned(one, await quietly(one, await follows(one)));
        await hides(one);
        await tries(one);
        await imports(one);
        await mends(one);
        await largeFile(one);
        await exports_(one);
        await troubles(one);
        await deletes(one);
        await changedMeanwhile(one);
        await waits(one);
        await texts(one);
        await stays(one);
        await leaves(browser);
        await many(one);
        await german(one);
        await without(two);

    } finally {
        is(words.join('\n'), '', 'no error, nothing that the policy forbids');
        await browser.close();
    }

    process.exitCode = failed ? 1 : 0;
}


main().catch((error) => {
    ok(false, 'it goes through', error.stack);
    process.exitCode = 1;
});
