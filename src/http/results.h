
/*
 * What became of each tracker of an import: how it is kept, and the answer.
 */


#ifndef _NGX_HTTP_TRACKER_RESULTS_H_INCLUDED_
#define _NGX_HTTP_TRACKER_RESULTS_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/*
 * So it is kept with an Idempotency-Key: a letter and an id for each tracker of
 * the body; then the same for each one that is deleted, and its name and a NUL.
 */
#define NGX_HTTP_TRACKER_RESULT_LEN  (1 + TRACKER_ID_LEN)


typedef enum {
    NGX_HTTP_TRACKER_CREATED = 'c',
    NGX_HTTP_TRACKER_SKIPPED = 's',
    NGX_HTTP_TRACKER_MERGED = 'm',
    NGX_HTTP_TRACKER_REPLACED = 'r',
    NGX_HTTP_TRACKER_UNCHANGED = 'u',
    NGX_HTTP_TRACKER_DELETED = 'd'
} ngx_http_tracker_result_e;


/*
 * Returns 1 if told has a result and an id for each of n trackers, and nothing
 * else than what is deleted, as it must have; else 0.
 */
ngx_uint_t ngx_http_tracker_check_results(ngx_str_t *told, size_t n);

/*
 * Answers with what became of the trackers of ctx->set, and ctx->outcome, which
 * is set.  told, one result after the other, must live as long as ctx->txn.
 */
void ngx_http_tracker_tell_results(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_str_t *told);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_RESULTS_H_INCLUDED_ */
