
/* Finds the phrases of a dictionary in a text, in turns. */


#ifndef _DETECT_MATCH_H_INCLUDED_
#define _DETECT_MATCH_H_INCLUDED_


#include "detect/dict.h"


#pragma GCC visibility push(hidden)


/*
 * A phrase in a sentence, the first time it stands there.  Places are in the
 * text, ends exclusive.  sentence is the one in which it begins, from 0 on.
 */

typedef struct {
    uint32_t        phrase;        /* its index, as it was compiled */
    uint32_t        sentence;
    uint32_t        start;         /* bytes */
    uint32_t        end;
    uint32_t        unit;          /* UTF-16 units */
    uint32_t        unit_end;
} detect_hit_t;


/*
 * What is told, in the order of the text: hits, then their sentence; a phrase
 * with the end of a sentence in it after the sentence in which it begins.  A
 * handler returns 0, or 1 to stop the match.
 */

typedef struct {
    int           (*hit)(void *data, const detect_hit_t *hit);
    int           (*sentence)(void *data, const detect_item_t *sentence);
    void           *data;
} detect_handlers_t;


typedef struct detect_match_s  detect_match_t;


/* Returns the bytes that a match with this dictionary takes: some 35,000. */
size_t detect_match_size(const detect_dict_t *dict);

/*
 * Begins a match in memory of detect_match_size(), aligned for any object: with
 * the len bytes at data, UTF-8.  All of them, and the dictionary, must stay as
 * they are until the last turn; there is nothing to be freed but the memory.
 * Several matches may use one dictionary by turns.
 * Returns NULL if len is above DETECT_TEXT_MAX.
 */
detect_match_t *detect_match_start(void *memory, detect_dict_t *dict,
    const detect_handlers_t *handlers, const char *data, size_t len);

/*
 * Goes on, to the end of a sentence after the budget is spent.
 * Returns DETECT_OK: all of the text was searched; DETECT_AGAIN; or, and then
 * it must not be called again, DETECT_STOPPED, or, only with a dictionary of
 * stems, DETECT_NOMEM.
 */
detect_rc_e detect_match_run(detect_match_t *match, size_t *budget);


#pragma GCC visibility pop


#endif /* _DETECT_MATCH_H_INCLUDED_ */
