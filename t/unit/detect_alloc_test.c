/*
 * The n-th allocation of a dictionary fails, alone or with all that follow, for
 * every n: there is no dictionary then, nothing leaks, and the next one is built.
 */


#include <stdlib.h>


static size_t  fail_at, n_allocations;
static int     fail_on;                    /* with all that follow */


static int
fails(void)
{
    n_allocations++;

    return fail_on ? n_allocations >= fail_at : n_allocations == fail_at;
}


static void *
test_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}


static void *
test_calloc(size_t n, size_t size)
{
    return fails() ? NULL : calloc(n, size);
}


static void *
test_realloc(void *p, size_t size)
{
    return fails() ? NULL : realloc(p, size);
}


#define malloc   test_malloc
#define calloc   test_calloc
#define realloc  test_realloc

#include "detect/array.c"
#include "detect/dict.c"

#undef malloc
#undef calloc
#undef realloc

#include "detect/match.h"
#include "tap.h"


#define PHRASES  3000


static char          text[PHRASES * 12];
static detect_str_t  phrases[PHRASES];


static int
on_hit(void *data, const detect_hit_t *hit)
{
    (void) hit;

    ++*(size_t *) data;

    return 0;
}


static int
on_sentence(void *data, const detect_item_t *sentence)
{
    (void) data;
    (void) sentence;

    return 0;
}


/* builds in turns; sets *rc, DETECT_NOMEM as well if there is no build */

static detect_dict_t *
compile(detect_rc_e *rc)
{
    size_t           budget;
    detect_dict_t   *dict;
    detect_build_t  *build;

    static const uint64_t  key[2] = { 0x123456789abcdef1, 0xfedcba9876543211 };

    *rc = DETECT_NOMEM;

    build = detect_build_create(phrases, PHRASES, key);
    if (build == NULL) {
        return NULL;
    }

    do {
        budget = 100000;
        *rc = detect_build_run(build, &budget);
    } while (*rc == DETECT_AGAIN);

    dict = detect_build_dict(build);
    detect_build_destroy(build);

    return dict;
}


static size_t
count_hits(detect_dict_t *dict)
{
    size_t              hits, budget;
    detect_match_t     *match;
    detect_handlers_t   handlers = { on_hit, on_sentence, &hits };

    hits = 0;
    budget = (size_t) -1;

    match = malloc(detect_match_size(dict));
    match = detect_match_start(match, dict, &handlers, text, sizeof(text));
    detect_match_run(match, &budget);
    free(match);

    return hits;
}


static void
test_each(int on, const char *title)
{
    size_t          n, bad, needed;
    detect_rc_e     rc;
    detect_dict_t  *dict;

    fail_on = 0;
    fail_at = 0;
    n_allocations = 0;

    dict = compile(&rc);
    needed = n_allocations;
    ok(dict && needed > 20 && count_hits(dict) == PHRASES,
       "%zu allocations", needed);
    detect_dict_destroy(dict);

    bad = 0;
    fail_on = on;

    for (n = 1; n <= needed; n++) {
        fail_at = n;
        n_allocations = 0;

        dict = compile(&rc);
        bad += dict != NULL || rc != DETECT_NOMEM;
        detect_dict_destroy(dict);
    }

    ok(bad == 0, "%s", title);

    fail_at = needed + 1;
    n_allocations = 0;

    dict = compile(&rc);
    ok(dict && count_hits(dict) == PHRASES, "the next one");
    detect_dict_destroy(dict);
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < PHRASES; i++) {
        sprintf(text + 12 * i, "so w%06zu\n", i);
        text[12 * i + 11] = '\n';
        phrases[i].data = text + 12 * i;
        phrases[i].len = 10;
    }

    test_each(0, "each fails once");
    test_each(1, "each fails, with all that follow");

    return tap_done();
}
