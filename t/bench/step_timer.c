
/*
 * How long the decoding of a body holds up the event loop: CPU time of
 * tracker_decode_run() for each file given, with the budget of a worker's turn
 * and with memory that is new each time, as a request's is.
 *
 * Prints a line a file: what became of it, in milliseconds the medians of the
 * whole and of the longest turn, the most memory in megabytes.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracker_decode.h"


#define RUNS    9

/* as NGX_HTTP_TRACKER_BUDGET */
#define BUDGET  (512 * 1024)


typedef struct piece_s  piece_t;

struct piece_s {
    piece_t       *next;
    max_align_t    data[];
};


static void step_fail(const char *what);
static char *step_read(const char *name, size_t *len);
static void step_time(const char *data, size_t len);
static void *step_alloc(void *data, size_t size);
static double step_cpu(void);
static int step_compare(const void *one, const void *two);


int
main(int argc, char **argv)
{
    int      i, status;
    char    *data;
    pid_t    pid;
    size_t   len;

    for (i = 1; i < argc; i++) {
        data = step_read(argv[i], &len);

        /* a process of its own, since the peak of memory never falls */

        pid = fork();

        if (pid == 0) {
            step_time(data, len);
            return 0;
        }

        if (pid == -1 || waitpid(pid, &status, 0) != pid || status) {
            step_fail(argv[i]);
        }

        free(data);
    }

    return 0;
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
step_time(const char *data, size_t len)
{
    int                 i;
    double              took, times[RUNS], turns[RUNS];
    long                before;
    size_t              budget;
    piece_t            *pieces, *next;
    tracker_rc_e        rc;
    tracker_set_t       set;
    struct rusage       usage;
    tracker_arena_t     arena;
    tracker_decode_t   *decode;
    tracker_limits_t    limits;
    tracker_message_t   message;

    static const char  *outcomes[] = { "valid", "400", "409", "", "no memory" };

    getrusage(RUSAGE_SELF, &usage);
    before = usage.ru_maxrss;

    memset(&limits, 0, sizeof(limits));
    limits.min_phrases = 1;

    pieces = NULL;
    arena.alloc = step_alloc;
    arena.data = &pieces;
    rc = TRACKER_OK;

    for (i = 0; i < RUNS; i++) {
        times[i] = 0;
        turns[i] = 0;
        decode = NULL;

        do {
            budget = BUDGET;
            took = -step_cpu();

            if (decode == NULL) {
                decode = tracker_decode_start(data, len, TRACKER_JSON_EITHER,
                                              &limits, &arena, &set);
                if (decode == NULL) {
                    step_fail("memory");
                }
            }

            rc = tracker_decode_run(decode, &budget, &message);

            took += step_cpu();
            times[i] += took;

            if (took > turns[i]) {
                turns[i] = took;
            }

        } while (rc == TRACKER_AGAIN);

        for ( ; pieces; pieces = next) {
            next = pieces->next;
            free(pieces);
        }
    }

    getrusage(RUSAGE_SELF, &usage);
    qsort(times, RUNS, sizeof(times[0]), step_compare);
    qsort(turns, RUNS, sizeof(turns[0]), step_compare);

    printf("%s %.2f %.2f %.1f\n", outcomes[rc], times[RUNS / 2] * 1e3,
           turns[RUNS / 2] * 1e3, (usage.ru_maxrss - before) / 1024.0);
    fflush(stdout);
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
