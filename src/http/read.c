
/*
 * GET and HEAD: one tracker, or the list.  Records go from Redis to the
 * client as they are.  A long list is read and sent in stretches.  If Redis
 * fails after the first one was sent, the answer is cut off, so that it is not
 * taken for a complete list.
 */


#include "http/read.h"
#include "http/args.h"
#include "http/count.h"
#include "http/etag.h"
#include "http/request.h"
#include "http/response.h"
#include "http/send.h"
#include "store/read.h"


/* trackers of one stretch if the client names no limit */
#define NGX_HTTP_TRACKER_STRETCH    1000

#define NGX_HTTP_TRACKER_MAX_LIMIT  1000


typedef struct {
    ngx_uint_t                  limit;        /* 0: none */
    ngx_uint_t                  listed;       /* trackers sent so far */
    ngx_str_t                   cursor;       /* where the next stretch begins,
                                                 or empty */
    ngx_buf_t                  *tail;         /* last buffer of this stretch */
    unsigned                    sending:1;    /* it, or Redis is awaited */
} ngx_http_tracker_list_t;


static void ngx_http_tracker_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_parse_args(ngx_http_request_t *r,
    ngx_http_tracker_list_t *list);
static ngx_int_t ngx_http_tracker_list(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_listed(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_begin_list(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_send_stretch(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_decided(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_close_list(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t more);
static void ngx_http_tracker_sent(ngx_http_request_t *r);
static ngx_uint_t ngx_http_tracker_ended(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_int_t rc);
static ngx_uint_t ngx_http_tracker_unsent(ngx_http_tracker_list_t *list);


void
ngx_http_tracker_start_get(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ngx_http_tracker_begin_txn(r, ctx, 0) != NGX_OK
        || tracker_txn_fetch(ctx->txn, &ctx->id) != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_found);
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

    outcome = ngx_http_tracker_parse_args(r, list);
    if (outcome) {
        ngx_http_tracker_fail(r, ctx, outcome);
        return;
    }

    if (ngx_http_tracker_begin_txn(r, ctx, 0) != NGX_OK) {
        goto failed;
    }

    if (ngx_http_tracker_find_arg(r, "name", &name) != NGX_OK) {

        if (ngx_http_tracker_list(r, ctx) != NGX_OK) {
            goto failed;
        }

        return;
    }

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
    size_t      i;
    ngx_int_t   n;
    ngx_str_t   value;

    if (ngx_http_tracker_find_arg(r, "limit", &value) == NGX_OK) {

        n = value.len <= 4 ? ngx_atoi(value.data, value.len) : NGX_ERROR;

        if (n < 1 || n > NGX_HTTP_TRACKER_MAX_LIMIT) {
            return NGX_HTTP_TRACKER_BAD_LIMIT;
        }

        list->limit = n;
    }

    if (ngx_http_tracker_find_arg(r, "cursor", &value) == NGX_OK) {

        if (value.len == 0 || value.len > TRACKER_STORE_CURSOR_LEN) {
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


/* asks for the next stretch: NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_tracker_list(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_list_t *list = ctx->data;

    ngx_uint_t  n;

    n = list->limit ? list->limit - list->listed : NGX_HTTP_TRACKER_STRETCH;

    if (tracker_txn_list(ctx->txn, &list->cursor, n) != NGX_OK) {
        return NGX_ERROR;
    }

    list->sending = 0;

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_listed);

    return NGX_OK;
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

    if (ngx_http_tracker_set_etag(ctx, txn->digest, sizeof(txn->digest))
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

        if (ctx->sent) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }

        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    page = &ctx->txn->page;

    if (!ctx->sent) {

        if (ngx_http_tracker_begin_list(r, ctx) != NGX_OK) {
            return;
        }

    } else if (list->listed && page->n) {
        ngx_str_set(&ctx->open, ",");

    } else {
        ngx_str_null(&ctx->open);
    }

    (void) ngx_http_tracker_hold(ctx, page->records.len);

    list->listed += page->n;
    list->cursor = page->cursor;
    ctx->answer = page->records;

    more = page->more && (list->limit == 0 || list->listed < list->limit);

    if (more) {
        ngx_http_tracker_send_stretch(r, ctx);
        return;
    }

    if (ngx_http_tracker_close_list(r, ctx, page->more) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    ngx_http_tracker_finish(r, ctx);
}


/* the first stretch; returns NGX_OK, or NGX_ABORT, the request has ended */

static ngx_int_t
ngx_http_tracker_begin_list(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    tracker_page_t  *page;

    page = &ctx->txn->page;

    ctx->outcome = TRACKER_OUTCOME_FOUND;

    if (ngx_http_tracker_set_etag(ctx, page->tag.data, page->tag.len)
        != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return NGX_ABORT;
    }

    if (ngx_http_tracker_decided(r, ctx)
        || ngx_http_tracker_reserve(r, ctx, page->records.len) != NGX_OK)
    {
        return NGX_ABORT;
    }

    ngx_str_set(&ctx->open, "{\"trackers\":[");

    return NGX_OK;
}


/* a stretch that another one follows */

static void
ngx_http_tracker_send_stretch(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_list_t *list = ctx->data;

    ngx_int_t  rc;

    list->sending = 1;

    rc = ngx_http_tracker_send(r, ctx, &list->tail);

    if (ngx_http_tracker_ended(r, ctx, rc)) {
        return;
    }

    if (r->header_only) {
        ngx_http_finalize_request(r, NGX_OK);
        return;
    }

    r->write_event_handler = ngx_http_tracker_sent;
    ngx_http_tracker_sent(r);
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
        ngx_http_tracker_send_not_modified(r, ctx);
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

    if (!more) {
        ngx_str_set(&ctx->close, "]}");
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, sizeof("],\"next\":\"\"}") + list->cursor.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->close.data = p;
    ctx->close.len = ngx_sprintf(p, "],\"next\":\"%V\"}", &list->cursor) - p;

    return NGX_OK;
}


/*
 * The next stretch takes the memory of this one, so all of our buffers must
 * have been sent.  What the filters have made of them may still wait for the
 * socket and be sent with the next stretch: gzip passes no call on while it
 * has nothing to send itself, although the end of the chunk is left.
 */

static void
ngx_http_tracker_sent(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_tracker_ctx_t    *ctx;
    ngx_http_tracker_list_t   *list;
    ngx_http_core_loc_conf_t  *clcf;

    c = r->connection;
    wev = c->write;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);
    list = ctx->data;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!list->sending) {

        /* waiting for Redis; a level-triggered event would come again */

        if (ngx_handle_write_event(wev, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }

        return;
    }

    if (ngx_http_tracker_unsent(list)
        && ngx_http_tracker_ended(r, ctx, ngx_http_output_filter(r, NULL)))
    {
        return;
    }

    if (ngx_http_tracker_unsent(list)) {

        clcf = ngx_http_get_module_loc_conf(r->main, ngx_http_core_module);

        if (!wev->delayed) {
            ngx_add_timer(wev, clcf->send_timeout);
        }

        if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }

        return;
    }

    if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    if (ngx_http_tracker_list(r, ctx) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/*
 * rc: what the filters returned.  Returns 1 if the list does not go on, and the
 * request was finalized; else 0.  A filter may fail; or answer by itself: then
 * ngx_http_filter_finalize_request() has removed the contexts, and may return
 * NGX_AGAIN, as image_filter does when it waits for the client.
 */

static ngx_uint_t
ngx_http_tracker_ended(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_int_t rc)
{
    if (rc > NGX_OK && r->header_sent) {

        /* too late for a status */
        rc = NGX_ERROR;
    }

    if (rc == NGX_ERROR || rc > NGX_OK
        || ngx_http_get_module_ctx(r, ngx_http_tracker_module) != ctx)
    {
        ngx_http_finalize_request(r, rc);
        return 1;
    }

    return 0;
}


static ngx_uint_t
ngx_http_tracker_unsent(ngx_http_tracker_list_t *list)
{
    return list->tail && ngx_buf_size(list->tail);
}
