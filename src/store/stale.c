
/*
 * Locks that Redis has kept.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "store/stale.h"


/* tokens that are known, the last one of an account, and how many of their
   digits */
#define TRACKER_STALE_TOKENS  1024
#define TRACKER_STALE_DIGITS  16

/* of the key of a lock; longer ones expire */
#define TRACKER_STALE_KEY     256

/* for the release, ms: the next request that meets the lock tries again */
#define TRACKER_STALE_TIME    1000


typedef struct {
    ngx_event_t   event;              /* posted: a lead may not submit */
    ngx_redis_t  *redis;              /* NULL: no release is under way */
    ngx_str_t     argv[3];            /* of the release script */
    size_t        base;               /* bytes of the key's base */
    u_char        key[TRACKER_STALE_KEY];
    u_char        token[TRACKER_TOKEN_LEN];
} tracker_stale_t;


static u_char *tracker_stale_place(tracker_txn_ctx_t *ctx);
static void tracker_stale_release(ngx_event_t *ev);
static void tracker_stale_released(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);


/* of this worker */

static u_char           tracker_stale_tokens[TRACKER_STALE_TOKENS]
                                            [TRACKER_STALE_DIGITS];
static tracker_stale_t  tracker_stale;


void
tracker_stale_note(tracker_txn_ctx_t *ctx)
{
    /* a txn that has asked for no lock has no token */

    if (ctx->token[0]) {
        ngx_memcpy(tracker_stale_place(ctx), ctx->token, TRACKER_STALE_DIGITS);
    }
}


/* accounts that share one forget: the lock expires then */

static u_char *
tracker_stale_place(tracker_txn_ctx_t *ctx)
{
    return tracker_stale_tokens[ngx_murmur_hash2(ctx->key_base.data,
                                                 ctx->key_base.len)
                                % TRACKER_STALE_TOKENS];
}


void
tracker_stale_meet(tracker_txn_ctx_t *ctx, ngx_str_t *token)
{
    u_char           *p;
    tracker_stale_t  *stale;

    stale = &tracker_stale;

    if (stale->redis || token->len != TRACKER_TOKEN_LEN
        || ctx->key_base.len + sizeof(TRACKER_KEY_LOCK) > TRACKER_STALE_KEY
        || ngx_memcmp(tracker_stale_place(ctx), token->data,
                      TRACKER_STALE_DIGITS)
           != 0)
    {
        return;
    }

    stale->redis = ctx->store->redis;
    stale->base = ctx->key_base.len;

    p = ngx_cpymem(stale->key, ctx->key_base.data, ctx->key_base.len);
    p = ngx_cpymem(p, TRACKER_KEY_LOCK, sizeof(TRACKER_KEY_LOCK) - 1);

    ngx_memcpy(stale->token, token->data, TRACKER_TOKEN_LEN);

    ngx_str_set(&stale->argv[0], "1");
    stale->argv[1].data = stale->key;
    stale->argv[1].len = p - stale->key;
    stale->argv[2].data = stale->token;
    stale->argv[2].len = TRACKER_TOKEN_LEN;

    stale->event.handler = tracker_stale_release;
    stale->event.data = stale;
    stale->event.log = ngx_cycle->log;

    ngx_post_event(&stale->event, &ngx_posted_events);
}


static void
tracker_stale_release(ngx_event_t *ev)
{
    tracker_stale_t *stale = ev->data;

    ngx_redis_command_t  cmd;

    ngx_memzero(&cmd, sizeof(ngx_redis_command_t));

    cmd.flow.data = stale->key;
    cmd.flow.len = stale->base;
    cmd.key = cmd.flow;
    cmd.script = &tracker_scripts[tracker_lua_release];
    cmd.argc = 3;
    cmd.argv = stale->argv;
    cmd.size = sizeof(tracker_stale_t);
    cmd.timeout = TRACKER_STALE_TIME;
    cmd.deadline = ngx_current_msec + TRACKER_STALE_TIME;
    cmd.failover = TRACKER_STALE_TIME;
    cmd.action = "releasing a lock again";

    if (ngx_redis_submit(stale->redis, &cmd, tracker_stale_released, stale)
        == NULL)
    {
        stale->redis = NULL;
    }
}


static void
tracker_stale_released(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_stale_t *stale = data;

    stale->redis = NULL;
}
