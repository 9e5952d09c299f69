
/*
 * What clients read of a conversation, as JSON: the trackers that were found in
 * it, and its messages.
 */


#ifndef _DETECT_ANSWER_H_INCLUDED_
#define _DETECT_ANSWER_H_INCLUDED_


#include "detect/report.h"


#pragma GCC visibility push(hidden)


/* how the messages of a conversation go on; zeros at first */

typedef struct {
    detect_str_t           id;         /* of the conversation */
    uint64_t               next;       /* id of the next sentence */
    int64_t                start;      /* of the first message */
    detect_str_t           members;    /* of all sentences of a message */
    detect_buffer_t        kept;       /* members that a former piece had */
    int64_t                offset;     /* of the message, ms */
    uint64_t               duration;   /* ms */
    const char            *p;          /* in the piece; NULL: not begun */
    unsigned               started:1;  /* start is known */
    unsigned               comma:1;
} detect_messages_t;


/*
 * Writes the array of trackers, as JSON, to a buffer until it is done or has at
 * least size bytes.  Returns what detect_report_read() returns.
 */
detect_rc_e detect_report_write(detect_report_t *report,
    detect_buffer_t *buffer, size_t size);

/*
 * Writes what was said as JSON objects with commas between them, and before the
 * first one too if others were written before: until the text is done or the
 * buffer has at least size bytes.  messages->id is set by the caller.  The text
 * may come in pieces, cut between lines; one must not change before it is done.
 * Returns what detect_report_read() returns; after DETECT_OK the next piece may
 * follow.
 */
detect_rc_e detect_messages_write(detect_messages_t *messages,
    const detect_str_t *said, detect_buffer_t *buffer, size_t size);

/* Frees what goes on from piece to piece. */
void detect_messages_free(detect_messages_t *messages);


#pragma GCC visibility pop


#endif /* _DETECT_ANSWER_H_INCLUDED_ */
