
/*
 * A POST from its decoded trackers to those that were created.
 */


#include "http/handler.h"
#include "store/write.h"


/* times that other ids are chosen for one request */
#define NGX_HTTP_TRACKER_TRIES  3


static void ngx_http_tracker_answer(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


/* ids for the trackers */

void
ngx_http_tracker_composing(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    tracker_str_t  *records;

    if (ngx_http_tracker_turn_over(r, ctx, NGX_HTTP_TRACKER_COMPOSING)) {
        return;
    }

    records = ngx_palloc(ctx->txn->pool, ctx->set.n * sizeof(tracker_str_t));

    if (records == NULL
        || tracker_txn_choose_ids(ctx->txn, &ctx->set) != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    (void) tracker_spend(&ctx->budget, ctx->set.n * TRACKER_COST / 4);

    ngx_http_tracker_render_start(ctx, records);
    ngx_http_tracker_rendering(r, ctx);
}


/* their records, which are also the answer */

void
ngx_http_tracker_rendering(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_int_t  rc;

    do {
        if (ngx_http_tracker_turn_over(r, ctx, NGX_HTTP_TRACKER_RENDERING)) {
            return;
        }

        rc = ngx_http_tracker_render_run(ctx, &ctx->budget);

    } while (rc == NGX_AGAIN);

    if (rc != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (ctx->txn->outcome == TRACKER_OUTCOME_REPLAYED) {
        ngx_http_tracker_answer(r, ctx);
        return;
    }

    if (tracker_txn_create(ctx->txn, &ctx->set, ctx->records) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, NGX_HTTP_TRACKER_CREATING);
}


void
ngx_http_tracker_created(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->txn->again) {

        /* one id in billions is taken; three times in a row, a fault is */

        if (ctx->tries++ == NGX_HTTP_TRACKER_TRIES) {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
            return;
        }

        ngx_http_tracker_composing(r, ctx);
        return;
    }

    switch (ctx->txn->outcome) {

    case TRACKER_OUTCOME_CREATED:
        ngx_http_tracker_answer(r, ctx);
        break;

    case TRACKER_OUTCOME_REPLAYED:

        /* the same trackers, with the ids they got then */

        ngx_http_tracker_render_start(ctx, ctx->records);
        ngx_http_tracker_rendering(r, ctx);
        break;

    default:
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        break;
    }
}


static void
ngx_http_tracker_answer(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (!ctx->set.bulk
        && (ngx_http_tracker_set_record_etag(ctx, &ctx->records[0]) != NGX_OK
            || ngx_http_tracker_set_location(ctx, &ctx->set.elts[0].id)
               != NGX_OK))
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->outcome = ctx->txn->outcome;
    ngx_http_tracker_finish(r, ctx);
}
