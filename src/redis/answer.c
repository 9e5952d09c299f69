
/*
 * What a reply, or none in time, means for a command.
 */


#include "redis/answer.h"
#include "redis/setup.h"


static void ngx_redis_answer(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    redisReply *r);
static ngx_uint_t ngx_redis_lead_decides(ngx_redis_op_t *op);
static redisReply *ngx_redis_error_in(ngx_redis_op_t *op, redisReply *r);
static void ngx_redis_refused(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    const char *error, size_t len);
static ngx_uint_t ngx_redis_retry(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    ngx_redis_refusal_t *refusal);
static void ngx_redis_up(ngx_redis_node_t *node, ngx_redis_op_t *op);
static ngx_uint_t ngx_redis_down(ngx_redis_node_t *node, ngx_redis_op_t *op);
static ngx_redis_status_e ngx_redis_expired(ngx_redis_lane_t *lane,
    ngx_redis_op_t *op);


void
ngx_redis_reply(void *data, void *command, redisReply *r, size_t cost)
{
    ngx_redis_lane_t *lane = data;
    ngx_redis_op_t *op = command;

    redisReply  *error;
    ngx_uint_t   early;

    early = (op == lane->partial);

    if (early) {

        /* only an error may come before the whole command is sent */

        if (r->type != REDIS_REPLY_ERROR) {
            ngx_redis_conn_surplus(&lane->conn);
            return;
        }

        lane->partial = NULL;
    }

    ngx_redis_queue_answered(&lane->queue, op, cost + 1);

    error = ngx_redis_error_in(op, r);

    if (op->error.len && (error || ngx_redis_lead_decides(op))) {
        ngx_redis_refused(lane, op, (char *) op->error.data, op->error.len);

    } else if (error) {
        ngx_redis_refused(lane, op, error->str, error->len);

    } else {
        ngx_redis_answer(lane, op, r);
    }

    if (early) {

        /* nobody has the rest of it */

        ngx_redis_stream_close(&lane->conn.stream, NGX_REDIS_END_LOST);
    }

    if (ngx_redis_queue_waits(&lane->queue)) {
        ngx_redis_lane_post(lane);
    }

    ngx_redis_lane_drained(lane);
    ngx_redis_lane_settle(lane);
}


/* 1 if nothing but its lead's error can be the result of op; else 0 */

static ngx_uint_t
ngx_redis_lead_decides(ngx_redis_op_t *op)
{
    return op->cmd.lead && (op->cmd.read || op->losses == 0);
}


/* the error that r is, or that a command of the transaction got; or NULL */

static redisReply *
ngx_redis_error_in(ngx_redis_op_t *op, redisReply *r)
{
    size_t  i;

    if (r->type == REDIS_REPLY_ERROR) {
        return r;
    }

    if (op->cmd.before && r->type == REDIS_REPLY_ARRAY) {

        for (i = 0; i < r->elements; i++) {
            if (r->element[i]->type == REDIS_REPLY_ERROR) {
                return r->element[i];
            }
        }
    }

    return NULL;
}


void
ngx_redis_queued(void *data, void *command, redisReply *r)
{
    ngx_redis_lane_t *lane = data;
    ngx_redis_op_t *op = command;

    if (r->type != REDIS_REPLY_ERROR) {

        if (op->cmd.lead) {
            ngx_redis_op_lead(op, r);
        }

        return;
    }

    if (op == lane->partial) {

        /* nothing was executed, and nobody wants the rest */

        ngx_redis_reply(lane, op, r, 0);
        return;
    }

    ngx_redis_op_set_error(op, r->str, r->len);
}


ngx_uint_t
ngx_redis_wanted(void *command)
{
    ngx_redis_op_t *op = command;

    return op->handler != NULL;
}


static void
ngx_redis_answer(ngx_redis_lane_t *lane, ngx_redis_op_t *op, redisReply *r)
{
    lane->refusal = NULL;
    lane->node->log.gauges->answered = ngx_current_msec;

    ngx_redis_lane_alive(lane);
    ngx_redis_log_recovery(&lane->node->log, ngx_redis_lane_addr(lane));

    ngx_redis_up(lane->node, op);

    if (op->handler == NULL) {
        ngx_redis_lane_free(lane, op);
        return;
    }

    if (!ngx_redis_wait_hold(lane, op, r)) {
        ngx_redis_lane_finish(lane, op, NGX_REDIS_OK, r, op->losses != 0);
    }
}


static void
ngx_redis_refused(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    const char *error, size_t len)
{
    const char           *action;
    ngx_redis_refusal_t  *refusal;

    refusal = ngx_redis_refusal(error, len);
    action = op->cmd.action;

    /*
     * A lead and its command have different keys, of which one may have moved
     * and the other not: they stay until all of the slot has
     */

    if (op->cmd.lead && lane->node->redirect
        && refusal->action == NGX_REDIS_ASK)
    {
        refusal = ngx_redis_refusal("TRYAGAIN", sizeof("TRYAGAIN") - 1);
    }

    if (op->cmd.lead && error == (char *) op->error.data) {
        action = op->cmd.lead->action;
    }

    if (lane->node->redirect
        && (refusal->action == NGX_REDIS_MOVED
            || refusal->action == NGX_REDIS_ASK))
    {
        ngx_redis_count_refusal(&lane->node->log, refusal);

    } else if (refusal->action != NGX_REDIS_RELOAD || op->loaded) {
        ngx_redis_log_refusal(&lane->node->log, refusal, error, len,
                              action);
    }

    if (refusal->action == NGX_REDIS_FAIL) {
        lane->node->log.gauges->answered = ngx_current_msec;
    }

    if (refusal->action != NGX_REDIS_AWAIT) {
        ngx_redis_up(lane->node, op);
    }

    if (refusal->action == NGX_REDIS_HANGUP) {
        ngx_redis_stream_close(&lane->conn.stream, NGX_REDIS_END_HANGUP);

    } else {
        ngx_redis_lane_alive(lane);
    }

    if (refusal->action == NGX_REDIS_RELOAD && op->cmd.script) {
        ngx_redis_setup_reload(&lane->conn, op->cmd.script);
        ngx_redis_lane_post(lane);
    }

    if (op->handler == NULL) {
        ngx_redis_lane_free(lane, op);
        return;
    }

    if (lane->node->redirect
        && lane->node->redirect(lane->node->data, op, refusal, error, len))
    {
        lane->node->log.counts->resends++;
        return;
    }

    if (!ngx_redis_retry(lane, op, refusal)) {
        ngx_redis_lane_finish(lane, op, refusal->status, NULL,
                              refusal->maybe || ngx_redis_lane_maybe(op));
        return;
    }

    lane->node->log.counts->resends++;

    if (ngx_redis_delays(refusal)) {
        ngx_redis_lane_hold_op(lane, op);

    } else {
        ngx_redis_queue_again(&lane->queue, op);
    }
}


/* Returns 1 if the command is to be sent again, else 0: it has failed. */

static ngx_uint_t
ngx_redis_retry(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    ngx_redis_refusal_t *refusal)
{
    switch (refusal->action) {

    case NGX_REDIS_FAIL:
    case NGX_REDIS_MOVED:
    case NGX_REDIS_ASK:
        return 0;

    case NGX_REDIS_HANGUP:
        return 1;

    case NGX_REDIS_RELOAD:

        if (op->cmd.script == NULL || op->loaded) {
            return 0;
        }

        op->loaded = 1;

        return 1;

    case NGX_REDIS_AWAIT:

        if (ngx_redis_down(lane->node, op)) {
            return 0;
        }

        break;

    case NGX_REDIS_DELAY:
        break;

    default: /* NGX_REDIS_HOLD */
        ngx_redis_lane_hold(lane, refusal);
        break;
    }

    op->renew = 1;
    op->refusal = refusal;

    return 1;
}


/*
 * A node that says CLUSTERDOWN answers what has no key all the same (PING),
 * and, where so configured, reads.
 */

static void
ngx_redis_up(ngx_redis_node_t *node, ngx_redis_op_t *op)
{
    if (op->cmd.key.len && op->cmd.argc > 1
        && (!node->down_write || !ngx_redis_only_reads(&op->cmd)))
    {
        node->down = 0;
    }
}


/*
 * Returns 1 if the cluster is down for longer than a failover may take, else 0.
 * One that was lost ends by its own timer, as in ngx_redis_lane_fail_op().
 */

static ngx_uint_t
ngx_redis_down(ngx_redis_node_t *node, ngx_redis_op_t *op)
{
    if (node->redirect == NULL) {
        return 0;
    }

    /*
     * It may have been up while nobody asked.  Who asks seldom is not to wait
     * each time, so two outages within this time are one
     */

    if (!node->down
        || ngx_current_msec - node->down_last > op->cmd.failover)
    {
        node->down = 1;
        node->down_since = ngx_current_msec;
        node->down_write = 0;
    }

    node->down_last = ngx_current_msec;

    if (!ngx_redis_only_reads(&op->cmd)) {
        node->down_write = 1;
    }

    return !op->cmd.urgent && op->losses == 0
           && ngx_current_msec - node->down_since >= op->cmd.failover;
}


void
ngx_redis_expire(ngx_event_t *ev)
{
    void                  *data;
    ngx_uint_t             again, dead, maybe;
    ngx_redis_op_t        *op;
    ngx_redis_lane_t      *lane;
    ngx_redis_status_e     status;
    ngx_redis_handler_pt   handler;

    op = ev->data;
    lane = op->lane;

    if (ngx_redis_op_continue(op)) {
        return;
    }

    dead = ngx_redis_lane_dead(lane);
    again = !ngx_redis_op_ends(op)
            && (op->cmd.urgent
                || lane->refusal
                || (op->refusal && ngx_redis_delays(op->refusal)));

    handler = op->handler;
    data = op->data;
    status = ngx_redis_expired(lane, op);
    maybe = ngx_redis_lane_maybe(op);

    if (op->state < NGX_REDIS_OP_SENT && again && !ngx_redis_op_late(op)) {
        op->renew = 1;
        ngx_redis_op_arm(op);
        handler = NULL;

    } else {
        ngx_redis_lane_abandon(lane, op);
    }

    if (dead) {
        ngx_redis_conn_close(&lane->conn, lane->conn.stream.securing
                                          ? NGX_REDIS_END_LOST
                                          : NGX_REDIS_END_SILENT);
    }

    if (handler) {
        handler(data, status, NULL, maybe);
    }

    ngx_redis_lane_settle(lane);
}


/* the status of a command whose wait is over */

static ngx_redis_status_e
ngx_redis_expired(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    if (op->state == NGX_REDIS_OP_ANSWERED) {
        return NGX_REDIS_TIMEOUT;
    }

    /* the deadline may come soon after one that was refused is sent again */

    if (op->state == NGX_REDIS_OP_SENT
        && (op->refusal == NULL
            || ngx_current_msec - op->since >= op->cmd.timeout))
    {
        return NGX_REDIS_TIMEOUT;
    }

    if (op->refusal) {
        return op->refusal->status;
    }

    if (lane->refusal) {
        return lane->refusal->status;
    }

    /* a port without TLS says nothing to the first words of a handshake */

    if (lane->conn.stream.securing) {
        return NGX_REDIS_UNAVAILABLE;
    }

    /* lost, and no connection since that was answered on */

    return lane->failures ? lane->status : NGX_REDIS_TIMEOUT;
}
