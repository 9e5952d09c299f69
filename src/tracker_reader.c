
/*
 * The strict reader.  A byte that it does not expect ends it: what is wrong,
 * or unusual, the JSON library finds out.
 */


#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "tracker_reader.h"


#if !(TRACKER_NO_READER)


/* trackers of the first array; it doubles */
#define TRACKER_READER_FIRST  8


typedef struct {
    const char             *p;
    const char             *end;
    const tracker_arena_t  *arena;
    tracker_reader_pt       check;
    void                   *ctx;
    long                    index;      /* in an array, -1: in none */
    tracker_rc_e            rc;         /* of the last check */
    tracker_str_t          *strs;       /* room for the next list */
    char                   *text;       /* room for strings with escapes */
    size_t                  size;       /* of the whole body */
    unsigned                nomem:1;
} tracker_reader_t;


static int tracker_read_array(tracker_reader_t *rd, tracker_set_t *set);
static int tracker_read_room(tracker_reader_t *rd, tracker_set_t *set,
    size_t *size);
static int tracker_read_object(tracker_reader_t *rd, tracker_t *t);
static int tracker_read_member(tracker_reader_t *rd, tracker_t *t,
    const tracker_str_t *key);
static int tracker_read_list(tracker_reader_t *rd, tracker_list_t *list);
static int tracker_read_string(tracker_reader_t *rd, tracker_str_t *str);
static int tracker_read_escaped(tracker_reader_t *rd, tracker_str_t *str);
static char *tracker_read_escape(tracker_reader_t *rd, char *to);
static int tracker_read_hex(tracker_reader_t *rd, uint32_t *unit);
static int tracker_read_utf8(tracker_reader_t *rd);
static int tracker_read_char(tracker_reader_t *rd, char c);
static void tracker_read_space(tracker_reader_t *rd);
static const char *tracker_scan(const char *p, const char *end);


tracker_reader_rc_e
tracker_read(const char *data, size_t len, const tracker_arena_t *arena,
    tracker_reader_pt check, void *ctx, tracker_set_t *set)
{
    int               ok;
    tracker_reader_t  rd = { data, data + len, arena, check, ctx, -1,
                             TRACKER_OK, NULL, NULL, len, 0 };

    /* a string of a list takes three bytes at least: "", */

    rd.strs = arena->alloc(arena->data,
                           (len / 3 + 1) * sizeof(tracker_str_t));
    if (rd.strs == NULL) {
        return TRACKER_READER_NOMEM;
    }

    set->n = 1;
    set->bulk = tracker_read_char(&rd, '[');

    if (set->bulk) {
        ok = tracker_read_array(&rd, set);

    } else {
        set->elts = arena->alloc(arena->data, sizeof(tracker_t));
        if (set->elts == NULL) {
            return TRACKER_READER_NOMEM;
        }

        ok = tracker_read_object(&rd, set->elts);
    }

    if (rd.nomem) {
        return TRACKER_READER_NOMEM;
    }

    if (!ok) {
        return rd.rc == TRACKER_OK ? TRACKER_READER_UNSURE
                                   : TRACKER_READER_REFUSED;
    }

    tracker_read_space(&rd);

    if (rd.p != rd.end) {
        return TRACKER_READER_UNSURE;
    }

    if (!set->bulk) {
        rd.rc = check(ctx, -1, set->elts, NULL);
    }

    return rd.rc == TRACKER_OK ? TRACKER_READER_OK : TRACKER_READER_REFUSED;
}


/* the functions below return 1, or 0 when the reader is not sure */

static int
tracker_read_array(tracker_reader_t *rd, tracker_set_t *set)
{
    size_t      size;
    tracker_t  *t;

    set->n = 0;
    size = 0;

    do {
        if (set->n == size && !tracker_read_room(rd, set, &size)) {
            return 0;
        }

        t = &set->elts[set->n];
        rd->index = set->n++;

        if (!tracker_read_object(rd, t)) {
            return 0;
        }

        rd->rc = rd->check(rd->ctx, rd->index, t, NULL);
        if (rd->rc != TRACKER_OK) {
            return 0;
        }

    } while (tracker_read_char(rd, ','));

    return tracker_read_char(rd, ']');
}


static int
tracker_read_room(tracker_reader_t *rd, tracker_set_t *set, size_t *size)
{
    size_t      n;
    tracker_t  *elts;

    n = *size ? 2 * *size : TRACKER_READER_FIRST;

    elts = rd->arena->alloc(rd->arena->data, n * sizeof(tracker_t));
    if (elts == NULL) {
        rd->nomem = 1;
        return 0;
    }

    if (set->n) {
        memcpy(elts, set->elts, set->n * sizeof(tracker_t));
    }

    set->elts = elts;
    *size = n;

    return 1;
}


static int
tracker_read_object(tracker_reader_t *rd, tracker_t *t)
{
    tracker_str_t  key;

    memset(t, 0, sizeof(tracker_t));

    if (!tracker_read_char(rd, '{')) {
        return 0;
    }

    if (tracker_read_char(rd, '}')) {
        return 1;
    }

    do {
        if (!tracker_read_string(rd, &key)
            || !tracker_read_char(rd, ':')
            || !tracker_read_member(rd, t, &key))
        {
            return 0;
        }

    } while (tracker_read_char(rd, ','));

    return tracker_read_char(rd, '}');
}


static int
tracker_read_member(tracker_reader_t *rd, tracker_t *t,
    const tracker_str_t *key)
{
    tracker_str_t   *str;
    tracker_list_t  *list;

    str = NULL;
    list = NULL;

    switch (key->len) {

    case sizeof("name") - 1:
        if (memcmp(key->data, "name", key->len) == 0) {
            str = &t->name;
        }

        break;

    case sizeof("languages") - 1:
        if (memcmp(key->data, "languages", key->len) == 0) {
            list = &t->languages;
        }

        break;

    case sizeof("vocabulary") - 1:    /* and categories */
        if (memcmp(key->data, "vocabulary", key->len) == 0) {
            list = &t->vocabulary;

        } else if (memcmp(key->data, "categories", key->len) == 0) {
            list = &t->categories;
        }

        break;

    case sizeof("description") - 1:
        if (memcmp(key->data, "description", key->len) == 0) {
            str = &t->description;
        }

        break;

    default:
        break;
    }

    if (str) {
        return str->data == NULL && tracker_read_string(rd, str);
    }

    if (list) {
        return list->elts == NULL && tracker_read_list(rd, list);
    }

    rd->rc = rd->check(rd->ctx, rd->index, NULL, key);

    return 0;
}


static int
tracker_read_list(tracker_reader_t *rd, tracker_list_t *list)
{
    list->elts = rd->strs;

    if (!tracker_read_char(rd, '[')) {
        return 0;
    }

    if (tracker_read_char(rd, ']')) {
        return 1;
    }

    do {
        if (!tracker_read_string(rd, rd->strs)) {
            return 0;
        }

        rd->strs++;

    } while (tracker_read_char(rd, ','));

    list->n = rd->strs - list->elts;

    return tracker_read_char(rd, ']');
}


static int
tracker_read_string(tracker_reader_t *rd, tracker_str_t *str)
{
    if (!tracker_read_char(rd, '"')) {
        return 0;
    }

    str->data = rd->p;

    for ( ;; ) {
        rd->p = tracker_scan(rd->p, rd->end);

        if (rd->p == rd->end) {
            return 0;
        }

        switch (*rd->p) {

        case '"':
            str->len = rd->p - str->data;
            rd->p++;
            return 1;

        case '\\':
            return tracker_read_escaped(rd, str);

        default:
            if (!tracker_read_utf8(rd)) {
                return 0;
            }

            break;
        }
    }
}


/* the rest of a string, from its first backslash on; str->data is its start */

static int
tracker_read_escaped(tracker_reader_t *rd, tracker_str_t *str)
{
    char        *to;
    size_t       n;
    const char  *from;

    if (rd->text == NULL) {

        /* decoded strings are never longer than their JSON */

        rd->text = rd->arena->alloc(rd->arena->data, rd->size);
        if (rd->text == NULL) {
            rd->nomem = 1;
            return 0;
        }
    }

    to = rd->text;
    from = str->data;
    str->data = to;

    for ( ;; ) {
        n = rd->p - from;
        memcpy(to, from, n);
        to += n;

        if (rd->p == rd->end) {
            return 0;
        }

        from = rd->p;

        switch (*rd->p) {

        case '"':
            rd->p++;
            rd->text = to;
            str->len = to - str->data;
            return 1;

        case '\\':
            to = tracker_read_escape(rd, to);
            if (to == NULL) {
                return 0;
            }

            from = rd->p;
            break;

        default:
            if (!tracker_read_utf8(rd)) {
                return 0;
            }

            break;
        }

        rd->p = tracker_scan(rd->p, rd->end);
    }
}


/* writes what an escape stands for; returns the end, or NULL */

static char *
tracker_read_escape(tracker_reader_t *rd, char *to)
{
    uint32_t  unit, low;

    if (rd->end - rd->p < 2) {
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

    if (!tracker_read_hex(rd, &unit) || unit == 0) {
        return NULL;
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
        return NULL;
    }

    rd->p += 2;

    if (!tracker_read_hex(rd, &low) || low < 0xdc00 || low > 0xdfff) {
        return NULL;
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
 * One character of two to four bytes (RFC 3629: no surrogate, nothing that
 * fewer bytes could say); a control byte is none.
 */

static int
tracker_read_utf8(tracker_reader_t *rd)
{
    size_t                i, n;
    uint32_t              c, least;
    const unsigned char  *p;

    p = (const unsigned char *) rd->p;

    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        c = p[0] & 0x07;
        least = 0x10000;

    } else if (p[0] >= 0xe0 && p[0] < 0xf0) {
        n = 3;
        c = p[0] & 0x0f;
        least = 0x800;

    } else if (p[0] >= 0xc2 && p[0] < 0xe0) {
        n = 2;
        c = p[0] & 0x1f;
        least = 0x80;

    } else {
        return 0;
    }

    if ((size_t) (rd->end - rd->p) < n) {
        return 0;
    }

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (p[i] & 0x3f);
    }

    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    rd->p += n;

    return 1;
}


/* skips white space, and c if it follows */

static int
tracker_read_char(tracker_reader_t *rd, char c)
{
    tracker_read_space(rd);

    if (rd->p == rd->end || *rd->p != c) {
        return 0;
    }

    rd->p++;

    return 1;
}


static void
tracker_read_space(tracker_reader_t *rd)
{
    while (rd->p < rd->end
           && (*rd->p == ' ' || *rd->p == '\n' || *rd->p == '\t'
               || *rd->p == '\r'))
    {
        rd->p++;
    }
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
