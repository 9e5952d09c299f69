
/*
 * The applications that may log in.
 */


#ifndef _NGX_HTTP_TRACKER_APPS_H_INCLUDED_
#define _NGX_HTTP_TRACKER_APPS_H_INCLUDED_


#include "http/conf.h"
#include "json/tracker_json.h"


#pragma GCC visibility push(hidden)


/*
 * Looks for the application of a login, after reading the file again if it has
 * changed.  Returns NGX_OK with its account, memory of r->pool; NGX_DECLINED if
 * the id or the secret is wrong, which is logged; NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_match_app(ngx_http_request_t *r,
    ngx_http_tracker_apps_t *apps, tracker_login_t *login,
    ngx_str_t *account);

/*
 * The file, the number of its lines that can log in, and when it was read, in
 * seconds since 1970; it is read again if it has changed.
 */
void ngx_http_tracker_look_at_apps(ngx_http_tracker_apps_t *apps,
    ngx_str_t *path, ngx_uint_t *n, time_t *loaded);

/*
 * Setter of tracker_token_apps.  Returns NGX_CONF_OK, or NGX_CONF_ERROR after
 * logging the cause, or the words of the error.
 */
char *ngx_http_tracker_token_apps(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_APPS_H_INCLUDED_ */
