
/*
 * Counts requests, and what they wait for.
 */


#ifndef _NGX_HTTP_TRACKER_COUNT_H_INCLUDED_
#define _NGX_HTTP_TRACKER_COUNT_H_INCLUDED_


#include "http/tally.h"


#pragma GCC visibility push(hidden)


/*
 * Configuration time: requests of tracker locations are counted when they end.
 * Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_count_init(ngx_conf_t *cf);

/* What the store reports is counted. */
void ngx_http_tracker_count_store(tracker_store_t *store);

/* The request is under way, until the other one says that it is not. */
void ngx_http_tracker_count_start(ngx_http_tracker_counted_t *counted);
void ngx_http_tracker_count_end(ngx_http_tracker_counted_t *counted);

/* Says what a request is for, perhaps another thing than it was before. */
void ngx_http_tracker_count_at(ngx_http_tracker_counted_t *counted,
    ngx_http_tracker_at_e at);

/* Counts a turn of long work, which has taken so many microseconds. */
void ngx_http_tracker_count_turn(ngx_uint_t time);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_COUNT_H_INCLUDED_ */
