/*
 * Any bytes as the body of a PATCH.  A second, simple PATCH works on
 * jansson's own trees; where the two disagree about what is wrong or about
 * what comes out, the fuzzer is stopped.
 */


#include "fuzz.h"

#include "tracker_decode.h"


/* once more, for which every body is large: the first fault ends it */

#undef TRACKER_DECODE_LARGE
#define TRACKER_DECODE_LARGE  1
#define tracker_decode_start   tracker_decode_large_start
#define tracker_decode_run     tracker_decode_large_run
#define tracker_decode_patch   tracker_decode_large_patch
#define tracker_decode_record  tracker_decode_large_record

#include "tracker_decode.c"

#undef tracker_decode_start
#undef tracker_decode_run
#undef tracker_decode_patch
#undef tracker_decode_record


#define ID  "4503599627370496"


typedef tracker_rc_e (*decode_pt)(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_patch_t *patch,
    tracker_message_t *message);


static const decode_pt  decoders[] = {
    tracker_json_decode_patch,
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


static int
patch_phrase(json_t *phrases, const char *op, const char *place,
    json_t *value)
{
    char    *end;
    size_t   n;

    n = json_array_size(phrases);

    if (strcmp(place, "-") == 0) {
        return strcmp(op, "add") == 0 && json_is_string(value)
               && json_array_append(phrases, value) == 0;
    }

    if (strspn(place, "0123456789") != strlen(place) || *place == '\0'
        || (place[0] == '0' && place[1]))
    {
        return 0;
    }

    n = strtoul(place, &end, 10);
    must(*end == '\0');

    if (strcmp(op, "remove") == 0) {
        return json_array_remove(phrases, n) == 0;
    }

    if (!json_is_string(value)) {
        return 0;
    }

    return strcmp(op, "add") == 0
               ? json_array_insert(phrases, n, value) == 0
               : json_array_set(phrases, n, value) == 0;
}


/* returns 1 when the operation can be done, and has been */

static int
patch_one(json_t *t, const json_t *step)
{
    int          list;
    json_t      *value;
    const char  *op, *path;

    op = json_string_value(json_object_get(step, "op"));
    path = json_string_value(json_object_get(step, "path"));
    value = json_object_get(step, "value");

    if (op == NULL || path == NULL) {
        return 0;
    }

    if (strcmp(op, "add") != 0 && strcmp(op, "replace") != 0
        && strcmp(op, "remove") != 0)
    {
        return 0;
    }

    if (strncmp(path, "/vocabulary/", 12) == 0) {
        return patch_phrase(json_object_get(t, "vocabulary"), op, path + 12,
                            value);
    }

    list = strcmp(path, "/categories") == 0
           || strcmp(path, "/languages") == 0
           || strcmp(path, "/vocabulary") == 0;

    if (!list && strcmp(path, "/name") != 0
        && strcmp(path, "/description") != 0)
    {
        return 0;
    }

    if (strcmp(op, "remove") == 0) {
        return json_object_del(t, path + 1) == 0;
    }

    /* what no tracker lacks must be there to be replaced */

    if (strcmp(op, "replace") == 0
        && (strcmp(path, "/name") == 0 || strcmp(path, "/vocabulary") == 0)
        && json_object_get(t, path + 1) == NULL)
    {
        return 0;
    }

    if (strcmp(path, "/vocabulary") == 0 && strcmp(op, "add") == 0
        && json_is_string(value))
    {
        return json_array_append(json_object_get(t, "vocabulary"), value)
               == 0;
    }

    if (list ? !all_strings(value) : !json_is_string(value)) {
        return 0;
    }

    /* a copy: the body keeps its list when phrases are added to this one */

    return json_object_set_new(t, path + 1, json_copy(value)) == 0;
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


/* what comes of record, NULL where the body is refused */

static json_t *
patch(const char *record, const json_t *steps)
{
    size_t   i;
    json_t  *t;

    t = json_loads(record, 0, NULL);
    must(t != NULL);

    for (i = 0; i < json_array_size(steps); i++) {
        if (!patch_one(t, json_array_get(steps, i))) {
            break;
        }
    }

    if (i == 0 || i < json_array_size(steps) || !valid(t)) {
        json_decref(t);
        return NULL;
    }

    return t;
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

        expected = patch(record, steps);

        if (expected) {
            must(rc == TRACKER_OK);
            check_result(&t, expected);

        } else {
            must(rc == TRACKER_INVALID);
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
