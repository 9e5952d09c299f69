
/*
 * Redis Cluster: which node has the keys of a command, and what is done when
 * a node says that it is another one.
 *
 * The map is that of CLUSTER SLOTS, asked of one node after the other until one
 * has it, at most once a second.  Meanwhile, where a master is away, others are
 * asked for one key of it: by MOVED they say who has taken its slots over.  A
 * command whose slot has no owner waits at a node without a place.
 */


#ifndef _NGX_REDIS_CLUSTER_H_INCLUDED_
#define _NGX_REDIS_CLUSTER_H_INCLUDED_


#include "redis/node.h"
#include "redis/place.h"
#include "redis/probe.h"
#include "redis/slot.h"


#pragma GCC visibility push(hidden)


/* of a cluster, at most */
#define NGX_REDIS_MAX_NODES  1000


typedef struct ngx_redis_cluster_s  ngx_redis_cluster_t;


typedef struct {
    ngx_redis_node_t       node;       /* the first: its data is the cluster */
    ngx_redis_place_t      place;
    ngx_uint_t             named;      /* by the map of this round, the last
                                          one that did; 0: by none */
    ngx_uint_t             used;       /* by a redirection, in this round */
    unsigned               seed:1;     /* of the configuration: stays */
    unsigned               left:1;     /* another has taken its slots over */
} ngx_redis_member_t;


struct ngx_redis_cluster_s {
    ngx_redis_conf_t      *conf;
    ngx_redis_tls_t       *tls;        /* NULL: none */
    ngx_redis_counts_t    *counts;
    ngx_redis_gauges_t    *gauges;

    ngx_redis_member_t   **members;    /* NGX_REDIS_MAX_NODES; NULL: none */
    ngx_uint_t             nmembers;   /* places in use or used */
    uint16_t              *slots;      /* of each: the member's place and 1,
                                          or 0: it has no owner */
    uint16_t              *next;       /* of a map that is being read */
    ngx_uint_t             least;      /* slots with an owner that the next
                                          map must have */
    ngx_uint_t             best;       /* most of those with fewer, in this
                                          round; 0: none */
    ngx_redis_node_t       homeless;

    ngx_event_t            turn;       /* posted: asks, and frees members */
    ngx_event_t            timer;      /* not to be asked before */
    ngx_redis_op_t        *op;         /* CLUSTER SLOTS under way, or NULL */
    ngx_uint_t             asked;      /* the member that got it */
    ngx_uint_t             first;      /* that was asked in this round */
    ngx_uint_t             round;      /* maps so far, and 1 */
    ngx_msec_t             began;      /* the round */
    ngx_redis_probe_t      probe;      /* between two of them */
    ngx_redis_said_t       said;       /* that no node has answered */
    ngx_redis_said_t       named;      /* that there is no resolver */

    unsigned               wanted:1;   /* another map */
    unsigned               begun:1;    /* began is set */
    unsigned               stopped:1;
};


/*
 * Configuration time.  addrs are those of the seeds; model has the conf and
 * the tls of all nodes, and its memory is the cycle's.  Returns NULL if there
 * is no memory, or after it logged what is wrong.
 */
ngx_redis_cluster_t *ngx_redis_cluster_create(ngx_conf_t *cf,
    ngx_redis_node_t *model, ngx_redis_addr_t *addrs, ngx_uint_t naddrs);

/* As ngx_redis_count(). */
void ngx_redis_cluster_count(ngx_redis_cluster_t *cluster,
    ngx_redis_counts_t *counts, ngx_redis_gauges_t *gauges);

/* Configuration time: this is what all nodes wait for. */
void ngx_redis_cluster_wait(ngx_redis_cluster_t *cluster,
    ngx_redis_wait_conf_t *wait);

/*
 * Returns the node that has the slot, or that of commands without one; NULL
 * after ngx_redis_cluster_close().  Wants another map once a minute.
 */
ngx_redis_node_t *ngx_redis_cluster_route(ngx_redis_cluster_t *cluster,
    ngx_uint_t slot);

/*
 * Closes all nodes; what is pending is freed, no handler is called.  May be
 * called again.
 */
void ngx_redis_cluster_close(ngx_redis_cluster_t *cluster);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_CLUSTER_H_INCLUDED_ */
