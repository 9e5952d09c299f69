
/* What the files of the strict reader share. */


#ifndef _TRACKER_READER_PRIVATE_H_INCLUDED_
#define _TRACKER_READER_PRIVATE_H_INCLUDED_


#include "json/reader.h"


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
    tracker_reader_stop_e   stop;       /* why it is not sure */
    unsigned                more:1;     /* a comma: another one must follow */
    unsigned                nomem:1;
    unsigned                other:1;    /* no string where one was expected */
    unsigned                id:1;       /* a tracker may have one */
    unsigned                nochar:1;   /* an escape stands for none */
};


/* All return 1, or 0 when the reader is not sure. */

/* Skips white space, and c, which must follow. */
int tracker_read_char(tracker_reader_t *rd, char c);

/*
 * Reads a string, white space before it included: a view of the body or,
 * where it holds an escape, of memory of the arena.
 */
int tracker_read_string(tracker_reader_t *rd, tracker_str_t *str);

/* The value of a key, or the element elt of its list: a string. */
int tracker_read_value(tracker_reader_t *rd, const tracker_str_t *key, long elt,
    tracker_str_t *str);

/* The value of a key: an array of strings; list must be all 0. */
int tracker_read_list(tracker_reader_t *rd, const tracker_str_t *key,
    tracker_list_t *list);

/* The value of a key that is there already where seen is not NULL: 0 then. */
int tracker_read_new(tracker_reader_t *rd, const void *seen);

/* Returns 0, after the check has been told. */
int tracker_read_fault(tracker_reader_t *rd, const tracker_str_t *key,
    long elt, const char *what);

/*
 * Returns 0: what begins here is no value of the right type.  Where it is one
 * of another, the check has been told.
 */
int tracker_read_other(tracker_reader_t *rd, const tracker_str_t *key,
    long elt, const char *what);

/* What is left must be white space. */
int tracker_read_end(tracker_reader_t *rd);


#pragma GCC visibility pop


#endif /* _TRACKER_READER_PRIVATE_H_INCLUDED_ */
