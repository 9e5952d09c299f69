
/*
 * Which trackers a stretch of a list had, as this worker has read it last, and
 * at which revision.  As long as that is the account's, the records are read
 * by one MGET, a third of what list.lua costs.  The revision rises with each
 * write, and no two lists of an account have the same.
 *
 * What is kept is bounded; what was used least recently goes first.
 */


#ifndef _TRACKER_LISTED_H_INCLUDED_
#define _TRACKER_LISTED_H_INCLUDED_


#include "store/step.h"


#pragma GCC visibility push(hidden)


struct tracker_listed_s {
    ngx_str_t    base;                /* of the account's keys */
    ngx_str_t    cursor;              /* what was asked for: */
    ngx_uint_t   limit;

    ngx_str_t    rev;                 /* what was found: */
    ngx_uint_t   more;
    ngx_str_t    score;
    size_t       n;
    char        *ids;                 /* one after the other */
};


/*
 * Returns a copy in memory of pool of what is kept for this stretch, or NULL:
 * nothing is, or no memory.
 */
tracker_listed_t *tracker_listed_find(ngx_pool_t *pool, ngx_redis_t *redis,
    tracker_listed_t *asked);

/*
 * Keeps a copy of listed in place of what was kept for this stretch, or forgets
 * that if listed->n is 0.
 */
void tracker_listed_keep(ngx_redis_t *redis, tracker_listed_t *listed);


#pragma GCC visibility pop


#endif /* _TRACKER_LISTED_H_INCLUDED_ */
