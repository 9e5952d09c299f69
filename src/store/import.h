
/*
 * The steps of a txn that import trackers.  What a step is: store/txn.h.
 */


#ifndef _TRACKER_STORE_IMPORT_H_INCLUDED_
#define _TRACKER_STORE_IMPORT_H_INCLUDED_


#include "store/txn.h"


#pragma GCC visibility push(hidden)


/* the tracker that has a name; memory of the round */

typedef struct {
    tracker_str_t     id;         /* data NULL: no tracker has it */
    tracker_str_t     record;     /* len 0: it was not fetched */
} tracker_match_t;


/* a tracker to be written */

typedef struct {
    tracker_str_t     name;       /* data NULL: it exists, and has it already */
    tracker_str_t     id;
    tracker_str_t     record;     /* of what is deleted: none */
} tracker_written_t;


/*
 * What an import writes, all of it or nothing.  All is memory of the round, or
 * lives as long.
 */

typedef struct {
    tracker_written_t  *elts;     /* first those that are new */
    size_t              n;
    size_t              fresh;    /* how many are new */
    tracker_written_t  *gone;     /* those that are deleted, with their names */
    size_t              ngone;
    size_t              size;     /* bytes of all records and names */
    tracker_str_t       told;     /* what a request with the same
                                     Idempotency-Key gets as record */
} tracker_import_t;


/*
 * Looks for the trackers that have the names of set, whose n matches are set,
 * without records; set and its names must live as long as the round.  Ends in
 * FOUND: revision, which may be empty, page.tag of that revision, conflicts and
 * total are set, too; or, where the Idempotency-Key of the txn was used, in
 * REPLAYED, with what was told then as record, or in REUSED.
 */
ngx_int_t tracker_txn_match(tracker_txn_t *txn, tracker_set_t *set,
    tracker_match_t *matches);

/*
 * Finds the ids of the account's trackers, of at most so many.  Ends in FOUND,
 * with found of them in *ids, memory of the round; or in QUOTA: they are more.
 */
ngx_int_t tracker_txn_index(tracker_txn_t *txn, tracker_str_t **ids,
    size_t most);

/*
 * Fetches the records of the first of n matches, at least 1, which have an id
 * each: as many as fit into a stretch of 256 KB, at least one.  Ends in FOUND,
 * and found says how many; or in 0 with again: one of them is gone, match anew.
 */
ngx_int_t tracker_txn_fetch_matches(tracker_txn_t *txn,
    tracker_match_t **matches, size_t n);

/*
 * Writes an import, if the revision is still the one that was found by the
 * match.  Ends in CHANGED, REPLAYED (as above), REUSED, QUOTA or LOCKED; or in
 * 0 with again: match anew.  The lock is released, except with again.
 */
ngx_int_t tracker_txn_import(tracker_txn_t *txn, tracker_import_t *import);

/*
 * Says whether an account that has so many trackers may get the others, while
 * so many of them are deleted.  No step: returns FREE, or QUOTA, found and adds
 * are set.
 */
tracker_outcome_e tracker_txn_room(tracker_txn_t *txn, size_t have,
    size_t fresh, size_t gone);

/*
 * Checks whether the trackers of set, whose ids were chosen last, could be
 * created, without a lock, and writes nothing.  set as in tracker_txn_create().
 * Ends in FREE, CONFLICT or QUOTA; or in 0 with again: choose other ids.
 */
ngx_int_t tracker_txn_check(tracker_txn_t *txn, tracker_set_t *set);


#pragma GCC visibility pop


#endif /* _TRACKER_STORE_IMPORT_H_INCLUDED_ */
