
/*
 * What a PATCH makes of a tracker.  As many operations as a body can hold
 * may each move every phrase of a large vocabulary by one place, or append to
 * a large list; so, from the first change of a single string on, the strings of
 * a list are in a rope.
 */


#include <string.h>

#include "tracker/patch.h"
#include "tracker/rope.h"


/* a list, present or not */

typedef struct {
    tracker_list_t          *list;
    tracker_rope_t           rope;
    unsigned                 roped:1;  /* rope holds the strings, not list */
} tracker_patch_list_t;


#define TRACKER_PATCH_LISTS  3

/* a patch on its way */

typedef struct {
    tracker_t                t;
    tracker_patch_list_t     lists[TRACKER_PATCH_LISTS];
    size_t                   i;        /* the operation */
    const tracker_arena_t   *arena;
    tracker_message_t       *message;
} tracker_patch_work_t;


/* the list of a path, one of tracker_patch_path_e */
#define tracker_patch_list_of(work, path)                                     \
    (&(work)->lists[(path) - TRACKER_PATCH_CATEGORIES])


static size_t tracker_patch_lookup(const tracker_str_t *table, size_t n,
    const tracker_str_t *str);
static const char *tracker_patch_place(tracker_patch_step_t *step,
    const tracker_str_t *path);
static tracker_rc_e tracker_patch_fault(tracker_message_t *message, size_t i,
    const tracker_str_t *key, const char *fault);
static tracker_rc_e tracker_patch_one(tracker_patch_work_t *work,
    const tracker_patch_step_t *step);
static tracker_rc_e tracker_patch_str(tracker_patch_work_t *work,
    tracker_str_t *str, const tracker_patch_step_t *step);
static tracker_rc_e tracker_patch_list(tracker_patch_work_t *work,
    tracker_patch_list_t *list, const tracker_patch_step_t *step);
static tracker_rc_e tracker_patch_phrase(tracker_patch_work_t *work,
    tracker_patch_list_t *list, const tracker_patch_step_t *step);
static tracker_rc_e tracker_patch_compare(tracker_patch_work_t *work,
    const tracker_patch_list_t *list, const tracker_patch_step_t *step);
static tracker_rc_e tracker_patch_insert(tracker_patch_work_t *work,
    tracker_patch_list_t *list, size_t index, const tracker_str_t *str);
static tracker_rc_e tracker_patch_open(tracker_patch_work_t *work,
    tracker_patch_list_t *list);
static int tracker_patch_there(const tracker_patch_list_t *list);
static size_t tracker_patch_count(const tracker_patch_list_t *list);
static const tracker_str_t *tracker_patch_run(const tracker_patch_list_t *list,
    size_t index, size_t *n);
static int tracker_patch_needs(const tracker_patch_step_t *step);
static int tracker_patch_equal(const tracker_str_t *one,
    const tracker_str_t *two);
static tracker_rc_e tracker_patch_absent(tracker_patch_work_t *work,
    const tracker_patch_step_t *step);
static tracker_rc_e tracker_patch_unequal(tracker_patch_work_t *work,
    const tracker_patch_step_t *step);
static tracker_rc_e tracker_patch_failed(const tracker_patch_step_t *step);

static const tracker_str_t  tracker_patch_op = tracker_str("op");
static const tracker_str_t  tracker_patch_path = tracker_str("path");

/* in the order of tracker_patch_op_e */

static const tracker_str_t  tracker_patch_ops[] = {
    tracker_str("add"),
    tracker_str("replace"),
    tracker_str("remove"),
    tracker_str("test")
};

/* in the order of tracker_patch_path_e */

static const tracker_str_t  tracker_patch_paths[] = {
    tracker_str("/name"),
    tracker_str("/description"),
    tracker_str("/categories"),
    tracker_str("/languages"),
    tracker_str("/vocabulary")
};

#define TRACKER_PATCH_OPS                                                     \
    (sizeof(tracker_patch_ops) / sizeof(tracker_patch_ops[0]))

#define TRACKER_PATCH_PATHS                                                   \
    (sizeof(tracker_patch_paths) / sizeof(tracker_patch_paths[0]))


tracker_rc_e
tracker_patch_step(tracker_patch_step_t *step, size_t i,
    const tracker_str_t *op, const tracker_str_t *path,
    tracker_message_t *message)
{
    size_t       n;
    const char  *fault;

    memset(step, 0, sizeof(tracker_patch_step_t));

    n = tracker_patch_lookup(tracker_patch_ops, TRACKER_PATCH_OPS, op);

    if (n == TRACKER_PATCH_OPS) {
        return tracker_patch_fault(message, i, &tracker_patch_op,
                                   "must be one of \"add\", \"replace\", "
                                   "\"remove\", \"test\"");
    }

    step->op = n;

    n = tracker_patch_lookup(tracker_patch_paths, TRACKER_PATCH_PATHS, path);

    if (n < TRACKER_PATCH_PATHS) {
        step->path = n;
        return TRACKER_OK;
    }

    fault = tracker_patch_place(step, path);
    if (fault) {
        return tracker_patch_fault(message, i, &tracker_patch_path, fault);
    }

    return TRACKER_OK;
}


static size_t
tracker_patch_lookup(const tracker_str_t *table, size_t n,
    const tracker_str_t *str)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (tracker_patch_equal(&table[i], str)) {
            break;
        }
    }

    return i;
}


/* the path of one phrase; returns what is wrong with it, NULL: nothing */

static const char *
tracker_patch_place(tracker_patch_step_t *step, const tracker_str_t *path)
{
    size_t       i, digits;
    const char  *p;

    static const tracker_str_t  prefix = tracker_str("/vocabulary/");
    static const char           unknown[] =
        "must be one of \"/name\", \"/description\", \"/categories\", "
        "\"/languages\", \"/vocabulary\", \"/vocabulary/-\", "
        "\"/vocabulary/INDEX\"";

    if (path->len <= prefix.len
        || memcmp(path->data, prefix.data, prefix.len) != 0)
    {
        return unknown;
    }

    p = path->data + prefix.len;
    digits = path->len - prefix.len;

    if (digits == 1 && *p == '-') {
        step->path = TRACKER_PATCH_END;

        return step->op == TRACKER_PATCH_ADD
                   ? NULL : "must have an index, \"-\" is for \"add\" only";
    }

    step->path = TRACKER_PATCH_PHRASE;

    for (i = 0; i < digits; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return unknown;
        }

        /* too large a number stays beyond any end */

        step->index = step->index < SIZE_MAX / 10
                          ? step->index * 10 + (p[i] - '0') : SIZE_MAX;
    }

    return *p == '0' && digits > 1
               ? "must have an index without leading zeros" : NULL;
}


static tracker_rc_e
tracker_patch_fault(tracker_message_t *message, size_t i,
    const tracker_str_t *key, const char *fault)
{
    tracker_message_path(message, i, key, -1, fault);

    return TRACKER_INVALID;
}


const char *
tracker_patch_misfit(const tracker_patch_step_t *step, int string, int array)
{
    switch (step->path) {

    case TRACKER_PATCH_CATEGORIES:
    case TRACKER_PATCH_LANGUAGES:
    case TRACKER_PATCH_VOCABULARY:

        if (step->op == TRACKER_PATCH_TEST) {
            return array ? NULL : "must be an array";
        }

        return array || string ? NULL : "must be an array or a string";

    default:
        return string ? NULL : "must be a string";
    }
}


tracker_rc_e
tracker_patch_apply(tracker_t *t, const tracker_patch_t *patch,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_message_t *message)
{
    size_t                 i;
    tracker_rc_e           rc;
    tracker_patch_list_t  *list;
    tracker_patch_work_t   work;

    work.t = *t;
    work.arena = arena;
    work.message = message;

    memset(work.lists, 0, sizeof(work.lists));

    tracker_patch_list_of(&work, TRACKER_PATCH_CATEGORIES)->list =
        &work.t.categories;
    tracker_patch_list_of(&work, TRACKER_PATCH_LANGUAGES)->list =
        &work.t.languages;
    tracker_patch_list_of(&work, TRACKER_PATCH_VOCABULARY)->list =
        &work.t.vocabulary;

    for (work.i = 0; work.i < patch->n; work.i++) {
        rc = tracker_patch_one(&work, &patch->elts[work.i]);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    for (i = 0; i < TRACKER_PATCH_LISTS; i++) {
        list = &work.lists[i];

        if (list->roped
            && tracker_rope_list(&list->rope, list->list) != TRACKER_OK)
        {
            return TRACKER_NOMEM;
        }
    }

    rc = tracker_validate(&work.t, -1, limits, arena, message);

    if (rc == TRACKER_OK) {
        *t = work.t;
    }

    return rc;
}


static tracker_rc_e
tracker_patch_one(tracker_patch_work_t *work,
    const tracker_patch_step_t *step)
{
    tracker_patch_list_t  *vocabulary;

    switch (step->path) {

    case TRACKER_PATCH_NAME:
        return tracker_patch_str(work, &work->t.name, step);

    case TRACKER_PATCH_DESCRIPTION:
        return tracker_patch_str(work, &work->t.description, step);

    case TRACKER_PATCH_CATEGORIES:
    case TRACKER_PATCH_LANGUAGES:
    case TRACKER_PATCH_VOCABULARY:
        return tracker_patch_list(work, tracker_patch_list_of(work, step->path),
                                  step);

    case TRACKER_PATCH_PHRASE:
    case TRACKER_PATCH_END:
        break;
    }

    vocabulary = tracker_patch_list_of(work, TRACKER_PATCH_VOCABULARY);

    return tracker_patch_phrase(work, vocabulary, step);
}


static tracker_rc_e
tracker_patch_str(tracker_patch_work_t *work, tracker_str_t *str,
    const tracker_patch_step_t *step)
{
    if (str->data == NULL && tracker_patch_needs(step)) {
        return tracker_patch_absent(work, step);
    }

    if (step->op == TRACKER_PATCH_TEST) {
        return tracker_patch_equal(str, &step->str)
                   ? TRACKER_OK : tracker_patch_unequal(work, step);
    }

    *str = step->str;

    return TRACKER_OK;
}


static tracker_rc_e
tracker_patch_list(tracker_patch_work_t *work, tracker_patch_list_t *list,
    const tracker_patch_step_t *step)
{
    if (!tracker_patch_there(list) && tracker_patch_needs(step)) {
        return tracker_patch_absent(work, step);
    }

    if (step->op == TRACKER_PATCH_TEST) {
        return tracker_patch_compare(work, list, step);
    }

    /* an array, nothing, or, of a string that replaces, what it is added to */

    if (step->str.data == NULL || step->op == TRACKER_PATCH_REPLACE) {
        *list->list = step->list;
        list->roped = 0;
    }

    if (step->str.data == NULL) {
        return TRACKER_OK;
    }

    return tracker_patch_insert(work, list, tracker_patch_count(list),
                                &step->str);
}


static tracker_rc_e
tracker_patch_phrase(tracker_patch_work_t *work, tracker_patch_list_t *list,
    const tracker_patch_step_t *step)
{
    size_t  n, index;

    if (!tracker_patch_there(list)) {
        return tracker_patch_absent(work, step);
    }

    n = tracker_patch_count(list);
    index = step->path == TRACKER_PATCH_END ? n : step->index;

    if (index > n || (index == n && step->op != TRACKER_PATCH_ADD)) {
        tracker_message(work->message, "\"[%zu].path\" is beyond the end of "
                        "a vocabulary of %zu phrase%s", work->i, n,
                        n == 1 ? "" : "s");
        return tracker_patch_failed(step);
    }

    if (step->op == TRACKER_PATCH_TEST) {
        return tracker_patch_equal(tracker_patch_run(list, index, &n),
                                   &step->str)
                   ? TRACKER_OK : tracker_patch_unequal(work, step);
    }

    if (step->op != TRACKER_PATCH_ADD
        && (tracker_patch_open(work, list) != TRACKER_OK
            || tracker_rope_remove(&list->rope, index) != TRACKER_OK))
    {
        return TRACKER_NOMEM;
    }

    return step->op == TRACKER_PATCH_REMOVE
           ? TRACKER_OK : tracker_patch_insert(work, list, index, &step->str);
}


/* a run at a time: the value is as long as what is seen of the list */

static tracker_rc_e
tracker_patch_compare(tracker_patch_work_t *work,
    const tracker_patch_list_t *list, const tracker_patch_step_t *step)
{
    size_t                i, k, n;
    const tracker_str_t  *elts;

    if (tracker_patch_count(list) != step->list.n) {
        return tracker_patch_unequal(work, step);
    }

    for (i = 0; i < step->list.n; i += n) {
        elts = tracker_patch_run(list, i, &n);

        for (k = 0; k < n; k++) {
            if (!tracker_patch_equal(&elts[k], &step->list.elts[i + k])) {
                return tracker_patch_unequal(work, step);
            }
        }
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_patch_insert(tracker_patch_work_t *work, tracker_patch_list_t *list,
    size_t index, const tracker_str_t *str)
{
    if (tracker_patch_open(work, list) != TRACKER_OK) {
        return TRACKER_NOMEM;
    }

    return tracker_rope_add(&list->rope, index, str);
}


/* the strings into the rope; of an absent list, none */

static tracker_rc_e
tracker_patch_open(tracker_patch_work_t *work, tracker_patch_list_t *list)
{
    if (list->roped) {
        return TRACKER_OK;
    }

    list->roped = 1;

    return tracker_rope_init(&list->rope, list->list, work->arena);
}


static int
tracker_patch_there(const tracker_patch_list_t *list)
{
    return list->roped || list->list->elts != NULL;
}


static size_t
tracker_patch_count(const tracker_patch_list_t *list)
{
    return list->roped ? tracker_rope_count(&list->rope) : list->list->n;
}


/* as tracker_rope_run() */

static const tracker_str_t *
tracker_patch_run(const tracker_patch_list_t *list, size_t index, size_t *n)
{
    if (list->roped) {
        return tracker_rope_run(&list->rope, index, n);
    }

    *n = list->list->n - index;

    return list->list->elts + index;
}


/* must there be something?  "replace" of an optional key is as good as "add" */

static int
tracker_patch_needs(const tracker_patch_step_t *step)
{
    switch (step->op) {

    case TRACKER_PATCH_ADD:
        return 0;

    case TRACKER_PATCH_REPLACE:
        return step->path == TRACKER_PATCH_NAME
               || step->path == TRACKER_PATCH_VOCABULARY;

    default: /* TRACKER_PATCH_REMOVE, TRACKER_PATCH_TEST */
        return 1;
    }
}


static int
tracker_patch_equal(const tracker_str_t *one, const tracker_str_t *two)
{
    return one->len == two->len
           && memcmp(one->data, two->data, one->len) == 0;
}


static tracker_rc_e
tracker_patch_absent(tracker_patch_work_t *work,
    const tracker_patch_step_t *step)
{
    (void) tracker_patch_fault(work->message, work->i, &tracker_patch_path,
                               "does not exist");

    return tracker_patch_failed(step);
}


static tracker_rc_e
tracker_patch_unequal(tracker_patch_work_t *work,
    const tracker_patch_step_t *step)
{
    if (step->path == TRACKER_PATCH_PHRASE) {
        tracker_message(work->message, "\"[%zu].value\" does not equal "
                        "\"/vocabulary/%zu\"", work->i, step->index);

    } else {
        tracker_message(work->message, "\"[%zu].value\" does not equal "
                        "\"%s\"", work->i,
                        tracker_patch_paths[step->path].data);
    }

    return tracker_patch_failed(step);
}


/* what a test does not find is no fault of the request */

static tracker_rc_e
tracker_patch_failed(const tracker_patch_step_t *step)
{
    return step->op == TRACKER_PATCH_TEST ? TRACKER_UNEQUAL : TRACKER_INVALID;
}
