
/*
 * What a node says of the cluster: the reply to CLUSTER SLOTS, and the errors
 * MOVED and ASK.
 */


#ifndef _NGX_REDIS_MAP_H_INCLUDED_
#define _NGX_REDIS_MAP_H_INCLUDED_


#include "redis/place.h"
#include "redis/slot.h"


#pragma GCC visibility push(hidden)


/* slots first to last, the last one included, and the place of their master */

typedef struct {
    ngx_uint_t             first;
    ngx_uint_t             last;
    ngx_redis_place_t      place;
} ngx_redis_range_t;


/*
 * Reads element i of the reply to CLUSTER SLOTS.  asked: where the reply comes
 * from, which a missing host stands for.
 * Returns NGX_OK; NGX_DECLINED: nobody, or nobody with an address or a name,
 * has these slots; or NGX_ERROR: this is no range.
 */
ngx_int_t ngx_redis_map_range(ngx_redis_reply_t *reply, ngx_uint_t i,
    ngx_redis_place_t *asked, ngx_redis_range_t *range);

/*
 * Reads "MOVED 1234 host:port" or "ASK ...", of len bytes, into range: one
 * slot.  asked as above.  Returns as above.
 */
ngx_int_t ngx_redis_map_redirect(const char *error, size_t len,
    ngx_redis_place_t *asked, ngx_redis_range_t *range);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_MAP_H_INCLUDED_ */
