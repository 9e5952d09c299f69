
/*
 * What replies say, for the other files of the store.  Redis may hold anything:
 * each of these functions checks the types of what it takes.
 */


#ifndef _TRACKER_REPLY_H_INCLUDED_
#define _TRACKER_REPLY_H_INCLUDED_


#include "store/step.h"


#pragma GCC visibility push(hidden)


/* hex digits of the account's digest in a tag */
#define TRACKER_TAG_ACCOUNT  16


/* the first element of what a script answers, and what it means */

typedef struct {
    ngx_str_t             word;
    tracker_outcome_e     outcome;       /* 0: again, the lock is kept; that of
                                            the last one, which has no word, is
                                            TRACKER_OUTCOME_ERROR */
    ngx_int_t           (*rest)(tracker_txn_ctx_t *ctx,
                                ngx_redis_reply_t *reply);
} tracker_word_t;


/*
 * Finds the word that an array begins with, and reads the rest.  Returns the
 * outcome, or 0 and txn.again is set.  With another outcome than ERROR the lock
 * is held no longer.
 */
tracker_outcome_e tracker_reply_word(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, tracker_word_t *words);

/*
 * Sets count to element i of an array, which has one, a number.  Returns
 * NGX_OK, or NGX_ERROR if it is another type or negative.
 */
ngx_int_t tracker_reply_count(ngx_redis_reply_t *reply, size_t i,
    size_t *count);

/*
 * The rest of {word, number}: sets txn.found to the number.  Returns NGX_OK, or
 * NGX_ERROR if the array is not that.
 */
ngx_int_t tracker_reply_found(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);

/*
 * Returns NGX_OK if reply is a string of 1 to 16 digits, which may go into a
 * header or an answer; else NGX_ERROR.
 */
ngx_int_t tracker_reply_digits(ngx_redis_reply_t *reply);

/*
 * The functions below set to, in memory of the round; what it was before is
 * freed if it was a large block.  They return NGX_OK; or NGX_ERROR if a reply
 * is not a string, or there is no memory.
 */

/* A string. */
ngx_int_t tracker_reply_copy(tracker_txn_t *txn, ngx_str_t *to,
    ngx_redis_reply_t *from);

/* The elements of an array from the given one on, with glue between them. */
ngx_int_t tracker_reply_join(tracker_txn_t *txn, ngx_str_t *to,
    ngx_redis_reply_t *reply, size_t first, const char *glue);

/* The tag of the account's list at a revision. */
ngx_int_t tracker_reply_tag(tracker_txn_ctx_t *ctx, ngx_str_t *to,
    ngx_str_t *rev);

/* Room for len bytes. */
ngx_int_t tracker_reply_renew(tracker_txn_t *txn, ngx_str_t *to, size_t len);


#pragma GCC visibility pop


#endif /* _TRACKER_REPLY_H_INCLUDED_ */
