
/*
 * Hash slots of Redis Cluster.
 */


#ifndef _NGX_REDIS_SLOT_H_INCLUDED_
#define _NGX_REDIS_SLOT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#pragma GCC visibility push(hidden)


#define NGX_REDIS_SLOTS  16384


/*
 * Returns the slot of a key: CRC16 of what is between its first brace and the
 * next closing one, or of all of it (Redis Cluster specification, "Hash tags").
 */
ngx_uint_t ngx_redis_slot(ngx_str_t *key);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_SLOT_H_INCLUDED_ */
