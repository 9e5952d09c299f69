
/*
 * Who is the master: asked of the sentinels, SENTINEL get-master-addr-by-name,
 * by a connection to one of them after the other, until two agree.
 *
 * No SUBSCRIBE: what a sentinel has published while we were not connected would
 * be missed, and had to be asked for all the same.
 */


#ifndef _NGX_REDIS_SENTINEL_H_INCLUDED_
#define _NGX_REDIS_SENTINEL_H_INCLUDED_


#include "redis/node.h"
#include "redis/place.h"


#pragma GCC visibility push(hidden)


typedef struct {
    ngx_redis_conn_t       conn;
    ngx_redis_conf_t       conf;       /* of conn */
    ngx_redis_log_t        log;        /* of conn */
    ngx_redis_counts_t     counts;     /* looked at by nobody */
    ngx_redis_gauges_t     gauges;

    ngx_redis_node_t      *node;       /* the master */
    ngx_redis_place_t      place;      /* where it is; port 0: not known */

    ngx_redis_addr_t      *addrs;      /* of the sentinels */
    ngx_uint_t             naddrs;
    ngx_uint_t             at;         /* the one that is asked */

    ngx_redis_place_t     *votes;      /* of this round, naddrs at most,
                                          behind the place as known */
    ngx_uint_t             nvotes;
    ngx_uint_t             nasked;

    ngx_event_t            turn;       /* posted: connects, or closes */
    ngx_event_t            limit;      /* timer: the answer is late */
    ngx_msec_t             began;      /* the last round */
    ngx_redis_said_t       said;       /* that none has answered */
    ngx_redis_said_t       named;      /* that there is no resolver */

    unsigned               asking:1;   /* in a round */
    unsigned               failed:1;   /* this one: the turn leads on */
    unsigned               sent:1;     /* this one has got the question */
    unsigned               answered:1; /* and has its voice: a loss of its
                                          connection is none */
    unsigned               doubt:1;    /* in this round the place as known
                                          counts for nothing */
    unsigned               stopped:1;
} ngx_redis_sentinel_t;


/*
 * Configuration time: makes node the server that the sentinels at naddrs
 * addresses call by conf->sentinel.name.  The memory of node, addrs and
 * conf's strings is the cycle's.  Returns NULL if there is no memory.
 */
ngx_redis_sentinel_t *ngx_redis_sentinel_create(ngx_conf_t *cf,
    ngx_redis_node_t *node, ngx_redis_addr_t *addrs, ngx_uint_t naddrs);

/* A command is submitted: asks, unless that was done a second ago or less. */
void ngx_redis_sentinel_look(ngx_redis_sentinel_t *sentinel);

/* Closes the connection; asks no more. */
void ngx_redis_sentinel_close(ngx_redis_sentinel_t *sentinel);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_SENTINEL_H_INCLUDED_ */
