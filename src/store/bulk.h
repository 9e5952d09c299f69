
/*
 * A large create: a transaction in which Redis takes names and records as they
 * are.  As arguments of a script they would be copied into Lua, hashed, and
 * copied out again.
 */


#ifndef _TRACKER_BULK_H_INCLUDED_
#define _TRACKER_BULK_H_INCLUDED_


#include "store/step.h"


#pragma GCC visibility push(hidden)


/* where the transaction's own replies are in the reply */
#define TRACKER_BULK_REPLIES  3
#define TRACKER_BULK_LAST     2


/*
 * Returns 1 if n trackers, whose records have size bytes, are better written
 * so, else 0.
 */
ngx_uint_t tracker_bulk_is_large(size_t n, size_t size);

/* Returns 1 if what ctx->create has is better written so, else 0. */
ngx_uint_t tracker_bulk_fits(tracker_create_t *create);

/*
 * Makes the command of a step that writes what ctx->create has.  It is to be
 * submitted with no script of its own.  Returns NGX_OK, or NGX_ERROR: no
 * memory.
 */
ngx_int_t tracker_bulk_command(tracker_txn_ctx_t *ctx);

/*
 * Takes the arguments that were added to the command for a script of its
 * transaction, so that the next one is the first of another.  Returns memory of
 * the txn, or NULL.
 */
ngx_redis_eval_t *tracker_bulk_eval(tracker_txn_ctx_t *ctx,
    tracker_lua_e script);

/* Adds the values that the scripts of a create begin with, create.lua too. */
void tracker_bulk_add_values(tracker_txn_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _TRACKER_BULK_H_INCLUDED_ */
