
/*
 * Allocations that fail when told to.  Preloaded into nginx; what to do is in
 * the file that TRACKER_FAULT_ALLOC names, which all processes share:
 *
 *     armed     1: count, and fail
 *     fail_at   number of the allocation that fails; 0: none
 *     on        1: all that follow fail too
 *     count     allocations since armed
 *     failed    how many have failed
 *     live      pieces of memory allocated and not freed
 *     place     who asked for the last that failed: words, innermost first, a
 *               function of a library or an offset in the module
 *
 * Counted are the allocations that are made by the module or by what it has
 * called (nginx' pools, hiredis, jansson, OpenSSL): those with an address of
 * the module on the stack.  Most requests to a pool need no new memory; so
 * the module is linked once more with alloc_calls.c, which asks here before it
 * asks the pool.  hiredis before 1.0 aborts by itself when it gets no memory:
 * there only the calls into it fail, by alloc_calls.c.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>


#define MAX_FRAMES  48
#define TOLD        24


typedef struct {
    volatile int64_t  armed;
    volatile int64_t  fail_at;
    volatile int64_t  on;
    volatile int64_t  count;
    volatile int64_t  failed;
    volatile int64_t  live;
    char              place[1024];
} state_t;


extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *p);

int fault_alloc_fails(void);

static state_t    nothing;
static state_t   *state = &nothing;
static uintptr_t  from, to;         /* the module */
static uintptr_t  old_from, old_to; /* hiredis before 1.0 */
static int        inside;


static int
find_objects(struct dl_phdr_info *info, size_t size, void *data)
{
    int         i, is_module;
    uintptr_t   start, end, *lo, *hi;

    (void) size;
    (void) data;

    is_module = strstr(info->dlpi_name, "tracker") != NULL;

    if (!is_module && strstr(info->dlpi_name, "libhiredis.so.0") == NULL) {
        return 0;
    }

    lo = is_module ? &from : &old_from;
    hi = is_module ? &to : &old_to;
    *lo = UINTPTR_MAX;

    for (i = 0; i < info->dlpi_phnum; i++) {

        if (info->dlpi_phdr[i].p_type != PT_LOAD) {
            continue;
        }

        start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        end = start + info->dlpi_phdr[i].p_memsz;

        *lo = start < *lo ? start : *lo;
        *hi = end > *hi ? end : *hi;
    }

    return 0;
}


static void
learn_objects(void)
{
    if (to == 0) {
        dl_iterate_phdr(find_objects, NULL);
    }
}


__attribute__((constructor))
static void
start(void)
{
    int          fd;
    void        *p, *frames[4];
    const char  *path;

    /* the first call loads a library */

    (void) backtrace(frames, 4);

    path = getenv("TRACKER_FAULT_ALLOC");
    fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(state_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
             0);
    close(fd);

    if (p != MAP_FAILED) {
        state = p;
    }
}


static int
called_by_module(void)
{
    int         i, n;
    void       *frames[MAX_FRAMES];
    uintptr_t   address;

    n = backtrace(frames, MAX_FRAMES);

    for (i = 0; i < n; i++) {
        address = (uintptr_t) frames[i];

        if (address >= from && address < to) {
            return 1;
        }

        if (address >= old_from && address < old_to) {
            return 0;
        }
    }

    return 0;
}


static void
tell(void)
{
    int          i, n;
    char        *p, *last;
    void        *frames[TOLD];
    Dl_info      info;
    uintptr_t    address;

    n = backtrace(frames, TOLD);

    p = (char *) state->place;
    last = p + sizeof(state->place);

    for (i = 0; i < n && p < last; i++) {
        address = (uintptr_t) frames[i];

        if (address >= from && address < to) {
            p += snprintf(p, last - p, "%#lx ", (long) (address - from));

        } else if (dladdr(frames[i], &info) && info.dli_sname) {
            p += snprintf(p, last - p, "%s ", info.dli_sname);
        }
    }
}


/* also called by alloc_calls.c, where it is the module that asks */

int
fault_alloc_fails(void)
{
    if (!state->armed) {
        return 0;
    }

    learn_objects();

    state->count++;

    if (state->fail_at == 0 || state->count < state->fail_at
        || (state->count > state->fail_at && !state->on))
    {
        return 0;
    }

    state->failed++;
    tell();
    errno = ENOMEM;

    return 1;
}


static int
fails(void)
{
    int  failed;

    if (!state->armed || inside) {
        return 0;
    }

    inside = 1;

    learn_objects();

    failed = called_by_module() && fault_alloc_fails();
    inside = 0;

    return failed;
}


static void *
counted(void *p)
{
    if (p) {
        state->live++;
    }

    return p;
}


void *
malloc(size_t size)
{
    return fails() ? NULL : counted(__libc_malloc(size));
}


void *
calloc(size_t n, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(n, size));
}


void *
realloc(void *p, size_t size)
{
    void  *new;

    if (fails()) {
        return NULL;
    }

    new = __libc_realloc(p, size);

    if (p == NULL) {
        return counted(new);
    }

    if (new == NULL && size == 0) {
        state->live--;
    }

    return new;
}


int
posix_memalign(void **p, size_t alignment, size_t size)
{
    if (fails()) {
        return ENOMEM;
    }

    *p = counted(__libc_memalign(alignment, size));

    return *p ? 0 : ENOMEM;
}


void
free(void *p)
{
    if (p) {
        state->live--;
    }

    __libc_free(p);
}
