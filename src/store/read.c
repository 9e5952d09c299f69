
/*
 * The steps of a txn that read: one tracker, and stretches of the list.
 */


#include "store/read.h"
#include "store/step.h"


/* bytes of records after which a stretch of the list ends */
#define TRACKER_LIST_BYTES    "262144"

/* where the records begin in the replies of list.lua and find.lua */
#define TRACKER_LIST_RECORDS  3

/* hex digits of the account's digest in a tag */
#define TRACKER_TAG_ACCOUNT   16


static tracker_outcome_e tracker_txn_fetched(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_listed(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_digits(ngx_redis_reply_t *reply);
static ngx_int_t tracker_txn_tag(tracker_txn_ctx_t *ctx, ngx_str_t *to,
    ngx_str_t *rev);
static ngx_int_t tracker_txn_join(tracker_txn_t *txn, ngx_str_t *to,
    ngx_redis_reply_t *reply);
static ngx_int_t tracker_txn_copy(tracker_txn_t *txn, ngx_str_t *to,
    ngx_redis_reply_t *from);
static ngx_int_t tracker_txn_renew(tracker_txn_t *txn, ngx_str_t *to,
    size_t len);


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
    tracker_step_add_text(ctx, TRACKER_LIST_BYTES);

    ctx->command.read = 1;

    return tracker_step_run(ctx, tracker_lua_list, TRACKER_STEP_LIST,
                            tracker_txn_listed);
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

    if (tracker_txn_copy(txn, &txn->record, reply) != NGX_OK
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
    tracker_page_t     *page;
    ngx_redis_reply_t   rev, more, score;

    if (reply->type != NGX_REDIS_ARRAY || reply->n < TRACKER_LIST_RECORDS) {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_redis_reply_element(reply, 0, &rev);
    ngx_redis_reply_element(reply, 1, &more);
    ngx_redis_reply_element(reply, 2, &score);

    if (more.type != NGX_REDIS_INTEGER
        || tracker_txn_digits(&rev) != NGX_OK
        || tracker_txn_digits(&score) != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    page = &ctx->txn.page;

    page->n = reply->n - TRACKER_LIST_RECORDS;
    page->more = (more.integer == 1);

    if (tracker_txn_tag(ctx, &page->tag, &rev.str) != NGX_OK
        || tracker_txn_copy(&ctx->txn, &page->cursor, &score) != NGX_OK
        || tracker_txn_join(&ctx->txn, &page->records, reply) != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    return TRACKER_OUTCOME_FOUND;
}


/* a number that goes into a header, or into the answer */

static ngx_int_t
tracker_txn_digits(ngx_redis_reply_t *reply)
{
    size_t  i;

    if (reply->type != NGX_REDIS_STRING
        || reply->str.len == 0
        || reply->str.len > TRACKER_STORE_CURSOR_LEN)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < reply->str.len; i++) {
        if (reply->str.data[i] < '0' || reply->str.data[i] > '9') {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * The lists of two accounts have the same URL, and may have the same revision.
 */

static ngx_int_t
tracker_txn_tag(tracker_txn_ctx_t *ctx, ngx_str_t *to, ngx_str_t *rev)
{
    u_char  *p;

    if (tracker_txn_renew(&ctx->txn, to, TRACKER_TAG_ACCOUNT + 1 + rev->len)
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


/* the only copy of the records: one after the other, commas between them */

static ngx_int_t
tracker_txn_join(tracker_txn_t *txn, ngx_str_t *to, ngx_redis_reply_t *reply)
{
    size_t              i, len;
    u_char             *p;
    ngx_redis_reply_t   record;

    len = 0;

    for (i = TRACKER_LIST_RECORDS; i < reply->n; i++) {
        ngx_redis_reply_element(reply, i, &record);

        if (record.type != NGX_REDIS_STRING) {
            return NGX_ERROR;
        }

        len += record.str.len + 1;
    }

    if (tracker_txn_renew(txn, to, len) != NGX_OK) {
        return NGX_ERROR;
    }

    p = to->data;

    for (i = TRACKER_LIST_RECORDS; i < reply->n; i++) {
        ngx_redis_reply_element(reply, i, &record);

        p = ngx_cpymem(p, record.str.data, record.str.len);
        *p++ = ',';
    }

    /* no comma after the last one */

    to->len = len ? len - 1 : 0;

    return NGX_OK;
}


static ngx_int_t
tracker_txn_copy(tracker_txn_t *txn, ngx_str_t *to, ngx_redis_reply_t *from)
{
    if (from->type != NGX_REDIS_STRING
        || tracker_txn_renew(txn, to, from->str.len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(to->data, from->str.data, from->str.len);

    return NGX_OK;
}


/* the memory that was there before is freed if it was a large block */

static ngx_int_t
tracker_txn_renew(tracker_txn_t *txn, ngx_str_t *to, size_t len)
{
    if (to->data) {
        ngx_pfree(txn->round, to->data);
    }

    to->len = len;
    to->data = ngx_pnalloc(txn->round, len);

    return to->data ? NGX_OK : NGX_ERROR;
}
