
/*
 * The strict reader skips values: what is not plain is left to the library.
 */


#include "json/skip.h"


/* integers of fewer bytes fit into 64 bits */
#define TRACKER_SKIP_INTEGER  19

/* numbers of fewer bytes, and of two digits of exponent, fit into a double */
#define TRACKER_SKIP_REAL     64


static int tracker_skip_any(tracker_reader_t *rd, tracker_skip_t *skip,
    size_t depth, size_t *values);
static int tracker_skip_array(tracker_reader_t *rd, tracker_skip_t *skip,
    size_t depth, size_t *values);
static int tracker_skip_object(tracker_reader_t *rd, tracker_skip_t *skip,
    size_t depth, size_t *values);
static int tracker_skip_number(tracker_reader_t *rd);
static const char *tracker_skip_digits(const char *p, const char *end);
static int tracker_skip_unsupported(tracker_reader_t *rd);


int
tracker_skip_key(tracker_reader_t *rd, tracker_skip_t *skip, size_t first,
    const tracker_str_t *key)
{
    size_t  i;

    skip->cost += (skip->n - first) * TRACKER_SKIP_COST;

    for (i = first; i < skip->n; i++) {
        if (tracker_str_equal(&skip->elts[i], key)) {
            return tracker_skip_twice(rd);
        }
    }

    if (skip->n == skip->most) {
        return tracker_skip_unsupported(rd);
    }

    skip->elts[skip->n++] = *key;

    return 1;
}


int
tracker_skip_twice(tracker_reader_t *rd)
{
    /* the library reports the end of the key */

    rd->lexer.p--;
    rd->stop = TRACKER_READER_DUPLICATE_KEY;

    return 0;
}


int
tracker_skip_value(tracker_reader_t *rd, tracker_skip_t *skip)
{
    size_t  values;

    values = TRACKER_SKIP_VALUES;

    return tracker_skip_any(rd, skip, TRACKER_SKIP_DEPTH, &values);
}


int
tracker_skip_literal(tracker_reader_t *rd, const char *literal, size_t len)
{
    tracker_lexer_t  *lx;

    lx = &rd->lexer;

    if (tracker_lex_end(lx)
        || (size_t) (lx->end - lx->p) < len
        || memcmp(lx->p, literal, len) != 0)
    {
        return 0;
    }

    lx->p += len;

    return 1;
}


/* depth and *values are what may still follow */

static int
tracker_skip_any(tracker_reader_t *rd, tracker_skip_t *skip, size_t depth,
    size_t *values)
{
    tracker_str_t     str;
    tracker_lexer_t  *lx;

    lx = &rd->lexer;

    if (tracker_lex_end(lx)) {
        return 0;
    }

    if (depth == 0 || *values == 0) {
        return tracker_skip_unsupported(rd);
    }

    (*values)--;

    switch (*lx->p) {

    case '"':
        return tracker_lex_string(lx, &str);

    case '{':
        return tracker_skip_object(rd, skip, depth - 1, values);

    case '[':
        return tracker_skip_array(rd, skip, depth - 1, values);

    case 'n':
        return tracker_skip_literal(rd, "null", sizeof("null") - 1);

    case 't':
        return tracker_skip_literal(rd, "true", sizeof("true") - 1);

    case 'f':
        return tracker_skip_literal(rd, "false", sizeof("false") - 1);

    default:
        return tracker_skip_number(rd);
    }
}


static int
tracker_skip_array(tracker_reader_t *rd, tracker_skip_t *skip, size_t depth,
    size_t *values)
{
    rd->lexer.p++;

    if (tracker_lex_char(&rd->lexer, ']')) {
        return 1;
    }

    do {
        if (!tracker_skip_any(rd, skip, depth, values)) {
            return 0;
        }

    } while (tracker_lex_char(&rd->lexer, ','));

    return tracker_lex_char(&rd->lexer, ']');
}


static int
tracker_skip_object(tracker_reader_t *rd, tracker_skip_t *skip, size_t depth,
    size_t *values)
{
    size_t         first;
    tracker_str_t  key;

    first = skip->n;
    rd->lexer.p++;

    if (tracker_lex_char(&rd->lexer, '}')) {
        return 1;
    }

    do {
        if (!tracker_lex_string(&rd->lexer, &key)
            || !tracker_skip_key(rd, skip, first, &key)
            || !tracker_lex_char(&rd->lexer, ':')
            || !tracker_skip_any(rd, skip, depth, values))
        {
            return 0;
        }

    } while (tracker_lex_char(&rd->lexer, ','));

    skip->n = first;

    return tracker_lex_char(&rd->lexer, '}');
}


static int
tracker_skip_number(tracker_reader_t *rd)
{
    int               real, large;
    const char       *p, *digits, *end;
    tracker_lexer_t  *lx;

    lx = &rd->lexer;
    end = lx->end;
    p = lx->p;
    real = 0;
    large = 0;

    p += *p == '-';
    digits = p;

    /* nothing may follow a zero, the caller sees what does */

    p = p < end && *p == '0' ? p + 1 : tracker_skip_digits(p, end);

    if (p == digits) {
        return 0;
    }

    if (p < end && *p == '.') {
        digits = ++p;
        p = tracker_skip_digits(p, end);
        real = 1;

        if (p == digits) {
            return 0;
        }
    }

    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        digits = p;
        p = tracker_skip_digits(p, end);
        real = 1;
        large = p - digits > 2;

        if (p == digits) {
            return 0;
        }
    }

    if (large || p - lx->p >= (real ? TRACKER_SKIP_REAL : TRACKER_SKIP_INTEGER))
    {
        return tracker_skip_unsupported(rd);
    }

    lx->p = p;

    return 1;
}


static const char *
tracker_skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }

    return p;
}


static int
tracker_skip_unsupported(tracker_reader_t *rd)
{
    /* only what has a fault is skipped where all of them are reported */

    rd->stop = rd->report ? TRACKER_READER_FAULTY : TRACKER_READER_UNSUPPORTED;

    return 0;
}
