
/*
 * GET and HEAD: one tracker, or the list.  Records go from Redis to the
 * client as they are.  A long list is read and sent a stretch at a time; when
 * Redis fails after the first one went out, the answer is cut off: it is
 * never a shorter list that looks whole.
 */


#include "http/handler.h"
#include "store/read.h"


/* trackers of one stretch where the client names no limit */
#define NGX_HTTP_TRACKER_STRETCH    1000

#define NGX_HTTP_TRACKER_MAX_LIMIT  1000


static ngx_uint_t ngx_http_tracker_parse_args(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_list(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_decided(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_close_list(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t more);
static void ngx_http_tracker_sent(ngx_http_request_t *r);
static ngx_uint_t ngx_http_tracker_ended(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_int_t rc);
static ngx_uint_t ngx_http_tracker_unsent(ngx_http_tracker_ctx_t *ctx);


void
ngx_http_tracker_start_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_str_t   name;
    ngx_uint_t  outcome;

    if (ctx->id.len == 0) {

        outcome = ngx_http_tracker_parse_args(r, ctx);
        if (outcome) {
            ngx_http_tracker_fail(r, ctx, outcome);
            return;
        }
    }

    if (ngx_http_tracker_begin_txn(r, ctx, 0) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (ctx->id.len) {
        ngx_http_tracker_wait(r, ctx, NGX_HTTP_TRACKER_FETCHING);
        rc = tracker_txn_fetch(ctx->txn, &ctx->id);

    } else if (ngx_http_tracker_find_arg(r, "name", &name) == NGX_OK) {

        rc = ngx_http_tracker_decode_arg(r->pool, &name);

        if (rc == NGX_OK) {
            ngx_http_tracker_wait(r, ctx, NGX_HTTP_TRACKER_LISTING);
            rc = tracker_txn_find(ctx->txn, &name);
        }

    } else {
        rc = ngx_http_tracker_list(r, ctx);
    }

    if (rc != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
    }
}


/* returns 0 or the outcome */

static ngx_uint_t
ngx_http_tracker_parse_args(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    size_t      i;
    ngx_int_t   n;
    ngx_str_t   value;

    if (ngx_http_tracker_find_arg(r, "limit", &value) == NGX_OK) {

        n = value.len <= 4 ? ngx_atoi(value.data, value.len) : NGX_ERROR;

        if (n < 1 || n > NGX_HTTP_TRACKER_MAX_LIMIT) {
            return NGX_HTTP_TRACKER_BAD_LIMIT;
        }

        ctx->limit = n;
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

        ctx->cursor = value;
    }

    return 0;
}


/* asks for the next stretch */

static ngx_int_t
ngx_http_tracker_list(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  n;

    n = NGX_HTTP_TRACKER_STRETCH;

    if (ctx->limit) {
        n = ctx->limit - ctx->listed;
    }

    ngx_http_tracker_wait(r, ctx, NGX_HTTP_TRACKER_LISTING);

    return tracker_txn_list(ctx->txn, &ctx->cursor, n);
}


void
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


void
ngx_http_tracker_listed(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
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
        ctx->outcome = TRACKER_OUTCOME_FOUND;

        if (ngx_http_tracker_set_etag(ctx, page->tag.data, page->tag.len)
            != NGX_OK)
        {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
            return;
        }

        if (ngx_http_tracker_decided(r, ctx)
            || ngx_http_tracker_reserve(r, ctx, page->records.len) != NGX_OK)
        {
            return;
        }

        ngx_str_set(&ctx->open, "{\"trackers\":[");

    } else if (ctx->listed && page->n) {
        ngx_str_set(&ctx->open, ",");

    } else {
        ngx_str_null(&ctx->open);
    }

    (void) ngx_http_tracker_hold(ctx, page->records.len);

    ctx->listed += page->n;
    ctx->cursor = page->cursor;
    ctx->answer = page->records;

    more = page->more && (ctx->limit == 0 || ctx->listed < ctx->limit);

    if (!more) {

        if (ngx_http_tracker_close_list(r, ctx, page->more) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }

        ngx_http_tracker_finish(r, ctx);
        return;
    }

    ctx->state = NGX_HTTP_TRACKER_SENDING;
    ctx->more = 1;

    if (ngx_http_tracker_ended(r, ctx, ngx_http_tracker_send(r, ctx))) {
        return;
    }

    if (r->header_only) {
        ngx_http_finalize_request(r, NGX_OK);
        return;
    }

    r->write_event_handler = ngx_http_tracker_sent;
    ngx_http_tracker_sent(r);
}


/* 1: its conditions have decided the request, and it was answered */

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
        ngx_http_tracker_forget(r, ctx);
        ngx_http_tracker_finish(r, ctx);
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
    u_char  *p;

    ctx->more = 0;

    if (!more) {
        ngx_str_set(&ctx->close, "]}");
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, sizeof("],\"next\":\"\"}") + ctx->cursor.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->close.data = p;
    ctx->close.len = ngx_sprintf(p, "],\"next\":\"%V\"}", &ctx->cursor) - p;

    return NGX_OK;
}


/*
 * The next stretch takes the memory of this one, so nothing may be left of it
 * in our buffers.  What the filters have made of it may still wait for the
 * socket and go out with the next: gzip passes no call on while it has nothing
 * to send itself, although the end of the chunk is left.
 */

static void
ngx_http_tracker_sent(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_tracker_ctx_t    *ctx;
    ngx_http_core_loc_conf_t  *clcf;

    c = r->connection;
    wev = c->write;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (ctx->state != NGX_HTTP_TRACKER_SENDING) {

        /* Redis is awaited; where events are levels this one would go on */

        if (ngx_handle_write_event(wev, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }

        return;
    }

    if (ngx_http_tracker_unsent(ctx)
        && ngx_http_tracker_ended(r, ctx, ngx_http_output_filter(r, NULL)))
    {
        return;
    }

    if (ngx_http_tracker_unsent(ctx)) {

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
 * rc: what the filters returned.  1: the list does not go on, and the request
 * was finalized.  A filter may fail; or answer by itself, for which
 * ngx_http_filter_finalize_request() takes the contexts away and may return
 * NGX_AGAIN, as image_filter does where it waits for the client.
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
ngx_http_tracker_unsent(ngx_http_tracker_ctx_t *ctx)
{
    return ctx->tail && ngx_buf_size(ctx->tail);
}
