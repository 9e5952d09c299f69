
/* Duplicate strings: phrases of a tracker, names of a bulk body. */


#ifndef _TRACKER_DUPLICATE_H_INCLUDED_
#define _TRACKER_DUPLICATE_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


/* the first string that equals an earlier one; index 0: there is none */

typedef struct {
    size_t            index;
    size_t            earlier;       /* the first string that it equals */
} tracker_duplicate_t;


/*
 * Compares n strings byte for byte; the first is *first, and each is stride
 * bytes after the one before it.  n log n comparisons at most.  Temporary
 * memory, at most 56 bytes a string, comes from arena.
 * Returns TRACKER_OK with *duplicate set, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_find_duplicate(const tracker_str_t *first, size_t stride,
    size_t n, const tracker_arena_t *arena, tracker_duplicate_t *duplicate);

/*
 * The same for an array of n strings, and all of them: sets marks, n bytes, to
 * 1 for each string that equals an earlier one, to 0 for each other.
 * Returns TRACKER_OK or TRACKER_NOMEM.
 */
tracker_rc_e tracker_mark_duplicates(const tracker_str_t *strs, size_t n,
    const tracker_arena_t *arena, unsigned char *marks);


#pragma GCC visibility pop


#endif /* _TRACKER_DUPLICATE_H_INCLUDED_ */
