
/*
 * Nothing is done later: when the answer has the id of a job, the job is
 * completed.
 */


#include "http/process.h"
#include "http/found.h"
#include "http/request.h"
#include "http/response.h"
#include "http/search.h"
#include "json/string.h"
#include "store/job.h"


/* times that the messages of one request are written anew */
#define NGX_HTTP_TRACKER_TRIES  3


static void ngx_http_tracker_searched(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_write_job(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_compose_job(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_job_t *job);
static ngx_int_t ngx_http_tracker_compose_meta(ngx_http_tracker_ctx_t *ctx,
    tracker_job_t *job);
static void ngx_http_tracker_job_written(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_compose_answer(ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_detected(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


void
ngx_http_tracker_start_process(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (r->method == NGX_HTTP_PUT
        && !tracker_id_valid((char *) ctx->id.data, ctx->id.len))
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_MISSING);
        return;
    }

    ngx_http_tracker_start_search(r, ctx, 0, ngx_http_tracker_searched);
}


static void
ngx_http_tracker_searched(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    size_t  size;

    size = search->record->said.n + search->record->found.n
           + ctx->body.data.len;

    if (ngx_http_tracker_reserve(r, ctx, size) != NGX_OK) {
        return;
    }

    ngx_http_tracker_write_job(r, ctx);
}


static void
ngx_http_tracker_write_job(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    tracker_job_t  job;

    if (ngx_http_tracker_compose_job(r, ctx, &job) != NGX_OK
        || tracker_txn_write_job(ctx->txn, &job) != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_job_written);
}


static ngx_int_t
ngx_http_tracker_compose_job(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_job_t *job)
{
    ngx_http_tracker_search_t *search = ctx->data;

    u_char           *p;
    detect_str_t      time;
    detect_record_t  *record;

    record = search->record;

    ngx_memzero(job, sizeof(tracker_job_t));

    job->append = (r->method == NGX_HTTP_PUT);

    if (!job->append
        && tracker_txn_choose_conversation(ctx->txn, &ctx->id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(ctx->txn->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    job->id = ctx->id;
    job->first.len = ngx_sprintf(p, "%uL", record->first) - p;
    job->first.data = p;

    if (search->stored && !search->current) {
        job->rev = search->stored->revision;
    }

    if (!job->append) {
        time = detect_record_start(record);
        job->start.len = time.len;
        job->start.data = (u_char *) time.data;
    }

    time = detect_record_end(record);
    job->end.len = time.len;
    job->end.data = (u_char *) time.data;

    job->members.len = record->members.n;
    job->members.data = (u_char *) record->members.data;
    job->messages.len = record->said.n;
    job->messages.data = (u_char *) record->said.data;
    job->hits.len = record->found.n;
    job->hits.data = (u_char *) record->found.data;

    return ngx_http_tracker_compose_meta(ctx, job);
}


/*
 * A conversation without a name has its id for one.  What is appended leaves
 * all of it as it is.
 */

static ngx_int_t
ngx_http_tracker_compose_meta(ngx_http_tracker_ctx_t *ctx, tracker_job_t *job)
{
    ngx_http_tracker_search_t *search = ctx->data;

    u_char         *p;
    tracker_str_t   name, metadata;

    if (job->append) {
        return NGX_OK;
    }

    name = search->conversation.name;
    metadata = search->conversation.metadata;

    if (name.data == NULL) {
        name.len = ctx->id.len;
        name.data = (char *) ctx->id.data;
    }

    p = ngx_pnalloc(ctx->txn->pool,
                    sizeof("\"name\":,\"metadata\":{}") + metadata.len
                    + tracker_json_string_length(name.data, name.len));
    if (p == NULL) {
        return NGX_ERROR;
    }

    job->meta.data = p;

    p = ngx_cpymem(p, "\"name\":", sizeof("\"name\":") - 1);
    p = (u_char *) tracker_json_string_write((char *) p, name.data, name.len);
    p = ngx_cpymem(p, ",\"metadata\":", sizeof(",\"metadata\":") - 1);

    if (metadata.data) {
        p = ngx_cpymem(p, metadata.data, metadata.len);

    } else {
        p = ngx_cpymem(p, "{}", sizeof("{}") - 1);
    }

    job->meta.len = p - job->meta.data;

    return NGX_OK;
}


static void
ngx_http_tracker_job_written(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    if (ctx->txn->again && ctx->txn->stale) {
        ngx_http_tracker_search_again(r, ctx);
        return;
    }

    if (ctx->txn->again) {

        /*
         * A collision is possible once, and pieces may be lost with a
         * connection; again and again, the store is wrong.
         */

        if (search->tries++ == NGX_HTTP_TRACKER_TRIES) {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
            return;
        }

        ngx_http_tracker_write_job(r, ctx);
        return;
    }

    if (ctx->txn->outcome != TRACKER_OUTCOME_CREATED) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    if (ngx_http_tracker_compose_answer(ctx) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->outcome = NGX_HTTP_TRACKER_PROCESSED;
    ngx_http_tracker_finish(r, ctx);
}


static ngx_int_t
ngx_http_tracker_compose_answer(ngx_http_tracker_ctx_t *ctx)
{
    u_char  *p, job[TRACKER_STORE_JOB_LEN];

    static const char  format[] = "{\"conversationId\":\"%V\","
                                  "\"jobId\":\"%*s\"}";

    p = ngx_pnalloc(ctx->txn->pool,
                    sizeof(format) + ctx->id.len + TRACKER_STORE_JOB_LEN);

    if (p == NULL
        || tracker_txn_job_id(ctx->txn, &ctx->id, ctx->txn->job, job)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->answer.data = p;
    ctx->answer.len = ngx_sprintf(p, format, &ctx->id,
                                  (size_t) TRACKER_STORE_JOB_LEN, job)
                      - p;

    return NGX_OK;
}


void
ngx_http_tracker_start_detect(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_start_search(r, ctx, 1, ngx_http_tracker_detected);
}


static void
ngx_http_tracker_detected(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    detect_str_t      said, found;
    detect_record_t  *record;

    record = search->record;

    said.len = record->said.n;
    said.data = record->said.data;
    found.len = record->found.n;
    found.data = record->found.data;

    ngx_http_tracker_end_search(ctx);

    /* a report takes up to five times what was found, messages twice a body */

    if (ngx_http_tracker_reserve(r, ctx, said.len + 6 * found.len
                                         + 3 * ctx->body.data.len)
        != NGX_OK)
    {
        return;
    }

    ngx_http_tracker_answer_job(r, ctx, &said, &found);
}
