
/*
 * The form of an answer: what the client says of it, and what it is.
 */


#ifndef _NGX_HTTP_TRACKER_ACCEPT_H_INCLUDED_
#define _NGX_HTTP_TRACKER_ACCEPT_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/*
 * Returns 1 if Accept names application/problem+json, or application/x-ndjson,
 * and likes application/json no better (RFC 9110 section 12.5.1), else 0.  A
 * wildcard is no name.
 */
ngx_uint_t ngx_http_tracker_accepts_problem(ngx_http_request_t *r);
ngx_uint_t ngx_http_tracker_accepts_lines(ngx_http_request_t *r);

/* The type of ctx->answer, static memory. */
ngx_str_t *ngx_http_tracker_content_type(ngx_http_tracker_ctx_t *ctx);

/*
 * Sets ctx->form.minimal or ctx->form.whole if Prefer says what to return
 * (RFC 7240 section 4.2).
 */
void ngx_http_tracker_set_preference(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_ACCEPT_H_INCLUDED_ */
