
/*
 * What was said, and what was found in it.
 */


#ifndef _NGX_HTTP_TRACKER_FOUND_H_INCLUDED_
#define _NGX_HTTP_TRACKER_FOUND_H_INCLUDED_


#include "http/ctx.h"
#include "detect/dict.h"


#pragma GCC visibility push(hidden)


/*
 * First steps of GET: the messages of the conversation of ctx->id, and the
 * trackers that were found in them.
 */
void ngx_http_tracker_start_messages(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_start_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * Answers with both, made of the texts of a job (detect/record.h), which live
 * as long as the request's pool.
 */
void ngx_http_tracker_answer_job(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, const detect_str_t *said,
    const detect_str_t *found);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_FOUND_H_INCLUDED_ */
