
/*
 * A tracker as it is stored, and as clients get it: a JSON object.
 */


#ifndef _TRACKER_RECORD_H_INCLUDED_
#define _TRACKER_RECORD_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


/*
 * Decodes a stored record of len bytes, at least 1: the object that
 * tracker_json_write() wrote.  No limit applies, since the record may be older
 * than today's limits.  Phrases are not compared: a caller that changes the
 * tracker validates the result.
 * Returns TRACKER_OK, and all that t points to lies in data or in the arena;
 * TRACKER_INVALID if it is not a tracker with an id; or TRACKER_NOMEM.
 */
tracker_rc_e tracker_decode_record(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_t *t);

/*
 * Returns the length in bytes of the JSON object of a tracker, which must have
 * an id.  Keys are in the order of API.md section 1, absent ones are left out,
 * there are no blanks.
 */
size_t tracker_json_length(const tracker_t *t);

/*
 * Writes the JSON object of a tracker to p, tracker_json_length() bytes.
 * Returns the end.
 */
char *tracker_json_write(char *p, const tracker_t *t);


#pragma GCC visibility pop


#endif /* _TRACKER_RECORD_H_INCLUDED_ */
