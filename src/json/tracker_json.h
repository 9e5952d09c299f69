
/*
 * The JSON boundary: bytes to trackers, trackers and messages to bytes.  The
 * strict reader decodes what it can, the JSON library the rest: callers cannot
 * tell which of them did.
 */


#ifndef _TRACKER_JSON_H_INCLUDED_
#define _TRACKER_JSON_H_INCLUDED_


#include "tracker/tracker.h"
#include "tracker/conversation.h"
#include "tracker/merge.h"
#include "tracker/patch.h"
#include "tracker/report.h"


#pragma GCC visibility push(hidden)


/*
 * In bodies of at least this size the first fault is reported, and later syntax
 * errors are not looked for: the library would take long to build the tree of
 * a body full of faults, or of one that is valid except for its last byte.  In
 * smaller bodies a syntax error is reported before other faults, as users
 * expect.
 */
#define TRACKER_DECODE_LARGE  65536

/*
 * The most values of a body that is left to the library in spite of its size.
 * The library takes up to 400 bytes a value, 13 MB in all.  Only bodies with
 * ignored members are affected.
 */
#define TRACKER_JSON_VALUES  32768


/* what an endpoint takes as its body */

typedef enum {
    TRACKER_JSON_OBJECT = 0,
    TRACKER_JSON_ARRAY,
    TRACKER_JSON_EITHER
} tracker_json_shape_e;


/* what an application sends to get a token */

typedef struct {
    tracker_str_t     id;
    tracker_str_t     secret;
} tracker_login_t;


typedef struct tracker_decode_s       tracker_decode_t;
typedef struct tracker_decode_talk_s  tracker_decode_talk_t;


/*
 * Begins to decode and validate the body of a POST, or with an id of a PUT,
 * then shape must be TRACKER_JSON_OBJECT.  The body has len bytes, at least 1.
 * data, the bytes of id, limits, arena and set must stay where they are until
 * the last tracker_decode_run().
 * Returns memory of the arena, or NULL if an allocation failed.
 */
tracker_decode_t *tracker_decode_start(const char *data, size_t len,
    tracker_json_shape_e shape, const tracker_str_t *id,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set);

/*
 * Begins to decode a body that imports trackers (API.md section 8), which may
 * also be an object whose one key is "trackers"; ids are ignored.  The first
 * TRACKER_REPORT_MAX faults of the trackers are added to report, which was not
 * started; or what is wrong with the body as a whole, and that alone, since it
 * is no JSON or its shape is another one.  In a large body a fault whose value
 * is left to the library (json/skip.h) is the last one.  report must stay where
 * it is.
 */
tracker_decode_t *tracker_decode_import_start(const char *data, size_t len,
    tracker_json_shape_e shape, const tracker_limits_t *limits,
    const tracker_arena_t *arena, tracker_set_t *set,
    tracker_report_t *report);

/*
 * The same for a body that has a tracker a line (NDJSON); lines of blanks do
 * not count.  The last line may be the one that ends a list: then it must have
 * the number of trackers; if whole is 1 it must be there, and no other page may
 * follow.  Faults of a tracker name its line, and point to where it would be in
 * an array.
 */
tracker_decode_t *tracker_decode_lines_start(const char *data, size_t len,
    int whole, const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_report_t *report);

/*
 * Decodes until the budget (tracker_spend()) is spent.  What is left to the
 * library is decoded at once.  Returns
 * TRACKER_AGAIN: the budget is spent, and only then call again;
 * TRACKER_OK: set holds the trackers, without ids, or for a PUT one tracker
 * with a view of the same bytes as *id; strings lie in data or in the arena;
 * TRACKER_INVALID: the message says why, see API.md section 3.  The library's
 * own words are never part of it: they quote the input;
 * TRACKER_REPEATED: two trackers have one name, see the message; set is as
 * with TRACKER_OK;
 * TRACKER_NOMEM: an allocation failed.
 */
tracker_rc_e tracker_decode_run(tracker_decode_t *decode, size_t *budget,
    tracker_message_t *message);

/*
 * Begins to decode and validate a conversation, the body of a POST or PUT of
 * text, or of a detection, or a line of one: what says which.  It has len
 * bytes, at least 1.  limits are for trackers that are given in it.  data,
 * limits, arena and conversation must stay where they are until the last
 * tracker_decode_talk_run().
 * Returns memory of the arena, or NULL if an allocation failed.
 */
tracker_decode_talk_t *tracker_decode_talk_start(const char *data, size_t len,
    tracker_talk_e what, const tracker_limits_t *limits,
    const tracker_arena_t *arena, tracker_conversation_t *conversation);

/*
 * Decodes until the budget (tracker_spend()) is spent.  What is left to the
 * library is decoded at once: of a large body, TRACKER_JSON_VALUES values at
 * most.  Keys without a meaning are ignored, and null is as if the key were
 * absent; a key must not come twice.  Returns
 * TRACKER_AGAIN: the budget is spent, and only then call again;
 * TRACKER_OK: all strings of the conversation lie in data or in the arena;
 * TRACKER_INVALID: the message says why; or
 * TRACKER_NOMEM: an allocation failed.
 */
tracker_rc_e tracker_decode_talk_run(tracker_decode_talk_t *decode,
    size_t *budget, tracker_message_t *message);

/*
 * Decodes the body of a PATCH, len bytes, at least 1, and checks all that does
 * not depend on the tracker: the shape, operations, paths, and the types of
 * values.  Members that have no meaning in RFC 6902 are ignored, and so is the
 * value of a "remove"; a large body with such members may hold
 * TRACKER_JSON_VALUES values.  On TRACKER_OK all that patch points to lies in
 * data or in the arena.
 * Returns TRACKER_OK, TRACKER_INVALID with the message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_decode_patch(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_patch_t *patch,
    tracker_message_t *message);

/*
 * Decodes a merge patch (RFC 7396), len bytes, at least 1: an object with some
 * of a tracker's fields, null for one that is to be removed.  A field that each
 * tracker must have cannot be removed, and an id must be that of the path.  On
 * TRACKER_OK all that merge points to lies in data or in the arena.
 * Returns TRACKER_OK, TRACKER_INVALID with the message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_decode_merge(const char *data, size_t len,
    const tracker_str_t *id, const tracker_arena_t *arena,
    tracker_merge_t *merge, tracker_message_t *message);

/*
 * Decodes the body of a login, len bytes, at least 1:
 * {"type":"application","appId":...,"appSecret":...}; other keys are ignored,
 * and it may hold TRACKER_JSON_VALUES values.  On TRACKER_OK login holds the
 * two strings, which are not empty, in memory of the arena.
 * Returns TRACKER_OK, TRACKER_INVALID with the message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_decode_login(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_login_t *login,
    tracker_message_t *message);

/* Returns the version of jansson, static memory. */
const char *tracker_json_library(void);

/* Returns 1 if the strict reader is compiled in, else 0. */
int tracker_json_strict(void);


#pragma GCC visibility pop


#endif /* _TRACKER_JSON_H_INCLUDED_ */
