
/*
 * What replies say.
 */


#include "store/reply.h"
#include "store/stale.h"


/* a number below 2^53 */
#define TRACKER_REPLY_DIGITS  16


tracker_outcome_e
tracker_reply_word(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    tracker_word_t *words)
{
    tracker_word_t     *w;
    ngx_redis_reply_t   word;

    if (reply->type != NGX_REDIS_ARRAY || reply->n == 0) {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_redis_reply_element(reply, 0, &word);

    if (word.type != NGX_REDIS_STRING) {
        return TRACKER_OUTCOME_ERROR;
    }

    for (w = words; w->word.len; w++) {
        if (word.str.len == w->word.len
            && ngx_memcmp(word.str.data, w->word.data, w->word.len) == 0)
        {
            break;
        }
    }

    if (w->outcome == TRACKER_OUTCOME_ERROR
        || (w->rest && w->rest(ctx, reply) != NGX_OK))
    {
        return TRACKER_OUTCOME_ERROR;
    }

    if (w->outcome == 0) {
        ctx->txn.again = 1;
        return 0;
    }

    if (w->outcome == TRACKER_OUTCOME_LOCKED
        && ctx->txn.holds_lock && ctx->lead == NULL)
    {
        ctx->store->reports->lock(TRACKER_LOCK_EXPIRED);
    }

    /* the script has released the lock, or another request holds it */

    ctx->txn.holds_lock = 0;

    if (w->outcome != TRACKER_OUTCOME_LOCKED) {
        tracker_stale_note(ctx);
    }

    return w->outcome;
}


ngx_int_t
tracker_reply_count(ngx_redis_reply_t *reply, size_t i, size_t *count)
{
    ngx_redis_reply_t  number;

    ngx_redis_reply_element(reply, i, &number);

    if (number.type != NGX_REDIS_INTEGER || number.integer < 0) {
        return NGX_ERROR;
    }

    *count = number.integer;

    return NGX_OK;
}


ngx_int_t
tracker_reply_found(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    return reply->n == 2 ? tracker_reply_count(reply, 1, &ctx->txn.found)
                         : NGX_ERROR;
}


ngx_int_t
tracker_reply_digits(ngx_redis_reply_t *reply)
{
    size_t  i;

    if (reply->type != NGX_REDIS_STRING
        || reply->str.len == 0
        || reply->str.len > TRACKER_REPLY_DIGITS)
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


ngx_int_t
tracker_reply_copy(tracker_txn_t *txn, ngx_str_t *to, ngx_redis_reply_t *from)
{
    if (from->type != NGX_REDIS_STRING
        || tracker_reply_renew(txn, to, from->str.len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(to->data, from->str.data, from->str.len);

    return NGX_OK;
}


/* the only copy of the elements */

ngx_int_t
tracker_reply_join(tracker_txn_t *txn, ngx_str_t *to, ngx_redis_reply_t *reply,
    size_t first, const char *glue)
{
    size_t              i, n, len;
    u_char             *p;
    ngx_redis_reply_t   element;

    n = ngx_strlen(glue);
    len = 0;

    for (i = first; i < reply->n; i++) {
        ngx_redis_reply_element(reply, i, &element);

        if (element.type != NGX_REDIS_STRING) {
            return NGX_ERROR;
        }

        len += element.str.len + n;
    }

    if (tracker_reply_renew(txn, to, len) != NGX_OK) {
        return NGX_ERROR;
    }

    p = to->data;

    for (i = first; i < reply->n; i++) {
        ngx_redis_reply_element(reply, i, &element);

        p = ngx_cpymem(p, element.str.data, element.str.len);
        p = ngx_cpymem(p, glue, n);
    }

    /* no glue after the last one */

    to->len = len ? len - n : 0;

    return NGX_OK;
}


ngx_int_t
tracker_reply_renew(tracker_txn_t *txn, ngx_str_t *to, size_t len)
{
    if (to->data) {
        ngx_pfree(txn->round, to->data);
    }

    to->len = len;
    to->data = ngx_pnalloc(txn->round, len);

    return to->data ? NGX_OK : NGX_ERROR;
}


/*
 * The lists of two accounts have the same URL, and may have the same revision.
 */

ngx_int_t
tracker_reply_tag(tracker_txn_ctx_t *ctx, ngx_str_t *to, ngx_str_t *rev)
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
