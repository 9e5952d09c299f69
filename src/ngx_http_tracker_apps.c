
/*
 * The applications that may log in: lines "appId:DIGEST" of a file, which is
 * read again when it changes.  Rules: API.md section 6.
 *
 * A secret is 256 random bits, so what is stored of it is its SHA-256: a slow
 * password hash would block the worker and gain nothing.
 */


#include "ngx_http_tracker_module.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>


#define NGX_HTTP_TRACKER_DIGEST_LEN  32

/* the shortest line: one byte, a colon, the digest in hex */
#define NGX_HTTP_TRACKER_APP_MIN     (1 + 1 + 2 * NGX_HTTP_TRACKER_DIGEST_LEN)

/* bytes: all of the file is read between two requests */
#define NGX_HTTP_TRACKER_APPS_MAX    (1024 * 1024)


typedef struct {
    u_char                   id[NGX_HTTP_TRACKER_DIGEST_LEN];
    u_char                   secret[NGX_HTTP_TRACKER_DIGEST_LEN];
    ngx_uint_t               line;
} ngx_http_tracker_app_t;


struct ngx_http_tracker_apps_s {
    ngx_str_t                path;

    ngx_uint_t               n;
    ngx_http_tracker_app_t  *elts;       /* on the heap, by digest of id */

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
static ngx_int_t ngx_http_tracker_digest(u_char *digest, const void *data,
    size_t len);
static int ngx_libc_cdecl ngx_http_tracker_compare_apps(const void *one,
    const void *two);
static void ngx_http_tracker_free_apps(void *data);


/*
 * An unknown id takes as long as a wrong secret: all applications are looked
 * at, without a branch, and the secret is compared with zeros when none has
 * the id.
 */

ngx_int_t
ngx_http_tracker_match_app(ngx_http_tracker_apps_t *apps,
    tracker_login_t *login, ngx_log_t *log)
{
    u_char      id[NGX_HTTP_TRACKER_DIGEST_LEN], mask;
    u_char      given[NGX_HTTP_TRACKER_DIGEST_LEN];
    u_char      stored[NGX_HTTP_TRACKER_DIGEST_LEN];
    ngx_uint_t  i, k;

    ngx_http_tracker_refresh_apps(apps, log);

    if (ngx_http_tracker_digest(id, login->id.data, login->id.len) != NGX_OK
        || ngx_http_tracker_digest(given, login->secret.data,
                                   login->secret.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(stored, sizeof(stored));

    for (i = 0; i < apps->n; i++) {
        mask = -(CRYPTO_memcmp(apps->elts[i].id, id, sizeof(id)) == 0);

        for (k = 0; k < sizeof(stored); k++) {
            stored[k] |= mask & apps->elts[i].secret[k];
        }
    }

    return CRYPTO_memcmp(stored, given, sizeof(given)) == 0 ? NGX_OK
                                                            : NGX_DECLINED;
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
    u_char                  *p, *end, *last;
    ngx_str_t                entry;
    ngx_uint_t               i, n, line;
    ngx_http_tracker_app_t  *elts;

    last = text->data + text->len;

    /* as many as fit into the text, and one to parse into */

    n = text->len / NGX_HTTP_TRACKER_APP_MIN + 1;

    elts = ngx_alloc(n * sizeof(ngx_http_tracker_app_t), log);
    if (elts == NULL) {
        return NGX_ERROR;
    }

    n = 0;
    line = 0;

    for (p = text->data; p < last; p = end + 1) {
        line++;

        end = ngx_strlchr(p, last, LF);
        if (end == NULL) {
            end = last;
        }

        entry.data = p;
        entry.len = end - p;

        switch (ngx_http_tracker_parse_app(&elts[n], &entry)) {

        case NGX_OK:
            elts[n++].line = line;
            break;

        case NGX_DECLINED:
            break;

        default: /* NGX_ERROR */

            /* not quoted: who gets the form wrong may have written a secret */

            ngx_log_error(level, log, 0,
                          "\"%V\" line %ui is not \"appId:DIGEST\", an id "
                          "without blanks and the SHA-256 of its secret in "
                          "hex", &apps->path, line);
            goto failed;
        }
    }

    ngx_qsort(elts, n, sizeof(ngx_http_tracker_app_t),
              ngx_http_tracker_compare_apps);

    for (i = 1; i < n; i++) {
        if (ngx_memcmp(elts[i - 1].id, elts[i].id, sizeof(elts->id)) == 0) {
            ngx_log_error(level, log, 0,
                          "\"%V\" line %ui repeats the appId of line %ui",
                          &apps->path, elts[i].line, elts[i - 1].line);
            goto failed;
        }
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


/* NGX_DECLINED: a comment or blank */

static ngx_int_t
ngx_http_tracker_parse_app(ngx_http_tracker_app_t *app, ngx_str_t *line)
{
    u_char      *p, *last, *hex;
    size_t       len;
    ngx_int_t    n;
    ngx_uint_t   i;

    for (len = 0; len < line->len; len++) {
        if (line->data[len] != ' ' && line->data[len] != '\t') {
            break;
        }
    }

    if (len == line->len || line->data[0] == '#') {
        return NGX_DECLINED;
    }

    /* the id ends where a colon and the digest begin */

    if (line->len < NGX_HTTP_TRACKER_APP_MIN) {
        return NGX_ERROR;
    }

    len = line->len - 2 * NGX_HTTP_TRACKER_DIGEST_LEN - 1;

    if (len > JWT_SUB_MAX || line->data[len] != ':') {
        return NGX_ERROR;
    }

    last = line->data + len;

    for (p = line->data; p < last; /* void */ ) {

        if (*p <= ' ' || *p == 0x7f) {
            return NGX_ERROR;
        }

        if (*p < 0x80) {
            p++;
            continue;
        }

        /* a token is JSON */

        if (ngx_utf8_decode(&p, last - p) > 0x10ffff) {
            return NGX_ERROR;
        }
    }

    hex = last + 1;

    for (i = 0; i < NGX_HTTP_TRACKER_DIGEST_LEN; i++) {
        n = ngx_hextoi(hex + 2 * i, 2);
        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        app->secret[i] = (u_char) n;
    }

    return ngx_http_tracker_digest(app->id, line->data, len);
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
