
/*
 * From the URI of a request to its endpoint.
 */


#include "http/endpoint.h"
#include "http/response.h"


static ngx_int_t ngx_http_tracker_find_path(ngx_http_request_t *r,
    ngx_str_t *path);
static ngx_uint_t ngx_http_tracker_match_path(ngx_str_t *form,
    ngx_str_t *path, ngx_str_t *id);


ngx_uint_t
ngx_http_tracker_find_endpoint(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_endpoint_t *endpoints)
{
    ngx_str_t                     path;
    ngx_http_tracker_action_t    *action;
    ngx_http_tracker_endpoint_t  *endpoint;

    if (ngx_http_tracker_find_path(r, &path) != NGX_OK) {
        return NGX_HTTP_TRACKER_NO_ENDPOINT;
    }

    for (endpoint = endpoints; endpoint->path.len; endpoint++) {
        if (ngx_http_tracker_match_path(&endpoint->path, &path, &ctx->id)) {
            break;
        }
    }

    if (endpoint->path.len == 0) {
        return NGX_HTTP_TRACKER_NO_ENDPOINT;
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


/*
 * Returns 1 if path has the form of an endpoint's, whose "*" stands for an id,
 * and then id is set, empty if there is none; else 0.  An id has no blanks,
 * control characters or slashes: messages quote it.
 */

static ngx_uint_t
ngx_http_tracker_match_path(ngx_str_t *form, ngx_str_t *path, ngx_str_t *id)
{
    u_char  *p, *end, *star;
    size_t   before, after;

    star = ngx_strlchr(form->data, form->data + form->len, '*');

    if (star == NULL) {
        ngx_str_null(id);

        return form->len == path->len
               && ngx_memcmp(form->data, path->data, path->len) == 0;
    }

    before = star - form->data;
    after = form->len - before - 1;

    if (path->len < form->len
        || ngx_memcmp(path->data, form->data, before) != 0
        || ngx_memcmp(path->data + path->len - after, star + 1, after) != 0)
    {
        return 0;
    }

    id->data = path->data + before;
    id->len = path->len - before - after;

    end = id->data + id->len;

    for (p = id->data; p < end; p++) {
        if (*p <= 0x20 || *p >= 0x7f || *p == '/') {
            return 0;
        }
    }

    return 1;
}
