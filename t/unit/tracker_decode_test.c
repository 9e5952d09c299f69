/*
 * The bodies of PUT and PATCH for the decoder, small and large, and how large
 * a body may be for jansson.  With -DTRACKER_NO_READER, too: then jansson
 * reads every body, and looks behind the first fault.
 */


#include "json/record.h"
#include "json/jansson.h"
#include "tap.h"


#define ID  "4503599627370496"

#define LARGE      TRACKER_DECODE_LARGE

/* what both say, but for jansson without the reader */
#if (TRACKER_NO_READER)
#define other(reader, jansson)  jansson
#else
#define other(reader, jansson)  reader
#endif


typedef struct {
    const char  *body;
    const char  *expected;           /* a tracker, operations or a message */
} case_t;


static tap_arena_t          memory;
static tracker_arena_t      arena = { tap_arena_alloc, &memory };
static tracker_limits_t     limits = { 0, 0, 1 };
static tracker_message_t    message;
static tracker_set_t        set;
static tracker_patch_t      patch;
static char                *block;

static char                 text[1048576];

static const tracker_str_t  id = tracker_str(ID);


typedef tracker_rc_e (*decode_t)(const char *data, size_t len);


static tracker_rc_e
decode_shape(const char *data, size_t len, tracker_json_shape_e shape,
    const tracker_str_t *put)
{
    size_t             budget;
    tracker_rc_e       rc;
    tracker_decode_t  *decode;

    decode = tracker_decode_start(data, len, shape, put, &limits, &arena,
                                  &set);
    if (decode == NULL) {
        return TRACKER_NOMEM;
    }

    do {
        budget = 1;
        rc = tracker_decode_run(decode, &budget, &message);
    } while (rc == TRACKER_AGAIN);

    return rc;
}


static tracker_rc_e
decode_object(const char *data, size_t len)
{
    return decode_shape(data, len, TRACKER_JSON_OBJECT, NULL);
}


static tracker_rc_e
decode_array(const char *data, size_t len)
{
    return decode_shape(data, len, TRACKER_JSON_ARRAY, NULL);
}


static tracker_rc_e
decode_put(const char *data, size_t len)
{
    return decode_shape(data, len, TRACKER_JSON_OBJECT, &id);
}


static tracker_rc_e
decode_patch(const char *data, size_t len)
{
    return tracker_decode_patch(data, len, &arena, &patch, &message);
}


static tracker_rc_e
decode_login(const char *data, size_t len)
{
    tracker_login_t  login;

    return tracker_decode_login(data, len, &arena, &login, &message);
}


static tracker_rc_e
decode_stored(const char *data, size_t len)
{
    tracker_t  t;

    return tracker_decode_record(data, len, &arena, &t);
}


/* a block of its own size: the sanitizer sees a byte too many */

static tracker_rc_e
decode(decode_t decoder, const char *data, size_t len)
{
    free(block);
    block = malloc(len);

    if (block == NULL) {
        exit(1);
    }

    memcpy(block, data, len);

    tap_arena_reset(&memory, 0);
    message.len = 0;

    return decoder(block, len);
}


/* body, and behind its first bytes so many blanks */

static size_t
pad(const char *body, size_t blanks)
{
    size_t  i, n;

    n = strlen(body);

    for (i = 0; i < n && body[i] != ' '; i++) { /* void */ }

    memcpy(text, body, i);
    memset(text + i, ' ', blanks);
    memcpy(text + i + blanks, body + i, n - i);

    return n + blanks;
}


/* head, part n times, tail; each %zu in part counts */

static size_t
repeat(const char *head, const char *part, size_t n, const char *tail)
{
    char    *p;
    size_t   i;

    p = text + sprintf(text, "%s", head);

    for (i = 0; i < n; i++) {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        p += sprintf(p, part, i);
#pragma GCC diagnostic pop
    }

    p += sprintf(p, "%s", tail);

    return p - text;
}


static void
is_refused(decode_t decoder, size_t len, const char *expected)
{
    tracker_rc_e  rc;

    rc = decode(decoder, text, len);

    is(message.data, rc == TRACKER_INVALID ? message.len : 0, expected,
       expected);
}


static void
is_invalid(decode_t decoder, size_t len)
{
    tracker_rc_e  rc;

    static const char  head[] = "Invalid JSON at line 1 column ";

    rc = decode(decoder, text, len);

    ok(rc == TRACKER_INVALID
       && memcmp(message.data, head, sizeof(head) - 1) == 0,
       "%.*s...: %.*s", 8, text, (int) message.len, message.data);
}


static const case_t  changes[] = {

    { "{\"name\":\"n\",\"vocabulary\":[\"a\",\"\\u0062\"] }",
      "{\"id\":\"" ID "\",\"name\":\"n\",\"vocabulary\":[\"a\",\"b\"]}" },
    { "{\"name\":\"n\",\"id\":\"" ID "\" ,\"vocabulary\":[\"[\",\"{}\"]}",
      "{\"id\":\"" ID "\",\"name\":\"n\",\"vocabulary\":[\"[\",\"{}\"]}" },

    { "[ ]", "Request body must be an object." },
    { " {\"name\":\"n\",\"id\":\"1\",\"vocabulary\":[\"a\"]}",
      "\"id\" must be the id of the path" },
    { "{ \"createdAt\":\"x\",\"name\":\"n\",\"vocabulary\":[\"a\"],"
      "\"updatedAt\":\"\"}",
      "{\"id\":\"" ID "\",\"name\":\"n\",\"vocabulary\":[\"a\"]}" },
    { "{ \"name\":\"n\",\"vocabulary\":[\"a\"],\"createdAt\":1}",
      "\"createdAt\" must be a string" },
    { "{ \"id\":1,\"name\":\"n\",\"vocabulary\":[\"a\"]}",
      "\"id\" must be a string" },
    { "{ \"iD\":\"1\"}", "\"iD\" is not allowed" },
    { "{ \"name\":[{},{}]}", "\"name\" must be a string" },
    { "{ \"languages\":{}}", "\"languages\" must be an array" },
    { "{ \"vocabulary\":[\"a\",[]]}", "\"vocabulary[1]\" must be a string" },
    { "{ }", "\"name\" is required" },
    { "{\"name\":\"n\" ,\"vocabulary\":[]}",
      "\"vocabulary\" is not allowed to be empty" },
};


static void
test_put(void)
{
    char          *json, *end;
    size_t         i, k, len;
    tracker_rc_e   rc;

    for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {

        for (k = 0; k < 2; k++) {
            len = pad(changes[i].body, k * LARGE);

            if (changes[i].expected[0] != '{') {
                is_refused(decode_put, len, changes[i].expected);
                continue;
            }

            rc = decode(decode_put, text, len);

            if (rc != TRACKER_OK) {
                ok(0, changes[i].body);
                continue;
            }

            json = malloc(tracker_json_length(set.elts));
            end = tracker_json_write(json, set.elts);

            ok(!set.bulk && set.n == 1, "one tracker");
            is(json, end - json, changes[i].expected, changes[i].body);

            free(json);
        }
    }
}


static const case_t  patches[] = {

    { "[ {\"op\":\"add\",\"path\":\"/name\",\"value\":\"n\"}]",
      "add 0:0 'n'" },
    { "[{\"value\":\"\\u006e\", \"p\\u0061th\":\"/description\","
      "\"op\":\"replace\"}]", "replace 1:0 'n'" },
    { "[{\"op\":\"add\",\"path\":\"/categories\",\"value\":[ \"[\",\"{\" ] },"
      "{\"op\":\"add\",\"path\":\"/languages\",\"value\":[]}]",
      "add 2:0 ('[' '{') add 3:0 ()" },
    { "[ {\"op\":\"replace\",\"path\":\"/vocabulary\",\"value\":[\"a\"]},"
      "{\"op\":\"add\",\"path\":\"/vocabulary\",\"value\":\"b\"}]",
      "replace 4:0 ('a') add 4:0 'b'" },
    { "[ {\"op\":\"add\",\"path\":\"/languages\",\"value\":\"a\"},"
      "{\"op\":\"replace\",\"path\":\"/categories\",\"value\":\"\"},"
      "{\"op\":\"replace\",\"path\":\"/vocabulary\",\"value\":\"\\u0062\"}]",
      "add 3:0 'a' replace 2:0 '' replace 4:0 'b'" },
    { "[ {\"op\":\"test\",\"path\":\"/name\",\"value\":\"\"},"
      "{\"value\":[],\"op\":\"te\\u0073t\",\"path\":\"/vocabulary\"},"
      "{\"op\":\"test\",\"path\":\"/vocabulary/3\",\"value\":\"a\"}]",
      "test 0:0 '' test 4:0 () test 5:3 'a'" },
    { "[ {\"op\":\"add\",\"path\":\"/vocabulary/-\",\"value\":\"\"},"
      "{\"op\":\"replace\",\"path\":\"/vocabulary/17\",\"value\":\"b\"}]",
      "add 6:0 '' replace 5:17 'b'" },

    /* a value to remove may be anything */

    { "[ {\"op\":\"remove\",\"path\":\"/languages\",\"value\":\"b\"},"
      "{\"op\":\"remove\",\"value\":[\"c\"],\"path\":\"/categories\"}]",
      "remove 3:0 remove 2:0" },
    { "[ {\"op\":\"remove\",\"path\":\"/languages\",\"value\":null}]",
      "remove 3:0" },
    { "[ {\"value\":[1],\"op\":\"remove\",\"path\":\"/languages\"}]",
      "remove 3:0" },

    /* so may what has no meaning */

    { "[ {\"op\":\"add\",\"from\":{\"a\":[1,{}]},\"path\":\"/name\","
      "\"value\":\"n\"}]", "add 0:0 'n'" },

    { " {}", "Request body must be an array." },
    { "[ ]", "Request body must not be empty." },
    { "[ []]", "\"[0]\" must be an object" },
    { "[ {}]", "\"[0].op\" is required" },
    { "[ {\"op\":\"\"}]", "\"[0].op\" is not allowed to be empty" },
    { "[ {\"op\":[]}]", "\"[0].op\" must be a string" },
    { "[ {\"op\":\"remove\"}]", "\"[0].path\" is required" },
    { "[ {\"op\":\"remove\",\"path\":\"\"}]",
      "\"[0].path\" is not allowed to be empty" },
    { "[ {\"op\":\"remove\",\"path\":{}}]", "\"[0].path\" must be a string" },
    { "[ {\"op\":\"move\",\"path\":\"/name\"}]",
      "\"[0].op\" must be one of \"add\", \"replace\", \"remove\", \"test\"" },
    { "[ {\"op\":\"remove\",\"path\":\"/vocabulary/00\"}]",
      "\"[0].path\" must have an index without leading zeros" },
    { "[ {\"op\":\"add\",\"path\":\"/name\"}]", "\"[0].value\" is required" },
    { "[ {\"op\":\"add\",\"path\":\"/name\",\"value\":{}}]",
      "\"[0].value\" must be a string" },
    { "[ {\"op\":\"add\",\"path\":\"/name\",\"value\":[\"a\"]}]",
      "\"[0].value\" must be a string" },
    { "[ {\"value\":1,\"op\":\"add\",\"path\":\"/name\"}]",
      "\"[0].value\" must be a string" },
    { "[ {\"op\":\"add\",\"path\":\"/languages\",\"value\":[\"a\",{}]}]",
      "\"[0].value[1]\" must be a string" },
    { "[ {\"op\":\"add\",\"path\":\"/languages\",\"value\":5}]",
      "\"[0].value\" must be an array or a string" },
    { "[ {\"op\":\"replace\",\"path\":\"/vocabulary\",\"value\":{}}]",
      "\"[0].value\" must be an array or a string" },
    { "[ {\"op\":\"test\",\"path\":\"/languages\",\"value\":\"a\"}]",
      "\"[0].value\" must be an array" },
    { "[ {\"op\":\"test\",\"path\":\"/languages\",\"value\":null}]",
      "\"[0].value\" must be an array" },
    { "[ {\"op\":\"test\",\"path\":\"/languages\",\"value\":[\"a\",1]}]",
      "\"[0].value[1]\" must be a string" },
    { "[ {\"op\":\"test\",\"path\":\"/vocabulary/0\",\"value\":[\"a\"]}]",
      "\"[0].value\" must be a string" },
    { "[ {\"value\":5,\"op\":\"test\",\"path\":\"/name\"}]",
      "\"[0].value\" must be a string" },
    { "[ {\"op\":\"test\",\"path\":\"/name\"}]", "\"[0].value\" is required" },
    { "[ {\"op\":\"copy\",\"from\":\"/name\",\"path\":\"/description\"}]",
      "\"[0].op\" must be one of \"add\", \"replace\", \"remove\", \"test\"" },
    { "[ {\"op\":\"add\",\"path\":\"/vocabulary/-\",\"value\":{}}]",
      "\"[0].value\" must be a string" },
    { "[ {\"op\":\"add\",\"path\":\"/name\",\"value\":[\"a\",5]}]",
      "\"[0].value\" must be a string" },
    { "[ {\"op\":\"add\",\"path\":\"\",\"value\":5}]",
      "\"[0].path\" is not allowed to be empty" },
    { "[ {\"op\":\"move\",\"path\":\"/name\",\"value\":5}]",
      "\"[0].op\" must be one of \"add\", \"replace\", \"remove\", \"test\"" },
    { "[ {\"op\":\"add\",\"value\":5,\"path\":\"/languages\"}]",
      "\"[0].value\" must be an array or a string" },
    { "[ {\"op\":\"remove\",\"path\":\"/languages\"},{\"op\":1}]",
      "\"[1].op\" must be a string" },
};


static void
show_string(char **p, const tracker_str_t *str)
{
    *p += sprintf(*p, "'%.*s'", (int) str->len, str->data);
}


/* the field, from 0 for the name on, then a phrase, then the end */

static int
place(const tracker_patch_step_t *step)
{
    return step->target == TRACKER_PATCH_FIELD
           ? (int) (step->field - tracker_fields) - TRACKER_FIELD_NAME
           : (int) step->target + TRACKER_FIELD_VOCABULARY - 1;
}


static const char *
show_patch(void)
{
    char                        *p;
    size_t                       i, k;
    static char                  shown[1024];
    const tracker_patch_step_t  *step;

    static const char  *ops[] = { "add", "replace", "remove", "test" };

    p = shown;

    for (i = 0; i < patch.n; i++) {
        step = &patch.elts[i];

        p += sprintf(p, "%s%s %d:%zu", i ? " " : "", ops[step->op],
                     place(step), step->index);

        if (step->str.data) {
            *p++ = ' ';
            show_string(&p, &step->str);
        }

        if (step->list.elts) {
            p += sprintf(p, " (");

            for (k = 0; k < step->list.n; k++) {
                p += sprintf(p, "%s", k ? " " : "");
                show_string(&p, &step->list.elts[k]);
            }

            p += sprintf(p, ")");
        }
    }

    *p = '\0';

    return shown;
}


static void
test_patch(void)
{
    size_t        i, k, len;
    const char   *got;
    tracker_rc_e  rc;

    for (i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {

        for (k = 0; k < 2; k++) {
            len = pad(patches[i].body, k * LARGE);
            rc = decode(decode_patch, text, len);

            got = rc == TRACKER_OK ? show_patch() : message.data;

            is(got, rc == TRACKER_OK ? strlen(got) : message.len,
               patches[i].expected, patches[i].body);
        }
    }
}


/*
 * A NUL that jansson lost, in what only jansson reads.  An at sign stands for
 * it, and it is what is wrong.
 */

static void
test_nul(void)
{
    char    expected[80], *p;
    size_t  i, k, len;

    static const struct {
        decode_t     decoder;
        const char  *body;
    } bodies[] = {
        { decode_patch, "[ {\"op\":\"remove\",\"path\":\"/description\","
                        "\"value\":1@}]" },
        { decode_patch, "[ {\"op\":\"remove\",\"path\":\"/description\","
                        "\"value\":[null@]}]" },
        { decode_patch, "[ {\"op\":\"remove\",\"old\":true@,"
                        "\"path\":\"/description\"}]" },
        { decode_patch, "[ {\"op\":\"remove\",\"path\":\"/description\"}@]" },
        { decode_login, "{ \"type\":\"application\",\"appId\":\"a\","
                        "\"appSecret\":\"s\",\"x\":1@}" },
        { decode_login, "{ \"x\":{\"y\":[1@]},\"type\":\"application\","
                        "\"appId\":\"a\",\"appSecret\":\"s\"}" },
        { decode_put, "{ \"name\":\"n\",\"vocabulary\":[\"a\"]@}" },
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {

        for (k = 0; k < 2; k++) {
            len = pad(bodies[i].body, k * LARGE);

            p = memchr(text, '@', len);
            *p = '\0';

            sprintf(expected, "Invalid JSON at line 1 column %zu.",
                    (size_t) (p - text + 1));

            is_refused(bodies[i].decoder, len, expected);
        }
    }

    len = pad("{ \"id\":\"" ID "\",\"name\":\"n\",\"vocabulary\":[\"a\"]@}",
              0);
    p = memchr(text, '@', len);
    *p = '\0';

    ok(decode(decode_stored, text, len) == TRACKER_INVALID,
       "nor is it in a record");
}


/* a record is read whoever wrote it; what is none is left to jansson */

static void
test_record(void)
{
    char          *json, *end;
    size_t         i;
    tracker_t      t;
    tracker_rc_e   rc;

    static const case_t  records[] = {
        { "{\"id\":\"" ID "\",\"name\":\"n\",\"categories\":[\"\",\"\"],"
          "\"vocabulary\":[\"a\",\"\\n\"]}",
          "{\"id\":\"" ID "\",\"name\":\"n\",\"categories\":[\"\",\"\"],"
          "\"vocabulary\":[\"a\",\"\\n\"]}" },
        { "{\"vocabulary\": [\"a\",\"a\"], \"name\":\"n\",\"id\":\"" ID "\"}",
          "{\"id\":\"" ID "\",\"name\":\"n\","
          "\"vocabulary\":[\"a\",\"a\"]}" },

        { "[]", NULL },
        { "[{\"id\":\"" ID "\",\"name\":\"n\",\"vocabulary\":[\"a\"]}]",
          NULL },
        { "{\"id\":\"1\",\"name\":\"n\",\"vocabulary\":[\"a\"]}", NULL },
        { "{\"name\":\"n\",\"vocabulary\":[\"a\"]}", NULL },
        { "{\"id\":\"" ID "\",\"name\":\"\",\"vocabulary\":[\"a\"]}", NULL },
        { "{\"id\":\"" ID "\",\"name\":\"n\",\"vocabulary\":[]}", NULL },
        { "{\"id\":\"" ID "\",\"name\":\"n\",\"x\":[]}", NULL },
        { "{\"id\":\"" ID "\",\"name\":\"n\",\"vocabulary\":[\"a\"]", NULL }
    };

    for (i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        tap_arena_reset(&memory, 0);

        rc = tracker_decode_record(records[i].body, strlen(records[i].body),
                                   &arena, &t);

        if (rc != TRACKER_OK || records[i].expected == NULL) {
            ok(rc == TRACKER_INVALID && records[i].expected == NULL, "%s",
               records[i].body);
            continue;
        }

        json = malloc(tracker_json_length(&t));
        end = tracker_json_write(json, &t);

        is(json, end - json, records[i].expected, records[i].body);

        free(json);
    }
}


/* bad strings, in the value that begins at column 65545 */

static void
test_strings(void)
{
    size_t  i;
    char    body[80], expected[80];

    static const struct {
        const char  *string;
        size_t       column;        /* from that on */
    } bad[] = {
        { "\"", 0 },
        { "\"\xff\"", 0 },
        { "\"re\x01", 2 },
        { "\"re\x80\"", 2 },
        { "\"re\xff\"", 2 },
        { "\"\xc3\xa4m\xe2\x82\"", 2 },
        { "\"\xc3\xa4\xe2\x82\"", 1 },
        { "\"re\\n\x80\"", 4 },
        { "\"re\\n\x01\"", 4 },
        { "\"re\\n\xc3\xa4m\xff\"", 6 },
        { "\"re\\nab", 6 },
        { "\"re\\q\"", 4 },
        { "\"re\\nab\\u12g4\"", 11 },
        { "\"re\\", 3 },
        { "\"re\\u0000a\"", 10 },
        { "\"re\\ud800\\u0041\\n\"", 17 },
        { "\"re\\ud800a\xff\"", 9 },
        { "\"re\\udc00\\q\"", 10 },
        { "\"re\\ud800", 8 },
        { "\"re\\u12", 6 },
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sprintf(body, "[ {\"op\":%s", bad[i].string);
        sprintf(expected, "Invalid JSON at line 1 column %zu.",
                LARGE + 9 + bad[i].column);

        is_refused(decode_patch, pad(body, LARGE), expected);
    }
}


/* bad syntax, where each finds it in a large body */

static void
test_syntax(void)
{
    is_refused(decode_patch, pad("[ {\"op\":\"remove\"\x80}]", LARGE),
               "Invalid JSON at line 1 column 65552.");
    is_refused(decode_patch, pad("[ {\"op\":\"remove\",\"path\":\"/name\"}",
                                 LARGE),
               "Invalid JSON at line 1 column 65568.");
    is_refused(decode_patch,
               pad("[ {\"op\":\"remove\",\"path\":\"/name\"},]", LARGE),
               "Invalid JSON at line 1 column 65570.");
    is_refused(decode_patch,
               pad("[ {\"op\":\"remove\",\"path\":\"/name\"}]]", LARGE),
               "Invalid JSON at line 1 column 65570.");
    is_refused(decode_patch, pad("[ {\"op\":\"add\",\"op\":\"add\"}]", LARGE),
               other("Duplicate key at line 1 column 65556.",
                     "Duplicate key at line 1 column 65554."));
    is_refused(decode_patch,
               pad("[ {\"op\":\"add\",\"value\":[],\"value\":\"\"}]", LARGE),
               other("Duplicate key at line 1 column 65570.",
                     "Duplicate key at line 1 column 65568."));
    is_refused(decode_patch, pad("[ {\"op\":\"remove\",\"x\":{]}]", LARGE),
               "Invalid JSON at line 1 column 65559.");
    is_refused(decode_put, pad("{\"name\":\"n\" ,\"name\":[[]]}", LARGE),
               other("Duplicate key at line 1 column 65557.",
                     "Duplicate key at line 1 column 65555."));
}


/* a first byte of nothing that a body may be */

static void
test_no_shape(void)
{
    size_t  i;

    static const char *const  bodies[] = {
        "\xef\xbb\xbf", "name=", "\"", "1", ""
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        is_invalid(decode_array, repeat(bodies[i], " ", LARGE, ""));
        is_invalid(decode_object, repeat(bodies[i], " ", LARGE, ""));
        is_invalid(decode_patch, repeat(bodies[i], " ", LARGE, ""));
        is_invalid(decode_put, repeat(bodies[i], " ", LARGE, ""));
    }

    is_invalid(decode_patch, repeat("\xef\xbb\xbf[", "{},", LARGE / 3, "{}]"));
}


/* the shape is known from the first byte, whatever follows */

static void
test_shape(void)
{
    size_t  n;

    n = LARGE / 3;

    is_refused(decode_object, repeat("[", "{},", n, "{}]"),
               "Request body must be an object.");
    is_refused(decode_put, repeat("[", "{},", n, "{}]"),
               "Request body must be an object.");
    is_refused(decode_array, repeat("{", "\"%zu\":{},", n, "\"x\":{}}"),
               "Request body must be an array.");
    is_refused(decode_patch, repeat("{", "\"%zu\":{},", n, "\"x\":{}}"),
               "Request body must be an array.");

    is_refused(decode_object, repeat("[", "{},", n, "{]"),
               other("Request body must be an object.",
                     "Invalid JSON at line 1 column 65538."));
    is_refused(decode_patch, repeat("{", "\"\":{},", n, "\"x\":{}}"),
               other("Request body must be an array.",
                     "Duplicate key at line 1 column 9."));
}


static void
test_bulk(void)
{
    limits.max_bulk = 2;

    is_refused(decode_array,
               repeat("[", "{\"name\":\"%zu\",\"vocabulary\":[\",\",\"]\"]},",
                      LARGE / 32, "{}]"),
               "Request body must contain at most 2 trackers, found 2049.");

    limits.max_bulk = 0;
}


/* of members without a meaning jansson builds a tree: there is an end to it */

static void
test_values(void)
{
    size_t             n;
    static const char  head[] =
        "[{\"op\":\"remove\",\"path\":\"/name\",\"x\":[";

    /* the operation, its three members */

    n = TRACKER_JSON_VALUES - 4;

    ok(decode(decode_patch, text, repeat(head, "{},", n - 1, "{}]}]"))
       == TRACKER_OK && patch.n == 1, "as many values as may be ignored");

#if !(TRACKER_NO_READER)

    is_refused(decode_patch, repeat(head, "{},", n, "{}]}]"),
               "Request body must contain at most 32768 values, found 32769.");
    is_refused(decode_patch, repeat(head, "{},", n, "]"),
               "Request body must contain at most 32768 values, found 32769.");

#endif

    ok(decode(decode_patch, text,
              repeat("[", "{\"op\":\"remove\",\"path\":\"/name\"},", 25000,
                     "{\"op\":\"remove\",\"path\":\"/name\"}]"))
       == TRACKER_OK && patch.n == 25001, "operations are not bounded");
    ok(decode(decode_patch, text,
              repeat("[{\"op\":\"add\",\"path\":\"/vocabulary\",\"value\":[",
                     "\"%zu\",", 100000, "\"\"]}]"))
       == TRACKER_OK && patch.elts[0].list.n == 100001, "nor are phrases");

    n = TRACKER_JSON_VALUES - 1;

    is_refused(decode_login, repeat("{\"x\":[", "{},", n - 1, "{}]}"),
               "\"type\" is required");
    is_refused(decode_login, repeat("{\"x\":[", "{},", n, "{}]}"),
               "Request body must contain at most 32768 values, found 32769.");
    is_refused(decode_login, repeat("[", "{},", n + 1, "{}]"),
               "Request body must contain at most 32768 values, found 32769.");
}


static void
test_count(void)
{
    size_t  i, wrong;

    static const struct {
        const char  *json;
        size_t       elements;
        size_t       all;
    } texts[] = {
        { "", 0, 0 },
        { "[]", 0, 0 },
        { " [ \n ] ", 0, 0 },
        { "{}", 0, 0 },
        { "[1]", 1, 1 },
        { "[{}]", 1, 1 },
        { "[[],{},\"\",null]", 4, 4 },
        { "[ [ 1 , [ ] ] , 2 ]", 2, 4 },
        { "{\"a\":{\"b\":[1,2]},\"c\":3}", 2, 5 },
        { "[\"[{,\\\",]\",\"\\\\\",\",\"]", 3, 3 },

        /* no JSON: a number, and no byte behind the end */

        { "]", 0, 0 },
        { "]],}[1", 0, 2 },
        { "[\"", 1, 1 },
        { "[\"\\", 1, 1 },
        { "[\"\\\"", 1, 1 }
    };

    wrong = 0;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        free(block);
        block = malloc(strlen(texts[i].json) + 1);
        memcpy(block, texts[i].json, strlen(texts[i].json));

        if (tracker_jansson_count(block, strlen(texts[i].json), SIZE_MAX)
            != texts[i].all)
        {
            wrong++;
        }

        if (i < 10
            && tracker_jansson_count(block, strlen(texts[i].json), 1)
               != texts[i].elements)
        {
            wrong++;
        }
    }

    ok(wrong == 0, "values are counted, in the outermost array and in all");
}


static void
test_no_memory(decode_t decoder, const char *body, const char *title)
{
    size_t        n, wrong;
    tracker_rc_e  rc;

    wrong = 0;

    for (n = 1; ; n++) {
        tap_arena_reset(&memory, n);

        rc = decoder(body, strlen(body));

        if (memory.memory.calls < n) {
            break;
        }

        wrong += rc != TRACKER_NOMEM;
    }

    ok(wrong == 0 && rc == TRACKER_OK && n > 2, title);
}


int
main(void)
{
    test_put();
    test_patch();
    test_nul();
    test_record();
    test_strings();
    test_syntax();
    test_no_shape();
    test_shape();
    test_bulk();
    test_values();
    test_count();
    test_no_memory(decode_put, "{\"name\":\"\\n\",\"vocabulary\":[\"b\"]}",
                   "each of the arena's calls fails once, of a PUT");
    test_no_memory(decode_patch,
                   "[{\"op\":\"add\",\"path\":\"/name\",\"value\":\"\\n\"}]",
                   "and of a PATCH");

    tap_arena_reset(&memory, 0);
    free(block);

    return tap_done();
}
