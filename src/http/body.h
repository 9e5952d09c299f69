
/*
 * The request body as one contiguous piece of memory; or in pieces, a body of
 * lines, that may be of any length.
 *
 * It is read unbuffered: only then are too many chunked bytes, bad chunks and
 * timeouts return codes, and the caller can still release its lock.
 */


#ifndef _NGX_HTTP_TRACKER_BODY_H_INCLUDED_
#define _NGX_HTTP_TRACKER_BODY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#pragma GCC visibility push(hidden)


/* rc: how reading ended, never NGX_AGAIN; the handler may end the request */
typedef void (*ngx_http_tracker_body_handler_pt)(ngx_http_request_t *r,
    ngx_int_t rc);


typedef struct ngx_http_tracker_lines_s  ngx_http_tracker_lines_t;


typedef struct {
    ngx_str_t                          data;      /* received so far, or what
                                                     is left of it */
    size_t                             size;      /* of the memory there */
    size_t                             before;    /* data.len before the last
                                                     read */

    ngx_http_request_t                *request;
    ngx_http_tracker_body_handler_pt   handler;
    ngx_msec_t                         deadline;  /* as ngx_current_msec */
    ngx_event_t                        event;     /* at the deadline */

    ngx_http_tracker_lines_t          *lines;     /* NULL: not in pieces */
    ngx_chain_t                       *rest;      /* buffers, the last ones */
    off_t                              rest_pos;  /* in the first of them */
    ngx_int_t                          failed;    /* after the last piece */

    unsigned                           started:1;
    unsigned                           ended:1;   /* all is here, or in rest */
    unsigned                           complete:1;
    unsigned                           owned:1;   /* data may be freed */
} ngx_http_tracker_body_t;


/*
 * Reads what has arrived, without waiting.  The first call also sends the
 * "100 Continue" that a client asked for.  While other things are waited for
 * afterwards, client_body_timeout stands still.
 *
 * Returns NGX_OK, the body is complete; NGX_AGAIN; or, final:
 *     NGX_HTTP_REQUEST_ENTITY_TOO_LARGE  over client_max_body_size
 *     NGX_HTTP_REQUEST_TIME_OUT          client_body_timeout is over; the
 *                                        connection can still be written to
 *     NGX_HTTP_BAD_REQUEST               not what HTTP allows
 *     NGX_HTTP_CLIENT_CLOSED_REQUEST     the client has gone
 *     NGX_HTTP_TOO_MANY_REQUESTS         the account holds too much memory
 *     NGX_HTTP_INTERNAL_SERVER_ERROR
 *
 * r->main->count is the same after as before; the caller must hold one of its
 * own.
 */
ngx_int_t ngx_http_tracker_body_read(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body);

/*
 * Reads the rest, or all.  The handler is called once, with what
 * ngx_http_tracker_body_read() would return, perhaps before this returns;
 * NGX_HTTP_REQUEST_TIME_OUT also says that the deadline, a value of
 * ngx_current_msec, has passed.
 *
 * A body with lines has no deadline, and only some of it is read: NGX_BUSY says
 * that there is more in data, and that the caller goes on when it has made room
 * there.  Nothing is read meanwhile.
 */
void ngx_http_tracker_body_receive(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body, ngx_msec_t deadline,
    ngx_http_tracker_body_handler_pt handler);

/* Ends the reading of a request that ends: the handler is not called. */
void ngx_http_tracker_body_stop(ngx_http_tracker_body_t *body);

/* Frees what was received, if the memory is ours; data is empty then. */
void ngx_http_tracker_body_free(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_BODY_H_INCLUDED_ */
