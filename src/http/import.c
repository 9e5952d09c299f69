
/*
 * A dry run of a POST from its body to what would become of each tracker.
 */


#include "http/import.h"
#include "http/count.h"
#include "http/request.h"
#include "http/write.h"
#include "json/string.h"
#include "store/import.h"
#include "store/write.h"


/* times that other ids are chosen for one request */
#define NGX_HTTP_TRACKER_IMPORT_TRIES  3


typedef struct {
    ngx_http_tracker_write_t    write;
    tracker_report_t            report;
    size_t                      rendered;     /* results, in this pass */
    ngx_uint_t                  tries;        /* ids that were taken */
} ngx_http_tracker_import_t;


static tracker_rc_e ngx_http_tracker_decode_import(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_message_t *message);
static void ngx_http_tracker_imported(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_checking(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_checked(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_measuring(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_telling(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static size_t ngx_http_tracker_result_length(tracker_str_t *name);
static u_char *ngx_http_tracker_put_result(u_char *p, size_t i,
    tracker_str_t *name);


static const char  ngx_http_tracker_head[] = "{\"dryRun\":true,\"results\":[";
static const char  ngx_http_tracker_tail[] = "],\"summary\":{\"created\":%uz}}";


void
ngx_http_tracker_start_import(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t  *import;

    import = ngx_pcalloc(r->pool, sizeof(ngx_http_tracker_import_t));
    if (import == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    /* the answer is of results, whatever is preferred */

    ctx->form.minimal = 0;
    ctx->form.whole = 0;

    import->write.next = ngx_http_tracker_imported;
    import->write.decoder = ngx_http_tracker_decode_import;

    ngx_http_tracker_start_post(r, ctx, &import->write);
}


static tracker_rc_e
ngx_http_tracker_decode_import(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_message_t *message)
{
    ngx_http_tracker_import_t *import = ctx->data;

    ngx_http_tracker_write_t     *write;
    ngx_http_tracker_loc_conf_t  *tlcf;

    write = &import->write;

    if (write->decode == NULL) {
        tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

        write->decode = tracker_decode_import_start(
                                         (char *) ctx->body.data.data,
                                         ctx->body.data.len,
                                         ctx->endpoint->shape, &tlcf->limits,
                                         &write->arena, &ctx->set,
                                         &import->report);
        if (write->decode == NULL) {
            return TRACKER_NOMEM;
        }

        ctx->report = &import->report;
    }

    return tracker_decode_run(write->decode, &ctx->budget, message);
}


static void
ngx_http_tracker_imported(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_count_at(&ctx->counted,
                              ctx->set.bulk ? NGX_HTTP_TRACKER_AT_BULK
                                            : NGX_HTTP_TRACKER_AT_CREATE);

    if (ngx_http_tracker_begin_txn(r, ctx, ctx->body.data.len) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_checking(r, ctx);
}


static void
ngx_http_tracker_checking(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_checking)) {
        return;
    }

    (void) tracker_spend(&ctx->budget, ctx->set.n * TRACKER_COST / 4);

    if (tracker_txn_choose_ids(ctx->txn, &ctx->set) != NGX_OK
        || tracker_txn_check(ctx->txn, &ctx->set) != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_checked);
}


static void
ngx_http_tracker_checked(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    if (ctx->txn->again) {

        if (import->tries++ == NGX_HTTP_TRACKER_IMPORT_TRIES) {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
            return;
        }

        ngx_http_tracker_checking(r, ctx);
        return;
    }

    if (ctx->txn->outcome != TRACKER_OUTCOME_FREE) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    ctx->answer.len = sizeof(ngx_http_tracker_head) - 1
                      + sizeof(ngx_http_tracker_tail) + NGX_SIZE_T_LEN;

    ngx_http_tracker_measuring(r, ctx);
}


/* the results in two passes: an upper bound of the length, bytes */

static void
ngx_http_tracker_measuring(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    size_t  len;

    while (import->rendered < ctx->set.n) {

        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_measuring)) {
            return;
        }

        len = ngx_http_tracker_result_length(
                                     &ctx->set.elts[import->rendered++].name);

        ctx->answer.len += len;
        (void) tracker_spend(&ctx->budget, len + TRACKER_COST / 4);
    }

    if (ngx_http_tracker_reserve(r, ctx, ctx->answer.len) != NGX_OK) {
        return;
    }

    ctx->answer.data = ngx_pnalloc(r->pool, ctx->answer.len);
    if (ctx->answer.data == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->answer.len = ngx_cpymem(ctx->answer.data, ngx_http_tracker_head,
                                 sizeof(ngx_http_tracker_head) - 1)
                      - ctx->answer.data;

    import->rendered = 0;

    ngx_http_tracker_telling(r, ctx);
}


static void
ngx_http_tracker_telling(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    size_t          i;
    u_char         *p, *start;
    tracker_str_t  *name;

    while (import->rendered < ctx->set.n) {

        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_telling)) {
            return;
        }

        i = import->rendered++;
        name = &ctx->set.elts[i].name;

        start = ctx->answer.data + ctx->answer.len;
        p = ngx_http_tracker_put_result(start, i, name);

        ctx->answer.len += p - start;
        (void) tracker_spend(&ctx->budget, p - start + TRACKER_COST / 4);
    }

    p = ctx->answer.data + ctx->answer.len;
    p = ngx_sprintf(p, ngx_http_tracker_tail, ctx->set.n);

    ctx->answer.len = p - ctx->answer.data;
    ctx->outcome = TRACKER_OUTCOME_FREE;

    ngx_http_tracker_finish(r, ctx);
}


static size_t
ngx_http_tracker_result_length(tracker_str_t *name)
{
    return sizeof(",{\"index\":,\"name\":,\"result\":\"created\"}")
           + NGX_SIZE_T_LEN
           + tracker_json_string_length(name->data, name->len);
}


static u_char *
ngx_http_tracker_put_result(u_char *p, size_t i, tracker_str_t *name)
{
    p = ngx_sprintf(p, "%s{\"index\":%uz,\"name\":", i ? "," : "", i);
    p = (u_char *) tracker_json_string_write((char *) p, name->data, name->len);

    return ngx_cpymem(p, ",\"result\":\"created\"}",
                      sizeof(",\"result\":\"created\"}") - 1);
}
