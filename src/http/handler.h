
/*
 * What the rooms of the handler share: http/handler.c (what is
 * asked for), http/request.c (the dispatch, the end of a request),
 * http/write.c (lock and body), http/create.c (POST),
 * http/change.c (PUT, PATCH, DELETE) and http/read.c
 * (GET).
 */


#ifndef _NGX_HTTP_TRACKER_HANDLER_H_INCLUDED_
#define _NGX_HTTP_TRACKER_HANDLER_H_INCLUDED_


#include "http/module.h"


#pragma GCC visibility push(hidden)


/* the budget of a turn, about half a millisecond: see tracker_spend() */
#define NGX_HTTP_TRACKER_BUDGET  (512 * 1024)


#define NGX_HTTP_TRACKER_READS   (NGX_HTTP_GET|NGX_HTTP_HEAD)


/* what a request that was accepted waits for */

typedef enum {
    NGX_HTTP_TRACKER_LOCKING = 1,
    NGX_HTTP_TRACKER_READING,        /* the rest of the body */
    NGX_HTTP_TRACKER_DECODING,       /* the next turn */
    NGX_HTTP_TRACKER_COMPOSING,      /* the same */
    NGX_HTTP_TRACKER_RENDERING,      /* the same */
    NGX_HTTP_TRACKER_CREATING,
    NGX_HTTP_TRACKER_FETCHING,
    NGX_HTTP_TRACKER_APPLYING,       /* the next turn */
    NGX_HTTP_TRACKER_CHANGING,
    NGX_HTTP_TRACKER_LISTING,
    NGX_HTTP_TRACKER_SENDING,        /* a stretch of the list */
    NGX_HTTP_TRACKER_RELEASING       /* before an error is answered */
} ngx_http_tracker_state_e;


/*
 * Each of the following takes the next step of a request; in the end it
 * finalizes it, so that r may be gone when it returns.
 */

/* POST, PUT, PATCH: from the headers to the lock and the decoded body */
void ngx_http_tracker_start_write(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_locked(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_decoding(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* POST: from the decoded trackers to those that were created */
void ngx_http_tracker_composing(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_rendering(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_created(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* PUT, PATCH, DELETE: read the tracker, then write what was made of it */
void ngx_http_tracker_start_change(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_fetched(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_applying(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_changed(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* GET and HEAD */
void ngx_http_tracker_start_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_listed(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* the txn's handler comes next; meanwhile the client may go away */
void ngx_http_tracker_wait(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_state_e state);

/*
 * Long work is done in turns of the loop.  Returns 0 while something is left
 * of the budget of this one; else 1: the step of the state is taken anew in
 * the next one, after the others of this worker had theirs.
 */
ngx_uint_t ngx_http_tracker_turn_over(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_state_e state);

/* ctx->event calls the handler at the request's deadline */
void ngx_http_tracker_arm(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_event_handler_pt handler);

/* answers an outcome and the sentence of its table, as refuse does */
void ngx_http_tracker_fail(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_uint_t outcome);

/*
 * The answer will take size bytes.  Returns NGX_OK; NGX_ABORT when the request
 * has been answered, since its account holds too much, or no memory is left.
 */
ngx_int_t ngx_http_tracker_reserve(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t size);

/*
 * Answers an error that is set, after the lock was given back: a client that
 * sends one request after another never meets its own lock.  Where the store
 * does not answer, nothing is waited for.
 */
void ngx_http_tracker_refuse(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* frees what is not needed for the answer: it is not made of it */
void ngx_http_tracker_forget(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* answers with what is set */
void ngx_http_tracker_finish(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* begins the request's txn; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_tracker_begin_txn(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t size);

/* the end of a request, whatever its cause; data is its context */
void ngx_http_tracker_cleanup(void *data);

/* closes the txn, where there is one: its lock is given back */
void ngx_http_tracker_end_txn(ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_HANDLER_H_INCLUDED_ */
