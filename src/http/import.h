
/*
 * An import: a POST of trackers that says what becomes of each, with a policy
 * for names that exist, and of a body with faults all of them.  A dry run
 * writes nothing.  Rules: API.md section 8.
 */


#ifndef _NGX_HTTP_TRACKER_IMPORT_H_INCLUDED_
#define _NGX_HTTP_TRACKER_IMPORT_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/* ngx_http_tracker_step_pt: the first step of a POST with such arguments */
void ngx_http_tracker_start_import(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_IMPORT_H_INCLUDED_ */
