
/*
 * The steps of a txn that read.  What a step is: store/txn.h.
 */


#ifndef _TRACKER_READ_H_INCLUDED_
#define _TRACKER_READ_H_INCLUDED_


#include "store/txn.h"


#pragma GCC visibility push(hidden)


/* most digits of a cursor */
#define TRACKER_STORE_CURSOR_LEN  16


/*
 * The reads that follow tell the times of a tracker as the last members of its
 * record, "createdAt" and "updatedAt", where they are known and store->history
 * keeps them.  No step.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t tracker_txn_tell_times(tracker_txn_t *txn);

/*
 * Reads the tracker of an id (16 digits).  Ends in FOUND, and record and
 * digest are set until the next fetch; or in MISSING; or, where it takes the
 * lock along, in LOCKED.
 */
ngx_int_t tracker_txn_fetch(tracker_txn_t *txn, ngx_str_t *id);

/*
 * Reads at most limit trackers in the order of their creation, fewer when
 * they have many bytes, after the cursor (len 0: from the beginning; else 1
 * to TRACKER_STORE_CURSOR_LEN digits).  glue comes between two of them, and is
 * static.  Ends in FOUND, and page is set until the next list; page.stray tells
 * whether no list of the account can have given that cursor.
 */
ngx_int_t tracker_txn_list(tracker_txn_t *txn, ngx_str_t *cursor,
    ngx_uint_t limit, const char *glue);

/* The same for the tracker of a name: a page of one record, or none. */
ngx_int_t tracker_txn_find(tracker_txn_t *txn, ngx_str_t *name);


#pragma GCC visibility pop


#endif /* _TRACKER_READ_H_INCLUDED_ */
