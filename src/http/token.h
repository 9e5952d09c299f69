
/*
 * The login.
 */


#ifndef _NGX_HTTP_TRACKER_TOKEN_H_INCLUDED_
#define _NGX_HTTP_TRACKER_TOKEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#pragma GCC visibility push(hidden)


/* Setter of tracker_token. */
char *ngx_http_tracker_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_TOKEN_H_INCLUDED_ */
