
/* Repeats among strings: phrases of a tracker, names of a bulk body. */


#ifndef _TRACKER_REPEAT_H_INCLUDED_
#define _TRACKER_REPEAT_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


/* the first string that repeats an earlier one; repeat 0: there is none */

typedef struct {
    size_t            repeat;
    size_t            earlier;
} tracker_repeat_t;


/*
 * Looks for a string, of n that lie stride bytes apart, that equals one
 * before it byte for byte; at most n log n comparisons.  Scratch memory, at
 * most 56 bytes a string, comes from arena.
 * Returns TRACKER_OK or TRACKER_NOMEM.
 */
tracker_rc_e tracker_find_repeat(const tracker_str_t *first, size_t stride,
    size_t n, const tracker_arena_t *arena, tracker_repeat_t *repeat);


#pragma GCC visibility pop


#endif /* _TRACKER_REPEAT_H_INCLUDED_ */
