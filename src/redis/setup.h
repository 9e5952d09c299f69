
/*
 * What a connection says before, and beside, the commands of its owner.
 */


#ifndef _NGX_REDIS_SETUP_H_INCLUDED_
#define _NGX_REDIS_SETUP_H_INCLUDED_


#include "redis/conn.h"


#pragma GCC visibility push(hidden)


/* Begins the setup of a new connection; as ngx_redis_setup(). */
ngx_int_t ngx_redis_setup_begin(ngx_redis_conn_t *conn);

/*
 * Sends the next command of the setup, once more after the refused handler.
 * With all of it done the state is NGX_REDIS_READY.  Returns NGX_OK, or
 * NGX_ERROR: no memory, the connection must be closed.
 */
ngx_int_t ngx_redis_setup(ngx_redis_conn_t *conn);

/* Redis has forgotten the script: it is loaded again before the next command */
void ngx_redis_setup_reload(ngx_redis_conn_t *conn,
    ngx_redis_script_t *script);

/* Sends ASKING, for the command that follows at once; as above. */
ngx_int_t ngx_redis_setup_asking(ngx_redis_conn_t *conn);

/* Sends the scripts that are to be loaded; NGX_OK or NGX_ERROR as above. */
ngx_int_t ngx_redis_setup_scripts(ngx_redis_conn_t *conn);

/* r answers the command of the step; inside a callback of hiredis. */
void ngx_redis_setup_reply(ngx_redis_conn_t *conn, ngx_redis_step_t *step,
    redisReply *r);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_SETUP_H_INCLUDED_ */
