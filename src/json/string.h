
/*
 * Strings as JSON.
 */


#ifndef _TRACKER_STRING_H_INCLUDED_
#define _TRACKER_STRING_H_INCLUDED_


#include <stddef.h>


#pragma GCC visibility push(hidden)


/*
 * Returns the length in bytes of a JSON string, quotes included.  data must be
 * valid UTF-8; only what JSON demands is escaped.
 */
size_t tracker_json_string_length(const char *data, size_t len);

/*
 * Writes a JSON string to p, tracker_json_string_length() bytes.
 * Returns the end.
 */
char *tracker_json_string_write(char *p, const char *data, size_t len);


#pragma GCC visibility pop


#endif /* _TRACKER_STRING_H_INCLUDED_ */
