
/*
 * Where a server is, as another server says it.
 */


#ifndef _NGX_REDIS_PLACE_H_INCLUDED_
#define _NGX_REDIS_PLACE_H_INCLUDED_


#include "redis/conn.h"


#pragma GCC visibility push(hidden)


typedef struct {
    ngx_redis_addr_t       addr;       /* of the two below */
    char                   host[NGX_SOCKADDR_STRLEN];    /* numeric */
    u_char                 text[NGX_SOCKADDR_STRLEN + sizeof("[]:65535")];
} ngx_redis_place_t;


/*
 * Makes place that of a numeric host, IPv4 or IPv6, and a port in text.
 * Returns NGX_OK, or NGX_ERROR: it is none, place is as before.
 */
ngx_int_t ngx_redis_place_set(ngx_redis_place_t *place, ngx_str_t *host,
    ngx_str_t *port);

/* Makes to the same place as from. */
void ngx_redis_place_copy(ngx_redis_place_t *to, ngx_redis_place_t *from);

/* Returns 1 if both are the same place, or both none, else 0. */
ngx_uint_t ngx_redis_place_same(ngx_redis_place_t *one,
    ngx_redis_place_t *two);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_PLACE_H_INCLUDED_ */
