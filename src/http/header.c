
/*
 * Header lines of a request that nginx does not look for, or of which it keeps
 * only one, and the parts of their values.
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


ngx_uint_t
ngx_http_tracker_split(ngx_str_t *rest, u_char separator, ngx_str_t *part)
{
    u_char      *p, *start, *end;
    ngx_uint_t   quoted;

    if (rest->len == 0) {
        return 0;
    }

    start = rest->data;
    end = rest->data + rest->len;
    quoted = 0;

    for (p = start; p < end && (quoted || *p != separator); p++) {

        if (*p == '"') {
            quoted = !quoted;

        } else if (quoted && *p == '\\' && p + 1 < end) {
            p++;
        }
    }

    rest->data = p < end ? p + 1 : end;
    rest->len = end - rest->data;

    part->data = start;
    part->len = p - start;

    ngx_http_tracker_trim(part);

    return 1;
}


void
ngx_http_tracker_trim(ngx_str_t *str)
{
    u_char  *p;

    while (str->len && (str->data[0] == ' ' || str->data[0] == '\t')) {
        str->data++;
        str->len--;
    }

    p = str->data + str->len;

    while (str->len && (p[-1] == ' ' || p[-1] == '\t')) {
        p--;
        str->len--;
    }
}


ngx_uint_t
ngx_http_tracker_is(ngx_str_t *str, ngx_str_t *word)
{
    return str->len == word->len
           && ngx_strncasecmp(str->data, word->data, word->len) == 0;
}
