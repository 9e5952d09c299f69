
/*
 * A hiredis context on nginx's event loop.
 *
 * The events are level-triggered: hiredis reads 16 KiB at a time and stops,
 * with EPOLLET the rest of a long reply would never come.  Those of TLS are
 * as nginx has them: OpenSSL may hold bytes of which no event tells, and a
 * read may have to wait until something can be written.
 */


#include "redis/stream.h"


/* what is read at a time, and how often in a turn: then others come first */
#define NGX_REDIS_READ_SIZE  16384
#define NGX_REDIS_READS      4


static void ngx_redis_stream_read(ngx_event_t *rev);
static void ngx_redis_stream_write(ngx_event_t *wev);
static ngx_uint_t ngx_redis_stream_stopped(ngx_connection_t *c);
static void ngx_redis_stream_add_read(void *data);
static void ngx_redis_stream_del_read(void *data);
static void ngx_redis_stream_add_write(void *data);
static void ngx_redis_stream_del_write(void *data);
static void ngx_redis_stream_cleanup(void *data);

#if (NGX_SSL)
static void ngx_redis_stream_tls_read(ngx_event_t *rev);
static ngx_int_t ngx_redis_stream_tls_feed(ngx_redis_stream_t *stream,
    u_char *buf, size_t size);
static void ngx_redis_stream_tls_write(ngx_event_t *wev);
static void ngx_redis_stream_tls_connected(ngx_redis_stream_t *stream);
static void ngx_redis_stream_tls_handshake(ngx_redis_stream_t *stream);
static void ngx_redis_stream_tls_flush(ngx_redis_stream_t *stream);
static void ngx_redis_stream_tls_uncork(ngx_redis_stream_t *stream,
    ngx_uint_t more);
static void ngx_redis_stream_tls_add_write(void *data);


/* in no header of hiredis, which calls it itself, from 0.14 to 1.4 */

void redisProcessCallbacks(redisAsyncContext *ac);
#endif


ngx_int_t
ngx_redis_stream_attach(ngx_redis_stream_t *stream, redisAsyncContext *ac,
    ngx_uint_t keepalive)
{
    int                fd, on;
    ngx_int_t          rc;
    ngx_connection_t  *c;

    fd = ac->c.fd;

    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "redis: fcntl(FD_CLOEXEC) failed");
    }

    on = 1;

    /* TCP_NODELAY is set by hiredis */

    if (keepalive
        && setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, (const void *) &on,
                      sizeof(int))
           == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_socket_errno,
                      "redis: setsockopt(SO_KEEPALIVE) failed, ignored");
    }

    c = ngx_get_connection(fd, ngx_cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    c->log_error = NGX_ERROR_ERR;
    c->data = stream;

    /* worker_shutdown_timeout calls the read handler, whatever is awaited */

    c->read->handler = ngx_redis_stream_read;
    c->read->log = c->log;
    c->write->handler = ngx_redis_stream_write;
    c->write->log = c->log;

    /*
     * Writable is connected.  No connect callback: 0.14 must not be told to
     * close from there, and REDIS_CONNECTED in the flags says the same.
     */

#if (NGX_SSL)
    if (stream->tls) {
        c->read->handler = ngx_redis_stream_tls_read;
        c->write->handler = ngx_redis_stream_tls_write;

        rc = ngx_handle_write_event(c->write, 0);

    } else
#endif
    {
        rc = ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }

    if (rc != NGX_OK) {
        c->shared = 1;
        ngx_close_connection(c);
        return NGX_ERROR;
    }

    stream->ac = ac;
    stream->connection = c;
    stream->end = NGX_REDIS_END_LOST;
    stream->unanswered = 0;
    stream->unwritten = 0;
    stream->spoken = 0;
    stream->since = ngx_current_msec;

    stream->secure = NULL;
    stream->securing = 0;

    ac->ev.data = stream;
    ac->ev.cleanup = ngx_redis_stream_cleanup;

#if (NGX_SSL)
    if (stream->tls) {
        ac->ev.addWrite = ngx_redis_stream_tls_add_write;
        return NGX_OK;
    }
#endif

    ac->ev.addRead = ngx_redis_stream_add_read;
    ac->ev.delRead = ngx_redis_stream_del_read;
    ac->ev.addWrite = ngx_redis_stream_add_write;
    ac->ev.delWrite = ngx_redis_stream_del_write;

    return NGX_OK;
}


void
ngx_redis_stream_close(ngx_redis_stream_t *stream, ngx_redis_end_e end)
{
    if (stream->ac == NULL) {
        return;
    }

    stream->end = end;

    redisAsyncFree(stream->ac);
}


void
ngx_redis_stream_uncork(ngx_redis_stream_t *stream, ngx_uint_t more)
{
    ngx_event_t  *wev;

    stream->corked = 0;

    if (stream->ac == NULL) {
        return;
    }

#if (NGX_SSL)
    if (stream->tls) {
        ngx_redis_stream_tls_uncork(stream, more);
        return;
    }
#endif

    if (stream->unwritten && !stream->connection->write->active) {
        redisAsyncHandleWrite(stream->ac);
    }

    if (!more || stream->ac == NULL) {
        return;
    }

    /* more than one write takes: others of this worker come first */

    wev = stream->connection->write;

    if (!wev->active
        && ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        ngx_redis_stream_close(stream, NGX_REDIS_END_LOST);
    }
}


static void
ngx_redis_stream_read(ngx_event_t *rev)
{
    ngx_connection_t    *c;
    ngx_redis_stream_t  *stream;

    c = rev->data;
    stream = c->data;

    if (ngx_redis_stream_stopped(c)) {
        return;
    }

    if (stream->unanswered == 0) {

        /*
         * The end of the connection, or a reply that nobody waits for: hiredis
         * 0.14 and 1.x abort on the latter, so it is not read.
         */

        ngx_redis_stream_close(stream, NGX_REDIS_END_LOST);
        return;
    }

    stream->since = ngx_current_msec;
    stream->spoken = 1;

    /* ends with the context gone, or with the replies taken */

    redisAsyncHandleRead(stream->ac);
}


static void
ngx_redis_stream_write(ngx_event_t *wev)
{
    ngx_connection_t    *c;
    ngx_redis_stream_t  *stream;

    c = wev->data;
    stream = c->data;

    if (ngx_redis_stream_stopped(c)) {
        return;
    }

    redisAsyncHandleWrite(stream->ac);

    if (stream->ac) {
        stream->writable(stream->data);
    }
}


/* Returns 1 if nginx wants the connection to end, and the owner was told. */

static ngx_uint_t
ngx_redis_stream_stopped(ngx_connection_t *c)
{
    ngx_redis_stream_t  *stream;

    if (!c->close) {
        return 0;
    }

    c->close = 0;
    c->error = 0;

    stream = c->data;
    stream->shutdown(stream->data);

    return 1;
}


static void
ngx_redis_stream_add_read(void *data)
{
    ngx_redis_stream_t *stream = data;

    ngx_event_t  *rev;

    rev = stream->connection->read;

    /* should this fail, nothing is read: the timers of the commands end it */

    if (!rev->active) {
        (void) ngx_add_event(rev, NGX_READ_EVENT, NGX_LEVEL_EVENT);
    }
}


static void
ngx_redis_stream_del_read(void *data)
{
    ngx_redis_stream_t *stream = data;

    ngx_event_t  *rev;

    rev = stream->connection->read;

    if (rev->active) {
        (void) ngx_del_event(rev, NGX_READ_EVENT, NGX_LEVEL_EVENT);
    }
}


/* something was appended, or the socket did not take all of it */

static void
ngx_redis_stream_add_write(void *data)
{
    ngx_redis_stream_t *stream = data;

    ngx_event_t  *wev;

    wev = stream->connection->write;

    if (!stream->corked && !wev->active) {
        (void) ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }
}


static void
ngx_redis_stream_del_write(void *data)
{
    ngx_redis_stream_t *stream = data;

    ngx_event_t  *wev;

    stream->unwritten = 0;

    wev = stream->connection->write;

    if (wev->active) {
        (void) ngx_del_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }
}


/* hiredis 1.x calls this twice */

static void
ngx_redis_stream_cleanup(void *data)
{
    ngx_redis_stream_t *stream = data;

    ngx_connection_t   *c;
    redisAsyncContext  *ac;

    ac = stream->ac;
    c = stream->connection;

    if (c == NULL) {
        return;
    }

    ac->ev.data = NULL;
    ac->ev.addRead = NULL;
    ac->ev.delRead = NULL;
    ac->ev.addWrite = NULL;
    ac->ev.delWrite = NULL;
    ac->ev.cleanup = NULL;

#if (NGX_SSL)
    if (stream->secure) {
        ngx_redis_tls_end(stream->secure);
    }
#endif

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, NGX_CLOSE_EVENT);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, NGX_CLOSE_EVENT);
    }

    /* the socket is hiredis' to close, and it does so at once */

    c->shared = 1;
    ngx_close_connection(c);

    stream->connection = NULL;
    stream->ac = NULL;
    stream->secure = NULL;
    stream->securing = 0;
    stream->unanswered = 0;
    stream->unwritten = 0;

    stream->closed(stream->data, ac);
}


#if (NGX_SSL)

static void
ngx_redis_stream_tls_read(ngx_event_t *rev)
{
    u_char               buf[NGX_REDIS_READ_SIZE];
    ssize_t              n;
    ngx_uint_t           i;
    ngx_connection_t    *c;
    ngx_redis_stream_t  *stream;

    c = rev->data;
    stream = c->data;

    if (ngx_redis_stream_stopped(c) || stream->secure == NULL) {
        return;
    }

    if (stream->securing) {
        ngx_redis_stream_tls_handshake(stream);
        return;
    }

    for (i = 0; i < NGX_REDIS_READS; i++) {
        n = ngx_redis_tls_read(stream->secure, buf, NGX_REDIS_READ_SIZE);

        if (n == NGX_AGAIN) {
            break;
        }

        /* as without TLS: a reply that nobody waits for is the end too */

        if (n < 0 || stream->unanswered == 0) {
            ngx_redis_stream_close(stream, NGX_REDIS_END_LOST);
            return;
        }

        if (ngx_redis_stream_tls_feed(stream, buf, n) != NGX_OK) {
            return;
        }

        if (!rev->ready) {
            break;
        }
    }

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_next_events);
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_redis_stream_close(stream, NGX_REDIS_END_LOST);
    }
}


/* NGX_OK, or NGX_DONE: the context is gone */

static ngx_int_t
ngx_redis_stream_tls_feed(ngx_redis_stream_t *stream, u_char *buf, size_t size)
{
    redisAsyncContext  *ac;

    ac = stream->ac;

    stream->since = ngx_current_msec;
    stream->spoken = 1;

    if (redisReaderFeed(ac->c.reader, (char *) buf, size) != REDIS_OK) {
        (void) ngx_cpystrn((u_char *) ac->c.errstr,
                           (u_char *) ac->c.reader->errstr,
                           sizeof(ac->c.errstr));

        ngx_redis_stream_close(stream, NGX_REDIS_END_LOST);
        return NGX_DONE;
    }

    redisProcessCallbacks(ac);

    return stream->ac ? NGX_OK : NGX_DONE;
}


static void
ngx_redis_stream_tls_write(ngx_event_t *wev)
{
    ngx_connection_t    *c;
    ngx_redis_stream_t  *stream;

    c = wev->data;
    stream = c->data;

    if (ngx_redis_stream_stopped(c)) {
        return;
    }

    if (stream->secure == NULL) {
        ngx_redis_stream_tls_connected(stream);
        return;
    }

    if (stream->securing) {
        ngx_redis_stream_tls_handshake(stream);
        return;
    }

    ngx_redis_stream_tls_flush(stream);

    if (stream->ac) {
        stream->writable(stream->data);
    }
}


/* hiredis looks how connect() has ended; it has nothing to write */

static void
ngx_redis_stream_tls_connected(ngx_redis_stream_t *stream)
{
    ngx_connection_t  *c;

    c = stream->connection;

    redisAsyncHandleWrite(stream->ac);

    if (stream->ac == NULL) {
        return;
    }

    if (!(stream->ac->c.flags & REDIS_CONNECTED)) {
        c->write->ready = 0;

        if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
            ngx_redis_stream_close(stream, NGX_REDIS_END_LOST);
        }

        return;
    }

    stream->secure = ngx_redis_tls_begin(stream->tls, c, stream->ac,
                                         stream->peer, stream->session);

    if (stream->secure == NULL) {
        ngx_redis_stream_close(stream, NGX_REDIS_END_LOST);
        return;
    }

    stream->securing = 1;

    ngx_redis_stream_tls_handshake(stream);
}


static void
ngx_redis_stream_tls_handshake(ngx_redis_stream_t *stream)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    rc = ngx_redis_tls_handshake(stream->secure);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc != NGX_OK) {
        ngx_redis_stream_close(stream, NGX_REDIS_END_LOST);
        return;
    }

    stream->securing = 0;

    /* a session, or the end, may have come along with the handshake */

    c = stream->connection;

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }

    stream->writable(stream->data);
}


static void
ngx_redis_stream_tls_flush(ngx_redis_stream_t *stream)
{
    ngx_int_t     rc;
    ngx_event_t  *wev;

    wev = stream->connection->write;

    rc = ngx_redis_tls_write(stream->secure);

    if (rc == NGX_OK) {
        stream->unwritten = 0;
    }

    if (rc == NGX_ERROR || ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_redis_stream_close(stream, NGX_REDIS_END_LOST);
    }
}


static void
ngx_redis_stream_tls_uncork(ngx_redis_stream_t *stream, ngx_uint_t more)
{
    ngx_event_t  *wev;

    wev = stream->connection->write;

    if (stream->unwritten && wev->ready) {
        ngx_redis_stream_tls_flush(stream);
    }

    if (!more || stream->ac == NULL) {
        return;
    }

    if (wev->ready) {
        ngx_post_event(wev, &ngx_posted_next_events);
    }
}


/* something was appended */

static void
ngx_redis_stream_tls_add_write(void *data)
{
    ngx_redis_stream_t *stream = data;

    ngx_event_t  *wev;

    wev = stream->connection->write;

    if (!stream->corked && wev->ready) {
        ngx_post_event(wev, &ngx_posted_events);
    }
}

#endif /* NGX_SSL */
