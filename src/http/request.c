
/*
 * A request from its first step to its end: its txn, its turns of the loop,
 * which step comes next, refusals, and what is left when it ends.
 */


#include "http/handler.h"


static void ngx_http_tracker_txn_handler(tracker_txn_t *txn);
static void ngx_http_tracker_free_txn(void *data);
static void ngx_http_tracker_turn(ngx_event_t *ev);
static void ngx_http_tracker_resume(ngx_http_tracker_ctx_t *ctx);


ngx_int_t
ngx_http_tracker_begin_txn(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    size_t size)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    ctx->txn = tracker_txn_begin(&tlcf->store, &ctx->account, ctx->start,
                                 size, ngx_http_tracker_txn_handler, ctx);
    if (ctx->txn == NULL) {
        return NGX_ERROR;
    }

    /*
     * Not with the request: a frame of HTTP/2 that is under way goes out even
     * after it, from the memory of the answer, and the pool outlives both.
     */

    cln->handler = ngx_http_tracker_free_txn;
    cln->data = ctx->txn;

    return NGX_OK;
}


static void
ngx_http_tracker_free_txn(void *data)
{
    tracker_txn_free(data);
}


static void
ngx_http_tracker_txn_handler(tracker_txn_t *txn)
{
    ngx_http_tracker_resume(txn->data);
}


ngx_uint_t
ngx_http_tracker_turn_over(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_state_e state)
{
    if (ctx->budget) {
        return 0;
    }

    ctx->state = state;
    r->read_event_handler = ngx_http_test_reading;

    /* without a timer an exiting worker would not wait for the next turn */

    ngx_http_tracker_arm(r, ctx, ngx_http_tracker_turn);

    ngx_post_event(&ctx->event, &ngx_posted_next_events);

    return 1;
}


void
ngx_http_tracker_arm(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_event_handler_pt handler)
{
    ngx_msec_int_t                left;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    left = (ngx_msec_int_t) (ctx->start + tlcf->store.timeout
                             - ngx_current_msec);

    ctx->event.handler = handler;
    ctx->event.data = ctx;
    ctx->event.log = r->connection->log;

    ngx_add_timer(&ctx->event, ngx_max(left, 1));
}


static void
ngx_http_tracker_turn(ngx_event_t *ev)
{
    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_http_tracker_resume(ev->data);
}


static void
ngx_http_tracker_resume(ngx_http_tracker_ctx_t *ctx)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    if (ngx_http_get_module_ctx(r, ngx_http_tracker_module) != ctx) {

        /* a post_action has taken the request over: nobody waits for this */

        ngx_http_tracker_end_txn(ctx);
        return;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "tracker state %ui outcome %ui", ctx->state,
                   (ngx_uint_t) ctx->txn->outcome);

    ctx->budget = NGX_HTTP_TRACKER_BUDGET;

    switch (ctx->state) {

    case NGX_HTTP_TRACKER_LOCKING:
        ngx_http_tracker_locked(r, ctx);
        break;

    case NGX_HTTP_TRACKER_DECODING:
        ngx_http_tracker_decoding(r, ctx);
        break;

    case NGX_HTTP_TRACKER_COMPOSING:
        ngx_http_tracker_composing(r, ctx);
        break;

    case NGX_HTTP_TRACKER_RENDERING:
        ngx_http_tracker_rendering(r, ctx);
        break;

    case NGX_HTTP_TRACKER_CREATING:
        ngx_http_tracker_created(r, ctx);
        break;

    case NGX_HTTP_TRACKER_FETCHING:

        if (r->method & NGX_HTTP_TRACKER_READS) {
            ngx_http_tracker_found(r, ctx);

        } else {
            ngx_http_tracker_fetched(r, ctx);
        }

        break;

    case NGX_HTTP_TRACKER_APPLYING:
        ngx_http_tracker_applying(r, ctx);
        break;

    case NGX_HTTP_TRACKER_CHANGING:
        ngx_http_tracker_changed(r, ctx);
        break;

    case NGX_HTTP_TRACKER_LISTING:
        ngx_http_tracker_listed(r, ctx);
        break;

    default: /* NGX_HTTP_TRACKER_RELEASING */
        ngx_http_tracker_finish(r, ctx);
        break;
    }

    ngx_http_run_posted_requests(c);
}


void
ngx_http_tracker_wait(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_state_e state)
{
    ctx->state = state;
    ctx->waited = 1;

    if (r->discard_body) {
        return;
    }

    r->read_event_handler = ngx_http_test_reading;

    /*
     * A client may have left right behind its request: where events are edges
     * no other one comes.  A stream of HTTP/2 has no events of its own.
     */

    if (r->connection->read->ready
        && (ngx_event_flags & NGX_USE_CLEAR_EVENT)
        && r->http_version < NGX_HTTP_VERSION_20)
    {
        ngx_post_event(r->connection->read, &ngx_posted_events);
    }
}


void
ngx_http_tracker_fail(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_uint_t outcome)
{
    if (ngx_http_tracker_set_error(ctx, outcome, NULL) != NGX_OK) {
        ngx_str_null(&ctx->answer);
    }

    ngx_http_tracker_refuse(r, ctx);
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
ngx_http_tracker_refuse(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
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
            ngx_http_tracker_wait(r, ctx, NGX_HTTP_TRACKER_RELEASING);
            return;
        }

        break;
    }

    ngx_http_tracker_finish(r, ctx);
}


/*
 * What was read and decoded: a client that does not read its refusal must not
 * make us keep it
 */

void
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
        /* no memory for the sentence */

        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_finalize_request(r, ngx_http_tracker_send(r, ctx));
}


void
ngx_http_tracker_end_txn(ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->txn) {
        ctx->redis_time += ctx->txn->redis_time;

        tracker_txn_close(ctx->txn);
        ctx->txn = NULL;
    }
}


void
ngx_http_tracker_cleanup(void *data)
{
    ngx_http_tracker_ctx_t *ctx = data;

    if (ctx->event.posted) {
        ngx_delete_posted_event(&ctx->event);
    }

    if (ctx->event.timer_set) {
        ngx_del_timer(&ctx->event);
    }

    ngx_http_tracker_end_txn(ctx);
}
