
/*
 * Reads files that hold secrets.
 */


#include "http/secret.h"
#include "jwt/jwt.h"


/* bytes: no key or password is longer */
#define NGX_HTTP_TRACKER_SECRET_MAX  4096


static void ngx_http_tracker_warn_secret(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *secret, ngx_uint_t cr, ngx_uint_t text);
static ngx_int_t ngx_http_tracker_read_fd(ngx_pool_t *pool, ngx_file_t *file,
    ngx_uint_t level, size_t max, ngx_str_t *bytes);


ngx_int_t
ngx_http_tracker_read_secret(ngx_conf_t *cf, ngx_str_t *path, size_t min,
    ngx_uint_t text, ngx_str_t *secret)
{
    size_t      size;
    ngx_uint_t  cr;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_tracker_read_file(cf->pool, cf->log, NGX_LOG_EMERG, path,
                                   NGX_HTTP_TRACKER_SECRET_MAX, secret)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    size = secret->len;

    if (size && secret->data[size - 1] == LF) {
        secret->len--;
    }

    cr = (secret->len && secret->len < size
          && secret->data[secret->len - 1] == CR);

    if (secret->len - cr < min) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" holds %uz bytes, %uz or more are needed",
                           path, secret->len - cr, min);
        return NGX_ERROR;
    }

    ngx_http_tracker_warn_secret(cf, path, secret, cr, text);

    return NGX_OK;
}


/*
 * Only warns: a secret of random bytes may look so, and tokens may have been
 * signed with what an editor has added.
 */

static void
ngx_http_tracker_warn_secret(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *secret, ngx_uint_t cr, ngx_uint_t text)
{
    if (cr) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" ends in CR LF, and the CR is a part of the "
                           "secret: unless that is meant, take it out by "
                           "\"sed -i 's|\\r$||' %V\"", path, path);

    } else if (text && jwt_has_control((char *) secret->data, secret->len)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" holds a control character or a second "
                           "line, and all of that is a part of the secret: "
                           "unless that is meant, write one line of text",
                           path);
    }

    if (ngx_http_tracker_has_bom(secret)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" begins with a byte order mark, and that is "
                           "a part of the secret: unless that is meant, take "
                           "it out by \"sed -i '1s|^\\xef\\xbb\\xbf||' %V\"",
                           path, path);
    }
}


ngx_uint_t
ngx_http_tracker_has_bom(ngx_str_t *text)
{
    static u_char  bom[] = { 0xef, 0xbb, 0xbf };

    return text->len >= sizeof(bom)
           && ngx_memcmp(text->data, bom, sizeof(bom)) == 0;
}


ngx_int_t
ngx_http_tracker_read_file(ngx_pool_t *pool, ngx_log_t *log, ngx_uint_t level,
    ngx_str_t *path, size_t max, ngx_str_t *bytes)
{
    ngx_int_t   rc;
    ngx_file_t  file;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = log;

    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_log_error(level, log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    rc = ngx_http_tracker_read_fd(pool, &file, level, max, bytes);

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    return rc;
}


static ngx_int_t
ngx_http_tracker_read_fd(ngx_pool_t *pool, ngx_file_t *file, ngx_uint_t level,
    size_t max, ngx_str_t *bytes)
{
    ssize_t           n;
    ngx_log_t        *log;
    ngx_str_t        *path;
    ngx_file_info_t   fi;

    log = file->log;
    path = &file->name;

    if (ngx_fd_info(file->fd, &fi) == NGX_FILE_ERROR) {
        ngx_log_error(level, log, ngx_errno,
                      ngx_fd_info_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi) || ngx_file_size(&fi) > (off_t) max) {
        ngx_log_error(level, log, 0,
                      "\"%V\" is not a file of at most %uz bytes", path, max);
        return NGX_ERROR;
    }

    if (ngx_file_access(&fi) & 0004) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "\"%V\" holds a secret and is readable by others than "
                      "its owner and group", path);
    }

    bytes->len = (size_t) ngx_file_size(&fi);

    bytes->data = ngx_pnalloc(pool, bytes->len + 1);
    if (bytes->data == NULL) {
        return NGX_ERROR;
    }

    n = ngx_read_file(file, bytes->data, bytes->len, 0);

    if (n != (ssize_t) bytes->len) {
        ngx_log_error(level, log, 0, ngx_read_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    return NGX_OK;
}
