
/*
 * Commands on their way to the server that serves them.
 */


#include "redis/client.h"


/* the value of a macro as text */
#define NGX_REDIS_TEXT(value)   NGX_REDIS_QUOTE(value)
#define NGX_REDIS_QUOTE(value)  #value


static ngx_redis_node_t *ngx_redis_route(ngx_redis_t *redis, ngx_uint_t slot);


ngx_redis_op_t *
ngx_redis_submit(ngx_redis_t *redis, ngx_redis_command_t *cmd,
    ngx_redis_handler_pt handler, void *data)
{
    ngx_uint_t         slot;
    ngx_redis_op_t    *op;
    ngx_redis_node_t  *node;

    slot = redis->cluster ? ngx_redis_slot(&cmd->key) : 0;
    node = ngx_redis_route(redis, slot);

    if (node == NULL) {
        return NULL;
    }

    op = ngx_redis_op_create(cmd, handler, data);
    if (op == NULL) {
        return NULL;
    }

    if (ngx_redis_node_submit(node, op) != NGX_OK) {
        ngx_redis_op_free(op);
        return NULL;
    }

    if (redis->sentinel) {
        ngx_redis_sentinel_look(redis->sentinel);
    }

    ngx_log_debug4(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "redis submit %p for \"%V\", %uz bytes, while %s",
                   op, &cmd->key, op->size, cmd->action);

    return op;
}


/* the server of these keys, or NULL: it takes no commands any more */

static ngx_redis_node_t *
ngx_redis_route(ngx_redis_t *redis, ngx_uint_t slot)
{
    ngx_redis_node_t  *node;

    if (redis->cluster) {
        return ngx_redis_cluster_route(redis->cluster, slot);
    }

    node = &redis->node;

    return node->stage == NGX_REDIS_STOPPED ? NULL : node;
}


ngx_uint_t
ngx_redis_cancel(ngx_redis_op_t *op)
{
    ngx_uint_t         maybe;
    ngx_redis_lane_t  *lane;

    lane = op->lane;
    maybe = ngx_redis_lane_maybe(op);

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "redis cancel %p", op);

    ngx_redis_lane_abandon(lane, op);
    ngx_redis_lane_post(lane);

    return maybe;
}


void
ngx_redis_count(ngx_redis_t *redis, ngx_redis_counts_t *counts,
    ngx_redis_gauges_t *gauges)
{
    redis->node.log.counts = counts;
    redis->node.log.gauges = gauges;

    if (redis->cluster) {
        ngx_redis_cluster_count(redis->cluster, counts, gauges);
    }
}


const char *
ngx_redis_library(void)
{
    return NGX_REDIS_TEXT(HIREDIS_MAJOR) "." NGX_REDIS_TEXT(HIREDIS_MINOR) "."
           NGX_REDIS_TEXT(HIREDIS_PATCH);
}


void
ngx_redis_close(ngx_array_t *servers)
{
    ngx_uint_t     i;
    ngx_redis_t  **server;

    server = servers->elts;

    for (i = 0; i < servers->nelts; i++) {
        ngx_redis_close_server(server[i]);
    }
}


void
ngx_redis_close_server(void *data)
{
    ngx_redis_t *redis = data;

    if (redis->sentinel) {
        ngx_redis_sentinel_close(redis->sentinel);
    }

    if (redis->cluster) {
        ngx_redis_cluster_close(redis->cluster);
    }

    ngx_redis_node_close(&redis->node);
}
