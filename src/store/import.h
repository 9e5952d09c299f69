
/*
 * The steps of a txn that import trackers.  What a step is: store/txn.h.
 */


#ifndef _TRACKER_STORE_IMPORT_H_INCLUDED_
#define _TRACKER_STORE_IMPORT_H_INCLUDED_


#include "store/txn.h"


#pragma GCC visibility push(hidden)


/*
 * Checks whether the trackers of set, whose ids were chosen last, could be
 * created, without a lock, and writes nothing.  set as in tracker_txn_create().
 * Ends in FREE, CONFLICT or QUOTA; or in 0 with again: choose other ids.
 */
ngx_int_t tracker_txn_check(tracker_txn_t *txn, tracker_set_t *set);


#pragma GCC visibility pop


#endif /* _TRACKER_STORE_IMPORT_H_INCLUDED_ */
