
/*
 * Arrays that grow, and indexes of arrays.
 */


#ifndef _DETECT_ARRAY_H_INCLUDED_
#define _DETECT_ARRAY_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#pragma GCC visibility push(hidden)


/* text that is written, as malloc() has given it; zeros at first */

typedef struct {
    char       *data;
    uint32_t    n;             /* bytes written */
    uint32_t    max;
} detect_buffer_t;


/* a hash table of the elements of an array, by their numbers from 1 on */

typedef struct {
    uint32_t   *slots;         /* 0: free */
    uint32_t    mask;
} detect_index_t;


/*
 * Makes room for n elements of this size, 2^31 at most.  array is the address
 * of a pointer to them, NULL at first, which malloc()'s functions take; max
 * says how many there may be, and is updated.
 * Returns 1, or 0 if there is no memory: the array is then as it was.
 */
int detect_grow(void *array, uint32_t *max, uint32_t n, size_t size);

/*
 * Makes room for len bytes more.  Returns where they are to be written; or NULL
 * if there is no memory, or there would be more than 2^31.
 */
char *detect_buffer_room(detect_buffer_t *buffer, size_t len);

/* Frees the text. */
void detect_buffer_free(detect_buffer_t *buffer);

/*
 * Allocates slots, to be freed with free(), for n elements, which fill half of
 * them at most.  Returns 1, or 0 if there is no memory.
 */
int detect_index_create(detect_index_t *index, uint32_t n);


#pragma GCC visibility pop


#endif /* _DETECT_ARRAY_H_INCLUDED_ */
