
/*
 * WAIT behind the writes of a turn, and what its reply means for them.
 */


#include "redis/lane.h"


static void ngx_redis_wait_refused(ngx_redis_lane_t *lane, redisReply *r);
static void ngx_redis_wait_short(ngx_redis_lane_t *lane, long long have);


void
ngx_redis_wait_init(ngx_redis_wait_t *wait)
{
    ngx_queue_init(&wait->held);
}


void
ngx_redis_wait_note(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    if (op->cmd.write && lane->node->conf.wait.replicas) {
        lane->wait.wanted = 1;
    }
}


/*
 * A second one behind the first would hold each command behind it as long
 * again, for what a later one says as well.
 */

ngx_int_t
ngx_redis_wait_send(ngx_redis_lane_t *lane)
{
    u_char               replicas[NGX_INT_T_LEN], time[NGX_INT_T_LEN];
    ngx_str_t            argv[3];
    ngx_redis_writer_t   w;

    if (!lane->wait.wanted || lane->wait.asked || lane->partial) {
        return NGX_OK;
    }

    ngx_str_set(&argv[0], "WAIT");
    argv[1].data = replicas;
    argv[1].len = ngx_sprintf(replicas, "%ui", lane->node->conf.wait.replicas)
                  - replicas;
    argv[2].data = time;
    argv[2].len = ngx_sprintf(time, "%M", lane->node->conf.wait.time) - time;

    ngx_redis_conn_begin(&lane->conn, &w, NULL, 3, NGX_REDIS_ANSWERS_WAIT);

    if (ngx_redis_wire_args(&w, argv, 3) != NGX_OK
        || ngx_redis_wire_end(&w) != NGX_OK)
    {
        return NGX_ERROR;
    }

    lane->wait.wanted = 0;
    lane->wait.asked = 1;

    return NGX_OK;
}


ngx_uint_t
ngx_redis_wait_hold(ngx_redis_lane_t *lane, ngx_redis_op_t *op, redisReply *r)
{
    if (!op->cmd.write || lane->node->conf.wait.replicas == 0) {
        return 0;
    }

    ngx_redis_conn_keep(r);

    op->state = NGX_REDIS_OP_ANSWERED;
    op->reply = r;

    ngx_queue_insert_tail(&lane->wait.held, &op->queue);

    return 1;
}


ngx_redis_op_t *
ngx_redis_wait_take(ngx_redis_wait_t *wait)
{
    ngx_queue_t  *q;

    if (ngx_queue_empty(&wait->held)) {
        return NULL;
    }

    q = ngx_queue_head(&wait->held);
    ngx_queue_remove(q);

    return ngx_queue_data(q, ngx_redis_op_t, queue);
}


/* handlers may submit and cancel: always the head */

void
ngx_redis_wait_end(ngx_redis_lane_t *lane, ngx_redis_status_e status)
{
    redisReply      *r;
    ngx_redis_op_t  *op;

    while ((op = ngx_redis_wait_take(&lane->wait))) {
        r = op->reply;
        op->reply = NULL;

        if (status == NGX_REDIS_OK) {
            ngx_redis_lane_finish(lane, op, status, r, op->losses != 0);

        } else {
            if (status == NGX_REDIS_TIMEOUT) {
                lane->node->log.counts->few++;
            }

            ngx_redis_lane_finish(lane, op, status, NULL, 1);
        }

        freeReplyObject(r);
    }
}


void
ngx_redis_wait_lost(ngx_redis_wait_t *wait)
{
    wait->wanted = 0;
    wait->asked = 0;
}


/*
 * Replies come in order: what is held by now was sent before WAIT, and what was
 * sent behind it is not answered yet
 */

void
ngx_redis_waited(void *data, redisReply *r)
{
    ngx_redis_lane_t *lane = data;

    lane->wait.asked = 0;

    if (r->type == REDIS_REPLY_ERROR) {
        ngx_redis_wait_refused(lane, r);

    } else if (r->type != REDIS_REPLY_INTEGER) {
        ngx_redis_conn_surplus(&lane->conn);

    } else if (r->integer >= (long long) lane->node->conf.wait.replicas) {
        ngx_redis_wait_end(lane, NGX_REDIS_OK);

    } else {
        ngx_redis_wait_short(lane, r->integer);
    }

    if (lane->wait.wanted || ngx_redis_queue_waits(&lane->queue)) {
        ngx_redis_lane_post(lane);
    }

    ngx_redis_lane_drained(lane);
    ngx_redis_lane_settle(lane);
}


/*
 * A master that is none any more: the writes are sent again, to find out who
 * has them.  Where Redis would say the same each time (NOPERM), nobody knows.
 */

static void
ngx_redis_wait_refused(ngx_redis_lane_t *lane, redisReply *r)
{
    ngx_redis_refusal_t  *refusal;

    refusal = ngx_redis_refusal(r->str, r->len);

    ngx_redis_log_refusal(&lane->node->log, refusal, r->str, r->len,
                          "waiting for replicas");

    if (refusal->action == NGX_REDIS_FAIL) {
        ngx_redis_wait_end(lane, NGX_REDIS_TIMEOUT);
        return;
    }

    if (refusal->moves) {
        ngx_redis_lane_next_addr(lane);
    }

    ngx_redis_stream_close(&lane->conn.stream, NGX_REDIS_END_LOST);
}


static void
ngx_redis_wait_short(ngx_redis_lane_t *lane, long long have)
{
    if (ngx_redis_log_due(&lane->node->log.few, NGX_REDIS_LOG_QUIET)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: %V has written to %L replicas of %ui in %M ms",
                      ngx_redis_lane_addr(lane), (int64_t) have,
                      lane->node->conf.wait.replicas,
                      lane->node->conf.wait.time);
    }

    ngx_redis_wait_end(lane, NGX_REDIS_TIMEOUT);
}
