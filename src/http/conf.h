
/*
 * The configuration.  http/directive.h has the functions that set it, except
 * the one for directives that answer.
 */


#ifndef _NGX_HTTP_TRACKER_CONF_H_INCLUDED_
#define _NGX_HTTP_TRACKER_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "jwt/jwt_cache.h"
#include "tracker/tracker.h"
#include "store/store.h"
#include "detect/dictionary.h"


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


/* which directive answers in a location */

typedef enum {
    NGX_HTTP_TRACKER_SERVES_NOTHING = 0,
    NGX_HTTP_TRACKER_SERVES_API,              /* tracker_api */
    NGX_HTTP_TRACKER_SERVES_TOKEN,            /* tracker_token */
    NGX_HTTP_TRACKER_SERVES_CONVERSATIONS     /* tracker_conversations */
} ngx_http_tracker_service_e;


/* of tracker_conversations */

typedef struct {
    ngx_flag_t                  empty_insights;
    ngx_uint_t                  all;          /* 1: look for all trackers where
                                                 a body does not say which */
    ngx_flag_t                  similar;      /* by stems too */
    size_t                      max_hits;     /* of a request */
    detect_limits_t             limits;
} ngx_http_tracker_talk_t;


typedef struct {
    ngx_http_tracker_service_e  service;
    ngx_str_t                   base;         /* the location's prefix */
    ngx_http_handler_pt         handler;      /* of the service, or NULL */

    tracker_store_t             store;
    tracker_limits_t            limits;

    ngx_http_tracker_keys_t    *keys;
    ngx_http_complex_value_t   *account;

    time_t                      token_ttl;    /* seconds */
    ngx_http_tracker_apps_t    *apps;

    ngx_http_tracker_talk_t     talk;
} ngx_http_tracker_loc_conf_t;


extern ngx_module_t  ngx_http_tracker_module;


/*
 * Makes the handler answer in the location of conf.  Returns NGX_CONF_OK, or
 * the words of the error.
 */
char *ngx_http_tracker_serve(ngx_conf_t *cf, void *conf,
    ngx_http_tracker_service_e service, ngx_http_handler_pt handler);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_CONF_H_INCLUDED_ */
