
/*
 * A hiredis context on nginx's event loop: the socket, bytes in and out, and
 * how many replies are still to come.  hiredis opens and closes the socket;
 * the ngx_connection_t only stands for it.
 *
 * hiredis must not be called from inside one of its callbacks, except to
 * append a command and to close.
 */


#ifndef _NGX_REDIS_STREAM_H_INCLUDED_
#define _NGX_REDIS_STREAM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <hiredis/hiredis.h>
#include <hiredis/async.h>

#include "redis/tls.h"


#pragma GCC visibility push(hidden)


/* how a connection ended */

typedef enum {
    NGX_REDIS_END_LOST = 0,            /* refused, reset, closed, nonsense */
    NGX_REDIS_END_BUSY,                /* the server, or this machine, cannot
                                          take one now */
    NGX_REDIS_END_HANGUP,              /* Redis said that it hangs up */
    NGX_REDIS_END_SILENT,              /* nothing was read in time */
    NGX_REDIS_END_DENIED,              /* AUTH, SELECT or ROLE failed */
    NGX_REDIS_END_CLOSED               /* by us, not needed any more */
} ngx_redis_end_e;


typedef struct {
    redisAsyncContext     *ac;         /* NULL: no connection */
    ngx_connection_t      *connection;
    ngx_redis_end_e        end;        /* why we close it ourselves */

    ngx_uint_t             unanswered; /* replies still to come */
    size_t                 unwritten;  /* in hiredis' output buffer */
    ngx_msec_t             since;      /* we wait for a byte since then */

    ngx_redis_tls_t       *tls;        /* NULL: none; of the owner, as */
    ngx_str_t             *peer;       /* the name of this address, and */
    void                 **session;    /* its last session */
    ngx_redis_secure_t    *secure;     /* NULL: TLS has not begun */

    unsigned               spoken:1;   /* something was read */
    unsigned               securing:1; /* in the handshake of TLS */
    unsigned               corked:1;   /* until ngx_redis_stream_uncork() */

    void                  *data;       /* of the handlers: */
    void                 (*writable)(void *data);
    void                 (*shutdown)(void *data);  /* nginx closes it */

    /* the socket is still open, stream->ac is NULL */
    void                 (*closed)(void *data, redisAsyncContext *ac);
} ngx_redis_stream_t;


/*
 * Puts the socket of ac on nginx's event loop; keepalive: a TCP socket.  The
 * writable handler is called when it is connected, which with TLS is after the
 * handshake, and whenever it took bytes that it could not take at once.
 * Returns NGX_ERROR if nginx has no free connection; then ac is still the
 * caller's.
 */
ngx_int_t ngx_redis_stream_attach(ngx_redis_stream_t *stream,
    redisAsyncContext *ac, ngx_uint_t keepalive);

/*
 * Ends the connection, if there is one.  The closed handler has run when this
 * returns, or, inside a callback of hiredis, runs after the callback has
 * returned.
 */
void ngx_redis_stream_close(ngx_redis_stream_t *stream, ngx_redis_end_e end);

/*
 * Writes what was appended since stream->corked was set, in one write.  more:
 * the writable handler is to be called, whether or not all was written.
 * stream->ac may be NULL afterwards.
 */
void ngx_redis_stream_uncork(ngx_redis_stream_t *stream, ngx_uint_t more);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_STREAM_H_INCLUDED_ */
