
/*
 * What the header of a request says of its body, and of what to do with it.
 */


#ifndef _NGX_HTTP_TRACKER_CONTENT_H_INCLUDED_
#define _NGX_HTTP_TRACKER_CONTENT_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/*
 * Checks what the header says of a body that must be JSON, for PATCH JSON
 * Patch or a merge patch as well, for a bulk lines as well, without a coding
 * such as gzip; sets ctx->form.merge and ctx->form.ndjson.  Returns 0 or the
 * outcome; ctx->fault is the name of the coding.
 */
ngx_uint_t ngx_http_tracker_check_content(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* Returns 1 if the header says that the body is NDJSON, else 0. */
ngx_uint_t ngx_http_tracker_has_lines(ngx_http_request_t *r);

/*
 * Checks that a request has no coding, with a body or without.  Returns 0 or
 * the outcome, as above.
 */
ngx_uint_t ngx_http_tracker_check_coding(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* Sets ctx->idempotency_key, if one was sent.  Returns 0 or the outcome. */
ngx_uint_t ngx_http_tracker_check_key(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * Checks that a write has no header that would give it another meaning.
 * Returns 0 or the outcome; ctx->fault is the name of the header.
 */
ngx_uint_t ngx_http_tracker_check_meaning(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_CONTENT_H_INCLUDED_ */
