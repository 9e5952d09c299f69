
/*
 * Jobs: what a request asks of Redis, the names of the keys, and what the
 * replies mean.
 */


#include "tracker_store.h"
#include "tracker_lua.h"

#include <openssl/evp.h>
#include <openssl/rand.h>


/* a lock outlives its request's deadline by so much, in ms */
#define TRACKER_LOCK_MARGIN    5000

/* a request waits so long, in ms, for its lock to be given back */
#define TRACKER_RELEASE_WAIT   1000

#define TRACKER_DIGEST_LEN     64        /* hex sha256 */
#define TRACKER_ACCOUNT_LEN    32        /* of it, in keys */


typedef enum {
    TRACKER_JOB_IDLE = 0,
    TRACKER_JOB_LOCKING,
    TRACKER_JOB_CREATING,
    TRACKER_JOB_RELEASING,               /* the owner waits for it */
    TRACKER_JOB_LEAVING                  /* nobody does */
} tracker_job_state_e;


typedef struct {
    ngx_str_t           name;
    tracker_outcome_e   outcome;
} tracker_reply_name_t;


static ngx_int_t tracker_job_unlock(tracker_job_t *job,
    tracker_job_state_e state);
static ngx_int_t tracker_job_submit(tracker_job_t *job,
    tracker_job_state_e state);
static void tracker_job_reply(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_job_locked(tracker_job_t *job,
    ngx_redis_reply_t *reply);
static tracker_outcome_e tracker_job_created(tracker_job_t *job,
    ngx_redis_reply_t *reply);
static ngx_int_t tracker_job_conflict(tracker_job_t *job,
    ngx_redis_reply_t *reply);
static ngx_int_t tracker_job_replay(tracker_job_t *job,
    ngx_redis_reply_t *reply);
static tracker_outcome_e tracker_job_failure(ngx_redis_status_e status);
static void tracker_job_leave(tracker_job_t *job);
static void tracker_job_done(tracker_job_t *job, tracker_outcome_e outcome);
static ngx_str_t *tracker_job_args(tracker_job_t *job, ngx_uint_t argc);
static ngx_int_t tracker_job_number(tracker_job_t *job, ngx_str_t *arg,
    ngx_uint_t number);
static ngx_int_t tracker_job_key(tracker_job_t *job, ngx_str_t *key,
    const char *name, size_t len);
static ngx_int_t tracker_digest(u_char *hex, ngx_str_t *parts, ngx_uint_t n);


static ngx_redis_script_t  tracker_scripts[] = {
    { ngx_string("create"), ngx_string(tracker_lua_create), { 0 } },
    { ngx_string("release"), ngx_string(tracker_lua_release), { 0 } }
};

#define TRACKER_SCRIPT_CREATE   (&tracker_scripts[0])
#define TRACKER_SCRIPT_RELEASE  (&tracker_scripts[1])


/* the first word of what create.lua answers */

static tracker_reply_name_t  tracker_reply_names[] = {
    { ngx_string("created"), TRACKER_OUTCOME_CREATED },
    { ngx_string("replayed"), TRACKER_OUTCOME_REPLAYED },
    { ngx_string("reused"), TRACKER_OUTCOME_REUSED },
    { ngx_string("conflict"), TRACKER_OUTCOME_CONFLICT },
    { ngx_string("quota"), TRACKER_OUTCOME_QUOTA },
    { ngx_string("locked"), TRACKER_OUTCOME_LOCKED },
    { ngx_string("taken"), TRACKER_OUTCOME_TAKEN },
    { ngx_null_string, TRACKER_OUTCOME_NONE }
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
    u_char         *p, hex[TRACKER_DIGEST_LEN], random[16];
    ngx_pool_t     *pool;
    tracker_job_t  *job;

    if (RAND_bytes(random, sizeof(random)) != 1
        || tracker_digest(hex, account, 1) != NGX_OK)
    {
        return NULL;
    }

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    job = ngx_pcalloc(pool, sizeof(tracker_job_t));
    if (job == NULL) {
        goto failed;
    }

    job->pool = pool;
    job->store = store;
    job->handler = handler;
    job->data = data;
    job->deadline = start + store->timeout;
    job->command.lane = large ? NGX_REDIS_LARGE : NGX_REDIS_SMALL;

    ngx_hex_dump(job->token, random, sizeof(random));

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

    if (tracker_job_key(job, &job->lock_key, "lock", 4) != NGX_OK) {
        goto failed;
    }

    return job;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


ngx_int_t
tracker_job_lock(tracker_job_t *job)
{
    ngx_str_t  *arg;

    /*
     * With GET (Redis 7.0) the reply to a SET that was sent a second time is
     * our own token: the first one took the lock, and its answer was lost.
     */

    arg = tracker_job_args(job, 7);
    if (arg == NULL
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

    job->command.script = NULL;
    job->command.action = "locking";
    job->holds_lock = 1;

    return tracker_job_submit(job, TRACKER_JOB_LOCKING);
}


ngx_int_t
tracker_job_idempotent(tracker_job_t *job, ngx_str_t *key,
    ngx_str_t *endpoint, ngx_str_t *body)
{
    u_char     *p, name[sizeof("idem:") - 1 + TRACKER_DIGEST_LEN];
    ngx_str_t   parts[3];

    job->idem_digest.data = ngx_pnalloc(job->pool, TRACKER_DIGEST_LEN);
    if (job->idem_digest.data == NULL) {
        return NGX_ERROR;
    }

    parts[0] = *endpoint;
    ngx_str_set(&parts[1], "\n");
    parts[2] = *body;

    p = ngx_cpymem(name, "idem:", sizeof("idem:") - 1);

    if (tracker_digest(job->idem_digest.data, parts, 3) != NGX_OK
        || tracker_digest(p, key, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    job->idem_digest.len = TRACKER_DIGEST_LEN;

    return tracker_job_key(job, &job->idem_key, (char *) name, sizeof(name));
}


ngx_int_t
tracker_job_choose_ids(tracker_job_t *job, tracker_set_t *set)
{
    char      *id;
    size_t     i;
    uint64_t  *random;

    id = ngx_pnalloc(job->pool, set->n * TRACKER_ID_LEN);
    random = ngx_palloc(job->pool, set->n * sizeof(uint64_t));

    if (id == NULL || random == NULL
        || RAND_bytes((u_char *) random, set->n * sizeof(uint64_t)) != 1)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < set->n; i++) {
        tracker_id_format(id, random[i]);

        set->elts[i].id.len = TRACKER_ID_LEN;
        set->elts[i].id.data = id;

        id += TRACKER_ID_LEN;
    }

    return NGX_OK;
}


ngx_int_t
tracker_job_create(tracker_job_t *job, tracker_set_t *set,
    tracker_str_t *records)
{
    u_char      *p;
    size_t       i, n, len;
    tracker_t   *t;
    ngx_str_t   *arg, *name, *id, *record;
    ngx_uint_t   nkeys;

    n = set->n;
    nkeys = 3 + (job->idem_key.len ? 1 : 0) + 2 * n;

    len = 0;

    for (i = 0; i < n; i++) {
        len += 2 * job->key_base.len + sizeof("name:id:") - 1
               + set->elts[i].name.len + TRACKER_ID_LEN;
    }

    p = ngx_pnalloc(job->pool, len);
    arg = tracker_job_args(job, 1 + nkeys + 3 + n);

    if (p == NULL || arg == NULL
        || tracker_job_number(job, arg++, nkeys) != NGX_OK)
    {
        return NGX_ERROR;
    }

    *arg++ = job->lock_key;

    if (tracker_job_key(job, arg++, "index", 5) != NGX_OK
        || tracker_job_key(job, arg++, "rev", 3) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (job->idem_key.len) {
        *arg++ = job->idem_key;
    }

    name = arg;
    id = name + n;
    record = id + n + 3;

    for (i = 0; i < n; i++) {
        t = &set->elts[i];

        name[i].data = p;
        p = ngx_cpymem(p, job->key_base.data, job->key_base.len);
        p = ngx_cpymem(p, "name:", sizeof("name:") - 1);
        p = ngx_cpymem(p, t->name.data, t->name.len);
        name[i].len = p - name[i].data;

        id[i].data = p;
        p = ngx_cpymem(p, job->key_base.data, job->key_base.len);
        p = ngx_cpymem(p, "id:", sizeof("id:") - 1);
        p = ngx_cpymem(p, t->id.data, t->id.len);
        id[i].len = p - id[i].data;

        record[i].len = records[i].len;
        record[i].data = (u_char *) records[i].data;
    }

    arg = id + n;

    arg->len = job->holds_lock ? sizeof(job->token) : 0;
    arg->data = job->token;
    arg++;

    if (tracker_job_number(job, arg++, job->store->max_trackers) != NGX_OK) {
        return NGX_ERROR;
    }

    *arg = job->idem_digest;

    job->set = set;
    job->command.script = TRACKER_SCRIPT_CREATE;
    job->command.action = "creating";

    return tracker_job_submit(job, TRACKER_JOB_CREATING);
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
    arg[2].len = sizeof(job->token);
    arg[2].data = job->token;

    job->command.script = TRACKER_SCRIPT_RELEASE;
    job->command.action = "unlocking";

    return tracker_job_submit(job, state);
}


void
tracker_job_close(tracker_job_t *job)
{
    job->closed = 1;
    job->handler = NULL;
    job->set = NULL;

    if (job->state == TRACKER_JOB_LOCKING) {

        /* the release goes out behind the SET, in the same lane */

        ngx_redis_cancel(job->op);
        job->op = NULL;
    }

    if (job->op == NULL) {
        tracker_job_leave(job);
    }
}


static ngx_int_t
tracker_job_submit(tracker_job_t *job, tracker_job_state_e state)
{
    ngx_msec_t            now;
    ngx_redis_command_t  *cmd;

    now = ngx_current_msec;
    cmd = &job->command;

    cmd->timeout = job->store->redis_timeout;
    cmd->deadline = job->deadline;
    cmd->urgent = 0;

    if (state == TRACKER_JOB_RELEASING) {
        cmd->timeout = ngx_min(cmd->timeout, TRACKER_RELEASE_WAIT);
        cmd->deadline = now + cmd->timeout;
        cmd->urgent = 1;

    } else if (state == TRACKER_JOB_LEAVING) {

        /* after its ttl the lock is gone by itself */

        cmd->deadline = job->deadline + TRACKER_LOCK_MARGIN;
        cmd->urgent = 1;
    }

    job->op = ngx_redis_submit(job->store->redis, cmd, tracker_job_reply,
                               job);
    if (job->op == NULL) {
        return NGX_ERROR;
    }

    job->state = state;
    job->sent = now;

    return NGX_OK;
}


static void
tracker_job_reply(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_job_t *job = data;

    tracker_outcome_e    outcome;
    tracker_job_state_e  state;

    state = job->state;

    job->op = NULL;
    job->state = TRACKER_JOB_IDLE;
    job->redis_time += ngx_current_msec - job->sent;

    switch (state) {

    case TRACKER_JOB_LOCKING:

        if (status == NGX_REDIS_OK) {
            outcome = tracker_job_locked(job, reply);

        } else {
            outcome = tracker_job_failure(status);
            job->holds_lock = maybe;
        }

        break;

    case TRACKER_JOB_CREATING:

        if (status == NGX_REDIS_OK) {
            outcome = tracker_job_created(job, reply);

        } else {
            outcome = tracker_job_failure(status);
        }

        break;

    case TRACKER_JOB_RELEASING:

        if (status == NGX_REDIS_OK) {
            job->holds_lock = 0;
        }

        outcome = TRACKER_OUTCOME_READY;
        break;

    default: /* TRACKER_JOB_LEAVING */

        job->holds_lock = 0;
        outcome = TRACKER_OUTCOME_NONE;
        break;
    }

    tracker_job_done(job, outcome);
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


static tracker_outcome_e
tracker_job_created(tracker_job_t *job, ngx_redis_reply_t *reply)
{
    ngx_redis_reply_t      word;
    tracker_reply_name_t  *name;

    if (reply->type != NGX_REDIS_ARRAY || reply->n == 0) {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_redis_reply_element(reply, 0, &word);

    if (word.type != NGX_REDIS_STRING) {
        return TRACKER_OUTCOME_ERROR;
    }

    for (name = tracker_reply_names; name->name.len; name++) {
        if (word.str.len == name->name.len
            && ngx_memcmp(word.str.data, name->name.data, word.str.len) == 0)
        {
            break;
        }
    }

    switch (name->outcome) {

    case TRACKER_OUTCOME_NONE:
        return TRACKER_OUTCOME_ERROR;

    case TRACKER_OUTCOME_TAKEN:
        return TRACKER_OUTCOME_TAKEN;

    case TRACKER_OUTCOME_CONFLICT:
    case TRACKER_OUTCOME_QUOTA:

        if (tracker_job_conflict(job, reply) != NGX_OK
            || (name->outcome == TRACKER_OUTCOME_CONFLICT
                && job->nplaces == 0))
        {
            return TRACKER_OUTCOME_ERROR;
        }

        break;

    case TRACKER_OUTCOME_REPLAYED:

        if (tracker_job_replay(job, reply) != NGX_OK) {
            return TRACKER_OUTCOME_ERROR;
        }

        break;

    default:
        break;
    }

    /* the script has given the lock back, or found it in other hands */

    job->holds_lock = 0;

    return name->outcome;
}


/* {"conflict", total, i, ...} and {"quota", have} */

static ngx_int_t
tracker_job_conflict(tracker_job_t *job, ngx_redis_reply_t *reply)
{
    size_t             i;
    ngx_redis_reply_t  number;

    if (reply->n < 2 || reply->n > 2 + TRACKER_QUOTE_NAMES) {
        return NGX_ERROR;
    }

    job->nplaces = reply->n - 2;

    for (i = 1; i < reply->n; i++) {
        ngx_redis_reply_element(reply, i, &number);

        if (number.type != NGX_REDIS_INTEGER || number.integer < 0) {
            return NGX_ERROR;
        }

        if (i == 1) {
            job->total = number.integer;
            job->found = number.integer;
            continue;
        }

        if (job->set && (size_t) number.integer >= job->set->n) {
            return NGX_ERROR;
        }

        job->places[i - 2] = number.integer;
    }

    return NGX_OK;
}


/* {"replayed", ids} */

static ngx_int_t
tracker_job_replay(tracker_job_t *job, ngx_redis_reply_t *reply)
{
    char               *id;
    size_t              i;
    ngx_redis_reply_t   ids;

    if (job->set == NULL) {
        return NGX_OK;
    }

    if (reply->n != 2) {
        return NGX_ERROR;
    }

    ngx_redis_reply_element(reply, 1, &ids);

    if (ids.type != NGX_REDIS_STRING
        || ids.str.len != job->set->n * TRACKER_ID_LEN)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < job->set->n; i++) {
        id = (char *) ids.str.data + i * TRACKER_ID_LEN;

        if (!tracker_id_valid(id, TRACKER_ID_LEN)) {
            return NGX_ERROR;
        }

        ngx_memcpy((char *) job->set->elts[i].id.data, id, TRACKER_ID_LEN);
    }

    return NGX_OK;
}


static tracker_outcome_e
tracker_job_failure(ngx_redis_status_e status)
{
    switch (status) {

    case NGX_REDIS_UNAVAILABLE:
        return TRACKER_OUTCOME_UNAVAILABLE;

    case NGX_REDIS_TIMEOUT:
        return TRACKER_OUTCOME_TIMEOUT;

    default:
        return TRACKER_OUTCOME_ERROR;
    }
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

    ngx_destroy_pool(job->pool);
}


static void
tracker_job_done(tracker_job_t *job, tracker_outcome_e outcome)
{
    if (job->closed) {
        tracker_job_leave(job);
        return;
    }

    job->outcome = outcome;
    job->handler(job);
}


/* an argument vector that lives as long as the job */

static ngx_str_t *
tracker_job_args(tracker_job_t *job, ngx_uint_t argc)
{
    job->command.argc = argc;
    job->command.argv = ngx_palloc(job->pool, argc * sizeof(ngx_str_t));

    return job->command.argv;
}


static ngx_int_t
tracker_job_number(tracker_job_t *job, ngx_str_t *arg, ngx_uint_t number)
{
    arg->data = ngx_pnalloc(job->pool, NGX_INT_T_LEN);
    if (arg->data == NULL) {
        return NGX_ERROR;
    }

    arg->len = ngx_sprintf(arg->data, "%ui", number) - arg->data;

    return NGX_OK;
}


static ngx_int_t
tracker_job_key(tracker_job_t *job, ngx_str_t *key, const char *name,
    size_t len)
{
    u_char  *p;

    p = ngx_pnalloc(job->pool, job->key_base.len + len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;
    p = ngx_cpymem(p, job->key_base.data, job->key_base.len);
    key->len = ngx_cpymem(p, name, len) - key->data;

    return NGX_OK;
}


/* writes the hex sha256 of the parts, TRACKER_DIGEST_LEN bytes, to hex */

static ngx_int_t
tracker_digest(u_char *hex, ngx_str_t *parts, ngx_uint_t n)
{
    u_char       digest[EVP_MAX_MD_SIZE];
    ngx_int_t    rc;
    ngx_uint_t   i;
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
        goto done;
    }

    for (i = 0; i < n; i++) {
        if (EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1) {
            goto done;
        }
    }

    if (EVP_DigestFinal_ex(ctx, digest, NULL) != 1) {
        goto done;
    }

    ngx_hex_dump(hex, digest, TRACKER_DIGEST_LEN / 2);
    rc = NGX_OK;

done:

    EVP_MD_CTX_free(ctx);

    return rc;
}
