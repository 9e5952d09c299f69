
/*
 * tracker_redis_ssl_*: their defaults, what a level inherits, and whether they
 * fit together.
 */


#ifndef _NGX_HTTP_TRACKER_SSL_H_INCLUDED_
#define _NGX_HTTP_TRACKER_SSL_H_INCLUDED_


#include "http/conf.h"


#pragma GCC visibility push(hidden)


#if (NGX_SSL)

/* Marks all of ssl, which is zeroed, as not set. */
void ngx_http_tracker_ssl_init(ngx_redis_ssl_t *ssl);

/* Inherits what conf does not set. */
char *ngx_http_tracker_ssl_merge(ngx_redis_ssl_t *conf, ngx_redis_ssl_t *prev);

/*
 * Checks the settings of a location whose server, rcf, has the parameter "ssl".
 * Returns NGX_OK, or NGX_ERROR after logging the cause.
 */
ngx_int_t ngx_http_tracker_ssl_check(ngx_conf_t *cf,
    ngx_http_tracker_loc_conf_t *tlcf, ngx_redis_conf_t *rcf);

/*
 * Setter of tracker_redis_ssl_password_file.  Returns NGX_CONF_OK, or
 * NGX_CONF_ERROR after logging the cause, or the words of the error.
 */
char *ngx_http_tracker_ssl_password_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

#endif


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_SSL_H_INCLUDED_ */
