
/*
 * POST conversations/detect with a body of lines.
 */


#ifndef _NGX_HTTP_TRACKER_DETECT_STREAM_H_INCLUDED_
#define _NGX_HTTP_TRACKER_DETECT_STREAM_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/* First step of POST: each line is a message, and answered with a line. */
void ngx_http_tracker_start_detect_stream(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_DETECT_STREAM_H_INCLUDED_ */
