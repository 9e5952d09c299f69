
/*
 * What the rules of a lane have in common.
 */


#include "redis/lane.h"


#define NGX_REDIS_HOLD_MIN     50
#define NGX_REDIS_HOLD_MAX     200

/* a server that refuses a write is not left more often, ms */
#define NGX_REDIS_MOVE_PAUSE   200


static void ngx_redis_lane_await_op(ngx_redis_op_t *op, void *data);
static void ngx_redis_lane_demote(ngx_redis_lane_t *lane);
static void ngx_redis_lane_look(ngx_redis_op_t *op, void *data);
static void ngx_redis_lane_look_at(ngx_redis_lane_t *lane, ngx_queue_t *ops);
static void ngx_redis_lane_measure(ngx_redis_lane_t *lane);
static void ngx_redis_lane_fail_op(ngx_redis_op_t *op, void *data);


void
ngx_redis_lane_post(ngx_redis_lane_t *lane)
{
    /* the log of the configuration time is not that of the worker */

    lane->turn.log = ngx_cycle->log;
    lane->held.log = ngx_cycle->log;
    lane->pause.log = ngx_cycle->log;

    ngx_post_event(&lane->turn, &ngx_posted_events);
}


void
ngx_redis_lane_next_addr(ngx_redis_lane_t *lane)
{
    lane->addr = (lane->addr + 1) % lane->node->naddrs;
}


void
ngx_redis_lane_hold(ngx_redis_lane_t *lane, ngx_redis_refusal_t *refusal)
{
    ngx_redis_pause_e  pause;

    pause = refusal->moves ? NGX_REDIS_PAUSE_DEMOTED : NGX_REDIS_PAUSE_HOLD;
    lane->refusal = refusal;
    lane->paused = ngx_max(lane->paused, pause);

    if (!lane->pause.timer_set) {
        ngx_add_timer(&lane->pause,
                      NGX_REDIS_HOLD_MIN
                      + ngx_random() % (NGX_REDIS_HOLD_MAX
                                        - NGX_REDIS_HOLD_MIN + 1));
    }
}


void
ngx_redis_lane_delay(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    ngx_redis_queue_hold(&lane->queue, op);

    if (!lane->held.timer_set) {
        lane->held.log = ngx_cycle->log;
        ngx_add_timer(&lane->held, NGX_REDIS_HELD_TICK);
    }
}


void
ngx_redis_lane_hold_op(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    ngx_redis_lane_delay(lane, op);

    if (op->refusal->moves) {
        ngx_redis_lane_doubt(lane);
        ngx_redis_lane_demote(lane);
    }
}


ngx_uint_t
ngx_redis_lane_await(ngx_redis_lane_t *lane)
{
    ngx_redis_node_t  *node;

    node = lane->node;

    if (node->doubt == NULL) {
        return 0;
    }

    if (!node->absent) {
        node->absent = 1;
        node->lost = ngx_current_msec;
    }

    ngx_redis_queue_each(&lane->queue, ngx_redis_lane_await_op, node);
    ngx_redis_lane_hold(lane, &ngx_redis_no_master);
    ngx_redis_lane_post(lane);

    return 1;
}


/* one that was lost ends by its own timer, as in ngx_redis_lane_fail_op() */

static void
ngx_redis_lane_await_op(ngx_redis_op_t *op, void *data)
{
    ngx_redis_node_t *node = data;

    if (!op->cmd.urgent && op->losses == 0
        && ngx_current_msec - node->lost >= op->cmd.failover)
    {
        ngx_redis_queue_fail(&op->lane->queue, op, NGX_REDIS_UNAVAILABLE);
    }
}


/*
 * Nothing more is sent on this connection, so that it can be left soon: what
 * others have sent is answered first.  A replica that reads go to is not left
 * all the time.
 */

static void
ngx_redis_lane_demote(ngx_redis_lane_t *lane)
{
    if (ngx_current_msec - lane->moved < NGX_REDIS_MOVE_PAUSE) {
        return;
    }

    lane->moved = ngx_current_msec;
    lane->paused = NGX_REDIS_PAUSE_DEMOTED;

    if (!lane->pause.timer_set) {
        ngx_add_timer(&lane->pause, NGX_REDIS_HOLD_MIN);
    }
}


void
ngx_redis_lane_drained(ngx_redis_lane_t *lane)
{
    if (lane->paused != NGX_REDIS_PAUSE_DEMOTED
        || lane->refusal
        || ngx_redis_lane_busy(lane))
    {
        return;
    }

    /* ngx_add_timer() would keep an old timer that is nearly the same */

    if (lane->pause.timer_set) {
        ngx_del_timer(&lane->pause);
    }

    ngx_add_timer(&lane->pause, 0);
}


void
ngx_redis_lane_alive(ngx_redis_lane_t *lane)
{
    ngx_uint_t         i;
    ngx_redis_lane_t  *other;

    lane->failures = 0;
    lane->retried = 0;
    lane->node->absent = 0;

    if (lane->answered) {
        return;
    }

    /* the first of this connection: Redis is there for the other lanes too */

    lane->answered = 1;

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        other = &lane->node->lanes[i];

        if (other->paused != NGX_REDIS_PAUSE_BACKOFF) {
            continue;
        }

        other->paused = NGX_REDIS_PAUSE_NONE;
        other->failures = 0;

        if (other->pause.timer_set) {
            ngx_del_timer(&other->pause);
        }

        ngx_redis_lane_post(other);
    }
}


/*
 * The longest timeout of those that wait counts: a command that waits for a
 * short while only says nothing about a connection that others share.  Many
 * may expire at once: they are looked through once a millisecond.  Redis is
 * silent during a WAIT, and may be for its time.
 */

ngx_uint_t
ngx_redis_lane_dead(ngx_redis_lane_t *lane)
{
    ngx_msec_t  wait;

    if (lane->max_timeout_at != ngx_current_msec) {
        lane->max_timeout_at = ngx_current_msec;
        lane->max_timeout = 0;

        ngx_redis_lane_look_at(lane, &lane->queue.sent);
        ngx_redis_lane_look_at(lane, &lane->wait.held);
        ngx_redis_queue_each(&lane->queue, ngx_redis_lane_look, lane);
    }

    wait = lane->wait.asked ? lane->node->conf.wait.time : 0;

    return ngx_redis_conn_dead(&lane->conn, lane->max_timeout + 2 * wait);
}


static void
ngx_redis_lane_look_at(ngx_redis_lane_t *lane, ngx_queue_t *ops)
{
    ngx_queue_t  *q;

    for (q = ngx_queue_head(ops);
         q != ngx_queue_sentinel(ops);
         q = ngx_queue_next(q))
    {
        ngx_redis_lane_look(ngx_queue_data(q, ngx_redis_op_t, queue), lane);
    }
}


static void
ngx_redis_lane_look(ngx_redis_op_t *op, void *data)
{
    ngx_redis_lane_t *lane = data;

    if (op->handler) {
        lane->max_timeout = ngx_max(lane->max_timeout, op->cmd.timeout);
    }
}


void
ngx_redis_lane_fail(ngx_redis_lane_t *lane, ngx_redis_status_e status)
{
    ngx_redis_queue_each(&lane->queue, ngx_redis_lane_fail_op, &status);
}


static void
ngx_redis_lane_fail_op(ngx_redis_op_t *op, void *data)
{
    ngx_redis_status_e *status = data;

    ngx_uint_t  wait;

    wait = op->cmd.urgent
           || ((op->losses || op->refusal)
               && op->lane->node->stage == NGX_REDIS_RUNNING);

    if (!wait || *status == NGX_REDIS_ERROR) {
        ngx_redis_queue_fail(&op->lane->queue, op, *status);
    }
}


/* handlers may submit and cancel: always the head */

void
ngx_redis_lane_deliver(ngx_redis_lane_t *lane)
{
    ngx_queue_t     *q;
    ngx_redis_op_t  *op;

    while (!ngx_queue_empty(&lane->queue.failed)) {
        q = ngx_queue_head(&lane->queue.failed);
        ngx_queue_remove(q);

        op = ngx_queue_data(q, ngx_redis_op_t, queue);

        ngx_redis_lane_finish(lane, op, op->status, NULL,
                              ngx_redis_lane_maybe(op));
    }
}


ngx_uint_t
ngx_redis_lane_maybe(ngx_redis_op_t *op)
{
    return op->losses
           || op->led
           || op->state == NGX_REDIS_OP_ANSWERED
           || (op->state == NGX_REDIS_OP_SENT && op != op->lane->partial);
}


void
ngx_redis_lane_finish(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    ngx_redis_status_e status, redisReply *r, ngx_uint_t maybe)
{
    lane->live--;

    ngx_redis_queue_leave(&lane->queue, op);
    ngx_redis_op_finish(op, status, r, maybe);
}


void
ngx_redis_lane_abandon(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    lane->live--;

    if (op->state != NGX_REDIS_OP_SENT) {
        ngx_redis_queue_remove(&lane->queue, op);
        ngx_redis_lane_free(lane, op);
        return;
    }

    ngx_redis_op_disarm(op);
    op->handler = NULL;

    if (op == lane->partial) {

        /* its arguments are gone with the caller */

        lane->partial = NULL;
        lane->broken = 1;

        ngx_redis_lane_post(lane);
    }
}


void
ngx_redis_lane_free(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    ngx_redis_queue_leave(&lane->queue, op);
    ngx_redis_op_free(op);
}


void
ngx_redis_lane_settle(ngx_redis_lane_t *lane)
{
    ngx_connection_t  *c;

    c = lane->conn.stream.connection;

    if (lane->live == 0 && c) {
        c->idle = 1;

        if (ngx_exiting || lane->node->stage != NGX_REDIS_RUNNING) {
            ngx_redis_stream_close(&lane->conn.stream, NGX_REDIS_END_CLOSED);
        }
    }

    ngx_redis_lane_measure(lane);
}


/*
 * A turn of the lane, a reply and a timer all end in settle().  Nodes of a
 * cluster are counted together.
 */

static void
ngx_redis_lane_measure(ngx_redis_lane_t *lane)
{
    ngx_redis_load_t  *load, now;

    load = &lane->node->log.gauges->load[lane - lane->node->lanes];

    now.connected = (lane->conn.state == NGX_REDIS_READY);
    now.commands = lane->queue.commands;
    now.bytes = lane->queue.bytes;

    load->connected += now.connected - lane->load.connected;
    load->commands += now.commands - lane->load.commands;
    load->bytes += now.bytes - lane->load.bytes;

    lane->load = now;
}
