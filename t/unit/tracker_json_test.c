/* Bodies to trackers and back, every message, and memory that runs out. */


#include <jansson.h>

#include "json/record.h"
#include "json/jansson.h"
#include "json/string.h"
#include "tap.h"


#define OBJECT  TRACKER_JSON_OBJECT
#define ARRAY   TRACKER_JSON_ARRAY
#define EITHER  TRACKER_JSON_EITHER

#define body(literal)  sizeof(literal) - 1, literal
#define record(literal)  literal, sizeof(literal) - 1


typedef struct {
    tracker_json_shape_e   shape;
    size_t                 len;
    const char            *data;
    const char            *message;
} fault_t;


static tap_arena_t        memory;
static tracker_arena_t    arena = { tap_arena_alloc, &memory };
static tracker_limits_t   limits = { 0, 0, 1 };
static tracker_message_t  message;
static tracker_set_t      set;

static tap_memory_t       jansson;


/* the module never sets these: they are the process's */

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


static const fault_t  faults[] = {

    /* not JSON */

    { OBJECT, body("{\"name\":\n  \"x\",}"),
      "Invalid JSON at line 2 column 7." },
    { OBJECT, body("{"), "Invalid JSON at line 1 column 1." },
    { OBJECT, body(" "), "Invalid JSON at line 1 column 1." },
    { OBJECT, body("\"x\""), "Invalid JSON at line 1 column 3." },
    { OBJECT, body("17"), "Invalid JSON at line 1 column 2." },
    { OBJECT, body("null"), "Invalid JSON at line 1 column 4." },
    { OBJECT, body("{} x"), "Invalid JSON at line 1 column 4." },
    { OBJECT, body("{}{}"), "Invalid JSON at line 1 column 3." },
    { OBJECT, body("\xef\xbb\xbf{}"), "Invalid JSON at line 1 column 1." },
    { OBJECT, body("{\"name\":\"a\0b\"}"),
      "Invalid JSON at line 1 column 10." },
    { OBJECT, body("{}\0"), "Invalid JSON at line 1 column 3." },

    /* a NUL where jansson has looked one byte ahead */

    { ARRAY, body("[1\0]"), "Invalid JSON at line 1 column 3." },
    { ARRAY, body("[1\0"), "Invalid JSON at line 1 column 3." },
    { ARRAY, body("[1\0\0\0]"), "Invalid JSON at line 1 column 3." },
    { ARRAY, body("[1\0,2]"), "Invalid JSON at line 1 column 3." },
    { ARRAY, body("[1\0002]"), "Invalid JSON at line 1 column 3." },
    { ARRAY, body("[0\0]"), "Invalid JSON at line 1 column 3." },
    { ARRAY, body("[-7\0]"), "Invalid JSON at line 1 column 4." },
    { ARRAY, body("[1.5\0]"), "Invalid JSON at line 1 column 5." },
    { ARRAY, body("[1e5\0]"), "Invalid JSON at line 1 column 5." },
    { ARRAY, body("[true\0]"), "Invalid JSON at line 1 column 6." },
    { ARRAY, body("[false\0]"), "Invalid JSON at line 1 column 7." },
    { ARRAY, body("[null\0]"), "Invalid JSON at line 1 column 6." },
    { ARRAY, body("[nul\0l]"), "Invalid JSON at line 1 column 4." },
    { ARRAY, body("[\n1\0]"), "Invalid JSON at line 2 column 2." },
    { ARRAY, body("[1\n\0]"), "Invalid JSON at line 2 column 1." },
    { ARRAY, body("[\"\xc3\xa9\",1\0]"),
      "Invalid JSON at line 1 column 7." },
    { OBJECT, body("{\"name\":1\0}"), "Invalid JSON at line 1 column 10." },
    { OBJECT, body("{\"name\":1\0,}"), "Invalid JSON at line 1 column 10." },

    /* what is bad before it is named */

    { ARRAY, body("[1,,1\0]"), "Invalid JSON at line 1 column 4." },
    { OBJECT, body("{\"a\":1,\"a\":1\0}"),
      "Duplicate key at line 1 column 10." },
    { OBJECT, body("{\"name\":\"\\u0000\"}"),
      "Invalid JSON at line 1 column 16." },
    { OBJECT, body("{\"a\\u0000\":1}"),
      "Invalid JSON at line 1 column 10." },
    { OBJECT, body("{\"name\":\"\xff\"}"), "Invalid JSON at line 1 column 9." },
    { OBJECT, body("{\"name\":\"\xc0\xaf\"}"),
      "Invalid JSON at line 1 column 9." },
    { OBJECT, body("{\"name\":\"\xed\xa0\x80\"}"),
      "Invalid JSON at line 1 column 9." },
    { OBJECT, body("{\"name\":\"\xe2\x82"),
      "Invalid JSON at line 1 column 9." },
    { OBJECT, body("{\"name\":\"\\ud83d\"}"),
      "Invalid JSON at line 1 column 16." },
    { OBJECT, body("{\"name\":\"\\ude00\\ud83d\"}"),
      "Invalid JSON at line 1 column 22." },
    { OBJECT, body("{\"name\":\"a\nb\"}"),
      "Invalid JSON at line 1 column 10." },
    { OBJECT, body("{\"name\":1e999}"), "Invalid JSON at line 1 column 13." },
    { OBJECT, body("{\"name\":99999999999999999999}"),
      "Invalid JSON at line 1 column 28." },
    { OBJECT, body("{'name':1}"), "Invalid JSON at line 1 column 2." },
    { OBJECT, body("{\"name\":NaN}"), "Invalid JSON at line 1 column 11." },
    { OBJECT, body("{\"\xf0\x9f\x98\x80\xc3\xa9\":x}"),
      "Invalid JSON at line 1 column 7." },

    { OBJECT, body("{\"name\":\"x\",\n\"name\":\"x\"}"),
      "Duplicate key at line 2 column 6." },
    { OBJECT, body("{\"name\":\"x\",\"n\\u0061me\":\"x\"}"),
      "Duplicate key at line 1 column 23." },
    { ARRAY, body("[{\"name\":{\"a\":1,\"a\":2}}]"),
      "Duplicate key at line 1 column 19." },

    /* the wrong shape */

    { OBJECT, body("[]"), "Request body must be an object." },
    { OBJECT, body("[{\"name\":\"x\",\"vocabulary\":[\"a\"]}]"),
      "Request body must be an object." },
    { ARRAY, body("{}"), "Request body must be an array." },
    { EITHER, body("[]"), "Request body must not be empty." },
    { ARRAY, body("[]"), "Request body must not be empty." },
    { ARRAY, body("[1]"), "\"[0]\" must be an object" },
    { ARRAY, body("[[]]"), "\"[0]\" must be an object" },
    { ARRAY, body("[{\"name\":\"x\",\"vocabulary\":[\"a\"]},\"x\"]"),
      "\"[1]\" must be an object" },
    { ARRAY, body("[null]"), "\"[0]\" must be an object" },

    /* keys */

    { OBJECT, body("{}"), "\"name\" is required" },
    { OBJECT, body("{\"vocabulary\":[\"a\"]}"), "\"name\" is required" },
    { OBJECT, body("{\"name\":\"x\"}"), "\"vocabulary\" is required" },
    { ARRAY, body("[{}]"), "\"[0].name\" is required" },
    { ARRAY, body("[{\"name\":\"x\"}]"), "\"[0].vocabulary\" is required" },
    { OBJECT, body("{\"foo\":1}"), "\"foo\" is not allowed" },
    { OBJECT, body("{\"\":1}"), "\"\" is not allowed" },
    { OBJECT, body("{\"id\":\"4503599627370496\"}"), "\"id\" is not allowed" },
    { OBJECT, body("{\"updatedAt\":\"x\"}"), "\"updatedAt\" is not allowed" },
    { OBJECT, body("{\"Name\":\"x\"}"), "\"Name\" is not allowed" },
    { OBJECT, body("{\"a\\\"b\":\"x\"}"), "\"a\"b\" is not allowed" },
    { ARRAY, body("[{\"name\":\"x\",\"vocabulary\":[\"a\"]},"
                  "{\"foo\":[]}]"), "\"[1].foo\" is not allowed" },

    /* types */

    { OBJECT, body("{\"name\":1}"), "\"name\" must be a string" },
    { OBJECT, body("{\"name\":null}"), "\"name\" must be a string" },
    { OBJECT, body("{\"name\":[\"x\"]}"), "\"name\" must be a string" },
    { OBJECT, body("{\"description\":null}"),
      "\"description\" must be a string" },
    { OBJECT, body("{\"description\":{}}"),
      "\"description\" must be a string" },
    { OBJECT, body("{\"categories\":\"x\"}"),
      "\"categories\" must be an array" },
    { OBJECT, body("{\"categories\":null}"),
      "\"categories\" must be an array" },
    { OBJECT, body("{\"categories\":[\"x\",true]}"),
      "\"categories[1]\" must be a string" },
    { OBJECT, body("{\"languages\":{}}"), "\"languages\" must be an array" },
    { OBJECT, body("{\"languages\":[[]]}"),
      "\"languages[0]\" must be a string" },
    { OBJECT, body("{\"vocabulary\":\"x\"}"),
      "\"vocabulary\" must be an array" },
    { OBJECT, body("{\"vocabulary\":[\"a\",\"b\",\"c\",1.5]}"),
      "\"vocabulary[3]\" must be a string" },
    { ARRAY, body("[{\"name\":\"x\",\"vocabulary\":[\"a\"]},"
                  "{\"name\":\"y\",\"vocabulary\":[\"a\"]},"
                  "{\"name\":\"z\",\"vocabulary\":[\"a\",\"b\",\"c\",{}]}]"),
      "\"[2].vocabulary[3]\" must be a string" },
    { ARRAY, body("[{\"name\":2}]"), "\"[0].name\" must be a string" },
    { ARRAY, body("[{\"vocabulary\":2}]"),
      "\"[0].vocabulary\" must be an array" },

    /* contents */

    { OBJECT, body("{\"name\":\"\",\"vocabulary\":[\"a\"]}"),
      "\"name\" is not allowed to be empty" },
    { OBJECT, body("{\"name\":\"x\",\"vocabulary\":[]}"),
      "\"vocabulary\" is not allowed to be empty" },
    { OBJECT, body("{\"name\":\"x\",\"vocabulary\":[\"a\",\"b\",\"\"]}"),
      "\"vocabulary[2]\" is not allowed to be empty" },
    { OBJECT, body("{\"name\":\"x\",\"vocabulary\":[\"A\",\"b\","
                   "\"\\u0041\"]}"),
      "\"vocabulary[2]\" contains a duplicate value" },
    { OBJECT, body("{\"name\":\"x\",\"vocabulary\":[\"\xf0\x9f\x98\x80\","
                   "\"\\ud83d\\ude00\"]}"),
      "\"vocabulary[1]\" contains a duplicate value" },
    { EITHER, body("[{\"name\":\"x\",\"vocabulary\":[\"a\",\"a\"]}]"),
      "\"[0].vocabulary[1]\" contains a duplicate value" },
    { EITHER, body("[{\"name\":\"x\",\"vocabulary\":[\"a\"]},"
                   "{\"name\":\"x\",\"vocabulary\":[]}]"),
      "\"[1].vocabulary\" is not allowed to be empty" },
};


/* the body in a block of its own size: no byte behind it may be read */

static tracker_rc_e
decode(tracker_json_shape_e shape, const char *data, size_t len)
{
    char          *copy;
    tracker_rc_e   rc;

    copy = malloc(len);
    if (copy == NULL) {
        exit(1);
    }

    memcpy(copy, data, len);
    message.len = 0;

    rc = tracker_jansson_trackers(copy, len, shape, NULL, &limits, &arena,
                                  &set, &message);

    /* nor may anything in set point into it */

    memset(copy, 0, len);
    free(copy);

    return rc;
}


static void
test_faults(void)
{
    size_t         i;
    const fault_t  *f;

    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        f = &faults[i];

        tap_arena_reset(&memory, 0);

        if (decode(f->shape, f->data, f->len) != TRACKER_INVALID) {
            message.len = 0;
        }

        is(message.data, message.len, f->message, f->message);
    }

    ok(jansson.live == 0, "no tree outlives a fault");
}


static void
test_limits(void)
{
    char    text[400], *p;
    size_t  i;

    limits.max_bulk = 10;

    p = text + sprintf(text, "[");

    for (i = 0; i < 11; i++) {
        p += sprintf(p, "%s{}", i ? "," : "");
    }

    p += sprintf(p, "]");

    tap_arena_reset(&memory, 0);
    decode(ARRAY, text, p - text);
    is(message.data, message.len,
       "Request body must contain at most 10 trackers, found 11.",
       "a bulk over the limit, before its trackers are looked at");
    ok(memory.memory.calls <= 1, "and before memory is taken for them");

    limits.max_bulk = 11;
    decode(ARRAY, text, p - text);
    is(message.data, message.len, "\"[0].name\" is required",
       "a bulk as large as the limit");

    limits.max_bulk = 1;
    decode(ARRAY, text, p - text);
    is(message.data, message.len,
       "Request body must contain at most 1 tracker, found 11.",
       "a limit of one is singular");

    limits.max_bulk = 0;
}


static void
test_long_keys(void)
{
    char    text[400], key[304], expected[400];
    size_t  i;

    key[0] = '\0';

    for (i = 0; i < 100; i++) {
        strcat(key, "\xe2\x82\xac");
    }

    sprintf(text, "{\"%s\":1}", key);
    sprintf(expected, "\"%s\" is not allowed", key);
    decode(OBJECT, text, strlen(text));
    is(message.data, message.len, expected, "a key of 100 characters");

    sprintf(text, "{\"%s\xc3\xa9\":1}", key);
    sprintf(expected, "\"%s...\" is not allowed", key);
    decode(OBJECT, text, strlen(text));
    is(message.data, message.len, expected, "a key of 101 is cut");
}


static void
test_deep(void)
{
    char    *text;
    size_t  n;

    n = 1048576;
    text = malloc(n);
    if (text == NULL) {
        exit(1);
    }

    memset(text, '[', n);
    ok(decode(ARRAY, text, n) == TRACKER_INVALID, "a megabyte of [");
    is(message.data, message.len, "Invalid JSON at line 1 column 2049.",
       "ends at jansson's limit of depth");

    free(text);
}


static void
test_repeated(void)
{
    static const char  data[] = "[{\"name\":\"A\",\"vocabulary\":[\"a\"]},"
                                "{\"name\":\"B\",\"vocabulary\":[\"a\"]},"
                                "{\"name\":\"\\u0041\","
                                "\"vocabulary\":[\"b\"]}]";

    tap_arena_reset(&memory, 0);
    ok(decode(EITHER, data, sizeof(data) - 1) == TRACKER_REPEATED,
       "a name twice in one bulk");
    is(message.data, message.len,
       "\"[2].name\" repeats the name of \"[0]\".", "says where");
    ok(set.n == 3 && set.bulk && set.elts[1].name.len == 1
       && set.elts[1].name.data[0] == 'B', "and leaves the trackers");
}


/* what decode and write make of a body: the record with a fixed id */

static void
is_record(const char *data, size_t len, const char *expected,
    const char *title)
{
    char       *p, *end;
    size_t      n;
    tracker_t  *t;

    tap_arena_reset(&memory, 0);

    if (decode(OBJECT, data, len) != TRACKER_OK) {
        is(message.data, message.len, "", title);
        return;
    }

    t = &set.elts[0];
    t->id.data = "4503599627370496";
    t->id.len = TRACKER_ID_LEN;

    n = tracker_json_length(t);

    p = malloc(n);
    if (p == NULL) {
        exit(1);
    }

    end = tracker_json_write(p, t);

    is(p, end - p, expected, title);
    ok((size_t) (end - p) == n && set.n == 1 && !set.bulk,
       "its length was known");

    free(p);
}


static void
test_records(void)
{
    is_record(record("{\"name\":\"COVID-19\",\"vocabulary\":[\"covid\","
                    "\"cover your mouth\"]}"),
              "{\"id\":\"4503599627370496\",\"name\":\"COVID-19\","
              "\"vocabulary\":[\"covid\",\"cover your mouth\"]}",
              "only the keys that were sent");

    is_record(record(" {\"vocabulary\":[\"b\",\"a\"],\"languages\":[\"en\","
                    "\"en\",\"\"],\"categories\":[],\"description\":\"\","
                    "\"name\":\" x \"}\n"),
              "{\"id\":\"4503599627370496\",\"name\":\" x \","
              "\"description\":\"\",\"categories\":[],"
              "\"languages\":[\"en\",\"en\",\"\"],"
              "\"vocabulary\":[\"b\",\"a\"]}",
              "all keys in their order, empty ones and repeats kept");

    is_record(record("{\"name\":\"\\u0001\\b\\f\\n\\r\\t\\u001f\\u007f\\/"
                    "\\\"\\\\\\u00e9\\ud83d\\ude00\\u2028\\uffff\","
                    "\"vocabulary\":[\"\\u000b\"]}"),
              "{\"id\":\"4503599627370496\","
              "\"name\":\"\\u0001\\b\\f\\n\\r\\t\\u001f\x7f/"
              "\\\"\\\\\xc3\xa9\xf0\x9f\x98\x80\xe2\x80\xa8\xef\xbf\xbf\","
              "\"vocabulary\":[\"\\u000b\"]}",
              "only what JSON demands is escaped");
}


/* each byte at each place of strings around the width of the scan */

static void
test_strings(void)
{
    char    text[24], expected[160], *p, *out;
    size_t  len, at, wrong, n;
    int     c;

    static const char  escapes[] = "btn_fr";

    wrong = 0;

    for (len = 1; len <= 24; len++) {
        for (at = 0; at < len; at++) {
            for (c = 0; c < 256; c++) {
                memset(text, 'z', len);
                text[at] = c;

                p = expected;
                p += sprintf(p, "\"%.*s", (int) at, "zzzzzzzzzzzzzzzzzzzzzzzz");

                if (c == '"' || c == '\\') {
                    p += sprintf(p, "\\%c", c);

                } else if (c >= 8 && c <= 13 && c != 11) {
                    p += sprintf(p, "\\%c", escapes[c - 8]);

                } else if (c < 32) {
                    p += sprintf(p, "\\u%04x", c);

                } else {
                    *p++ = c;
                }

                p += sprintf(p, "%.*s\"", (int) (len - at - 1),
                             "zzzzzzzzzzzzzzzzzzzzzzzz");

                n = tracker_json_string_length(text, len);

                out = malloc(n);
                if (out == NULL) {
                    exit(1);
                }

                wrong += n != (size_t) (p - expected)
                         || tracker_json_string_write(out, text, len)
                            != out + n
                         || memcmp(out, expected, n) != 0;

                free(out);
            }
        }
    }

    ok(wrong == 0, "every byte at every place, %zu wrong", wrong);

    memset(text, 0, sizeof(text));
    ok(tracker_json_string_length(text, 24) == 24 * 6 + 2,
       "nothing but escapes");
    ok(tracker_json_string_length(NULL, 0) == 2, "the empty string");
}


/* the n-th allocation fails, for every n: no leak, no other verdict */

static const char  hungry[] =
    "[{\"name\":\"A\",\"description\":\"\",\"categories\":[],"
    "\"languages\":[\"en\"],\"vocabulary\":[\"a\",\"b\",\"c\",\"d\",\"e\","
    "\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\",\"m\",\"n\",\"o\",\"p\","
    "\"q\",\"r\",\"s\",\"t\",\"u\",\"v\",\"w\",\"x\",\"y\",\"z\",\"A\","
    "\"a phrase that is longer than the first buffer of jansson, so that "
    "the buffer has to grow more than once\"]},"
    "{\"name\":\"B\",\"vocabulary\":[\"\\u0041\"]}]";


static void
test_no_memory(void)
{
    size_t        n, wrong;
    tracker_rc_e  rc;

    wrong = 0;

    for (n = 1; ; n++) {
        tap_arena_reset(&memory, n);

        rc = decode(ARRAY, hungry, sizeof(hungry) - 1);

        if (memory.memory.calls < n) {
            break;
        }

        wrong += rc != TRACKER_NOMEM || jansson.live != 0;
    }

    ok(wrong == 0 && rc == TRACKER_OK,
       "each of %zu calls of the arena fails once", n - 1);

    wrong = 0;

    for (n = 1; ; n++) {
        tap_arena_reset(&memory, 0);
        tap_memory_reset(&jansson, n);

        rc = decode(ARRAY, hungry, sizeof(hungry) - 1);

        if (jansson.calls < n) {
            break;
        }

        wrong += rc != TRACKER_NOMEM || jansson.live != 0;
    }

    ok(wrong == 0 && rc == TRACKER_OK,
       "each of %zu calls of jansson's malloc fails once", n - 1);

    tap_memory_reset(&jansson, 0);
}


int
main(void)
{
    json_set_alloc_funcs(jansson_malloc, jansson_free);

    test_faults();
    test_limits();
    test_long_keys();
    test_deep();
    test_repeated();
    test_records();
    test_strings();
    test_no_memory();

    tap_arena_reset(&memory, 0);
    ok(memory.memory.live == 0 && jansson.live == 0, "nothing is left over");

    return tap_done();
}
