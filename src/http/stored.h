
/*
 * A stored record, decoded for a while.
 */


#ifndef _NGX_HTTP_TRACKER_STORED_H_INCLUDED_
#define _NGX_HTTP_TRACKER_STORED_H_INCLUDED_


#include "http/ctx.h"
#include "store/import.h"


#pragma GCC visibility push(hidden)


/* a decoded record takes several times its size: all of that is in the pool */

typedef struct {
    ngx_pool_t       *pool;         /* NULL: there is none */
    tracker_arena_t   arena;        /* of the pool */
    tracker_t         tracker;      /* lies in the pool and in the record */
} ngx_http_tracker_stored_t;


/*
 * Decodes the record of a match, which was fetched and must stay where it is,
 * until it is closed.  Returns NGX_OK; or NGX_ERROR, which is logged if the
 * record is invalid, and nothing is to be closed.
 */
ngx_int_t ngx_http_tracker_open_stored(ngx_http_tracker_ctx_t *ctx,
    const tracker_match_t *match, ngx_http_tracker_stored_t *stored);

/* Frees what was decoded. */
void ngx_http_tracker_close_stored(ngx_http_tracker_stored_t *stored);

/* The same for data, if it is open: a cleanup of a pool. */
void ngx_http_tracker_free_stored(void *data);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_STORED_H_INCLUDED_ */
