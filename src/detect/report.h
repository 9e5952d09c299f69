
/*
 * What was found in the jobs of a conversation, read from their stored texts,
 * which are not trusted.
 */


#ifndef _DETECT_REPORT_H_INCLUDED_
#define _DETECT_REPORT_H_INCLUDED_


#include "detect/array.h"
#include "detect/dict.h"


#pragma GCC visibility push(hidden)


typedef struct {
    uint64_t               first;      /* id of the first sentence */
    detect_str_t           said;       /* its part of the text */
} detect_job_t;


/* the finds of a phrase in one job */

typedef struct {
    detect_str_t           lines;
    uint32_t               job;
    uint32_t               next;       /* of the phrase, 0: none */
} detect_part_t;


typedef struct {
    detect_str_t           value;      /* a JSON string */
    uint32_t               tracker;
    uint32_t               next;       /* of the tracker, 0: none */
    uint32_t               first;      /* parts */
    uint32_t               last;
} detect_match_phrase_t;


typedef struct {
    detect_str_t           id;
    detect_str_t           name;       /* a JSON string */
    uint32_t               first;      /* phrases */
    uint32_t               last;
} detect_match_tracker_t;


/* the first element of the arrays is not used */

typedef struct {
    detect_str_t             said;     /* the texts of all jobs: see */
    detect_str_t             found;    /* detect/record.h */
    uint64_t                 key[2];   /* random */
    detect_job_t            *jobs;
    uint32_t                 n_jobs;
    detect_match_tracker_t  *trackers;
    uint32_t                 n_trackers;
    detect_match_phrase_t   *phrases;
    uint32_t                 n_phrases;
    detect_part_t           *parts;
    uint32_t                 n_parts;
    detect_index_t           tracker_index;
    detect_index_t           phrase_index;
    uint32_t                 tracker;  /* how far it is */
    uint32_t                 phrase;
    uint32_t                 part;
    const char              *p;
    unsigned                 counted:1;
    unsigned                 comma:1;  /* a find was written of the phrase */
} detect_report_t;


/*
 * Reads what was found in the jobs, until it is done or the budget is spent.
 * Before the first call all is zero but said, found and key; the texts must not
 * change before detect_report_free().
 * Returns DETECT_OK, DETECT_AGAIN, DETECT_NOMEM, or DETECT_INVALID: a text is
 * not what detect_record_write() writes.
 */
detect_rc_e detect_report_read(detect_report_t *report, size_t *budget);

/* Frees what was read; not the texts. */
void detect_report_free(detect_report_t *report);

#pragma GCC visibility pop


#endif /* _DETECT_REPORT_H_INCLUDED_ */
