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


/* what is searched, and what was found so far */

typedef struct {
    const char              *first;
    size_t                   stride;
    size_t                   n;
    unsigned char           *marks;      /* NULL: only the first is wanted */
    tracker_duplicate_t      found;      /* that with the lowest index */
} tracker_search_t;


#define tracker_search_str(search, i)                                         \
    ((const tracker_str_t *) ((search)->first + (i) * (search)->stride))

#define tracker_search_index(search, str)                                     \
    (((const char *) (str) - (search)->first) / (search)->stride)


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


static tracker_rc_e tracker_search_run(tracker_search_t *search,
    const tracker_arena_t *arena);
static int tracker_hash_all(tracker_search_t *search, tracker_slot_t *table,
    size_t size);
static tracker_rc_e tracker_sort_all(tracker_search_t *search,
    const tracker_arena_t *arena);
static void tracker_compare_all(tracker_search_t *search);
static int tracker_search_found(tracker_search_t *search, size_t index,
    size_t earlier);
static const tracker_entry_t *tracker_sort(tracker_entry_t *from,
    tracker_entry_t *to, size_t n);
static void tracker_merge(tracker_entry_t *to, const tracker_entry_t *left,
    const tracker_entry_t *right, const tracker_entry_t *end);
static int tracker_entry_cmp(const tracker_entry_t *a,
    const tracker_entry_t *b);
static uint64_t tracker_hash(const tracker_str_t *str);
static uint64_t tracker_hash_word(uint64_t hash, uint64_t word);


tracker_rc_e
tracker_find_duplicate(const tracker_str_t *first, size_t stride, size_t n,
    const tracker_arena_t *arena, tracker_duplicate_t *duplicate)
{
    tracker_rc_e      rc;
    tracker_search_t  search = { (const char *) first, stride, n, NULL,
                                 { 0, 0 } };

    rc = tracker_search_run(&search, arena);

    *duplicate = search.found;

    return rc;
}


tracker_rc_e
tracker_mark_duplicates(const tracker_str_t *strs, size_t n,
    const tracker_arena_t *arena, unsigned char *marks)
{
    tracker_search_t  search = { (const char *) strs, sizeof(tracker_str_t), n,
                                 marks, { 0, 0 } };

    memset(marks, 0, n);

    return tracker_search_run(&search, arena);
}


/*
 * The table takes n steps, the sort n log n.  Each string is compared with each
 * other only if there are few.
 */

static tracker_rc_e
tracker_search_run(tracker_search_t *search, const tracker_arena_t *arena)
{
    size_t           n, size;
    tracker_slot_t  *table, slots[2 * TRACKER_TABLE_STRS];

    n = search->n;

    if (n <= TRACKER_FEW) {
        tracker_compare_all(search);
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

    if (tracker_hash_all(search, table, size)) {
        return TRACKER_OK;
    }

    return tracker_sort_all(search, arena);
}


/* notes a duplicate; returns 1 if no other is wanted that has a higher index */

static int
tracker_search_found(tracker_search_t *search, size_t index, size_t earlier)
{
    if (search->found.index == 0 || index < search->found.index) {
        search->found.index = index;
        search->found.earlier = earlier;
    }

    if (search->marks == NULL) {
        return 1;
    }

    search->marks[index] = 1;

    return 0;
}


/* returns 1, or 0 if there are too many collisions */

static int
tracker_hash_all(tracker_search_t *search, tracker_slot_t *table, size_t size)
{
    size_t                i, k, n, steps;
    uint64_t              hash;
    const tracker_str_t  *str;

    n = search->n;
    steps = TRACKER_TABLE_STEPS * n;

    for (i = 0; i < n; i++) {
        str = tracker_search_str(search, i);
        hash = tracker_hash(str);

        for (k = hash & (size - 1);
             table[k].index;
             k = (k + 1) & (size - 1))
        {
            if (table[k].hash == hash >> 32
                && tracker_str_equal(str,
                                     tracker_search_str(search,
                                                        table[k].index - 1)))
            {
                if (tracker_search_found(search, i, table[k].index - 1)) {
                    return 1;
                }

                break;
            }

            if (steps-- == 0) {
                return 0;
            }
        }

        if (table[k].index == 0) {
            table[k].hash = hash >> 32;
            table[k].index = i + 1;
        }
    }

    return 1;
}


static tracker_rc_e
tracker_sort_all(tracker_search_t *search, const tracker_arena_t *arena)
{
    size_t                  i, n, start;
    tracker_entry_t        *entries;
    const tracker_entry_t  *sorted;

    n = search->n;

    entries = arena->alloc(arena->data, 2 * n * sizeof(tracker_entry_t));
    if (entries == NULL) {
        return TRACKER_NOMEM;
    }

    for (i = 0; i < n; i++) {
        entries[i].str = tracker_search_str(search, i);
        entries[i].hash = tracker_hash(entries[i].str);
    }

    sorted = tracker_sort(entries, entries + n, n);

    /* the sort is stable: of equal strings the lowest index comes first */

    start = 0;

    for (i = 1; i < n; i++) {

        if (tracker_entry_cmp(&sorted[start], &sorted[i]) != 0) {
            start = i;
            continue;
        }

        (void) tracker_search_found(search,
                                    tracker_search_index(search,
                                                         sorted[i].str),
                                    tracker_search_index(search,
                                                         sorted[start].str));
    }

    return TRACKER_OK;
}


static void
tracker_compare_all(tracker_search_t *search)
{
    size_t                i, k;
    const tracker_str_t  *str;

    for (i = 1; i < search->n; i++) {
        str = tracker_search_str(search, i);

        for (k = 0; k < i; k++) {

            if (!tracker_str_equal(tracker_search_str(search, k), str)) {
                continue;
            }

            if (tracker_search_found(search, i, k)) {
                return;
            }

            break;
        }
    }
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
