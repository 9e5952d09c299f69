
/*
 * Requests that wait for changes.
 */


#include "http/waiting.h"


static ngx_int_t ngx_http_tracker_begin_waiting(ngx_http_request_t *r,
    ngx_http_tracker_waiter_t *waiter);
static ngx_connection_t *ngx_http_tracker_open_bell(void);
static void ngx_http_tracker_ring(ngx_event_t *rev);
static void ngx_http_tracker_woken(tracker_watcher_t *watcher);
static void ngx_http_tracker_dismiss(ngx_http_tracker_waiter_t *waiter);
static void ngx_http_tracker_waited(ngx_event_t *ev);
static void ngx_http_tracker_end_waiting(ngx_http_tracker_waiter_t *waiter);
static void ngx_http_tracker_drop_waiter(void *data);


/* of this worker; the bell is there while anybody waits */

static ngx_queue_t        ngx_http_tracker_waiters;
static ngx_uint_t         ngx_http_tracker_nwaiters;
static ngx_connection_t  *ngx_http_tracker_bell;


ngx_int_t
ngx_http_tracker_await_change(ngx_http_request_t *r,
    ngx_http_tracker_waiter_t *waiter, ngx_uint_t most)
{
    ngx_msec_int_t           left;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = waiter->ctx;

    if (ngx_http_tracker_nwaiters >= most) {
        return NGX_DECLINED;
    }

    if (ngx_http_tracker_begin_waiting(r, waiter) != NGX_OK) {
        return NGX_ERROR;
    }

    left = (ngx_msec_int_t) (waiter->end - ngx_current_msec);

    ctx->event.handler = ngx_http_tracker_waited;
    ctx->event.data = waiter;
    ctx->event.log = r->connection->log;

    ngx_add_timer(&ctx->event, ngx_max(left, 1));

    /* it may be one of this connection, so that it is not answered now */

    waiter = (ngx_http_tracker_waiter_t *)
             tracker_watch_surplus(&waiter->watcher,
                                   NGX_HTTP_TRACKER_ACCOUNT_WAITS);
    if (waiter) {
        ngx_http_tracker_dismiss(waiter);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_begin_waiting(ngx_http_request_t *r,
    ngx_http_tracker_waiter_t *waiter)
{
    ngx_http_cleanup_t  *cln;

    if (!waiter->cleaned) {
        cln = ngx_http_cleanup_add(r, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_tracker_drop_waiter;
        cln->data = waiter;

        waiter->cleaned = 1;
    }

    if (ngx_http_tracker_bell == NULL) {
        ngx_http_tracker_bell = ngx_http_tracker_open_bell();

        if (ngx_http_tracker_bell == NULL) {
            return NGX_ERROR;
        }

        ngx_queue_init(&ngx_http_tracker_waiters);
    }

    waiter->watcher.handler = ngx_http_tracker_woken;

    ngx_queue_insert_tail(&ngx_http_tracker_waiters, &waiter->queue);
    ngx_http_tracker_tally->gauges.waiting = ++ngx_http_tracker_nwaiters;
    waiter->waits = 1;

    if (tracker_watch_join(waiter->ctx->txn, &waiter->watcher) != NGX_OK) {
        ngx_http_tracker_end_waiting(waiter);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * A worker that begins to exit tells idle connections only, and that of a
 * request that waits is not idle: this one, on which nothing comes, is.
 */

static ngx_connection_t *
ngx_http_tracker_open_bell(void)
{
    ngx_socket_t       s;
    ngx_connection_t  *c;

    s = ngx_socket(AF_UNIX, SOCK_DGRAM, 0);

    if (s == (ngx_socket_t) -1) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_socket_errno,
                      "tracker: no socket to wait for changes");
        return NULL;
    }

    c = ngx_get_connection(s, ngx_cycle->log);

    if (c == NULL) {
        (void) ngx_close_socket(s);
        return NULL;
    }

    c->idle = 1;
    c->read->handler = ngx_http_tracker_ring;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;

    return c;
}


/* the worker exits */

static void
ngx_http_tracker_ring(ngx_event_t *rev)
{
    ngx_queue_t                *q;
    ngx_http_tracker_waiter_t  *waiter;

    while (ngx_http_tracker_bell) {
        q = ngx_queue_head(&ngx_http_tracker_waiters);
        waiter = ngx_queue_data(q, ngx_http_tracker_waiter_t, queue);

        ngx_http_tracker_dismiss(waiter);
    }
}


/* the account has another revision */

static void
ngx_http_tracker_woken(tracker_watcher_t *watcher)
{
    ngx_http_tracker_waiter_t  *waiter;

    waiter = (ngx_http_tracker_waiter_t *) watcher;

    ngx_http_tracker_end_waiting(waiter);

    ngx_del_timer(&waiter->ctx->event);

    waiter->handler(waiter);
}


/*
 * It is answered in the next turn.  Until then its timer is set: an exiting
 * worker would not wait for what is posted.
 */

static void
ngx_http_tracker_dismiss(ngx_http_tracker_waiter_t *waiter)
{
    ngx_http_tracker_end_waiting(waiter);

    ngx_post_event(&waiter->ctx->event, &ngx_posted_next_events);
}


static void
ngx_http_tracker_waited(ngx_event_t *ev)
{
    ngx_http_tracker_waiter_t *waiter = ev->data;

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_http_tracker_end_waiting(waiter);

    waiter->over = 1;

    waiter->handler(waiter);
}


static void
ngx_http_tracker_end_waiting(ngx_http_tracker_waiter_t *waiter)
{
    if (!waiter->waits) {
        return;
    }

    waiter->waits = 0;

    tracker_watch_leave(&waiter->watcher);

    ngx_queue_remove(&waiter->queue);
    ngx_http_tracker_tally->gauges.waiting = --ngx_http_tracker_nwaiters;

    if (ngx_http_tracker_nwaiters == 0) {
        ngx_close_connection(ngx_http_tracker_bell);
        ngx_http_tracker_bell = NULL;
    }
}


static void
ngx_http_tracker_drop_waiter(void *data)
{
    ngx_http_tracker_end_waiting(data);
}
