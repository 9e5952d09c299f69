
/*
 * The names of the keys in Redis.
 */


#include "store/keys.h"
#include "store/digest.h"


/* accounts whose digests are kept, those with names that are not longer */
#define TRACKER_KEYS_KEPT      4096
#define TRACKER_KEYS_KEPT_LEN  63


typedef struct {
    u_char      len;                   /* 0: no account */
    u_char      account[TRACKER_KEYS_KEPT_LEN];
    u_char      hex[TRACKER_KEY_ACCOUNT];
} tracker_keys_kept_t;


static ngx_int_t tracker_keys_digest(u_char *hex, ngx_str_t *account);


ngx_int_t
tracker_keys_base(ngx_pool_t *pool, ngx_str_t *prefix, ngx_str_t *account,
    ngx_str_t *base)
{
    u_char  *p, hex[TRACKER_KEY_ACCOUNT];

    if (tracker_keys_digest(hex, account) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, prefix->len + TRACKER_KEY_ACCOUNT
                          + sizeof(":{}:") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    base->data = p;

    p = ngx_cpymem(p, prefix->data, prefix->len);
    *p++ = ':';
    *p++ = '{';
    p = ngx_cpymem(p, hex, TRACKER_KEY_ACCOUNT);
    *p++ = '}';
    *p++ = ':';

    base->len = p - base->data;

    return NGX_OK;
}


/* an account that was here lately is not hashed again */

static ngx_int_t
tracker_keys_digest(u_char *hex, ngx_str_t *account)
{
    u_char                digest[TRACKER_SHA256_LEN];
    tracker_keys_kept_t  *kept;

    static tracker_keys_kept_t  accounts[TRACKER_KEYS_KEPT];

    kept = &accounts[ngx_murmur_hash2(account->data, account->len)
                     % TRACKER_KEYS_KEPT];

    if (account->len
        && kept->len == account->len
        && ngx_memcmp(kept->account, account->data, account->len) == 0)
    {
        ngx_memcpy(hex, kept->hex, TRACKER_KEY_ACCOUNT);
        return NGX_OK;
    }

    if (tracker_digest(digest, TRACKER_SHA256, account, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memcpy(hex, digest, TRACKER_KEY_ACCOUNT);

    if (account->len <= TRACKER_KEYS_KEPT_LEN) {
        kept->len = account->len;
        ngx_memcpy(kept->account, account->data, account->len);
        ngx_memcpy(kept->hex, digest, TRACKER_KEY_ACCOUNT);
    }

    return NGX_OK;
}


u_char *
tracker_keys_account(ngx_str_t *base)
{
    return base->data + base->len - (sizeof("}:") - 1) - TRACKER_KEY_ACCOUNT;
}


ngx_int_t
tracker_keys_make(ngx_pool_t *pool, ngx_str_t *base, const char *kind,
    const void *name, size_t len, ngx_str_t *key)
{
    u_char  *p;
    size_t   n;

    n = ngx_strlen(kind);

    p = ngx_pnalloc(pool, base->len + n + len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->len = base->len + n + len;
    key->data = p;

    p = ngx_cpymem(p, base->data, base->len);
    p = ngx_cpymem(p, kind, n);

    if (len) {
        ngx_memcpy(p, name, len);
    }

    return NGX_OK;
}
