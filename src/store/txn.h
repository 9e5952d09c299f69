
/*
 * A txn is the store's side of one request: it may take the account's lock,
 * write, and release the lock.  It outlives a request that goes away, until
 * nothing is left in Redis that should not be there.  It is a chain of steps,
 * one after the other: those of this header, of store/write.h, store/read.h,
 * store/load.h, store/changes.h, store/job.h and store/conversation.h.  Rules:
 * API.md sections 4 and 5.
 *
 * Each step, a function that says in what it ends, returns NGX_OK, and then
 * the txn's handler is called once, later, never before the step has returned;
 * or NGX_ERROR when there is no memory or OpenSSL fails, and then it is not.
 * Each step except the release may also end in UNAVAILABLE, TIMEOUT, CROWDED or
 * ERROR.
 */


#ifndef _TRACKER_TXN_H_INCLUDED_
#define _TRACKER_TXN_H_INCLUDED_


#include "store/digest.h"
#include "store/store.h"
#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


/* what a request is answered with; 0: nothing yet, it goes on */

typedef enum {
    TRACKER_OUTCOME_FOUND = 1,   /* record, or page, has it */
    TRACKER_OUTCOME_MISSING,     /* no such tracker in the account */
    TRACKER_OUTCOME_CHANGED,
    TRACKER_OUTCOME_DELETED,
    TRACKER_OUTCOME_CREATED,
    TRACKER_OUTCOME_FREE,        /* could be created; nothing is written */
    TRACKER_OUTCOME_REPLAYED,    /* by an earlier request with the same
                                    Idempotency-Key; set has its ids */
    TRACKER_OUTCOME_REUSED,      /* the Idempotency-Key of another request */
    TRACKER_OUTCOME_CONFLICT,    /* conflicts and total say which names
                                    exist */
    TRACKER_OUTCOME_QUOTA,       /* found says how many there are */
    TRACKER_OUTCOME_LARGE,       /* found says how many bytes the conversation
                                    would have */
    TRACKER_OUTCOME_GONE,        /* what has changed since then is not known */
    TRACKER_OUTCOME_LOCKED,      /* another request of the account writes */
    TRACKER_OUTCOME_CROWDED,     /* too many requests of it wait */
    TRACKER_OUTCOME_UNAVAILABLE, /* no connection to Redis, or it cannot serve
                                    yet */
    TRACKER_OUTCOME_TIMEOUT,     /* Redis has not answered in time */
    TRACKER_OUTCOME_ERROR,       /* Redis has refused, or no memory is left */

    TRACKER_OUTCOME_LAST         /* those of the owner begin here */
} tracker_outcome_e;


/* when trackers were created and changed, as the store has read it */
typedef struct tracker_times_s  tracker_times_t;

/* what was done to a tracker: store/changes.h */
typedef struct tracker_logged_s  tracker_logged_t;


/* a stretch of the list, or of changes */

typedef struct {
    ngx_str_t          tag;           /* of the account's list as it is now,
                                         and of no other list */
    size_t             n;             /* records in the stretch */
    ngx_str_t          cursor;        /* where the next one begins */
    ngx_uint_t         more;          /* 1: there is a next one */
    ngx_uint_t         stray;         /* 1: the cursor that was asked for is of
                                         no list of the account */
    const char        *glue;          /* between records */
    ngx_str_t          records;       /* joined */
    tracker_logged_t  *logged;        /* changes, n of them */
} tracker_page_t;


/* read only for the owner; the store has more behind it */

typedef struct {
    ngx_pool_t        *pool;          /* lives until the txn is freed */
    ngx_pool_t        *round;         /* the same one, except in a round of a
                                         change */
    void              *data;          /* the owner's */

    tracker_outcome_e  outcome;       /* of the step that has ended */

    tracker_conflict_t  *conflicts;   /* the first names that exist */
    size_t             nconflicts;    /* of these */
    size_t             total;         /* names that exist */
    size_t             found;         /* trackers of the account; or bytes */
    size_t             adds;          /* trackers that the last create or
                                         import adds */
    size_t             job;           /* its number; 0: there is none */

    ngx_str_t          revision;      /* of the account's trackers: digits */

    ngx_str_t          record;        /* that was fetched, of round */
    u_char             digest[TRACKER_SHA1_LEN];  /* of it, in hex */
    tracker_page_t     page;
    tracker_times_t   *times;         /* that records are told with; or NULL */

    ngx_msec_t         redis_time;    /* waited for Redis so far, ms */

    unsigned           again:1;       /* with outcome 0: the record has changed,
                                         or an id is taken; begin another
                                         round */
    unsigned           stale:1;       /* with again: the trackers have another
                                         revision; else another id is needed */
    unsigned           holds_lock:1;  /* or may hold it */
} tracker_txn_t;


/* may do anything with the txn, closing and freeing it included */
typedef void (*tracker_txn_handler_pt)(tracker_txn_t *txn);


/*
 * Begins a txn for an account (its bytes are not kept), which lives until it
 * was both closed and freed.  start is the ngx_current_msec of the request's
 * beginning: the store gives up store->timeout ms later, except that each
 * stretch of a list has that long again.  size is that of the body in bytes,
 * or NGX_REDIS_SIZE_UNKNOWN.  store must live as long as the cycle.
 * Returns NULL when there is no memory or OpenSSL fails.
 */
tracker_txn_t *tracker_txn_begin(tracker_store_t *store, ngx_str_t *account,
    ngx_msec_t start, size_t size, tracker_txn_handler_pt handler,
    void *data);

/*
 * Claims the account for a write, as long as that goes on: a write that ends,
 * and is not to begin again, gives it back before the handler is called.  No
 * step.  Returns NGX_OK, or NGX_DECLINED: another request of this worker
 * writes.
 */
ngx_int_t tracker_txn_claim(tracker_txn_t *txn);

/*
 * Takes the lock of the account, which was claimed.  Ends in 0 when the txn has
 * it, or in LOCKED.
 */
ngx_int_t tracker_txn_lock(tracker_txn_t *txn);

/*
 * The same with the command of the next step, a create that is small or a
 * fetch: Redis gets both in one write.  No step: that one may end in LOCKED.
 * Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t tracker_txn_lock_along(tracker_txn_t *txn);

/*
 * Releases the lock, and waits a second at most.  Ends in 0, always: what could
 * not be released is released in the background, or by its ttl.
 */
ngx_int_t tracker_txn_release(tracker_txn_t *txn);

/*
 * Begins a round of a change, from the fetch to the write: memory that is
 * taken from txn->round, record included, lives until the next round begins,
 * tracker_txn_forget(), or the end of the txn.  No step may be under way.
 * Returns NGX_OK, or NGX_ERROR when there is no memory, and then the last
 * round goes on.
 */
ngx_int_t tracker_txn_begin_round(tracker_txn_t *txn);

/*
 * Frees what was read, and the memory of a round; gives back a claim without a
 * lock.  No step may be under way.
 */
void tracker_txn_forget(tracker_txn_t *txn);

/*
 * The owner is gone or has what it needs: the handler is not called any more.
 * A lock that is held is released.  A read is given up, a write may finish; an
 * exiting worker gives up a write too, after a second if it was left before,
 * and waits for the release a second at most.
 */
void tracker_txn_close(tracker_txn_t *txn);

/*
 * The owner, which has closed the txn, no longer needs its memory, such as a
 * record that is being sent.  It is freed when the store does not need it
 * either.
 */
void tracker_txn_free(tracker_txn_t *txn);


#pragma GCC visibility pop


#endif /* _TRACKER_TXN_H_INCLUDED_ */
