
/* What the two files of the strict reader share. */


#ifndef _TRACKER_READER_PRIVATE_H_INCLUDED_
#define _TRACKER_READER_PRIVATE_H_INCLUDED_


#include "tracker_reader.h"


#pragma GCC visibility push(hidden)


struct tracker_reader_s {
    const char             *p;
    const char             *end;
    const tracker_arena_t  *arena;
    tracker_reader_pt       check;
    void                   *ctx;
    tracker_set_t          *set;
    size_t                  size;       /* trackers there is room for */
    long                    index;      /* in an array, -1: in none */
    tracker_rc_e            rc;         /* of the last check */
    tracker_str_t          *strs;       /* room for the next list */
    char                   *text;       /* room for strings with escapes */
    const char             *start;
    unsigned                more:1;     /* a comma: another one must follow */
    unsigned                nomem:1;
    unsigned                other:1;    /* no string where one was expected */
};


/* Both return 1, or 0 when the reader is not sure. */

/* Skips white space, and c, which must follow. */
int tracker_read_char(tracker_reader_t *rd, char c);

/*
 * Reads a string, white space before it included: a view of the body or,
 * where it holds an escape, of memory of the arena.
 */
int tracker_read_string(tracker_reader_t *rd, tracker_str_t *str);


#pragma GCC visibility pop


#endif /* _TRACKER_READER_PRIVATE_H_INCLUDED_ */
