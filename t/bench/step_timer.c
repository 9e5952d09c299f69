
/*
 * How long a body holds up the event loop: CPU time of what a worker calls to
 * decode it, with the budget of a worker's turn and with memory that is new
 * each time, as a request's is.
 *
 * Arguments: what is done with the file, one of the names below, the file, and
 * how often it is done in one measurement (1).  The file of "record" and
 * "write" is a stored record, that of "change" a record, a line feed and the
 * operations of a PATCH.
 * Prints a line: the outcome, in milliseconds the medians of the whole and of
 * the longest turn, the most memory in megabytes.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "json/record.h"
#include "json/tracker_json.h"


#define RUNS    9

/* as NGX_HTTP_TRACKER_BUDGET */
#define BUDGET  (128 * 1024)


typedef struct piece_s  piece_t;

struct piece_s {
    piece_t       *next;
    max_align_t    data[];
};


/* one decoding on its way */

typedef struct {
    const char          *data;
    size_t               len;
    size_t               budget;
    tracker_decode_t    *decode;
    tracker_set_t        set;
    tracker_arena_t      arena;
    tracker_message_t    message;
    tracker_report_t     report;

    tracker_decode_talk_t   *talk;
    tracker_conversation_t   conversation;
} step_t;


/* as tracker_decode_run() */
typedef tracker_rc_e (*step_decode_pt)(step_t *step);


static void step_fail(const char *what);
static char *step_read(const char *name, size_t *len);
static void step_time(step_decode_pt decode, const char *data, size_t len,
    size_t times);
static tracker_rc_e step_trackers(step_t *step);
static tracker_rc_e step_tracker(step_t *step);
static tracker_rc_e step_bulk(step_t *step);
static tracker_rc_e step_put(step_t *step);
static tracker_rc_e step_start(step_t *step, tracker_json_shape_e shape,
    const tracker_str_t *id);
static tracker_rc_e step_import(step_t *step);
static tracker_rc_e step_lines(step_t *step);
static tracker_rc_e step_run(step_t *step);
static tracker_rc_e step_patch(step_t *step);
static tracker_rc_e step_login(step_t *step);
static tracker_rc_e step_text(step_t *step);
static tracker_rc_e step_record(step_t *step);
static tracker_rc_e step_write(step_t *step);
static tracker_rc_e step_change(step_t *step);
static tracker_rc_e step_put_out(step_t *step, const tracker_t *t);
static void step_free(step_t *step);
static void *step_alloc(void *data, size_t size);
static double step_cpu(void);
static int step_compare(const void *one, const void *two);


static const tracker_limits_t  limits = { 0, 0, 1 };
static const tracker_str_t     id = tracker_str("4503599627370496");

static const struct {
    const char          *name;
    step_decode_pt       decode;
} places[] = {
    { "trackers", step_trackers },
    { "tracker", step_tracker },
    { "bulk", step_bulk },
    { "put", step_put },
    { "patch", step_patch },
    { "merge", step_import },
    { "replace", step_import },
    { "rest", step_import },
    { "lines", step_lines },
    { "login", step_login },
    { "text", step_text },
    { "record", step_record },
    { "write", step_write },
    { "change", step_change }
};


int
main(int argc, char **argv)
{
    int      status;
    char    *data;
    pid_t    pid;
    size_t   i, len, times;

    times = argc == 4 ? strtoul(argv[3], NULL, 10) : 1;

    if (argc != 3 && argc != 4) {
        argc = 0;
    }

    for (i = 0; argc && i < sizeof(places) / sizeof(places[0]); i++) {
        if (strcmp(places[i].name, argv[1]) != 0) {
            continue;
        }

        data = step_read(argv[2], &len);

        /* a new process, since the peak of memory is that of who called us */

        pid = fork();

        if (pid == 0) {
            step_time(places[i].decode, data, len, times);
            return 0;
        }

        if (pid == -1 || waitpid(pid, &status, 0) != pid || status) {
            step_fail(argv[2]);
        }

        free(data);

        return 0;
    }

    fprintf(stderr, "Usage: step_timer PLACE FILE [TIMES]\n");

    return 2;
}


static void
step_fail(const char *what)
{
    fprintf(stderr, "step_timer: %s failed\n", what);
    exit(1);
}


static char *
step_read(const char *name, size_t *len)
{
    char  *data;
    FILE  *file;
    long   size;

    file = fopen(name, "rb");

    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        step_fail(name);
    }

    size = ftell(file);
    rewind(file);

    data = malloc(size + 1);

    if (data == NULL || fread(data, 1, size, file) != (size_t) size) {
        step_fail(name);
    }

    fclose(file);
    *len = size;

    return data;
}


static void
step_time(step_decode_pt decode, const char *data, size_t len, size_t times)
{
    int             i;
    long            before;
    double          took, wholes[RUNS], turns[RUNS];
    size_t          k;
    piece_t        *pieces;
    static step_t   step;
    tracker_rc_e    rc;
    struct rusage   usage;

    static const char  *outcomes[] = {
        "valid", "400", "409", "again", "no-memory"
    };

    getrusage(RUSAGE_SELF, &usage);
    before = usage.ru_maxrss;

    pieces = NULL;
    rc = TRACKER_OK;

    step.data = data;
    step.len = len;
    step.arena.alloc = step_alloc;
    step.arena.data = &pieces;

    for (i = 0; i < RUNS; i++) {
        wholes[i] = 0;
        turns[i] = 0;

        do {
            took = -step_cpu();

            for (k = 0; k < times; k++) {
                if (k) {
                    step_free(&step);
                }

                do {
                    step.budget = BUDGET;
                    rc = decode(&step);
                } while (rc == TRACKER_AGAIN && times > 1);
            }

            took += step_cpu();
            wholes[i] += took;

            if (took > turns[i]) {
                turns[i] = took;
            }

        } while (rc == TRACKER_AGAIN);

        step_free(&step);
    }

    getrusage(RUSAGE_SELF, &usage);
    qsort(wholes, RUNS, sizeof(wholes[0]), step_compare);
    qsort(turns, RUNS, sizeof(turns[0]), step_compare);

    printf("%s %.2f %.2f %.1f\n", outcomes[rc], wholes[RUNS / 2] * 1e3,
           turns[RUNS / 2] * 1e3, (usage.ru_maxrss - before) / 1024.0);
}


static tracker_rc_e
step_trackers(step_t *step)
{
    return step_start(step, TRACKER_JSON_EITHER, NULL);
}


static tracker_rc_e
step_tracker(step_t *step)
{
    return step_start(step, TRACKER_JSON_OBJECT, NULL);
}


static tracker_rc_e
step_bulk(step_t *step)
{
    return step_start(step, TRACKER_JSON_ARRAY, NULL);
}


static tracker_rc_e
step_put(step_t *step)
{
    return step_start(step, TRACKER_JSON_OBJECT, &id);
}


static tracker_rc_e
step_start(step_t *step, tracker_json_shape_e shape, const tracker_str_t *id)
{
    if (step->decode == NULL) {
        step->decode = tracker_decode_start(step->data, step->len, shape,
                                            id, &limits, &step->arena,
                                            &step->set);
    }

    return step_run(step);
}


static tracker_rc_e
step_import(step_t *step)
{
    if (step->decode == NULL) {
        step->decode = tracker_decode_import_start(step->data, step->len,
                                                   TRACKER_JSON_EITHER,
                                                   &limits, &step->arena,
                                                   &step->set, &step->report);
    }

    return step_run(step);
}


static tracker_rc_e
step_lines(step_t *step)
{
    if (step->decode == NULL) {
        step->decode = tracker_decode_lines_start(step->data, step->len, 0,
                                                  &limits, &step->arena,
                                                  &step->set, &step->report);
    }

    return step_run(step);
}


static tracker_rc_e
step_run(step_t *step)
{
    if (step->decode == NULL) {
        step_fail("memory");
    }

    return tracker_decode_run(step->decode, &step->budget, &step->message);
}


static tracker_rc_e
step_patch(step_t *step)
{
    tracker_patch_t  patch;

    return tracker_decode_patch(step->data, step->len, &step->arena,
                                &patch, &step->message);
}


static tracker_rc_e
step_login(step_t *step)
{
    tracker_login_t  login;

    return tracker_decode_login(step->data, step->len, &step->arena,
                                     &login, &step->message);
}


static tracker_rc_e
step_record(step_t *step)
{
    tracker_t  t;

    return tracker_decode_record(step->data, step->len, &step->arena, &t);
}


static tracker_rc_e
step_text(step_t *step)
{
    if (step->talk == NULL) {
        step->talk = tracker_decode_talk_start(step->data, step->len,
                                               TRACKER_TALK_BODY, &limits,
                                               &step->arena,
                                               &step->conversation);
        if (step->talk == NULL) {
            step_fail("memory");
        }
    }

    return tracker_decode_talk_run(step->talk, &step->budget, &step->message);
}


/* the record is decoded once, its memory never freed */

static tracker_rc_e
step_write(step_t *step)
{
    tracker_rc_e      rc;
    static piece_t   *pieces;
    static tracker_t  t;
    tracker_arena_t   arena = { step_alloc, &pieces };

    if (pieces == NULL) {
        rc = tracker_decode_record(step->data, step->len, &arena, &t);
        if (rc != TRACKER_OK) {
            return rc;
        }

        t.categories.json.data = NULL;
        t.languages.json.data = NULL;
        t.vocabulary.json.data = NULL;
    }

    return step_put_out(step, &t);
}


static tracker_rc_e
step_change(step_t *step)
{
    tracker_t         t;
    const char       *body;
    tracker_rc_e      rc;
    tracker_patch_t   patch;

    body = memchr(step->data, '\n', step->len);
    if (body == NULL) {
        step_fail("no operations: the file");
    }

    rc = tracker_decode_patch(body, step->data + step->len - body,
                              &step->arena, &patch, &step->message);
    if (rc != TRACKER_OK) {
        return rc;
    }

    rc = tracker_decode_record(step->data, body - step->data, &step->arena,
                               &t);
    if (rc != TRACKER_OK) {
        return rc;
    }

    rc = tracker_patch_apply(&t, &patch, &limits, &step->arena,
                             &step->message);

    return rc == TRACKER_OK ? step_put_out(step, &t) : rc;
}


static tracker_rc_e
step_put_out(step_t *step, const tracker_t *t)
{
    char    *p;
    size_t   len;

    len = tracker_json_length(t);

    p = step_alloc(step->arena.data, len);
    if (p == NULL || tracker_json_write(p, t) != p + len) {
        step_fail("writing");
    }

    return TRACKER_OK;
}


static void
step_free(step_t *step)
{
    piece_t  *piece, *next, **pieces;

    pieces = step->arena.data;

    for (piece = *pieces; piece; piece = next) {
        next = piece->next;
        free(piece);
    }

    *pieces = NULL;
    step->decode = NULL;
    step->talk = NULL;
}


static void *
step_alloc(void *data, size_t size)
{
    piece_t  *piece, **pieces;

    pieces = data;

    piece = malloc(sizeof(piece_t) + size);
    if (piece == NULL) {
        return NULL;
    }

    piece->next = *pieces;
    *pieces = piece;

    return piece->data;
}


static double
step_cpu(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return ts.tv_sec + ts.tv_nsec / 1e9;
}


static int
step_compare(const void *one, const void *two)
{
    double  a = *(const double *) one, b = *(const double *) two;

    return a < b ? -1 : a > b;
}
