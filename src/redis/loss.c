
/*
 * The end of a lane's connection: what was sent on it waits again, and another
 * one is made at once, or after a backoff, in which what need not wait fails.
 */


#include "redis/private.h"


#define NGX_REDIS_BACKOFF_MIN  50
#define NGX_REDIS_BACKOFF_MAX  5000

/* the longest backoff while commands wait that were lost or refused: they have
   little time */
#define NGX_REDIS_BACKOFF_LOST 250


static void ngx_redis_lane_requeue(ngx_redis_lane_t *lane,
    ngx_redis_end_e end);
static ngx_uint_t ngx_redis_lane_retry(ngx_redis_lane_t *lane,
    ngx_redis_state_e state, const char *why);
static void ngx_redis_lane_backoff(ngx_redis_lane_t *lane,
    ngx_redis_status_e status);
static void ngx_redis_lane_clear(ngx_redis_op_t *op, void *data);
static void ngx_redis_lane_fail_op(ngx_redis_op_t *op, void *data);


/* an answer: the next loss is the first one */

void
ngx_redis_lane_alive(ngx_redis_lane_t *lane)
{
    ngx_uint_t         i;
    ngx_redis_lane_t  *other;

    lane->failures = 0;
    lane->retried = 0;

    if (lane->answered) {
        return;
    }

    /* the first of this connection: Redis is there for the other lanes too */

    lane->answered = 1;

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        other = &lane->redis->lanes[i];

        if (!other->backoff) {
            continue;
        }

        other->backoff = 0;
        other->failures = 0;

        /* set for the end of the backoff, but for that of a hold */

        if (other->pause.timer_set && !other->hold) {
            ngx_del_timer(&other->pause);
        }

        ngx_redis_lane_post(other);
    }
}


void
ngx_redis_lane_close(ngx_redis_lane_t *lane, ngx_redis_end_e end)
{
    if (lane->ac == NULL) {
        return;
    }

    lane->end = end;

    redisAsyncFree(lane->ac);
}


void
ngx_redis_lane_refused(ngx_redis_lane_t *lane)
{
    lane->retried = 1;

    ngx_redis_lane_close(lane, NGX_REDIS_LOST);
}


void
ngx_redis_lane_lost(ngx_redis_lane_t *lane, const char *why)
{
    ngx_redis_end_e    end;
    ngx_redis_state_e  state;

    end = lane->end;
    state = lane->state;

    lane->end = NGX_REDIS_LOST;
    lane->state = NGX_REDIS_DOWN;
    lane->partial = NULL;
    lane->broken = 0;
    lane->moved = 0;
    lane->unwritten = 0;
    lane->load = 0;

    ngx_redis_lane_requeue(lane, end);

    switch (end) {

    case NGX_REDIS_CLOSED:
        break;

    case NGX_REDIS_SILENT:

        /* those that wait end one by one, by their own timers */

        ngx_redis_log_outage(lane, "no answer from", "");

        lane->refusal = NULL;
        lane->addr = (lane->addr + 1) % lane->redis->naddrs;
        break;

    case NGX_REDIS_DENIED:
        ngx_redis_lane_backoff(lane, NGX_REDIS_ERROR);
        break;

    default: /* NGX_REDIS_LOST */

        if (!ngx_redis_lane_retry(lane, state, why)) {
            ngx_redis_lane_backoff(lane, NGX_REDIS_UNAVAILABLE);
        }
    }

    if (!lane->redis->closed) {
        ngx_redis_lane_post(lane);
    }
}


/* what was sent is to be sent again, behind those that were refused earlier */

static void
ngx_redis_lane_requeue(ngx_redis_lane_t *lane, ngx_redis_end_e end)
{
    ngx_uint_t       suspect;
    ngx_queue_t     *q;
    ngx_redis_op_t  *op;

    suspect = lane->alone && end == NGX_REDIS_LOST;

    while (!ngx_queue_empty(&lane->sent)) {
        q = ngx_queue_head(&lane->sent);
        op = ngx_queue_data(q, ngx_redis_op_t, queue);

        ngx_redis_queue_answered(op, 0);

        if (op->handler == NULL) {
            ngx_redis_op_free(op);
            continue;
        }

        op->losses++;
        op->suspect = suspect && !op->cmd.urgent;
        op->renew = (end != NGX_REDIS_SILENT);

        ngx_queue_insert_tail(&lane->again, q);

        if (op->losses >= NGX_REDIS_MAX_LOSSES) {
            ngx_redis_op_fail(op, NGX_REDIS_UNAVAILABLE);
        }
    }

    lane->cost = 0;
}


/* the server itself is away: nothing is said against who lost a connection */

static void
ngx_redis_lane_clear(ngx_redis_op_t *op, void *data)
{
    op->suspect = 0;
}


/*
 * A connection was lost, or did not come about, in this state: 1 when the next
 * one may be tried at once.
 */

static ngx_uint_t
ngx_redis_lane_retry(ngx_redis_lane_t *lane, ngx_redis_state_e state,
    const char *why)
{
    if (state != NGX_REDIS_READY) {
        ngx_redis_log_outage(lane, "could not connect to", why);

        ngx_redis_queue_each(lane, ngx_redis_lane_clear, NULL);

        lane->addr = (lane->addr + 1) % lane->redis->naddrs;

        return ++lane->tries < lane->redis->naddrs;
    }

    if (lane->live == 0) {
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "redis: %V closed an idle connection",
                      &lane->redis->addrs[lane->addr].name);
        return 1;
    }

    ngx_redis_log_outage(lane, "connection lost to", why);

    if (lane->retried) {
        return 0;
    }

    lane->retried = 1;

    return 1;
}


/* everyone learns it, and for a while those who come after */

static void
ngx_redis_lane_backoff(ngx_redis_lane_t *lane, ngx_redis_status_e status)
{
    ngx_msec_t  delay, max;

    lane->tries = 0;
    lane->retried = 0;

    if (lane->failures < 16) {
        lane->failures++;
    }

    ngx_redis_lane_fail(lane, status);

    max = ngx_queue_empty(&lane->again) ? NGX_REDIS_BACKOFF_MAX
                                        : NGX_REDIS_BACKOFF_LOST;

    delay = NGX_REDIS_BACKOFF_MIN << (lane->failures - 1);
    delay = ngx_min(delay, max);
    delay = delay / 2 + ngx_random() % (delay / 2 + 1);

    lane->backoff = 1;
    lane->status = status;
    lane->until = ngx_current_msec + delay;
}


/*
 * What is not sent, and need not wait; calls no handler.  A release waits, and
 * what was lost with a connection: only when it is sent again one can say what
 * became of it; and what Redis was not able to serve yet.  They end by their
 * own timers, or here when Redis denies us; the latter two also when
 * worker_shutdown_timeout is over.
 */

void
ngx_redis_lane_fail(ngx_redis_lane_t *lane, ngx_redis_status_e status)
{
    ngx_redis_queue_each(lane, ngx_redis_lane_fail_op, &status);
}


static void
ngx_redis_lane_fail_op(ngx_redis_op_t *op, void *data)
{
    ngx_redis_status_e *status = data;

    ngx_uint_t  wait;

    wait = op->cmd.urgent
           || ((op->losses || op->held) && !op->lane->redis->shutdown);

    if (!wait || *status == NGX_REDIS_ERROR) {
        ngx_redis_op_fail(op, *status);
    }
}
