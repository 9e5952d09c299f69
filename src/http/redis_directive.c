
/*
 * tracker_redis: addresses, then parameters.
 */


#include "http/conf.h"
#include "http/directive.h"
#include "http/secret.h"


typedef struct {
    ngx_str_t          name;           /* with the "=", if it has a value */

    /* value is not empty then; NGX_DECLINED: it is invalid, not yet logged */
    ngx_int_t        (*set)(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
                            ngx_str_t *value);
} ngx_http_tracker_redis_param_t;


static ngx_uint_t ngx_http_tracker_redis_is_host(ngx_str_t *arg);
static ngx_int_t ngx_http_tracker_redis_param(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *arg);
static ngx_int_t ngx_http_tracker_redis_check(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf);
static ngx_int_t ngx_http_tracker_redis_check_cluster(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf);
static ngx_int_t ngx_http_tracker_redis_name(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *what);
static ngx_int_t ngx_http_tracker_redis_db(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *value);
static ngx_int_t ngx_http_tracker_redis_user(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *value);
static ngx_int_t ngx_http_tracker_redis_password(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *value);
static ngx_int_t ngx_http_tracker_redis_ssl(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *value);
static ngx_int_t ngx_http_tracker_redis_cluster(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *value);
static ngx_int_t ngx_http_tracker_redis_sentinel(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *value);
static ngx_int_t ngx_http_tracker_sentinel_user(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *value);
static ngx_int_t ngx_http_tracker_sentinel_password(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *value);


static ngx_http_tracker_redis_param_t  ngx_http_tracker_redis_params[] = {
    { ngx_string("db="), ngx_http_tracker_redis_db },
    { ngx_string("user="), ngx_http_tracker_redis_user },
    { ngx_string("password_file="), ngx_http_tracker_redis_password },
    { ngx_string("ssl"), ngx_http_tracker_redis_ssl },
    { ngx_string("cluster"), ngx_http_tracker_redis_cluster },
    { ngx_string("sentinel="), ngx_http_tracker_redis_sentinel },
    { ngx_string("sentinel_user="), ngx_http_tracker_sentinel_user },
    { ngx_string("sentinel_password_file="),
      ngx_http_tracker_sentinel_password },
    { ngx_null_string, NULL }
};


char *
ngx_http_tracker_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tracker_loc_conf_t *tlcf = conf;

    ngx_str_t         *value;
    ngx_uint_t         i;
    ngx_redis_conf_t  *rcf;

    if (tlcf->redis != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    rcf = ngx_pcalloc(cf->pool, sizeof(ngx_redis_conf_t));
    if (rcf == NULL) {
        return NGX_CONF_ERROR;
    }

    rcf->hosts = ngx_palloc(cf->pool, cf->args->nelts * sizeof(ngx_str_t));
    if (rcf->hosts == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (i == 1 || ngx_http_tracker_redis_is_host(&value[i])) {
            rcf->hosts[rcf->nhosts++] = value[i];
            continue;
        }

        if (ngx_http_tracker_redis_param(cf, rcf, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_tracker_redis_check(cf, rcf) != NGX_OK
        || ngx_redis_resolve(cf, rcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    tlcf->redis = rcf;

    return NGX_CONF_OK;
}


/* a path of a socket may have a "=" in it, a host has none */

static ngx_uint_t
ngx_http_tracker_redis_is_host(ngx_str_t *arg)
{
    return ngx_strncmp(arg->data, "unix:", 5) == 0
           || (ngx_strchr(arg->data, '=') == NULL
               && ngx_strcmp(arg->data, "ssl") != 0
               && ngx_strcmp(arg->data, "cluster") != 0);
}


static ngx_int_t
ngx_http_tracker_redis_param(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *arg)
{
    ngx_int_t                        rc;
    ngx_str_t                        value;
    ngx_http_tracker_redis_param_t  *param;

    rc = NGX_DECLINED;

    for (param = ngx_http_tracker_redis_params; param->set; param++) {

        if (ngx_strncmp(arg->data, param->name.data, param->name.len) == 0) {
            value.data = arg->data + param->name.len;
            value.len = arg->len - param->name.len;

            if ((value.len > 0)
                == (param->name.data[param->name.len - 1] == '='))
            {
                rc = param->set(cf, rcf, &value);
            }

            break;
        }
    }

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", expected "
                           "\"db=NUMBER\", \"user=NAME\", "
                           "\"password_file=PATH\", \"ssl\", \"cluster\", "
                           "\"sentinel=NAME\", "
                           "\"sentinel_user=NAME\" or "
                           "\"sentinel_password_file=PATH\"", arg);
    }

    return rc;
}


/* what the parameters say together */

static ngx_int_t
ngx_http_tracker_redis_check(ngx_conf_t *cf, ngx_redis_conf_t *rcf)
{
    if (rcf->user.len && rcf->password.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"user=%V\" needs a \"password_file=\"",
                           &rcf->user);
        return NGX_ERROR;
    }

    if (rcf->sentinel.user.len && rcf->sentinel.password.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"sentinel_user=%V\" needs a "
                           "\"sentinel_password_file=\"",
                           &rcf->sentinel.user);
        return NGX_ERROR;
    }

    if (rcf->cluster) {
        return ngx_http_tracker_redis_check_cluster(cf, rcf);
    }

    if (rcf->sentinel.name.len == 0) {

        if (rcf->nhosts > 1 || rcf->sentinel.password.len) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%s needs a \"sentinel=\"",
                               rcf->nhosts > 1
                               ? "more than one address, and no \"cluster\","
                               : "\"sentinel_password_file=\"");
            return NGX_ERROR;
        }

        rcf->address = rcf->hosts[0];
        return NGX_OK;
    }

    return ngx_http_tracker_redis_name(cf, rcf, &rcf->sentinel.name);
}


static ngx_int_t
ngx_http_tracker_redis_check_cluster(ngx_conf_t *cf, ngx_redis_conf_t *rcf)
{
    ngx_str_t  cluster = ngx_string("cluster");

    if (rcf->sentinel.name.len || rcf->sentinel.password.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a \"cluster\" has no sentinels");
        return NGX_ERROR;
    }

    if (rcf->db) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"db=%ui\": a \"cluster\" has db 0 only",
                           rcf->db);
        return NGX_ERROR;
    }

    return ngx_http_tracker_redis_name(cf, rcf, &cluster);
}


/* one name for the log and the metrics, whichever server is the master */

static ngx_int_t
ngx_http_tracker_redis_name(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *what)
{
    ngx_str_t  *name, *host;

    name = &rcf->address;
    host = &rcf->hosts[0];

    name->data = ngx_pnalloc(cf->pool, what->len + 1 + host->len);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    name->len = ngx_sprintf(name->data, "%V@%V", what, host)
                - name->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_redis_db(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *value)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);
    if (n == NGX_ERROR) {
        return NGX_DECLINED;
    }

    rcf->db = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_redis_user(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *value)
{
    rcf->user = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_redis_password(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *value)
{
    return ngx_http_tracker_read_secret(cf, value, 1, 1, &rcf->password);
}


/* with the settings of the level that is merged in the end */

static ngx_int_t
ngx_http_tracker_redis_ssl(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *value)
{
#if (NGX_SSL)

    static ngx_redis_ssl_t  later;

    rcf->ssl = &later;

    return NGX_OK;

#else

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "the \"ssl\" parameter needs an nginx that was built "
                       "with SSL support");
    return NGX_ERROR;

#endif
}


static ngx_int_t
ngx_http_tracker_redis_cluster(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *value)
{
    rcf->cluster = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_redis_sentinel(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *value)
{
    rcf->sentinel.name = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_sentinel_user(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *value)
{
    rcf->sentinel.user = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_sentinel_password(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *value)
{
    return ngx_http_tracker_read_secret(cf, value, 1, 1,
                                        &rcf->sentinel.password);
}
