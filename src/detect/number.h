
/*
 * Writes numbers and words.  snprintf() would take longer than all the rest.
 */


#ifndef _DETECT_NUMBER_H_INCLUDED_
#define _DETECT_NUMBER_H_INCLUDED_


#include <stdint.h>
#include <string.h>


#pragma GCC visibility push(hidden)


/* digits of a number of 64 bits, at most */
#define DETECT_NUMBER_LEN  20


/* Writes a literal, and nothing else, without its NUL.  Returns the end. */
#define detect_put(p, text)                                                   \
    ((char *) memcpy(p, "" text, sizeof(text) - 1) + sizeof(text) - 1)


/* Writes a decimal number to p.  Returns the end. */

static inline char *
detect_put_number(char *p, uint64_t number)
{
    int   n;
    char  digits[DETECT_NUMBER_LEN];

    n = DETECT_NUMBER_LEN;

    do {
        digits[--n] = '0' + number % 10;
        number /= 10;
    } while (number);

    memcpy(p, digits + n, DETECT_NUMBER_LEN - n);

    return p + DETECT_NUMBER_LEN - n;
}


/* Writes a number with its sign, if that is a minus.  Returns the end. */

static inline char *
detect_put_signed(char *p, int64_t number)
{
    if (number < 0) {
        *p++ = '-';
        return detect_put_number(p, -(uint64_t) number);
    }

    return detect_put_number(p, number);
}


#pragma GCC visibility pop


#endif /* _DETECT_NUMBER_H_INCLUDED_ */
