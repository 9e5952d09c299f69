// The sign-in: as the whole page, or in a dialog over what was being done,
// where it is that of the same application: a draft goes to no other account.

import { openDialog } from './dialog.js';
import { field, h, replace } from './dom.js';
import { t } from './i18n.js';
import { explain } from './trouble.js';


export function signInForm(api, onDone, appId = '') {
    const id = h('input', { name: 'username', autocomplete: 'username',
                            required: true, spellcheck: 'false',
                            autocapitalize: 'none',
                            readonly: appId !== '' });
    const secret = h('input', { name: 'password', type: 'password',
                                autocomplete: 'current-password',
                                required: true });
    const error = h('p', { class: 'error', role: 'alert' });
    const submit = h('button', { class: 'main' }, t('signin.do'));

    id.value = appId;

    const signIn = async () => {
        submit.disabled = true;
        replace(error, '');

        try {
            await api.login(id.value.trim(), secret.value);
            secret.value = '';
            onDone(id.value.trim());
        } catch (failure) {
            if (failure.status === 429) {
                await countDown(error, failure.wait || 1);
            } else {
                replace(error, [400, 401].includes(failure.status)
                    ? failure.message : explain(failure));
            }
            secret.focus();
        } finally {
            submit.disabled = false;
        }
    };

    return h('form', { class: 'signin', on: { submit: (event) => {
            event.preventDefault();
            signIn();
        } } },
        field(t('signin.id'), id),
        field(t('signin.secret'), secret, t('signin.memory')),
        error,
        h('div', { class: 'actions' }, submit));
}


async function countDown(node, seconds) {
    for (let n = seconds; n > 0; n--) {
        replace(node, t('signin.wait', { n }));
        await new Promise((done) => setTimeout(done, 1000));
    }
    replace(node, '');
}


// Resolves to whether somebody has signed in.  Requests that fail together
// share one dialog.

let open = null;

export function signInAgain(api, appId) {
    open ??= new Promise((resolve) => {
        let done = false;

        const dialog = openDialog(t('signin.again'), [
            h('p', {}, t('signin.lost')),
            signInForm(api, () => {
                done = true;
                dialog.close();
            }, appId),
        ], { onClose: () => {
            open = null;
            resolve(done);
        } });
    });

    return open;
}
