
/*
 * The applications that may log in: lines "appId:DIGEST" or
 * "appId:DIGEST:account" of a file, which is read again when it changes.
 * Rules: API.md sections 6 and 7.
 *
 * An account may have several lines, with several appIds or with one: a
 * secret is replaced by another one while both are valid.
 *
 * A secret is 256 random bits or more, so its SHA-256 is stored: a slow
 * password hash would block the worker and gain nothing.
 */


#include "http/apps.h"
#include "http/secret.h"
#include "http/tally.h"
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>


#define NGX_HTTP_TRACKER_DIGEST_LEN  32

/* bytes of a digest in hex */
#define NGX_HTTP_TRACKER_HEX_LEN     (2 * NGX_HTTP_TRACKER_DIGEST_LEN)

/* the shortest line: one byte, a colon, the digest */
#define NGX_HTTP_TRACKER_APP_MIN     (1 + 1 + NGX_HTTP_TRACKER_HEX_LEN)

/* bytes: the whole file is read between two requests */
#define NGX_HTTP_TRACKER_APPS_MAX    (1024 * 1024)

/*
 * Bytes of an appId in the log, half of the shortest secret that conf/app has
 * ever made: a client may send a secret as its appId.
 */
#define NGX_HTTP_TRACKER_APP_LOG     32


typedef struct {
    u_char                   id[NGX_HTTP_TRACKER_DIGEST_LEN];
    u_char                   secret[NGX_HTTP_TRACKER_DIGEST_LEN];
    ngx_str_t                account;
    ngx_uint_t               line;
} ngx_http_tracker_app_t;


struct ngx_http_tracker_apps_s {
    ngx_str_t                path;

    ngx_pool_t              *pool;       /* of elts and the accounts */
    ngx_log_t               *log;        /* of the pool */

    ngx_uint_t               n;
    ngx_http_tracker_app_t  *elts;       /* sorted by the digest of id */

    time_t                   checked;    /* when the file was looked at last */
    time_t                   loaded;     /* when it was read */

    /* the file that was read */

    time_t                   ctime;      /* 0: it is read again */
    off_t                    size;
    ngx_file_uniq_t          uniq;

    unsigned                 lost:1;     /* the log says so already */
};


static void ngx_http_tracker_check_file(ngx_http_tracker_apps_t *apps,
    ngx_log_t *log);
static ngx_int_t ngx_http_tracker_refresh_apps(ngx_http_tracker_apps_t *apps,
    ngx_log_t *log, ngx_uint_t level);
static ngx_int_t ngx_http_tracker_load_apps(ngx_http_tracker_apps_t *apps,
    ngx_file_info_t *fi, ngx_log_t *log, ngx_uint_t level);
static ngx_int_t ngx_http_tracker_parse_apps(ngx_http_tracker_apps_t *apps,
    ngx_pool_t *pool, ngx_str_t *text, ngx_log_t *log, ngx_uint_t level);
static ngx_int_t ngx_http_tracker_parse_app(ngx_http_tracker_app_t *app,
    ngx_str_t *line);
static u_char *ngx_http_tracker_find_digest(ngx_str_t *line,
    u_char digest[NGX_HTTP_TRACKER_DIGEST_LEN]);
static ngx_int_t ngx_http_tracker_check_name(u_char *p, size_t len);
static ngx_int_t ngx_http_tracker_check_apps(ngx_http_tracker_apps_t *apps,
    ngx_http_tracker_app_t *elts, ngx_uint_t n, ngx_log_t *log,
    ngx_uint_t level);
static ngx_int_t ngx_http_tracker_digest(u_char *digest, const void *data,
    size_t len);
static void ngx_http_tracker_log_login(ngx_log_t *log, tracker_str_t *id,
    ngx_uint_t known);
static int ngx_libc_cdecl ngx_http_tracker_compare_apps(const void *one,
    const void *two);
static void ngx_http_tracker_free_apps(void *data);


/*
 * An unknown id takes as long as a wrong secret: both digests of every
 * application are compared, without a branch.
 */

ngx_int_t
ngx_http_tracker_match_app(ngx_http_request_t *r,
    ngx_http_tracker_apps_t *apps, tracker_login_t *login,
    ngx_str_t *account)
{
    u_char      id[NGX_HTTP_TRACKER_DIGEST_LEN];
    u_char      secret[NGX_HTTP_TRACKER_DIGEST_LEN];
    ngx_str_t  *name;
    ngx_log_t  *log;
    ngx_uint_t  i, known, same, found;

    log = r->connection->log;

    ngx_http_tracker_check_file(apps, log);

    if (ngx_http_tracker_digest(id, login->id.data, login->id.len) != NGX_OK
        || ngx_http_tracker_digest(secret, login->secret.data,
                                   login->secret.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    known = 0;
    found = 0;               /* its index and 1; no two lines are equal */

    for (i = 0; i < apps->n; i++) {
        same = CRYPTO_memcmp(apps->elts[i].id, id, sizeof(id)) == 0;
        known |= same;

        same &= CRYPTO_memcmp(apps->elts[i].secret, secret, sizeof(secret))
                == 0;
        found |= -same & (i + 1);
    }

    if (found == 0) {
        ngx_http_tracker_tally_login(known ? NGX_HTTP_TRACKER_LOGIN_SECRET
                                           : NGX_HTTP_TRACKER_LOGIN_UNKNOWN);
        ngx_http_tracker_log_login(log, &login->id, known);
        return NGX_DECLINED;
    }

    ngx_http_tracker_tally_login(NGX_HTTP_TRACKER_LOGIN_OK);

    /* a copy: the file may be read again before this request ends */

    name = &apps->elts[found - 1].account;

    account->data = ngx_pstrdup(r->pool, name);
    if (account->data == NULL) {
        return NGX_ERROR;
    }

    account->len = name->len;

    return NGX_OK;
}


/* at most once a second; on failure the applications stay as they were */

static void
ngx_http_tracker_check_file(ngx_http_tracker_apps_t *apps, ngx_log_t *log)
{
    if (apps->checked == ngx_time()) {
        return;
    }

    apps->checked = ngx_time();

    (void) ngx_http_tracker_refresh_apps(apps, log, NGX_LOG_ERR);
}


void
ngx_http_tracker_look_at_apps(ngx_http_tracker_apps_t *apps, ngx_str_t *path,
    ngx_uint_t *n, time_t *loaded)
{
    ngx_http_tracker_check_file(apps, ngx_cycle->log);

    *path = apps->path;
    *n = apps->n;
    *loaded = apps->loaded;
}


/* replaces control bytes: a log line must not drive a terminal */

static void
ngx_http_tracker_log_login(ngx_log_t *log, tracker_str_t *id,
    ngx_uint_t known)
{
    u_char      ch, text[NGX_HTTP_TRACKER_APP_LOG];
    size_t      i, len;

    static const char  *causes[] = {
        "the appId is unknown",
        "the secret is wrong"
    };

    len = ngx_min(id->len, sizeof(text));

    for (i = 0; i < len; i++) {
        ch = id->data[i];
        text[i] = (ch < 0x20 || ch > 0x7e || ch == '"') ? '?' : ch;
    }

    ngx_log_error(NGX_LOG_INFO, log, 0,
                  "tracker: login of \"%*s\"%s refused: %s", len, text,
                  id->len > len ? "..." : "", causes[known]);
}


/* reads the file if it is not the one that was read before */

static ngx_int_t
ngx_http_tracker_refresh_apps(ngx_http_tracker_apps_t *apps, ngx_log_t *log,
    ngx_uint_t level)
{
    ngx_file_info_t  fi;

    if (ngx_file_info(apps->path.data, &fi) == NGX_FILE_ERROR) {

        if (!apps->lost) {
            ngx_http_tracker_tally_failure();
            ngx_log_error(level, log, ngx_errno,
                          ngx_file_info_n " \"%V\" failed", &apps->path);
        }

        apps->lost = 1;

        return NGX_ERROR;
    }

    apps->lost = 0;

    if (apps->ctime == fi.st_ctime
        && apps->size == ngx_file_size(&fi)
        && apps->uniq == ngx_file_uniq(&fi))
    {
        return NGX_OK;
    }

    return ngx_http_tracker_load_apps(apps, &fi, log, level);
}


/* fi is the state of the file before it is read */

static ngx_int_t
ngx_http_tracker_load_apps(ngx_http_tracker_apps_t *apps,
    ngx_file_info_t *fi, ngx_log_t *log, ngx_uint_t level)
{
    time_t       age;
    ngx_str_t    text;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, apps->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_tracker_read_file(pool, log, level, &apps->path,
                                   NGX_HTTP_TRACKER_APPS_MAX, &text)
        != NGX_OK)
    {
        goto failed;
    }

    /*
     * The times of files are in steps: another change just after this one
     * might not show, so a file that is younger than that is read again.  One
     * from the future is left from before the clock stepped back: a change
     * would have another time.
     */

    age = ngx_time() - fi->st_ctime;

    apps->ctime = (age > 2 || age < -2) ? fi->st_ctime : 0;
    apps->size = ngx_file_size(fi);
    apps->uniq = ngx_file_uniq(fi);

    if (ngx_http_tracker_parse_apps(apps, pool, &text, log, level) != NGX_OK) {
        goto failed;
    }

    if (apps->pool) {
        ngx_destroy_pool(apps->pool);
    }

    apps->pool = pool;
    apps->loaded = ngx_time();

    return NGX_OK;

failed:

    ngx_http_tracker_tally_failure();

    ngx_destroy_pool(pool);

    return NGX_ERROR;
}


/* the accounts are left in text, which is in the same pool */

static ngx_int_t
ngx_http_tracker_parse_apps(ngx_http_tracker_apps_t *apps, ngx_pool_t *pool,
    ngx_str_t *text, ngx_log_t *log, ngx_uint_t level)
{
    u_char                  *p, *end, *last;
    ngx_int_t                rc;
    ngx_str_t                entry;
    ngx_uint_t               n, line, foreign;
    ngx_http_tracker_app_t  *elts;

    last = text->data + text->len;

    /* as many as fit into the text, and one to parse into */

    n = text->len / NGX_HTTP_TRACKER_APP_MIN + 1;

    elts = ngx_palloc(pool, n * sizeof(ngx_http_tracker_app_t));
    if (elts == NULL) {
        return NGX_ERROR;
    }

    n = 0;
    line = 0;
    foreign = ngx_http_tracker_has_bom(text);

    for (p = text->data + (foreign ? 3 : 0); p < last; p = end + 1) {
        line++;

        end = ngx_strlchr(p, last, LF);
        if (end == NULL) {
            end = last;
        }

        entry.data = p;
        entry.len = end - p;

        if (entry.len && p[entry.len - 1] == CR) {
            entry.len--;
            foreign = 1;
        }

        rc = ngx_http_tracker_parse_app(&elts[n], &entry);

        if (rc == NGX_OK) {
            elts[n++].line = line;

        } else if (rc == NGX_ERROR) {

            /* not quoted: a line of the wrong form may hold a secret */

            ngx_log_error(level, log, 0,
                          "\"%V\" line %ui is not \"appId:DIGEST\" or "
                          "\"appId:DIGEST:account\", names without blanks and "
                          "the SHA-256 of the secret in hex", &apps->path,
                          line);
            return NGX_ERROR;
        }
    }

    if (ngx_http_tracker_check_apps(apps, elts, n, log, level) != NGX_OK) {
        return NGX_ERROR;
    }

    if (foreign) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "\"%V\" has lines that end in CR LF or begins with a "
                      "byte order mark, these are left out: write it as UTF-8 "
                      "with LF", &apps->path);
    }

    apps->elts = elts;
    apps->n = n;

    return NGX_OK;
}


/*
 * Returns NGX_OK, NGX_DECLINED if the line is a comment or blank, or
 * NGX_ERROR.  The account points into the line; it is the appId unless the
 * line has another one.
 */

static ngx_int_t
ngx_http_tracker_parse_app(ngx_http_tracker_app_t *app, ngx_str_t *line)
{
    u_char  *colon, *rest, *last;
    size_t   len;

    for (len = 0; len < line->len; len++) {
        if (line->data[len] != ' ' && line->data[len] != '\t') {
            break;
        }
    }

    if (len == line->len || line->data[0] == '#') {
        return NGX_DECLINED;
    }

    colon = ngx_http_tracker_find_digest(line, app->secret);
    if (colon == NULL) {
        return NGX_ERROR;
    }

    len = colon - line->data;

    if (ngx_http_tracker_check_name(line->data, len) != NGX_OK) {
        return NGX_ERROR;
    }

    app->account.data = line->data;
    app->account.len = len;

    rest = colon + 1 + NGX_HTTP_TRACKER_HEX_LEN;
    last = line->data + line->len;

    if (rest < last) {
        rest++;

        if (ngx_http_tracker_check_name(rest, last - rest) != NGX_OK) {
            return NGX_ERROR;
        }

        app->account.data = rest;
        app->account.len = last - rest;
    }

    return ngx_http_tracker_digest(app->id, line->data, len);
}


/*
 * Finds the first digest: it is between two colons, or between a colon and
 * the end of the line.  An id may have colons, and an account may look like a
 * digest.  Returns the colon before it, or NULL.
 */

static u_char *
ngx_http_tracker_find_digest(ngx_str_t *line,
    u_char digest[NGX_HTTP_TRACKER_DIGEST_LEN])
{
    u_char      *p, *hex, *last;
    ngx_int_t    n;
    ngx_uint_t   i;

    last = line->data + line->len;

    for (p = line->data; last - p > NGX_HTTP_TRACKER_HEX_LEN; p++) {

        hex = p + 1;

        if (*p != ':'
            || (last - hex > NGX_HTTP_TRACKER_HEX_LEN
                && hex[NGX_HTTP_TRACKER_HEX_LEN] != ':'))
        {
            continue;
        }

        for (i = 0; i < NGX_HTTP_TRACKER_DIGEST_LEN; i++) {
            n = ngx_hextoi(hex + 2 * i, 2);
            if (n == NGX_ERROR) {
                break;
            }

            digest[i] = (u_char) n;
        }

        if (i == NGX_HTTP_TRACKER_DIGEST_LEN) {
            return p;
        }
    }

    return NULL;
}


/* an appId or an account is sent in JSON, and is written to logs */

static ngx_int_t
ngx_http_tracker_check_name(u_char *p, size_t len)
{
    u_char  *last;

    if (len == 0 || len > JWT_SUB_MAX) {
        return NGX_ERROR;
    }

    last = p + len;

    while (p < last) {

        if (*p <= ' ' || *p == 0x7f) {
            return NGX_ERROR;
        }

        if (*p < 0x80) {
            p++;
            continue;
        }

        if (ngx_utf8_decode(&p, last - p) > 0x10ffff) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* sorts the applications; those of one appId may differ in secret only */

static ngx_int_t
ngx_http_tracker_check_apps(ngx_http_tracker_apps_t *apps,
    ngx_http_tracker_app_t *elts, ngx_uint_t n, ngx_log_t *log,
    ngx_uint_t level)
{
    ngx_uint_t               i;
    ngx_http_tracker_app_t  *a, *b;

    ngx_qsort(elts, n, sizeof(ngx_http_tracker_app_t),
              ngx_http_tracker_compare_apps);

    for (i = 1; i < n; i++) {
        a = &elts[i - 1];
        b = &elts[i];

        if (ngx_memcmp(a->id, b->id, sizeof(a->id)) != 0) {
            continue;
        }

        if (ngx_memcmp(a->secret, b->secret, sizeof(a->secret)) == 0) {
            ngx_log_error(level, log, 0,
                          "\"%V\" line %ui repeats the appId and the digest "
                          "of line %ui", &apps->path, b->line, a->line);
            return NGX_ERROR;
        }

        if (a->account.len != b->account.len
            || ngx_memcmp(a->account.data, b->account.data, a->account.len)
               != 0)
        {
            ngx_log_error(level, log, 0,
                          "\"%V\" line %ui gives the appId of line %ui "
                          "another account", &apps->path,
                          ngx_max(a->line, b->line),
                          ngx_min(a->line, b->line));
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_digest(u_char *digest, const void *data, size_t len)
{
    if (EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) != 1) {

        /* nginx would take an error in the queue for one of a TLS connection */
        ERR_clear_error();

        return NGX_ERROR;
    }

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_tracker_compare_apps(const void *one, const void *two)
{
    int  order;

    const ngx_http_tracker_app_t *a = one;
    const ngx_http_tracker_app_t *b = two;

    order = ngx_memcmp(a->id, b->id, sizeof(a->id));
    if (order) {
        return order;
    }

    order = ngx_memcmp(a->secret, b->secret, sizeof(a->secret));
    if (order) {
        return order;
    }

    return a->line < b->line ? -1 : 1;
}


char *
ngx_http_tracker_token_apps(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tracker_loc_conf_t *tlcf = conf;

    ngx_str_t                      *value;
    ngx_pool_cleanup_t             *cln;
    ngx_http_tracker_apps_t       **apps;
    ngx_http_tracker_main_conf_t   *tmcf;

    if (tlcf->apps != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tracker_module);

    apps = ngx_array_push(&tmcf->apps);
    if (apps == NULL) {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_tracker_apps_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    tlcf->apps = cln->data;
    ngx_memzero(tlcf->apps, sizeof(ngx_http_tracker_apps_t));

    cln->handler = ngx_http_tracker_free_apps;
    *apps = tlcf->apps;

    /* it lives as long as the configuration, unlike cf->log */

    tlcf->apps->log = &cf->cycle->new_log;

    value = cf->args->elts;
    tlcf->apps->path = value[1];

    if (ngx_conf_full_name(cf->cycle, &tlcf->apps->path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_tracker_refresh_apps(tlcf->apps, cf->log, NGX_LOG_EMERG)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static void
ngx_http_tracker_free_apps(void *data)
{
    ngx_http_tracker_apps_t *apps = data;

    if (apps->pool) {
        ngx_destroy_pool(apps->pool);
    }
}
