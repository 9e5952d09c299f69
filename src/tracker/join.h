
/*
 * A tracker that exists, joined with one that is imported under its name.
 */


#ifndef _TRACKER_JOIN_H_INCLUDED_
#define _TRACKER_JOIN_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


/*
 * Adds the phrases of other to t that it does not have; all else of t stays as
 * it is.  Sets *added to their number; t is not changed if there are none, and
 * has a list of the arena else, with views of both.  index is the place of
 * other, for the message.
 * Returns TRACKER_OK; TRACKER_INVALID with the message if t would have too many
 * phrases; or TRACKER_NOMEM.
 */
tracker_rc_e tracker_join(tracker_t *t, const tracker_t *other, long index,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    size_t *added, tracker_message_t *message);


#pragma GCC visibility pop


#endif /* _TRACKER_JOIN_H_INCLUDED_ */
