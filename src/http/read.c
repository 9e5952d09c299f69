
/*
 * GET and HEAD: one tracker, the list, or the description of the API.  Records
 * go from Redis to the client as they are.  A long list is read and sent in
 * stretches.
 */


#include "http/read.h"
#include "http/accept.h"
#include "http/args.h"
#include "http/count.h"
#include "http/etag.h"
#include "http/request.h"
#include "http/response.h"
#include "http/stream.h"
#include "store/read.h"


/* trackers of one stretch if the client names no limit */
#define NGX_HTTP_TRACKER_STRETCH    1000

#define NGX_HTTP_TRACKER_MAX_LIMIT  1000

/* bytes behind the last tracker, without the cursor, at most */
#define NGX_HTTP_TRACKER_END_LEN                                              \
    (sizeof("\n{\"end\":true,\"count\":,\"next\":\"\"}\n") + NGX_INT_T_LEN)


typedef struct {
    ngx_http_tracker_stream_t   stream;       /* first */

    ngx_uint_t                  limit;        /* 0: none */
    ngx_uint_t                  listed;       /* trackers sent so far */
    ngx_uint_t                  times;        /* 1: they are asked for */
    ngx_str_t                   cursor;       /* where the next stretch begins,
                                                 or empty */
    ngx_uint_t                  part;         /* 1: not the whole list */
} ngx_http_tracker_list_t;


static void ngx_http_tracker_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_find_expand(ngx_http_request_t *r);
static ngx_int_t ngx_http_tracker_describe_etag(ngx_http_tracker_ctx_t *ctx,
    ngx_str_t *text);
static ngx_uint_t ngx_http_tracker_parse_args(ngx_http_request_t *r,
    ngx_http_tracker_list_t *list);
static void ngx_http_tracker_list(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_listed(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_begin_list(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_decided(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_close_list(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t more);


/* conf/openapi.yaml */

static u_char  ngx_http_tracker_description[] =
#include "tracker_openapi.h"
;


void
ngx_http_tracker_start_get(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_int_t  expand;

    expand = ngx_http_tracker_find_expand(r);

    if (expand == NGX_ERROR) {
        ngx_http_tracker_fail(r, ctx, NGX_HTTP_TRACKER_BAD_EXPAND);
        return;
    }

    if (ngx_http_tracker_begin_txn(r, ctx, 0) != NGX_OK
        || (expand == NGX_OK && tracker_txn_tell_times(ctx->txn) != NGX_OK)
        || tracker_txn_fetch(ctx->txn, &ctx->id) != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_found);
}


/* NGX_OK: with times; NGX_DECLINED: without; NGX_ERROR: with something else */

static ngx_int_t
ngx_http_tracker_find_expand(ngx_http_request_t *r)
{
    ngx_str_t  value;

    static ngx_str_t  times = ngx_string("times");

    if (ngx_http_tracker_find_arg(r, "expand", &value) != NGX_OK) {
        return NGX_DECLINED;
    }

    return value.len == times.len
           && ngx_memcmp(value.data, times.data, times.len) == 0
           ? NGX_OK : NGX_ERROR;
}


void
ngx_http_tracker_start_list(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t                 name;
    ngx_uint_t                outcome;
    ngx_http_tracker_list_t  *list;

    list = ngx_pcalloc(r->pool, sizeof(ngx_http_tracker_list_t));
    if (list == NULL) {
        goto failed;
    }

    ctx->data = list;
    ctx->form.lines = ngx_http_tracker_accepts_lines(r);

    outcome = ngx_http_tracker_parse_args(r, list);
    if (outcome) {
        ngx_http_tracker_fail(r, ctx, outcome);
        return;
    }

    if (ngx_http_tracker_begin_txn(r, ctx, 0) != NGX_OK) {
        goto failed;
    }

    list->part = list->limit || list->cursor.len;

    /* a line of a list is what is kept of it, so it has all */

    if ((ctx->form.lines || list->times)
        && tracker_txn_tell_times(ctx->txn) != NGX_OK)
    {
        goto failed;
    }

    if (ngx_http_tracker_find_arg(r, "name", &name) != NGX_OK) {
        ngx_http_tracker_list(r, ctx);
        return;
    }

    list->part = 1;

    ngx_http_tracker_count_at(&ctx->counted, NGX_HTTP_TRACKER_AT_FIND);

    if (ngx_http_tracker_decode_arg(r->pool, &name) != NGX_OK
        || tracker_txn_find(ctx->txn, &name) != NGX_OK)
    {
        goto failed;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_listed);

    return;

failed:

    ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
}


/* returns 0 or the outcome */

static ngx_uint_t
ngx_http_tracker_parse_args(ngx_http_request_t *r,
    ngx_http_tracker_list_t *list)
{
    size_t     i;
    ngx_str_t  value;

    if (ngx_http_tracker_find_number(r, "limit", 1, NGX_HTTP_TRACKER_MAX_LIMIT,
                                     &list->limit)
        == NGX_ERROR)
    {
        return NGX_HTTP_TRACKER_BAD_LIMIT;
    }

    switch (ngx_http_tracker_find_expand(r)) {

    case NGX_OK:
        list->times = 1;
        break;

    case NGX_ERROR:
        return NGX_HTTP_TRACKER_BAD_EXPAND;
    }

    if (ngx_http_tracker_find_arg(r, "cursor", &value) == NGX_OK) {

        if (value.len == 0 || value.len > TRACKER_STORE_CURSOR_LEN
            || value.data[0] == '0')
        {
            return NGX_HTTP_TRACKER_BAD_CURSOR;
        }

        for (i = 0; i < value.len; i++) {
            if (value.data[i] < '0' || value.data[i] > '9') {
                return NGX_HTTP_TRACKER_BAD_CURSOR;
            }
        }

        list->cursor = value;
    }

    return 0;
}


/* asks for the next stretch */

static void
ngx_http_tracker_list(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_list_t *list = ctx->data;

    ngx_uint_t  n;

    n = list->limit ? list->limit - list->listed : NGX_HTTP_TRACKER_STRETCH;

    if (tracker_txn_list(ctx->txn, &list->cursor, n,
                         ctx->form.lines ? "\n" : ",")
        != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_listed);
}


static void
ngx_http_tracker_found(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    tracker_txn_t  *txn;

    txn = ctx->txn;

    if (txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, txn->outcome);
        return;
    }

    ctx->outcome = TRACKER_OUTCOME_FOUND;

    if ((txn->times ? ngx_http_tracker_set_weak_etag
                    : ngx_http_tracker_set_etag)
            (ctx, txn->digest, sizeof(txn->digest))
        != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (ngx_http_tracker_decided(r, ctx)
        || ngx_http_tracker_reserve(r, ctx, txn->record.len) != NGX_OK)
    {
        return;
    }

    ngx_str_set(&ctx->open, "{\"tracker\":");
    ctx->answer = txn->record;
    ngx_str_set(&ctx->close, "}");

    ngx_http_tracker_finish(r, ctx);
}


static void
ngx_http_tracker_listed(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_list_t *list = ctx->data;

    ngx_uint_t       more;
    tracker_page_t  *page;

    if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    page = &ctx->txn->page;

    if (!ctx->form.sent) {

        if (ngx_http_tracker_begin_list(r, ctx) != NGX_OK) {
            return;
        }

    } else if (list->listed && page->n) {
        ngx_str_set(&ctx->open, ",");

        if (ctx->form.lines) {
            ngx_str_set(&ctx->open, "\n");
        }

    } else {
        ngx_str_null(&ctx->open);
    }

    if (ngx_http_tracker_reserve(r, ctx, page->records.len) != NGX_OK) {
        return;
    }

    list->listed += page->n;
    list->cursor = page->cursor;
    ctx->answer = page->records;

    more = page->more && (list->limit == 0 || list->listed < list->limit);

    if (more) {
        ngx_http_tracker_send_stretch(r, ctx, ngx_http_tracker_list);
        return;
    }

    if (ngx_http_tracker_close_list(r, ctx, page->more) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_finish(r, ctx);
}


/* the first stretch; returns NGX_OK, or NGX_ABORT, the request has ended */

static ngx_int_t
ngx_http_tracker_begin_list(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_list_t *list = ctx->data;

    if (ctx->txn->page.stray) {
        ngx_http_tracker_fail(r, ctx, NGX_HTTP_TRACKER_BAD_CURSOR);
        return NGX_ABORT;
    }

    ctx->outcome = TRACKER_OUTCOME_FOUND;

    if (ngx_http_tracker_set_list_etag(ctx, ctx->form.lines, list->part)
        != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return NGX_ABORT;
    }

    if (ngx_http_tracker_decided(r, ctx)) {
        return NGX_ABORT;
    }

    if (!ctx->form.lines) {
        ngx_str_set(&ctx->open, "{\"trackers\":[");
    }

    return NGX_OK;
}


/* returns 1 if the request was answered, since its conditions say so; else 0 */

static ngx_uint_t
ngx_http_tracker_decided(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  outcome;

    outcome = ngx_http_tracker_precondition(r, ctx);

    switch (outcome) {

    case 0:
        return 0;

    case NGX_HTTP_TRACKER_UNMODIFIED:
        ctx->outcome = outcome;
        ngx_http_tracker_refuse(r, ctx);
        return 1;

    default: /* NGX_HTTP_TRACKER_UNMATCHED */
        ngx_http_tracker_fail(r, ctx, outcome);
        return 1;
    }
}


static ngx_int_t
ngx_http_tracker_close_list(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t more)
{
    ngx_http_tracker_list_t *list = ctx->data;

    u_char  *p;

    p = ngx_pnalloc(r->pool, NGX_HTTP_TRACKER_END_LEN + list->cursor.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->close.data = p;

    if (ctx->form.lines) {
        p = ngx_sprintf(p, "%s{\"end\":true,\"count\":%ui",
                        list->listed ? "\n" : "", list->listed);

    } else {
        *p++ = ']';
    }

    if (more) {
        p = ngx_sprintf(p, ",\"next\":\"%V\"", &list->cursor);
    }

    *p++ = '}';

    if (ctx->form.lines) {
        *p++ = LF;
    }

    ctx->close.len = p - ctx->close.data;

    return NGX_OK;
}


/* of the module that answers: it was compiled in */

void
ngx_http_tracker_start_description(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t  text;

    text.len = sizeof(ngx_http_tracker_description) - 1;
    text.data = ngx_http_tracker_description;

    if (ngx_http_tracker_describe_etag(ctx, &text) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (ngx_http_tracker_decided(r, ctx)) {
        return;
    }

    ctx->outcome = TRACKER_OUTCOME_FOUND;
    ctx->answer = text;

    ngx_http_tracker_finish(r, ctx);
}


/* sets ctx->etag; a worker needs the digest only once */

static ngx_int_t
ngx_http_tracker_describe_etag(ngx_http_tracker_ctx_t *ctx, ngx_str_t *text)
{
    static u_char      digest[TRACKER_SHA1_LEN];
    static ngx_uint_t  known;

    if (!known && tracker_digest(digest, TRACKER_SHA1, text, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    known = 1;

    return ngx_http_tracker_set_etag(ctx, digest, sizeof(digest));
}
