
/*
 * From the URI of a request to its endpoint.
 */


#ifndef _NGX_HTTP_TRACKER_ENDPOINT_H_INCLUDED_
#define _NGX_HTTP_TRACKER_ENDPOINT_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/*
 * Finds the first of endpoints, the last of which has no path, that has the
 * path and the method of the request.  Sets ctx->endpoint, ctx->id and
 * ctx->step.  Returns 0; or NGX_HTTP_TRACKER_OPTIONS,
 * NGX_HTTP_TRACKER_BAD_METHOD or NGX_HTTP_TRACKER_NO_ENDPOINT.
 */
ngx_uint_t ngx_http_tracker_find_endpoint(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_endpoint_t *endpoints);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_ENDPOINT_H_INCLUDED_ */
