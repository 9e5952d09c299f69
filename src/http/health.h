
/*
 * tracker_health: whether Redis answers.
 */


#ifndef _NGX_HTTP_TRACKER_HEALTH_H_INCLUDED_
#define _NGX_HTTP_TRACKER_HEALTH_H_INCLUDED_


#include "http/conf.h"


#pragma GCC visibility push(hidden)


/*
 * Setter of tracker_health.  Returns NGX_CONF_OK, or the words of the error.
 */
char *ngx_http_tracker_health(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_HEALTH_H_INCLUDED_ */
