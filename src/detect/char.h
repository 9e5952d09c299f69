
/* Characters of a text: what they are to words and sentences, and folding. */


#ifndef _DETECT_CHAR_H_INCLUDED_
#define _DETECT_CHAR_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <string.h>


#pragma GCC visibility push(hidden)


/* bytes of a word, both before folding and after: longer ones match nothing */
#define DETECT_WORD_MAX    256


typedef enum {
    DETECT_OTHER = 0,              /* stands between words */
    DETECT_BLANK,
    DETECT_NEWLINE,
    DETECT_LETTER,
    DETECT_DIGIT,
    DETECT_MARK,                   /* belongs to the character before it */
    DETECT_ALONE,                  /* of a script without spaces: a word */
    DETECT_JOINER,                 /* & + # @ _: in a word, after a letter */
    DETECT_APOSTROPHE,
    DETECT_POINT,                  /* . and , */
    DETECT_COMMA,
    DETECT_STOP,                   /* ends a sentence before a blank */
    DETECT_WIDE_STOP,              /* ends a sentence before anything */
    DETECT_CLOSER                  /* may follow a stop */
} detect_kind_e;


typedef struct {
    uint32_t       code;
    uint32_t       len;            /* bytes: 1 if they are invalid UTF-8 */
    detect_kind_e  kind;
} detect_char_t;


/*
 * What is remembered of a character: its kind, and what it folds to where that
 * does not depend on those beside it; 0: it does, or is more than a character.
 */

typedef struct {
    uint16_t       folded;
    uint8_t        kind;
    uint8_t        known;
} detect_seen_t;


/* the kinds of the ASCII characters */
extern const uint8_t  detect_ascii[128];

/*
 * By code.  Of its 256 KB a process has only the pages with characters that it
 * has seen.
 */
extern detect_seen_t  detect_seen[0x10000];

/* 0 to 8 bytes, as the processor has them, that are all ones */
extern const uint64_t  detect_ones[9];


/* Does what detect_char_wide() does, of any character; remembers it. */
detect_char_t detect_char_new(const uint8_t *p, const uint8_t *end);

/*
 * Folds the len bytes of a word at data, at most DETECT_WORD_MAX: full case
 * folding, NFC, one apostrophe for all, no commas, no characters that are
 * ignorable.  Writes to to, which has room for DETECT_WORD_MAX bytes.
 * Returns the number of bytes written, 0: nothing is left; or -1 if there would
 * be more than DETECT_WORD_MAX.
 */
int detect_fold(uint8_t *to, const uint8_t *data, size_t len);


/*
 * Returns the code of the character at p, before end, if it has two or three
 * bytes; 0 for any other.  Of three bytes it may be no UTF-8: a surrogate.
 */

static inline uint32_t
detect_decode(const uint8_t *p, const uint8_t *end)
{
    uint32_t  code;

    if (*p >= 0xc2 && *p < 0xe0 && end - p >= 2 && (p[1] & 0xc0) == 0x80) {
        return (*p & 0x1f) << 6 | (p[1] & 0x3f);
    }

    if ((*p & 0xf0) == 0xe0 && end - p >= 3
        && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80)
    {
        code = (*p & 0x0f) << 12 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f);

        return code >= 0x800 ? code : 0;
    }

    return 0;
}


/*
 * Reads the character at p, which is before end and not ASCII.  A byte that is
 * invalid UTF-8 is a character of its own, of the kind DETECT_OTHER.
 */

static inline detect_char_t
detect_char_wide(const uint8_t *p, const uint8_t *end)
{
    uint32_t       code;
    detect_char_t  c;

    code = detect_decode(p, end);

    if (!detect_seen[code].known) {
        return detect_char_new(p, end);
    }

    c.code = code;
    c.len = code < 0x800 ? 2 : 3;
    c.kind = detect_seen[code].kind;

    return c;
}


/* Reads the character at p, which is before end, as detect_char_wide() does. */

static inline detect_char_t
detect_char(const uint8_t *p, const uint8_t *end)
{
    detect_char_t  c;

    if (*p >= 0x80) {
        return detect_char_wide(p, end);
    }

    c.code = *p;
    c.len = 1;
    c.kind = detect_ascii[*p];

    return c;
}


/* Returns the first 8 bytes of the len at p; DETECT_PAD may be read behind. */

static inline uint64_t
detect_first(const uint8_t *p, uint32_t len)
{
    uint64_t  first;

    memcpy(&first, p, 8);

    return first & detect_ones[len < 8 ? len : 8];
}


/* Returns the UTF-16 units that the character takes. */

static inline uint32_t
detect_char_units(const detect_char_t *c)
{
    return c->len == 4 ? 2 : 1;
}


#pragma GCC visibility pop


#endif /* _DETECT_CHAR_H_INCLUDED_ */
