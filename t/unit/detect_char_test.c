/*
 * What is remembered of characters is what utf8proc says of them: where they
 * end, and how they fold beside others.
 */


#include <utf8proc.h>

#include "detect/char.h"
#include "tap.h"


/* each of them is before and behind all others: those that compose, mostly */

static const uint32_t  others[] = {
    'a', 'E', ',', 0xb4, 0xdf, 0x130, 0x391, 0x3b9, 0x415, 0x5d0, 0x627, 0x915,
    0x9c7, 0xb47, 0xbc6, 0xcc6, 0xd46, 0xdd9, 0x1025, 0x1100, 0x1161, 0x11a8,
    0x1b05, 0x1e9e, 0x1f80, 0x2126, 0x304b, 0x3099, 0xac00, 0xac01, 0xf900,
    0xfb01, 0x1f600, 0x2f800
};


static size_t
encode(uint8_t *to, uint32_t code)
{
    return utf8proc_encode_char(code, to);
}


/* the whole word, in one call; as detect_fold() returns it */

static int
fold(uint8_t *to, const uint8_t *data, size_t len)
{
    size_t             i, n;
    uint8_t            text[16];
    utf8proc_int32_t   codes[64];
    utf8proc_ssize_t   count;

    const utf8proc_option_t  options = UTF8PROC_STABLE | UTF8PROC_COMPOSE
                                       | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;

    for (i = 0, n = 0; i < len; i++) {
        if (data[i] != ',') {
            text[n++] = data[i];
        }
    }

    count = utf8proc_decompose(text, n, codes, 60, options);
    count = utf8proc_reencode(codes, count, options);
    memcpy(to, codes, count);

    return count;
}


/* returns 1 if the two characters beside one another fold as they should */

static int
folds(uint32_t first, uint32_t second)
{
    int            n, expected;
    size_t         len, one;
    uint8_t        word[16], got[DETECT_WORD_MAX], right[256];

    one = encode(word, first);
    len = one + encode(word + one, second);

    /* they are remembered from here on, if they were not before */

    (void) detect_char(word, word + len);
    (void) detect_char(word + one, word + len);

    n = detect_fold(got, word, len);
    expected = fold(right, word, len);

    if (n == expected && memcmp(got, right, n) == 0) {
        return 1;
    }

    printf("# U+%04x U+%04x: %d bytes, expected %d\n", first, second, n,
           expected);

    return 0;
}


static void
test_folding(void)
{
    size_t    i, wrong;
    uint32_t  code;

    wrong = 0;

    for (code = 0x80; code < 0x20000 && wrong < 10; code++) {

        if ((code >= 0xd800 && code < 0xe000) || code == 0x2019) {
            continue;
        }

        for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
            wrong += !folds(code, others[i]);
            wrong += !folds(others[i], code);
        }
    }

    ok(wrong == 0, "characters fold as if nothing were remembered");
}


/* returns 1 if the character ends where utf8proc says, if asked twice, too */

static int
reads(const uint8_t *p, size_t len)
{
    int                i;
    detect_char_t      c;
    utf8proc_int32_t   code;
    utf8proc_ssize_t   n;

    n = utf8proc_iterate(p, len, &code);

    for (i = 0; i < 2; i++) {
        c = detect_char(p, p + len);

        if (n <= 0 ? c.len != 1 || c.kind != DETECT_OTHER
                   : c.len != (uint32_t) n || c.code != (uint32_t) code)
        {
            printf("# %02x %02x %02x, %zu bytes\n", p[0], p[1], p[2], len);
            return 0;
        }
    }

    return 1;
}


static void
test_reading(void)
{
    size_t    wrong, len;
    uint8_t   p[4];
    unsigned  lead, i, k;

    static const uint8_t  next[] = {
        0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xad, 0xbf, 0xc0, 0xe2,
        0xff
    };

    wrong = 0;

    for (lead = 0x80; lead < 0x100; lead++) {
        for (i = 0; i < sizeof(next); i++) {
            for (k = 0; k < sizeof(next); k++) {
                p[0] = lead;
                p[1] = next[i];
                p[2] = next[k];
                p[3] = 0x80;

                for (len = 1; len <= 4; len++) {
                    wrong += !reads(p, len);
                }
            }
        }
    }

    ok(wrong == 0, "bytes are characters, or none, as utf8proc says");
}


/* 128 characters of two bytes become as many of three */

static void
test_length(void)
{
    int      n;
    size_t   i;
    uint8_t  word[DETECT_WORD_MAX], to[DETECT_WORD_MAX];

    for (i = 0; i < DETECT_WORD_MAX; i += 2) {
        encode(word + i, 0x23a);
        (void) detect_char(word + i, word + i + 2);
    }

    ok(detect_fold(to, word, DETECT_WORD_MAX) == -1,
       "a word that is too long when folded");

    n = detect_fold(to, word, 2 * 85);

    ok(n == 3 * 85, "the longest that is not");

    memset(word + 2 * 85, 'a', DETECT_WORD_MAX - 2 * 85);

    ok(detect_fold(to, word, 2 * 85 + 1) == DETECT_WORD_MAX,
       "as long as one may be");
    ok(detect_fold(to, word, 2 * 85 + 2) == -1, "a letter too much");
    ok(detect_fold(to, word, DETECT_WORD_MAX) == -1, "many letters too much");

    for (i = 0; i < DETECT_WORD_MAX; i += 2) {
        encode(word + i, 0x416);
        (void) detect_char(word + i, word + i + 2);
    }

    n = detect_fold(to, word, DETECT_WORD_MAX);

    ok(n == DETECT_WORD_MAX && to[n - 2] == 0xd0 && to[n - 1] == 0xb6,
       "the longest word");
}


int
main(void)
{
    test_reading();
    test_folding();
    test_length();

    return tap_done();
}
