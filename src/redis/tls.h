
/*
 * TLS to Redis by nginx's own ngx_ssl_*: what a server needs of it, and the
 * bytes of a connection.  hiredis opens the socket and closes it; in between
 * it reads and writes nothing, as 0.14 knows no TLS, and 1.x checks no name.
 */


#ifndef _NGX_REDIS_TLS_H_INCLUDED_
#define _NGX_REDIS_TLS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <hiredis/hiredis.h>
#include <hiredis/async.h>

#include "redis/ngx_redis.h"


#pragma GCC visibility push(hidden)


typedef struct ngx_redis_tls_s     ngx_redis_tls_t;      /* of a server */
typedef struct ngx_redis_secure_s  ngx_redis_secure_t;   /* a connection */


#if (NGX_SSL)

/*
 * Configuration time.  conf->ssl is there.  The context of
 * OpenSSL is freed with the pool of cf->cycle.  Returns NULL after it logged
 * what is wrong (EMERG).
 */
ngx_redis_tls_t *ngx_redis_tls_create(ngx_conf_t *cf, ngx_redis_conf_t *conf);

/*
 * Prepares the handshake over a socket that is connected.  peer is the name of
 * this address, with a NUL, where conf->ssl has none; *session is its last
 * session, or NULL, and is kept up to date.  Both live until
 * ngx_redis_tls_end().  Returns NULL if there is no memory.
 *
 * Whatever fails from here on, ac->c.errstr says why.
 */
ngx_redis_secure_t *ngx_redis_tls_begin(ngx_redis_tls_t *tls,
    ngx_connection_t *c, redisAsyncContext *ac, ngx_str_t *peer,
    void **session);

/*
 * Goes on with the handshake.  Returns NGX_OK: it is done, and the server has
 * shown what it must; NGX_AGAIN: to be called again at an event of the socket;
 * or NGX_ERROR.
 */
ngx_int_t ngx_redis_tls_handshake(ngx_redis_secure_t *secure);

/*
 * Returns how many bytes were read into buf, or NGX_AGAIN: none have come, or
 * NGX_ERROR: the end of the connection.  c->read->ready: there may be more.
 */
ssize_t ngx_redis_tls_read(ngx_redis_secure_t *secure, u_char *buf,
    size_t size);

/*
 * Writes what is in hiredis' output buffer.  Returns NGX_OK: it is empty;
 * NGX_AGAIN: the socket takes no more; or NGX_ERROR.
 */
ngx_int_t ngx_redis_tls_write(ngx_redis_secure_t *secure);

/* Says goodbye if the socket takes that, waits for nothing, frees secure. */
void ngx_redis_tls_end(ngx_redis_secure_t *secure);

/* Frees a session, if there is one. */
void ngx_redis_tls_forget(void **session);

#endif


#pragma GCC visibility pop


#endif /* _NGX_REDIS_TLS_H_INCLUDED_ */
