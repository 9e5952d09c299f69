
/*
 * Entity tags (RFC 9110 section 8.8.3) and the conditions that ask for them
 * (section 13).
 */


#include "http/etag.h"
#include "http/response.h"


typedef struct {
    ngx_str_t   name;
    size_t      offset;        /* of nginx's pointer to its line */
    ngx_uint_t  methods;
    ngx_uint_t  rest;          /* 1: supported with rest=delete */
} ngx_http_tracker_condition_t;


static ngx_int_t ngx_http_tracker_match(ngx_table_elt_t *header,
    ngx_str_t *etag);


#define NGX_HTTP_TRACKER_WRITES                                               \
    (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH|NGX_HTTP_DELETE)


/*
 * The conditions that are not supported with a write: the time of a change is
 * not always known, and a create does not read the list that it adds to, unless
 * it is to become the whole list.  What has no ETag supports none.
 */

static ngx_http_tracker_condition_t  ngx_http_tracker_conditions[] = {

    { ngx_string("If-Match"),
      offsetof(ngx_http_headers_in_t, if_match),
      NGX_HTTP_POST, 1 },

    { ngx_string("If-None-Match"),
      offsetof(ngx_http_headers_in_t, if_none_match),
      NGX_HTTP_POST, 0 },

    { ngx_string("If-Modified-Since"),
      offsetof(ngx_http_headers_in_t, if_modified_since),
      NGX_HTTP_TRACKER_WRITES, 0 },

    { ngx_string("If-Range"),
      offsetof(ngx_http_headers_in_t, if_range),
      NGX_HTTP_TRACKER_WRITES, 0 },

    { ngx_null_string, 0, 0, 0 }
};


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
ngx_http_tracker_set_weak_etag(ngx_http_tracker_ctx_t *ctx, const void *tag,
    size_t len)
{
    u_char  *p;

    p = ngx_pnalloc(ctx->request->pool, len + sizeof("W/\"\"") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->etag.data = p;

    p = ngx_cpymem(p, "W/\"", 3);
    p = ngx_cpymem(p, tag, len);
    *p++ = '"';

    ctx->etag.len = p - ctx->etag.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_tracker_set_record_etag(ngx_http_tracker_ctx_t *ctx,
    tracker_str_t *record)
{
    u_char     digest[TRACKER_SHA1_LEN];
    ngx_str_t  text;

    text.len = record->len;
    text.data = (u_char *) record->data;

    if (tracker_digest(digest, TRACKER_SHA1, &text, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_tracker_set_etag(ctx, digest, sizeof(digest));
}


/*
 * Lines are another representation than the list, with a tag of its own.  So is
 * a part of it: a client that has read no more does not mean all of the list.
 */

ngx_int_t
ngx_http_tracker_set_list_etag(ngx_http_tracker_ctx_t *ctx, ngx_uint_t lines,
    ngx_uint_t part)
{
    u_char     *p, *end;
    ngx_str_t  *tag;

    tag = &ctx->txn->page.tag;

    p = ngx_pnalloc(ctx->request->pool, tag->len
                                      + sizeof(NGX_HTTP_TRACKER_LINES_TAG
                                               NGX_HTTP_TRACKER_PART_TAG) - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    end = ngx_sprintf(p, "%V%s%s", tag,
                      lines ? NGX_HTTP_TRACKER_LINES_TAG : "",
                      part ? NGX_HTTP_TRACKER_PART_TAG : "");

    return ngx_http_tracker_set_etag(ctx, p, end - p);
}


ngx_uint_t
ngx_http_tracker_check_conditions(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_table_elt_t              **line;
    ngx_http_tracker_condition_t  *condition;

    for (condition = ngx_http_tracker_conditions;
         condition->name.len;
         condition++)
    {
        if (condition->rest && ctx->form.rest) {
            continue;
        }

        line = (ngx_table_elt_t **)
               ((u_char *) &r->headers_in + condition->offset);

        if (*line
            && (!ctx->endpoint->tagged || (r->method & condition->methods)))
        {
            ctx->fault = condition->name;
            return NGX_HTTP_TRACKER_BAD_HEADER;
        }
    }

    if (ctx->form.rest && r->headers_in.if_match == NULL) {
        return NGX_HTTP_TRACKER_UNCONDITIONAL;
    }

    /* with an If-Match, this one must be ignored */

    if (r->headers_in.if_unmodified_since && r->headers_in.if_match == NULL) {
        ngx_str_set(&ctx->fault, "If-Unmodified-Since");
        return NGX_HTTP_TRACKER_BAD_HEADER;
    }

    /* an invalid If-Match matches nothing, but this one would always hold */

    if (r->headers_in.if_none_match
        && ngx_http_tracker_match(r->headers_in.if_none_match, &ctx->etag)
           == NGX_ERROR)
    {
        return NGX_HTTP_TRACKER_BAD_CONDITION;
    }

    return 0;
}


ngx_uint_t
ngx_http_tracker_precondition(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (r->headers_in.if_match
        && ngx_http_tracker_match(r->headers_in.if_match, &ctx->etag)
           != NGX_OK)
    {
        return NGX_HTTP_TRACKER_UNMATCHED;
    }

    if (r->headers_in.if_none_match
        && ngx_http_tracker_match(r->headers_in.if_none_match, &ctx->etag)
           == NGX_OK)
    {
        return (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
               ? NGX_HTTP_TRACKER_UNMODIFIED : NGX_HTTP_TRACKER_MATCHED;
    }

    return 0;
}


/*
 * Compares the value of If-Match or If-None-Match, of which nginx allows one
 * line, with the tag.  A leading "W/" is ignored: gzip weakens the tags that a
 * client sends back; so is that of the tag.  Returns NGX_OK when "*" or a tag
 * of the list matches, NGX_DECLINED when none does, NGX_ERROR when the value is
 * neither "*" nor a list of one tag or more.
 */

static ngx_int_t
ngx_http_tracker_match(ngx_table_elt_t *header, ngx_str_t *etag)
{
    size_t      len;
    u_char     *p, *end, *tag, *opaque;
    ngx_int_t   rc;

    len = etag->len;
    opaque = etag->data;

    if (len && opaque[0] == 'W') {
        opaque += 2;
        len -= 2;
    }

    p = header->value.data;
    end = p + header->value.len;

    if (header->value.len == 1 && *p == '*') {
        return NGX_OK;
    }

    rc = NGX_ERROR;

    for ( ;; ) {

        while (p < end && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        if (p == end) {
            return rc;
        }

        if (end - p > 2 && p[0] == 'W' && p[1] == '/') {
            p += 2;
        }

        if (*p != '"') {
            return NGX_ERROR;
        }

        tag = p++;

        while (p < end && *p != '"') {
            p++;
        }

        if (p == end) {
            return NGX_ERROR;
        }

        p++;

        if ((size_t) (p - tag) == len
            && ngx_memcmp(tag, opaque, len) == 0)
        {
            rc = NGX_OK;

        } else if (rc == NGX_ERROR) {
            rc = NGX_DECLINED;
        }
    }
}
