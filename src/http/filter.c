
/*
 * The filter pair that turns what nginx and its other modules answer in our
 * locations into JSON.  Rules: API.md section 3.
 */


#include "http/filter.h"
#include "http/accept.h"
#include "http/ctx.h"
#include "http/response.h"
#include "http/send.h"


static ngx_int_t ngx_http_tracker_header_filter(ngx_http_request_t *r);
static ngx_uint_t ngx_http_tracker_is_error(ngx_http_request_t *r);
static void ngx_http_tracker_clear_headers(ngx_http_request_t *r);
static ngx_int_t ngx_http_tracker_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);


/*
 * Headers that describe the bytes of an answer, or how long it may be kept, are
 * wrong for the answer that replaces it.
 */

static ngx_str_t  ngx_http_tracker_replaced[] = {
    ngx_string("Content-Length"),
    ngx_string("Content-Encoding"),
    ngx_string("Content-Language"),
    ngx_string("Content-Location"),
    ngx_string("Content-Disposition"),
    ngx_string("Content-Range"),
    ngx_string("Content-MD5"),
    ngx_string("Content-Digest"),
    ngx_string("Repr-Digest"),
    ngx_string("Digest"),
    ngx_string("ETag"),
    ngx_string("Last-Modified"),
    ngx_string("Accept-Ranges"),
    ngx_string("Cache-Control"),
    ngx_string("CDN-Cache-Control"),
    ngx_string("Expires"),
    ngx_string("Pragma"),
    ngx_string("Age"),
    ngx_null_string
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_tracker_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_tracker_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_tracker_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_header_filter(ngx_http_request_t *r)
{
    ngx_http_tracker_ctx_t       *ctx;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (tlcf->service == NGX_HTTP_TRACKER_SERVES_NOTHING
        || tlcf->service == NGX_HTTP_TRACKER_SERVES_STATUS
        || r != r->main
        || r->headers_out.status < NGX_HTTP_BAD_REQUEST)
    {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_tracker_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    /* a site's own JSON is left alone as well */

    if (ctx->form.sent || ngx_http_tracker_is_error(r)) {
        return ngx_http_next_header_filter(r);
    }

    if (ngx_http_tracker_set_status(ctx, r->headers_out.status) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->form.replaced = 1;

    ngx_http_tracker_clear_headers(r);

    if (ngx_http_tracker_push_caching(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    r->headers_out.content_type = *ngx_http_tracker_content_type(ctx);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.charset.len = 0;
    r->headers_out.content_length_n = ctx->answer.len;

    return ngx_http_next_header_filter(r);
}


/* returns 1 if the answer has the type of an error of an API, else 0 */

static ngx_uint_t
ngx_http_tracker_is_error(ngx_http_request_t *r)
{
    ngx_str_t  *type, *sent;

    static ngx_str_t  types[] = {
        ngx_string("application/json"),
        ngx_string("application/problem+json"),
        ngx_null_string
    };

    sent = &r->headers_out.content_type;

    for (type = types; type->len; type++) {
        if (sent->len >= type->len
            && ngx_strncasecmp(sent->data, type->data, type->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_tracker_clear_headers(ngx_http_request_t *r)
{
    ngx_str_t        *name;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    /* gunzip and gzip look at this one */
    r->headers_out.content_encoding = NULL;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            for (name = ngx_http_tracker_replaced; name->len; name++) {

                if (h[i].key.len == name->len
                    && ngx_strncasecmp(h[i].key.data, name->data, name->len)
                       == 0)
                {
                    h[i].hash = 0;
                    break;
                }
            }
        }
    }
}


static ngx_int_t
ngx_http_tracker_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t               *b;
    ngx_uint_t               last;
    ngx_chain_t             *cl, out;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (ctx == NULL || !ctx->form.replaced || in == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    last = 0;

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;

        last |= cl->buf->last_buf;
    }

    if (!last) {
        return NGX_OK;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = ctx->answer.data;
    b->last = ctx->answer.data + ctx->answer.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}
