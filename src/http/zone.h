
/*
 * The shared zone of tracker_status: a slot for each worker, in which only this
 * worker writes, and what workers that have ended had counted.  It outlives a
 * reload; old and new workers have slots at the same time.
 */


#ifndef _NGX_HTTP_TRACKER_ZONE_H_INCLUDED_
#define _NGX_HTTP_TRACKER_ZONE_H_INCLUDED_


#include "http/tally.h"


#pragma GCC visibility push(hidden)


/* what all workers together have counted */

typedef struct {
    ngx_http_tracker_tally_t   tally;    /* of servers: loads only are sums */
    ngx_uint_t                 workers;
    time_t                     start;    /* since when it is counted */
    ngx_str_t                  servers[NGX_HTTP_TRACKER_SERVERS];
    ngx_str_t                  keys[NGX_HTTP_TRACKER_KEYS];
} ngx_http_tracker_sum_t;


/*
 * Configuration time: there is a zone from now on.  Returns NGX_OK, or
 * NGX_ERROR after logging the cause.
 */
ngx_int_t ngx_http_tracker_zone_add(ngx_conf_t *cf);

/* Configuration time, when all is known: warns of what has no room. */
void ngx_http_tracker_zone_check(ngx_conf_t *cf);

/*
 * A worker begins to count in a slot, or ends to do so.  Where there is no
 * zone, or no slot is left, which is logged, it counts where nobody looks.
 */
void ngx_http_tracker_zone_join(ngx_http_tracker_main_conf_t *tmcf,
    ngx_log_t *log);
void ngx_http_tracker_zone_leave(ngx_http_tracker_main_conf_t *tmcf);

/*
 * Sets sum, which is all zero; names have memory of pool.  Returns NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_zone_read(ngx_http_tracker_main_conf_t *tmcf,
    ngx_pool_t *pool, ngx_http_tracker_sum_t *sum);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_ZONE_H_INCLUDED_ */
