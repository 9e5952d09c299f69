
/*
 * A list while it is edited: a rope, a balanced tree of pieces.  A piece is a
 * run of phrases that stay where they were read, so that the cost depends on
 * the number of changes, not on the length of the list.
 */


#ifndef _TRACKER_ROPE_H_INCLUDED_
#define _TRACKER_ROPE_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


typedef struct tracker_piece_s  tracker_piece_t;


/* does not own the phrases, which must not move while the rope is used */

typedef struct {
    tracker_piece_t         *root;     /* NULL: no phrases */
    const tracker_arena_t   *arena;    /* of the pieces and the list */
} tracker_rope_t;


/*
 * Makes a rope of the phrases of list, which does not change.
 * Returns TRACKER_OK or TRACKER_NOMEM.
 */
tracker_rc_e tracker_rope_init(tracker_rope_t *rope,
    const tracker_list_t *list, const tracker_arena_t *arena);

/* Returns the number of phrases. */
size_t tracker_rope_count(const tracker_rope_t *rope);

/*
 * Returns the phrase at index, which is less than the number of phrases; *n is
 * the number of phrases that follow one another in memory from there on, at
 * least 1.  log n steps, n being the pieces: reading a whole rope takes so
 * many for each piece that is not empty.
 */
const tracker_str_t *tracker_rope_run(const tracker_rope_t *rope, size_t index,
    size_t *n);

/*
 * Inserts *phrase before the one at index, which is at most the number of
 * phrases.  log n steps on average, n being the changes so far; 100 bytes.
 * Returns TRACKER_OK or TRACKER_NOMEM.
 */
tracker_rc_e tracker_rope_add(tracker_rope_t *rope, size_t index,
    const tracker_str_t *phrase);

/*
 * Removes the phrase at index, which is less than the number of phrases.  As
 * many steps as tracker_rope_add(); 50 bytes.
 * Returns TRACKER_OK or TRACKER_NOMEM.
 */
tracker_rc_e tracker_rope_remove(tracker_rope_t *rope, size_t index);

/*
 * Makes a list of the phrases: elts is new memory, never NULL, json is unknown.
 * The rope must not be used afterwards.
 * Returns TRACKER_OK or TRACKER_NOMEM.
 */
tracker_rc_e tracker_rope_list(tracker_rope_t *rope, tracker_list_t *list);


#pragma GCC visibility pop


#endif /* _TRACKER_ROPE_H_INCLUDED_ */
