
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


/*
 * The largest body that is held in memory, a few times its size for a moment,
 * and the most that client_max_body_size may be except for lines
 */
#define NGX_HTTP_TRACKER_MAX_BODY  (16 * 1024 * 1024)


typedef struct ngx_http_tracker_ctx_s   ngx_http_tracker_ctx_t;
typedef struct ngx_http_tracker_apps_s  ngx_http_tracker_apps_t;


/* what is counted by its name in the configuration */

typedef struct {
    ngx_str_t                   text;
    ngx_uint_t                  place;        /* of its counters; or
                                                 NGX_HTTP_TRACKER_NO_PLACE */
} ngx_http_tracker_name_t;

#define NGX_HTTP_TRACKER_NO_PLACE  NGX_CONF_UNSET_UINT


typedef struct {
    ngx_array_t                 servers;      /* of ngx_redis_t * */
    ngx_array_t                 server_names; /* of ngx_http_tracker_name_t,
                                                 one for each server */
    ngx_array_t                 key_names;    /* the same, of keys */
    ngx_array_t                 apps;         /* of
                                                 ngx_http_tracker_apps_t * */

    ngx_shm_zone_t             *zone;         /* of the counters; NULL: there
                                                 is no tracker_status */
    void                       *shared;       /* what is in it */
    ngx_uint_t                  generation;   /* of this configuration */
} ngx_http_tracker_main_conf_t;


/* the keys of one level, and the tokens that a worker has verified by them */

typedef struct {
    ngx_array_t                 keys;         /* of jwt_key_t */
    ngx_array_t                 names;        /* of ngx_uint_t: where in
                                                 key_names each key is */
    jwt_cache_t                *cache;        /* created on first use */
} ngx_http_tracker_keys_t;


/* which directive answers in a location */

typedef enum {
    NGX_HTTP_TRACKER_SERVES_NOTHING = 0,
    NGX_HTTP_TRACKER_SERVES_API,              /* tracker_api */
    NGX_HTTP_TRACKER_SERVES_TOKEN,            /* tracker_token */
    NGX_HTTP_TRACKER_SERVES_CONVERSATIONS,    /* tracker_conversations */
    NGX_HTTP_TRACKER_SERVES_STATUS,           /* tracker_status */
    NGX_HTTP_TRACKER_SERVES_HEALTH            /* tracker_health */
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

    ngx_redis_conf_t           *redis;        /* as tracker_redis says; NULL:
                                                 the default */
    ngx_redis_ssl_t             ssl;
    tracker_store_t             store;        /* store.redis: set where a
                                                 location answers */
    tracker_limits_t            limits;
    ngx_uint_t                  waiting;      /* requests of a worker that may
                                                 wait for changes */

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
