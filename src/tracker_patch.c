
/*
 * What a PATCH makes of a tracker.  As many operations as a body can hold
 * may each move every phrase of a large vocabulary by one place; so, from
 * the first operation on a single phrase on, the phrases are in a rope.
 */


#include <string.h>

#include "tracker_patch.h"
#include "tracker_rope.h"


/* a patch on its way */

typedef struct {
    tracker_t                t;
    tracker_rope_t           rope;
    size_t                   i;        /* the operation */
    const tracker_arena_t   *arena;
    tracker_message_t       *message;
    unsigned                 roped:1;  /* rope holds the phrases, not t */
} tracker_patch_work_t;


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
    tracker_list_t *list, const tracker_patch_step_t *step);
static int tracker_patch_needs(const tracker_patch_step_t *step);
static tracker_rc_e tracker_patch_phrase(tracker_patch_work_t *work,
    const tracker_patch_step_t *step);

static const tracker_str_t  tracker_patch_op = tracker_str("op");
static const tracker_str_t  tracker_patch_path = tracker_str("path");

/* in the order of tracker_patch_op_e */

static const tracker_str_t  tracker_patch_ops[] = {
    tracker_str("add"),
    tracker_str("replace"),
    tracker_str("remove")
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
                                   "\"remove\"");
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
        if (table[i].len == str->len
            && memcmp(table[i].data, str->data, str->len) == 0)
        {
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


int
tracker_patch_takes_list(tracker_patch_step_t *step, int string)
{
    switch (step->path) {

    case TRACKER_PATCH_VOCABULARY:

        if (step->op == TRACKER_PATCH_ADD && string) {
            step->path = TRACKER_PATCH_END;
            return 0;
        }

        return 1;

    case TRACKER_PATCH_CATEGORIES:
    case TRACKER_PATCH_LANGUAGES:
        return 1;

    default:
        return 0;
    }
}


tracker_rc_e
tracker_patch_apply(tracker_t *t, const tracker_patch_t *patch,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_message_t *message)
{
    tracker_rc_e          rc;
    tracker_patch_work_t  work;

    work.t = *t;
    work.arena = arena;
    work.message = message;
    work.roped = 0;

    for (work.i = 0; work.i < patch->n; work.i++) {
        rc = tracker_patch_one(&work, &patch->elts[work.i]);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    if (work.roped
        && tracker_rope_list(&work.rope, &work.t.vocabulary) != TRACKER_OK)
    {
        return TRACKER_NOMEM;
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
    switch (step->path) {

    case TRACKER_PATCH_NAME:
        return tracker_patch_str(work, &work->t.name, step);

    case TRACKER_PATCH_DESCRIPTION:
        return tracker_patch_str(work, &work->t.description, step);

    case TRACKER_PATCH_CATEGORIES:
        return tracker_patch_list(work, &work->t.categories, step);

    case TRACKER_PATCH_LANGUAGES:
        return tracker_patch_list(work, &work->t.languages, step);

    case TRACKER_PATCH_VOCABULARY:
        work->roped = 0;
        return tracker_patch_list(work, &work->t.vocabulary, step);

    case TRACKER_PATCH_PHRASE:
    case TRACKER_PATCH_END:
        break;
    }

    return tracker_patch_phrase(work, step);
}


static tracker_rc_e
tracker_patch_str(tracker_patch_work_t *work, tracker_str_t *str,
    const tracker_patch_step_t *step)
{
    if (str->data == NULL && tracker_patch_needs(step)) {
        return tracker_patch_fault(work->message, work->i,
                                   &tracker_patch_path, "does not exist");
    }

    *str = step->str;

    return TRACKER_OK;
}


static tracker_rc_e
tracker_patch_list(tracker_patch_work_t *work, tracker_list_t *list,
    const tracker_patch_step_t *step)
{
    if (list->elts == NULL && tracker_patch_needs(step)) {
        return tracker_patch_fault(work->message, work->i,
                                   &tracker_patch_path, "does not exist");
    }

    *list = step->list;

    return TRACKER_OK;
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

    default: /* TRACKER_PATCH_REMOVE */
        return 1;
    }
}


static tracker_rc_e
tracker_patch_phrase(tracker_patch_work_t *work,
    const tracker_patch_step_t *step)
{
    size_t  n, index;

    if (work->t.vocabulary.elts == NULL) {
        return tracker_patch_fault(work->message, work->i,
                                   &tracker_patch_path, "does not exist");
    }

    if (!work->roped) {
        if (tracker_rope_init(&work->rope, &work->t.vocabulary, work->arena)
            != TRACKER_OK)
        {
            return TRACKER_NOMEM;
        }

        work->roped = 1;
    }

    n = tracker_rope_count(&work->rope);
    index = step->path == TRACKER_PATCH_END ? n : step->index;

    if (index > n || (index == n && step->op != TRACKER_PATCH_ADD)) {
        tracker_message(work->message, "\"[%zu].path\" is beyond the end of "
                        "a vocabulary of %zu phrase%s", work->i, n,
                        n == 1 ? "" : "s");
        return TRACKER_INVALID;
    }

    if (step->op != TRACKER_PATCH_ADD
        && tracker_rope_remove(&work->rope, index) != TRACKER_OK)
    {
        return TRACKER_NOMEM;
    }

    return step->op == TRACKER_PATCH_REMOVE
           ? TRACKER_OK : tracker_rope_add(&work->rope, index, &step->str);
}
