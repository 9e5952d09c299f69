
/*
 * The operations of a PATCH, and applying them to a tracker.  Pure functions,
 * as in tracker/tracker.h.  Rules: API.md section 2, RFC 6902.
 */


#ifndef _TRACKER_PATCH_H_INCLUDED_
#define _TRACKER_PATCH_H_INCLUDED_


#include "tracker/fault.h"


#pragma GCC visibility push(hidden)


typedef enum {
    TRACKER_PATCH_ADD = 0,
    TRACKER_PATCH_REPLACE,
    TRACKER_PATCH_REMOVE,
    TRACKER_PATCH_TEST
} tracker_patch_op_e;


/* what a path names */

typedef enum {
    TRACKER_PATCH_FIELD = 0,
    TRACKER_PATCH_PHRASE,            /* of the vocabulary */
    TRACKER_PATCH_END                /* the place after the last phrase */
} tracker_patch_target_e;


typedef struct {
    tracker_patch_op_e       op;
    tracker_patch_target_e   target;
    const tracker_field_t   *field;
    size_t                   index;  /* of the phrase */

    /* the value, of a type that the target takes; all 0 to remove */

    tracker_str_t            str;    /* for a list: one string of it */
    tracker_list_t           list;
} tracker_patch_step_t;


/* the operations of one body, in its order */

typedef struct {
    size_t                 n;
    tracker_patch_step_t  *elts;
} tracker_patch_t;


/*
 * Sets all of step except its value, which becomes none, from the op and the
 * path that a client sent.  i is the place of the operation in the body.
 * Returns TRACKER_OK, or TRACKER_INVALID with the message.
 */
tracker_rc_e tracker_patch_step(tracker_patch_step_t *step, size_t i,
    const tracker_str_t *op, const tracker_str_t *path,
    tracker_message_t *message);

/*
 * Checks the type of the value for step, which is not a "remove": a string, an
 * array, or something else (both are 0).  A list also takes a string, as in
 * the old service, except for "test".
 * Returns the fault, or TRACKER_FAULT_NONE.
 */
tracker_fault_e tracker_patch_misfit(const tracker_patch_step_t *step,
    int string, int array);

/*
 * Applies all operations to t in their order and validates the result as
 * tracker_validate() does.  An optional field that is absent can be replaced,
 * but not removed, see API.md section 2; an index is that at the time of its
 * operation.  Adding a string to a list appends it; replacing a list with a
 * string makes a list of one.  A test compares decoded values (RFC 6902
 * section 4.6) and fails if there is nothing to compare with.
 * At most n log n comparisons and steps, n being the strings of the lists and
 * the operations together.  A test reads no more bytes than its value has: the
 * first difference ends the patch.  Memory, at most about 100 bytes for each
 * of n, comes from arena.
 * On TRACKER_OK t is the new tracker: its strings are those of t and patch,
 * its lists may be in arena.  Otherwise t has not changed.
 * Returns TRACKER_OK; TRACKER_INVALID with a message that names the
 * operation, as in "[3].path", or what the result lacks; TRACKER_UNEQUAL with
 * a message that names the test that failed; or TRACKER_NOMEM.
 */
tracker_rc_e tracker_patch_apply(tracker_t *t, const tracker_patch_t *patch,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_message_t *message);


#pragma GCC visibility pop


#endif /* _TRACKER_PATCH_H_INCLUDED_ */
