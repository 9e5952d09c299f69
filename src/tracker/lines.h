
/*
 * Trackers as lines (NDJSON): where the lines are, and the one that ends a
 * list.  A line of blanks is none.
 */


#ifndef _TRACKER_LINES_H_INCLUDED_
#define _TRACKER_LINES_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


/*
 * Cuts the next line that has more than blanks off text, without its LF, and
 * adds to *number how many lines were cut.  Returns 1, or 0: there is none.
 */
int tracker_lines_next(tracker_str_t *text, tracker_str_t *line,
    size_t *number);

/* Returns 1 if a text, a line or more, begins as the end of a list, else 0. */
int tracker_lines_is_end(const char *data, size_t len);

/* Returns how many lines the text has, without the one that ends a list. */
size_t tracker_lines_count(const tracker_str_t *text);

/* Returns the number of the line of the tracker at index, from 1 on. */
size_t tracker_lines_number(const tracker_str_t *text, size_t index);


#pragma GCC visibility pop


#endif /* _TRACKER_LINES_H_INCLUDED_ */
