
/*
 * From an outcome to its status and its JSON.
 */


#ifndef _NGX_HTTP_TRACKER_RESPONSE_H_INCLUDED_
#define _NGX_HTTP_TRACKER_RESPONSE_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/*
 * How a request ended: an outcome of the store (tracker_outcome_e), or one of
 * the HTTP side.  http/response.c has the table of their statuses, names and
 * messages.
 */

typedef enum {
    NGX_HTTP_TRACKER_OPTIONS = TRACKER_OUTCOME_LAST,
    NGX_HTTP_TRACKER_UNMODIFIED,
    NGX_HTTP_TRACKER_INVALID,
    NGX_HTTP_TRACKER_REPEATED,
    NGX_HTTP_TRACKER_UNEQUAL,
    NGX_HTTP_TRACKER_UNMATCHED,
    NGX_HTTP_TRACKER_MATCHED,
    NGX_HTTP_TRACKER_TOO_BIG,
    NGX_HTTP_TRACKER_TOO_MUCH,
    NGX_HTTP_TRACKER_UNCONDITIONAL,
    NGX_HTTP_TRACKER_IMPORTED,
    NGX_HTTP_TRACKER_PROCESSED,
    NGX_HTTP_TRACKER_MANY_HITS,
    NGX_HTTP_TRACKER_MANY_PHRASES,
    NGX_HTTP_TRACKER_UNAUTHORIZED,
    NGX_HTTP_TRACKER_NO_ENDPOINT,
    NGX_HTTP_TRACKER_BAD_METHOD,
    NGX_HTTP_TRACKER_BAD_TYPE,
    NGX_HTTP_TRACKER_NO_BODY,
    NGX_HTTP_TRACKER_BAD_ARG,
    NGX_HTTP_TRACKER_BAD_DRY_RUN,
    NGX_HTTP_TRACKER_BAD_POLICY,
    NGX_HTTP_TRACKER_BAD_REST,
    NGX_HTTP_TRACKER_BAD_CODING,
    NGX_HTTP_TRACKER_BAD_HEADER,
    NGX_HTTP_TRACKER_BAD_CONDITION,
    NGX_HTTP_TRACKER_BAD_KEY,
    NGX_HTTP_TRACKER_BAD_LIMIT,
    NGX_HTTP_TRACKER_BAD_SIMILAR,
    NGX_HTTP_TRACKER_BAD_OFFSET,
    NGX_HTTP_TRACKER_BAD_CURSOR,
    NGX_HTTP_TRACKER_BAD_EXPAND,
    NGX_HTTP_TRACKER_BAD_SINCE,
    NGX_HTTP_TRACKER_BAD_WAIT,
    NGX_HTTP_TRACKER_MANY_WAITING,
    NGX_HTTP_TRACKER_BAD_BODY,
    NGX_HTTP_TRACKER_TOO_LARGE,
    NGX_HTTP_TRACKER_LATE,
    NGX_HTTP_TRACKER_LOGGED_IN,
    NGX_HTTP_TRACKER_BAD_LOGIN
} ngx_http_tracker_outcome_e;


/*
 * Sets ctx->outcome and ctx->answer: the given message, or with NULL that of
 * the outcome.  If there is no memory, the outcome is TRACKER_OUTCOME_ERROR
 * and ctx->answer is empty.
 */
void ngx_http_tracker_set_error(ngx_http_tracker_ctx_t *ctx,
    ngx_uint_t outcome, tracker_message_t *message);

/*
 * Sets ctx->answer to the message of a status that another module has chosen.
 * Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_set_status(ngx_http_tracker_ctx_t *ctx,
    ngx_uint_t status);

/*
 * The outcome of a body that could not be read; rc is what
 * ngx_http_tracker_body_read() has returned.  Returns 0 if nothing can be
 * answered.
 */
ngx_uint_t ngx_http_tracker_body_outcome(ngx_int_t rc);

/* The word of an outcome for $tracker_outcome, static memory. */
ngx_str_t *ngx_http_tracker_outcome_name(ngx_uint_t outcome);

/* The HTTP status of an outcome. */
ngx_uint_t ngx_http_tracker_outcome_status(ngx_uint_t outcome);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_RESPONSE_H_INCLUDED_ */
