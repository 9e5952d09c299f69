
/*
 * The end of a lane's connection: what was sent on it waits again, and another
 * one is made at once, or after a backoff; meanwhile commands that may fail do.
 */


#include "redis/loss.h"


#define NGX_REDIS_BACKOFF_MIN  50
#define NGX_REDIS_BACKOFF_MAX  5000

/* the longest backoff while commands wait that were lost or refused: they have
   little time */
#define NGX_REDIS_BACKOFF_LOST 250

/* a command that lost that many connections may be what kills them */
#define NGX_REDIS_MAX_LOSSES   4


static void ngx_redis_loss_count(ngx_redis_lane_t *lane, ngx_redis_end_e end,
    ngx_redis_state_e state);
static void ngx_redis_loss_requeue(ngx_redis_lane_t *lane,
    ngx_redis_end_e end);
static void ngx_redis_loss_again(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    ngx_redis_end_e end, ngx_uint_t suspect);
static void ngx_redis_loss_busy(ngx_redis_lane_t *lane);
static ngx_uint_t ngx_redis_loss_retry(ngx_redis_lane_t *lane,
    ngx_redis_state_e state, const char *why);
static void ngx_redis_loss_backoff(ngx_redis_lane_t *lane,
    ngx_redis_status_e status);
static void ngx_redis_loss_clear(ngx_redis_op_t *op, void *data);


void
ngx_redis_lost(void *data, ngx_redis_end_e end, ngx_redis_state_e state,
    const char *why)
{
    ngx_redis_lane_t *lane = data;

    lane->partial = NULL;
    lane->broken = 0;
    lane->answered = 0;

    if (lane->paused == NGX_REDIS_PAUSE_DEMOTED) {
        lane->paused = NGX_REDIS_PAUSE_HOLD;
    }

    ngx_redis_loss_count(lane, end, state);
    ngx_redis_loss_requeue(lane, end);

    if (end != NGX_REDIS_END_CLOSED) {
        ngx_redis_lane_doubt(lane);
    }

    switch (end) {

    case NGX_REDIS_END_CLOSED:
        break;

    case NGX_REDIS_END_BUSY:
        ngx_redis_log_outage(&lane->node->log, ngx_redis_lane_addr(lane),
                             "could not connect to", why);
        ngx_redis_loss_busy(lane);
        break;

    case NGX_REDIS_END_SILENT:

        /* those that wait end one by one, by their own timers */

        ngx_redis_log_outage(&lane->node->log, ngx_redis_lane_addr(lane),
                             "no answer from", "");
        lane->refusal = NULL;
        ngx_redis_lane_next_addr(lane);
        break;

    case NGX_REDIS_END_DENIED:
        ngx_redis_loss_backoff(lane, NGX_REDIS_ERROR);
        break;

    case NGX_REDIS_END_HANGUP:

        /* to connect at once would be no use */

        lane->retried = 1;

        /* fall through */

    default: /* NGX_REDIS_END_LOST */

        if (!ngx_redis_loss_retry(lane, state, why)
            && !ngx_redis_lane_await(lane))
        {
            ngx_redis_loss_backoff(lane, NGX_REDIS_UNAVAILABLE);
        }
    }

    if (lane->node->stage != NGX_REDIS_STOPPED) {
        ngx_redis_lane_post(lane);
    }
}


static void
ngx_redis_loss_count(ngx_redis_lane_t *lane, ngx_redis_end_e end,
    ngx_redis_state_e state)
{
    ngx_redis_counts_t   *counts;
    ngx_redis_connect_e   result;

    counts = lane->node->log.counts;

    if (end == NGX_REDIS_END_CLOSED) {
        return;
    }

    if (state == NGX_REDIS_READY) {

        if (lane->live == 0) {

            /* Redis may close an idle connection */
            return;
        }

        counts->losses++;

    } else {
        result = (end == NGX_REDIS_END_DENIED) ? NGX_REDIS_CONNECT_AUTH
                 : (end == NGX_REDIS_END_SILENT) ? NGX_REDIS_CONNECT_TIMEOUT
                 : NGX_REDIS_CONNECT_REFUSED;

        counts->connects[result]++;
    }

    lane->node->log.gauges->failed = ngx_current_msec;
}


/*
 * What was sent is to be sent again, behind those that were refused earlier; so
 * is what was answered, and may not have been written to replicas
 */

static void
ngx_redis_loss_requeue(ngx_redis_lane_t *lane, ngx_redis_end_e end)
{
    ngx_uint_t          suspect;
    ngx_queue_t        *q;
    ngx_redis_op_t     *op;
    ngx_redis_queue_t  *queue;

    queue = &lane->queue;
    suspect = queue->alone && end == NGX_REDIS_END_LOST;

    while ((op = ngx_redis_wait_take(&lane->wait))) {
        ngx_redis_op_clear_reply(op);
        ngx_redis_loss_again(lane, op, end, 0);
    }

    ngx_redis_wait_lost(&lane->wait);

    while (!ngx_queue_empty(&queue->sent)) {
        q = ngx_queue_head(&queue->sent);
        op = ngx_queue_data(q, ngx_redis_op_t, queue);

        ngx_redis_queue_answered(queue, op, 0);

        if (op->handler == NULL) {
            ngx_redis_lane_free(lane, op);
            continue;
        }

        ngx_redis_loss_again(lane, op, end, suspect);
    }
}


static void
ngx_redis_loss_again(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    ngx_redis_end_e end, ngx_uint_t suspect)
{
    op->refusal = NULL;
    op->losses++;
    op->lone = 1;
    op->suspect = suspect && !op->cmd.urgent;
    op->renew = (end != NGX_REDIS_END_SILENT);

    ngx_redis_queue_again(&lane->queue, op);

    if (op->losses >= NGX_REDIS_MAX_LOSSES) {
        ngx_redis_queue_fail(&lane->queue, op, NGX_REDIS_UNAVAILABLE);
        return;
    }

    lane->node->log.counts->resends++;
}


/* no connection can be made now: the next address, or after the last a hold */

static void
ngx_redis_loss_busy(ngx_redis_lane_t *lane)
{
    ngx_redis_lane_next_addr(lane);

    if (++lane->tries < lane->node->naddrs) {
        return;
    }

    lane->tries = 0;
    ngx_redis_lane_hold(lane, &ngx_redis_busy);
}


/* the server itself is away: a command is not what ended the connection */

static void
ngx_redis_loss_clear(ngx_redis_op_t *op, void *data)
{
    op->suspect = 0;
}


/*
 * A connection was lost, or did not come about, in this state: 1 when the next
 * one may be tried at once.
 */

static ngx_uint_t
ngx_redis_loss_retry(ngx_redis_lane_t *lane, ngx_redis_state_e state,
    const char *why)
{
    if (state != NGX_REDIS_READY) {
        ngx_redis_log_outage(&lane->node->log, ngx_redis_lane_addr(lane),
                             "could not connect to", why);

        ngx_redis_queue_each(&lane->queue, ngx_redis_loss_clear, NULL);
        ngx_redis_lane_next_addr(lane);

        return ++lane->tries < lane->node->naddrs;
    }

    if (lane->live == 0) {
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "redis: %V closed an idle connection",
                      ngx_redis_lane_addr(lane));
        return 1;
    }

    ngx_redis_log_outage(&lane->node->log, ngx_redis_lane_addr(lane),
                         "connection lost to", why);

    if (lane->retried) {
        return 0;
    }

    lane->retried = 1;

    return 1;
}


/* all that wait learn of it, and for a while those that come later */

static void
ngx_redis_loss_backoff(ngx_redis_lane_t *lane, ngx_redis_status_e status)
{
    ngx_msec_t  delay, max;

    lane->tries = 0;
    lane->retried = 0;

    if (lane->failures < 16) {
        lane->failures++;
    }

    ngx_redis_lane_fail(lane, status);

    max = ngx_queue_empty(&lane->queue.again) ? NGX_REDIS_BACKOFF_MAX
                                              : NGX_REDIS_BACKOFF_LOST;

    delay = NGX_REDIS_BACKOFF_MIN << (lane->failures - 1);
    delay = ngx_min(delay, max);
    delay = delay / 2 + ngx_random() % (delay / 2 + 1);

    lane->paused = NGX_REDIS_PAUSE_BACKOFF;
    lane->status = status;
    lane->until = ngx_current_msec + delay;
}
