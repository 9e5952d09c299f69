/*
 * Any bytes as a request body, for the strict reader and for jansson.  Where
 * the reader takes what jansson does not, where their values or verdicts
 * differ, or where the reader leaves a good body to jansson, the fuzzer is
 * stopped.
 */


#include "body.h"
#include "large.h"
#include "same_set.h"


/* what makes a body large for tracker_decode(), and a bit more */
#define LARGE_MIN             65536
#define LARGE_MAX             131072

/* one in so many inputs is repeated until it is large */
#define LARGE_RARE            256

#define LIMITS                4


typedef tracker_rc_e (*decode_pt)(const char *data, size_t len,
    tracker_json_shape_e shape, const tracker_limits_t *limits,
    const tracker_arena_t *arena, tracker_set_t *set,
    tracker_message_t *message);


static const tracker_limits_t  limits[LIMITS] = {
    { 0, 0, 1 },
    { 1, 0, 2 },
    { 2, 1, 1 },
    { 3, 20, 5 }
};

static const struct {
    const char    *key;
    size_t         offset;
    unsigned       list:1;
} fields[] = {
    { "name", offsetof(tracker_t, name), 0 },
    { "description", offsetof(tracker_t, description), 0 },
    { "categories", offsetof(tracker_t, categories), 1 },
    { "languages", offsetof(tracker_t, languages), 1 },
    { "vocabulary", offsetof(tracker_t, vocabulary), 1 },
};

#define FIELDS  (sizeof(fields) / sizeof(fields[0]))


/* what a run may spend; set from the input */
static size_t                budget;

/* of a PUT, which takes an object; NULL: of a POST */
static const tracker_str_t  *id;

static const tracker_str_t   put = tracker_str("4503599627370496");


#define in_runs(name, start, run)                                             \
                                                                              \
static tracker_rc_e                                                           \
name(const char *data, size_t len, tracker_json_shape_e shape,                \
    const tracker_limits_t *limits, const tracker_arena_t *arena,             \
    tracker_set_t *set, tracker_message_t *message)                           \
{                                                                             \
    tracker_decode_t  *state;                                                 \
    size_t             left;                                                  \
    tracker_rc_e       rc;                                                    \
                                                                              \
    state = start(data, len, shape, id, limits, arena, set);                  \
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


static void same_merge(const tracker_merge_t *merge,
    const tracker_merge_t *expected);


in_runs(decode_small, tracker_decode_start, tracker_decode_run)
in_runs(decode_large, tracker_decode_large_start, tracker_decode_large_run)


static tracker_rc_e
accept_all(void *ctx, long index, const tracker_t *t,
    const tracker_reader_fault_t *fault)
{
    long *next = ctx;

    /* one after the other, each complete */

    must(index == -1 || index == *next);
    must((t == NULL) == (fault != NULL));

    ++*next;

    return TRACKER_OK;
}


static void
same_string(const tracker_str_t *str, const json_t *value)
{
    must(json_is_string(value));
    must(str->data != NULL && str->len == json_string_length(value));
    must(memcmp(str->data, json_string_value(value), str->len) == 0);
}


static void
same_tree(const tracker_t *t, json_t *object)
{
    size_t                 i, k, present;
    json_t                *value;
    const tracker_str_t   *str;
    const tracker_list_t  *list;

    must(json_is_object(object));
    must(t->id.data == NULL);

    present = 0;

    for (i = 0; i < FIELDS; i++) {
        value = json_object_get(object, fields[i].key);
        str = (const tracker_str_t *) ((const char *) t + fields[i].offset);
        list = (const tracker_list_t *) str;

        if (value == NULL) {
            must(fields[i].list ? list->elts == NULL : str->data == NULL);
            continue;
        }

        present++;

        if (!fields[i].list) {
            same_string(str, value);
            continue;
        }

        must(json_is_array(value));
        must(list->elts != NULL && list->n == json_array_size(value));

        for (k = 0; k < list->n; k++) {
            same_string(&list->elts[k], json_array_get(value, k));
        }
    }

    must(present == json_object_size(object));
}


/* the reader alone: no rule but that of JSON; returns 1 when it took it */

static int
check_reader(const char *body, size_t len)
{
    long                 next;
    size_t               i, left;
    json_t              *root;
    memory_t             memory = { NULL, 0 };
    tracker_set_t        set;
    tracker_arena_t      arena = { memory_alloc, &memory };
    tracker_reader_t    *rd;
    tracker_reader_rc_e  rc;

    next = 0;
    rd = tracker_read_start(body, len, 0, &arena, accept_all, &next, &set);
    must(rd != NULL);

    do {
        left = budget;
        rc = tracker_read_run(rd, &left);
    } while (rc == TRACKER_READER_AGAIN);

    must(rc == TRACKER_READER_OK || rc == TRACKER_READER_UNDECIDED);

    if (rc == TRACKER_READER_OK) {
        root = load(body, len);

        must(root != NULL);
        must(set.bulk == json_is_array(root));
        must(set.n == (set.bulk ? json_array_size(root) : 1));
        must(next == (long) set.n);

        for (i = 0; i < set.n; i++) {
            same_tree(&set.elts[i], set.bulk ? json_array_get(root, i) : root);
        }

        json_decref(root);
    }

    memory_free(&memory);

    return rc == TRACKER_READER_OK;
}


static void
check_decoded(decode_pt decode, const char *body, size_t len,
    tracker_json_shape_e shape, const tracker_limits_t *limit,
    tracker_rc_e rc, const tracker_set_t *expected,
    const tracker_message_t *message)
{
    memory_t                  memory = { NULL, 0 };
    tracker_set_t             set;
    tracker_arena_t           arena = { memory_alloc, &memory };
    static tracker_message_t  got;

    got.len = 0;

    must(decode(body, len, shape, limit, &arena, &set, &got) == rc);

    if (rc != TRACKER_INVALID) {
        same_set(&set, expected);
    }

    /* of several faults of a large body any may be named */

    if (rc == TRACKER_INVALID
        && (decode == decode_large || len >= LARGE_MIN))
    {
        check_message(&got);

    } else {
        must(got.len == message->len);
        must(memcmp(got.data, message->data, got.len) == 0);
    }

    memory_free(&memory);
}


/* the reader's verdict must be jansson's, which is returned */

static tracker_rc_e
check_decode(const char *body, size_t len, tracker_json_shape_e shape,
    const tracker_limits_t *limit)
{
    memory_t                  memory = { NULL, 0 };
    tracker_rc_e              rc;
    tracker_set_t             set;
    tracker_arena_t           arena = { memory_alloc, &memory };
    static tracker_message_t  message;

    message.len = 0;

    rc = tracker_jansson_trackers(body, len, id ? TRACKER_JSON_OBJECT : shape,
                                  id, limit, &arena, &set, &message);
    must(rc != TRACKER_NOMEM);

    check_decoded(decode_small, body, len, shape, limit, rc, &set, &message);
    check_decoded(decode_large, body, len, shape, limit, rc, &set,
                  &message);

    memory_free(&memory);

    return rc;
}


/* the body as a record, which is read like jansson's */

static void
check_record(const char *body, size_t len)
{
    memory_t         memory = { NULL, 0 };
    tracker_t        t, expected;
    tracker_rc_e     rc;
    tracker_set_t    set, other;
    tracker_arena_t  arena = { memory_alloc, &memory };

    rc = tracker_jansson_record(body, len, &arena, &expected);
    must(tracker_decode_record(body, len, &arena, &t) == rc);

    if (rc == TRACKER_OK) {
        must(memcmp(t.id.data, expected.id.data, TRACKER_ID_LEN) == 0);

        set.bulk = 0;
        set.n = 1;
        set.elts = &t;

        other = set;
        other.elts = &expected;

        same_set(&set, &other);
    }

    memory_free(&memory);
}


/* the body as a merge patch, which is read like jansson's */

static void
check_merge(const char *body, size_t len)
{
    memory_t                  memory = { NULL, 0 };
    tracker_rc_e              rc;
    tracker_merge_t           merge, expected;
    tracker_arena_t           arena = { memory_alloc, &memory };
    static tracker_message_t  message, got;

    rc = tracker_jansson_merge(body, len, &put, &arena, &expected, &message);

    must(tracker_decode_merge(body, len, &put, &arena, &merge, &got) == rc);

    if (rc == TRACKER_OK) {
        same_merge(&merge, &expected);

    } else if (len < LARGE_MIN) {
        must(got.len == message.len && got.pointed == message.pointed);
        must(memcmp(got.data, message.data, got.len) == 0);
    }

    must(tracker_decode_large_merge(body, len, &put, &arena, &merge, &got)
         == rc);

    if (rc == TRACKER_OK) {
        same_merge(&merge, &expected);

    } else {
        check_message(&got);
    }

    memory_free(&memory);
}


static void
same_merge(const tracker_merge_t *merge, const tracker_merge_t *expected)
{
    tracker_t      t, other;
    tracker_set_t  set = { 1, &t, 0 }, expected_set = { 1, &other, 0 };

    t = merge->values;
    other = expected->values;

    must(merge->removed == expected->removed);
    same_set(&set, &expected_set);
}


/* the arena's n-th call fails; n is taken from the calls that are made */

static void
check_no_memory(decode_pt decode, const char *body, size_t len, size_t seed)
{
    size_t                    calls;
    memory_t                  memory = { NULL, 0 };
    tracker_rc_e              rc;
    tracker_set_t             set;
    tracker_arena_t           arena = { memory_alloc, &memory };
    static tracker_message_t  message;

    memory.fail = SIZE_MAX;
    decode(body, len, TRACKER_JSON_EITHER, &limits[0], &arena, &set,
           &message);
    calls = SIZE_MAX - memory.fail;

    memory.fail = seed % calls + 1;
    rc = decode(body, len, TRACKER_JSON_EITHER, &limits[0], &arena, &set,
                &message);
    must(rc == TRACKER_NOMEM);

    memory_free(&memory);
}


/*
 * A large body of an input again and again, in one of four ways; returns its
 * length.  A number after each "name":" keeps the names apart.
 */

static size_t
enlarge(char *to, const char *data, size_t len, unsigned way)
{
    char               *p;
    size_t              i, n;
    static const char   name[] = "\"name\":\"";
    static const char   head[] = "{\"name\":\"N\",\"vocabulary\":[\"";

    p = to;

    if (way == 0) {

        /* blanks, and a body like all others behind them */

        memset(p, ' ', LARGE_MIN);
        p += LARGE_MIN;
        memcpy(p, data, len);

        return p + len - to;
    }

    if (way == 1) {
        *p++ = '[';

    } else if (way == 2) {
        p += sprintf(p, "%s", head);
    }

    for (n = 0; p - to < LARGE_MIN; n++) {

        if (n && way == 1) {
            *p++ = ',';

        } else if (n && way == 2) {
            p += sprintf(p, "%zu\",\"", n);
        }

        for (i = 0; i < len; i++) {
            *p++ = data[i];

            if (way == 1 && i + 1 >= sizeof(name) - 1 && p - to < LARGE_MIN
                && memcmp(&data[i + 2 - sizeof(name)], name, sizeof(name) - 1)
                   == 0)
            {
                p += sprintf(p, "%zu", n);
            }
        }
    }

    if (way == 1) {
        *p++ = ']';

    } else if (way == 2) {
        p += sprintf(p, "\"]}");
    }

    return p - to;
}


static void
check_large(const char *data, size_t len, uint32_t seed)
{
    char         *body;
    size_t        n;
    static char   room[LARGE_MAX];

    if (len > LARGE_MAX - LARGE_MIN - 1024) {
        return;
    }

    n = enlarge(room, data, len, seed % 4);
    must(n >= LARGE_MIN && n <= LARGE_MAX);

    body = malloc(n);
    must(body != NULL);
    memcpy(body, room, n);

    check_decode(body, n, seed / 4 % 3, &limits[seed / 16 % LIMITS]);
    check_decode(body, n, TRACKER_JSON_EITHER, &limits[0]);

    free(body);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int            taken;
    char          *body;
    size_t         i;
    uint32_t       seed;
    tracker_rc_e   rc;

    if (len == 0) {
        return 0;
    }

    body = body_copy(data, len);
    seed = body_seed(data, len);

    /* a tracker a run, some of them, or all at once */

    budget = (size_t) 1 << seed / 16 % 16;

    taken = check_reader(body, len);

    for (i = 0; i < LIMITS; i++) {
        rc = check_decode(body, len, TRACKER_JSON_EITHER, &limits[i]);

        /* nothing good is left to jansson */

        must(taken || rc == TRACKER_INVALID);
    }

    i = seed % LIMITS;

    check_decode(body, len, TRACKER_JSON_OBJECT, &limits[i]);
    check_decode(body, len, TRACKER_JSON_ARRAY, &limits[i]);

    id = &put;
    check_decode(body, len, TRACKER_JSON_OBJECT, &limits[i]);
    id = NULL;

    check_record(body, len);
    check_merge(body, len);

    check_no_memory(decode_small, body, len, seed);
    check_no_memory(decode_large, body, len, seed);

    if (seed / 256 % LARGE_RARE == 0) {
        check_large(body, len, seed / 65536);
    }

    free(body);

    return 0;
}
