
/*
 * The trackers that an import deletes, since its body does not name them.
 */


#include "http/rest.h"
#include "http/results.h"
#include "http/stored.h"
#include "tracker/duplicate.h"


/* a few ids are compared in one block */
#define NGX_HTTP_TRACKER_REST_POOL  4096


static ngx_int_t ngx_http_tracker_mark_named(ngx_http_tracker_ctx_t *ctx,
    const tracker_str_t *ids, size_t n, tracker_match_t **named,
    size_t nnamed, u_char *marks);


ngx_int_t
ngx_http_tracker_find_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest, const tracker_str_t *ids, size_t n,
    tracker_match_t ***named, size_t nnamed)
{
    size_t             i;
    u_char            *marks;
    ngx_pool_t        *pool;
    tracker_match_t  **all, *match;

    pool = ctx->txn->round;

    marks = ngx_pnalloc(pool, nnamed + n + 1);
    all = ngx_palloc(pool, (nnamed + n + 1) * sizeof(tracker_match_t *));

    if (marks == NULL
        || all == NULL
        || ngx_http_tracker_mark_named(ctx, ids, n, *named, nnamed, marks)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rest->have = n;
    rest->n = 0;

    for (i = 0; i < n; i++) {
        rest->n += !marks[nnamed + i];
    }

    rest->elts = ngx_pcalloc(pool, rest->n * sizeof(tracker_match_t) + 1);
    rest->gone = ngx_pcalloc(pool, rest->n * sizeof(tracker_written_t) + 1);

    if (rest->elts == NULL || rest->gone == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(all, *named, nnamed * sizeof(tracker_match_t *));

    *named = all;
    all += nnamed;
    match = rest->elts;

    for (i = 0; i < n; i++) {
        if (!marks[nnamed + i]) {
            match->id = ids[i];
            *all++ = match++;
        }
    }

    return NGX_OK;
}


/* marks those behind the first nnamed that are among these */

static ngx_int_t
ngx_http_tracker_mark_named(ngx_http_tracker_ctx_t *ctx,
    const tracker_str_t *ids, size_t n, tracker_match_t **named,
    size_t nnamed, u_char *marks)
{
    size_t            i;
    ngx_int_t         rc;
    ngx_pool_t       *pool;
    tracker_str_t    *strs;
    tracker_arena_t   arena;

    rc = NGX_ERROR;

    pool = ngx_create_pool(NGX_HTTP_TRACKER_REST_POOL,
                           ctx->request->connection->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ngx_http_tracker_set_arena(&arena, pool);

    strs = ngx_palloc(pool, (nnamed + n + 1) * sizeof(tracker_str_t));

    if (strs) {

        for (i = 0; i < nnamed; i++) {
            strs[i] = named[i]->id;
        }

        ngx_memcpy(strs + nnamed, ids, n * sizeof(tracker_str_t));

        if (tracker_mark_duplicates(strs, nnamed + n, &arena, marks)
            == TRACKER_OK)
        {
            rc = NGX_OK;
        }
    }

    ngx_destroy_pool(pool);

    return rc;
}


ngx_int_t
ngx_http_tracker_name_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest, size_t i)
{
    char                       *p;
    tracker_str_t              *name;
    tracker_match_t            *match;
    tracker_written_t          *gone;
    ngx_http_tracker_stored_t   stored;

    match = &rest->elts[i];
    gone = &rest->gone[i];

    if (ngx_http_tracker_open_stored(ctx, match, &stored) != NGX_OK) {
        return NGX_ERROR;
    }

    name = &stored.tracker.name;

    p = ngx_pnalloc(ctx->txn->round, name->len);

    if (p) {
        ngx_memcpy(p, name->data, name->len);

        gone->id = match->id;
        gone->name.len = name->len;
        gone->name.data = p;
    }

    ngx_http_tracker_close_stored(&stored);

    return p ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_tracker_tell_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest, tracker_str_t *told, size_t *size)
{
    u_char             *p;
    size_t              i, len;
    tracker_written_t  *gone;

    len = told->len;

    for (i = 0; i < rest->n; i++) {
        len += NGX_HTTP_TRACKER_RESULT_LEN + rest->gone[i].name.len + 1;
        *size += rest->gone[i].name.len;
    }

    p = ngx_pnalloc(ctx->txn->round, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = told->len;

    ngx_memcpy(p, told->data, len);
    told->data = (char *) p;

    p += len;

    for (i = 0; i < rest->n; i++) {
        gone = &rest->gone[i];

        *p++ = NGX_HTTP_TRACKER_DELETED;
        p = ngx_cpymem(p, gone->id.data, TRACKER_ID_LEN);
        p = ngx_cpymem(p, gone->name.data, gone->name.len);
        *p++ = '\0';
    }

    told->len = p - (u_char *) told->data;

    return NGX_OK;
}
