
/*
 * Words by their stems, without the words that say little.
 */


#ifndef _DETECT_STEM_H_INCLUDED_
#define _DETECT_STEM_H_INCLUDED_


#include "detect/text.h"


#pragma GCC visibility push(hidden)


/*
 * Makes ready what the functions below need, once for a process.  Returns 1, or
 * 0 if there is no memory.
 */
int detect_stem_init(void);

/*
 * Drops the words of a cut that say little, and makes of each other one its
 * English stem; where they are in the text stays as it is.
 * Returns DETECT_OK, or DETECT_NOMEM.
 */
detect_rc_e detect_stem_cut(detect_cut_t *cut);

/* Frees it all. */
void detect_stem_exit(void);


#pragma GCC visibility pop


#endif /* _DETECT_STEM_H_INCLUDED_ */
