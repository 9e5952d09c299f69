
/*
 * The words of all faults, and how a message is put together.
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tracker/fault.h"


static void tracker_message_format(tracker_message_t *message,
    const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
static void tracker_message_text(tracker_message_t *message,
    const char *text, size_t len);
static void tracker_message_place(tracker_message_t *message, size_t place);
static void tracker_pointer(tracker_message_t *message, long index,
    const tracker_str_t *field, long elt, int dots);
static int tracker_pointer_key(tracker_message_t *message,
    const tracker_str_t *key, int dots);
static int tracker_pointer_place(tracker_message_t *message, size_t place);
static size_t tracker_digits(char *end, size_t number);


/* what follows the quoted path and a blank, or "Request body " */

static const tracker_str_t  tracker_fault_words[] = {

    [TRACKER_FAULT_REQUIRED] = tracker_str("is required"),
    [TRACKER_FAULT_EMPTY] = tracker_str("is not allowed to be empty"),
    [TRACKER_FAULT_NOT_ALLOWED] = tracker_str("is not allowed"),
    [TRACKER_FAULT_NOT_STRING] = tracker_str("must be a string"),
    [TRACKER_FAULT_NOT_ARRAY] = tracker_str("must be an array"),
    [TRACKER_FAULT_NOT_LIST] = tracker_str("must be an array or a string"),
    [TRACKER_FAULT_NOT_OBJECT] = tracker_str("must be an object"),
    [TRACKER_FAULT_NOT_BOOLEAN] = tracker_str("must be a boolean"),
    [TRACKER_FAULT_NOT_ID] = tracker_str("must be a string of 16 digits"),
    [TRACKER_FAULT_EMPTY_BODY] = tracker_str("must not be empty"),
    [TRACKER_FAULT_COUNT] = tracker_str("must contain"),
    [TRACKER_FAULT_DUPLICATE] = tracker_str("contains a duplicate value"),
    [TRACKER_FAULT_OTHER_ID] = tracker_str("must be the id of the path"),
    [TRACKER_FAULT_LOGIN_TYPE] = tracker_str("must be \"application\""),
    [TRACKER_FAULT_OP] = tracker_str("must be one of \"add\", \"replace\", "
                                     "\"remove\", \"test\""),
    [TRACKER_FAULT_PATH] = tracker_str("must be one of"),
    [TRACKER_FAULT_ONLY_ADD] = tracker_str("must have an index, \"-\" is for "
                                           "\"add\" only"),
    [TRACKER_FAULT_ZEROS] = tracker_str("must have an index without leading "
                                        "zeros"),
    [TRACKER_FAULT_ABSENT] = tracker_str("does not exist"),
    [TRACKER_FAULT_NULL] = tracker_str("must not be null, it cannot be removed")
};


/* what is at fault where no key is */

static const tracker_str_t  tracker_fault_body = tracker_str("Request body ");


void
tracker_message(tracker_message_t *message, const char *fmt, ...)
{
    va_list  args;

    message->len = 0;
    message->pointed = 0;

    va_start(args, fmt);
    tracker_message_format(message, fmt, args);
    va_end(args);
}


void
tracker_message_append(tracker_message_t *message, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tracker_message_format(message, fmt, args);
    va_end(args);
}


static void
tracker_message_format(tracker_message_t *message, const char *fmt,
    va_list args)
{
    int     n;
    size_t  room;

    room = TRACKER_MESSAGE_MAX - message->len;

    n = vsnprintf(message->data + message->len, room, fmt, args);
    if (n < 0) {
        return;
    }

    /* vsnprintf() writes a NUL to the last byte; it is not counted */

    message->len += (size_t) n < room ? (size_t) n : room - 1;
}


/* most refusals end here: without the cost of a format */

void
tracker_message_fault(tracker_message_t *message, long index,
    const tracker_str_t *field, long elt, tracker_fault_e fault)
{
    const tracker_str_t  *words;

    words = &tracker_fault_words[fault];
    message->len = 0;

    /* only the key that is not known is the client's, dots included */

    tracker_pointer(message, index, field, elt,
                    fault != TRACKER_FAULT_NOT_ALLOWED);

    if (index < 0 && field == NULL) {
        tracker_message_text(message, tracker_fault_body.data,
                             tracker_fault_body.len);
        tracker_message_text(message, words->data, words->len);
        tracker_message_text(message, ".", 1);
        return;
    }

    tracker_message_text(message, "\"", 1);

    if (index >= 0) {
        tracker_message_place(message, index);

        if (field) {
            tracker_message_text(message, ".", 1);
        }
    }

    if (field) {
        tracker_message_quote(message, field);
    }

    if (elt >= 0) {
        tracker_message_place(message, elt);
    }

    tracker_message_text(message, "\" ", 2);
    tracker_message_text(message, words->data, words->len);
}


void
tracker_message_at(tracker_message_t *message, long index,
    const tracker_str_t *field, long elt)
{
    tracker_pointer(message, index, field, elt, 0);
}


static void
tracker_pointer(tracker_message_t *message, long index,
    const tracker_str_t *field, long elt, int dots)
{
    message->pointer_len = 0;
    message->pointed = 1;

    if (index >= 0) {
        (void) tracker_pointer_place(message, index);
    }

    if (field && !tracker_pointer_key(message, field, dots)) {
        return;
    }

    if (elt >= 0) {
        (void) tracker_pointer_place(message, elt);
    }
}


/* returns 1; or 0, and the pointer is as it was, if the key does not fit */

static int
tracker_pointer_key(tracker_message_t *message, const tracker_str_t *key,
    int dots)
{
    char    c, *p, *end;
    size_t  i;

    p = message->pointer + message->pointer_len;
    end = message->pointer + TRACKER_POINTER_MAX;

    if (p == end) {
        return 0;
    }

    *p++ = '/';

    for (i = 0; i < key->len; i++) {
        c = key->data[i];

        if (end - p < 2) {
            return 0;
        }

        switch (c) {

        case '~':
        case '/':
            *p++ = '~';
            *p++ = c == '~' ? '0' : '1';
            break;

        case '.':
            *p++ = dots ? '/' : '.';
            break;

        default:
            *p++ = c;
            break;
        }
    }

    message->pointer_len = p - message->pointer;

    return 1;
}


static int
tracker_pointer_place(tracker_message_t *message, size_t place)
{
    char           text[3 * sizeof(place)];
    tracker_str_t  key;

    key.len = tracker_digits(text + sizeof(text), place);
    key.data = text + sizeof(text) - key.len;

    return tracker_pointer_key(message, &key, 0);
}


void
tracker_message_prefix(tracker_message_t *message, const tracker_str_t *key)
{
    char    *place;
    size_t   n, room;

    /* behind the quote; the last byte stays free */

    place = message->data + 1;
    n = message->len - 1;
    room = TRACKER_MESSAGE_MAX - 2 - key->len;

    if (n > room) {
        n = room;
    }

    memmove(place + key->len, place, n);
    memcpy(place, key->data, key->len);
    message->len = 1 + key->len + n;

    if (!message->pointed) {
        return;
    }

    /* the same for the pointer; one that does not fit is of no use */

    n = message->pointer_len;

    if (n > TRACKER_POINTER_MAX - 1 - key->len) {
        message->pointed = 0;
        return;
    }

    memmove(message->pointer + 1 + key->len, message->pointer, n);
    memcpy(message->pointer + 1, key->data, key->len);
    message->pointer[0] = '/';
    message->pointer_len = 1 + key->len + n;
}


void
tracker_message_line(tracker_message_t *message, size_t line)
{
    size_t             n;
    tracker_message_t  old;

    old = *message;
    n = tracker_fault_body.len - 1;

    tracker_message(message, "Line %zu", line);
    message->pointed = old.pointed;

    if (old.len > n && memcmp(old.data, tracker_fault_body.data, n + 1) == 0) {
        tracker_message_text(message, old.data + n, old.len - n);
        return;
    }

    tracker_message_text(message, ": ", 2);
    tracker_message_text(message, old.data, old.len);
}


void
tracker_message_of_line(tracker_message_t *message, size_t line)
{
    int                pointed;
    const char        *p, *end;
    tracker_message_t  old;

    old = *message;
    pointed = old.pointed;

    end = old.data + old.len;
    p = memchr(old.data, ']', old.len);
    p = p ? p + 1 : end;

    tracker_message(message, "Line %zu", line);
    message->pointed = pointed;

    /* behind the quote, or "Line 3 must be..." */

    if (p < end && *p == '"') {
        p++;

    } else {
        p += p < end;
        tracker_message_text(message, ": \"", 3);
    }

    tracker_message_text(message, p, end - p);
}


void
tracker_message_quote(tracker_message_t *message, const tracker_str_t *str)
{
    size_t  i, chars, room;

    chars = 0;
    room = TRACKER_MESSAGE_MAX - 1 - message->len;

    for (i = 0; i < str->len; i++) {

        /* every byte of UTF-8 except a continuation starts a character */

        if ((str->data[i] & 0xc0) != 0x80 && chars++ == TRACKER_QUOTE_CHARS) {
            break;
        }
    }

    if (i < str->len || i > room) {
        room = room > 3 ? room - 3 : 0;

        while (i > room || (i > 0 && (str->data[i] & 0xc0) == 0x80)) {
            i--;
        }
    }

    tracker_message_text(message, str->data, i);

    if (i < str->len) {
        tracker_message_text(message, "...", 3);
    }
}


static void
tracker_message_text(tracker_message_t *message, const char *text, size_t len)
{
    size_t  room;

    /* the last byte stays free, as in tracker_message_format() */

    room = TRACKER_MESSAGE_MAX - 1 - message->len;

    if (len > room) {
        len = room;
    }

    memcpy(message->data + message->len, text, len);
    message->len += len;
}


/* "[N]" */

static void
tracker_message_place(tracker_message_t *message, size_t place)
{
    char   text[3 * sizeof(place) + 2];
    char  *p;

    p = text + sizeof(text) - 1;
    *p = ']';

    p -= tracker_digits(p, place);
    *--p = '[';

    tracker_message_text(message, p, text + sizeof(text) - p);
}


/* writes a number before end, and returns how many digits it has */

static size_t
tracker_digits(char *end, size_t number)
{
    char  *p;

    p = end;

    do {
        *--p = '0' + number % 10;
        number /= 10;
    } while (number);

    return end - p;
}
