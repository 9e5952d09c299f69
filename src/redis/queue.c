
/*
 * Which command of a lane is sent next.
 *
 * What Redis owes is bounded, or clients that ask and go away would fill its
 * memory, and those who come after them would wait for all of it.  Flows take
 * turns, a command each; a flow whose replies are large has few of them under
 * way.
 */


#include "redis/private.h"


static void ngx_redis_flow_update(ngx_redis_lane_t *lane,
    ngx_redis_flow_t *flow);
static void ngx_redis_each_of(ngx_queue_t *queue,
    void (*visit)(ngx_redis_op_t *op, void *data), void *data);


void
ngx_redis_queue_init(ngx_redis_lane_t *lane)
{
    ngx_rbtree_init(&lane->flows, &lane->sentinel, ngx_str_rbtree_insert_value);

    ngx_queue_init(&lane->turns);
    ngx_queue_init(&lane->again);
    ngx_queue_init(&lane->sent);
    ngx_queue_init(&lane->failed);
}


ngx_int_t
ngx_redis_queue_join(ngx_redis_op_t *op)
{
    uint32_t           hash;
    ngx_str_t         *name;
    ngx_redis_flow_t  *flow;
    ngx_redis_lane_t  *lane;

    lane = op->lane;
    name = &op->cmd.flow;

    hash = ngx_crc32_short(name->data, name->len);

    flow = (ngx_redis_flow_t *)
           ngx_str_rbtree_lookup(&lane->flows, name, hash);

    if (flow == NULL) {
        flow = ngx_alloc(sizeof(ngx_redis_flow_t) + name->len,
                         ngx_cycle->log);
        if (flow == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(flow, sizeof(ngx_redis_flow_t));

        flow->cost = NGX_REDIS_FIRST_COST;
        flow->node.node.key = hash;
        flow->node.str.len = name->len;
        flow->node.str.data = (u_char *) flow + sizeof(ngx_redis_flow_t);

        ngx_memcpy(flow->node.str.data, name->data, name->len);

        ngx_queue_init(&flow->waiting);
        ngx_rbtree_insert(&lane->flows, &flow->node.node);
        lane->nflows++;
    }

    op->flow = flow;

    flow->commands++;
    flow->bytes += op->size;
    lane->commands++;
    lane->bytes += op->size;

    /* a release ends what others of its flow wait for */

    if (op->cmd.urgent) {
        ngx_queue_insert_tail(&lane->again, &op->queue);

    } else {
        ngx_queue_insert_tail(&flow->waiting, &op->queue);
        ngx_redis_flow_update(lane, flow);
    }

    return NGX_OK;
}


void
ngx_redis_queue_leave(ngx_redis_op_t *op)
{
    ngx_redis_flow_t  *flow;
    ngx_redis_lane_t  *lane;

    flow = op->flow;
    lane = op->lane;

    flow->commands--;
    flow->bytes -= op->size;
    lane->commands--;
    lane->bytes -= op->size;

    if (flow->commands == 0) {
        ngx_rbtree_delete(&lane->flows, &flow->node.node);
        lane->nflows--;

        ngx_free(flow);
    }
}


ngx_redis_status_e
ngx_redis_queue_check(ngx_redis_op_t *op)
{
    ngx_redis_flow_t  *flow;
    ngx_redis_lane_t  *lane;

    flow = op->flow;
    lane = op->lane;

    /* op itself is among them: one is taken whatever its size */

    if (flow->commands > 1
        && ((lane->commands > NGX_REDIS_MAX_COMMANDS
             && flow->commands > NGX_REDIS_MAX_COMMANDS / lane->nflows)
            || (lane->bytes > NGX_REDIS_MAX_BYTES
                && flow->bytes > NGX_REDIS_MAX_BYTES / lane->nflows)))
    {
        return NGX_REDIS_CROWDED;
    }

    if (lane->commands > 1
        && (lane->commands > 2 * NGX_REDIS_MAX_COMMANDS
            || lane->bytes > 2 * NGX_REDIS_MAX_BYTES))
    {
        return NGX_REDIS_UNAVAILABLE;
    }

    return NGX_REDIS_OK;
}


void
ngx_redis_queue_remove(ngx_redis_op_t *op)
{
    ngx_queue_remove(&op->queue);

    ngx_redis_flow_update(op->lane, op->flow);
}


/* a flow has its turn while one of its commands may be sent */

static void
ngx_redis_flow_update(ngx_redis_lane_t *lane, ngx_redis_flow_t *flow)
{
    ngx_uint_t  may;

    may = !ngx_queue_empty(&flow->waiting)
          && flow->unanswered * flow->cost < NGX_REDIS_FLOW_OWED;

    if (may && !flow->queued) {
        ngx_queue_insert_tail(&lane->turns, &flow->queue);

    } else if (!may && flow->queued) {
        ngx_queue_remove(&flow->queue);
    }

    flow->queued = may;
}


ngx_redis_op_t *
ngx_redis_queue_next(ngx_redis_lane_t *lane)
{
    ngx_queue_t       *q;
    ngx_redis_op_t    *op;
    ngx_redis_flow_t  *flow;

    if (lane->alone
        || lane->unanswered >= NGX_REDIS_MAX_UNANSWERED
        || lane->owed >= NGX_REDIS_MAX_OWED)
    {
        return NULL;
    }

    if (!ngx_queue_empty(&lane->again)) {
        q = ngx_queue_head(&lane->again);
        op = ngx_queue_data(q, ngx_redis_op_t, queue);

        /*
         * One of those that were lost together may be what Redis hangs up on:
         * each has the connection to itself, after all of this connection's
         * setup was answered
         */

        if (op->losses && lane->unanswered) {
            return NULL;
        }

        ngx_queue_remove(q);

        return op;
    }

    if (ngx_queue_empty(&lane->turns)) {
        return NULL;
    }

    q = ngx_queue_head(&lane->turns);
    flow = ngx_queue_data(q, ngx_redis_flow_t, queue);

    q = ngx_queue_head(&flow->waiting);
    op = ngx_queue_data(q, ngx_redis_op_t, queue);

    ngx_queue_remove(q);

    /* to the end of the turns; sent() sees whether it has another one */

    ngx_queue_remove(&flow->queue);
    flow->queued = 0;

    return op;
}


ngx_uint_t
ngx_redis_queue_waits(ngx_redis_lane_t *lane)
{
    return !ngx_queue_empty(&lane->again) || !ngx_queue_empty(&lane->turns);
}


void
ngx_redis_queue_sent(ngx_redis_op_t *op)
{
    ngx_redis_lane_t  *lane;

    lane = op->lane;

    op->sent = 1;
    op->since = ngx_current_msec;

    ngx_queue_insert_tail(&lane->sent, &op->queue);
    lane->unanswered++;

    if (op->flow == NULL) {
        return;
    }

    lane->alone = (op->losses != 0);

    op->owed = op->flow->cost;
    lane->owed += op->owed;
    op->flow->unanswered++;

    ngx_redis_flow_update(lane, op->flow);
}


void
ngx_redis_queue_answered(ngx_redis_op_t *op, size_t cost)
{
    ngx_redis_flow_t  *flow;
    ngx_redis_lane_t  *lane;

    lane = op->lane;
    flow = op->flow;

    op->sent = 0;

    ngx_queue_remove(&op->queue);
    lane->unanswered--;

    if (flow == NULL) {
        return;
    }

    lane->alone = 0;
    lane->owed -= op->owed;
    flow->unanswered--;

    /* the largest of late, forgotten within a few hundred small ones */

    if (cost) {
        flow->cost = ngx_max(cost, flow->cost - flow->cost / 64);
    }

    ngx_redis_flow_update(lane, flow);
}


void
ngx_redis_queue_each(ngx_redis_lane_t *lane,
    void (*visit)(ngx_redis_op_t *op, void *data), void *data)
{
    ngx_rbtree_node_t  *node, *next;
    ngx_redis_flow_t   *flow;

    ngx_redis_each_of(&lane->again, visit, data);

    if (lane->flows.root == lane->flows.sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(lane->flows.root, lane->flows.sentinel);
         node;
         node = next)
    {
        next = ngx_rbtree_next(&lane->flows, node);
        flow = (ngx_redis_flow_t *) node;

        ngx_redis_each_of(&flow->waiting, visit, data);
    }
}


static void
ngx_redis_each_of(ngx_queue_t *queue,
    void (*visit)(ngx_redis_op_t *op, void *data), void *data)
{
    ngx_queue_t  *q, *next;

    for (q = ngx_queue_head(queue); q != ngx_queue_sentinel(queue); q = next) {
        next = ngx_queue_next(q);

        visit(ngx_queue_data(q, ngx_redis_op_t, queue), data);
    }
}
