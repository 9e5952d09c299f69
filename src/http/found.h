
/*
 * What was said, and what was found in it.
 */


#ifndef _NGX_HTTP_TRACKER_FOUND_H_INCLUDED_
#define _NGX_HTTP_TRACKER_FOUND_H_INCLUDED_


#include "http/ctx.h"
#include "detect/array.h"


#pragma GCC visibility push(hidden)


/* bytes of a stretch of an answer, about */
#define NGX_HTTP_TRACKER_FOUND_STRETCH  65536


typedef struct ngx_http_tracker_found_s  ngx_http_tracker_found_t;


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

/*
 * For the answers of jobs that are gathered in ctx->body.lines->out.  Returns
 * memory of the request's pool, or NULL; ctx->data does not change.
 */
ngx_http_tracker_found_t *ngx_http_tracker_create_jobs(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * Appends to out what ngx_http_tracker_answer_job() answers; a long one is sent
 * meanwhile, except its end.  next is called, when the texts are not needed any
 * more, with ctx->data as it is now.
 */
void ngx_http_tracker_gather_job(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_found_t *found,
    const detect_str_t *said, const detect_str_t *hits,
    ngx_http_tracker_step_pt next);

/* Sends what out has; next is called in the same way. */
void ngx_http_tracker_send_jobs(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_found_t *found,
    ngx_http_tracker_step_pt next);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_FOUND_H_INCLUDED_ */
