
/*
 * The answer goes out: its header lines, its body, and what happens to a
 * request body that was not read.
 */


#include "http/send.h"
#include "http/accept.h"
#include "http/lines.h"
#include "http/response.h"


static ngx_int_t ngx_http_tracker_gather(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_parts_t *parts,
    ngx_chain_t **out);
static ngx_int_t ngx_http_tracker_send_header(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t more);
static void ngx_http_tracker_drop_body(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_set_headers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_push_preference(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_push_patches(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_has_patch(
    ngx_http_tracker_endpoint_t *endpoint);
static ngx_int_t ngx_http_tracker_push_location(ngx_http_request_t *r,
    tracker_str_t *id);
static ngx_int_t ngx_http_tracker_write_path(ngx_http_request_t *r,
    const char *before, const char *path, const char *after,
    ngx_str_t *value);


ngx_int_t
ngx_http_tracker_send(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_parts_t *parts)
{
    ngx_int_t                  rc;
    ngx_chain_t               *out;
    ngx_http_tracker_parts_t   all;

    /* r->header_sent may be of the request that a post_action follows */

    if (!ctx->form.sent) {

        rc = ngx_http_tracker_send_header(r, ctx, parts != NULL);

        if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
            return rc;
        }
    }

    ngx_memzero(&all, sizeof(ngx_http_tracker_parts_t));

    if (ngx_http_tracker_gather(r, ctx, parts ? parts : &all, &out)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (out == NULL) {
        return NGX_OK;
    }

    /* a filter that waits for the end would take either "last" for it */

    if (parts == NULL) {
        all.tail->last_buf = 1;
        all.tail->last_in_chain = 1;

        return ngx_http_output_filter(r, out);
    }

    parts->tail->flush = 1;

    rc = ngx_http_output_filter(r, out);

    ngx_chain_update_chains(r->pool, &parts->free, &parts->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_tracker_module);

    return rc;
}


/* puts ctx->open, ctx->answer and ctx->close, unless they are empty, in *out */

static ngx_int_t
ngx_http_tracker_gather(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_parts_t *parts, ngx_chain_t **out)
{
    ngx_buf_t    *b;
    ngx_str_t    *texts[3];
    ngx_uint_t    i;
    ngx_chain_t  *cl;

    texts[0] = &ctx->open;
    texts[1] = &ctx->answer;
    texts[2] = &ctx->close;

    parts->tail = NULL;

    for (i = 0; i < 3; i++) {

        if (texts[i]->len == 0) {
            continue;
        }

        cl = ngx_chain_get_free_buf(r->pool, &parts->free);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        b = cl->buf;

        ngx_memzero(b, sizeof(ngx_buf_t));

        b->tag = (ngx_buf_tag_t) &ngx_http_tracker_module;
        b->start = texts[i]->data;
        b->pos = texts[i]->data;
        b->last = texts[i]->data + texts[i]->len;
        b->end = b->last;
        b->memory = 1;

        *out = cl;
        out = &cl->next;

        parts->tail = b;
    }

    *out = NULL;

    return NGX_OK;
}


ngx_int_t
ngx_http_tracker_send_outcome(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t outcome)
{
    if (outcome == NGX_HTTP_TRACKER_OPTIONS) {
        ctx->outcome = outcome;
        return ngx_http_tracker_send(r, ctx, NULL);
    }

    ngx_http_tracker_set_error(ctx, outcome, NULL);

    if (ctx->answer.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_tracker_send(r, ctx, NULL);
}


ngx_int_t
ngx_http_tracker_send_method(ngx_http_request_t *r)
{
    ngx_http_tracker_ctx_t  *ctx;

    static ngx_http_tracker_endpoint_t  reads = {
        ngx_null_string, ngx_string("GET, HEAD, OPTIONS"), NULL,
        TRACKER_JSON_OBJECT, 0, 0, NULL
    };

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return NGX_DECLINED;
    }

    /* the end of our answer would be that of the main request's */

    if (r != r->main) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    ctx = ngx_http_tracker_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->endpoint = &reads;

    return ngx_http_tracker_send_outcome(r, ctx,
                                         r->method == NGX_HTTP_OPTIONS
                                         ? NGX_HTTP_TRACKER_OPTIONS
                                         : NGX_HTTP_TRACKER_BAD_METHOD);
}


static ngx_int_t
ngx_http_tracker_send_header(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t more)
{
    ngx_int_t  rc;

    ngx_http_tracker_drop_body(r, ctx);

    /*
     * nginx would compare If-Match with the answer's ETag, and answer 412 to a
     * write that was done
     */
    r->disable_not_modified = 1;

    r->headers_out.status = ngx_http_tracker_outcome_status(ctx->outcome);

    /* an error behind the answers of other lines is a line */

    if (ngx_http_tracker_answers_lines(ctx)) {
        r->headers_out.status = NGX_HTTP_OK;
    }

    /* an import tells what became of one tracker, too */

    if (ctx->form.minimal && !ctx->set.bulk && ctx->report == NULL
        && r->headers_out.status == NGX_HTTP_OK)
    {
        r->headers_out.status = NGX_HTTP_NO_CONTENT;
    }

    if (ngx_http_tracker_set_headers(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    switch (r->headers_out.status) {

    case NGX_HTTP_NO_CONTENT:
    case NGX_HTTP_NOT_MODIFIED:
        r->header_only = 1;
        break;

    default:
        r->headers_out.content_type = *ngx_http_tracker_content_type(ctx);
        r->headers_out.content_type_len = r->headers_out.content_type.len;
        r->headers_out.content_type_lowcase = NULL;

        if (!more) {
            r->headers_out.content_length_n = ctx->open.len + ctx->answer.len
                                              + ctx->close.len;
        }

        break;
    }

    ctx->form.sent = 1;

    rc = ngx_http_send_header(r);

    if (rc > NGX_OK) {

        /* a filter has chosen another status: the answer is not ours */
        ctx->form.sent = 0;
    }

    return rc;
}


/*
 * A body that was not read must never be taken for the next request.  nginx
 * discards it and keeps the connection, except if we have begun to read it, if
 * the client still waits for "100 Continue", if another request of the account
 * writes, or if its chunks are invalid: then the connection is closed.  Lines
 * are read while they are answered; nginx sees what is left of them in the end.
 */

static void
ngx_http_tracker_drop_body(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->body.complete
        || (ctx->body.lines && ctx->outcome == TRACKER_OUTCOME_FOUND))
    {
        return;
    }

    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
        return;
    }

    if (ctx->body.started
        || ctx->outcome == TRACKER_OUTCOME_LOCKED
        || ctx->outcome == TRACKER_OUTCOME_CROWDED
        || (r->headers_in.expect && !r->expect_tested)
        || ngx_http_discard_request_body(r) != NGX_OK)
    {
        r->keepalive = 0;
    }
}


static ngx_int_t
ngx_http_tracker_set_headers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t         value;
    const char       *name;
    ngx_table_elt_t  *h;

    if (ctx->etag.len && r->headers_out.status < NGX_HTTP_BAD_REQUEST) {
        h = ngx_http_tracker_push_header(r, "ETag", &ctx->etag);
        if (h == NULL) {
            return NGX_ERROR;
        }

        r->headers_out.etag = h;
    }

    if ((ctx->outcome == TRACKER_OUTCOME_CREATED
         || ctx->outcome == TRACKER_OUTCOME_REPLAYED)
        && !ctx->set.bulk && ctx->report == NULL
        && ngx_http_tracker_push_location(r, &ctx->set.elts[0].id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_tracker_push_caching(r, ctx) != NGX_OK
        || ngx_http_tracker_push_preference(r, ctx) != NGX_OK
        || ngx_http_tracker_push_patches(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    switch (ctx->outcome) {

    case NGX_HTTP_TRACKER_UNAUTHORIZED:
        name = "WWW-Authenticate";
        value = *ngx_http_tracker_challenge(ctx);
        break;

    case TRACKER_OUTCOME_LOCKED:
    case TRACKER_OUTCOME_CROWDED:
    case NGX_HTTP_TRACKER_MANY_WAITING:
        name = "Retry-After";
        ngx_str_set(&value, "1");
        break;

    case TRACKER_OUTCOME_GONE:
        name = "Link";

        if (ngx_http_tracker_write_path(r, "<", "/trackers",
                                        ">; rel=\"collection\"", &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        break;

    case NGX_HTTP_TRACKER_OPTIONS:
    case NGX_HTTP_TRACKER_BAD_METHOD:
        name = "Allow";
        value = ctx->endpoint->allow;
        break;

    default:
        return NGX_OK;
    }

    h = ngx_http_tracker_push_header(r, name, &value);
    if (h == NULL) {
        return NGX_ERROR;
    }

    if (ctx->outcome == NGX_HTTP_TRACKER_UNAUTHORIZED) {
        r->headers_out.www_authenticate = h;
    }

    return NGX_OK;
}


/* says which preference an answer that is no error follows */

static ngx_int_t
ngx_http_tracker_push_preference(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    static ngx_str_t  minimal = ngx_string("return=minimal");
    static ngx_str_t  whole = ngx_string("return=representation");

    if (r->headers_out.status >= NGX_HTTP_BAD_REQUEST
        || (!ctx->form.minimal && !ctx->form.whole))
    {
        return NGX_OK;
    }

    return ngx_http_tracker_push_header(r, "Preference-Applied",
                                        ctx->form.minimal ? &minimal : &whole)
           ? NGX_OK : NGX_ERROR;
}


/* says which types of a PATCH there are, where there is one (RFC 5789) */

static ngx_int_t
ngx_http_tracker_push_patches(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    static ngx_str_t  types = ngx_string("application/json, "
        "application/json-patch+json, application/merge-patch+json");

    if ((ctx->outcome == NGX_HTTP_TRACKER_BAD_TYPE
         && r->method == NGX_HTTP_PATCH)
        || (ctx->outcome == NGX_HTTP_TRACKER_OPTIONS
            && ngx_http_tracker_has_patch(ctx->endpoint)))
    {
        return ngx_http_tracker_push_header(r, "Accept-Patch", &types)
               ? NGX_OK : NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_tracker_has_patch(ngx_http_tracker_endpoint_t *endpoint)
{
    ngx_http_tracker_action_t  *action;

    /* the login has no table */

    for (action = endpoint->actions; action && action->start; action++) {
        if (action->methods & NGX_HTTP_PATCH) {
            return 1;
        }
    }

    return 0;
}


/*
 * The path of a tracker.  Not in headers_out.location, which nginx would make
 * a whole URL.
 */

static ngx_int_t
ngx_http_tracker_push_location(ngx_http_request_t *r, tracker_str_t *id)
{
    ngx_str_t  location;
    char       path[sizeof("/tracker/") + TRACKER_ID_LEN];

    *ngx_snprintf((u_char *) path, sizeof(path) - 1, "/tracker/%*s", id->len,
                  id->data) = '\0';

    return ngx_http_tracker_write_path(r, "", path, "", &location) == NGX_OK
           && ngx_http_tracker_push_header(r, "Location", &location)
           ? NGX_OK : NGX_ERROR;
}


/* a path below the base, which begins with a slash, between two texts */

static ngx_int_t
ngx_http_tracker_write_path(ngx_http_request_t *r, const char *before,
    const char *path, const char *after, ngx_str_t *value)
{
    u_char                       *p;
    size_t                        escaped;
    ngx_str_t                    *base;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    base = &tlcf->base;
    escaped = 2 * ngx_escape_uri(NULL, base->data, base->len, NGX_ESCAPE_URI);

    p = ngx_pnalloc(r->pool, ngx_strlen(before) + base->len + escaped
                             + ngx_strlen(path) + ngx_strlen(after));
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->data = p;

    p = ngx_cpymem(p, before, ngx_strlen(before));
    p = (u_char *) ngx_escape_uri(p, base->data, base->len, NGX_ESCAPE_URI);

    /* "location /v1/manage" stands for "location /v1/manage/" */

    if (p[-1] == '/') {
        p--;
    }

    p = ngx_cpymem(p, path, ngx_strlen(path));
    p = ngx_cpymem(p, after, ngx_strlen(after));

    value->len = p - value->data;

    return NGX_OK;
}


/*
 * Not in headers_out.cache_control, whose value a site's "expires" would
 * replace: next to ours, it cannot make an answer public.
 */

ngx_int_t
ngx_http_tracker_push_caching(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    static ngx_str_t  no_store = ngx_string("no-store");
    static ngx_str_t  no_cache = ngx_string("private, no-cache");
    static ngx_str_t  public = ngx_string("no-cache");
    static ngx_str_t  vary = ngx_string("Authorization, X-Api-Key");
    static ngx_str_t  accept = ngx_string("Accept");

    if (r->headers_out.status >= NGX_HTTP_BAD_REQUEST
        || ctx->outcome == NGX_HTTP_TRACKER_OPTIONS
        || ctx->outcome == NGX_HTTP_TRACKER_LOGGED_IN)
    {
        if (ngx_http_tracker_push_header(r, "Cache-Control", &no_store) == NULL)
        {
            return NGX_ERROR;
        }

        return !ctx->form.problem
               || ngx_http_tracker_push_header(r, "Vary", &accept)
               ? NGX_OK : NGX_ERROR;
    }

    if (ctx->endpoint->open) {
        return ngx_http_tracker_push_header(r, "Cache-Control", &public)
               ? NGX_OK : NGX_ERROR;
    }

    if (ngx_http_tracker_push_header(r, "Cache-Control", &no_cache) == NULL
        || ngx_http_tracker_push_header(r, "Vary", &vary) == NULL
        || (ctx->form.lines
            && ngx_http_tracker_push_header(r, "Vary", &accept) == NULL))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_table_elt_t *
ngx_http_tracker_push_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.len = ngx_strlen(name);
    h->key.data = (u_char *) name;
    h->value = *value;
    h->lowcase_key = NULL;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}
