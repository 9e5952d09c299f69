
/*
 * The names of the keys in Redis.
 */


#include "store/keys.h"
#include "store/digest.h"


ngx_int_t
tracker_keys_base(ngx_pool_t *pool, ngx_str_t *prefix, ngx_str_t *account,
    ngx_str_t *base)
{
    u_char  *p, hex[TRACKER_SHA256_LEN];

    if (tracker_digest(hex, TRACKER_SHA256, account, 1) != NGX_OK) {
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
