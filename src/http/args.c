
/*
 * Arguments of the query string.
 */


#include "http/args.h"
#include "http/response.h"


typedef struct {
    ngx_str_t     name;
    ngx_uint_t    seen;        /* a bit of its own */
    ngx_uint_t  (*set)(ngx_http_tracker_ctx_t *ctx, ngx_str_t *value);
} ngx_http_tracker_arg_t;


static ngx_http_tracker_arg_t *ngx_http_tracker_import_arg(
    ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_set_dry(ngx_http_tracker_ctx_t *ctx,
    ngx_str_t *value);
static ngx_uint_t ngx_http_tracker_set_policy(ngx_http_tracker_ctx_t *ctx,
    ngx_str_t *value);
static ngx_uint_t ngx_http_tracker_set_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_str_t *value);
static ngx_int_t ngx_http_tracker_next_arg(ngx_str_t *args, ngx_str_t *name,
    ngx_str_t *value);


/* by ngx_http_tracker_policy_e */

static ngx_str_t  ngx_http_tracker_policies[] = {
    ngx_null_string,
    ngx_string("error"),
    ngx_string("skip"),
    ngx_string("merge"),
    ngx_string("replace")
};


static ngx_http_tracker_arg_t  ngx_http_tracker_import_args[] = {
    { ngx_string("dryRun"), 1, ngx_http_tracker_set_dry },
    { ngx_string("on_conflict"), 2, ngx_http_tracker_set_policy },
    { ngx_string("rest"), 4, ngx_http_tracker_set_rest },
    { ngx_null_string, 0, NULL }
};


ngx_uint_t
ngx_http_tracker_check_args(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t                args, value;
    ngx_uint_t               outcome, seen;
    ngx_http_tracker_arg_t  *arg;

    args = r->args;
    seen = 0;

    while (ngx_http_tracker_next_arg(&args, &ctx->fault, &value) == NGX_OK) {

        arg = ngx_http_tracker_import_arg(r, ctx);

        if (arg == NULL || seen & arg->seen) {
            return NGX_HTTP_TRACKER_BAD_ARG;
        }

        seen |= arg->seen;

        outcome = arg->set(ctx, &value);
        if (outcome) {
            return outcome;
        }
    }

    return ctx->form.rest && ctx->form.policy != NGX_HTTP_TRACKER_ON_REPLACE
           ? NGX_HTTP_TRACKER_BAD_REST : 0;
}


/* what ctx->fault is the name of, if the endpoint imports; or NULL */

static ngx_http_tracker_arg_t *
ngx_http_tracker_import_arg(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_arg_t  *arg;

    if (r->method != NGX_HTTP_POST
        || ctx->endpoint->shape == TRACKER_JSON_OBJECT)
    {
        return NULL;
    }

    for (arg = ngx_http_tracker_import_args; arg->name.len; arg++) {

        if (arg->name.len == ctx->fault.len
            && ngx_memcmp(arg->name.data, ctx->fault.data, arg->name.len) == 0)
        {
            return arg;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_tracker_set_dry(ngx_http_tracker_ctx_t *ctx, ngx_str_t *value)
{
    if (value->len == 4 && ngx_memcmp(value->data, "true", 4) == 0) {
        ctx->form.dry = 1;
        return 0;
    }

    return value->len == 5 && ngx_memcmp(value->data, "false", 5) == 0
           ? 0 : NGX_HTTP_TRACKER_BAD_DRY_RUN;
}


static ngx_uint_t
ngx_http_tracker_set_policy(ngx_http_tracker_ctx_t *ctx, ngx_str_t *value)
{
    ngx_uint_t   i;
    ngx_str_t   *policy;

    for (i = NGX_HTTP_TRACKER_ON_ERROR; i <= NGX_HTTP_TRACKER_ON_REPLACE; i++) {
        policy = &ngx_http_tracker_policies[i];

        if (policy->len == value->len
            && ngx_memcmp(policy->data, value->data, value->len) == 0)
        {
            ctx->form.policy = i;
            return 0;
        }
    }

    return NGX_HTTP_TRACKER_BAD_POLICY;
}


static ngx_uint_t
ngx_http_tracker_set_rest(ngx_http_tracker_ctx_t *ctx, ngx_str_t *value)
{
    if (value->len != 6 || ngx_memcmp(value->data, "delete", 6) != 0) {
        return NGX_HTTP_TRACKER_BAD_REST;
    }

    ctx->form.rest = 1;

    return 0;
}


/* ngx_http_arg() would also find "Name=", and would not find "name" alone */

ngx_int_t
ngx_http_tracker_find_arg(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    size_t     len;
    ngx_str_t  args, found;

    len = ngx_strlen(name);
    args = r->args;

    while (ngx_http_tracker_next_arg(&args, &found, value) == NGX_OK) {

        if (found.len == len && ngx_memcmp(found.data, name, len) == 0) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/*
 * Removes the next argument from args: its name and its value as they were
 * sent, the value empty if there is no "=".  Returns NGX_OK, or NGX_DECLINED if
 * there is none.
 */

static ngx_int_t
ngx_http_tracker_next_arg(ngx_str_t *args, ngx_str_t *name, ngx_str_t *value)
{
    u_char  *p, *end, *next, *equals;

    p = args->data;
    end = p + args->len;

    while (p < end && *p == '&') {
        p++;
    }

    if (p == end) {
        return NGX_DECLINED;
    }

    next = ngx_strlchr(p, end, '&');
    if (next == NULL) {
        next = end;
    }

    args->data = next;
    args->len = end - next;

    equals = ngx_strlchr(p, next, '=');
    if (equals == NULL) {
        equals = next;
    }

    name->data = p;
    name->len = equals - p;

    if (equals < next) {
        equals++;
    }

    value->data = equals;
    value->len = next - equals;

    return NGX_OK;
}


ngx_int_t
ngx_http_tracker_find_number(ngx_http_request_t *r, const char *name,
    ngx_uint_t least, ngx_uint_t most, ngx_uint_t *number)
{
    u_char     buf[NGX_INT_T_LEN];
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_http_tracker_find_arg(r, name, &value) != NGX_OK) {
        return NGX_DECLINED;
    }

    n = value.len > (size_t) (ngx_sprintf(buf, "%ui", most) - buf)
        ? NGX_ERROR : ngx_atoi(value.data, value.len);

    if (n == NGX_ERROR || (ngx_uint_t) n < least || (ngx_uint_t) n > most) {
        return NGX_ERROR;
    }

    *number = n;

    return NGX_OK;
}


/* ngx_unescape_uri() would turn "100%" into "100" */

ngx_int_t
ngx_http_tracker_decode_arg(ngx_pool_t *pool, ngx_str_t *value)
{
    u_char     *dst, *src, *end;
    ngx_int_t   byte;

    dst = ngx_pnalloc(pool, value->len + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    src = value->data;
    end = src + value->len;

    value->data = dst;

    while (src < end) {

        byte = (*src == '%' && end - src > 2) ? ngx_hextoi(src + 1, 2)
                                              : NGX_ERROR;

        if (byte != NGX_ERROR) {
            *dst++ = (u_char) byte;
            src += 3;
            continue;
        }

        *dst++ = (*src == '+') ? ' ' : *src;
        src++;
    }

    value->len = dst - value->data;

    return NGX_OK;
}
