/*
 * Merge patches: decoded, as a small and as a large body, and applied.  With
 * -DTRACKER_NO_READER, too: then jansson reads every body.
 */


#include "json/record.h"
#include "json/jansson.h"
#include "tap.h"


#define ID     "4503599627370496"
#define LARGE  TRACKER_DECODE_LARGE

#define FULL   "\"description\":\"d\",\"categories\":[\"c\"],"                 \
               "\"languages\":[],\"vocabulary\":[\"v\",\"w\"]"

/* of a tracker with all fields, and of one with none that is optional */

#define ALL    "{\"id\":\"" ID "\",\"name\":\"n\"," FULL "}"
#define FEW    "{\"id\":\"" ID "\",\"name\":\"n\",\"vocabulary\":[\"v\"]}"


typedef struct {
    const char  *record;
    const char  *merge;
    const char  *expected;           /* a record or a message */
    const char  *pointer;            /* of the message; NULL: it has none */
} case_t;


static tap_arena_t          memory;
static tracker_arena_t      arena = { tap_arena_alloc, &memory };
static tracker_limits_t     limits = { 0, 3, 1 };
static tracker_message_t    message;
static char                 text[2 * LARGE], shown[1024];

static const tracker_str_t  id = tracker_str(ID);


static const case_t  cases[] = {
    { ALL, "{ }", ALL, NULL },
    { ALL, "{ \"name\":\"m\"}", "{\"id\":\"" ID "\",\"name\":\"m\"," FULL "}",
      NULL },
    { ALL, "{ \"description\":null}", "{\"id\":\"" ID "\",\"name\":\"n\","
      "\"categories\":[\"c\"],\"languages\":[],\"vocabulary\":[\"v\",\"w\"]}",
      NULL },
    { ALL, "{ \"vocabulary\":[\"v\"],\"categories\" : null ,\"languages\":null,"
      "\"description\":null}", FEW, NULL },
    { FEW, "{ \"description\":null,\"categories\":null}", FEW, NULL },
    { FEW, "{ \"languages\":[],\"description\":\"d\",\"categories\":[\"c\"],"
      "\"vocabulary\":[\"v\",\"w\"]}", ALL, NULL },
    { ALL, "{ \"vocabulary\":[\"\\u0077\",\"x\"]}", "{\"id\":\"" ID "\","
      "\"name\":\"n\",\"description\":\"d\",\"categories\":[\"c\"],"
      "\"languages\":[],\"vocabulary\":[\"w\",\"x\"]}", NULL },
    { ALL, "{ \"description\":\"\",\"categories\":[\"\",\"\"]}", "{\"id\":\"" ID
      "\",\"name\":\"n\",\"description\":\"\",\"categories\":[\"\",\"\"],"
      "\"languages\":[],\"vocabulary\":[\"v\",\"w\"]}", NULL },
    { ALL, "{ \"id\":\"" ID "\"}", ALL, NULL },
    { ALL, "{ \"createdAt\":\"x\",\"updatedAt\":\"y\"}", ALL, NULL },

    { ALL, "{ \"name\":null}", "\"name\" must not be null, it cannot be removed",
      "/name" },
    { ALL, "{ \"vocabulary\":null}",
      "\"vocabulary\" must not be null, it cannot be removed", "/vocabulary" },
    { ALL, "{ \"updatedAt\":null}", "\"updatedAt\" must not be null, it cannot "
      "be removed", "/updatedAt" },
    { ALL, "{ \"id\":null}", "\"id\" must not be null, it cannot be removed",
      "/id" },
    { ALL, "{ \"id\":\"4503599627370497\"}", "\"id\" must be the id of the path",
      "/id" },
    { ALL, "{ \"name\":\"\"}", "\"name\" is not allowed to be empty", "/name" },
    { ALL, "{ \"vocabulary\":[]}", "\"vocabulary\" is not allowed to be empty",
      "/vocabulary" },
    { ALL, "{ \"vocabulary\":[\"a\",\"b\",\"a\"]}",
      "\"vocabulary[2]\" contains a duplicate value", "/vocabulary/2" },
    { ALL, "{ \"vocabulary\":[\"a\",\"b\",\"c\",\"d\"]}",
      "\"vocabulary\" must contain at most 3 phrases, found 4", "/vocabulary" },
    { ALL, "{ \"vocabulary\":\"a\"}", "\"vocabulary\" must be an array",
      "/vocabulary" },
    { ALL, "{ \"vocabulary\":[null]}", "\"vocabulary[0]\" must be a string",
      "/vocabulary/0" },
    { ALL, "{ \"vocabulary\":{}}", "\"vocabulary\" must be an array",
      "/vocabulary" },
    { ALL, "{ \"description\":{\"a\":null}}", "\"description\" must be a string",
      "/description" },
    { ALL, "{ \"description\":false}", "\"description\" must be a string",
      "/description" },
    { ALL, "{ \"other\":null}", "\"other\" is not allowed", "/other" },
    { ALL, "{ \"other\":1}", "\"other\" is not allowed", "/other" },
    { ALL, "[ {\"op\":\"remove\"}]", "Request body must be an object.", "" },
    { ALL, "[ ]", "Request body must be an object.", "" }
};


/* a column is that of jansson, which decides about small bodies */

static const struct {
    const char  *merge;
    const char  *words;
    size_t       column;
} broken[] = {
    { "{ \"name\":nul}", "Invalid JSON", 12 },
    { "{ \"description\":nullx}", "Invalid JSON", 21 },
    { "{ \"description\":Null}", "Invalid JSON", 20 },
    { "{ \"description\":null,}", "Invalid JSON", 22 },
    { "{ \"description\":null", "Invalid JSON", 20 },
    { "{ \"description\":null}x", "Invalid JSON", 22 },
    { "{ \"description\":null,\"description\":null}", "Duplicate key", 34 },
    { "{ \"description\":\"d\",\"description\":null}", "Duplicate key", 33 },
    { "{ \"description\":null,\"description\":\"d\"}", "Duplicate key", 34 },
    { "{ \"languages\":[],\"languages\":null}", "Duplicate key", 28 },
    { "{ \"languages\":null,\"languages\":[]}", "Duplicate key", 30 }
};


/* a merge with so many blanks behind its first byte; its length */

static size_t
pad(const char *merge, size_t blanks)
{
    size_t  n;

    n = strlen(merge);

    text[0] = merge[0];
    memset(text + 1, ' ', blanks);
    memcpy(text + 1 + blanks, merge + 1, n - 1);

    return n + blanks;
}


/* a block of its own size: the sanitizer sees a byte too many */

static tracker_rc_e
merge_to(tracker_t *t, size_t len)
{
    char             *block;
    tracker_rc_e      rc;
    tracker_merge_t   merge;

    block = tap_arena_alloc(&memory, len);
    if (block == NULL) {
        return TRACKER_NOMEM;
    }

    memcpy(block, text, len);

    rc = tracker_decode_merge(block, len, &id, &arena, &merge, &message);

    return rc == TRACKER_OK
           ? tracker_merge_apply(t, &merge, &limits, &arena, &message) : rc;
}


static void
show(const tracker_t *t)
{
    *tracker_json_write(shown, t) = '\0';
}


static void
test_cases(void)
{
    size_t         i, k, len;
    tracker_t      t;
    tracker_rc_e   rc;
    const case_t  *c;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];

        for (k = 0; k < 2; k++) {
            tap_arena_reset(&memory, 0);
            len = pad(c->merge, k * LARGE);

            (void) tracker_decode_record(c->record, strlen(c->record), &arena,
                                         &t);
            rc = merge_to(&t, len);
            show(&t);

            if (c->expected[0] == '{') {
                ok(rc == TRACKER_OK, "%s is applied", c->merge);
                is(shown, strlen(shown), c->expected, c->merge);
                continue;
            }

            ok(rc == TRACKER_INVALID, "%s is refused", c->merge);
            is(message.data, message.len, c->expected, c->merge);
            is(shown, strlen(shown), c->record, "nothing has changed");
            ok(message.pointed, "it has a place");
            is(message.pointer, message.pointer_len, c->pointer, c->merge);
        }
    }
}


static void
test_broken(void)
{
    char          expected[80];
    size_t        i, k, len;
    tracker_t     t;
    tracker_rc_e  rc;

    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {

        for (k = 0; k < 2; k++) {
            tap_arena_reset(&memory, 0);
            len = pad(broken[i].merge, k * LARGE);

            (void) tracker_decode_record(ALL, sizeof(ALL) - 1, &arena, &t);
            rc = merge_to(&t, len);

            ok(rc == TRACKER_INVALID, "%s is refused", broken[i].merge);

            if (k == 0) {
                snprintf(expected, sizeof(expected), "%s at line 1 column %zu.",
                         broken[i].words, broken[i].column);
                is(message.data, message.len, expected, broken[i].merge);
                ok(!message.pointed, "it has no place");
            }
        }
    }
}


static void
test_no_memory(void)
{
    size_t        n, len, wrong;
    tracker_t     t;
    tracker_rc_e  rc;

    static tap_arena_t      stored;
    static tracker_arena_t  record = { tap_arena_alloc, &stored };

    tap_arena_reset(&stored, 0);
    (void) tracker_decode_record(ALL, sizeof(ALL) - 1, &record, &t);

    len = pad("{ \"name\":\"\\n\",\"vocabulary\":[\"a\"]}", 0);
    wrong = 0;

    for (n = 1; ; n++) {
        tap_arena_reset(&memory, n);

        rc = merge_to(&t, len);

        if (memory.memory.calls < n) {
            break;
        }

        wrong += rc != TRACKER_NOMEM;
    }

    ok(wrong == 0 && rc == TRACKER_OK && n > 3,
       "each of the arena's calls fails once");

    tap_arena_reset(&stored, 0);
}


int
main(void)
{
    test_cases();
    test_broken();
    test_no_memory();

    tap_arena_reset(&memory, 0);

    return tap_done();
}
