
/*
 * Trackers and the dictionary of their phrases: those of an account, or those
 * that came with a text.
 */


#ifndef _DETECT_TRACKERS_H_INCLUDED_
#define _DETECT_TRACKERS_H_INCLUDED_


#include "detect/array.h"
#include "detect/dict.h"
#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


typedef struct {
    detect_str_t     id;           /* 16 digits */
    detect_str_t     name;
    uint32_t         end;          /* the phrase after its last one */
} detect_tracker_t;


/* memory for strings, which stay where they are */

typedef struct detect_block_s  detect_block_t;


typedef struct {
    detect_tracker_t  *elts;
    uint32_t           n;
    uint32_t           max;
    detect_str_t      *phrases;    /* of all of them, in their order */
    uint32_t           n_phrases;
    uint32_t           max_phrases;
    size_t             size;       /* bytes, the dictionary's included */
    detect_block_t    *blocks;
    detect_index_t     index;      /* by id */
    uint32_t           indexed;
    uint64_t           key[2];
    detect_build_t    *build;      /* NULL: not begun, or done */
    detect_dict_t     *dict;       /* NULL before it is done */
    detect_dict_t     *similar;    /* by stems; or NULL */
} detect_trackers_t;


/*
 * Appends a tracker, whose strings are copied; trackers starts as zeros.  Must
 * not be called after detect_trackers_compile().
 * Returns DETECT_OK; DETECT_NOMEM; DETECT_LARGE: more than 32 bits can tell.
 */
detect_rc_e detect_trackers_add(detect_trackers_t *trackers,
    const tracker_t *t);

/*
 * Compiles the dictionary, and with similar 1 the one by stems too, until it is
 * done or the budget is spent.  key is as in detect_build_create().
 * Returns what detect_build_run() returns.
 */
detect_rc_e detect_trackers_compile(detect_trackers_t *trackers,
    const uint64_t key[2], int similar, size_t *budget);

/*
 * Looks for a tracker by its id, after detect_trackers_compile().  Sets *index
 * and returns 1, or returns 0 if there is none.
 */
int detect_trackers_find(const detect_trackers_t *trackers,
    const tracker_str_t *id, uint32_t *index);

/* Returns the index of the tracker that a phrase belongs to. */
uint32_t detect_trackers_of(const detect_trackers_t *trackers,
    uint32_t phrase);

/* Frees all of it, whatever its state; trackers are zeros then. */
void detect_trackers_free(detect_trackers_t *trackers);


#pragma GCC visibility pop


#endif /* _DETECT_TRACKERS_H_INCLUDED_ */
