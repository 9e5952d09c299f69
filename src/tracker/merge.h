
/*
 * A merge patch (RFC 7396), and applying it to a tracker.  Pure functions, as
 * in tracker/tracker.h.
 */


#ifndef _TRACKER_MERGE_H_INCLUDED_
#define _TRACKER_MERGE_H_INCLUDED_


#include "tracker/fault.h"


#pragma GCC visibility push(hidden)


typedef struct {
    tracker_t         values;        /* of the fields that are set; the others
                                        are absent */
    unsigned          removed;       /* bits, by tracker_field_e */
} tracker_merge_t;


/* Returns 1 if the field is set or removed, else 0. */
int tracker_merge_has(const tracker_merge_t *merge,
    const tracker_field_t *field);

/*
 * Removes a field.  Returns TRACKER_FAULT_NONE, or the fault if every tracker
 * must have it.
 */
tracker_fault_e tracker_merge_remove(tracker_merge_t *merge,
    const tracker_field_t *field);

/*
 * Applies merge to t and validates the result as tracker_validate() does.
 * What is removed may be absent already; a list replaces a list.  On TRACKER_OK
 * t is the new tracker: its strings and lists are those of t and merge.
 * Otherwise t has not changed.  Temporary memory comes from arena.
 * Returns TRACKER_OK, TRACKER_INVALID with the message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_merge_apply(tracker_t *t, const tracker_merge_t *merge,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_message_t *message);


#pragma GCC visibility pop


#endif /* _TRACKER_MERGE_H_INCLUDED_ */
