
/*
 * PUT, PATCH and DELETE: the tracker is read, changed, and written back unless
 * another request has changed it meanwhile; in that case it is read again.
 */


#include "http/change.h"
#include "http/etag.h"
#include "http/request.h"
#include "http/response.h"
#include "http/write.h"
#include "json/record.h"
#include "store/read.h"
#include "store/write.h"


/* times that the tracker is read for one change */
#define NGX_HTTP_TRACKER_ROUNDS  50


typedef struct {
    ngx_http_tracker_write_t    write;        /* not of a DELETE */
    tracker_t                   old;          /* in memory of the round */
    tracker_str_t               record;       /* JSON text of the new state */
    ngx_uint_t                  rounds;
} ngx_http_tracker_change_t;


static void ngx_http_tracker_fetch(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_fetched(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_applying(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_read_old(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_changing(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_change(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_apply(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_write_back(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_render_changed(ngx_http_tracker_ctx_t *ctx,
    tracker_str_t *record);
static void ngx_http_tracker_changed(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_render_deleted(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


void
ngx_http_tracker_start_change(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_start_write(r, ctx, sizeof(ngx_http_tracker_change_t),
                                 ngx_http_tracker_fetch);
}


void
ngx_http_tracker_start_delete(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ctx->data = ngx_pcalloc(r->pool, sizeof(ngx_http_tracker_change_t));

    if (ctx->data == NULL
        || ngx_http_tracker_begin_txn(r, ctx, 0) != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_fetch(r, ctx);
}


static void
ngx_http_tracker_fetch(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (tracker_txn_begin_round(ctx->txn) != NGX_OK
        || tracker_txn_fetch(ctx->txn, &ctx->id) != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_fetched);
}


static void
ngx_http_tracker_fetched(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    /* both, and what is made of them */

    if (ngx_http_tracker_reserve(r, ctx, 2 * (ctx->txn->record.len
                                              + ctx->body.data.len))
        != NGX_OK)
    {
        return;
    }

    (void) tracker_spend(&ctx->budget, ctx->txn->record.len);

    ngx_http_tracker_applying(r, ctx);
}


/* many operations on a large record, and to decode it, are a turn each */

static void
ngx_http_tracker_applying(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  outcome;

    if (r->method == NGX_HTTP_PATCH
        && ngx_http_tracker_yield(r, ctx, ngx_http_tracker_applying))
    {
        return;
    }

    outcome = ngx_http_tracker_read_old(r, ctx);
    if (outcome) {
        ngx_http_tracker_fail(r, ctx, outcome);
        return;
    }

    if (r->method == NGX_HTTP_PATCH) {
        (void) tracker_spend(&ctx->budget, ctx->txn->record.len);

        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_changing)) {
            return;
        }
    }

    ngx_http_tracker_changing(r, ctx);
}


static void
ngx_http_tracker_changing(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  outcome;

    outcome = ngx_http_tracker_change(r, ctx);

    switch (outcome) {

    case 0:
        ngx_http_tracker_wait(r, ctx, ngx_http_tracker_changed);
        return;

    case NGX_HTTP_TRACKER_INVALID:
    case NGX_HTTP_TRACKER_UNEQUAL:

        /* the message is set */

        ngx_http_tracker_refuse(r, ctx);
        return;

    default:
        ngx_http_tracker_fail(r, ctx, outcome);
        return;
    }
}


/* the tracker as it is, if the conditions hold: 0 or the outcome */

static ngx_uint_t
ngx_http_tracker_read_old(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_change_t *change = ctx->data;

    ngx_uint_t        outcome;
    tracker_txn_t    *txn;
    tracker_arena_t   arena;

    txn = ctx->txn;

    if (ngx_http_tracker_set_etag(ctx, txn->digest, sizeof(txn->digest))
        != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    outcome = ngx_http_tracker_precondition(r, ctx);
    if (outcome) {
        return outcome;
    }

    ngx_http_tracker_set_arena(&arena, txn->round);

    if (tracker_decode_record((char *) txn->record.data, txn->record.len,
                              &arena, &change->old)
        != TRACKER_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tracker: stored record of tracker \"%V\" is invalid",
                      &ctx->id);
        return TRACKER_OUTCOME_ERROR;
    }

    return 0;
}


/* returns 0, the write is under way, or the outcome */

static ngx_uint_t
ngx_http_tracker_change(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_change_t *change = ctx->data;

    ngx_uint_t  outcome;

    if (r->method == NGX_HTTP_DELETE) {

        return tracker_txn_delete(ctx->txn, &change->old) == NGX_OK
               ? 0 : TRACKER_OUTCOME_ERROR;
    }

    if (r->method == NGX_HTTP_PATCH) {

        outcome = ngx_http_tracker_apply(r, ctx);
        if (outcome) {
            return outcome;
        }
    }

    return ngx_http_tracker_write_back(r, ctx);
}


static ngx_uint_t
ngx_http_tracker_apply(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_change_t *change = ctx->data;

    tracker_t                    *t;
    tracker_rc_e                  rc;
    tracker_arena_t               arena;
    tracker_message_t             message;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    t = ngx_palloc(ctx->txn->round, sizeof(tracker_t));
    if (t == NULL) {
        return TRACKER_OUTCOME_ERROR;
    }

    *t = change->old;

    ngx_http_tracker_set_arena(&arena, ctx->txn->round);

    ctx->set.n = 1;
    ctx->set.elts = t;

    rc = ctx->form.merge
         ? tracker_merge_apply(t, &change->write.merge, &tlcf->limits, &arena,
                               &message)
         : tracker_patch_apply(t, &change->write.patch, &tlcf->limits, &arena,
                               &message);

    switch (rc) {

    case TRACKER_OK:
        return 0;

    case TRACKER_INVALID:
        ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_INVALID, &message);
        return ctx->outcome;

    case TRACKER_UNEQUAL:
        ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_UNEQUAL, &message);
        return ctx->outcome;

    default: /* TRACKER_NOMEM */
        return TRACKER_OUTCOME_ERROR;
    }
}


static ngx_uint_t
ngx_http_tracker_write_back(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_change_t *change = ctx->data;

    tracker_str_t             *record;
    ngx_http_core_loc_conf_t  *clcf;

    record = &change->record;

    if (ngx_http_tracker_render_changed(ctx, record) != NGX_OK) {
        return TRACKER_OUTCOME_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /* by many PATCHes a tracker could grow larger than by any PUT */

    if (r->method == NGX_HTTP_PATCH
        && record->len > ctx->txn->record.len
        && (off_t) record->len > clcf->client_max_body_size)
    {
        return NGX_HTTP_TRACKER_TOO_BIG;
    }

    return tracker_txn_change(ctx->txn, &change->old,
                              &ctx->set.elts[0].name, record)
           == NGX_OK ? 0 : TRACKER_OUTCOME_ERROR;
}


/* makes the record, which is also the answer: NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_tracker_render_changed(ngx_http_tracker_ctx_t *ctx,
    tracker_str_t *record)
{
    u_char  *p;

    static const char  head[] = "{\"tracker\":";

    record->len = tracker_json_length(&ctx->set.elts[0]);

    ctx->answer.len = sizeof(head) - 1 + record->len + 1;

    p = ngx_pnalloc(ctx->txn->round, ctx->answer.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->answer.data = p;

    p = ngx_cpymem(p, head, sizeof(head) - 1);

    record->data = (char *) p;
    p = (u_char *) tracker_json_write((char *) p, &ctx->set.elts[0]);

    *p = '}';

    return NGX_OK;
}


static void
ngx_http_tracker_changed(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_change_t *change = ctx->data;

    ngx_int_t   rc;
    ngx_uint_t  outcome;

    if (ctx->txn->again) {

        /* others were faster each time: as if one of them had the lock */

        if (++change->rounds == NGX_HTTP_TRACKER_ROUNDS) {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_LOCKED);

        } else {
            ngx_http_tracker_fetch(r, ctx);
        }

        return;
    }

    outcome = ctx->txn->outcome;

    switch (outcome) {

    case TRACKER_OUTCOME_CHANGED:
        rc = ngx_http_tracker_set_record_etag(ctx, &change->record);
        break;

    case TRACKER_OUTCOME_DELETED:
        ngx_str_null(&ctx->etag);
        rc = ngx_http_tracker_render_deleted(r, ctx);
        break;

    default:
        ngx_http_tracker_fail(r, ctx, outcome);
        return;
    }

    if (rc != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->outcome = outcome;
    ngx_http_tracker_finish(r, ctx);
}


static ngx_int_t
ngx_http_tracker_render_deleted(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    u_char  *p;

    static const char  head[] = "{\"id\":\"";
    static const char  tail[] = "\",\"type\":\"tracker\",\"deleted\":true}";

    p = ngx_pnalloc(r->pool, sizeof(head) + ctx->id.len + sizeof(tail));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->answer.data = p;

    p = ngx_cpymem(p, head, sizeof(head) - 1);
    p = ngx_cpymem(p, ctx->id.data, ctx->id.len);
    p = ngx_cpymem(p, tail, sizeof(tail) - 1);

    ctx->answer.len = p - ctx->answer.data;

    return NGX_OK;
}
