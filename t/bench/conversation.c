/*
 * What it costs to decode what is sent of a conversation: with the strict
 * reader, and with jansson alone.
 *
 *   gcc -O2 -Isrc -o /tmp/conversation t/bench/conversation.c \
 *       src/tracker/[a-z]*.c src/json/[a-z]*.c -ljansson
 *   /tmp/conversation
 *
 * Prints a line for each body: its length, microseconds of both, medians of
 * several in turn, how many times the reader's jansson's are, and the longest
 * turn of the reader with the budget of a worker.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json/jansson.h"


#define ROUNDS  15
#define SIZE    1048576

/* as NGX_HTTP_TRACKER_BUDGET */
#define BUDGET  (128 * 1024)

/* as much as a decoding takes, new pages left out */
#define MEMORY  (64 * 1024 * 1024)


static char    *memory;
static size_t   used;
static double   longest;


static void *
bench_alloc(void *data, size_t size)
{
    void  *p;

    (void) data;

    size = (size + 15) / 16 * 16;

    if (size > MEMORY - used) {
        abort();
    }

    p = memory + used;
    used += size;

    return p;
}


static const tracker_arena_t   arena = { bench_alloc, NULL };
static const tracker_limits_t  limits = { 0, 0, 1 };


static double
bench_cpu(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}


static tracker_rc_e
bench_reader(const char *body, size_t len)
{
    double                    start, turn;
    size_t                    budget;
    tracker_rc_e              rc;
    tracker_decode_talk_t    *decode;
    tracker_conversation_t    conversation;
    static tracker_message_t  message;

    decode = tracker_decode_talk_start(body, len, TRACKER_TALK_BODY, &limits, &arena,
                                       &conversation);

    do {
        budget = BUDGET;
        start = len > BUDGET / 8 ? bench_cpu() : 0;

        rc = tracker_decode_talk_run(decode, &budget, &message);

        turn = len > BUDGET / 8 ? bench_cpu() - start : 0;

        if (turn > longest) {
            longest = turn;
        }

    } while (rc == TRACKER_AGAIN);

    return rc;
}


static tracker_rc_e
bench_jansson(const char *body, size_t len)
{
    tracker_conversation_t    conversation;
    static tracker_message_t  message;

    return tracker_jansson_conversation(body, len, TRACKER_TALK_BODY, &limits,
                                        &arena, &conversation, &message);
}


static double
bench_time(tracker_rc_e (*decode)(const char *body, size_t len),
    const char *body, size_t len)
{
    double  start;
    size_t  i, times;

    times = SIZE / len;
    start = bench_cpu();

    for (i = 0; i < times; i++) {
        used = 0;

        if (decode(body, len) != TRACKER_OK) {
            abort();
        }
    }

    return (bench_cpu() - start) / times;
}


static int
bench_compare(const void *one, const void *two)
{
    double  a = *(const double *) one, b = *(const double *) two;

    return (a > b) - (a < b);
}


static void
bench_body(const char *title, const char *body, size_t len)
{
    size_t  i;
    double  reader[ROUNDS], jansson[ROUNDS], ratio[ROUNDS];

    longest = 0;

    for (i = 0; i < ROUNDS; i++) {
        reader[i] = bench_time(bench_reader, body, len);
        jansson[i] = bench_time(bench_jansson, body, len);
        ratio[i] = jansson[i] / reader[i];
    }

    qsort(reader, ROUNDS, sizeof(double), bench_compare);
    qsort(jansson, ROUNDS, sizeof(double), bench_compare);
    qsort(ratio, ROUNDS, sizeof(double), bench_compare);

    printf("%-24s %7zu bytes, reader %8.2f us, jansson %8.2f us, %5.1f times",
           title, len, reader[ROUNDS / 2], jansson[ROUNDS / 2],
           ratio[ROUNDS / 2]);

    if (longest > 0) {
        printf(", longest turn %.0f us", longest);
    }

    printf("\n");
}


/* head, element until len is reached, tail */

static size_t
bench_fill(char *to, const char *head, const char *element, const char *tail,
    size_t len)
{
    char  *p;

    p = to + sprintf(to, "%s%s", head, element);

    while ((size_t) (p - to) + strlen(element) + 1 + strlen(tail) <= len) {
        p += sprintf(p, ",%s", element);
    }

    p += sprintf(p, "%s", tail);

    return p - to;
}


int
main(void)
{
    char         *p, element[512];
    size_t        i, len;
    static char   body[SIZE + 1];

    static const char  ordinary[] =
        "{\"payload\":{\"content\":\"I don't know which platform is it, but I"
        " came to know that platform.\",\"contentType\":\"text/plain\"},"
        "\"from\":{\"name\":\"John\",\"userId\":\"john@example.com\"},"
        "\"duration\":{\"startTime\":\"2020-07-21T16:04:19.99Z\","
        "\"endTime\":\"2020-07-21T16:04:20.99Z\"}}";

    static const char  head[] =
        "{\"name\":\"\",\"features\":{},\"metadata\":{},\"detectPhrases\":"
        "\"true\",\"confidenceThreshold\":0.6,\"entities\":null,\"messages\":[";

    memory = malloc(MEMORY);
    if (memory == NULL) {
        return 1;
    }

    memset(memory, 0, MEMORY);

    len = bench_fill(body, head, ordinary,
                     "],\"trackers\":[],\"enableAllTrackers\":\"true\"}",
                     sizeof(head) + 10 * sizeof(ordinary) + 60);
    bench_body("10 messages", body, len);

    len = bench_fill(body, head, ordinary, "]}", SIZE);
    bench_body("ordinary messages", body, len);

    len = bench_fill(body, "{\"messages\":[",
                     "{\"payload\":{\"content\":\"yes\"}}", "]}", SIZE);
    bench_body("small messages", body, len);

    len = bench_fill(body, "{\"messages\":[",
                     "{\"payload\":{\"content\":\"\"},\"a\":[{\"b\":{},"
                     "\"c\":1},[]]}", "]}", SIZE);
    bench_body("ignored members", body, len);

    len = bench_fill(body, "{\"messages\":[",
                     "{\"payload\":{\"content\":\"\\u00e9\\n\"}}", "]}", SIZE);
    bench_body("escapes", body, len);

    /* the most keys that are compared with one another */

    p = element + sprintf(element, "{\"payload\":{\"content\":\"\"}");

    for (i = 10; i < 42; i++) {
        p += sprintf(p, ",\"%zu\":0", i);
    }

    sprintf(p, "}");

    len = bench_fill(body, "{\"messages\":[", element, "]}", SIZE);
    bench_body("32 ignored keys each", body, len);

    free(memory);

    return 0;
}
