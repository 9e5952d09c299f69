
/*
 * A request from its headers to its first step: what is asked for, and whether
 * it may be.
 */


#include "http/handler.h"


typedef struct {
    ngx_str_t             path;      /* below the location's prefix */
    ngx_uint_t            methods;
    ngx_str_t             allow;
    tracker_json_shape_e  shape;     /* of a POST or PUT */
} ngx_http_tracker_endpoint_t;


static ngx_uint_t ngx_http_tracker_check_request(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_find_endpoint(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_find_path(ngx_http_request_t *r,
    ngx_str_t *path);
static ngx_int_t ngx_http_tracker_find_id(ngx_str_t *path, ngx_str_t *id);


static ngx_http_tracker_endpoint_t  ngx_http_tracker_endpoints[] = {

    { ngx_string("tracker"), NGX_HTTP_TRACKER_READS|NGX_HTTP_POST,
      ngx_string("GET, HEAD, POST, OPTIONS"), TRACKER_JSON_OBJECT },

    { ngx_string("trackers"), NGX_HTTP_TRACKER_READS|NGX_HTTP_POST,
      ngx_string("GET, HEAD, POST, OPTIONS"), TRACKER_JSON_EITHER },

    { ngx_string("trackers/bulk"), NGX_HTTP_POST,
      ngx_string("POST, OPTIONS"), TRACKER_JSON_ARRAY },

    { ngx_null_string, 0, ngx_null_string, 0 }
};


/* tracker/{id} and trackers/{id} */

static ngx_http_tracker_endpoint_t  ngx_http_tracker_item = {
    ngx_string("tracker/"),
    NGX_HTTP_TRACKER_READS|NGX_HTTP_PUT|NGX_HTTP_PATCH|NGX_HTTP_DELETE,
    ngx_string("GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
    TRACKER_JSON_OBJECT
};


ngx_int_t
ngx_http_tracker_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_uint_t               outcome;
    ngx_http_cleanup_t      *cln;
    ngx_http_tracker_ctx_t  *ctx;

    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tracker: subrequests are not served");
        return NGX_HTTP_NOT_FOUND;
    }

    ctx = ngx_http_tracker_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->start = ngx_current_msec;
    ctx->budget = NGX_HTTP_TRACKER_BUDGET;

    outcome = ngx_http_tracker_check_request(r, ctx);

    if (outcome) {
        return ngx_http_tracker_send_outcome(r, ctx, outcome);
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_tracker_cleanup;
    cln->data = ctx;

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_DELETE)) {

        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }

        /* as far as an answer is concerned */
        ctx->body.complete = 1;
    }

    r->main->count++;

    switch (r->method) {

    case NGX_HTTP_GET:
    case NGX_HTTP_HEAD:
        ngx_http_tracker_start_read(r, ctx);
        break;

    case NGX_HTTP_DELETE:
        ngx_http_tracker_start_change(r, ctx);
        break;

    default: /* POST, PUT, PATCH */
        ngx_http_tracker_start_write(r, ctx);
        break;
    }

    return NGX_DONE;
}


/* what the headers alone decide; returns 0 or the outcome */

static ngx_uint_t
ngx_http_tracker_check_request(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  outcome;

    outcome = ngx_http_tracker_find_endpoint(r, ctx);
    if (outcome) {
        return outcome;
    }

    outcome = ngx_http_tracker_check_account(r, ctx);
    if (outcome) {
        return outcome;
    }

    if (ctx->id.len
        && !tracker_id_valid((char *) ctx->id.data, ctx->id.len))
    {
        return TRACKER_OUTCOME_MISSING;
    }

    if (r->method & NGX_HTTP_TRACKER_READS) {
        return 0;
    }

    outcome = ngx_http_tracker_check_args(r, ctx);
    if (outcome) {
        return outcome;
    }

    outcome = ngx_http_tracker_check_meaning(r, ctx);
    if (outcome) {
        return outcome;
    }

    outcome = ngx_http_tracker_check_conditions(r, ctx);
    if (outcome) {
        return outcome;
    }

    if (r->method != NGX_HTTP_DELETE) {
        return ngx_http_tracker_check_headers(r, ctx);
    }

    return 0;
}


static ngx_uint_t
ngx_http_tracker_find_endpoint(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t                     path;
    ngx_http_tracker_endpoint_t  *endpoint;

    if (ngx_http_tracker_find_path(r, &path) != NGX_OK) {
        return NGX_HTTP_TRACKER_NO_ENDPOINT;
    }

    for (endpoint = ngx_http_tracker_endpoints;
         endpoint->path.len;
         endpoint++)
    {
        if (path.len == endpoint->path.len
            && ngx_memcmp(path.data, endpoint->path.data, path.len) == 0)
        {
            break;
        }
    }

    if (endpoint->path.len == 0) {

        if (ngx_http_tracker_find_id(&path, &ctx->id) != NGX_OK) {
            return NGX_HTTP_TRACKER_NO_ENDPOINT;
        }

        endpoint = &ngx_http_tracker_item;
    }

    ctx->endpoint = endpoint->path;
    ctx->shape = endpoint->shape;
    ctx->allow = endpoint->allow;

    if (r->method == NGX_HTTP_OPTIONS) {
        return NGX_HTTP_TRACKER_OPTIONS;
    }

    if (!(r->method & endpoint->methods)) {
        return NGX_HTTP_TRACKER_BAD_METHOD;
    }

    return 0;
}


/*
 * "location /v1/manage" stands for "location /v1/manage/".  The URI may have
 * left the location: "rewrite ... break" keeps the location as it is.
 */

static ngx_int_t
ngx_http_tracker_find_path(ngx_http_request_t *r, ngx_str_t *path)
{
    size_t                        len;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    len = tlcf->base.len;

    if (r->uri.len <= len
        || ngx_filename_cmp(r->uri.data, tlcf->base.data, len) != 0)
    {
        return NGX_DECLINED;
    }

    if (tlcf->base.data[len - 1] != '/') {

        if (r->uri.data[len] != '/') {
            return NGX_DECLINED;
        }

        len++;
    }

    path->data = r->uri.data + len;
    path->len = r->uri.len - len;

    return NGX_OK;
}


/* what no message could quote is no id */

static ngx_int_t
ngx_http_tracker_find_id(ngx_str_t *path, ngx_str_t *id)
{
    size_t      i, len;
    ngx_uint_t  plural;

    len = ngx_http_tracker_item.path.len;

    plural = path->len > len && path->data[len - 1] == 's';

    if (plural) {
        len++;
    }

    if (path->len <= len
        || ngx_strncmp(path->data, "tracker", sizeof("tracker") - 1) != 0
        || path->data[len - 1] != '/')
    {
        return NGX_DECLINED;
    }

    for (i = len; i < path->len; i++) {
        if (path->data[i] <= 0x20 || path->data[i] >= 0x7f
            || path->data[i] == '/')
        {
            return NGX_DECLINED;
        }
    }

    id->data = path->data + len;
    id->len = path->len - len;

    return NGX_OK;
}
