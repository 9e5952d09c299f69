/*
 * Any bytes as the body of a PATCH.  A second, simple PATCH works on
 * jansson's own trees; where the two disagree about what is wrong or about
 * what comes out, the fuzzer is stopped.
 */


#include "fuzz.h"
#include "large.h"


#define ID  "4503599627370496"


typedef tracker_rc_e (*decode_pt)(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_patch_t *patch,
    tracker_message_t *message);


static const decode_pt  decoders[] = {
    tracker_jansson_patch,
    tracker_decode_patch,
    tracker_decode_large_patch
};

#define DECODERS  (sizeof(decoders) / sizeof(decoders[0]))


static const tracker_limits_t  limits = { 0, 0, 1 };

static const char  records[2][200] = {
    "{\"id\":\"" ID "\",\"name\":\"N\",\"vocabulary\":[\"a\",\"b\",\"c\"]}",
    "{\"id\":\"" ID "\",\"name\":\"M\",\"description\":\"\","
    "\"categories\":[],\"languages\":[\"en\",\"\"],\"vocabulary\":[\"0\"]}"
};


static int
all_strings(const json_t *array)
{
    size_t  i;

    for (i = 0; i < json_array_size(array); i++) {
        if (!json_is_string(json_array_get(array, i))) {
            return 0;
        }
    }

    return json_is_array(array);
}


/* what becomes of a tracker, or why nothing does */

typedef enum {
    DONE = 0,
    REFUSED,
    UNEQUAL
} verdict_e;


static int
is(const json_t *string, const char *text)
{
    return strcmp(json_string_value(string), text) == 0;
}


static int
for_list(const json_t *path)
{
    return is(path, "/categories") || is(path, "/languages")
           || is(path, "/vocabulary");
}


static int
for_phrase(const json_t *path)
{
    return strncmp(json_string_value(path), "/vocabulary/", 12) == 0;
}


static int
good_place(const json_t *op, const char *place)
{
    if (strcmp(place, "-") == 0) {
        return is(op, "add");
    }

    return *place && strspn(place, "0123456789") == strlen(place)
           && (place[0] != '0' || place[1] == '\0');
}


/* as far as can be told without a tracker */

static int
good_step(const json_t *step)
{
    const json_t  *op, *path, *value;

    op = json_object_get(step, "op");
    path = json_object_get(step, "path");
    value = json_object_get(step, "value");

    if (!json_is_string(op) || !json_is_string(path)) {
        return 0;
    }

    if (!is(op, "add") && !is(op, "replace") && !is(op, "remove")
        && !is(op, "test"))
    {
        return 0;
    }

    if (for_phrase(path)) {
        if (!good_place(op, json_string_value(path) + 12)) {
            return 0;
        }

    } else if (!for_list(path) && !is(path, "/name")
               && !is(path, "/description"))
    {
        return 0;
    }

    if (is(op, "remove")) {
        return 1;
    }

    if (for_list(path)) {
        return all_strings(value)
               || (json_is_string(value) && !is(op, "test"));
    }

    return json_is_string(value);
}


static verdict_e
patch_phrase(json_t *phrases, const json_t *op, const char *place,
    json_t *value)
{
    size_t  n;

    if (is(op, "test")) {
        return json_equal(json_array_get(phrases, strtoul(place, NULL, 10)),
                          value)
                   ? DONE : UNEQUAL;
    }

    if (phrases == NULL) {
        return REFUSED;
    }

    n = *place == '-' ? json_array_size(phrases) : strtoul(place, NULL, 10);

    if (is(op, "remove")) {
        return json_array_remove(phrases, n) == 0 ? DONE : REFUSED;
    }

    return (is(op, "add") ? json_array_insert(phrases, n, value)
                          : json_array_set(phrases, n, value))
           == 0 ? DONE : REFUSED;
}


static verdict_e
patch_one(json_t *t, const json_t *step)
{
    json_t        *old, *value;
    const char    *key;
    const json_t  *op, *path;

    op = json_object_get(step, "op");
    path = json_object_get(step, "path");
    value = json_object_get(step, "value");

    if (for_phrase(path)) {
        return patch_phrase(json_object_get(t, "vocabulary"), op,
                            json_string_value(path) + 12, value);
    }

    key = json_string_value(path) + 1;
    old = json_object_get(t, key);

    if (is(op, "test")) {
        return json_equal(old, value) ? DONE : UNEQUAL;
    }

    if (is(op, "remove")) {
        return json_object_del(t, key) == 0 ? DONE : REFUSED;
    }

    /* what no tracker lacks must be there to be replaced */

    if (is(op, "replace") && old == NULL
        && (is(path, "/name") || is(path, "/vocabulary")))
    {
        return REFUSED;
    }

    if (for_list(path) && json_is_string(value)) {

        if (is(op, "replace") || old == NULL) {
            old = json_array();
            must(json_object_set_new(t, key, old) == 0);
        }

        must(json_array_append(old, value) == 0);
        return DONE;
    }

    /* a copy: the body keeps its list when phrases are added to this one */

    must(json_object_set_new(t, key, json_copy(value)) == 0);

    return DONE;
}


static int
valid(const json_t *t)
{
    size_t   i, k, n;
    json_t  *phrases;

    phrases = json_object_get(t, "vocabulary");
    n = json_array_size(phrases);

    if (json_string_length(json_object_get(t, "name")) == 0 || n == 0) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (json_string_length(json_array_get(phrases, i)) == 0) {
            return 0;
        }

        for (k = 0; k < i; k++) {
            if (json_equal(json_array_get(phrases, i),
                           json_array_get(phrases, k)))
            {
                return 0;
            }
        }
    }

    return 1;
}


/* makes of record, and of t, what comes of it */

static verdict_e
patch(const char *record, const json_t *steps, json_t **t)
{
    size_t     i;
    verdict_e  verdict;

    *t = json_loads(record, 0, NULL);
    must(*t != NULL);

    for (i = 0; i < json_array_size(steps); i++) {
        if (!good_step(json_array_get(steps, i))) {
            return REFUSED;
        }
    }

    for (i = 0; i < json_array_size(steps); i++) {
        verdict = patch_one(*t, json_array_get(steps, i));

        if (verdict != DONE) {
            return verdict;
        }
    }

    return i && valid(*t) ? DONE : REFUSED;
}


static tracker_rc_e
decode_and_apply(decode_pt decode, const char *record, const char *body,
    size_t len, const tracker_arena_t *arena, tracker_t *t,
    tracker_message_t *message)
{
    tracker_rc_e     rc;
    tracker_t        before;
    tracker_patch_t  patch;

    rc = tracker_decode_record(record, strlen(record), arena, t);
    if (rc != TRACKER_OK) {
        must(rc == TRACKER_NOMEM);
        return rc;
    }

    rc = decode(body, len, arena, &patch, message);
    if (rc != TRACKER_OK) {
        return rc;
    }

    before = *t;

    rc = tracker_patch_apply(t, &patch, &limits, arena, message);

    must(rc == TRACKER_OK || memcmp(t, &before, sizeof(before)) == 0);

    return rc;
}


static void
check_result(const tracker_t *t, const json_t *expected)
{
    char    *p;
    size_t   n;
    json_t  *result;

    n = tracker_json_length(t);
    p = malloc(n);
    must(p != NULL);
    must(tracker_json_write(p, t) == p + n);

    result = json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL);
    must(json_equal(result, expected));

    json_decref(result);
    free(p);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t              i;
    json_t             *steps, *expected;
    verdict_e           verdict;
    memory_t            memory = { NULL, 0 };
    decode_pt           decode;
    tracker_t           t;
    const char         *body, *record;
    tracker_rc_e        rc, other;
    tracker_arena_t     arena = { memory_alloc, &memory };
    tracker_message_t   message;

    if (len == 0) {
        return 0;
    }

    body = (const char *) data;

    steps = load(body, len);

    for (i = 0; i < 2 * DECODERS; i++) {
        decode = decoders[i / 2];
        record = records[i % 2];

        message.len = 0;
        memory.fail = 0;

        rc = decode_and_apply(decode, record, body, len, &arena, &t, &message);

        verdict = patch(record, steps, &expected);

        if (verdict == DONE) {
            must(rc == TRACKER_OK);
            check_result(&t, expected);

        } else {
            must(rc == (verdict == UNEQUAL ? TRACKER_UNEQUAL
                                           : TRACKER_INVALID));
            check_message(&message);
        }

        json_decref(expected);

        memory.fail = len % 12 + 1;

        other = decode_and_apply(decode, record, body, len, &arena, &t,
                                 &message);
        must(other == rc || other == TRACKER_NOMEM);

        memory_free(&memory);
    }

    json_decref(steps);

    return 0;
}
