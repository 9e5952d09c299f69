
/*
 * A command as bytes in hiredis' output buffer.
 */


#include "redis/wire.h"


static u_char *ngx_redis_wire_length(u_char *p, u_char type, size_t len);
static ngx_int_t ngx_redis_wire_piece(ngx_redis_writer_t *w, u_char *data,
    size_t len);
static int ngx_redis_wire_append(ngx_redis_writer_t *w, u_char *data,
    size_t len);


void
ngx_redis_wire_begin(ngx_redis_writer_t *w, ngx_redis_stream_t *stream,
    redisCallbackFn *callback, void *command, ngx_uint_t n)
{
    w->stream = stream;
    w->callback = callback;
    w->command = command;
    w->last = ngx_redis_wire_length(w->buf, '*', n);
}


void
ngx_redis_wire_resume(ngx_redis_writer_t *w, ngx_redis_stream_t *stream)
{
    w->stream = stream;
    w->callback = NULL;
    w->last = w->buf;
}


ngx_uint_t
ngx_redis_wire_room(ngx_redis_writer_t *w)
{
    return w->stream->unwritten < NGX_REDIS_MAX_UNWRITTEN;
}


ngx_int_t
ngx_redis_wire_args(ngx_redis_writer_t *w, ngx_str_t *args, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (ngx_redis_wire_arg(w, &args[i], 1) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_redis_wire_arg(ngx_redis_writer_t *w, ngx_str_t *part, ngx_uint_t n)
{
    size_t      len;
    u_char     *end;
    ngx_uint_t  i;

    end = w->buf + NGX_REDIS_PIECE;
    len = 0;

    for (i = 0; i < n; i++) {
        len += part[i].len;
    }

    /* room for the length here, and for the end of a long one */

    if (w->last + NGX_SIZE_T_LEN + 8 > end
        && ngx_redis_wire_end(w) != NGX_OK)
    {
        return NGX_ERROR;
    }

    w->last = ngx_redis_wire_length(w->last, '$', len);

    for (i = 0; i < n; i++) {
        len = part[i].len;

        if (len == 0) {
            continue;
        }

        if (w->last + len + 2 <= end) {
            w->last = ngx_cpymem(w->last, part[i].data, len);
            continue;
        }

        if (ngx_redis_wire_end(w) != NGX_OK
            || ngx_redis_wire_piece(w, part[i].data, len) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    *w->last++ = CR;
    *w->last++ = LF;

    return NGX_OK;
}


ngx_int_t
ngx_redis_wire_end(ngx_redis_writer_t *w)
{
    size_t  len;

    len = w->last - w->buf;
    w->last = w->buf;

    return ngx_redis_wire_piece(w, w->buf, len);
}


/*
 * "*" and how many arguments, "$" and how many bytes: a hundred of them for a
 * small bulk, so no format.  tracker/number.h is not for a room that knows
 * nothing of trackers.
 */

static u_char *
ngx_redis_wire_length(u_char *p, u_char type, size_t len)
{
    size_t   rest;
    u_char  *end;

    *p++ = type;

    end = p + 1;

    for (rest = len; rest >= 10; rest /= 10) {
        end++;
    }

    p = end;

    do {
        *--p = (u_char) ('0' + len % 10);
        len /= 10;
    } while (len);

    *end++ = CR;
    *end++ = LF;

    return end;
}


static ngx_int_t
ngx_redis_wire_piece(ngx_redis_writer_t *w, u_char *data, size_t len)
{
    redisAsyncContext  *ac;

    ac = w->stream->ac;

    if (ngx_redis_wire_append(w, data, len) != REDIS_OK || ac->c.err) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: no memory to send a command");
        return NGX_ERROR;
    }

    w->stream->unwritten += len;

    return NGX_OK;
}


/* the first piece holds the whole name of the command: hiredis reads it */

static int
ngx_redis_wire_append(ngx_redis_writer_t *w, u_char *data, size_t len)
{
    int                  rc;
    redisCallback       *tail;
    redisCallbackFn     *callback;
    redisAsyncContext   *ac;
    ngx_redis_stream_t  *stream;

    stream = w->stream;
    ac = stream->ac;
    callback = w->callback;

    if (callback == NULL) {
        return redisAppendFormattedCommand(&ac->c, (char *) data, len);
    }

    w->callback = NULL;
    w->buf[len] = '\0';

    tail = ac->replies.tail;

    rc = redisAsyncFormattedCommand(ac, callback, w->command, (char *) data,
                                    len);

    /*
     * 0.14 overlooks that there was no memory for the callback: every later
     * reply would go to the command before
     */

    if (ac->replies.tail == tail) {
        return REDIS_ERR;
    }

    if (stream->unanswered++ == 0) {
        stream->since = ngx_current_msec;
    }

    return rc;
}
