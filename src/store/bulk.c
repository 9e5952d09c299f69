
/*
 * A large create: bulk_begin.lua, MSETNX, bulk_end.lua.
 */


#include "store/bulk.h"


/* from so many trackers, or bytes of records, on */
#define TRACKER_BULK_MIN    16
#define TRACKER_BULK_BYTES  16384

/* arguments of MSETNX for a tracker: two keys, each with its value */
#define TRACKER_BULK_ARGS   4


static void tracker_bulk_add_keys(tracker_txn_ctx_t *ctx);
static void tracker_bulk_arg(void *data, ngx_uint_t i, ngx_str_t part[2]);


ngx_uint_t
tracker_bulk_is_large(size_t n, size_t size)
{
    return n >= TRACKER_BULK_MIN || size >= TRACKER_BULK_BYTES;
}


ngx_uint_t
tracker_bulk_fits(tracker_create_t *create)
{
    size_t  i, size;

    size = 0;

    for (i = 0; i < create->n; i++) {
        size += create->records[i].len;
    }

    return tracker_bulk_is_large(create->n, size);
}


ngx_int_t
tracker_bulk_command(tracker_txn_ctx_t *ctx)
{
    size_t                i;
    tracker_create_t     *create;
    ngx_redis_command_t  *cmd;

    create = &ctx->create;
    cmd = &ctx->command;

    tracker_step_start(ctx);

    tracker_bulk_add_keys(ctx);
    tracker_bulk_add_values(ctx);
    tracker_step_add_number(ctx, create->n);

    cmd->before = tracker_bulk_eval(ctx, tracker_lua_bulk_begin);
    if (cmd->before == NULL) {
        return NGX_ERROR;
    }

    tracker_bulk_add_keys(ctx);
    tracker_bulk_add_values(ctx);
    tracker_step_add_revision(ctx);
    tracker_step_add(ctx, create->ids, create->n * TRACKER_ID_LEN);
    tracker_step_add_history(ctx);

    cmd->after = tracker_bulk_eval(ctx, tracker_lua_bulk_end);
    if (cmd->after == NULL) {
        return NGX_ERROR;
    }

    tracker_step_add_text(ctx, "MSETNX");
    tracker_step_add_key(ctx, TRACKER_KEY_STOP, NULL, 0);
    tracker_step_add_text(ctx, "yes");

    /* the rest is sent as tracker_bulk_arg() makes it */

    create->args = &cmd->argv[cmd->argc];
    i = cmd->argc;

    tracker_step_add_key(ctx, TRACKER_KEY_NAME, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_ID, NULL, 0);

    cmd->argc = i;
    cmd->write = 1;
    cmd->more = tracker_bulk_arg;
    cmd->nmore = TRACKER_BULK_ARGS * create->n;
    cmd->more_size = create->n * (create->args[0].len + create->args[1].len
                                  + 2 * TRACKER_ID_LEN);

    for (i = 0; i < create->n; i++) {
        cmd->more_size += create->names[i].len + create->records[i].len;
    }

    return NGX_OK;
}


static void
tracker_bulk_add_keys(tracker_txn_ctx_t *ctx)
{
    tracker_step_add_number(ctx, (ctx->idem ? 6 : 4)
                                 + tracker_step_log_keys(ctx));
    tracker_step_add_key(ctx, TRACKER_KEY_LOCK, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_INDEX, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_STOP, NULL, 0);

    if (ctx->idem) {
        tracker_step_add_key(ctx, TRACKER_KEY_IDEM, ctx->idem,
                             TRACKER_SHA256_LEN);
        tracker_step_add_key(ctx, TRACKER_KEY_IDEMS, NULL, 0);
    }

    tracker_step_add_log_keys(ctx);
}


void
tracker_bulk_add_values(tracker_txn_ctx_t *ctx)
{
    tracker_step_add_token(ctx);
    tracker_step_add_number(ctx, ctx->store->max_trackers);

    if (ctx->idem) {
        tracker_step_add(ctx, ctx->idem + TRACKER_SHA256_LEN,
                         TRACKER_SHA256_LEN);

    } else {
        tracker_step_add_text(ctx, "");
    }

    tracker_step_add_number(ctx, ctx->store->max_idems);
}


ngx_redis_eval_t *
tracker_bulk_eval(tracker_txn_ctx_t *ctx, tracker_lua_e script)
{
    size_t             size;
    ngx_redis_eval_t  *eval;

    size = ctx->command.argc * sizeof(ngx_str_t);

    eval = ngx_palloc(ctx->txn.pool, sizeof(ngx_redis_eval_t) + size);
    if (eval == NULL) {
        return NULL;
    }

    eval->script = &tracker_scripts[script];
    eval->argc = ctx->command.argc;
    eval->argv = (ngx_str_t *) (eval + 1);

    ngx_memcpy(eval->argv, ctx->command.argv, size);

    ctx->command.argc = 0;

    return eval;
}


/* name key, id, id key, record of each tracker */

static void
tracker_bulk_arg(void *data, ngx_uint_t i, ngx_str_t part[2])
{
    tracker_txn_ctx_t *ctx = data;

    ngx_str_t          id;
    ngx_uint_t         t;
    tracker_create_t  *create;

    create = &ctx->create;
    t = i / TRACKER_BULK_ARGS;

    id.len = TRACKER_ID_LEN;
    id.data = (u_char *) create->ids + t * TRACKER_ID_LEN;

    ngx_str_null(&part[1]);

    switch (i % TRACKER_BULK_ARGS) {

    case 0:
        part[0] = create->args[0];
        part[1].len = create->names[t].len;
        part[1].data = (u_char *) create->names[t].data;
        return;

    case 1:
        part[0] = id;
        return;

    case 2:
        part[0] = create->args[1];
        part[1] = id;
        return;

    default:
        part[0].len = create->records[t].len;
        part[0].data = (u_char *) create->records[t].data;
        return;
    }
}
