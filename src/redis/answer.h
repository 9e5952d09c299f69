
/*
 * What a reply, or none in time, means for a command.
 */


#ifndef _NGX_REDIS_ANSWER_H_INCLUDED_
#define _NGX_REDIS_ANSWER_H_INCLUDED_


#include "redis/lane.h"


#pragma GCC visibility push(hidden)


/* The reply handler of a connection (redis/conn.h); data is its lane. */
void ngx_redis_reply(void *data, void *command, redisReply *r, size_t cost);

/* The queued handler of a connection. */
void ngx_redis_queued(void *data, void *command, redisReply *r);

/* The wanted handler of a connection. */
ngx_uint_t ngx_redis_wanted(void *command);

/* The handler of the timer of a command. */
void ngx_redis_expire(ngx_event_t *ev);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_ANSWER_H_INCLUDED_ */
