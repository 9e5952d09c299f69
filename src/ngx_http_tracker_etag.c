
/*
 * Entity tags (RFC 9110 section 8.8.3) and the headers that ask for them.
 */


#include "ngx_http_tracker_module.h"


ngx_int_t
ngx_http_tracker_set_etag(ngx_http_tracker_ctx_t *ctx, const void *tag,
    size_t len)
{
    u_char  *p;

    p = ngx_pnalloc(ctx->request->pool, len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->etag.data = p;
    ctx->etag.len = len + 2;

    *p++ = '"';
    p = ngx_cpymem(p, tag, len);
    *p = '"';

    return NGX_OK;
}


ngx_int_t
ngx_http_tracker_set_record_etag(ngx_http_tracker_ctx_t *ctx,
    tracker_str_t *record)
{
    u_char     digest[TRACKER_STORE_DIGEST_LEN];
    ngx_str_t  text;

    text.len = record->len;
    text.data = (u_char *) record->data;

    if (tracker_store_digest(digest, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_tracker_set_etag(ctx, digest, sizeof(digest));
}


/*
 * A leading "W/" is ignored: gzip weakens the tags that a client sends back.
 */

ngx_uint_t
ngx_http_tracker_match(ngx_table_elt_t *header, ngx_str_t *etag)
{
    u_char  *p, *end, *tag;

    if (header->value.len == 1 && header->value.data[0] == '*') {
        return 1;
    }

    p = header->value.data;
    end = p + header->value.len;

    while (p < end) {

        while (p < end && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        if (end - p > 2 && p[0] == 'W' && p[1] == '/') {
            p += 2;
        }

        if (p == end || *p != '"') {
            return 0;
        }

        tag = p++;

        while (p < end && *p != '"') {
            p++;
        }

        if (p == end) {
            return 0;
        }

        p++;

        if ((size_t) (p - tag) == etag->len
            && ngx_memcmp(tag, etag->data, etag->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
