
/*
 * The memory that a worker holds for answers, by account.
 */


#ifndef _NGX_HTTP_TRACKER_HELD_H_INCLUDED_
#define _NGX_HTTP_TRACKER_HELD_H_INCLUDED_


#include "http/conf.h"


#pragma GCC visibility push(hidden)


typedef struct ngx_http_tracker_holder_s  ngx_http_tracker_holder_t;


/* the part of one request */

typedef struct {
    ngx_http_tracker_holder_t  *holder;       /* its account; NULL: nothing
                                                 is counted so far */
    size_t                      bytes;
    ngx_uint_t                  sure;         /* 1: never refused, it has the
                                                 lock or has written */
} ngx_http_tracker_held_t;


/*
 * Counts size bytes as held for the answer, in place of those counted for this
 * request before, until r->pool is destroyed.
 * Returns NGX_OK; NGX_DECLINED if the account holds more than its share of
 * what a worker may hold, and then nothing has changed; never with
 * ctx->held.sure; NGX_ERROR if there is no memory.
 */
ngx_int_t ngx_http_tracker_hold(ngx_http_tracker_ctx_t *ctx, size_t size);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_HELD_H_INCLUDED_ */
