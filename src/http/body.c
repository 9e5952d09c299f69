
/*
 * The request body: from the client's socket, or from what another module has
 * already read, into one piece of memory.
 */


#include "http/body.h"
#include "http/ctx.h"


static void ngx_http_tracker_body_readable(ngx_http_request_t *r);
static void ngx_http_tracker_body_proceed(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body);
static void ngx_http_tracker_body_late(ngx_event_t *ev);
static void ngx_http_tracker_body_received(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body, ngx_int_t rc);
static void ngx_http_tracker_body_pause(ngx_http_request_t *r);
static ngx_int_t ngx_http_tracker_body_take(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body);
static ngx_int_t ngx_http_tracker_body_start(ngx_http_request_t *r);
static void ngx_http_tracker_body_started(ngx_http_request_t *r);
static ngx_int_t ngx_http_tracker_body_error(ngx_http_request_t *r,
    ngx_int_t rc);
static ngx_int_t ngx_http_tracker_body_whole(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body);
static ngx_int_t ngx_http_tracker_body_part(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body);
static ngx_int_t ngx_http_tracker_body_append(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body, ngx_buf_t *b);
static ngx_int_t ngx_http_tracker_body_reserve(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body, size_t size);


/* the first allocation for a body of unknown length */
#define NGX_HTTP_TRACKER_BODY_SIZE  4096


ngx_int_t
ngx_http_tracker_body_read(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body)
{
    ngx_int_t  rc;

    rc = ngx_http_tracker_body_take(r, body);

    if (rc != NGX_OK) {
        ngx_http_tracker_body_pause(r);
    }

    return rc;
}


void
ngx_http_tracker_body_receive(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body, ngx_msec_t deadline,
    ngx_http_tracker_body_handler_pt handler)
{
    body->request = r;
    body->deadline = deadline;
    body->handler = handler;

    /* HTTP/2 has started the clock with each frame that came meanwhile */

    ngx_http_tracker_body_pause(r);
    r->connection->read->timedout = 0;

    ngx_http_tracker_body_proceed(r, body);
}


static void
ngx_http_tracker_body_readable(ngx_http_request_t *r)
{
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    ngx_http_tracker_body_proceed(r, &ctx->body);
}


static void
ngx_http_tracker_body_proceed(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body)
{
    ngx_int_t       rc;
    ngx_msec_int_t  left;

    rc = ngx_http_tracker_body_take(r, body);

    if (rc != NGX_AGAIN) {
        ngx_http_tracker_body_received(r, body, rc);
        return;
    }

    r->read_event_handler = ngx_http_tracker_body_readable;

    if (body->event.timer_set) {
        return;
    }

    r->connection->log->action = "reading tracker request body";

    left = (ngx_msec_int_t) (body->deadline - ngx_current_msec);

    body->event.handler = ngx_http_tracker_body_late;
    body->event.data = body;
    body->event.log = r->connection->log;

    ngx_add_timer(&body->event, ngx_max(left, 1));
}


static void
ngx_http_tracker_body_late(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_tracker_body_t  *body;

    body = ev->data;
    r = body->request;
    c = r->connection;

    ngx_http_tracker_body_received(r, body, NGX_HTTP_REQUEST_TIME_OUT);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_tracker_body_received(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body, ngx_int_t rc)
{
    ngx_http_tracker_body_stop(body);

    if (rc != NGX_OK) {
        ngx_http_tracker_body_pause(r);
    }

    r->connection->log->action = NULL;

    body->handler(r, rc);
}


void
ngx_http_tracker_body_stop(ngx_http_tracker_body_t *body)
{
    if (body->event.timer_set) {
        ngx_del_timer(&body->event);
    }
}


/* while something else is waited for, client_body_timeout stands still */

static void
ngx_http_tracker_body_pause(ngx_http_request_t *r)
{
    if (r->connection->read->timer_set) {
        ngx_del_timer(r->connection->read);
    }
}


static ngx_int_t
ngx_http_tracker_body_take(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body)
{
    size_t     before;
    ngx_int_t  rc, taken;

    body->before = body->data.len;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "tracker body read");

    if (body->started) {
        rc = ngx_http_read_unbuffered_request_body(r);

    } else {
        body->started = 1;
        rc = ngx_http_tracker_body_start(r);
    }

    for ( ;; ) {

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return ngx_http_tracker_body_error(r, rc);
        }

        before = body->data.len;

        taken = rc == NGX_OK ? ngx_http_tracker_body_whole(r, body)
                             : ngx_http_tracker_body_part(r, body);

        if (taken != NGX_OK) {
            return taken == NGX_DECLINED ? NGX_HTTP_TOO_MANY_REQUESTS
                                         : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (rc == NGX_OK) {
            return NGX_OK;
        }

        /*
         * NGX_AGAIN: nginx's buffer was full, or nothing more has arrived.
         * An HTTP/2 stream is always ready; there, the call that brings
         * nothing opens the window for more.
         */

        if (body->data.len == before || !r->connection->read->ready) {
            return NGX_AGAIN;
        }

        rc = ngx_http_read_unbuffered_request_body(r);
    }
}


void
ngx_http_tracker_body_free(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body)
{
    if (body->owned) {
        ngx_pfree(r->pool, body->data.data);
    }

    body->owned = 0;
    body->size = 0;
    ngx_str_null(&body->data);
}


static ngx_int_t
ngx_http_tracker_body_start(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_tracker_body_started);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    /* the caller holds a count already: this one is released */

    ngx_http_finalize_request(r, NGX_DONE);

    if (rc == NGX_AGAIN && !r->request_body_no_buffering) {

        /* the last frame of an HTTP/2 stream is here, not flushed so far */

        rc = ngx_http_read_unbuffered_request_body(r);
    }

    return rc;
}


/* ngx_http_read_client_request_body() returns whatever is known here */

static void
ngx_http_tracker_body_started(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "tracker body started");
}


static ngx_int_t
ngx_http_tracker_body_error(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_connection_t  *c;

    c = r->connection;

    if (rc == NGX_HTTP_BAD_REQUEST && c->error) {
        return NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    if (rc == NGX_HTTP_REQUEST_TIME_OUT) {

        /* nginx would close the connection without an answer */

        c->timedout = 0;
        c->read->timedout = 0;
    }

    return rc;
}


/*
 * The body is complete.  If nginx holds it in one buffer, it is used there.
 * Other modules (mirror) may still need the buffers: they stay as they are.
 */

static ngx_int_t
ngx_http_tracker_body_whole(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *only;

    body->complete = 1;

    if (r->request_body == NULL) {

        /* discarded before the request came here: error_page of a 413 */

        return NGX_OK;
    }

    only = NULL;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        if (ngx_buf_size(cl->buf) == 0) {
            continue;
        }

        if (only || body->data.len || !ngx_buf_in_memory(cl->buf)) {
            break;
        }

        only = cl;
    }

    if (cl == NULL && only) {
        b = only->buf;

        body->data.data = b->pos;
        body->data.len = b->last - b->pos;

        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        rc = ngx_http_tracker_body_append(r, body, cl->buf);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* copies what has arrived, and returns the buffer to nginx */

static ngx_int_t
ngx_http_tracker_body_part(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl, *next;

    for (cl = r->request_body->bufs; cl; cl = next) {
        next = cl->next;

        rc = ngx_http_tracker_body_append(r, body, cl->buf);
        if (rc != NGX_OK) {
            return rc;
        }

        cl->buf->pos = cl->buf->last;
        ngx_free_chain(r->pool, cl);
    }

    r->request_body->bufs = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_body_append(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body, ngx_buf_t *b)
{
    off_t       size;
    u_char     *p;
    ngx_int_t   rc;

    size = ngx_buf_size(b);

    if (size == 0) {
        return NGX_OK;
    }

    rc = ngx_http_tracker_body_reserve(r, body, (size_t) size);
    if (rc != NGX_OK) {
        return rc;
    }

    p = body->data.data + body->data.len;

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(p, b->pos, (size_t) size);

    } else if (ngx_read_file(b->file, p, (size_t) size, b->file_pos)
               != (ssize_t) size)
    {
        return NGX_ERROR;
    }

    body->data.len += (size_t) size;

    return NGX_OK;
}


/*
 * Makes room for size more bytes.  client_max_body_size bounds it: nginx has
 * checked the announced length, and counts the bytes of chunks.  Bodies that
 * take no lock are as many as a client likes: they are counted before they are
 * complete, except at a login, which has no account.  Returns what
 * ngx_http_tracker_hold() does.
 */

static ngx_int_t
ngx_http_tracker_body_reserve(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body, size_t size)
{
    size_t                   need, room;
    u_char                  *p;
    ngx_int_t                rc;
    ngx_http_tracker_ctx_t  *ctx;

    need = body->data.len + size;

    if (need <= body->size) {
        return NGX_OK;
    }

    room = ngx_max(2 * body->size, NGX_HTTP_TRACKER_BODY_SIZE);

    if (!r->headers_in.chunked
        && r->headers_in.content_length_n >= (off_t) need)
    {
        room = (size_t) r->headers_in.content_length_n;
    }

    room = ngx_max(room, need);

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (ctx->identity.account.len) {

        rc = ngx_http_tracker_hold(ctx, room);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    p = ngx_palloc(r->pool, room);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (body->data.len) {
        ngx_memcpy(p, body->data.data, body->data.len);
    }

    if (body->owned) {
        ngx_pfree(r->pool, body->data.data);
    }

    body->data.data = p;
    body->size = room;
    body->owned = 1;

    return NGX_OK;
}
