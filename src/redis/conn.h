
/*
 * One connection to Redis: connect, its setup (redis/setup.h), then commands of
 * its owner.  It knows nothing of what waits to be sent; it
 * reports by ngx_redis_conn_handlers_t.
 *
 * The owner corks conn->stream around what it sends in a turn of the loop.
 */


#ifndef _NGX_REDIS_CONN_H_INCLUDED_
#define _NGX_REDIS_CONN_H_INCLUDED_


#include "redis/error.h"
#include "redis/lookup.h"
#include "redis/wire.h"


#pragma GCC visibility push(hidden)


/* what each element of an array adds to the cost of a reply, in bytes */
#define NGX_REDIS_ELEMENT_COST   1024


typedef enum {
    NGX_REDIS_DOWN = 0,
    NGX_REDIS_CONNECTING,              /* or its name is looked up */
    NGX_REDIS_SETUP,                   /* AUTH, SELECT and ROLE */
    NGX_REDIS_READY
} ngx_redis_state_e;


typedef struct {

    /*
     * Commands may be sent: the connection is ready, its socket took bytes, or
     * Redis answered a command of the setup.
     */
    void       (*ready)(void *data);

    /*
     * AUTH, SELECT or ROLE cannot be served yet, or it is a replica: call
     * ngx_redis_setup() later
     */
    void       (*refused)(void *data, ngx_redis_refusal_t *refusal);

    /*
     * r answers command, and is gone when this returns.  cost: its bytes, and
     * NGX_REDIS_ELEMENT_COST for each element of an array.
     */
    void       (*reply)(void *data, void *command, redisReply *r, size_t cost);

    /* r answers a command of the transaction that command is, before EXEC */
    void       (*queued)(void *data, void *command, redisReply *r);

    /* r answers WAIT */
    void       (*waited)(void *data, redisReply *r);

    /* 0: nobody waits for the reply to command, its text need not be copied */
    ngx_uint_t (*wanted)(void *command);

    /*
     * The connection has ended, or was not made, in this state; commands that
     * were sent on it get no reply any more.  why: text for the log, or empty.
     */
    void       (*lost)(void *data, ngx_redis_end_e end,
                       ngx_redis_state_e state, const char *why);

    /* an exiting worker closes its idle connections, or all of them */
    void       (*shutdown)(void *data);
} ngx_redis_conn_handlers_t;


/* what a reply answers, and which handler gets it */

typedef enum {
    NGX_REDIS_ANSWERS_COMMAND = 0,     /* reply */
    NGX_REDIS_ANSWERS_PART,            /* of a transaction before EXEC:
                                          queued */
    NGX_REDIS_ANSWERS_WAIT             /* waited */
} ngx_redis_answers_e;


typedef struct ngx_redis_step_s  ngx_redis_step_t;


typedef struct {
    ngx_redis_stream_t     stream;
    ngx_redis_conf_t      *conf;
    ngx_redis_log_t       *log;
    ngx_redis_addr_t      *addr;       /* connected to, or last tried */
    ngx_redis_lookup_t     lookup;     /* of addr, before the socket is */
    ngx_redis_state_e      state;
    ngx_redis_step_t      *step;       /* of NGX_REDIS_SETUP */
    redisCallbackFn       *own;        /* gets replies to our own commands */
    size_t                 cost;       /* of the reply that is being read */
    uint32_t               load;       /* scripts to load, a bit each */
    unsigned               info:1;     /* INFO is asked for */

    ngx_redis_conn_handlers_t  *handlers;
    void                       *data;  /* of the handlers */
} ngx_redis_conn_t;


/* Configuration time; the rest of conn is the caller's to set. */
void ngx_redis_conn_init(ngx_redis_conn_t *conn);

/* Connects to addr; the lost handler may be called before this returns. */
void ngx_redis_connect(ngx_redis_conn_t *conn, ngx_redis_addr_t *addr);

/* As ngx_redis_stream_close(); also while the name of addr is looked up. */
void ngx_redis_conn_close(ngx_redis_conn_t *conn, ngx_redis_end_e end);

/*
 * Begins a command of the owner in w, of n arguments: see redis/wire.h.
 */
void ngx_redis_conn_begin(ngx_redis_conn_t *conn, ngx_redis_writer_t *w,
    void *command, ngx_uint_t n, ngx_redis_answers_e answers);

/*
 * For the reply handler: r, the one that it was called with, outlives it.  The
 * caller frees it by freeReplyObject().
 */
void ngx_redis_conn_keep(redisReply *r);

/* Logs that Redis sent an unexpected reply, and closes. */
void ngx_redis_conn_surplus(ngx_redis_conn_t *conn);

/*
 * Returns for how many ms nothing was read while a reply, or the connection
 * itself, is waited for; 0 if none is.
 */
ngx_msec_t ngx_redis_conn_silence(ngx_redis_conn_t *conn);

/* Returns 1 if that is half of timeout ms or more, else 0. */
ngx_uint_t ngx_redis_conn_dead(ngx_redis_conn_t *conn, ngx_msec_t timeout);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_CONN_H_INCLUDED_ */
