
/*
 * The JSON library, jansson: it is the authority on what valid JSON is.  It
 * takes all that the strict reader does not, and everything when the module is
 * compiled without the reader.  No type of it leaves this file's functions.
 */


#ifndef _TRACKER_JANSSON_H_INCLUDED_
#define _TRACKER_JANSSON_H_INCLUDED_


#include "json/tracker_json.h"


#pragma GCC visibility push(hidden)


/*
 * Decodes and validates at once what tracker_decode_start() and
 * tracker_decode_run() do in pieces; id is NULL for a POST.  All that set
 * points to, except the id, lies in the arena, nothing in data.
 * Returns TRACKER_OK, TRACKER_INVALID or TRACKER_REPEATED with the message, or
 * TRACKER_NOMEM.
 */
tracker_rc_e tracker_jansson_trackers(const char *data, size_t len,
    tracker_json_shape_e shape, const tracker_str_t *id,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_message_t *message);

/*
 * The same for tracker_decode_import_start(): report is as there, and list is
 * the key of the array.
 */
tracker_rc_e tracker_jansson_import(const char *data, size_t len,
    tracker_json_shape_e shape, const tracker_str_t *list,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_report_t *report, tracker_message_t *message);

/*
 * The same for tracker_decode_lines_start(), whole is as there; and report,
 * which was started, has the lines.
 */
tracker_rc_e tracker_jansson_lines(const char *data, size_t len, int whole,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_report_t *report, tracker_message_t *message);

/*
 * As tracker_decode_record(), tracker_decode_patch(), tracker_decode_merge()
 * and tracker_decode_login(), with the same return values.  All that the result
 * points to lies in the arena, nothing in data; the number of values is not
 * checked.
 */
tracker_rc_e tracker_jansson_record(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_t *t);
tracker_rc_e tracker_jansson_patch(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_patch_t *patch,
    tracker_message_t *message);
tracker_rc_e tracker_jansson_merge(const char *data, size_t len,
    const tracker_str_t *id, const tracker_arena_t *arena,
    tracker_merge_t *merge, tracker_message_t *message);
tracker_rc_e tracker_jansson_login(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_login_t *login,
    tracker_message_t *message);

/*
 * Decodes and validates at once what tracker_decode_talk_start() and
 * tracker_decode_talk_run() do in pieces, with the same return values.  Of what
 * the result points to only metadata lies in data.
 */
tracker_rc_e tracker_jansson_conversation(const char *data, size_t len,
    tracker_talk_e what, const tracker_limits_t *limits,
    const tracker_arena_t *arena, tracker_conversation_t *conversation,
    tracker_message_t *message);

/*
 * Returns how many values, objects and arrays among them, lie in at most depth
 * arrays and objects of a JSON text: with depth 1 the elements of the outermost
 * array.  If the text is not JSON, any number.
 */
size_t tracker_jansson_count(const char *data, size_t len, size_t depth);

/*
 * Checks that a text has at most TRACKER_JSON_VALUES values: the library would
 * take long to build the tree of more.
 * Returns TRACKER_OK, or TRACKER_INVALID with the message.
 */
tracker_rc_e tracker_jansson_check_size(const char *data, size_t len,
    tracker_message_t *message);

/*
 * Sets the message of a syntax error, or of a duplicate key, at a line and a
 * column, both from 1 on.  Returns TRACKER_INVALID.
 */
tracker_rc_e tracker_jansson_syntax(tracker_message_t *message, int duplicate,
    size_t line, size_t column);


#pragma GCC visibility pop


#endif /* _TRACKER_JANSSON_H_INCLUDED_ */
