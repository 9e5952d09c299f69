
/*
 * Arguments of the query string.
 */


#ifndef _NGX_HTTP_TRACKER_ARGS_H_INCLUDED_
#define _NGX_HTTP_TRACKER_ARGS_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/*
 * Checks the arguments of a write, which are none but those of an import, and
 * sets these in ctx->form.  Returns 0 or the outcome; ctx->fault is the name of
 * the first one that is not known, or comes twice.
 */
ngx_uint_t ngx_http_tracker_check_args(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * Finds the first argument with this name.  Its value is as the client sent
 * it, empty if there is no "=".  Returns NGX_OK, or NGX_DECLINED if there is
 * no such argument.
 */
ngx_int_t ngx_http_tracker_find_arg(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/*
 * Sets number to the argument with this name.  Returns NGX_OK; NGX_DECLINED if
 * there is no such argument; NGX_ERROR if it is not a number from least to
 * most, or has more digits than most.
 */
ngx_int_t ngx_http_tracker_find_number(ngx_http_request_t *r,
    const char *name, ngx_uint_t least, ngx_uint_t most, ngx_uint_t *number);

/*
 * Decodes the value of an argument into memory of pool.  A plus is a space; an
 * invalid escape is not changed.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_decode_arg(ngx_pool_t *pool, ngx_str_t *value);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_ARGS_H_INCLUDED_ */
