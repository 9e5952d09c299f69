
/*
 * One key whose node is away: another node is asked for it, and says in its
 * refusal who has it now.
 */


#ifndef _NGX_REDIS_PROBE_H_INCLUDED_
#define _NGX_REDIS_PROBE_H_INCLUDED_


#include "redis/node.h"


#pragma GCC visibility push(hidden)


/* bytes of a key, its prefix included; no longer ones are asked for */
#define NGX_REDIS_PROBE_KEY  256


/* fits returns 1 if op, of from, has a key to be asked for, else 0 */

typedef struct {
    ngx_redis_op_t        *op;         /* under way, or NULL */
    ngx_msec_t             at;         /* the last one */
    ngx_uint_t             away;       /* the member that had the key */
    ngx_uint_t             asked;      /* the one that is asked */
    ngx_uint_t           (*fits)(ngx_redis_op_t *op, void *data);
    ngx_str_t              argv[2];
    u_char                 key[NGX_REDIS_PROBE_KEY];
    void                  *data;       /* of fits, and of the handler */
} ngx_redis_probe_t;


/* Returns 1 if none is under way, nor was a moment ago, else 0. */
ngx_uint_t ngx_redis_probe_due(ngx_redis_probe_t *probe);

/*
 * Asks the node to for the key of a command that waits at from, for its turn
 * or for its answer, and fits; the handler gets the result.  Returns NGX_OK, or
 * NGX_DECLINED: there is no such command, or no memory.
 */
ngx_int_t ngx_redis_probe(ngx_redis_probe_t *probe, ngx_redis_node_t *from,
    ngx_redis_node_t *to, ngx_redis_handler_pt handler);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_PROBE_H_INCLUDED_ */
