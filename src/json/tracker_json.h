
/*
 * The JSON boundary: bytes to trackers, trackers and messages to bytes.
 * No type of the JSON library leaves this room; its tree dies inside the
 * call that made it.
 */


#ifndef _TRACKER_JSON_H_INCLUDED_
#define _TRACKER_JSON_H_INCLUDED_


#include "tracker/tracker.h"
#include "tracker/patch.h"


#pragma GCC visibility push(hidden)


/*
 * The library takes up to 400 bytes a value: so many are 13 MB.  Only what the
 * strict reader does not know, ignored members, ever comes near it.
 */
#define TRACKER_JSON_VALUES  32768


/* what an endpoint takes as its body */

typedef enum {
    TRACKER_JSON_OBJECT = 0,
    TRACKER_JSON_ARRAY,
    TRACKER_JSON_EITHER
} tracker_json_shape_e;


/* what an application shows of itself when it asks for a token */

typedef struct {
    tracker_str_t     id;
    tracker_str_t     secret;
} tracker_login_t;


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
 * Decodes the body of a login, {"type":"application","appId":…,
 * "appSecret":…}; other keys are ignored.  On TRACKER_OK login holds the two
 * strings, not empty, in memory of the arena.
 * Returns TRACKER_OK, TRACKER_INVALID with the message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_json_decode_login(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_login_t *login,
    tracker_message_t *message);

/*
 * Decodes and validates the body of a PUT, len bytes, at least 1: an object
 * as of a POST that may also hold the id, which must be that of the path.
 * On TRACKER_OK t has that id, a view of the same bytes as *id; all else it
 * points to lies in the arena.
 * Returns TRACKER_OK, TRACKER_INVALID with the message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_json_decode_change(const char *data, size_t len,
    const tracker_str_t *id, const tracker_limits_t *limits,
    const tracker_arena_t *arena, tracker_t *t, tracker_message_t *message);

/*
 * Decodes a record of the store, the object that tracker_json_write() wrote.
 * No limit applies: it may be older than today's.  Phrases are not compared,
 * since whoever changes the tracker validates the result.
 * Returns TRACKER_OK, with all that t points to in the arena;
 * TRACKER_INVALID when it is no tracker with an id; TRACKER_NOMEM.
 */
tracker_rc_e tracker_json_decode_record(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_t *t);

/*
 * Decodes the body of a PATCH, len bytes, at least 1, and checks all that
 * can be known without the tracker: the shape, operations, paths, and the
 * types of values.  Members that RFC 6902 gives no meaning are ignored, and
 * so is a value to remove.  On TRACKER_OK all that patch points to lies in
 * the arena.
 * Returns TRACKER_OK, TRACKER_INVALID with the message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_json_decode_patch(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_patch_t *patch,
    tracker_message_t *message);

/*
 * How many values, objects and arrays among them, lie in at most depth arrays
 * and objects of a JSON text: 1 is the elements of the outermost array.  Of
 * what is no JSON any number.
 */
size_t tracker_json_count(const char *data, size_t len, size_t depth);

/*
 * Checks that a body is not one of which the library would build a tree for
 * long: it may hold TRACKER_JSON_VALUES values.
 * Returns TRACKER_OK or TRACKER_INVALID.
 */
tracker_rc_e tracker_json_bounded(const char *data, size_t len,
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


#pragma GCC visibility pop


#endif /* _TRACKER_JSON_H_INCLUDED_ */
