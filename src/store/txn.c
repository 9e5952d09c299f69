
/*
 * The life of a txn: begin, lock and release, the rounds of a change, the end.
 */


#include "store/stale.h"


/* a request waits this long for the release of its lock, in ms */
#define TRACKER_RELEASE_WAIT  1000

/* a small create fits in one block */
#define TRACKER_TXN_POOL      4096


static ngx_int_t tracker_txn_lock_command(tracker_txn_ctx_t *ctx);
static void tracker_txn_locked(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_owner(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);
static void tracker_txn_led(void *data, ngx_redis_reply_t *reply);
static void tracker_txn_released(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static void tracker_txn_unlock(tracker_txn_ctx_t *ctx);
static void tracker_txn_leave(tracker_txn_t *txn);
static void tracker_txn_left(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static void tracker_txn_destroy(tracker_txn_ctx_t *ctx);


tracker_txn_t *
tracker_txn_begin(tracker_store_t *store, ngx_str_t *account,
    ngx_msec_t start, size_t size, tracker_txn_handler_pt handler,
    void *data)
{
    ngx_pool_t         *pool;
    tracker_txn_ctx_t  *ctx;

    pool = ngx_create_pool(TRACKER_TXN_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    ctx = ngx_pcalloc(pool, sizeof(tracker_txn_ctx_t));

    if (ctx == NULL
        || tracker_keys_base(pool, &store->prefix, account, &ctx->key_base)
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    ctx->txn.pool = pool;
    ctx->txn.round = pool;
    ctx->txn.data = data;

    ctx->store = store;
    ctx->handler = handler;
    ctx->deadline = start + store->timeout;
    ctx->command.flow = ctx->key_base;
    ctx->command.key = ctx->key_base;
    ctx->command.size = size;

    return &ctx->txn;
}


ngx_int_t
tracker_txn_claim(tracker_txn_t *txn)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    return tracker_claim_take(&ctx->claim, ctx->store->redis, &ctx->key_base);
}


ngx_int_t
tracker_txn_lock(tracker_txn_t *txn)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    if (tracker_txn_lock_command(ctx) != NGX_OK
        || tracker_step_send(ctx, NULL, TRACKER_STEP_LOCK, tracker_txn_locked)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->locking = 1;
    txn->holds_lock = 1;

    return NGX_OK;
}


/* the command that takes the lock, with a new token, not yet sent */

static ngx_int_t
tracker_txn_lock_command(tracker_txn_ctx_t *ctx)
{
    u_char  random[TRACKER_TOKEN_LEN / 2];

    if (tracker_random(random, sizeof(random)) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_hex_dump(ctx->token, random, sizeof(random));

    /*
     * With GET (Redis 7.0) the reply to a SET that was sent a second time is
     * our own token: the first one took the lock, and its reply was lost.
     */

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "SET");
    tracker_step_add_key(ctx, TRACKER_KEY_LOCK, NULL, 0);
    tracker_step_add(ctx, ctx->token, TRACKER_TOKEN_LEN);
    tracker_step_add_text(ctx, "NX");
    tracker_step_add_text(ctx, "GET");
    tracker_step_add_text(ctx, "PX");
    tracker_step_add_number(ctx, ctx->store->timeout + TRACKER_LOCK_MARGIN);

    return ctx->nomem ? NGX_ERROR : NGX_OK;
}


static void
tracker_txn_locked(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_txn_ctx_t *ctx = data;

    tracker_outcome_e  outcome;

    if (status == NGX_REDIS_OK) {
        outcome = tracker_txn_owner(ctx, reply);
        ctx->txn.holds_lock = (outcome != TRACKER_OUTCOME_LOCKED);

    } else {
        outcome = 0;
        ctx->txn.holds_lock = maybe;
    }

    tracker_step_end(ctx, status, outcome);
}


/* whose lock it is: ours, another's, or not to be told */

static tracker_outcome_e
tracker_txn_owner(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    if (reply->type == NGX_REDIS_NIL) {
        return 0;
    }

    if (reply->type != NGX_REDIS_STRING) {
        return TRACKER_OUTCOME_ERROR;
    }

    if (reply->str.len == TRACKER_TOKEN_LEN
        && ngx_memcmp(reply->str.data, ctx->token, TRACKER_TOKEN_LEN) == 0)
    {
        return 0;
    }

    tracker_stale_meet(ctx, &reply->str);

    return TRACKER_OUTCOME_LOCKED;
}


ngx_int_t
tracker_txn_lock_along(tracker_txn_t *txn)
{
    size_t              size;
    ngx_redis_lead_t   *lead;
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    if (tracker_txn_lock_command(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    size = ctx->command.argc * sizeof(ngx_str_t);

    lead = ngx_palloc(txn->pool, sizeof(ngx_redis_lead_t) + size);
    if (lead == NULL) {
        return NGX_ERROR;
    }

    lead->argc = ctx->command.argc;
    lead->argv = (ngx_str_t *) (lead + 1);
    lead->handler = tracker_txn_led;
    lead->action = "locking";
    lead->read = 0;

    ngx_memcpy(lead->argv, ctx->command.argv, size);

    ctx->lead = lead;
    ctx->owner = TRACKER_OUTCOME_ERROR;

    return NGX_OK;
}


static void
tracker_txn_led(void *data, ngx_redis_reply_t *reply)
{
    tracker_txn_ctx_t *ctx = data;

    ctx->owner = tracker_txn_owner(ctx, reply);
}


ngx_int_t
tracker_txn_release(tracker_txn_t *txn)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_txn_unlock(ctx);

    ctx->command.timeout = ngx_min(ctx->command.timeout, TRACKER_RELEASE_WAIT);
    ctx->command.deadline = ngx_current_msec + ctx->command.timeout;

    return tracker_step_send(ctx, &tracker_scripts[tracker_lua_release],
                             TRACKER_STEP_RELEASE, tracker_txn_released);
}


static void
tracker_txn_released(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_txn_ctx_t *ctx = data;

    if (status == NGX_REDIS_OK) {
        ctx->txn.holds_lock = 0;
        tracker_stale_note(ctx);
    }

    /* otherwise it is released again when the owner has closed the txn */

    tracker_claim_drop(&ctx->claim);

    tracker_step_end(ctx, NGX_REDIS_OK, 0);
}


/* the command that releases the lock, not yet sent */

static void
tracker_txn_unlock(tracker_txn_ctx_t *ctx)
{
    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "1");
    tracker_step_add_key(ctx, TRACKER_KEY_LOCK, NULL, 0);
    tracker_step_add_token(ctx);

    ctx->command.urgent = 1;
}


ngx_int_t
tracker_txn_begin_round(tracker_txn_t *txn)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(TRACKER_TXN_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    if (txn->round != txn->pool) {
        ngx_destroy_pool(txn->round);
    }

    txn->round = pool;

    ngx_str_null(&txn->record);

    return NGX_OK;
}


void
tracker_txn_forget(tracker_txn_t *txn)
{
    if (!txn->holds_lock) {
        tracker_claim_drop(&tracker_txn_ctx(txn)->claim);
    }

    if (txn->round != txn->pool) {
        ngx_destroy_pool(txn->round);
        txn->round = txn->pool;

    } else if (txn->record.data) {
        ngx_pfree(txn->pool, txn->record.data);
    }

    if (txn->page.records.data) {
        ngx_pfree(txn->pool, txn->page.records.data);
    }

    ngx_str_null(&txn->record);
    ngx_str_null(&txn->page.records);
}


void
tracker_txn_close(tracker_txn_t *txn)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    ctx->handler = tracker_txn_leave;
    ctx->create.set = NULL;
    ctx->job.alone = NULL;

    if (ctx->locking) {

        /*
         * What was sent is executed before the release, which follows on the
         * same connection; what was not sent never is.  If the connection is
         * lost, or the slot moves, in between, a lock that is taken all the
         * same expires.
         */

        txn->holds_lock = ngx_redis_cancel(ctx->op);
        ctx->op = NULL;

    } else if (ctx->op && (ctx->command.read || ngx_exiting)) {

        /*
         * Nobody needs the reply; a command that was lost with its connection
         * would keep an exiting worker until it is sent again.
         */

        (void) ngx_redis_cancel(ctx->op);
        ctx->op = NULL;

    } else if (ctx->op) {
        ngx_redis_leave(ctx->op);
    }

    ctx->lead = NULL;

    if (ctx->op == NULL) {
        tracker_txn_leave(txn);
    }
}


/* the handler of a txn that was closed, and its end */

static void
tracker_txn_leave(tracker_txn_t *txn)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_claim_drop(&ctx->claim);

    if (txn->holds_lock) {
        tracker_txn_unlock(ctx);

        /* then its ttl is over */

        ctx->command.deadline = ctx->deadline + TRACKER_LOCK_MARGIN;

        if ((ngx_msec_int_t) (ctx->command.deadline - ngx_current_msec) > 0
            && tracker_step_send(ctx, &tracker_scripts[tracker_lua_release],
                                 TRACKER_STEP_RELEASE, tracker_txn_left)
               == NGX_OK)
        {
            return;
        }
    }

    ctx->left = 1;

    if (ctx->freed) {
        tracker_txn_destroy(ctx);
    }
}


static void
tracker_txn_left(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_txn_ctx_t *ctx = data;

    /* a release that has failed now is not tried again */

    if (status != NGX_REDIS_OK) {
        ctx->store->reports->lock(TRACKER_LOCK_KEPT);

    } else {
        tracker_stale_note(ctx);
    }

    ctx->txn.holds_lock = 0;

    tracker_step_end(ctx, status, 0);
}


void
tracker_txn_free(tracker_txn_t *txn)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    ctx->freed = 1;

    if (ctx->left) {
        tracker_txn_destroy(ctx);
    }
}


static void
tracker_txn_destroy(tracker_txn_ctx_t *ctx)
{
    if (ctx->txn.round != ctx->txn.pool) {
        ngx_destroy_pool(ctx->txn.round);
    }

    ngx_destroy_pool(ctx->txn.pool);
}
