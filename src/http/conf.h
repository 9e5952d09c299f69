
/*
 * The configuration.  http/directive.h has the functions that set it.
 */


#ifndef _NGX_HTTP_TRACKER_CONF_H_INCLUDED_
#define _NGX_HTTP_TRACKER_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "jwt/jwt_cache.h"
#include "tracker/tracker.h"
#include "store/store.h"


#pragma GCC visibility push(hidden)


typedef struct ngx_http_tracker_ctx_s   ngx_http_tracker_ctx_t;
typedef struct ngx_http_tracker_apps_s  ngx_http_tracker_apps_t;


typedef struct {
    ngx_array_t                 servers;      /* of ngx_redis_t * */
} ngx_http_tracker_main_conf_t;


/* the keys of one level, and the tokens that a worker has verified by them */

typedef struct {
    ngx_array_t                 keys;         /* of jwt_key_t */
    jwt_cache_t                *cache;        /* created on first use */
} ngx_http_tracker_keys_t;


typedef struct {
    ngx_flag_t                  api;          /* has tracker_api */
    ngx_str_t                   base;         /* the location's prefix */
    ngx_http_handler_pt         handler;      /* of either directive, or NULL */

    tracker_store_t             store;
    tracker_limits_t            limits;

    ngx_http_tracker_keys_t    *keys;
    ngx_http_complex_value_t   *account;

    ngx_flag_t                  token;        /* has tracker_token */
    time_t                      token_ttl;    /* seconds */
    ngx_http_tracker_apps_t    *apps;
} ngx_http_tracker_loc_conf_t;


extern ngx_module_t  ngx_http_tracker_module;


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_CONF_H_INCLUDED_ */
