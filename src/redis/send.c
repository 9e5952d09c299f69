
/*
 * A command on its way out, and its reply on the way in.
 *
 * Commands are formatted straight into hiredis' output buffer: small
 * arguments by way of a buffer on the stack, long ones as they are.
 * redisAsyncCommandArgv() would copy all of it once more, and want two arrays.
 */


#include "redis/private.h"


#define NGX_REDIS_PIECE  4096


typedef struct {
    ngx_redis_lane_t      *lane;
    ngx_uint_t             begun;      /* hiredis knows the callback */
    size_t                 total;
    u_char                *last;
    u_char                 buf[NGX_REDIS_PIECE + 1];
} ngx_redis_writer_t;


static void ngx_redis_refuse(ngx_redis_op_t *op);
static ngx_int_t ngx_redis_send_op(ngx_redis_op_t *op);
static ngx_int_t ngx_redis_send_scripts(ngx_redis_lane_t *lane);
static ngx_int_t ngx_redis_send(ngx_redis_op_t *op, ngx_str_t *head,
    ngx_uint_t nhead, ngx_str_t *argv, ngx_uint_t argc);
static ngx_int_t ngx_redis_send_more(ngx_redis_lane_t *lane);
static ngx_int_t ngx_redis_write_args(ngx_redis_writer_t *w, ngx_str_t *args,
    ngx_uint_t n);
static ngx_int_t ngx_redis_write_more(ngx_redis_writer_t *w,
    ngx_redis_op_t *op);
static ngx_int_t ngx_redis_write_arg(ngx_redis_writer_t *w, ngx_str_t *part,
    ngx_uint_t n);
static u_char *ngx_redis_write_length(u_char *p, u_char type, size_t len);
static ngx_int_t ngx_redis_write_piece(ngx_redis_writer_t *w, u_char *data,
    size_t len);
static void ngx_redis_surplus(ngx_redis_lane_t *lane);
static void ngx_redis_answer(ngx_redis_op_t *op, redisReply *r);
static void ngx_redis_refused(ngx_redis_op_t *op, redisReply *r);


ngx_int_t
ngx_redis_send_waiting(ngx_redis_lane_t *lane)
{
    ngx_redis_op_t  *op;

    if (lane->partial && ngx_redis_send_more(lane) != NGX_OK) {
        return NGX_ERROR;
    }

    /* nothing may come between the arguments of a command */

    if (lane->partial) {
        return NGX_AGAIN;
    }

    if (lane->load && ngx_redis_send_scripts(lane) != NGX_OK) {
        return NGX_ERROR;
    }

    while (lane->unwritten < NGX_REDIS_MAX_UNWRITTEN) {

        op = ngx_redis_queue_next(lane);
        if (op == NULL) {
            return NGX_OK;
        }

        if (op->suspect) {
            ngx_redis_refuse(op);
            continue;
        }

        if (ngx_redis_send_op(op) != NGX_OK) {
            ngx_queue_insert_head(&lane->again, &op->queue);
            ngx_redis_op_fail(op, NGX_REDIS_ERROR);
            return NGX_ERROR;
        }

        if (lane->partial) {
            return NGX_AGAIN;
        }
    }

    return ngx_redis_queue_waits(lane) ? NGX_AGAIN : NGX_OK;
}


/*
 * Redis closes a connection whose answers exceed client-output-buffer-limit:
 * this is the command that it does not want to answer, and would take the
 * connection from others again and again.  What a write has done is unknown.
 */

static void
ngx_redis_refuse(ngx_redis_op_t *op)
{
    ngx_redis_t       *redis;
    ngx_redis_lane_t  *lane;

    lane = op->lane;
    redis = lane->redis;

    ngx_queue_insert_head(&lane->again, &op->queue);

    ngx_redis_op_fail(op, op->cmd.read ? NGX_REDIS_ERROR
                                       : NGX_REDIS_UNAVAILABLE);

    ngx_redis_lane_post(lane);

    if (ngx_redis_log_due(&redis->hangup, NGX_REDIS_LOG_QUIET)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: %V closed the connection twice under the same "
                      "command, while %s: see its client-output-buffer-limit",
                      &redis->addrs[lane->addr].name, op->cmd.action);
    }
}


static ngx_int_t
ngx_redis_send_op(ngx_redis_op_t *op)
{
    ngx_str_t             head[2];
    ngx_redis_command_t  *cmd;

    cmd = &op->cmd;

    /* after silence the wait that has begun goes on: no second timeout */

    if (op->renew) {
        op->renew = 0;
        op->loaded = 0;
        ngx_redis_op_arm(op);
    }

    if (cmd->script == NULL) {
        return ngx_redis_send(op, NULL, 0, cmd->argv, cmd->argc);
    }

    ngx_str_set(&head[0], "EVALSHA");
    head[1].len = sizeof(cmd->script->sha);
    head[1].data = cmd->script->sha;

    return ngx_redis_send(op, head, 2, cmd->argv, cmd->argc);
}


static ngx_int_t
ngx_redis_send_scripts(ngx_redis_lane_t *lane)
{
    ngx_str_t          argv[3];
    ngx_uint_t         i;
    ngx_redis_conf_t  *conf;

    conf = &lane->redis->conf;

    ngx_str_set(&argv[0], "SCRIPT");
    ngx_str_set(&argv[1], "LOAD");

    for (i = 0; i < conf->nscripts; i++) {

        if (!(lane->load & ((uint32_t) 1 << i))) {
            continue;
        }

        argv[2] = conf->scripts[i].text;

        if (ngx_redis_send_own(lane, NGX_REDIS_LOAD, argv, 3) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    lane->load = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_redis_send(ngx_redis_op_t *op, ngx_str_t *head, ngx_uint_t nhead,
    ngx_str_t *argv, ngx_uint_t argc)
{
    ngx_redis_writer_t  w;

    w.lane = op->lane;
    w.begun = 0;
    w.total = 0;
    w.last = ngx_redis_write_length(w.buf, '*',
                                    nhead + argc + op->cmd.nmore);

    op->nsent = 0;

    if (ngx_redis_write_args(&w, head, nhead) != NGX_OK
        || ngx_redis_write_args(&w, argv, argc) != NGX_OK
        || ngx_redis_write_more(&w, op) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_redis_queue_sent(op);

    return NGX_OK;
}


/* the rest of the arguments of lane->partial, or some of them */

static ngx_int_t
ngx_redis_send_more(ngx_redis_lane_t *lane)
{
    ngx_redis_writer_t  w;

    w.lane = lane;
    w.begun = 1;
    w.total = 0;
    w.last = w.buf;

    return ngx_redis_write_more(&w, lane->partial);
}


/* a command of our own: nobody waits for it but the connection */

ngx_int_t
ngx_redis_send_own(ngx_redis_lane_t *lane, ngx_redis_kind_e kind,
    ngx_str_t *argv, ngx_uint_t argc)
{
    ngx_redis_op_t  *op;

    op = ngx_calloc(sizeof(ngx_redis_op_t), ngx_cycle->log);
    if (op == NULL) {
        return NGX_ERROR;
    }

    op->lane = lane;
    op->kind = kind;

    if (ngx_redis_send(op, NULL, 0, argv, argc) != NGX_OK) {
        ngx_free(op);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_redis_write_args(ngx_redis_writer_t *w, ngx_str_t *args, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (ngx_redis_write_arg(w, &args[i], 1) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* as many of the arguments behind argv as there is room for */

static ngx_int_t
ngx_redis_write_more(ngx_redis_writer_t *w, ngx_redis_op_t *op)
{
    ngx_str_t             part[2];
    ngx_redis_lane_t     *lane;
    ngx_redis_command_t  *cmd;

    lane = w->lane;
    cmd = &op->cmd;

    while (op->nsent < cmd->nmore
           && lane->unwritten + w->total < NGX_REDIS_MAX_UNWRITTEN)
    {
        cmd->more(op->data, op->nsent++, part);

        if (ngx_redis_write_arg(w, part, 2) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_redis_write_piece(w, w->buf, w->last - w->buf) != NGX_OK) {
        return NGX_ERROR;
    }

    lane->unwritten += w->total;
    lane->partial = op->nsent < cmd->nmore ? op : NULL;

    return NGX_OK;
}


/* one argument of n parts */

static ngx_int_t
ngx_redis_write_arg(ngx_redis_writer_t *w, ngx_str_t *part, ngx_uint_t n)
{
    size_t      len;
    u_char     *end;
    ngx_uint_t  i;

    end = w->buf + NGX_REDIS_PIECE;
    len = 0;

    for (i = 0; i < n; i++) {
        len += part[i].len;
    }

    /* room for the length here, and for the end of a long one */

    if (w->last + NGX_SIZE_T_LEN + 8 > end
        && ngx_redis_write_piece(w, w->buf, w->last - w->buf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    w->last = ngx_redis_write_length(w->last, '$', len);

    for (i = 0; i < n; i++) {
        len = part[i].len;

        if (len == 0) {
            continue;
        }

        if (w->last + len + 2 <= end) {
            w->last = ngx_cpymem(w->last, part[i].data, len);
            continue;
        }

        if (ngx_redis_write_piece(w, w->buf, w->last - w->buf) != NGX_OK
            || ngx_redis_write_piece(w, part[i].data, len) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    *w->last++ = CR;
    *w->last++ = LF;

    return NGX_OK;
}


/*
 * "*" and how many arguments, "$" and how many bytes: a hundred of them for a
 * small bulk, so no format
 */

static u_char *
ngx_redis_write_length(u_char *p, u_char type, size_t len)
{
    u_char  *digit, digits[NGX_SIZE_T_LEN];

    digit = digits + NGX_SIZE_T_LEN;

    do {
        *--digit = (u_char) ('0' + len % 10);
        len /= 10;
    } while (len);

    *p++ = type;
    p = ngx_cpymem(p, digit, digits + NGX_SIZE_T_LEN - digit);
    *p++ = CR;
    *p++ = LF;

    return p;
}


/* the first piece holds the whole name of the command: hiredis reads it */

static ngx_int_t
ngx_redis_write_piece(ngx_redis_writer_t *w, u_char *data, size_t len)
{
    int                 rc;
    redisCallback      *tail;
    redisAsyncContext  *ac;

    ac = w->lane->ac;

    if (w->begun) {
        rc = redisAppendFormattedCommand(&ac->c, (char *) data, len);

    } else {
        w->begun = 1;
        w->buf[len] = '\0';

        tail = ac->replies.tail;

        rc = redisAsyncFormattedCommand(ac, ngx_redis_reply_handler, w->lane,
                                        (char *) data, len);

        /*
         * 0.14 overlooks that there was no memory for the callback: every
         * later reply would go to the command before
         */

        if (ac->replies.tail == tail) {
            rc = REDIS_ERR;
        }
    }

    if (data == w->buf) {
        w->last = w->buf;
    }

    w->total += len;

    if (rc != REDIS_OK || ac->c.err) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: no memory to send a command");
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_redis_reply_handler(redisAsyncContext *ac, void *r, void *data)
{
    ngx_redis_lane_t  *lane = data;

    ngx_uint_t       early;
    ngx_queue_t     *q;
    redisReply      *reply;
    ngx_redis_op_t  *op;

    reply = r;

    if (reply == NULL) {
        /* the connection is lost: ngx_redis_lane_lost() keeps the books */
        return;
    }

    q = ngx_queue_head(&lane->sent);
    op = ngx_queue_data(q, ngx_redis_op_t, queue);

    early = (op == lane->partial);

    if (early) {

        /* only an error may come before the whole command is sent */

        if (reply->type != REDIS_REPLY_ERROR) {
            ngx_redis_surplus(lane);
            return;
        }

        lane->partial = NULL;
    }

    ngx_redis_queue_answered(op, lane->cost + 1);
    lane->cost = 0;

    if (op->kind != NGX_REDIS_COMMAND) {
        ngx_redis_setup_reply(lane, op->kind, reply);
        ngx_free(op);

    } else if (reply->type == REDIS_REPLY_ERROR) {
        ngx_redis_refused(op, reply);

    } else {
        ngx_redis_answer(op, reply);
    }

    if (early) {

        /* its rest is nobody's */

        ngx_redis_lane_close(lane, NGX_REDIS_LOST);

    } else if (ngx_queue_empty(&lane->sent)
               && ac->c.reader->pos < ac->c.reader->len)
    {
        /* hiredis aborts when it finds a reply that nobody waits for */

        ngx_redis_surplus(lane);
    }

    if (ngx_redis_queue_waits(lane)) {
        ngx_redis_lane_post(lane);
    }

    ngx_redis_lane_settle(lane);
}


static void
ngx_redis_surplus(ngx_redis_lane_t *lane)
{
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "redis: %V sent more than was asked for",
                  &lane->redis->conf.address);

    ngx_redis_lane_close(lane, NGX_REDIS_LOST);
}


static void
ngx_redis_answer(ngx_redis_op_t *op, redisReply *r)
{
    ngx_redis_lane_t   *lane;
    ngx_redis_reply_t   reply;

    lane = op->lane;

    lane->refusal = NULL;

    ngx_redis_lane_alive(lane);
    ngx_redis_log_recovery(lane);

    if (op->handler == NULL) {
        ngx_redis_op_free(op);
        return;
    }

    ngx_redis_reply_view(r, &reply);
    ngx_redis_op_finish(op, NGX_REDIS_OK, &reply, op->losses != 0);
}


static void
ngx_redis_refused(ngx_redis_op_t *op, redisReply *r)
{
    ngx_uint_t            i;
    ngx_redis_t          *redis;
    ngx_redis_lane_t     *lane;
    ngx_redis_refusal_t  *refusal;

    lane = op->lane;
    redis = lane->redis;

    refusal = ngx_redis_refusal(r);

    if (!refusal->load || op->loaded) {
        ngx_redis_log_refusal(redis, refusal, r, op->cmd.action);
    }

    if (!refusal->full) {
        ngx_redis_lane_alive(lane);
    }

    if (refusal->load && op->cmd.script) {
        i = op->cmd.script - redis->conf.scripts;

        lane->load |= (uint32_t) 1 << i;
        ngx_redis_lane_post(lane);
    }

    if (refusal->full) {
        ngx_redis_lane_refused(lane);
    }

    if (op->handler == NULL) {
        ngx_redis_op_free(op);
        return;
    }

    if (refusal->full) {
        ngx_queue_insert_tail(&lane->again, &op->queue);
        return;
    }

    if (refusal->load && op->cmd.script && !op->loaded) {
        op->loaded = 1;
        ngx_queue_insert_tail(&lane->again, &op->queue);
        return;
    }

    if (refusal->retry) {
        op->renew = 1;
        op->held = 1;
        ngx_queue_insert_tail(&lane->again, &op->queue);
        lane->moved |= refusal->moved;
        ngx_redis_lane_hold(lane, refusal);
        return;
    }

    ngx_redis_op_finish(op, refusal->status, NULL,
                        op->losses || refusal->maybe);
}
