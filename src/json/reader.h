
/*
 * A strict reader of request bodies: one pass, no tree, no copy of a string
 * without escapes.  It decides only what it is sure of and leaves the rest to
 * the JSON library, which stays the authority: whatever the reader accepts, the
 * library accepts with the same values (t/fuzz compares them).
 */


#ifndef _TRACKER_READER_H_INCLUDED_
#define _TRACKER_READER_H_INCLUDED_


#include "json/lexer.h"
#include "tracker/conversation.h"
#include "tracker/merge.h"
#include "tracker/patch.h"
#include "tracker/report.h"


#pragma GCC visibility push(hidden)


/* 0: compiled with -DTRACKER_NO_READER, the library reads everything */

#if (TRACKER_NO_READER)
#define TRACKER_READER  0
#else
#define TRACKER_READER  1
#endif


typedef enum {
    TRACKER_READER_OK = 0,
    TRACKER_READER_AGAIN,          /* the budget is spent: run again */
    TRACKER_READER_UNDECIDED,      /* see tracker_reader_stop_e */
    TRACKER_READER_REFUSED,        /* it has a fault */
    TRACKER_READER_NOMEM
} tracker_reader_rc_e;


/* why the reader is undecided */

typedef enum {
    TRACKER_READER_BAD = 0,        /* a syntax error at lexer.p */
    TRACKER_READER_DUPLICATE_KEY,
    TRACKER_READER_EMPTY,          /* the outermost array is empty */
    TRACKER_READER_UNSUPPORTED,    /* valid so far, but perhaps ignored */
    TRACKER_READER_FAULTY,         /* the same, in what has a fault that is
                                      reported */
    TRACKER_READER_BAD_END         /* the line, 0: none, does not end a list */
} tracker_reader_stop_e;


/* as tracker_message_fault() takes it */

typedef struct {
    const tracker_str_t  *key;     /* unknown, or its value has a fault; NULL:
                                      an object is missing */
    long                  elt;
    tracker_fault_e       what;
} tracker_reader_fault_t;


/*
 * Checks a tracker as soon as it is read: index is its place in an array, -1
 * for one object, then it is called at the end of the text.  If t is NULL, the
 * object at index has the fault.  Any result except TRACKER_OK ends the
 * reading, so that only the first fault of a body costs time.  TRACKER_OK
 * after a fault means that the reader is undecided; or, where rd->report is
 * set, that it goes on behind what has the fault.
 */
typedef tracker_rc_e (*tracker_reader_pt)(void *ctx, long index,
    const tracker_t *t, const tracker_reader_fault_t *fault);


/* the reader's own, except that decode.c reads lexer, set, start and stop */

typedef struct {
    tracker_lexer_t         lexer;
    tracker_reader_pt       check;
    void                   *ctx;
    tracker_set_t          *set;
    size_t                  size;       /* trackers there is memory for */
    long                    index;      /* in an array, -1: in none */
    tracker_rc_e            rc;         /* of the last check */
    tracker_str_t          *strs;       /* memory for the next list */
    size_t                  room;       /* strings that fit there */
    const char             *start;
    const char             *end;        /* lexer.end may be that of a line */
    tracker_merge_t        *merge;      /* what null removes; NULL: it is no
                                           value */
    tracker_report_t       *report;     /* of all faults; NULL: the first one
                                           ends it */
    struct tracker_skip_s  *skip;       /* for what has a fault */
    tracker_reader_stop_e   stop;
    unsigned                more:1;     /* after a comma: another must follow */
    unsigned                id:1;       /* a tracker may have an id */
    unsigned                wrapped:1;  /* the array is a member of an object */
    unsigned                whole:1;    /* of lines, the last one ends them */
    size_t                  line;       /* of the next byte */
} tracker_reader_t;


typedef struct tracker_reader_talk_s  tracker_reader_talk_t;


/*
 * Begins to read a JSON text of len bytes: a tracker or an array of trackers,
 * without duplicate keys; or what tracker_read_patch() or
 * tracker_read_talk_run() reads.  With id 0 a
 * tracker must not have an id.  Required fields may be missing.  data, arena
 * and set must stay where they are.  Before the first run lexer.p is at the
 * first byte that is neither white space nor the bracket of an array, and
 * set->bulk says whether there was one.
 * Returns the reader, memory of the arena, or NULL if an allocation failed.
 */
tracker_reader_t *tracker_read_start(const char *data, size_t len, int id,
    const tracker_arena_t *arena, tracker_reader_pt check, void *ctx,
    tracker_set_t *set);

/*
 * Lets the reader go on behind a fault of a tracker, for which check must add
 * it to report, and the trackers have ids; and takes an object whose first key
 * is list as the array that is its value.  Before the first run only.
 * Returns 1, or 0 if an allocation failed.
 */
int tracker_read_import(tracker_reader_t *rd, tracker_report_t *report,
    const tracker_str_t *list);

/*
 * Reads until the budget is spent (tracker_spend()), at least one tracker.
 * Returns TRACKER_READER_OK: set holds the trackers; strings without escapes
 * lie in data, all else in the arena; TRACKER_READER_REFUSED: check refused;
 * TRACKER_READER_AGAIN: only then run it again; or another value.
 */
tracker_reader_rc_e tracker_read_run(tracker_reader_t *rd, size_t *budget);

/*
 * Reads the text as the array of a PATCH instead, in one go; check is called
 * with faults only.
 * Returns TRACKER_READER_OK: patch is as tracker_decode_patch() makes it;
 * TRACKER_READER_REFUSED: message has the sentence, or check refused; or
 * another value, except TRACKER_READER_AGAIN.
 */
tracker_reader_rc_e tracker_read_patch(tracker_reader_t *rd,
    tracker_patch_t *patch, tracker_message_t *message);

/*
 * Reads the text as a merge patch instead, in one go; check is called with
 * faults only.
 * Returns TRACKER_READER_OK: merge is as tracker_decode_merge() makes it, but
 * its id is not checked; TRACKER_READER_REFUSED: check refused; or another
 * value, except TRACKER_READER_AGAIN.
 */
tracker_reader_rc_e tracker_read_merge(tracker_reader_t *rd,
    tracker_merge_t *merge);

/*
 * Begins to read the text as a conversation instead, or as a line of one: what
 * says which; the check of the reader is replaced.  limits are for trackers to
 * look for.
 * Returns memory of the arena, or NULL if an allocation failed.
 */
tracker_reader_talk_t *tracker_read_talk_start(tracker_reader_t *rd,
    tracker_talk_e what, const tracker_limits_t *limits,
    tracker_conversation_t *conversation);

/*
 * Reads until the budget is spent, at least one message, tracker or key.
 * Returns TRACKER_READER_OK: the conversation is as tracker_decode_talk_run()
 * makes it; TRACKER_READER_REFUSED: message has the sentence;
 * TRACKER_READER_AGAIN: only then run it again; or another value.
 */
tracker_reader_rc_e tracker_read_talk_run(tracker_reader_talk_t *talk,
    size_t *budget, tracker_message_t *message);


/* The others return 1, or 0: undecided, or refused if rd->rc is a fault. */

/* Reads a string: the value of a key, or the element elt of its list. */
int tracker_read_value(tracker_reader_t *rd, const tracker_str_t *key, long elt,
    tracker_str_t *str);

/* Reads an array of strings, the value of a key; list must be all 0. */
int tracker_read_list(tracker_reader_t *rd, const tracker_str_t *key,
    tracker_list_t *list);

/*
 * Lets the reader go on behind a fault, as tracker_read_import() does.  Returns
 * 1, or 0 if an allocation failed.
 */
int tracker_read_report(tracker_reader_t *rd, tracker_report_t *report);

/*
 * Reads the next element of an array or the next line, and calls check.
 * Returns 0 if it is no tracker, else 1.
 */
int tracker_read_element(tracker_reader_t *rd);

/* Spends what a tracker has cost that began at start. */
void tracker_read_pay(tracker_reader_t *rd, const char *start,
    size_t *budget);

/* Returns 0 for a duplicate key, that is if seen, its value, is not NULL. */
int tracker_read_new(tracker_reader_t *rd, const void *seen);

/* Reports a fault to check.  Returns 1 only if rd->report is set. */
int tracker_read_fault(tracker_reader_t *rd, const tracker_str_t *key,
    long elt, tracker_fault_e what);

/*
 * Reports a fault if a value of another type begins at lexer.p, but not if
 * nothing valid does.  Returns 1, behind the value, only if rd->report is set.
 */
int tracker_read_other(tracker_reader_t *rd, const tracker_str_t *key,
    long elt, tracker_fault_e what);


#pragma GCC visibility pop


#endif /* _TRACKER_READER_H_INCLUDED_ */
