
/*
 * Finds the phrases of trackers in what was said, message by message, in turns.
 */


#ifndef _DETECT_SEARCH_H_INCLUDED_
#define _DETECT_SEARCH_H_INCLUDED_


#include "detect/match.h"
#include "detect/trackers.h"
#include "tracker/conversation.h"


#pragma GCC visibility push(hidden)


/*
 * The trackers of the account, and those that came with the text; each may be
 * followed by a source of the same trackers by stems
 */
#define DETECT_SOURCES  4


/* places in the content of its message; ends exclusive; units are UTF-16's */

typedef struct {
    uint32_t           message;
    uint32_t           start;      /* bytes */
    uint32_t           end;
    uint32_t           unit;
    uint32_t           unit_end;
    uint32_t           pos;        /* set by who writes it: where its text is */
    uint32_t           len;
} detect_sentence_t;


/* a phrase in a sentence, for the first time; units as those of a sentence */

typedef struct {
    uint32_t           phrase;
    uint32_t           sentence;
    uint32_t           unit;
    uint32_t           unit_end;
} detect_find_t;


typedef struct {
    detect_trackers_t  *trackers;
    const uint8_t      *chosen;    /* a byte for each of them, 0: it is not
                                      wanted; NULL: all are */
    detect_find_t      *finds;     /* by phrase, each in the text's order */
    uint32_t            n;
    uint32_t            max;
    uint32_t            similar;   /* 1: by stems; the source before it has the
                                      same trackers */
} detect_source_t;


typedef struct {
    detect_source_t             sources[DETECT_SOURCES];
    uint32_t                    n_sources;   /* at least 1 */
    const tracker_utterance_t  *messages;
    uint32_t                    n_messages;
    uint32_t                    max_finds;   /* of all of them together */
    detect_sentence_t          *sentences;   /* of all messages */
    uint32_t                    n;
    uint32_t                    max;
    uint32_t                    message;     /* the one that is searched */
    uint32_t                    source;      /* for the phrases of this one */
    uint32_t                    base;        /* its first sentence */
    detect_match_t             *match;       /* memory for a match */
    unsigned                    matching:1;
    unsigned                    nomem:1;
} detect_search_t;


/*
 * Searches until it is done or the budget is spent.  Before the first call all
 * is zero but the trackers, which are compiled, and what is chosen of them,
 * n_sources, messages, n_messages and max_finds; they stay as they are.
 * Returns DETECT_OK: sentences and finds are complete; DETECT_AGAIN;
 * DETECT_STOPPED: there are more than max_finds; or DETECT_NOMEM.
 */
detect_rc_e detect_search_run(detect_search_t *search, size_t *budget);

/* Returns the number of finds. */
uint32_t detect_search_finds(const detect_search_t *search);

/* Frees what was found; not the trackers.  It can be begun again. */
void detect_search_free(detect_search_t *search);


#pragma GCC visibility pop


#endif /* _DETECT_SEARCH_H_INCLUDED_ */
