
/*
 * A write from its headers to its lock and its whole body, decoded.
 */


#include "http/handler.h"
#include "store/write.h"


static void ngx_http_tracker_accept(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_accepted(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_read_body(ngx_http_request_t *r);
static void ngx_http_tracker_deadline(ngx_event_t *ev);
static void ngx_http_tracker_body_failed(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_tracker_decode(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static tracker_rc_e ngx_http_tracker_decode_body(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_message_t *message);
static void ngx_http_tracker_ready(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


/*
 * What came along with the headers is looked at before the lock: a small
 * request that is wrong costs Redis nothing.  A client that waits for "100
 * Continue" gets it only when the lock is ours.
 */

void
ngx_http_tracker_start_write(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (r->headers_in.expect == NULL) {

        rc = ngx_http_tracker_body_read(r, &ctx->body);

        (void) tracker_spend(&ctx->budget, ctx->body.data.len);

        if (rc == NGX_OK) {
            if (ngx_http_tracker_decode(r, ctx) != NGX_OK) {
                ngx_http_tracker_refuse(r, ctx);
                return;
            }

        } else if (rc == NGX_AGAIN) {
            ngx_http_tracker_body_pause(r);

        } else {
            ngx_http_tracker_body_failed(r, ctx, rc);
            return;
        }
    }

    ngx_http_tracker_accept(r, ctx);
}


static void
ngx_http_tracker_accept(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    size_t                        size;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (r->method == NGX_HTTP_PATCH) {

        /* the body says nothing of the record's size */
        size = NGX_REDIS_SIZE_UNKNOWN;

    } else if (ctx->body.complete) {
        size = ctx->body.data.len;

    } else {
        size = r->headers_in.chunked
               ? NGX_REDIS_SIZE_UNKNOWN
               : (size_t) r->headers_in.content_length_n;
    }

    if (ngx_http_tracker_begin_txn(r, ctx, size) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (!tlcf->store.lock) {
        ngx_http_tracker_accepted(r, ctx);
        return;
    }

    if (tracker_txn_lock(ctx->txn) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, NGX_HTTP_TRACKER_LOCKING);
}


/* the lock is ours, or none is used */

static void
ngx_http_tracker_accepted(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->body.complete) {
        ngx_http_tracker_decoding(r, ctx);
        return;
    }

    ctx->state = NGX_HTTP_TRACKER_READING;

    /* HTTP/2 has started the clock with each frame that came meanwhile */

    ngx_http_tracker_body_pause(r);
    r->connection->read->timedout = 0;

    ngx_http_tracker_arm(r, ctx, ngx_http_tracker_deadline);
    ngx_http_tracker_read_body(r);
}


static void
ngx_http_tracker_read_body(ngx_http_request_t *r)
{
    size_t                   before;
    ngx_int_t                rc;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    before = ctx->body.data.len;

    rc = ngx_http_tracker_body_read(r, &ctx->body);

    if (rc == NGX_AGAIN) {
        r->read_event_handler = ngx_http_tracker_read_body;
        return;
    }

    if (rc != NGX_OK) {
        ngx_http_tracker_body_failed(r, ctx, rc);
        return;
    }

    ngx_del_timer(&ctx->event);

    ctx->budget = NGX_HTTP_TRACKER_BUDGET;

    (void) tracker_spend(&ctx->budget, ctx->body.data.len - before);

    ngx_http_tracker_decoding(r, ctx);
}


static void
ngx_http_tracker_deadline(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ngx_http_tracker_body_failed(r, ctx, NGX_HTTP_REQUEST_TIME_OUT);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_tracker_body_failed(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_int_t rc)
{
    ngx_uint_t  outcome;

    ngx_http_tracker_body_pause(r);

    if (ctx->event.timer_set) {
        ngx_del_timer(&ctx->event);
    }

    outcome = ngx_http_tracker_body_outcome(rc);

    if (outcome == 0) {

        /*
         * The client is gone, or another module has decided; a post_action
         * would keep the request, and the lock with it
         */

        ngx_http_tracker_end_txn(ctx);

        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_tracker_fail(r, ctx, outcome);
}


/* the lock is ours, or none is used, and the body is there */

void
ngx_http_tracker_decoding(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    while (!ctx->decoded) {

        if (ngx_http_tracker_turn_over(r, ctx, NGX_HTTP_TRACKER_DECODING)) {
            return;
        }

        if (ngx_http_tracker_decode(r, ctx) != NGX_OK) {
            ngx_http_tracker_refuse(r, ctx);
            return;
        }
    }

    ngx_http_tracker_ready(r, ctx);
}


/*
 * Decodes as much as the budget allows; in the end ctx->decoded is 1.  Returns
 * NGX_OK; or NGX_ABORT, an error: ctx->outcome and ctx->answer say which.
 * They also hold a 409 that is to be answered when the lock is ours.
 */

static ngx_int_t
ngx_http_tracker_decode(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t         outcome;
    tracker_message_t  message;

    if (ctx->body.data.len == 0) {
        outcome = NGX_HTTP_TRACKER_NO_BODY;
        goto failed;
    }

    /* the body, what is decoded of it, and the answer */

    switch (ngx_http_tracker_hold(ctx, 3 * ctx->body.data.len)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        outcome = TRACKER_OUTCOME_CROWDED;
        goto failed;

    default:
        outcome = TRACKER_OUTCOME_ERROR;
        goto failed;
    }

    switch (ngx_http_tracker_decode_body(r, ctx, &message)) {

    case TRACKER_OK:
        ctx->decoded = 1;
        return NGX_OK;

    case TRACKER_AGAIN:
        return NGX_OK;

    case TRACKER_REPEATED:
        if (ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_REPEATED,
                                       &message)
            == NGX_OK)
        {
            ctx->decoded = 1;
            return NGX_OK;
        }

        break;

    case TRACKER_INVALID:
        if (ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_INVALID,
                                       &message)
            == NGX_OK)
        {
            return NGX_ABORT;
        }

        break;

    default: /* TRACKER_NOMEM */
        break;
    }

    outcome = TRACKER_OUTCOME_ERROR;

failed:

    if (ngx_http_tracker_set_error(ctx, outcome, NULL) != NGX_OK) {
        ngx_str_null(&ctx->answer);
    }

    return NGX_ABORT;
}


static tracker_rc_e
ngx_http_tracker_decode_body(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_message_t *message)
{
    char                         *data;
    size_t                        len;
    tracker_str_t                 id;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    data = (char *) ctx->body.data.data;
    len = ctx->body.data.len;

    ctx->arena.alloc = ngx_http_tracker_alloc;
    ctx->arena.data = r->pool;

    if (r->method == NGX_HTTP_PATCH) {
        return tracker_decode_patch(data, len, &ctx->arena, &ctx->patch,
                                    message);
    }

    if (ctx->decode == NULL) {
        id.len = ctx->id.len;
        id.data = (char *) ctx->id.data;

        ctx->decode = tracker_decode_start(data, len, ctx->shape,
                                           r->method == NGX_HTTP_PUT ? &id
                                                                     : NULL,
                                           &tlcf->limits, &ctx->arena,
                                           &ctx->set);
        if (ctx->decode == NULL) {
            return TRACKER_NOMEM;
        }
    }

    return tracker_decode_run(ctx->decode, &ctx->budget, message);
}


void *
ngx_http_tracker_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


/* the lock is ours, or none is used, and the body is decoded */

static void
ngx_http_tracker_ready(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->outcome == NGX_HTTP_TRACKER_REPEATED) {
        ngx_http_tracker_refuse(r, ctx);
        return;
    }

    if (ctx->idempotency_key.len
        && tracker_txn_idempotent(ctx->txn, &ctx->idempotency_key,
                                  &ctx->endpoint, &ctx->body.data)
           != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (r->method == NGX_HTTP_POST) {
        ngx_http_tracker_composing(r, ctx);

    } else {
        ngx_http_tracker_start_change(r, ctx);
    }
}


void
ngx_http_tracker_locked(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->txn->outcome == 0) {
        ngx_http_tracker_accepted(r, ctx);
        return;
    }

    ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
}
