
/*
 * The steps of a txn that write: what a create, a change and a delete ask of
 * their scripts, and what these answer.
 */


#include "store/bulk.h"
#include "store/import.h"
#include "store/reply.h"
#include "store/write.h"


/* the ids of a bulk differ */

typedef char  tracker_txn_ids_fit[
    TRACKER_STORE_MAX_BULK <= TRACKER_ID_PLACES ? 1 : -1];


static ngx_int_t tracker_txn_set_create(tracker_txn_ctx_t *ctx,
    tracker_set_t *set, tracker_str_t *records);
static ngx_int_t tracker_txn_run_create(tracker_txn_ctx_t *ctx,
    size_t nrecords, tracker_reply_pt reply);
static void tracker_txn_bulk_replied(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_keep_names(tracker_txn_ctx_t *ctx,
    tracker_set_t *set);
static void tracker_txn_create_arg(void *data, ngx_uint_t i,
    ngx_str_t part[2]);
static tracker_outcome_e tracker_txn_created(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_checked(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_changed(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_deleted(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_conflict(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);
static ngx_int_t tracker_txn_conflict_place(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, size_t i, tracker_conflict_t *conflict);
static ngx_int_t tracker_txn_replay(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);
static ngx_int_t tracker_txn_free_again(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);
static ngx_int_t tracker_txn_unlocked(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);


/* the first element of what each script may answer */

static tracker_word_t  tracker_create_words[] = {
    { ngx_string("created"), TRACKER_OUTCOME_CREATED, NULL },
    { ngx_string("replayed"), TRACKER_OUTCOME_REPLAYED, tracker_txn_replay },
    { ngx_string("reused"), TRACKER_OUTCOME_REUSED, NULL },
    { ngx_string("conflict"), TRACKER_OUTCOME_CONFLICT, tracker_txn_conflict },
    { ngx_string("quota"), TRACKER_OUTCOME_QUOTA, tracker_reply_found },
    { ngx_string("locked"), TRACKER_OUTCOME_LOCKED, NULL },
    { ngx_string("unlocked"), TRACKER_OUTCOME_LOCKED, tracker_txn_unlocked },
    { ngx_string("taken"), 0, NULL },
    { ngx_string("free"), 0, tracker_txn_free_again },
    { ngx_null_string, TRACKER_OUTCOME_ERROR, NULL }
};

static tracker_word_t  tracker_check_words[] = {
    { ngx_string("free"), TRACKER_OUTCOME_FREE, NULL },
    { ngx_string("conflict"), TRACKER_OUTCOME_CONFLICT, tracker_txn_conflict },
    { ngx_string("quota"), TRACKER_OUTCOME_QUOTA, tracker_reply_found },
    { ngx_string("created"), 0, NULL },
    { ngx_string("taken"), 0, NULL },
    { ngx_null_string, TRACKER_OUTCOME_ERROR, NULL }
};

static tracker_word_t  tracker_bulk_words[] = {
    { ngx_string("created"), TRACKER_OUTCOME_CREATED, NULL },
    { ngx_string("refused"), 0, NULL },
    { ngx_null_string, TRACKER_OUTCOME_ERROR, NULL }
};

static tracker_word_t  tracker_change_words[] = {
    { ngx_string("changed"), TRACKER_OUTCOME_CHANGED, NULL },
    { ngx_string("missing"), TRACKER_OUTCOME_MISSING, NULL },
    { ngx_string("conflict"), TRACKER_OUTCOME_CONFLICT, tracker_txn_conflict },
    { ngx_string("locked"), TRACKER_OUTCOME_LOCKED, NULL },
    { ngx_string("stale"), 0, NULL },
    { ngx_null_string, TRACKER_OUTCOME_ERROR, NULL }
};

static tracker_word_t  tracker_delete_words[] = {
    { ngx_string("deleted"), TRACKER_OUTCOME_DELETED, NULL },
    { ngx_string("stale"), 0, NULL },
    { ngx_null_string, TRACKER_OUTCOME_ERROR, NULL }
};


ngx_int_t
tracker_txn_idempotent(tracker_txn_t *txn, ngx_str_t *key,
    ngx_str_t *endpoint, ngx_str_t *body)
{
    u_char     *p;
    ngx_str_t   parts[3];

    p = ngx_pnalloc(txn->pool, 2 * TRACKER_SHA256_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    parts[0] = *endpoint;
    ngx_str_set(&parts[1], "\n");
    parts[2] = *body;

    if (tracker_digest(p, TRACKER_SHA256, key, 1) != NGX_OK
        || tracker_digest(p + TRACKER_SHA256_LEN, TRACKER_SHA256, parts, 3)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    tracker_txn_ctx(txn)->idem = p;

    return NGX_OK;
}


ngx_int_t
tracker_txn_choose_ids(tracker_txn_t *txn, tracker_set_t *set)
{
    char      *id;
    size_t     i;
    uint64_t  *random;

    id = ngx_pnalloc(txn->round, set->n * TRACKER_ID_LEN);
    random = ngx_palloc(txn->round, set->n * sizeof(uint64_t));

    if (id == NULL || random == NULL
        || tracker_random(random, set->n * sizeof(uint64_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    tracker_ids_format(id, random, set->n);

    tracker_txn_ctx(txn)->create.ids = id;

    for (i = 0; i < set->n; i++) {
        set->elts[i].id.len = TRACKER_ID_LEN;
        set->elts[i].id.data = id;

        id += TRACKER_ID_LEN;
    }

    return NGX_OK;
}


ngx_uint_t
tracker_txn_is_small(size_t n, size_t size)
{
    return !tracker_bulk_is_large(n, size);
}


ngx_int_t
tracker_txn_create(tracker_txn_t *txn, tracker_set_t *set,
    tracker_str_t *records)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    if (tracker_txn_set_create(ctx, set, records) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->lead || !tracker_bulk_fits(&ctx->create)) {
        return tracker_txn_run_create(ctx, set->n, tracker_txn_created);
    }

    if (tracker_bulk_command(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return tracker_step_send(ctx, NULL, TRACKER_STEP_CREATE,
                             tracker_txn_bulk_replied);
}


/* create.lua without records, a lock and a key: it only reads */

ngx_int_t
tracker_txn_check(tracker_txn_t *txn, tracker_set_t *set)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    if (tracker_txn_set_create(ctx, set, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    return tracker_txn_run_create(ctx, 0, tracker_txn_checked);
}


/* what a create or its check is about; records: NULL for a check */

static ngx_int_t
tracker_txn_set_create(tracker_txn_ctx_t *ctx, tracker_set_t *set,
    tracker_str_t *records)
{
    tracker_create_t  *create;

    if (tracker_txn_keep_names(ctx, set) != NGX_OK) {
        return NGX_ERROR;
    }

    create = &ctx->create;
    create->set = set;
    create->n = set->n;
    create->records = records;
    create->failed = 0;

    ctx->txn.adds = set->n;

    return NGX_OK;
}


/* create.lua, with so many records: all of them, or none and it only checks */

static ngx_int_t
tracker_txn_run_create(tracker_txn_ctx_t *ctx, size_t nrecords,
    tracker_reply_pt reply)
{
    size_t                i, n;
    u_char               *idem;
    ngx_uint_t            kept;
    tracker_create_t     *create;
    ngx_redis_command_t  *cmd;

    create = &ctx->create;
    cmd = &ctx->command;

    n = create->n;
    idem = ctx->idem;

    /* what only checks keeps no changes */

    kept = nrecords ? tracker_step_log_keys(ctx) : 0;

    tracker_step_start(ctx);
    tracker_step_add_number(ctx, 3 + (idem ? 2 : 0) + kept + 2 * n);
    tracker_step_add_key(ctx, TRACKER_KEY_LOCK, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_INDEX, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);

    if (idem) {
        tracker_step_add_key(ctx, TRACKER_KEY_IDEM, idem, TRACKER_SHA256_LEN);
        tracker_step_add_key(ctx, TRACKER_KEY_IDEMS, NULL, 0);
    }

    if (kept) {
        tracker_step_add_log_keys(ctx);
    }

    create->args = &cmd->argv[cmd->argc];
    i = cmd->argc;

    tracker_step_add_key(ctx, TRACKER_KEY_NAME, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_ID, NULL, 0);
    tracker_bulk_add_values(ctx);
    tracker_step_add_revision(ctx);
    tracker_step_add_number(ctx, n);
    tracker_step_add_lead(ctx);

    if (kept) {
        tracker_step_add_history(ctx);
    }

    /* the rest is sent as tracker_txn_create_arg() makes it */

    create->nvalues = cmd->argc - i - 2;

    cmd->argc = i;
    cmd->write = reply != tracker_txn_checked;
    cmd->read = !cmd->write;
    cmd->more = tracker_txn_create_arg;
    cmd->nmore = 2 * n + create->nvalues + nrecords;
    cmd->more_size = n * (create->args[0].len + create->args[1].len
                          + TRACKER_ID_LEN);

    for (i = 0; i < n; i++) {
        cmd->more_size += create->names[i].len;
    }

    for (i = 0; i < nrecords; i++) {
        cmd->more_size += create->records[i].len;
    }

    return tracker_step_run(ctx, tracker_lua_create, TRACKER_STEP_CREATE,
                            reply);
}


/*
 * The transaction has written all, or nothing.  In the latter case, and where
 * Redis has refused it, which it also does when its memory is full,
 * create.lua is asked why.
 */

static void
tracker_txn_bulk_replied(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_txn_ctx_t *ctx = data;

    ngx_redis_reply_t  last;
    tracker_outcome_e  outcome;

    outcome = 0;

    if (status == NGX_REDIS_OK) {

        if (reply->type == NGX_REDIS_ARRAY
            && reply->n == TRACKER_BULK_REPLIES)
        {
            ngx_redis_reply_element(reply, TRACKER_BULK_LAST, &last);
            outcome = tracker_reply_word(ctx, &last, tracker_bulk_words);

        } else {
            outcome = TRACKER_OUTCOME_ERROR;
        }

    } else if (status == NGX_REDIS_ERROR) {
        ctx->create.failed = 1;
    }

    if (outcome == 0 && ctx->create.set
        && (status == NGX_REDIS_OK || status == NGX_REDIS_ERROR))
    {
        tracker_step_go_on(ctx);

        if (tracker_txn_run_create(ctx, 0, tracker_txn_created) == NGX_OK) {
            return;
        }

        status = NGX_REDIS_ERROR;
    }

    tracker_step_end(ctx, status, outcome);
}


/* the set may be gone before the command is sent, or sent again */

static ngx_int_t
tracker_txn_keep_names(tracker_txn_ctx_t *ctx, tracker_set_t *set)
{
    char           *p;
    size_t          i, len;
    tracker_str_t  *name, *names;

    len = 0;

    for (i = 0; i < set->n; i++) {
        len += set->elts[i].name.len;
    }

    names = ngx_palloc(ctx->txn.round, set->n * sizeof(tracker_str_t));
    p = ngx_pnalloc(ctx->txn.round, len);

    if (names == NULL || p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < set->n; i++) {
        name = &set->elts[i].name;

        names[i].len = name->len;
        names[i].data = p;

        p = (char *) ngx_cpymem(p, name->data, name->len);
    }

    ctx->create.names = names;

    return NGX_OK;
}


/* n keys of names, n keys of ids, the values, n records */

static void
tracker_txn_create_arg(void *data, ngx_uint_t i, ngx_str_t part[2])
{
    tracker_txn_ctx_t *ctx = data;

    tracker_create_t  *create;

    create = &ctx->create;

    ngx_str_null(&part[1]);

    if (i < create->n) {
        part[0] = create->args[0];
        part[1].len = create->names[i].len;
        part[1].data = (u_char *) create->names[i].data;
        return;
    }

    i -= create->n;

    if (i < create->n) {
        part[0] = create->args[1];
        part[1].len = TRACKER_ID_LEN;
        part[1].data = (u_char *) create->ids + i * TRACKER_ID_LEN;
        return;
    }

    i -= create->n;

    if (i < create->nvalues) {
        part[0] = create->args[2 + i];
        return;
    }

    i -= create->nvalues;

    part[0].len = create->records[i].len;
    part[0].data = (u_char *) create->records[i].data;
}


ngx_int_t
tracker_txn_change(tracker_txn_t *txn, tracker_t *t, tracker_str_t *name,
    tracker_str_t *record)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_step_start(ctx);
    tracker_step_add_number(ctx, 5 + tracker_step_log_keys(ctx));
    tracker_step_add_key(ctx, TRACKER_KEY_LOCK, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_ID, t->id.data, t->id.len);
    tracker_step_add_key(ctx, TRACKER_KEY_NAME, t->name.data, t->name.len);
    tracker_step_add_key(ctx, TRACKER_KEY_NAME, name->data, name->len);
    tracker_step_add_log_keys(ctx);
    tracker_step_add_token(ctx);
    tracker_step_add(ctx, txn->digest, sizeof(txn->digest));
    tracker_step_add(ctx, record->data, record->len);
    tracker_step_add_revision(ctx);
    tracker_step_add_history(ctx);

    ctx->command.write = 1;

    return tracker_step_run(ctx, tracker_lua_change, TRACKER_STEP_CHANGE,
                            tracker_txn_changed);
}


ngx_int_t
tracker_txn_delete(tracker_txn_t *txn, tracker_t *t)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_step_start(ctx);
    tracker_step_add_number(ctx, 4 + tracker_step_log_keys(ctx));
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_INDEX, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_ID, t->id.data, t->id.len);
    tracker_step_add_key(ctx, TRACKER_KEY_NAME, t->name.data, t->name.len);
    tracker_step_add_log_keys(ctx);
    tracker_step_add(ctx, txn->digest, sizeof(txn->digest));
    tracker_step_add_number(ctx, ctx->store->timeout + TRACKER_LOCK_MARGIN);
    tracker_step_add_revision(ctx);
    tracker_step_add_history(ctx);

    ctx->command.write = 1;

    return tracker_step_run(ctx, tracker_lua_delete, TRACKER_STEP_DELETE,
                            tracker_txn_deleted);
}


/* the lock was another's when it was asked for, or we did not get it */

static ngx_int_t
tracker_txn_unlocked(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    return ctx->owner == TRACKER_OUTCOME_LOCKED ? NGX_OK : NGX_ERROR;
}


static tracker_outcome_e
tracker_txn_created(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    return tracker_reply_word(ctx, reply, tracker_create_words);
}


static tracker_outcome_e
tracker_txn_checked(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    return tracker_reply_word(ctx, reply, tracker_check_words);
}


/*
 * A change that was sent again and finds another record, or none, may have
 * been made the first time, and what it wrote may have been changed since.
 */

static tracker_outcome_e
tracker_txn_changed(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    tracker_outcome_e  outcome;

    outcome = tracker_reply_word(ctx, reply, tracker_change_words);

    if (maybe && (ctx->txn.again || outcome == TRACKER_OUTCOME_MISSING)) {
        ctx->txn.again = 0;
        return TRACKER_OUTCOME_UNAVAILABLE;
    }

    return outcome;
}


static tracker_outcome_e
tracker_txn_deleted(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    return tracker_reply_word(ctx, reply, tracker_delete_words);
}


/* {"conflict", total, place, id, ...} */

static ngx_int_t
tracker_txn_conflict(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    size_t               i, n;
    tracker_txn_t       *txn;
    tracker_conflict_t  *conflict;

    txn = &ctx->txn;

    if (reply->n < 4
        || reply->n % 2
        || reply->n > 2 + 2 * TRACKER_CONFLICTS
        || tracker_reply_count(reply, 1, &txn->total) != NGX_OK)
    {
        return NGX_ERROR;
    }

    n = (reply->n - 2) / 2;

    conflict = ngx_pcalloc(txn->pool, n * sizeof(tracker_conflict_t));
    if (conflict == NULL) {
        return NGX_ERROR;
    }

    txn->conflicts = conflict;
    txn->nconflicts = n;

    for (i = 0; i < n; i++) {

        if (tracker_txn_conflict_place(ctx, reply, 2 + 2 * i, &conflict[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
tracker_txn_conflict_place(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    size_t i, tracker_conflict_t *conflict)
{
    char               *p;
    ngx_redis_reply_t   id;

    if (tracker_reply_count(reply, i, &conflict->place) != NGX_OK
        || (ctx->create.set && conflict->place >= ctx->create.set->n))
    {
        return NGX_ERROR;
    }

    ngx_redis_reply_element(reply, i + 1, &id);

    /* another program may have written something else there */

    if (id.type != NGX_REDIS_STRING
        || !tracker_id_valid((char *) id.str.data, id.str.len))
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(ctx->txn.pool, TRACKER_ID_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, id.str.data, TRACKER_ID_LEN);

    conflict->id.len = TRACKER_ID_LEN;
    conflict->id.data = p;

    return NGX_OK;
}


/* {"replayed", ids} */

static ngx_int_t
tracker_txn_replay(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    char               *id;
    size_t              i;
    tracker_set_t      *set;
    ngx_redis_reply_t   ids;

    set = ctx->create.set;

    if (set == NULL) {
        return NGX_OK;
    }

    if (reply->n != 2) {
        return NGX_ERROR;
    }

    ngx_redis_reply_element(reply, 1, &ids);

    if (ids.type != NGX_REDIS_STRING
        || ids.str.len != set->n * TRACKER_ID_LEN)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < set->n; i++) {
        id = (char *) ids.str.data + i * TRACKER_ID_LEN;

        if (!tracker_id_valid(id, TRACKER_ID_LEN)) {
            return NGX_ERROR;
        }

        ngx_memcpy((char *) set->elts[i].id.data, id, TRACKER_ID_LEN);
    }

    return NGX_OK;
}


/* {"free"}: the create may be tried again, unless Redis has refused it */

static ngx_int_t
tracker_txn_free_again(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    return ctx->create.failed ? NGX_ERROR : NGX_OK;
}
