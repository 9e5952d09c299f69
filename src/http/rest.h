
/*
 * The trackers that an import deletes, since its body does not name them: which
 * they are, their names, and what is told of them.
 */


#ifndef _NGX_HTTP_TRACKER_REST_H_INCLUDED_
#define _NGX_HTTP_TRACKER_REST_H_INCLUDED_


#include "http/ctx.h"
#include "store/import.h"


#pragma GCC visibility push(hidden)


/* trackers that one import may delete */
#define NGX_HTTP_TRACKER_MAX_REST  50000


/* memory of the round; zeros at first */

typedef struct {
    const tracker_str_t  *ids;        /* of the account */
    size_t                have;       /* of these */
    tracker_match_t     **wanted;     /* those that are named, then elts */
    size_t                nnamed;     /* of these */
    tracker_match_t      *elts;       /* their records are to be fetched */
    tracker_written_t    *gone;       /* their names */
    size_t                n;          /* of each */
    size_t                done;       /* of the named ones, then of ids */
    uint64_t             *slots;      /* a table of the ids of those that are
                                         named, as numbers; 0: it is free */
    ngx_uint_t            bits;       /* of the number of slots */
    uint64_t              key;        /* of the hash */
} ngx_http_tracker_rest_t;


/*
 * Begins to find which ids of the account, rest->ids and rest->have, are not
 * those of nnamed trackers.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_start_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest, tracker_match_t **named, size_t nnamed);

/*
 * Finds until the budget is spent.  Returns NGX_AGAIN; or NGX_OK, and
 * rest->wanted has all, those that are named and the others behind them.
 */
ngx_int_t ngx_http_tracker_find_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest);

/*
 * Sets the name of tracker i, whose record was fetched.  Returns NGX_OK, or
 * NGX_ERROR, which is logged if the record is invalid.
 */
ngx_int_t ngx_http_tracker_name_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest, size_t i);

/*
 * Appends to told, which is renewed, what became of them: see http/results.h.
 * Adds the bytes of their names to *size.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_tell_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest, tracker_str_t *told, size_t *size);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_REST_H_INCLUDED_ */
