
/*
 * tracker_redis: addresses, then parameters.
 */


#include "http/conf.h"
#include "http/directive.h"
#include "http/secret.h"


/* more replicas than anybody has: another number was meant */
#define NGX_HTTP_TRACKER_MAX_REPLICAS  16


typedef struct {
    ngx_str_t          name;           /* with the "=", if it has a value */
    const char        *form;

    /* value is not empty then; NGX_DECLINED: it is invalid, not yet logged */
    ngx_int_t        (*set)(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
                            ngx_str_t *value);
} ngx_http_tracker_redis_param_t;


static ngx_uint_t ngx_http_tracker_redis_is_host(ngx_str_t *arg);
static ngx_int_t ngx_http_tracker_redis_param(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *arg, ngx_uint_t *seen);
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
static ngx_int_t ngx_http_tracker_redis_wait(ngx_conf_t *cf,
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
    { ngx_string("db="), "\"db=NUMBER\"", ngx_http_tracker_redis_db },
    { ngx_string("user="), "\"user=NAME\"", ngx_http_tracker_redis_user },
    { ngx_string("password_file="), "\"password_file=PATH\"",
      ngx_http_tracker_redis_password },
    { ngx_string("ssl"), "\"ssl\"", ngx_http_tracker_redis_ssl },
    { ngx_string("wait="),
      "\"wait=N\" or \"wait=N:TIME\", with N from 1 to 16",
      ngx_http_tracker_redis_wait },
    { ngx_string("cluster"), "\"cluster\"", ngx_http_tracker_redis_cluster },
    { ngx_string("sentinel="), "\"sentinel=NAME\"",
      ngx_http_tracker_redis_sentinel },
    { ngx_string("sentinel_user="), "\"sentinel_user=NAME\"",
      ngx_http_tracker_sentinel_user },
    { ngx_string("sentinel_password_file="),
      "\"sentinel_password_file=PATH\"",
      ngx_http_tracker_sentinel_password },
    { ngx_null_string,
      "\"db=\", \"user=\", \"password_file=\", \"ssl\", \"wait=\", "
      "\"cluster\" or \"sentinel=\"", NULL }
};


char *
ngx_http_tracker_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tracker_loc_conf_t *tlcf = conf;

    ngx_str_t         *value;
    ngx_uint_t         i, seen;
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
    seen = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        if (i == 1 || ngx_http_tracker_redis_is_host(&value[i])) {
            rcf->hosts[rcf->nhosts++] = value[i];
            continue;
        }

        if (ngx_http_tracker_redis_param(cf, rcf, &value[i], &seen)
            != NGX_OK)
        {
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


/* seen has a bit for each parameter that was there before */

static ngx_int_t
ngx_http_tracker_redis_param(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *arg, ngx_uint_t *seen)
{
    ngx_int_t                        rc;
    ngx_str_t                        value;
    ngx_uint_t                       i, has_value;
    ngx_http_tracker_redis_param_t  *param;

    for (i = 0; ngx_http_tracker_redis_params[i].set; i++) {
        param = &ngx_http_tracker_redis_params[i];

        if (ngx_strncmp(arg->data, param->name.data, param->name.len) == 0) {
            break;
        }
    }

    param = &ngx_http_tracker_redis_params[i];

    if (*seen & ((ngx_uint_t) 1 << i)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate parameter \"%V\"", arg);
        return NGX_ERROR;
    }

    *seen |= (ngx_uint_t) 1 << i;

    value.data = arg->data + param->name.len;
    value.len = arg->len - param->name.len;

    rc = NGX_DECLINED;

    if (param->set) {
        has_value = (value.data[-1] == '=');

        if (has_value == (value.len > 0)) {
            rc = param->set(cf, rcf, &value);
        }
    }

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", expected %s", arg,
                           param->form);
        return NGX_ERROR;
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
ngx_http_tracker_redis_wait(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *value)
{
    u_char     *colon, *last;
    ngx_int_t   n;
    ngx_str_t   time;

    last = value->data + value->len;

    colon = ngx_strlchr(value->data, last, ':');
    if (colon == NULL) {
        colon = last;
    }

    n = ngx_atoi(value->data, colon - value->data);

    if (n < 1 || n > NGX_HTTP_TRACKER_MAX_REPLICAS) {
        return NGX_DECLINED;
    }

    rcf->wait.replicas = n;

    if (colon == last) {
        return NGX_OK;
    }

    time.data = colon + 1;
    time.len = last - time.data;

    n = ngx_parse_time(&time, 0);

    if (n == NGX_ERROR || n == 0) {
        return NGX_DECLINED;
    }

    rcf->wait.time = n;

    return NGX_OK;
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
