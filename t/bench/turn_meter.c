
/*
 * Preloaded into nginx: the CPU time of the longest turn of a worker's event
 * loop, from one epoll_wait() to the next.  It is kept, in milliseconds, in
 * the file that TURN_METER names: a double, which others read and set to 0.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>


typedef int (*epoll_wait_pt)(int epfd, struct epoll_event *events, int n,
    int timeout);


static void turn_open(void) __attribute__((constructor));
static double turn_cpu(void);


static double         *longest;
static double          began;
static epoll_wait_pt   next;


static void
turn_open(void)
{
    int          fd;
    const char  *name;

    name = getenv("TURN_METER");
    fd = name ? open(name, O_RDWR) : -1;

    next = (epoll_wait_pt) dlsym(RTLD_NEXT, "epoll_wait");
    longest = mmap(NULL, sizeof(double), PROT_READ|PROT_WRITE, MAP_SHARED, fd,
                   0);

    if (fd == -1 || next == NULL || longest == MAP_FAILED) {
        fprintf(stderr, "turn_meter: TURN_METER names no file\n");
        exit(1);
    }

    close(fd);
}


int
epoll_wait(int epfd, struct epoll_event *events, int n, int timeout)
{
    double  took;

    if (began) {
        took = turn_cpu() - began;

        if (took > *longest) {
            *longest = took;
        }
    }

    n = next(epfd, events, n, timeout);
    began = turn_cpu();

    return n;
}


static double
turn_cpu(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}
