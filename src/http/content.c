
/*
 * What the header of a request must say, or must not.
 */


#include "http/content.h"
#include "http/header.h"
#include "http/response.h"


static ngx_uint_t ngx_http_tracker_is_json(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_has_type(ngx_http_request_t *r,
    ngx_str_t *type, ngx_str_t *other);
static ngx_uint_t ngx_http_tracker_is_type(ngx_str_t *value, ngx_str_t *type);


/*
 * Headers that would give a write another meaning, which is not supported: the
 * body is a part of the tracker (RFC 9110 section 14.5), or another method.
 */

static ngx_str_t  ngx_http_tracker_unsupported[] = {
    ngx_string("Content-Range"),
    ngx_string("X-HTTP-Method-Override"),
    ngx_string("X-HTTP-Method"),
    ngx_string("X-Method-Override"),
    ngx_null_string
};


ngx_uint_t
ngx_http_tracker_check_content(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
        return NGX_HTTP_TRACKER_NO_BODY;
    }

    if (!ngx_http_tracker_is_json(r, ctx)) {
        return NGX_HTTP_TRACKER_BAD_TYPE;
    }

    return ngx_http_tracker_check_coding(r, ctx);
}


ngx_uint_t
ngx_http_tracker_has_lines(ngx_http_request_t *r)
{
    static ngx_str_t  ndjson = ngx_string("application/x-ndjson");

    return ngx_http_tracker_has_type(r, &ndjson, NULL);
}


ngx_uint_t
ngx_http_tracker_check_key(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    static ngx_str_t  name = ngx_string("idempotency-key");

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


/* sets ctx->form.merge or ctx->form.ndjson: all lines say so, or none */

static ngx_uint_t
ngx_http_tracker_is_json(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  patch = ngx_string("application/json-patch+json");
    static ngx_str_t  merge = ngx_string("application/merge-patch+json");

    /* where an array is taken, lines are */

    if (r->method == NGX_HTTP_POST
        && ctx->endpoint->shape != TRACKER_JSON_OBJECT)
    {
        ctx->form.ndjson = ngx_http_tracker_has_lines(r);
    }

    if (ctx->form.ndjson) {
        return 1;
    }

    if (r->method != NGX_HTTP_PATCH) {
        return ngx_http_tracker_has_type(r, &json, NULL);
    }

    ctx->form.merge = ngx_http_tracker_has_type(r, &merge, NULL);

    return ctx->form.merge || ngx_http_tracker_has_type(r, &json, &patch);
}


/* each line must have this type, or the other: nginx keeps only one of them */

static ngx_uint_t
ngx_http_tracker_has_type(ngx_http_request_t *r, ngx_str_t *type,
    ngx_str_t *other)
{
    ngx_str_t                   *line;
    ngx_uint_t                   n;
    ngx_http_tracker_headers_t   lines;

    static ngx_str_t  name = ngx_string("content-type");

    n = 0;

    ngx_http_tracker_first_line(&lines, r);

    while ((line = ngx_http_tracker_next_line(&lines, &name)) != NULL) {

        if (!ngx_http_tracker_is_type(line, type)
            && (other == NULL || !ngx_http_tracker_is_type(line, other)))
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
    ngx_str_t                   *line, rest;
    ngx_http_tracker_headers_t   lines;

    static ngx_str_t  name = ngx_string("content-encoding");
    static ngx_str_t  identity = ngx_string("identity");

    ngx_http_tracker_first_line(&lines, r);

    while ((line = ngx_http_tracker_next_line(&lines, &name)) != NULL) {
        rest = *line;

        while (ngx_http_tracker_split(&rest, ',', &ctx->fault)) {

            if (ctx->fault.len
                && !ngx_http_tracker_is(&ctx->fault, &identity))
            {
                return NGX_HTTP_TRACKER_BAD_CODING;
            }
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
