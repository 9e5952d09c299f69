
/*
 * The store: what is kept in Redis, under which keys, and what the replies
 * mean.  This header is its configuration; the work is in store/txn.h and the
 * headers that it names.
 */


#ifndef _TRACKER_STORE_H_INCLUDED_
#define _TRACKER_STORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "redis/ngx_redis.h"


#pragma GCC visibility push(hidden)


/*
 * Redis allows a million arguments per command, and a tracker takes four; a
 * body has 16 MB at most.
 */
#define TRACKER_STORE_MAX_BULK  250000


/* what a txn waits for: a command to Redis and its reply */

typedef enum {
    TRACKER_STEP_LOCK = 0,
    TRACKER_STEP_CREATE,
    TRACKER_STEP_CHANGE,
    TRACKER_STEP_DELETE,
    TRACKER_STEP_LIST,
    TRACKER_STEP_FIND,
    TRACKER_STEP_GET,
    TRACKER_STEP_RELEASE,
    TRACKER_STEP_LOAD,
    TRACKER_STEP_REVISION,
    TRACKER_STEP_WRITE,           /* of a job */
    TRACKER_STEP_CONVERSE,        /* reading conversations */
    TRACKER_STEP_FORGET,
    TRACKER_STEP_CHANGES,

    TRACKER_STEPS
} tracker_step_e;


/* what became of a lock that was not released as it should be */

typedef enum {
    TRACKER_LOCK_EXPIRED = 0,     /* before its write, which was refused */
    TRACKER_LOCK_KEPT,            /* its release has failed; its ttl ends it */

    TRACKER_LOCK_ENDS
} tracker_lock_end_e;


/* functions of the owner, for its counters; they must not use a txn */

typedef struct {
    void        (*waited)(tracker_step_e step, ngx_msec_t time);  /* in ms */
    void        (*lock)(tracker_lock_end_e end);
} tracker_reports_t;


/* where and how a location keeps its trackers */

typedef struct {
    ngx_redis_t  *redis;
    ngx_str_t     prefix;         /* first part of every key */
    ngx_msec_t    timeout;        /* of a whole request */
    ngx_msec_t    redis_timeout;  /* of one reply of Redis */
    ngx_msec_t    failover;       /* for which a new master is waited for */
    ngx_uint_t    max_trackers;   /* of an account; 0: unlimited */
    ngx_uint_t    max_idems;      /* Idempotency-Keys of an account; 0:
                                     unlimited */
    ngx_uint_t    history;        /* changes that are kept of an account, and
                                     the times of its trackers; 0: none */
    ngx_flag_t    lock;           /* one write of an account at a time */
    time_t        conversation_ttl;   /* seconds after the last write */
    size_t        conversation_size;  /* most bytes of one */

    tracker_reports_t  *reports;
} tracker_store_t;


/*
 * Returns the scripts that the client of a tracker_store_t must have loaded,
 * and their number in n.  The array is static.
 */
ngx_redis_script_t *tracker_store_scripts(ngx_uint_t *n);


#pragma GCC visibility pop


#endif /* _TRACKER_STORE_H_INCLUDED_ */
