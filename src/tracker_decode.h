
/*
 * A create's body to trackers: by the strict reader where it is sure, by the
 * JSON library where it is not.
 */


#ifndef _TRACKER_DECODE_H_INCLUDED_
#define _TRACKER_DECODE_H_INCLUDED_


#include "tracker_json.h"


/*
 * From so many bytes on the first fault is the answer, and no syntax behind it
 * is looked at, that of a value of another type included: the library would
 * take long to build the tree of a body full of faults.  In a smaller one the
 * library looks for bad syntax first, as users expect.
 */
#define TRACKER_DECODE_LARGE  65536


/*
 * As tracker_json_decode(), and with the same verdict on every body, but that
 * the strings of set may lie in data, and that of several faults of a large
 * body another one may be named.
 */
tracker_rc_e tracker_decode(const char *data, size_t len,
    tracker_json_shape_e shape, const tracker_limits_t *limits,
    const tracker_arena_t *arena, tracker_set_t *set,
    tracker_message_t *message);


#endif /* _TRACKER_DECODE_H_INCLUDED_ */
