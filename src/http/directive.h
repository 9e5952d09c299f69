
/*
 * What http/module.c takes from http/conf.c: the callbacks of the module's
 * configuration, and setters of directives.
 */


#ifndef _NGX_HTTP_TRACKER_DIRECTIVE_H_INCLUDED_
#define _NGX_HTTP_TRACKER_DIRECTIVE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "redis/ngx_redis.h"


#pragma GCC visibility push(hidden)


/* Return a configuration with nothing set, or NULL if there is no memory. */
void *ngx_http_tracker_create_main_conf(ngx_conf_t *cf);
void *ngx_http_tracker_create_loc_conf(ngx_conf_t *cf);

/*
 * Inherits what child does not set, and checks that the location can do what
 * its directives say.  Returns NGX_CONF_OK, or NGX_CONF_ERROR after logging
 * the cause.
 */
char *ngx_http_tracker_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

/*
 * Setters of tracker_redis, tracker_jwt_key and tracker_account.  Return
 * NGX_CONF_OK, or NGX_CONF_ERROR after logging the cause, or the words of the
 * error.
 */
char *ngx_http_tracker_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_tracker_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_tracker_account(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_DIRECTIVE_H_INCLUDED_ */
