/*
 * All faults of a body that imports trackers: what is listed, and that the
 * strict reader and jansson list the same, in small bodies and in large ones.
 */


#include <jansson.h>

#include "json/jansson.h"
#include "json/reader.h"
#include "tracker/join.h"
#include "tap.h"


#define LARGE  TRACKER_DECODE_LARGE

/* of what random bodies are made of: the last ones, in lines only */
#define LINE_PARTS  10


typedef struct {
    const char  *body;
    const char  *expected;
} case_t;


static tap_arena_t             memory;
static tracker_arena_t         arena = { tap_arena_alloc, &memory };
static tracker_limits_t        limits = { 0, 0, 1 };
static tracker_message_t       message;
static tracker_set_t           set;
static tracker_report_t        report;

static const tracker_str_t     list = tracker_str("trackers");

/* how bodies are decoded: 1 lines, 2 lines that an end must follow */
static int                     lines;

/* allocations of the library */
static size_t                  library_calls;

static char                    text[1048576];
static char                    one[1048576], two[1048576];


/* a line for each fault, or what else became of it */

static void
print(char *p, tracker_rc_e rc)
{
    size_t               i;
    tracker_reported_t  *reported;

    *p = '\0';

    if (rc == TRACKER_OK) {
        sprintf(p, "%zu trackers%s", set.n, set.bulk ? ", array" : "");
        return;
    }

    if (rc == TRACKER_REPEATED) {
        sprintf(p, "repeated %.*s %.*s", (int) message.pointer_len,
                message.pointer, (int) message.len, message.data);
        return;
    }

    if (rc != TRACKER_INVALID) {
        sprintf(p, "rc %d", rc);
        return;
    }

    for (i = 0; i < report.n; i++) {
        reported = &report.elts[i];

        p += sprintf(p, "%s%.*s %.*s", i ? "\n" : "",
                     (int) reported->pointer.len, reported->pointer.data,
                     (int) reported->message.len, reported->message.data);
    }

    /* the message is the first one */

    if (report.n == 0
        || message.len != report.elts[0].message.len
        || memcmp(message.data, report.elts[0].message.data, message.len) != 0)
    {
        sprintf(p, " BUT %.*s", (int) message.len, message.data);
    }
}


static tracker_rc_e
decode(const char *data, size_t len, tracker_json_shape_e shape)
{
    char              *block;
    size_t             budget;
    tracker_rc_e       rc;
    tracker_decode_t  *decoder;

    /* of its own size: the sanitizer sees a byte too many */

    block = tap_arena_alloc(&memory, len);
    memcpy(block, data, len);

    decoder = lines
              ? tracker_decode_lines_start(block, len, lines == 2, &limits,
                                           &arena, &set, &report)
              : tracker_decode_import_start(block, len, shape, &limits, &arena,
                                            &set, &report);
    if (decoder == NULL) {
        return TRACKER_NOMEM;
    }

    do {
        budget = 1;
        rc = tracker_decode_run(decoder, &budget, &message);
    } while (rc == TRACKER_AGAIN);

    return rc;
}


/* as the decoder does it for what is left to the library */

static tracker_rc_e
library(const char *data, size_t len, tracker_json_shape_e shape)
{
    tracker_rc_e  rc;

    tracker_report_start(&report, &arena, &limits);

    if (lines) {
        report.lines.data = data;
        report.lines.len = len;

        rc = tracker_jansson_lines(data, len, lines == 2, &limits, &arena,
                                   &set, &report, &message);

    } else {
        rc = tracker_jansson_import(data, len, shape, &list, &limits, &arena,
                                    &set, &report, &message);
    }

    if (rc == TRACKER_INVALID && report.n == 0) {
        (void) tracker_report_add(&report, &message);
    }

    return rc;
}


static void
check(const char *body, const char *expected, tracker_json_shape_e shape)
{
    size_t  n;

    n = strlen(body);

    tap_arena_reset(&memory, 0);
    print(one, decode(body, n, shape));
    is(one, strlen(one), expected, n > 1 ? body : "a number");

    tap_arena_reset(&memory, 0);
    print(one, library(body, n, shape));
    is(one, strlen(one), expected, "the library");

    /* the same body, made large by blanks behind it */

    memcpy(text, body, n);
    memset(text + n, ' ', LARGE);

    tap_arena_reset(&memory, 0);
    print(one, decode(text, n + LARGE, shape));
    is(one, strlen(one), expected, "large");
}


static const case_t  cases[] = {
    { "[{\"name\":\"a\",\"vocabulary\":[\"b\"]}]", "1 trackers, array" },
    { "{\"name\":\"a\",\"vocabulary\":[\"b\"]}", "1 trackers" },
    { "{\"trackers\":[{\"name\":\"a\",\"vocabulary\":[\"b\"]}]}",
      "1 trackers, array" },
    { "{\"trackers\" : [{\"name\":\"a\",\"vocabulary\":[\"b\"]},"
      "{\"id\":\"x\",\"name\":\"b\",\"vocabulary\":[\"b\"]}] } ",
      "2 trackers, array" },

    /* of each tracker all that is wrong */

    { "[{\"name\":\"\",\"vocabulary\":[]},{},1,{\"x\":[{\"y\":1}],\"name\":2}]",
      "/0/name \"[0].name\" is not allowed to be empty\n"
      "/0/vocabulary \"[0].vocabulary\" is not allowed to be empty\n"
      "/1/name \"[1].name\" is required\n"
      "/1/vocabulary \"[1].vocabulary\" is required\n"
      "/2 \"[2]\" must be an object\n"
      "/3/x \"[3].x\" is not allowed\n"
      "/3/name \"[3].name\" must be a string\n"
      "/3/vocabulary \"[3].vocabulary\" is required" },

    { "[{\"name\":\"a\",\"vocabulary\":[\"b\",\"\",\"c\",\"b\",\"c\",\"\"]}]",
      "/0/vocabulary/1 \"[0].vocabulary[1]\" is not allowed to be empty\n"
      "/0/vocabulary/3 \"[0].vocabulary[3]\" contains a duplicate value\n"
      "/0/vocabulary/4 \"[0].vocabulary[4]\" contains a duplicate value\n"
      "/0/vocabulary/5 \"[0].vocabulary[5]\" is not allowed to be empty" },

    { "[{\"name\":\"a\",\"vocabulary\":[1,\"b\",[\"]\"],{\"}\":0},null],"
      "\"categories\":\"c\",\"languages\":[false],\"description\":-1.5e3,"
      "\"id\":0}]",
      "/0/vocabulary/0 \"[0].vocabulary[0]\" must be a string\n"
      "/0/vocabulary/2 \"[0].vocabulary[2]\" must be a string\n"
      "/0/vocabulary/3 \"[0].vocabulary[3]\" must be a string\n"
      "/0/vocabulary/4 \"[0].vocabulary[4]\" must be a string\n"
      "/0/categories \"[0].categories\" must be an array\n"
      "/0/languages/0 \"[0].languages[0]\" must be a string\n"
      "/0/description \"[0].description\" must be a string\n"
      "/0/id \"[0].id\" must be a string" },

    /* one object, and a list in one */

    { "{\"\\u0061bcdefghijklmnopqrstuvwxyz, bcdefghijklmnopqrstuvwxyz\":1}",
      "/abcdefghijklmnopqrstuvwxyz, bcdefghijklmnopqrstuvwxyz "
      "\"abcdefghijklmnopqrstuvwxyz, bcdefghijklmnopqrstuvwxyz\" is not "
      "allowed\n"
      "/name \"name\" is required\n"
      "/vocabulary \"vocabulary\" is required" },
    { "{\"name\":\"a\",\"x\":1,\"y\":2}",
      "/x \"x\" is not allowed\n"
      "/y \"y\" is not allowed\n"
      "/vocabulary \"vocabulary\" is required" },
    { "{\"name\":1,\"trackers\":[]}",
      "/name \"name\" must be a string\n"
      "/trackers \"trackers\" is not allowed\n"
      "/vocabulary \"vocabulary\" is required" },
    { "{\"trackers\":[{\"name\":\"a\",\"vocabulary\":[\"b\",\"b\"]},2]}",
      "/trackers/0/vocabulary/1 \"trackers[0].vocabulary[1]\" contains a "
      "duplicate value\n"
      "/trackers/1 \"trackers[1]\" must be an object" },
    { "{\"trackers\":[{}],\"next\":\"x\"}", "/next \"next\" is not allowed" },
    { "{\"trackers\":{}}", "/trackers \"trackers\" must be an array" },
    { "{\"trackers\":[ ]}",
      "/trackers \"trackers\" is not allowed to be empty" },

    { "[{\"name\":\"a\",\"vocabulary\":[\"b\"]},"
      "{\"name\":\"a\",\"vocabulary\":[\"b\"]}]",
      "repeated /1/name \"[1].name\" repeats the name of \"[0]\"." },
    { "{\"trackers\":[{\"name\":\"a\",\"vocabulary\":[\"b\"]},"
      "{\"name\":\"a\",\"vocabulary\":[\"b\"]}]}",
      "repeated /trackers/1/name \"trackers[1].name\" repeats the name of "
      "\"[0]\"." },

    /* about the whole body, and that alone */

    { "[]", " Request body must not be empty." },
    { "[{},{},]", " Invalid JSON at line 1 column 8." },
    { "[{},{\"x\":}]", " Invalid JSON at line 1 column 10." },
    { "[{\"x\":1,\"x\":2}]", " Duplicate key at line 1 column 11." },
    { "{\"trackers\":[{},1],}", " Invalid JSON at line 1 column 20." },

    { NULL, NULL }
};


static const case_t  line_cases[] = {
    { "{\"name\":\"a\",\"vocabulary\":[\"b\"]}", "1 trackers, array" },
    { "\r\n {\"name\":\"a\",\"vocabulary\":[\"b\"]}\t\r\n \n"
      "{\"id\":\"x\",\"name\":\"b\",\"vocabulary\" : [\"b\"]}\n",
      "2 trackers, array" },
    { "{\"name\":\"a\",\"vocabulary\":[\"b\"]}\n"
      "{\"end\":true,\"count\":1}\n\n", "1 trackers, array" },
    { "{\"name\":\"a\",\"vocabulary\":[\"b\"]}\n"
      " { \"end\":true,\"next\":\"1\",\"count\":1}", "1 trackers, array" },

    { "{\"name\":\"\\n\",\"vocabulary\":[\"\\u0041\"]}\n"
      "{\"name\":\"\\ta very long name, \\n\",\"vocabulary\":[\"\\u0042\","
      "\"\\u0043\",\"\\u0044 and more\"]}\n", "2 trackers, array" },

    /* the line is named, and the place it would have in an array */

    { "{\"name\":\"\",\"vocabulary\":[]}\n\n{}\n[1,{\"x\":[]}]\n"
      "{\"x\":[{\"y\":1}],\"name\":2}",
      "/0/name Line 1: \"name\" is not allowed to be empty\n"
      "/0/vocabulary Line 1: \"vocabulary\" is not allowed to be empty\n"
      "/1/name Line 3: \"name\" is required\n"
      "/1/vocabulary Line 3: \"vocabulary\" is required\n"
      "/2 Line 4 must be an object\n"
      "/3/x Line 5: \"x\" is not allowed\n"
      "/3/name Line 5: \"name\" must be a string\n"
      "/3/vocabulary Line 5: \"vocabulary\" is required" },
    { "{\"name\":\"a]\",\"]\":1,\"vocabulary\":[\"b\",\"b\"]}\n",
      "/0/] Line 1: \"]\" is not allowed\n"
      "/0/vocabulary/1 Line 1: \"vocabulary[1]\" contains a duplicate value" },
    { "{\"name\":\"a\",\"vocabulary\":[\"b\"]}\n\n"
      "{\"name\":\"a\",\"vocabulary\":[\"b\"]}\n",
      "repeated /1/name Line 3: \"name\" repeats the name of line 1." },

    /* about the whole body, and that alone */

    { "\n \r\n", " Request body must not be empty." },
    { "{\"end\":true,\"count\":0}\n", " Request body must not be empty." },
    { "{}\n1\n", " Invalid JSON at line 2 column 1." },
    { "{}\n{} {}\n", " Invalid JSON at line 2 column 4." },
    { "{}\n{},\n", " Invalid JSON at line 2 column 3." },
    { "{}\n[1\n{}\n", " Invalid JSON at line 2 column 2." },
    { "{\"name\":\"a\"\n,\"vocabulary\":[\"b\"]}\n",
      " Invalid JSON at line 1 column 11." },
    { "{}\n\n{\"x\":}\n{", " Invalid JSON at line 3 column 6." },
    { "{}\n{\"x\":1,\"x\":2}\n", " Duplicate key at line 2 column 10." },

    /* the line that ends a list */

    { "{}\n{\"end\":true,\"count\":2}\n",
      " Line 2 does not end a list of 1 tracker: it was cut, or changed." },
    { "{}\n{}\n{\"end\":true,\"count\":2,\"x\":1}\n",
      " Line 3 does not end a list of 2 trackers: it was cut, or changed." },
    { "{}\n{\"end\":1,\"count\":1}\n",
      " Line 2 does not end a list of 1 tracker: it was cut, or changed." },
    { "{}\n{\"end\":true\n",
      " Line 2 does not end a list of 1 tracker: it was cut, or changed." },
    { "{}\n{\"end\":true,\"count\":1}\n\n{}\n",
      " Line 4 does not end a list of 1 tracker: it was cut, or changed." },
    { "{}\n{\"end\":true,\"count\":1}\n1\n",
      " Line 3 does not end a list of 1 tracker: it was cut, or changed." },

    { NULL, NULL }
};


static const case_t  whole_cases[] = {
    { "{\"name\":\"a\",\"vocabulary\":[\"b\"]}\n",
      " The last line must be {\"end\":true,\"count\":1}." },
    { "{}\n{}", " The last line must be {\"end\":true,\"count\":2}." },
    { "{\"name\":\"a\",\"vocabulary\":[\"b\"]}\n"
      "{\"end\":true,\"count\":1,\"next\":\"7\"}",
      " Line 2 does not end a list of 1 tracker: it was cut, or changed." },
    { "{\"name\":\"a\",\"vocabulary\":[\"b\"]}\n"
      "{\"end\":true,\"count\":1}", "1 trackers, array" },
    { " ", " Request body must not be empty." },

    { NULL, NULL }
};


/* what makes bodies of all kinds, and of kinds that nobody thought of */

static void
same(void)
{
    size_t         i, k, n, part, nparts, differ, listed, good;
    unsigned long  seed;

    static const char *const  parts[] = {
        "[", "]", "{", "}", ",", ":", "\"name\":", "\"vocabulary\":[",
        "\"a\"", "\"b\",\"b\"]", "1", "null", "\"x\":", "\"id\":\"1\"",
        "{\"name\":\"n\",\"vocabulary\":[\"p\",\"\"]}", "\"trackers\":[",
        "{\"name\":\"m\",\"x\":1},", "{},", "\"\\u0041\"", " ",
        "{\"name\":2,\"vocabulary\":[\"q\",3,\"q\"]},",

        /* the rest for lines only */

        "\n", "\n", "\r\n", "{}\n", "{\"name\":\"m\",\"x\":1}\n",
        "{\"name\":2,\"vocabulary\":[\"q\",3,\"q\"]}\n",
        "{\"name\":\"z\",\"vocabulary\":[\"p\"]}\n", "[]\n",
        "{\"end\":true,\"count\":1}", "{\"end\":true,\"count\":2}\n"
    };

    differ = 0;
    listed = 0;
    good = 0;
    seed = 1;

    nparts = sizeof(parts) / sizeof(parts[0]) - (lines ? 0 : LINE_PARTS);

    for (i = 0; i < 60000; i++) {
        n = 0;

        if (!lines) {
            n = i % 2 ? sprintf(text, "[") : sprintf(text, "{\"trackers\":[");
        }

        seed = seed * 6364136223846793005u + 1442695040888963407u;

        for (k = seed >> 60; k; k--) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;

            /* lines that are whole, mostly */

            part = (seed >> 33) % nparts;

            if (lines && seed >> 61) {
                part = nparts - 1 - part % LINE_PARTS;
            }

            n += sprintf(text + n, "%s", parts[part]);
        }

        if (!lines) {
            n += sprintf(text + n, i % 2 ? "{}]" : "{}]}");
        }

        if (n == 0) {
            n = sprintf(text, "\n");
        }

        tap_arena_reset(&memory, 0);
        print(one, decode(text, n, TRACKER_JSON_EITHER));

        tap_arena_reset(&memory, 0);
        print(two, library(text, n, TRACKER_JSON_EITHER));

        listed += report.n > 1;
        good += strstr(two, "array") != NULL;

        if (strcmp(one, two) != 0 && differ++ == 0) {
            printf("# %s\n# reader  %s\n# library %s\n", text, one, two);
        }
    }

    ok(differ == 0, "both list the same: %zu differ", differ);
    ok(listed > (lines == 2 ? 100 : 1000), "and that is a list: %zu times",
       listed);
    ok(!lines || good > 50, "good lines: %zu times", good);
}


static void
bounds(void)
{
    size_t  i, n;

    n = sprintf(text, "[");

    for (i = 0; i < 300000; i++) {
        n += sprintf(text + n, "1,");
    }

    n += sprintf(text + n, "{}]");

    tap_arena_reset(&memory, 0);
    ok(decode(text, n, TRACKER_JSON_EITHER) == TRACKER_INVALID
       && report.n == TRACKER_REPORT_MAX
       && report.found == 300002, "a hundred are listed, and all are counted");

    print(one, TRACKER_INVALID);
    ok(strstr(one, "/99 \"[99]\" must be an object") != NULL, "the last one");

    limits.max_bulk = 2;
    check("[1,2,3]", " Request body must contain at most 2 trackers, found 3.",
          TRACKER_JSON_EITHER);
    check("{\"trackers\":[1,2,3]}",
          " Request body must contain at most 2 trackers, found 3.",
          TRACKER_JSON_EITHER);
    limits.max_bulk = 0;

    limits.max_phrases = 2;
    limits.min_phrases = 2;
    check("{\"trackers\":[{\"name\":\"a\",\"vocabulary\":[\"b\",\"c\",\"b\"]},"
          "{\"name\":\"b\",\"vocabulary\":[\"b\"]}]}",
          "/trackers/0/vocabulary \"trackers[0].vocabulary\" must contain at "
          "most 2 phrases, found 3\n"
          "/trackers/0/vocabulary/2 \"trackers[0].vocabulary[2]\" contains a "
          "duplicate value\n"
          "/trackers/1/vocabulary \"trackers[1].vocabulary\" must contain at "
          "least 2 phrases, found 1", TRACKER_JSON_ARRAY);
    limits.max_phrases = 0;
    limits.min_phrases = 1;

    lines = 1;
    limits.max_bulk = 2;
    check("{}\n[]\n\n{}\n", " Request body must contain at most 2 trackers, "
          "found 3.", TRACKER_JSON_ARRAY);
    check("{}\n\n[]\n{\"end\":true,\"count\":2}\n",
          "/0/name Line 1: \"name\" is required\n"
          "/0/vocabulary Line 1: \"vocabulary\" is required\n"
          "/1 Line 3 must be an object", TRACKER_JSON_ARRAY);
    limits.max_bulk = 0;
    limits.max_phrases = 1;
    check("\n{\"name\":\"a\",\"vocabulary\":[\"b\",\"c\"]}",
          "/0/vocabulary Line 2: \"vocabulary\" must contain at most 1 phrase, "
          "found 2", TRACKER_JSON_ARRAY);
    limits.max_phrases = 0;
    lines = 0;

    check("1", " Invalid JSON at line 1 column 1.", TRACKER_JSON_EITHER);
    check("{\"name\":1}", " Request body must be an array.",
          TRACKER_JSON_ARRAY);
}


/* phrases that are there, and such that come twice */

static void
joined(void)
{
    size_t     added;
    tracker_t  t, other;

    static tracker_str_t  have[] = {
        tracker_str("a"), tracker_str("b"), tracker_str("b")
    };
    static tracker_str_t  more[] = {
        tracker_str("c"), tracker_str("b"), tracker_str("d"), tracker_str("c")
    };

    memset(&t, 0, sizeof(tracker_t));
    memset(&other, 0, sizeof(tracker_t));
    t.vocabulary.n = 3;
    t.vocabulary.elts = have;
    other.vocabulary.n = 4;
    other.vocabulary.elts = more;

    tap_arena_reset(&memory, 0);
    ok(tracker_join(&t, &other, 0, &limits, &arena, &added, &message)
       == TRACKER_OK && added == 2 && t.vocabulary.n == 5
       && tracker_str_equal(&t.vocabulary.elts[2], &have[1])
       && tracker_str_equal(&t.vocabulary.elts[3], &more[0])
       && tracker_str_equal(&t.vocabulary.elts[4], &more[2]),
       "join: what is new, once, and behind what is there");

    ok(tracker_join(&t, &other, 0, &limits, &arena, &added, &message)
       == TRACKER_OK && added == 0 && t.vocabulary.n == 5, "nothing is new");

    other.vocabulary.elts = have;
    other.vocabulary.n = 1;
    limits.max_phrases = 4;
    ok(tracker_join(&t, &other, 0, &limits, &arena, &added, &message)
       == TRACKER_OK && added == 0, "nothing is new, over a limit of later");

    t.vocabulary.n = 4;
    other.vocabulary.elts = more + 2;
    ok(tracker_join(&t, &other, 7, &limits, &arena, &added, &message)
       == TRACKER_INVALID && t.vocabulary.n == 4, "too many");
    is(message.data, message.len, "\"[7].vocabulary\" must contain at most 4 "
       "phrases, found 5", "its message");
    limits.max_phrases = 0;
}


/* each allocation fails once, in the reader's way and in the library's */

static void
no_memory(void)
{
    size_t  fail, other;

    static const char  body[] = "{\"trackers\":[{\"x\":1,\"vocabulary\":"
                                "[\"a\",\"\\u0061\"]},2]}";

    other = 0;

    static const char  line[] = "{\"x\":1,\"vocabulary\":[\"a\",\"\\u0061\"]"
                                "}\n[]\n{\"end\":true,\"count\":2}";

    for (fail = 1; fail < 1000; fail++) {
        tap_arena_reset(&memory, fail + 1);

        if (decode(lines ? line : body,
                   lines ? sizeof(line) - 1 : sizeof(body) - 1,
                   TRACKER_JSON_EITHER)
            == TRACKER_INVALID)
        {
            break;
        }

        other += report.n == 5;
    }

    ok(fail > 5 && fail < 1000 && other == 0, "no memory: %zu times", fail);
}


static void *
library_alloc(size_t size)
{
    library_calls++;
    return malloc(size);
}


/* a large body in which a tracker follows what is at fault */

static void
in_large(const char *title, const char *value, size_t n, const char *end,
    size_t faults)
{
    char          *p;
    size_t         i;
    tracker_rc_e   rc;

    p = text + sprintf(text, "[{\"x\":%s", value);

    for (i = 0; i < n; i++) {
        p += sprintf(p, ",\"k%zu\":0", i);
    }

    p += sprintf(p, "%s},1,", end);

    /* and something to be read, which has no fault */

    for (i = 0; p - text < LARGE; i++) {
        p += sprintf(p, "{\"name\":\"n%zu\",\"vocabulary\":[\"a\"]},", i);
    }

    p += sprintf(p, "2]");

    tap_arena_reset(&memory, 0);
    library_calls = 0;

    rc = decode(text, p - text, TRACKER_JSON_EITHER);

    ok(rc == TRACKER_INVALID && report.n == faults && library_calls == 0,
       "%s: %zu faults, the library was called %zu times", title, report.n,
       library_calls);
}


/* what is at fault is not read by the library, which would take long */

static void
only_reader(void)
{
    size_t        i;
    static char   many[16384];

    if (!TRACKER_READER) {
        return;
    }

    json_set_alloc_funcs(library_alloc, free);

    /* what is required, and the two that are no objects, are faults, too */

    in_large("a key", "0", 0, "", 5);
    in_large("many keys", "0", 90, "", 95);
    in_large("more of them", "0", 1000, "", 100);
    in_large("many keys within", "{\"x\":0", 90, "}", 5);
    in_large("more of them within", "{\"x\":0", 1000, "}", 1);
    in_large("a large number", "123456789012345678901", 0, "", 1);
    in_large("deep", "[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]", 0, "", 1);

    for (i = 0; i < 5000; i++) {
        many[2 * i] = i ? ',' : '[';
        many[2 * i + 1] = '0';
    }

    many[2 * i] = ']';
    in_large("many values", many, 0, "", 1);

    json_set_alloc_funcs(malloc, free);
}


/* a full list needs no memory: phrases are not compared any more */

static void
full(void)
{
    tracker_t  t;

    static tracker_str_t  phrases[] = { tracker_str("a"), tracker_str("a") };

    memset(&t, 0, sizeof(tracker_t));
    t.name = phrases[0];
    t.vocabulary.n = 2;
    t.vocabulary.elts = phrases;

    tap_arena_reset(&memory, 0);
    tracker_report_start(&report, &arena, &limits);
    report.n = TRACKER_REPORT_MAX - 1;
    report.found = report.n;

    ok(tracker_report_tracker(&report, &t, 7) == TRACKER_OK
       && report.n == TRACKER_REPORT_MAX, "the last one that is listed");

    tap_arena_reset(&memory, 1);
    ok(tracker_report_tracker(&report, &t, 8) == TRACKER_OK
       && report.n == TRACKER_REPORT_MAX, "no search behind it");
    tap_arena_reset(&memory, 0);
}


int
main(void)
{
    size_t  i;

    for (i = 0; cases[i].body; i++) {
        check(cases[i].body, cases[i].expected, TRACKER_JSON_EITHER);
    }

    same();
    bounds();
    no_memory();
    joined();
    full();
    only_reader();

    lines = 1;

    for (i = 0; line_cases[i].body; i++) {
        check(line_cases[i].body, line_cases[i].expected, TRACKER_JSON_ARRAY);
    }

    same();
    no_memory();

    lines = 2;

    for (i = 0; whole_cases[i].body; i++) {
        check(whole_cases[i].body, whole_cases[i].expected, TRACKER_JSON_ARRAY);
    }

    same();

    tap_arena_reset(&memory, 0);

    return tap_done();
}
