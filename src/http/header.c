
/*
 * Header lines of a request that nginx does not look for, or of which it keeps
 * only one.
 */


#include "http/header.h"


ngx_str_t *
ngx_http_tracker_next_line(ngx_http_tracker_headers_t *lines, ngx_str_t *name)
{
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    while ((part = lines->part) != NULL) {

        if (lines->i == part->nelts) {
            lines->part = part->next;
            lines->i = 0;
            continue;
        }

        h = part->elts;
        h += lines->i++;

        if (h->key.len == name->len
            && ngx_strncasecmp(h->key.data, name->data, name->len) == 0)
        {
            return &h->value;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_tracker_find_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_str_t                   *line;
    ngx_uint_t                   n;
    ngx_http_tracker_headers_t   lines;

    n = 0;

    ngx_http_tracker_first_line(&lines, r);

    while ((line = ngx_http_tracker_next_line(&lines, name)) != NULL) {
        *value = *line;
        n++;
    }

    return n;
}
