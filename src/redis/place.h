
/*
 * Where a server is, as another server says it.
 */


#ifndef _NGX_REDIS_PLACE_H_INCLUDED_
#define _NGX_REDIS_PLACE_H_INCLUDED_


#include "redis/conn.h"


#pragma GCC visibility push(hidden)


/* bytes of a name: as many as DNS has, and Redis announces */
#define NGX_REDIS_MAX_NAME  253


typedef struct {
    ngx_redis_addr_t       addr;       /* of the three below */
    char                   host[NGX_SOCKADDR_STRLEN];
    u_char                 name[NGX_REDIS_MAX_NAME + 1];  /* as it was said, in
                                                             lower case */
    u_char                 text[NGX_REDIS_MAX_NAME + sizeof("[]:65535")];
} ngx_redis_place_t;


/*
 * Makes place that of a host, an IPv4 or IPv6 address or a name, and a port,
 * both in text.  Returns NGX_OK, or NGX_ERROR: they are none, place is as
 * before.
 */
ngx_int_t ngx_redis_place_set(ngx_redis_place_t *place, ngx_str_t *host,
    ngx_str_t *port);

/*
 * ip is the address of the name of place, as far as is known.  Returns NGX_OK,
 * or NGX_ERROR: it is no address, place is as before.
 */
ngx_int_t ngx_redis_place_know(ngx_redis_place_t *place, ngx_str_t *ip);

/*
 * Makes place, if it has a name, that of the address known of it.  Returns
 * NGX_OK, or NGX_DECLINED: none is known, place is as before.
 */
ngx_int_t ngx_redis_place_number(ngx_redis_place_t *place);

/* Makes to the same place as from. */
void ngx_redis_place_copy(ngx_redis_place_t *to, ngx_redis_place_t *from);

/* Returns 1 if both are the same place, or both none, else 0. */
ngx_uint_t ngx_redis_place_same(ngx_redis_place_t *one,
    ngx_redis_place_t *two);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_PLACE_H_INCLUDED_ */
