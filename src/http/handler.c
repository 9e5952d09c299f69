
/*
 * A request from its headers to its first step: which endpoint and method, and
 * whether it is allowed.
 */


#include "http/handler.h"
#include "http/args.h"
#include "http/auth.h"
#include "http/change.h"
#include "http/create.h"
#include "http/etag.h"
#include "http/header.h"
#include "http/read.h"
#include "http/request.h"
#include "http/response.h"


static ngx_uint_t ngx_http_tracker_check_request(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_find_endpoint(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_find_path(ngx_http_request_t *r,
    ngx_str_t *path);
static ngx_int_t ngx_http_tracker_find_id(ngx_str_t *path, ngx_str_t *id);


static ngx_http_tracker_action_t  ngx_http_tracker_one_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_list,
      NGX_HTTP_TRACKER_AT_LIST },
    { NGX_HTTP_POST, ngx_http_tracker_start_create,
      NGX_HTTP_TRACKER_AT_CREATE },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_list_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_list,
      NGX_HTTP_TRACKER_AT_LIST },
    { NGX_HTTP_POST, ngx_http_tracker_start_create,
      NGX_HTTP_TRACKER_AT_BULK },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_bulk_actions[] = {
    { NGX_HTTP_POST, ngx_http_tracker_start_create,
      NGX_HTTP_TRACKER_AT_BULK },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_item_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_get,
      NGX_HTTP_TRACKER_AT_GET },
    { NGX_HTTP_PUT, ngx_http_tracker_start_change,
      NGX_HTTP_TRACKER_AT_PUT },
    { NGX_HTTP_PATCH, ngx_http_tracker_start_change,
      NGX_HTTP_TRACKER_AT_PATCH },
    { NGX_HTTP_DELETE, ngx_http_tracker_start_delete,
      NGX_HTTP_TRACKER_AT_DELETE },
    { 0, NULL, 0 }
};


static ngx_http_tracker_endpoint_t  ngx_http_tracker_endpoints[] = {

    { ngx_string("tracker"), ngx_string("GET, HEAD, POST, OPTIONS"),
      TRACKER_JSON_OBJECT, ngx_http_tracker_one_actions },

    { ngx_string("trackers"), ngx_string("GET, HEAD, POST, OPTIONS"),
      TRACKER_JSON_EITHER, ngx_http_tracker_list_actions },

    { ngx_string("trackers/bulk"), ngx_string("POST, OPTIONS"),
      TRACKER_JSON_ARRAY, ngx_http_tracker_bulk_actions },

    { ngx_null_string, ngx_null_string, 0, NULL }
};


/* tracker/{id} and trackers/{id} */

static ngx_http_tracker_endpoint_t  ngx_http_tracker_item = {
    ngx_string("tracker/"),
    ngx_string("GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
    TRACKER_JSON_OBJECT, ngx_http_tracker_item_actions
};


ngx_int_t
ngx_http_tracker_handler(ngx_http_request_t *r)
{
    return ngx_http_tracker_start(r, ngx_http_tracker_check_request);
}


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

    if (r->method == NGX_HTTP_DELETE) {
        return 0;
    }

    outcome = ngx_http_tracker_check_content(r, ctx);
    if (outcome) {
        return outcome;
    }

    return r->method == NGX_HTTP_POST ? ngx_http_tracker_check_key(r, ctx) : 0;
}


static ngx_uint_t
ngx_http_tracker_find_endpoint(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t                     path;
    ngx_http_tracker_action_t    *action;
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

    ctx->endpoint = endpoint;

    if (r->method == NGX_HTTP_OPTIONS) {
        ctx->counted.at = NGX_HTTP_TRACKER_AT_OPTIONS;
        return NGX_HTTP_TRACKER_OPTIONS;
    }

    for (action = endpoint->actions; action->start; action++) {
        if (r->method & action->methods) {
            ctx->step = action->start;
            ctx->counted.at = action->at;
            return 0;
        }
    }

    return NGX_HTTP_TRACKER_BAD_METHOD;
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


/* an id has no blanks, control characters or slashes: messages quote it */

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
