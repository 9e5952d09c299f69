
/*
 * What characters are.  ASCII has a table; the rest is asked of utf8proc, which
 * also folds the words that have something else than ASCII.  What it said of a
 * character of two or three bytes is remembered.
 */


#include <utf8proc.h>

#include "detect/char.h"


/* one character decomposes into at most so many, over all of Unicode */
#define DETECT_EXPANSION  4


typedef struct {
    uint32_t  first;
    uint32_t  last;
} detect_range_t;


static void detect_see(const detect_char_t *c, const uint8_t *p);
static int detect_fold_seen(uint8_t *to, const uint8_t *data, size_t len);
static int detect_fold_any(uint8_t *to, const uint8_t *data, size_t len);
static detect_kind_e detect_kind(uint32_t code);
static int detect_alone(uint32_t code);


#define BL  DETECT_BLANK
#define NL  DETECT_NEWLINE
#define LE  DETECT_LETTER
#define DI  DETECT_DIGIT
#define JO  DETECT_JOINER
#define AP  DETECT_APOSTROPHE
#define PO  DETECT_POINT
#define CO  DETECT_COMMA
#define ST  DETECT_STOP
#define CL  DETECT_CLOSER

const uint8_t  detect_ascii[128] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  BL, NL, NL, NL, NL, 0,  0,
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    BL, ST, CL, JO, 0,  0,  JO, AP, 0,  CL, 0,  JO, CO, 0,  PO, 0,
    DI, DI, DI, DI, DI, DI, DI, DI, DI, DI, 0,  0,  0,  0,  0,  ST,
    JO, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE,
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, 0,  0,  CL, 0,  JO,
    0,  LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE,
    LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, LE, 0,  0,  0,  0,  0
};

#undef BL
#undef NL
#undef LE
#undef DI
#undef JO
#undef AP
#undef PO
#undef CO
#undef ST
#undef CL


#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define ones(n)  (~(uint64_t) 0 << (64 - 8 * (n)))
#else
#define ones(n)  (~(uint64_t) 0 >> (64 - 8 * (n)))
#endif

const uint64_t  detect_ones[9] = {
    0, ones(1), ones(2), ones(3), ones(4), ones(5), ones(6), ones(7), ones(8)
};

#undef ones


/* scripts whose words have no spaces between them, in ascending order */

static const detect_range_t  detect_no_spaces[] = {
    { 0x0e00, 0x0eff },            /* Thai, Lao */
    { 0x1000, 0x109f },            /* Myanmar */
    { 0x1780, 0x17ff },            /* Khmer */
    { 0x2e80, 0x2fdf },            /* radicals of Han */
    { 0x3005, 0x3007 },
    { 0x3021, 0x3029 },
    { 0x3031, 0x30ff },            /* Hiragana, Katakana */
    { 0x31f0, 0x31ff },
    { 0x3400, 0x4dbf },            /* Han */
    { 0x4e00, 0x9fff },
    { 0xf900, 0xfaff },
    { 0xff66, 0xff9f },            /* Katakana of half the width */
    { 0x1aff0, 0x1b16f },
    { 0x20000, 0x3ffff }
};


detect_seen_t  detect_seen[0x10000];


detect_char_t
detect_char_new(const uint8_t *p, const uint8_t *end)
{
    size_t             n;
    detect_char_t      c;
    utf8proc_int32_t   code;
    utf8proc_ssize_t   len;

    n = end - p;

    len = utf8proc_iterate(p, n < 4 ? n : 4, &code);

    if (len <= 0) {
        c.code = 0xfffd;
        c.len = 1;
        c.kind = DETECT_OTHER;
        return c;
    }

    c.code = code;
    c.len = len;
    c.kind = detect_kind(code);

    if (detect_decode(p, end)) {
        detect_see(&c, p);
    }

    return c;
}


/* remembers the character at p, of two or three bytes */

static void
detect_see(const detect_char_t *c, const uint8_t *p)
{
    int             len;
    uint8_t         folded[DETECT_WORD_MAX];
    uint32_t        code;
    detect_seen_t  *seen;

    seen = &detect_seen[c->code];

    seen->kind = c->kind;
    seen->known = 1;

    /* marks depend on what is before them, and so do the parts of Hangul */

    if ((c->kind != DETECT_LETTER && c->kind != DETECT_DIGIT
         && c->kind != DETECT_ALONE)
        || (c->code >= 0x1100 && c->code <= 0x11ff))
    {
        return;
    }

    len = detect_fold_any(folded, p, c->len);

    if (len == 1) {
        seen->folded = folded[0];

    } else if (len > 1 && len <= 3) {
        code = detect_decode(folded, folded + len);
        seen->folded = (code < 0x800 ? 2 : 3) == len ? code : 0;
    }
}


static detect_kind_e
detect_kind(uint32_t code)
{
    const utf8proc_property_t  *property;

    switch (code) {

    case 0x2019:
        return DETECT_APOSTROPHE;

    case 0x2026:
        return DETECT_STOP;

    case 0x3002:
    case 0xff01:
    case 0xff1f:
    case 0xff61:
        return DETECT_WIDE_STOP;

    case 0x85:
        return DETECT_NEWLINE;

    case 0x200b:

        /* ignorable too, except that it is a space of no width */

        return DETECT_BLANK;

    default:
        break;
    }

    property = utf8proc_get_property(code);

    switch (property->category) {

    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL:
        return detect_alone(code) ? DETECT_ALONE : DETECT_LETTER;

    case UTF8PROC_CATEGORY_ND:
        return detect_alone(code) ? DETECT_ALONE : DETECT_DIGIT;

    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return DETECT_MARK;

    case UTF8PROC_CATEGORY_CF:

        /* soft hyphens and joiners vanish; a digit's sign does not */

        return property->ignorable ? DETECT_MARK : DETECT_OTHER;

    case UTF8PROC_CATEGORY_ZS:
        return DETECT_BLANK;

    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return DETECT_NEWLINE;

    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PF:
        return DETECT_CLOSER;

    default:
        return DETECT_OTHER;
    }
}


static int
detect_alone(uint32_t code)
{
    size_t  i;

    for (i = 0; i < sizeof(detect_no_spaces) / sizeof(detect_range_t); i++) {
        if (code <= detect_no_spaces[i].last) {
            return code >= detect_no_spaces[i].first;
        }
    }

    return 0;
}


int
detect_fold(uint8_t *to, const uint8_t *data, size_t len)
{
    int  n;

    n = detect_fold_seen(to, data, len);

    return n >= 0 ? n : detect_fold_any(to, data, len);
}


/* returns -1 if there is a character of which not enough is remembered */

static int
detect_fold_seen(uint8_t *to, const uint8_t *data, size_t len)
{
    uint32_t        code;
    uint8_t        *p;
    const uint8_t  *end;

    p = to;

    for (end = data + len; data < end; /* void */ ) {

        if (*data < 0x80) {

            if (*data != ',') {

                if (p - to == DETECT_WORD_MAX) {
                    return -1;
                }

                *p++ = *data >= 'A' && *data <= 'Z' ? *data | 0x20 : *data;
            }

            data++;
            continue;
        }

        code = detect_decode(data, end);
        data += code < 0x800 ? 2 : 3;
        code = code == 0x2019 ? '\'' : detect_seen[code].folded;

        if (code == 0 || p - to > DETECT_WORD_MAX - 3) {
            return -1;
        }

        if (code < 0x80) {
            *p++ = code;

        } else if (code < 0x800) {
            *p++ = 0xc0 | code >> 6;
            *p++ = 0x80 | (code & 0x3f);

        } else {
            *p++ = 0xe0 | code >> 12;
            *p++ = 0x80 | (code >> 6 & 0x3f);
            *p++ = 0x80 | (code & 0x3f);
        }
    }

    return p - to;
}


static int
detect_fold_any(uint8_t *to, const uint8_t *data, size_t len)
{
    size_t             n;
    uint8_t            text[DETECT_WORD_MAX], other;
    const uint8_t     *end;
    utf8proc_int32_t   codes[DETECT_EXPANSION * DETECT_WORD_MAX + 1];
    utf8proc_ssize_t   count;

    const utf8proc_option_t  options = UTF8PROC_STABLE | UTF8PROC_COMPOSE
                                       | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;

    other = 0;
    n = 0;

    for (end = data + len; data < end; data++) {

        if (*data == ',') {
            continue;
        }

        /* U+2019 */

        if (end - data >= 3 && memcmp(data, "\xe2\x80\x99", 3) == 0) {
            text[n++] = '\'';
            data += 2;
            continue;
        }

        other |= *data;
        text[n++] = *data >= 'A' && *data <= 'Z' ? *data | 0x20 : *data;
    }

    if (other < 0x80) {
        memcpy(to, text, n);
        return n;
    }

    count = utf8proc_decompose(text, n, codes, DETECT_EXPANSION
                                               * DETECT_WORD_MAX, options);

    if (count < 0 || count > DETECT_EXPANSION * DETECT_WORD_MAX) {
        return -1;
    }

    /* in place: a character takes four bytes at most */

    count = utf8proc_reencode(codes, count, options);

    if (count < 0 || count > DETECT_WORD_MAX) {
        return -1;
    }

    memcpy(to, codes, count);

    return count;
}
