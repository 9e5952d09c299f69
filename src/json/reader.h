
/*
 * A strict reader of request bodies: one pass, no tree, no copy of a string
 * that holds no escape.  It takes what it is sure of and leaves all else to its
 * caller and the JSON library, which stays the authority: whatever the reader
 * accepts, the library accepts with the same values (t/fuzz compares them).
 * Compiled with -DTRACKER_NO_READER the library reads all.
 */


#ifndef _TRACKER_READER_H_INCLUDED_
#define _TRACKER_READER_H_INCLUDED_


#include "tracker/tracker.h"
#include "tracker/patch.h"


#pragma GCC visibility push(hidden)


typedef enum {
    TRACKER_READER_OK = 0,
    TRACKER_READER_AGAIN,        /* the budget is spent, run once more */
    TRACKER_READER_UNSURE,       /* it is bad, or the library's */
    TRACKER_READER_REFUSED,      /* a fault is certain */
    TRACKER_READER_NOMEM
} tracker_reader_rc_e;


/* what it is not sure of */

typedef enum {
    TRACKER_READER_BAD = 0,      /* no JSON */
    TRACKER_READER_TWICE,        /* a key that the object has already */
    TRACKER_READER_EMPTY,        /* no element in the outermost array */
    TRACKER_READER_FOREIGN       /* good so far; not the reader's, but perhaps
                                    good too */
} tracker_reader_stop_e;


typedef struct tracker_reader_s  tracker_reader_t;


/* as tracker_message_path() wants it */

typedef struct {
    const tracker_str_t  *key;   /* unknown, or of a value of another type;
                                    NULL: no object where one must be */
    long                  elt;
    const char           *what;
} tracker_reader_fault_t;


/*
 * What the caller makes of a tracker as soon as it is read: one of an array
 * at its place index, or, with index -1 and at the end of the text, the one
 * object.  t NULL: the object at index has the fault.  Anything but
 * TRACKER_OK ends the reading; of a body full of faults only the first costs
 * time.  After a fault TRACKER_OK means that the reader is not sure.
 */
typedef tracker_rc_e (*tracker_reader_pt)(void *ctx, long index,
    const tracker_t *t, const tracker_reader_fault_t *fault);


/*
 * Begins to read the JSON text of len bytes: a tracker, or an array of such,
 * with no key twice and no value of another type; or what tracker_read_patch()
 * reads.  Where id is 0 no tracker may have one.  What is required may be
 * missing.  data, the arena and set must stay where they are.
 * Returns the reader, memory of the arena, or NULL when there is none.
 */
tracker_reader_t *tracker_read_start(const char *data, size_t len, int id,
    const tracker_arena_t *arena, tracker_reader_pt check, void *ctx,
    tracker_set_t *set);

/*
 * Reads on until the budget is spent (tracker_spend()), but at least one
 * tracker.
 *
 * TRACKER_READER_OK: set holds the trackers; their strings lie in data where
 * they hold no escape, all else in the arena.  TRACKER_READER_REFUSED: check
 * has.  Only after TRACKER_READER_AGAIN the reader may be run once more.
 */
tracker_reader_rc_e tracker_read_run(tracker_reader_t *rd, size_t *budget);

/*
 * Reads all instead as the array of a PATCH, once; rd->check is told faults
 * only.  TRACKER_READER_OK: patch is as tracker_json_decode_patch() makes it,
 * but that its strings may lie in data.  TRACKER_READER_REFUSED: message holds
 * the sentence, or check has refused.
 */
tracker_reader_rc_e tracker_read_patch(tracker_reader_t *rd,
    tracker_patch_t *patch, tracker_message_t *message);

/*
 * After TRACKER_READER_UNSURE: why, and the place in data where it stopped.
 * Before the run: the place of the first byte that is no white space, nor the
 * bracket of an array.
 */
tracker_reader_stop_e tracker_read_stop(const tracker_reader_t *rd,
    const char **place);


#pragma GCC visibility pop


#endif /* _TRACKER_READER_H_INCLUDED_ */
