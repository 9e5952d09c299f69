
/*
 * Commands formatted straight into hiredis' output buffer: small arguments by
 * way of a buffer on the stack, long ones as they are.
 * redisAsyncCommandArgv() would copy all of it once more, and needs two arrays.
 *
 * After NGX_ERROR (no memory, logged) the connection must be closed: part of a
 * command may be out.
 */


#ifndef _NGX_REDIS_WIRE_H_INCLUDED_
#define _NGX_REDIS_WIRE_H_INCLUDED_


#include "redis/stream.h"


#pragma GCC visibility push(hidden)


#define NGX_REDIS_PIECE  4096

/* with that much in hiredis' output buffer, the rest waits as it is */
#define NGX_REDIS_MAX_UNWRITTEN  (256 * 1024)


typedef struct {
    ngx_redis_stream_t    *stream;
    redisCallbackFn       *callback;   /* NULL: hiredis knows it already */
    void                  *command;    /* for the callback */
    u_char                *last;
    u_char                 buf[NGX_REDIS_PIECE + 1];
} ngx_redis_writer_t;


/*
 * Begins a command of n arguments, its name included.  hiredis calls callback
 * with command and its reply, or with NULL when the connection is lost.  The
 * name, and all before it, have less than NGX_REDIS_PIECE bytes.
 */
void ngx_redis_wire_begin(ngx_redis_writer_t *w, ngx_redis_stream_t *stream,
    redisCallbackFn *callback, void *command, ngx_uint_t n);

/* Goes on with the command that was begun last. */
void ngx_redis_wire_resume(ngx_redis_writer_t *w, ngx_redis_stream_t *stream);

/* Returns 1 while there is room for another long argument, else 0. */
ngx_uint_t ngx_redis_wire_room(ngx_redis_writer_t *w);

/* Appends one argument of n parts; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_redis_wire_arg(ngx_redis_writer_t *w, ngx_str_t *part,
    ngx_uint_t n);

/* Appends n arguments; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_redis_wire_args(ngx_redis_writer_t *w, ngx_str_t *args,
    ngx_uint_t n);

/* Hands over what is left in the writer; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_redis_wire_end(ngx_redis_writer_t *w);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_WIRE_H_INCLUDED_ */
