/*
 * Finds duplicate strings with a hash table or, if too many of them collide in
 * it, with a sort.
 */


#include <string.h>

#include "tracker/duplicate.h"


/* at most so many strings are compared each with each: faster than a table */
#define TRACKER_FEW           16

/* at most so many strings have their table on the stack */
#define TRACKER_TABLE_STRS    512

/*
 * Collisions a string, on average, before the table is given up for the sort;
 * one or two are usual, more are an attack on the hash.
 */
#define TRACKER_TABLE_STEPS   8


/* a place of the table: the string's index plus one, 0: free */

typedef struct {
    uint32_t                 hash;
    uint32_t                 index;
} tracker_slot_t;


/* a string to be sorted, by its hash first: few bytes need to be compared */

typedef struct {
    uint64_t                 hash;
    const tracker_str_t     *str;
} tracker_entry_t;


static int tracker_hash_all(const char *first, size_t stride, size_t n,
    tracker_slot_t *table, size_t size, tracker_duplicate_t *duplicate);
static tracker_rc_e tracker_sort_all(const char *p, size_t stride, size_t n,
    const tracker_arena_t *arena, tracker_duplicate_t *duplicate);
static tracker_duplicate_t tracker_compare_all(const char *first, size_t stride,
    size_t n);
static const tracker_entry_t *tracker_sort(tracker_entry_t *from,
    tracker_entry_t *to, size_t n);
static void tracker_merge(tracker_entry_t *to, const tracker_entry_t *left,
    const tracker_entry_t *right, const tracker_entry_t *end);
static int tracker_entry_cmp(const tracker_entry_t *a,
    const tracker_entry_t *b);
static uint64_t tracker_hash(const tracker_str_t *str);
static uint64_t tracker_hash_word(uint64_t hash, uint64_t word);


/*
 * The table takes n steps, the sort n log n.  Each string is compared with each
 * other only if there are few.
 */

tracker_rc_e
tracker_find_duplicate(const tracker_str_t *first, size_t stride, size_t n,
    const tracker_arena_t *arena, tracker_duplicate_t *duplicate)
{
    size_t           size;
    const char      *p;
    tracker_slot_t  *table, slots[2 * TRACKER_TABLE_STRS];

    p = (const char *) first;

    if (n <= TRACKER_FEW) {
        *duplicate = tracker_compare_all(p, stride, n);
        return TRACKER_OK;
    }

    /* at most two of three places are taken */

    for (size = 2 * TRACKER_FEW; 2 * size < 3 * n; size *= 2) { /* void */ }

    table = slots;

    if (size > 2 * TRACKER_TABLE_STRS) {
        table = arena->alloc(arena->data, size * sizeof(tracker_slot_t));
        if (table == NULL) {
            return TRACKER_NOMEM;
        }
    }

    memset(table, 0, size * sizeof(tracker_slot_t));

    if (tracker_hash_all(p, stride, n, table, size, duplicate)) {
        return TRACKER_OK;
    }

    return tracker_sort_all(p, stride, n, arena, duplicate);
}


/* returns 1, or 0 if there are too many collisions */

static int
tracker_hash_all(const char *first, size_t stride, size_t n,
    tracker_slot_t *table, size_t size, tracker_duplicate_t *duplicate)
{
    size_t                i, k, steps;
    uint64_t              hash;
    const tracker_str_t  *str;

    steps = TRACKER_TABLE_STEPS * n;

    for (i = 0; i < n; i++) {
        str = (const tracker_str_t *) (first + i * stride);
        hash = tracker_hash(str);

        for (k = hash & (size - 1);
             table[k].index;
             k = (k + 1) & (size - 1))
        {
            if (table[k].hash == hash >> 32
                && tracker_str_equal(str, (const tracker_str_t *)
                                     (first + (table[k].index - 1) * stride)))
            {
                duplicate->index = i;
                duplicate->earlier = table[k].index - 1;
                return 1;
            }

            if (steps-- == 0) {
                return 0;
            }
        }

        table[k].hash = hash >> 32;
        table[k].index = i + 1;
    }

    duplicate->index = 0;
    duplicate->earlier = 0;

    return 1;
}


static tracker_rc_e
tracker_sort_all(const char *p, size_t stride, size_t n,
    const tracker_arena_t *arena, tracker_duplicate_t *duplicate)
{
    size_t                  i, start, index;
    tracker_entry_t        *entries;
    const tracker_entry_t  *sorted;

    entries = arena->alloc(arena->data, 2 * n * sizeof(tracker_entry_t));
    if (entries == NULL) {
        return TRACKER_NOMEM;
    }

    for (i = 0; i < n; i++) {
        entries[i].str = (const tracker_str_t *) (p + i * stride);
        entries[i].hash = tracker_hash(entries[i].str);
    }

    sorted = tracker_sort(entries, entries + n, n);

    duplicate->index = 0;
    duplicate->earlier = 0;

    /* the sort is stable: of equal strings the lowest index comes first */

    start = 0;

    for (i = 1; i < n; i++) {

        if (tracker_entry_cmp(&sorted[start], &sorted[i]) != 0) {
            start = i;
            continue;
        }

        index = ((const char *) sorted[i].str - p) / stride;

        if (duplicate->index == 0 || index < duplicate->index) {
            duplicate->index = index;
            duplicate->earlier = ((const char *) sorted[start].str - p)
                                 / stride;
        }
    }

    return TRACKER_OK;
}


static tracker_duplicate_t
tracker_compare_all(const char *first, size_t stride, size_t n)
{
    size_t                i, k;
    tracker_duplicate_t   duplicate;
    const tracker_str_t  *str;

    for (i = 1; i < n; i++) {
        str = (const tracker_str_t *) (first + i * stride);

        for (k = 0; k < i; k++) {
            if (tracker_str_equal((const tracker_str_t *)
                                  (first + k * stride), str))
            {
                duplicate.index = i;
                duplicate.earlier = k;
                return duplicate;
            }
        }
    }

    duplicate.index = 0;
    duplicate.earlier = 0;

    return duplicate;
}


/*
 * Bottom-up merge sort between two arrays; returns the one with the result.
 * Not qsort(): it is not stable and may allocate.
 */

static const tracker_entry_t *
tracker_sort(tracker_entry_t *from, tracker_entry_t *to, size_t n)
{
    size_t            i, width, left, right;
    tracker_entry_t  *swap;

    for (width = 1; width < n; width *= 2) {

        for (i = 0; i < n; i += left + right) {
            left = width < n - i ? width : n - i;
            right = width < n - i - left ? width : n - i - left;

            tracker_merge(to + i, from + i, from + i + left,
                          from + i + left + right);
        }

        swap = from;
        from = to;
        to = swap;
    }

    return from;
}


static void
tracker_merge(tracker_entry_t *to, const tracker_entry_t *left,
    const tracker_entry_t *right, const tracker_entry_t *end)
{
    const tracker_entry_t  *middle;

    middle = right;

    while (left < middle && right < end) {
        *to++ = tracker_entry_cmp(left, right) <= 0 ? *left++ : *right++;
    }

    memcpy(to, left, (middle - left) * sizeof(tracker_entry_t));
    to += middle - left;

    memcpy(to, right, (end - right) * sizeof(tracker_entry_t));
}


static int
tracker_entry_cmp(const tracker_entry_t *a, const tracker_entry_t *b)
{
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }

    if (a->str->len != b->str->len) {
        return a->str->len < b->str->len ? -1 : 1;
    }

    return memcmp(a->str->data, b->str->data, a->str->len);
}


/*
 * The hash needs no key: collisions cost a sort, and there one comparison of
 * bytes more, but never a wrong result.
 */

static uint64_t
tracker_hash(const tracker_str_t *str)
{
    size_t       len;
    uint32_t     half;
    uint64_t     hash, word;
    const char  *p, *last;

    p = str->data;
    len = str->len;
    hash = len;

    word = 0;

    if (len >= sizeof(word)) {

        /* the last word may overlap the one before it */

        for (last = p + len - sizeof(word); p < last; p += sizeof(word)) {
            memcpy(&word, p, sizeof(word));
            hash = tracker_hash_word(hash, word);
        }

        memcpy(&word, last, sizeof(word));

    } else if (len >= sizeof(half)) {
        memcpy(&half, p, sizeof(half));
        word = half;
        memcpy(&half, p + len - sizeof(half), sizeof(half));
        word = word << 32 | half;

    } else if (len) {
        word = (uint64_t) (unsigned char) p[0] << 16
               | (unsigned char) p[len / 2] << 8
               | (unsigned char) p[len - 1];
    }

    /* again: only then the upper bytes of a word affect the lower bits */

    return tracker_hash_word(tracker_hash_word(hash, word), 0);
}


static uint64_t
tracker_hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;

    return hash ^ hash >> 32;
}
