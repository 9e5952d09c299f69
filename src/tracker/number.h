
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


/* "00" to "99" */
static const char  tracker_digits[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";


/* Writes a decimal number to p, two digits a step.  Returns the end. */

static inline char *
tracker_put_number(char *p, uint64_t number)
{
    char      *end;
    uint64_t   rest;

    end = p;

    for (rest = number; rest >= 100; rest /= 100) {
        end += 2;
    }

    end += 1 + (rest >= 10);
    p = end;

    for ( /* void */ ; number >= 10; number /= 100) {
        p -= 2;
        memcpy(p, tracker_digits + number % 100 * 2, 2);
    }

    /* the first of an odd number of digits */

    if (number || p == end) {
        p[-1] = '0' + number;
    }

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
