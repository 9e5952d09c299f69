
/*
 * The answer goes out.
 */


#ifndef _NGX_HTTP_TRACKER_SEND_H_INCLUDED_
#define _NGX_HTTP_TRACKER_SEND_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/* the buffers of an answer that is sent in parts, zeros at first */

typedef struct {
    ngx_buf_t    *tail;     /* the last one of the last part; or NULL */
    ngx_chain_t  *busy;     /* not sent so far */
    ngx_chain_t  *free;     /* sent, and used again: there is no end of parts */
} ngx_http_tracker_parts_t;


/*
 * Sends the header with the status of ctx->outcome, once, and ctx->open,
 * ctx->answer and ctx->close.  With parts the answer goes on in another call,
 * and parts->tail is set.
 * Returns what ngx_http_finalize_request() takes.
 */
ngx_int_t ngx_http_tracker_send(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_parts_t *parts);

/*
 * Sends what the headers alone have decided: an error or the answer to
 * OPTIONS.  Returns what a content handler returns.
 */
ngx_int_t ngx_http_tracker_send_outcome(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t outcome);

/*
 * Answers any other method than GET and HEAD, with what API.md section 2 says,
 * in a location that is no endpoint and takes only these.  Returns NGX_DECLINED
 * if it is one of them, else what a content handler returns.
 */
ngx_int_t ngx_http_tracker_send_method(ngx_http_request_t *r);

/*
 * Adds what caches need to know of an answer, whose status is set (API.md
 * section 7).  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_push_caching(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * Adds a header line to an answer.  name is static, value memory of r->pool or
 * static.  Returns the line, or NULL if there is no memory.
 */
ngx_table_elt_t *ngx_http_tracker_push_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_SEND_H_INCLUDED_ */
