/* Operations by the thousand: against an array, the clock and the arena. */


#include <time.h>

#include "tracker/tracker.h"
#include "tracker/patch.h"
#include "tap.h"


#define MANY   140000        /* phrases that fit a body of 1 MiB */
#define STEPS   27000        /* operations on phrases that fit one */
#define SOME     2000        /* phrases that an array can keep pace with */
#define ROUNDS    400


static tap_arena_t            memory;
static size_t                 taken;
static tracker_limits_t       limits = { 0, 0, 1 };
static tracker_message_t      message;

static char                   bytes[MANY + STEPS][12];
static tracker_str_t          phrases[MANY + STEPS];
static const tracker_str_t   *expected[SOME + STEPS];
static tracker_str_t          wanted[SOME + STEPS];
static tracker_patch_step_t   steps[STEPS + 2];


/* an arena that knows how many bytes it gave */

static void *
counting_alloc(void *data, size_t size)
{
    taken += size;

    return tap_arena_alloc(data, size);
}


static tracker_arena_t        arena = { counting_alloc, &memory };


static tracker_str_t
str(const char *text)
{
    tracker_str_t  s;

    s.len = strlen(text);
    s.data = text;

    return s;
}


static tracker_rc_e
read_step(tracker_patch_step_t *step, size_t i, const char *op,
    const char *path)
{
    tracker_str_t  o, p;

    o = str(op);
    p = str(path);

    return tracker_patch_step(step, i, &o, &p, &message);
}


/* different every time, the same in every run */

static size_t
draw(size_t n)
{
    static uint64_t  state = 20210704;

    state = state * 6364136223846793005 + 1442695040888963407;

    return (state >> 33) % n;
}


/* where the next operation hits: places that are hard on a tree */

#define PLACES  6

static const char  *places[PLACES] = {
    "at the front", "at the end", "in the middle", "from both ends",
    "around one place", "anywhere"
};


static size_t
draw_index(size_t place, size_t i, size_t n)
{
    if (n == 0) {
        return 0;
    }

    switch (place) {

    case 0:
        return 0;

    case 1:
        return n;

    case 2:
        return n / 2;

    case 3:
        return i % 2 ? n - i / 2 % (n + 1) : i / 2 % (n + 1);

    case 4:
        return n / 3 + draw(2);

    default:
        return draw(n + 1);
    }
}


/* what an operation does to the n phrases of expected, the simple way */

static void
array_step(const tracker_patch_step_t *step, size_t index, size_t n,
    const tracker_str_t *phrase)
{
    if (step->op == TRACKER_PATCH_ADD) {
        memmove(&expected[index + 1], &expected[index],
                (n - index) * sizeof(expected[0]));
    }

    if (step->op == TRACKER_PATCH_REMOVE) {
        memmove(&expected[index], &expected[index + 1],
                (n - index - 1) * sizeof(expected[0]));
        return;
    }

    expected[index] = phrase;
}


/*
 * Makes count random operations on the first n phrases and returns how many
 * come out; where n is no more than SOME, expected says which.
 */

static size_t
make_steps(int insert, size_t place, size_t n, size_t count)
{
    int                    exact;
    char                   path[40];
    size_t                 i, index, op;
    tracker_patch_step_t  *step;

    static const char  *ops[] = { "add", "replace", "remove" };

    exact = n <= SOME;

    for (i = 0; i < n && exact; i++) {
        expected[i] = &phrases[i];
    }

    for (i = 0; i < count; i++) {
        step = &steps[i];
        op = insert || n == 0 ? TRACKER_PATCH_ADD : draw(3);
        index = draw_index(place, i, n);

        if (index == n && op != TRACKER_PATCH_ADD) {
            index--;
        }

        sprintf(path, "/vocabulary/%zu", index);

        if (index == n && draw(2)) {
            strcpy(path, "/vocabulary/-");
        }

        if (read_step(step, i, ops[op], path) != TRACKER_OK) {
            exit(1);
        }

        if (step->op != TRACKER_PATCH_REMOVE) {
            step->str = phrases[MANY + i];
        }

        if (exact) {
            array_step(step, index, n, &phrases[MANY + i]);
        }

        n += step->op == TRACKER_PATCH_ADD;
        n -= step->op == TRACKER_PATCH_REMOVE;
    }

    return n;
}


/* applies steps to the first n phrases; returns 1 when all is as expected */

static int
apply_steps(size_t n, size_t count, size_t left)
{
    size_t            i;
    tracker_t         t;
    tracker_rc_e      rc;
    tracker_patch_t   patch;

    memset(&t, 0, sizeof(t));
    t.name = str("N");
    t.vocabulary.n = n;
    t.vocabulary.elts = phrases;

    patch.n = count;
    patch.elts = steps;

    taken = 0;

    rc = tracker_patch_apply(&t, &patch, &limits, &arena, &message);

    if (left == 0) {
        return rc == TRACKER_INVALID;
    }

    if (rc != TRACKER_OK || t.vocabulary.n != left) {
        return 0;
    }

    for (i = 0; i < left && n <= SOME; i++) {
        if (t.vocabulary.elts[i].data != expected[i]->data) {
            return 0;
        }
    }

    return 1;
}


/*
 * Two tests behind the operations, of all phrases and of one, that hold; then
 * one of both does not.  Returns the number of wrong verdicts.
 */

static size_t
test_after(size_t n, size_t count, size_t left)
{
    char              path[40];
    size_t            i, at, wrong;
    tracker_t         t;
    tracker_patch_t   patch;

    if (left == 0) {
        return 0;
    }

    for (i = 0; i < left; i++) {
        wanted[i] = *expected[i];
    }

    at = draw(left);
    sprintf(path, "/vocabulary/%zu", at);

    read_step(&steps[count], count, "test", "/vocabulary");
    steps[count].list.n = left;
    steps[count].list.elts = wanted;

    read_step(&steps[count + 1], count + 1, "test", path);
    steps[count + 1].str = wanted[at];

    wrong = !apply_steps(n, count + 2, left);

    memset(&t, 0, sizeof(t));
    t.name = str("N");
    t.vocabulary.n = n;
    t.vocabulary.elts = phrases;

    patch.n = count + 2;
    patch.elts = steps;

    steps[count + 1].str.len--;
    wrong += tracker_patch_apply(&t, &patch, &limits, &arena, &message)
             != TRACKER_UNEQUAL;

    wanted[draw(left)].data = "????????????";
    wrong += tracker_patch_apply(&t, &patch, &limits, &arena, &message)
             != TRACKER_UNEQUAL;

    return wrong;
}


static void
test_random(int insert, size_t place)
{
    size_t  i, n, count, left, wrong;

    wrong = 0;

    for (i = 0; i < ROUNDS; i++) {
        n = i < 20 ? i : draw(200);
        count = 1 + draw(i % 10 ? 60 : 600);

        left = make_steps(insert, place, n, count);

        tap_arena_reset(&memory, 0);
        wrong += !apply_steps(n, count, left);
        wrong += test_after(n, count, left);
    }

    left = make_steps(insert, place, SOME, 10000);

    tap_arena_reset(&memory, 0);
    wrong += !apply_steps(SOME, 10000, left);
    wrong += test_after(SOME, 10000, left);

    ok(wrong == 0, "%s %s, as an array does it, %zu wrong",
       insert ? "insertions" : "operations", places[place], wrong);
}


/*
 * As many as there can be.  Not one phrase may come out twice, which the
 * validation sees to, and so none is lost.
 */

static void
test_many(int insert, size_t place)
{
    int      good;
    double   ms;
    size_t   left;
    clock_t  start;

    left = make_steps(insert, place, MANY, STEPS);

    tap_arena_reset(&memory, 0);

    start = clock();
    good = apply_steps(MANY, STEPS, left);
    ms = (clock() - start) * 1000.0 / CLOCKS_PER_SEC;

    ok(good && taken <= 100 * (size_t) (MANY + STEPS),
       "%d %s %s, %d phrases: %.0f ms, %zu bytes for each", STEPS,
       insert ? "insertions" : "operations", places[place], MANY, ms,
       taken / (MANY + STEPS));
}


/* new lists between the operations: each is made a tree once at most */

static void
test_lists(void)
{
    size_t           i;
    double           ms;
    clock_t          start;
    tracker_t        t;
    tracker_rc_e     rc;
    tracker_patch_t  patch;

    tap_arena_reset(&memory, 0);

    for (i = 0; i < STEPS; i++) {
        if (i % 2 == 0) {
            read_step(&steps[i], i, "replace", "/vocabulary");
            steps[i].list.n = 1;
            steps[i].list.elts = &phrases[i];
            continue;
        }

        read_step(&steps[i], i, "add", "/vocabulary/0");
        steps[i].str = phrases[i];
    }

    memset(&t, 0, sizeof(t));
    t.name = str("N");
    t.vocabulary.n = MANY;
    t.vocabulary.elts = phrases;

    patch.n = STEPS;
    patch.elts = steps;

    start = clock();
    rc = tracker_patch_apply(&t, &patch, &limits, &arena, &message);
    ms = (clock() - start) * 1000.0 / CLOCKS_PER_SEC;

    ok(rc == TRACKER_OK && t.vocabulary.n == 2
       && t.vocabulary.elts[0].data == phrases[STEPS - 1].data
       && t.vocabulary.elts[1].data == phrases[STEPS - 2].data,
       "%d operations, every other a new list: %.0f ms", STEPS, ms);
}


/* strings appended to all lists in turn */

static void
test_appended(void)
{
    int              good;
    size_t           i, k;
    double           ms;
    clock_t          start;
    tracker_t        t;
    tracker_patch_t  patch;

    const tracker_list_t  *lists[] = { &t.categories, &t.languages,
                                       &t.vocabulary };

    static const char  *paths[] = { "/categories", "/languages",
                                    "/vocabulary" };

    tap_arena_reset(&memory, 0);

    for (i = 0; i < STEPS; i++) {
        read_step(&steps[i], i, "add", paths[i % 3]);
        steps[i].str = phrases[MANY + i];
    }

    memset(&t, 0, sizeof(t));
    t.name = str("N");
    t.vocabulary.n = MANY;
    t.vocabulary.elts = phrases;
    t.languages = t.vocabulary;

    patch.n = STEPS;
    patch.elts = steps;

    taken = 0;

    start = clock();
    good = tracker_patch_apply(&t, &patch, &limits, &arena, &message)
           == TRACKER_OK
           && t.categories.n == STEPS / 3
           && t.languages.n == MANY + STEPS / 3
           && t.vocabulary.n == MANY + STEPS / 3;
    ms = (clock() - start) * 1000.0 / CLOCKS_PER_SEC;

    for (i = 0; good && i < STEPS; i++) {
        k = (i % 3 ? MANY : 0) + i / 3;
        good = lists[i % 3]->elts[k].data == phrases[MANY + i].data;
    }

    ok(good && taken <= 100 * (size_t) (2 * MANY + STEPS),
       "%d strings appended to three lists: %.0f ms", STEPS, ms);
}


/*
 * Tests of a rope of thousands of pieces, most of them empty: they cost what
 * they compare, not what was done before.
 */

static void
test_many_tests(void)
{
    int              good;
    char             path[40];
    size_t           i, third;
    double           ms;
    clock_t          start;
    tracker_t        t;
    tracker_patch_t  patch;

    tap_arena_reset(&memory, 0);

    third = STEPS / 3;

    for (i = 0; i < STEPS; i++) {

        if (i < third) {
            sprintf(path, "/vocabulary/%zu", i);
            read_step(&steps[i], i, "replace", path);
            steps[i].str = phrases[i];
            continue;
        }

        if (i < 2 * third) {
            read_step(&steps[i], i, "remove", "/vocabulary/1");
            continue;
        }

        read_step(&steps[i], i, "test", "/vocabulary");
        steps[i].list.n = 2;
        steps[i].list.elts = wanted;
    }

    memset(&t, 0, sizeof(t));
    t.name = str("N");
    t.vocabulary.n = third + 2;
    t.vocabulary.elts = phrases;

    wanted[0] = phrases[0];
    wanted[1] = phrases[third + 1];

    patch.n = STEPS;
    patch.elts = steps;

    start = clock();
    good = tracker_patch_apply(&t, &patch, &limits, &arena, &message)
           == TRACKER_OK && t.vocabulary.n == 2;
    ms = (clock() - start) * 1000.0 / CLOCKS_PER_SEC;

    ok(good, "%zu pieces made empty, then %zu tests: %.0f ms", third,
       STEPS - 2 * third, ms);
}


/* one test of as many phrases as there can be, in as many pieces */

static void
test_large_test(void)
{
    int              good;
    char             path[40];
    size_t           i, half;
    double           ms;
    clock_t          start;
    tracker_t        t;
    tracker_patch_t  patch;

    tap_arena_reset(&memory, 0);

    half = STEPS / 2;

    for (i = 0; i < half; i++) {
        sprintf(path, "/vocabulary/%zu", 2 * i);
        read_step(&steps[i], i, "replace", path);
        steps[i].str = phrases[2 * i];
    }

    read_step(&steps[half], half, "test", "/vocabulary");
    steps[half].list.n = MANY / 2;
    steps[half].list.elts = phrases;

    memset(&t, 0, sizeof(t));
    t.name = str("N");
    t.vocabulary.n = MANY / 2;
    t.vocabulary.elts = phrases;

    patch.n = half + 1;
    patch.elts = steps;

    start = clock();
    good = tracker_patch_apply(&t, &patch, &limits, &arena, &message)
           == TRACKER_OK;
    ms = (clock() - start) * 1000.0 / CLOCKS_PER_SEC;

    ok(good, "a test of %d phrases in %zu pieces: %.0f ms", MANY / 2, 2 * half,
       ms);
}


/* the n-th allocation fails, for every n */

static void
test_no_memory(void)
{
    size_t           n, left, wrong;
    tracker_t        t, copy;
    tracker_rc_e     rc;
    tracker_patch_t  patch;

    left = make_steps(0, 5, 30, 60);

    memset(&t, 0, sizeof(t));
    t.name = str("N");
    t.vocabulary.n = 30;
    t.vocabulary.elts = phrases;
    copy = t;

    patch.n = 60;
    patch.elts = steps;
    wrong = 0;

    for (n = 1; ; n++) {
        tap_arena_reset(&memory, n);

        rc = tracker_patch_apply(&t, &patch, &limits, &arena, &message);

        if (memory.memory.calls < n) {
            break;
        }

        wrong += rc != TRACKER_NOMEM || memcmp(&t, &copy, sizeof(t)) != 0;
    }

    ok(wrong == 0 && rc == TRACKER_OK && t.vocabulary.n == left,
       "each of %zu calls of the arena fails once", n - 1);
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < MANY + STEPS; i++) {
        phrases[i].len = sprintf(bytes[i], "p%zu", i);
        phrases[i].data = bytes[i];
    }

    for (i = 0; i < 2 * PLACES; i++) {
        test_random(i >= PLACES, i % PLACES);
    }

    for (i = 0; i < 2 * PLACES; i++) {
        test_many(i >= PLACES, i % PLACES);
    }

    test_lists();
    test_appended();
    test_many_tests();
    test_large_test();
    test_no_memory();

    tap_arena_reset(&memory, 0);
    ok(memory.memory.live == 0, "nothing is left over");

    return tap_done();
}
