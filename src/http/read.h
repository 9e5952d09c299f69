
/*
 * GET and HEAD.
 */


#ifndef _NGX_HTTP_TRACKER_READ_H_INCLUDED_
#define _NGX_HTTP_TRACKER_READ_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/*
 * First steps: answer with the tracker of ctx->id, with a list, or with the
 * description of the API.
 */
void ngx_http_tracker_start_get(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_start_list(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_start_description(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_READ_H_INCLUDED_ */
