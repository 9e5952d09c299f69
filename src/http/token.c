
/*
 * The login: an application shows its id and its secret and gets a token.
 * Rules: API.md sections 2, 3 and 6.
 */


#include "http/module.h"


static ngx_int_t ngx_http_tracker_token_handler(ngx_http_request_t *r);
static ngx_uint_t ngx_http_tracker_token_check(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_token_read(ngx_http_request_t *r);
static void ngx_http_tracker_token_deadline(ngx_event_t *ev);
static void ngx_http_tracker_token_finish(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_tracker_token_answer(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_token_sign(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_str_t *account);
static void ngx_http_tracker_token_cleanup(void *data);


static ngx_int_t
ngx_http_tracker_token_handler(ngx_http_request_t *r)
{
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

    ngx_str_set(&ctx->allow, "POST, OPTIONS");

    outcome = ngx_http_tracker_token_check(r, ctx);

    if (outcome) {
        return ngx_http_tracker_send_outcome(r, ctx, outcome);
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_tracker_token_cleanup;
    cln->data = ctx;

    r->main->count++;

    ngx_http_tracker_token_read(r);

    return NGX_DONE;
}


/* what the headers alone decide; returns 0 or the outcome */

static ngx_uint_t
ngx_http_tracker_token_check(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (r->method == NGX_HTTP_OPTIONS) {
        return NGX_HTTP_TRACKER_OPTIONS;
    }

    if (r->method != NGX_HTTP_POST) {
        return NGX_HTTP_TRACKER_BAD_METHOD;
    }

    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
        return NGX_HTTP_TRACKER_NO_BODY;
    }

    if (!ngx_http_tracker_is_json(r)) {
        return NGX_HTTP_TRACKER_BAD_TYPE;
    }

    return ngx_http_tracker_check_coding(r, ctx);
}


static void
ngx_http_tracker_token_read(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_tracker_ctx_t       *ctx;
    ngx_http_tracker_loc_conf_t  *tlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    rc = ngx_http_tracker_body_read(r, &ctx->body);

    if (rc != NGX_AGAIN) {
        ngx_http_tracker_token_finish(r, ctx, rc);
        return;
    }

    r->read_event_handler = ngx_http_tracker_token_read;

    if (!ctx->event.timer_set) {
        tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

        ctx->event.handler = ngx_http_tracker_token_deadline;
        ctx->event.data = ctx;
        ctx->event.log = r->connection->log;

        ngx_add_timer(&ctx->event, tlcf->store.timeout);
    }
}


static void
ngx_http_tracker_token_deadline(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ev->data;
    c = ctx->request->connection;

    ngx_http_tracker_token_finish(ctx->request, ctx,
                                  NGX_HTTP_REQUEST_TIME_OUT);

    ngx_http_run_posted_requests(c);
}


/* rc: how reading the body ended */

static void
ngx_http_tracker_token_finish(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_int_t rc)
{
    ngx_uint_t  outcome;

    if (ctx->event.timer_set) {
        ngx_del_timer(&ctx->event);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_tracker_token_answer(r, ctx);

    } else {
        ngx_http_tracker_body_pause(r);

        outcome = ngx_http_tracker_body_outcome(rc);

        if (outcome) {
            rc = ngx_http_tracker_set_error(ctx, outcome, NULL);
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_http_tracker_send(r, ctx);

    } else if (rc == NGX_ERROR) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_finalize_request(r, rc);
}


/* makes ctx->answer of a body that is complete: NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_tracker_token_answer(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t                     account;
    tracker_rc_e                  rc;
    tracker_arena_t               arena;
    tracker_login_t               login;
    tracker_message_t             message;
    ngx_http_tracker_loc_conf_t  *tlcf;

    if (ctx->body.data.len == 0) {
        return ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_NO_BODY, NULL);
    }

    arena.alloc = ngx_http_tracker_alloc;
    arena.data = r->pool;

    rc = tracker_json_decode_login((char *) ctx->body.data.data,
                                   ctx->body.data.len, &arena, &login,
                                   &message);

    if (rc == TRACKER_INVALID) {
        return ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_INVALID,
                                          &message);
    }

    if (rc != TRACKER_OK) {
        return ngx_http_tracker_set_error(ctx, TRACKER_OUTCOME_ERROR, NULL);
    }

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    switch (ngx_http_tracker_match_app(r, tlcf->apps, &login, &account)) {

    case NGX_OK:

        if (ngx_http_tracker_token_sign(r, ctx, &account) == NGX_OK) {
            return NGX_OK;
        }

        break;

    case NGX_DECLINED:
        return ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_BAD_LOGIN,
                                          NULL);

    default: /* NGX_ERROR */
        break;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "tracker: a token could not be made");

    return ngx_http_tracker_set_error(ctx, TRACKER_OUTCOME_ERROR, NULL);
}


static ngx_int_t
ngx_http_tracker_token_sign(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_str_t *account)
{
    char                         *p;
    size_t                        len, size;
    time_t                        now;
    jwt_key_t                    *key;
    ngx_http_tracker_loc_conf_t  *tlcf;

    static const char  head[] = "{\"accessToken\":\"";
    static const char  middle[] = "\",\"expiresIn\":";

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    key = tlcf->keys->keys.elts;
    size = JWT_SIGN_SIZE(key);

    p = ngx_pnalloc(r->pool, sizeof(head) + size + sizeof(middle)
                             + NGX_TIME_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->answer.data = (u_char *) p;

    p = (char *) ngx_cpymem(p, head, sizeof(head) - 1);

    now = ngx_time();

    if (jwt_sign(key, (char *) account->data, account->len, now,
                 now + tlcf->token_ttl, p, size, &len)
        != JWT_OK)
    {
        return NGX_ERROR;
    }

    p = (char *) ngx_sprintf((u_char *) p + len, "%s%T}", middle,
                             tlcf->token_ttl);

    ctx->answer.len = (u_char *) p - ctx->answer.data;
    ctx->outcome = NGX_HTTP_TRACKER_LOGGED_IN;

    ctx->account = *account;             /* for $tracker_account */

    return NGX_OK;
}


static void
ngx_http_tracker_token_cleanup(void *data)
{
    ngx_http_tracker_ctx_t *ctx = data;

    if (ctx->event.timer_set) {
        ngx_del_timer(&ctx->event);
    }
}


char *
ngx_http_tracker_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tracker_loc_conf_t *tlcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (tlcf->token) {
        return "is duplicate";
    }

    if (tlcf->api) {
        return "cannot be in one location with \"tracker_api\"";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    tlcf->token = 1;
    tlcf->base = clcf->name;

    tlcf->handler = ngx_http_tracker_token_handler;

    clcf->handler = tlcf->handler;

    return NGX_CONF_OK;
}
