
/*
 * Compiles phrases to a dictionary: an automaton over words (Aho-Corasick).
 * Phrases that are equal after folding share a state.
 */


#ifndef _DETECT_DICT_H_INCLUDED_
#define _DETECT_DICT_H_INCLUDED_


#include "detect/text.h"


#pragma GCC visibility push(hidden)


/* a view: the bytes belong to somebody else; UTF-8 */

typedef struct {
    size_t         len;
    const char    *data;
} detect_str_t;


typedef struct detect_dict_s   detect_dict_t;
typedef struct detect_build_s  detect_build_t;


/*
 * Subtracts the cost of what was done from the budget; a unit is about a
 * nanosecond.  Returns 1 if some of the budget is left, else 0.
 */

static inline int
detect_spend(size_t *budget, size_t cost)
{
    *budget = *budget > cost ? *budget - cost : 0;

    return *budget != 0;
}


/*
 * Begins to compile n phrases.  They, and what they point to, stay the
 * caller's and must not change until the build is destroyed.  key is random,
 * of the caller's choice: it keeps others from guessing which words collide.
 * Returns NULL if there is no memory.
 */
detect_build_t *detect_build_create(const detect_str_t *phrases, uint32_t n,
    const uint64_t key[2]);

/*
 * Compiles the phrases by the stems of their words, without those that say
 * little; a match with the dictionary does the same with the text.  A phrase is
 * found only if two of its words say something, or if it is one word of four
 * letters at least.  To be called before detect_build_run(), and after
 * detect_stem_init().
 */
void detect_build_similar(detect_build_t *build);

/*
 * Goes on until it is done or the budget is spent.  A phrase is accepted, and
 * never found, that has no word, has a word of more than DETECT_WORD_MAX bytes,
 * or would not fit into a sentence.
 * Returns DETECT_OK: detect_build_dict() has the result; DETECT_AGAIN;
 * DETECT_NOMEM; or DETECT_LARGE: they are too many together.  After a fault it
 * must only be destroyed.
 */
detect_rc_e detect_build_run(detect_build_t *build, size_t *budget);

/*
 * Returns the dictionary, which is then the caller's, to be destroyed; NULL
 * before detect_build_run() returned DETECT_OK, and at the second call.
 */
detect_dict_t *detect_build_dict(detect_build_t *build);

/* Frees all that a build holds; not the dictionary if it was taken. */
void detect_build_destroy(detect_build_t *build);

/* Returns the bytes that the dictionary takes: it is one block. */
size_t detect_dict_size(const detect_dict_t *dict);

/* Frees it.  No match may still use it. */
void detect_dict_destroy(detect_dict_t *dict);


#pragma GCC visibility pop


#endif /* _DETECT_DICT_H_INCLUDED_ */
