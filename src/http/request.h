
/*
 * A request from its first step to its end: its txn, its turns of the event
 * loop, refusals, and what is left when it ends.
 */


#ifndef _NGX_HTTP_TRACKER_REQUEST_H_INCLUDED_
#define _NGX_HTTP_TRACKER_REQUEST_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/* the budget of a turn, about a tenth of a millisecond: see tracker_spend() */
#define NGX_HTTP_TRACKER_BUDGET  (128 * 1024)

#define NGX_HTTP_TRACKER_READS   (NGX_HTTP_GET|NGX_HTTP_HEAD)


/*
 * Decides what the headers alone decide.  Sets ctx->endpoint, except for
 * NGX_HTTP_TRACKER_NO_ENDPOINT, and ctx->step, the first one.
 * Returns 0 or the outcome.
 */
typedef ngx_uint_t (*ngx_http_tracker_check_pt)(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


/*
 * The content handler of tracker_api, tracker_conversations and tracker_token:
 * checks the request, then takes its first step, or answers.  Returns what a
 * content handler returns.
 */
ngx_int_t ngx_http_tracker_start(ngx_http_request_t *r,
    ngx_http_tracker_check_pt check);

/*
 * Begins the txn of the request, for ctx->identity.account.  size as in
 * tracker_txn_begin().  One that was begun before is closed and freed.
 * Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_begin_txn(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t size);

/*
 * The txn of a request whose path has the id of a conversation.  Returns
 * NGX_OK; or NGX_ABORT if there is none, and then the request was answered.
 */
ngx_int_t ngx_http_tracker_begin_conversation(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * The txn has a step under way: when it ends, step is called.  Until then the
 * client may go away, which ends the request.
 */
void ngx_http_tracker_wait(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_step_pt step);

/*
 * Takes the step that ngx_http_tracker_wait() has set: for what is waited for
 * besides the txn.
 */
void ngx_http_tracker_resume(ngx_http_tracker_ctx_t *ctx);

/*
 * Long work is done in turns of the event loop.  Returns 0 while some budget
 * of this turn is left; else 1, and step is called in the next turn, after the
 * other requests of this worker had theirs.
 */
ngx_uint_t ngx_http_tracker_yield(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_step_pt step);

/*
 * Counts size bytes as held for the answer, or for its next stretch.  Returns
 * NGX_OK; NGX_ABORT if the request was answered or cut off, since its account
 * holds too much or no memory is left.
 */
ngx_int_t ngx_http_tracker_reserve(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t size);

/*
 * The functions below end the request.
 */

/* Answers with ctx->outcome and ctx->answer, which are set. */
void ngx_http_tracker_finish(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * Answers an error that ngx_http_tracker_set_error() has set, or 304, for which
 * ctx->outcome and ctx->etag are set, after the lock was released: a client
 * that sends one request after another never meets its own lock.  If the store
 * does not answer, it is not waited for.
 */
void ngx_http_tracker_refuse(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * Sets the error of an outcome, with the message of its table, and refuses; or
 * cuts off an answer that has begun, unless it is of lines: then the error is
 * the last one.
 */
void ngx_http_tracker_fail(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_uint_t outcome);

/*
 * A text of the client could not be decoded: rc is TRACKER_INVALID, with the
 * message that is answered, or TRACKER_NOMEM.
 */
void ngx_http_tracker_fail_decoding(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_rc_e rc, tracker_message_t *message);

/*
 * The body could not be read, rc is of ngx_http_tracker_body_read().  Answers
 * if there is still a client.
 */
void ngx_http_tracker_fail_body(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_int_t rc);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_REQUEST_H_INCLUDED_ */
