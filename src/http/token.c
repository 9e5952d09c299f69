
/*
 * The login: an application sends its id and its secret and gets a token.
 * Rules: API.md sections 2, 3 and 6.
 */


#include "http/token.h"
#include "http/apps.h"
#include "http/content.h"
#include "http/request.h"
#include "http/response.h"


static ngx_int_t ngx_http_tracker_token_handler(ngx_http_request_t *r);
static ngx_uint_t ngx_http_tracker_token_check(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_token_start(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_token_received(ngx_http_request_t *r,
    ngx_int_t read);
static void ngx_http_tracker_token_answer(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_login_t *login);
static ngx_int_t ngx_http_tracker_token_sign(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_str_t *account);


static ngx_http_tracker_endpoint_t  ngx_http_tracker_token_endpoint = {
    ngx_null_string, ngx_string("POST, OPTIONS"), NULL, TRACKER_JSON_OBJECT, 0,
    0, NULL
};


static ngx_int_t
ngx_http_tracker_token_handler(ngx_http_request_t *r)
{
    return ngx_http_tracker_start(r, ngx_http_tracker_token_check);
}


static ngx_uint_t
ngx_http_tracker_token_check(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ctx->endpoint = &ngx_http_tracker_token_endpoint;
    ctx->step = ngx_http_tracker_token_start;
    ctx->counted.at = NGX_HTTP_TRACKER_AT_LOGIN;

    if (r->method == NGX_HTTP_OPTIONS) {
        ctx->counted.at = NGX_HTTP_TRACKER_AT_OPTIONS;
        return NGX_HTTP_TRACKER_OPTIONS;
    }

    if (r->method != NGX_HTTP_POST) {
        return NGX_HTTP_TRACKER_BAD_METHOD;
    }

    return ngx_http_tracker_check_content(r, ctx);
}


static void
ngx_http_tracker_token_start(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    ngx_http_tracker_body_receive(r, &ctx->body,
                                  ctx->start + tlcf->store.timeout,
                                  ngx_http_tracker_token_received);
}


static void
ngx_http_tracker_token_received(ngx_http_request_t *r, ngx_int_t read)
{
    tracker_rc_e             rc;
    tracker_arena_t          arena;
    tracker_login_t          login;
    tracker_message_t        message;
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (read != NGX_OK) {
        ngx_http_tracker_fail_body(r, ctx, read);
        return;
    }

    if (ctx->body.data.len == 0) {
        ngx_http_tracker_fail(r, ctx, NGX_HTTP_TRACKER_NO_BODY);
        return;
    }

    ngx_http_tracker_set_arena(&arena, r->pool);

    rc = tracker_decode_login((char *) ctx->body.data.data,
                              ctx->body.data.len, &arena, &login, &message);

    if (rc != TRACKER_OK) {
        ngx_http_tracker_fail_decoding(r, ctx, rc, &message);
        return;
    }

    ngx_http_tracker_token_answer(r, ctx, &login);
}


static void
ngx_http_tracker_token_answer(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_login_t *login)
{
    ngx_str_t                     account;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    switch (ngx_http_tracker_match_app(r, tlcf->apps, login, &account)) {

    case NGX_OK:

        if (ngx_http_tracker_token_sign(r, ctx, &account) == NGX_OK) {
            ngx_http_tracker_finish(r, ctx);
            return;
        }

        break;

    case NGX_DECLINED:
        ngx_http_tracker_fail(r, ctx, NGX_HTTP_TRACKER_BAD_LOGIN);
        return;

    default: /* NGX_ERROR */
        break;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "tracker: a token could not be made");

    ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
}


/* sets the answer: NGX_OK or NGX_ERROR */

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

    ctx->identity.account = *account;    /* for $tracker_account */

    return NGX_OK;
}


char *
ngx_http_tracker_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_tracker_serve(cf, conf, NGX_HTTP_TRACKER_SERVES_TOKEN,
                                  ngx_http_tracker_token_handler);
}
