
/*
 * The reads of a txn: one tracker, and stretches of the list.
 */


#include "store/private.h"


/* bytes of records after which a stretch of the list ends */
#define TRACKER_LIST_BYTES    "262144"

/* where the records begin in the replies of list.lua and find.lua */
#define TRACKER_LIST_RECORDS  3

/* of the account's digest in a tag: as many hex digits */
#define TRACKER_TAG_ACCOUNT   16


static ngx_int_t tracker_txn_digits(ngx_redis_reply_t *reply);
static ngx_int_t tracker_txn_tag(tracker_txn_t *txn, ngx_str_t *to,
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
    ngx_str_t  *arg;

    arg = tracker_txn_args(txn, 2);

    if (arg == NULL
        || tracker_txn_key(txn, &arg[1], "id:", id->data, id->len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "GET");

    return tracker_txn_submit(txn, "reading", TRACKER_TXN_FETCHING);
}


ngx_int_t
tracker_txn_list(tracker_txn_t *txn, ngx_str_t *cursor, ngx_uint_t limit)
{
    ngx_str_t  *arg;

    arg = tracker_txn_args(txn, 7);

    if (arg == NULL
        || tracker_txn_key(txn, &arg[1], "rev", NULL, 0) != NGX_OK
        || tracker_txn_key(txn, &arg[2], "index", NULL, 0) != NGX_OK
        || tracker_txn_key(txn, &arg[3], "id:", NULL, 0) != NGX_OK
        || tracker_txn_number(txn, &arg[5], limit) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "3");

    if (cursor->len) {

        /* the command may outlive the request, whose memory this is */

        arg[4].len = cursor->len;
        arg[4].data = ngx_pstrdup(txn->pool, cursor);

        if (arg[4].data == NULL) {
            return NGX_ERROR;
        }

    } else {
        ngx_str_set(&arg[4], "0");
    }

    ngx_str_set(&arg[6], TRACKER_LIST_BYTES);

    /* anew for each stretch: the client may take its time over the last */

    txn->deadline = ngx_current_msec + txn->store->timeout;

    return tracker_txn_run(txn, TRACKER_SCRIPT_LIST, TRACKER_TXN_LISTING);
}


ngx_int_t
tracker_txn_find(tracker_txn_t *txn, ngx_str_t *name)
{
    ngx_str_t  *arg;

    arg = tracker_txn_args(txn, 4);

    if (arg == NULL
        || tracker_txn_key(txn, &arg[1], "rev", NULL, 0) != NGX_OK
        || tracker_txn_key(txn, &arg[2], "name:", name->data, name->len)
           != NGX_OK
        || tracker_txn_key(txn, &arg[3], "id:", NULL, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "3");

    return tracker_txn_run(txn, TRACKER_SCRIPT_FIND, TRACKER_TXN_LISTING);
}


tracker_outcome_e
tracker_txn_fetched(tracker_txn_t *txn, ngx_redis_reply_t *reply)
{
    if (reply->type == NGX_REDIS_NIL
        || (reply->type == NGX_REDIS_STRING && reply->str.len == 0))
    {
        return TRACKER_OUTCOME_MISSING;
    }

    if (tracker_txn_copy(txn, &txn->record, reply) != NGX_OK
        || tracker_store_digest(txn->digest, &txn->record) != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    return TRACKER_OUTCOME_FOUND;
}


/* {rev, more, score, record, ...} */

tracker_outcome_e
tracker_txn_listed(tracker_txn_t *txn, ngx_redis_reply_t *reply)
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

    page = &txn->page;

    page->n = reply->n - TRACKER_LIST_RECORDS;
    page->more = (more.integer == 1);

    if (tracker_txn_tag(txn, &page->tag, &rev.str) != NGX_OK
        || tracker_txn_copy(txn, &page->cursor, &score) != NGX_OK
        || tracker_txn_join(txn, &page->records, reply) != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    return TRACKER_OUTCOME_FOUND;
}


/* what goes into a header, or into the answer, must be what it should be */

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


/* two accounts' lists may have the same revision, and have the same URL */

static ngx_int_t
tracker_txn_tag(tracker_txn_t *txn, ngx_str_t *to, ngx_str_t *rev)
{
    u_char  *p;

    if (tracker_txn_renew(txn, to, TRACKER_TAG_ACCOUNT + 1 + rev->len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the digest of "<prefix>:{<digest>}:" */

    p = txn->key_base.data + txn->key_base.len - 2 - TRACKER_ACCOUNT_LEN;

    p = ngx_cpymem(to->data, p, TRACKER_TAG_ACCOUNT);
    *p++ = '-';
    ngx_memcpy(p, rev->data, rev->len);

    return NGX_OK;
}


/* the one copy of the records: behind one another, commas between them */

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

    /* no comma behind the last */

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


void
tracker_txn_forget(tracker_txn_t *txn)
{
    if (txn->round != txn->pool) {
        ngx_destroy_pool(txn->round);
        txn->round = txn->pool;

    } else if (txn->record.data) {
        ngx_pfree(txn->pool, txn->record.data);
    }

    if (txn->page.records.data) {
        ngx_pfree(txn->pool, txn->page.records.data);
    }

    ngx_str_null(&txn->record);
    ngx_str_null(&txn->page.records);
}


/* what was at the same place before is freed where it was large */

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
