
/*
 * The accounts that write, in this worker.  Of two writes that meet here, the
 * second is refused without a word to Redis.  Those of other workers and hosts
 * are seen by the lock in Redis.  Rule: API.md section 4.
 */


#ifndef _TRACKER_CLAIM_H_INCLUDED_
#define _TRACKER_CLAIM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "redis/ngx_redis.h"


#pragma GCC visibility push(hidden)


typedef struct {
    ngx_str_node_t  node;
    ngx_uint_t      held;             /* 1 or 0 */
} tracker_claim_t;


/*
 * Takes the account of this base on this server for claim, which is zeroed and
 * lives, as the bytes of base do, until it is dropped.  Returns NGX_OK, or
 * NGX_DECLINED: another claim has it.
 */
ngx_int_t tracker_claim_take(tracker_claim_t *claim, ngx_redis_t *redis,
    ngx_str_t *base);

/* Gives the account back, if claim has one. */
void tracker_claim_drop(tracker_claim_t *claim);


#pragma GCC visibility pop


#endif /* _TRACKER_CLAIM_H_INCLUDED_ */
