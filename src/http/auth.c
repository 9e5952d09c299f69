
/*
 * Authenticators: from a request to the account it speaks for, and the
 * directives that say how.  Rules: API.md section 6.
 */


#include "http/module.h"
#include "http/secret.h"


/*
 * Why an account is not believed: for the log, and never a byte of what the
 * client sent.
 */

static const char  *ngx_http_tracker_refusals[] = {

    [JWT_MALFORMED] = "the token is malformed",
    [JWT_TOO_LONG] = "the token is too long",
    [JWT_BAD_ALG] = "the token's \"alg\" is not HS256",
    [JWT_BAD_CRIT] = "the token has a \"crit\"",
    [JWT_BAD_KID] = "the token's \"kid\" is not a string",
    [JWT_UNKNOWN_KID] = "the token's \"kid\" is unknown, and no key verifies "
                        "its signature",
    [JWT_BAD_SIGNATURE] = "the token's signature does not verify",
    [JWT_BAD_EXP] = "the token's \"exp\" is missing or not an integer",
    [JWT_EXPIRED] = "the token has expired",
    [JWT_EARLY] = "the token's \"nbf\" or \"iat\" is ahead or not an "
                  "integer",
    [JWT_BAD_SUB] = "the token's \"sub\" is missing, not 1 to 255 bytes, or "
                    "has a control character",

    [NGX_HTTP_TRACKER_NO_TOKEN] = "no token",
    [NGX_HTTP_TRACKER_NO_BEARER] = "\"Authorization\" is not Bearer",
    [NGX_HTTP_TRACKER_TWO_TOKENS] = "\"x-api-key\" is sent more than once",
    [NGX_HTTP_TRACKER_NO_ACCOUNT] = "\"tracker_account\" is empty",
    [NGX_HTTP_TRACKER_BAD_ACCOUNT] = "\"tracker_account\" has a control "
                                     "character"
};


/* one for each */

typedef char  ngx_http_tracker_refusals_fit[
    sizeof(ngx_http_tracker_refusals) / sizeof(ngx_http_tracker_refusals[0])
    == NGX_HTTP_TRACKER_REFUSALS ? 1 : -1];


static ngx_int_t ngx_http_tracker_account_value(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_loc_conf_t *tlcf);
static ngx_int_t ngx_http_tracker_account_token(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_loc_conf_t *tlcf);
static ngx_uint_t ngx_http_tracker_find_token(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_http_tracker_keys_t *ngx_http_tracker_create_keys(ngx_conf_t *cf);
static void ngx_http_tracker_free_keys(void *data);


ngx_uint_t
ngx_http_tracker_check_account(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    switch (ngx_http_tracker_authenticate(r, ctx)) {

    case NGX_OK:
        return 0;

    case NGX_DECLINED:
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "tracker: unauthorized: %s",
                      ngx_http_tracker_refusals[ctx->refusal]);

        return NGX_HTTP_TRACKER_UNAUTHORIZED;

    default: /* NGX_ERROR */
        return TRACKER_OUTCOME_ERROR;
    }
}


/* RFC 6750 section 3: no error code for a request without a token */

ngx_str_t *
ngx_http_tracker_challenge(ngx_http_tracker_ctx_t *ctx)
{
    static ngx_str_t  missing = ngx_string("Bearer");
    static ngx_str_t  invalid = ngx_string("Bearer error=\"invalid_token\"");

    switch (ctx->refusal) {

    case NGX_HTTP_TRACKER_NO_TOKEN:
    case NGX_HTTP_TRACKER_NO_BEARER:
    case NGX_HTTP_TRACKER_NO_ACCOUNT:
    case NGX_HTTP_TRACKER_BAD_ACCOUNT:
        return &missing;

    default:
        return &invalid;
    }
}


ngx_int_t
ngx_http_tracker_authenticate(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_int_t                     rc;
    ngx_http_tracker_loc_conf_t  *tlcf;

    if (ctx->outcome == NGX_HTTP_TRACKER_LOGGED_IN) {
        return NGX_OK;
    }

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (tlcf->account) {
        return ngx_http_tracker_account_value(r, ctx, tlcf);
    }

    if (tlcf->keys == NULL) {
        ctx->refusal = NGX_HTTP_TRACKER_NO_ACCOUNT;
        return NGX_DECLINED;
    }

    /*
     * A variable may have been asked for at another level of the
     * configuration, or in a location that was left since: what those believe
     * is not what this one does.
     */

    if (ctx->verified == tlcf->keys) {
        return NGX_OK;
    }

    ctx->verified = NULL;

    rc = ngx_http_tracker_account_token(r, ctx, tlcf);

    if (rc == NGX_OK) {
        ctx->verified = tlcf->keys;
    }

    return rc;
}


static ngx_int_t
ngx_http_tracker_account_value(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_loc_conf_t *tlcf)
{
    ngx_str_t  account;

    if (ngx_http_complex_value(r, tlcf->account, &account) != NGX_OK) {
        return NGX_ERROR;
    }

    if (account.len == 0) {
        ctx->refusal = NGX_HTTP_TRACKER_NO_ACCOUNT;
        return NGX_DECLINED;
    }

    /* a capture of a location or a map may hold what "%0d%0a" stood for */

    if (jwt_has_control((char *) account.data, account.len)) {
        ctx->refusal = NGX_HTTP_TRACKER_BAD_ACCOUNT;
        return NGX_DECLINED;
    }

    ctx->account = account;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_account_token(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_loc_conf_t *tlcf)
{
    char                      sub[JWT_SUB_MAX];
    u_char                   *p;
    size_t                    len;
    jwt_rc_e                  rc;
    ngx_str_t                 token;
    ngx_http_tracker_keys_t  *keys;

    ctx->refusal = ngx_http_tracker_find_token(r, &token);

    if (ctx->refusal) {
        return NGX_DECLINED;
    }

    keys = tlcf->keys;

    if (keys->cache == NULL) {
        keys->cache = jwt_cache_create();
    }

    rc = jwt_cache_verify(keys->cache, (char *) token.data, token.len,
                          keys->keys.elts, keys->keys.nelts, ngx_time(), sub,
                          &len);

    switch (rc) {

    case JWT_OK:
        break;

    case JWT_ERROR:
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tracker: a token could not be verified");
        return NGX_ERROR;

    default:
        ctx->refusal = rc;
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, sub, len);

    ctx->account.len = len;
    ctx->account.data = p;

    return NGX_OK;
}


/*
 * "Authorization: Bearer TOKEN", or "x-api-key: TOKEN" where there is no
 * Authorization at all.  Returns 0 or why there is none.
 */

static ngx_uint_t
ngx_http_tracker_find_token(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_table_elt_t  *h;

    static ngx_str_t  scheme = ngx_string("bearer");
    static ngx_str_t  name = ngx_string("x-api-key");

    h = r->headers_in.authorization;

    if (h) {
        *token = h->value;

        if (token->len < scheme.len
            || ngx_strncasecmp(token->data, scheme.data, scheme.len) != 0)
        {
            return NGX_HTTP_TRACKER_NO_BEARER;
        }

        token->data += scheme.len;
        token->len -= scheme.len;

        if (token->len && *token->data != ' ') {
            return NGX_HTTP_TRACKER_NO_BEARER;
        }

        while (token->len && *token->data == ' ') {
            token->data++;
            token->len--;
        }

        return token->len ? 0 : NGX_HTTP_TRACKER_NO_TOKEN;
    }

    ngx_str_null(token);

    if (ngx_http_tracker_find_header(r, &name, token) > 1) {
        return NGX_HTTP_TRACKER_TWO_TOKENS;
    }

    return token->len ? 0 : NGX_HTTP_TRACKER_NO_TOKEN;
}


char *
ngx_http_tracker_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tracker_loc_conf_t *tlcf = conf;

    char       *token, sub[JWT_SUB_MAX];
    size_t      size, len;
    ngx_str_t  *value, secret;
    jwt_key_t  *key;

    value = cf->args->elts;

    if (tlcf->keys == NGX_CONF_UNSET_PTR) {
        tlcf->keys = ngx_http_tracker_create_keys(cf);
        if (tlcf->keys == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    key = ngx_array_push(&tlcf->keys->keys);
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(key, sizeof(jwt_key_t));

    if (cf->args->nelts == 3) {

        if (ngx_strncmp(value[2].data, "kid=", 4) != 0 || value[2].len == 4) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", expected "
                               "\"kid=NAME\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        key->kid = (char *) value[2].data + 4;
        key->kid_len = value[2].len - 4;
    }

    if (ngx_http_tracker_read_secret(cf, &value[1], JWT_KEY_MIN, 0, &secret)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    key->data = secret.data;
    key->len = secret.len;

    if (key->kid == NULL) {
        return NGX_CONF_OK;
    }

    /*
     * One that cannot be in a token would fail at every login.  The account of
     * this token is as long as can be, and takes as many bytes as can be.
     */

    ngx_memset(sub, '"', sizeof(sub));

    size = JWT_SIGN_SIZE(key);

    token = ngx_pnalloc(cf->temp_pool, size);
    if (token == NULL) {
        return NGX_CONF_ERROR;
    }

    if (jwt_sign(key, sub, sizeof(sub), ngx_time(), ngx_time(), token, size,
                 &len)
        != JWT_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it is too long or not "
                           "UTF-8", &value[2]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_http_tracker_keys_t *
ngx_http_tracker_create_keys(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_tracker_keys_t  *keys;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_tracker_keys_t));
    if (cln == NULL) {
        return NULL;
    }

    keys = cln->data;
    keys->cache = NULL;

    if (ngx_array_init(&keys->keys, cf->pool, 1, sizeof(jwt_key_t)) != NGX_OK)
    {
        return NULL;
    }

    cln->handler = ngx_http_tracker_free_keys;

    return keys;
}


static void
ngx_http_tracker_free_keys(void *data)
{
    ngx_http_tracker_keys_t *keys = data;

    if (keys->cache) {
        jwt_cache_destroy(keys->cache);
    }
}


char *
ngx_http_tracker_account(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char       *rv;
    ngx_str_t  *value;
    ngx_uint_t  i;

    static ngx_str_t  forgeable[] = {
        ngx_string("$http_"), ngx_string("${http_"),
        ngx_string("$arg_"), ngx_string("${arg_"),
        ngx_string("$cookie_"), ngx_string("${cookie_"),
        ngx_null_string
    };

    rv = ngx_http_set_complex_value_slot(cf, cmd, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    for (i = 0; forgeable[i].len; i++) {
        if (ngx_strncasecmp(value[1].data, forgeable[i].data,
                            forgeable[i].len)
            == 0)
        {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "\"tracker_account %V\" lets each client "
                               "choose its account, use a variable that an "
                               "authenticator has set", &value[1]);
            break;
        }
    }

    return NGX_CONF_OK;
}
