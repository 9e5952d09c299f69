
/*
 * A lane: one connection and the commands that wait for it, what it does in a
 * turn of the loop, and how it ends with its worker.
 */


#include "redis/private.h"


#define NGX_REDIS_HOLD_MIN     50
#define NGX_REDIS_HOLD_MAX     200


static void ngx_redis_lane_turn(ngx_event_t *ev);
static ngx_msec_t ngx_redis_lane_patience(ngx_redis_lane_t *lane);
static void ngx_redis_lane_look(ngx_redis_op_t *op, void *data);
static void ngx_redis_lane_resume(ngx_event_t *ev);
static void ngx_redis_lane_move(ngx_redis_lane_t *lane, ngx_uint_t addr);
static void ngx_redis_lane_deliver(ngx_redis_lane_t *lane);
static void ngx_redis_lane_wait(ngx_redis_lane_t *lane);
static void ngx_redis_lane_fail_sent(ngx_redis_lane_t *lane);


void
ngx_redis_lane_init(ngx_redis_lane_t *lane, ngx_redis_t *redis,
    ngx_redis_lane_e id)
{
    lane->redis = redis;
    lane->id = id;

    ngx_redis_queue_init(lane);

    lane->turn.handler = ngx_redis_lane_turn;
    lane->turn.data = lane;

    lane->pause.handler = ngx_redis_lane_resume;
    lane->pause.data = lane;

    /* the timers of the commands keep a worker, this one need not */
    lane->pause.cancelable = 1;
}


void
ngx_redis_lane_post(ngx_redis_lane_t *lane)
{
    /* the log of the configuration time is not that of the worker */

    lane->turn.log = ngx_cycle->log;
    lane->pause.log = ngx_cycle->log;

    ngx_post_event(&lane->turn, &ngx_posted_events);
}


static void
ngx_redis_lane_turn(ngx_event_t *ev)
{
    ngx_int_t          rc;
    ngx_redis_lane_t  *lane;

    lane = ev->data;
    rc = NGX_OK;

    ngx_redis_lane_deliver(lane);

    if (lane->broken) {
        ngx_redis_lane_close(lane, NGX_REDIS_CLOSED);
    }

    if (lane->state == NGX_REDIS_DOWN && !lane->hold
        && ngx_redis_queue_waits(lane))
    {
        ngx_redis_lane_wait(lane);
    }

    if (lane->state == NGX_REDIS_READY && !lane->hold) {
        lane->sending = 1;

        rc = ngx_redis_send_waiting(lane);

        if (rc == NGX_ERROR) {
            ngx_redis_lane_close(lane, NGX_REDIS_LOST);
        }

        lane->sending = 0;
    }

    if (lane->unwritten && !lane->connection->write->active) {
        ngx_redis_event_flush(lane);
    }

    if (rc == NGX_AGAIN && lane->connection
        && !lane->connection->write->active)
    {
        /* more than one write takes: others of this worker come first */

        if (ngx_add_event(lane->connection->write, NGX_WRITE_EVENT,
                          NGX_LEVEL_EVENT)
            != NGX_OK)
        {
            ngx_redis_lane_close(lane, NGX_REDIS_LOST);
        }
    }

    ngx_redis_lane_settle(lane);
}


/* handlers may submit and cancel: always the head */

static void
ngx_redis_lane_deliver(ngx_redis_lane_t *lane)
{
    ngx_queue_t     *q;
    ngx_redis_op_t  *op;

    while (!ngx_queue_empty(&lane->failed)) {
        q = ngx_queue_head(&lane->failed);
        ngx_queue_remove(q);

        op = ngx_queue_data(q, ngx_redis_op_t, queue);

        ngx_redis_op_finish(op, op->status, NULL, op->losses != 0);
    }
}


/* commands wait and there is no connection */

static void
ngx_redis_lane_wait(ngx_redis_lane_t *lane)
{
    ngx_msec_int_t  left;

    if (lane->backoff) {
        left = (ngx_msec_int_t) (lane->until - ngx_current_msec);

        if (left > 0) {
            ngx_redis_lane_fail(lane, lane->status);
            ngx_redis_lane_deliver(lane);

            /* what is left waits for Redis to come back */

            if (ngx_redis_queue_waits(lane) && !lane->pause.timer_set) {
                ngx_add_timer(&lane->pause, (ngx_msec_t) left);
            }

            return;
        }

        lane->backoff = 0;
    }

    (void) ngx_redis_connect(lane);
}


/*
 * Is the connection dead?  It is when what we wait for longest has not come,
 * nor anything else, for most of the timeout.  The longest timeout of those
 * that wait counts: a command that waits for a short while only says nothing
 * about a connection that others share.
 */

ngx_uint_t
ngx_redis_lane_dead(ngx_redis_lane_t *lane)
{
    ngx_msec_t       since;
    ngx_redis_op_t  *op;

    if (lane->ac == NULL) {
        return 0;
    }

    since = lane->heard;

    if (!ngx_queue_empty(&lane->sent)) {
        op = ngx_queue_data(ngx_queue_head(&lane->sent), ngx_redis_op_t,
                            queue);

        if ((ngx_msec_int_t) (op->since - since) > 0) {
            since = op->since;
        }

    } else if (lane->state != NGX_REDIS_CONNECTING) {
        return 0;
    }

    return ngx_current_msec - since >= ngx_redis_lane_patience(lane) / 2;
}


/* many may expire at once: they are looked through once a millisecond */

static ngx_msec_t
ngx_redis_lane_patience(ngx_redis_lane_t *lane)
{
    ngx_queue_t  *q;

    if (lane->looked == ngx_current_msec) {
        return lane->patience;
    }

    lane->looked = ngx_current_msec;
    lane->patience = 0;

    for (q = ngx_queue_head(&lane->sent);
         q != ngx_queue_sentinel(&lane->sent);
         q = ngx_queue_next(q))
    {
        ngx_redis_lane_look(ngx_queue_data(q, ngx_redis_op_t, queue), lane);
    }

    ngx_redis_queue_each(lane, ngx_redis_lane_look, lane);

    return lane->patience;
}


static void
ngx_redis_lane_look(ngx_redis_op_t *op, void *data)
{
    ngx_redis_lane_t *lane = data;

    if (op->handler) {
        lane->patience = ngx_max(lane->patience, op->cmd.timeout);
    }
}


/* Redis answers, but cannot serve: all that waits is sent after a while */

void
ngx_redis_lane_hold(ngx_redis_lane_t *lane, ngx_redis_refusal_t *refusal)
{
    lane->refusal = refusal;
    lane->hold = 1;

    if (!lane->pause.timer_set) {
        ngx_add_timer(&lane->pause,
                      NGX_REDIS_HOLD_MIN
                      + ngx_random() % (NGX_REDIS_HOLD_MAX
                                        - NGX_REDIS_HOLD_MIN + 1));
    }
}


void
ngx_redis_lane_busy(ngx_redis_lane_t *lane)
{
    lane->addr = (lane->addr + 1) % lane->redis->naddrs;

    if (++lane->tries < lane->redis->naddrs) {
        ngx_redis_lane_post(lane);
        return;
    }

    lane->tries = 0;
    ngx_redis_lane_hold(lane, &ngx_redis_busy);
}


static void
ngx_redis_lane_resume(ngx_event_t *ev)
{
    ngx_uint_t         i, addr, hold, moved;
    ngx_redis_lane_t  *lane;

    lane = ev->data;

    addr = lane->addr;
    hold = lane->hold;
    moved = lane->moved;

    lane->hold = 0;
    lane->moved = 0;

    if (hold && lane->state == NGX_REDIS_SETUP
        && ngx_redis_setup(lane) != NGX_OK)
    {
        ngx_redis_lane_close(lane, NGX_REDIS_LOST);
    }

    if (moved) {

        /*
         * The other lane too, where it is at the same address and idle: what
         * is read there is to be as new
         */

        for (i = 0; i < NGX_REDIS_LANES; i++) {
            ngx_redis_lane_move(&lane->redis->lanes[i], addr);
        }
    }

    ngx_redis_lane_post(lane);
}


/*
 * Away from addr to the next address, but not under a command whose reply is
 * still to come.
 */

static void
ngx_redis_lane_move(ngx_redis_lane_t *lane, ngx_uint_t addr)
{
    if (lane->addr == addr
        && (lane->state == NGX_REDIS_READY || lane->state == NGX_REDIS_DOWN)
        && ngx_queue_empty(&lane->sent))
    {
        lane->addr = (lane->addr + 1) % lane->redis->naddrs;
        ngx_redis_lane_close(lane, NGX_REDIS_CLOSED);
    }
}


/* something has ended: is the connection still needed? */

void
ngx_redis_lane_settle(ngx_redis_lane_t *lane)
{
    if (lane->live) {
        return;
    }

    if (lane->connection == NULL) {
        return;
    }

    lane->connection->idle = 1;

    if (ngx_exiting || lane->redis->shutdown) {
        ngx_redis_lane_close(lane, NGX_REDIS_CLOSED);
    }
}


/*
 * The read handler with c->close: an exiting worker closes its idle
 * connections, and all others when worker_shutdown_timeout is over.  Then only
 * releases are left to finish: they end by their own timers, within
 * NGX_REDIS_EXIT_WAIT.
 */

void
ngx_redis_lane_shutdown(ngx_redis_lane_t *lane)
{
    ngx_uint_t  i;

    lane->connection->close = 0;
    lane->connection->error = 0;

    if (lane->live) {
        lane->redis->shutdown = 1;

        /* one without a connection is not called: what it lost ends too */

        for (i = 0; i < NGX_REDIS_LANES; i++) {
            ngx_redis_lane_post(&lane->redis->lanes[i]);
        }

        ngx_redis_lane_fail(lane, NGX_REDIS_UNAVAILABLE);
        ngx_redis_lane_fail_sent(lane);
        ngx_redis_lane_deliver(lane);
    }

    ngx_redis_lane_settle(lane);
}


static void
ngx_redis_lane_fail_sent(ngx_redis_lane_t *lane)
{
    void                  *data;
    ngx_queue_t           *q;
    ngx_redis_op_t        *op;
    ngx_redis_handler_pt   handler;

    q = ngx_queue_head(&lane->sent);

    while (q != ngx_queue_sentinel(&lane->sent)) {
        op = ngx_queue_data(q, ngx_redis_op_t, queue);

        if (op->handler == NULL || op->cmd.urgent) {
            q = ngx_queue_next(q);
            continue;
        }

        if (op->timer.timer_set) {
            ngx_del_timer(&op->timer);
        }

        handler = op->handler;
        data = op->data;

        ngx_redis_op_abandon(op);

        /* nothing leaves lane->sent in a handler */

        handler(data, NGX_REDIS_UNAVAILABLE, NULL, 1);

        q = ngx_queue_next(q);
    }
}
