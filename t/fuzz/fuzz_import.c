/*
 * Any bytes as a body that imports trackers, as JSON and as lines, for the
 * strict reader and for jansson.  Where their verdicts, their trackers or, of a
 * body that is not large, their lists of faults differ, the fuzzer is stopped.
 */


#include "body.h"
#include "large.h"
#include "same_set.h"


#define LIMITS  4


/* how a body is decoded */

enum { JSON = 0, ARRAY, LINES, WHOLE, WAYS };


typedef struct {
    memory_t           memory;
    tracker_arena_t    arena;
    tracker_rc_e       rc;
    tracker_set_t      set;
    tracker_report_t   report;
    tracker_message_t  message;
} result_t;


static const tracker_limits_t  limits[LIMITS] = {
    { 0, 0, 1 },
    { 1, 0, 2 },
    { 2, 1, 1 },
    { 3, 20, 5 }
};

static const tracker_str_t     list = tracker_str("trackers");

/* of this input */
static size_t                  budget;
static const tracker_limits_t  *limit;


static tracker_json_shape_e
shape(int way)
{
    return way == JSON ? TRACKER_JSON_EITHER : TRACKER_JSON_ARRAY;
}


static void
begin(result_t *result, size_t fail)
{
    result->memory.blocks = NULL;
    result->memory.fail = fail;
    result->arena.alloc = memory_alloc;
    result->arena.data = &result->memory;
}


/* the report that a body refused as a whole has is made by the decoder */

static void
library(result_t *result, const char *body, size_t len, int way)
{
    tracker_report_t  *report;

    begin(result, 0);

    report = &result->report;
    tracker_report_start(report, &result->arena, limit);

    if (way >= LINES) {
        report->lines.data = body;
        report->lines.len = len;

        result->rc = tracker_jansson_lines(body, len, way == WHOLE, limit,
                                           &result->arena, &result->set,
                                           report, &result->message);

    } else {
        result->rc = tracker_jansson_import(body, len, shape(way), &list,
                                            limit, &result->arena,
                                            &result->set, report,
                                            &result->message);
    }

    must(result->rc != TRACKER_NOMEM);

    if (result->rc == TRACKER_INVALID && report->n == 0) {
        must(tracker_report_add(report, &result->message) == TRACKER_OK);
    }
}


#define in_runs(name, start, start_lines, run)                                \
                                                                              \
static void                                                                   \
name(result_t *result, const char *body, size_t len, int way, size_t fail)    \
{                                                                             \
    size_t             left;                                                  \
    tracker_decode_t  *state;                                                 \
                                                                              \
    begin(result, fail);                                                      \
                                                                              \
    state = way >= LINES                                                      \
            ? start_lines(body, len, way == WHOLE, limit, &result->arena,     \
                          &result->set, &result->report)                      \
            : start(body, len, shape(way), limit, &result->arena,             \
                    &result->set, &result->report);                           \
                                                                              \
    if (state == NULL) {                                                      \
        result->rc = TRACKER_NOMEM;                                           \
        return;                                                               \
    }                                                                         \
                                                                              \
    do {                                                                      \
        left = budget;                                                        \
        result->rc = run(state, &left, &result->message);                     \
    } while (result->rc == TRACKER_AGAIN);                                    \
}


in_runs(decode_small, tracker_decode_import_start, tracker_decode_lines_start,
        tracker_decode_run)
in_runs(decode_large, tracker_decode_large_import_start,
        tracker_decode_large_lines_start, tracker_decode_large_run)


static void
same_str(const tracker_str_t *str, const tracker_str_t *other)
{
    must(str->len == other->len);
    must(memcmp(str->data, other->data, str->len) == 0);
}


static void
same_report(const tracker_report_t *report, const tracker_report_t *other)
{
    size_t  i;

    must(report->n == other->n);

    for (i = 0; i < report->n; i++) {
        same_str(&report->elts[i].pointer, &other->elts[i].pointer);
        same_str(&report->elts[i].message, &other->elts[i].message);
    }
}


/* the first of the report is the message, and each of them is text */

static void
check_report(const result_t *result)
{
    size_t                     i;
    json_t                    *string;
    const tracker_reported_t  *reported;

    must(result->report.n > 0 && result->report.n <= TRACKER_REPORT_MAX);
    check_message(&result->message);
    must(result->report.elts[0].message.len == result->message.len);
    must(memcmp(result->report.elts[0].message.data, result->message.data,
                result->message.len) == 0);

    for (i = 0; i < result->report.n; i++) {
        reported = &result->report.elts[i];

        string = load_string(reported->message.data, reported->message.len);
        must(string != NULL);
        json_decref(string);

        string = load_string(reported->pointer.data, reported->pointer.len);
        must(string != NULL);
        json_decref(string);

        must(reported->pointer.len == 0 || reported->pointer.data[0] == '/');
    }
}


static void
check_way(const char *body, size_t len, int way)
{
    json_t           *root;
    static result_t   expected, got;

    library(&expected, body, len, way);

    if (expected.rc == TRACKER_OK && way < LINES) {
        root = load(body, len);
        must(root != NULL);
        json_decref(root);
    }

    decode_small(&got, body, len, way, 0);
    must(got.rc == expected.rc);

    if (got.rc == TRACKER_OK) {
        same_set(&got.set, &expected.set);

    } else {
        must(got.message.len == expected.message.len);
        must(memcmp(got.message.data, expected.message.data, got.message.len)
             == 0);
    }

    if (got.rc == TRACKER_INVALID) {
        check_report(&got);
        same_report(&got.report, &expected.report);
    }

    memory_free(&got.memory);

    decode_large(&got, body, len, way, 0);
    must(got.rc == expected.rc);

    if (got.rc == TRACKER_OK) {
        same_set(&got.set, &expected.set);
    }

    if (got.rc == TRACKER_INVALID) {
        check_report(&got);
    }

    memory_free(&got.memory);
    memory_free(&expected.memory);
}


/* the arena's n-th call fails; n is taken from the calls that are made */

static void
check_no_memory(const char *body, size_t len, int way, size_t seed)
{
    size_t           calls;
    static result_t  got;

    decode_small(&got, body, len, way, SIZE_MAX);
    calls = SIZE_MAX - got.memory.fail;
    memory_free(&got.memory);

    decode_small(&got, body, len, way, seed % calls + 1);
    must(got.rc == TRACKER_NOMEM);
    memory_free(&got.memory);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int        way;
    char      *body;
    uint32_t   seed;

    if (len == 0) {
        return 0;
    }

    body = body_copy(data, len);
    seed = body_seed(data, len);

    /* a tracker a run, some of them, or all at once */

    budget = (size_t) 1 << seed / 16 % 16;

    for (way = 0; way < WAYS; way++) {
        limit = &limits[0];
        check_way(body, len, way);

        limit = &limits[1 + seed % (LIMITS - 1)];
        check_way(body, len, way);
    }

    limit = &limits[0];
    check_no_memory(body, len, seed / 256 % WAYS, seed);

    free(body);

    return 0;
}
