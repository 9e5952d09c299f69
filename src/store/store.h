
/*
 * The store: what is kept in Redis, under which keys, and what the replies
 * mean.  This header is its configuration; the work is in store/txn.h,
 * store/write.h and store/read.h.
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


/* where and how a location keeps its trackers */

typedef struct {
    ngx_redis_t  *redis;
    ngx_str_t     prefix;         /* first part of every key */
    ngx_msec_t    timeout;        /* of a whole request */
    ngx_msec_t    redis_timeout;  /* of one reply of Redis */
    ngx_uint_t    max_trackers;   /* of an account; 0: unlimited */
    ngx_uint_t    max_idems;      /* Idempotency-Keys of an account; 0:
                                     unlimited */
    ngx_flag_t    lock;           /* one write of an account at a time */
} tracker_store_t;


/*
 * Returns the scripts that the client of a tracker_store_t must have loaded,
 * and their number in n.  The array is static.
 */
ngx_redis_script_t *tracker_store_scripts(ngx_uint_t *n);


#pragma GCC visibility pop


#endif /* _TRACKER_STORE_H_INCLUDED_ */
