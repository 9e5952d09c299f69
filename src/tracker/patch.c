
/*
 * Applies a PATCH.  A body may hold so many operations that moving every
 * phrase of a large vocabulary for each of them would take too long: from the
 * first change of a single string on, the strings of a list are in a rope.
 */


#include <string.h>

#include "tracker/patch.h"
#include "tracker/rope.h"


/* a list while it is edited, present or absent */

typedef struct {
    tracker_list_t          *list;
    tracker_rope_t           rope;
    unsigned                 roped:1;  /* the strings are in rope, not list */
} tracker_patch_list_t;


/* a patch while it is applied */

typedef struct {
    tracker_t                t;
    tracker_patch_list_t     lists[TRACKER_FIELDS];
    size_t                   i;        /* the current operation */
    const tracker_arena_t   *arena;
    tracker_message_t       *message;
} tracker_patch_work_t;


/* the list of a field that is a list */
#define tracker_patch_list_of(work, field)                                    \
    (&(work)->lists[(field) - tracker_fields])


static tracker_fault_e tracker_patch_place(tracker_patch_step_t *step,
    const tracker_str_t *path);
static void tracker_patch_paths(tracker_message_t *message);
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
static tracker_rc_e tracker_patch_absent(tracker_patch_work_t *work,
    const tracker_patch_step_t *step);
static tracker_rc_e tracker_patch_unequal(tracker_patch_work_t *work,
    const tracker_patch_step_t *step);
static tracker_rc_e tracker_patch_failed(const tracker_patch_step_t *step);

static const tracker_str_t  tracker_patch_op = tracker_str("op");
static const tracker_str_t  tracker_patch_path = tracker_str("path");
static const tracker_str_t  tracker_patch_value = tracker_str("value");

/* in the order of tracker_patch_op_e */

static const tracker_str_t  tracker_patch_ops[] = {
    tracker_str("add"),
    tracker_str("replace"),
    tracker_str("remove"),
    tracker_str("test")
};

#define TRACKER_PATCH_OPS                                                     \
    (sizeof(tracker_patch_ops) / sizeof(tracker_patch_ops[0]))


tracker_rc_e
tracker_patch_step(tracker_patch_step_t *step, size_t i,
    const tracker_str_t *op, const tracker_str_t *path,
    tracker_message_t *message)
{
    size_t           n;
    tracker_fault_e  fault;

    memset(step, 0, sizeof(tracker_patch_step_t));

    for (n = 0; n < TRACKER_PATCH_OPS; n++) {
        if (tracker_str_equal(&tracker_patch_ops[n], op)) {
            break;
        }
    }

    if (n == TRACKER_PATCH_OPS) {
        tracker_message_fault(message, i, &tracker_patch_op, -1,
                              TRACKER_FAULT_OP);
        return TRACKER_INVALID;
    }

    step->op = n;

    fault = tracker_patch_place(step, path);

    if (fault == TRACKER_FAULT_NONE) {
        return TRACKER_OK;
    }

    tracker_message_fault(message, i, &tracker_patch_path, -1, fault);

    if (fault == TRACKER_FAULT_PATH) {
        tracker_patch_paths(message);
    }

    return TRACKER_INVALID;
}


/* the target of a path; returns the fault of the path */

static tracker_fault_e
tracker_patch_place(tracker_patch_step_t *step, const tracker_str_t *path)
{
    size_t         i, digits;
    const char    *p;
    tracker_str_t  name;

    static const tracker_str_t  prefix = tracker_str("/vocabulary/");

    if (path->len == 0 || path->data[0] != '/') {
        return TRACKER_FAULT_PATH;
    }

    name.len = path->len - 1;
    name.data = path->data + 1;

    step->field = tracker_field(&name, 0);

    if (step->field) {
        return TRACKER_FAULT_NONE;
    }

    if (path->len <= prefix.len
        || memcmp(path->data, prefix.data, prefix.len) != 0)
    {
        return TRACKER_FAULT_PATH;
    }

    step->field = &tracker_fields[TRACKER_FIELD_VOCABULARY];

    p = path->data + prefix.len;
    digits = path->len - prefix.len;

    if (digits == 1 && *p == '-') {
        step->target = TRACKER_PATCH_END;

        return step->op == TRACKER_PATCH_ADD ? TRACKER_FAULT_NONE
                                             : TRACKER_FAULT_ONLY_ADD;
    }

    step->target = TRACKER_PATCH_PHRASE;

    for (i = 0; i < digits; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return TRACKER_FAULT_PATH;
        }

        /* a number that is too large stays beyond the end of any list */

        step->index = step->index < SIZE_MAX / 10
                          ? step->index * 10 + (p[i] - '0') : SIZE_MAX;
    }

    return *p == '0' && digits > 1 ? TRACKER_FAULT_ZEROS : TRACKER_FAULT_NONE;
}


/* appends the paths that there are */

static void
tracker_patch_paths(tracker_message_t *message)
{
    size_t  i;

    for (i = 0; i < TRACKER_FIELDS; i++) {
        if (tracker_fields[i].settable) {
            tracker_message_append(message, " \"/%s\",",
                                   tracker_fields[i].name.data);
        }
    }

    tracker_message_append(message, " \"/vocabulary/-\", "
                           "\"/vocabulary/INDEX\"");
}


tracker_fault_e
tracker_patch_misfit(const tracker_patch_step_t *step, int string, int array)
{
    if (step->target != TRACKER_PATCH_FIELD || !step->field->list) {
        return string ? TRACKER_FAULT_NONE : TRACKER_FAULT_NOT_STRING;
    }

    if (step->op == TRACKER_PATCH_TEST) {
        return array ? TRACKER_FAULT_NONE : TRACKER_FAULT_NOT_ARRAY;
    }

    return array || string ? TRACKER_FAULT_NONE : TRACKER_FAULT_NOT_LIST;
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

    for (i = 0; i < TRACKER_FIELDS; i++) {
        if (tracker_fields[i].list) {
            work.lists[i].list = tracker_field_list(&work.t,
                                                    &tracker_fields[i]);
        }
    }

    for (work.i = 0; work.i < patch->n; work.i++) {
        rc = tracker_patch_one(&work, &patch->elts[work.i]);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    for (i = 0; i < TRACKER_FIELDS; i++) {
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

    /* a place in the result is none in the body */

    message->pointed = 0;

    return rc;
}


static tracker_rc_e
tracker_patch_one(tracker_patch_work_t *work,
    const tracker_patch_step_t *step)
{
    tracker_patch_list_t  *list;

    if (!step->field->list) {
        return tracker_patch_str(work, tracker_field_str(&work->t, step->field),
                                 step);
    }

    list = tracker_patch_list_of(work, step->field);

    return step->target == TRACKER_PATCH_FIELD
               ? tracker_patch_list(work, list, step)
               : tracker_patch_phrase(work, list, step);
}


static tracker_rc_e
tracker_patch_str(tracker_patch_work_t *work, tracker_str_t *str,
    const tracker_patch_step_t *step)
{
    if (str->data == NULL && tracker_patch_needs(step)) {
        return tracker_patch_absent(work, step);
    }

    if (step->op == TRACKER_PATCH_TEST) {
        return tracker_str_equal(str, &step->str)
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

    /* the value; nothing, to remove it or to append a string that replaces */

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
    index = step->target == TRACKER_PATCH_END ? n : step->index;

    if (index > n || (index == n && step->op != TRACKER_PATCH_ADD)) {
        tracker_message(work->message, "\"[%zu].path\" is beyond the end of "
                        "a vocabulary of %zu phrase%s", work->i, n,
                        n == 1 ? "" : "s");
        tracker_message_at(work->message, work->i, &tracker_patch_path, -1);
        return tracker_patch_failed(step);
    }

    if (step->op == TRACKER_PATCH_TEST) {
        return tracker_str_equal(tracker_patch_run(list, index, &n),
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


/* run by run: no more of the list is read than the value is long */

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
            if (!tracker_str_equal(&elts[k], &step->list.elts[i + k])) {
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


/* moves the strings into the rope; an absent list has none */

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


/* must the target exist?  To replace an optional field is to add it */

static int
tracker_patch_needs(const tracker_patch_step_t *step)
{
    switch (step->op) {

    case TRACKER_PATCH_ADD:
        return 0;

    case TRACKER_PATCH_REPLACE:
        return step->field->required;

    default: /* TRACKER_PATCH_REMOVE, TRACKER_PATCH_TEST */
        return 1;
    }
}


static tracker_rc_e
tracker_patch_absent(tracker_patch_work_t *work,
    const tracker_patch_step_t *step)
{
    tracker_message_fault(work->message, work->i, &tracker_patch_path, -1,
                          TRACKER_FAULT_ABSENT);

    return tracker_patch_failed(step);
}


static tracker_rc_e
tracker_patch_unequal(tracker_patch_work_t *work,
    const tracker_patch_step_t *step)
{
    tracker_message(work->message, "\"[%zu].value\" does not equal \"/%s",
                    work->i, step->field->name.data);

    if (step->target == TRACKER_PATCH_PHRASE) {
        tracker_message_append(work->message, "/%zu", step->index);
    }

    tracker_message_append(work->message, "\"");
    tracker_message_at(work->message, work->i, &tracker_patch_value, -1);

    return tracker_patch_failed(step);
}


/* a test that fails is a conflict, not a fault of the request */

static tracker_rc_e
tracker_patch_failed(const tracker_patch_step_t *step)
{
    return step->op == TRACKER_PATCH_TEST ? TRACKER_UNEQUAL : TRACKER_INVALID;
}
