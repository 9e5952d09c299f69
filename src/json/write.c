/*
 * Writes trackers as JSON.  Over views this takes a tenth of the time that
 * json_dumps() takes over a tree.
 */


#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "json/string.h"
#include "json/record.h"


/* so many bytes at a time are copied, or one by one if one needs an escape */
#define TRACKER_JSON_PIECE  64


static char *tracker_json_key_write(char *p, char before,
    const tracker_str_t *key);
static char *tracker_json_escape(char *p, const char *data, size_t len);
static inline int tracker_json_plain(char *to, const char *data, size_t len)
    __attribute__((always_inline));
#if defined(__SSE2__)
static inline __m128i tracker_json_odd(__m128i bytes);
#endif


/* how a byte is escaped, 0: not at all; u: as \u00XX */

static const char  tracker_json_escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    ['"'] = '"', ['\\'] = '\\'
};


size_t
tracker_json_length(const tracker_t *t)
{
    size_t                  i, k, len;
    const tracker_str_t    *str;
    const tracker_list_t   *list;
    const tracker_field_t  *field;

    /* before each value a brace or comma, a key in quotes and a colon */

    len = 1;

    for (i = 0; i < TRACKER_FIELDS_WRITTEN; i++) {
        field = &tracker_fields[i];

        if (!field->list) {
            str = tracker_field_str(t, field);

            if (str->data) {
                len += field->name.len + 4
                       + tracker_json_string_length(str->data, str->len);
            }

            continue;
        }

        list = tracker_field_list(t, field);

        if (list->elts == NULL) {
            continue;
        }

        if (list->json.data) {
            len += field->name.len + 4 + list->json.len;
            continue;
        }

        len += field->name.len + 4 + 2 + (list->n ? list->n - 1 : 0);

        for (k = 0; k < list->n; k++) {
            str = &list->elts[k];
            len += tracker_json_string_length(str->data, str->len);
        }
    }

    return len;
}


char *
tracker_json_write(char *p, const tracker_t *t)
{
    size_t                  i, k;
    const tracker_str_t    *str;
    const tracker_list_t   *list;
    const tracker_field_t  *field;

    for (i = 0; i < TRACKER_FIELDS_WRITTEN; i++) {
        field = &tracker_fields[i];

        if (!field->list) {
            str = tracker_field_str(t, field);

            if (str->data) {
                p = tracker_json_key_write(p, i ? ',' : '{', &field->name);
                p = tracker_json_string_write(p, str->data, str->len);
            }

            continue;
        }

        list = tracker_field_list(t, field);

        if (list->elts == NULL) {
            continue;
        }

        p = tracker_json_key_write(p, i ? ',' : '{', &field->name);

        if (list->json.data) {
            memcpy(p, list->json.data, list->json.len);
            p += list->json.len;
            continue;
        }

        *p++ = '[';

        for (k = 0; k < list->n; k++) {
            if (k) {
                *p++ = ',';
            }

            str = &list->elts[k];
            p = tracker_json_string_write(p, str->data, str->len);
        }

        *p++ = ']';
    }

    *p++ = '}';

    return p;
}


static char *
tracker_json_key_write(char *p, char before, const tracker_str_t *key)
{
    *p++ = before;
    *p++ = '"';
    memcpy(p, key->data, key->len);
    p += key->len;
    *p++ = '"';
    *p++ = ':';

    return p;
}


size_t
tracker_json_string_length(const char *data, size_t len)
{
    char    escape;
    size_t  i, n, size;

    size = len + 2;

    for (/* void */; len; data += n, len -= n) {
        n = len < TRACKER_JSON_PIECE ? len : TRACKER_JSON_PIECE;

        if (tracker_json_plain(NULL, data, n)) {
            continue;
        }

        for (i = 0; i < n; i++) {
            escape = tracker_json_escapes[(unsigned char) data[i]];

            if (escape) {
                size += escape == 'u' ? 5 : 1;
            }
        }
    }

    return size;
}


char *
tracker_json_string_write(char *p, const char *data, size_t len)
{
    size_t  n;

    *p++ = '"';

    for (/* void */; len; data += n, len -= n) {
        n = len < TRACKER_JSON_PIECE ? len : TRACKER_JSON_PIECE;

        p = tracker_json_plain(p, data, n) ? p + n
                                           : tracker_json_escape(p, data, n);
    }

    *p++ = '"';

    return p;
}


static char *
tracker_json_escape(char *p, const char *data, size_t len)
{
    char                escape;
    size_t              i;
    unsigned char       c;
    static const char   hex[] = "0123456789abcdef";

    for (i = 0; i < len; i++) {
        c = data[i];
        escape = tracker_json_escapes[c];

        if (escape == 0) {
            *p++ = c;
            continue;
        }

        *p++ = '\\';
        *p++ = escape;

        if (escape == 'u') {
            *p++ = '0';
            *p++ = '0';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
        }
    }

    return p;
}


/*
 * Copies a piece, unless to is NULL.  Returns 1 if no byte of it needs an
 * escape, else 0, and the copy is useless.
 */

static inline int
tracker_json_plain(char *to, const char *data, size_t len)
{
    char    odd;
    size_t  i;

#if defined(__SSE2__)

    uint32_t  head, tail;
    __m128i   bytes, mask;

    /* the last step may overlap the one before it */

    if (len >= 16) {
        mask = _mm_setzero_si128();

        for (i = 0; i < len - 16; i += 16) {
            bytes = _mm_loadu_si128((const __m128i *) (data + i));
            mask = _mm_or_si128(mask, tracker_json_odd(bytes));

            if (to) {
                _mm_storeu_si128((__m128i *) (to + i), bytes);
            }
        }

        bytes = _mm_loadu_si128((const __m128i *) (data + len - 16));
        mask = _mm_or_si128(mask, tracker_json_odd(bytes));

        if (to) {
            _mm_storeu_si128((__m128i *) (to + len - 16), bytes);
        }

        return _mm_movemask_epi8(mask) == 0;
    }

    if (len >= 8) {
        bytes = _mm_unpacklo_epi64(
                    _mm_loadl_epi64((const __m128i *) data),
                    _mm_loadl_epi64((const __m128i *) (data + len - 8)));

        if (to) {
            _mm_storel_epi64((__m128i *) to, bytes);
            _mm_storel_epi64((__m128i *) (to + len - 8),
                             _mm_unpackhi_epi64(bytes, bytes));
        }

        return _mm_movemask_epi8(tracker_json_odd(bytes)) == 0;
    }

    if (len >= 4) {
        memcpy(&head, data, 4);
        memcpy(&tail, data + len - 4, 4);

        if (to) {
            memcpy(to, &head, 4);
            memcpy(to + len - 4, &tail, 4);
        }

        bytes = _mm_set_epi32(tail, head, tail, head);

        return _mm_movemask_epi8(tracker_json_odd(bytes)) == 0;
    }

#endif

    odd = 0;

    for (i = 0; i < len; i++) {
        odd |= tracker_json_escapes[(unsigned char) data[i]];

        if (to) {
            to[i] = data[i];
        }
    }

    return odd == 0;
}


#if defined(__SSE2__)

/* returns 0xff for each byte that needs an escape, else 0 */

static inline __m128i
tracker_json_odd(__m128i bytes)
{
    __m128i  odd;

    odd = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));

    return _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
}

#endif
