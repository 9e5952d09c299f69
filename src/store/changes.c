
/*
 * The steps of a txn that read the log of changes.
 */


#include "store/changes.h"
#include "store/times.h"


/* the reply of changes.lua: what comes before the changes, and one of them */
#define TRACKER_CHANGES_HEAD   3
#define TRACKER_CHANGES_WIDTH  3

/* of an entry: what was done, an id, a space, and the time */
#define TRACKER_LOGGED_TIME    (1 + TRACKER_ID_LEN + 1)

/* digits of a time: it ends in the year 5138 */
#define TRACKER_LOGGED_DIGITS  14

/* scores are exact up to it, and no revision is larger */
#define TRACKER_REV_LAST       ((off_t) 1 << 53)

#define TRACKER_REV_DIGITS     16


static tracker_outcome_e tracker_txn_changes_read(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_take_changes(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);
static ngx_int_t tracker_txn_take_logged(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, size_t at, tracker_logged_t *logged);
static ngx_int_t tracker_txn_read_entry(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *entry, tracker_logged_t *logged);


static tracker_word_t  tracker_changes_words[] = {
    { ngx_string("changes"), TRACKER_OUTCOME_FOUND, tracker_txn_take_changes },
    { ngx_string("gone"), TRACKER_OUTCOME_GONE, NULL },
    { ngx_null_string, TRACKER_OUTCOME_ERROR, NULL }
};


ngx_int_t
tracker_txn_since(tracker_txn_t *txn, ngx_str_t *tag, ngx_str_t *rev)
{
    u_char   ch;
    size_t   i;
    u_char  *account;

    if (tag->len <= TRACKER_TAG_ACCOUNT + 1
        || tag->len > TRACKER_TAG_ACCOUNT + 1 + TRACKER_REV_DIGITS
        || tag->data[TRACKER_TAG_ACCOUNT] != '-')
    {
        return NGX_ERROR;
    }

    for (i = 0; i < TRACKER_TAG_ACCOUNT; i++) {
        ch = tag->data[i];

        if ((ch < '0' || ch > '9') && (ch < 'a' || ch > 'f')) {
            return NGX_ERROR;
        }
    }

    rev->data = tag->data + TRACKER_TAG_ACCOUNT + 1;
    rev->len = tag->len - TRACKER_TAG_ACCOUNT - 1;

    for (i = 0; i < rev->len; i++) {
        ch = rev->data[i];

        if (ch < '0' || ch > '9' || (i == 0 && ch == '0' && rev->len > 1)) {
            return NGX_ERROR;
        }
    }

    account = tracker_keys_account(&tracker_txn_ctx(txn)->key_base);

    return ngx_memcmp(tag->data, account, TRACKER_TAG_ACCOUNT) == 0
           && ngx_atoof(rev->data, rev->len) <= TRACKER_REV_LAST
           ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
tracker_txn_changes(tracker_txn_t *txn, ngx_str_t *rev, ngx_uint_t limit)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "3");
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_LOG, NULL, 0);
    tracker_step_add_key(ctx, TRACKER_KEY_INDEX, NULL, 0);
    tracker_step_add_cursor(ctx, rev);
    tracker_step_add_number(ctx, limit);
    tracker_step_add_number(ctx, TRACKER_STRETCH_BYTES);
    tracker_step_add_key(ctx, TRACKER_KEY_ID, NULL, 0);

    ctx->command.read = 1;

    return tracker_step_run(ctx, tracker_lua_changes, TRACKER_STEP_CHANGES,
                            tracker_txn_changes_read);
}


static tracker_outcome_e
tracker_txn_changes_read(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    return tracker_reply_word(ctx, reply, tracker_changes_words);
}


/* {"changes", rev, more, score, entry, record, ...} */

static ngx_int_t
tracker_txn_take_changes(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    size_t              i, at;
    tracker_page_t     *page;
    ngx_redis_reply_t   rev, more;

    if (reply->n < TRACKER_CHANGES_HEAD
        || (reply->n - TRACKER_CHANGES_HEAD) % TRACKER_CHANGES_WIDTH)
    {
        return NGX_ERROR;
    }

    ngx_redis_reply_element(reply, 1, &rev);
    ngx_redis_reply_element(reply, 2, &more);

    page = &ctx->txn.page;

    page->n = (reply->n - TRACKER_CHANGES_HEAD) / TRACKER_CHANGES_WIDTH;
    page->more = (more.integer == 1);

    if (more.type != NGX_REDIS_INTEGER
        || (page->more && page->n == 0)
        || tracker_reply_digits(&rev) != NGX_OK
        || tracker_reply_copy(&ctx->txn, &ctx->txn.revision, &rev) != NGX_OK)
    {
        return NGX_ERROR;
    }

    page->logged = ngx_pcalloc(ctx->txn.round,
                               (page->n + 1) * sizeof(tracker_logged_t));
    if (page->logged == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < page->n; i++) {
        at = TRACKER_CHANGES_HEAD + i * TRACKER_CHANGES_WIDTH;

        if (tracker_txn_take_logged(ctx, reply, at, &page->logged[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (i) {
        page->tag = page->logged[i - 1].tag;
        return NGX_OK;
    }

    return tracker_reply_tag(ctx, &page->tag, &rev.str);
}


/* score, entry, record */

static ngx_int_t
tracker_txn_take_logged(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    size_t at, tracker_logged_t *logged)
{
    ngx_redis_reply_t  score, entry, record;

    ngx_redis_reply_element(reply, at, &score);
    ngx_redis_reply_element(reply, at + 1, &entry);
    ngx_redis_reply_element(reply, at + 2, &record);

    if (tracker_reply_digits(&score) != NGX_OK
        || tracker_reply_tag(ctx, &logged->tag, &score.str) != NGX_OK
        || tracker_txn_read_entry(ctx, &entry, logged) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return tracker_reply_copy(&ctx->txn, &logged->record, &record);
}


static ngx_int_t
tracker_txn_read_entry(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *entry,
    tracker_logged_t *logged)
{
    off_t    time;
    size_t   len;
    u_char  *p;

    p = entry->str.data;
    len = entry->str.len;

    if (entry->type != NGX_REDIS_STRING
        || len <= TRACKER_LOGGED_TIME
        || len > TRACKER_LOGGED_TIME + TRACKER_LOGGED_DIGITS
        || p[TRACKER_LOGGED_TIME - 1] != ' '
        || !tracker_id_valid((char *) p + 1, TRACKER_ID_LEN))
    {
        return NGX_ERROR;
    }

    switch (p[0]) {

    case 'c':
        logged->what = TRACKER_LOGGED_CREATE;
        break;

    case 'u':
        logged->what = TRACKER_LOGGED_CHANGE;
        break;

    case 'd':
        logged->what = TRACKER_LOGGED_DELETE;
        break;

    default:
        return NGX_ERROR;
    }

    time = ngx_atoof(p + TRACKER_LOGGED_TIME, len - TRACKER_LOGGED_TIME);

    if (time == NGX_ERROR) {
        return NGX_ERROR;
    }

    logged->id.len = TRACKER_ID_LEN;
    logged->id.data = ngx_pnalloc(ctx->txn.round,
                                  TRACKER_ID_LEN + TRACKER_TIME_LEN);
    if (logged->id.data == NULL) {
        return NGX_ERROR;
    }

    logged->time.len = TRACKER_TIME_LEN;
    logged->time.data = ngx_cpymem(logged->id.data, p + 1, TRACKER_ID_LEN);

    (void) tracker_time_format(logged->time.data, time);

    return NGX_OK;
}
