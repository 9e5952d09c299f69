
/*
 * The line that ends a list of lines: {"end":true,"count":N}.
 */


#ifndef _TRACKER_LINES_END_H_INCLUDED_
#define _TRACKER_LINES_END_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


/*
 * Checks the line of this number, which ends a list of n trackers; if whole is
 * 1, no other page may follow.  Returns TRACKER_OK, TRACKER_INVALID with the
 * message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_jansson_end(const char *data, size_t len, size_t number,
    size_t n, int whole, tracker_message_t *message);

/* Sets the message about the line number, or 0: none ends n trackers. */
tracker_rc_e tracker_jansson_bad_end(tracker_message_t *message,
    size_t number, size_t n);


#pragma GCC visibility pop


#endif /* _TRACKER_LINES_END_H_INCLUDED_ */
