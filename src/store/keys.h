
/*
 * The names of the keys in Redis: the only place that knows them.  Scripts get
 * them as KEYS; what keys begin with, where only the script finds out which,
 * as an argument.  All keys of an account begin with its base,
 * "<prefix>:{<digest>}:": the hash tag keeps them in one slot of a Redis
 * Cluster, and the digest lets no account or name forge the key of another.
 */


#ifndef _TRACKER_KEYS_H_INCLUDED_
#define _TRACKER_KEYS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#pragma GCC visibility push(hidden)


/*
 * What follows the base.  After a colon comes what tracker_keys_make() is given
 * as name: the name or the id of a tracker, or the digest of an
 * Idempotency-Key; without it the key is what all keys of the kind begin with.
 */

#define TRACKER_KEY_LOCK     "lock"      /* token of the request that writes */
#define TRACKER_KEY_NAME     "name:"     /* of a tracker: its id */
#define TRACKER_KEY_ID       "id:"       /* of a tracker: its JSON text; empty
                                           after it was deleted */
#define TRACKER_KEY_INDEX    "index"     /* ids in the order of creation */
#define TRACKER_KEY_REV      "rev"       /* number that each write raises */
#define TRACKER_KEY_STOP     "stop"      /* in a transaction only */
#define TRACKER_KEY_IDEM     "idem:"     /* an Idempotency-Key */
#define TRACKER_KEY_IDEMS    "idems"     /* these keys by age */

#define TRACKER_KEY_LOG      "log"       /* changes of trackers, by revision */
#define TRACKER_KEY_TIMES    "times"     /* of trackers: when they were created,
                                           and changed last */

#define TRACKER_KEY_CONV     "conv:"     /* of a conversation, by its id */
#define TRACKER_KEY_CONVS    "convs"     /* their ids by the last write */

/* and what follows the id of a conversation */

#define TRACKER_KEY_MSGS     ":msgs"     /* JSON texts, pieces of a job's */
#define TRACKER_KEY_NEW      ":new"      /* the same until all are there */
#define TRACKER_KEY_HITS     ":hits"     /* what was found, a record a job */
#define TRACKER_KEY_WHO      ":who"      /* members, in their order */

/* hex digits of the account's digest in the base */
#define TRACKER_KEY_ACCOUNT  32


/*
 * Makes the base of an account's keys, in memory of pool.  The account may be
 * any bytes.  Returns NGX_OK, or NGX_ERROR when there is no memory or OpenSSL
 * fails.
 */
ngx_int_t tracker_keys_base(ngx_pool_t *pool, ngx_str_t *prefix,
    ngx_str_t *account, ngx_str_t *base);

/*
 * Returns the TRACKER_KEY_ACCOUNT hex digits of the account within its base: no
 * copy, and no NUL behind them.
 */
u_char *tracker_keys_account(ngx_str_t *base);

/*
 * Makes the key of the kind, a macro above, and of the len bytes at name, in
 * memory of pool.  Returns NGX_OK, or NGX_ERROR when there is no memory.
 */
ngx_int_t tracker_keys_make(ngx_pool_t *pool, ngx_str_t *base,
    const char *kind, const void *name, size_t len, ngx_str_t *key);


#pragma GCC visibility pop


#endif /* _TRACKER_KEYS_H_INCLUDED_ */
