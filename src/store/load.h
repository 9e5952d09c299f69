
/*
 * The steps of a txn that keep a copy of the trackers up to date.
 */


#ifndef _TRACKER_LOAD_H_INCLUDED_
#define _TRACKER_LOAD_H_INCLUDED_


#include "store/txn.h"


#pragma GCC visibility push(hidden)


/* Reads the revision of the trackers.  Ends in FOUND, and revision is set. */
ngx_int_t tracker_txn_revision(tracker_txn_t *txn);

/*
 * Reads a stretch of the trackers as tracker_txn_list() does (store/read.h),
 * for those who decode them: as many as fit into it, page.records has a line
 * for each, and revision is set too.  The stretch is times as long as others,
 * 256 KB; Redis serves nobody else meanwhile.
 */
ngx_int_t tracker_txn_load(tracker_txn_t *txn, ngx_str_t *cursor,
    ngx_uint_t times);


#pragma GCC visibility pop


#endif /* _TRACKER_LOAD_H_INCLUDED_ */
