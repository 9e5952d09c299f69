
/*
 * What stands behind ngx_redis_t.
 */


#ifndef _NGX_REDIS_CLIENT_H_INCLUDED_
#define _NGX_REDIS_CLIENT_H_INCLUDED_


#include "redis/cluster.h"
#include "redis/sentinel.h"


#pragma GCC visibility push(hidden)


struct ngx_redis_s {
    ngx_redis_node_t       node;       /* the only one, if no cluster */
    ngx_redis_sentinel_t  *sentinel;   /* NULL: none, node does not move */
    ngx_redis_cluster_t   *cluster;    /* or NULL */
    ngx_redis_counts_t     counts;     /* until ngx_redis_count() */
    ngx_redis_gauges_t     gauges;
    ngx_uint_t             wait_default;   /* 1: the time of node.conf.wait is
                                              not configured */
};


/* A handler for a pool cleanup: closes one server; may be called again. */
void ngx_redis_close_server(void *data);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_CLIENT_H_INCLUDED_ */
