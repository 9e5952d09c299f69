
/*
 * The strict reader's strings: where they end, whether they are UTF-8, and what
 * their escapes mean.
 */


#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "json/lexer.h"


static int tracker_lex_escaped(tracker_lexer_t *lx, tracker_str_t *str);
static int tracker_lex_bad(tracker_lexer_t *lx, const char *bad);
static char *tracker_lex_escape(tracker_lexer_t *lx, char *to);
static char *tracker_lex_encode(char *to, uint32_t c);
static int tracker_lex_hex(tracker_lexer_t *lx, uint32_t *unit);
static const char *tracker_lex_utf8(const char *data, const char *end);
static size_t tracker_lex_char_length(const unsigned char *p, size_t len);
static const char *tracker_lex_scan(const char *p, const char *end);


int
tracker_lex_end(tracker_lexer_t *lx)
{
    const char  *p;

    p = lx->p;

    while (p < lx->end
           && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
    {
        p++;
    }

    lx->p = p;

    return p == lx->end;
}


int
tracker_lex_string(tracker_lexer_t *lx, tracker_str_t *str)
{
    const char  *p, *next;

    if (!tracker_lex_char(lx, '"')) {
        lx->no_string = 1;
        return 0;
    }

    str->data = lx->p;

    p = tracker_lex_scan(lx->p, lx->end);

    while (p < lx->end && *p != '"') {

        if (*p == '\\') {
            lx->p = p;
            return tracker_lex_escaped(lx, str);
        }

        next = tracker_lex_utf8(p, lx->end);
        if (next == p) {
            return tracker_lex_bad(lx, p);
        }

        p = tracker_lex_scan(next, lx->end);
    }

    if (p == lx->end) {
        return tracker_lex_bad(lx, p);
    }

    str->len = p - str->data;
    lx->p = p + 1;

    return 1;
}


/* reads on from the first backslash of a string that starts at str->data */

static int
tracker_lex_escaped(tracker_lexer_t *lx, tracker_str_t *str)
{
    char        *to;
    const char  *from;

    if (lx->text == NULL) {

        /* decoded strings are never longer than their JSON */

        lx->text = lx->arena->alloc(lx->arena->data, lx->end - str->data);
        if (lx->text == NULL) {
            lx->nomem = 1;
            return 0;
        }
    }

    to = lx->text;
    from = str->data;
    str->data = to;

    memcpy(to, from, lx->p - from);
    to += lx->p - from;

    while (lx->p < lx->end) {
        from = lx->p;

        switch (*from) {

        case '"':

            /* the library reports it at the end of the string */

            if (lx->bad_escape) {
                return 0;
            }

            lx->p++;
            lx->text = to;
            str->len = to - str->data;
            return 1;

        case '\\':
            to = tracker_lex_escape(lx, to);
            if (to == NULL) {
                return tracker_lex_bad(lx, lx->p);
            }

            break;

        default:
            lx->p = (signed char) *from >= ' '
                    ? tracker_lex_scan(from, lx->end)
                    : tracker_lex_utf8(from, lx->end);
            if (lx->p == from) {
                return tracker_lex_bad(lx, from);
            }

            memcpy(to, from, lx->p - from);
            to += lx->p - from;
            break;
        }
    }

    return tracker_lex_bad(lx, lx->end);
}


/* the string is invalid at bad; the library reports the byte before */

static int
tracker_lex_bad(tracker_lexer_t *lx, const char *bad)
{
    lx->p = bad - 1;

    return 0;
}


/*
 * Writes the character of an escape to to and returns its end, or NULL if the
 * escape is invalid: then lx->p is after the invalid byte.
 */

static char *
tracker_lex_escape(tracker_lexer_t *lx, char *to)
{
    uint32_t  unit, low;

    if (lx->end - lx->p < 2) {
        lx->p = lx->end;
        return NULL;
    }

    lx->p += 2;

    switch (lx->p[-1]) {

    case '"':
    case '\\':
    case '/':
        *to++ = lx->p[-1];
        return to;

    case 'b':
        *to++ = '\b';
        return to;

    case 'f':
        *to++ = '\f';
        return to;

    case 'n':
        *to++ = '\n';
        return to;

    case 'r':
        *to++ = '\r';
        return to;

    case 't':
        *to++ = '\t';
        return to;

    case 'u':
        break;

    default:
        return NULL;
    }

    if (!tracker_lex_hex(lx, &unit)) {
        return NULL;
    }

    if (unit == 0) {
        lx->bad_escape = 1;
        return to;
    }

    if (unit < 0xd800 || unit > 0xdfff) {
        return tracker_lex_encode(to, unit);
    }

    /* a pair of surrogates */

    if (unit > 0xdbff
        || lx->end - lx->p < 2 || lx->p[0] != '\\' || lx->p[1] != 'u')
    {
        lx->bad_escape = 1;
        return to;
    }

    lx->p += 2;

    if (!tracker_lex_hex(lx, &low)) {
        return NULL;
    }

    if (low < 0xdc00 || low > 0xdfff) {
        lx->bad_escape = 1;
        return to;
    }

    return tracker_lex_encode(to, 0x10000 + ((unit - 0xd800) << 10)
                                  + (low - 0xdc00));
}


/* writes a character, not 0 and no surrogate, as UTF-8 and returns its end */

static char *
tracker_lex_encode(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = c;
        return to;
    }

    if (c < 0x800) {
        *to++ = 0xc0 | c >> 6;
        *to++ = 0x80 | (c & 0x3f);
        return to;
    }

    if (c < 0x10000) {
        *to++ = 0xe0 | c >> 12;
        *to++ = 0x80 | (c >> 6 & 0x3f);
        *to++ = 0x80 | (c & 0x3f);
        return to;
    }

    *to++ = 0xf0 | c >> 18;
    *to++ = 0x80 | (c >> 12 & 0x3f);
    *to++ = 0x80 | (c >> 6 & 0x3f);
    *to++ = 0x80 | (c & 0x3f);

    return to;
}


static int
tracker_lex_hex(tracker_lexer_t *lx, uint32_t *unit)
{
    char    c;
    size_t  i;

    if (lx->end - lx->p < 4) {
        lx->p = lx->end;
        return 0;
    }

    *unit = 0;

    for (i = 0; i < 4; i++) {
        c = *lx->p++;

        if (c >= '0' && c <= '9') {
            c -= '0';

        } else if (c >= 'a' && c <= 'f') {
            c -= 'a' - 10;

        } else if (c >= 'A' && c <= 'F') {
            c -= 'A' - 10;

        } else {
            return 0;
        }

        *unit = *unit << 4 | c;
    }

    return 1;
}


/*
 * Skips all characters of two to four bytes from data on; returns their end,
 * which is data if there is none.
 */

static const char *
tracker_lex_utf8(const char *data, const char *end)
{
    size_t                n;
    const unsigned char  *p, *last;

    p = (const unsigned char *) data;
    last = (const unsigned char *) end;

    for ( /* void */ ; p < last && *p >= 0x80; p += n) {
        n = tracker_lex_char_length(p, last - p);

        if (n == 0) {
            break;
        }
    }

    return (const char *) p;
}


/*
 * Returns the length of a character of two to four bytes, 0 if it is invalid
 * (RFC 3629: no surrogates, no overlong forms).
 */

static size_t
tracker_lex_char_length(const unsigned char *p, size_t len)
{
    if (p[0] < 0xc2 || len < 2 || (p[1] & 0xc0) != 0x80) {
        return 0;
    }

    if (p[0] < 0xe0) {
        return 2;
    }

    if (len < 3 || (p[2] & 0xc0) != 0x80) {
        return 0;
    }

    if (p[0] < 0xf0) {
        return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)
               ? 0 : 3;
    }

    if (len < 4 || (p[3] & 0xc0) != 0x80) {
        return 0;
    }

    return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)
           || p[0] > 0xf4
           ? 0 : 4;
}


/* returns the first quote, backslash, control or byte that is not ASCII */

static const char *
tracker_lex_scan(const char *p, const char *end)
{
#if defined(__SSE2__)

    int      mask;
    __m128i  bytes, odd;

    const __m128i  quote = _mm_set1_epi8('"');
    const __m128i  backslash = _mm_set1_epi8('\\');
    const __m128i  space = _mm_set1_epi8(' ');

    while (end - p >= 16) {
        bytes = _mm_loadu_si128((const __m128i *) p);

        /* signed: bytes from 0x80 on are less than a space as well */

        odd = _mm_or_si128(_mm_cmplt_epi8(bytes, space),
                           _mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
                                        _mm_cmpeq_epi8(bytes, backslash)));

        mask = _mm_movemask_epi8(odd);

        if (mask) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

#endif

    while (p < end
           && *p != '"' && *p != '\\'
           && (unsigned char) *p >= 0x20 && (unsigned char) *p < 0x80)
    {
        p++;
    }

    return p;
}
