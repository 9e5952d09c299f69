
/*
 * Requests that wait for changes: how many, until when, and what ends it.
 */


#ifndef _NGX_HTTP_TRACKER_WAITING_H_INCLUDED_
#define _NGX_HTTP_TRACKER_WAITING_H_INCLUDED_


#include "http/ctx.h"
#include "store/watch.h"


#pragma GCC visibility push(hidden)


/* most requests of an account that wait in one worker */
#define NGX_HTTP_TRACKER_ACCOUNT_WAITS  16


typedef struct ngx_http_tracker_waiter_s  ngx_http_tracker_waiter_t;

/* of the owner */
typedef void (*ngx_http_tracker_waiter_pt)(ngx_http_tracker_waiter_t *waiter);


/* memory of the request, zeros at first */

struct ngx_http_tracker_waiter_s {
    tracker_watcher_t            watcher;    /* first; its rev is set */
    ngx_http_tracker_ctx_t      *ctx;
    ngx_http_tracker_waiter_pt   handler;
    ngx_queue_t                  queue;      /* of this worker */
    ngx_msec_t                   end;        /* when it is over */
    unsigned                     waits:1;    /* it is in the queue */
    unsigned                     cleaned:1;  /* it leaves with the request */
    unsigned                     over:1;     /* it must not wait any longer */
};


/*
 * The request waits until its account, that of ctx->txn, has another revision
 * than watcher.rev: then the handler is called, never before this function has
 * returned.  It is called with over where the time has come first, where more
 * than NGX_HTTP_TRACKER_ACCOUNT_WAITS requests of the account wait and this one
 * has waited longest, and at once where the worker exits.  ctx->event is taken
 * until then.  A request that ends does not wait any longer.
 * Returns NGX_OK; NGX_DECLINED if most requests wait in this worker already; or
 * NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_await_change(ngx_http_request_t *r,
    ngx_http_tracker_waiter_t *waiter, ngx_uint_t most);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_WAITING_H_INCLUDED_ */
