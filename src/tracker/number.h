
/*
 * Writes numbers and words.  snprintf() would take longer than all the rest.
 */


#ifndef _TRACKER_NUMBER_H_INCLUDED_
#define _TRACKER_NUMBER_H_INCLUDED_


#include <stdint.h>
#include <string.h>


#pragma GCC visibility push(hidden)


/* digits of a number of 64 bits, at most */
#define TRACKER_NUMBER_LEN  20


/* Writes a literal, and nothing else, without its NUL.  Returns the end. */
#define tracker_put(p, text)                                                   \
    ((char *) memcpy(p, "" text, sizeof(text) - 1) + sizeof(text) - 1)


/* Writes a decimal number to p.  Returns the end. */

static inline char *
tracker_put_number(char *p, uint64_t number)
{
    char      *end;
    uint64_t   rest;

    end = p + 1;

    for (rest = number; rest >= 10; rest /= 10) {
        end++;
    }

    p = end;

    do {
        *--p = '0' + number % 10;
        number /= 10;
    } while (number);

    return end;
}


/* Writes a number with its sign, if that is a minus.  Returns the end. */

static inline char *
tracker_put_signed(char *p, int64_t number)
{
    if (number < 0) {
        *p++ = '-';
        return tracker_put_number(p, -(uint64_t) number);
    }

    return tracker_put_number(p, number);
}


#pragma GCC visibility pop


#endif /* _TRACKER_NUMBER_H_INCLUDED_ */
