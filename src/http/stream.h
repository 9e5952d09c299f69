
/*
 * An answer that is read and sent in stretches, so that no more than one of
 * them is held in memory.  If one cannot be read after the first was sent, the
 * answer is cut off, so that it is not taken for a complete one.
 */


#ifndef _NGX_HTTP_TRACKER_STREAM_H_INCLUDED_
#define _NGX_HTTP_TRACKER_STREAM_H_INCLUDED_


#include "http/send.h"


#pragma GCC visibility push(hidden)


/* ctx->data of a request whose answer is a stream begins with this */

typedef struct {
    ngx_http_tracker_step_pt    next;         /* asks for the next stretch */
    ngx_http_tracker_parts_t    parts;
} ngx_http_tracker_stream_t;


/*
 * Sends ctx->open, ctx->answer and ctx->close, which another stretch follows,
 * with ctx->outcome as ngx_http_tracker_send().  When all of it was sent, next
 * is called, and its memory is free.  The last stretch is sent by
 * ngx_http_tracker_finish(); ngx_http_tracker_fail() cuts off an answer that
 * has begun.
 */
void ngx_http_tracker_send_stretch(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_step_pt next);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_STREAM_H_INCLUDED_ */
