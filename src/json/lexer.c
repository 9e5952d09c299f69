
/*
 * The strict reader's strings: where they end, whether they are UTF-8, and
 * what their escapes stand for.
 */


#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "json/lexer.h"


#if !(TRACKER_NO_READER)


static int tracker_read_escaped(tracker_reader_t *rd, tracker_str_t *str);
static int tracker_read_bad(tracker_reader_t *rd, const char *bad);
static char *tracker_read_escape(tracker_reader_t *rd, char *to);
static int tracker_read_hex(tracker_reader_t *rd, uint32_t *unit);
static const char *tracker_read_utf8(const char *data, const char *end);
static size_t tracker_utf8(const unsigned char *p, size_t len);
static const char *tracker_scan(const char *p, const char *end);


int
tracker_read_string(tracker_reader_t *rd, tracker_str_t *str)
{
    const char  *p, *next;

    if (!tracker_read_char(rd, '"')) {
        rd->other = 1;
        return 0;
    }

    str->data = rd->p;

    p = tracker_scan(rd->p, rd->end);

    while (p < rd->end && *p != '"') {

        if (*p == '\\') {
            rd->p = p;
            return tracker_read_escaped(rd, str);
        }

        next = tracker_read_utf8(p, rd->end);
        if (next == p) {
            return tracker_read_bad(rd, p);
        }

        p = tracker_scan(next, rd->end);
    }

    if (p == rd->end) {
        return tracker_read_bad(rd, p);
    }

    str->len = p - str->data;
    rd->p = p + 1;

    return 1;
}


/* the rest of a string, from its first backslash on; str->data is its start */

static int
tracker_read_escaped(tracker_reader_t *rd, tracker_str_t *str)
{
    char        *to;
    const char  *from;

    if (rd->text == NULL) {

        /* decoded strings are never longer than their JSON */

        rd->text = rd->arena->alloc(rd->arena->data, rd->end - str->data);
        if (rd->text == NULL) {
            rd->nomem = 1;
            return 0;
        }
    }

    to = rd->text;
    from = str->data;
    str->data = to;

    memcpy(to, from, rd->p - from);
    to += rd->p - from;

    while (rd->p < rd->end) {
        from = rd->p;

        switch (*from) {

        case '"':

            /* where the library finds it */

            if (rd->nochar) {
                return 0;
            }

            rd->p++;
            rd->text = to;
            str->len = to - str->data;
            return 1;

        case '\\':
            to = tracker_read_escape(rd, to);
            if (to == NULL) {
                return tracker_read_bad(rd, rd->p);
            }

            break;

        default:
            rd->p = (signed char) *from >= ' '
                    ? tracker_scan(from, rd->end)
                    : tracker_read_utf8(from, rd->end);
            if (rd->p == from) {
                return tracker_read_bad(rd, from);
            }

            memcpy(to, from, rd->p - from);
            to += rd->p - from;
            break;
        }
    }

    return tracker_read_bad(rd, rd->end);
}


/* bad is where the string is bad: as for the library, the byte before counts */

static int
tracker_read_bad(tracker_reader_t *rd, const char *bad)
{
    rd->p = bad - 1;

    return 0;
}


/*
 * Writes what an escape stands for and returns its end, or NULL: then rd->p is
 * behind what is bad.
 */

static char *
tracker_read_escape(tracker_reader_t *rd, char *to)
{
    uint32_t  unit, low;

    if (rd->end - rd->p < 2) {
        rd->p = rd->end;
        return NULL;
    }

    rd->p += 2;

    switch (rd->p[-1]) {

    case '"':
    case '\\':
    case '/':
        *to++ = rd->p[-1];
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

    if (!tracker_read_hex(rd, &unit)) {
        return NULL;
    }

    if (unit == 0) {
        rd->nochar = 1;
        return to;
    }

    if (unit < 0x80) {
        *to++ = unit;
        return to;
    }

    if (unit < 0x800) {
        *to++ = 0xc0 | unit >> 6;
        *to++ = 0x80 | (unit & 0x3f);
        return to;
    }

    if (unit < 0xd800 || unit > 0xdfff) {
        *to++ = 0xe0 | unit >> 12;
        *to++ = 0x80 | (unit >> 6 & 0x3f);
        *to++ = 0x80 | (unit & 0x3f);
        return to;
    }

    /* a pair of surrogates */

    if (unit > 0xdbff
        || rd->end - rd->p < 2 || rd->p[0] != '\\' || rd->p[1] != 'u')
    {
        rd->nochar = 1;
        return to;
    }

    rd->p += 2;

    if (!tracker_read_hex(rd, &low)) {
        return NULL;
    }

    if (low < 0xdc00 || low > 0xdfff) {
        rd->nochar = 1;
        return to;
    }

    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);

    *to++ = 0xf0 | unit >> 18;
    *to++ = 0x80 | (unit >> 12 & 0x3f);
    *to++ = 0x80 | (unit >> 6 & 0x3f);
    *to++ = 0x80 | (unit & 0x3f);

    return to;
}


static int
tracker_read_hex(tracker_reader_t *rd, uint32_t *unit)
{
    char    c;
    size_t  i;

    if (rd->end - rd->p < 4) {
        rd->p = rd->end;
        return 0;
    }

    *unit = 0;

    for (i = 0; i < 4; i++) {
        c = *rd->p++;

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
 * Skips characters of two to four bytes, as many as there are; returns their
 * end, which is data where the first byte begins none.
 */

static const char *
tracker_read_utf8(const char *data, const char *end)
{
    size_t                n;
    const unsigned char  *p, *last;

    p = (const unsigned char *) data;
    last = (const unsigned char *) end;

    for ( /* void */ ; p < last && *p >= 0x80; p += n) {
        n = tracker_utf8(p, last - p);

        if (n == 0) {
            break;
        }
    }

    return (const char *) p;
}


/*
 * The length of a character of two to four bytes, 0 where there is none (RFC
 * 3629: no surrogate, nothing that fewer bytes could say).
 */

static size_t
tracker_utf8(const unsigned char *p, size_t len)
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


/* the first byte that is a quote, a backslash, a control or no ASCII */

static const char *
tracker_scan(const char *p, const char *end)
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


#endif
