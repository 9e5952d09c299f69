
/*
 * The socket of a hiredis context on nginx's event loop.  hiredis opens and
 * closes the socket; the ngx_connection_t only stands for it.
 *
 * The events are level-triggered: hiredis reads 16 KiB at a time and stops,
 * with EPOLLET the rest of a long reply would never come.
 */


#include "redis/private.h"


static void ngx_redis_event_read(ngx_event_t *rev);
static void ngx_redis_event_write(ngx_event_t *wev);
static void ngx_redis_event_add_read(void *data);
static void ngx_redis_event_del_read(void *data);
static void ngx_redis_event_add_write(void *data);
static void ngx_redis_event_del_write(void *data);
static void ngx_redis_event_cleanup(void *data);
static const char *ngx_redis_last_words(ngx_redis_lane_t *lane,
    redisAsyncContext *ac, u_char *buf);


ngx_int_t
ngx_redis_event_attach(ngx_redis_lane_t *lane)
{
    int                 fd, on;
    redisAsyncContext  *ac;
    ngx_connection_t   *c;

    ac = lane->ac;
    fd = ac->c.fd;

    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "redis: fcntl(FD_CLOEXEC) failed");
    }

    on = 1;

    /* TCP_NODELAY is set by hiredis */

    if (lane->redis->addrs[lane->addr].port
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
    c->data = lane;

    /* worker_shutdown_timeout calls the read handler, whatever is awaited */

    c->read->handler = ngx_redis_event_read;
    c->read->log = c->log;
    c->write->handler = ngx_redis_event_write;
    c->write->log = c->log;

    /*
     * Writable is connected.  No connect callback: 0.14 must not be told to
     * close from there, and REDIS_CONNECTED in the flags says the same.
     */

    if (ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK) {
        c->shared = 1;
        ngx_close_connection(c);
        return NGX_ERROR;
    }

    lane->connection = c;

    ac->ev.data = lane;
    ac->ev.addRead = ngx_redis_event_add_read;
    ac->ev.delRead = ngx_redis_event_del_read;
    ac->ev.addWrite = ngx_redis_event_add_write;
    ac->ev.delWrite = ngx_redis_event_del_write;
    ac->ev.cleanup = ngx_redis_event_cleanup;

    return NGX_OK;
}


static void
ngx_redis_event_read(ngx_event_t *rev)
{
    ngx_connection_t  *c;
    ngx_redis_lane_t  *lane;

    c = rev->data;
    lane = c->data;

    if (c->close) {
        ngx_redis_lane_shutdown(lane);
        return;
    }

    if (ngx_queue_empty(&lane->sent)) {

        /*
         * The end of the connection, or a reply that nobody waits for: hiredis
         * 0.14 and 1.x abort on the latter, so it is not read.
         */

        ngx_redis_lane_close(lane, NGX_REDIS_LOST);
        return;
    }

    lane->heard = ngx_current_msec;
    lane->spoken = 1;

    /* ends with the context gone, or with the replies taken */

    redisAsyncHandleRead(lane->ac);
}


static void
ngx_redis_event_write(ngx_event_t *wev)
{
    ngx_connection_t  *c;
    ngx_redis_lane_t  *lane;

    c = wev->data;
    lane = c->data;

    if (c->close) {
        ngx_redis_lane_shutdown(lane);
        return;
    }

    ngx_redis_event_flush(lane);

    if (lane->ac == NULL) {
        return;
    }

    if (lane->state != NGX_REDIS_CONNECTING) {
        ngx_redis_lane_post(lane);
        return;
    }

    if (lane->ac->c.flags & REDIS_CONNECTED) {
        lane->state = NGX_REDIS_SETUP;
        lane->step = NGX_REDIS_AUTH;

        if (ngx_redis_setup(lane) != NGX_OK) {
            ngx_redis_lane_close(lane, NGX_REDIS_LOST);
        }
    }
}


/* lane->ac may be NULL after this */

void
ngx_redis_event_flush(ngx_redis_lane_t *lane)
{
    lane->flushing = 1;

    redisAsyncHandleWrite(lane->ac);

    lane->flushing = 0;
}


static void
ngx_redis_event_add_read(void *data)
{
    ngx_redis_lane_t  *lane = data;

    ngx_event_t  *rev;

    rev = lane->connection->read;

    /* should this fail, nothing is read: the timers of the commands end it */

    if (!rev->active) {
        (void) ngx_add_event(rev, NGX_READ_EVENT, NGX_LEVEL_EVENT);
    }
}


static void
ngx_redis_event_del_read(void *data)
{
    ngx_redis_lane_t  *lane = data;

    ngx_event_t  *rev;

    rev = lane->connection->read;

    if (rev->active) {
        (void) ngx_del_event(rev, NGX_READ_EVENT, NGX_LEVEL_EVENT);
    }
}


static void
ngx_redis_event_add_write(void *data)
{
    ngx_redis_lane_t  *lane = data;

    ngx_event_t  *wev;

    if (lane->sending) {
        return;
    }

    if (!lane->flushing) {

        /* all commands of one turn of the loop leave in one write */

        ngx_redis_lane_post(lane);
        return;
    }

    /* the socket did not take everything */

    wev = lane->connection->write;

    if (!wev->active) {
        (void) ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }
}


static void
ngx_redis_event_del_write(void *data)
{
    ngx_redis_lane_t  *lane = data;

    ngx_event_t  *wev;

    lane->unwritten = 0;

    wev = lane->connection->write;

    if (wev->active) {
        (void) ngx_del_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }
}


/* hiredis 1.x calls this twice */

static void
ngx_redis_event_cleanup(void *data)
{
    ngx_redis_lane_t  *lane = data;

    u_char              buf[NGX_REDIS_LOG_LEN + 1];
    const char         *why;
    ngx_connection_t   *c;
    redisAsyncContext  *ac;

    ac = lane->ac;
    c = lane->connection;

    if (c == NULL) {
        return;
    }

    why = ngx_redis_last_words(lane, ac, buf);

    ac->ev.data = NULL;
    ac->ev.addRead = NULL;
    ac->ev.delRead = NULL;
    ac->ev.addWrite = NULL;
    ac->ev.delWrite = NULL;
    ac->ev.cleanup = NULL;

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, NGX_CLOSE_EVENT);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, NGX_CLOSE_EVENT);
    }

    /* the socket is hiredis' to close, and it does so at once */

    c->shared = 1;
    ngx_close_connection(c);

    lane->connection = NULL;
    lane->ac = NULL;

    ngx_redis_lane_lost(lane, why);
}


/*
 * Redis in protected mode, or with too many clients, says so unasked and hangs
 * up: a write fails before that was read.  Only the first words of a connection
 * are looked at, and only an error: the rest is not for the log.
 */

static const char *
ngx_redis_last_words(ngx_redis_lane_t *lane, redisAsyncContext *ac,
    u_char *buf)
{
    u_char     *end;
    ssize_t     n;
    ngx_str_t   text;

    if (lane->spoken || lane->end != NGX_REDIS_LOST) {
        return ac->c.errstr;
    }

    n = recv(ac->c.fd, buf, NGX_REDIS_LOG_LEN, MSG_DONTWAIT);

    if (n < 2 || buf[0] != '-') {
        return ac->c.errstr;
    }

    end = ngx_strlchr(buf, buf + n, CR);

    text.data = buf + 1;
    text.len = (end ? end : buf + n) - text.data;

    ngx_redis_printable(&text, buf);
    buf[text.len] = '\0';

    return (const char *) buf;
}
