
/*
 * One request from its headers to its end: which endpoint and whether it may,
 * then the steps of a write, each of which ends in the next.
 */


#include "ngx_http_tracker_module.h"
#include "tracker_json.h"


/* what a request that was accepted waits for */

typedef enum {
    NGX_HTTP_TRACKER_LOCKING = 1,
    NGX_HTTP_TRACKER_READING,        /* the rest of the body */
    NGX_HTTP_TRACKER_CREATING,
    NGX_HTTP_TRACKER_RELEASING       /* before an error is answered */
} ngx_http_tracker_state_e;


typedef struct {
    ngx_str_t             path;      /* below the location's prefix */
    tracker_json_shape_e  shape;     /* of a POST's body */
} ngx_http_tracker_endpoint_t;


static ngx_uint_t ngx_http_tracker_check_request(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_find_endpoint(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_check_headers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_start(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_accept(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_accepted(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_read(ngx_http_request_t *r);
static void ngx_http_tracker_deadline(ngx_event_t *ev);
static void ngx_http_tracker_body_failed(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_tracker_decode(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_create(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_submit(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

static void ngx_http_tracker_job_handler(tracker_job_t *job);
static void ngx_http_tracker_locked(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_created(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_wait(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_state_e state);

static void ngx_http_tracker_fail(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t outcome);
static void ngx_http_tracker_refuse(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_finish(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_end_job(ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_cleanup(void *data);


static ngx_http_tracker_endpoint_t  ngx_http_tracker_endpoints[] = {
    { ngx_string("tracker"), TRACKER_JSON_OBJECT },
    { ngx_string("trackers"), TRACKER_JSON_EITHER },
    { ngx_string("trackers/bulk"), TRACKER_JSON_ARRAY },
    { ngx_null_string, 0 }
};


ngx_int_t
ngx_http_tracker_handler(ngx_http_request_t *r)
{
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

    outcome = ngx_http_tracker_check_request(r, ctx);

    if (outcome == NGX_HTTP_TRACKER_OPTIONS) {
        ctx->outcome = outcome;
        return ngx_http_tracker_send(r, ctx);
    }

    if (outcome) {
        if (ngx_http_tracker_set_error(ctx, outcome, NULL) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_tracker_send(r, ctx);
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_tracker_cleanup;
    cln->data = ctx;

    r->main->count++;

    ngx_http_tracker_start(r, ctx);

    return NGX_DONE;
}


/* what the headers alone decide; returns 0 or the outcome */

static ngx_uint_t
ngx_http_tracker_check_request(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  outcome;

    outcome = ngx_http_tracker_find_endpoint(r, ctx);
    if (outcome) {
        return outcome;
    }

    switch (ngx_http_tracker_authenticate(r, ctx)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return NGX_HTTP_TRACKER_UNAUTHORIZED;

    default:
        return TRACKER_OUTCOME_ERROR;
    }

    return ngx_http_tracker_check_headers(r, ctx);
}


static ngx_uint_t
ngx_http_tracker_find_endpoint(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t                     path;
    ngx_http_tracker_endpoint_t  *endpoint;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (r->uri.len < tlcf->base.len) {
        return NGX_HTTP_TRACKER_NO_ENDPOINT;
    }

    path.data = r->uri.data + tlcf->base.len;
    path.len = r->uri.len - tlcf->base.len;

    /* "location /v1/manage" stands for "location /v1/manage/" */

    if (tlcf->base.data[tlcf->base.len - 1] != '/') {

        if (path.len == 0 || path.data[0] != '/') {
            return NGX_HTTP_TRACKER_NO_ENDPOINT;
        }

        path.data++;
        path.len--;
    }

    for (endpoint = ngx_http_tracker_endpoints;
         endpoint->path.len;
         endpoint++)
    {
        if (path.len == endpoint->path.len
            && ngx_memcmp(path.data, endpoint->path.data, path.len) == 0)
        {
            break;
        }
    }

    if (endpoint->path.len == 0) {
        return NGX_HTTP_TRACKER_NO_ENDPOINT;
    }

    ctx->endpoint = endpoint->path;
    ctx->shape = endpoint->shape;

    ngx_str_set(&ctx->allow, "POST, OPTIONS");

    if (r->method == NGX_HTTP_OPTIONS) {
        return NGX_HTTP_TRACKER_OPTIONS;
    }

    if (r->method != NGX_HTTP_POST) {
        return NGX_HTTP_TRACKER_BAD_METHOD;
    }

    return 0;
}


static ngx_uint_t
ngx_http_tracker_check_headers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    static ngx_str_t  name = ngx_string("idempotency-key");

    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
        return NGX_HTTP_TRACKER_NO_BODY;
    }

    if (!ngx_http_tracker_is_json(r)) {
        return NGX_HTTP_TRACKER_BAD_TYPE;
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


/*
 * What came along with the headers is looked at before the lock: a small
 * request that is wrong costs Redis nothing.  A client that waits for "100
 * Continue" gets it only when the lock is ours.
 */

static void
ngx_http_tracker_start(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
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

    if (ctx->body.complete) {
        large = ctx->body.data.len > NGX_REDIS_LARGE_SIZE;

    } else {
        large = r->headers_in.chunked
                || r->headers_in.content_length_n > NGX_REDIS_LARGE_SIZE;
    }

    ctx->job = tracker_job_begin(&tlcf->store, &ctx->account, ctx->start,
                                 large, ngx_http_tracker_job_handler, ctx);
    if (ctx->job == NULL) {
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
        ngx_http_tracker_create(r, ctx);
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

    ngx_http_tracker_read(r);
}


static void
ngx_http_tracker_read(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    rc = ngx_http_tracker_body_read(r, &ctx->body);

    if (rc == NGX_AGAIN) {
        r->read_event_handler = ngx_http_tracker_read;
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

    ngx_http_tracker_create(r, ctx);
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
    ngx_uint_t                    outcome;
    tracker_arena_t               arena;
    tracker_message_t             message;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (ctx->body.data.len == 0) {
        outcome = NGX_HTTP_TRACKER_NO_BODY;
        goto failed;
    }

    arena.alloc = ngx_http_tracker_alloc;
    arena.data = r->pool;

    switch (tracker_json_decode((char *) ctx->body.data.data,
                                ctx->body.data.len, ctx->shape, &tlcf->limits,
                                &arena, &ctx->set, &message))
    {

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


void *
ngx_http_tracker_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


static void
ngx_http_tracker_create(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
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

    ngx_http_tracker_body_free(r, &ctx->body);

    if (ngx_http_tracker_submit(r, ctx) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
    }
}


static ngx_int_t
ngx_http_tracker_submit(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
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

    ngx_http_tracker_wait(r, ctx, NGX_HTTP_TRACKER_CREATING);

    return NGX_OK;
}


static void
ngx_http_tracker_job_handler(tracker_job_t *job)
{
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = job->data;
    r = ctx->request;
    c = r->connection;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "tracker state %ui outcome %ui", ctx->state,
                   (ngx_uint_t) job->outcome);

    switch (ctx->state) {

    case NGX_HTTP_TRACKER_LOCKING:
        ngx_http_tracker_locked(r, ctx);
        break;

    case NGX_HTTP_TRACKER_CREATING:
        ngx_http_tracker_created(r, ctx);
        break;

    default: /* NGX_HTTP_TRACKER_RELEASING */
        ngx_http_tracker_finish(r, ctx);
        break;
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_tracker_locked(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->job->outcome == TRACKER_OUTCOME_READY) {
        ngx_http_tracker_accepted(r, ctx);
        return;
    }

    ngx_http_tracker_fail(r, ctx, ctx->job->outcome);
}


static void
ngx_http_tracker_created(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    tracker_str_t  *records;

    switch (ctx->job->outcome) {

    case TRACKER_OUTCOME_REPLAYED:

        /* the same trackers, with the ids they got then */

        records = ngx_palloc(ctx->job->pool,
                             ctx->set.n * sizeof(tracker_str_t));

        if (records == NULL
            || ngx_http_tracker_render(ctx, records) != NGX_OK)
        {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
            return;
        }

        /* fall through */

    case TRACKER_OUTCOME_CREATED:
        ctx->outcome = ctx->job->outcome;
        ngx_http_tracker_finish(r, ctx);
        return;

    case TRACKER_OUTCOME_TAKEN:
        if (ngx_http_tracker_submit(r, ctx) == NGX_OK) {
            return;
        }

        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;

    default:
        ngx_http_tracker_fail(r, ctx, ctx->job->outcome);
        return;
    }
}


/* the job's handler comes next; meanwhile the client may go away */

static void
ngx_http_tracker_wait(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_state_e state)
{
    ctx->state = state;
    ctx->waited = 1;

    r->read_event_handler = ngx_http_test_reading;
}


static void
ngx_http_tracker_fail(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_uint_t outcome)
{
    if (ngx_http_tracker_set_error(ctx, outcome, NULL) != NGX_OK) {
        ngx_str_null(&ctx->answer);
    }

    ngx_http_tracker_refuse(r, ctx);
}


/*
 * Answers an error that is set, after the lock was given back: a client that
 * sends one request after another never meets its own lock.  Where the store
 * does not answer, nothing is waited for.
 */

static void
ngx_http_tracker_refuse(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    switch (ctx->outcome) {

    case TRACKER_OUTCOME_UNAVAILABLE:
    case TRACKER_OUTCOME_TIMEOUT:
        ngx_http_tracker_end_job(ctx);
        break;

    default:

        if (ctx->job && ctx->job->holds_lock
            && tracker_job_release(ctx->job) == NGX_OK)
        {
            ngx_http_tracker_wait(r, ctx, NGX_HTTP_TRACKER_RELEASING);
            return;
        }

        break;
    }

    ngx_http_tracker_finish(r, ctx);
}


static void
ngx_http_tracker_finish(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->answer.len == 0) {

        /* no memory for the sentence */

        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_finalize_request(r, ngx_http_tracker_send(r, ctx));
}


static void
ngx_http_tracker_end_job(ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->job) {
        ctx->redis_time += ctx->job->redis_time;

        tracker_job_close(ctx->job);
        ctx->job = NULL;
    }
}


static void
ngx_http_tracker_cleanup(void *data)
{
    ngx_http_tracker_ctx_t *ctx = data;

    if (ctx->deadline.timer_set) {
        ngx_del_timer(&ctx->deadline);
    }

    ngx_http_tracker_end_job(ctx);
}
