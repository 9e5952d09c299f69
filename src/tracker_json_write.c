/*
 * What goes out as JSON.  Over views this takes a tenth of the time that
 * json_dumps() takes over a tree.
 */


#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "tracker_json_private.h"


static char *tracker_json_key_write(char *p, char before,
    const tracker_str_t *key);
static size_t tracker_json_plain(const char *data, size_t len);
#if defined(__SSE2__)
static int tracker_json_odd(__m128i bytes);
#endif


const tracker_json_field_t  tracker_json_fields[TRACKER_JSON_FIELDS] = {

    { tracker_str("id"), offsetof(tracker_t, id), 0 },
    { tracker_str("name"), offsetof(tracker_t, name), 0 },
    { tracker_str("description"), offsetof(tracker_t, description), 0 },
    { tracker_str("categories"), offsetof(tracker_t, categories), 1 },
    { tracker_str("languages"), offsetof(tracker_t, languages), 1 },
    { tracker_str("vocabulary"), offsetof(tracker_t, vocabulary), 1 },
};


/* bytes that a JSON string cannot hold as they are; u: as \u00XX */

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
    size_t                       i, k, len;
    const tracker_str_t         *str;
    const tracker_list_t        *list;
    const tracker_json_field_t  *field;

    /* a brace or comma, a key in quotes and a colon before each value */

    len = 1;

    for (i = 0; i < TRACKER_JSON_FIELDS; i++) {
        field = &tracker_json_fields[i];

        if (!field->list) {
            str = (const tracker_str_t *) ((const char *) t + field->offset);

            if (str->data) {
                len += field->key.len + 4
                       + tracker_json_string_length(str->data, str->len);
            }

            continue;
        }

        list = (const tracker_list_t *) ((const char *) t + field->offset);

        if (list->elts == NULL) {
            continue;
        }

        len += field->key.len + 4 + 2 + (list->n ? list->n - 1 : 0);

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
    size_t                       i, k;
    const tracker_str_t         *str;
    const tracker_list_t        *list;
    const tracker_json_field_t  *field;

    for (i = 0; i < TRACKER_JSON_FIELDS; i++) {
        field = &tracker_json_fields[i];

        if (!field->list) {
            str = (const tracker_str_t *) ((const char *) t + field->offset);

            if (str->data) {
                p = tracker_json_key_write(p, i ? ',' : '{', &field->key);
                p = tracker_json_string_write(p, str->data, str->len);
            }

            continue;
        }

        list = (const tracker_list_t *) ((const char *) t + field->offset);

        if (list->elts == NULL) {
            continue;
        }

        p = tracker_json_key_write(p, i ? ',' : '{', &field->key);
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
    size_t  i, n;

    n = len + 2;

    for (i = tracker_json_plain(data, len);
         i < len;
         i += tracker_json_plain(data + i, len - i))
    {
        n += tracker_json_escapes[(unsigned char) data[i++]] == 'u' ? 5 : 1;
    }

    return n;
}


char *
tracker_json_string_write(char *p, const char *data, size_t len)
{
    char                escape;
    size_t              n;
    unsigned char       c;
    static const char   hex[] = "0123456789abcdef";

    *p++ = '"';

    for ( ;; ) {
        n = tracker_json_plain(data, len);

        memcpy(p, data, n);
        p += n;

        if (n == len) {
            break;
        }

        c = data[n];
        escape = tracker_json_escapes[c];

        *p++ = '\\';
        *p++ = escape;

        if (escape == 'u') {
            *p++ = '0';
            *p++ = '0';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
        }

        data += n + 1;
        len -= n + 1;
    }

    *p++ = '"';

    return p;
}


/* the length of the run at the start of data that needs no escape */

static size_t
tracker_json_plain(const char *data, size_t len)
{
    size_t  i;

    i = 0;

#if defined(__SSE2__)

    int      mask;
    __m128i  bytes;

    if (len >= 16) {

        for ( ;; ) {
            bytes = _mm_loadu_si128((const __m128i *) (data + i));
            mask = tracker_json_odd(bytes);

            if (mask) {
                return i + __builtin_ctz(mask);
            }

            if (i == len - 16) {
                return len;
            }

            /* the last step looks at some bytes once more */

            i = len - i < 32 ? len - 16 : i + 16;
        }
    }

    if (len >= 8) {
        bytes = _mm_unpacklo_epi64(
                    _mm_loadl_epi64((const __m128i *) data),
                    _mm_loadl_epi64((const __m128i *) (data + len - 8)));

        if (tracker_json_odd(bytes) == 0) {
            return len;
        }
    }

#endif

    while (i < len && !tracker_json_escapes[(unsigned char) data[i]]) {
        i++;
    }

    return i;
}


#if defined(__SSE2__)

/* a bit for each of the bytes that needs an escape */

static int
tracker_json_odd(__m128i bytes)
{
    __m128i  odd;

    odd = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));

    return _mm_movemask_epi8(odd);
}

#endif
