
/*
 * Trackers as JSON: the records of the store and, around them, the answer.
 */


#include "http/module.h"


static ngx_int_t ngx_http_tracker_measure(ngx_http_tracker_ctx_t *ctx,
    size_t *budget);


void
ngx_http_tracker_render_start(ngx_http_tracker_ctx_t *ctx,
    tracker_str_t *records)
{
    ctx->records = records;
    ctx->rendered = 0;

    ngx_str_null(&ctx->answer);
}


/* two passes: the length of all, then the bytes */

ngx_int_t
ngx_http_tracker_render_run(ngx_http_tracker_ctx_t *ctx, size_t *budget)
{
    size_t   i;
    u_char  *p;

    static const char  one[] = "{\"tracker\":";
    static const char  many[] = "{\"trackers\":[";

    if (ctx->answer.data == NULL) {

        if (ngx_http_tracker_measure(ctx, budget) == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        /* as many commas as trackers less one, and the closing brackets */

        p = ngx_pnalloc(ctx->txn->round, sizeof(many) - 1 + ctx->answer.len
                                         + ctx->set.n + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ctx->answer.data = p;

        p = ctx->set.bulk ? ngx_cpymem(p, many, sizeof(many) - 1)
                          : ngx_cpymem(p, one, sizeof(one) - 1);

        ctx->answer.len = p - ctx->answer.data;
        ctx->rendered = 0;
    }

    p = ctx->answer.data + ctx->answer.len;

    while (ctx->rendered < ctx->set.n) {
        i = ctx->rendered;

        if (*budget == 0) {
            ctx->answer.len = p - ctx->answer.data;
            return NGX_AGAIN;
        }

        if (i) {
            *p++ = ',';
        }

        ctx->records[i].data = (char *) p;
        p = (u_char *) tracker_json_write((char *) p, &ctx->set.elts[i]);

        ctx->rendered++;
        (void) tracker_spend(budget, ctx->records[i].len + TRACKER_COST);
    }

    if (ctx->set.bulk) {
        *p++ = ']';
    }

    *p++ = '}';

    ctx->answer.len = p - ctx->answer.data;

    return NGX_OK;
}


/* the first pass: the sum is in ctx->answer.len */

static ngx_int_t
ngx_http_tracker_measure(ngx_http_tracker_ctx_t *ctx, size_t *budget)
{
    size_t  i, len;

    while (ctx->rendered < ctx->set.n) {
        i = ctx->rendered;

        if (*budget == 0) {
            return NGX_AGAIN;
        }

        len = tracker_json_length(&ctx->set.elts[i]);

        ctx->records[i].len = len;
        ctx->answer.len += len;

        ctx->rendered++;
        (void) tracker_spend(budget, len + TRACKER_COST);
    }

    return NGX_OK;
}
