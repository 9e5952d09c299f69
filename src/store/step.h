
/*
 * A step of a txn, for the other files of the store: a command with its
 * arguments, and the function that says what the reply means.
 */


#ifndef _TRACKER_STEP_H_INCLUDED_
#define _TRACKER_STEP_H_INCLUDED_


#include "store/claim.h"
#include "store/keys.h"
#include "store/scripts.h"
#include "store/txn.h"


#pragma GCC visibility push(hidden)


#define TRACKER_TOKEN_LEN    32      /* of a lock, hex digits */

/* most arguments of a command, besides those of a create's trackers */
#define TRACKER_STEP_ARGS    24

/* bytes of records after which a stretch of a list ends */
#define TRACKER_STRETCH_BYTES  262144

/* a lock, and a tombstone, outlive a request's deadline by this, in ms */
#define TRACKER_LOCK_MARGIN  5000


typedef struct tracker_txn_ctx_s  tracker_txn_ctx_t;
typedef struct tracker_listed_s   tracker_listed_t;
typedef struct tracker_imported_s  tracker_imported_t;

/*
 * Reads a reply, which is valid until the function returns; maybe is that of
 * ngx_redis_handler_pt.  Returns the outcome of the step; or 0 where there is
 * nothing to answer yet, and then it may set txn.again.  The owner may have
 * closed the txn.
 */
typedef tracker_outcome_e (*tracker_reply_pt)(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);


/* what is created: arguments that are made while the command is sent */

typedef struct {
    tracker_set_t           *set;       /* NULL: closed, or no create */
    char                    *ids;       /* one after the other */
    tracker_str_t           *names;
    tracker_str_t           *records;
    size_t                   n;         /* of each of these */
    ngx_str_t               *args;      /* name base, id base, values */
    size_t                   nvalues;   /* of create.lua, between the keys and
                                           the records */
    ngx_uint_t               failed;    /* 1: Redis has refused the write */
} tracker_create_t;


/* a job of a conversation: the arguments that are sent in the same way */

typedef struct {
    ngx_str_t               *args;      /* texts, then pieces of messages */
    size_t                   n;
    size_t                   size;      /* bytes of all */
    ngx_redis_eval_t        *alone;     /* the arguments ahead of them, of one
                                           script; NULL: closed, or it is one */
    ngx_str_t                stage;     /* the key that they are written to
                                           until all are there */
    size_t                   staged;    /* pieces that are there */
} tracker_job_args_t;


struct tracker_txn_ctx_s {
    tracker_txn_t            txn;       /* first: what the owner sees */

    tracker_store_t         *store;
    tracker_txn_handler_pt   handler;
    ngx_msec_t               deadline;

    ngx_redis_op_t          *op;        /* NULL: no step is under way */
    ngx_redis_command_t      command;
    ngx_str_t                argv[TRACKER_STEP_ARGS];
    tracker_step_e           step;
    tracker_reply_pt         reply;
    ngx_msec_t               sent;

    ngx_redis_lead_t        *lead;      /* takes the lock ahead of the next
                                           step's command; or NULL */
    tracker_outcome_e        owner;     /* what the lead was answered */

    ngx_str_t                key_base;
    tracker_claim_t          claim;     /* of a write */
    u_char                   token[TRACKER_TOKEN_LEN];
    u_char                  *idem;      /* digests of the Idempotency-Key and of
                                           the request; NULL: no key */
    tracker_create_t         create;
    tracker_job_args_t       job;
    tracker_listed_t        *listed;    /* the stretch of a list */
    tracker_imported_t      *imported;  /* the round of an import */

    unsigned                 nomem:1;   /* for an argument of the command */
    unsigned                 locking:1; /* the step asks for the lock */
    unsigned                 left:1;    /* the store needs it no longer */
    unsigned                 freed:1;   /* its owner does not either */
};


#define tracker_txn_ctx(txn)  ((tracker_txn_ctx_t *) (txn))


/*
 * Revisions begin at random, from this one up to twice as much, and rise by
 * chance, so that an account that was deleted, restored, or has lost its last
 * writes to a failover gets no number twice: an old ETag of its list would be a
 * 304 of another list.  They are scores too, exact up to 2^53.  From 2^41 on,
 * by 2^15 on average, 2^38 writes fit, those of eight years at a thousand a
 * second.  Where changes are kept, a write of n of them takes n times as much.
 */
#define TRACKER_REV_FIRST  ((uint64_t) 1 << 40)


/*
 * Begins a command; the functions below add its arguments in order, and the
 * last one submits it.  Only that one returns an error.
 */
void tracker_step_start(tracker_txn_ctx_t *ctx);

/* Adds len bytes at data, which must live until the step has ended. */
void tracker_step_add(tracker_txn_ctx_t *ctx, const void *data, size_t len);

#define tracker_step_add_text(ctx, text)                                      \
    tracker_step_add(ctx, text, sizeof(text) - 1)

/* Adds a decimal number. */
void tracker_step_add_number(tracker_txn_ctx_t *ctx, uint64_t number);

/* Adds a key of the account, as tracker_keys_make() makes it. */
void tracker_step_add_key(tracker_txn_ctx_t *ctx, const char *kind,
    const void *name, size_t len);

/* Adds a copy of where a stretch of a list begins, "0" if len is 0. */
void tracker_step_add_cursor(tracker_txn_ctx_t *ctx, ngx_str_t *cursor);

/*
 * Adds the token of the lock, an empty one where the txn does not hold it and
 * the command does not take it along.
 */
void tracker_step_add_token(tracker_txn_ctx_t *ctx);

/* Adds "1" where the command takes the lock along, else "". */
void tracker_step_add_lead(tracker_txn_ctx_t *ctx);

/* Adds what a script is told of revisions: the first one, and a step. */
void tracker_step_add_revision(tracker_txn_ctx_t *ctx);

/*
 * Where changes are kept: how many keys they have, their keys, how many of them
 * are kept.  Else 0, and nothing is added.
 */
ngx_uint_t tracker_step_log_keys(tracker_txn_ctx_t *ctx);
void tracker_step_add_log_keys(tracker_txn_ctx_t *ctx);
void tracker_step_add_history(tracker_txn_ctx_t *ctx);

/*
 * Submits the command.  The owner's handler is called after reply, or without
 * it when the command has failed; never before this function has returned.
 * Returns NGX_OK; or NGX_ERROR when there is no memory, also for an argument,
 * and then neither is called.
 */
ngx_int_t tracker_step_submit(tracker_txn_ctx_t *ctx, tracker_step_e step,
    tracker_reply_pt reply);

/* The same for a script; its arguments begin with the number of its keys. */
ngx_int_t tracker_step_run(tracker_txn_ctx_t *ctx, tracker_lua_e script,
    tracker_step_e step, tracker_reply_pt reply);

/*
 * The same for a command, or a script if script is not NULL, whose failure
 * means something too: handler gets ctx as data, and must end the step.
 */
ngx_int_t tracker_step_send(tracker_txn_ctx_t *ctx, ngx_redis_script_t *script,
    tracker_step_e step, ngx_redis_handler_pt handler);

/* A command was answered, and the step goes on with another one. */
void tracker_step_go_on(tracker_txn_ctx_t *ctx);

/*
 * Ends a step: calls the owner's handler, which may free the txn.  The outcome
 * is the given one if status is NGX_REDIS_OK, else that of the status.
 */
void tracker_step_end(tracker_txn_ctx_t *ctx, ngx_redis_status_e status,
    tracker_outcome_e outcome);


#pragma GCC visibility pop


#endif /* _TRACKER_STEP_H_INCLUDED_ */
