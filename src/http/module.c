
/*
 * The directives, and the life of the module.
 */


#include "http/apps.h"
#include "http/conf.h"
#include "http/count.h"
#include "http/directive.h"
#include "http/filter.h"
#include "http/handler.h"
#include "http/health.h"
#include "http/ssl.h"
#include "http/status.h"
#include "http/token.h"
#include "http/variable.h"
#include "http/zone.h"
#include "tracker_version.h"


/* seconds that a token may be valid */
#define NGX_HTTP_TRACKER_MAX_TTL   (365 * 24 * 3600)

/* bytes of free memory that a worker does not give back to the system */
#define NGX_HTTP_TRACKER_KEEP      (32 * 1024 * 1024)


typedef struct {
    ngx_uint_t                 is_sec;      /* a time_t, or an ngx_msec_t */
    ngx_int_t                  low;
    ngx_int_t                  high;
    char                      *text;
} ngx_http_tracker_time_bounds_t;


typedef struct {
    ngx_conf_post_handler_pt   post_handler;
    size_t                     low;
    size_t                     high;
} ngx_http_tracker_size_bounds_t;


typedef struct {
    size_t                     high;
    ngx_uint_t                 off;         /* may be "off" */
} ngx_http_tracker_limit_bounds_t;


static char *ngx_http_tracker_api(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_tracker_conversations(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_http_tracker_in_prefix(ngx_conf_t *cf,
    ngx_command_t *cmd);
static char *ngx_http_tracker_prefix(ngx_conf_t *cf, void *post, void *data);
static char *ngx_http_tracker_time(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_tracker_size(ngx_conf_t *cf, void *post, void *data);
static char *ngx_http_tracker_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

static ngx_int_t ngx_http_tracker_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_tracker_init_process(ngx_cycle_t *cycle);
static void ngx_http_tracker_keep_memory(void);
static void ngx_http_tracker_exit_process(ngx_cycle_t *cycle);


static ngx_conf_post_t  ngx_http_tracker_prefix_post = {
    ngx_http_tracker_prefix
};

static ngx_http_tracker_time_bounds_t  ngx_http_tracker_timeout_bounds = {
    0, 100, 3600000, "100ms to 1h"
};

static ngx_http_tracker_time_bounds_t  ngx_http_tracker_ttl_bounds = {
    1, 1, NGX_HTTP_TRACKER_MAX_TTL, "1s to 365d"
};

static ngx_http_tracker_size_bounds_t  ngx_http_tracker_talk_bounds = {
    ngx_http_tracker_size, 1024, 256 * 1024 * 1024
};

static ngx_http_tracker_size_bounds_t  ngx_http_tracker_cache_bounds = {
    ngx_http_tracker_size, 65536, (size_t) 1024 * 1024 * 1024
};

/* they are sorted in one turn */

static ngx_http_tracker_limit_bounds_t  ngx_http_tracker_hits_bounds = {
    250000, 0
};

static ngx_conf_enum_t  ngx_http_tracker_defaults[] = {
    { ngx_string("none"), 0 },
    { ngx_string("all"), 1 },
    { ngx_null_string, 0 }
};

#if (NGX_SSL)

static ngx_conf_bitmask_t  ngx_http_tracker_ssl_protocols[] = {
    { ngx_string("SSLv2"), NGX_SSL_SSLv2 },
    { ngx_string("SSLv3"), NGX_SSL_SSLv3 },
    { ngx_string("TLSv1"), NGX_SSL_TLSv1 },
    { ngx_string("TLSv1.1"), NGX_SSL_TLSv1_1 },
    { ngx_string("TLSv1.2"), NGX_SSL_TLSv1_2 },
    { ngx_string("TLSv1.3"), NGX_SSL_TLSv1_3 },
    { ngx_null_string, 0 }
};

#endif

static ngx_http_tracker_limit_bounds_t  ngx_http_tracker_off_bounds = {
    1000000000, 1
};

/* the log of an account is one key, trimmed in one turn of Redis */

static ngx_http_tracker_limit_bounds_t  ngx_http_tracker_history_bounds = {
    100000, 1
};

static ngx_http_tracker_limit_bounds_t  ngx_http_tracker_min_bounds = {
    1000000, 0
};


static ngx_command_t  ngx_http_tracker_commands[] = {

    { ngx_string("tracker_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_tracker_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tracker_redis"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_tracker_redis,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

#if (NGX_SSL)

    { ngx_string("tracker_redis_ssl_name"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, ssl.name),
      NULL },

    { ngx_string("tracker_redis_ssl_trusted_certificate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, ssl.trusted_certificate),
      NULL },

    { ngx_string("tracker_redis_ssl_crl"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, ssl.crl),
      NULL },

    { ngx_string("tracker_redis_ssl_certificate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, ssl.certificate),
      NULL },

    { ngx_string("tracker_redis_ssl_certificate_key"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, ssl.certificate_key),
      NULL },

    { ngx_string("tracker_redis_ssl_password_file"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_ssl_password_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tracker_redis_ssl_ciphers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, ssl.ciphers),
      NULL },

    { ngx_string("tracker_redis_ssl_protocols"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, ssl.protocols),
      &ngx_http_tracker_ssl_protocols },

    { ngx_string("tracker_redis_ssl_verify"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, ssl.verify),
      NULL },

    { ngx_string("tracker_redis_ssl_verify_depth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, ssl.verify_depth),
      NULL },

    { ngx_string("tracker_redis_ssl_server_name"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, ssl.server_name),
      NULL },

    { ngx_string("tracker_redis_ssl_session_reuse"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, ssl.session_reuse),
      NULL },

#endif

    { ngx_string("tracker_prefix"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, store.prefix),
      &ngx_http_tracker_prefix_post },

    { ngx_string("tracker_jwt_key"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_tracker_jwt_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tracker_account"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_account,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, account),
      NULL },

    { ngx_string("tracker_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_time,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, store.timeout),
      &ngx_http_tracker_timeout_bounds },

    { ngx_string("tracker_redis_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_time,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, store.redis_timeout),
      &ngx_http_tracker_timeout_bounds },

    { ngx_string("tracker_redis_failover_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_time,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, store.failover),
      &ngx_http_tracker_timeout_bounds },

    { ngx_string("tracker_lock"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, store.lock),
      NULL },

    { ngx_string("tracker_max_trackers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, store.max_trackers),
      &ngx_http_tracker_off_bounds },

    { ngx_string("tracker_max_idempotency_keys"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, store.max_idems),
      &ngx_http_tracker_off_bounds },

    { ngx_string("tracker_history"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, store.history),
      &ngx_http_tracker_history_bounds },

    { ngx_string("tracker_history_waiting"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, waiting),
      &ngx_http_tracker_min_bounds },

    { ngx_string("tracker_max_bulk"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, limits.max_bulk),
      &ngx_http_tracker_off_bounds },

    { ngx_string("tracker_max_phrases"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, limits.max_phrases),
      &ngx_http_tracker_off_bounds },

    { ngx_string("tracker_min_phrases"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, limits.min_phrases),
      &ngx_http_tracker_min_bounds },

    { ngx_string("tracker_token"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_tracker_token,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tracker_token_apps"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_token_apps,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tracker_token_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_time,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, token_ttl),
      &ngx_http_tracker_ttl_bounds },

    { ngx_string("tracker_conversations"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_tracker_conversations,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tracker_conversation_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_time,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, store.conversation_ttl),
      &ngx_http_tracker_ttl_bounds },

    { ngx_string("tracker_conversation_max_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, store.conversation_size),
      &ngx_http_tracker_talk_bounds },

    { ngx_string("tracker_empty_insights"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, talk.empty_insights),
      NULL },

    { ngx_string("tracker_detect_default"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, talk.all),
      ngx_http_tracker_defaults },

    { ngx_string("tracker_detect_similar"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, talk.similar),
      NULL },

    { ngx_string("tracker_detect_cache"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, talk.limits.cache),
      &ngx_http_tracker_cache_bounds },

    { ngx_string("tracker_detect_max_phrases"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, talk.limits.max_phrases),
      &ngx_http_tracker_min_bounds },

    { ngx_string("tracker_detect_max_hits"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tracker_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tracker_loc_conf_t, talk.max_hits),
      &ngx_http_tracker_hits_bounds },

    { ngx_string("tracker_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_tracker_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tracker_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_tracker_health,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_tracker_module_ctx = {
    ngx_http_tracker_add_variables,        /* preconfiguration */
    ngx_http_tracker_postconfiguration,    /* postconfiguration */

    ngx_http_tracker_create_main_conf,     /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_tracker_create_loc_conf,      /* create location configuration */
    ngx_http_tracker_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_http_tracker_module = {
    NGX_MODULE_V1,
    &ngx_http_tracker_module_ctx,          /* module context */
    ngx_http_tracker_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_tracker_init_process,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_tracker_exit_process,         /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_http_tracker_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    if (ngx_http_tracker_in_prefix(cf, cmd) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_tracker_serve(cf, conf, NGX_HTTP_TRACKER_SERVES_API,
                                  ngx_http_tracker_handler);
}


static char *
ngx_http_tracker_conversations(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    if (ngx_http_tracker_in_prefix(cf, cmd) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_tracker_serve(cf, conf,
                                  NGX_HTTP_TRACKER_SERVES_CONVERSATIONS,
                                  ngx_http_tracker_conversations_handler);
}


/* endpoints are found by what follows the prefix: NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_tracker_in_prefix(ngx_conf_t *cf, ngx_command_t *cmd)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->exact_match || clcf->named
#if (NGX_PCRE)
        || clcf->regex
#endif
       )
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is allowed in prefix locations only, not "
                           "in \"%V\"", &cmd->name, &clcf->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* braces would make another hash tag of the keys than the account's */

static char *
ngx_http_tracker_prefix(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *prefix = data;

    if (prefix->len == 0
        || ngx_strlchr(prefix->data, prefix->data + prefix->len, '{')
        || ngx_strlchr(prefix->data, prefix->data + prefix->len, '}'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid prefix \"%V\", it must not be empty or "
                           "contain braces", prefix);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* nginx' own setters of times do not quote a value that they refuse */

static char *
ngx_http_tracker_time(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    time_t                          *sec;
    ngx_int_t                        n;
    ngx_str_t                       *value;
    ngx_msec_t                      *msec;
    ngx_http_tracker_time_bounds_t  *bounds = cmd->post;

    sec = (time_t *) (p + cmd->offset);
    msec = (ngx_msec_t *) (p + cmd->offset);

    if (bounds->is_sec ? *sec != NGX_CONF_UNSET : *msec != NGX_CONF_UNSET_MSEC)
    {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = ngx_parse_time(&value[1], bounds->is_sec);

    if (n == NGX_ERROR || n < bounds->low || n > bounds->high) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it must be a time from %s",
                           &value[1], bounds->text);
        return NGX_CONF_ERROR;
    }

    if (bounds->is_sec) {
        *sec = n;

    } else {
        *msec = n;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_tracker_size(ngx_conf_t *cf, void *post, void *data)
{
    size_t                          *size = data;
    ngx_http_tracker_size_bounds_t  *bounds = post;

    ngx_str_t  *value;

    if (*size < bounds->low || *size > bounds->high) {
        value = cf->args->elts;

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it must be a size from "
                           "%uzk to %uzm", &value[1], bounds->low / 1024,
                           bounds->high / 1024 / 1024);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_tracker_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    size_t                           *limit;
    ngx_int_t                         n;
    ngx_str_t                        *value;
    ngx_http_tracker_limit_bounds_t  *bounds = cmd->post;

    limit = (size_t *) (p + cmd->offset);

    if (*limit != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (bounds->off && ngx_strcmp(value[1].data, "off") == 0) {
        *limit = 0;
        return NGX_CONF_OK;
    }

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n == 0 || (size_t) n > bounds->high) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it must be a number from "
                           "1 to %uz%s", &value[1], bounds->high,
                           bounds->off ? ", or \"off\"" : "");
        return NGX_CONF_ERROR;
    }

    *limit = n;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_tracker_init_process(ngx_cycle_t *cycle)
{
    ngx_http_tracker_main_conf_t  *tmcf;

    tmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_tracker_module);

    /* helpers, as the cache manager, come here too */

    if (tmcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                  "tracker/" NGX_TRACKER_VERSION " (nginx/" NGINX_VERSION
                  ", hiredis/%s, jansson/%s)",
                  ngx_redis_library(), tracker_json_library());

    if (tmcf->servers.nelts) {
        ngx_http_tracker_keep_memory();
    }

    ngx_http_tracker_zone_join(tmcf, cycle->log);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_tracker_main_conf_t  *tmcf;

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tracker_module);

    if (tmcf->zone) {
        ngx_http_tracker_zone_check(cf);

        if (ngx_http_tracker_count_init(cf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_tracker_filter_init(cf);
}


/*
 * Otherwise the memory of each request of a megabyte would be returned to the
 * system and fetched again page by page, which may take longer than the rest
 * of the request.  glibc raises its bounds by itself only when a larger block
 * is freed.
 */

static void
ngx_http_tracker_keep_memory(void)
{
#ifdef M_TRIM_THRESHOLD

    /* a 32-bit glibc does not accept the first one */

    if (mallopt(M_MMAP_THRESHOLD, NGX_HTTP_TRACKER_KEEP / 2)) {
        (void) mallopt(M_TRIM_THRESHOLD, NGX_HTTP_TRACKER_KEEP);
    }

#endif
}


static void
ngx_http_tracker_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_tracker_main_conf_t  *tmcf;

    tmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_tracker_module);

    if (tmcf == NULL) {
        return;
    }

    ngx_redis_close(&tmcf->servers);

    ngx_http_tracker_zone_leave(tmcf);
}
