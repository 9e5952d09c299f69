
/*
 * A rope of phrases.  No subtree has more than three quarters of its parent's
 * weight: if an insertion breaks this rule, that part of the tree is rebuilt.
 * On average this costs log n an insertion; it needs neither rotations nor
 * random numbers.
 */


#include <string.h>

#include "tracker/rope.h"


/* phrases that follow one another in memory, the pieces before and after */

struct tracker_piece_s {
    tracker_piece_t         *left;
    tracker_piece_t         *right;
    size_t                   weight;   /* pieces in this subtree */
    size_t                   count;    /* phrases in it */
    size_t                   n;        /* phrases of this piece, may be 0 */
    const tracker_str_t     *elts;
};


static tracker_rc_e tracker_rope_cut(tracker_rope_t *rope, size_t index);
static tracker_rc_e tracker_rope_insert(tracker_rope_t *rope, size_t index,
    const tracker_str_t *elts, size_t n);
static tracker_piece_t *tracker_piece_find(tracker_piece_t *piece,
    size_t *index, size_t removed);
static size_t tracker_piece_count(const tracker_piece_t *piece);
static tracker_piece_t *tracker_piece_chain(tracker_piece_t *piece,
    tracker_piece_t *rest);
static tracker_piece_t *tracker_piece_build(tracker_piece_t **chain, size_t n);


tracker_rc_e
tracker_rope_init(tracker_rope_t *rope, const tracker_list_t *list,
    const tracker_arena_t *arena)
{
    rope->root = NULL;
    rope->arena = arena;

    return list->n ? tracker_rope_insert(rope, 0, list->elts, list->n)
                   : TRACKER_OK;
}


size_t
tracker_rope_count(const tracker_rope_t *rope)
{
    return tracker_piece_count(rope->root);
}


const tracker_str_t *
tracker_rope_run(const tracker_rope_t *rope, size_t index, size_t *n)
{
    tracker_piece_t  *piece;

    piece = tracker_piece_find(rope->root, &index, 0);

    *n = piece->n - index;

    return piece->elts + index;
}


tracker_rc_e
tracker_rope_add(tracker_rope_t *rope, size_t index,
    const tracker_str_t *phrase)
{
    if (tracker_rope_cut(rope, index) != TRACKER_OK) {
        return TRACKER_NOMEM;
    }

    return tracker_rope_insert(rope, index, phrase, 1);
}


tracker_rc_e
tracker_rope_remove(tracker_rope_t *rope, size_t index)
{
    size_t            place;
    tracker_piece_t  *piece;

    place = index;
    piece = tracker_piece_find(rope->root, &place, 0);

    /*
     * The phrase is the first of its piece, then elts moves on, or the piece
     * is cut after it, and it becomes the last; then n becomes less.
     */

    if (place == 0) {
        piece->elts++;

    } else if (tracker_rope_cut(rope, index + 1) != TRACKER_OK) {
        return TRACKER_NOMEM;
    }

    piece = tracker_piece_find(rope->root, &index, 1);
    piece->n--;

    return TRACKER_OK;
}


tracker_rc_e
tracker_rope_list(tracker_rope_t *rope, tracker_list_t *list)
{
    size_t            n;
    tracker_str_t    *elts;
    tracker_piece_t  *piece;

    n = tracker_rope_count(rope);

    /* at least 1: the elts of an empty list are not NULL, that is absent */

    elts = rope->arena->alloc(rope->arena->data,
                              (n + !n) * sizeof(tracker_str_t));
    if (elts == NULL) {
        return TRACKER_NOMEM;
    }

    memset(list, 0, sizeof(tracker_list_t));

    list->n = n;
    list->elts = elts;

    for (piece = tracker_piece_chain(rope->root, NULL);
         piece != NULL;
         piece = piece->right)
    {
        memcpy(elts, piece->elts, piece->n * sizeof(tracker_str_t));
        elts += piece->n;
    }

    rope->root = NULL;

    return TRACKER_OK;
}


/* makes a piece begin at index, unless it is the end */

static tracker_rc_e
tracker_rope_cut(tracker_rope_t *rope, size_t index)
{
    size_t            n, place;
    tracker_piece_t  *piece;

    if (index == tracker_rope_count(rope)) {
        return TRACKER_OK;
    }

    place = index;
    piece = tracker_piece_find(rope->root, &place, 0);

    if (place == 0) {
        return TRACKER_OK;
    }

    /* the second part becomes a new piece */

    n = piece->n - place;

    if (tracker_rope_insert(rope, index + n, piece->elts + place, n)
        != TRACKER_OK)
    {
        return TRACKER_NOMEM;
    }

    place = index;
    (void) tracker_piece_find(rope->root, &place, n);

    piece->n -= n;

    return TRACKER_OK;
}


/* inserts a piece of n phrases at index, where a piece begins or the end is */

static tracker_rc_e
tracker_rope_insert(tracker_rope_t *rope, size_t index,
    const tracker_str_t *elts, size_t n)
{
    size_t             before;
    tracker_piece_t   *piece, *parent, *chain, **link, **next, **heavy;

    piece = rope->arena->alloc(rope->arena->data, sizeof(tracker_piece_t));
    if (piece == NULL) {
        return TRACKER_NOMEM;
    }

    piece->left = NULL;
    piece->right = NULL;
    piece->weight = 1;
    piece->count = n;
    piece->n = n;
    piece->elts = elts;

    heavy = NULL;

    for (link = &rope->root; *link; link = next) {
        parent = *link;
        parent->weight++;
        parent->count += n;

        before = tracker_piece_count(parent->left);

        if (index <= before) {
            next = &parent->left;

        } else {
            next = &parent->right;
            index -= before + parent->n;
        }

        /* rebuilding the highest unbalanced subtree covers those below it */

        if (heavy == NULL && *next
            && ((*next)->weight + 1) * 4 > parent->weight * 3)
        {
            heavy = link;
        }
    }

    *link = piece;

    if (heavy) {
        chain = tracker_piece_chain(*heavy, NULL);
        *heavy = tracker_piece_build(&chain, (*heavy)->weight);
    }

    return TRACKER_OK;
}


/*
 * Returns the piece with the phrase at *index, which must exist; *index becomes
 * the place of the phrase in the piece.  Subtracts removed, the phrases that
 * the caller takes from this piece, from the counts on the way.
 */

static tracker_piece_t *
tracker_piece_find(tracker_piece_t *piece, size_t *index, size_t removed)
{
    size_t  before;

    for ( ;; ) {
        before = tracker_piece_count(piece->left);

        piece->count -= removed;

        if (*index < before) {
            piece = piece->left;
            continue;
        }

        *index -= before;

        if (*index < piece->n) {
            return piece;
        }

        *index -= piece->n;
        piece = piece->right;
    }
}


static size_t
tracker_piece_count(const tracker_piece_t *piece)
{
    return piece ? piece->count : 0;
}


/* returns all pieces of a tree in order, linked by right, followed by rest */

static tracker_piece_t *
tracker_piece_chain(tracker_piece_t *piece, tracker_piece_t *rest)
{
    while (piece) {
        piece->right = tracker_piece_chain(piece->right, rest);
        rest = piece;
        piece = piece->left;
    }

    return rest;
}


/* takes the first n pieces off a chain; returns a tree of minimal height */

static tracker_piece_t *
tracker_piece_build(tracker_piece_t **chain, size_t n)
{
    tracker_piece_t  *left, *root;

    if (n == 0) {
        return NULL;
    }

    left = tracker_piece_build(chain, n / 2);

    root = *chain;
    *chain = root->right;

    root->left = left;
    root->right = tracker_piece_build(chain, n - n / 2 - 1);
    root->weight = n;
    root->count = tracker_piece_count(left) + root->n
                  + tracker_piece_count(root->right);

    return root;
}
