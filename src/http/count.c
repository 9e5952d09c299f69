
/*
 * Counting, mostly when a request ends.
 */


#include "http/count.h"
#include "http/ctx.h"
#include "http/response.h"


static ngx_int_t ngx_http_tracker_count_request(ngx_http_request_t *r);
static void ngx_http_tracker_count_answer(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_count_other(ngx_http_request_t *r,
    ngx_http_tracker_at_e at);
static void ngx_http_tracker_count_done(ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_observe(ngx_http_tracker_histogram_t *histogram,
    ngx_http_tracker_scale_t *scale, ngx_uint_t value);
static void ngx_http_tracker_count_wait(tracker_step_e step, ngx_msec_t time);
static void ngx_http_tracker_count_lock(tracker_lock_end_e end);


/* each outcome has its place */

typedef char  ngx_http_tracker_outcomes_fit[
    (int) NGX_HTTP_TRACKER_BAD_LOGIN < NGX_HTTP_TRACKER_OUTCOMES ? 1 : -1];


static tracker_reports_t  ngx_http_tracker_reports = {
    ngx_http_tracker_count_wait,
    ngx_http_tracker_count_lock
};


ngx_int_t
ngx_http_tracker_count_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_tracker_count_request;

    return NGX_OK;
}


void
ngx_http_tracker_count_store(tracker_store_t *store)
{
    store->reports = &ngx_http_tracker_reports;
}


static ngx_int_t
ngx_http_tracker_count_request(ngx_http_request_t *r)
{
    ngx_http_tracker_ctx_t       *ctx;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    switch (tlcf->service) {

    case NGX_HTTP_TRACKER_SERVES_API:
    case NGX_HTTP_TRACKER_SERVES_TOKEN:
    case NGX_HTTP_TRACKER_SERVES_CONVERSATIONS:
        break;

    default:
        return NGX_OK;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (ctx == NULL) {
        ngx_http_tracker_count_other(r, NGX_HTTP_TRACKER_AT_NONE);
        return NGX_OK;
    }

    /* also if the client has gone before its answer */

    ngx_http_tracker_count_done(ctx);

    if (ctx->outcome && (ctx->form.sent || ctx->form.replaced)) {
        ngx_http_tracker_count_answer(r, ctx);

    } else {
        ngx_http_tracker_count_other(r, ctx->counted.at);
    }

    return NGX_OK;
}


static void
ngx_http_tracker_count_answer(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    off_t                       size;
    ngx_time_t                 *tp;
    ngx_msec_int_t              ms;
    ngx_http_tracker_at_e       at;
    ngx_http_tracker_counts_t  *counts;

    at = ctx->counted.at;
    counts = &ngx_http_tracker_tally->counts;

    counts->requests[at][ctx->outcome]++;

    /* the time of $request_time */

    tp = ngx_timeofday();
    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (tp->msec - r->start_msec));

    ngx_http_tracker_observe(&counts->durations[at],
                             &ngx_http_tracker_time_scale, ngx_max(ms, 0));

    size = r->headers_in.content_length_n;

    if (size > 0) {
        ngx_http_tracker_observe(&counts->bodies[at],
                                 &ngx_http_tracker_size_scale,
                                 (ngx_uint_t) size);
    }
}


static void
ngx_http_tracker_count_other(ngx_http_request_t *r, ngx_http_tracker_at_e at)
{
    ngx_uint_t                    i, status;
    ngx_http_tracker_counts_t    *counts;
    ngx_http_tracker_loc_conf_t  *tlcf;

    counts = &ngx_http_tracker_tally->counts;
    status = r->err_status ? r->err_status : r->headers_out.status;

    for (i = 0; i < NGX_HTTP_TRACKER_CODES - 1; i++) {
        if (ngx_http_tracker_codes[i] == status) {
            break;
        }
    }

    counts->others[at][i]++;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (tlcf->service == NGX_HTTP_TRACKER_SERVES_TOKEN
        && (status == NGX_HTTP_TOO_MANY_REQUESTS
            || status == NGX_HTTP_SERVICE_UNAVAILABLE))
    {
        counts->logins[NGX_HTTP_TRACKER_LOGIN_LIMITED]++;
    }
}


static void
ngx_http_tracker_count_done(ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  *trackers;

    trackers = ngx_http_tracker_tally->counts.trackers;

    if (ctx->spent.searched) {
        trackers[NGX_HTTP_TRACKER_DID_SEARCH]++;
        trackers[NGX_HTTP_TRACKER_DID_FIND] += ctx->spent.hits;
    }

    switch (ctx->outcome) {

    case TRACKER_OUTCOME_CREATED:
        trackers[NGX_HTTP_TRACKER_DID_CREATE] += ctx->set.n;
        break;

    case NGX_HTTP_TRACKER_IMPORTED:
        trackers[NGX_HTTP_TRACKER_DID_CREATE] += ctx->spent.created;
        trackers[NGX_HTTP_TRACKER_DID_CHANGE] += ctx->spent.changed;
        trackers[NGX_HTTP_TRACKER_DID_DELETE] += ctx->spent.deleted;
        break;

    case TRACKER_OUTCOME_CHANGED:
        trackers[NGX_HTTP_TRACKER_DID_CHANGE]++;
        break;

    case TRACKER_OUTCOME_DELETED:

        if (ctx->counted.at == NGX_HTTP_TRACKER_AT_FORGET) {
            break;
        }

        trackers[NGX_HTTP_TRACKER_DID_DELETE]++;
        break;

    default:
        break;
    }
}


static void
ngx_http_tracker_observe(ngx_http_tracker_histogram_t *histogram,
    ngx_http_tracker_scale_t *scale, ngx_uint_t value)
{
    ngx_uint_t  i;

    for (i = 0; scale->buckets[i].bound; i++) {
        if (value <= scale->buckets[i].bound) {
            break;
        }
    }

    histogram->buckets[i]++;
    histogram->sum += value;
}


static void
ngx_http_tracker_count_wait(tracker_step_e step, ngx_msec_t time)
{
    ngx_http_tracker_observe(&ngx_http_tracker_tally->counts.waits[step],
                             &ngx_http_tracker_time_scale, time);
}


static void
ngx_http_tracker_count_lock(tracker_lock_end_e end)
{
    ngx_http_tracker_tally->counts.locks[end]++;
}


void
ngx_http_tracker_count_start(ngx_http_tracker_counted_t *counted)
{
    counted->flying = 1;
    ngx_http_tracker_tally->gauges.flying[counted->at]++;
}


void
ngx_http_tracker_count_end(ngx_http_tracker_counted_t *counted)
{
    if (counted->flying) {
        counted->flying = 0;
        ngx_http_tracker_tally->gauges.flying[counted->at]--;
    }
}


void
ngx_http_tracker_count_at(ngx_http_tracker_counted_t *counted,
    ngx_http_tracker_at_e at)
{
    if (counted->flying) {
        ngx_http_tracker_tally->gauges.flying[counted->at]--;
        ngx_http_tracker_tally->gauges.flying[at]++;
    }

    counted->at = at;
}


void
ngx_http_tracker_count_turn(ngx_uint_t time)
{
    ngx_http_tracker_observe(&ngx_http_tracker_tally->counts.turns,
                             &ngx_http_tracker_turn_scale, time);
}
