
/*
 * The steps of a txn that write.  What a step is: store/txn.h.
 */


#ifndef _TRACKER_WRITE_H_INCLUDED_
#define _TRACKER_WRITE_H_INCLUDED_


#include "store/txn.h"


#pragma GCC visibility push(hidden)


/*
 * Makes the next create repeatable.  key is the client's Idempotency-Key;
 * endpoint and body must be the same when it is sent again.  None of them is
 * kept.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t tracker_txn_idempotent(tracker_txn_t *txn, ngx_str_t *key,
    ngx_str_t *endpoint, ngx_str_t *body);

/*
 * Chooses an id at random for each tracker of set, in memory of the txn.
 * Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t tracker_txn_choose_ids(tracker_txn_t *txn, tracker_set_t *set);

/*
 * Returns 1 if a create of n trackers, from a body of size bytes, may take the
 * lock along, else 0.
 */
ngx_uint_t tracker_txn_is_small(size_t n, size_t size);

/*
 * Creates the trackers of set, whose ids were chosen last and whose JSON
 * texts are records (both memory of the txn: they are sent from there, in
 * pieces).  set must live until the handler was called or the txn was closed.
 * Ends in CREATED, REPLAYED, REUSED, CONFLICT, QUOTA or LOCKED; or in 0 with
 * again: choose other ids.  The lock is released, except with again; if Redis
 * does not answer, in the background.
 */
ngx_int_t tracker_txn_create(tracker_txn_t *txn, tracker_set_t *set,
    tracker_str_t *records);

/*
 * Writes record (memory of the round), the new state of the tracker that was
 * fetched; t is its old state, name the new name.  Ends in CHANGED, MISSING,
 * CONFLICT or LOCKED; or in 0 with again: fetch it again.  The lock is
 * released, except with again.
 */
ngx_int_t tracker_txn_change(tracker_txn_t *txn, tracker_t *t,
    tracker_str_t *name, tracker_str_t *record);

/*
 * Deletes the tracker that was fetched and decoded as t.  Ends in DELETED; or
 * in 0 with again: fetch it again.
 */
ngx_int_t tracker_txn_delete(tracker_txn_t *txn, tracker_t *t);


#pragma GCC visibility pop


#endif /* _TRACKER_WRITE_H_INCLUDED_ */
