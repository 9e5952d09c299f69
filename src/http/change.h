
/*
 * PUT, PATCH and DELETE.
 */


#ifndef _NGX_HTTP_TRACKER_CHANGE_H_INCLUDED_
#define _NGX_HTTP_TRACKER_CHANGE_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/* First steps: change the tracker of ctx->id by the body, or delete it. */
void ngx_http_tracker_start_change(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_start_delete(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_CHANGE_H_INCLUDED_ */
