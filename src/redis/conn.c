
/*
 * One connection to Redis, from the socket to the reply.
 */


#include "redis/setup.h"


/* elements of one array in a reply */
#define NGX_REDIS_MAX_ELEMENTS  (1024 * 1024)


/* redisReplyObjectFunctions changed its mind in 1.0 */

#if (HIREDIS_MAJOR < 1)
typedef int                      ngx_redis_elements_t;
#else
typedef size_t                   ngx_redis_elements_t;
#endif


static void ngx_redis_conn_resolved(void *data, const char *why);
static void ngx_redis_conn_open(ngx_redis_conn_t *conn);
static ngx_int_t ngx_redis_attach(ngx_redis_conn_t *conn,
    redisAsyncContext *ac);
static ngx_uint_t ngx_redis_passes(ngx_err_t err);
static void ngx_redis_watch_replies(ngx_redis_conn_t *conn,
    redisReader *reader);
static void *ngx_redis_create_string(const redisReadTask *task, char *str,
    size_t len);
static void *ngx_redis_create_array(const redisReadTask *task,
    ngx_redis_elements_t elements);
static void ngx_redis_free_object(void *r);
static void ngx_redis_conn_writable(void *data);
static ngx_redis_conn_t *ngx_redis_conn_answered(redisAsyncContext *ac,
    void *r, size_t *cost);
static void ngx_redis_conn_own(redisAsyncContext *ac, void *r, void *data);
static void ngx_redis_conn_queued(redisAsyncContext *ac, void *r, void *data);
static void ngx_redis_conn_waited(redisAsyncContext *ac, void *r, void *data);
static void ngx_redis_conn_reply(redisAsyncContext *ac, void *r, void *data);
static void ngx_redis_conn_check(ngx_redis_conn_t *conn,
    redisAsyncContext *ac);
static void ngx_redis_conn_shutdown(void *data);
static void ngx_redis_conn_closed(void *data, redisAsyncContext *ac);
static void ngx_redis_conn_lost(ngx_redis_conn_t *conn, ngx_redis_end_e end,
    const char *why);
static const char *ngx_redis_last_words(redisAsyncContext *ac, u_char *buf);


static redisReplyObjectFunctions   ngx_redis_reply_functions;
static redisReplyObjectFunctions  *ngx_redis_reply_defaults;

/* what hiredis is not to free after the callback in progress, or NULL */
static redisReply                 *ngx_redis_kept;

static redisCallbackFn            *ngx_redis_conn_callbacks[] = {
    [NGX_REDIS_ANSWERS_COMMAND] = ngx_redis_conn_reply,
    [NGX_REDIS_ANSWERS_PART] = ngx_redis_conn_queued,
    [NGX_REDIS_ANSWERS_WAIT] = ngx_redis_conn_waited
};


void
ngx_redis_conn_init(ngx_redis_conn_t *conn)
{
    conn->own = ngx_redis_conn_own;

    conn->stream.data = conn;
    conn->stream.writable = ngx_redis_conn_writable;
    conn->stream.shutdown = ngx_redis_conn_shutdown;
    conn->stream.closed = ngx_redis_conn_closed;

    conn->lookup.handler = ngx_redis_conn_resolved;
    conn->lookup.data = conn;
}


void
ngx_redis_connect(ngx_redis_conn_t *conn, ngx_redis_addr_t *addr)
{
    ngx_log_debug1(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "redis connect to %V", &addr->name);

    conn->addr = addr;
    conn->stream.peer = &addr->peer;
    conn->stream.session = &addr->session;

    if (!ngx_redis_lookup_due(conn->conf, addr)) {
        ngx_redis_conn_open(conn);
        return;
    }

    conn->state = NGX_REDIS_CONNECTING;
    conn->stream.since = ngx_current_msec;

    ngx_redis_lookup(&conn->lookup, conn->conf, addr);
}


static void
ngx_redis_conn_resolved(void *data, const char *why)
{
    ngx_redis_conn_t *conn = data;

    if (why) {
        ngx_redis_conn_lost(conn, NGX_REDIS_END_LOST, why);
        return;
    }

    ngx_redis_conn_open(conn);
}


static void
ngx_redis_conn_open(ngx_redis_conn_t *conn)
{
    ngx_redis_end_e     end;
    ngx_redis_addr_t   *addr;
    redisAsyncContext  *ac;

    addr = conn->addr;

    ngx_set_errno(0);

    if (addr->port) {
        ac = redisAsyncConnect(addr->host, addr->port);

    } else {
        ac = redisAsyncConnectUnix(addr->host);
    }

    if (ac == NULL) {
        ngx_redis_conn_lost(conn, NGX_REDIS_END_LOST, "no memory");
        return;
    }

    if (ac->c.err) {
        end = ngx_redis_passes(ngx_errno) ? NGX_REDIS_END_BUSY
                                          : NGX_REDIS_END_LOST;
        ngx_redis_conn_lost(conn, end, ac->c.errstr);
        redisAsyncFree(ac);
        return;
    }

    if (ngx_redis_attach(conn, ac) != NGX_OK) {
        redisAsyncFree(ac);
        ngx_redis_conn_lost(conn, NGX_REDIS_END_BUSY,
                            "no free connection in nginx");
    }
}


static ngx_int_t
ngx_redis_attach(ngx_redis_conn_t *conn, redisAsyncContext *ac)
{
    if (ngx_redis_stream_attach(&conn->stream, ac, conn->addr->port != 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ac->data = conn;

    ngx_redis_watch_replies(conn, ac->c.reader);

    conn->state = NGX_REDIS_CONNECTING;
    conn->cost = 0;

    return NGX_OK;
}


void
ngx_redis_conn_close(ngx_redis_conn_t *conn, ngx_redis_end_e end)
{
    if (conn->lookup.ctx == NULL) {
        ngx_redis_stream_close(&conn->stream, end);
        return;
    }

    ngx_redis_lookup_cancel(&conn->lookup);
    ngx_redis_conn_lost(conn, end, "");
}


/*
 * A server that is there and busy: a unix socket whose backlog is full
 * (EAGAIN), no free port, no free file.  What waits is not failed at once, as
 * it is where nobody listens.
 */

static ngx_uint_t
ngx_redis_passes(ngx_err_t err)
{
    switch (err) {

    case NGX_EAGAIN:
    case EADDRNOTAVAIL:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
        return 1;

    default:
        return 0;
    }
}


/* what a reply costs is counted as hiredis reads it */

static void
ngx_redis_watch_replies(ngx_redis_conn_t *conn, redisReader *reader)
{
    if (ngx_redis_reply_defaults == NULL) {
        ngx_redis_reply_defaults = reader->fn;
        ngx_redis_reply_functions = *reader->fn;
        ngx_redis_reply_functions.createString = ngx_redis_create_string;
        ngx_redis_reply_functions.createArray = ngx_redis_create_array;
        ngx_redis_reply_functions.freeObject = ngx_redis_free_object;
    }

    reader->fn = &ngx_redis_reply_functions;
    reader->privdata = conn;
}


/* the first callback of hiredis' list is that of the reply being read */

static void *
ngx_redis_create_string(const redisReadTask *task, char *str, size_t len)
{
    ngx_redis_conn_t *conn = task->privdata;

    redisCallback  *next;

    conn->cost += len;

    next = conn->stream.ac->replies.head;

    if (task->type == REDIS_REPLY_STRING
        && next && next->fn == ngx_redis_conn_reply
        && !conn->handlers->wanted(next->privdata))
    {
        len = 0;
    }

    return ngx_redis_reply_defaults->createString(task, str, len);
}


/*
 * hiredis allocates an array by the length that was announced, and looks at
 * each element when it frees it: *2147483647 would stop a worker for seconds.
 */

static void *
ngx_redis_create_array(const redisReadTask *task,
    ngx_redis_elements_t elements)
{
    ngx_redis_conn_t *conn = task->privdata;

    if (elements > NGX_REDIS_MAX_ELEMENTS) {
        return NULL;
    }

    conn->cost += elements * NGX_REDIS_ELEMENT_COST;

    return ngx_redis_reply_defaults->createArray(task, elements);
}


void
ngx_redis_conn_keep(redisReply *r)
{
    ngx_redis_kept = r;
}


/* after each callback; 0.14 has no other way to keep a reply */

static void
ngx_redis_free_object(void *r)
{
    if (r == ngx_redis_kept) {
        ngx_redis_kept = NULL;
        return;
    }

    ngx_redis_reply_defaults->freeObject(r);
}


static void
ngx_redis_conn_writable(void *data)
{
    ngx_redis_conn_t *conn = data;

    if (conn->state == NGX_REDIS_CONNECTING) {

        if (!(conn->stream.ac->c.flags & REDIS_CONNECTED)) {
            return;
        }

        if (ngx_redis_setup_begin(conn) != NGX_OK) {
            ngx_redis_stream_close(&conn->stream, NGX_REDIS_END_LOST);
            return;
        }
    }

    conn->handlers->ready(conn->data);
}


void
ngx_redis_conn_begin(ngx_redis_conn_t *conn, ngx_redis_writer_t *w,
    void *command, ngx_uint_t n, ngx_redis_answers_e answers)
{
    ngx_redis_wire_begin(w, &conn->stream, ngx_redis_conn_callbacks[answers],
                         command, n);
}


/*
 * Returns the connection that r came on, and its cost; or NULL: r is none, the
 * connection is lost, and the lost handler keeps the books
 */

static ngx_redis_conn_t *
ngx_redis_conn_answered(redisAsyncContext *ac, void *r, size_t *cost)
{
    ngx_redis_conn_t  *conn;

    if (r == NULL) {
        return NULL;
    }

    conn = ac->data;

    conn->stream.unanswered--;

    *cost = conn->cost;
    conn->cost = 0;

    return conn;
}


static void
ngx_redis_conn_own(redisAsyncContext *ac, void *r, void *data)
{
    size_t             cost;
    ngx_redis_conn_t  *conn;

    conn = ngx_redis_conn_answered(ac, r, &cost);
    if (conn == NULL) {
        return;
    }

    ngx_redis_setup_reply(conn, data, r);
    ngx_redis_conn_check(conn, ac);

    conn->handlers->ready(conn->data);
}


static void
ngx_redis_conn_queued(redisAsyncContext *ac, void *r, void *data)
{
    size_t             cost;
    ngx_redis_conn_t  *conn;

    conn = ngx_redis_conn_answered(ac, r, &cost);
    if (conn == NULL) {
        return;
    }

    conn->handlers->queued(conn->data, data, r);
    ngx_redis_conn_check(conn, ac);
}


static void
ngx_redis_conn_waited(redisAsyncContext *ac, void *r, void *data)
{
    size_t             cost;
    ngx_redis_conn_t  *conn;

    conn = ngx_redis_conn_answered(ac, r, &cost);
    if (conn == NULL) {
        return;
    }

    conn->handlers->waited(conn->data, r);
    ngx_redis_conn_check(conn, ac);
}


static void
ngx_redis_conn_reply(redisAsyncContext *ac, void *r, void *data)
{
    size_t             cost;
    ngx_redis_conn_t  *conn;

    conn = ngx_redis_conn_answered(ac, r, &cost);
    if (conn == NULL) {
        return;
    }

    conn->handlers->reply(conn->data, data, r, cost);
    ngx_redis_conn_check(conn, ac);
}


/* hiredis aborts when it finds a reply that nobody waits for */

static void
ngx_redis_conn_check(ngx_redis_conn_t *conn, redisAsyncContext *ac)
{
    if (conn->stream.unanswered == 0
        && ac->c.reader->pos < ac->c.reader->len)
    {
        ngx_redis_conn_surplus(conn);
    }
}


void
ngx_redis_conn_surplus(ngx_redis_conn_t *conn)
{
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "redis: %V sent an unexpected reply", conn->log->name);

    ngx_redis_stream_close(&conn->stream, NGX_REDIS_END_LOST);
}


ngx_uint_t
ngx_redis_conn_dead(ngx_redis_conn_t *conn, ngx_msec_t timeout)
{
    ngx_msec_t  silence;

    silence = ngx_redis_conn_silence(conn);

    return silence && silence >= timeout / 2;
}


ngx_msec_t
ngx_redis_conn_silence(ngx_redis_conn_t *conn)
{
    if (conn->stream.unanswered == 0 && conn->state != NGX_REDIS_CONNECTING) {
        return 0;
    }

    return ngx_current_msec - conn->stream.since;
}


static void
ngx_redis_conn_shutdown(void *data)
{
    ngx_redis_conn_t *conn = data;

    conn->handlers->shutdown(conn->data);
}


static void
ngx_redis_conn_closed(void *data, redisAsyncContext *ac)
{
    ngx_redis_conn_t *conn = data;

    u_char       buf[NGX_REDIS_LOG_LEN + 1];
    const char  *why;

    why = ac->c.errstr;

    if (!conn->stream.spoken && conn->stream.end == NGX_REDIS_END_LOST) {

        if (conn->stream.tls == NULL) {
            why = ngx_redis_last_words(ac, buf);

        } else if (conn->state == NGX_REDIS_READY) {

            /*
             * With TLS 1.3 our handshake is done before the server has seen
             * our certificate: no command is what ended this
             */

            conn->state = NGX_REDIS_SETUP;
        }
    }

    ngx_redis_conn_lost(conn, conn->stream.end, why);
}


static void
ngx_redis_conn_lost(ngx_redis_conn_t *conn, ngx_redis_end_e end,
    const char *why)
{
    ngx_redis_state_e  state;

    state = conn->state;

    conn->state = NGX_REDIS_DOWN;
    conn->load = 0;

    /* its name may have another address by now, or have others */

    if (end != NGX_REDIS_END_CLOSED) {
        ngx_redis_lookup_doubt(conn->addr, state != NGX_REDIS_READY);
    }

    conn->handlers->lost(conn->data, end, state, why);
}


/*
 * Redis in protected mode, or with too many clients, says so unasked and hangs
 * up: a write fails before that was read.  Only the first words of a connection
 * are looked at, and only an error: the rest is not for the log.
 */

static const char *
ngx_redis_last_words(redisAsyncContext *ac, u_char *buf)
{
    u_char     *end;
    ssize_t     n;
    ngx_str_t   text;

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
