
/*
 * What the rooms of the store share: tracker_store.c (the life of a job),
 * tracker_store_write.c and tracker_store_read.c (commands and their
 * replies).
 */


#ifndef _TRACKER_STORE_PRIVATE_H_INCLUDED_
#define _TRACKER_STORE_PRIVATE_H_INCLUDED_


#include "tracker_store.h"


#pragma GCC visibility push(hidden)


#define TRACKER_ACCOUNT_LEN    32    /* of the account's digest, in keys */

/* a lock, and a tombstone, outlive a request's deadline by so much, in ms */
#define TRACKER_LOCK_MARGIN    5000


typedef enum {
    TRACKER_JOB_IDLE = 0,
    TRACKER_JOB_LOCKING,
    TRACKER_JOB_CREATING,
    TRACKER_JOB_CHANGING,
    TRACKER_JOB_DELETING,
    TRACKER_JOB_FETCHING,
    TRACKER_JOB_LISTING,
    TRACKER_JOB_RELEASING,               /* the owner waits for it */
    TRACKER_JOB_LEAVING                  /* nobody does */
} tracker_job_state_e;


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
 * job's command.  Returns NULL when there is no memory.
 */
ngx_str_t *tracker_job_args(tracker_job_t *job, ngx_uint_t argc);

/* arg becomes a decimal number; NGX_OK or NGX_ERROR */
ngx_int_t tracker_job_number(tracker_job_t *job, ngx_str_t *arg,
    uint64_t number);

/* key becomes the account's key "<base><kind><name>"; NGX_OK or NGX_ERROR */
ngx_int_t tracker_job_key(tracker_job_t *job, ngx_str_t *key,
    const char *kind, const void *name, size_t len);

/* arg becomes the token of the lock, or empty where none is used */
void tracker_job_token(tracker_job_t *job, ngx_str_t *arg);

/*
 * Submits the command of tracker_job_args() in the state: argv is what
 * follows EVALSHA and the sha.
 */
ngx_int_t tracker_job_run(tracker_job_t *job, tracker_script_e script,
    tracker_job_state_e state);

/* the same for a command that is no script */
ngx_int_t tracker_job_submit(tracker_job_t *job, const char *action,
    tracker_job_state_e state);

/* writes the digest of the parts to hex, 40 or 64 bytes; NGX_OK or NGX_ERROR */
ngx_int_t tracker_job_digest(u_char *hex, tracker_md_e md, ngx_str_t *parts,
    ngx_uint_t n);

/* fills p with len bytes that nobody can guess; NGX_OK or NGX_ERROR */
ngx_int_t tracker_job_random(void *p, size_t len);

/* the meaning of replies, a function a state */
tracker_outcome_e tracker_job_written(tracker_job_t *job,
    tracker_job_state_e state, ngx_redis_reply_t *reply);
tracker_outcome_e tracker_job_fetched(tracker_job_t *job,
    ngx_redis_reply_t *reply);
tracker_outcome_e tracker_job_listed(tracker_job_t *job,
    ngx_redis_reply_t *reply);


#pragma GCC visibility pop


#endif /* _TRACKER_STORE_PRIVATE_H_INCLUDED_ */
