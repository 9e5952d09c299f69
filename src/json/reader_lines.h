
/*
 * The strict reader of trackers, of which each has a line.
 */


#ifndef _TRACKER_READER_LINES_H_INCLUDED_
#define _TRACKER_READER_LINES_H_INCLUDED_


#include "json/reader.h"


#pragma GCC visibility push(hidden)


/*
 * As tracker_read_import() for a text that has a tracker a line, see
 * tracker_decode_lines_start(); report has the number of the line of each.
 */
int tracker_read_lines(tracker_reader_t *rd, tracker_report_t *report,
    int whole);

/* As tracker_read_run(), a line at least. */
tracker_reader_rc_e tracker_read_lines_run(tracker_reader_t *rd,
    size_t *budget);


#pragma GCC visibility pop


#endif /* _TRACKER_READER_LINES_H_INCLUDED_ */
