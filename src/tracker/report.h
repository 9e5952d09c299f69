
/*
 * All faults of a body, where each of them is wanted and not only the first:
 * both decoders put them here, and go on.
 */


#ifndef _TRACKER_REPORT_H_INCLUDED_
#define _TRACKER_REPORT_H_INCLUDED_


#include "tracker/fault.h"


#pragma GCC visibility push(hidden)


/* faults that are listed (API.md section 8) */
#define TRACKER_REPORT_MAX  100


/* memory of the arena */

typedef struct {
    tracker_str_t           pointer;     /* RFC 6901 */
    tracker_str_t           message;
} tracker_reported_t;


typedef struct {
    const tracker_arena_t  *arena;
    const tracker_limits_t *limits;
    const tracker_str_t    *list;        /* the key of the array of trackers;
                                            NULL: it is the body itself */
    tracker_str_t           lines;       /* the body, a tracker a line; data
                                            NULL: it is not */
    size_t                  line;        /* of this tracker; 0: to be found */
    unsigned                faulty;      /* fields of this tracker that have a
                                            fault, a bit each, see
                                            tracker_fields[] */
    size_t                  found;       /* faults, listed or not, except
                                            duplicates behind the list */
    size_t                  n;           /* of elts */
    tracker_reported_t      elts[TRACKER_REPORT_MAX];
} tracker_report_t;


/* all of them, of what is not an object */
#define TRACKER_REPORT_FIELDS  ((1u << TRACKER_FIELDS) - 1)


/* Begins a report, or begins it again; both must live as long as it. */
void tracker_report_start(tracker_report_t *report,
    const tracker_arena_t *arena, const tracker_limits_t *limits);

/* Adds a copy of a message.  Returns TRACKER_OK or TRACKER_NOMEM. */
tracker_rc_e tracker_report_add(tracker_report_t *report,
    const tracker_message_t *message);

/*
 * The same for a message about the tracker at index, which first gets the key
 * of the list in front, if there is one, or names the line.
 */
tracker_rc_e tracker_report_message(tracker_report_t *report, long index,
    tracker_message_t *message);

/*
 * Adds a fault, see tracker_message_fault(), of the tracker at index.  Returns
 * TRACKER_OK or TRACKER_NOMEM.
 */
tracker_rc_e tracker_report_fault(tracker_report_t *report, long index,
    const tracker_str_t *field, long elt, tracker_fault_e fault);

/*
 * Adds all that tracker_validate() could find wrong with the tracker at index,
 * but nothing of fields that are faulty already.  Temporary memory as there.
 * Returns TRACKER_OK or TRACKER_NOMEM.
 */
tracker_rc_e tracker_report_tracker(tracker_report_t *report,
    const tracker_t *t, long index);

/*
 * As tracker_validate_names(); the message names lines, or has the key of the
 * list in front.
 */
tracker_rc_e tracker_report_names(tracker_report_t *report,
    const tracker_set_t *set, tracker_message_t *message);

/*
 * Ends a report that has a fault or none.  Returns TRACKER_OK; or
 * TRACKER_INVALID, and the message is the first one that was added.
 */
tracker_rc_e tracker_report_end(const tracker_report_t *report,
    tracker_message_t *message);


#pragma GCC visibility pop


#endif /* _TRACKER_REPORT_H_INCLUDED_ */
