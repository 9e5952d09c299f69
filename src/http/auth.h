
/*
 * From a request to the account it speaks for.
 */


#ifndef _NGX_HTTP_TRACKER_AUTH_H_INCLUDED_
#define _NGX_HTTP_TRACKER_AUTH_H_INCLUDED_


#include "http/conf.h"


#pragma GCC visibility push(hidden)


typedef struct {
    ngx_str_t                   account;      /* memory of r->pool */
    ngx_http_tracker_keys_t    *verified;     /* the keys that have verified
                                                 its token; or NULL */
    ngx_uint_t                  refusal;      /* why there is no account */
} ngx_http_tracker_identity_t;


/*
 * Sets ctx->identity.  Returns NGX_OK; NGX_DECLINED if the request has no
 * valid account, and then ctx->identity.refusal says why; NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_authenticate(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * The same for a request that needs an account; logs why there is none.
 * Returns 0, NGX_HTTP_TRACKER_UNAUTHORIZED or TRACKER_OUTCOME_ERROR.
 */
ngx_uint_t ngx_http_tracker_check_account(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * Returns the value of WWW-Authenticate for a request that was unauthorized,
 * static memory.
 */
ngx_str_t *ngx_http_tracker_challenge(ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_AUTH_H_INCLUDED_ */
