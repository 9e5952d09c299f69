
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
    tracker_match_t    *elts;         /* their records are to be fetched */
    tracker_written_t  *gone;         /* their names */
    size_t              n;            /* of each */
    size_t              have;         /* trackers of the account */
} ngx_http_tracker_rest_t;


/*
 * Finds which of n ids of the account are not those of nnamed trackers, and
 * appends them to these: *named becomes an array of all.  Returns NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_find_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest, const tracker_str_t *ids, size_t n,
    tracker_match_t ***named, size_t nnamed);

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
