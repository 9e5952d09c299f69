
/*
 * The life of one command of a caller: what it asks for, its timer, its result.
 * It is in one queue of redis/queue.h at a time.
 */


#ifndef _NGX_REDIS_OP_H_INCLUDED_
#define _NGX_REDIS_OP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <hiredis/hiredis.h>

#include "redis/error.h"


#pragma GCC visibility push(hidden)


/* what an exiting worker waits for at most, in ms: a release, or what was left
   to itself */
#define NGX_REDIS_EXIT_WAIT      1000


typedef struct ngx_redis_lane_s  ngx_redis_lane_t;
typedef struct ngx_redis_flow_s  ngx_redis_flow_t;


typedef enum {
    NGX_REDIS_OP_WAITING = 0,          /* to be sent, or sent again */
    NGX_REDIS_OP_HELD,                 /* not to be sent again yet */
    NGX_REDIS_OP_SENT,                 /* or partly so */
    NGX_REDIS_OP_ANSWERED,             /* replicas may not have it yet */
    NGX_REDIS_OP_FAILED                /* its handler is to be called */
} ngx_redis_op_state_e;


/* of a command that is held */

typedef struct {
    ngx_msec_t             pause;      /* the last one */
    ngx_msec_t             until;      /* its end */
} ngx_redis_hold_t;


/* of a command in a cluster */

typedef struct {
    ngx_uint_t             hops;       /* from one node to another */
    ngx_uint_t             asking;     /* 1: its node may serve it though the
                                          slot is not its own yet */
} ngx_redis_way_t;


struct ngx_redis_op_s {
    ngx_queue_t            queue;
    ngx_event_t            timer;
    ngx_redis_lane_t      *lane;
    ngx_redis_flow_t      *flow;
    ngx_redis_command_t    cmd;
    ngx_redis_handler_pt   handler;    /* NULL: nobody waits any more */
    void                  *data;
    ngx_redis_op_state_e   state;
    ngx_redis_status_e     status;     /* of NGX_REDIS_OP_FAILED */
    ngx_redis_refusal_t   *refusal;    /* why it waits to be sent again, or
                                          NULL */
    ngx_str_t              error;      /* of its lead, or a command of its
                                          transaction, on the heap; or empty */
    redisReply            *reply;      /* of NGX_REDIS_OP_ANSWERED, or NULL */
    size_t                 size;       /* about what it takes on the wire */
    size_t                 owed;       /* expected cost of its reply */
    ngx_redis_hold_t       hold;
    ngx_msec_t             since;      /* start of the wait in progress */
    ngx_uint_t             losses;     /* connections lost under it */
    ngx_uint_t             nsent;      /* of cmd.nmore */
    ngx_redis_way_t        way;
    unsigned               suspect:1;  /* was alone on a connection that was
                                          lost */
    unsigned               lone:1;     /* lost, and not answered since */
    unsigned               renew:1;    /* the timer starts anew when sent */
    unsigned               loaded:1;   /* NOSCRIPT was answered in this
                                          wait */
    unsigned               led:1;      /* its lead was executed, at least
                                          once */
};


/*
 * Returns a command on the heap with its own copy of cmd, in no queue and
 * without a timer, or NULL: no memory.
 */
ngx_redis_op_t *ngx_redis_op_create(ngx_redis_command_t *cmd,
    ngx_redis_handler_pt handler, void *data);

/* Begins a wait: op->timer expires at its timeout or its deadline. */
void ngx_redis_op_arm(ngx_redis_op_t *op);

/* op->timer has expired: 1 if the wait goes on, with a new timer, else 0. */
ngx_uint_t ngx_redis_op_continue(ngx_redis_op_t *op);

/* Returns 1 if op is not to be waited for again: the worker exits; else 0. */
ngx_uint_t ngx_redis_op_ends(ngx_redis_op_t *op);

/* Returns 1 once the deadline is over, else 0. */
ngx_uint_t ngx_redis_op_late(ngx_redis_op_t *op);

/* Stops the timer, if it runs. */
void ngx_redis_op_disarm(ngx_redis_op_t *op);

/* r, which is no error, answers the lead of op. */
void ngx_redis_op_lead(ngx_redis_op_t *op, void *r);

/*
 * Keeps an error reply of len bytes to the lead; or to a command of the
 * transaction, the first one only: that of EXEC does not say why.
 */
void ngx_redis_op_set_error(ngx_redis_op_t *op, const char *error, size_t len);

/* Forgets it: the command is sent again. */
void ngx_redis_op_clear_error(ngx_redis_op_t *op);

/* Forgets the reply, if there is one: the command is sent again. */
void ngx_redis_op_clear_reply(ngx_redis_op_t *op);

/* Frees op, which is in no queue, its timer, error and reply. */
void ngx_redis_op_free(ngx_redis_op_t *op);

/* The same, then calls the handler with the result; r is NULL, or the reply. */
void ngx_redis_op_finish(ngx_redis_op_t *op, ngx_redis_status_e status,
    void *r, ngx_uint_t maybe);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_OP_H_INCLUDED_ */
