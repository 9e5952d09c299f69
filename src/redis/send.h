
/*
 * What a lane sends in its turn.
 */


#ifndef _NGX_REDIS_SEND_H_INCLUDED_
#define _NGX_REDIS_SEND_H_INCLUDED_


#include "redis/lane.h"


#pragma GCC visibility push(hidden)


/*
 * Hands what waits to the connection: scripts to be loaded, then commands, as
 * long as less than NGX_REDIS_MAX_UNWRITTEN waits to be written.  They are in
 * queue.sent; of the last one arguments may be left for the next call.  WAIT
 * follows the writes.
 * Returns NGX_OK; NGX_AGAIN when more is to be sent after a write; or
 * NGX_ERROR (no memory), and then the connection must be closed.
 */
ngx_int_t ngx_redis_send_waiting(ngx_redis_lane_t *lane);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_SEND_H_INCLUDED_ */
