
/*
 * Redis under the commands that the module sends, and nothing else: about the
 * least that its requests can cost Redis.  One pipelined connection; the
 * commands of a batch leave in one write, as they do where many requests meet
 * in one turn of nginx' event loop.
 *
 * redis_alone SOCKET SCRIPTS MODE TRACKERS BYTES BATCH SECONDS
 *
 * SCRIPTS is the folder of the module's scripts.  MODE is create, conflict,
 * locked, get or list; a request has so many trackers, each with a record of so
 * many bytes.  No lock is taken; the token "-" is nobody's.  Prints a line of
 * results as wrk.lua does.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hiredis/hiredis.h>


#define BASE         "tracker:{%032ld}:"
#define ACCOUNTS     1023L
#define SCRIPT_SIZE  65536
#define ID_LEN       16

/* from so many trackers on, a create is a transaction */
#define BULK_MIN     16
#define BULK_REPLIES 5


typedef struct {
    redisContext   *redis;
    char            sha[41];     /* of create.lua */
    char            begin[SCRIPT_SIZE];
    char            end[SCRIPT_SIZE];
    char           *record;
    int             bytes;
    int             trackers;
    int             batch;
    long            number;      /* of the request */
} bench_t;


static void bench_fail(const char *what);
static void bench_read(const char *folder, const char *name, char *text);
static void bench_load(bench_t *b, const char *folder);
static void bench_lock(bench_t *b, long account);
static void bench_create(bench_t *b, long account, long name, long id);
static void bench_bulk(bench_t *b, long account, long name, long id);
static void bench_eval(bench_t *b, const char *script, long account,
    const char *ids);
static void bench_get(bench_t *b);
static void bench_list(bench_t *b);
static void bench_replies(bench_t *b, int n, const char *expected);
static void bench_created(bench_t *b, int n, const char *expected);
static void bench_batch(bench_t *b, const char *mode);
static double bench_now(void);


int
main(int argc, char **argv)
{
    long         requests;
    double       start, now, end;
    bench_t      b;
    const char  *mode;

    if (argc != 8) {
        fputs("redis_alone SOCKET SCRIPTS MODE TRACKERS BYTES BATCH SECONDS\n",
              stderr);
        return 2;
    }

    mode = argv[3];

    b.redis = redisConnectUnix(argv[1]);
    if (b.redis == NULL || b.redis->err) {
        bench_fail("cannot connect");
    }

    bench_load(&b, argv[2]);

    b.trackers = atoi(argv[4]);
    b.bytes = atoi(argv[5]);
    b.batch = atoi(argv[6]);
    b.number = (long) time(NULL) % 100000 * 100000;

    b.record = malloc(b.bytes);
    if (b.record == NULL) {
        bench_fail("no memory");
    }

    memset(b.record, 'x', b.bytes);

    /* what must be there before */

    if (strcmp(mode, "create") != 0) {
        bench_create(&b, 0, 0, 0);
        bench_created(&b, 1, "created");
    }

    if (strcmp(mode, "locked") == 0) {
        bench_lock(&b, 0);
        bench_replies(&b, 1, NULL);
    }

    start = bench_now();
    end = start + atof(argv[7]);
    requests = 0;

    do {
        bench_batch(&b, mode);
        requests += b.batch;
        now = bench_now();
    } while (now < end);

    printf("bench requests=%ld us=%.0f p50=0 p99=0 refused=0 lost=0\n",
           requests, (now - start) * 1e6);

    redisFree(b.redis);
    free(b.record);

    return 0;
}


static void
bench_fail(const char *what)
{
    fprintf(stderr, "redis_alone: %s\n", what);
    exit(1);
}


/* without comments, as the module has it */

static void
bench_read(const char *folder, const char *name, char *text)
{
    char   path[4096], line[256], *p;
    FILE  *file;

    snprintf(path, sizeof(path), "%s/%s.lua", folder, name);

    file = fopen(path, "r");
    if (file == NULL) {
        bench_fail("cannot read the script");
    }

    p = text;

    while (fgets(line, sizeof(line), file)) {

        if (strncmp(line + strspn(line, " "), "--", 2) == 0) {
            strcpy(line, "\n");
        }

        if (p + strlen(line) >= text + SCRIPT_SIZE) {
            bench_fail("the script is too long");
        }

        p = stpcpy(p, line);
    }

    fclose(file);
}


static void
bench_load(bench_t *b, const char *folder)
{
    char         text[SCRIPT_SIZE];
    redisReply  *reply;

    bench_read(folder, "create", text);
    bench_read(folder, "bulk_begin", b->begin);
    bench_read(folder, "bulk_end", b->end);

    reply = redisCommand(b->redis, "SCRIPT LOAD %s", text);

    if (reply == NULL || reply->type != REDIS_REPLY_STRING
        || reply->len != sizeof(b->sha) - 1)
    {
        bench_fail("cannot load the script");
    }

    memcpy(b->sha, reply->str, sizeof(b->sha));
    freeReplyObject(reply);
}


static void
bench_lock(bench_t *b, long account)
{
    char  key[128];

    sprintf(key, BASE "lock", account);

    redisAppendCommand(b->redis, "SET %s another PX 600000", key);
}


/* name and id are numbers of the request that has such ones */

static void
bench_create(bench_t *b, long account, long name, long id)
{
    int           i, n, argc;
    char         *p, *text;
    size_t       *len;
    const char  **argv;

    n = b->trackers;

    if (n >= BULK_MIN) {
        bench_bulk(b, account, name, id);
        return;
    }

    argc = 6 + 2 * n + 8 + n;

    argv = malloc(argc * sizeof(char *));
    len = malloc(argc * sizeof(size_t));
    text = malloc(512 + n * 2 * 128);

    if (argv == NULL || len == NULL || text == NULL) {
        bench_fail("no memory");
    }

    p = text;
    argc = 0;

#define bench_arg(...)                                                        \
    argv[argc] = p;                                                           \
    p += sprintf(p, __VA_ARGS__);                                             \
    len[argc] = p - argv[argc];                                               \
    argc++

    bench_arg("EVALSHA");
    bench_arg("%s", b->sha);
    bench_arg("%d", 3 + 2 * n);
    bench_arg(BASE "lock", account);
    bench_arg(BASE "index", account);
    bench_arg(BASE "rev", account);

    for (i = 0; i < n; i++) {
        bench_arg(BASE "name:tracker %d %010ld", account, i, name);
    }

    for (i = 0; i < n; i++) {
        bench_arg(BASE "id:%0*ld", account, ID_LEN, id * 1000 + i);
    }

    bench_arg("-");
    bench_arg("0");
    bench_arg("%s", "");
    bench_arg("0");
    bench_arg("1099511627776");
    bench_arg("1");
    bench_arg("%d", n);
    bench_arg("%s", "");

#undef bench_arg

    for (i = 0; i < n; i++) {
        argv[argc] = b->record;
        len[argc++] = b->bytes;
    }

    redisAppendCommandArgv(b->redis, argc, argv, len);

    free(argv);
    free(len);
    free(text);
}


static void
bench_bulk(bench_t *b, long account, long name, long id)
{
    int           i, n, argc;
    char         *p, *text, *ids;
    size_t       *len;
    const char  **argv;

    n = b->trackers;

    argv = malloc((3 + 4 * n) * sizeof(char *));
    len = malloc((3 + 4 * n) * sizeof(size_t));
    text = malloc(512 + n * 3 * 128);
    ids = malloc(n * ID_LEN + 1);

    if (argv == NULL || len == NULL || text == NULL || ids == NULL) {
        bench_fail("no memory");
    }

    p = text;
    argc = 0;

#define bench_arg(...)                                                        \
    argv[argc] = p;                                                           \
    p += sprintf(p, __VA_ARGS__);                                             \
    len[argc] = p - argv[argc];                                               \
    argc++

    bench_arg("MSETNX");
    bench_arg(BASE "stop", account);
    bench_arg("yes");

    for (i = 0; i < n; i++) {
        sprintf(ids + i * ID_LEN, "%0*ld", ID_LEN, id * 1000 + i);

        bench_arg(BASE "name:tracker %d %010ld", account, i, name);
        bench_arg("%s", ids + i * ID_LEN);
        bench_arg(BASE "id:%s", account, ids + i * ID_LEN);
        argv[argc] = b->record;
        len[argc++] = b->bytes;
    }

#undef bench_arg

    redisAppendCommand(b->redis, "MULTI");
    bench_eval(b, b->begin, account, NULL);
    redisAppendCommandArgv(b->redis, argc, argv, len);
    bench_eval(b, b->end, account, ids);
    redisAppendCommand(b->redis, "EXEC");

    free(argv);
    free(len);
    free(text);
    free(ids);
}


static void
bench_eval(bench_t *b, const char *script, long account, const char *ids)
{
    char  base[128];

    sprintf(base, BASE, account);

    if (ids == NULL) {
        redisAppendCommand(b->redis,
                           "EVAL %s 4 %slock %sindex %srev %sstop - 0 %s 0 %d",
                           script, base, base, base, base, "", b->trackers);
        return;
    }

    redisAppendCommand(b->redis,
                       "EVAL %s 4 %slock %sindex %srev %sstop - 0 %s 0 "
                       "1099511627776 1 %s",
                       script, base, base, base, base, "", ids);
}


static void
bench_get(bench_t *b)
{
    char  key[128];

    sprintf(key, BASE "id:%0*d", 0L, ID_LEN, 0);

    redisAppendCommand(b->redis, "GET %s", key);
}


/* ZRANGE and MGET of all: what a list takes at the least */

static void
bench_list(bench_t *b)
{
    int           i;
    char         *text, key[128];
    const char  **argv;

    sprintf(key, BASE "index", 0L);
    redisAppendCommand(b->redis, "ZRANGE %s 0 -1", key);

    argv = malloc((b->trackers + 1) * sizeof(char *));
    text = malloc(b->trackers * 128);

    if (argv == NULL || text == NULL) {
        bench_fail("no memory");
    }

    argv[0] = "MGET";

    for (i = 0; i < b->trackers; i++) {
        argv[i + 1] = text + i * 128;
        sprintf(text + i * 128, BASE "id:%0*d", 0L, ID_LEN, i);
    }

    redisAppendCommandArgv(b->redis, b->trackers + 1, argv, NULL);

    free(argv);
    free(text);
}


static void
bench_replies(bench_t *b, int n, const char *expected)
{
    redisReply  *first, *reply;

    while (n--) {
        if (redisGetReply(b->redis, (void **) &reply) != REDIS_OK) {
            bench_fail(b->redis->errstr);
        }

        if (reply->type == REDIS_REPLY_ERROR) {
            bench_fail(reply->str);
        }

        /* of a transaction, what its last script says */

        first = reply;

        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3
            && reply->element[2]->type == REDIS_REPLY_ARRAY)
        {
            first = reply->element[2];
        }

        if (expected
            && (first->type != REDIS_REPLY_ARRAY || first->elements == 0
                || strcmp(first->element[0]->str, expected) != 0))
        {
            bench_fail("not the reply that was expected");
        }

        freeReplyObject(reply);
    }
}


/* the replies to n creates */

static void
bench_created(bench_t *b, int n, const char *expected)
{
    while (n--) {
        if (b->trackers >= BULK_MIN) {
            bench_replies(b, BULK_REPLIES - 1, NULL);
        }

        bench_replies(b, 1, expected);
    }
}


static void
bench_batch(bench_t *b, const char *mode)
{
    int   i, create;
    long  account;

    create = (strcmp(mode, "create") == 0);

    if (strcmp(mode, "get") == 0 || strcmp(mode, "list") == 0) {

        for (i = 0; i < b->batch; i++) {
            mode[0] == 'g' ? bench_get(b) : bench_list(b);
        }

        bench_replies(b, mode[0] == 'g' ? b->batch : 2 * b->batch, NULL);

        return;
    }

    for (i = 0; i < b->batch; i++) {
        b->number++;
        account = b->number % ACCOUNTS;
        bench_create(b, create ? account : 0, create ? b->number : 0,
                     b->number);
    }

    bench_created(b, b->batch, create ? "created" : mode);
}


static double
bench_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec + ts.tv_nsec / 1e9;
}
