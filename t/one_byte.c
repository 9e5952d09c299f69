/*
 * Loaded before nginx by t/run --one-byte: what is written to a stream socket
 * leaves byte by byte, as over the slowest of networks.  Of a long text the
 * first half is spared at a time, else copies of the rest would take for ever.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>


#define FDS   4096
#define LONG  2048


typedef struct {
    int                 epoll;
    struct epoll_event  event;
} watch_t;


static watch_t  watches[FDS];


#define next(name)  ((__typeof__(name) *) dlsym(RTLD_NEXT, #name))


int
epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    int  rc;

    rc = next(epoll_ctl)(epoll, op, fd, event);

    if (rc == 0 && fd < FDS) {
        watches[fd].epoll = (op == EPOLL_CTL_DEL) ? 0 : epoll;

        if (op != EPOLL_CTL_DEL) {
            watches[fd].event = *event;
        }
    }

    return rc;
}


static size_t
shortened(int fd, size_t len)
{
    int        type = 0, error = errno;
    socklen_t  size = sizeof(type);

    (void) getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    errno = error;

    if (len < 2 || fd >= FDS || type != SOCK_STREAM) {
        return len;
    }

    return len > LONG ? len / 2 : 1;
}


/* edge-triggered: without a full socket there would be no edge */

static void
again(int fd)
{
    int       error = errno;
    watch_t  *watch = &watches[fd];

    if (watch->epoll) {
        (void) next(epoll_ctl)(watch->epoll, EPOLL_CTL_MOD, fd,
                               &watch->event);
        errno = error;
    }
}


ssize_t
send(int fd, const void *buf, size_t len, int flags)
{
    size_t   n;
    ssize_t  sent;

    n = shortened(fd, len);

    /* nginx ends a connection that does not take this one whole */

    if (len > 12 && memcmp(buf, "HTTP/1.1 100", 12) == 0) {
        n = len;
    }

    sent = next(send)(fd, buf, n, flags);

    if (n < len) {
        again(fd);
    }

    return sent;
}


ssize_t
write(int fd, const void *buf, size_t len)
{
    size_t   n;
    ssize_t  sent;

    n = shortened(fd, len);
    sent = next(write)(fd, buf, n);

    if (n < len) {
        again(fd);
    }

    return sent;
}


ssize_t
writev(int fd, const struct iovec *iov, int count)
{
    int      i;
    size_t   len, n;
    ssize_t  sent;

    len = 0;

    for (i = 0; i < count; i++) {
        len += iov[i].iov_len;
    }

    n = shortened(fd, len);

    if (n == len) {
        return next(writev)(fd, iov, count);
    }

    for (i = 0; iov[i].iov_len == 0; i++) { /* void */ }

    if (n > iov[i].iov_len) {
        n = iov[i].iov_len;
    }

    sent = next(write)(fd, iov[i].iov_base, n);

    again(fd);

    return sent;
}
