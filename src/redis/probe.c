
/*
 * Who has a key whose node is away.
 */


#include "redis/probe.h"


/* from one to the next, ms: a node is tried anew every 50 to 200 ms */
#define NGX_REDIS_PROBE_PAUSE  50

/* for an answer, ms */
#define NGX_REDIS_PROBE_LIMIT  300


static void ngx_redis_probe_look_at(ngx_redis_probe_t *probe, ngx_queue_t *ops);
static void ngx_redis_probe_look(ngx_redis_op_t *op, void *data);


ngx_uint_t
ngx_redis_probe_due(ngx_redis_probe_t *probe)
{
    return probe->op == NULL
           && ngx_current_msec - probe->at >= NGX_REDIS_PROBE_PAUSE;
}


ngx_int_t
ngx_redis_probe(ngx_redis_probe_t *probe, ngx_redis_node_t *from,
    ngx_redis_node_t *to, ngx_redis_handler_pt handler)
{
    ngx_uint_t            i;
    ngx_redis_lane_t     *lane;
    ngx_redis_command_t   cmd;

    /* also if there is nothing to ask for: to look for it takes time, too */

    probe->at = ngx_current_msec;

    ngx_str_set(&probe->argv[0], "GET");
    probe->argv[1].len = 0;
    probe->argv[1].data = probe->key;

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        lane = &from->lanes[i];

        ngx_redis_queue_each(&lane->queue, ngx_redis_probe_look, probe);

        /* one that is silent owes answers */

        ngx_redis_probe_look_at(probe, &lane->queue.sent);
        ngx_redis_probe_look_at(probe, &lane->wait.held);
    }

    if (probe->argv[1].len == 0) {
        return NGX_DECLINED;
    }

    ngx_memzero(&cmd, sizeof(ngx_redis_command_t));

    ngx_str_set(&cmd.flow, "cluster");

    cmd.argc = 2;
    cmd.argv = probe->argv;
    cmd.key = probe->argv[1];
    cmd.size = 64 + cmd.key.len;
    cmd.timeout = NGX_REDIS_PROBE_LIMIT;
    cmd.deadline = ngx_current_msec + NGX_REDIS_PROBE_LIMIT;
    cmd.failover = NGX_REDIS_PROBE_LIMIT;
    cmd.action = "asking who has a slot";
    cmd.read = 1;

    probe->op = ngx_redis_op_create(&cmd, handler, probe->data);

    if (probe->op == NULL) {
        return NGX_DECLINED;
    }

    /* an exiting worker waits for what needs the answer, not for the answer */

    probe->op->timer.cancelable = 1;

    if (ngx_redis_node_submit(to, probe->op) != NGX_OK) {
        ngx_redis_op_free(probe->op);
        probe->op = NULL;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_redis_probe_look_at(ngx_redis_probe_t *probe, ngx_queue_t *ops)
{
    ngx_queue_t  *q;

    for (q = ngx_queue_head(ops);
         q != ngx_queue_sentinel(ops) && probe->argv[1].len == 0;
         q = ngx_queue_next(q))
    {
        ngx_redis_probe_look(ngx_queue_data(q, ngx_redis_op_t, queue), probe);
    }
}


/* nothing is stored under what the keys begin with */

static void
ngx_redis_probe_look(ngx_redis_op_t *op, void *data)
{
    ngx_redis_probe_t *probe = data;

    ngx_str_t  *key;

    key = &op->cmd.key;

    if (probe->argv[1].len == 0 && op->handler && key->len
        && key->len <= NGX_REDIS_PROBE_KEY && probe->fits(op, probe->data))
    {
        ngx_memcpy(probe->key, key->data, key->len);
        probe->argv[1].len = key->len;
    }
}
