
#include <stdlib.h>
#include <string.h>

#include "detect/array.h"


#define DETECT_ARRAY_MIN  8

/* bytes: what a small text takes */
#define DETECT_BUFFER_MIN  4096

#define DETECT_ARRAY_MAX  0x80000000


int
detect_grow(void *array, uint32_t *max, uint32_t n, size_t size)
{
    void      *p;
    uint32_t   want;

    if (n <= *max) {
        return 1;
    }

    for (want = DETECT_ARRAY_MIN; want < n; want *= 2) { /* void */ }

    /* a pointer to any type, whose own type nobody here knows */

    memcpy(&p, array, sizeof(p));

    p = realloc(p, want * size);
    if (p == NULL) {
        return 0;
    }

    memcpy(array, &p, sizeof(p));
    *max = want;

    return 1;
}


char *
detect_buffer_room(detect_buffer_t *buffer, size_t len)
{
    uint32_t  n;

    if (len > DETECT_ARRAY_MAX - buffer->n) {
        return NULL;
    }

    n = buffer->n + len;

    if (n > buffer->max
        && !detect_grow(&buffer->data, &buffer->max,
                        n > DETECT_BUFFER_MIN ? n : DETECT_BUFFER_MIN, 1))
    {
        return NULL;
    }

    return buffer->data + buffer->n;
}


void
detect_buffer_free(detect_buffer_t *buffer)
{
    free(buffer->data);
    memset(buffer, 0, sizeof(detect_buffer_t));
}


int
detect_index_create(detect_index_t *index, uint32_t n)
{
    size_t  size;

    for (size = 8; size < 2 * (size_t) n; size *= 2) { /* void */ }

    index->slots = calloc(size, sizeof(uint32_t));
    index->mask = size - 1;

    return index->slots != NULL;
}
