
/*
 * The names of the keys in Redis: the only place that knows them.  Scripts get
 * them as KEYS.  All keys of an account begin with its base,
 * "<prefix>:{<digest>}:": the hash tag keeps them in one slot of a Redis
 * Cluster, and the digest lets no account or name forge the key of another.
 */


#ifndef _TRACKER_KEYS_H_INCLUDED_
#define _TRACKER_KEYS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#pragma GCC visibility push(hidden)


/* what follows the base; after a colon comes a name */

#define TRACKER_KEY_LOCK     "lock"      /* token of the request that writes */
#define TRACKER_KEY_NAME     "name:"     /* of a tracker: its id */
#define TRACKER_KEY_ID       "id:"       /* of a tracker: its JSON text */
#define TRACKER_KEY_INDEX    "index"     /* ids in the order of creation */
#define TRACKER_KEY_REV      "rev"       /* number that each write raises */
#define TRACKER_KEY_STOP     "stop"      /* in a transaction only */
#define TRACKER_KEY_IDEM     "idem:"     /* an Idempotency-Key */
#define TRACKER_KEY_IDEMS    "idems"     /* these keys by age */

/* hex digits of the account's digest in the base */
#define TRACKER_KEY_ACCOUNT  32


/*
 * Makes the base of an account's keys, in memory of pool.  The account may be
 * any bytes.  Returns NGX_OK, or NGX_ERROR when there is no memory.
 */
ngx_int_t tracker_keys_base(ngx_pool_t *pool, ngx_str_t *prefix,
    ngx_str_t *account, ngx_str_t *base);

/* Returns the TRACKER_KEY_ACCOUNT hex digits of the account within its base. */
u_char *tracker_keys_account(ngx_str_t *base);

/*
 * Makes the key of the kind, a macro above, and of the len bytes at name, in
 * memory of pool.  Returns NGX_OK, or NGX_ERROR when there is no memory.
 */
ngx_int_t tracker_keys_make(ngx_pool_t *pool, ngx_str_t *base,
    const char *kind, const void *name, size_t len, ngx_str_t *key);


#pragma GCC visibility pop


#endif /* _TRACKER_KEYS_H_INCLUDED_ */
