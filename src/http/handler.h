
/*
 * The endpoints of tracker_api and tracker_conversations.
 */


#ifndef _NGX_HTTP_TRACKER_HANDLER_H_INCLUDED_
#define _NGX_HTTP_TRACKER_HANDLER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#pragma GCC visibility push(hidden)


/* The content handlers of the two directives. */
ngx_int_t ngx_http_tracker_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_tracker_conversations_handler(ngx_http_request_t *r);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_HANDLER_H_INCLUDED_ */
