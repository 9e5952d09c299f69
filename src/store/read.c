
/*
 * The steps of a txn that read: one tracker, stretches of the list, and the
 * revision.
 */


#include "store/listed.h"
#include "store/load.h"
#include "store/read.h"
#include "store/reply.h"
#include "store/times.h"


/* trackers of a stretch that is loaded: its bytes end it before, mostly */
#define TRACKER_LOAD_MAX      1000

/* where the records begin in the replies of list.lua and find.lua */
#define TRACKER_LIST_RECORDS  3


static tracker_outcome_e tracker_txn_fetched(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_revised(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_list_records(tracker_txn_ctx_t *ctx);
static ngx_int_t tracker_txn_stretch(tracker_txn_ctx_t *ctx,
    ngx_str_t *cursor, ngx_uint_t limit, size_t bytes, tracker_step_e step,
    tracker_reply_pt reply);
static void tracker_txn_relist(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_is_current(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *rev);
static ngx_int_t tracker_txn_read_listed(tracker_txn_ctx_t *ctx);
static void tracker_txn_listed_arg(void *data, ngx_uint_t i,
    ngx_str_t part[2]);
static void tracker_txn_relisted(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_take_listed(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);
static void tracker_txn_list_anew(tracker_txn_ctx_t *ctx);
static tracker_outcome_e tracker_txn_list_read(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_uint_t tracker_txn_is_stray(ngx_str_t *cursor, ngx_str_t *rev);
static void tracker_txn_keep_listed(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);
static tracker_outcome_e tracker_txn_listed(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_loaded(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_page(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, const char *glue);
static ngx_int_t tracker_txn_join(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, size_t first, const char *glue);


ngx_int_t
tracker_txn_fetch(tracker_txn_t *txn, ngx_str_t *id)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "GET");
    tracker_step_add_key(ctx, TRACKER_KEY_ID, id->data, id->len);

    ctx->command.read = 1;

    if (txn->times
        && tracker_times_lead(ctx, (char *) id->data, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return tracker_step_submit(ctx, TRACKER_STEP_GET, tracker_txn_fetched);
}


/*
 * What this worker has listed at the account's revision is read by MGET, see
 * store/listed.h; else list.lua reads.  The revision is asked for before the
 * records are: that many may have become large since.
 */

ngx_int_t
tracker_txn_list(tracker_txn_t *txn, ngx_str_t *cursor, ngx_uint_t limit,
    const char *glue)
{
    tracker_listed_t   *asked;
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    txn->page.glue = glue;

    /* again for each stretch: the client may take its time over the last */

    ctx->deadline = ngx_current_msec + ctx->store->timeout;

    /* those of the last stretch, which may be large */

    if (ctx->listed) {
        ngx_pfree(txn->pool, ctx->listed->ids);
        ngx_pfree(txn->pool, ctx->listed);
    }

    /* the command may outlive the request, whose memory the cursor is */

    asked = ngx_pcalloc(txn->pool, sizeof(tracker_listed_t));

    if (asked == NULL
        || (asked->cursor.data = ngx_pstrdup(txn->pool, cursor)) == NULL)
    {
        return NGX_ERROR;
    }

    asked->base = ctx->key_base;
    asked->cursor.len = cursor->len;
    asked->limit = limit;

    ctx->listed = tracker_listed_find(txn->pool, ctx->store->redis, asked);

    if (ctx->listed == NULL) {
        ctx->listed = asked;
        return tracker_txn_list_records(ctx);
    }

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "GET");
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);

    ctx->command.read = 1;

    return tracker_step_send(ctx, NULL, TRACKER_STEP_LIST, tracker_txn_relist);
}


ngx_int_t
tracker_txn_revision(tracker_txn_t *txn)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "GET");
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);

    ctx->command.read = 1;

    return tracker_step_submit(ctx, TRACKER_STEP_REVISION,
                               tracker_txn_revised);
}


static tracker_outcome_e
tracker_txn_revised(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    if (reply->type == NGX_REDIS_NIL) {
        ngx_str_set(&ctx->txn.revision, "0");
        return TRACKER_OUTCOME_FOUND;
    }

    if (tracker_reply_digits(reply) != NGX_OK) {
        return TRACKER_OUTCOME_ERROR;
    }

    /* not renewed: what it was may be static */

    ngx_str_null(&ctx->txn.revision);

    return tracker_reply_copy(&ctx->txn, &ctx->txn.revision, reply) == NGX_OK
           ? TRACKER_OUTCOME_FOUND : TRACKER_OUTCOME_ERROR;
}


ngx_int_t
tracker_txn_load(tracker_txn_t *txn, ngx_str_t *cursor, ngx_uint_t times)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    ctx->deadline = ngx_current_msec + ctx->store->timeout;

    return tracker_txn_stretch(ctx, cursor, times * TRACKER_LOAD_MAX,
                               times * TRACKER_STRETCH_BYTES,
                               TRACKER_STEP_LOAD,
                               tracker_txn_loaded);
}


static ngx_int_t
tracker_txn_list_records(tracker_txn_ctx_t *ctx)
{
    return tracker_txn_stretch(ctx, &ctx->listed->cursor, ctx->listed->limit,
                               TRACKER_STRETCH_BYTES, TRACKER_STEP_LIST,
                               tracker_txn_list_read);
}


/* list.lua */

static ngx_int_t
tracker_txn_stretch(tracker_txn_ctx_t *ctx, ngx_str_t *cursor,
    ngx_uint_t limit, size_t bytes, tracker_step_e step,
    tracker_reply_pt reply)
{
    tracker_step_start(ctx);
    tracker_step_add_number(ctx, ctx->txn.times ? 3 : 2);
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_INDEX, NULL, 0);

    if (ctx->txn.times) {
        tracker_step_add_key(ctx, TRACKER_KEY_TIMES, NULL, 0);
    }

    tracker_step_add_cursor(ctx, cursor);
    tracker_step_add_number(ctx, limit);
    tracker_step_add_number(ctx, bytes);
    tracker_step_add_key(ctx, TRACKER_KEY_ID, NULL, 0);

    ctx->command.read = 1;

    return tracker_step_run(ctx, tracker_lua_list, step, reply);
}


/* the revision was read */

static void
tracker_txn_relist(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_txn_ctx_t *ctx = data;

    if (status != NGX_REDIS_OK) {
        tracker_step_end(ctx, status, 0);
        return;
    }

    if (!tracker_txn_is_current(ctx, reply)) {
        tracker_txn_list_anew(ctx);
        return;
    }

    tracker_step_go_on(ctx);

    if (tracker_txn_read_listed(ctx) != NGX_OK) {
        tracker_step_end(ctx, NGX_REDIS_ERROR, 0);
    }
}


static ngx_int_t
tracker_txn_is_current(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *rev)
{
    ngx_str_t  *known;

    known = &ctx->listed->rev;

    return rev->type == NGX_REDIS_STRING && rev->str.len == known->len
           && ngx_memcmp(rev->str.data, known->data, known->len) == 0;
}


static ngx_int_t
tracker_txn_read_listed(tracker_txn_ctx_t *ctx)
{
    ngx_uint_t            argc;
    ngx_redis_command_t  *cmd;

    cmd = &ctx->command;

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "MGET");
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);

    /* the rest is sent as tracker_txn_listed_arg() makes it */

    argc = cmd->argc;
    tracker_step_add_key(ctx, TRACKER_KEY_ID, NULL, 0);

    cmd->argc = argc;
    cmd->more = tracker_txn_listed_arg;
    cmd->nmore = ctx->listed->n;
    cmd->more_size = cmd->nmore * (cmd->argv[argc].len + TRACKER_ID_LEN);
    cmd->read = 1;

    /* ahead of the revision, so that they are not newer than it is */

    if (ctx->txn.times
        && tracker_times_lead(ctx, ctx->listed->ids, ctx->listed->n)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return tracker_step_send(ctx, NULL, TRACKER_STEP_LIST,
                             tracker_txn_relisted);
}


static void
tracker_txn_listed_arg(void *data, ngx_uint_t i, ngx_str_t part[2])
{
    tracker_txn_ctx_t *ctx = data;

    part[0] = ctx->command.argv[ctx->command.argc];
    part[1].len = TRACKER_ID_LEN;
    part[1].data = (u_char *) ctx->listed->ids + i * TRACKER_ID_LEN;
}


/* the revision and the records were read, at one moment */

static void
tracker_txn_relisted(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_txn_ctx_t *ctx = data;

    if (status != NGX_REDIS_OK) {
        tracker_step_end(ctx, status, 0);
        return;
    }

    switch (tracker_txn_take_listed(ctx, reply)) {

    case NGX_OK:
        tracker_step_end(ctx, status, TRACKER_OUTCOME_FOUND);
        return;

    case NGX_DECLINED:
        tracker_txn_list_anew(ctx);
        return;

    default:
        tracker_step_end(ctx, NGX_REDIS_ERROR, 0);
    }
}


/*
 * {rev, record, ...}.  Returns NGX_OK: the page is set; NGX_DECLINED, if the
 * list is not as it was, or a record is not there; or NGX_ERROR.
 */

static ngx_int_t
tracker_txn_take_listed(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    size_t              i;
    tracker_page_t     *page;
    tracker_listed_t   *listed;
    ngx_redis_reply_t   rev, record;

    page = &ctx->txn.page;
    listed = ctx->listed;

    if (reply->type != NGX_REDIS_ARRAY || reply->n != 1 + listed->n) {
        return NGX_ERROR;
    }

    ngx_redis_reply_element(reply, 0, &rev);

    if (!tracker_txn_is_current(ctx, &rev)) {
        return NGX_DECLINED;
    }

    for (i = 1; i < reply->n; i++) {
        ngx_redis_reply_element(reply, i, &record);

        if (record.type != NGX_REDIS_STRING || record.str.len == 0) {
            return NGX_DECLINED;
        }
    }

    page->n = listed->n;
    page->more = listed->more;
    page->stray = 0;

    if (tracker_reply_tag(ctx, &page->tag, &rev.str) != NGX_OK
        || tracker_reply_renew(&ctx->txn, &page->cursor,
                               listed->score.len)
           != NGX_OK
        || tracker_txn_join(ctx, reply, 1, page->glue) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(page->cursor.data, listed->score.data, listed->score.len);

    return NGX_OK;
}


/* the list has changed: list.lua reads it, in the same step */

static void
tracker_txn_list_anew(tracker_txn_ctx_t *ctx)
{
    tracker_step_go_on(ctx);

    if (tracker_txn_list_records(ctx) != NGX_OK) {
        tracker_step_end(ctx, NGX_REDIS_ERROR, 0);
    }
}


ngx_int_t
tracker_txn_find(tracker_txn_t *txn, ngx_str_t *name)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    txn->page.glue = "";    /* of one */

    tracker_step_start(ctx);
    tracker_step_add_number(ctx, txn->times ? 3 : 2);
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_NAME, name->data, name->len);

    if (txn->times) {
        tracker_step_add_key(ctx, TRACKER_KEY_TIMES, NULL, 0);
    }

    tracker_step_add_key(ctx, TRACKER_KEY_ID, NULL, 0);

    ctx->command.read = 1;

    return tracker_step_run(ctx, tracker_lua_find, TRACKER_STEP_FIND,
                            tracker_txn_listed);
}


static tracker_outcome_e
tracker_txn_fetched(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    tracker_txn_t  *txn;

    txn = &ctx->txn;

    if (ctx->lead && ctx->owner) {
        txn->holds_lock = (ctx->owner != TRACKER_OUTCOME_LOCKED);
        return ctx->owner;
    }

    if (reply->type == NGX_REDIS_NIL
        || (reply->type == NGX_REDIS_STRING && reply->str.len == 0))
    {
        return TRACKER_OUTCOME_MISSING;
    }

    if ((txn->times ? tracker_times_copy(txn, &txn->record, reply)
                    : tracker_reply_copy(txn, &txn->record, reply))
        != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    /* of what is stored */

    if (tracker_digest(txn->digest, TRACKER_SHA1, &reply->str, 1) != NGX_OK) {
        return TRACKER_OUTCOME_ERROR;
    }

    return TRACKER_OUTCOME_FOUND;
}


static tracker_outcome_e
tracker_txn_list_read(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    tracker_page_t     *page;
    tracker_outcome_e   outcome;
    ngx_redis_reply_t   rev;

    outcome = tracker_txn_listed(ctx, reply, maybe);

    if (outcome != TRACKER_OUTCOME_FOUND) {
        return outcome;
    }

    ngx_redis_reply_element(reply, 0, &rev);

    page = &ctx->txn.page;
    page->stray = tracker_txn_is_stray(&ctx->listed->cursor, &rev.str);

    if (!page->stray) {
        tracker_txn_keep_listed(ctx, reply);
    }

    return outcome;
}


/*
 * A cursor is the score of a tracker, and so a revision that the account has
 * had.  An account of a version whose revisions began at 1 has small ones.
 */

static ngx_uint_t
tracker_txn_is_stray(ngx_str_t *cursor, ngx_str_t *rev)
{
    off_t  score, last;

    if (cursor->len == 0) {
        return 0;
    }

    /* TRACKER_STORE_CURSOR_LEN digits at most */

    score = ngx_atoof(cursor->data, cursor->len);
    last = ngx_atoof(rev->data, rev->len);

    return score > last
           || (score < (off_t) TRACKER_REV_FIRST
               && last >= (off_t) TRACKER_REV_FIRST);
}


/* each record begins with its id, or the list is not kept */

static void
tracker_txn_keep_listed(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    char               *p, *id;
    size_t              i;
    tracker_listed_t   *listed;
    ngx_redis_reply_t   record;

    static const char   start[] = "{\"id\":\"";

    listed = ctx->listed;

    p = ngx_pnalloc(ctx->txn.pool, ctx->txn.page.n * TRACKER_ID_LEN);
    if (p == NULL) {
        return;
    }

    listed->ids = p;
    listed->n = 0;

    for (i = 0; i < ctx->txn.page.n; i++) {
        ngx_redis_reply_element(reply, TRACKER_LIST_RECORDS + i, &record);

        id = (char *) record.str.data + sizeof(start) - 1;

        if (record.str.len < sizeof(start) - 1 + TRACKER_ID_LEN
            || ngx_memcmp(record.str.data, start, sizeof(start) - 1) != 0
            || !tracker_id_valid(id, TRACKER_ID_LEN))
        {
            listed->n = 0;
            break;
        }

        p = (char *) ngx_cpymem(p, id, TRACKER_ID_LEN);
        listed->n++;
    }

    ngx_redis_reply_element(reply, 0, &record);
    listed->rev = record.str;

    listed->score = ctx->txn.page.cursor;
    listed->more = ctx->txn.page.more;

    tracker_listed_keep(ctx->store->redis, listed);
}


static tracker_outcome_e
tracker_txn_listed(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    return tracker_txn_page(ctx, reply, ctx->txn.page.glue);
}


static tracker_outcome_e
tracker_txn_loaded(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    tracker_outcome_e  outcome;
    ngx_redis_reply_t  rev;

    /* a record has no line feeds: it is JSON that the module wrote */

    outcome = tracker_txn_page(ctx, reply, "\n");

    if (outcome == TRACKER_OUTCOME_FOUND) {
        ngx_redis_reply_element(reply, 0, &rev);

        if (tracker_reply_copy(&ctx->txn, &ctx->txn.revision, &rev)
            != NGX_OK)
        {
            return TRACKER_OUTCOME_ERROR;
        }
    }

    return outcome;
}


/* {rev, more, score, record, ..., and where they are asked for, the times} */

static tracker_outcome_e
tracker_txn_page(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    const char *glue)
{
    tracker_page_t     *page;
    ngx_redis_reply_t   rev, more, score, times;

    if (reply->type != NGX_REDIS_ARRAY
        || reply->n < TRACKER_LIST_RECORDS + (ctx->txn.times != NULL))
    {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_redis_reply_element(reply, 0, &rev);
    ngx_redis_reply_element(reply, 1, &more);
    ngx_redis_reply_element(reply, 2, &score);

    if (more.type != NGX_REDIS_INTEGER
        || tracker_reply_digits(&rev) != NGX_OK
        || tracker_reply_digits(&score) != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    page = &ctx->txn.page;

    page->n = reply->n - TRACKER_LIST_RECORDS;
    page->more = (more.integer == 1);

    if (ctx->txn.times) {
        page->n--;
        ngx_redis_reply_element(reply, reply->n - 1, &times);

        if (tracker_times_take(ctx, &times, page->n) != NGX_OK) {
            return TRACKER_OUTCOME_ERROR;
        }
    }

    if (tracker_reply_tag(ctx, &page->tag, &rev.str) != NGX_OK
        || tracker_reply_copy(&ctx->txn, &page->cursor, &score) != NGX_OK
        || tracker_txn_join(ctx, reply, TRACKER_LIST_RECORDS, glue) != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    return TRACKER_OUTCOME_FOUND;
}


/* the records of the page, page.n elements of reply */

static ngx_int_t
tracker_txn_join(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    size_t first, const char *glue)
{
    tracker_page_t  *page;

    page = &ctx->txn.page;

    return ctx->txn.times
           ? tracker_times_join(&ctx->txn, &page->records, reply, first,
                                page->n, glue)
           : tracker_reply_join(&ctx->txn, &page->records, reply, first, glue);
}
