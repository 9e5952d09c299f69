
/*
 * A job as it is stored: two texts, and who spoke.  The lines of the first are
 * what was said:
 *
 *     1 ID                the version, and the id of the first sentence: the
 *                         others are counted from there
 *     M MS MS MEMBERS     a message: when it began, how long it took, and the
 *                         JSON members that all its sentences have
 *     S STRING            a sentence of it, a JSON string
 *
 * Those of the second are what was found:
 *
 *     1 ID LEN            as above, and the bytes of the first text
 *     T ID STRING         a tracker and its name, a JSON string
 *     P STRING            a phrase of it
 *     R N UNIT UNIT POS LEN
 *                         it stands in sentence N, between these UTF-16 units;
 *                         the sentence's string is there in the first text
 *     Q N POS LEN         it stands there by its stems only
 *
 * So a text is stored once, whatever is found in it.  Texts of several jobs may
 * stand one behind the other.
 */


#ifndef _DETECT_RECORD_H_INCLUDED_
#define _DETECT_RECORD_H_INCLUDED_


#include "detect/array.h"
#include "detect/search.h"
#include "detect/time.h"


#pragma GCC visibility push(hidden)


typedef struct {
    const detect_search_t         *search;     /* done */
    const tracker_conversation_t  *conversation;
    uint64_t                       key[2];     /* random, of a hash table */
    uint64_t                       first;      /* id of the first sentence */
    int64_t                        now;        /* ms since 1970 */
    char                           time[DETECT_TIME_LEN];  /* the same, when
                                                              it was wanted */
    detect_buffer_t                said;       /* the first text */
    detect_buffer_t                found;      /* the second */
    detect_buffer_t                members;    /* a JSON object a line */
    uint32_t                       start;      /* places and lengths of times
                                                  in the first text */
    uint32_t                       start_len;
    uint32_t                       end;
    uint32_t                       end_len;
    detect_index_t                 seen;       /* messages of members */
    uint32_t                       message;    /* how far it is */
    uint32_t                       sentence;
    uint32_t                       source;
    uint32_t                       find;
    uint32_t                       other;      /* in the source by stems */
    uint32_t                       phrase;     /* of the last find, and 1 */
    uint32_t                       tracker;
} detect_record_t;


/*
 * Writes the texts of a job until they are done or the budget is spent.  Before
 * the first call all is zero but search, conversation, key, first and now,
 * which stay as they are; search's sentences get their places.
 * Returns DETECT_OK, DETECT_AGAIN, DETECT_NOMEM, or DETECT_LARGE: there are
 * more than TRACKER_JOB_MESSAGES sentences.
 */
detect_rc_e detect_record_write(detect_record_t *record, size_t *budget);

/*
 * Return when the first message began and the last one ended, as JSON strings:
 * views of the texts, which are done.
 */
detect_str_t detect_record_start(const detect_record_t *record);
detect_str_t detect_record_end(const detect_record_t *record);

/*
 * Returns a number for tracker_id_format() that is always the same for a name,
 * or who has it.
 */
uint64_t detect_record_id(const tracker_str_t *name);

/* Frees the texts, and all is zero. */
void detect_record_free(detect_record_t *record);


#pragma GCC visibility pop


#endif /* _DETECT_RECORD_H_INCLUDED_ */
