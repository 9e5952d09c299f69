
/*
 * What is wrong, in words: all that a client reads about a fault of a body.
 */


#ifndef _TRACKER_FAULT_H_INCLUDED_
#define _TRACKER_FAULT_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


/* the words are in fault.c; "...": the caller appends the rest */

typedef enum {
    TRACKER_FAULT_NONE = 0,      /* no fault, and no words */
    TRACKER_FAULT_REQUIRED,      /* is required */
    TRACKER_FAULT_EMPTY,         /* is not allowed to be empty */
    TRACKER_FAULT_NOT_ALLOWED,   /* is not allowed: an unknown key */
    TRACKER_FAULT_NOT_STRING,    /* must be a string */
    TRACKER_FAULT_NOT_ARRAY,     /* must be an array */
    TRACKER_FAULT_NOT_LIST,      /* must be an array or a string */
    TRACKER_FAULT_NOT_OBJECT,    /* must be an object */
    TRACKER_FAULT_NOT_BOOLEAN,   /* must be a boolean */
    TRACKER_FAULT_NOT_ID,        /* must be a string of 16 digits */
    TRACKER_FAULT_EMPTY_BODY,    /* must not be empty */
    TRACKER_FAULT_COUNT,         /* must contain... */
    TRACKER_FAULT_DUPLICATE,     /* contains a duplicate value */
    TRACKER_FAULT_OTHER_ID,      /* must be the id of the path */
    TRACKER_FAULT_LOGIN_TYPE,    /* must be "application" */
    TRACKER_FAULT_OP,            /* must be one of, and all operations */
    TRACKER_FAULT_PATH,          /* must be one of... */
    TRACKER_FAULT_ONLY_ADD,      /* must have an index, not "-" */
    TRACKER_FAULT_ZEROS,         /* must have an index without zeros */
    TRACKER_FAULT_ABSENT,        /* does not exist */
    TRACKER_FAULT_NULL           /* must not be null, and why */
} tracker_fault_e;


/*
 * Sets the message from a printf format; it points nowhere.  What does not fit
 * is cut, also inside a character: a client's string of any length is for
 * tracker_message_quote().
 */
void tracker_message(tracker_message_t *message, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends to the message as tracker_message() sets it. */
void tracker_message_append(tracker_message_t *message, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Sets the message to the path of a value and its fault, as in
 * "[2].vocabulary[3]" must be a string.  index is the place in a body that is
 * an array, of trackers or of operations, -1 if the body is an object; field is
 * the key, which may be one that the client made up (valid UTF-8), or NULL for
 * the element at index; elt is the place in the list, -1 if the value is not in
 * one.  With index -1 and field NULL the sentence is about the request body,
 * and ends in a full stop.  fault is not TRACKER_FAULT_NONE.  A field in which
 * dots separate keys, as "payload.content", is also pointed to by these keys.
 */
void tracker_message_fault(tracker_message_t *message, long index,
    const tracker_str_t *field, long elt, tracker_fault_e fault);

/*
 * Lets the message point to a value (RFC 6901), as tracker_message_fault()
 * does: "/2/vocabulary/3".  If that does not fit, to what the value is in.
 */
void tracker_message_at(tracker_message_t *message, long index,
    const tracker_str_t *field, long elt);

/*
 * Says in which line the fault is: "Line 3: ..." with what the message was, or
 * "Line 3 must be an object." where that was about the request body.  It points
 * into the line as it did.  What does not fit is cut.
 */
void tracker_message_line(tracker_message_t *message, size_t line);

/*
 * Puts the key of a list before the place that the path of a message begins
 * with, and that it points to: "[2].name" becomes "trackers[2].name".  What
 * does not fit is cut.
 */
void tracker_message_prefix(tracker_message_t *message,
    const tracker_str_t *key);

/*
 * Names the line in place of the index that the path of a message begins with:
 * "[2].name" is required becomes Line 3: "name" is required, and "[2]" must be
 * an object becomes Line 3 must be an object.  It points to what it did.
 */
void tracker_message_of_line(tracker_message_t *message, size_t line);

/*
 * Appends a client's string to the message, without quotes around it.  One that
 * is longer than TRACKER_QUOTE_CHARS characters, or does not fit, is cut, never
 * inside a character, and "..." follows.  str must be valid UTF-8.
 */
void tracker_message_quote(tracker_message_t *message,
    const tracker_str_t *str);


#pragma GCC visibility pop


#endif /* _TRACKER_FAULT_H_INCLUDED_ */
