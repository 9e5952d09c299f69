
/*
 * TLS to Redis.
 */


#include "redis/tls.h"


#if (NGX_SSL)


/* of a connection: nginx's part of it, and ours */
#define NGX_REDIS_TLS_POOL  1024


struct ngx_redis_tls_s {
    ngx_ssl_t              ssl;
    ngx_str_t              name;       /* of all servers, with a NUL; len 0:
                                          each has its own */
    unsigned               verify:1;
    unsigned               sni:1;      /* the name is sent */
    unsigned               reuse:1;    /* sessions are */
};


struct ngx_redis_secure_s {
    ngx_redis_tls_t       *tls;
    ngx_connection_t      *connection;
    redisAsyncContext     *ac;
    ngx_str_t             *name;       /* in the certificate */
    void                 **session;
    unsigned               numeric:1;  /* the name is an address */
    ngx_log_t              log;        /* of the connection: what nginx logs
                                          is the reason in our own line */
};


static ngx_int_t ngx_redis_tls_init(ngx_conf_t *cf, ngx_ssl_t *ssl,
    ngx_redis_ssl_t *conf);
static ngx_int_t ngx_redis_tls_trust(ngx_conf_t *cf, ngx_ssl_t *ssl,
    ngx_redis_ssl_t *conf);
static ngx_uint_t ngx_redis_tls_is_numeric(ngx_str_t *name);
static ngx_int_t ngx_redis_tls_prepare(ngx_redis_secure_t *secure);
static ngx_int_t ngx_redis_tls_verify(ngx_redis_secure_t *secure);
static ngx_int_t ngx_redis_tls_check_name(ngx_redis_secure_t *secure);
static void ngx_redis_tls_save_session(ngx_connection_t *c);
static void ngx_redis_tls_clear_output(redisContext *rc);
static void ngx_redis_tls_log(ngx_log_t *log, ngx_uint_t level, u_char *buf,
    size_t len);
static void ngx_redis_tls_reason(ngx_redis_secure_t *secure, const char *fmt,
    ...);


ngx_redis_tls_t *
ngx_redis_tls_create(ngx_conf_t *cf, ngx_redis_conf_t *conf)
{
    ngx_redis_tls_t     *tls;
    ngx_redis_ssl_t     *ssl;
    ngx_pool_cleanup_t  *cln;

    ssl = conf->ssl;

    tls = ngx_pcalloc(cf->cycle->pool, sizeof(ngx_redis_tls_t));
    if (tls == NULL) {
        return NULL;
    }

    tls->ssl.log = cf->log;
    tls->verify = ssl->verify;
    tls->sni = ssl->server_name;
    tls->reuse = ssl->session_reuse;

    tls->name.data = ngx_pnalloc(cf->cycle->pool, ssl->name.len + 1);
    if (tls->name.data == NULL) {
        return NULL;
    }

    (void) ngx_cpystrn(tls->name.data, ssl->name.data, ssl->name.len + 1);
    tls->name.len = ssl->name.len;

    if (ngx_ssl_create(&tls->ssl, ssl->protocols, NULL) != NGX_OK) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->cycle->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(&tls->ssl);
        return NULL;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = &tls->ssl;

    return ngx_redis_tls_init(cf, &tls->ssl, ssl) == NGX_OK ? tls : NULL;
}


/* the functions of nginx change a path: the settings are compared later */

static ngx_int_t
ngx_redis_tls_init(ngx_conf_t *cf, ngx_ssl_t *ssl, ngx_redis_ssl_t *conf)
{
    ngx_str_t  certificate, key, ciphers;

    certificate = conf->certificate;
    key = conf->certificate_key;
    ciphers = conf->ciphers;

    /* what could not be written is written again from another place */

    SSL_CTX_set_mode(ssl->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
                               |SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    if (ngx_ssl_ciphers(cf, ssl, &ciphers, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (certificate.len
        && ngx_ssl_certificate(cf, ssl, &certificate, &key, conf->passwords)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->verify && ngx_redis_tls_trust(cf, ssl, conf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_ssl_client_session_cache(cf, ssl, conf->session_reuse);
}


/* whom we believe: without a file, whom the system believes */

static ngx_int_t
ngx_redis_tls_trust(ngx_conf_t *cf, ngx_ssl_t *ssl, ngx_redis_ssl_t *conf)
{
    ngx_str_t  trusted, crl;

    trusted = conf->trusted_certificate;
    crl = conf->crl;

    if (ngx_ssl_trusted_certificate(cf, ssl, &trusted, conf->verify_depth)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (trusted.len == 0
        && SSL_CTX_set_default_verify_paths(ssl->ctx) == 0)
    {
        ngx_ssl_error(NGX_LOG_EMERG, ssl->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_ERROR;
    }

    ERR_clear_error();

    return ngx_ssl_crl(cf, ssl, &crl);
}


static ngx_uint_t
ngx_redis_tls_is_numeric(ngx_str_t *name)
{
#if (NGX_HAVE_INET6)
    u_char  address[16];

    if (ngx_inet6_addr(name->data, name->len, address) == NGX_OK) {
        return 1;
    }
#endif

    return ngx_inet_addr(name->data, name->len) != INADDR_NONE;
}


ngx_redis_secure_t *
ngx_redis_tls_begin(ngx_redis_tls_t *tls, ngx_connection_t *c,
    redisAsyncContext *ac, ngx_str_t *peer, void **session)
{
    ngx_redis_secure_t  *secure;

    c->pool = ngx_create_pool(NGX_REDIS_TLS_POOL, ngx_cycle->log);
    if (c->pool == NULL) {
        return NULL;
    }

    secure = ngx_pcalloc(c->pool, sizeof(ngx_redis_secure_t));
    if (secure == NULL) {
        ngx_destroy_pool(c->pool);
        c->pool = NULL;
        return NULL;
    }

    secure->tls = tls;
    secure->connection = c;
    secure->ac = ac;
    secure->name = tls->name.len ? &tls->name : peer;
    secure->numeric = ngx_redis_tls_is_numeric(secure->name);
    secure->session = session;

    /* without debug: nginx would log what the writer then says again */

    secure->log.log_level = NGX_LOG_INFO;
    secure->log.writer = ngx_redis_tls_log;
    secure->log.wdata = secure;
    secure->log.data = secure;

    c->log = &secure->log;

    if (ngx_redis_tls_prepare(secure) != NGX_OK) {
        ngx_redis_tls_end(secure);
        return NULL;
    }

    /* should nothing else be said */

    ngx_redis_tls_reason(secure, "no TLS handshake in time: is it a port "
                                 "without TLS?");

    return secure;
}


static ngx_int_t
ngx_redis_tls_prepare(ngx_redis_secure_t *secure)
{
    ngx_redis_tls_t   *tls;
    ngx_connection_t  *c;

    tls = secure->tls;
    c = secure->connection;

    ngx_redis_tls_reason(secure, "no memory");

    if (ngx_ssl_create_connection(&tls->ssl, c, NGX_SSL_CLIENT) != NGX_OK) {
        return NGX_ERROR;
    }

    /* RFC 6066: no addresses */

    if (tls->sni && secure->name->len && !secure->numeric
        && SSL_set_tlsext_host_name(c->ssl->connection,
                                    (char *) secure->name->data)
           == 0)
    {
        ngx_ssl_error(NGX_LOG_ERR, c->log, 0,
                      "SSL_set_tlsext_host_name() failed");
        return NGX_ERROR;
    }

    if (tls->reuse) {
        c->ssl->save_session = ngx_redis_tls_save_session;

        return ngx_ssl_set_session(c, *secure->session);
    }

    return NGX_OK;
}


/* nginx's own handlers do not know that a worker may want to exit */

ngx_int_t
ngx_redis_tls_handshake(ngx_redis_secure_t *secure)
{
    ngx_int_t              rc;
    ngx_connection_t      *c;
    ngx_event_handler_pt   read, write;

    c = secure->connection;

    read = c->read->handler;
    write = c->write->handler;

    rc = ngx_ssl_handshake(c);

    c->read->handler = read;
    c->write->handler = write;

    if (rc != NGX_OK) {
        return rc;
    }

    if (secure->tls->verify && ngx_redis_tls_verify(secure) != NGX_OK) {
        ngx_redis_tls_forget(secure->session);
        return NGX_ERROR;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "redis TLS handshake, session reused: %d",
                   SSL_session_reused(c->ssl->connection));

    ngx_redis_tls_reason(secure, "");

    return NGX_OK;
}


static ngx_int_t
ngx_redis_tls_verify(ngx_redis_secure_t *secure)
{
    long  rc;

    rc = SSL_get_verify_result(secure->connection->ssl->connection);

    if (rc != X509_V_OK) {
        ngx_redis_tls_reason(secure, "certificate verify error: (%l:%s)",
                             rc, X509_verify_cert_error_string(rc));
        return NGX_ERROR;
    }

    if (ngx_redis_tls_check_name(secure) != NGX_OK) {
        ngx_redis_tls_reason(secure, "certificate does not match \"%V\"",
                             secure->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_redis_tls_check_name(ngx_redis_secure_t *secure)
{
    int                rc;
    X509              *cert;
    ngx_str_t         *name;
    ngx_connection_t  *c;

    c = secure->connection;
    name = secure->name;

    /* nginx looks for names only */

    if (!secure->numeric) {
        return ngx_ssl_check_host(c, name);
    }

    cert = SSL_get_peer_certificate(c->ssl->connection);
    if (cert == NULL) {
        return NGX_ERROR;
    }

    rc = X509_check_ip_asc(cert, (char *) name->data, 0);

    X509_free(cert);
    ERR_clear_error();

    return rc == 1 ? NGX_OK : NGX_ERROR;
}


/* with TLS 1.3 when something is read, a while after the handshake */

static void
ngx_redis_tls_save_session(ngx_connection_t *c)
{
    ngx_redis_secure_t *secure = c->log->data;

    ngx_ssl_session_t  *session;

    session = ngx_ssl_get_session(c);

    if (session) {
        ngx_redis_tls_forget(secure->session);
        *secure->session = session;
    }
}


void
ngx_redis_tls_forget(void **session)
{
    if (*session) {
        ngx_ssl_free_session(*session);
        *session = NULL;
    }
}


ssize_t
ngx_redis_tls_read(ngx_redis_secure_t *secure, u_char *buf, size_t size)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = secure->connection;

    n = c->recv(c, buf, size);

    if (n == 0) {
        ngx_redis_tls_reason(secure, "Server closed the connection");
        return NGX_ERROR;
    }

    return n;
}


ngx_int_t
ngx_redis_tls_write(ngx_redis_secure_t *secure)
{
    size_t             len, sent;
    ssize_t            n;
    redisContext      *rc;
    ngx_connection_t  *c;

    c = secure->connection;
    rc = &secure->ac->c;

    len = sdslen(rc->obuf);
    sent = 0;

    while (sent < len && c->write->ready) {
        n = c->send(c, (u_char *) rc->obuf + sent, len - sent);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            return NGX_ERROR;
        }

        sent += n;
    }

    if (sent == len) {
        ngx_redis_tls_clear_output(rc);
        return NGX_OK;
    }

    if (sent) {
        sdsrange(rc->obuf, sent, -1);
    }

    return NGX_AGAIN;
}


/* a large buffer is not kept, as hiredis does not keep it */

static void
ngx_redis_tls_clear_output(redisContext *rc)
{
    sds  empty;

    if (sdslen(rc->obuf) == 0) {
        return;
    }

    empty = sdsempty();

    if (empty == NULL) {
        sdsclear(rc->obuf);
        return;
    }

    sdsfree(rc->obuf);
    rc->obuf = empty;
}


void
ngx_redis_tls_end(ngx_redis_secure_t *secure)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = secure->connection;
    pool = c->pool;

    /* the reason is known */

    secure->log.wdata = NULL;

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;

        if (ngx_ssl_shutdown(c) == NGX_AGAIN) {
            c->error = 1;
            (void) ngx_ssl_shutdown(c);
        }
    }

    ERR_clear_error();

    c->log = ngx_cycle->log;
    c->pool = NULL;

    ngx_destroy_pool(pool);
}


/* "2026/11/28 10:00:00 [error] 7#7: SSL_do_handshake() failed (SSL: ...)\n" */

static void
ngx_redis_tls_log(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    ngx_redis_secure_t *secure = log->wdata;

    u_char  *text, *last, *end;

    if (secure == NULL) {
        return;
    }

    end = buf + len;
    text = ngx_strlchr(buf, end, '#');
    text = text ? ngx_strlchr(text, end, ' ') : NULL;

    if (text) {
        text++;
        last = ngx_strlchr(text, end, LF);
        ngx_redis_tls_reason(secure, "%*s",
                             (size_t) ((last ? last : end) - text), text);
    }
}


static void
ngx_redis_tls_reason(ngx_redis_secure_t *secure, const char *fmt, ...)
{
    char     *text;
    u_char   *end;
    va_list   args;

    text = secure->ac->c.errstr;

    va_start(args, fmt);
    end = ngx_vslprintf((u_char *) text,
                        (u_char *) text + sizeof(secure->ac->c.errstr) - 1,
                        fmt, args);
    va_end(args);

    *end = '\0';
}


#endif /* NGX_SSL */
