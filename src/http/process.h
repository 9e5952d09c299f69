
/*
 * Messages that are processed: searched for trackers, and stored or not.
 */


#ifndef _NGX_HTTP_TRACKER_PROCESS_H_INCLUDED_
#define _NGX_HTTP_TRACKER_PROCESS_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/*
 * First step of POST and PUT: a new conversation, or more of that of ctx->id.
 */
void ngx_http_tracker_start_process(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* First step of POST: nothing is stored. */
void ngx_http_tracker_start_detect(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_PROCESS_H_INCLUDED_ */
