
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
static ngx_int_t ngx_http_tracker_body_fill(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body);
static ngx_int_t ngx_http_tracker_body_outrun(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body);
static ngx_int_t ngx_http_tracker_body_taken(ngx_int_t rc);
static ngx_int_t ngx_http_tracker_body_rest(ngx_http_request_t *r,
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
    ngx_http_tracker_body_t *body, ngx_buf_t *b, off_t pos, off_t size);
static ngx_int_t ngx_http_tracker_body_reserve(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body, size_t size);


/* the first allocation for a body of unknown length */
#define NGX_HTTP_TRACKER_BODY_SIZE  4096

/* bytes after which a piece is enough */
#define NGX_HTTP_TRACKER_BODY_PIECE  65536


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

    if (body->event.timer_set || body->lines) {
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
    ngx_int_t  rc;

    body->before = body->data.len;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "tracker body read");

    if (body->lines == NULL) {
        return ngx_http_tracker_body_outrun(r, body)
               ? NGX_HTTP_REQUEST_ENTITY_TOO_LARGE
               : ngx_http_tracker_body_fill(r, body);
    }

    if (body->failed) {
        return body->failed;
    }

    if (body->ended) {
        rc = ngx_http_tracker_body_taken(ngx_http_tracker_body_rest(r, body));

    } else {
        rc = ngx_http_tracker_body_fill(r, body);
    }

    /* what has arrived comes first */

    if (rc != NGX_OK && body->data.len > body->before) {
        body->failed = rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : 0;
        return NGX_BUSY;
    }

    return rc;
}


/* where client_max_body_size allows more for the sake of lines */

static ngx_int_t
ngx_http_tracker_body_outrun(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body)
{
    return !r->headers_in.chunked
           && r->headers_in.content_length_n > NGX_HTTP_TRACKER_MAX_BODY;
}


static ngx_int_t
ngx_http_tracker_body_fill(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body)
{
    size_t     before;
    ngx_int_t  rc, taken;

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

        if (taken != NGX_OK || rc == NGX_OK) {
            return ngx_http_tracker_body_taken(taken);
        }

        /*
         * NGX_AGAIN: nginx's buffer was full, or nothing more has arrived.
         * An HTTP/2 stream is always ready; there, the call that brings
         * nothing opens the window for more.
         */

        if (body->data.len == before || !r->connection->read->ready) {
            return NGX_AGAIN;
        }

        if (body->lines
            && body->data.len - body->before >= NGX_HTTP_TRACKER_BODY_PIECE)
        {
            return NGX_AGAIN;
        }

        rc = ngx_http_read_unbuffered_request_body(r);
    }
}


/* rc: of a function that takes bytes; what is returned in its place */

static ngx_int_t
ngx_http_tracker_body_taken(ngx_int_t rc)
{
    switch (rc) {

    case NGX_DECLINED:
        return NGX_HTTP_TOO_MANY_REQUESTS;

    case NGX_ABORT:
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;

    case NGX_OK:
    case NGX_BUSY:
        return rc;

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
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

    if (body->lines) {
        body->ended = 1;
        body->rest = r->request_body ? r->request_body->bufs : NULL;

        return ngx_http_tracker_body_rest(r, body);
    }

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

    if (cl == NULL && only
        && ngx_buf_size(only->buf) <= NGX_HTTP_TRACKER_MAX_BODY)
    {
        b = only->buf;

        body->data.data = b->pos;
        body->data.len = b->last - b->pos;

        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        rc = ngx_http_tracker_body_append(r, body, cl->buf, 0,
                                          ngx_buf_size(cl->buf));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/*
 * Copies a piece of the last buffers, which may be a whole body that another
 * module has read.  Returns NGX_BUSY if there is more.
 */

static ngx_int_t
ngx_http_tracker_body_rest(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body)
{
    off_t      size, room;
    ngx_int_t  rc;

    while (body->rest) {

        room = NGX_HTTP_TRACKER_BODY_PIECE
               - (off_t) (body->data.len - body->before);

        if (room <= 0) {
            return NGX_BUSY;
        }

        size = ngx_buf_size(body->rest->buf) - body->rest_pos;
        size = ngx_min(size, room);

        rc = ngx_http_tracker_body_append(r, body, body->rest->buf,
                                          body->rest_pos, size);
        if (rc != NGX_OK) {
            return rc;
        }

        body->rest_pos += size;

        if (body->rest_pos == ngx_buf_size(body->rest->buf)) {
            body->rest = body->rest->next;
            body->rest_pos = 0;
        }
    }

    body->complete = 1;

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

        rc = ngx_http_tracker_body_append(r, body, cl->buf, 0,
                                          ngx_buf_size(cl->buf));
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
    ngx_http_tracker_body_t *body, ngx_buf_t *b, off_t pos, off_t size)
{
    u_char     *p;
    ngx_int_t   rc;

    if (size == 0) {
        return NGX_OK;
    }

    rc = ngx_http_tracker_body_reserve(r, body, (size_t) size);
    if (rc != NGX_OK) {
        return rc;
    }

    p = body->data.data + body->data.len;

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(p, b->pos + pos, (size_t) size);

    } else if (ngx_read_file(b->file, p, (size_t) size, b->file_pos + pos)
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
 * complete, except at a login, which has no account.  Who takes lines counts
 * them once more, with their answers.  Returns what ngx_http_tracker_hold()
 * does, or NGX_ABORT: the body is too large.
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

    if (body->lines == NULL && need > NGX_HTTP_TRACKER_MAX_BODY) {
        return NGX_ABORT;
    }

    if (need <= body->size) {
        return NGX_OK;
    }

    room = ngx_max(2 * body->size, NGX_HTTP_TRACKER_BODY_SIZE);

    if (body->lines == NULL
        && !r->headers_in.chunked
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
