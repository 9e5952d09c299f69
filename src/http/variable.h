
/*
 * The variables of a request.
 */


#ifndef _NGX_HTTP_TRACKER_VARIABLE_H_INCLUDED_
#define _NGX_HTTP_TRACKER_VARIABLE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#pragma GCC visibility push(hidden)


/* Adds the variables, before the configuration is read: NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_tracker_add_variables(ngx_conf_t *cf);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_VARIABLE_H_INCLUDED_ */
