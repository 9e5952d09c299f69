
/*
 * One request from its headers to its end: what is asked for and whether it
 * may be, which step comes next, and what is left when it ends.
 */


#include "ngx_http_tracker_handler.h"


typedef struct {
    ngx_str_t             path;      /* below the location's prefix */
    ngx_uint_t            methods;
    ngx_str_t             allow;
    tracker_json_shape_e  shape;     /* of a POST or PUT */
} ngx_http_tracker_endpoint_t;


static ngx_uint_t ngx_http_tracker_check_request(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_find_endpoint(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_find_path(ngx_http_request_t *r,
    ngx_str_t *path);
static ngx_int_t ngx_http_tracker_find_id(ngx_str_t *path, ngx_str_t *id);
static ngx_uint_t ngx_http_tracker_check_headers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_job_handler(tracker_job_t *job);
static void ngx_http_tracker_free_job(void *data);
static void ngx_http_tracker_turn(ngx_event_t *ev);
static void ngx_http_tracker_resume(ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_cleanup(void *data);


#define NGX_HTTP_TRACKER_READS  (NGX_HTTP_GET|NGX_HTTP_HEAD)


static ngx_http_tracker_endpoint_t  ngx_http_tracker_endpoints[] = {

    { ngx_string("tracker"), NGX_HTTP_TRACKER_READS|NGX_HTTP_POST,
      ngx_string("GET, HEAD, POST, OPTIONS"), TRACKER_JSON_OBJECT },

    { ngx_string("trackers"), NGX_HTTP_TRACKER_READS|NGX_HTTP_POST,
      ngx_string("GET, HEAD, POST, OPTIONS"), TRACKER_JSON_EITHER },

    { ngx_string("trackers/bulk"), NGX_HTTP_POST,
      ngx_string("POST, OPTIONS"), TRACKER_JSON_ARRAY },

    { ngx_null_string, 0, ngx_null_string, 0 }
};


/* tracker/{id} and trackers/{id} */

static ngx_http_tracker_endpoint_t  ngx_http_tracker_item = {
    ngx_string("tracker/"),
    NGX_HTTP_TRACKER_READS|NGX_HTTP_PUT|NGX_HTTP_PATCH|NGX_HTTP_DELETE,
    ngx_string("GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
    TRACKER_JSON_OBJECT
};


ngx_int_t
ngx_http_tracker_handler(ngx_http_request_t *r)
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

    outcome = ngx_http_tracker_check_request(r, ctx);

    if (outcome) {
        return ngx_http_tracker_send_outcome(r, ctx, outcome);
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_tracker_cleanup;
    cln->data = ctx;

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_DELETE)) {

        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }

        /* as far as an answer is concerned */
        ctx->body.complete = 1;
    }

    r->main->count++;

    switch (r->method) {

    case NGX_HTTP_GET:
    case NGX_HTTP_HEAD:
        ngx_http_tracker_start_read(r, ctx);
        break;

    case NGX_HTTP_DELETE:
        ngx_http_tracker_start_change(r, ctx);
        break;

    default: /* POST, PUT, PATCH */
        ngx_http_tracker_start_write(r, ctx);
        break;
    }

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

    if (ctx->id.len
        && !tracker_id_valid((char *) ctx->id.data, ctx->id.len))
    {
        return TRACKER_OUTCOME_MISSING;
    }

    if (r->method & NGX_HTTP_TRACKER_READS) {
        return 0;
    }

    outcome = ngx_http_tracker_check_args(r, ctx);
    if (outcome) {
        return outcome;
    }

    outcome = ngx_http_tracker_check_meaning(r, ctx);
    if (outcome) {
        return outcome;
    }

    outcome = ngx_http_tracker_check_conditions(r, ctx);
    if (outcome) {
        return outcome;
    }

    if (r->method != NGX_HTTP_DELETE) {
        return ngx_http_tracker_check_headers(r, ctx);
    }

    return 0;
}


static ngx_uint_t
ngx_http_tracker_find_endpoint(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t                     path;
    ngx_http_tracker_endpoint_t  *endpoint;

    if (ngx_http_tracker_find_path(r, &path) != NGX_OK) {
        return NGX_HTTP_TRACKER_NO_ENDPOINT;
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

        if (ngx_http_tracker_find_id(&path, &ctx->id) != NGX_OK) {
            return NGX_HTTP_TRACKER_NO_ENDPOINT;
        }

        endpoint = &ngx_http_tracker_item;
    }

    ctx->endpoint = endpoint->path;
    ctx->shape = endpoint->shape;
    ctx->allow = endpoint->allow;

    if (r->method == NGX_HTTP_OPTIONS) {
        return NGX_HTTP_TRACKER_OPTIONS;
    }

    if (!(r->method & endpoint->methods)) {
        return NGX_HTTP_TRACKER_BAD_METHOD;
    }

    return 0;
}


/*
 * "location /v1/manage" stands for "location /v1/manage/".  The URI may have
 * left the location: "rewrite ... break" keeps the location as it is.
 */

static ngx_int_t
ngx_http_tracker_find_path(ngx_http_request_t *r, ngx_str_t *path)
{
    size_t                        len;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    len = tlcf->base.len;

    if (r->uri.len <= len
        || ngx_filename_cmp(r->uri.data, tlcf->base.data, len) != 0)
    {
        return NGX_DECLINED;
    }

    if (tlcf->base.data[len - 1] != '/') {

        if (r->uri.data[len] != '/') {
            return NGX_DECLINED;
        }

        len++;
    }

    path->data = r->uri.data + len;
    path->len = r->uri.len - len;

    return NGX_OK;
}


/* what no message could quote is no id */

static ngx_int_t
ngx_http_tracker_find_id(ngx_str_t *path, ngx_str_t *id)
{
    size_t      i, len;
    ngx_uint_t  plural;

    len = ngx_http_tracker_item.path.len;

    plural = path->len > len && path->data[len - 1] == 's';

    if (plural) {
        len++;
    }

    if (path->len <= len
        || ngx_strncmp(path->data, "tracker", sizeof("tracker") - 1) != 0
        || path->data[len - 1] != '/')
    {
        return NGX_DECLINED;
    }

    for (i = len; i < path->len; i++) {
        if (path->data[i] <= 0x20 || path->data[i] >= 0x7f
            || path->data[i] == '/')
        {
            return NGX_DECLINED;
        }
    }

    id->data = path->data + len;
    id->len = path->len - len;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_tracker_check_headers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  outcome;

    static ngx_str_t  name = ngx_string("idempotency-key");

    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
        return NGX_HTTP_TRACKER_NO_BODY;
    }

    if (!ngx_http_tracker_is_json(r)) {
        return NGX_HTTP_TRACKER_BAD_TYPE;
    }

    outcome = ngx_http_tracker_check_coding(r, ctx);
    if (outcome) {
        return outcome;
    }

    if (r->method != NGX_HTTP_POST) {
        return 0;
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


ngx_int_t
ngx_http_tracker_begin_job(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_uint_t large)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    ctx->job = tracker_job_begin(&tlcf->store, &ctx->account, ctx->start,
                                 large, ngx_http_tracker_job_handler, ctx);
    if (ctx->job == NULL) {
        return NGX_ERROR;
    }

    /*
     * Not with the request: a frame of HTTP/2 that is under way goes out even
     * after it, from the memory of the answer, and the pool outlives both.
     */

    cln->handler = ngx_http_tracker_free_job;
    cln->data = ctx->job;

    return NGX_OK;
}


static void
ngx_http_tracker_free_job(void *data)
{
    tracker_job_free(data);
}


static void
ngx_http_tracker_job_handler(tracker_job_t *job)
{
    ngx_http_tracker_resume(job->data);
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

        ngx_http_tracker_end_job(ctx);
        return;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "tracker state %ui outcome %ui", ctx->state,
                   (ngx_uint_t) ctx->job->outcome);

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

    /* a client may have left right behind its request: no other event comes */

    if (r->connection->read->ready && r->http_version < NGX_HTTP_VERSION_20) {
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

        /* not kept for as long as the refusal is not read */

        tracker_job_forget(ctx->job);
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

    if (ctx->event.posted) {
        ngx_delete_posted_event(&ctx->event);
    }

    if (ctx->event.timer_set) {
        ngx_del_timer(&ctx->event);
    }

    ngx_http_tracker_end_job(ctx);
}
