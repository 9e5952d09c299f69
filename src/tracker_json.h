
/*
 * The JSON boundary: bytes to trackers, trackers and messages to bytes.
 * No type of the JSON library leaves this room; its tree dies inside the
 * call that made it.
 */


#ifndef _TRACKER_JSON_H_INCLUDED_
#define _TRACKER_JSON_H_INCLUDED_


#include "tracker.h"


/* what an endpoint takes as its body */

typedef enum {
    TRACKER_JSON_OBJECT = 0,
    TRACKER_JSON_ARRAY,
    TRACKER_JSON_EITHER
} tracker_json_shape_e;


/*
 * Decodes and validates a request body of len bytes (at least 1).  On
 * TRACKER_OK set holds the trackers, without ids; all it points to lies in
 * the arena, nothing in data.
 * Returns TRACKER_OK; TRACKER_INVALID or TRACKER_REPEATED with the message
 * of API.md section 3; TRACKER_NOMEM.  On TRACKER_REPEATED set holds the
 * trackers too.  The library's own words never reach the message: they
 * quote the input.
 */
tracker_rc_e tracker_json_decode(const char *data, size_t len,
    tracker_json_shape_e shape, const tracker_limits_t *limits,
    const tracker_arena_t *arena, tracker_set_t *set,
    tracker_message_t *message);

/*
 * The JSON object of a tracker whose id is chosen, keys in the order of
 * API.md section 1, absent ones left out, no blanks.  The first returns its
 * length in bytes, the second writes just so many to p and returns the end.
 */
size_t tracker_json_length(const tracker_t *t);
char *tracker_json_write(char *p, const tracker_t *t);

/*
 * A JSON string, quotes included.  str must be valid UTF-8; only what JSON
 * demands is escaped.  The first returns the length in bytes, the second
 * writes just so many to p and returns the end.
 */
size_t tracker_json_string_length(const char *data, size_t len);
char *tracker_json_string_write(char *p, const char *data, size_t len);


#endif /* _TRACKER_JSON_H_INCLUDED_ */
