
/*
 * Locks that are there though this worker has released them: Redis has lost the
 * release, in a failover or a crash.  When such a lock is met it is released
 * again, in the background; it would expire by itself only much later.
 */


#ifndef _TRACKER_STALE_H_INCLUDED_
#define _TRACKER_STALE_H_INCLUDED_


#include "store/step.h"


#pragma GCC visibility push(hidden)


/* The lock of ctx, if it asked for one, is released: nobody uses its token. */
void tracker_stale_note(tracker_txn_ctx_t *ctx);

/*
 * The lock that ctx asks for is held by token.  If the token was noted here
 * lately, the lock is released after the events of this turn of the loop.
 */
void tracker_stale_meet(tracker_txn_ctx_t *ctx, ngx_str_t *token);


#pragma GCC visibility pop


#endif /* _TRACKER_STALE_H_INCLUDED_ */
