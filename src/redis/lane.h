
/*
 * A node is one server and its addresses; it has lanes: a lane is at most one
 * connection, and the commands that go through it.
 *
 * A connection is written to, closed and made in the turn of its lane, events
 * of its socket and timers, never in ngx_redis_submit() or ngx_redis_cancel():
 * these may run inside one of hiredis' callbacks.
 */


#ifndef _NGX_REDIS_LANE_H_INCLUDED_
#define _NGX_REDIS_LANE_H_INCLUDED_


#include "redis/conn.h"
#include "redis/queue.h"
#include "redis/wait.h"


#pragma GCC visibility push(hidden)


/* how often held commands are looked through, ms */
#define NGX_REDIS_HELD_TICK  10


typedef struct ngx_redis_node_s  ngx_redis_node_t;


/* why nothing is sent, or no connection made, before the pause is over */

typedef enum {
    NGX_REDIS_PAUSE_NONE = 0,
    NGX_REDIS_PAUSE_BACKOFF,           /* Redis is away; new commands fail */
    NGX_REDIS_PAUSE_HOLD,              /* Redis cannot serve yet */
    NGX_REDIS_PAUSE_DEMOTED            /* it is a replica: a new connection
                                          follows */
} ngx_redis_pause_e;


struct ngx_redis_lane_s {
    ngx_redis_node_t      *node;
    ngx_redis_conn_t       conn;
    ngx_redis_queue_t      queue;
    ngx_redis_wait_t       wait;

    ngx_event_t            turn;       /* posted: once in a turn of the loop */
    ngx_event_t            held;       /* timer: while commands are held */
    ngx_event_t            pause;      /* timer: end of backoff or hold */
    ngx_redis_pause_e      paused;
    ngx_redis_status_e     status;     /* of those that fail in a backoff */
    ngx_msec_t             until;      /* its end */

    ngx_redis_op_t        *partial;    /* the last of queue.sent, while
                                          arguments are missing; or NULL */
    ngx_uint_t             live;       /* commands with a handler */
    ngx_redis_refusal_t   *refusal;    /* Redis answers, but cannot serve yet */

    ngx_redis_load_t       load;       /* as it was counted last */

    ngx_msec_t             max_timeout;     /* of live commands, as it was */
    ngx_msec_t             max_timeout_at;  /* at this time */

    ngx_msec_t             moved;      /* when it was last to leave a server
                                          that refuses writes */
    ngx_uint_t             addr;       /* the address in use */
    ngx_uint_t             tries;      /* addresses that failed so far */
    ngx_uint_t             failures;   /* in a row, without an answer */

    unsigned               answered:1; /* a command was, on this connection */
    unsigned               retried:1;  /* at once, and no answer yet */
    unsigned               broken:1;   /* inside a command that will never be
                                          whole: to be closed */
};


typedef enum {
    NGX_REDIS_RUNNING = 0,
    NGX_REDIS_STOPPING,                /* worker_shutdown_timeout is over */
    NGX_REDIS_STOPPED
} ngx_redis_stage_e;


struct ngx_redis_node_s {
    ngx_redis_conf_t       conf;
    ngx_redis_addr_t      *addrs;      /* its own: with sessions of TLS */
    ngx_uint_t             naddrs;
    ngx_redis_tls_t       *tls;        /* NULL: none */
    ngx_redis_lane_t       lanes[NGX_REDIS_LANES];
    ngx_redis_log_t        log;
    ngx_redis_stage_e      stage;

    /*
     * Tells that another server may be the master by now, or that addrs is not
     * known yet; NULL: it is always this one
     */
    void                 (*doubt)(void *data);

    /*
     * op, in no queue, was refused in these words.  Returns 1 if it has been
     * taken over, else 0.  NULL: there is nobody else
     */
    ngx_uint_t           (*redirect)(void *data, ngx_redis_op_t *op,
                                     ngx_redis_refusal_t *refusal,
                                     const char *error, size_t len);
    void                  *data;       /* of both */
    ngx_msec_t             lost;       /* of absent: since when */
    ngx_msec_t             down_since; /* of down */
    ngx_msec_t             down_last;  /* when it was said last */
    ngx_event_t            owing;      /* timer: while answers are owed */

    unsigned               absent:1;   /* there is no master */
    unsigned               silent:1;   /* an answer is owed for too long */
    unsigned               down:1;     /* says that the cluster is */
    unsigned               down_write:1;   /* to a write, at least */
    unsigned               placeless:1;    /* addrs is not known yet */
};


/* The address that the lane uses or will try next, for the log. */
#define ngx_redis_lane_addr(lane)                                             \
    (&(lane)->node->addrs[(lane)->addr].name)

/* Returns 1 if cmd writes nothing, nor takes a lock ahead of it, else 0. */
#define ngx_redis_only_reads(cmd)                                             \
    ((cmd)->read && ((cmd)->lead == NULL || (cmd)->lead->read))

/* Another server is to be asked, where there is one. */
#define ngx_redis_node_away(node)                                             \
    ((node)->absent || (node)->silent)

/* The server is perhaps not the master any more: its owner finds out. */
#define ngx_redis_lane_doubt(lane)                                            \
    if ((lane)->node->doubt) {                                                \
        (lane)->node->doubt((lane)->node->data);                              \
    }

/* Returns 1 if a command is under way, or its WAIT, else 0. */
#define ngx_redis_lane_busy(lane)                                             \
    (!ngx_queue_empty(&(lane)->queue.sent)                                    \
     || !ngx_queue_empty(&(lane)->wait.held))

/* The turn of the lane comes after the events of this turn of the loop. */
void ngx_redis_lane_post(ngx_redis_lane_t *lane);

/* The address after the one in use is tried next. */
void ngx_redis_lane_next_addr(ngx_redis_lane_t *lane);

/* Nothing is sent for a while: Redis answers, but cannot serve yet. */
void ngx_redis_lane_hold(ngx_redis_lane_t *lane, ngx_redis_refusal_t *refusal);

/*
 * op, in no queue, was refused: it waits by itself before it is sent again.
 * Where another server may take it, the connection is left for a new one.
 */
void ngx_redis_lane_hold_op(ngx_redis_lane_t *lane, ngx_redis_op_t *op);

/* op, in no queue, waits by itself before it is sent. */
void ngx_redis_lane_delay(ngx_redis_lane_t *lane, ngx_redis_op_t *op);

/*
 * The server is not there.  Where another one may take its place, commands wait
 * for it until their time for that is over, and 1 is returned; else 0.
 */
ngx_uint_t ngx_redis_lane_await(ngx_redis_lane_t *lane);

/* Something was answered: leaves a replica at once if that was the last. */
void ngx_redis_lane_drained(ngx_redis_lane_t *lane);

/* Something was answered: the next loss is the first one. */
void ngx_redis_lane_alive(ngx_redis_lane_t *lane);

/* Returns 1 if the connection is, see ngx_redis_conn_dead(), else 0. */
ngx_uint_t ngx_redis_lane_dead(ngx_redis_lane_t *lane);

/*
 * Fails what waits and may fail; calls no handler.  A release waits, and what
 * was lost with a connection: only when it is sent again one can say what
 * became of it; and what Redis was not able to serve yet.  They end by their
 * own timers, or here when Redis denies us; the latter two also when
 * worker_shutdown_timeout is over.
 */
void ngx_redis_lane_fail(ngx_redis_lane_t *lane, ngx_redis_status_e status);

/* Calls the handlers of what has failed. */
void ngx_redis_lane_deliver(ngx_redis_lane_t *lane);

/* Returns 1 if op, or its lead, may have been executed; else 0. */
ngx_uint_t ngx_redis_lane_maybe(ngx_redis_op_t *op);

/* Gives op, which is in no queue, its result; r is NULL, or the reply. */
void ngx_redis_lane_finish(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    ngx_redis_status_e status, redisReply *r, ngx_uint_t maybe);

/* Nobody waits any more for op: it goes, or stays as a tombstone. */
void ngx_redis_lane_abandon(ngx_redis_lane_t *lane, ngx_redis_op_t *op);

/* Frees op, which is in no queue. */
void ngx_redis_lane_free(ngx_redis_lane_t *lane, ngx_redis_op_t *op);

/* Something has ended: closes a connection that is not needed any more. */
void ngx_redis_lane_settle(ngx_redis_lane_t *lane);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_LANE_H_INCLUDED_ */
