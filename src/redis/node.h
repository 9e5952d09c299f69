
/*
 * One server: it takes commands, and calls their handlers with the result.
 */


#ifndef _NGX_REDIS_NODE_H_INCLUDED_
#define _NGX_REDIS_NODE_H_INCLUDED_


#include "redis/lane.h"


#pragma GCC visibility push(hidden)


/* Configuration time; conf, addrs, naddrs and tls are set by the caller. */
void ngx_redis_node_init(ngx_redis_node_t *node);

/* Takes op; NGX_OK, or NGX_ERROR: no memory, op is still the caller's. */
ngx_int_t ngx_redis_node_submit(ngx_redis_node_t *node, ngx_redis_op_t *op);

/*
 * Takes op, which is in no queue, from the lane that it came to, without a
 * question of room; pause: 1 if it is to wait before it is sent, else 0.
 */
void ngx_redis_node_take(ngx_redis_node_t *node, ngx_redis_op_t *op,
    ngx_uint_t pause);

/*
 * The node is none of the masters any more: closes connections on which an
 * answer is owed and nothing has come for a second.  Returns 1 if there was
 * one, what was sent there waits to be sent again; else 0.
 */
ngx_uint_t ngx_redis_node_leave(ngx_redis_node_t *node);

/* Returns 1 while there are commands, sent or not, else 0. */
ngx_uint_t ngx_redis_node_busy(ngx_redis_node_t *node);

/*
 * The server is at another address now: connections to the old one are closed,
 * though they may work, and what was sent there is sent again.
 */
void ngx_redis_node_relocate(ngx_redis_node_t *node);

/* Closes all connections; what is pending is freed, no handler is called. */
void ngx_redis_node_close(ngx_redis_node_t *node);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_NODE_H_INCLUDED_ */
