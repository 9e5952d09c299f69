
/*
 * tracker_status: what all workers have counted, as metrics.
 */


#ifndef _NGX_HTTP_TRACKER_STATUS_H_INCLUDED_
#define _NGX_HTTP_TRACKER_STATUS_H_INCLUDED_


#include "http/conf.h"


#pragma GCC visibility push(hidden)


/*
 * Setter of tracker_status.  Returns NGX_CONF_OK, or NGX_CONF_ERROR after
 * logging the cause, or the words of the error.
 */
char *ngx_http_tracker_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_STATUS_H_INCLUDED_ */
