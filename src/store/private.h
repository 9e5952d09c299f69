
/*
 * What the rooms of the store share: store/store.c (the life of a txn),
 * store/write.c and store/read.c (commands and their
 * replies).
 */


#ifndef _TRACKER_STORE_PRIVATE_H_INCLUDED_
#define _TRACKER_STORE_PRIVATE_H_INCLUDED_


#include "store/tracker_store.h"


#pragma GCC visibility push(hidden)


#define TRACKER_ACCOUNT_LEN    32    /* of the account's digest, in keys */

/* a lock, and a tombstone, outlive a request's deadline by so much, in ms */
#define TRACKER_LOCK_MARGIN    5000


typedef enum {
    TRACKER_TXN_IDLE = 0,
    TRACKER_TXN_LOCKING,
    TRACKER_TXN_CREATING,
    TRACKER_TXN_CHANGING,
    TRACKER_TXN_DELETING,
    TRACKER_TXN_FETCHING,
    TRACKER_TXN_LISTING,
    TRACKER_TXN_RELEASING,               /* the owner waits for it */
    TRACKER_TXN_LEAVING                  /* nobody does */
} tracker_txn_state_e;


typedef enum {
    TRACKER_SCRIPT_CREATE = 0,
    TRACKER_SCRIPT_RELEASE,
    TRACKER_SCRIPT_CHANGE,
    TRACKER_SCRIPT_DELETE,
    TRACKER_SCRIPT_LIST,
    TRACKER_SCRIPT_FIND
} tracker_script_e;


typedef enum {
    TRACKER_SHA1 = 0,
    TRACKER_SHA256
} tracker_md_e;


/*
 * An argument vector of argc that lives as long as the round, and becomes the
 * txn's command.  Returns NULL when there is no memory.
 */
ngx_str_t *tracker_txn_args(tracker_txn_t *txn, ngx_uint_t argc);

/* arg becomes a decimal number; NGX_OK or NGX_ERROR */
ngx_int_t tracker_txn_number(tracker_txn_t *txn, ngx_str_t *arg,
    uint64_t number);

/* key becomes the account's key "<base><kind><name>"; NGX_OK or NGX_ERROR */
ngx_int_t tracker_txn_key(tracker_txn_t *txn, ngx_str_t *key,
    const char *kind, const void *name, size_t len);

/* arg becomes the token of the lock, or empty where none is used */
void tracker_txn_token(tracker_txn_t *txn, ngx_str_t *arg);

/*
 * Submits the command of tracker_txn_args() in the state: argv is what
 * follows EVALSHA and the sha.
 */
ngx_int_t tracker_txn_run(tracker_txn_t *txn, tracker_script_e script,
    tracker_txn_state_e state);

/* the same for a command that is no script */
ngx_int_t tracker_txn_submit(tracker_txn_t *txn, const char *action,
    tracker_txn_state_e state);

/* writes the digest of the parts to hex, 40 or 64 bytes; NGX_OK or NGX_ERROR */
ngx_int_t tracker_txn_digest(u_char *hex, tracker_md_e md, ngx_str_t *parts,
    ngx_uint_t n);

/* fills p with len bytes that nobody can guess; NGX_OK or NGX_ERROR */
ngx_int_t tracker_txn_random(void *p, size_t len);

/* the meaning of replies, a function a state */
tracker_outcome_e tracker_txn_written(tracker_txn_t *txn,
    tracker_txn_state_e state, ngx_redis_reply_t *reply);
tracker_outcome_e tracker_txn_fetched(tracker_txn_t *txn,
    ngx_redis_reply_t *reply);
tracker_outcome_e tracker_txn_listed(tracker_txn_t *txn,
    ngx_redis_reply_t *reply);


#pragma GCC visibility pop


#endif /* _TRACKER_STORE_PRIVATE_H_INCLUDED_ */
