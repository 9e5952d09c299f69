
/*
 * GET and HEAD of what has changed since a revision of the list.
 */


#ifndef _NGX_HTTP_TRACKER_CHANGES_H_INCLUDED_
#define _NGX_HTTP_TRACKER_CHANGES_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/* First step. */
void ngx_http_tracker_start_changes(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_CHANGES_H_INCLUDED_ */
