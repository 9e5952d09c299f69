
/*
 * The filters that turn error pages in our locations into JSON.
 */


#ifndef _NGX_HTTP_TRACKER_FILTER_H_INCLUDED_
#define _NGX_HTTP_TRACKER_FILTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#pragma GCC visibility push(hidden)


/* Adds the filters, after the configuration was read.  Returns NGX_OK. */
ngx_int_t ngx_http_tracker_filter_init(ngx_conf_t *cf);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_FILTER_H_INCLUDED_ */
