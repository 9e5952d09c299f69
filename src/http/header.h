
/*
 * Lines of a request's header.
 */


#ifndef _NGX_HTTP_TRACKER_HEADER_H_INCLUDED_
#define _NGX_HTTP_TRACKER_HEADER_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/* the lines with one name, one after another */

typedef struct {
    ngx_list_part_t  *part;
    ngx_uint_t        i;
} ngx_http_tracker_headers_t;


#define ngx_http_tracker_first_line(lines, r)                                 \
    (lines)->part = &(r)->headers_in.headers.part;                            \
    (lines)->i = 0


/*
 * Returns the value of the next line with this name, in any case, or NULL;
 * ngx_http_tracker_first_line() comes before the first call.
 */
ngx_str_t *ngx_http_tracker_next_line(ngx_http_tracker_headers_t *lines,
    ngx_str_t *name);

/*
 * Finds a header by its name, in any case.  Returns how often it was sent;
 * value is the last one, if there is any.
 */
ngx_uint_t ngx_http_tracker_find_header(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *value);

/*
 * Cuts off the part before the next separator, which is not looked for in
 * quotes, and the blanks around it.  rest is what is left of a value, at first
 * a copy of it.  Returns 1, or 0 if nothing is left.
 */
ngx_uint_t ngx_http_tracker_split(ngx_str_t *rest, u_char separator,
    ngx_str_t *part);

/* Cuts off the blanks at both ends. */
void ngx_http_tracker_trim(ngx_str_t *str);

/* Returns 1 if str is the word, in any case, else 0. */
ngx_uint_t ngx_http_tracker_is(ngx_str_t *str, ngx_str_t *word);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_HEADER_H_INCLUDED_ */
