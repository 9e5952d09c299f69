
/*
 * Authenticators: from a request to the account it speaks for.
 * Rules: API.md section 6.
 */


#include "http/auth.h"
#include "http/ctx.h"
#include "http/header.h"
#include "http/response.h"


/*
 * Why a request has no valid account: what jwt_verify() says of the token, or
 * one of these.
 */

typedef enum {
    NGX_HTTP_TRACKER_NO_TOKEN = JWT_LAST,
    NGX_HTTP_TRACKER_NO_BEARER,
    NGX_HTTP_TRACKER_TWO_TOKENS,
    NGX_HTTP_TRACKER_NO_ACCOUNT,
    NGX_HTTP_TRACKER_BAD_ACCOUNT,

    NGX_HTTP_TRACKER_REFUSALS
} ngx_http_tracker_refusal_e;


/* for the log; never a byte of what the client has sent */

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


/* for the metrics */

static ngx_http_tracker_token_e  ngx_http_tracker_verdicts[] = {

    [JWT_OK] = NGX_HTTP_TRACKER_TOKEN_OK,
    [JWT_ERROR] = NGX_HTTP_TRACKER_TOKEN_ERROR,
    [JWT_MALFORMED] = NGX_HTTP_TRACKER_TOKEN_MALFORMED,
    [JWT_TOO_LONG] = NGX_HTTP_TRACKER_TOKEN_MALFORMED,
    [JWT_BAD_ALG] = NGX_HTTP_TRACKER_TOKEN_MALFORMED,
    [JWT_BAD_CRIT] = NGX_HTTP_TRACKER_TOKEN_MALFORMED,
    [JWT_BAD_KID] = NGX_HTTP_TRACKER_TOKEN_MALFORMED,
    [JWT_UNKNOWN_KID] = NGX_HTTP_TRACKER_TOKEN_SIGNATURE,
    [JWT_BAD_SIGNATURE] = NGX_HTTP_TRACKER_TOKEN_SIGNATURE,
    [JWT_BAD_EXP] = NGX_HTTP_TRACKER_TOKEN_CLAIMS,
    [JWT_EXPIRED] = NGX_HTTP_TRACKER_TOKEN_EXPIRED,
    [JWT_EARLY] = NGX_HTTP_TRACKER_TOKEN_NOT_YET,
    [JWT_BAD_SUB] = NGX_HTTP_TRACKER_TOKEN_CLAIMS,

    [NGX_HTTP_TRACKER_NO_TOKEN] = NGX_HTTP_TRACKER_TOKEN_MISSING,
    [NGX_HTTP_TRACKER_NO_BEARER] = NGX_HTTP_TRACKER_TOKEN_MISSING,
    [NGX_HTTP_TRACKER_TWO_TOKENS] = NGX_HTTP_TRACKER_TOKEN_MALFORMED,
    [NGX_HTTP_TRACKER_NO_ACCOUNT] = NGX_HTTP_TRACKER_TOKEN_MISSING,
    [NGX_HTTP_TRACKER_BAD_ACCOUNT] = NGX_HTTP_TRACKER_TOKEN_MISSING
};


/* one for each */

typedef char  ngx_http_tracker_refusals_fit[
    sizeof(ngx_http_tracker_refusals) / sizeof(ngx_http_tracker_refusals[0])
        == NGX_HTTP_TRACKER_REFUSALS
    && sizeof(ngx_http_tracker_verdicts) / sizeof(ngx_http_tracker_verdicts[0])
           == NGX_HTTP_TRACKER_REFUSALS ? 1 : -1];


static void ngx_http_tracker_count_token(ngx_http_request_t *r,
    ngx_uint_t refusal);
static ngx_int_t ngx_http_tracker_account_value(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_loc_conf_t *tlcf);
static ngx_int_t ngx_http_tracker_account_token(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_loc_conf_t *tlcf);
static void ngx_http_tracker_count_proof(ngx_http_request_t *r,
    ngx_http_tracker_keys_t *keys, jwt_proof_t *proof);
static ngx_uint_t ngx_http_tracker_find_token(ngx_http_request_t *r,
    ngx_str_t *token);


ngx_uint_t
ngx_http_tracker_check_account(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    switch (ngx_http_tracker_authenticate(r, ctx)) {

    case NGX_OK:
        ngx_http_tracker_count_token(r, JWT_OK);
        return 0;

    case NGX_DECLINED:
        ngx_http_tracker_count_token(r, ctx->identity.refusal);

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "tracker: unauthorized: %s",
                      ngx_http_tracker_refusals[ctx->identity.refusal]);

        return NGX_HTTP_TRACKER_UNAUTHORIZED;

    default: /* NGX_ERROR */
        ngx_http_tracker_count_token(r, JWT_ERROR);
        return TRACKER_OUTCOME_ERROR;
    }
}


/* refusal: JWT_OK, JWT_ERROR, or why there is no account */

static void
ngx_http_tracker_count_token(ngx_http_request_t *r, ngx_uint_t refusal)
{
    ngx_http_tracker_via_e        via;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (tlcf->account) {
        return;
    }

    via = (r->headers_in.authorization || refusal == NGX_HTTP_TRACKER_NO_TOKEN)
          ? NGX_HTTP_TRACKER_VIA_AUTHORIZATION : NGX_HTTP_TRACKER_VIA_API_KEY;

    ngx_http_tracker_tally->counts
        .tokens[ngx_http_tracker_verdicts[refusal]][via]++;
}


/* RFC 6750 section 3: no error code for a request without a token */

ngx_str_t *
ngx_http_tracker_challenge(ngx_http_tracker_ctx_t *ctx)
{
    static ngx_str_t  missing = ngx_string("Bearer");
    static ngx_str_t  invalid = ngx_string("Bearer error=\"invalid_token\"");

    switch (ctx->identity.refusal) {

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
        ctx->identity.refusal = NGX_HTTP_TRACKER_NO_ACCOUNT;
        return NGX_DECLINED;
    }

    /*
     * A variable may have been evaluated at another level of the
     * configuration, or in a location that the request has left: keys that
     * are valid there may be invalid here.
     */

    if (ctx->identity.verified == tlcf->keys) {
        return NGX_OK;
    }

    ctx->identity.verified = NULL;

    rc = ngx_http_tracker_account_token(r, ctx, tlcf);

    if (rc == NGX_OK) {
        ctx->identity.verified = tlcf->keys;
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
        ctx->identity.refusal = NGX_HTTP_TRACKER_NO_ACCOUNT;
        return NGX_DECLINED;
    }

    /* a capture of a location or a map may contain a decoded "%0d%0a" */

    if (jwt_has_control((char *) account.data, account.len)) {
        ctx->identity.refusal = NGX_HTTP_TRACKER_BAD_ACCOUNT;
        return NGX_DECLINED;
    }

    ctx->identity.account = account;

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
    jwt_proof_t               proof;
    ngx_http_tracker_keys_t  *keys;

    ctx->identity.refusal = ngx_http_tracker_find_token(r, &token);

    if (ctx->identity.refusal) {
        return NGX_DECLINED;
    }

    keys = tlcf->keys;

    if (keys->cache == NULL) {
        keys->cache = jwt_cache_create();
    }

    rc = jwt_cache_verify(keys->cache, (char *) token.data, token.len,
                          keys->keys.elts, keys->keys.nelts, ngx_time(), sub,
                          &len, &proof);

    switch (rc) {

    case JWT_OK:
        ngx_http_tracker_count_proof(r, keys, &proof);
        break;

    case JWT_ERROR:
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tracker: a token could not be verified");
        return NGX_ERROR;

    default:
        ctx->identity.refusal = rc;
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, sub, len);

    ctx->identity.account.len = len;
    ctx->identity.account.data = p;

    return NGX_OK;
}


static void
ngx_http_tracker_count_proof(ngx_http_request_t *r,
    ngx_http_tracker_keys_t *keys, jwt_proof_t *proof)
{
    ngx_uint_t                     *index;
    ngx_http_tracker_name_t        *name;
    ngx_http_tracker_counts_t      *counts;
    ngx_http_tracker_main_conf_t   *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tracker_module);

    counts = &ngx_http_tracker_tally->counts;

    if (proof->cached) {
        counts->hits++;

    } else {
        counts->misses++;
    }

    index = keys->names.elts;
    name = tmcf->key_names.elts;
    name += index[proof->key];

    if (name->place != NGX_HTTP_TRACKER_NO_PLACE) {
        counts->keys[name->place]++;
    }
}


/*
 * "Authorization: Bearer TOKEN", or "x-api-key: TOKEN" if there is no
 * Authorization at all.  Returns 0 or the refusal.
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
