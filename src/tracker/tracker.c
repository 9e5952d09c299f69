
/*
 * The domain: the fields of a tracker, ids, and what makes a tracker valid.
 */


#include "tracker/duplicate.h"
#include "tracker/fault.h"


static tracker_fault_e tracker_missing(const tracker_t *t,
    const tracker_field_t **missing);
static tracker_rc_e tracker_validate_phrases(const tracker_list_t *phrases,
    long index, const tracker_limits_t *limits, tracker_message_t *message);


#define tracker_field_row(member, list, required, settable)                   \
    { tracker_str(#member), offsetof(tracker_t, member), list, required,      \
      settable }

/* list, required, settable */

const tracker_field_t  tracker_fields[TRACKER_FIELDS] = {

    [TRACKER_FIELD_ID] = tracker_field_row(id, 0, 0, 0),
    [TRACKER_FIELD_NAME] = tracker_field_row(name, 0, 1, 1),
    [TRACKER_FIELD_DESCRIPTION] = tracker_field_row(description, 0, 0, 1),
    [TRACKER_FIELD_CATEGORIES] = tracker_field_row(categories, 1, 0, 1),
    [TRACKER_FIELD_LANGUAGES] = tracker_field_row(languages, 1, 0, 1),
    [TRACKER_FIELD_VOCABULARY] = tracker_field_row(vocabulary, 1, 1, 1),

    [TRACKER_FIELD_CREATED] =
        { tracker_str("createdAt"), offsetof(tracker_t, created), 0, 0, 0 },
    [TRACKER_FIELD_UPDATED] =
        { tracker_str("updatedAt"), offsetof(tracker_t, updated), 0, 0, 0 }
};


const tracker_field_t *
tracker_field(const tracker_str_t *name, int id)
{
    size_t                  i;
    const tracker_field_t  *field;

    for (i = 0; i < TRACKER_FIELDS; i++) {
        field = &tracker_fields[i];

        if (field->name.len == name->len
            && field->name.data[0] == name->data[0]
            && memcmp(field->name.data, name->data, name->len) == 0)
        {
            return field->settable || id ? field : NULL;
        }
    }

    return NULL;
}


void
tracker_id_format(char *p, uint64_t random)
{
    size_t    i;
    uint32_t  high, low;
    uint64_t  id;

    static const char  pairs[] =
        "00010203040506070809101112131415161718192021222324"
        "25262728293031323334353637383940414243444546474849"
        "50515253545556575859606162636465666768697071727374"
        "75767778798081828384858687888990919293949596979899";

    id = (random & (TRACKER_ID_BASE - 1)) | TRACKER_ID_BASE;

    /* its halves do not wait for one another */

    high = id / 100000000;
    low = id % 100000000;

    for (i = TRACKER_ID_LEN / 2; i > 0; i -= 2) {
        memcpy(p + i - 2, pairs + 2 * (high % 100), 2);
        memcpy(p + TRACKER_ID_LEN / 2 + i - 2, pairs + 2 * (low % 100), 2);
        high /= 100;
        low /= 100;
    }
}


/*
 * The low bits count on from a random number, the others are random: each id
 * is as random as a single one.
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
    tracker_rc_e            rc;
    tracker_fault_e         fault;
    tracker_duplicate_t     duplicate;
    const tracker_field_t  *field;

    fault = tracker_missing(t, &field);

    if (fault != TRACKER_FAULT_NONE) {
        tracker_message_fault(message, index, &field->name, -1, fault);
        return TRACKER_INVALID;
    }

    if (tracker_validate_phrases(&t->vocabulary, index, limits, message)
        != TRACKER_OK)
    {
        return TRACKER_INVALID;
    }

    rc = tracker_find_duplicate(t->vocabulary.elts, sizeof(tracker_str_t),
                                t->vocabulary.n, arena, &duplicate);
    if (rc != TRACKER_OK) {
        return rc;
    }

    if (duplicate.index) {
        tracker_message_fault(message, index,
                              &tracker_fields[TRACKER_FIELD_VOCABULARY].name,
                              duplicate.index, TRACKER_FAULT_DUPLICATE);
        return TRACKER_INVALID;
    }

    return TRACKER_OK;
}


/*
 * Returns the fault of the first required field that is absent or empty, and
 * which it is.  The table is constant: unrolled, the loop is two comparisons,
 * which saves 3 % of the decoding of a small tracker.
 */

static tracker_fault_e
tracker_missing(const tracker_t *t, const tracker_field_t **missing)
{
    int                     absent, empty;
    size_t                  i;
    const tracker_field_t  *field;

#pragma GCC unroll 6
    for (i = 0; i < TRACKER_FIELDS_WRITTEN; i++) {
        field = &tracker_fields[i];

        if (!field->required) {
            continue;
        }

        if (field->list) {
            absent = tracker_field_list(t, field)->elts == NULL;
            empty = tracker_field_list(t, field)->n == 0;

        } else {
            absent = tracker_field_str(t, field)->data == NULL;
            empty = tracker_field_str(t, field)->len == 0;
        }

        if (absent || empty) {
            *missing = field;
            return absent ? TRACKER_FAULT_REQUIRED : TRACKER_FAULT_EMPTY;
        }
    }

    return TRACKER_FAULT_NONE;
}


static tracker_rc_e
tracker_validate_phrases(const tracker_list_t *phrases, long index,
    const tracker_limits_t *limits, tracker_message_t *message)
{
    size_t                i;
    const tracker_str_t  *name;

    if (tracker_validate_count(phrases->n, index, limits, message)
        != TRACKER_OK)
    {
        return TRACKER_INVALID;
    }

    name = &tracker_fields[TRACKER_FIELD_VOCABULARY].name;

    for (i = 0; i < phrases->n; i++) {
        if (phrases->elts[i].len == 0) {
            tracker_message_fault(message, index, name, i,
                                  TRACKER_FAULT_EMPTY);
            return TRACKER_INVALID;
        }
    }

    return TRACKER_OK;
}


tracker_rc_e
tracker_validate_count(size_t n, long index, const tracker_limits_t *limits,
    tracker_message_t *message)
{
    size_t                limit;
    const char           *bound;
    const tracker_str_t  *name;

    name = &tracker_fields[TRACKER_FIELD_VOCABULARY].name;

    bound = NULL;
    limit = 0;

    if (limits->max_phrases && n > limits->max_phrases) {
        bound = "most";
        limit = limits->max_phrases;

    } else if (n < limits->min_phrases) {
        bound = "least";
        limit = limits->min_phrases;
    }

    if (bound) {
        tracker_message_fault(message, index, name, -1, TRACKER_FAULT_COUNT);
        tracker_message_append(message, " at %s %zu phrase%s, found %zu",
                               bound, limit, limit == 1 ? "" : "s", n);
        return TRACKER_INVALID;
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
        tracker_message_fault(message, -1, NULL, -1,
                              TRACKER_FAULT_EMPTY_BODY);
        return TRACKER_INVALID;
    }

    if (max && n > max) {
        tracker_message(message, "Request body must contain at most %zu "
                        "tracker%s, found %zu.", max, max == 1 ? "" : "s", n);
        tracker_message_at(message, -1, NULL, -1);
        return TRACKER_INVALID;
    }

    return TRACKER_OK;
}


tracker_rc_e
tracker_validate_id(tracker_t *t, const tracker_str_t *id,
    tracker_message_t *message)
{
    if (t->id.data && !tracker_str_equal(&t->id, id)) {
        tracker_message_fault(message, -1,
                              &tracker_fields[TRACKER_FIELD_ID].name, -1,
                              TRACKER_FAULT_OTHER_ID);
        return TRACKER_INVALID;
    }

    t->id = *id;

    return TRACKER_OK;
}


int
tracker_record_valid(const tracker_t *t)
{
    const tracker_field_t  *field;

    return tracker_id_valid(t->id.data, t->id.len)
           && tracker_missing(t, &field) == TRACKER_FAULT_NONE;
}


tracker_rc_e
tracker_validate_names(const tracker_set_t *set,
    const tracker_arena_t *arena, tracker_message_t *message)
{
    tracker_rc_e         rc;
    tracker_duplicate_t  duplicate;

    if (set->n < 2) {
        return TRACKER_OK;
    }

    rc = tracker_find_duplicate(&set->elts[0].name, sizeof(tracker_t), set->n,
                                arena, &duplicate);
    if (rc != TRACKER_OK) {
        return rc;
    }

    if (duplicate.index) {
        tracker_message(message,
                        "\"[%zu].name\" repeats the name of \"[%zu]\".",
                        duplicate.index, duplicate.earlier);
        tracker_message_at(message, duplicate.index,
                           &tracker_fields[TRACKER_FIELD_NAME].name, -1);
        return TRACKER_REPEATED;
    }

    return TRACKER_OK;
}


void
tracker_conflict_message(tracker_message_t *message,
    const tracker_set_t *set, const tracker_conflict_t *conflicts, size_t n,
    size_t total)
{
    size_t  i, place;

    if (total <= 1) {
        tracker_message(message, "Tracker with name \"");
        tracker_message_quote(message, &set->elts[conflicts[0].place].name);
        tracker_message_append(message, "\" already exists.");
        return;
    }

    if (n > TRACKER_QUOTE_NAMES) {
        n = TRACKER_QUOTE_NAMES;
    }

    tracker_message(message, "Trackers with these names already exist:");

    for (i = 0; i < n; i++) {
        place = conflicts[i].place;

        tracker_message_append(message, "%s \"", i == 0 ? "" : ",");
        tracker_message_quote(message, &set->elts[place].name);
        tracker_message_append(message, "\" at [%zu]", place);
    }

    if (total > n) {
        tracker_message_append(message, " and %zu more", total - n);
    }

    tracker_message_append(message, ".");
}
