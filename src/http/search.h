
/*
 * A body of messages from its headers to what trackers were found in it.
 */


#ifndef _NGX_HTTP_TRACKER_SEARCH_H_INCLUDED_
#define _NGX_HTTP_TRACKER_SEARCH_H_INCLUDED_


#include "http/write.h"
#include "detect/dictionary.h"
#include "detect/record.h"


#pragma GCC visibility push(hidden)


/* ctx->data */

typedef struct {
    ngx_http_tracker_write_t    write;        /* first */
    ngx_http_tracker_step_pt    ready;        /* the trackers are */
    ngx_http_tracker_step_pt    next;
    tracker_decode_talk_t      *decode;
    tracker_conversation_t      conversation;

    detect_wait_t               wait;
    detect_dictionary_t        *stored;       /* the account's; or NULL */
    detect_trackers_t           given;        /* those of the body */
    size_t                      ngiven;       /* choices looked at */
    size_t                      nchosen;      /* choices looked up */
    u_char                     *chosen;       /* see detect_source_t */
    u_char                     *marks;        /* memory for chosen */
    size_t                      max_marks;

    detect_search_t             search;
    detect_record_t            *record;       /* memory of the txn, unless
                                                 there is one already */
    ngx_uint_t                  hits;         /* of earlier searches */
    ngx_uint_t                  tries;        /* how often it is written anew */
    ngx_uint_t                  similar;      /* 1: by stems too */
    unsigned                    check:1;      /* stored must be of now */
    unsigned                    current:1;    /* it is, or was when the search
                                                 began */
} ngx_http_tracker_search_t;


/*
 * Allocates ctx->data, reads and decodes the body, and searches its messages
 * for the trackers that it names: next is called with ctx->txn begun and
 * search->record written.  stored is current if check is 1, else it may be of
 * an older revision.  Otherwise the request is answered.
 */
void ngx_http_tracker_start_search(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t check,
    ngx_http_tracker_step_pt next);

/*
 * For searches without the body of the request, one after another: ctx->data is
 * search, zeros but for next and record, and check becomes 1.
 * Returns NGX_OK; or NGX_ABORT, and the request was answered.
 */
ngx_int_t ngx_http_tracker_init_search(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_search_t *search);

/*
 * Finds the trackers that search->conversation chooses, those of the account as
 * they are now, and compiles those that it brings, the first time; ready is
 * called.  Otherwise the request is answered.  ctx->txn was begun.
 */
void ngx_http_tracker_find_trackers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_step_pt ready);

/*
 * Searches the messages of search->conversation: next is called with
 * search->record written.  Otherwise the request is answered.
 */
void ngx_http_tracker_search_messages(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * The stored trackers are of an older revision: loads them, searches again and
 * calls next again.
 */
void ngx_http_tracker_search_again(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * Lets go of the stored trackers until they are found again: no client must
 * make us keep those of a revision by waiting.
 */
void ngx_http_tracker_rest_search(ngx_http_tracker_ctx_t *ctx);

/*
 * Frees the trackers: a client that reads slowly must not make us keep them.
 * The record stays, and the search cannot be begun again.
 */
void ngx_http_tracker_end_search(ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_SEARCH_H_INCLUDED_ */
