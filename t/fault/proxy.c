
/*
 * A proxy between nginx and Redis that breaks what passes through it at an
 * exact byte.
 *
 *     proxy SOCKET
 *
 * Listens on a port of 127.0.0.1 and connects to the unix socket of Redis.
 * "port N" is its first line of output; then it takes commands from its input,
 * one a line, and answers each with a line.  It ends with its input.
 *
 *     clear                  forgets cuts and counts, ends what they began
 *     cut DIR POS WHAT ARG   once POS bytes of DIR (to or from Redis) have
 *                            passed since the last clear or cut, do WHAT:
 *                              close   both sides, what passed is delivered
 *                              reset   the same with RST for nginx
 *                              flip    the next byte, exclusive or ARG
 *                              stall   this direction, for ARG ms
 *                              late    close nginx' side; Redis gets the rest
 *                                      of the command ARG ms later
 *                              mute    nginx hears nothing more
 *     hold DIR               nothing passes until "clear"
 *     drop                   closes all connections
 *     count                  "TO FROM DONE": bytes since clear, cuts made
 *
 * Several cuts are made one after another.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>


#define MAX_PAIRS  64
#define MAX_CUTS   64
#define PIECE      65536

enum { TO = 0, FROM = 1 };
enum { CLOSE, RESET, FLIP, STALL, LATE, MUTE, NWHAT };


typedef struct {
    unsigned char  *data;
    size_t          len;
    size_t          size;
    long long       not_before;    /* ms */
} queue_t;


typedef struct {
    int             fd[2];         /* [TO] is nginx' side, [FROM] Redis' */
    queue_t         queue[2];
    int             muted;
    int             ending;        /* close when the queues are empty */
} pair_t;


typedef struct {
    int             dir;
    unsigned long   pos;
    int             what;
    long            arg;
} cut_t;


static const char     *words[NWHAT] = {
    "close", "reset", "flip", "stall", "late", "mute"
};

static const char     *path;
static pair_t          pairs[MAX_PAIRS];
static cut_t           cuts[MAX_CUTS];
static int             ncuts, done;
static unsigned long   passed[2];  /* since the last cut */
static unsigned long   total[2];   /* since clear */
static int             held[2];


static long long
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}


static void
die(const char *what)
{
    perror(what);
    exit(1);
}


static void
close_pair(pair_t *p, int reset)
{
    int            i;
    struct linger  linger = { 1, 0 };

    if (reset && p->fd[TO] != -1) {
        setsockopt(p->fd[TO], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }

    for (i = 0; i < 2; i++) {
        if (p->fd[i] != -1) {
            close(p->fd[i]);
        }

        free(p->queue[i].data);
    }

    memset(p, 0, sizeof(pair_t));
    p->fd[TO] = -1;
    p->fd[FROM] = -1;
}


static void
append(queue_t *q, unsigned char *data, size_t len)
{
    if (q->len + len > q->size) {
        q->size = 2 * (q->len + len);
        q->data = realloc(q->data, q->size);
        if (q->data == NULL) {
            die("realloc");
        }
    }

    memcpy(q->data + q->len, data, len);
    q->len += len;
}


/* sends what the peer takes; -1 when it is gone */

static int
flush(pair_t *p, int dir)
{
    int       fd;
    ssize_t   n;
    queue_t  *q;

    q = &p->queue[dir];
    fd = p->fd[!dir];

    if (held[dir] || q->len == 0 || now() < q->not_before) {
        return 0;
    }

    n = send(fd, q->data, q->len, MSG_NOSIGNAL);

    if (n < 0) {
        return (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    }

    memmove(q->data, q->data + n, q->len - n);
    q->len -= n;

    return 0;
}


/* what has passed before a cut is delivered, whatever the queue says */

static void
deliver(pair_t *p, int dir)
{
    struct pollfd  pfd;

    p->queue[dir].not_before = 0;

    while (p->queue[dir].len && p->fd[!dir] != -1) {
        pfd.fd = p->fd[!dir];
        pfd.events = POLLOUT;

        if (poll(&pfd, 1, 1000) != 1 || flush(p, dir) != 0 || held[dir]) {
            return;
        }
    }
}


static void
pass(pair_t *p, int dir, unsigned char *data, size_t len)
{
    if (p->muted && dir == FROM) {
        return;
    }

    append(&p->queue[dir], data, len);
}


/* 0: the pair goes on */

static int
make_cut(pair_t *p, cut_t *cut, unsigned char *rest, size_t len)
{
    switch (cut->what) {

    case FLIP:
        rest[0] ^= (unsigned char) cut->arg;
        return 0;

    case STALL:
        deliver(p, cut->dir);
        p->queue[cut->dir].not_before = now() + cut->arg;
        return 0;

    case MUTE:
        deliver(p, FROM);
        p->muted = 1;
        return 0;

    case LATE:
        deliver(p, TO);

        close(p->fd[TO]);
        p->fd[TO] = -1;
        p->queue[FROM].len = 0;

        if (cut->dir == TO && len) {
            append(&p->queue[TO], rest, len);
            p->queue[TO].not_before = now() + cut->arg;
        }

        p->ending = 1;
        return 1;

    default:
        deliver(p, cut->dir);
        close_pair(p, cut->what == RESET);
        return 1;
    }
}


static void
received(pair_t *p, int dir, unsigned char *data, size_t len)
{
    size_t  n;
    cut_t   cut;

    total[dir] += len;

    while (ncuts && cuts[0].dir == dir && passed[dir] + len >= cuts[0].pos) {

        n = cuts[0].pos > passed[dir] ? cuts[0].pos - passed[dir] : 0;

        if (n == len && cuts[0].what == FLIP) {
            break;
        }

        cut = cuts[0];
        ncuts--;
        memmove(cuts, cuts + 1, ncuts * sizeof(cut_t));

        pass(p, dir, data, n);
        data += n;
        len -= n;

        passed[TO] = 0;
        passed[FROM] = 0;
        done++;

        if (make_cut(p, &cut, data, len)) {
            return;
        }
    }

    passed[dir] += len;
    pass(p, dir, data, len);
    (void) flush(p, dir);
}


static void
accept_pair(int listener)
{
    int                  on = 1, fd, i;
    pair_t              *p;
    struct sockaddr_un   sun;

    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd == -1) {
        return;
    }

    for (i = 0; i < MAX_PAIRS && pairs[i].fd[FROM] != -1; i++) { /* void */ }

    if (i == MAX_PAIRS) {
        close(fd);
        return;
    }

    p = &pairs[i];

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    memset(&sun, 0, sizeof(sun));
    sun.sun_family = AF_UNIX;
    strncpy(sun.sun_path, path, sizeof(sun.sun_path) - 1);

    p->fd[TO] = fd;
    p->fd[FROM] = socket(AF_UNIX, SOCK_STREAM, 0);
    if (p->fd[FROM] == -1) {
        die("socket");
    }

    if (connect(p->fd[FROM], (struct sockaddr *) &sun, sizeof(sun)) != 0) {
        close_pair(p, 1);
        return;
    }

    fcntl(p->fd[FROM], F_SETFL, O_NONBLOCK);
}


static void
read_side(pair_t *p, int dir)
{
    ssize_t               n;
    static unsigned char  piece[PIECE];

    n = read(p->fd[dir], piece, PIECE);

    if (n > 0) {

        if (p->ending) {
            return;
        }

        received(p, dir, piece, n);
        return;
    }

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (!p->ending) {
        deliver(p, dir);
    }

    close_pair(p, 0);
}


static void
command(char *line)
{
    int    i;
    long   arg;
    char   dir[8], what[8];
    cut_t  cut;

    if (strcmp(line, "clear") == 0) {
        ncuts = 0;
        done = 0;
        memset(passed, 0, sizeof(passed));
        memset(total, 0, sizeof(total));
        memset(held, 0, sizeof(held));

        for (i = 0; i < MAX_PAIRS; i++) {
            if (pairs[i].fd[FROM] != -1 && pairs[i].muted) {
                close_pair(&pairs[i], 0);
            }
        }

    } else if (strcmp(line, "drop") == 0) {
        for (i = 0; i < MAX_PAIRS; i++) {
            if (pairs[i].fd[FROM] != -1 && !pairs[i].ending) {
                close_pair(&pairs[i], 0);
            }
        }

    } else if (strncmp(line, "hold ", 5) == 0) {
        held[strcmp(line + 5, "from") == 0] = 1;

    } else if (strcmp(line, "count") == 0) {
        printf("%lu %lu %d\n", total[TO], total[FROM], done);
        return;

    } else if (sscanf(line, "cut %7s %lu %7s %ld", dir, &cut.pos, what, &arg)
               == 4 && ncuts < MAX_CUTS)
    {
        cut.dir = strcmp(dir, "from") == 0;
        cut.arg = arg;

        for (cut.what = 0;
             cut.what < NWHAT && strcmp(words[cut.what], what) != 0;
             cut.what++) { /* void */ }

        if (cut.what == NWHAT) {
            printf("no such cut\n");
            return;
        }

        cuts[ncuts++] = cut;

    } else {
        printf("no such command\n");
        return;
    }

    printf("ok\n");
}


static void
read_commands(void)
{
    char          *end;
    ssize_t        n;
    static char    text[65536];
    static size_t  len;

    n = read(0, text + len, sizeof(text) - 1 - len);
    if (n <= 0) {
        exit(0);
    }

    len += n;
    text[len] = '\0';

    while ((end = strchr(text, '\n')) != NULL) {
        *end = '\0';
        command(text);
        len -= end + 1 - text;
        memmove(text, end + 1, len + 1);
    }

    fflush(stdout);
}


static int
listen_port(void)
{
    int                 fd;
    socklen_t           len;
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    len = sizeof(sin);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd == -1
        || bind(fd, (struct sockaddr *) &sin, sizeof(sin)) != 0
        || listen(fd, 64) != 0
        || getsockname(fd, (struct sockaddr *) &sin, &len) != 0)
    {
        die("listen");
    }

    printf("port %d\n", ntohs(sin.sin_port));
    fflush(stdout);

    return fd;
}


static void
serve(int listener)
{
    int            i, dir, n, wait, waiting;
    long long      t;
    pair_t        *p;
    struct pollfd  pfds[2 + 2 * MAX_PAIRS];
    struct {
        pair_t    *p;
        int        dir;
    }              owner[2 + 2 * MAX_PAIRS];

    pfds[0].fd = 0;
    pfds[0].events = POLLIN;
    pfds[1].fd = listener;
    pfds[1].events = POLLIN;
    n = 2;
    wait = -1;
    t = now();

    for (i = 0; i < MAX_PAIRS; i++) {
        p = &pairs[i];

        for (dir = 0; p->fd[FROM] != -1 && dir < 2; dir++) {

            if (p->fd[dir] == -1) {
                continue;
            }

            owner[n].p = p;
            owner[n].dir = dir;
            pfds[n].fd = p->fd[dir];
            pfds[n].events = POLLIN;

            /* the other direction's bytes leave through this socket */

            waiting = p->queue[!dir].len && !held[!dir];

            if (waiting && t < p->queue[!dir].not_before) {
                if (wait == -1 || p->queue[!dir].not_before - t < wait) {
                    wait = p->queue[!dir].not_before - t;
                }

            } else if (waiting) {
                pfds[n].events |= POLLOUT;
            }

            n++;
        }
    }

    if (poll(pfds, n, wait) == -1) {
        if (errno == EINTR) {
            return;
        }

        die("poll");
    }

    for (i = 2; i < n; i++) {
        p = owner[i].p;
        dir = owner[i].dir;

        if (p->fd[dir] != pfds[i].fd) {
            continue;
        }

        if ((pfds[i].revents & POLLOUT) && flush(p, !dir) != 0) {
            close_pair(p, 0);
            continue;
        }

        if (p->ending && p->queue[TO].len == 0) {
            close_pair(p, 0);
            continue;
        }

        if (pfds[i].revents & (POLLIN | POLLHUP | POLLERR)) {
            read_side(p, dir);
        }
    }

    for (i = 0; i < MAX_PAIRS; i++) {
        if (pairs[i].ending && pairs[i].queue[TO].len == 0) {
            close_pair(&pairs[i], 0);
        }
    }

    if (pfds[1].revents & POLLIN) {
        accept_pair(listener);
    }

    /* last, so that a command sees all that had come before it */

    if (pfds[0].revents & (POLLIN | POLLHUP)) {
        read_commands();
    }
}


int
main(int argc, char **argv)
{
    int  i, listener;

    if (argc != 2) {
        fprintf(stderr, "usage: proxy SOCKET\n");
        return 2;
    }

    signal(SIGPIPE, SIG_IGN);

    path = argv[1];

    for (i = 0; i < MAX_PAIRS; i++) {
        pairs[i].fd[TO] = -1;
        pairs[i].fd[FROM] = -1;
    }

    listener = listen_port();

    for ( ;; ) {
        serve(listener);
    }
}
