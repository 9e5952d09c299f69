
/*
 * The body of a write to trackers or operations: by the strict reader where it
 * is sure, by the JSON library where it is not.
 */


#ifndef _TRACKER_DECODE_H_INCLUDED_
#define _TRACKER_DECODE_H_INCLUDED_


#include "json/tracker_json.h"


#pragma GCC visibility push(hidden)


/*
 * From so many bytes on the first fault is the answer, and no syntax behind it
 * is looked at, that of a value of another type included: the library would
 * take long to build the tree of a body full of faults, or of one that is good
 * up to its last byte.  In a smaller one the library looks for bad syntax
 * first, as users expect.
 */
#define TRACKER_DECODE_LARGE  65536


typedef struct tracker_decode_s  tracker_decode_t;


/*
 * Begins to decode and validate a request body of len bytes, at least 1, as
 * tracker_json_decode() does; or, with an id, of a PUT, shape being that of one
 * object, as tracker_json_decode_change() does, to the one tracker of set.
 * data, the bytes of id, limits, the arena and set must stay where they are.
 * Returns memory of the arena, or NULL when there is none.
 */
tracker_decode_t *tracker_decode_start(const char *data, size_t len,
    tracker_json_shape_e shape, const tracker_str_t *id,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set);

/*
 * Decodes on.  Returns TRACKER_AGAIN when the budget (tracker_spend()) is
 * spent, and only then may be called again; else what tracker_json_decode() or
 * tracker_json_decode_change() returns, with the same verdict on every body,
 * but that the strings of set may lie in data, and that of several faults of a
 * large body another one may be named, in words of the same kind.  What is left
 * to the library is decoded at once.
 */
tracker_rc_e tracker_decode_run(tracker_decode_t *decode, size_t *budget,
    tracker_message_t *message);

/*
 * The same for a PATCH, at once, as tracker_json_decode_patch() does.  A large
 * body with members that have no meaning, which are the library's, may hold
 * TRACKER_JSON_VALUES values.
 */
tracker_rc_e tracker_decode_patch(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_patch_t *patch,
    tracker_message_t *message);

/*
 * Decodes a record of the store as tracker_json_decode_record() does, but that
 * the strings of t may lie in data.
 */
tracker_rc_e tracker_decode_record(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_t *t);


#pragma GCC visibility pop


#endif /* _TRACKER_DECODE_H_INCLUDED_ */
