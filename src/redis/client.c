
/*
 * The life of a command from submit to its one result, and the end of all.
 */


#include "redis/private.h"


static size_t ngx_redis_command_size(ngx_redis_command_t *cmd);
static ngx_redis_status_e ngx_redis_check(ngx_redis_op_t *op);
static void ngx_redis_log_full(ngx_redis_lane_t *lane);
static void ngx_redis_op_wait(ngx_redis_op_t *op);
static void ngx_redis_op_expire(ngx_event_t *ev);
static void ngx_redis_drop(ngx_redis_op_t *op, void *data);
static void ngx_redis_drop_all(ngx_queue_t *queue);


ngx_redis_op_t *
ngx_redis_submit(ngx_redis_t *redis, ngx_redis_command_t *cmd,
    ngx_redis_handler_pt handler, void *data)
{
    ngx_redis_op_t      *op;
    ngx_redis_lane_t    *lane;
    ngx_redis_status_e   status;

    if (redis->closed) {
        return NULL;
    }

    op = ngx_calloc(sizeof(ngx_redis_op_t), ngx_cycle->log);
    if (op == NULL) {
        return NULL;
    }

    lane = &redis->lanes[cmd->lane];

    op->lane = lane;
    op->cmd = *cmd;
    op->handler = handler;
    op->data = data;
    op->size = ngx_redis_command_size(cmd);

    op->timer.handler = ngx_redis_op_expire;
    op->timer.data = op;
    op->timer.log = ngx_cycle->log;

    if (ngx_redis_queue_join(op) != NGX_OK) {
        ngx_free(op);
        return NULL;
    }

    status = ngx_redis_check(op);

    if (status != NGX_REDIS_OK) {
        ngx_redis_op_fail(op, status);

    } else {
        ngx_redis_op_arm(op);
    }

    lane->live++;

    if (lane->connection) {
        lane->connection->idle = 0;
    }

    ngx_redis_lane_post(lane);

    ngx_log_debug4(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "redis submit %p, lane %d, %uz bytes, while %s",
                   op, cmd->lane, op->size, cmd->action);

    return op;
}


static size_t
ngx_redis_command_size(ngx_redis_command_t *cmd)
{
    size_t      size;
    ngx_uint_t  i;

    /* about what the protocol adds to each argument */

    size = (cmd->argc + cmd->nmore + 3) * 12 + cmd->more_size;

    for (i = 0; i < cmd->argc; i++) {
        size += cmd->argv[i].len;
    }

    return size;
}


/* NGX_REDIS_OK, or why a command that was submitted fails at once */

static ngx_redis_status_e
ngx_redis_check(ngx_redis_op_t *op)
{
    ngx_redis_t          *redis;
    ngx_redis_conf_t     *conf;
    ngx_redis_status_e    status;
    ngx_redis_command_t  *cmd;

    cmd = &op->cmd;
    redis = op->lane->redis;
    conf = &redis->conf;

    if (cmd->script
        ? (cmd->script < conf->scripts
           || cmd->script >= conf->scripts + conf->nscripts)
        : (cmd->argc == 0 || cmd->argv[0].len > 64))
    {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "redis: impossible command while %s", cmd->action);
        return NGX_REDIS_ERROR;
    }

    if ((ngx_msec_int_t) (cmd->deadline - ngx_current_msec) <= 0) {
        return NGX_REDIS_TIMEOUT;
    }

    if (cmd->urgent) {
        return NGX_REDIS_OK;
    }

    if (redis->shutdown) {
        return NGX_REDIS_UNAVAILABLE;
    }

    status = ngx_redis_queue_check(op);

    if (status != NGX_REDIS_OK) {
        ngx_redis_log_full(op->lane);
    }

    return status;
}


/* once a minute: an account that sends too much must not fill the log too */

static void
ngx_redis_log_full(ngx_redis_lane_t *lane)
{
    ngx_redis_t  *redis;

    redis = lane->redis;

    if (ngx_redis_log_due(&redis->full, NGX_REDIS_LOG_QUIET)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: %V has %ui commands, %uz bytes unanswered, "
                      "more are refused",
                      &redis->conf.address, lane->commands, lane->bytes);
    }
}


ngx_uint_t
ngx_redis_cancel(ngx_redis_op_t *op)
{
    ngx_uint_t         maybe;
    ngx_redis_lane_t  *lane;

    lane = op->lane;
    maybe = op->sent || op->losses;

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "redis cancel %p", op);

    if (op->timer.timer_set) {
        ngx_del_timer(&op->timer);
    }

    if (op->sent) {
        ngx_redis_op_abandon(op);

    } else {
        ngx_redis_op_drop(op);
    }

    ngx_redis_lane_post(lane);

    return maybe;
}


/* nobody waits any more for a command that is sent, or partly so */

void
ngx_redis_op_abandon(ngx_redis_op_t *op)
{
    ngx_redis_lane_t  *lane;

    lane = op->lane;

    op->handler = NULL;
    lane->live--;

    if (op == lane->partial) {

        /* its arguments are gone with the caller */

        lane->partial = NULL;
        lane->broken = 1;

        ngx_redis_lane_post(lane);
    }
}


/* a wait begins: it ends with the timeout or the deadline */

void
ngx_redis_op_arm(ngx_redis_op_t *op)
{
    if (op->cmd.urgent && ngx_exiting && op->timer.timer_set) {

        /* for what may never be delivered an exiting worker waits once */

        return;
    }

    op->since = ngx_current_msec;

    ngx_redis_op_wait(op);
}


static void
ngx_redis_op_wait(ngx_redis_op_t *op)
{
    ngx_msec_t      wait;
    ngx_msec_int_t  left;

    left = (ngx_msec_int_t) (op->cmd.deadline - ngx_current_msec);
    left = ngx_max(left, 0);

    wait = ngx_min((ngx_msec_t) left, op->cmd.timeout);

    /* one that waits when the worker begins to exit must learn of it */

    if (op->cmd.urgent) {
        wait = ngx_min(wait, NGX_REDIS_EXIT_WAIT);
    }

    /* ngx_add_timer() would keep an old timer that is nearly the same */

    if (op->timer.timer_set) {
        ngx_del_timer(&op->timer);
    }

    ngx_add_timer(&op->timer, wait);
}


static void
ngx_redis_op_expire(ngx_event_t *ev)
{
    void                  *data;
    ngx_uint_t             dead, late, again, maybe;
    ngx_redis_op_t        *op;
    ngx_redis_lane_t      *lane;
    ngx_redis_status_e     status;
    ngx_redis_handler_pt   handler;

    op = ev->data;
    lane = op->lane;

    late = ((ngx_msec_int_t) (op->cmd.deadline - ngx_current_msec) <= 0);
    again = op->cmd.urgent ? !ngx_exiting : (lane->refusal != NULL);

    if (op->cmd.urgent && again && !late
        && ngx_current_msec - op->since < op->cmd.timeout)
    {
        /* its wait is not over */

        ngx_redis_op_wait(op);
        return;
    }

    dead = ngx_redis_lane_dead(lane);

    handler = op->handler;
    data = op->data;
    status = NGX_REDIS_TIMEOUT;
    maybe = (op->losses != 0);

    if (op->sent) {
        maybe |= (op != lane->partial);
        ngx_redis_op_abandon(op);

    } else if (again && !late) {
        op->renew = 1;
        ngx_redis_op_arm(op);
        handler = NULL;

    } else {

        if (lane->refusal) {
            status = lane->refusal->status;

        } else if (lane->failures) {

            /* lost, and no connection since that was answered on */

            status = lane->status;
        }

        ngx_redis_op_drop(op);
    }

    if (dead) {
        ngx_redis_lane_close(lane, NGX_REDIS_SILENT);
    }

    if (handler) {
        handler(data, status, NULL, maybe);
    }

    ngx_redis_lane_settle(lane);
}


/* gives the result; op is not in a queue */

void
ngx_redis_op_finish(ngx_redis_op_t *op, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    void                  *data;
    ngx_redis_handler_pt   handler;

    handler = op->handler;
    data = op->data;

    ngx_log_debug3(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "redis finish %p, status %d, while %s",
                   op, status, op->cmd.action);

    if (op->timer.timer_set) {
        ngx_del_timer(&op->timer);
    }

    op->lane->live--;
    ngx_redis_op_free(op);

    handler(data, status, reply, maybe);
}


/* takes a command that is not sent out of its queue: it has failed */

void
ngx_redis_op_fail(ngx_redis_op_t *op, ngx_redis_status_e status)
{
    ngx_redis_lane_t  *lane;

    lane = op->lane;

    if (op->timer.timer_set) {
        ngx_del_timer(&op->timer);
    }

    op->status = status;

    ngx_redis_queue_remove(op);
    ngx_queue_insert_tail(&lane->failed, &op->queue);
}


/* one that is not sent, and that nobody waits for any more */

void
ngx_redis_op_drop(ngx_redis_op_t *op)
{
    op->lane->live--;

    ngx_redis_queue_remove(op);
    ngx_redis_op_free(op);
}


/* op is in no queue and has no timer */

void
ngx_redis_op_free(ngx_redis_op_t *op)
{
    if (op->flow) {
        ngx_redis_queue_leave(op);
    }

    ngx_free(op);
}


void
ngx_redis_reply_view(redisReply *r, ngx_redis_reply_t *reply)
{
    ngx_memzero(reply, sizeof(ngx_redis_reply_t));

    switch (r->type) {

    case REDIS_REPLY_NIL:
        reply->type = NGX_REDIS_NIL;
        return;

    case REDIS_REPLY_STATUS:
        reply->type = NGX_REDIS_STATUS;
        break;

    case REDIS_REPLY_STRING:
        reply->type = NGX_REDIS_STRING;
        break;

    case REDIS_REPLY_INTEGER:
        reply->type = NGX_REDIS_INTEGER;
        reply->integer = r->integer;
        return;

    case REDIS_REPLY_ARRAY:
        reply->type = NGX_REDIS_ARRAY;
        reply->n = r->elements;
        reply->elements = r->element;
        return;

    default:
        reply->type = NGX_REDIS_OTHER;
        return;
    }

    reply->str.len = r->len;
    reply->str.data = (u_char *) r->str;
}


void
ngx_redis_reply_element(ngx_redis_reply_t *reply, size_t i,
    ngx_redis_reply_t *element)
{
    redisReply  **elements;

    elements = reply->elements;

    ngx_redis_reply_view(elements[i], element);
}


void
ngx_redis_close(ngx_array_t *servers)
{
    ngx_uint_t     i;
    ngx_redis_t  **server;

    server = servers->elts;

    for (i = 0; i < servers->nelts; i++) {
        ngx_redis_close_server(server[i]);
    }
}


/* a handler for a pool cleanup; may be called again */

void
ngx_redis_close_server(void *data)
{
    ngx_redis_t  *redis = data;

    ngx_uint_t         i;
    ngx_redis_lane_t  *lane;

    redis->closed = 1;

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        lane = &redis->lanes[i];

        ngx_redis_queue_each(lane, ngx_redis_drop, NULL);
        ngx_redis_drop_all(&lane->failed);
        ngx_redis_drop_all(&lane->sent);

        lane->live = 0;
        lane->partial = NULL;

        if (lane->ac) {
            ngx_redis_lane_close(lane, NGX_REDIS_CLOSED);
        }

        if (lane->turn.posted) {
            ngx_delete_posted_event(&lane->turn);
        }

        if (lane->pause.timer_set) {
            ngx_del_timer(&lane->pause);
        }
    }
}


/* to lane->failed: a flow must not be freed while all are visited */

static void
ngx_redis_drop(ngx_redis_op_t *op, void *data)
{
    ngx_redis_op_fail(op, NGX_REDIS_UNAVAILABLE);
}


static void
ngx_redis_drop_all(ngx_queue_t *queue)
{
    ngx_queue_t     *q;
    ngx_redis_op_t  *op;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);
        ngx_queue_remove(q);

        op = ngx_queue_data(q, ngx_redis_op_t, queue);

        if (op->timer.timer_set) {
            ngx_del_timer(&op->timer);
        }

        ngx_redis_op_free(op);
    }
}
