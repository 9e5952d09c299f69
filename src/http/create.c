
/*
 * A POST from its decoded trackers to those that were created.
 */


#include "http/create.h"
#include "http/count.h"
#include "http/etag.h"
#include "http/request.h"
#include "http/write.h"
#include "json/record.h"
#include "store/write.h"


/* times that other ids are chosen for one request */
#define NGX_HTTP_TRACKER_TRIES  3


typedef struct {
    ngx_http_tracker_write_t    write;
    tracker_str_t              *records;      /* JSON texts of ctx->set */
    size_t                      rendered;     /* of them, in this pass */
    ngx_uint_t                  tries;        /* ids that were taken */
} ngx_http_tracker_create_t;


static void ngx_http_tracker_decoded(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_composing(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_render(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_rendering(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_measure(ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_render_start(ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_render_run(ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_created(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_answer(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_summarize(ngx_http_tracker_ctx_t *ctx);


void
ngx_http_tracker_start_create(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_start_write(r, ctx, sizeof(ngx_http_tracker_create_t),
                                 ngx_http_tracker_decoded);
}


static void
ngx_http_tracker_decoded(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    /* the path alone does not say it */

    ngx_http_tracker_count_at(&ctx->counted,
                              ctx->set.bulk ? NGX_HTTP_TRACKER_AT_BULK
                                            : NGX_HTTP_TRACKER_AT_CREATE);

    if (ctx->idempotency_key.len
        && tracker_txn_idempotent(ctx->txn, &ctx->idempotency_key,
                                  &ctx->endpoint->path, &ctx->body.data)
           != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_composing(r, ctx);
}


/* ids for the trackers */

static void
ngx_http_tracker_composing(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_create_t *create = ctx->data;

    if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_composing)) {
        return;
    }

    create->records = ngx_palloc(ctx->txn->pool,
                                 ctx->set.n * sizeof(tracker_str_t));

    if (create->records == NULL
        || tracker_txn_choose_ids(ctx->txn, &ctx->set) != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    (void) tracker_spend(&ctx->budget, ctx->set.n * TRACKER_COST / 4);

    ngx_http_tracker_render(r, ctx);
}


/* their records, which are also the answer, in two passes: length, bytes */

static void
ngx_http_tracker_render(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_create_t *create = ctx->data;

    create->rendered = 0;
    ngx_str_null(&ctx->answer);

    ngx_http_tracker_rendering(r, ctx);
}


static void
ngx_http_tracker_rendering(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_create_t *create = ctx->data;

    ngx_int_t  rc;

    do {
        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_rendering)) {
            return;
        }

        rc = ctx->answer.data ? NGX_OK : ngx_http_tracker_measure(ctx);

        if (rc == NGX_OK) {
            rc = ngx_http_tracker_render_run(ctx);
        }

    } while (rc == NGX_AGAIN);

    if (rc != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (ctx->txn->outcome == TRACKER_OUTCOME_REPLAYED) {
        ngx_http_tracker_answer(r, ctx);
        return;
    }

    if (tracker_txn_create(ctx->txn, &ctx->set, create->records) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_created);
}


/*
 * The first pass: the sum of the lengths is in ctx->answer.len.  Returns
 * NGX_OK, NGX_AGAIN when the budget is spent, or NGX_ERROR.
 */

static ngx_int_t
ngx_http_tracker_measure(ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_create_t *create = ctx->data;

    size_t  i, len;

    while (create->rendered < ctx->set.n) {
        i = create->rendered;

        if (ctx->budget == 0) {
            return NGX_AGAIN;
        }

        len = tracker_json_length(&ctx->set.elts[i]);

        create->records[i].len = len;
        ctx->answer.len += len;

        create->rendered++;
        (void) tracker_spend(&ctx->budget, len + TRACKER_COST);
    }

    create->rendered = 0;

    return ngx_http_tracker_render_start(ctx);
}


static ngx_int_t
ngx_http_tracker_render_start(ngx_http_tracker_ctx_t *ctx)
{
    u_char  *p;

    static const char  one[] = "{\"tracker\":";
    static const char  many[] = "{\"trackers\":[";

    /* a comma behind each tracker except the last, and the closing brackets */

    p = ngx_pnalloc(ctx->txn->pool, sizeof(many) - 1 + ctx->answer.len
                                    + ctx->set.n + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->answer.data = p;

    p = ctx->set.bulk ? ngx_cpymem(p, many, sizeof(many) - 1)
                      : ngx_cpymem(p, one, sizeof(one) - 1);

    ctx->answer.len = p - ctx->answer.data;

    return NGX_OK;
}


/* the second pass; returns NGX_OK, or NGX_AGAIN when the budget is spent */

static ngx_int_t
ngx_http_tracker_render_run(ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_create_t *create = ctx->data;

    size_t   i;
    u_char  *p;

    p = ctx->answer.data + ctx->answer.len;

    while (create->rendered < ctx->set.n) {
        i = create->rendered;

        if (ctx->budget == 0) {
            ctx->answer.len = p - ctx->answer.data;
            return NGX_AGAIN;
        }

        if (i) {
            *p++ = ',';
        }

        create->records[i].data = (char *) p;
        p = (u_char *) tracker_json_write((char *) p, &ctx->set.elts[i]);

        create->rendered++;
        (void) tracker_spend(&ctx->budget,
                             create->records[i].len + TRACKER_COST);
    }

    if (ctx->set.bulk) {
        *p++ = ']';
    }

    *p++ = '}';

    ctx->answer.len = p - ctx->answer.data;

    return NGX_OK;
}


static void
ngx_http_tracker_created(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_create_t *create = ctx->data;

    if (ctx->txn->again) {

        /* a collision is possible once; again and again, the store is wrong */

        if (create->tries++ == NGX_HTTP_TRACKER_TRIES) {
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

        /* the same trackers, with the ids of the first request */

        ngx_http_tracker_render(r, ctx);
        break;

    default:
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        break;
    }
}


static void
ngx_http_tracker_answer(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_create_t *create = ctx->data;

    if (!ctx->set.bulk
        && ngx_http_tracker_set_record_etag(ctx, &create->records[0])
           != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (ctx->set.bulk && ctx->form.minimal
        && ngx_http_tracker_summarize(ctx) != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->outcome = ctx->txn->outcome;
    ngx_http_tracker_finish(r, ctx);
}


/* the answer of a bulk whose client has the trackers: NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_tracker_summarize(ngx_http_tracker_ctx_t *ctx)
{
    u_char  *p;

    static const char  summary[] = "{\"summary\":{\"created\":%uz}}";

    p = ngx_pnalloc(ctx->request->pool, sizeof(summary) + NGX_SIZE_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->answer.data = p;
    ctx->answer.len = ngx_sprintf(p, summary, ctx->set.n) - p;

    return NGX_OK;
}
