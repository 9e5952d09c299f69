
/*
 * The reads of a job: one tracker, and stretches of the list.
 */


#include "tracker_store_private.h"


/* bytes of records after which a stretch of the list ends */
#define TRACKER_LIST_BYTES  "262144"


static ngx_int_t tracker_job_copy(tracker_job_t *job, ngx_str_t *to,
    ngx_redis_reply_t *from);


ngx_int_t
tracker_job_fetch(tracker_job_t *job, ngx_str_t *id)
{
    ngx_str_t  *arg;

    arg = tracker_job_args(job, 2);

    if (arg == NULL
        || tracker_job_key(job, &arg[1], "id:", id->data, id->len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "GET");

    return tracker_job_submit(job, "reading", TRACKER_JOB_FETCHING);
}


ngx_int_t
tracker_job_list(tracker_job_t *job, ngx_str_t *cursor, ngx_uint_t limit)
{
    ngx_str_t  *arg;

    arg = tracker_job_args(job, 7);

    if (arg == NULL
        || tracker_job_key(job, &arg[1], "rev", NULL, 0) != NGX_OK
        || tracker_job_key(job, &arg[2], "index", NULL, 0) != NGX_OK
        || tracker_job_key(job, &arg[3], "id:", NULL, 0) != NGX_OK
        || tracker_job_number(job, &arg[5], limit) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "3");

    if (cursor->len) {
        arg[4] = *cursor;

    } else {
        ngx_str_set(&arg[4], "0");
    }

    ngx_str_set(&arg[6], TRACKER_LIST_BYTES);

    /* anew for each stretch: the client may take its time over the last */

    job->deadline = ngx_current_msec + job->store->timeout;

    return tracker_job_run(job, TRACKER_SCRIPT_LIST, TRACKER_JOB_LISTING);
}


ngx_int_t
tracker_job_find(tracker_job_t *job, ngx_str_t *name)
{
    ngx_str_t  *arg;

    arg = tracker_job_args(job, 4);

    if (arg == NULL
        || tracker_job_key(job, &arg[1], "rev", NULL, 0) != NGX_OK
        || tracker_job_key(job, &arg[2], "name:", name->data, name->len)
           != NGX_OK
        || tracker_job_key(job, &arg[3], "id:", NULL, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "3");

    return tracker_job_run(job, TRACKER_SCRIPT_FIND, TRACKER_JOB_LISTING);
}


tracker_outcome_e
tracker_job_fetched(tracker_job_t *job, ngx_redis_reply_t *reply)
{
    if (reply->type == NGX_REDIS_NIL
        || (reply->type == NGX_REDIS_STRING && reply->str.len == 0))
    {
        return TRACKER_OUTCOME_MISSING;
    }

    if (tracker_job_copy(job, &job->record, reply) != NGX_OK
        || tracker_store_digest(job->digest, &job->record) != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    return TRACKER_OUTCOME_FOUND;
}


/* {rev, n, score, more, records} */

tracker_outcome_e
tracker_job_listed(tracker_job_t *job, ngx_redis_reply_t *reply)
{
    ngx_uint_t         i;
    tracker_page_t    *page;
    ngx_redis_reply_t  e[5];

    if (reply->type != NGX_REDIS_ARRAY || reply->n != 5) {
        return TRACKER_OUTCOME_ERROR;
    }

    for (i = 0; i < 5; i++) {
        ngx_redis_reply_element(reply, i, &e[i]);
    }

    if (e[1].type != NGX_REDIS_INTEGER || e[1].integer < 0
        || e[3].type != NGX_REDIS_INTEGER
        || e[2].str.len > TRACKER_STORE_CURSOR_LEN)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    page = &job->page;

    page->n = e[1].integer;
    page->more = e[3].integer == 1;

    if (tracker_job_copy(job, &page->rev, &e[0]) != NGX_OK
        || tracker_job_copy(job, &page->cursor, &e[2]) != NGX_OK
        || tracker_job_copy(job, &page->records, &e[4]) != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    return TRACKER_OUTCOME_FOUND;
}


/* what was copied to the same place before is freed where it was large */

static ngx_int_t
tracker_job_copy(tracker_job_t *job, ngx_str_t *to, ngx_redis_reply_t *from)
{
    if (from->type != NGX_REDIS_STRING) {
        return NGX_ERROR;
    }

    if (to->data) {
        ngx_pfree(job->pool, to->data);
    }

    to->len = from->str.len;
    to->data = ngx_pnalloc(job->pool, from->str.len);

    if (to->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(to->data, from->str.data, from->str.len);

    return NGX_OK;
}
