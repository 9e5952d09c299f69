
/*
 * One server: what its lanes do in a turn of the loop, after a pause, and at
 * the end of the worker.
 */


#include "redis/answer.h"
#include "redis/loss.h"
#include "redis/node.h"
#include "redis/send.h"
#include "redis/setup.h"


/* an answer that is owed for so long makes us ask who the master is, ms */
#define NGX_REDIS_SILENCE       1000

/* and then again, so often */
#define NGX_REDIS_SILENCE_TICK  50


static ngx_redis_lane_t *ngx_redis_node_lane(ngx_redis_node_t *node,
    ngx_redis_command_t *cmd);
static ngx_redis_status_e ngx_redis_node_check(ngx_redis_lane_t *lane,
    ngx_redis_op_t *op);
static void ngx_redis_node_ready(void *data);
static void ngx_redis_node_refused(void *data, ngx_redis_refusal_t *refusal);
static void ngx_redis_node_turn(ngx_event_t *ev);
static void ngx_redis_node_connect(ngx_redis_lane_t *lane);
static void ngx_redis_node_watch(ngx_redis_node_t *node);
static void ngx_redis_node_owing(ngx_event_t *ev);
static void ngx_redis_node_held(ngx_event_t *ev);
static void ngx_redis_node_resume(ngx_event_t *ev);
static void ngx_redis_node_move(ngx_redis_lane_t *lane, ngx_uint_t addr);
static void ngx_redis_node_shutdown(void *data);
static void ngx_redis_node_fail_sent(ngx_redis_lane_t *lane);
static void ngx_redis_node_drop(ngx_redis_op_t *op, void *data);
static void ngx_redis_node_free_ops(ngx_redis_lane_t *lane, ngx_queue_t *ops);


static ngx_redis_conn_handlers_t  ngx_redis_node_handlers = {
    ngx_redis_node_ready,
    ngx_redis_node_refused,
    ngx_redis_reply,
    ngx_redis_queued,
    ngx_redis_waited,
    ngx_redis_wanted,
    ngx_redis_lost,
    ngx_redis_node_shutdown
};


void
ngx_redis_node_init(ngx_redis_node_t *node)
{
    ngx_uint_t         i;
    ngx_redis_lane_t  *lane;

    node->log.name = &node->conf.address;

    node->owing.handler = ngx_redis_node_owing;
    node->owing.data = node;
    node->owing.cancelable = 1;

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        lane = &node->lanes[i];

        lane->node = node;

        lane->turn.handler = ngx_redis_node_turn;
        lane->turn.data = lane;

        lane->held.handler = ngx_redis_node_held;
        lane->held.data = lane;

        lane->pause.handler = ngx_redis_node_resume;
        lane->pause.data = lane;

        /* the timers of the commands keep a worker, these need not */
        lane->held.cancelable = 1;
        lane->pause.cancelable = 1;

        lane->conn.conf = &node->conf;
        lane->conn.log = &node->log;
        lane->conn.info = (i != NGX_REDIS_LANE_LARGE);
        lane->conn.handlers = &ngx_redis_node_handlers;
        lane->conn.data = lane;
        lane->conn.stream.tls = node->tls;

        ngx_redis_conn_init(&lane->conn);
        ngx_redis_queue_init(&lane->queue);
        ngx_redis_wait_init(&lane->wait);
    }
}


ngx_int_t
ngx_redis_node_submit(ngx_redis_node_t *node, ngx_redis_op_t *op)
{
    ngx_redis_lane_t    *lane;
    ngx_redis_status_e   status;

    lane = ngx_redis_node_lane(node, &op->cmd);

    op->lane = lane;
    op->timer.handler = ngx_redis_expire;

    if (ngx_redis_queue_join(&lane->queue, op) != NGX_OK) {
        return NGX_ERROR;
    }

    status = ngx_redis_node_check(lane, op);

    if (status != NGX_REDIS_OK) {
        ngx_redis_queue_fail(&lane->queue, op, status);

    } else {
        ngx_redis_op_arm(op);
    }

    lane->live++;

    if (lane->conn.stream.connection) {
        lane->conn.stream.connection->idle = 0;
    }

    ngx_redis_node_watch(node);
    ngx_redis_lane_post(lane);

    return NGX_OK;
}


static ngx_redis_lane_t *
ngx_redis_node_lane(ngx_redis_node_t *node, ngx_redis_command_t *cmd)
{
    /* not what takes a lock: its release follows on the other connection */

    if (node->conf.wait.replicas && ngx_redis_only_reads(cmd)) {
        return &node->lanes[NGX_REDIS_LANE_READ];
    }

    return &node->lanes[cmd->size > NGX_REDIS_LARGE_SIZE
                        ? NGX_REDIS_LANE_LARGE : NGX_REDIS_LANE_SMALL];
}


void
ngx_redis_node_take(ngx_redis_node_t *node, ngx_redis_op_t *op,
    ngx_uint_t pause)
{
    ngx_redis_lane_t  *from, *lane;

    from = op->lane;
    lane = ngx_redis_node_lane(node, &op->cmd);

    from->live--;
    ngx_redis_queue_leave(&from->queue, op);
    ngx_redis_lane_post(from);

    /* what is said of it was said of another connection */

    op->state = NGX_REDIS_OP_WAITING;
    op->lane = lane;
    op->lone = 0;
    op->suspect = 0;

    if (ngx_redis_queue_join(&lane->queue, op) != NGX_OK) {
        ngx_redis_op_finish(op, NGX_REDIS_ERROR, NULL,
                            ngx_redis_lane_maybe(op));
        return;
    }

    lane->live++;

    if (pause) {
        ngx_redis_queue_remove(&lane->queue, op);
        ngx_redis_lane_delay(lane, op);
    }

    if (lane->conn.stream.connection) {
        lane->conn.stream.connection->idle = 0;
    }

    ngx_redis_node_watch(node);
    ngx_redis_lane_post(lane);
}


ngx_uint_t
ngx_redis_node_leave(ngx_redis_node_t *node)
{
    ngx_uint_t         i, left;
    ngx_redis_conn_t  *conn;

    left = 0;

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        conn = &node->lanes[i].conn;

        if (ngx_redis_conn_dead(conn, 2 * NGX_REDIS_SILENCE)) {
            ngx_redis_conn_close(conn, NGX_REDIS_END_LOST);
            left = 1;
        }
    }

    return left;
}


ngx_uint_t
ngx_redis_node_busy(ngx_redis_node_t *node)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        if (node->lanes[i].queue.commands) {
            return 1;
        }
    }

    return 0;
}


/* NGX_REDIS_OK, or why a command that was submitted fails at once */

static ngx_redis_status_e
ngx_redis_node_check(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    ngx_redis_conf_t     *conf;
    ngx_redis_log_t      *log;
    ngx_redis_status_e    status;
    ngx_redis_command_t  *cmd;

    cmd = &op->cmd;
    conf = &lane->node->conf;
    log = &lane->node->log;

    if (cmd->script
        ? (cmd->script < conf->scripts
           || cmd->script >= conf->scripts + conf->nscripts)
        : (cmd->argc == 0 || cmd->argv[0].len > 64))
    {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "redis: impossible command while %s", cmd->action);
        return NGX_REDIS_ERROR;
    }

    if (ngx_redis_op_late(op)) {
        return NGX_REDIS_TIMEOUT;
    }

    if (cmd->urgent) {
        return NGX_REDIS_OK;
    }

    if (lane->node->stage != NGX_REDIS_RUNNING) {
        return NGX_REDIS_UNAVAILABLE;
    }

    status = ngx_redis_queue_check(&lane->queue, op);

    if (status != NGX_REDIS_OK) {
        log->counts->refused++;
    }

    /* once a minute: an account that sends too much must not fill the log */

    if (status != NGX_REDIS_OK
        && ngx_redis_log_due(&log->full, NGX_REDIS_LOG_QUIET))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: %V has %ui commands, %uz bytes unanswered, "
                      "more are refused",
                      log->name, lane->queue.commands, lane->queue.bytes);
    }

    return status;
}


static void
ngx_redis_node_ready(void *data)
{
    ngx_redis_lane_t *lane = data;

    ngx_redis_conn_t  *conn;

    conn = &lane->conn;

    if (conn->state == NGX_REDIS_READY && !lane->answered) {
        lane->tries = 0;

        if (conn->stream.spoken && lane->paused == NGX_REDIS_PAUSE_NONE) {
            lane->refusal = NULL;
        }

        /*
         * All of the setup is answered: where a command ends this connection,
         * connect at once
         */

        if (conn->stream.spoken && conn->load == 0
            && conn->stream.unanswered == 0)
        {
            lane->retried = 0;
        }
    }

    ngx_redis_lane_post(lane);
}


/* the same step again after the pause */

static void
ngx_redis_node_refused(void *data, ngx_redis_refusal_t *refusal)
{
    ngx_redis_lane_t *lane = data;

    if (refusal->moves) {
        ngx_redis_lane_doubt(lane);

        if (ngx_redis_lane_await(lane)) {
            return;
        }
    }

    ngx_redis_lane_hold(lane, refusal);
}


static void
ngx_redis_node_turn(ngx_event_t *ev)
{
    ngx_int_t            rc;
    ngx_redis_lane_t    *lane;
    ngx_redis_stream_t  *stream;

    lane = ev->data;
    stream = &lane->conn.stream;
    rc = NGX_OK;

    ngx_redis_lane_deliver(lane);

    if (lane->broken) {
        ngx_redis_stream_close(stream, NGX_REDIS_END_CLOSED);
    }

    if (lane->paused < NGX_REDIS_PAUSE_HOLD) {

        if (lane->conn.state == NGX_REDIS_DOWN
            && ngx_redis_queue_waits(&lane->queue))
        {
            ngx_redis_node_connect(lane);
        }

        if (lane->conn.state == NGX_REDIS_READY) {
            stream->corked = 1;

            rc = ngx_redis_send_waiting(lane);

            if (rc == NGX_ERROR) {
                ngx_redis_stream_close(stream, NGX_REDIS_END_LOST);
            }
        }
    }

    ngx_redis_stream_uncork(stream, rc == NGX_AGAIN);
    ngx_redis_lane_settle(lane);
}


/* commands wait and there is no connection */

static void
ngx_redis_node_connect(ngx_redis_lane_t *lane)
{
    ngx_msec_int_t  left;

    if (lane->paused == NGX_REDIS_PAUSE_BACKOFF) {
        left = (ngx_msec_int_t) (lane->until - ngx_current_msec);

        if (left > 0) {
            ngx_redis_lane_fail(lane, lane->status);
            ngx_redis_lane_deliver(lane);

            /* what is left waits for Redis to come back */

            if (ngx_redis_queue_waits(&lane->queue)
                && !lane->pause.timer_set)
            {
                ngx_add_timer(&lane->pause, (ngx_msec_t) left);
            }

            return;
        }

        lane->paused = NGX_REDIS_PAUSE_NONE;
    }

    if (lane->node->placeless) {
        ngx_redis_lane_doubt(lane);
        (void) ngx_redis_lane_await(lane);
        return;
    }

    ngx_redis_connect(&lane->conn, &lane->node->addrs[lane->addr]);
}


void
ngx_redis_node_relocate(ngx_redis_node_t *node)
{
    ngx_uint_t         i;
    ngx_redis_lane_t  *lane;

    node->placeless = 0;

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        lane = &node->lanes[i];

        ngx_redis_conn_close(&lane->conn, NGX_REDIS_END_CLOSED);

        lane->paused = NGX_REDIS_PAUSE_NONE;
        lane->refusal = NULL;
        lane->retried = 0;

        if (lane->pause.timer_set) {
            ngx_del_timer(&lane->pause);
        }

        ngx_redis_lane_post(lane);
    }
}


/* a master that is stopped, or cut off, ends no connection */

static void
ngx_redis_node_watch(ngx_redis_node_t *node)
{
    if (node->doubt && !node->owing.timer_set) {
        node->owing.log = ngx_cycle->log;
        ngx_add_timer(&node->owing, NGX_REDIS_SILENCE);
    }
}


static void
ngx_redis_node_owing(ngx_event_t *ev)
{
    ngx_uint_t         i;
    ngx_msec_t         limit, silence, left, next;
    ngx_redis_lane_t  *lane;
    ngx_redis_node_t  *node;

    node = ev->data;
    node->silent = 0;
    next = 0;

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        lane = &node->lanes[i];

        if (lane->live == 0) {
            continue;
        }

        limit = NGX_REDIS_SILENCE;

        if (lane->wait.asked) {
            limit += node->conf.wait.time;
        }

        silence = ngx_redis_conn_silence(&lane->conn);

        if (silence < limit) {
            left = limit - silence;

        } else {
            left = NGX_REDIS_SILENCE_TICK;
            node->silent = 1;
        }

        next = next ? ngx_min(next, left) : left;
    }

    /* what waits for WAIT now may be followed by what does not */

    if (next) {
        ngx_add_timer(&node->owing, ngx_min(next, NGX_REDIS_SILENCE));
    }

    if (node->silent) {
        node->doubt(node->data);
    }
}


/* commands are held */

static void
ngx_redis_node_held(ngx_event_t *ev)
{
    ngx_redis_lane_t  *lane;

    lane = ev->data;

    if (ngx_redis_queue_resume(&lane->queue)) {
        ngx_add_timer(&lane->held, NGX_REDIS_HELD_TICK);
    }

    if (ngx_redis_queue_waits(&lane->queue)) {
        ngx_redis_lane_post(lane);
    }
}


/* the end of a pause */

static void
ngx_redis_node_resume(ngx_event_t *ev)
{
    ngx_uint_t          i, addr;
    ngx_redis_lane_t   *lane;
    ngx_redis_pause_e   pause;

    lane = ev->data;

    addr = lane->addr;
    pause = lane->paused;

    if (pause >= NGX_REDIS_PAUSE_HOLD) {
        lane->paused = NGX_REDIS_PAUSE_NONE;

        /* a replica, say, is not asked again when nobody waits for it */

        if (lane->conn.state == NGX_REDIS_SETUP) {

            if (lane->live == 0) {
                ngx_redis_stream_close(&lane->conn.stream,
                                       NGX_REDIS_END_CLOSED);

            } else if (ngx_redis_setup(&lane->conn) != NGX_OK) {
                ngx_redis_stream_close(&lane->conn.stream,
                                       NGX_REDIS_END_LOST);
            }
        }
    }

    if (pause == NGX_REDIS_PAUSE_DEMOTED) {

        /*
         * The other lanes too, where they are at the same address and idle:
         * what is read there is to be as new
         */

        for (i = 0; i < NGX_REDIS_LANES; i++) {
            ngx_redis_node_move(&lane->node->lanes[i], addr);
        }
    }

    ngx_redis_lane_post(lane);
}


/*
 * Away from addr to the next address, but not under a command whose reply is
 * still to come.
 */

static void
ngx_redis_node_move(ngx_redis_lane_t *lane, ngx_uint_t addr)
{
    if (lane->addr == addr
        && (lane->conn.state == NGX_REDIS_READY
            || lane->conn.state == NGX_REDIS_DOWN)
        && !ngx_redis_lane_busy(lane))
    {
        ngx_redis_lookup_doubt(&lane->node->addrs[addr], 1);

        ngx_redis_lane_next_addr(lane);
        ngx_redis_stream_close(&lane->conn.stream, NGX_REDIS_END_CLOSED);
    }
}


/*
 * An exiting worker closes its idle connections, and all others when
 * worker_shutdown_timeout is over.  Then only releases are left to finish: they
 * end by their own timers, within NGX_REDIS_EXIT_WAIT.
 */

static void
ngx_redis_node_shutdown(void *data)
{
    ngx_redis_lane_t *lane = data;

    ngx_uint_t         i;
    ngx_redis_lane_t  *other;

    if (lane->live) {
        lane->node->stage = NGX_REDIS_STOPPING;

        /* one without a connection is not called: what it holds ends too */

        for (i = 0; i < NGX_REDIS_LANES; i++) {
            other = &lane->node->lanes[i];

            ngx_redis_lane_fail(other, NGX_REDIS_UNAVAILABLE);
            ngx_redis_lane_post(other);
        }

        ngx_redis_node_fail_sent(lane);
        ngx_redis_wait_end(lane, NGX_REDIS_UNAVAILABLE);
        ngx_redis_lane_deliver(lane);
    }

    ngx_redis_lane_settle(lane);
}


static void
ngx_redis_node_fail_sent(ngx_redis_lane_t *lane)
{
    void                  *data;
    ngx_queue_t           *q;
    ngx_redis_op_t        *op;
    ngx_redis_handler_pt   handler;

    for (q = ngx_queue_head(&lane->queue.sent);
         q != ngx_queue_sentinel(&lane->queue.sent);
         q = ngx_queue_next(q))
    {
        op = ngx_queue_data(q, ngx_redis_op_t, queue);

        if (op->handler == NULL || op->cmd.urgent) {
            continue;
        }

        handler = op->handler;
        data = op->data;

        ngx_redis_lane_abandon(lane, op);

        /* nothing leaves queue.sent in a handler */

        handler(data, NGX_REDIS_UNAVAILABLE, NULL, 1);
    }
}


void
ngx_redis_node_close(ngx_redis_node_t *node)
{
    ngx_uint_t         i;
    ngx_redis_lane_t  *lane;

    node->stage = NGX_REDIS_STOPPED;

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        lane = &node->lanes[i];

        ngx_redis_queue_each(&lane->queue, ngx_redis_node_drop, lane);
        ngx_redis_node_free_ops(lane, &lane->queue.failed);
        ngx_redis_node_free_ops(lane, &lane->queue.sent);
        ngx_redis_node_free_ops(lane, &lane->wait.held);

        lane->live = 0;
        lane->partial = NULL;

        ngx_redis_conn_close(&lane->conn, NGX_REDIS_END_CLOSED);

        if (lane->turn.posted) {
            ngx_delete_posted_event(&lane->turn);
        }

        if (lane->held.timer_set) {
            ngx_del_timer(&lane->held);
        }

        if (lane->pause.timer_set) {
            ngx_del_timer(&lane->pause);
        }
    }

    if (node->owing.timer_set) {
        ngx_del_timer(&node->owing);
    }

#if (NGX_SSL)
    for (i = 0; i < node->naddrs; i++) {
        ngx_redis_tls_forget(&node->addrs[i].session);
    }
#endif
}


/* to queue.failed: a flow must not be freed while all are visited */

static void
ngx_redis_node_drop(ngx_redis_op_t *op, void *data)
{
    ngx_redis_lane_t *lane = data;

    ngx_redis_queue_fail(&lane->queue, op, NGX_REDIS_UNAVAILABLE);
}


static void
ngx_redis_node_free_ops(ngx_redis_lane_t *lane, ngx_queue_t *ops)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(ops)) {
        q = ngx_queue_head(ops);
        ngx_queue_remove(q);

        ngx_redis_lane_free(lane, ngx_queue_data(q, ngx_redis_op_t, queue));
    }
}
