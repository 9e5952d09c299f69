
/*
 * The steps of a txn that read the log of changes.  What a step is:
 * store/txn.h.
 */


#ifndef _TRACKER_CHANGES_H_INCLUDED_
#define _TRACKER_CHANGES_H_INCLUDED_


#include "store/txn.h"


#pragma GCC visibility push(hidden)


/* what was done to a tracker */

typedef enum {
    TRACKER_LOGGED_CREATE = 0,
    TRACKER_LOGGED_CHANGE,
    TRACKER_LOGGED_DELETE
} tracker_logged_e;


struct tracker_logged_s {
    tracker_logged_e    what;
    ngx_str_t           tag;          /* of the list then: page.tag is that of
                                         the last one */
    ngx_str_t           id;
    ngx_str_t           time;         /* as RFC 3339 has it */
    ngx_str_t           record;       /* as it is now; len 0: there is none */
};


/*
 * Sets rev to the revision that a tag of the account's list is of, a part of
 * the tag.  No step.  Returns NGX_OK; NGX_DECLINED if no list of this account
 * can have had it; or NGX_ERROR if no list can.
 */
ngx_int_t tracker_txn_since(tracker_txn_t *txn, ngx_str_t *tag,
    ngx_str_t *rev);

/*
 * Reads at most limit changes since a revision, fewer when the records have
 * many bytes.  Ends in FOUND, and tag, revision, n, more and logged of page are
 * set, in memory of the round: no changes mean that the revision is the
 * account's; or in GONE.
 */
ngx_int_t tracker_txn_changes(tracker_txn_t *txn, ngx_str_t *rev,
    ngx_uint_t limit);


#pragma GCC visibility pop


#endif /* _TRACKER_CHANGES_H_INCLUDED_ */
