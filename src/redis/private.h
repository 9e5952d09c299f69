
/*
 * What the files of the client share.  Only they know hiredis.
 *
 * A server has lanes; a lane is at most one connection and the commands that
 * go through it.  The commands of one caller's flow (an account) are sent in
 * their order; flows take turns.  A command (op) is in one of four queues:
 *
 *     waiting   of its flow: not sent yet
 *     again     of the lane: to be sent again, or a release, ahead of those
 *     sent      of the lane, in the order in which hiredis will get the
 *               replies; one that nobody waits for any more (handler NULL)
 *               stays as a tombstone; of the last one arguments may still be
 *               missing (partial)
 *     failed    of the lane: its handler is to be called with op->status
 *
 * hiredis is called from socket events, the turn of a lane, timers and
 * ngx_redis_close() only, never from ngx_redis_submit() or ngx_redis_cancel():
 * these may run inside one of hiredis' callbacks.
 */


#ifndef _NGX_REDIS_PRIVATE_H_INCLUDED_
#define _NGX_REDIS_PRIVATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <hiredis/hiredis.h>
#include <hiredis/async.h>

#include "redis/ngx_redis.h"


#pragma GCC visibility push(hidden)


#define NGX_REDIS_LANES          2
#define NGX_REDIS_REFUSALS       24

/*
 * When a lane holds that much, sent or not, a flow that has more than its share
 * is refused: these limits divided by the flows there are, one command at
 * least.  With twice as much, all are.
 */
#define NGX_REDIS_MAX_COMMANDS   4096
#define NGX_REDIS_MAX_BYTES      (32 * 1024 * 1024)

/*
 * What Redis may owe: commands of a lane that are sent and not answered, their
 * replies' expected cost, and that of one flow's.  The cost of a reply is its
 * bytes, and NGX_REDIS_ELEMENT_COST for each element of an array.
 */
#define NGX_REDIS_MAX_UNANSWERED  64
#define NGX_REDIS_MAX_OWED        (32 * 1024 * 1024)
#define NGX_REDIS_FLOW_OWED       (1024 * 1024)
#define NGX_REDIS_ELEMENT_COST    1024

/* what is expected of a flow that has not had a reply yet */
#define NGX_REDIS_FIRST_COST      (NGX_REDIS_FLOW_OWED / 4)

/* with that much in hiredis' output buffer, the rest waits as it is */
#define NGX_REDIS_MAX_UNWRITTEN  (256 * 1024)

/* an urgent command keeps an exiting worker so long at most, in ms */
#define NGX_REDIS_EXIT_WAIT      1000

/* a command that lost that many connections may be what kills them */
#define NGX_REDIS_MAX_LOSSES     4

/* scripts a server may have: bits of ngx_redis_lane_t.load */
#define NGX_REDIS_MAX_SCRIPTS    32

/* a word that was not heard of for so long is logged again, ms */
#define NGX_REDIS_LOG_QUIET      60000

/* bytes of what Redis says that go to the log */
#define NGX_REDIS_LOG_LEN        200

/* elements of one array in a reply */
#define NGX_REDIS_MAX_ELEMENTS   (1024 * 1024)


/* redisReplyObjectFunctions changed its mind in 1.0 */

#if (HIREDIS_MAJOR < 1)
typedef int                      ngx_redis_elements_t;
#else
typedef size_t                   ngx_redis_elements_t;
#endif


typedef struct ngx_redis_lane_s  ngx_redis_lane_t;
typedef struct ngx_redis_flow_s  ngx_redis_flow_t;


/* an error reply by its first word: see the table in redis/error.c */

typedef struct {
    ngx_str_t              word;
    ngx_redis_status_e     status;
    unsigned               retry:1;    /* until the deadline */
    unsigned               load:1;     /* SCRIPT LOAD and once more */
    unsigned               full:1;     /* Redis hangs up after it */
    unsigned               moved:1;    /* another server may be the master */
    unsigned               maybe:1;    /* parts may have been executed */
} ngx_redis_refusal_t;


typedef struct {
    ngx_msec_t             seen;
    ngx_msec_t             logged;
    uint32_t               hash;
    unsigned               used:1;
} ngx_redis_refusal_log_t;


/* when a line that any client can cause was last logged */

typedef struct {
    ngx_msec_t             at;
    unsigned               used:1;
} ngx_redis_said_t;


typedef struct {
    char                  *host;       /* numeric, or the path of a socket */
    int                    port;       /* 0: a path */
    ngx_str_t              name;       /* for the log */
} ngx_redis_addr_t;


typedef enum {
    NGX_REDIS_DOWN = 0,
    NGX_REDIS_CONNECTING,
    NGX_REDIS_SETUP,                   /* AUTH and SELECT */
    NGX_REDIS_READY
} ngx_redis_state_e;


/* how a connection ended */

typedef enum {
    NGX_REDIS_LOST = 0,                /* refused, reset, closed, nonsense */
    NGX_REDIS_SILENT,                  /* no word in time */
    NGX_REDIS_DENIED,                  /* AUTH or SELECT failed */
    NGX_REDIS_CLOSED                   /* by us, not needed any more */
} ngx_redis_end_e;


typedef enum {
    NGX_REDIS_COMMAND = 0,             /* of a caller */
    NGX_REDIS_AUTH,
    NGX_REDIS_SELECT,
    NGX_REDIS_LOAD,
    NGX_REDIS_INFO
} ngx_redis_kind_e;


struct ngx_redis_op_s {
    ngx_queue_t            queue;
    ngx_event_t            timer;
    ngx_redis_lane_t      *lane;
    ngx_redis_flow_t      *flow;       /* NULL: a command of our own */
    ngx_redis_kind_e       kind;
    ngx_redis_command_t    cmd;
    ngx_redis_handler_pt   handler;
    void                  *data;
    size_t                 size;       /* as counted in lane->bytes */
    size_t                 owed;       /* as counted in lane->owed */
    ngx_msec_t             since;      /* when it was sent, or began to wait
                                          for that */
    ngx_uint_t             losses;     /* connections lost under it */
    ngx_uint_t             nsent;      /* of cmd.nmore */
    ngx_redis_status_e     status;     /* while in lane->failed */
    unsigned               sent:1;     /* in lane->sent */
    unsigned               suspect:1;  /* was alone on a connection that was
                                          lost */
    unsigned               renew:1;    /* the timer starts anew when sent */
    unsigned               loaded:1;   /* NOSCRIPT was answered in this
                                          wait */
    unsigned               held:1;     /* refused, to be sent again */
};


/* the commands of one caller in a lane, as long as there are any */

struct ngx_redis_flow_s {
    ngx_str_node_t         node;       /* in lane->flows */
    ngx_queue_t            queue;      /* in lane->turns, while queued */
    ngx_queue_t            waiting;
    ngx_uint_t             commands;   /* of this flow, sent or not */
    size_t                 bytes;
    ngx_uint_t             unanswered;
    size_t                 cost;       /* expected of a reply */
    unsigned               queued:1;
};


struct ngx_redis_lane_s {
    ngx_redis_t           *redis;
    ngx_redis_lane_e       id;

    redisAsyncContext     *ac;
    ngx_connection_t      *connection;
    ngx_redis_state_e      state;
    ngx_redis_kind_e       step;       /* of NGX_REDIS_SETUP */
    ngx_redis_end_e        end;        /* why we close it ourselves */

    ngx_rbtree_t           flows;
    ngx_rbtree_node_t      sentinel;
    ngx_uint_t             nflows;
    ngx_queue_t            turns;      /* flows that may send, in turn */

    ngx_queue_t            again;
    ngx_queue_t            sent;
    ngx_queue_t            failed;

    ngx_redis_op_t        *partial;    /* the last of sent, or NULL */

    ngx_event_t            turn;       /* posted: once in a turn of the loop */
    ngx_event_t            pause;      /* timer: end of backoff or hold */

    ngx_uint_t             live;       /* commands with a handler */
    ngx_uint_t             commands;   /* those and the tombstones */
    size_t                 bytes;
    ngx_uint_t             unanswered; /* in sent */
    size_t                 owed;       /* cost of their replies, expected */
    size_t                 cost;       /* of the reply that is being read */
    size_t                 unwritten;  /* in hiredis' output buffer */
    uint32_t               load;       /* scripts to load, a bit each */

    ngx_msec_t             heard;      /* last read, or start of connect */
    ngx_msec_t             patience;   /* the longest timeout of who waits, */
    ngx_msec_t             looked;     /* as it was at this time */

    ngx_redis_refusal_t   *refusal;    /* answers, but cannot serve yet */

    ngx_uint_t             addr;       /* the address in use */
    ngx_uint_t             tries;      /* addresses that failed so far */
    ngx_uint_t             failures;   /* in a row, without an answer */
    ngx_redis_status_e     status;     /* why we fail fast */
    ngx_msec_t             until;      /* as long as this */

    unsigned               backoff:1;  /* status and until are valid */
    unsigned               hold:1;     /* nothing is sent before the pause
                                          is over */
    unsigned               moved:1;    /* the hold is followed by a new
                                          connection */
    unsigned               spoken:1;   /* something was read on this
                                          connection */
    unsigned               answered:1; /* and it was an answer */
    unsigned               retried:1;  /* at once, and no answer yet */
    unsigned               alone:1;    /* a command that lost a connection is
                                          sent, and nothing with it */
    unsigned               broken:1;   /* inside a command that will never be
                                          whole: to be closed */
    unsigned               sending:1;  /* inside the turn */
    unsigned               flushing:1; /* inside redisAsyncHandleWrite() */
};


struct ngx_redis_s {
    ngx_redis_conf_t       conf;
    ngx_redis_addr_t      *addrs;
    ngx_uint_t             naddrs;

    ngx_redis_lane_t       lanes[NGX_REDIS_LANES];

    ngx_redis_refusal_log_t  refusals[NGX_REDIS_REFUSALS];

    ngx_redis_said_t       lost;       /* an outage */
    ngx_redis_said_t       full;       /* a flow was refused */
    ngx_redis_said_t       hangup;     /* a command was, that ends
                                          connections */

    unsigned               outage:1;   /* not over yet */
    unsigned               said:1;     /* and logged as an error */
    unsigned               evicts:1;   /* warned of maxmemory-policy */
    unsigned               forgets:1;  /* warned of appendonly */
    unsigned               shutdown:1; /* worker_shutdown_timeout is over */
    unsigned               closed:1;
};


/* redis/client.c: commands */

void ngx_redis_op_arm(ngx_redis_op_t *op);
void ngx_redis_op_finish(ngx_redis_op_t *op, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
void ngx_redis_op_fail(ngx_redis_op_t *op, ngx_redis_status_e status);
void ngx_redis_op_abandon(ngx_redis_op_t *op);
void ngx_redis_op_free(ngx_redis_op_t *op);
void ngx_redis_op_drop(ngx_redis_op_t *op);
void ngx_redis_reply_view(redisReply *r, ngx_redis_reply_t *reply);
void ngx_redis_close_server(void *data);


/* redis/queue.c: which command is sent next */

void ngx_redis_queue_init(ngx_redis_lane_t *lane);

/* Puts a new command into its flow; NGX_OK or NGX_ERROR, no memory. */
ngx_int_t ngx_redis_queue_join(ngx_redis_op_t *op);

/* The command is to be freed: it was in a flow, and is in no queue. */
void ngx_redis_queue_leave(ngx_redis_op_t *op);

/*
 * NGX_REDIS_OK; NGX_REDIS_CROWDED when the lane is full and the flow of op has
 * more than its share of it; NGX_REDIS_UNAVAILABLE when it is full all the
 * same.
 */
ngx_redis_status_e ngx_redis_queue_check(ngx_redis_op_t *op);

/* Takes a command that is not sent out of its queue. */
void ngx_redis_queue_remove(ngx_redis_op_t *op);

/*
 * Takes out the command to be sent next.  Returns NULL when none waits, or
 * what waits must not be sent before something was answered.
 */
ngx_redis_op_t *ngx_redis_queue_next(ngx_redis_lane_t *lane);

/* 1: a command waits to be sent, now or when something was answered; else 0 */
ngx_uint_t ngx_redis_queue_waits(ngx_redis_lane_t *lane);

/* op is sent, or some of it: to the end of lane->sent. */
void ngx_redis_queue_sent(ngx_redis_op_t *op);

/* op was answered, at this cost, or lost (0): out of lane->sent. */
void ngx_redis_queue_answered(ngx_redis_op_t *op, size_t cost);

/* Calls visit for each command that waits; it may take that one out. */
void ngx_redis_queue_each(ngx_redis_lane_t *lane,
    void (*visit)(ngx_redis_op_t *op, void *data), void *data);


/* redis/lane.c */

void ngx_redis_lane_init(ngx_redis_lane_t *lane, ngx_redis_t *redis,
    ngx_redis_lane_e id);
void ngx_redis_lane_post(ngx_redis_lane_t *lane);
ngx_uint_t ngx_redis_lane_dead(ngx_redis_lane_t *lane);
void ngx_redis_lane_hold(ngx_redis_lane_t *lane, ngx_redis_refusal_t *refusal);

/* No connection can be made now: the next address, or after the last a hold. */
void ngx_redis_lane_busy(ngx_redis_lane_t *lane);
void ngx_redis_lane_settle(ngx_redis_lane_t *lane);
void ngx_redis_lane_shutdown(ngx_redis_lane_t *lane);


/* redis/loss.c */

/*
 * Ends the connection.  ngx_redis_lane_lost() has run when this returns, or,
 * inside a callback of hiredis, runs after the callback has returned.
 */
void ngx_redis_lane_close(ngx_redis_lane_t *lane, ngx_redis_end_e end);

/* The same where Redis hangs up: to connect at once would be no use. */
void ngx_redis_lane_refused(ngx_redis_lane_t *lane);

/* The books after the end of a connection; calls no handler. */
void ngx_redis_lane_lost(ngx_redis_lane_t *lane, const char *why);

/* Something was answered: the next loss is the first one. */
void ngx_redis_lane_alive(ngx_redis_lane_t *lane);

/* Fails what waits and need not; calls no handler. */
void ngx_redis_lane_fail(ngx_redis_lane_t *lane, ngx_redis_status_e status);


/* redis/send.c */

/*
 * Hands what waits to hiredis: scripts to be loaded, then commands, as long as
 * less than NGX_REDIS_MAX_UNWRITTEN waits to be written.  They are in
 * lane->sent; of the last one arguments may be left for the next call.
 * Returns NGX_OK; NGX_AGAIN when more is to be sent after a write; or
 * NGX_ERROR (no memory), and then the connection must be closed: part of a
 * command may be out.
 */
ngx_int_t ngx_redis_send_waiting(ngx_redis_lane_t *lane);

ngx_int_t ngx_redis_send_own(ngx_redis_lane_t *lane, ngx_redis_kind_e kind,
    ngx_str_t *argv, ngx_uint_t argc);
void ngx_redis_reply_handler(redisAsyncContext *ac, void *r, void *data);


/* redis/connect.c */

/* NGX_ERROR: ngx_redis_lane_lost() was called. */
ngx_int_t ngx_redis_connect(ngx_redis_lane_t *lane);
ngx_int_t ngx_redis_setup(ngx_redis_lane_t *lane);
void ngx_redis_setup_reply(ngx_redis_lane_t *lane, ngx_redis_kind_e kind,
    redisReply *r);


/* redis/error.c */

/* a server that cannot take a connection now, as if it had said so */
extern ngx_redis_refusal_t  ngx_redis_busy;

ngx_redis_refusal_t *ngx_redis_refusal(redisReply *r);

/* 1: what was said has not been said for the last quiet ms, and is now */
ngx_uint_t ngx_redis_log_due(ngx_redis_said_t *said, ngx_msec_t quiet);

/* Makes text the printable beginning of itself, in buf (NGX_REDIS_LOG_LEN). */
void ngx_redis_printable(ngx_str_t *text, u_char *buf);
void ngx_redis_log_refusal(ngx_redis_t *redis, ngx_redis_refusal_t *refusal,
    redisReply *r, const char *action);
void ngx_redis_log_outage(ngx_redis_lane_t *lane, const char *what,
    const char *why);
void ngx_redis_log_recovery(ngx_redis_lane_t *lane);


/* redis/event.c */

/* Puts the socket of lane->ac on nginx's event loop. */
ngx_int_t ngx_redis_event_attach(ngx_redis_lane_t *lane);
void ngx_redis_event_flush(ngx_redis_lane_t *lane);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_PRIVATE_H_INCLUDED_ */
