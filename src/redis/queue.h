
/*
 * The commands of one connection, and which of them is sent next.  The
 * commands of one flow (an account) are sent in their order; flows take turns.
 * A command is in one of:
 *
 *     waiting   of its flow: not sent yet
 *     again     to be sent again, or a release, ahead of those
 *     held      to be sent again after a pause of its own
 *     sent      in the order of the replies; one that nobody waits for any
 *               more (handler NULL) stays as a tombstone; what is answered
 *               then may be held by redis/wait.h
 *     failed    its handler is to be called with op->status
 */


#ifndef _NGX_REDIS_QUEUE_H_INCLUDED_
#define _NGX_REDIS_QUEUE_H_INCLUDED_


#include "redis/op.h"


#pragma GCC visibility push(hidden)


typedef struct {
    ngx_rbtree_t           flows;
    ngx_rbtree_node_t      sentinel;
    ngx_uint_t             nflows;
    ngx_queue_t            turns;      /* flows that may send, in turn */

    ngx_queue_t            again;
    ngx_queue_t            held;
    ngx_queue_t            sent;
    ngx_queue_t            failed;

    ngx_uint_t             commands;   /* in all queues */
    size_t                 bytes;      /* and their size */
    size_t                 owed;       /* cost of replies, expected */
    ngx_uint_t             alone;      /* a lone command is sent, and nothing
                                          with it */
} ngx_redis_queue_t;


typedef void (*ngx_redis_visit_pt)(ngx_redis_op_t *op, void *data);


/* Configuration time. */
void ngx_redis_queue_init(ngx_redis_queue_t *queue);

/* Puts a new command into its flow; NGX_OK or NGX_ERROR, no memory. */
ngx_int_t ngx_redis_queue_join(ngx_redis_queue_t *queue, ngx_redis_op_t *op);

/* The command is to be freed: it is in no queue any more. */
void ngx_redis_queue_leave(ngx_redis_queue_t *queue, ngx_redis_op_t *op);

/*
 * Returns NGX_REDIS_OK; NGX_REDIS_CROWDED if too much is queued and the flow of
 * op has more than its share of it; NGX_REDIS_UNAVAILABLE if too much is queued
 * all the same.
 */
ngx_redis_status_e ngx_redis_queue_check(ngx_redis_queue_t *queue,
    ngx_redis_op_t *op);

/* Takes a command that is not sent out of its queue. */
void ngx_redis_queue_remove(ngx_redis_queue_t *queue, ngx_redis_op_t *op);

/*
 * Takes out the command to be sent next; unanswered commands are under way.
 * Returns NULL when none waits, or what waits must not be sent before
 * something was answered.
 */
ngx_redis_op_t *ngx_redis_queue_next(ngx_redis_queue_t *queue,
    ngx_uint_t unanswered);

/* 1: a command waits to be sent, now or when something was answered; else 0 */
ngx_uint_t ngx_redis_queue_waits(ngx_redis_queue_t *queue);

/* op is sent, or some of it: to the end of queue->sent. */
void ngx_redis_queue_sent(ngx_redis_queue_t *queue, ngx_redis_op_t *op);

/* op was answered, at this cost, or lost (0): out of queue->sent. */
void ngx_redis_queue_answered(ngx_redis_queue_t *queue, ngx_redis_op_t *op,
    size_t cost);

/* op, in no queue, is to be sent again. */
void ngx_redis_queue_again(ngx_redis_queue_t *queue, ngx_redis_op_t *op);

/* op, in no queue, is to be sent again after its pause. */
void ngx_redis_queue_hold(ngx_redis_queue_t *queue, ngx_redis_op_t *op);

/*
 * Lets those be sent whose pause is over.  Returns 1 while others are held,
 * else 0.
 */
ngx_uint_t ngx_redis_queue_resume(ngx_redis_queue_t *queue);

/* Moves op, not sent, to queue->failed with this status. */
void ngx_redis_queue_fail(ngx_redis_queue_t *queue, ngx_redis_op_t *op,
    ngx_redis_status_e status);

/* Calls visit for each command that waits; it may take that one out. */
void ngx_redis_queue_each(ngx_redis_queue_t *queue, ngx_redis_visit_pt visit,
    void *data);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_QUEUE_H_INCLUDED_ */
