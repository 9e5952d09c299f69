
/*
 * Reads files that hold secrets: keys, passwords, the applications.
 */


#ifndef _NGX_HTTP_TRACKER_SECRET_H_INCLUDED_
#define _NGX_HTTP_TRACKER_SECRET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#pragma GCC visibility push(hidden)


/*
 * Reads the key or password in the file at path into memory of cf->pool,
 * without one trailing newline.  A relative path is completed in place.
 * min is in bytes.  text is 1 if the secret should be one line of text.
 * Logs a warning if other users may read the file, if it ends in CR LF or
 * begins with a byte order mark, and, with text, if there is a control
 * character: all of them stay part of the secret.
 * Returns NGX_OK, or NGX_ERROR after logging the cause: the file cannot be
 * read, is too large or shorter than min.
 */
ngx_int_t ngx_http_tracker_read_secret(ngx_conf_t *cf, ngx_str_t *path,
    size_t min, ngx_uint_t text, ngx_str_t *secret);

/*
 * Reads a file of at most max bytes into memory of pool.  Logs a warning if
 * other users may read it.
 * Returns NGX_OK, or NGX_ERROR after logging the cause at this level.
 */
ngx_int_t ngx_http_tracker_read_file(ngx_pool_t *pool, ngx_log_t *log,
    ngx_uint_t level, ngx_str_t *path, size_t max, ngx_str_t *bytes);

/* Returns 1 if text begins with U+FEFF in UTF-8, else 0. */
ngx_uint_t ngx_http_tracker_has_bom(ngx_str_t *text);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_SECRET_H_INCLUDED_ */
