
/*
 * A step of a txn: one command, from its first argument to its reply.
 */


#include "store/step.h"
#include "store/watch.h"
#include "tracker/number.h"


#define TRACKER_REV_BITS  16


static void tracker_step_replied(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_uint_t tracker_step_wrote(tracker_txn_ctx_t *ctx);


/* for the log */

static const char  *tracker_step_actions[] = {
    [TRACKER_STEP_LOCK] = "locking",
    [TRACKER_STEP_CREATE] = "creating",
    [TRACKER_STEP_CHANGE] = "changing",
    [TRACKER_STEP_DELETE] = "deleting",
    [TRACKER_STEP_LIST] = "listing",
    [TRACKER_STEP_FIND] = "finding",
    [TRACKER_STEP_GET] = "reading",
    [TRACKER_STEP_LOAD] = "loading",
    [TRACKER_STEP_REVISION] = "reading",
    [TRACKER_STEP_WRITE] = "writing",
    [TRACKER_STEP_CONVERSE] = "reading",
    [TRACKER_STEP_FORGET] = "deleting",
    [TRACKER_STEP_CHANGES] = "reading changes",
    [TRACKER_STEP_RELEASE] = "unlocking"
};


static tracker_outcome_e  tracker_failures[] = {
    [NGX_REDIS_UNAVAILABLE] = TRACKER_OUTCOME_UNAVAILABLE,
    [NGX_REDIS_TIMEOUT] = TRACKER_OUTCOME_TIMEOUT,
    [NGX_REDIS_CROWDED] = TRACKER_OUTCOME_CROWDED,
    [NGX_REDIS_ERROR] = TRACKER_OUTCOME_ERROR
};


void
tracker_step_start(tracker_txn_ctx_t *ctx)
{
    ngx_redis_command_t  *cmd;

    cmd = &ctx->command;

    cmd->argc = 0;
    cmd->argv = ctx->argv;
    cmd->nmore = 0;
    cmd->more_size = 0;
    cmd->before = NULL;
    cmd->after = NULL;
    cmd->lead = ctx->lead;
    cmd->timeout = ctx->store->redis_timeout;
    cmd->failover = ctx->store->failover;
    cmd->deadline = ctx->deadline;
    cmd->read = 0;
    cmd->write = 0;
    cmd->urgent = 0;

    ctx->nomem = 0;
}


void
tracker_step_add(tracker_txn_ctx_t *ctx, const void *data, size_t len)
{
    ngx_str_t  *arg;

    arg = &ctx->argv[ctx->command.argc++];

    arg->len = len;
    arg->data = (u_char *) data;
}


void
tracker_step_add_number(tracker_txn_ctx_t *ctx, uint64_t number)
{
    u_char  *p;

    p = ngx_pnalloc(ctx->txn.round, TRACKER_NUMBER_LEN);
    if (p == NULL) {
        ctx->nomem = 1;
        return;
    }

    tracker_step_add(ctx, p, (u_char *) tracker_put_number((char *) p, number)
                             - p);
}


void
tracker_step_add_key(tracker_txn_ctx_t *ctx, const char *kind,
    const void *name, size_t len)
{
    if (tracker_keys_make(ctx->txn.round, &ctx->key_base, kind, name, len,
                          &ctx->argv[ctx->command.argc])
        != NGX_OK)
    {
        ctx->nomem = 1;
    }

    ctx->command.argc++;
}


/* what has the cursor, a request or a page, may be gone before it is sent */

void
tracker_step_add_cursor(tracker_txn_ctx_t *ctx, ngx_str_t *cursor)
{
    u_char  *p;

    if (cursor->len == 0) {
        tracker_step_add_text(ctx, "0");
        return;
    }

    p = ngx_pstrdup(ctx->txn.pool, cursor);
    if (p == NULL) {
        ctx->nomem = 1;
        return;
    }

    tracker_step_add(ctx, p, cursor->len);
}


void
tracker_step_add_token(tracker_txn_ctx_t *ctx)
{
    tracker_step_add(ctx, ctx->token,
                     ctx->txn.holds_lock || ctx->lead ? TRACKER_TOKEN_LEN : 0);
}


void
tracker_step_add_lead(tracker_txn_ctx_t *ctx)
{
    tracker_step_add(ctx, "1", ctx->lead ? 1 : 0);
}


void
tracker_step_add_revision(tracker_txn_ctx_t *ctx)
{
    uint64_t  random;

    if (tracker_random(&random, sizeof(random)) != NGX_OK) {
        ctx->nomem = 1;
        return;
    }

    tracker_step_add_number(ctx, TRACKER_REV_FIRST
                                 + random % TRACKER_REV_FIRST);
    tracker_step_add_number(ctx, 1 + (random >> (64 - TRACKER_REV_BITS)));
}


ngx_uint_t
tracker_step_log_keys(tracker_txn_ctx_t *ctx)
{
    return ctx->store->history ? 2 : 0;
}


void
tracker_step_add_log_keys(tracker_txn_ctx_t *ctx)
{
    if (ctx->store->history) {
        tracker_step_add_key(ctx, TRACKER_KEY_LOG, NULL, 0);
        tracker_step_add_key(ctx, TRACKER_KEY_TIMES, NULL, 0);
    }
}


void
tracker_step_add_history(tracker_txn_ctx_t *ctx)
{
    if (ctx->store->history) {
        tracker_step_add_number(ctx, ctx->store->history);
    }
}


ngx_int_t
tracker_step_submit(tracker_txn_ctx_t *ctx, tracker_step_e step,
    tracker_reply_pt reply)
{
    ctx->reply = reply;

    return tracker_step_send(ctx, NULL, step, tracker_step_replied);
}


ngx_int_t
tracker_step_run(tracker_txn_ctx_t *ctx, tracker_lua_e script,
    tracker_step_e step, tracker_reply_pt reply)
{
    ctx->reply = reply;

    return tracker_step_send(ctx, &tracker_scripts[script], step,
                             tracker_step_replied);
}


ngx_int_t
tracker_step_send(tracker_txn_ctx_t *ctx, ngx_redis_script_t *script,
    tracker_step_e step, ngx_redis_handler_pt handler)
{
    if (ctx->nomem) {
        return NGX_ERROR;
    }

    ctx->command.script = script;
    ctx->command.action = tracker_step_actions[step];
    ctx->step = step;

    ctx->op = ngx_redis_submit(ctx->store->redis, &ctx->command, handler, ctx);
    if (ctx->op == NULL) {
        return NGX_ERROR;
    }

    ctx->sent = ngx_current_msec;
    ctx->txn.again = 0;

    if (ctx->lead) {
        ctx->locking = 1;
        ctx->txn.holds_lock = 1;
    }

    return NGX_OK;
}


static void
tracker_step_replied(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_txn_ctx_t *ctx = data;

    tracker_outcome_e  outcome;

    outcome = 0;

    if (status == NGX_REDIS_OK) {
        outcome = ctx->reply(ctx, reply, maybe);

    } else if (ctx->lead) {
        ctx->txn.holds_lock = maybe;
    }

    ctx->lead = NULL;

    tracker_step_end(ctx, status, outcome);
}


void
tracker_step_go_on(tracker_txn_ctx_t *ctx)
{
    ngx_msec_t  time;

    time = ngx_current_msec - ctx->sent;

    ctx->store->reports->waited(ctx->step, time);

    ctx->txn.redis_time += time;
    ctx->sent = ngx_current_msec;
}


void
tracker_step_end(tracker_txn_ctx_t *ctx, ngx_redis_status_e status,
    tracker_outcome_e outcome)
{
    ngx_msec_t  time;

    time = ngx_current_msec - ctx->sent;

    ctx->store->reports->waited(ctx->step, time);

    ctx->op = NULL;
    ctx->locking = 0;
    ctx->txn.redis_time += time;
    ctx->txn.outcome = (status == NGX_REDIS_OK) ? outcome
                                                : tracker_failures[status];

    /* a write that is done: its owner may send the next one */

    if (ctx->txn.outcome && !ctx->txn.holds_lock) {
        tracker_claim_drop(&ctx->claim);
    }

    if (tracker_step_wrote(ctx)) {
        tracker_watch_written(ctx->store->redis, &ctx->key_base);
    }

    ctx->handler(&ctx->txn);
}


/* returns 1 if the step may have raised the revision, else 0 */

static ngx_uint_t
tracker_step_wrote(tracker_txn_ctx_t *ctx)
{
    switch (ctx->step) {

    case TRACKER_STEP_CREATE:
    case TRACKER_STEP_CHANGE:
    case TRACKER_STEP_DELETE:
        return ctx->txn.outcome == TRACKER_OUTCOME_CREATED
               || ctx->txn.outcome == TRACKER_OUTCOME_CHANGED
               || ctx->txn.outcome == TRACKER_OUTCOME_DELETED;

    default:
        return 0;
    }
}
