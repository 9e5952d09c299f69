
/*
 * The operations of a PATCH and what they make of a tracker.  Pure
 * functions, as in tracker/tracker.h.  Rules: API.md section 2, RFC 6902.
 */


#ifndef _TRACKER_PATCH_H_INCLUDED_
#define _TRACKER_PATCH_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


typedef enum {
    TRACKER_PATCH_ADD = 0,
    TRACKER_PATCH_REPLACE,
    TRACKER_PATCH_REMOVE,
    TRACKER_PATCH_TEST
} tracker_patch_op_e;


/* what an operation is about; one phrase, and the place behind the last */

typedef enum {
    TRACKER_PATCH_NAME = 0,
    TRACKER_PATCH_DESCRIPTION,
    TRACKER_PATCH_CATEGORIES,
    TRACKER_PATCH_LANGUAGES,
    TRACKER_PATCH_VOCABULARY,
    TRACKER_PATCH_PHRASE,
    TRACKER_PATCH_END
} tracker_patch_path_e;


typedef struct {
    tracker_patch_op_e     op;
    tracker_patch_path_e   path;
    size_t                 index;    /* of the phrase */

    /* the value, of a type that the path takes; all 0 to remove */

    tracker_str_t          str;      /* of a list: one of its strings */
    tracker_list_t         list;
} tracker_patch_step_t;


/* the operations of one body, in its order */

typedef struct {
    size_t                 n;
    tracker_patch_step_t  *elts;
} tracker_patch_t;


/*
 * Sets the op, path and index of step from what a client sent, its value to
 * none; the message, with i as the place of the operation, says what is wrong.
 * Returns TRACKER_OK or TRACKER_INVALID.
 */
tracker_rc_e tracker_patch_step(tracker_patch_step_t *step, size_t i,
    const tracker_str_t *op, const tracker_str_t *path,
    tracker_message_t *message);

/*
 * Whether the value of step, which is not to remove, may be what the client
 * sent: a string, or an array, or something else (both are 0).  A list takes a
 * string as well, as in the old service, except to be compared with it.
 * Returns NULL, or what is wrong, the words that follow the path in a message.
 */
const char *tracker_patch_misfit(const tracker_patch_step_t *step, int string,
    int array);

/*
 * Applies all operations in their order to t and validates what comes out
 * as tracker_validate() does.  An optional key that is absent can be
 * replaced, not removed, as API.md section 2 says; indices are those at the
 * operation's turn.  To add a string to a list is to append it, to replace a
 * list by one makes a list of one.  A test compares as RFC 6902 section 4.6
 * says, after decoding, and fails where nothing is.
 * n log n comparisons and steps at most, n being the strings of the lists and
 * the operations together; a test reads no more bytes than its value has, since
 * the first that differs is the end of the patch.  Memory, about 100 bytes for
 * each at most, comes from arena.
 * On TRACKER_OK t is the new tracker: its strings are those of t and patch,
 * its lists may lie in arena.  Otherwise t is as it was.
 * Returns TRACKER_OK; TRACKER_INVALID with a message that names the
 * operation, as in "[3].path", or what the result lacks; TRACKER_UNEQUAL with
 * a message that names the test which has failed; TRACKER_NOMEM.
 */
tracker_rc_e tracker_patch_apply(tracker_t *t, const tracker_patch_t *patch,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_message_t *message);


#pragma GCC visibility pop


#endif /* _TRACKER_PATCH_H_INCLUDED_ */
