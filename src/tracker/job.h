
/*
 * The id of a job: a UUID of version 8 (RFC 9562, section 5.8) that says which
 * conversation the job is of, and which job of it, so that nothing is stored
 * for it.
 */


#ifndef _TRACKER_JOB_H_INCLUDED_
#define _TRACKER_JOB_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


/* of a UUID as text */
#define TRACKER_JOB_ID_LEN   36

#define TRACKER_JOB_MAX      (((uint32_t) 1 << 24) - 1)

/* bits of a check that a job id holds */
#define TRACKER_JOB_CHECK    46


/* messages of a job, at most: ids of as many follow the first one's */
#define TRACKER_JOB_MESSAGES  ((uint64_t) 1 << 24)


typedef struct {
    char                 conversation[TRACKER_ID_LEN];
    uint32_t             number;         /* from 1 to TRACKER_JOB_MAX */
    uint64_t             check;          /* TRACKER_JOB_CHECK bits */
} tracker_job_id_t;


/*
 * Returns the id, as a number, of a job's first message, made of a random one:
 * those of the others follow it.
 */

static inline uint64_t
tracker_job_first(uint64_t random)
{
    return TRACKER_ID_BASE
           + random % (TRACKER_ID_BASE - TRACKER_JOB_MESSAGES);
}


/*
 * Writes the UUID to p, TRACKER_JOB_ID_LEN bytes, no NUL.  The conversation is
 * an id as tracker_id_format() makes it.
 */
void tracker_job_id_format(char *p, const tracker_job_id_t *id);

/*
 * Reads a UUID, in digits of either case.  Returns 1 if it has the form of a
 * job id, else 0; whether its check is right is the caller's to see.
 */
int tracker_job_id_parse(tracker_job_id_t *id, const char *data, size_t len);


#pragma GCC visibility pop


#endif /* _TRACKER_JOB_H_INCLUDED_ */
