
/*
 * The JSON of an error.
 */


#ifndef _NGX_HTTP_TRACKER_ERROR_H_INCLUDED_
#define _NGX_HTTP_TRACKER_ERROR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "tracker/report.h"


#pragma GCC visibility push(hidden)


/* what is told of an error; all of it is read before the function returns */

typedef struct {
    const tracker_message_t    *message;
    const tracker_set_t        *set;         /* that conflicts are about */
    const tracker_conflict_t   *conflicts;
    size_t                      nconflicts;  /* 0: it is no conflict */
    const tracker_report_t     *report;      /* all that is wrong; NULL: the
                                                message says it */
    const tracker_str_t        *list;        /* the key of the body's array;
                                                or NULL */
    ngx_uint_t                  placed;      /* 1: their places are in the body,
                                                which has the set */

    ngx_uint_t                  status;
    const char                 *title;       /* of the status */
    ngx_str_t                   code;        /* the outcome's word; or empty */
    ngx_uint_t                  problem;     /* 1: in the form of RFC 9457,
                                                which alone has these */
} ngx_http_tracker_error_t;


/*
 * Sets answer to {"message":...}, or to a problem, memory of the pool, with
 * "conflicts" and "errors" if there are any (API.md sections 3 and 8).  Returns
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_write_error(ngx_pool_t *pool,
    const ngx_http_tracker_error_t *error, ngx_str_t *answer);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_ERROR_H_INCLUDED_ */
