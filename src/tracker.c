/*
 * The domain: ids, what makes a tracker valid, and the sentences that say
 * what is wrong with one.
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tracker.h"


/* up to so many strings comparing each with each is the fastest */
#define TRACKER_FEW           16

/* so many strings find room in a table on the stack */
#define TRACKER_TABLE_STRS    512

/*
 * Steps to the side that a table of strings may take for each of them; one
 * or two are usual.  Who makes the hash collide gets the sort.
 */
#define TRACKER_TABLE_STEPS   8


/* a place of the table: the string's index plus one, 0: free */

typedef struct {
    uint32_t                 hash;
    uint32_t                 index;
} tracker_slot_t;


/* a string to be sorted: by its hash, which spares most looks at the bytes */

typedef struct {
    uint64_t                 hash;
    const tracker_str_t     *str;
} tracker_entry_t;


/* the first string that repeats an earlier one; repeat 0: there is none */

typedef struct {
    size_t                   repeat;
    size_t                   earlier;
} tracker_repeat_t;


static tracker_rc_e tracker_validate_counts(const tracker_list_t *phrases,
    long index, const tracker_limits_t *limits, tracker_message_t *message);
static tracker_rc_e tracker_find_repeat(const tracker_str_t *first,
    size_t stride, size_t n, const tracker_arena_t *arena,
    tracker_repeat_t *repeat);
static int tracker_hash_all(const char *first, size_t stride, size_t n,
    tracker_slot_t *table, size_t size, tracker_repeat_t *repeat);
static tracker_rc_e tracker_sort_all(const char *p, size_t stride, size_t n,
    const tracker_arena_t *arena, tracker_repeat_t *repeat);
static tracker_repeat_t tracker_compare_all(const char *first, size_t stride,
    size_t n);
static const tracker_entry_t *tracker_sort(tracker_entry_t *from,
    tracker_entry_t *to, size_t n);
static void tracker_merge(tracker_entry_t *to, const tracker_entry_t *left,
    const tracker_entry_t *right, const tracker_entry_t *end);
static int tracker_entry_cmp(const tracker_entry_t *a,
    const tracker_entry_t *b);
static uint64_t tracker_hash(const tracker_str_t *str);
static uint64_t tracker_hash_word(uint64_t hash, uint64_t word);
static int tracker_str_equal(const tracker_str_t *a, const tracker_str_t *b);
static void tracker_message_append(tracker_message_t *message,
    const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tracker_message_format(tracker_message_t *message,
    const char *fmt, va_list args);


static const tracker_str_t  tracker_name = tracker_str("name");
static const tracker_str_t  tracker_vocabulary = tracker_str("vocabulary");


void
tracker_id_format(char *p, uint64_t random)
{
    size_t    i;
    uint64_t  id;

    id = (random & (((uint64_t) 1 << 52) - 1)) | (uint64_t) 1 << 52;

    for (i = TRACKER_ID_LEN; i > 0; i--) {
        p[i - 1] = '0' + id % 10;
        id /= 10;
    }
}


int
tracker_id_valid(const char *data, size_t len)
{
    size_t  i;

    if (len != TRACKER_ID_LEN) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (data[i] < '0' || data[i] > '9') {
            return 0;
        }
    }

    return 1;
}


tracker_rc_e
tracker_validate(const tracker_t *t, long index,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_message_t *message)
{
    tracker_rc_e           rc;
    tracker_repeat_t       repeat;
    const tracker_list_t  *phrases;

    if (t->name.data == NULL) {
        tracker_message_path(message, index, &tracker_name, -1,
                             "is required");
        return TRACKER_INVALID;
    }

    if (t->name.len == 0) {
        tracker_message_path(message, index, &tracker_name, -1,
                             "is not allowed to be empty");
        return TRACKER_INVALID;
    }

    phrases = &t->vocabulary;

    if (phrases->elts == NULL) {
        tracker_message_path(message, index, &tracker_vocabulary, -1,
                             "is required");
        return TRACKER_INVALID;
    }

    if (tracker_validate_counts(phrases, index, limits, message)
        != TRACKER_OK)
    {
        return TRACKER_INVALID;
    }

    rc = tracker_find_repeat(phrases->elts, sizeof(tracker_str_t),
                             phrases->n, arena, &repeat);
    if (rc != TRACKER_OK) {
        return rc;
    }

    if (repeat.repeat) {
        tracker_message_path(message, index, &tracker_vocabulary,
                             repeat.repeat, "contains a duplicate value");
        return TRACKER_INVALID;
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_validate_counts(const tracker_list_t *phrases, long index,
    const tracker_limits_t *limits, tracker_message_t *message)
{
    size_t       i, limit;
    const char  *bound;

    if (phrases->n == 0) {
        tracker_message_path(message, index, &tracker_vocabulary, -1,
                             "is not allowed to be empty");
        return TRACKER_INVALID;
    }

    bound = NULL;
    limit = 0;

    if (limits->max_phrases && phrases->n > limits->max_phrases) {
        bound = "most";
        limit = limits->max_phrases;

    } else if (phrases->n < limits->min_phrases) {
        bound = "least";
        limit = limits->min_phrases;
    }

    if (bound) {
        tracker_message_path(message, index, &tracker_vocabulary, -1,
                             "must contain");
        tracker_message_append(message, " at %s %zu phrase%s, found %zu",
                               bound, limit, limit == 1 ? "" : "s",
                               phrases->n);
        return TRACKER_INVALID;
    }

    for (i = 0; i < phrases->n; i++) {
        if (phrases->elts[i].len == 0) {
            tracker_message_path(message, index, &tracker_vocabulary, i,
                                 "is not allowed to be empty");
            return TRACKER_INVALID;
        }
    }

    return TRACKER_OK;
}


tracker_rc_e
tracker_validate_names(const tracker_set_t *set,
    const tracker_arena_t *arena, tracker_message_t *message)
{
    tracker_rc_e      rc;
    tracker_repeat_t  repeat;

    if (set->n < 2) {
        return TRACKER_OK;
    }

    rc = tracker_find_repeat(&set->elts[0].name, sizeof(tracker_t), set->n,
                             arena, &repeat);
    if (rc != TRACKER_OK) {
        return rc;
    }

    if (repeat.repeat) {
        tracker_message(message,
                        "\"[%zu].name\" repeats the name of \"[%zu]\".",
                        repeat.repeat, repeat.earlier);
        return TRACKER_REPEATED;
    }

    return TRACKER_OK;
}


/*
 * Hashes into a table, n steps; where too many strings meet in one place of
 * it, sorts, n log n steps.  Never compares all with all but where they are
 * few.
 */

static tracker_rc_e
tracker_find_repeat(const tracker_str_t *first, size_t stride, size_t n,
    const tracker_arena_t *arena, tracker_repeat_t *repeat)
{
    size_t           size;
    const char      *p;
    tracker_slot_t  *table, slots[2 * TRACKER_TABLE_STRS];

    p = (const char *) first;

    if (n <= TRACKER_FEW) {
        *repeat = tracker_compare_all(p, stride, n);
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

    if (tracker_hash_all(p, stride, n, table, size, repeat)) {
        return TRACKER_OK;
    }

    return tracker_sort_all(p, stride, n, arena, repeat);
}


/* returns 1, or 0 when the strings crowd in too few places */

static int
tracker_hash_all(const char *first, size_t stride, size_t n,
    tracker_slot_t *table, size_t size, tracker_repeat_t *repeat)
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
                repeat->repeat = i;
                repeat->earlier = table[k].index - 1;
                return 1;
            }

            if (steps-- == 0) {
                return 0;
            }
        }

        table[k].hash = hash >> 32;
        table[k].index = i + 1;
    }

    repeat->repeat = 0;
    repeat->earlier = 0;

    return 1;
}


static tracker_rc_e
tracker_sort_all(const char *p, size_t stride, size_t n,
    const tracker_arena_t *arena, tracker_repeat_t *repeat)
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

    repeat->repeat = 0;
    repeat->earlier = 0;

    /* the sort is stable: of equal strings the lowest index comes first */

    start = 0;

    for (i = 1; i < n; i++) {

        if (tracker_entry_cmp(&sorted[start], &sorted[i]) != 0) {
            start = i;
            continue;
        }

        index = ((const char *) sorted[i].str - p) / stride;

        if (repeat->repeat == 0 || index < repeat->repeat) {
            repeat->repeat = index;
            repeat->earlier = ((const char *) sorted[start].str - p) / stride;
        }
    }

    return TRACKER_OK;
}


static tracker_repeat_t
tracker_compare_all(const char *first, size_t stride, size_t n)
{
    size_t                i, k;
    tracker_repeat_t      repeat;
    const tracker_str_t  *str;

    for (i = 1; i < n; i++) {
        str = (const tracker_str_t *) (first + i * stride);

        for (k = 0; k < i; k++) {
            if (tracker_str_equal((const tracker_str_t *)
                                  (first + k * stride), str))
            {
                repeat.repeat = i;
                repeat.earlier = k;
                return repeat;
            }
        }
    }

    repeat.repeat = 0;
    repeat.earlier = 0;

    return repeat;
}


/*
 * Bottom-up merge sort between two arrays; returns the one that holds the
 * result.  qsort() will not do: it is not stable and may allocate.
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
 * Only speed hangs on this hash: who makes it collide pays for the sort, and
 * there for one comparison of bytes more, so it needs no key.
 */

static uint64_t
tracker_hash(const tracker_str_t *str)
{
    size_t       len;
    uint64_t     hash, word;
    const char  *p;

    p = str->data;
    hash = str->len;

    for (len = str->len; len > sizeof(word); len -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        hash = tracker_hash_word(hash, word);
        p += sizeof(word);
    }

    word = 0;

    if (len) {
        memcpy(&word, p, len);
    }

    return tracker_hash_word(hash, word);
}


static uint64_t
tracker_hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;

    return hash ^ hash >> 32;
}


static int
tracker_str_equal(const tracker_str_t *a, const tracker_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


void
tracker_conflict_message(tracker_message_t *message,
    const tracker_set_t *set, const size_t *index, size_t n, size_t total)
{
    size_t  i;

    if (total <= 1) {
        tracker_message(message, "Tracker with name \"");
        tracker_message_quote(message, &set->elts[index[0]].name);
        tracker_message_append(message, "\" already exists.");
        return;
    }

    if (n > TRACKER_QUOTE_NAMES) {
        n = TRACKER_QUOTE_NAMES;
    }

    tracker_message(message, "Trackers with these names already exist:");

    for (i = 0; i < n; i++) {
        tracker_message_append(message, "%s \"", i == 0 ? "" : ",");
        tracker_message_quote(message, &set->elts[index[i]].name);
        tracker_message_append(message, "\" at [%zu]", index[i]);
    }

    if (total > n) {
        tracker_message_append(message, " and %zu more", total - n);
    }

    tracker_message_append(message, ".");
}


void
tracker_message(tracker_message_t *message, const char *fmt, ...)
{
    va_list  args;

    message->len = 0;

    va_start(args, fmt);
    tracker_message_format(message, fmt, args);
    va_end(args);
}


static void
tracker_message_append(tracker_message_t *message, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tracker_message_format(message, fmt, args);
    va_end(args);
}


static void
tracker_message_format(tracker_message_t *message, const char *fmt,
    va_list args)
{
    int     n;
    size_t  room;

    room = TRACKER_MESSAGE_MAX - message->len;

    n = vsnprintf(message->data + message->len, room, fmt, args);
    if (n < 0) {
        return;
    }

    /* vsnprintf() keeps the last byte for a NUL, which is not ours */

    message->len += (size_t) n < room ? (size_t) n : room - 1;
}


void
tracker_message_path(tracker_message_t *message, long index,
    const tracker_str_t *field, long elt, const char *fault)
{
    tracker_message(message, "\"");

    if (index >= 0) {
        tracker_message_append(message, "[%ld].", index);
    }

    tracker_message_quote(message, field);

    if (elt >= 0) {
        tracker_message_append(message, "[%ld]", elt);
    }

    tracker_message_append(message, "\" %s", fault);
}


void
tracker_message_quote(tracker_message_t *message, const tracker_str_t *str)
{
    size_t  i, chars, room;

    chars = 0;
    room = TRACKER_MESSAGE_MAX - 1 - message->len;

    for (i = 0; i < str->len; i++) {

        /* a byte of UTF-8 that is no continuation starts a character */

        if ((str->data[i] & 0xc0) != 0x80 && chars++ == TRACKER_QUOTE_CHARS) {
            break;
        }
    }

    if (i < str->len || i > room) {
        room = room > 3 ? room - 3 : 0;

        while (i > room || (i > 0 && (str->data[i] & 0xc0) == 0x80)) {
            i--;
        }
    }

    memcpy(message->data + message->len, str->data, i);
    message->len += i;

    if (i < str->len) {
        tracker_message_append(message, "...");
    }
}
