/* The bodies of PUT and PATCH, stored records, and memory that runs out. */


#include <jansson.h>

#include "json/record.h"
#include "json/jansson.h"
#include "tap.h"


#define ID      "4503599627370496"
#define HEAD    "{\"id\":\"" ID "\",\"name\":\"N\","
#define RECORD  HEAD "\"vocabulary\":[\"a\",\"b\",\"c\"]}"

#define body(literal)  sizeof(literal) - 1, literal


typedef struct {
    size_t         len;
    const char    *data;
    const char    *expected;
} case_t;


static tap_arena_t          memory;
static tracker_arena_t      arena = { tap_arena_alloc, &memory };
static tracker_limits_t     limits = { 0, 0, 1 };
static tracker_message_t    message;
static tracker_t            t;
static tracker_patch_t      patch;

static tap_memory_t         jansson;

static const tracker_str_t  id = tracker_str(ID);


static void *
jansson_malloc(size_t size)
{
    return tap_alloc(&jansson, size);
}


static void
jansson_free(void *p)
{
    tap_free(&jansson, p);
}


/*
 * The three decoders behind one call, which each test gives its text in a
 * block of its own size: no byte behind it may be read, nor kept.
 */

typedef tracker_rc_e (*decode_t)(const char *data, size_t len);


static tracker_rc_e
decode_change(const char *data, size_t len)
{
    tracker_rc_e   rc;
    tracker_set_t  set;

    rc = tracker_jansson_trackers(data, len, TRACKER_JSON_OBJECT, &id, &limits,
                                  &arena, &set, &message);
    if (rc == TRACKER_OK) {
        t = set.elts[0];
    }

    return rc;
}


static tracker_rc_e
decode_record(const char *data, size_t len)
{
    return tracker_jansson_record(data, len, &arena, &t);
}


static tracker_rc_e
decode_patch(const char *data, size_t len)
{
    return tracker_jansson_patch(data, len, &arena, &patch, &message);
}


static tracker_rc_e
decode(decode_t decoder, const char *data, size_t len)
{
    char          *copy;
    tracker_rc_e   rc;

    copy = malloc(len);
    if (copy == NULL) {
        exit(1);
    }

    memcpy(copy, data, len);
    message.len = 0;

    rc = decoder(copy, len);

    memset(copy, 0, len);
    free(copy);

    return rc;
}


/* the tracker as JSON, or the message */

static void
is_result(tracker_rc_e rc, const char *expected, const char *title)
{
    char    *p, *end;
    size_t   n;

    if (rc != TRACKER_OK) {
        is(message.data, rc == TRACKER_INVALID ? message.len : 0, expected,
           title);
        return;
    }

    n = tracker_json_length(&t);

    p = malloc(n);
    if (p == NULL) {
        exit(1);
    }

    end = tracker_json_write(p, &t);

    is(p, end - p, expected, title);
    ok((size_t) (end - p) == n, "its length was known");

    free(p);
}


static const case_t  changes[] = {

    { body("{\"name\":\"N\",\"vocabulary\":[\"a\"]}"),
      HEAD "\"vocabulary\":[\"a\"]}" },
    { body("{\"name\":\"N\",\"vocabulary\":[\"a\"],\"id\":\"" ID "\"}"),
      HEAD "\"vocabulary\":[\"a\"]}" },
    { body("{\"vocabulary\":[\"a\"],\"languages\":[],\"description\":\"\","
           "\"categories\":[\"\\u0041\"],\"name\":\"N\"}"),
      HEAD "\"description\":\"\",\"categories\":[\"A\"],\"languages\":[],"
      "\"vocabulary\":[\"a\"]}" },

    { body("{\"name\":\"N\",\"vocabulary\":[\"a\"],"
           "\"id\":\"4503599627370497\"}"),
      "\"id\" must be the id of the path" },
    { body("{\"name\":\"N\",\"vocabulary\":[\"a\"],"
           "\"id\":\"45035996273704960\"}"),
      "\"id\" must be the id of the path" },
    { body("{\"name\":\"N\",\"vocabulary\":[\"a\"],\"id\":\"\"}"),
      "\"id\" must be the id of the path" },
    { body("{\"name\":\"N\",\"vocabulary\":[\"a\"],"
           "\"id\":4503599627370496}"), "\"id\" must be a string" },
    { body("{\"name\":\"N\",\"vocabulary\":[\"a\"],\"id\":null}"),
      "\"id\" must be a string" },

    { body("[]"), "Request body must be an object." },
    { body("[" RECORD "]"), "Request body must be an object." },
    { body("{\"id\":\"" ID "\"}"), "\"name\" is required" },
    { body(HEAD "\"vocabulary\":[]}"),
      "\"vocabulary\" is not allowed to be empty" },
    { body(HEAD "\"vocabulary\":[\"a\",\"a\"]}"),
      "\"vocabulary[1]\" contains a duplicate value" },
    { body(HEAD "\"vocabulary\":[\"a\",1]}"),
      "\"vocabulary[1]\" must be a string" },
    { body(HEAD "\"vocabulary\":[\"a\"],\"deleted\":true}"),
      "\"deleted\" is not allowed" },
    { body("{\"id\":\"" ID "\",\"id\":\"" ID "\"}"),
      "Duplicate key at line 1 column 29." },
    { body("{"), "Invalid JSON at line 1 column 1." },
};


static void
test_changes(void)
{
    size_t        i;
    tracker_rc_e  rc;

    for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        tap_arena_reset(&memory, 0);

        rc = decode(decode_change, changes[i].data, changes[i].len);

        is_result(rc, changes[i].expected, changes[i].expected);
    }

    limits.max_phrases = 2;

    rc = decode(decode_change, RECORD, sizeof(RECORD) - 1);
    is_result(rc, "\"vocabulary\" must contain at most 2 phrases, found 3",
              "limits hold for a change");

    rc = decode(decode_record, RECORD, sizeof(RECORD) - 1);
    is_result(rc, RECORD, "they do not for a record");

    limits.max_phrases = 0;
}


static const case_t  records[] = {

    { body(RECORD), RECORD },
    { body(HEAD "\"description\":\"\",\"categories\":[],"
           "\"languages\":[\"\",\"\"],\"vocabulary\":[\"\\u0001\"]}"),
      HEAD "\"description\":\"\",\"categories\":[],"
           "\"languages\":[\"\",\"\"],\"vocabulary\":[\"\\u0001\"]}" },

    { body(""), NULL },
    { body("{"), NULL },
    { body("{}"), NULL },
    { body("[]"), NULL },
    { body("[" RECORD "]"), NULL },
    { body("17"), NULL },
    { body(RECORD RECORD), NULL },
    { body("{\"name\":\"N\",\"vocabulary\":[\"a\"]}"), NULL },
    { body("{\"id\":\"\",\"name\":\"N\",\"vocabulary\":[\"a\"]}"), NULL },
    { body("{\"id\":\"450359962737049\",\"name\":\"N\","
           "\"vocabulary\":[\"a\"]}"), NULL },
    { body("{\"id\":\"450359962737049x\",\"name\":\"N\","
           "\"vocabulary\":[\"a\"]}"), NULL },
    { body("{\"id\":" ID ",\"name\":\"N\",\"vocabulary\":[\"a\"]}"), NULL },
    { body("{\"id\":\"" ID "\",\"vocabulary\":[\"a\"]}"), NULL },
    { body("{\"id\":\"" ID "\",\"name\":\"\",\"vocabulary\":[\"a\"]}"),
      NULL },
    { body("{\"id\":\"" ID "\",\"name\":1,\"vocabulary\":[\"a\"]}"), NULL },
    { body("{\"id\":\"" ID "\",\"name\":\"N\"}"), NULL },
    { body(HEAD "\"vocabulary\":[]}"), NULL },
    { body(HEAD "\"vocabulary\":\"a\"}"), NULL },
    { body(HEAD "\"vocabulary\":[1]}"), NULL },
    { body(HEAD "\"vocabulary\":[\"a\"],\"more\":1}"), NULL },
    { body(HEAD "\"vocabulary\":[\"a\0\"]}"), NULL },
    { body(HEAD "\"vocabulary\":[\"\xff\"]}"), NULL },
};


static void
test_records(void)
{
    size_t         i;
    tracker_rc_e   rc;
    const case_t  *c;

    for (i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        c = &records[i];

        tap_arena_reset(&memory, 0);

        rc = decode(decode_record, c->data, c->len);

        if (c->expected) {
            is_result(rc, c->expected, "a record reads back as it was");
            continue;
        }

        ok(rc == TRACKER_INVALID, "no record: %s", c->data);
    }
}


#define NO_PATH                                                               \
    " must be one of \"/name\", \"/description\", \"/categories\", "          \
    "\"/languages\", \"/vocabulary\", \"/vocabulary/-\", "                    \
    "\"/vocabulary/INDEX\""

/* applied to RECORD */

static const case_t  patches[] = {

    { body("[{\"op\":\"replace\",\"path\":\"/description\","
           "\"value\":\"Updated Description\"}]"),
      HEAD "\"description\":\"Updated Description\","
      "\"vocabulary\":[\"a\",\"b\",\"c\"]}" },
    { body("[{\"op\":\"add\",\"path\":\"/vocabulary\",\"value\":\"d\"}]"),
      HEAD "\"vocabulary\":[\"a\",\"b\",\"c\",\"d\"]}" },
    { body("[{\"op\":\"replace\",\"path\":\"/vocabulary\",\"value\":\"d\"},"
           "{\"op\":\"add\",\"path\":\"/languages\",\"value\":\"en\"},"
           "{\"op\":\"test\",\"path\":\"/languages\",\"value\":[\"\\u0065n\"]},"
           "{\"op\":\"add\",\"path\":\"/languages\",\"value\":\"\"},"
           "{\"op\":\"replace\",\"path\":\"/categories\",\"value\":\"c\"}]"),
      HEAD "\"categories\":[\"c\"],\"languages\":[\"en\",\"\"],"
      "\"vocabulary\":[\"d\"]}" },
    { body("[{\"op\":\"add\",\"path\":\"/vocabulary\","
           "\"value\":[\"d\",\"e\"]}]"),
      HEAD "\"vocabulary\":[\"d\",\"e\"]}" },
    { body("[{\"value\":\"d\",\"path\":\"/vocabulary/-\",\"op\":\"add\"},"
           "{\"value\":\"\\u0065\",\"path\":\"\\/vocabulary\\/0\","
           "\"op\":\"\\u0061dd\"}]"),
      HEAD "\"vocabulary\":[\"e\",\"a\",\"b\",\"c\",\"d\"]}" },
    { body("[{\"op\":\"add\",\"path\":\"/categories\",\"value\":[]},"
           "{\"op\":\"add\",\"path\":\"/languages\","
           "\"value\":[\"en\",\"en\"]},"
           "{\"op\":\"remove\",\"path\":\"/vocabulary/1\"}]"),
      HEAD "\"categories\":[],\"languages\":[\"en\",\"en\"],"
      "\"vocabulary\":[\"a\",\"c\"]}" },
    { body("[{\"op\":\"remove\",\"path\":\"/vocabulary/1\",\"value\":[1]}]"),
      HEAD "\"vocabulary\":[\"a\",\"c\"]}" },
    { body("[{\"op\":\"replace\",\"path\":\"/vocabulary/1\",\"value\":\"d\","
           "\"from\":1,\"more\":{\"op\":2}}]"),
      HEAD "\"vocabulary\":[\"a\",\"d\",\"c\"]}" },

    /* the shape */

    { body("{}"), "Request body must be an array." },
    { body("{\"op\":\"remove\",\"path\":\"/description\"}"),
      "Request body must be an array." },
    { body("[]"), "Request body must not be empty." },
    { body("[1]"), "\"[0]\" must be an object" },
    { body("[{\"op\":\"remove\",\"path\":\"/categories\"},[]]"),
      "\"[1]\" must be an object" },
    { body("[{\"op\":\"add\",\"op\":\"add\"}]"),
      "Duplicate key at line 1 column 17." },
    { body("[{]"), "Invalid JSON at line 1 column 3." },

    /* operations and paths */

    { body("[{}]"), "\"[0].op\" is required" },
    { body("[{\"op\":1}]"), "\"[0].op\" must be a string" },
    { body("[{\"op\":\"\"}]"), "\"[0].op\" is not allowed to be empty" },
    { body("[{\"op\":\"add\"}]"), "\"[0].path\" is required" },
    { body("[{\"op\":\"add\",\"path\":0}]"), "\"[0].path\" must be a string" },
    { body("[{\"op\":\"add\",\"path\":\"\"}]"),
      "\"[0].path\" is not allowed to be empty" },
    { body("[{\"op\":\"remove\",\"path\":\"/categories\"},"
           "{\"op\":\"move\",\"from\":\"/name\",\"path\":\"/languages\"}]"),
      "\"[1].op\" must be one of \"add\", \"replace\", \"remove\", \"test\"" },
    { body("[{\"op\":\"remove\",\"path\":\"/categories\"},"
           "{\"op\":\"remove\",\"path\":\"/id\"}]"),
      "\"[1].path\"" NO_PATH },
    { body("[{\"op\":\"remove\",\"path\":\"/vocabulary/-\"}]"),
      "\"[0].path\" must have an index, \"-\" is for \"add\" only" },
    { body("[{\"op\":\"remove\",\"path\":\"/vocabulary/00\"}]"),
      "\"[0].path\" must have an index without leading zeros" },

    /* values */

    { body("[{\"op\":\"add\",\"path\":\"/name\"}]"),
      "\"[0].value\" is required" },
    { body("[{\"op\":\"remove\",\"path\":\"/categories\"},"
           "{\"op\":\"replace\",\"path\":\"/vocabulary/0\"}]"),
      "\"[1].value\" is required" },
    { body("[{\"op\":\"add\",\"path\":\"/name\",\"value\":null}]"),
      "\"[0].value\" must be a string" },
    { body("[{\"op\":\"replace\",\"path\":\"/description\",\"value\":[]}]"),
      "\"[0].value\" must be a string" },
    { body("[{\"op\":\"add\",\"path\":\"/categories\",\"value\":1}]"),
      "\"[0].value\" must be an array or a string" },
    { body("[{\"op\":\"test\",\"path\":\"/categories\",\"value\":\"x\"}]"),
      "\"[0].value\" must be an array" },
    { body("[{\"op\":\"add\",\"path\":\"/languages\","
           "\"value\":[\"x\",1]}]"), "\"[0].value[1]\" must be a string" },
    { body("[{\"op\":\"add\",\"path\":\"/vocabulary\",\"value\":{}}]"),
      "\"[0].value\" must be an array or a string" },
    { body("[{\"op\":\"add\",\"path\":\"/vocabulary/0\","
           "\"value\":[\"x\"]}]"), "\"[0].value\" must be a string" },
    { body("[{\"op\":\"add\",\"path\":\"/vocabulary/-\",\"value\":1}]"),
      "\"[0].value\" must be a string" },
};


static tracker_rc_e
decode_and_apply(const char *data, size_t len)
{
    tracker_rc_e  rc;

    rc = decode(decode_record, RECORD, sizeof(RECORD) - 1);

    if (rc == TRACKER_OK) {
        rc = decode(decode_patch, data, len);
    }

    if (rc == TRACKER_OK) {
        rc = tracker_patch_apply(&t, &patch, &limits, &arena, &message);
    }

    return rc;
}


static void
test_patches(void)
{
    size_t         i;
    tracker_rc_e   rc;
    const case_t  *c;

    for (i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {
        c = &patches[i];

        tap_arena_reset(&memory, 0);

        rc = decode_and_apply(c->data, c->len);

        is_result(rc, c->expected, c->expected);
    }

    ok(jansson.live == 0, "no tree outlives a call");
}


/* the n-th allocation fails, for every n: no leak, no other verdict */

static const char  hungry[] =
    "[{\"op\":\"add\",\"path\":\"/vocabulary\",\"value\":"
    "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\","
    "\"l\",\"m\",\"n\",\"o\",\"p\",\"q\",\"r\",\"s\",\"t\",\"u\",\"v\","
    "\"w\",\"x\",\"y\",\"z\",\"A\"]},"
    "{\"op\":\"add\",\"path\":\"/languages\",\"value\":[]},"
    "{\"op\":\"add\",\"path\":\"/vocabulary/3\",\"value\":\"B\"},"
    "{\"op\":\"add\",\"path\":\"/vocabulary\",\"value\":\"a phrase that is "
    "longer than the first buffer of jansson, so that the buffer has to grow "
    "more than once\"}]";


static void
test_no_memory(decode_t decoder, const char *data, size_t len,
    const char *title)
{
    size_t        n, wrong;
    tracker_rc_e  rc;

    wrong = 0;

    for (n = 1; ; n++) {
        tap_arena_reset(&memory, n);

        rc = decoder(data, len);

        if (memory.memory.calls < n) {
            break;
        }

        wrong += rc != TRACKER_NOMEM || jansson.live != 0;
    }

    ok(wrong == 0 && rc == TRACKER_OK,
       "%s: each of %zu calls of the arena fails once", title, n - 1);

    wrong = 0;

    for (n = 1; ; n++) {
        tap_arena_reset(&memory, 0);
        tap_memory_reset(&jansson, n);

        rc = decoder(data, len);

        if (jansson.calls < n) {
            break;
        }

        wrong += rc != TRACKER_NOMEM || jansson.live != 0;
    }

    ok(wrong == 0 && rc == TRACKER_OK,
       "%s: each of %zu calls of jansson's malloc fails once", title, n - 1);

    tap_memory_reset(&jansson, 0);
}


int
main(void)
{
    json_set_alloc_funcs(jansson_malloc, jansson_free);

    test_changes();
    test_records();
    test_patches();

    test_no_memory(decode_change, RECORD, sizeof(RECORD) - 1, "a change");
    test_no_memory(decode_record, RECORD, sizeof(RECORD) - 1, "a record");
    test_no_memory(decode_and_apply, hungry, sizeof(hungry) - 1, "a patch");

    tap_arena_reset(&memory, 0);
    ok(memory.memory.live == 0 && jansson.live == 0, "nothing is left over");

    return tap_done();
}
