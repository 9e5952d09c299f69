
/*
 * A write from its headers to its lock and its whole body; then, for a POST,
 * to the trackers that were created.
 */


#include "ngx_http_tracker_handler.h"
#include "tracker_decode.h"


/* times that other ids are chosen for one request */
#define NGX_HTTP_TRACKER_TRIES  3


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
    ngx_http_tracker_ctx_t *ctx, tracker_arena_t *arena,
    tracker_message_t *message);
static void ngx_http_tracker_ready(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_create(ngx_http_request_t *r,
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

        if (rc == NGX_OK) {
            rc = ngx_http_tracker_decode(r, ctx);

            if (rc == NGX_ABORT) {
                ngx_http_tracker_finish(r, ctx);
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
    ngx_uint_t                    large;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (r->method == NGX_HTTP_PATCH) {

        /* the body says nothing of the record's size */
        large = 1;

    } else if (ctx->body.complete) {
        large = ctx->body.data.len > NGX_REDIS_LARGE_SIZE;

    } else {
        large = r->headers_in.chunked
                || r->headers_in.content_length_n > NGX_REDIS_LARGE_SIZE;
    }

    if (ngx_http_tracker_begin_job(r, ctx, large) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (!tlcf->store.lock) {
        ngx_http_tracker_accepted(r, ctx);
        return;
    }

    if (tracker_job_lock(ctx->job) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, NGX_HTTP_TRACKER_LOCKING);
}


/* the lock is ours, or none is used */

static void
ngx_http_tracker_accepted(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_msec_int_t                left;
    ngx_http_tracker_loc_conf_t  *tlcf;

    if (ctx->body.complete) {
        ngx_http_tracker_ready(r, ctx);
        return;
    }

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    left = (ngx_msec_int_t) (ctx->start + tlcf->store.timeout
                             - ngx_current_msec);

    ctx->state = NGX_HTTP_TRACKER_READING;
    ctx->deadline.handler = ngx_http_tracker_deadline;
    ctx->deadline.data = ctx;
    ctx->deadline.log = r->connection->log;

    ngx_add_timer(&ctx->deadline, ngx_max(left, 1));

    ngx_http_tracker_read_body(r);
}


static void
ngx_http_tracker_read_body(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    rc = ngx_http_tracker_body_read(r, &ctx->body);

    if (rc == NGX_AGAIN) {
        r->read_event_handler = ngx_http_tracker_read_body;
        return;
    }

    if (rc != NGX_OK) {
        ngx_http_tracker_body_failed(r, ctx, rc);
        return;
    }

    ngx_del_timer(&ctx->deadline);

    if (ngx_http_tracker_decode(r, ctx) == NGX_ABORT) {
        ngx_http_tracker_refuse(r, ctx);
        return;
    }

    ngx_http_tracker_ready(r, ctx);
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

    if (ctx->deadline.timer_set) {
        ngx_del_timer(&ctx->deadline);
    }

    outcome = ngx_http_tracker_body_outcome(rc);

    if (outcome == 0) {

        /* the client is gone, or another module has decided */

        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_tracker_fail(r, ctx, outcome);
}


/*
 * Returns NGX_OK; NGX_DECLINED, a 409 that is to be answered when the lock
 * is ours; NGX_ABORT, an error.  ctx->outcome and ctx->answer say which.
 */

static ngx_int_t
ngx_http_tracker_decode(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t         outcome;
    tracker_arena_t    arena;
    tracker_message_t  message;

    if (ctx->body.data.len == 0) {
        outcome = NGX_HTTP_TRACKER_NO_BODY;
        goto failed;
    }

    arena.alloc = ngx_http_tracker_alloc;
    arena.data = r->pool;

    switch (ngx_http_tracker_decode_body(r, ctx, &arena, &message)) {

    case TRACKER_OK:
        return NGX_OK;

    case TRACKER_REPEATED:
        if (ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_REPEATED,
                                       &message)
            == NGX_OK)
        {
            return NGX_DECLINED;
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
    ngx_http_tracker_ctx_t *ctx, tracker_arena_t *arena,
    tracker_message_t *message)
{
    char                         *data;
    size_t                        len;
    tracker_str_t                 id;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    data = (char *) ctx->body.data.data;
    len = ctx->body.data.len;

    switch (r->method) {

    case NGX_HTTP_PUT:
        ctx->set.n = 1;
        ctx->set.elts = ngx_pcalloc(r->pool, sizeof(tracker_t));
        if (ctx->set.elts == NULL) {
            return TRACKER_NOMEM;
        }

        id.len = ctx->id.len;
        id.data = (char *) ctx->id.data;

        return tracker_json_decode_change(data, len, &id, &tlcf->limits,
                                          arena, ctx->set.elts, message);

    case NGX_HTTP_PATCH:
        return tracker_json_decode_patch(data, len, arena, &ctx->patch,
                                         message);

    default: /* NGX_HTTP_POST */
        return tracker_decode(data, len, ctx->shape, &tlcf->limits, arena,
                              &ctx->set, message);
    }
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
        && tracker_job_idempotent(ctx->job, &ctx->idempotency_key,
                                  &ctx->endpoint, &ctx->body.data)
           != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (r->method != NGX_HTTP_POST) {
        ngx_http_tracker_start_change(r, ctx);
        return;
    }

    if (ngx_http_tracker_create(r, ctx) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
    }
}


static ngx_int_t
ngx_http_tracker_create(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    tracker_str_t  *records;

    records = ngx_palloc(ctx->job->pool, ctx->set.n * sizeof(tracker_str_t));

    if (records == NULL
        || tracker_job_choose_ids(ctx->job, &ctx->set) != NGX_OK
        || ngx_http_tracker_render(ctx, records) != NGX_OK
        || tracker_job_create(ctx->job, &ctx->set, records) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->records = records;

    ngx_http_tracker_wait(r, ctx, NGX_HTTP_TRACKER_CREATING);

    return NGX_OK;
}


void
ngx_http_tracker_locked(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->job->outcome == TRACKER_OUTCOME_READY) {
        ngx_http_tracker_accepted(r, ctx);
        return;
    }

    ngx_http_tracker_fail(r, ctx, ctx->job->outcome);
}


void
ngx_http_tracker_created(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_uint_t  outcome;

    outcome = ctx->job->outcome;

    switch (outcome) {

    case TRACKER_OUTCOME_CREATED:
        rc = NGX_OK;
        break;

    case TRACKER_OUTCOME_REPLAYED:

        /* the same trackers, with the ids they got then */

        rc = ngx_http_tracker_render(ctx, ctx->records);
        break;

    case TRACKER_OUTCOME_TAKEN:

        /* one id in billions is; all of them time and again is a lie */

        if (ctx->tries++ == NGX_HTTP_TRACKER_TRIES) {
            rc = NGX_ERROR;
            break;
        }

        rc = ngx_http_tracker_create(r, ctx);

        if (rc == NGX_OK) {
            return;
        }

        break;

    default:
        ngx_http_tracker_fail(r, ctx, outcome);
        return;
    }

    if (rc == NGX_OK && !ctx->set.bulk) {
        rc = ngx_http_tracker_set_record_etag(ctx, &ctx->records[0]);
    }

    if (rc != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->outcome = outcome;
    ngx_http_tracker_finish(r, ctx);
}
