
/*
 * Entity tags and the conditions of a request.
 */


#ifndef _NGX_HTTP_TRACKER_ETAG_H_INCLUDED_
#define _NGX_HTTP_TRACKER_ETAG_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/* what the tag of a list as lines ends in; behind it, that of a part */
#define NGX_HTTP_TRACKER_LINES_TAG  "-lines"
#define NGX_HTTP_TRACKER_PART_TAG   "-part"


/* Sets ctx->etag from the len bytes at tag.  Returns NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_tracker_set_etag(ngx_http_tracker_ctx_t *ctx,
    const void *tag, size_t len);

/*
 * The same for a representation that has more than the tag is of, such as
 * times: with "W/".
 */
ngx_int_t ngx_http_tracker_set_weak_etag(ngx_http_tracker_ctx_t *ctx,
    const void *tag, size_t len);

/* The same from the digest of a tracker's JSON text. */
ngx_int_t ngx_http_tracker_set_record_etag(ngx_http_tracker_ctx_t *ctx,
    tracker_str_t *record);

/*
 * The same from ctx->txn->page.tag, for the list as JSON, or as lines if lines
 * is 1; if part is 1 for pages of it and for what has a name.
 */
ngx_int_t ngx_http_tracker_set_list_etag(ngx_http_tracker_ctx_t *ctx,
    ngx_uint_t lines, ngx_uint_t part);

/*
 * Checks that a write has no condition that is not supported (RFC 9110 section
 * 13), and, with ctx->form.rest, the one that it must have.  Returns 0 or the
 * outcome; ctx->fault is the name of the header.
 */
ngx_uint_t ngx_http_tracker_check_conditions(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * Compares the conditions of a request with ctx->etag.  Returns 0 if they
 * hold; else NGX_HTTP_TRACKER_UNMATCHED, NGX_HTTP_TRACKER_MATCHED or, for a
 * read, NGX_HTTP_TRACKER_UNMODIFIED.
 */
ngx_uint_t ngx_http_tracker_precondition(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_ETAG_H_INCLUDED_ */
