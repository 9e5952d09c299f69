
/*
 * A vocabulary, or another list, under edit: a rope, a balanced tree of pieces.
 * A piece is a run of phrases where they were read, so that a rope costs what
 * is done to it and not what it holds.
 */


#ifndef _TRACKER_ROPE_H_INCLUDED_
#define _TRACKER_ROPE_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


typedef struct tracker_piece_s  tracker_piece_t;


/* the phrases are others' and must stay where they are while there is a rope */

typedef struct {
    tracker_piece_t         *root;     /* NULL: no phrases */
    const tracker_arena_t   *arena;    /* of the pieces and the list */
} tracker_rope_t;


/*
 * Makes a rope of the phrases of list, which is not changed.
 * Returns TRACKER_OK or TRACKER_NOMEM.
 */
tracker_rc_e tracker_rope_init(tracker_rope_t *rope,
    const tracker_list_t *list, const tracker_arena_t *arena);

/* Returns the number of phrases. */
size_t tracker_rope_count(const tracker_rope_t *rope);

/*
 * The phrase at index, which is less than the number of phrases, and in *n how
 * many lie behind one another from there on, at least 1.  log n steps, so that
 * all of a rope are seen in as many for each of its pieces that is not empty.
 */
const tracker_str_t *tracker_rope_run(const tracker_rope_t *rope, size_t index,
    size_t *n);

/*
 * Puts *phrase before the one at index, which is at most the number of
 * phrases.  In the long run log n steps, n being the changes so far; 100 bytes.
 * Returns TRACKER_OK or TRACKER_NOMEM.
 */
tracker_rc_e tracker_rope_add(tracker_rope_t *rope, size_t index,
    const tracker_str_t *phrase);

/*
 * Takes out the phrase at index, which is less than the number of phrases.
 * Steps and return values as above; 50 bytes.
 */
tracker_rc_e tracker_rope_remove(tracker_rope_t *rope, size_t index);

/*
 * Makes a list of the phrases, its elts new, not NULL, its json unknown.  Ends
 * the rope.
 * Returns TRACKER_OK or TRACKER_NOMEM.
 */
tracker_rc_e tracker_rope_list(tracker_rope_t *rope, tracker_list_t *list);


#pragma GCC visibility pop


#endif /* _TRACKER_ROPE_H_INCLUDED_ */
