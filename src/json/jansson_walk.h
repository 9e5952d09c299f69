
/*
 * The walk over a tree of jansson, for jansson.c and what else walks: the only
 * header with types of the library.
 */


#ifndef _TRACKER_JANSSON_WALK_H_INCLUDED_
#define _TRACKER_JANSSON_WALK_H_INCLUDED_


#include <jansson.h>

#include "json/jansson.h"
#include "tracker/report.h"


#pragma GCC visibility push(hidden)


/* what all steps of the walk over one tree need */

typedef struct {
    const tracker_limits_t    *limits;
    const tracker_arena_t     *arena;
    tracker_message_t         *message;
    char                      *last;         /* room for the next string */
    long                       index;        /* in an array, -1: in none */
    const tracker_str_t       *list;         /* the key of the array; NULL: it
                                                is the text itself */
    tracker_merge_t           *merge;        /* what null removes; NULL: it is
                                                no value */
    tracker_report_t          *report;       /* of all faults; NULL: the first
                                                one ends it */
    unsigned                   id:1;         /* the tracker may have one */
    size_t                     line;         /* lines before this text */
} tracker_json_walk_t;


/*
 * Returns the tree of a text, which the caller frees, and sets walk->last to
 * memory for all its strings.  If it returns NULL, *rc is TRACKER_INVALID, with
 * the message, or TRACKER_NOMEM.
 */
json_t *tracker_json_open(tracker_json_walk_t *walk, const char *data,
    size_t len, tracker_rc_e *rc);

/*
 * Walks over a tracker, the one at walk->index, with all its checks.  Returns
 * TRACKER_OK, TRACKER_INVALID with the message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_json_tracker(tracker_json_walk_t *walk, json_t *object,
    tracker_t *t);

/*
 * Sets the message about a value; key and elt are as in
 * tracker_message_fault().  Returns TRACKER_INVALID; or, where walk->report is
 * set, adds it there and returns TRACKER_OK, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_json_fault(tracker_json_walk_t *walk,
    const tracker_str_t *key, long elt, tracker_fault_e fault);

/*
 * Copies an array of strings, or one string, which is the element elt of its
 * list or the value of key.  Return TRACKER_OK, TRACKER_INVALID with the
 * message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_json_list(tracker_json_walk_t *walk, json_t *value,
    const tracker_str_t *key, tracker_list_t *list);
tracker_rc_e tracker_json_string(tracker_json_walk_t *walk, json_t *value,
    const tracker_str_t *key, long elt, tracker_str_t *str);


#pragma GCC visibility pop


#endif /* _TRACKER_JANSSON_WALK_H_INCLUDED_ */
