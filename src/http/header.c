
/*
 * Header lines: those of a request that nginx does not look for, or of which
 * it keeps one only, and those of an answer.
 */


#include "http/module.h"


static ngx_uint_t ngx_http_tracker_is_type(ngx_str_t *value, ngx_str_t *type);
static ngx_uint_t ngx_http_tracker_find_coding(ngx_str_t *line,
    ngx_str_t *coding);


/*
 * What would make another request of a write, and is not done: a part of the
 * tracker in the place of the whole (RFC 9110 section 14.5), and other methods
 * than the one that was sent.
 */

static ngx_str_t  ngx_http_tracker_unsupported[] = {
    ngx_string("Content-Range"),
    ngx_string("X-HTTP-Method-Override"),
    ngx_string("X-HTTP-Method"),
    ngx_string("X-Method-Override"),
    ngx_null_string
};


ngx_str_t *
ngx_http_tracker_next_line(ngx_http_tracker_lines_t *lines, ngx_str_t *name)
{
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    while ((part = lines->part) != NULL) {

        if (lines->i == part->nelts) {
            lines->part = part->next;
            lines->i = 0;
            continue;
        }

        h = part->elts;
        h += lines->i++;

        if (h->key.len == name->len
            && ngx_strncasecmp(h->key.data, name->data, name->len) == 0)
        {
            return &h->value;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_tracker_find_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_str_t                 *line;
    ngx_uint_t                 n;
    ngx_http_tracker_lines_t   lines;

    n = 0;

    ngx_http_tracker_first_line(&lines, r);

    while ((line = ngx_http_tracker_next_line(&lines, name)) != NULL) {
        *value = *line;
        n++;
    }

    return n;
}


ngx_uint_t
ngx_http_tracker_check_headers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  outcome;

    static ngx_str_t  name = ngx_string("idempotency-key");

    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
        return NGX_HTTP_TRACKER_NO_BODY;
    }

    if (!ngx_http_tracker_is_json(r)) {
        return NGX_HTTP_TRACKER_BAD_TYPE;
    }

    outcome = ngx_http_tracker_check_coding(r, ctx);
    if (outcome) {
        return outcome;
    }

    if (r->method != NGX_HTTP_POST) {
        return 0;
    }

    switch (ngx_http_tracker_find_header(r, &name, &ctx->idempotency_key)) {

    case 0:
        return 0;

    case 1:
        if (ctx->idempotency_key.len >= 1 && ctx->idempotency_key.len <= 255) {
            return 0;
        }

        /* fall through */

    default:
        return NGX_HTTP_TRACKER_BAD_KEY;
    }
}


/* a line that is sent again must be JSON too: nginx keeps one of them only */

ngx_uint_t
ngx_http_tracker_is_json(ngx_http_request_t *r)
{
    ngx_str_t                 *line;
    ngx_uint_t                 n;
    ngx_http_tracker_lines_t   lines;

    static ngx_str_t  name = ngx_string("content-type");
    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  patch = ngx_string("application/json-patch+json");

    n = 0;

    ngx_http_tracker_first_line(&lines, r);

    while ((line = ngx_http_tracker_next_line(&lines, &name)) != NULL) {

        if (!ngx_http_tracker_is_type(line, &json)
            && (r->method != NGX_HTTP_PATCH
                || !ngx_http_tracker_is_type(line, &patch)))
        {
            return 0;
        }

        n++;
    }

    return n > 0;
}


static ngx_uint_t
ngx_http_tracker_is_type(ngx_str_t *value, ngx_str_t *type)
{
    u_char  *p, *end;

    if (value->len < type->len
        || ngx_strncasecmp(value->data, type->data, type->len) != 0)
    {
        return 0;
    }

    p = value->data + type->len;
    end = value->data + value->len;

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    /*
     * RFC 8259 section 11: parameters mean nothing, charset included.  A body
     * that is not UTF-8 is not JSON, whatever they say.
     */

    return p == end || *p == ';';
}


ngx_uint_t
ngx_http_tracker_check_coding(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t                 *line;
    ngx_http_tracker_lines_t   lines;

    static ngx_str_t  name = ngx_string("content-encoding");

    ngx_http_tracker_first_line(&lines, r);

    while ((line = ngx_http_tracker_next_line(&lines, &name)) != NULL) {

        if (ngx_http_tracker_find_coding(line, &ctx->fault)) {
            return NGX_HTTP_TRACKER_BAD_CODING;
        }
    }

    return 0;
}


/* the first coding of a list that is one; an empty list has none */

static ngx_uint_t
ngx_http_tracker_find_coding(ngx_str_t *line, ngx_str_t *coding)
{
    u_char  *p, *end, *next, *last;

    static ngx_str_t  identity = ngx_string("identity");

    end = line->data + line->len;

    for (p = line->data; p < end; p = next + 1) {

        next = ngx_strlchr(p, end, ',');
        if (next == NULL) {
            next = end;
        }

        last = next;

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        while (p < last && (last[-1] == ' ' || last[-1] == '\t')) {
            last--;
        }

        coding->data = p;
        coding->len = last - p;

        if (coding->len
            && (coding->len != identity.len
                || ngx_strncasecmp(p, identity.data, identity.len) != 0))
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_tracker_check_meaning(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t  *name, value;

    for (name = ngx_http_tracker_unsupported; name->len; name++) {

        if (ngx_http_tracker_find_header(r, name, &value)) {
            ctx->fault = *name;
            return NGX_HTTP_TRACKER_BAD_HEADER;
        }
    }

    return 0;
}


ngx_table_elt_t *
ngx_http_tracker_push_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.len = ngx_strlen(name);
    h->key.data = (u_char *) name;
    h->value = *value;
    h->lowcase_key = NULL;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


/*
 * Not in headers_out.cache_control, the value of which a site's "expires"
 * would replace: next to ours, it cannot make an answer public.
 */

ngx_int_t
ngx_http_tracker_push_caching(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    static ngx_str_t  no_store = ngx_string("no-store");
    static ngx_str_t  no_cache = ngx_string("private, no-cache");
    static ngx_str_t  vary = ngx_string("Authorization, X-Api-Key");

    if (r->headers_out.status >= NGX_HTTP_BAD_REQUEST
        || ctx->outcome == NGX_HTTP_TRACKER_OPTIONS
        || ctx->outcome == NGX_HTTP_TRACKER_LOGGED_IN)
    {
        return ngx_http_tracker_push_header(r, "Cache-Control", &no_store)
               ? NGX_OK : NGX_ERROR;
    }

    if (ngx_http_tracker_push_header(r, "Cache-Control", &no_cache) == NULL
        || ngx_http_tracker_push_header(r, "Vary", &vary) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tracker_set_location(ngx_http_tracker_ctx_t *ctx, tracker_str_t *id)
{
    u_char                       *p;
    size_t                        escaped;
    ngx_str_t                    *base;
    ngx_http_tracker_loc_conf_t  *tlcf;

    static const char  name[] = "/tracker/";

    tlcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_tracker_module);

    base = &tlcf->base;
    escaped = 2 * ngx_escape_uri(NULL, base->data, base->len, NGX_ESCAPE_URI);

    p = ngx_pnalloc(ctx->request->pool, base->len + escaped + sizeof(name)
                                        + id->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->location.data = p;

    p = (u_char *) ngx_escape_uri(p, base->data, base->len, NGX_ESCAPE_URI);

    /* "location /v1/manage" stands for "location /v1/manage/" */

    if (p[-1] == '/') {
        p--;
    }

    p = ngx_cpymem(p, name, sizeof(name) - 1);
    p = ngx_cpymem(p, id->data, id->len);

    ctx->location.len = p - ctx->location.data;

    return NGX_OK;
}
