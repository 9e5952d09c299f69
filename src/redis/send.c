
/*
 * What a lane sends in its turn.
 */


#include "redis/send.h"
#include "redis/setup.h"


static ngx_int_t ngx_redis_send_ops(ngx_redis_lane_t *lane);
static void ngx_redis_refuse(ngx_redis_lane_t *lane, ngx_redis_op_t *op);
static ngx_int_t ngx_redis_send_op(ngx_redis_lane_t *lane,
    ngx_redis_op_t *op);
static ngx_int_t ngx_redis_send_lead(ngx_redis_lane_t *lane,
    ngx_redis_op_t *op);
static ngx_int_t ngx_redis_send_more(ngx_redis_lane_t *lane,
    ngx_redis_op_t *op, ngx_redis_writer_t *w);
static ngx_int_t ngx_redis_send_begin(ngx_redis_lane_t *lane,
    ngx_redis_op_t *op);
static ngx_int_t ngx_redis_send_end(ngx_redis_lane_t *lane,
    ngx_redis_op_t *op);
static ngx_int_t ngx_redis_send_word(ngx_redis_lane_t *lane,
    ngx_redis_op_t *op, char *word, ngx_redis_answers_e answers);
static ngx_int_t ngx_redis_send_eval(ngx_redis_lane_t *lane,
    ngx_redis_op_t *op, ngx_redis_eval_t *eval);


ngx_int_t
ngx_redis_send_waiting(ngx_redis_lane_t *lane)
{
    ngx_int_t  rc;

    rc = ngx_redis_send_ops(lane);

    if (rc != NGX_ERROR && ngx_redis_wait_send(lane) != NGX_OK) {
        return NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_redis_send_ops(ngx_redis_lane_t *lane)
{
    ngx_redis_op_t      *op;
    ngx_redis_conn_t    *conn;
    ngx_redis_writer_t   w;

    conn = &lane->conn;

    if (lane->partial) {
        ngx_redis_wire_resume(&w, &conn->stream);

        if (ngx_redis_send_more(lane, lane->partial, &w) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* nothing may come between the arguments of a command */

    if (lane->partial) {
        return NGX_AGAIN;
    }

    if (ngx_redis_setup_scripts(conn) != NGX_OK) {
        return NGX_ERROR;
    }

    while (conn->stream.unwritten < NGX_REDIS_MAX_UNWRITTEN) {

        op = ngx_redis_queue_next(&lane->queue, conn->stream.unanswered);
        if (op == NULL) {
            return NGX_OK;
        }

        if (op->suspect) {
            ngx_redis_refuse(lane, op);
            continue;
        }

        if (ngx_redis_send_op(lane, op) != NGX_OK) {
            ngx_redis_queue_again(&lane->queue, op);
            ngx_redis_queue_fail(&lane->queue, op, NGX_REDIS_ERROR);
            return NGX_ERROR;
        }

        if (lane->partial) {
            return NGX_AGAIN;
        }
    }

    return ngx_redis_queue_waits(&lane->queue) ? NGX_AGAIN : NGX_OK;
}


/*
 * Redis closes a connection whose answers exceed client-output-buffer-limit:
 * this is the command that it does not want to answer, and would take the
 * connection from others again and again.  What a write has done is unknown.
 */

static void
ngx_redis_refuse(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    ngx_redis_queue_again(&lane->queue, op);
    ngx_redis_queue_fail(&lane->queue, op,
                         op->cmd.read ? NGX_REDIS_ERROR
                                      : NGX_REDIS_UNAVAILABLE);
    ngx_redis_lane_post(lane);

    if (ngx_redis_log_due(&lane->node->log.hangup, NGX_REDIS_LOG_QUIET)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: %V closed the connection twice under the same "
                      "command, while %s: see its client-output-buffer-limit",
                      ngx_redis_lane_addr(lane), op->cmd.action);
    }
}


static ngx_int_t
ngx_redis_send_op(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    ngx_str_t             head[2];
    ngx_uint_t            n;
    ngx_redis_writer_t    w;
    ngx_redis_command_t  *cmd;

    cmd = &op->cmd;

    /* after silence the wait that has begun goes on: no second timeout */

    if (op->renew) {
        op->renew = 0;
        op->loaded = 0;
        ngx_redis_op_arm(op);
    }

    n = 0;

    if (cmd->script) {
        ngx_str_set(&head[0], "EVALSHA");
        head[1].len = sizeof(cmd->script->sha);
        head[1].data = cmd->script->sha;
        n = 2;
    }

    op->nsent = 0;

    if ((cmd->lead && ngx_redis_send_lead(lane, op) != NGX_OK)
        || (op->way.asking && ngx_redis_setup_asking(&lane->conn) != NGX_OK)
        || (cmd->before && ngx_redis_send_begin(lane, op) != NGX_OK))
    {
        return NGX_ERROR;
    }

    ngx_redis_conn_begin(&lane->conn, &w, op, n + cmd->argc + cmd->nmore,
                         cmd->before ? NGX_REDIS_ANSWERS_PART
                                     : NGX_REDIS_ANSWERS_COMMAND);

    if (ngx_redis_wire_args(&w, head, n) != NGX_OK
        || ngx_redis_wire_args(&w, cmd->argv, cmd->argc) != NGX_OK
        || ngx_redis_send_more(lane, op, &w) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_redis_queue_sent(&lane->queue, op);
    ngx_redis_wait_note(lane, op);

    return NGX_OK;
}


static ngx_int_t
ngx_redis_send_lead(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    ngx_redis_lead_t    *lead;
    ngx_redis_writer_t   w;

    lead = op->cmd.lead;

    ngx_redis_op_clear_error(op);

    ngx_redis_conn_begin(&lane->conn, &w, op, lead->argc,
                         NGX_REDIS_ANSWERS_PART);

    if (ngx_redis_wire_args(&w, lead->argv, lead->argc) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_redis_wire_end(&w);
}


/*
 * As many of the arguments behind argv as there is room for.  Those that have a
 * lead are sent at once: a lead is executed, whatever becomes of the rest.
 */

static ngx_int_t
ngx_redis_send_more(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    ngx_redis_writer_t *w)
{
    ngx_str_t             part[2];
    ngx_redis_command_t  *cmd;

    cmd = &op->cmd;

    while (op->nsent < cmd->nmore
           && (cmd->lead || ngx_redis_wire_room(w)))
    {
        cmd->more(op->data, op->nsent++, part);

        if (ngx_redis_wire_arg(w, part, 2) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    lane->partial = op->nsent < cmd->nmore ? op : NULL;

    if (ngx_redis_wire_end(w) != NGX_OK) {
        return NGX_ERROR;
    }

    return lane->partial || cmd->before == NULL
           ? NGX_OK : ngx_redis_send_end(lane, op);
}


/* what comes ahead of the command of a transaction */

static ngx_int_t
ngx_redis_send_begin(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    ngx_redis_op_clear_error(op);

    if (ngx_redis_send_word(lane, op, "MULTI", NGX_REDIS_ANSWERS_PART)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_redis_send_eval(lane, op, op->cmd.before);
}


/* what comes behind it */

static ngx_int_t
ngx_redis_send_end(ngx_redis_lane_t *lane, ngx_redis_op_t *op)
{
    if (ngx_redis_send_eval(lane, op, op->cmd.after) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_redis_send_word(lane, op, "EXEC", NGX_REDIS_ANSWERS_COMMAND);
}


static ngx_int_t
ngx_redis_send_word(ngx_redis_lane_t *lane, ngx_redis_op_t *op, char *word,
    ngx_redis_answers_e answers)
{
    ngx_str_t           arg;
    ngx_redis_writer_t  w;

    arg.data = (u_char *) word;
    arg.len = ngx_strlen(word);

    ngx_redis_conn_begin(&lane->conn, &w, op, 1, answers);

    if (ngx_redis_wire_args(&w, &arg, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_redis_wire_end(&w);
}


static ngx_int_t
ngx_redis_send_eval(ngx_redis_lane_t *lane, ngx_redis_op_t *op,
    ngx_redis_eval_t *eval)
{
    ngx_str_t           head[2];
    ngx_redis_writer_t  w;

    ngx_str_set(&head[0], "EVAL");
    head[1] = eval->script->text;

    ngx_redis_conn_begin(&lane->conn, &w, op, 2 + eval->argc,
                         NGX_REDIS_ANSWERS_PART);

    if (ngx_redis_wire_args(&w, head, 2) != NGX_OK
        || ngx_redis_wire_args(&w, eval->argv, eval->argc) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_redis_wire_end(&w);
}
