
/*
 * An answer in stretches.
 */


#include "http/stream.h"


static void ngx_http_tracker_sent(ngx_http_request_t *r);
static void ngx_http_tracker_unready(ngx_http_request_t *r);
static ngx_uint_t ngx_http_tracker_ended(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_int_t rc);
static ngx_uint_t ngx_http_tracker_unsent(ngx_http_tracker_stream_t *stream);


void
ngx_http_tracker_send_stretch(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_step_pt next)
{
    ngx_http_tracker_stream_t *stream = ctx->data;

    ngx_int_t  rc;

    stream->next = next;

    rc = ngx_http_tracker_send(r, ctx, &stream->parts);

    if (ngx_http_tracker_ended(r, ctx, rc)) {
        return;
    }

    if (r->header_only) {
        ngx_http_finalize_request(r, NGX_OK);
        return;
    }

    r->write_event_handler = ngx_http_tracker_sent;
    ngx_http_tracker_sent(r);
}


/*
 * The next stretch takes the memory of this one, so all of our buffers must
 * have been sent.  What the filters have made of them may still wait for the
 * socket and be sent with the next stretch: gzip passes no call on while it
 * has nothing to send itself, although the end of the chunk is left.
 */

static void
ngx_http_tracker_sent(ngx_http_request_t *r)
{
    ngx_event_t                *wev;
    ngx_connection_t           *c;
    ngx_http_tracker_ctx_t     *ctx;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_tracker_stream_t  *stream;

    c = r->connection;
    wev = c->write;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);
    stream = ctx->data;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (ngx_http_tracker_unsent(stream)
        && ngx_http_tracker_ended(r, ctx, ngx_http_output_filter(r, NULL)))
    {
        return;
    }

    if (ngx_http_tracker_unsent(stream)) {

        clcf = ngx_http_get_module_loc_conf(r->main, ngx_http_core_module);

        if (!wev->delayed) {
            ngx_add_timer(wev, clcf->send_timeout);
        }

        if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }

        return;
    }

    if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    r->write_event_handler = ngx_http_tracker_unready;

    stream->next(r, ctx);
}


/*
 * The next stretch is not there so far, and ctx->data may be of another struct.
 * A level-triggered event would come again.
 */

static void
ngx_http_tracker_unready(ngx_http_request_t *r)
{
    if (ngx_handle_write_event(r->connection->write, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/*
 * rc: what the filters returned.  Returns 1 if the answer does not go on, and
 * the request was finalized; else 0.  A filter may fail; or answer by itself:
 * then ngx_http_filter_finalize_request() has removed the contexts, and may
 * return NGX_AGAIN, as image_filter does when it waits for the client.
 */

static ngx_uint_t
ngx_http_tracker_ended(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_int_t rc)
{
    if (rc > NGX_OK && r->header_sent) {

        /* too late for a status */
        rc = NGX_ERROR;
    }

    if (rc == NGX_ERROR || rc > NGX_OK
        || ngx_http_get_module_ctx(r, ngx_http_tracker_module) != ctx)
    {
        ngx_http_finalize_request(r, rc);
        return 1;
    }

    return 0;
}


static ngx_uint_t
ngx_http_tracker_unsent(ngx_http_tracker_stream_t *stream)
{
    ngx_buf_t  *tail;

    tail = stream->parts.tail;

    return tail && ngx_buf_size(tail);
}
