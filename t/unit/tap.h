/*
 * The little of TAP that the unit tests need, and memory that fails when
 * told to.  Each test is one program: it includes this once.
 */


#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static int  tap_tests;
static int  tap_failed;


static int
ok(int pass, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int
ok(int pass, const char *fmt, ...)
{
    va_list  args;

    printf("%s %d - ", pass ? "ok" : "not ok", ++tap_tests);

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);

    printf("\n");

    tap_failed += !pass;

    return pass;
}


/* bytes, compared and shown */

static __attribute__((unused)) int
is(const char *got, size_t len, const char *expected, const char *title)
{
    int  pass;

    pass = len == strlen(expected) && memcmp(got, expected, len) == 0;

    ok(pass, "%s", title);

    if (!pass) {
        printf("# got      %.*s\n# expected %s\n", (int) len, got, expected);
    }

    return pass;
}


static int
tap_done(void)
{
    printf("1..%d\n", tap_tests);

    return tap_failed ? 1 : 0;
}


/* an allocator whose n-th call fails: 0 is never, calls count from 1 */

typedef struct {
    size_t    calls;
    size_t    fail;
    size_t    live;
} tap_memory_t;


static __attribute__((unused)) void *
tap_alloc(tap_memory_t *memory, size_t size)
{
    void  *p;

    if (++memory->calls == memory->fail) {
        errno = ENOMEM;
        return NULL;
    }

    p = malloc(size);
    memory->live += p != NULL;

    return p;
}


static __attribute__((unused)) void
tap_free(tap_memory_t *memory, void *p)
{
    memory->live -= p != NULL;
    free(p);
}


static __attribute__((unused)) void
tap_memory_reset(tap_memory_t *memory, size_t fail)
{
    memory->calls = 0;
    memory->fail = fail;
}


#ifdef _TRACKER_H_INCLUDED_

/*
 * An arena of separate blocks, each of just the size that was asked for, so
 * that the address sanitizer sees every byte too many.
 */

#define TAP_BLOCKS  65536

typedef struct {
    tap_memory_t   memory;
    size_t         n;
    void          *blocks[TAP_BLOCKS];
} tap_arena_t;


static __attribute__((unused)) void *
tap_arena_alloc(void *data, size_t size)
{
    tap_arena_t  *arena = data;

    /* some allocators answer NULL for nothing */

    if (size == 0 || arena->n == TAP_BLOCKS) {
        return NULL;
    }

    arena->blocks[arena->n] = tap_alloc(&arena->memory, size);

    return arena->blocks[arena->n++];
}


static __attribute__((unused)) void
tap_arena_reset(tap_arena_t *arena, size_t fail)
{
    while (arena->n) {
        tap_free(&arena->memory, arena->blocks[--arena->n]);
    }

    tap_memory_reset(&arena->memory, fail);
}

#endif


#endif /* _TAP_H_INCLUDED_ */
