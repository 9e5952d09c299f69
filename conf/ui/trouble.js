// What to tell somebody when a request has failed.

import { Failure } from './api.js';
import { t } from './i18n.js';


export function explain(failure) {
    if (!(failure instanceof Failure)) {
        throw failure;
    }

    switch (failure.status) {
    case 0:
        return t('trouble.offline');
    case 401:
        return t('trouble.401');
    case 429:
        return t('trouble.429');
    case 502:
    case 503:
        return t('trouble.502');
    case 504:
        return t('trouble.504');
    default:
        return t('trouble.other', { message: failure.message });
    }
}
