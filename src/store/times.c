
/*
 * The times of trackers.
 */


#include "store/read.h"
#include "store/times.h"


/* a field of the hash: the id, of the last change behind a letter */
#define TRACKER_TIMES_FIELD  (1 + TRACKER_ID_LEN)

/* the last millisecond of the year 9999 */
#define TRACKER_TIME_MAX     UINT64_C(253402300799999)

#define TRACKER_TIMES_CREATED  ",\"createdAt\":\""
#define TRACKER_TIMES_CHANGED  ",\"updatedAt\":\""

/* bytes that are put into a record, at most */
#define TRACKER_TIMES_ROOM                                                    \
    (sizeof(TRACKER_TIMES_CREATED "\"" TRACKER_TIMES_CHANGED "\"")            \
     + 2 * TRACKER_TIME_LEN)


/* in ms since 1970; 0: not known */

typedef struct {
    uint64_t            created;
    uint64_t            changed;
} tracker_time_t;


struct tracker_times_s {
    ngx_redis_lead_t    lead;
    size_t              asked;        /* trackers of the lead */

    size_t              n;            /* trackers whose times are there */
    tracker_time_t     *elts;
};


static void *tracker_times_alloc(ngx_pool_t *pool, size_t size);
static void tracker_times_led(void *data, ngx_redis_reply_t *reply);
static ngx_int_t tracker_times_number(ngx_redis_reply_t *reply, size_t i,
    uint64_t *ms);
static u_char *tracker_times_put(u_char *p, ngx_str_t *record,
    tracker_time_t *time);
static u_char *tracker_times_put_one(u_char *p, const char *key, uint64_t ms);


ngx_int_t
tracker_txn_tell_times(tracker_txn_t *txn)
{
    if (tracker_txn_ctx(txn)->store->history == 0) {
        return NGX_OK;
    }

    txn->times = ngx_pcalloc(txn->pool, sizeof(tracker_times_t));

    return txn->times ? NGX_OK : NGX_ERROR;
}


ngx_int_t
tracker_times_lead(tracker_txn_ctx_t *ctx, const char *ids, size_t n)
{
    size_t             i;
    u_char            *p;
    ngx_str_t         *arg;
    ngx_pool_t        *pool;
    tracker_times_t   *times;
    ngx_redis_lead_t  *lead;

    pool = ctx->txn.pool;
    times = ctx->txn.times;
    lead = &times->lead;

    /* that of the last stretch */

    if (lead->argv) {
        ngx_pfree(pool, lead->argv);
    }

    times->n = 0;
    times->asked = n;

    lead->argc = 2 + 2 * n;
    lead->argv = tracker_times_alloc(pool, lead->argc * sizeof(ngx_str_t)
                                           + n * TRACKER_TIMES_FIELD);
    lead->handler = tracker_times_led;
    lead->action = "reading times";
    lead->read = 1;

    if (lead->argv == NULL
        || tracker_keys_make(pool, &ctx->key_base, TRACKER_KEY_TIMES, NULL, 0,
                             &lead->argv[1])
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    arg = lead->argv;
    p = (u_char *) &arg[lead->argc];

    ngx_str_set(arg, "HMGET");
    arg += 2;

    for (i = 0; i < n; i++) {
        *p = 'u';
        ngx_memcpy(p + 1, ids + i * TRACKER_ID_LEN, TRACKER_ID_LEN);

        arg->len = TRACKER_ID_LEN;
        arg++->data = p + 1;

        arg->len = TRACKER_TIMES_FIELD;
        arg++->data = p;

        p += TRACKER_TIMES_FIELD;
    }

    ctx->command.lead = lead;

    return NGX_OK;
}


/* as a block of its own: the next stretch gives it back */

static void *
tracker_times_alloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc(pool, ngx_max(size, ngx_pagesize));
}


/* where it fails, the times are not those of as many trackers as there are */

static void
tracker_times_led(void *data, ngx_redis_reply_t *reply)
{
    tracker_txn_ctx_t *ctx = data;

    (void) tracker_times_take(ctx, reply, ctx->txn.times->asked);
}


ngx_int_t
tracker_times_take(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply, size_t n)
{
    size_t            i;
    tracker_time_t   *time;
    tracker_times_t  *times;

    times = ctx->txn.times;
    times->n = 0;

    if (reply->type != NGX_REDIS_ARRAY || reply->n != 2 * n) {
        return NGX_ERROR;
    }

    if (times->elts) {
        ngx_pfree(ctx->txn.pool, times->elts);
    }

    times->elts = tracker_times_alloc(ctx->txn.pool,
                                      n * sizeof(tracker_time_t));
    if (times->elts == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        time = &times->elts[i];

        if (tracker_times_number(reply, 2 * i, &time->created) != NGX_OK
            || tracker_times_number(reply, 2 * i + 1, &time->changed)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (time->changed == 0) {
            time->changed = time->created;
        }
    }

    times->n = n;

    return NGX_OK;
}


static ngx_int_t
tracker_times_number(ngx_redis_reply_t *reply, size_t i, uint64_t *ms)
{
    ngx_redis_reply_t  number;

    ngx_redis_reply_element(reply, i, &number);

    if (number.type == NGX_REDIS_NIL) {
        *ms = 0;
        return NGX_OK;
    }

    if (tracker_reply_digits(&number) != NGX_OK) {
        return NGX_ERROR;
    }

    *ms = ngx_atoof(number.str.data, number.str.len);

    return *ms <= TRACKER_TIME_MAX ? NGX_OK : NGX_ERROR;
}


ngx_int_t
tracker_times_copy(tracker_txn_t *txn, ngx_str_t *to, ngx_redis_reply_t *from)
{
    if (from->type != NGX_REDIS_STRING
        || txn->times->n != 1
        || tracker_reply_renew(txn, to, from->str.len + TRACKER_TIMES_ROOM)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    to->len = tracker_times_put(to->data, &from->str, txn->times->elts)
              - to->data;

    return NGX_OK;
}


/* the only copy of the records */

ngx_int_t
tracker_times_join(tracker_txn_t *txn, ngx_str_t *to,
    ngx_redis_reply_t *reply, size_t first, size_t n, const char *glue)
{
    size_t              i, len;
    u_char             *p;
    ngx_redis_reply_t   element;

    if (txn->times->n != n) {
        return NGX_ERROR;
    }

    len = n * (TRACKER_TIMES_ROOM + ngx_strlen(glue));

    for (i = 0; i < n; i++) {
        ngx_redis_reply_element(reply, first + i, &element);

        if (element.type != NGX_REDIS_STRING) {
            return NGX_ERROR;
        }

        len += element.str.len;
    }

    if (tracker_reply_renew(txn, to, len) != NGX_OK) {
        return NGX_ERROR;
    }

    p = to->data;

    for (i = 0; i < n; i++) {
        ngx_redis_reply_element(reply, first + i, &element);

        if (i) {
            p = ngx_cpymem(p, glue, ngx_strlen(glue));
        }

        p = tracker_times_put(p, &element.str, &txn->times->elts[i]);
    }

    to->len = p - to->data;

    return NGX_OK;
}


/* the record, with the times before its brace */

static u_char *
tracker_times_put(u_char *p, ngx_str_t *record, tracker_time_t *time)
{
    if (record->len < 3 || record->data[record->len - 1] != '}') {
        return ngx_cpymem(p, record->data, record->len);
    }

    p = ngx_cpymem(p, record->data, record->len - 1);

    p = tracker_times_put_one(p, TRACKER_TIMES_CREATED, time->created);
    p = tracker_times_put_one(p, TRACKER_TIMES_CHANGED, time->changed);

    *p++ = '}';

    return p;
}


static u_char *
tracker_times_put_one(u_char *p, const char *key, uint64_t ms)
{
    if (ms == 0) {
        return p;
    }

    p = ngx_cpymem(p, key, sizeof(TRACKER_TIMES_CREATED) - 1);
    p = tracker_time_format(p, ms);
    *p++ = '"';

    return p;
}


u_char *
tracker_time_format(u_char *p, uint64_t ms)
{
    ngx_tm_t  tm;

    ngx_gmtime(ms / 1000, &tm);

    return ngx_sprintf(p, "%4d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                       tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                       (int) (ms % 1000));
}
