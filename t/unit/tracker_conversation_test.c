/*
 * What is sent of a conversation: which keys have a meaning, what is absent,
 * what is refused and in which words, and how large a body may be for jansson.
 * With -DTRACKER_NO_READER, too: then jansson reads every body.
 */


#include "json/jansson.h"
#include "json/reader.h"
#include "json/skip.h"
#include "tap.h"


#define ID  "4503599627370496"

#define body(literal)   sizeof(literal) - 1, literal

/* a message and more of it, and a body with one message and more of it */
#define in_message(rest)                                                      \
    body("{\"messages\":[{\"payload\":{\"content\":\"x\"}" rest)
#define in_body(rest)   in_message("}]" rest "}")


typedef struct {
    size_t                   len;
    const char              *data;
    const char              *expected;
} body_t;


static tap_arena_t             memory;
static tracker_arena_t         arena = { tap_arena_alloc, &memory };
static tracker_limits_t        limits = { 0, 3, 1 };
static tracker_message_t       message;
static tracker_conversation_t  conversation;
static char                   *block;
static size_t                  block_len;
static char                    text[1048576];
static tracker_talk_e          what;

/* what a run may spend, without bounds and as little as there is */
static const size_t            budgets[] = { (size_t) -1, 1 };
static size_t                  budget;


static tracker_rc_e
decode_in(const char *data, size_t len, size_t *runs)
{
    size_t                  left;
    tracker_rc_e            rc;
    tracker_decode_talk_t  *decode;

    /* a block of its own size: the sanitizer sees a byte too many */

    free(block);
    block = malloc(len);

    if (block == NULL) {
        exit(1);
    }

    memcpy(block, data, len);
    block_len = len;
    message.len = 0;
    *runs = 0;

    decode = tracker_decode_talk_start(block, len, what, &limits, &arena,
                                       &conversation);
    if (decode == NULL) {
        return TRACKER_NOMEM;
    }

    do {
        left = budget;
        rc = tracker_decode_talk_run(decode, &left, &message);
        ++*runs;
    } while (rc == TRACKER_AGAIN);

    return rc;
}


static tracker_rc_e
decode(const char *data, size_t len)
{
    size_t  runs;

    tap_arena_reset(&memory, 0);

    return decode_in(data, len, &runs);
}


/* what is left of a body: a line for all that is present */

static char *
show_str(char *p, const char *key, const tracker_str_t *str)
{
    return str->data ? p + sprintf(p, " %s=%.*s", key, (int) str->len,
                                   str->data)
                     : p;
}


static const char *
show(void)
{
    char                       *p;
    size_t                      i, k;
    const tracker_choice_t     *choice;
    const tracker_utterance_t  *utterance;
    static char                 line[4096];

    static const char  *all[] = { "", " all=no", " all=yes" };

    p = line;
    *p = '\0';

    for (i = 0; i < conversation.nmessages; i++) {
        utterance = &conversation.messages[i];

        p += sprintf(p, " <%.*s>", (int) utterance->content.len,
                     utterance->content.data);
        p = show_str(p, "by", &utterance->name);
        p = show_str(p, "user", &utterance->user_id);
        p = show_str(p, "start", &utterance->start);
        p = show_str(p, "end", &utterance->end);
    }

    p = show_str(p, "name", &conversation.name);
    p = show_str(p, "metadata", &conversation.metadata);
    p += sprintf(p, "%s", all[conversation.all]);

    for (i = 0; i < conversation.nchoices; i++) {
        choice = &conversation.choices[i];

        p += sprintf(p, " tracker");
        p = show_str(p, "id", &choice->id);
        p = show_str(p, "name", &choice->name);

        for (k = 0; k < choice->vocabulary.n; k++) {
            p = show_str(p, "phrase", &choice->vocabulary.elts[k]);
        }
    }

    return line + (*line == ' ');
}


static const body_t  good[] = {

    { in_body(""), "<x>" },
    { body("{\"messages\":[{\"payload\":{\"content\":\"\"}}]}"), "<>" },
    { body("{\"messages\":[{\"payload\":{\"content\":\"a\"}},"
           "{\"payload\":{\"content\":\"b\"}}]}"), "<a> <b>" },
    { body(" { \"messages\" : [ { \"payload\" : { \"content\" : \"a\" } } ] , "
           "\"name\" : \"n\" , \"enableAllTrackers\" : false } "),
      "<a> name=n all=no" },

    /* all that has a meaning, in another order, escaped */

    { body("{\"trackers\":[{\"vocabulary\":[\"p\",\"q\\/\"],\"name\":\"t\"},"
           "{\"id\":\"" ID "\"}],\"metadata\":{\"k\": \"}\\\"\"},"
           "\"enableAllTrackers\":true,\"n\\u0061me\":\"\\u00e9\","
           "\"messages\":[{\"duration\":{\"endTime\":\"e\","
           "\"startTime\":\"s\"},\"from\":{\"userId\":\"u@v.w\","
           "\"name\":\"N\"},\"payload\":{\"contentType\":\"text/plain\","
           "\"content\":\"a\\u0062\"}}]}"),
      "<ab> by=N user=u@v.w start=s end=e name=\xc3\xa9"
      " metadata={\"k\": \"}\\\"\"} all=yes tracker name=t phrase=p phrase=q/"
      " tracker id=" ID },

    /* null is absent, and so is what is empty */

    { body("{\"messages\":[{\"payload\":{\"content\":\"x\","
           "\"contentType\":null},\"from\":null,\"duration\":null}],"
           "\"name\":null,\"trackers\":null,\"enableAllTrackers\":null,"
           "\"metadata\":null}"), "<x>" },
    { in_message(",\"from\":{\"name\":null,\"userId\":null},\"duration\":"
                 "{\"startTime\":null,\"endTime\":null}}]}"), "<x>" },
    { in_message(",\"from\":{\"name\":\"\",\"userId\":\"\"},\"duration\":"
                 "{\"startTime\":\"\",\"endTime\":\"\"}}],\"name\":\"\","
                 "\"trackers\":[]}"), "<x>" },
    { in_message(",\"from\":{},\"duration\":{}}]}"), "<x>" },

    /* booleans as strings */

    { in_body(",\"enableAllTrackers\":\"true\""), "<x> all=yes" },
    { in_body(",\"enableAllTrackers\":\"True\""), "<x> all=yes" },
    { in_body(",\"enableAllTrackers\":\"FALSE\""), "<x> all=no" },

    /* of metadata an object only; blanks around it are not part of it */

    { in_body(",\"metadata\": { \"a\" : [ 1 ] } "),
      "<x> metadata={ \"a\" : [ 1 ] }" },
    { in_body(",\"metadata\":{}"), "<x> metadata={}" },
    { in_body(",\"metadata\":[{}]"), "<x>" },
    { in_body(",\"metadata\":\"{}\""), "<x>" },
    { in_body(",\"a\":[\"metadata\"],\"b\":{\"metadata\":{}},"
              "\"m\\u0065tadata\":{\"c\":0}"), "<x> metadata={\"c\":0}" },

    /* other keys, anywhere, with any value */

    { in_body(",\"features\":{},\"detectPhrases\":\"true\",\"entities\":[],"
              "\"confidenceThreshold\":0.75,\"timezoneOffset\":-480,"
              "\"x\":null,\"y\":[true,false,{\"messages\":[{}]},-0,1e+9,2E-9]"),
      "<x>" },
    { in_message(",\"x\":{\"payload\":1}},{\"payload\":{\"content\":\"y\","
                 "\"x\":[{}]},\"x\":1,\"from\":{\"x\":1}}]}"), "<x> <y>" },
    { in_body(",\"trackers\":[{\"id\":\"" ID "\",\"x\":{\"id\":1}}]"),
      "<x> tracker id=" ID },
    { in_body(",\"x\":1,\"X\":1"), "<x>" },
    { in_body(",\"x\":{\"a\":{\"b\":1},\"b\":1},\"b\":1"), "<x>" },

    /* what the reader leaves to jansson */

    { in_body(",\"x\":12345678901234567,\"y\":9223372036854775807"), "<x>" },
    { in_body(",\"x\":1e100"), "<x>" },
    { in_body(",\"x\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"), "<x>" },
    { in_body(",\"x\":1e100,\"metadata\":{\"a\":\"\\\\\"} ,\"y\":0"),
      "<x> metadata={\"a\":\"\\\\\"}" },

    /* an id decides: the rest is ignored, and so is one that is empty */

    { in_body(",\"trackers\":[{\"id\":\"" ID "\",\"name\":\"\","
              "\"vocabulary\":[\"\",\"\"]}]"), "<x> tracker id=" ID },
    { in_body(",\"trackers\":[{\"id\":\"\",\"name\":\"a\","
              "\"vocabulary\":[\"b\"]}]"), "<x> tracker name=a phrase=b" },
    { in_body(",\"trackers\":[{\"id\":null,\"name\":\"a\","
              "\"vocabulary\":[\"b\"],\"categories\":[1]}]"),
      "<x> tracker name=a phrase=b" },
};


static const body_t  wrong[] = {

    { body("[]"), "Request body must be an object." },
    { body("[{}]"), "Request body must be an object." },
    { body("{}"), "\"messages\" is required" },
    { body("{\"messages\":null}"), "\"messages\" is required" },
    { body("{\"messages\":[]}"), "\"messages\" is not allowed to be empty" },
    { body("{\"messages\":{}}"), "\"messages\" must be an array" },
    { body("{\"messages\":\"\"}"), "\"messages\" must be an array" },
    { body("{\"messages\":[null]}"), "\"messages[0]\" must be an object" },
    { in_message("},[]]}"), "\"messages[1]\" must be an object" },
    { body("{\"messages\":[{}]}"),
      "\"messages[0].payload.content\" is required" },
    { body("{\"messages\":[{\"payload\":null}]}"),
      "\"messages[0].payload.content\" is required" },
    { in_message("},{\"payload\":{}}]}"),
      "\"messages[1].payload.content\" is required" },
    { body("{\"messages\":[{\"payload\":{\"content\":null}}]}"),
      "\"messages[0].payload.content\" is required" },
    { body("{\"messages\":[{\"payload\":\"\"}]}"),
      "\"messages[0].payload\" must be an object" },
    { body("{\"messages\":[{\"payload\":{\"content\":1}}]}"),
      "\"messages[0].payload.content\" must be a string" },
    { in_message(",\"from\":\"John\"}]}"),
      "\"messages[0].from\" must be an object" },
    { in_message(",\"from\":{\"name\":1}}]}"),
      "\"messages[0].from.name\" must be a string" },
    { in_message(",\"from\":{\"userId\":[]}}]}"),
      "\"messages[0].from.userId\" must be a string" },
    { in_message(",\"duration\":1}]}"),
      "\"messages[0].duration\" must be an object" },
    { in_message(",\"duration\":{\"startTime\":1}}]}"),
      "\"messages[0].duration.startTime\" must be a string" },
    { in_message(",\"duration\":{\"endTime\":true}}]}"),
      "\"messages[0].duration.endTime\" must be a string" },

    { in_body(",\"name\":1"), "\"name\" must be a string" },
    { in_body(",\"enableAllTrackers\":1"),
      "\"enableAllTrackers\" must be a boolean" },
    { in_body(",\"enableAllTrackers\":\"\""),
      "\"enableAllTrackers\" must be a boolean" },
    { in_body(",\"enableAllTrackers\":\"yes\""),
      "\"enableAllTrackers\" must be a boolean" },

    { in_body(",\"trackers\":{}"), "\"trackers\" must be an array" },
    { in_body(",\"trackers\":[\"a\"]"), "\"trackers[0]\" must be an object" },
    { in_body(",\"trackers\":[{}]"), "\"trackers[0].name\" is required" },
    { in_body(",\"trackers\":[{\"id\":null}]"),
      "\"trackers[0].name\" is required" },
    { in_body(",\"trackers\":[{\"id\":1}]"),
      "\"trackers[0].id\" must be a string" },
    { in_body(",\"trackers\":[{\"id\":\"" ID "\"},{\"id\":\"450359962737049\"}"
              "]"), "\"trackers[1].id\" must be a string of 16 digits" },
    { in_body(",\"trackers\":[{\"id\":\"450359962737049a\"}]"),
      "\"trackers[0].id\" must be a string of 16 digits" },
    { in_body(",\"trackers\":[{\"id\":\"" ID "\",\"name\":1}]"),
      "\"trackers[0].name\" must be a string" },
    { in_body(",\"trackers\":[{\"name\":\"\",\"vocabulary\":[\"a\"]}]"),
      "\"trackers[0].name\" is not allowed to be empty" },
    { in_body(",\"trackers\":[{\"name\":\"a\"}]"),
      "\"trackers[0].vocabulary\" is required" },
    { in_body(",\"trackers\":[{\"name\":\"a\",\"vocabulary\":null}]"),
      "\"trackers[0].vocabulary\" is required" },
    { in_body(",\"trackers\":[{\"name\":\"a\",\"vocabulary\":[]}]"),
      "\"trackers[0].vocabulary\" is not allowed to be empty" },
    { in_body(",\"trackers\":[{\"name\":\"a\",\"vocabulary\":\"a\"}]"),
      "\"trackers[0].vocabulary\" must be an array" },
    { in_body(",\"trackers\":[{\"name\":\"a\",\"vocabulary\":[\"a\",null]}]"),
      "\"trackers[0].vocabulary[1]\" must be a string" },
    { in_body(",\"trackers\":[{\"name\":\"a\",\"vocabulary\":[\"a\",\"\"]}]"),
      "\"trackers[0].vocabulary[1]\" is not allowed to be empty" },
    { in_body(",\"trackers\":[{\"name\":\"a\",\"vocabulary\":[\"A\","
              "\"\\u0041\"]}]"),
      "\"trackers[0].vocabulary[1]\" contains a duplicate value" },
    { in_body(",\"trackers\":[{\"name\":\"a\",\"vocabulary\":[\"a\",\"b\","
              "\"c\",\"d\"]}]"),
      "\"trackers[0].vocabulary\" must contain at most 3 phrases, found 4" },
};


/* jansson has the word: where, may differ by its version */

static const body_t  bad[] = {

    /* a key twice, one that is ignored, too */

    { body("{\"name\":\"\",\"name\":\"\"}"), "Duplicate key" },
    { body("{\"name\":null,\"name\":null}"), "Duplicate key" },
    { body("{\"x\":1,\"\\u0078\":1}"), "Duplicate key" },
    { body("{\"x\":[{\"y\":{},\"y\":1}]}"), "Duplicate key" },
    { in_message(",\"payload\":{\"content\":\"x\"}}]}"), "Duplicate key" },
    { in_message(",\"x\":{},\"x\":{}}]}"), "Duplicate key" },

    /* what is ignored must be JSON */

    { in_body(",\"x\":01"), "Invalid JSON" },
    { in_body(",\"x\":1."), "Invalid JSON" },
    { in_body(",\"x\":nul"), "Invalid JSON" },
    { in_body(",\"x\":[1,]"), "Invalid JSON" },
    { in_body(",\"x\":{\"a\"}"), "Invalid JSON" },
    { in_body(",\"x\":1e999"), "Invalid JSON" },
    { in_body(",\"x\":9223372036854775808"), "Invalid JSON" },
    { in_body(",\"enableAllTrackers\":\"\xd4rue\""), "Invalid JSON" },
    { in_body(",\"x\":\"\\u0000\""), "Invalid JSON" },
    { in_body("} "), "Invalid JSON" },
    { body("[{\"messages\":[{\"payload\":{\"content\":\"x\"}}]}"),
      "Invalid JSON" },
};


static void
test_good(void)
{
    size_t       i;
    const char  *line;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ok(decode(good[i].data, good[i].len) == TRACKER_OK,
           "%s", good[i].data);

        line = show();
        is(line, strlen(line), good[i].expected, good[i].expected);
    }
}


static void
is_wrong(const char *data, size_t len, const char *expected)
{
    tracker_rc_e  rc;

    rc = decode(data, len);

    is(message.data, rc == TRACKER_INVALID ? message.len : 0, expected,
       expected);
}


static void
is_jansson(const body_t *body)
{
    tracker_conversation_t    other;
    static tracker_message_t  expected;

    tap_arena_reset(&memory, 0);

    ok(tracker_jansson_conversation(body->data, body->len,
                                    TRACKER_TALK_BODY, &limits, &arena, &other,
                                    &expected) == TRACKER_INVALID
       && memcmp(expected.data, body->expected, strlen(body->expected)) == 0,
       "%s: %s", body->expected, body->data);

    expected.data[expected.len] = '\0';
    is_wrong(body->data, body->len, expected.data);
}


static void
test_wrong(void)
{
    size_t  i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        is_wrong(wrong[i].data, wrong[i].len, wrong[i].expected);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_jansson(&bad[i]);
    }
}


/* cut anywhere a body is bad, and no byte behind the cut is looked at */

static void
test_cuts(void)
{
    size_t              len, failed;
    static const char   whole[] =
        "{\"messages\":[{\"payload\":{\"content\":\"a\\u00e9\",\"x\":[-1.5e2,"
        "true]},\"from\":{\"name\":null}},{\"payload\":{\"content\":\"b\"}}],"
        "\"enableAllTrackers\":false,\"x\":{\"y\":[null]},\"metadata\":{},"
        "\"trackers\":[{\"name\":\"a\",\"vocabulary\":[\"b\"]}]}";

    failed = 0;

    for (len = 1; len < sizeof(whole) - 1; len++) {
        failed += decode(whole, len) != TRACKER_INVALID;
    }

    ok(failed == 0, "a body cut anywhere is bad");
    ok(decode(whole, len) == TRACKER_OK, "the whole of it is good");
}


/* the element again and again, %zu in it is counted; returns the length */

static size_t
repeat(const char *head, const char *element, size_t n, const char *tail)
{
    char    *p;
    size_t   i;

    p = text + sprintf(text, "%s", head);

    for (i = 0; i < n; i++) {
        p += sprintf(p, element, i);
    }

    p += sprintf(p, "%s", tail);

    return p - text;
}


static void
test_large(void)
{
    size_t  i, n, len, failed;
    char    number[16];

    n = 20000;
    len = repeat("{\"messages\":[",
                 "{\"payload\":{\"content\":\"%zu\"},\"x\":1},", n,
                 "{\"payload\":{\"content\":\"\"}}]}");

    ok(decode(text, len) == TRACKER_OK && conversation.nmessages == n + 1,
       "many messages, each with a key without a meaning");

    failed = 0;

    for (i = 0; i < n; i++) {
        sprintf(number, "%zu", i);
        failed += conversation.messages[i].content.len != strlen(number)
                  || memcmp(conversation.messages[i].content.data, number,
                            strlen(number)) != 0;
    }

    ok(failed == 0, "in their order");

    /* the shortest there are: there is memory for few of them at first */

    n = (sizeof(text) - 64) / (sizeof("{\"payload\":{\"content\":\"\"}},") - 1);
    len = repeat("{\"messages\":[", "{\"payload\":{\"content\":\"\"}},", n - 1,
                 "{\"payload\":{\"content\":\"\"}}]}");

    ok(decode(text, len) == TRACKER_OK && conversation.nmessages == n,
       "as many messages as there can be");

    n = 30000;
    len = repeat("{\"messages\":[{\"payload\":{\"content\":\"\"}}],"
                 "\"trackers\":[", "{\"id\":\"" ID "\"},", n - 1,
                 "{\"id\":\"" ID "\"}]}");

    ok(decode(text, len) == TRACKER_OK && conversation.nchoices == n,
       "many trackers");

    len = repeat("[", "{},", 30000, "{}]");
    is_wrong(text, len, "Request body must be an object.");
}


/* of a large body the reader names the first fault, jansson bad syntax */

static void
test_large_wrong(void)
{
    size_t  i, len;

    static const struct {
        const char  *head;
        const char  *tail;
        const char  *reader;
        const char  *jansson;
    } bodies[] = {
        { "{\"messages\":[", "]}", "\"messages\" is not allowed to be empty",
          NULL },
        { "{", "}", "\"messages\" is required", NULL },
        { "{\"messages\":[{\"payload\":{}}", ",]}",
          "\"messages[0].payload.content\" is required",
          "Invalid JSON at line 1 column 65565." },
        { "{\"enableAllTrackers\":1", "]",
          "\"enableAllTrackers\" must be a boolean",
          "Invalid JSON at line 1 column 65559." },
        { "{\"trackers\":[{\"name\":\"a\"}", "]",
          "\"trackers[0].vocabulary\" is required",
          "Invalid JSON at line 1 column 65562." },
        { "{\"x\":1", "", "Invalid JSON at line 1 column 65542.", NULL },
        { "{\"x\":1,\"x\":", "}", "Duplicate key at line 1 column 10.", NULL },
        { "{\"x\":1e100", "}", "\"messages\" is required", NULL },
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        len = repeat(bodies[i].head, " ", TRACKER_DECODE_LARGE, bodies[i].tail);

        is_wrong(text, len,
                 TRACKER_READER || bodies[i].jansson == NULL
                 ? bodies[i].reader : bodies[i].jansson);
    }
}


#if !(TRACKER_NO_READER)

static tracker_rc_e
unexpected(void *ctx, long index, const tracker_t *t,
    const tracker_reader_fault_t *fault)
{
    (void) ctx;
    (void) index;
    (void) t;
    (void) fault;

    ok(0, "the check of trackers is not asked");

    return TRACKER_INVALID;
}


/* the reader alone; returns its stop with TRACKER_READER_UNDECIDED, or -1 */

static int
stop_of(const char *data, size_t len)
{
    size_t                  left;
    tracker_set_t           set;
    tracker_reader_t       *rd;
    tracker_reader_rc_e     rc;
    tracker_reader_talk_t  *talk;

    tap_arena_reset(&memory, 0);

    rd = tracker_read_start(data, len, 0, &arena, unexpected, NULL, &set);
    talk = tracker_read_talk_start(rd, TRACKER_TALK_BODY, &limits,
                                   &conversation);

    do {
        left = budget;
        rc = tracker_read_talk_run(talk, &left, &message);
    } while (rc == TRACKER_READER_AGAIN);

    return rc == TRACKER_READER_UNDECIDED ? (int) rd->stop : -1;
}


/* what the reader takes, so that jansson builds no tree of it */

static void
test_taken(void)
{
    size_t  i, n, len, left;

    static const char  brackets[] = "[[[[[[[[[[[[[[[[[[[["
                                    "]]]]]]]]]]]]]]]]]]]]";
    static const char  tail[] = "\"messages\":[{\"payload\":{\"content\":\"\"}}"
                                "]}";

    left = 0;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        left += stop_of(good[i].data, good[i].len) != -1;
    }

    ok(left == 4, "of good bodies only four are left to jansson");

    left = 0;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        left += stop_of(wrong[i].data, wrong[i].len)
                == TRACKER_READER_UNSUPPORTED;
    }

    ok(left == 0, "of others none");

    left = 0;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        left += stop_of(bad[i].data, bad[i].len) == TRACKER_READER_UNSUPPORTED;
    }

    ok(left == 2, "of bad ones two");

#define is_taken(len, title)                                                  \
    ok(stop_of(text, len) == -1, title)
#define is_left(len, title)                                                   \
    ok(stop_of(text, len) == TRACKER_READER_UNSUPPORTED, title)

    is_taken(repeat("{", "\"%zu\":0,", 32, tail), "32 ignored keys");
    is_left(repeat("{", "\"%zu\":0,", 33, tail), "one more is left");
    is_taken(repeat("{\"messages\":[",
                    "{\"payload\":{\"content\":\"\",\"a%zu\":{\"b\":0}},"
                    "\"c\":[{\"d\":0}]},", 100,
                    "{\"payload\":{\"content\":\"\"}}]}"),
             "keys of one message do not count in the next");

    n = TRACKER_SKIP_VALUES - 2;

    is_taken(repeat("{\"x\":[", "0,", n, "0],\"y\":[0],"
                    "\"messages\":[{\"payload\":{\"content\":\"\"}}]}"),
             "many ignored values");
    is_left(repeat("{\"x\":[", "0,", n + 1, "0],"
                   "\"messages\":[{\"payload\":{\"content\":\"\"}}]}"),
            "one more is left");

    for (n = TRACKER_SKIP_DEPTH; n <= TRACKER_SKIP_DEPTH + 1; n++) {
        len = sprintf(text, "{\"x\":%.*s%.*s,%s", (int) n, brackets, (int) n,
                      brackets + 20, tail);
        ok(stop_of(text, len) == (n == TRACKER_SKIP_DEPTH
                                  ? -1 : TRACKER_READER_UNSUPPORTED),
           "arrays %zu deep", n);
    }
}


/* there is an end to what jansson builds a tree of */

static void
test_values(void)
{
    size_t             n;
    static const char  head[] = "{\"messages\":[{\"payload\":{\"content\":\"\"}"
                                "}],\"x\":[1e100,";

    /* five to the content, the list and its number */

    n = TRACKER_JSON_VALUES - 7;

    ok(decode(text, repeat(head, "{},", n, "{}]}")) == TRACKER_OK,
       "as many values as are left to jansson");
    is_wrong(text, repeat(head, "{},", n + 1, "{}]}"),
             "Request body must contain at most 32768 values, found 32769.");
}


/* a run ends behind the message, or the key, that spends the budget */

static void
test_runs(void)
{
    size_t  runs;

    static const char  three[] =
        "{\"x\":1,\"messages\":[{\"payload\":{\"content\":\"\"}},"
        "{\"payload\":{\"content\":\"\"}},{\"payload\":{\"content\":\"\"}}],"
        "\"trackers\":[{\"id\":\"" ID "\"},{\"id\":\"" ID "\"}],\"y\":1}";

    tap_arena_reset(&memory, 0);

    budget = 1;
    ok(decode_in(three, sizeof(three) - 1, &runs) == TRACKER_OK && runs == 7
       && conversation.nmessages == 3 && conversation.nchoices == 2,
       "a budget of one: a key, a message or a tracker a run");

    budget = TRACKER_COST + 80;
    ok(decode_in(three, sizeof(three) - 1, &runs) == TRACKER_OK && runs == 3,
       "with more there are two in a run");

    budget = 2 * TRACKER_COST + 1024;
    ok(decode_in(text, repeat("{\"messages\":[",
                              "{\"payload\":{\"content\":\"\"},\"a\":0,\"b\":0,"
                              "\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,"
                              "\"i\":0,\"j\":0,\"k\":0,\"l\":0,\"m\":0},", 2,
                              "{\"payload\":{\"content\":\"\"}}]}"), &runs)
       == TRACKER_OK && runs == 2, "keys that are compared have their cost");

    budget = (size_t) -1;
    ok(decode_in(three, sizeof(three) - 1, &runs) == TRACKER_OK && runs == 1,
       "or all");
}

#endif


static void
test_no_memory(void)
{
    size_t         n, runs, failed;
    tracker_rc_e   rc;

    static const char  all[] =
        "{\"messages\":[{\"payload\":{\"content\":\"\\n\"}}],\"metadata\":{},"
        "\"trackers\":[{\"name\":\"a\",\"vocabulary\":[\"b\",\"c\"]}]}";

    failed = 0;

    for (n = 1; ; n++) {
        tap_arena_reset(&memory, n);

        rc = decode_in(all, sizeof(all) - 1, &runs);

        if (memory.memory.calls < n) {
            break;
        }

        failed += rc != TRACKER_NOMEM;
    }

    ok(failed == 0 && rc == TRACKER_OK && n > 4,
       "each of the arena's calls fails once");
}


/* lines: what each is, and what is found in it; or what is wrong with it */

typedef struct {
    tracker_talk_e   what;
    const char      *data;
    const char      *expected;     /* the message; NULL: it is good */
    const char      *content;
    int              is_message;
    size_t           nchoices;
} line_t;


static const line_t  lines[] = {
    { TRACKER_TALK_LINE, "{}", NULL, NULL, 0, 0 },
    { TRACKER_TALK_LINE, "{\"payload\":null}", NULL, NULL, 0, 0 },
    { TRACKER_TALK_LINE, "{\"trackers\":5,\"messages\":[]}", NULL, NULL, 0, 0 },
    { TRACKER_TALK_LINE, "{\"x\":[{}],\"payload\":{}}", NULL, NULL, 1, 0 },
    { TRACKER_TALK_LINE, "{\"payload\":\"text\"}", NULL, NULL, 1, 0 },
    { TRACKER_TALK_LINE, "{\"payload\":{},\"payload\":{}}",
      "Duplicate key at line 1 column 23.", NULL, 0, 0 },
    { TRACKER_TALK_LINE, "[]", "Request body must be an object.", NULL, 0, 0 },
    { TRACKER_TALK_LINE, "{\"payload\":{}", "Invalid JSON", NULL, 0, 0 },

    { TRACKER_TALK_SETTINGS, "{}", NULL, NULL, 0, 0 },
    { TRACKER_TALK_SETTINGS, "{\"messages\":null,\"languageCode\":\"en\"}",
      NULL, NULL, 0, 0 },
    { TRACKER_TALK_SETTINGS,
      "{\"trackers\":[{\"name\":\"a\",\"vocabulary\":[\"b\"]},"
      "{\"id\":\"4503599627370497\"}],\"enableAllTrackers\":\"true\"}",
      NULL, NULL, 0, 2 },
    { TRACKER_TALK_SETTINGS, "{\"messages\":[]}",
      "\"messages\" is not allowed", NULL, 0, 0 },
    { TRACKER_TALK_SETTINGS, "{\"trackers\":[{\"id\":\"1\"}]}",
      "\"trackers[0].id\" must be a string of 16 digits", NULL, 0, 0 },

    { TRACKER_TALK_MESSAGE,
      "{\"payload\":{\"content\":\"one\"},\"from\":null,\"trackers\":5}",
      NULL, "one", 0, 0 },
    { TRACKER_TALK_MESSAGE, "{\"payload\":{\"content\":\"\"}}", NULL, "", 0,
      0 },
    { TRACKER_TALK_MESSAGE, "{}", "\"payload.content\" is required", NULL, 0,
      0 },
    { TRACKER_TALK_MESSAGE, "{\"messages\":[{\"payload\":{\"content\":\"\"}}]}",
      "\"payload.content\" is required", NULL, 0, 0 },
    { TRACKER_TALK_MESSAGE, "{\"payload\":\"text\"}",
      "\"payload\" must be an object", NULL, 0, 0 },
    { TRACKER_TALK_MESSAGE, "{\"payload\":{\"content\":5}}",
      "\"payload.content\" must be a string", NULL, 0, 0 },
    { TRACKER_TALK_MESSAGE, "{\"payload\":{\"content\":\"a\"}},{}",
      "Invalid JSON at line 1 column 28.", NULL, 0, 0 },
    { TRACKER_TALK_MESSAGE, "5", "Invalid JSON at line 1 column 1.", NULL, 0,
      0 }
};


static int
line_is(const line_t *line, tracker_rc_e rc)
{
    if (line->expected) {
        return rc == TRACKER_INVALID
               && memcmp(message.data, line->expected, strlen(line->expected))
                  == 0;
    }

    return rc == TRACKER_OK
           && conversation.is_message == line->is_message
           && conversation.nchoices == line->nchoices
           && conversation.nmessages == (line->content ? 1 : 0)
           && (line->content == NULL
               || (conversation.messages[0].content.len == strlen(line->content)
                   && memcmp(conversation.messages[0].content.data,
                             line->content, strlen(line->content)) == 0));
}


static void
test_lines(void)
{
    size_t         i, len;
    tracker_rc_e   rc;
    const line_t  *line;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        line = &lines[i];
        len = strlen(line->data);
        what = line->what;

        rc = decode(line->data, len);
        ok(line_is(line, rc), "line %d: %s: %.*s", what, line->data,
           (int) message.len, message.data);

        message.len = 0;
        rc = tracker_jansson_conversation(line->data, len, what, &limits,
                                          &arena, &conversation, &message);
        ok(line_is(line, rc), "the same by jansson: %.*s", (int) message.len,
           message.data);
    }

    what = TRACKER_TALK_BODY;
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
        budget = budgets[i];

        test_good();
        test_wrong();
        test_cuts();
        test_large();
        test_large_wrong();
        test_no_memory();
        test_lines();

#if !(TRACKER_NO_READER)
        test_taken();
        test_values();
#endif
    }

#if !(TRACKER_NO_READER)
    test_runs();
#endif

    free(block);
    tap_arena_reset(&memory, 0);
    ok(memory.memory.live == 0, "nothing is left over");

    return tap_done();
}
