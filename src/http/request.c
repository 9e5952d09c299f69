
/*
 * A request from its first step to its end.
 */


#include "http/request.h"
#include "http/count.h"
#include "http/lines.h"
#include "http/response.h"
#include "http/send.h"


static void ngx_http_tracker_txn_handler(tracker_txn_t *txn);
static void ngx_http_tracker_drop_txn(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_pool_cleanup_t *ngx_http_tracker_find_cleanup(
    ngx_http_request_t *r, tracker_txn_t *txn);
static void ngx_http_tracker_free_txn(void *data);
static void ngx_http_tracker_end_txn(ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_turn(ngx_event_t *ev);
static void ngx_http_tracker_forget(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_cleanup(void *data);


ngx_int_t
ngx_http_tracker_start(ngx_http_request_t *r, ngx_http_tracker_check_pt check)
{
    ngx_int_t                rc;
    ngx_uint_t               outcome;
    ngx_http_cleanup_t      *cln;
    ngx_http_tracker_ctx_t  *ctx;

    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tracker: subrequests are not served");
        return NGX_HTTP_NOT_FOUND;
    }

    ctx = ngx_http_tracker_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->start = ngx_current_msec;
    ctx->budget = NGX_HTTP_TRACKER_BUDGET;

    outcome = check(r, ctx);

    if (outcome) {
        return ngx_http_tracker_send_outcome(r, ctx, outcome);
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_tracker_cleanup;
    cln->data = ctx;

    if (r->method & (NGX_HTTP_TRACKER_READS|NGX_HTTP_DELETE)) {

        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }

        /* nothing of it is left to be dropped before the answer */
        ctx->body.complete = 1;
    }

    r->main->count++;

    ngx_http_tracker_count_start(&ctx->counted);

    ctx->step(r, ctx);

    return NGX_DONE;
}


ngx_int_t
ngx_http_tracker_begin_txn(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    size_t size)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    ngx_http_tracker_drop_txn(r, ctx);

    cln = ngx_http_tracker_find_cleanup(r, NULL);

    if (cln == NULL) {
        cln = ngx_pool_cleanup_add(r->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }
    }

    ctx->txn = tracker_txn_begin(&tlcf->store, &ctx->identity.account,
                                 ctx->start, size,
                                 ngx_http_tracker_txn_handler, ctx);
    if (ctx->txn == NULL) {
        return NGX_ERROR;
    }

    /*
     * Not with the request: an HTTP/2 frame that is being sent is finished
     * after it, from the memory of the answer.  The pool outlives both.
     */

    cln->handler = ngx_http_tracker_free_txn;
    cln->data = ctx->txn;

    return NGX_OK;
}


static void
ngx_http_tracker_drop_txn(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    tracker_txn_t       *txn;
    ngx_pool_cleanup_t  *cln;

    txn = ctx->txn;

    if (txn == NULL) {
        return;
    }

    ngx_http_tracker_end_txn(ctx);

    cln = ngx_http_tracker_find_cleanup(r, txn);
    cln->data = NULL;

    tracker_txn_free(txn);
}


ngx_int_t
ngx_http_tracker_begin_conversation(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (!tracker_id_valid((char *) ctx->id.data, ctx->id.len)) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_MISSING);
        return NGX_ABORT;
    }

    if (ngx_http_tracker_begin_txn(r, ctx, 0) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return NGX_ABORT;
    }

    return NGX_OK;
}


/* of a txn, or with NULL of one that was dropped; or NULL */

static ngx_pool_cleanup_t *
ngx_http_tracker_find_cleanup(ngx_http_request_t *r, tracker_txn_t *txn)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_tracker_free_txn && cln->data == txn) {
            break;
        }
    }

    return cln;
}


static void
ngx_http_tracker_free_txn(void *data)
{
    if (data) {
        tracker_txn_free(data);
    }
}


/* closes the txn, if there is one, which releases its lock */

static void
ngx_http_tracker_end_txn(ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->txn) {
        ctx->spent.redis += ctx->txn->redis_time;

        tracker_txn_close(ctx->txn);
        ctx->txn = NULL;
    }
}


void
ngx_http_tracker_wait(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_step_pt step)
{
    ctx->step = step;
    ctx->counted.waited = 1;

    r->connection->log->action = "waiting for redis";

    if (r->discard_body) {
        return;
    }

    r->read_event_handler = ngx_http_test_reading;

    /*
     * A client may have left right behind its request: with edge-triggered
     * events no other event comes.  An HTTP/2 stream has no events of its own.
     */

    if (r->connection->read->ready
        && (ngx_event_flags & NGX_USE_CLEAR_EVENT)
        && r->http_version < NGX_HTTP_VERSION_20)
    {
        ngx_post_event(r->connection->read, &ngx_posted_events);
    }
}


static void
ngx_http_tracker_txn_handler(tracker_txn_t *txn)
{
    ngx_http_tracker_resume(txn->data);
}


ngx_uint_t
ngx_http_tracker_yield(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_step_pt step)
{
    ngx_msec_int_t                left;
    ngx_http_tracker_loc_conf_t  *tlcf;

    if (ctx->budget) {
        return 0;
    }

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    ctx->step = step;
    r->read_event_handler = ngx_http_test_reading;

    ctx->event.handler = ngx_http_tracker_turn;
    ctx->event.data = ctx;
    ctx->event.log = r->connection->log;

    /* without a timer an exiting worker would not wait for the next turn */

    left = (ngx_msec_int_t) (ctx->start + tlcf->store.timeout
                             - ngx_current_msec);

    ngx_add_timer(&ctx->event, ngx_max(left, 1));

    ngx_post_event(&ctx->event, &ngx_posted_next_events);

    return 1;
}


static void
ngx_http_tracker_turn(ngx_event_t *ev)
{
    uint64_t  start;

    start = ngx_http_tracker_clock();

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_http_tracker_resume(ev->data);

    ngx_http_tracker_count_turn(ngx_http_tracker_clock() - start);
}


void
ngx_http_tracker_resume(ngx_http_tracker_ctx_t *ctx)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    if (ngx_http_get_module_ctx(r, ngx_http_tracker_module) != ctx) {

        /* a post_action has taken the request over: there is no client */

        ngx_http_tracker_end_txn(ctx);
        return;
    }

    c->log->action = NULL;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "tracker resume, outcome %ui",
                   ctx->txn ? (ngx_uint_t) ctx->txn->outcome : 0);

    ctx->budget = NGX_HTTP_TRACKER_BUDGET;

    ctx->step(r, ctx);

    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_tracker_reserve(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    size_t size)
{
    switch (ngx_http_tracker_hold(ctx, size)) {

    case NGX_OK:
        return NGX_OK;

    case NGX_DECLINED:
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_CROWDED);
        return NGX_ABORT;

    default:
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return NGX_ABORT;
    }
}


void
ngx_http_tracker_fail_body(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_int_t rc)
{
    ngx_uint_t  outcome;

    outcome = ngx_http_tracker_body_outcome(rc);

    if (outcome) {
        ngx_http_tracker_fail(r, ctx, outcome);
        return;
    }

    /*
     * The client has gone, or another module has decided; a post_action would
     * keep the request, and its lock
     */

    ngx_http_tracker_end_txn(ctx);

    ngx_http_finalize_request(r, rc);
}


void
ngx_http_tracker_fail(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_uint_t outcome)
{
    if (ctx->form.sent && ctx->body.lines == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    ngx_http_tracker_set_error(ctx, outcome, NULL);
    ngx_http_tracker_refuse(r, ctx);
}


void
ngx_http_tracker_fail_decoding(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_rc_e rc, tracker_message_t *message)
{
    if (rc != TRACKER_INVALID) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_INVALID, message);
    ngx_http_tracker_refuse(r, ctx);
}


void
ngx_http_tracker_refuse(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->body.lines && ngx_http_tracker_refuse_line(ctx) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    ngx_http_tracker_forget(r, ctx);

    switch (ctx->outcome) {

    case TRACKER_OUTCOME_UNAVAILABLE:
    case TRACKER_OUTCOME_TIMEOUT:
        ngx_http_tracker_end_txn(ctx);
        break;

    default:

        if (ctx->txn && ctx->txn->holds_lock
            && tracker_txn_release(ctx->txn) == NGX_OK)
        {
            ngx_http_tracker_wait(r, ctx, ngx_http_tracker_finish);
            return;
        }

        break;
    }

    ngx_http_tracker_finish(r, ctx);
}


/*
 * Frees what was read and decoded: a client that does not read its answer must
 * not make us keep it
 */

static void
ngx_http_tracker_forget(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->txn) {
        tracker_txn_forget(ctx->txn);
    }

    ngx_http_tracker_body_free(r, &ctx->body);
}


void
ngx_http_tracker_finish(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->answer.data == NULL
        && ctx->outcome != NGX_HTTP_TRACKER_UNMODIFIED)
    {
        /* no memory for the message */

        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_finalize_request(r, ngx_http_tracker_send(r, ctx, NULL));
}


/* the end of a request, whatever its cause */

static void
ngx_http_tracker_cleanup(void *data)
{
    ngx_http_tracker_ctx_t *ctx = data;

    ngx_http_tracker_count_end(&ctx->counted);

    if (ctx->event.posted) {
        ngx_delete_posted_event(&ctx->event);
    }

    if (ctx->event.timer_set) {
        ngx_del_timer(&ctx->event);
    }

    ngx_http_tracker_body_stop(&ctx->body);
    ngx_http_tracker_end_txn(ctx);
}
