
/*
 * The life of a job: begin, the lock, one command after another, the end.
 */


#include "tracker_store_private.h"
#include "tracker_lua.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


/* a request waits so long, in ms, for its lock to be given back */
#define TRACKER_RELEASE_WAIT   1000

#define TRACKER_RANDOM_POOL    1024      /* bytes */

/* a small create fits in one block */
#define TRACKER_JOB_POOL       4096


static ngx_int_t tracker_job_unlock(tracker_job_t *job,
    tracker_job_state_e state);
static void tracker_job_reply(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_job_answered(tracker_job_t *job,
    tracker_job_state_e state, ngx_redis_reply_t *reply, ngx_uint_t again);
static tracker_outcome_e tracker_job_failed(tracker_job_t *job,
    tracker_job_state_e state, ngx_redis_status_e status, ngx_uint_t maybe);
static tracker_outcome_e tracker_job_locked(tracker_job_t *job,
    ngx_redis_reply_t *reply);
static void tracker_job_leave(tracker_job_t *job);
static void tracker_job_destroy(tracker_job_t *job);


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


tracker_job_t *
tracker_job_begin(tracker_store_t *store, ngx_str_t *account,
    ngx_msec_t start, ngx_uint_t large, tracker_job_handler_pt handler,
    void *data)
{
    u_char         *p, hex[2 * EVP_MAX_MD_SIZE];
    ngx_pool_t     *pool;
    tracker_job_t  *job;

    if (tracker_job_digest(hex, TRACKER_SHA256, account, 1) != NGX_OK) {
        return NULL;
    }

    pool = ngx_create_pool(TRACKER_JOB_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    job = ngx_pcalloc(pool, sizeof(tracker_job_t));
    if (job == NULL) {
        goto failed;
    }

    job->pool = pool;
    job->round = pool;
    job->store = store;
    job->handler = handler;
    job->data = data;
    job->deadline = start + store->timeout;
    job->command.lane = large ? NGX_REDIS_LARGE : NGX_REDIS_SMALL;

    p = ngx_pnalloc(pool, store->prefix.len + TRACKER_ACCOUNT_LEN
                          + sizeof(":{}:") - 1);
    if (p == NULL) {
        goto failed;
    }

    job->key_base.data = p;

    p = ngx_cpymem(p, store->prefix.data, store->prefix.len);
    *p++ = ':';
    *p++ = '{';
    p = ngx_cpymem(p, hex, TRACKER_ACCOUNT_LEN);
    *p++ = '}';
    *p++ = ':';

    job->key_base.len = p - job->key_base.data;

    job->command.flow = job->key_base;

    return job;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


ngx_int_t
tracker_job_lock(tracker_job_t *job)
{
    u_char      random[sizeof(job->token) / 2];
    ngx_str_t  *arg;

    if (tracker_job_random(random, sizeof(random)) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_hex_dump(job->token, random, sizeof(random));

    /*
     * With GET (Redis 7.0) the reply to a SET that was sent a second time is
     * our own token: the first one took the lock, and its answer was lost.
     */

    arg = tracker_job_args(job, 7);
    if (arg == NULL
        || tracker_job_key(job, &job->lock_key, "lock", NULL, 0) != NGX_OK
        || tracker_job_number(job, &arg[6],
                              job->store->timeout + TRACKER_LOCK_MARGIN)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "SET");
    arg[1] = job->lock_key;
    arg[2].len = sizeof(job->token);
    arg[2].data = job->token;
    ngx_str_set(&arg[3], "NX");
    ngx_str_set(&arg[4], "GET");
    ngx_str_set(&arg[5], "PX");

    if (tracker_job_submit(job, "locking", TRACKER_JOB_LOCKING) != NGX_OK) {
        return NGX_ERROR;
    }

    job->holds_lock = 1;

    return NGX_OK;
}


ngx_int_t
tracker_job_release(tracker_job_t *job)
{
    return tracker_job_unlock(job, TRACKER_JOB_RELEASING);
}


static ngx_int_t
tracker_job_unlock(tracker_job_t *job, tracker_job_state_e state)
{
    ngx_str_t  *arg;

    arg = tracker_job_args(job, 3);
    if (arg == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "1");
    arg[1] = job->lock_key;
    tracker_job_token(job, &arg[2]);

    return tracker_job_run(job, TRACKER_SCRIPT_RELEASE, state);
}


void
tracker_job_close(tracker_job_t *job)
{
    job->closed = 1;
    job->handler = NULL;
    job->set = NULL;

    if (job->op && (job->command.read || ngx_exiting)) {

        /*
         * Nobody wants what is read; what was lost would keep an exiting
         * worker until it is sent again
         */

        (void) ngx_redis_cancel(job->op);
        job->op = NULL;

    } else if (job->state == TRACKER_JOB_LOCKING) {

        /* the release goes out behind it, in the same lane */

        job->holds_lock = ngx_redis_cancel(job->op);
        job->op = NULL;
    }

    if (job->op == NULL) {
        tracker_job_leave(job);
    }
}


ngx_int_t
tracker_job_run(tracker_job_t *job, tracker_script_e script,
    tracker_job_state_e state)
{
    ngx_redis_script_t  *s;

    s = &tracker_scripts[script];
    job->command.script = s;

    return tracker_job_submit(job, (char *) s->name.data, state);
}


ngx_int_t
tracker_job_submit(tracker_job_t *job, const char *action,
    tracker_job_state_e state)
{
    ngx_redis_command_t  *cmd;

    cmd = &job->command;

    cmd->action = action;
    cmd->timeout = job->store->redis_timeout;
    cmd->deadline = job->deadline;
    cmd->read = (state == TRACKER_JOB_FETCHING || state == TRACKER_JOB_LISTING);
    cmd->urgent = 0;

    if (state == TRACKER_JOB_RELEASING) {
        cmd->timeout = ngx_min(cmd->timeout, TRACKER_RELEASE_WAIT);
        cmd->deadline = ngx_current_msec + cmd->timeout;
        cmd->urgent = 1;

    } else if (state == TRACKER_JOB_LEAVING) {

        /* after its ttl the lock is gone by itself */

        cmd->deadline = job->deadline + TRACKER_LOCK_MARGIN;
        cmd->urgent = 1;
    }

    job->op = ngx_redis_submit(job->store->redis, cmd, tracker_job_reply,
                               job);

    cmd->script = NULL;

    if (job->op == NULL) {
        return NGX_ERROR;
    }

    job->state = state;
    job->sent = ngx_current_msec;

    return NGX_OK;
}


static void
tracker_job_reply(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_job_t *job = data;

    tracker_job_state_e  state;

    state = job->state;

    job->op = NULL;
    job->state = TRACKER_JOB_IDLE;
    job->redis_time += ngx_current_msec - job->sent;

    if (status == NGX_REDIS_OK) {
        job->outcome = tracker_job_answered(job, state, reply, maybe);

    } else {
        job->outcome = tracker_job_failed(job, state, status, maybe);
    }

    if (job->closed) {
        tracker_job_leave(job);
        return;
    }

    job->handler(job);
}


static tracker_outcome_e
tracker_job_answered(tracker_job_t *job, tracker_job_state_e state,
    ngx_redis_reply_t *reply, ngx_uint_t again)
{
    tracker_outcome_e  outcome;

    switch (state) {

    case TRACKER_JOB_LOCKING:
        return tracker_job_locked(job, reply);

    case TRACKER_JOB_CREATING:
    case TRACKER_JOB_DELETING:
        return tracker_job_written(job, state, reply);

    case TRACKER_JOB_CHANGING:
        outcome = tracker_job_written(job, state, reply);

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

    case TRACKER_JOB_FETCHING:
        return tracker_job_fetched(job, reply);

    case TRACKER_JOB_LISTING:
        return tracker_job_listed(job, reply);

    default: /* TRACKER_JOB_RELEASING, TRACKER_JOB_LEAVING */
        job->holds_lock = 0;
        return TRACKER_OUTCOME_READY;
    }
}


static tracker_outcome_e
tracker_job_failed(tracker_job_t *job, tracker_job_state_e state,
    ngx_redis_status_e status, ngx_uint_t maybe)
{
    switch (state) {

    case TRACKER_JOB_LOCKING:
        job->holds_lock = maybe;
        break;

    case TRACKER_JOB_RELEASING:
        return TRACKER_OUTCOME_READY;

    case TRACKER_JOB_LEAVING:
        job->holds_lock = 0;
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
tracker_job_locked(tracker_job_t *job, ngx_redis_reply_t *reply)
{
    if (reply->type == NGX_REDIS_NIL) {
        return TRACKER_OUTCOME_READY;
    }

    if (reply->type != NGX_REDIS_STRING) {
        return TRACKER_OUTCOME_ERROR;
    }

    if (reply->str.len == sizeof(job->token)
        && ngx_memcmp(reply->str.data, job->token, sizeof(job->token)) == 0)
    {
        return TRACKER_OUTCOME_READY;
    }

    job->holds_lock = 0;

    return TRACKER_OUTCOME_LOCKED;
}


/* the end of a job, after its lock was given back */

static void
tracker_job_leave(tracker_job_t *job)
{
    if (job->holds_lock
        && (ngx_msec_int_t) (job->deadline + TRACKER_LOCK_MARGIN
                             - ngx_current_msec) > 0)
    {
        if (tracker_job_unlock(job, TRACKER_JOB_LEAVING) == NGX_OK) {
            return;
        }
    }

    job->left = 1;

    if (job->freed) {
        tracker_job_destroy(job);
    }
}


void
tracker_job_free(tracker_job_t *job)
{
    job->freed = 1;

    if (job->left) {
        tracker_job_destroy(job);
    }
}


static void
tracker_job_destroy(tracker_job_t *job)
{
    if (job->round != job->pool) {
        ngx_destroy_pool(job->round);
    }

    ngx_destroy_pool(job->pool);
}


ngx_int_t
tracker_job_begin_round(tracker_job_t *job)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(TRACKER_JOB_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    if (job->round != job->pool) {
        ngx_destroy_pool(job->round);
    }

    job->round = pool;

    ngx_str_null(&job->record);

    return NGX_OK;
}


ngx_str_t *
tracker_job_args(tracker_job_t *job, ngx_uint_t argc)
{
    job->command.argc = argc;
    job->command.nmore = 0;
    job->command.more_size = 0;
    job->command.argv = ngx_palloc(job->round, argc * sizeof(ngx_str_t));

    return job->command.argv;
}


ngx_int_t
tracker_job_number(tracker_job_t *job, ngx_str_t *arg, uint64_t number)
{
    arg->data = ngx_pnalloc(job->round, NGX_INT64_LEN);
    if (arg->data == NULL) {
        return NGX_ERROR;
    }

    arg->len = ngx_sprintf(arg->data, "%uL", number) - arg->data;

    return NGX_OK;
}


ngx_int_t
tracker_job_key(tracker_job_t *job, ngx_str_t *key, const char *kind,
    const void *name, size_t len)
{
    u_char  *p;
    size_t   n;

    n = ngx_strlen(kind);

    p = ngx_pnalloc(job->round, job->key_base.len + n + len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;

    p = ngx_cpymem(p, job->key_base.data, job->key_base.len);
    p = ngx_cpymem(p, kind, n);

    if (len) {
        p = ngx_cpymem(p, name, len);
    }

    key->len = p - key->data;

    return NGX_OK;
}


void
tracker_job_token(tracker_job_t *job, ngx_str_t *arg)
{
    arg->len = job->holds_lock ? sizeof(job->token) : 0;
    arg->data = job->token;
}


ngx_int_t
tracker_store_digest(u_char digest[TRACKER_STORE_DIGEST_LEN],
    ngx_str_t *record)
{
    return tracker_job_digest(digest, TRACKER_SHA1, record, 1);
}


/*
 * A context that was used once begins anew without the search for its
 * algorithm, which takes OpenSSL 3 longer than a short digest itself.
 */

ngx_int_t
tracker_job_digest(u_char *hex, tracker_md_e md, ngx_str_t *parts,
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
tracker_job_random(void *p, size_t len)
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
