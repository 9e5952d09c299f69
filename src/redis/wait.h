
/*
 * Writes that are answered when replicas have them too (ngx_redis_wait_conf_t).
 * The writes of a turn are followed by one WAIT on their connection; what Redis
 * answers to them is held until it has answered that.  One WAIT at a time is
 * under way: what is written meanwhile shares the next one.
 *
 * Redis serves no command of a connection during its WAIT.  Reads have a
 * connection of their own therefore.
 */


#ifndef _NGX_REDIS_WAIT_H_INCLUDED_
#define _NGX_REDIS_WAIT_H_INCLUDED_


#include "redis/conn.h"
#include "redis/op.h"


#pragma GCC visibility push(hidden)


/* of a lane */

typedef struct {
    ngx_queue_t            held;       /* commands that were answered; their
                                          WAIT was not */
    unsigned               wanted:1;   /* a write was sent since the last one */
    unsigned               asked:1;    /* one is under way */
} ngx_redis_wait_t;


/* Configuration time. */
void ngx_redis_wait_init(ngx_redis_wait_t *wait);

/* op is sent, or some of it. */
void ngx_redis_wait_note(ngx_redis_lane_t *lane, ngx_redis_op_t *op);

/*
 * The end of what is sent in a turn: WAIT, if it is wanted and may be sent now.
 * Returns NGX_OK, or NGX_ERROR (no memory), and then the connection must be
 * closed.
 */
ngx_int_t ngx_redis_wait_send(ngx_redis_lane_t *lane);

/*
 * r answers op, which is in no queue.  Returns 1 if both were taken until WAIT
 * is answered; or 0: the command needs none.
 */
ngx_uint_t ngx_redis_wait_hold(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    redisReply *r);

/*
 * Takes out a command that is held, with its reply, or returns NULL: there is
 * none.
 */
ngx_redis_op_t *ngx_redis_wait_take(ngx_redis_wait_t *wait);

/* Ends the commands that are held: with their replies if status is OK. */
void ngx_redis_wait_end(ngx_redis_lane_t *lane, ngx_redis_status_e status);

/* The connection is lost, and with it WAIT. */
void ngx_redis_wait_lost(ngx_redis_wait_t *wait);

/* The waited handler of a connection (redis/conn.h); data is its lane. */
void ngx_redis_waited(void *data, redisReply *r);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_WAIT_H_INCLUDED_ */
