
/*
 * The steps of a txn that write a job and look for one.  A conversation is
 * written job by job and takes no lock; ids are 16 digits.  It is gone
 * store->conversation_ttl after the last write.
 */


#ifndef _TRACKER_STORE_JOB_H_INCLUDED_
#define _TRACKER_STORE_JOB_H_INCLUDED_


#include "store/txn.h"


#pragma GCC visibility push(hidden)


/* digits of a job's id, a UUID */
#define TRACKER_STORE_JOB_LEN  36


/*
 * What a POST or a PUT adds to a conversation.  All JSON texts are kept as they
 * are, and come back so.
 */

typedef struct {
    ngx_str_t    id;         /* of the conversation */
    ngx_str_t    first;      /* id of the first message, chosen at random: the
                                job is recognised by it */
    ngx_str_t    rev;        /* txn->revision that the hits were found with; or
                                len 0: they do not depend on it */
    ngx_str_t    meta;       /* members of a JSON object, at least one:
                                "name":"N","metadata":{} */
    ngx_str_t    start;      /* JSON strings */
    ngx_str_t    end;
    ngx_str_t    members;    /* JSON objects, a line each: those that the
                                conversation has already are left out */
    ngx_str_t    messages;   /* lines */
    ngx_str_t    hits;       /* lines */
    unsigned     append:1;   /* to a conversation that exists; meta, start and
                                end stay as they are where they have len 0 */
} tracker_job_t;


/*
 * Chooses an id for a conversation, in memory of the txn.  Returns NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t tracker_txn_choose_conversation(tracker_txn_t *txn, ngx_str_t *id);

/*
 * Writes a job, all of it or nothing.  The texts from meta to hits are memory
 * of the txn: they are sent from there, in pieces; job itself is not kept.
 * Ends in CREATED, and txn->job is the job's number; in MISSING, only with
 * append; in LARGE; or in 0 with again, and then with stale: read the trackers
 * again, else, only without append: choose other ids.
 */
ngx_int_t tracker_txn_write_job(tracker_txn_t *txn, tracker_job_t *job);

/*
 * Writes the id of a job to p, TRACKER_STORE_JOB_LEN bytes; id is that of its
 * conversation, number txn->job.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t tracker_txn_job_id(tracker_txn_t *txn, ngx_str_t *id, size_t number,
    u_char *p);

/*
 * Reads whether the account has the job of an id, any bytes.  Ends in FOUND or
 * MISSING.  Returns NGX_DECLINED, and no step is under way, if it is not the
 * id of a job of the account.
 */
ngx_int_t tracker_txn_find_job(tracker_txn_t *txn, ngx_str_t *job);


#pragma GCC visibility pop


#endif /* _TRACKER_STORE_JOB_H_INCLUDED_ */
