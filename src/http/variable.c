
/*
 * The variables of a request.
 */


#include "http/variable.h"
#include "http/auth.h"
#include "http/ctx.h"
#include "http/response.h"


static ngx_int_t ngx_http_tracker_account_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_tracker_outcome_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_tracker_time_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_tracker_hits_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_tracker_detect_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_tracker_set_variable(ngx_http_variable_value_t *v,
    u_char *data, size_t len);


static ngx_http_variable_t  ngx_http_tracker_variables[] = {

    { ngx_string("tracker_account"), NULL,
      ngx_http_tracker_account_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tracker_outcome"), NULL,
      ngx_http_tracker_outcome_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tracker_redis_time"), NULL,
      ngx_http_tracker_time_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tracker_hits"), NULL,
      ngx_http_tracker_hits_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tracker_detect_time"), NULL,
      ngx_http_tracker_detect_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_tracker_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_tracker_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_account_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_tracker_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_tracker_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    switch (ngx_http_tracker_authenticate(r, ctx)) {

    case NGX_OK:
        ngx_http_tracker_set_variable(v, ctx->identity.account.data,
                                      ctx->identity.account.len);
        return NGX_OK;

    case NGX_DECLINED:
        return NGX_OK;

    default:
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_tracker_outcome_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t               *name;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (ctx == NULL || ctx->outcome == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    name = ngx_http_tracker_outcome_name(ctx->outcome);

    ngx_http_tracker_set_variable(v, name->data, name->len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_time_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                  *p;
    ngx_msec_t               ms;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (ctx == NULL || !ctx->counted.waited) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ms = ctx->spent.redis + (ctx->txn ? ctx->txn->redis_time : 0);

    ngx_http_tracker_set_variable(v, p,
        ngx_sprintf(p, "%T.%03M", (time_t) ms / 1000, ms % 1000) - p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_hits_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                  *p;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (ctx == NULL || !ctx->spent.searched) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_tracker_set_variable(v, p,
        ngx_sprintf(p, "%ui", ctx->spent.hits) - p);

    return NGX_OK;
}


/* seconds, as $tracker_redis_time, but a search takes microseconds */

static ngx_int_t
ngx_http_tracker_detect_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                  *p;
    uint64_t                 us;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (ctx == NULL || !ctx->spent.searched) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 7);
    if (p == NULL) {
        return NGX_ERROR;
    }

    us = ctx->spent.detect;

    ngx_http_tracker_set_variable(v, p,
        ngx_sprintf(p, "%uL.%06uL", us / 1000000, us % 1000000) - p);

    return NGX_OK;
}


/* a value, which nginx keeps from now on */

static void
ngx_http_tracker_set_variable(ngx_http_variable_value_t *v, u_char *data,
    size_t len)
{
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = data;
    v->len = len;
}
