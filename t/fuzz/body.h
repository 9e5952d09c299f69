/*
 * The body of one run of a fuzzer.
 */


#ifndef _FUZZ_BODY_H_INCLUDED_
#define _FUZZ_BODY_H_INCLUDED_


#include "fuzz.h"


/* a block of its own size, so that the sanitizer sees a byte too many */

static char *
body_copy(const uint8_t *data, size_t len)
{
    char  *body;

    body = malloc(len);
    must(body != NULL);
    memcpy(body, data, len);

    return body;
}


/* a number that is always the same for this body, and decides what is tried */

static uint32_t
body_seed(const uint8_t *data, size_t len)
{
    size_t    i;
    uint32_t  seed;

    seed = 2166136261;

    for (i = 0; i < len; i++) {
        seed = (seed ^ data[i]) * 16777619;
    }

    return seed ^ seed >> 15;
}


#endif /* _FUZZ_BODY_H_INCLUDED_ */
