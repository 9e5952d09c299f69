
/*
 * POST.
 */


#ifndef _NGX_HTTP_TRACKER_CREATE_H_INCLUDED_
#define _NGX_HTTP_TRACKER_CREATE_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/* A first step: creates the trackers of the body. */
void ngx_http_tracker_start_create(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_CREATE_H_INCLUDED_ */
