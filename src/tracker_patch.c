/*
 * What a PATCH makes of a tracker.  As many operations as a body can hold
 * may each move every phrase of a large vocabulary by one place; so, from
 * the first operation on a single phrase on, the phrases are in a tree.
 */


#include <string.h>

#include "tracker_patch.h"


typedef struct tracker_phrase_s  tracker_phrase_t;

/*
 * A phrase and those before and behind it.  No subtree has more than three
 * quarters of its parent's weight: where an insertion breaks this, that part
 * of the tree is built anew, which costs log n an insertion in the long run
 * and needs neither rotations nor luck.
 */

struct tracker_phrase_s {
    tracker_phrase_t        *left;
    tracker_phrase_t        *right;
    size_t                   weight;   /* phrases here, the removed too */
    size_t                   live;     /* phrases here that are left */
    tracker_str_t            str;      /* data NULL: removed */
};


/* a patch on its way */

typedef struct {
    tracker_t                t;
    tracker_phrase_t        *root;
    size_t                   i;        /* the operation */
    const tracker_arena_t   *arena;
    tracker_message_t       *message;
    unsigned                 tree:1;   /* root holds the phrases, not t */
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
static tracker_rc_e tracker_patch_plant(tracker_patch_work_t *work);
static tracker_rc_e tracker_patch_harvest(tracker_patch_work_t *work);
static size_t tracker_phrase_live(const tracker_phrase_t *phrase);
static tracker_phrase_t *tracker_phrase_find(tracker_phrase_t *phrase,
    size_t index, size_t removed);
static void tracker_phrase_insert(tracker_phrase_t **link, size_t index,
    tracker_phrase_t *phrase);
static tracker_phrase_t *tracker_phrase_chain(tracker_phrase_t *phrase,
    tracker_phrase_t *rest);
static tracker_phrase_t *tracker_phrase_build(tracker_phrase_t **chain,
    size_t n);


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
    work.root = NULL;
    work.arena = arena;
    work.message = message;
    work.tree = 0;

    for (work.i = 0; work.i < patch->n; work.i++) {
        rc = tracker_patch_one(&work, &patch->elts[work.i]);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    if (work.tree) {
        rc = tracker_patch_harvest(&work);
        if (rc != TRACKER_OK) {
            return rc;
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
        work->tree = 0;
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
    size_t             n, index;
    tracker_phrase_t  *phrase;

    if (work->t.vocabulary.elts == NULL) {
        return tracker_patch_fault(work->message, work->i,
                                   &tracker_patch_path, "does not exist");
    }

    if (!work->tree && tracker_patch_plant(work) != TRACKER_OK) {
        return TRACKER_NOMEM;
    }

    n = tracker_phrase_live(work->root);
    index = step->path == TRACKER_PATCH_END ? n : step->index;

    if (index > n || (index == n && step->op != TRACKER_PATCH_ADD)) {
        tracker_message(work->message, "\"[%zu].path\" is beyond the end of "
                        "a vocabulary of %zu phrase%s", work->i, n,
                        n == 1 ? "" : "s");
        return TRACKER_INVALID;
    }

    if (step->op != TRACKER_PATCH_ADD) {
        phrase = tracker_phrase_find(work->root, index,
                                     step->op == TRACKER_PATCH_REMOVE);
        phrase->str = step->str;
        return TRACKER_OK;
    }

    phrase = work->arena->alloc(work->arena->data, sizeof(tracker_phrase_t));
    if (phrase == NULL) {
        return TRACKER_NOMEM;
    }

    phrase->left = NULL;
    phrase->right = NULL;
    phrase->weight = 1;
    phrase->live = 1;
    phrase->str = step->str;

    tracker_phrase_insert(&work->root, index, phrase);

    return TRACKER_OK;
}


/* the vocabulary as a tree */

static tracker_rc_e
tracker_patch_plant(tracker_patch_work_t *work)
{
    size_t             i, n;
    tracker_phrase_t  *phrases;

    n = work->t.vocabulary.n;

    work->root = NULL;
    work->tree = 1;

    if (n == 0) {
        return TRACKER_OK;
    }

    phrases = work->arena->alloc(work->arena->data,
                                 n * sizeof(tracker_phrase_t));
    if (phrases == NULL) {
        return TRACKER_NOMEM;
    }

    for (i = 0; i < n; i++) {
        phrases[i].str = work->t.vocabulary.elts[i];
        phrases[i].right = &phrases[i + 1];
    }

    work->root = tracker_phrase_build(&phrases, n);

    return TRACKER_OK;
}


/* the tree as a vocabulary again, in memory of its own */

static tracker_rc_e
tracker_patch_harvest(tracker_patch_work_t *work)
{
    size_t             n;
    tracker_str_t     *str;
    tracker_phrase_t  *phrase;

    n = tracker_phrase_live(work->root);

    /* one more: an empty list must not be NULL, which means absent */

    str = work->arena->alloc(work->arena->data,
                             (n + !n) * sizeof(tracker_str_t));
    if (str == NULL) {
        return TRACKER_NOMEM;
    }

    work->t.vocabulary.n = n;
    work->t.vocabulary.elts = str;
    work->t.vocabulary.json.data = NULL;

    for (phrase = tracker_phrase_chain(work->root, NULL);
         phrase != NULL;
         phrase = phrase->right)
    {
        if (phrase->str.data) {
            *str++ = phrase->str;
        }
    }

    return TRACKER_OK;
}


static size_t
tracker_phrase_live(const tracker_phrase_t *phrase)
{
    return phrase ? phrase->live : 0;
}


/*
 * The phrase at index, which must exist; removed, 0 or 1, is taken off the
 * counts on the way to it.
 */

static tracker_phrase_t *
tracker_phrase_find(tracker_phrase_t *phrase, size_t index, size_t removed)
{
    size_t  before;

    for ( ;; ) {
        phrase->live -= removed;

        before = tracker_phrase_live(phrase->left);

        if (index < before) {
            phrase = phrase->left;
            continue;
        }

        index -= before;

        if (phrase->str.data) {
            if (index == 0) {
                return phrase;
            }

            index--;
        }

        phrase = phrase->right;
    }
}


/* phrase comes before the one at index, or behind all others */

static void
tracker_phrase_insert(tracker_phrase_t **link, size_t index,
    tracker_phrase_t *phrase)
{
    size_t              before;
    tracker_phrase_t   *parent, *chain, **next, **heavy;

    heavy = NULL;

    for ( /* void */ ; *link; link = next) {
        parent = *link;
        parent->weight++;
        parent->live++;

        before = tracker_phrase_live(parent->left);

        if (index <= before) {
            next = &parent->left;

        } else {
            next = &parent->right;
            index -= before + (parent->str.data != NULL);
        }

        /* the highest place that is out of balance includes the others */

        if (heavy == NULL && *next
            && ((*next)->weight + 1) * 4 > parent->weight * 3)
        {
            heavy = link;
        }
    }

    *link = phrase;

    if (heavy) {
        chain = tracker_phrase_chain(*heavy, NULL);
        *heavy = tracker_phrase_build(&chain, (*heavy)->weight);
    }
}


/* all of a tree in their order, linked by right, and then rest */

static tracker_phrase_t *
tracker_phrase_chain(tracker_phrase_t *phrase, tracker_phrase_t *rest)
{
    while (phrase) {
        phrase->right = tracker_phrase_chain(phrase->right, rest);
        rest = phrase;
        phrase = phrase->left;
    }

    return rest;
}


/* a tree, as low as can be, of the first n of a chain, which are taken off */

static tracker_phrase_t *
tracker_phrase_build(tracker_phrase_t **chain, size_t n)
{
    tracker_phrase_t  *left, *root;

    if (n == 0) {
        return NULL;
    }

    left = tracker_phrase_build(chain, n / 2);

    root = *chain;
    *chain = root->right;

    root->left = left;
    root->right = tracker_phrase_build(chain, n - n / 2 - 1);
    root->weight = n;
    root->live = tracker_phrase_live(left) + tracker_phrase_live(root->right)
                 + (root->str.data != NULL);

    return root;
}
