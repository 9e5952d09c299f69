
/*
 * What a client says of the form of the answer that it wants.
 */


#ifndef _NGX_HTTP_TRACKER_ACCEPT_H_INCLUDED_
#define _NGX_HTTP_TRACKER_ACCEPT_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/*
 * Returns 1 if Accept names application/problem+json and likes application/json
 * no better (RFC 9110 section 12.5.1), else 0.  A wildcard is no name.
 */
ngx_uint_t ngx_http_tracker_accepts_problem(ngx_http_request_t *r);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_ACCEPT_H_INCLUDED_ */
