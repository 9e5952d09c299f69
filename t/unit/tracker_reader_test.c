/*
 * The strict reader: what it takes, what it leaves to jansson, when it stops;
 * and the decoder that asks it first.  Compiled with -DTRACKER_NO_READER only
 * the decoder is there, with the same verdicts.
 */


#include "json/record.h"
#include "json/jansson.h"
#include "json/reader.h"
#include "tap.h"


#define OBJECT  TRACKER_JSON_OBJECT
#define ARRAY   TRACKER_JSON_ARRAY
#define EITHER  TRACKER_JSON_EITHER

#define ID            "4503599627370496"
#define body(literal)  sizeof(literal) - 1, literal


typedef struct {
    size_t                 len;
    const char            *data;
    const char            *expected;
} body_t;


typedef struct {
    tracker_json_shape_e   shape;
    size_t                 len;
    const char            *data;
    const char            *message;
} fault_t;


#if !(TRACKER_NO_READER)

/* what the reader's caller was asked */

typedef struct {
    size_t                 n;
    long                   last;         /* index */
    size_t                 refuse;       /* the call to refuse, 0: none */
    tracker_str_t          key;          /* of the last fault */
    long                   elt;
    tracker_fault_e        what;
} calls_t;

#endif


static tap_arena_t        memory;
static tracker_arena_t    arena = { tap_arena_alloc, &memory };
static tracker_limits_t   limits = { 0, 0, 1 };
static tracker_message_t  message;
static tracker_set_t      set;
static char              *block;

/* what a run may spend: without bounds, and as little as there is */
static const size_t       budgets[] = { (size_t) -1, 1 };
static size_t             budget;


/* bytes in a block of their own size: the sanitizer sees one too many */

static const char *
copy(const char *data, size_t len)
{
    free(block);
    block = malloc(len ? len : 1);
    memcpy(block, data, len);

    return block;
}


/* the JSON of t; without an id it is that of a body */

static void
is_tracker(tracker_t *t, const char *expected, const char *title)
{
    char          *json;
    size_t         len;
    static char    buffer[4096];

    static const char  id[] = "{\"id\":\"" ID "\"";

    t->id.data = ID;
    t->id.len = TRACKER_ID_LEN;

    json = buffer;
    len = tracker_json_write(json, t) - json;

    /* "{" and "," are one byte both */

    json += sizeof(id) - 1;
    len -= sizeof(id) - 1;
    *json = '{';

    is(json, len, expected, title);
}


static tracker_rc_e
decode(tracker_json_shape_e shape, const char *data, size_t len)
{
    size_t             left;
    tracker_rc_e       rc;
    tracker_decode_t  *decode;

    message.len = 0;

    decode = tracker_decode_start(copy(data, len), len, shape, NULL, &limits,
                                  &arena, &set);
    if (decode == NULL) {
        return TRACKER_NOMEM;
    }

    do {
        left = budget;
        rc = tracker_decode_run(decode, &left, &message);
    } while (rc == TRACKER_AGAIN);

    return rc;
}


static void
is_fault(const fault_t *fault)
{
    tracker_rc_e  rc;

    tap_arena_reset(&memory, 0);

    rc = decode(fault->shape, fault->data, fault->len);

    is(message.data, rc == TRACKER_INVALID ? message.len : 0, fault->message,
       fault->message);
}


/* the words about a bad body, whatever they are, are those of jansson */

static void
is_jansson(const body_t *bad)
{
    tracker_rc_e              rc;
    static tracker_message_t  expected;

    tap_arena_reset(&memory, 0);

    tracker_jansson_trackers(bad->data, bad->len, EITHER, NULL, &limits,
                             &arena, &set, &expected);
    expected.data[expected.len] = '\0';

    rc = decode(EITHER, bad->data, bad->len);

    is(message.data, rc == TRACKER_INVALID ? message.len : 0, expected.data,
       expected.data);
}


/* good bodies: the reader takes them, and the decoder whoever reads */

static const body_t  good[] = {

    { body("{\"name\":\"a\",\"vocabulary\":[\"b\"]}"),
      "{\"name\":\"a\",\"vocabulary\":[\"b\"]}" },
    { body("{\"vocabulary\":[\"b\",\"c\",\"d\"],\"name\":\"a\"}"),
      "{\"name\":\"a\",\"vocabulary\":[\"b\",\"c\",\"d\"]}" },
    { body("{\"vocabulary\":[\"b\"],\"languages\":[\"l\"],"
           "\"description\":\"d\",\"name\":\"a\",\"categories\":[\"c\"]}"),
      "{\"name\":\"a\",\"description\":\"d\",\"categories\":[\"c\"],"
      "\"languages\":[\"l\"],\"vocabulary\":[\"b\"]}" },

    /* present and empty is not absent */

    { body("{\"name\":\"a\",\"vocabulary\":[\"b\"],\"description\":\"\","
           "\"categories\":[],\"languages\":[]}"),
      "{\"name\":\"a\",\"description\":\"\",\"categories\":[],"
      "\"languages\":[],\"vocabulary\":[\"b\"]}" },
    { body("{\"categories\":[\"\",\"\"],\"name\":\"a\","
           "\"vocabulary\":[\"b\"]}"),
      "{\"name\":\"a\",\"categories\":[\"\",\"\"],\"vocabulary\":[\"b\"]}" },

    /* white space in every place */

    { body(" \t\r\n{ \t\r\n\"name\" \n: \t\"a\"\r, \"vocabulary\"\t:\n[ \"b\""
           " , \"c\" ] }\n \t\r"),
      "{\"name\":\"a\",\"vocabulary\":[\"b\",\"c\"]}" },
    { body("[ {\"name\":\"a\",\"vocabulary\":[\"b\"]} ] "),
      "{\"name\":\"a\",\"vocabulary\":[\"b\"]}" },
    { body("{\"name\":\"a\",\"categories\":[ ],\"vocabulary\":[\"b\"]}"),
      "{\"name\":\"a\",\"categories\":[],\"vocabulary\":[\"b\"]}" },

    /* escapes, in keys as well */

    { body("{\"name\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\","
           "\"vocabulary\":[\"a\\u0062c\"]}"),
      "{\"name\":\"\\\"\\\\/\\b\\f\\n\\r\\t\",\"vocabulary\":[\"abc\"]}" },
    { body("{\"n\\u0061me\":\"a\",\"\\u0076ocabular\\u0079\":[\"b\"]}"),
      "{\"name\":\"a\",\"vocabulary\":[\"b\"]}" },
    { body("{\"name\":\"\\u007f\\u0080\\u07ff\\u0800\\ud7ff\\ue000\\uFFFF\","
           "\"vocabulary\":[\"\\uD800\\uDC00\\uDbFf\\udFfF\"]}"),
      "{\"name\":\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
      "\xef\xbf\xbf\","
      "\"vocabulary\":[\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"]}" },
    { body("{\"name\":\"\\u0001\\u001F\\u00aF\",\"vocabulary\":[\"b\"]}"),
      "{\"name\":\"\\u0001\\u001f\xc2\xaf\",\"vocabulary\":[\"b\"]}" },
    { body("{\"name\":\"\\n\xe2\x82\xac\\n\xe2\x82\xac\","
           "\"vocabulary\":[\"b\\n\",\"c\",\"d\\n\"]}"),
      "{\"name\":\"\\n\xe2\x82\xac\\n\xe2\x82\xac\","
      "\"vocabulary\":[\"b\\n\",\"c\",\"d\\n\"]}" },

    /* the first and the last character of each length */

    { body("{\"name\":\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf"
           "\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\","
           "\"vocabulary\":[\" \"]}"),
      "{\"name\":\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf"
      "\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\","
      "\"vocabulary\":[\" \"]}" },
};


/* no JSON, or a key twice: jansson has the word, and says where */

static const body_t  bad[] = {

    { body(" "), NULL },
    { body("["), NULL },
    { body("{"), NULL },
    { body("{\""), NULL },
    { body("{\"name\""), NULL },
    { body("{\"name\" \"a\"}"), NULL },
    { body("{\"name\":\"a"), NULL },
    { body("{\"name\":\"\\na"), NULL },
    { body("{\"name\":\"a\",}"), NULL },
    { body("{\"vocabulary\":[\"a\",]}"), NULL },
    { body("{\"vocabulary\":[\"a\""), NULL },
    { body("[{},]"), NULL },
    { body("{\"name\":\"a\",\f\"vocabulary\":[\"b\"]}"), NULL },
    { body("{\"name\":\"a\",\"vocabulary\":[\"b\"]}]"), NULL },
    { body("{\"name\":\"a\",\"vocabulary\":[\"b\"]}\0"), NULL },
    { body("{\"name\":\"a\0\",\"vocabulary\":[\"b\"]}"), NULL },
    { body("{\"name\":\"a\x1f\"}"), NULL },
    { body("{\"name\":\"\\na\x1f\"}"), NULL },

    /* escapes */

    { body("{\"name\":\"\\"), NULL },
    { body("{\"name\":\"\\x\"}"), NULL },
    { body("{\"name\":\"\\u00"), NULL },
    { body("{\"name\":\"\\u00g0\"}"), NULL },
    { body("{\"name\":\"\\u00/0\"}"), NULL },
    { body("{\"name\":\"\\u00:0\"}"), NULL },
    { body("{\"name\":\"\\u00@0\"}"), NULL },
    { body("{\"name\":\"\\u00`0\"}"), NULL },
    { body("{\"name\":\"\\u0000\"}"), NULL },

    /* surrogates */

    { body("{\"name\":\"\\ud83d\"}"), NULL },
    { body("{\"name\":\"\\ud83d"), NULL },
    { body("{\"name\":\"\\ud83d\\n\\n\\n\"}"), NULL },
    { body("{\"name\":\"\\ud83dabcdef\"}"), NULL },
    { body("{\"name\":\"\\ud83d\\ud83d\"}"), NULL },
    { body("{\"name\":\"\\ud83d\\ue000\"}"), NULL },
    { body("{\"name\":\"\\ud83d\\u00\"}"), NULL },
    { body("{\"name\":\"\\ude00\\ud83d\"}"), NULL },

    /* UTF-8: a byte too few, too many, or out of its range */

    { body("{\"name\":\"\x80\"}"), NULL },
    { body("{\"name\":\"\xc1\xbf\"}"), NULL },
    { body("{\"name\":\"\xc2\"}"), NULL },
    { body("{\"name\":\"\xc2"), NULL },
    { body("{\"name\":\"\xe0\x9f\xbf\"}"), NULL },
    { body("{\"name\":\"\xed\xa0\x80\"}"), NULL },
    { body("{\"name\":\"\xed\xbf\xbf\"}"), NULL },
    { body("{\"name\":\"\xe2\x82\"}"), NULL },
    { body("{\"name\":\"\xf0\x8f\xbf\xbf\"}"), NULL },
    { body("{\"name\":\"\xf4\x90\x80\x80\"}"), NULL },
    { body("{\"name\":\"\xf5\x80\x80\x80\"}"), NULL },
    { body("{\"name\":\"\xf0\x9f\x98"), NULL },
    { body("{\"name\":\"\\n\xff\"}"), NULL },

    { body("{\"name\":\"a\",\"name\":\"a\"}"), NULL },
    { body("{\"name\":\"\",\"n\\u0061me\":\"\"}"), NULL },
    { body("{\"languages\":[],\"languages\":[]}"), NULL },
};


/* JSON, but not what a tracker is: jansson's, too, in a small body */

static const fault_t  wrong[] = {

    { OBJECT, body("[]"), "Request body must be an object." },
    { OBJECT, body("[{\"name\":\"a\",\"vocabulary\":[\"b\"]}]"),
      "Request body must be an object." },
    { ARRAY, body("{\"name\":\"a\",\"vocabulary\":[\"b\"]}"),
      "Request body must be an array." },
    { EITHER, body("[]"), "Request body must not be empty." },
    { ARRAY, body("[[]]"), "\"[0]\" must be an object" },
    { OBJECT, body("{\"name\":1}"), "\"name\" must be a string" },
    { OBJECT, body("{\"name\":[]}"), "\"name\" must be a string" },
    { OBJECT, body("{\"languages\":\"\"}"), "\"languages\" must be an array" },
    { OBJECT, body("{\"vocabulary\":[\"a\",[]]}"),
      "\"vocabulary[1]\" must be a string" },

    /* keys of the right length */

    { OBJECT, body("{\"nam_\":\"a\"}"), "\"nam_\" is not allowed" },
    { OBJECT, body("{\"language_\":[]}"), "\"language_\" is not allowed" },
    { OBJECT, body("{\"vocabular_\":[]}"), "\"vocabular_\" is not allowed" },
    { OBJECT, body("{\"descriptio_\":\"\"}"),
      "\"descriptio_\" is not allowed" },
    { OBJECT, body("{\"\":\"\"}"), "\"\" is not allowed" },
    { ARRAY, body("[{\"name\":\"a\",\"vocabulary\":[\"b\"]},{\"id\":\"1\"}]"),
      "\"[1].id\" is not allowed" },

    { OBJECT, body("{}"), "\"name\" is required" },
    { OBJECT, body("{\"name\":\"a\"}"), "\"vocabulary\" is required" },
    { ARRAY, body("[{\"name\":\"a\",\"vocabulary\":[\"b\"]},{}]"),
      "\"[1].name\" is required" },
    { OBJECT, body("{\"name\":\"\",\"vocabulary\":[\"b\"]}"),
      "\"name\" is not allowed to be empty" },
    { OBJECT, body("{\"name\":\"a\",\"vocabulary\":[]}"),
      "\"vocabulary\" is not allowed to be empty" },
    { OBJECT, body("{\"name\":\"a\",\"vocabulary\":[\"b\",\"\"]}"),
      "\"vocabulary[1]\" is not allowed to be empty" },
    { OBJECT, body("{\"name\":\"a\",\"vocabulary\":[\"A\",\"\\u0041\"]}"),
      "\"vocabulary[1]\" contains a duplicate value" },

    /* a NUL behind a number is no end of it */

    { OBJECT, body("{\"name\":1\0}"), "Invalid JSON at line 1 column 10." },
    { OBJECT, body("{\"foo\":[true\0]}"),
      "Invalid JSON at line 1 column 13." },
    { ARRAY, body("[1\0]"), "Invalid JSON at line 1 column 3." },

    /* behind the fault there is bad syntax */

    { ARRAY, body("[{},{]"), "Invalid JSON at line 1 column 6." },
    { OBJECT, body("{\"foo\":1,}"), "Invalid JSON at line 1 column 10." },
    { OBJECT, body("{\"name\":\"\"}}"), "Invalid JSON at line 1 column 12." },
};


static void
test_good(void)
{
    size_t  i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        tap_arena_reset(&memory, 0);

        ok(decode(EITHER, good[i].data, good[i].len) == TRACKER_OK
           && set.n == 1 && set.bulk == (good[i].data[0] == '['),
           "a good body is decoded");
        is_tracker(set.elts, good[i].expected, good[i].expected);
    }
}


static void
test_faults(void)
{
    size_t  i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_jansson(&bad[i]);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        is_fault(&wrong[i]);
    }
}


static void
test_limits(void)
{
    fault_t            fault;
    static const char  three[] = "[{\"name\":\"a\",\"vocabulary\":[\"x\"]},"
                                 "{\"name\":\"b\",\"vocabulary\":[\"x\"]},"
                                 "{\"name\":\"a\",\"vocabulary\":[\"x\"]}]";

    tap_arena_reset(&memory, 0);
    limits.max_bulk = 3;

    ok(decode(ARRAY, three, sizeof(three) - 1) == TRACKER_REPEATED
       && set.n == 3, "a name twice");
    is(message.data, message.len, "\"[2].name\" repeats the name of \"[0]\".",
       "and where");

    fault.shape = ARRAY;
    fault.data = three;
    fault.len = sizeof(three) - 1;
    fault.message = "Request body must contain at most 2 trackers, found 3.";

    limits.max_bulk = 2;
    is_fault(&fault);

    limits.max_bulk = 0;
    limits.min_phrases = 2;
    fault.message = "\"[0].vocabulary\" must contain at least 2 phrases,"
                    " found 1";
    is_fault(&fault);

    limits.min_phrases = 1;
}


/* each length around the reader's stride, with an odd byte in each place */

static void
test_places(void)
{
    char    text[128], *p, *end;
    size_t  len, at, i, failed;

    static const struct {
        const char    *json;
        const char    *text;         /* NULL: no JSON */
    } odd[] = {
        { "\\n", "\n" },
        { "\\u0041", "A" },
        { "\xc3\xa9", "\xc3\xa9" },
        { "\x7f", "\x7f" },
        { "\x1f", NULL },
        { "\x80", NULL },
        { "\xff", NULL },
        { "\"", NULL }
    };

    failed = 0;

    for (len = 0; len <= 40; len++) {
        for (at = 0; at <= len; at++) {
            for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
                tap_arena_reset(&memory, 0);

                p = text + sprintf(text, "{\"vocabulary\":[\"b\"],\"name\":\"");
                end = p;
                memset(end, 'x', at);
                end += at;
                end += sprintf(end, "%s", odd[i].json);
                memset(end, 'y', len - at);
                end += len - at;
                memcpy(end, "\"}", 2);
                end += 2;

                if (decode(OBJECT, text, end - text)
                    != (odd[i].text ? TRACKER_OK : TRACKER_INVALID))
                {
                    failed++;
                    continue;
                }

                if (odd[i].text == NULL) {
                    continue;
                }

                end = p + at;
                end += sprintf(end, "%s", odd[i].text);
                memset(end, 'y', len - at);
                end += len - at;

                failed += set.elts->name.len != (size_t) (end - p)
                          || memcmp(set.elts->name.data, p, end - p) != 0;
            }
        }
    }

    ok(failed == 0, "an odd byte in every place of names of every length");
}


/* cut anywhere a body is bad, and no byte behind the cut is looked at */

static void
test_cuts(void)
{
    size_t              len, failed;
    static const char   whole[] =
        "[{\"name\":\"a\\u00e9\\ud83d\\ude00\xf0\x9f\x98\x80 0123456789abcdef\""
        ",\"description\":\"\",\"categories\":[ ],\"languages\":[\"l\"],"
        "\"vocabulary\":[\"b\" , \"c\\n\"]} , {\"name\":\"b\","
        "\"vocabulary\":[\"0123456789abcdef0123456789abcdef\"]}]";

    failed = 0;

    for (len = 1; len < sizeof(whole) - 1; len++) {
        tap_arena_reset(&memory, 0);
        failed += decode(ARRAY, whole, len) != TRACKER_INVALID;
    }

    ok(failed == 0, "a body cut anywhere is bad");
    ok(decode(ARRAY, whole, len) == TRACKER_OK && set.n == 2,
       "the whole of it is good");
}


static size_t
many(char *to, size_t n, const char *last)
{
    char    *p;
    size_t   i;

    p = to;
    *p++ = '[';

    for (i = 0; i < n; i++) {
        p += sprintf(p, "{\"name\":\"n%zu\",\"vocabulary\":[\"a%zu\\n\",\"b\"]}"
                     ",", i, i);
    }

    p += sprintf(p, "%s]", last);

    return p - to;
}


static void
test_many(void)
{
    char           name[16];
    size_t         i, n, len, failed;
    static char    text[65536];

    failed = 0;

    for (n = 0; n <= 70; n++) {
        tap_arena_reset(&memory, 0);

        len = many(text, n, "{\"name\":\"last\",\"vocabulary\":[\"z\"]}");

        if (decode(ARRAY, text, len) != TRACKER_OK || set.n != n + 1) {
            failed++;
            continue;
        }

        for (i = 0; i < n; i++) {
            sprintf(name, "n%zu", i);

            failed += set.elts[i].name.len != strlen(name)
                      || memcmp(set.elts[i].name.data, name,
                                strlen(name)) != 0
                      || set.elts[i].vocabulary.n != 2
                      || set.elts[i].vocabulary.elts[1].len != 1;
        }
    }

    ok(failed == 0, "one to 71 trackers, in their order");
}


/* lists of many lengths: the reader moves them where they have no more room */

static void
test_lists(void)
{
    char                  *p, phrase[16];
    size_t                 i, j, failed;
    tracker_list_t        *list;
    static char            text[1 << 20];
    static const size_t    lengths[] = { 1, 7, 8, 4095, 2, 4096, 4097, 16384,
                                         40000, 3, 0, 30 };

    p = text;

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        p += sprintf(p, "%c{\"name\":\"n%zu\",\"categories\":[",
                     i ? ',' : '[', i);

        for (j = 0; j < lengths[i]; j++) {
            p += sprintf(p, "%s\"%zu\"", j ? "," : "", i + j);
        }

        p += sprintf(p, "],\"vocabulary\":[\"v\"]}");
    }

    p += sprintf(p, "]");

    tap_arena_reset(&memory, 0);

    if (decode(ARRAY, text, p - text) != TRACKER_OK || set.n != i) {
        ok(0, "lists of many lengths");
        return;
    }

    failed = 0;

    for (i = 0; i < set.n; i++) {
        list = &set.elts[i].categories;

        failed += list->elts == NULL || list->n != lengths[i];

        for (j = 0; j < list->n; j++) {
            sprintf(phrase, "%zu", i + j);
            failed += list->elts[j].len != strlen(phrase)
                      || memcmp(list->elts[j].data, phrase,
                                strlen(phrase)) != 0;
        }
    }

    ok(failed == 0, "lists of many lengths");
}


/*
 * In a large body the first fault that the reader is sure of is the answer;
 * jansson looks for bad syntax behind it.
 */

static void
test_large(void)
{
    char         *p;
    size_t        i;
    fault_t       fault;
    static char   text[TRACKER_DECODE_LARGE + 64];

    static const struct {
        const char    *head;
        const char    *tail;
        const char    *first;        /* NULL: as jansson */
        const char    *jansson;
    } bodies[] = {
        { "[", "]", NULL, "Request body must not be empty." },
        { "[{}", "]", NULL, "\"[0].name\" is required" },
        { "[{}", ",]", "\"[0].name\" is required",
          "Invalid JSON at line 1 column 65541." },
        { "[{\"foo\":1}", "]", NULL, "\"[0].foo\" is not allowed" },
        { "[{\"foo\":1}", ",]", "\"[0].foo\" is not allowed",
          "Invalid JSON at line 1 column 65548." },
        { "{\"foo\":1", ",}", "\"foo\" is not allowed",
          "Invalid JSON at line 1 column 65546." },
        { "{\"name\":\"a\"", "}", NULL, "\"vocabulary\" is required" },
        { "{\"name\":\"a\"", ",}", NULL,
          "Invalid JSON at line 1 column 65549." },
        { "[{\"name\":1}", "]", NULL, "\"[0].name\" must be a string" },
        { "[{\"name\":1}", ",]", "\"[0].name\" must be a string",
          "Invalid JSON at line 1 column 65549." },
        { "{\"name\":\"\xc3\xa9\"\n", ",}", NULL,
          "Invalid JSON at line 2 column 65538." },
        { "{\"name\":\"a\",\"name\":", "}",
          "Duplicate key at line 1 column 20.",
          "Duplicate key at line 1 column 18." },
        { "{\"name\":\"a\",\"vocabulary\":[\"b\"]", "", NULL,
          "Invalid JSON at line 1 column 65566." },
        { "[[]", "]", NULL, "\"[0]\" must be an object" },
        { "[[]", ",]", "\"[0]\" must be an object",
          "Invalid JSON at line 1 column 65541." },
        { "[{\"name\":\"\\u0000\"}", "]", NULL,
          "Invalid JSON at line 1 column 17." }
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        p = text + sprintf(text, "%s", bodies[i].head);
        memset(p, ' ', TRACKER_DECODE_LARGE);
        p += TRACKER_DECODE_LARGE;
        p += sprintf(p, "%s", bodies[i].tail);

        fault.shape = EITHER;
        fault.len = p - text;
        fault.data = text;
        fault.message = bodies[i].jansson;

#if !(TRACKER_NO_READER)
        if (bodies[i].first) {
            fault.message = bodies[i].first;
        }
#endif

        is_fault(&fault);
    }
}


static void
test_no_memory(void)
{
    size_t         n, len, wrong;
    tracker_rc_e   rc;
    static char    text[4096];

    len = many(text, 20, "{\"name\":\"\\n\",\"vocabulary\":[\"b\"]}");
    wrong = 0;

    for (n = 1; ; n++) {
        tap_arena_reset(&memory, n);

        rc = decode(ARRAY, text, len);

        if (memory.memory.calls < n) {
            break;
        }

        wrong += rc != TRACKER_NOMEM;
    }

    ok(wrong == 0 && rc == TRACKER_OK && n > 3,
       "each of the arena's calls fails once");

    tap_arena_reset(&memory, 2);
    ok(decode(OBJECT, good[0].data, good[0].len) == TRACKER_NOMEM,
       "so does that for the one object");
}


#if !(TRACKER_NO_READER)

static tracker_rc_e
called(void *ctx, long index, const tracker_t *t,
    const tracker_reader_fault_t *fault)
{
    calls_t *calls = ctx;

    static const tracker_str_t  none = { 0, NULL };

    calls->n++;
    calls->last = index;

    if (t == NULL) {
        calls->key = fault->key ? *fault->key : none;
        calls->elt = fault->elt;
        calls->what = fault->what;
    }

    return calls->n == calls->refuse ? TRACKER_INVALID : TRACKER_OK;
}


static tracker_reader_rc_e
read_all(const char *data, size_t len, calls_t *calls)
{
    size_t                left;
    tracker_reader_t     *rd;
    tracker_reader_rc_e   rc;

    tap_arena_reset(&memory, 0);

    rd = tracker_read_start(copy(data, len), len, 0, &arena, called, calls,
                            &set);
    if (rd == NULL) {
        return TRACKER_READER_NOMEM;
    }

    do {
        left = budget;
        rc = tracker_read_run(rd, &left);
    } while (rc == TRACKER_READER_AGAIN);

    return rc;
}


static tracker_reader_rc_e
take(const char *text, size_t refuse, calls_t *calls)
{
    memset(calls, 0, sizeof(calls_t));
    calls->refuse = refuse;

    return read_all(text, strlen(text), calls);
}


/* a value of another type, at the call so many, may be refused at once */

static void
test_other(const char *text, size_t refuse, const char *key, long elt,
    tracker_fault_e what)
{
    calls_t  calls;

    ok(take(text, refuse, &calls) == TRACKER_READER_REFUSED
       && calls.key.len == (key ? strlen(key) : 0)
       && memcmp(calls.key.data ? calls.key.data : "", key ? key : "",
                 calls.key.len) == 0
       && calls.elt == elt && calls.what == what,
       text);
}


/* the reader takes each good body itself, and none that is bad or wrong */

static void
test_taken(void)
{
    size_t               i, missed;
    calls_t              calls = { 0, 0, 0, { 0, NULL }, 0, 0 };
    tracker_reader_rc_e  rc;

    missed = 0;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        rc = read_all(good[i].data, good[i].len, &calls);
        missed += rc != TRACKER_READER_OK;
    }

    ok(missed == 0, "good bodies are taken");

    missed = 0;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rc = read_all(bad[i].data, bad[i].len, &calls);
        missed += rc != TRACKER_READER_UNDECIDED;
    }

    ok(missed == 0, "no bad body is");

    ok(take("", 0, &calls) == TRACKER_READER_UNDECIDED, "nor is an empty one");
}


static void
test_check(void)
{
    calls_t  calls;

    ok(take("{}", 0, &calls) == TRACKER_READER_OK && calls.n == 1
       && calls.last == -1 && set.n == 1 && !set.bulk,
       "an object without keys is taken, the check has it");

    ok(take("{}", 1, &calls) == TRACKER_READER_REFUSED, "and may refuse it");
    ok(take("{} x", 1, &calls) == TRACKER_READER_UNDECIDED && calls.n == 0,
       "but not before the text ends well");

    ok(take("[{},{},{}]", 0, &calls) == TRACKER_READER_OK && calls.n == 3
       && calls.last == 2 && set.n == 3 && set.bulk,
       "trackers of an array are checked one by one");
    ok(take("[{},{},{ x", 2, &calls) == TRACKER_READER_REFUSED
       && calls.n == 2 && calls.last == 1,
       "one that is refused ends the reading at once");
    ok(take("[{},{},{ x", 0, &calls) == TRACKER_READER_UNDECIDED,
       "bad syntax behind good ones is noticed");

    ok(take("[{},{\"a\\u0062\":[]}]", 2, &calls) == TRACKER_READER_REFUSED
       && calls.last == 1,
       "an unknown key may be refused");
    is(calls.key.data, calls.key.len, "ab", "by its decoded name");
    ok(take("[{},{\"ab\":[]}]", 0, &calls) == TRACKER_READER_UNDECIDED,
       "if it is not, the reader is not sure");
    ok(take("{\"ab\" x", 1, &calls) == TRACKER_READER_UNDECIDED && calls.n == 0,
       "a key without its colon is none");

    test_other("[{},[", 2, NULL, -1, TRACKER_FAULT_NOT_OBJECT);
    test_other("[{},-", 2, NULL, -1, TRACKER_FAULT_NOT_OBJECT);
    test_other("{\"name\": 1", 1, "name", -1, TRACKER_FAULT_NOT_STRING);
    test_other("{\"vocabulary\": {", 1, "vocabulary", -1,
               TRACKER_FAULT_NOT_ARRAY);
    test_other("{\"vocabulary\":[\"a\",[", 1, "vocabulary", 1,
               TRACKER_FAULT_NOT_STRING);
    test_other("{\"languages\":[null", 1, "languages", 0,
               TRACKER_FAULT_NOT_STRING);

    ok(take("[", 1, &calls) == TRACKER_READER_UNDECIDED
       && take("[x", 1, &calls) == TRACKER_READER_UNDECIDED
       && take("1", 1, &calls) == TRACKER_READER_UNDECIDED
       && take("{\"name\":", 1, &calls) == TRACKER_READER_UNDECIDED
       && take("{\"name\":\"1", 1, &calls) == TRACKER_READER_UNDECIDED
       && take("{\"name\":\"\\x1", 1, &calls) == TRACKER_READER_UNDECIDED
       && take("{\"vocabulary\":[]1", 1, &calls) == TRACKER_READER_UNDECIDED
       && take("{\"vocabulary\":[\"a\"1", 1, &calls)
          == TRACKER_READER_UNDECIDED
       && take("{1", 1, &calls) == TRACKER_READER_UNDECIDED && calls.n == 0,
       "what is no value of any type is left to the library");
}


/* strings are views of the body, but those that had to be decoded */

static void
test_views(void)
{
    size_t               len;
    calls_t              calls;
    const tracker_t     *t;
    static const char    text[] = "{\"name\":\"ab\",\"vocabulary\":"
                                  "[\"c\",\"d\\n\",\"\\u0065\",\"f\"]}";

    len = sizeof(text) - 1;

#define in_body(str)  ((str).data >= block && (str).data < block + len)

    ok(take(text, 0, &calls) == TRACKER_READER_OK, "with and without escapes");

    t = set.elts;

    ok(in_body(t->name) && in_body(t->vocabulary.elts[0])
       && in_body(t->vocabulary.elts[3]), "what has none is not copied");
    ok(!in_body(t->vocabulary.elts[1]) && !in_body(t->vocabulary.elts[2])
       && t->vocabulary.elts[1].data + 2 == t->vocabulary.elts[2].data,
       "the others lie one behind the other elsewhere");
    ok(t->description.data == NULL && t->languages.elts == NULL
       && t->id.data == NULL, "what is absent is NULL");

    ok(t->vocabulary.json.data == NULL, "a list with an escape is decoded");

    ok(take("{\"languages\": [\"a\",\"bc\",\"\"] ,\"vocabulary\":[\"b\" ]}",
            0, &calls) == TRACKER_READER_OK
       && set.elts->vocabulary.json.data == NULL, "so is one with a blank");
    is(set.elts->languages.json.data, set.elts->languages.json.len,
       "[\"a\",\"bc\",\"\"]", "one without is JSON as it should be written");

    ok(take("{\"name\":\"\",\"vocabulary\":[]}", 0, &calls)
           == TRACKER_READER_OK
       && set.elts->name.data && set.elts->name.len == 0
       && set.elts->vocabulary.elts && set.elts->vocabulary.n == 0,
       "what is empty is not");
}



static void *
counted_alloc(void *data, size_t size)
{
    *(size_t *) data += size;

    return tap_arena_alloc(&memory, size);
}


/* what the reader asks for is also what a body costs a worker */

static void
test_room(void)
{
    char            *p;
    size_t           i, j, asked;
    calls_t          calls;
    tracker_arena_t  counted = { counted_alloc, &asked };
    static char      text[1 << 20];

    p = text;

    for (i = 0; i < 450; i++) {
        p += sprintf(p, "%c{\"name\":\"n%zu\",\"vocabulary\":[",
                     i ? ',' : '[', i);

        for (j = 0; j < 70; j++) {
            p += sprintf(p, "%s\"a phrase of so many bytes %zu\"",
                         j ? "," : "", j);
        }

        p += sprintf(p, "]}");
    }

    p += sprintf(p, "]");

    tap_arena_reset(&memory, 0);
    asked = 0;

    arena = counted;
    i = read_all(text, p - text, &calls);
    arena = (tracker_arena_t) { tap_arena_alloc, &memory };

    ok(i == TRACKER_READER_OK && set.n == 450 && asked < (size_t) (p - text),
       "a large body takes less memory than it is long");
}


/* how often the reader must be run for a text, with a budget for each run */

static size_t
turns(const char *text, size_t some)
{
    size_t                n, left;
    calls_t               calls;
    tracker_reader_t     *rd;
    tracker_reader_rc_e   rc;

    memset(&calls, 0, sizeof(calls_t));
    tap_arena_reset(&memory, 0);

    rd = tracker_read_start(copy(text, strlen(text)), strlen(text), 0, &arena,
                            called, &calls, &set);
    n = 0;

    do {
        left = some;
        rc = tracker_read_run(rd, &left);
        n++;
    } while (rc == TRACKER_READER_AGAIN);

    return rc == TRACKER_READER_OK ? n : 0;
}


/* the same for the decoder, and a name that is there twice */

static size_t
decoding_turns(const char *text, size_t some)
{
    size_t             n, left;
    tracker_rc_e       rc;
    tracker_decode_t  *decode;

    tap_arena_reset(&memory, 0);

    decode = tracker_decode_start(copy(text, strlen(text)), strlen(text),
                                  EITHER, NULL, &limits, &arena, &set);
    n = 0;

    do {
        left = some;
        rc = tracker_decode_run(decode, &left, &message);
        n++;
    } while (rc == TRACKER_AGAIN);

    return rc == TRACKER_REPEATED ? n : 0;
}


/* a run ends behind the tracker that spends the budget */

static void
test_turns(void)
{
    static const char  two[] = "[{\"name\":\"a\",\"vocabulary\":[\"b\"]},"
                               "{\"name\":\"a\",\"vocabulary\":[\"b\"]}]";

    ok(turns("[{},{},{}]", 1) == 3, "a budget of one: a tracker a run");
    ok(turns("[{},{},{}]", TRACKER_COST + 3) == 3,
       "so with what a tracker costs, its comma included");
    ok(turns("[{},{},{}]", TRACKER_COST + 4) == 2, "one more is for the next");
    ok(turns("{\"name\":\"a\"}", 1) == 1, "an object is read in one run");

    ok(decoding_turns(two, (size_t) -1) == 1, "all of a body in one run");
    ok(decoding_turns(two, 1) == 3, "or its names in a run of their own");
}

#endif


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
        budget = budgets[i];

        test_good();
        test_faults();
        test_limits();
        test_places();
        test_cuts();
        test_many();
        test_lists();
        test_large();
        test_no_memory();

#if !(TRACKER_NO_READER)
        test_taken();
        test_check();
        test_views();
        test_room();
#endif
    }

#if !(TRACKER_NO_READER)
    test_turns();
#endif

    free(block);
    tap_arena_reset(&memory, 0);
    ok(memory.memory.live == 0, "nothing is left over");

    return tap_done();
}
