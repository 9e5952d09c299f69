
/*
 * The strict reader's way over keys and values that have no meaning: they must
 * be valid, and no key may come twice.
 */


#ifndef _TRACKER_SKIP_H_INCLUDED_
#define _TRACKER_SKIP_H_INCLUDED_


#include "json/reader.h"


#pragma GCC visibility push(hidden)


/*
 * What the library decides, and what is left out at once at most.  Keys are
 * those without a meaning, of an object and all objects around it; more of
 * them where each is a fault that is listed.
 */
#define TRACKER_SKIP_KEYS    32
#define TRACKER_SKIP_FAULTS  128
#define TRACKER_SKIP_DEPTH   16
#define TRACKER_SKIP_VALUES  4096


/* what a comparison of two keys costs, see tracker_spend() */
#define TRACKER_SKIP_COST    8


typedef struct tracker_skip_s {
    size_t            n;
    size_t            most;          /* of elts */
    size_t            cost;          /* of all comparisons */
    tracker_str_t    *elts;          /* keys */
} tracker_skip_t;


/*
 * Remembers a key, just read, of an object whose keys are those from the one at
 * first on.
 * The caller sets skip->n to first again where the object ends.
 * Returns 1, or 0: undecided, see rd->stop.
 */
int tracker_skip_key(tracker_reader_t *rd, tracker_skip_t *skip, size_t first,
    const tracker_str_t *key);

/* A key that was just read is a duplicate.  Always returns 0. */
int tracker_skip_twice(tracker_reader_t *rd);

/* Skips a value and white space before it.  Returns 1, or 0 as above. */
int tracker_skip_value(tracker_reader_t *rd, tracker_skip_t *skip);

/*
 * Skips white space, and a literal, which has no white space, where it follows.
 * Returns 1 if it did, else 0.
 */
int tracker_skip_literal(tracker_reader_t *rd, const char *literal, size_t len);


#pragma GCC visibility pop


#endif /* _TRACKER_SKIP_H_INCLUDED_ */
