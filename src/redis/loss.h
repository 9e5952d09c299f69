
/*
 * What the end of a lane's connection means for its commands.
 */


#ifndef _NGX_REDIS_LOSS_H_INCLUDED_
#define _NGX_REDIS_LOSS_H_INCLUDED_


#include "redis/lane.h"


#pragma GCC visibility push(hidden)


/* The lost handler of a connection (redis/conn.h); data is its lane. */
void ngx_redis_lost(void *data, ngx_redis_end_e end, ngx_redis_state_e state,
    const char *why);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_LOSS_H_INCLUDED_ */
