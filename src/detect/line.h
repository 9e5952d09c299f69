
/*
 * Reads the lines of a stored text: a letter, a blank, and the rest.
 */


#ifndef _DETECT_LINE_H_INCLUDED_
#define _DETECT_LINE_H_INCLUDED_


#include <string.h>

#include "detect/dict.h"


#pragma GCC visibility push(hidden)


/* digits of a number, at most */
#define DETECT_LINE_DIGITS  18


typedef struct {
    char            kind;
    detect_str_t    rest;          /* without the newline, which follows it */
} detect_line_t;


/* Returns what is behind the line at p, or NULL if there is no line. */

static inline const char *
detect_get_line(const char *p, const char *end, detect_line_t *line)
{
    const char  *newline;

    newline = memchr(p, '\n', end - p);

    if (newline == NULL || newline - p < 2 || p[1] != ' ') {
        return NULL;
    }

    line->kind = p[0];
    line->rest.data = p + 2;
    line->rest.len = newline - line->rest.data;

    return newline + 1;
}


/*
 * Reads the decimal number at p, in the rest of a line.  Returns what is behind
 * it and a blank, or behind the newline at the end; or NULL if it is none.
 */

static inline const char *
detect_line_number(const detect_str_t *rest, const char *p, uint64_t *number)
{
    const char  *start, *end;

    start = p;
    end = rest->data + rest->len;

    *number = 0;

    while (p < end && *p >= '0' && *p <= '9'
           && p - start < DETECT_LINE_DIGITS)
    {
        *number = *number * 10 + (*p++ - '0');
    }

    return p > start && (p == end || *p == ' ') ? p + 1 : NULL;
}


/* Returns 1 if it may be a JSON string, else 0. */

static inline int
detect_line_string(const detect_str_t *str)
{
    return str->len >= 2 && str->data[0] == '"'
           && str->data[str->len - 1] == '"';
}


#pragma GCC visibility pop


#endif /* _DETECT_LINE_H_INCLUDED_ */
