/*
 * The domain: ids, what makes a tracker valid, and the sentences that say
 * what is wrong with one.
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tracker/duplicate.h"


static tracker_rc_e tracker_validate_counts(const tracker_list_t *phrases,
    long index, const tracker_limits_t *limits, tracker_message_t *message);
static void tracker_message_append(tracker_message_t *message,
    const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tracker_message_format(tracker_message_t *message,
    const char *fmt, va_list args);
static void tracker_message_text(tracker_message_t *message,
    const char *text, size_t len);
static void tracker_message_place(tracker_message_t *message, size_t place);


static const tracker_str_t  tracker_id = tracker_str("id");
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


/*
 * The low bits count from a random place on, the others are random: each id is
 * as random as it would be alone.
 */

void
tracker_ids_format(char *p, const uint64_t *random, size_t n)
{
    size_t    i;
    uint64_t  place;

    for (i = 0; i < n; i++) {
        place = (random[0] + i) % TRACKER_ID_PLACES;

        tracker_id_format(p, random[i] - random[i] % TRACKER_ID_PLACES
                             + place);
        p += TRACKER_ID_LEN;
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
tracker_validate_bulk(size_t n, const tracker_limits_t *limits,
    tracker_message_t *message)
{
    size_t  max;

    max = limits->max_bulk;

    if (n == 0) {
        tracker_message(message, "Request body must not be empty.");
        return TRACKER_INVALID;
    }

    if (max && n > max) {
        tracker_message(message, "Request body must contain at most %zu "
                        "tracker%s, found %zu.", max, max == 1 ? "" : "s", n);
        return TRACKER_INVALID;
    }

    return TRACKER_OK;
}


tracker_rc_e
tracker_validate_id(tracker_t *t, const tracker_str_t *id,
    tracker_message_t *message)
{
    if (t->id.data
        && (t->id.len != id->len
            || memcmp(t->id.data, id->data, id->len) != 0))
    {
        tracker_message_path(message, -1, &tracker_id, -1,
                             "must be the id of the path");
        return TRACKER_INVALID;
    }

    t->id = *id;

    return TRACKER_OK;
}


int
tracker_record_valid(const tracker_t *t)
{
    return tracker_id_valid(t->id.data, t->id.len) && t->name.len
           && t->vocabulary.n;
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


/* the message of most refusals, without the cost of a format */

void
tracker_message_path(tracker_message_t *message, long index,
    const tracker_str_t *field, long elt, const char *fault)
{
    message->len = 0;

    tracker_message_text(message, "\"", 1);

    if (index >= 0) {
        tracker_message_place(message, index);

        if (field) {
            tracker_message_text(message, ".", 1);
        }
    }

    if (field) {
        tracker_message_quote(message, field);
    }

    if (elt >= 0) {
        tracker_message_place(message, elt);
    }

    tracker_message_text(message, "\" ", 2);
    tracker_message_text(message, fault, strlen(fault));
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

    tracker_message_text(message, str->data, i);

    if (i < str->len) {
        tracker_message_text(message, "...", 3);
    }
}


static void
tracker_message_text(tracker_message_t *message, const char *text, size_t len)
{
    size_t  room;

    /* the last byte stays free, as in tracker_message_format() */

    room = TRACKER_MESSAGE_MAX - 1 - message->len;

    if (len > room) {
        len = room;
    }

    memcpy(message->data + message->len, text, len);
    message->len += len;
}


/* "[N]" */

static void
tracker_message_place(tracker_message_t *message, size_t place)
{
    char   text[3 * sizeof(place) + 2];
    char  *p;

    p = text + sizeof(text);
    *--p = ']';

    do {
        *--p = '0' + place % 10;
        place /= 10;
    } while (place);

    *--p = '[';

    tracker_message_text(message, p, text + sizeof(text) - p);
}
