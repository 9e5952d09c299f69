
/*
 * The applications that may log in: lines "appId:DIGEST" or
 * "appId:DIGEST:account" of a file, which is read again when it changes.
 * Rules: API.md sections 6 and 7.
 *
 * An account may have several lines, of several appIds or of one: a secret is
 * replaced by another one while both are good.
 *
 * A secret is 256 random bits, so what is stored of it is its SHA-256: a slow
 * password hash would block the worker and gain nothing.
 */


#include "http/module.h"
#include "http/secret.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>


#define NGX_HTTP_TRACKER_DIGEST_LEN  32

/* bytes of a digest in hex */
#define NGX_HTTP_TRACKER_HEX_LEN     (2 * NGX_HTTP_TRACKER_DIGEST_LEN)

/* the shortest line: one byte, a colon, the digest */
#define NGX_HTTP_TRACKER_APP_MIN     (1 + 1 + NGX_HTTP_TRACKER_HEX_LEN)

/* bytes: all of the file is read between two requests */
#define NGX_HTTP_TRACKER_APPS_MAX    (1024 * 1024)

/*
 * Bytes of an appId in the log, half of the shortest secret that conf/app has
 * made: a client may have taken one for the other.
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

    ngx_uint_t               n;
    ngx_http_tracker_app_t  *elts;       /* on the heap, by digest of id, and
                                            behind them the accounts */

    /* the file that was read */

    time_t                   checked;    /* when it was looked at last */
    time_t                   ctime;
    off_t                    size;
    ngx_file_uniq_t          uniq;
    unsigned                 young:1;    /* may change with the same ctime */
    unsigned                 lost:1;     /* said so in the log */
};


static void ngx_http_tracker_refresh_apps(ngx_http_tracker_apps_t *apps,
    ngx_log_t *log);
static ngx_int_t ngx_http_tracker_load_apps(ngx_http_tracker_apps_t *apps,
    ngx_file_info_t *fi, ngx_log_t *log, ngx_uint_t level);
static ngx_int_t ngx_http_tracker_parse_apps(ngx_http_tracker_apps_t *apps,
    ngx_str_t *text, ngx_log_t *log, ngx_uint_t level);
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
 * An unknown id takes as long as a wrong secret: all applications are looked
 * at, both digests of each, without a branch.
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

    ngx_http_tracker_refresh_apps(apps, log);

    if (ngx_http_tracker_digest(id, login->id.data, login->id.len) != NGX_OK
        || ngx_http_tracker_digest(secret, login->secret.data,
                                   login->secret.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    known = 0;
    found = 0;               /* the place behind it; no two lines are equal */

    for (i = 0; i < apps->n; i++) {
        same = CRYPTO_memcmp(apps->elts[i].id, id, sizeof(id)) == 0;
        known |= same;

        same &= CRYPTO_memcmp(apps->elts[i].secret, secret, sizeof(secret))
                == 0;
        found |= -same & (i + 1);
    }

    if (found == 0) {
        ngx_http_tracker_log_login(log, &login->id, known);
        return NGX_DECLINED;
    }

    /* a copy: the file may be read again before this request ends */

    name = &apps->elts[found - 1].account;

    account->data = ngx_pstrdup(r->pool, name);
    if (account->data == NULL) {
        return NGX_ERROR;
    }

    account->len = name->len;

    return NGX_OK;
}


/* what a client sends is not for the terminal of who reads the log */

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


/*
 * Reads the file again when it is another one than before.  Where that
 * fails, what was read before stays, and the log says so once.
 */

static void
ngx_http_tracker_refresh_apps(ngx_http_tracker_apps_t *apps, ngx_log_t *log)
{
    ngx_file_info_t  fi;

    if (apps->checked == ngx_time()) {
        return;
    }

    apps->checked = ngx_time();

    if (ngx_file_info(apps->path.data, &fi) == NGX_FILE_ERROR) {

        if (!apps->lost) {
            ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                          ngx_file_info_n " \"%V\" failed", &apps->path);
        }

        apps->lost = 1;

        return;
    }

    if (!apps->lost && !apps->young
        && apps->ctime == fi.st_ctime
        && apps->size == ngx_file_size(&fi)
        && apps->uniq == ngx_file_uniq(&fi))
    {
        return;
    }

    (void) ngx_http_tracker_load_apps(apps, &fi, log, NGX_LOG_ERR);
}


/*
 * fi is what the file was before it is read.  ctime, not mtime: a file whose
 * mode was wrong must be read when it is right.
 */

static ngx_int_t
ngx_http_tracker_load_apps(ngx_http_tracker_apps_t *apps,
    ngx_file_info_t *fi, ngx_log_t *log, ngx_uint_t level)
{
    time_t       age;
    ngx_int_t    rc;
    ngx_str_t    text;
    ngx_pool_t  *pool;

    apps->ctime = fi->st_ctime;
    apps->size = ngx_file_size(fi);
    apps->uniq = ngx_file_uniq(fi);
    apps->lost = 0;

    /* in seconds, so that another change in this one would go unseen */

    age = ngx_time() - apps->ctime;
    apps->young = age >= -2 && age <= 2;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_tracker_read_file(pool, log, level, &apps->path,
                                    NGX_HTTP_TRACKER_APPS_MAX, &text);

    if (rc == NGX_OK) {
        rc = ngx_http_tracker_parse_apps(apps, &text, log, level);

    } else {

        /* what failed may pass, and the file not change again: look again */
        apps->young = 1;
    }

    ngx_destroy_pool(pool);

    return rc;
}


static ngx_int_t
ngx_http_tracker_parse_apps(ngx_http_tracker_apps_t *apps, ngx_str_t *text,
    ngx_log_t *log, ngx_uint_t level)
{
    u_char                  *p, *end, *last, *names;
    ngx_str_t                entry;
    ngx_uint_t               n, line, foreign;
    ngx_http_tracker_app_t  *elts;

    last = text->data + text->len;

    /* as many as fit into the text, and one to parse into */

    n = text->len / NGX_HTTP_TRACKER_APP_MIN + 1;

    elts = ngx_alloc(n * sizeof(ngx_http_tracker_app_t) + text->len, log);
    if (elts == NULL) {
        return NGX_ERROR;
    }

    names = (u_char *) (elts + n);

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

        switch (ngx_http_tracker_parse_app(&elts[n], &entry)) {

        case NGX_OK:

            /* the text is gone before the applications are */

            p = elts[n].account.data;
            elts[n].account.data = names;
            names = ngx_cpymem(names, p, elts[n].account.len);

            elts[n++].line = line;
            break;

        case NGX_DECLINED:
            break;

        default: /* NGX_ERROR */

            /* not quoted: who gets the form wrong may have written a secret */

            ngx_log_error(level, log, 0,
                          "\"%V\" line %ui is not \"appId:DIGEST\" or "
                          "\"appId:DIGEST:account\", names without blanks and "
                          "the SHA-256 of the secret in hex", &apps->path,
                          line);
            goto failed;
        }
    }

    if (ngx_http_tracker_check_apps(apps, elts, n, log, level) != NGX_OK) {
        goto failed;
    }

    if (foreign) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "\"%V\" has lines that end in CR LF or begins with a "
                      "byte order mark, these are left out: write it as UTF-8 "
                      "with LF", &apps->path);
    }

    if (apps->elts) {
        ngx_free(apps->elts);
    }

    apps->elts = elts;
    apps->n = n;

    return NGX_OK;

failed:

    ngx_free(elts);

    return NGX_ERROR;
}


/*
 * NGX_DECLINED: a comment or blank.  NGX_OK: the account lies in the line; it
 * is the appId where the line has no other.
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
 * The digest is the first one: it stands between two colons, or between a
 * colon and the end of the line.  An id may have colons, and an account may
 * look like a digest.  Returns the colon before it, or NULL.
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


/* of an application or an account: it comes and goes in JSON */

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


/* sorts the applications; those of one appId have several secrets, of use */

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
    return EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) == 1
               ? NGX_OK : NGX_ERROR;
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

    ngx_str_t           *value;
    ngx_file_info_t      fi;
    ngx_pool_cleanup_t  *cln;

    if (tlcf->apps != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_tracker_apps_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    tlcf->apps = cln->data;
    ngx_memzero(tlcf->apps, sizeof(ngx_http_tracker_apps_t));

    cln->handler = ngx_http_tracker_free_apps;

    value = cf->args->elts;
    tlcf->apps->path = value[1];

    if (ngx_conf_full_name(cf->cycle, &tlcf->apps->path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_file_info(tlcf->apps->path.data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_file_info_n " \"%V\" failed",
                           &tlcf->apps->path);
        return NGX_CONF_ERROR;
    }

    return ngx_http_tracker_load_apps(tlcf->apps, &fi, cf->log, NGX_LOG_EMERG)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static void
ngx_http_tracker_free_apps(void *data)
{
    ngx_http_tracker_apps_t *apps = data;

    if (apps->elts) {
        ngx_free(apps->elts);
    }
}
