/*
 * Any bytes as what is sent of a conversation, for the strict reader and for
 * jansson.  Where their verdicts or values differ, where they are not those of
 * a third look at jansson's tree, or where the reader leaves a plain good body
 * to jansson, the fuzzer is stopped.
 */


#include <strings.h>

#include "body.h"
#include "large.h"
#include "json/skip.h"


/* what makes a body large for the decoder, and a bit more */
#define LARGE_MIN             65536
#define LARGE_MAX             131072

/* one in so many inputs is repeated until it is large */
#define LARGE_RARE            256

#define LIMITS                3


typedef tracker_rc_e (*decode_pt)(const char *data, size_t len,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_conversation_t *conversation, tracker_message_t *message);


static const tracker_limits_t  limits[LIMITS] = {
    { 0, 0, 1 },
    { 0, 2, 1 },
    { 0, 0, 2 }
};

/* what a run may spend; set from the input */
static size_t                  budget;


#define in_runs(name, start, run)                                             \
                                                                              \
static tracker_rc_e                                                           \
name(const char *data, size_t len, const tracker_limits_t *limits,            \
    const tracker_arena_t *arena, tracker_conversation_t *conversation,       \
    tracker_message_t *message)                                               \
{                                                                             \
    tracker_decode_talk_t  *state;                                            \
    size_t                  left;                                             \
    tracker_rc_e            rc;                                               \
                                                                              \
    state = start(data, len, TRACKER_TALK_BODY, limits, arena, conversation); \
                                                                              \
    if (state == NULL) {                                                      \
        return TRACKER_NOMEM;                                                 \
    }                                                                         \
                                                                              \
    do {                                                                      \
        left = budget;                                                        \
        rc = run(state, &left, message);                                      \
    } while (rc == TRACKER_AGAIN);                                            \
                                                                              \
    return rc;                                                                \
}


in_runs(decode_small, tracker_decode_talk_start, tracker_decode_talk_run)
in_runs(decode_large, tracker_decode_large_talk_start,
        tracker_decode_large_talk_run)


/* the value of a key; NULL: absent, or null */

static json_t *
get(const json_t *object, const char *key)
{
    json_t  *value;

    value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}


static int
is_string_or_absent(const json_t *object, const char *key)
{
    json_t  *value;

    value = get(object, key);

    return value == NULL || json_is_string(value);
}


static int
is_good_message(const json_t *message)
{
    json_t  *payload, *from, *duration;

    payload = get(message, "payload");
    from = get(message, "from");
    duration = get(message, "duration");

    return json_is_object(message)
           && json_is_object(payload)
           && json_is_string(get(payload, "content"))
           && (from == NULL
               || (json_is_object(from)
                   && is_string_or_absent(from, "name")
                   && is_string_or_absent(from, "userId")))
           && (duration == NULL
               || (json_is_object(duration)
                   && is_string_or_absent(duration, "startTime")
                   && is_string_or_absent(duration, "endTime")));
}


static int
is_good_choice(const json_t *choice, const tracker_limits_t *limit)
{
    size_t   i, k, n;
    json_t  *id, *vocabulary, *phrase;

    if (!json_is_object(choice)
        || !is_string_or_absent(choice, "id")
        || !is_string_or_absent(choice, "name"))
    {
        return 0;
    }

    vocabulary = get(choice, "vocabulary");
    n = json_array_size(vocabulary);

    if (vocabulary && !json_is_array(vocabulary)) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (!json_is_string(json_array_get(vocabulary, i))) {
            return 0;
        }
    }

    id = get(choice, "id");

    if (id && json_string_length(id)) {
        return json_string_length(id) == 16
               && strspn(json_string_value(id), "0123456789") == 16;
    }

    if (json_string_length(get(choice, "name")) == 0
        || n < limit->min_phrases
        || (limit->max_phrases && n > limit->max_phrases))
    {
        return 0;
    }

    for (i = 0; i < n; i++) {
        phrase = json_array_get(vocabulary, i);

        if (json_string_length(phrase) == 0) {
            return 0;
        }

        for (k = 0; k < i; k++) {
            if (json_equal(phrase, json_array_get(vocabulary, k))) {
                return 0;
            }
        }
    }

    return 1;
}


static tracker_all_e
all_of(const json_t *value)
{
    if (json_is_string(value)) {
        return strcasecmp(json_string_value(value), "true") == 0
               ? TRACKER_ALL_YES : TRACKER_ALL_NO;
    }

    return value == NULL ? TRACKER_ALL_ABSENT
                         : json_is_true(value) ? TRACKER_ALL_YES
                                               : TRACKER_ALL_NO;
}


static int
is_good(const json_t *root, const tracker_limits_t *limit)
{
    size_t   i;
    json_t  *messages, *choices, *all;

    messages = get(root, "messages");
    choices = get(root, "trackers");
    all = get(root, "enableAllTrackers");

    if (!json_is_object(root)
        || json_array_size(messages) == 0
        || (choices && !json_is_array(choices))
        || !is_string_or_absent(root, "name")
        || (all && !json_is_boolean(all) && !json_is_string(all)))
    {
        return 0;
    }

    if (json_is_string(all)
        && strcasecmp(json_string_value(all), "true") != 0
        && strcasecmp(json_string_value(all), "false") != 0)
    {
        return 0;
    }

    for (i = 0; i < json_array_size(messages); i++) {
        if (!is_good_message(json_array_get(messages, i))) {
            return 0;
        }
    }

    for (i = 0; i < json_array_size(choices); i++) {
        if (!is_good_choice(json_array_get(choices, i), limit)) {
            return 0;
        }
    }

    return 1;
}


static void
same_string(const tracker_str_t *str, const json_t *value)
{
    must(str->data != NULL && str->len == json_string_length(value));
    must(memcmp(str->data, json_string_value(value), str->len) == 0);
}


/* a string that is absent where it is empty */

static void
same_optional(const tracker_str_t *str, const json_t *object, const char *key)
{
    const json_t  *value;

    value = json_object_get(object, key);

    if (json_string_length(value) == 0) {
        must(str->data == NULL);
        return;
    }

    same_string(str, value);
}


static void
same_choice(const tracker_choice_t *choice, const json_t *value)
{
    size_t   i;
    json_t  *vocabulary;

    same_optional(&choice->id, value, "id");

    if (choice->id.data) {
        must(choice->name.data == NULL && choice->vocabulary.elts == NULL);
        return;
    }

    vocabulary = json_object_get(value, "vocabulary");

    same_string(&choice->name, json_object_get(value, "name"));
    must(choice->vocabulary.n == json_array_size(vocabulary));

    for (i = 0; i < choice->vocabulary.n; i++) {
        same_string(&choice->vocabulary.elts[i], json_array_get(vocabulary, i));
    }
}


static void
same_metadata(const tracker_str_t *text, const json_t *value, const char *body,
    size_t len)
{
    json_t  *tree;

    if (!json_is_object(value)) {
        must(text->data == NULL);
        return;
    }

    must(text->data > body && text->data + text->len < body + len);
    must(text->data[0] == '{' && text->data[text->len - 1] == '}');

    tree = load(text->data, text->len);
    must(tree != NULL && json_equal(tree, value));
    json_decref(tree);
}


static void
same_tree(const tracker_conversation_t *conversation, const json_t *root,
    const char *body, size_t len)
{
    size_t                      i;
    const json_t               *array, *value, *object;
    const tracker_utterance_t  *utterance;

    same_optional(&conversation->name, root, "name");
    same_metadata(&conversation->metadata, json_object_get(root, "metadata"),
                  body, len);
    must(conversation->all == all_of(get(root, "enableAllTrackers")));

    array = json_object_get(root, "messages");
    must(conversation->nmessages == json_array_size(array));

    for (i = 0; i < conversation->nmessages; i++) {
        utterance = &conversation->messages[i];
        value = json_array_get(array, i);

        same_string(&utterance->content,
                    json_object_get(json_object_get(value, "payload"),
                                    "content"));

        object = json_object_get(value, "from");
        same_optional(&utterance->name, object, "name");
        same_optional(&utterance->user_id, object, "userId");

        object = json_object_get(value, "duration");
        same_optional(&utterance->start, object, "startTime");
        same_optional(&utterance->end, object, "endTime");
    }

    array = json_object_get(root, "trackers");
    must(conversation->nchoices == json_array_size(array));

    for (i = 0; i < conversation->nchoices; i++) {
        same_choice(&conversation->choices[i], json_array_get(array, i));
    }
}


/* at most so much of everything that the reader must not be unsure of it */

static int
is_plain(const char *body, size_t len)
{
    char    c;
    size_t  i, number, keys, values, level, deepest;

    number = 0;
    keys = 0;
    values = 0;
    level = 0;
    deepest = 0;

    for (i = 0; i < len; i++) {
        c = body[i];

        if (c == '"') {
            for (i++; i < len && body[i] != '"'; i++) {
                i += body[i] == '\\';
            }

            continue;
        }

        if (c != '\0' && strchr("+-.0123456789eE", c)) {

            /* an exponent of three digits has one like this before them */

            if (++number == 18 || c == 'e' || c == 'E') {
                if (number > 1) {
                    return 0;
                }
            }

            continue;
        }

        number = 0;
        keys += c == ':';
        values += c == ',' || c == '[' || c == '{';
        level += c == '[' || c == '{';
        level -= level && (c == ']' || c == '}');
        deepest = deepest < level ? level : deepest;
    }

    return keys <= TRACKER_SKIP_KEYS && deepest <= TRACKER_SKIP_DEPTH
           && values < TRACKER_SKIP_VALUES;
}


/* the reader alone: it takes a good body, unless it says that it may not */

static void
check_reader(const char *body, size_t len, const tracker_limits_t *limit,
    tracker_rc_e rc)
{
    size_t                    left;
    memory_t                  memory = { NULL, 0 };
    tracker_set_t             set;
    tracker_arena_t           arena = { memory_alloc, &memory };
    tracker_reader_t         *rd;
    tracker_reader_rc_e       verdict;
    tracker_reader_talk_t    *talk;
    tracker_conversation_t    conversation;
    static tracker_message_t  message;

    rd = tracker_read_start(body, len, 0, &arena, tracker_decode_accept, NULL,
                            &set);
    must(rd != NULL);

    talk = tracker_read_talk_start(rd, TRACKER_TALK_BODY, limit,
                                   &conversation);
    must(talk != NULL);

    do {
        left = budget;
        verdict = tracker_read_talk_run(talk, &left, &message);
    } while (verdict == TRACKER_READER_AGAIN);

    must(verdict != TRACKER_READER_NOMEM);
    must((verdict == TRACKER_READER_OK) <= (rc == TRACKER_OK));

    if (verdict == TRACKER_READER_REFUSED) {
        must(rc == TRACKER_INVALID);
        check_message(&message);
    }

    if (rc == TRACKER_OK && verdict != TRACKER_READER_OK) {
        must(verdict == TRACKER_READER_UNDECIDED
             && rd->stop == TRACKER_READER_UNSUPPORTED);
        must(!is_plain(body, len));
    }

    memory_free(&memory);
}


static void
check_decoded(decode_pt decode, const char *body, size_t len,
    const tracker_limits_t *limit, tracker_rc_e expected, const json_t *root,
    const tracker_message_t *message)
{
    memory_t                  memory = { NULL, 0 };
    tracker_rc_e              rc;
    tracker_arena_t           arena = { memory_alloc, &memory };
    tracker_conversation_t    conversation;
    static tracker_message_t  got;

    got.len = 0;

    rc = decode(body, len, limit, &arena, &conversation, &got);

    if (rc == TRACKER_OK) {
        must(expected == TRACKER_OK);
        same_tree(&conversation, root, body, len);

    } else {
        must(rc == TRACKER_INVALID);
        check_message(&got);

        /* a large body with more values than are left to jansson */

        must(expected == TRACKER_INVALID
             || (len / 2 > TRACKER_JSON_VALUES
                 && memcmp(got.data, "Request body must contain at most ", 34)
                    == 0));

        /* of several faults of a large body any may be named */

        if (decode == decode_small && len < LARGE_MIN) {
            must(got.len == message->len);
            must(memcmp(got.data, message->data, got.len) == 0);
        }
    }

    memory_free(&memory);
}


static void
check_decode(const char *body, size_t len, const tracker_limits_t *limit)
{
    json_t                   *root;
    memory_t                  memory = { NULL, 0 };
    tracker_rc_e              rc;
    tracker_arena_t           arena = { memory_alloc, &memory };
    tracker_conversation_t    conversation;
    static tracker_message_t  message;

    message.len = 0;

    rc = tracker_jansson_conversation(body, len, TRACKER_TALK_BODY, limit, &arena,
                                      &conversation, &message);

    root = load(body, len);
    must(rc == (root && is_good(root, limit) ? TRACKER_OK : TRACKER_INVALID));

    if (rc == TRACKER_OK) {
        same_tree(&conversation, root, body, len);
    }

    check_decoded(decode_small, body, len, limit, rc, root, &message);
    check_decoded(decode_large, body, len, limit, rc, root, &message);
    check_reader(body, len, limit, rc);

    json_decref(root);
    memory_free(&memory);
}


/* the arena's n-th call fails; n is taken from the calls that are made */

static void
check_no_memory(decode_pt decode, const char *body, size_t len, size_t seed)
{
    size_t                    calls;
    memory_t                  memory = { NULL, 0 };
    tracker_arena_t           arena = { memory_alloc, &memory };
    tracker_conversation_t    conversation;
    static tracker_message_t  message;

    memory.fail = SIZE_MAX;
    decode(body, len, &limits[0], &arena, &conversation, &message);
    calls = SIZE_MAX - memory.fail;

    memory.fail = seed % calls + 1;
    must(decode(body, len, &limits[0], &arena, &conversation, &message)
         == TRACKER_NOMEM);

    memory_free(&memory);
}


/* a large body of an input again and again, in one of four ways */

static void
check_large(const char *data, size_t len, uint32_t seed)
{
    char         *p, *body;
    size_t        i;
    static char   room[LARGE_MAX];

    static const struct {
        const char    *head;
        const char    *between;
        const char    *tail;
    } ways[] = {
        { "{\"messages\":[", ",", "]}" },
        { "{\"x\":[", ",", "],\"messages\":[{\"payload\":{\"content\":"
          "\"a\"}}]}" },
        { "{\"messages\":[{\"payload\":{\"content\":\"", "",
          "\"}}],\"metadata\":{\"a\":[]}}" },
        { "{\"trackers\":[", ",", "],\"messages\":[{\"payload\":{\"content\":"
          "\"\"}}]}" }
    };

    if (len > LARGE_MAX - LARGE_MIN - 1024) {
        return;
    }

    i = seed % 4;
    p = room + sprintf(room, "%s", ways[i].head);

    for ( ;; ) {
        memcpy(p, data, len);
        p += len;

        if (p - room >= LARGE_MIN) {
            break;
        }

        p += sprintf(p, "%s", ways[i].between);
    }

    p += sprintf(p, "%s", ways[i].tail);

    body = malloc(p - room);
    must(body != NULL);
    memcpy(body, room, p - room);

    check_decode(body, p - room, &limits[seed / 4 % LIMITS]);

    free(body);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char      *body;
    size_t     i;
    uint32_t   seed;

    if (len == 0) {
        return 0;
    }

    body = body_copy(data, len);
    seed = body_seed(data, len);

    /* a message a run, some of them, or all at once */

    budget = (size_t) 1 << seed / 16 % 16;

    for (i = 0; i < LIMITS; i++) {
        check_decode(body, len, &limits[i]);
    }

    check_no_memory(decode_small, body, len, seed);
    check_no_memory(decode_large, body, len, seed);

    if (seed / 256 % LARGE_RARE == 0) {
        check_large(body, len, seed / 65536);
    }

    free(body);

    return 0;
}
