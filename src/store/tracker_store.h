
/*
 * The store: what is kept in Redis, under which keys, and what its replies
 * mean.  A txn is the store's side of one request: it may take the account's
 * lock, write, and give the lock back.  It outlives a request that goes away,
 * until nothing of it is left in Redis that should not be.
 * Rules: API.md sections 4 and 5.
 */


#ifndef _TRACKER_STORE_H_INCLUDED_
#define _TRACKER_STORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "tracker/tracker.h"
#include "redis/ngx_redis.h"


#pragma GCC visibility push(hidden)


/*
 * Redis takes a million arguments a command and a tracker is three; a body
 * may be 16 MB at most.
 */
#define TRACKER_STORE_MAX_BULK    300000

/* hex sha1 of a record: its ETag, and what a change compares */
#define TRACKER_STORE_DIGEST_LEN  40

/* a cursor is a number of so many digits at most */
#define TRACKER_STORE_CURSOR_LEN  16

/* what create.lua wants to know besides keys and records */
#define TRACKER_STORE_VALUES      6


typedef struct tracker_txn_s  tracker_txn_t;

/* may do anything with the txn, closing and freeing it included */
typedef void (*tracker_txn_handler_pt)(tracker_txn_t *txn);


/* what became of a txn's step */

typedef enum {
    TRACKER_OUTCOME_NONE = 0,    /* nothing yet */
    TRACKER_OUTCOME_READY,       /* the lock is ours */
    TRACKER_OUTCOME_FOUND,       /* record, or page, has it */
    TRACKER_OUTCOME_MISSING,     /* no such tracker in the account */
    TRACKER_OUTCOME_CHANGED,
    TRACKER_OUTCOME_DELETED,
    TRACKER_OUTCOME_STALE,       /* the record is another by now: fetch it
                                    again */
    TRACKER_OUTCOME_CREATED,
    TRACKER_OUTCOME_REPLAYED,    /* by an earlier request with the same
                                    Idempotency-Key; set has its ids */
    TRACKER_OUTCOME_REUSED,      /* the Idempotency-Key of another request */
    TRACKER_OUTCOME_CONFLICT,    /* places and total say which names exist */
    TRACKER_OUTCOME_QUOTA,       /* found says how many there are */
    TRACKER_OUTCOME_TAKEN,       /* choose other ids and create again */
    TRACKER_OUTCOME_LOCKED,      /* another request of the account writes */
    TRACKER_OUTCOME_CROWDED,     /* too many requests of it wait */
    TRACKER_OUTCOME_UNAVAILABLE,
    TRACKER_OUTCOME_TIMEOUT,
    TRACKER_OUTCOME_ERROR,

    TRACKER_OUTCOME_LAST
} tracker_outcome_e;


/* where and how a location keeps its trackers */

typedef struct {
    ngx_redis_t            *redis;
    ngx_str_t               prefix;         /* first part of every key */
    ngx_msec_t              timeout;        /* of a whole request */
    ngx_msec_t              redis_timeout;  /* of one answer of Redis */
    ngx_uint_t              max_trackers;   /* of an account; 0: any number */
    ngx_uint_t              max_idems;      /* Idempotency-Keys, likewise */
    ngx_flag_t              lock;           /* one write at a time */
} tracker_store_t;


/* a stretch of the list */

typedef struct {
    ngx_str_t               tag;            /* of the account's list as it is
                                               now, and of no other list */
    size_t                  n;              /* records in the stretch */
    ngx_str_t               cursor;         /* where the next one begins */
    ngx_uint_t              more;           /* 1: there is a next one */
    ngx_str_t               records;        /* joined by commas */
} tracker_page_t;


struct tracker_txn_s {
    ngx_pool_t             *pool;           /* lives until the txn is freed */
    ngx_pool_t             *round;          /* the same one, except in a round
                                               of a change */
    tracker_outcome_e       outcome;        /* of the step that just ended */

    size_t                  places[TRACKER_QUOTE_NAMES];
    size_t                  nplaces;
    size_t                  total;          /* names that exist */
    size_t                  found;          /* trackers of the account */

    ngx_str_t               record;         /* that was fetched */
    u_char                  digest[TRACKER_STORE_DIGEST_LEN];  /* of it */
    tracker_page_t          page;

    ngx_msec_t              redis_time;     /* waited for Redis so far, ms */

    /* the rest is the store's */

    tracker_store_t        *store;
    tracker_txn_handler_pt  handler;
    void                   *data;

    ngx_uint_t              state;
    ngx_redis_op_t         *op;
    ngx_redis_command_t     command;
    ngx_msec_t              sent;
    ngx_msec_t              deadline;

    ngx_str_t               key_base;       /* "<prefix>:{<digest>}:" */
    ngx_str_t               lock_key;
    ngx_str_t               idem_key;       /* len 0: no Idempotency-Key */
    ngx_str_t               idems_key;      /* index of those */
    ngx_str_t               idem_digest;
    tracker_set_t          *set;
    char                   *ids;            /* chosen, one behind another */
    tracker_str_t          *names;          /* of what is created, and its */
    tracker_str_t          *records;
    size_t                  n;
    ngx_str_t               name_base;      /* "<base>name:" */
    ngx_str_t               id_base;
    ngx_str_t               values[TRACKER_STORE_VALUES];  /* no keys, before
                                                              the records */
    u_char                  token[32];      /* of the lock */

    unsigned                holds_lock:1;   /* or may hold it; read only */
    unsigned                closed:1;
    unsigned                left:1;         /* the store has done with it */
    unsigned                freed:1;        /* its owner has */
};


/* the scripts that the client of a tracker_store_t must have loaded */

ngx_redis_script_t *tracker_store_scripts(ngx_uint_t *n);

/*
 * Begins a txn for an account (its bytes are not kept), which ends when it was
 * closed and freed.  start is the ngx_current_msec of the request's beginning:
 * the store gives up store->timeout ms later; each stretch of a list has that
 * long anew.  large: the body is over, or may be over, NGX_REDIS_LARGE_SIZE.
 * store must live as long as the cycle.
 * Returns NULL when there is no memory.
 */
tracker_txn_t *tracker_txn_begin(tracker_store_t *store, ngx_str_t *account,
    ngx_msec_t start, ngx_uint_t large, tracker_txn_handler_pt handler,
    void *data);

/*
 * Takes the account's lock.  Ends in READY, LOCKED, UNAVAILABLE, TIMEOUT or
 * ERROR.
 * This and the steps below return NGX_OK, and then the txn's handler is
 * called once, later, never before they return; or NGX_ERROR when there is
 * no memory, and then it is not.  One step at a time.
 */
ngx_int_t tracker_txn_lock(tracker_txn_t *txn);

/*
 * Makes the next create a repeatable one.  key is the client's; endpoint and
 * body are what must not differ when it is sent again.
 * Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t tracker_txn_idempotent(tracker_txn_t *txn, ngx_str_t *key,
    ngx_str_t *endpoint, ngx_str_t *body);

/*
 * Chooses an id at random for each tracker of set, in memory of the txn.
 * Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t tracker_txn_choose_ids(tracker_txn_t *txn, tracker_set_t *set);

/*
 * Creates the trackers of set, whose ids were chosen last and whose JSON
 * texts are records (both memory of the txn: they are sent from there, in
 * pieces).  set must live until the handler was
 * called or the txn was closed.  Ends in CREATED, REPLAYED, REUSED,
 * CONFLICT, QUOTA, TAKEN, LOCKED, UNAVAILABLE, TIMEOUT or ERROR.  The lock is
 * given back but after TAKEN; where Redis does not answer, behind the scenes.
 */
ngx_int_t tracker_txn_create(tracker_txn_t *txn, tracker_set_t *set,
    tracker_str_t *records);

/*
 * Begins a round of a change, from the fetch to its STALE: memory that is
 * taken from txn->round, record included, lives until the next one begins, or
 * the txn is freed.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t tracker_txn_begin_round(tracker_txn_t *txn);

/*
 * Reads the tracker of an id (16 digits).  Ends in FOUND, and record and
 * digest are set until the next fetch; MISSING, UNAVAILABLE, TIMEOUT or ERROR.
 */
ngx_int_t tracker_txn_fetch(tracker_txn_t *txn, ngx_str_t *id);

/*
 * Writes record (memory of the round), the new state of the tracker whose old
 * state was fetched; t is the old state, name the new name.  Ends in CHANGED,
 * MISSING, CONFLICT, STALE, LOCKED, UNAVAILABLE, TIMEOUT or ERROR.  The lock
 * is given back but after STALE.
 */
ngx_int_t tracker_txn_change(tracker_txn_t *txn, tracker_t *t,
    tracker_str_t *name, tracker_str_t *record);

/*
 * Deletes the tracker that was fetched and decoded as t.  Ends in DELETED,
 * STALE, UNAVAILABLE, TIMEOUT or ERROR.
 */
ngx_int_t tracker_txn_delete(tracker_txn_t *txn, tracker_t *t);

/*
 * Reads at most limit trackers in the order of their creation, fewer when
 * they are many bytes, behind the cursor (len 0: from the beginning; else 1
 * to TRACKER_STORE_CURSOR_LEN digits).  Ends in FOUND, and page is set until
 * the next list; UNAVAILABLE, TIMEOUT or ERROR.
 */
ngx_int_t tracker_txn_list(tracker_txn_t *txn, ngx_str_t *cursor,
    ngx_uint_t limit);

/* The same for the one tracker of a name, or none. */
ngx_int_t tracker_txn_find(tracker_txn_t *txn, ngx_str_t *name);

/* Frees what was read, and the memory of a round; no step is under way. */
void tracker_txn_forget(tracker_txn_t *txn);

/* Writes the hex sha1 of a record to digest; NGX_OK or NGX_ERROR. */
ngx_int_t tracker_store_digest(u_char digest[TRACKER_STORE_DIGEST_LEN],
    ngx_str_t *record);

/*
 * Gives the lock back; the wait is bounded (a second).  Ends in READY,
 * whatever Redis said: what could not be released is so behind the scenes,
 * or by its ttl.
 */
ngx_int_t tracker_txn_release(tracker_txn_t *txn);

/*
 * The owner is gone or has what it needs: the handler is not called any more.
 * A lock that is held is given back, a write that was sent is let finish (an
 * exiting worker does not wait for it, and for the lock a second at most).
 */
void tracker_txn_close(tracker_txn_t *txn);

/*
 * The owner, which has closed the txn, needs nothing of its memory any more,
 * such as a record that is being sent.  What the store does not need is freed.
 */
void tracker_txn_free(tracker_txn_t *txn);


#pragma GCC visibility pop


#endif /* _TRACKER_STORE_H_INCLUDED_ */
