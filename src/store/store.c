
/*
 * The life of a txn: begin, the lock, one command after another, the end.
 */


#include "store/private.h"
#include "tracker_lua.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


/* a request waits so long, in ms, for its lock to be given back */
#define TRACKER_RELEASE_WAIT   1000

#define TRACKER_RANDOM_POOL    1024      /* bytes */

/* a small create fits in one block */
#define TRACKER_TXN_POOL       4096


static ngx_int_t tracker_txn_unlock(tracker_txn_t *txn,
    tracker_txn_state_e state);
static void tracker_txn_reply(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_answered(tracker_txn_t *txn,
    tracker_txn_state_e state, ngx_redis_reply_t *reply, ngx_uint_t again);
static tracker_outcome_e tracker_txn_failed(tracker_txn_t *txn,
    tracker_txn_state_e state, ngx_redis_status_e status, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_locked(tracker_txn_t *txn,
    ngx_redis_reply_t *reply);
static void tracker_txn_leave(tracker_txn_t *txn);
static void tracker_txn_destroy(tracker_txn_t *txn);


/* in the order of tracker_script_e */

static ngx_redis_script_t  tracker_scripts[] = {
    { ngx_string("creating"), ngx_string(tracker_lua_create), { 0 } },
    { ngx_string("unlocking"), ngx_string(tracker_lua_release), { 0 } },
    { ngx_string("changing"), ngx_string(tracker_lua_change), { 0 } },
    { ngx_string("deleting"), ngx_string(tracker_lua_delete), { 0 } },
    { ngx_string("listing"), ngx_string(tracker_lua_list), { 0 } },
    { ngx_string("finding"), ngx_string(tracker_lua_find), { 0 } }
};


ngx_redis_script_t *
tracker_store_scripts(ngx_uint_t *n)
{
    *n = sizeof(tracker_scripts) / sizeof(tracker_scripts[0]);

    return tracker_scripts;
}


tracker_txn_t *
tracker_txn_begin(tracker_store_t *store, ngx_str_t *account,
    ngx_msec_t start, ngx_uint_t large, tracker_txn_handler_pt handler,
    void *data)
{
    u_char         *p, hex[2 * EVP_MAX_MD_SIZE];
    ngx_pool_t     *pool;
    tracker_txn_t  *txn;

    if (tracker_txn_digest(hex, TRACKER_SHA256, account, 1) != NGX_OK) {
        return NULL;
    }

    pool = ngx_create_pool(TRACKER_TXN_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    txn = ngx_pcalloc(pool, sizeof(tracker_txn_t));
    if (txn == NULL) {
        goto failed;
    }

    txn->pool = pool;
    txn->round = pool;
    txn->store = store;
    txn->handler = handler;
    txn->data = data;
    txn->deadline = start + store->timeout;
    txn->command.lane = large ? NGX_REDIS_LARGE : NGX_REDIS_SMALL;

    p = ngx_pnalloc(pool, store->prefix.len + TRACKER_ACCOUNT_LEN
                          + sizeof(":{}:") - 1);
    if (p == NULL) {
        goto failed;
    }

    txn->key_base.data = p;

    p = ngx_cpymem(p, store->prefix.data, store->prefix.len);
    *p++ = ':';
    *p++ = '{';
    p = ngx_cpymem(p, hex, TRACKER_ACCOUNT_LEN);
    *p++ = '}';
    *p++ = ':';

    txn->key_base.len = p - txn->key_base.data;

    txn->command.flow = txn->key_base;

    return txn;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


ngx_int_t
tracker_txn_lock(tracker_txn_t *txn)
{
    u_char      random[sizeof(txn->token) / 2];
    ngx_str_t  *arg;

    if (tracker_txn_random(random, sizeof(random)) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_hex_dump(txn->token, random, sizeof(random));

    /*
     * With GET (Redis 7.0) the reply to a SET that was sent a second time is
     * our own token: the first one took the lock, and its answer was lost.
     */

    arg = tracker_txn_args(txn, 7);
    if (arg == NULL
        || tracker_txn_key(txn, &txn->lock_key, "lock", NULL, 0) != NGX_OK
        || tracker_txn_number(txn, &arg[6],
                              txn->store->timeout + TRACKER_LOCK_MARGIN)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "SET");
    arg[1] = txn->lock_key;
    arg[2].len = sizeof(txn->token);
    arg[2].data = txn->token;
    ngx_str_set(&arg[3], "NX");
    ngx_str_set(&arg[4], "GET");
    ngx_str_set(&arg[5], "PX");

    if (tracker_txn_submit(txn, "locking", TRACKER_TXN_LOCKING) != NGX_OK) {
        return NGX_ERROR;
    }

    txn->holds_lock = 1;

    return NGX_OK;
}


ngx_int_t
tracker_txn_release(tracker_txn_t *txn)
{
    return tracker_txn_unlock(txn, TRACKER_TXN_RELEASING);
}


static ngx_int_t
tracker_txn_unlock(tracker_txn_t *txn, tracker_txn_state_e state)
{
    ngx_str_t  *arg;

    arg = tracker_txn_args(txn, 3);
    if (arg == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "1");
    arg[1] = txn->lock_key;
    tracker_txn_token(txn, &arg[2]);

    return tracker_txn_run(txn, TRACKER_SCRIPT_RELEASE, state);
}


void
tracker_txn_close(tracker_txn_t *txn)
{
    txn->closed = 1;
    txn->handler = NULL;
    txn->set = NULL;

    if (txn->op && (txn->command.read || ngx_exiting)) {

        /*
         * Nobody wants what is read; what was lost would keep an exiting
         * worker until it is sent again
         */

        (void) ngx_redis_cancel(txn->op);
        txn->op = NULL;

    } else if (txn->state == TRACKER_TXN_LOCKING) {

        /* the release goes out behind it, in the same lane */

        txn->holds_lock = ngx_redis_cancel(txn->op);
        txn->op = NULL;
    }

    if (txn->op == NULL) {
        tracker_txn_leave(txn);
    }
}


ngx_int_t
tracker_txn_run(tracker_txn_t *txn, tracker_script_e script,
    tracker_txn_state_e state)
{
    ngx_redis_script_t  *s;

    s = &tracker_scripts[script];
    txn->command.script = s;

    return tracker_txn_submit(txn, (char *) s->name.data, state);
}


ngx_int_t
tracker_txn_submit(tracker_txn_t *txn, const char *action,
    tracker_txn_state_e state)
{
    ngx_redis_command_t  *cmd;

    cmd = &txn->command;

    cmd->action = action;
    cmd->timeout = txn->store->redis_timeout;
    cmd->deadline = txn->deadline;
    cmd->read = (state == TRACKER_TXN_FETCHING || state == TRACKER_TXN_LISTING);
    cmd->urgent = 0;

    if (state == TRACKER_TXN_RELEASING) {
        cmd->timeout = ngx_min(cmd->timeout, TRACKER_RELEASE_WAIT);
        cmd->deadline = ngx_current_msec + cmd->timeout;
        cmd->urgent = 1;

    } else if (state == TRACKER_TXN_LEAVING) {

        /* after its ttl the lock is gone by itself */

        cmd->deadline = txn->deadline + TRACKER_LOCK_MARGIN;
        cmd->urgent = 1;
    }

    txn->op = ngx_redis_submit(txn->store->redis, cmd, tracker_txn_reply,
                               txn);

    cmd->script = NULL;

    if (txn->op == NULL) {
        return NGX_ERROR;
    }

    txn->state = state;
    txn->sent = ngx_current_msec;

    return NGX_OK;
}


static void
tracker_txn_reply(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_txn_t *txn = data;

    tracker_txn_state_e  state;

    state = txn->state;

    txn->op = NULL;
    txn->state = TRACKER_TXN_IDLE;
    txn->redis_time += ngx_current_msec - txn->sent;

    if (status == NGX_REDIS_OK) {
        txn->outcome = tracker_txn_answered(txn, state, reply, maybe);

    } else {
        txn->outcome = tracker_txn_failed(txn, state, status, maybe);
    }

    if (txn->closed) {
        tracker_txn_leave(txn);
        return;
    }

    txn->handler(txn);
}


static tracker_outcome_e
tracker_txn_answered(tracker_txn_t *txn, tracker_txn_state_e state,
    ngx_redis_reply_t *reply, ngx_uint_t again)
{
    tracker_outcome_e  outcome;

    switch (state) {

    case TRACKER_TXN_LOCKING:
        return tracker_txn_locked(txn, reply);

    case TRACKER_TXN_CREATING:
    case TRACKER_TXN_DELETING:
        return tracker_txn_written(txn, state, reply);

    case TRACKER_TXN_CHANGING:
        outcome = tracker_txn_written(txn, state, reply);

        /*
         * Sent again, the change finds another record, or none: the first one
         * may have been made, and what it wrote been changed since.
         */

        if (again
            && (outcome == TRACKER_OUTCOME_STALE
                || outcome == TRACKER_OUTCOME_MISSING))
        {
            return TRACKER_OUTCOME_UNAVAILABLE;
        }

        return outcome;

    case TRACKER_TXN_FETCHING:
        return tracker_txn_fetched(txn, reply);

    case TRACKER_TXN_LISTING:
        return tracker_txn_listed(txn, reply);

    default: /* TRACKER_TXN_RELEASING, TRACKER_TXN_LEAVING */
        txn->holds_lock = 0;
        return TRACKER_OUTCOME_READY;
    }
}


static tracker_outcome_e
tracker_txn_failed(tracker_txn_t *txn, tracker_txn_state_e state,
    ngx_redis_status_e status, ngx_uint_t maybe)
{
    switch (state) {

    case TRACKER_TXN_LOCKING:
        txn->holds_lock = maybe;
        break;

    case TRACKER_TXN_RELEASING:
        return TRACKER_OUTCOME_READY;

    case TRACKER_TXN_LEAVING:
        txn->holds_lock = 0;
        break;

    default:
        break;
    }

    switch (status) {

    case NGX_REDIS_UNAVAILABLE:
        return TRACKER_OUTCOME_UNAVAILABLE;

    case NGX_REDIS_TIMEOUT:
        return TRACKER_OUTCOME_TIMEOUT;

    case NGX_REDIS_CROWDED:
        return TRACKER_OUTCOME_CROWDED;

    default:
        return TRACKER_OUTCOME_ERROR;
    }
}


static tracker_outcome_e
tracker_txn_locked(tracker_txn_t *txn, ngx_redis_reply_t *reply)
{
    if (reply->type == NGX_REDIS_NIL) {
        return TRACKER_OUTCOME_READY;
    }

    if (reply->type != NGX_REDIS_STRING) {
        return TRACKER_OUTCOME_ERROR;
    }

    if (reply->str.len == sizeof(txn->token)
        && ngx_memcmp(reply->str.data, txn->token, sizeof(txn->token)) == 0)
    {
        return TRACKER_OUTCOME_READY;
    }

    txn->holds_lock = 0;

    return TRACKER_OUTCOME_LOCKED;
}


/* the end of a txn, after its lock was given back */

static void
tracker_txn_leave(tracker_txn_t *txn)
{
    if (txn->holds_lock
        && (ngx_msec_int_t) (txn->deadline + TRACKER_LOCK_MARGIN
                             - ngx_current_msec) > 0)
    {
        if (tracker_txn_unlock(txn, TRACKER_TXN_LEAVING) == NGX_OK) {
            return;
        }
    }

    txn->left = 1;

    if (txn->freed) {
        tracker_txn_destroy(txn);
    }
}


void
tracker_txn_free(tracker_txn_t *txn)
{
    txn->freed = 1;

    if (txn->left) {
        tracker_txn_destroy(txn);
    }
}


static void
tracker_txn_destroy(tracker_txn_t *txn)
{
    if (txn->round != txn->pool) {
        ngx_destroy_pool(txn->round);
    }

    ngx_destroy_pool(txn->pool);
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


ngx_str_t *
tracker_txn_args(tracker_txn_t *txn, ngx_uint_t argc)
{
    txn->command.argc = argc;
    txn->command.nmore = 0;
    txn->command.more_size = 0;
    txn->command.argv = ngx_palloc(txn->round, argc * sizeof(ngx_str_t));

    return txn->command.argv;
}


ngx_int_t
tracker_txn_number(tracker_txn_t *txn, ngx_str_t *arg, uint64_t number)
{
    arg->data = ngx_pnalloc(txn->round, NGX_INT64_LEN);
    if (arg->data == NULL) {
        return NGX_ERROR;
    }

    arg->len = ngx_sprintf(arg->data, "%uL", number) - arg->data;

    return NGX_OK;
}


ngx_int_t
tracker_txn_key(tracker_txn_t *txn, ngx_str_t *key, const char *kind,
    const void *name, size_t len)
{
    u_char  *p;
    size_t   n;

    n = ngx_strlen(kind);

    p = ngx_pnalloc(txn->round, txn->key_base.len + n + len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;

    p = ngx_cpymem(p, txn->key_base.data, txn->key_base.len);
    p = ngx_cpymem(p, kind, n);

    if (len) {
        p = ngx_cpymem(p, name, len);
    }

    key->len = p - key->data;

    return NGX_OK;
}


void
tracker_txn_token(tracker_txn_t *txn, ngx_str_t *arg)
{
    arg->len = txn->holds_lock ? sizeof(txn->token) : 0;
    arg->data = txn->token;
}


ngx_int_t
tracker_store_digest(u_char digest[TRACKER_STORE_DIGEST_LEN],
    ngx_str_t *record)
{
    return tracker_txn_digest(digest, TRACKER_SHA1, record, 1);
}


/*
 * A context that was used once begins anew without the search for its
 * algorithm, which takes OpenSSL 3 longer than a short digest itself.
 */

ngx_int_t
tracker_txn_digest(u_char *hex, tracker_md_e md, ngx_str_t *parts,
    ngx_uint_t n)
{
    u_char              digest[EVP_MAX_MD_SIZE];
    ngx_uint_t          i;
    EVP_MD_CTX         *ctx;
    unsigned int        size;
    const EVP_MD       *type;
    static EVP_MD_CTX  *contexts[2];

    ctx = contexts[md];
    type = NULL;

    if (ctx == NULL) {
        type = (md == TRACKER_SHA1) ? EVP_sha1() : EVP_sha256();

        ctx = EVP_MD_CTX_new();
        if (ctx == NULL) {
            return NGX_ERROR;
        }
    }

    contexts[md] = NULL;

    if (EVP_DigestInit_ex(ctx, type, NULL) != 1) {
        goto failed;
    }

    for (i = 0; i < n; i++) {
        if (EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1) {
            goto failed;
        }
    }

    if (EVP_DigestFinal_ex(ctx, digest, &size) != 1) {
        goto failed;
    }

    contexts[md] = ctx;

    ngx_hex_dump(hex, digest, size);

    return NGX_OK;

failed:

    EVP_MD_CTX_free(ctx);

    /* nginx would take what is left for an error of a TLS connection */
    ERR_clear_error();

    return NGX_ERROR;
}


/* what OpenSSL is asked for at once serves many requests */

ngx_int_t
tracker_txn_random(void *p, size_t len)
{
    size_t         n;
    u_char        *to;

    static size_t  left;
    static u_char  pool[TRACKER_RANDOM_POOL];

    for (to = p; len; to += n, len -= n) {

        if (left == 0) {
            if (RAND_bytes(pool, sizeof(pool)) != 1) {
                return NGX_ERROR;
            }

            left = sizeof(pool);
        }

        n = ngx_min(len, left);
        left -= n;

        ngx_memcpy(to, pool + left, n);
        ngx_memzero(pool + left, n);
    }

    return NGX_OK;
}
