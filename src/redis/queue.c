
/*
 * Which command of a connection is sent next.
 *
 * What Redis owes is bounded, or clients that ask and go away would fill its
 * memory, and those who come after them would wait for all of it.  Flows take
 * turns, a command each; a flow whose replies are large has few of them under
 * way.
 */


#include "redis/queue.h"


/*
 * When that much is queued, sent or not, a flow that has more than its share
 * is refused: these limits divided by the flows there are, one command at
 * least.  With twice as much, all are.
 */
#define NGX_REDIS_MAX_COMMANDS    4096
#define NGX_REDIS_MAX_BYTES       (32 * 1024 * 1024)

/*
 * What Redis may owe: commands that are sent and not answered, their replies'
 * expected cost, and that of one flow's.
 */
#define NGX_REDIS_MAX_UNANSWERED  64
#define NGX_REDIS_MAX_OWED        (32 * 1024 * 1024)
#define NGX_REDIS_FLOW_OWED       (1024 * 1024)

/* of a command that is held, ms: they double */
#define NGX_REDIS_HELD_MIN       20
#define NGX_REDIS_HELD_MAX       200

/* what is expected of a flow that has not had a reply yet */
#define NGX_REDIS_FIRST_COST      (NGX_REDIS_FLOW_OWED / 4)


/* the commands of one caller, as long as there are any */

struct ngx_redis_flow_s {
    ngx_str_node_t         node;       /* in queue->flows */
    ngx_queue_t            queue;      /* in queue->turns, while queued */
    ngx_queue_t            waiting;
    ngx_uint_t             commands;   /* of this flow, sent or not */
    size_t                 bytes;
    ngx_uint_t             unanswered;
    size_t                 cost;       /* expected of a reply */
    ngx_uint_t             queued;     /* 1 or 0 */
};


static void ngx_redis_flow_update(ngx_redis_queue_t *queue,
    ngx_redis_flow_t *flow);
static void ngx_redis_each_of(ngx_queue_t *ops, ngx_redis_visit_pt visit,
    void *data);


void
ngx_redis_queue_init(ngx_redis_queue_t *queue)
{
    ngx_rbtree_init(&queue->flows, &queue->sentinel,
                    ngx_str_rbtree_insert_value);

    ngx_queue_init(&queue->turns);
    ngx_queue_init(&queue->again);
    ngx_queue_init(&queue->held);
    ngx_queue_init(&queue->sent);
    ngx_queue_init(&queue->failed);
}


ngx_int_t
ngx_redis_queue_join(ngx_redis_queue_t *queue, ngx_redis_op_t *op)
{
    uint32_t           hash;
    ngx_str_t         *name;
    ngx_redis_flow_t  *flow;

    name = &op->cmd.flow;

    hash = ngx_murmur_hash2(name->data, name->len);

    flow = (ngx_redis_flow_t *)
           ngx_str_rbtree_lookup(&queue->flows, name, hash);

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
        ngx_rbtree_insert(&queue->flows, &flow->node.node);
        queue->nflows++;
    }

    op->flow = flow;

    flow->commands++;
    flow->bytes += op->size;
    queue->commands++;
    queue->bytes += op->size;

    /* a release ends what others of its flow wait for */

    if (op->cmd.urgent) {
        ngx_queue_insert_tail(&queue->again, &op->queue);

    } else {
        ngx_queue_insert_tail(&flow->waiting, &op->queue);
        ngx_redis_flow_update(queue, flow);
    }

    return NGX_OK;
}


void
ngx_redis_queue_leave(ngx_redis_queue_t *queue, ngx_redis_op_t *op)
{
    ngx_redis_flow_t  *flow;

    flow = op->flow;

    flow->commands--;
    flow->bytes -= op->size;
    queue->commands--;
    queue->bytes -= op->size;

    if (flow->commands == 0) {
        ngx_rbtree_delete(&queue->flows, &flow->node.node);
        queue->nflows--;

        ngx_free(flow);
    }
}


ngx_redis_status_e
ngx_redis_queue_check(ngx_redis_queue_t *queue, ngx_redis_op_t *op)
{
    ngx_redis_flow_t  *flow;

    flow = op->flow;

    /* op itself is among them: one is taken whatever its size */

    if (flow->commands > 1
        && ((queue->commands > NGX_REDIS_MAX_COMMANDS
             && flow->commands > NGX_REDIS_MAX_COMMANDS / queue->nflows)
            || (queue->bytes > NGX_REDIS_MAX_BYTES
                && flow->bytes > NGX_REDIS_MAX_BYTES / queue->nflows)))
    {
        return NGX_REDIS_CROWDED;
    }

    if (queue->commands > 1
        && (queue->commands > 2 * NGX_REDIS_MAX_COMMANDS
            || queue->bytes > 2 * NGX_REDIS_MAX_BYTES))
    {
        return NGX_REDIS_UNAVAILABLE;
    }

    return NGX_REDIS_OK;
}


void
ngx_redis_queue_remove(ngx_redis_queue_t *queue, ngx_redis_op_t *op)
{
    ngx_queue_remove(&op->queue);

    ngx_redis_flow_update(queue, op->flow);
}


/* a flow has its turn while one of its commands may be sent */

static void
ngx_redis_flow_update(ngx_redis_queue_t *queue, ngx_redis_flow_t *flow)
{
    ngx_uint_t  may;

    may = !ngx_queue_empty(&flow->waiting)
          && flow->unanswered * flow->cost < NGX_REDIS_FLOW_OWED;

    if (may && !flow->queued) {
        ngx_queue_insert_tail(&queue->turns, &flow->queue);

    } else if (!may && flow->queued) {
        ngx_queue_remove(&flow->queue);
    }

    flow->queued = may;
}


ngx_redis_op_t *
ngx_redis_queue_next(ngx_redis_queue_t *queue, ngx_uint_t unanswered)
{
    ngx_queue_t       *q;
    ngx_redis_op_t    *op;
    ngx_redis_flow_t  *flow;

    if (queue->alone
        || unanswered >= NGX_REDIS_MAX_UNANSWERED
        || queue->owed >= NGX_REDIS_MAX_OWED)
    {
        return NULL;
    }

    if (!ngx_queue_empty(&queue->again)) {
        q = ngx_queue_head(&queue->again);
        op = ngx_queue_data(q, ngx_redis_op_t, queue);

        /*
         * One of those that were lost together may be what Redis hangs up on:
         * each has the connection to itself, after all of this connection's
         * setup was answered
         */

        if (op->lone && unanswered) {
            return NULL;
        }

        ngx_queue_remove(q);

        return op;
    }

    if (ngx_queue_empty(&queue->turns)) {
        return NULL;
    }

    q = ngx_queue_head(&queue->turns);
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
ngx_redis_queue_waits(ngx_redis_queue_t *queue)
{
    return !ngx_queue_empty(&queue->again) || !ngx_queue_empty(&queue->turns);
}


void
ngx_redis_queue_sent(ngx_redis_queue_t *queue, ngx_redis_op_t *op)
{
    op->state = NGX_REDIS_OP_SENT;
    op->since = ngx_current_msec;

    ngx_queue_insert_tail(&queue->sent, &op->queue);

    queue->alone = op->lone;

    op->owed = op->flow->cost;
    queue->owed += op->owed;
    op->flow->unanswered++;

    ngx_redis_flow_update(queue, op->flow);
}


void
ngx_redis_queue_answered(ngx_redis_queue_t *queue, ngx_redis_op_t *op,
    size_t cost)
{
    ngx_redis_flow_t  *flow;

    flow = op->flow;

    op->state = NGX_REDIS_OP_WAITING;

    ngx_queue_remove(&op->queue);

    queue->alone = 0;
    queue->owed -= op->owed;
    flow->unanswered--;

    if (cost) {
        op->lone = 0;

        /* the largest of late, forgotten within a few hundred small ones */

        flow->cost = ngx_max(cost, flow->cost - flow->cost / 64);
    }

    ngx_redis_flow_update(queue, flow);
}


void
ngx_redis_queue_again(ngx_redis_queue_t *queue, ngx_redis_op_t *op)
{
    op->state = NGX_REDIS_OP_WAITING;
    ngx_queue_insert_tail(&queue->again, &op->queue);
}


void
ngx_redis_queue_hold(ngx_redis_queue_t *queue, ngx_redis_op_t *op)
{
    op->state = NGX_REDIS_OP_HELD;
    op->hold.pause = ngx_min(2 * op->hold.pause, NGX_REDIS_HELD_MAX);
    op->hold.pause = ngx_max(op->hold.pause, NGX_REDIS_HELD_MIN);
    op->hold.until = ngx_current_msec + op->hold.pause / 2
                     + ngx_random() % (op->hold.pause / 2 + 1);

    ngx_queue_insert_tail(&queue->held, &op->queue);
}


ngx_uint_t
ngx_redis_queue_resume(ngx_redis_queue_t *queue)
{
    ngx_queue_t     *q, *next;
    ngx_redis_op_t  *op;

    for (q = ngx_queue_head(&queue->held);
         q != ngx_queue_sentinel(&queue->held);
         q = next)
    {
        next = ngx_queue_next(q);
        op = ngx_queue_data(q, ngx_redis_op_t, queue);

        if ((ngx_msec_int_t) (op->hold.until - ngx_current_msec) <= 0) {
            ngx_queue_remove(q);
            ngx_redis_queue_again(queue, op);
        }
    }

    return !ngx_queue_empty(&queue->held);
}


void
ngx_redis_queue_fail(ngx_redis_queue_t *queue, ngx_redis_op_t *op,
    ngx_redis_status_e status)
{
    ngx_redis_queue_remove(queue, op);
    ngx_redis_op_disarm(op);

    op->state = NGX_REDIS_OP_FAILED;
    op->status = status;

    ngx_queue_insert_tail(&queue->failed, &op->queue);
}


void
ngx_redis_queue_each(ngx_redis_queue_t *queue, ngx_redis_visit_pt visit,
    void *data)
{
    ngx_rbtree_node_t  *node, *next;
    ngx_redis_flow_t   *flow;

    ngx_redis_each_of(&queue->again, visit, data);
    ngx_redis_each_of(&queue->held, visit, data);

    if (queue->flows.root == queue->flows.sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(queue->flows.root, queue->flows.sentinel);
         node;
         node = next)
    {
        next = ngx_rbtree_next(&queue->flows, node);
        flow = (ngx_redis_flow_t *) node;

        ngx_redis_each_of(&flow->waiting, visit, data);
    }
}


static void
ngx_redis_each_of(ngx_queue_t *ops, ngx_redis_visit_pt visit, void *data)
{
    ngx_queue_t  *q, *next;

    for (q = ngx_queue_head(ops); q != ngx_queue_sentinel(ops); q = next) {
        next = ngx_queue_next(q);

        visit(ngx_queue_data(q, ngx_redis_op_t, queue), data);
    }
}
