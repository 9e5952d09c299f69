
/* The strict reader's tokens: single characters and strings. */


#ifndef _TRACKER_LEXER_H_INCLUDED_
#define _TRACKER_LEXER_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


typedef struct {
    const char             *p;            /* the next byte */
    const char             *end;
    const tracker_arena_t  *arena;
    char                   *text;         /* memory for decoded strings */
    unsigned                no_string:1;  /* p is not at a string */
    unsigned                bad_escape:1; /* saw \u0000 or half a surrogate */
    unsigned                nomem:1;
} tracker_lexer_t;


/*
 * Skips white space and returns 1 if nothing follows, else 0; p is then at what
 * follows.
 */
int tracker_lex_end(tracker_lexer_t *lx);

/*
 * Reads a string and white space before it: a view of the text or, if it has an
 * escape, of memory of the arena.
 * Returns 1, or 0: no_string or nomem is set, or the string is invalid and p is
 * at the last byte that is still valid, as for the library.
 */
int tracker_lex_string(tracker_lexer_t *lx, tracker_str_t *str);


/* Skips white space and c, and returns 1; 0 if something else follows. */

static inline int
tracker_lex_char(tracker_lexer_t *lx, char c)
{
    if (lx->p == lx->end || *lx->p != c) {

        if (tracker_lex_end(lx) || *lx->p != c) {
            return 0;
        }
    }

    lx->p++;

    return 1;
}


#pragma GCC visibility pop


#endif /* _TRACKER_LEXER_H_INCLUDED_ */
