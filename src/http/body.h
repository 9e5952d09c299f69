
/*
 * The request body as one contiguous piece of memory.
 *
 * It is read unbuffered: only so do too many chunked bytes, bad chunks and
 * timeouts come back as return codes, while the lock is still ours to give
 * back.
 */


#ifndef _NGX_HTTP_TRACKER_BODY_H_INCLUDED_
#define _NGX_HTTP_TRACKER_BODY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#pragma GCC visibility push(hidden)


typedef struct {
    ngx_str_t     data;         /* what has come so far */
    size_t        size;         /* of the memory at data.data */
    unsigned      started:1;
    unsigned      complete:1;
    unsigned      owned:1;      /* data.data may be freed */
} ngx_http_tracker_body_t;


/*
 * Reads what has come, without waiting; the first call also sends the
 * "100 Continue" that a client asked for.  May be called again after
 * NGX_AGAIN, from r->read_event_handler.
 *
 * Returns NGX_OK, the body is complete; NGX_AGAIN; or, final:
 *     NGX_HTTP_REQUEST_ENTITY_TOO_LARGE  over client_max_body_size
 *     NGX_HTTP_REQUEST_TIME_OUT          client_body_timeout is over; the
 *                                        connection can still be written to
 *     NGX_HTTP_BAD_REQUEST               not what HTTP allows
 *     NGX_HTTP_CLIENT_CLOSED_REQUEST     nobody is there any more
 *     NGX_HTTP_INTERNAL_SERVER_ERROR
 *
 * r->main->count is the same after as before; the caller must hold one of its
 * own.
 */
ngx_int_t ngx_http_tracker_body_read(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body);

/* Frees what has come, where that is memory of ours; data is empty then. */
void ngx_http_tracker_body_free(ngx_http_request_t *r,
    ngx_http_tracker_body_t *body);

/* While something else is waited for, client_body_timeout stands still. */
void ngx_http_tracker_body_pause(ngx_http_request_t *r);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_BODY_H_INCLUDED_ */
