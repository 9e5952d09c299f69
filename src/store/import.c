
/*
 * The steps of a txn that import: which trackers have the names, their records,
 * and the write, which is refused if the account has changed meanwhile.
 */


#include "store/bulk.h"
#include "store/import.h"
#include "store/reply.h"


/* the keys of a MGET and of fetch.lua, and arguments of import.lua */

struct tracker_imported_s {
    ngx_str_t           name_base;
    ngx_str_t           id_base;
    tracker_set_t      *set;
    tracker_match_t    *found;       /* of set */
    tracker_match_t   **matches;     /* that are fetched */
    size_t              nmatches;
    tracker_str_t     **ids;         /* of the index */
    size_t              most;        /* of these */
    tracker_import_t    import;
    size_t              nvalues;     /* of the script */
    ngx_str_t          *values;
};


static tracker_imported_t *tracker_import_start(tracker_txn_ctx_t *ctx);
static tracker_outcome_e tracker_txn_told(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static void tracker_txn_told_before(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_match_names(tracker_txn_ctx_t *ctx);
static void tracker_txn_name_arg(void *data, ngx_uint_t i, ngx_str_t part[2]);
static tracker_outcome_e tracker_txn_matched(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_match_name(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, size_t i, char *p);
static tracker_outcome_e tracker_txn_indexed(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static void tracker_txn_id_arg(void *data, ngx_uint_t i, ngx_str_t part[2]);
static tracker_outcome_e tracker_txn_records(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static void tracker_txn_import_size(tracker_txn_ctx_t *ctx);
static ngx_int_t tracker_txn_import_mark(tracker_txn_ctx_t *ctx);
static void tracker_txn_import_arg(void *data, ngx_uint_t i,
    ngx_str_t part[2]);
static void tracker_txn_gone_arg(tracker_imported_t *imported, ngx_uint_t i,
    ngx_str_t part[2]);
static tracker_outcome_e tracker_txn_imported(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_import_told(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);


static tracker_word_t  tracker_import_words[] = {
    { ngx_string("imported"), TRACKER_OUTCOME_CHANGED, NULL },
    { ngx_string("replayed"), TRACKER_OUTCOME_REPLAYED,
      tracker_txn_import_told },
    { ngx_string("reused"), TRACKER_OUTCOME_REUSED, NULL },
    { ngx_string("quota"), TRACKER_OUTCOME_QUOTA, tracker_reply_found },
    { ngx_string("locked"), TRACKER_OUTCOME_LOCKED, NULL },
    { ngx_string("stale"), 0, NULL },
    { ngx_string("taken"), 0, NULL },
    { ngx_null_string, TRACKER_OUTCOME_ERROR, NULL }
};


/* memory of the round, as all that it has */

static tracker_imported_t *
tracker_import_start(tracker_txn_ctx_t *ctx)
{
    tracker_imported_t  *imported;

    imported = ngx_pcalloc(ctx->txn.round, sizeof(tracker_imported_t));

    if (imported == NULL
        || tracker_keys_make(ctx->txn.round, &ctx->key_base, TRACKER_KEY_NAME,
                             NULL, 0, &imported->name_base)
           != NGX_OK
        || tracker_keys_make(ctx->txn.round, &ctx->key_base, TRACKER_KEY_ID,
                             NULL, 0, &imported->id_base)
           != NGX_OK)
    {
        return NULL;
    }

    ctx->imported = imported;

    return imported;
}


ngx_int_t
tracker_txn_match(tracker_txn_t *txn, tracker_set_t *set,
    tracker_match_t *matches)
{
    tracker_txn_ctx_t   *ctx;
    tracker_imported_t  *imported;

    ctx = tracker_txn_ctx(txn);

    imported = tracker_import_start(ctx);
    if (imported == NULL) {
        return NGX_ERROR;
    }

    imported->set = set;
    imported->found = matches;

    if (ctx->idem == NULL) {
        return tracker_txn_match_names(ctx);
    }

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "HMGET");
    tracker_step_add_key(ctx, TRACKER_KEY_IDEM, ctx->idem, TRACKER_SHA256_LEN);
    tracker_step_add_text(ctx, "digest");
    tracker_step_add_text(ctx, "ids");

    ctx->command.read = 1;

    return tracker_step_send(ctx, NULL, TRACKER_STEP_FIND,
                             tracker_txn_told_before);
}


static void
tracker_txn_told_before(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_txn_ctx_t *ctx = data;

    tracker_outcome_e  outcome;

    outcome = 0;

    if (status == NGX_REDIS_OK) {
        outcome = tracker_txn_told(ctx, reply, maybe);

        if (outcome == 0) {
            tracker_step_go_on(ctx);

            if (tracker_txn_match_names(ctx) == NGX_OK) {
                return;
            }

            outcome = TRACKER_OUTCOME_ERROR;
        }
    }

    tracker_step_end(ctx, status, outcome);
}


/* {digest, told}: 0 if the key was not used */

static tracker_outcome_e
tracker_txn_told(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    ngx_redis_reply_t  digest;

    if (reply->type != NGX_REDIS_ARRAY || reply->n != 2) {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_redis_reply_element(reply, 0, &digest);

    if (digest.type == NGX_REDIS_NIL) {
        return 0;
    }

    if (digest.type != NGX_REDIS_STRING
        || digest.str.len != TRACKER_SHA256_LEN
        || ngx_memcmp(digest.str.data, ctx->idem + TRACKER_SHA256_LEN,
                      TRACKER_SHA256_LEN)
           != 0)
    {
        return TRACKER_OUTCOME_REUSED;
    }

    /* no revision: a write that follows must not find one that is as empty */

    ngx_str_set(&ctx->txn.revision, "none");

    return tracker_txn_import_told(ctx, reply) == NGX_OK
           ? TRACKER_OUTCOME_REPLAYED : TRACKER_OUTCOME_ERROR;
}


/* the revision too, of just that moment */

static ngx_int_t
tracker_txn_match_names(tracker_txn_ctx_t *ctx)
{
    size_t                i;
    tracker_set_t        *set;
    ngx_redis_command_t  *cmd;

    cmd = &ctx->command;
    set = ctx->imported->set;

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "MGET");
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);

    cmd->read = 1;
    cmd->more = tracker_txn_name_arg;
    cmd->nmore = set->n;
    cmd->more_size = set->n * ctx->imported->name_base.len;

    for (i = 0; i < set->n; i++) {
        cmd->more_size += set->elts[i].name.len;
    }

    return tracker_step_submit(ctx, TRACKER_STEP_FIND, tracker_txn_matched);
}


static void
tracker_txn_name_arg(void *data, ngx_uint_t i, ngx_str_t part[2])
{
    tracker_txn_ctx_t *ctx = data;

    tracker_str_t  *name;

    name = &ctx->imported->set->elts[i].name;

    part[0] = ctx->imported->name_base;
    part[1].len = name->len;
    part[1].data = (u_char *) name->data;
}


/* {rev, id, ...} */

static tracker_outcome_e
tracker_txn_matched(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    char               *ids;
    size_t              i, n;
    ngx_str_t           none = ngx_string("0");
    tracker_txn_t      *txn;
    ngx_redis_reply_t   rev;

    txn = &ctx->txn;
    n = ctx->imported->set->n;

    if (reply->type != NGX_REDIS_ARRAY
        || reply->n != 1 + n)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_redis_reply_element(reply, 0, &rev);

    ngx_str_null(&txn->revision);
    ngx_str_null(&txn->page.tag);

    if (rev.type != NGX_REDIS_NIL
        && (tracker_reply_digits(&rev) != NGX_OK
            || tracker_reply_copy(txn, &txn->revision, &rev) != NGX_OK))
    {
        return TRACKER_OUTCOME_ERROR;
    }

    if (tracker_reply_tag(ctx, &txn->page.tag,
                          txn->revision.len ? &txn->revision : &none)
        != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    txn->total = 0;
    txn->nconflicts = 0;

    txn->conflicts = ngx_pcalloc(txn->round, TRACKER_CONFLICTS
                                             * sizeof(tracker_conflict_t));
    ids = ngx_pnalloc(txn->round, n * TRACKER_ID_LEN);

    if (txn->conflicts == NULL || ids == NULL) {
        return TRACKER_OUTCOME_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (tracker_txn_match_name(ctx, reply, i, ids + i * TRACKER_ID_LEN)
            != NGX_OK)
        {
            return TRACKER_OUTCOME_ERROR;
        }
    }

    return TRACKER_OUTCOME_FOUND;
}


/* p is room for the id */

static ngx_int_t
tracker_txn_match_name(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    size_t i, char *p)
{
    tracker_txn_t      *txn;
    tracker_match_t    *match;
    ngx_redis_reply_t   id;

    txn = &ctx->txn;
    match = &ctx->imported->found[i];

    ngx_memzero(match, sizeof(tracker_match_t));
    ngx_redis_reply_element(reply, 1 + i, &id);

    if (id.type == NGX_REDIS_NIL) {
        return NGX_OK;
    }

    if (id.type != NGX_REDIS_STRING
        || !tracker_id_valid((char *) id.str.data, id.str.len))
    {
        return NGX_ERROR;
    }

    ngx_memcpy(p, id.str.data, TRACKER_ID_LEN);

    match->id.len = TRACKER_ID_LEN;
    match->id.data = p;

    if (txn->nconflicts < TRACKER_CONFLICTS) {
        txn->conflicts[txn->nconflicts].place = i;
        txn->conflicts[txn->nconflicts++].id = match->id;
    }

    txn->total++;

    return NGX_OK;
}


ngx_int_t
tracker_txn_index(tracker_txn_t *txn, tracker_str_t **ids, size_t most)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    ctx->imported->ids = ids;
    ctx->imported->most = most;

    /* and one more */

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "ZRANGE");
    tracker_step_add_key(ctx, TRACKER_KEY_INDEX, NULL, 0);
    tracker_step_add_text(ctx, "0");
    tracker_step_add_number(ctx, most);

    ctx->command.read = 1;

    return tracker_step_submit(ctx, TRACKER_STEP_LIST, tracker_txn_indexed);
}


static tracker_outcome_e
tracker_txn_indexed(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    char               *p;
    size_t              i;
    tracker_str_t      *id;
    ngx_redis_reply_t   member;

    if (reply->type != NGX_REDIS_ARRAY) {
        return TRACKER_OUTCOME_ERROR;
    }

    if (reply->n > ctx->imported->most) {
        return TRACKER_OUTCOME_QUOTA;
    }

    id = ngx_palloc(ctx->txn.round, reply->n * sizeof(tracker_str_t) + 1);
    p = ngx_pnalloc(ctx->txn.round, reply->n * TRACKER_ID_LEN + 1);

    if (id == NULL || p == NULL) {
        return TRACKER_OUTCOME_ERROR;
    }

    *ctx->imported->ids = id;

    for (i = 0; i < reply->n; i++) {
        ngx_redis_reply_element(reply, i, &member);

        if (member.type != NGX_REDIS_STRING
            || !tracker_id_valid((char *) member.str.data, member.str.len))
        {
            return TRACKER_OUTCOME_ERROR;
        }

        id[i].len = TRACKER_ID_LEN;
        id[i].data = p;

        p = (char *) ngx_cpymem(p, member.str.data, TRACKER_ID_LEN);
    }

    ctx->txn.found = reply->n;

    return TRACKER_OUTCOME_FOUND;
}


ngx_int_t
tracker_txn_fetch_matches(tracker_txn_t *txn, tracker_match_t **matches,
    size_t n)
{
    tracker_txn_ctx_t    *ctx;
    tracker_imported_t   *imported;
    ngx_redis_command_t  *cmd;

    ctx = tracker_txn_ctx(txn);
    cmd = &ctx->command;
    imported = ctx->imported;

    imported->matches = matches;
    imported->nmatches = n;

    tracker_step_start(ctx);
    tracker_step_add_number(ctx, n);

    imported->values = &cmd->argv[cmd->argc];
    tracker_step_add_number(ctx, TRACKER_STRETCH_BYTES);

    cmd->argc--;
    cmd->read = 1;
    cmd->more = tracker_txn_id_arg;
    cmd->nmore = n + 1;
    cmd->more_size = n * (imported->id_base.len + TRACKER_ID_LEN);

    return tracker_step_run(ctx, tracker_lua_fetch, TRACKER_STEP_GET,
                            tracker_txn_records);
}


/* the id keys, and behind them the size of the stretch */

static void
tracker_txn_id_arg(void *data, ngx_uint_t i, ngx_str_t part[2])
{
    tracker_txn_ctx_t *ctx = data;

    if (i == ctx->imported->nmatches) {
        part[0] = ctx->imported->values[0];
        ngx_str_null(&part[1]);
        return;
    }

    part[0] = ctx->imported->id_base;
    part[1].len = TRACKER_ID_LEN;
    part[1].data = (u_char *) ctx->imported->matches[i]->id.data;
}


static tracker_outcome_e
tracker_txn_records(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    char               *p;
    size_t              i;
    tracker_match_t    *match;
    ngx_redis_reply_t   record;

    if (reply->type != NGX_REDIS_ARRAY
        || reply->n == 0
        || reply->n > ctx->imported->nmatches)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    for (i = 0; i < reply->n; i++) {
        match = ctx->imported->matches[i];

        ngx_redis_reply_element(reply, i, &record);

        if (record.type != NGX_REDIS_STRING) {
            return TRACKER_OUTCOME_ERROR;
        }

        if (record.str.len == 0) {
            ctx->txn.again = 1;
            return 0;
        }

        p = ngx_pnalloc(ctx->txn.round, record.str.len);
        if (p == NULL) {
            return TRACKER_OUTCOME_ERROR;
        }

        ngx_memcpy(p, record.str.data, record.str.len);

        match->record.len = record.str.len;
        match->record.data = p;
    }

    ctx->txn.found = reply->n;

    return TRACKER_OUTCOME_FOUND;
}


ngx_int_t
tracker_txn_import(tracker_txn_t *txn, tracker_import_t *import)
{
    size_t                i;
    tracker_txn_ctx_t    *ctx;
    ngx_redis_command_t  *cmd;

    ctx = tracker_txn_ctx(txn);
    cmd = &ctx->command;

    ctx->imported->import = *import;

    /* it is kept with an Idempotency-Key only */

    if (ctx->idem == NULL) {
        ctx->imported->import.told.len = 0;
    }

    txn->adds = import->fresh - ngx_min(import->fresh, import->ngone);

    tracker_step_start(ctx);
    tracker_step_add_number(ctx, 4 + (ctx->idem ? 2 : 0)
                                 + tracker_step_log_keys(ctx) + import->fresh
                                 + import->n + 2 * import->ngone);
    tracker_step_add_key(ctx, TRACKER_KEY_LOCK, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_INDEX, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);

    if (tracker_txn_import_mark(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->idem) {
        tracker_step_add_key(ctx, TRACKER_KEY_IDEM, ctx->idem,
                             TRACKER_SHA256_LEN);
        tracker_step_add_key(ctx, TRACKER_KEY_IDEMS, NULL, 0);
    }

    tracker_step_add_log_keys(ctx);

    ctx->imported->values = &cmd->argv[cmd->argc];
    i = cmd->argc;

    tracker_bulk_add_values(ctx);
    tracker_step_add_revision(ctx);
    tracker_step_add_number(ctx, import->fresh);
    tracker_step_add(ctx, txn->revision.data, txn->revision.len);
    tracker_step_add_number(ctx, ctx->store->timeout + TRACKER_LOCK_MARGIN);
    tracker_step_add_number(ctx, import->ngone);
    tracker_step_add(ctx, import->told.data,
                     ctx->imported->import.told.len);
    tracker_step_add_history(ctx);

    /* sent as tracker_txn_import_arg() makes it */

    ctx->imported->nvalues = cmd->argc - i;

    cmd->argc = i;
    cmd->write = 1;
    cmd->more = tracker_txn_import_arg;
    cmd->nmore = import->fresh + ctx->imported->nvalues + 2 * import->n
                 + 2 * import->ngone;

    tracker_txn_import_size(ctx);

    return tracker_step_run(ctx, tracker_lua_import, TRACKER_STEP_CREATE,
                            tracker_txn_imported);
}


static void
tracker_txn_import_size(tracker_txn_ctx_t *ctx)
{
    tracker_import_t    *import;
    tracker_imported_t  *imported;

    imported = ctx->imported;
    import = &imported->import;

    ctx->command.more_size = import->size + import->told.len
                             + (import->n + import->ngone)
                               * (imported->name_base.len
                                  + imported->id_base.len + TRACKER_ID_LEN);
}


/* the key by which this call is recognised when it is sent again */

static ngx_int_t
tracker_txn_import_mark(tracker_txn_ctx_t *ctx)
{
    char      id[TRACKER_ID_LEN];
    uint64_t  random;

    if (tracker_random(&random, sizeof(random)) != NGX_OK) {
        return NGX_ERROR;
    }

    tracker_id_format(id, random);
    tracker_step_add_key(ctx, TRACKER_KEY_ID, id, TRACKER_ID_LEN);

    return NGX_OK;
}


/*
 * The name keys of what is new, all id keys, the name keys and the id keys of
 * what is deleted, the values, the records.
 */

static void
tracker_txn_import_arg(void *data, ngx_uint_t i, ngx_str_t part[2])
{
    tracker_txn_ctx_t *ctx = data;

    tracker_import_t    *import;
    tracker_written_t   *elts;
    tracker_imported_t  *imported;

    imported = ctx->imported;
    import = &imported->import;
    elts = import->elts;

    ngx_str_null(&part[1]);

    if (i < import->fresh) {
        part[0] = imported->name_base;
        part[1].len = elts[i].name.len;
        part[1].data = (u_char *) elts[i].name.data;
        return;
    }

    i -= import->fresh;

    if (i < import->n) {
        part[0] = imported->id_base;
        part[1].len = TRACKER_ID_LEN;
        part[1].data = (u_char *) elts[i].id.data;
        return;
    }

    i -= import->n;

    if (i < 2 * import->ngone) {
        tracker_txn_gone_arg(imported, i, part);
        return;
    }

    i -= 2 * import->ngone;

    if (i < imported->nvalues) {
        part[0] = imported->values[i];
        return;
    }

    i -= imported->nvalues;

    part[0].len = elts[i].record.len;
    part[0].data = (u_char *) elts[i].record.data;
}


static void
tracker_txn_gone_arg(tracker_imported_t *imported, ngx_uint_t i,
    ngx_str_t part[2])
{
    tracker_str_t     *name;
    tracker_import_t  *import;

    import = &imported->import;

    if (i < import->ngone) {
        name = &import->gone[i].name;

        part[0] = imported->name_base;
        part[1].len = name->len;
        part[1].data = (u_char *) name->data;
        return;
    }

    part[0] = imported->id_base;
    part[1].len = TRACKER_ID_LEN;
    part[1].data = (u_char *) import->gone[i - import->ngone].id.data;
}


static tracker_outcome_e
tracker_txn_imported(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    return tracker_reply_word(ctx, reply, tracker_import_words);
}


/* the second element is what was told */

static ngx_int_t
tracker_txn_import_told(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    ngx_redis_reply_t  told;

    if (reply->n != 2) {
        return NGX_ERROR;
    }

    ngx_redis_reply_element(reply, 1, &told);

    return tracker_reply_copy(&ctx->txn, &ctx->txn.record, &told);
}


tracker_outcome_e
tracker_txn_room(tracker_txn_t *txn, size_t have, size_t fresh, size_t gone)
{
    size_t  most;

    most = tracker_txn_ctx(txn)->store->max_trackers;

    if (most == 0 || fresh <= gone || have + fresh - gone <= most) {
        return TRACKER_OUTCOME_FREE;
    }

    txn->found = have;
    txn->adds = fresh - gone;

    return TRACKER_OUTCOME_QUOTA;
}
