
/*
 * The steps of a txn that read: one tracker, and stretches of the list.
 */


#include "store/read.h"
#include "store/load.h"
#include "store/reply.h"
#include "store/step.h"


/* bytes of records after which a stretch of the list ends */
#define TRACKER_LIST_BYTES    262144

/* trackers of a stretch that is loaded: its bytes end it before, mostly */
#define TRACKER_LOAD_MAX      1000

/* where the records begin in the replies of list.lua and find.lua */
#define TRACKER_LIST_RECORDS  3

/* hex digits of the account's digest in a tag */
#define TRACKER_TAG_ACCOUNT   16


static tracker_outcome_e tracker_txn_fetched(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_stretch(tracker_txn_t *txn, ngx_str_t *cursor,
    ngx_uint_t limit, size_t bytes, tracker_step_e step,
    tracker_reply_pt reply);
static tracker_outcome_e tracker_txn_listed(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_loaded(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_page(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, const char *glue);
static ngx_int_t tracker_txn_tag(tracker_txn_ctx_t *ctx, ngx_str_t *to,
    ngx_str_t *rev);


ngx_int_t
tracker_txn_fetch(tracker_txn_t *txn, ngx_str_t *id)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "GET");
    tracker_step_add_key(ctx, TRACKER_KEY_ID, id->data, id->len);

    ctx->command.read = 1;

    return tracker_step_submit(ctx, TRACKER_STEP_GET, tracker_txn_fetched);
}


ngx_int_t
tracker_txn_list(tracker_txn_t *txn, ngx_str_t *cursor, ngx_uint_t limit)
{
    return tracker_txn_stretch(txn, cursor, limit, TRACKER_LIST_BYTES,
                               TRACKER_STEP_LIST, tracker_txn_listed);
}


ngx_int_t
tracker_txn_load(tracker_txn_t *txn, ngx_str_t *cursor, ngx_uint_t times)
{
    return tracker_txn_stretch(txn, cursor, times * TRACKER_LOAD_MAX,
                               times * TRACKER_LIST_BYTES, TRACKER_STEP_LOAD,
                               tracker_txn_loaded);
}


static ngx_int_t
tracker_txn_stretch(tracker_txn_t *txn, ngx_str_t *cursor, ngx_uint_t limit,
    size_t bytes, tracker_step_e step, tracker_reply_pt reply)
{
    u_char             *p;
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    /* again for each stretch: the client may take its time over the last */

    ctx->deadline = ngx_current_msec + ctx->store->timeout;

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "3");
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_INDEX, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_ID, NULL, 0);

    if (cursor->len) {

        /* the command may outlive the request, whose memory the cursor is */

        p = ngx_pstrdup(txn->pool, cursor);
        if (p == NULL) {
            return NGX_ERROR;
        }

        tracker_step_add(ctx, p, cursor->len);

    } else {
        tracker_step_add_text(ctx, "0");
    }

    tracker_step_add_number(ctx, limit);
    tracker_step_add_number(ctx, bytes);

    ctx->command.read = 1;

    return tracker_step_run(ctx, tracker_lua_list, step, reply);
}


ngx_int_t
tracker_txn_find(tracker_txn_t *txn, ngx_str_t *name)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "3");
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_NAME, name->data, name->len);
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

    if (reply->type == NGX_REDIS_NIL
        || (reply->type == NGX_REDIS_STRING && reply->str.len == 0))
    {
        return TRACKER_OUTCOME_MISSING;
    }

    if (tracker_reply_copy(txn, &txn->record, reply) != NGX_OK
        || tracker_digest(txn->digest, TRACKER_SHA1, &txn->record, 1)
           != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    return TRACKER_OUTCOME_FOUND;
}


/* {rev, more, score, record, ...} */

static tracker_outcome_e
tracker_txn_listed(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    return tracker_txn_page(ctx, reply, ",");
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


/* {rev, more, score, record, ...} */

static tracker_outcome_e
tracker_txn_page(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    const char *glue)
{
    tracker_page_t     *page;
    ngx_redis_reply_t   rev, more, score;

    if (reply->type != NGX_REDIS_ARRAY || reply->n < TRACKER_LIST_RECORDS) {
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

    if (tracker_txn_tag(ctx, &page->tag, &rev.str) != NGX_OK
        || tracker_reply_copy(&ctx->txn, &page->cursor, &score) != NGX_OK
        || tracker_reply_join(&ctx->txn, &page->records, reply,
                              TRACKER_LIST_RECORDS, glue)
           != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    return TRACKER_OUTCOME_FOUND;
}


/*
 * The lists of two accounts have the same URL, and may have the same revision.
 */

static ngx_int_t
tracker_txn_tag(tracker_txn_ctx_t *ctx, ngx_str_t *to, ngx_str_t *rev)
{
    u_char  *p;

    if (tracker_reply_renew(&ctx->txn, to, TRACKER_TAG_ACCOUNT + 1 + rev->len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_cpymem(to->data, tracker_keys_account(&ctx->key_base),
                   TRACKER_TAG_ACCOUNT);
    *p++ = '-';
    ngx_memcpy(p, rev->data, rev->len);

    return NGX_OK;
}
