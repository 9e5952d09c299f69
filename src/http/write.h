
/*
 * A write from its headers to its lock and its whole body, decoded.
 */


#ifndef _NGX_HTTP_TRACKER_WRITE_H_INCLUDED_
#define _NGX_HTTP_TRACKER_WRITE_H_INCLUDED_


#include "http/ctx.h"
#include "json/tracker_json.h"
#include "tracker/patch.h"


#pragma GCC visibility push(hidden)


/*
 * Decodes the body, of at least a byte, until ctx->budget is spent.  Returns
 * what tracker_decode_run() returns.
 */
typedef tracker_rc_e (*ngx_http_tracker_decode_pt)(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_message_t *message);


/* the first member of the struct that a verb with a body has in ctx->data */

typedef struct {
    ngx_http_tracker_step_pt    next;         /* the verb's step */
    ngx_http_tracker_decode_pt  decoder;
    tracker_arena_t             arena;        /* memory of the request */
    tracker_decode_t           *decode;
    tracker_patch_t             patch;        /* body of a PATCH */
    tracker_merge_t             merge;        /* or this, ctx->form.merge */
    unsigned                    decoded:1;    /* all of it */
    unsigned                    unlocked:1;   /* needs no lock, nor a txn */
} ngx_http_tracker_write_t;


/*
 * Allocates ctx->data, size bytes of zeros that begin with an
 * ngx_http_tracker_write_t.  Takes the account's lock, if locks are
 * configured, and reads and decodes the body, for PATCH to write->patch or
 * write->merge, else to ctx->set, with ctx->report if that is not NULL; next is
 * called with both done, or with a lock that the next step of the txn takes
 * along: a fetch, or a create of ctx->set.  Otherwise the request is answered.
 */
void ngx_http_tracker_start_write(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t size, ngx_http_tracker_step_pt next);

/*
 * The same without a lock, and without a txn.  write, which becomes ctx->data,
 * is all zeros but next and decoder, NULL for that of a write.
 */
void ngx_http_tracker_start_post(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_write_t *write);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_WRITE_H_INCLUDED_ */
