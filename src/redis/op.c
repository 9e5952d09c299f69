
/*
 * The life of one command: its arguments, its timer, its result.
 */


#include "redis/op.h"


/* about what the protocol adds to an argument */
#define NGX_REDIS_ARG_SIZE  12


static size_t ngx_redis_command_size(ngx_redis_command_t *cmd);
static size_t ngx_redis_args_size(ngx_str_t *argv, ngx_uint_t argc);
static ngx_uint_t ngx_redis_op_brief(ngx_redis_op_t *op);
static void ngx_redis_op_wait(ngx_redis_op_t *op);
static void ngx_redis_reply_view(redisReply *r, ngx_redis_reply_t *reply);


ngx_redis_op_t *
ngx_redis_op_create(ngx_redis_command_t *cmd, ngx_redis_handler_pt handler,
    void *data)
{
    ngx_redis_op_t  *op;

    op = ngx_calloc(sizeof(ngx_redis_op_t), ngx_cycle->log);
    if (op == NULL) {
        return NULL;
    }

    op->cmd = *cmd;
    op->handler = handler;
    op->data = data;
    op->size = ngx_redis_command_size(cmd);

    op->timer.data = op;
    op->timer.log = ngx_cycle->log;

    return op;
}


static size_t
ngx_redis_command_size(ngx_redis_command_t *cmd)
{
    size_t  size;

    size = 3 * NGX_REDIS_ARG_SIZE
           + ngx_redis_args_size(cmd->argv, cmd->argc)
           + cmd->nmore * NGX_REDIS_ARG_SIZE + cmd->more_size;

    if (cmd->lead) {
        size += ngx_redis_args_size(cmd->lead->argv, cmd->lead->argc);
    }

    if (cmd->before) {
        size += cmd->before->script->text.len + cmd->after->script->text.len
                + ngx_redis_args_size(cmd->before->argv, cmd->before->argc)
                + ngx_redis_args_size(cmd->after->argv, cmd->after->argc);
    }

    return size;
}


static size_t
ngx_redis_args_size(ngx_str_t *argv, ngx_uint_t argc)
{
    size_t      size;
    ngx_uint_t  i;

    size = argc * NGX_REDIS_ARG_SIZE;

    for (i = 0; i < argc; i++) {
        size += argv[i].len;
    }

    return size;
}


void
ngx_redis_op_arm(ngx_redis_op_t *op)
{
    if (ngx_redis_op_ends(op) && op->timer.timer_set) {

        /* for what may never be delivered an exiting worker waits once */

        return;
    }

    op->since = ngx_current_msec;

    ngx_redis_op_wait(op);
}


ngx_uint_t
ngx_redis_op_continue(ngx_redis_op_t *op)
{
    if (!ngx_redis_op_brief(op)
        || ngx_exiting
        || ngx_redis_op_late(op)
        || ngx_current_msec - op->since >= op->cmd.timeout)
    {
        return 0;
    }

    ngx_redis_op_wait(op);

    return 1;
}


/* 1 if an exiting worker waits for op once, and not for long; else 0 */

static ngx_uint_t
ngx_redis_op_brief(ngx_redis_op_t *op)
{
    return op->cmd.urgent || op->cmd.left;
}


ngx_uint_t
ngx_redis_op_ends(ngx_redis_op_t *op)
{
    return ngx_exiting && ngx_redis_op_brief(op);
}


void
ngx_redis_leave(ngx_redis_op_t *op)
{
    op->cmd.left = 1;

    if (op->timer.timer_set) {
        ngx_redis_op_wait(op);
    }
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

    if (ngx_redis_op_brief(op)) {
        wait = ngx_min(wait, NGX_REDIS_EXIT_WAIT);
    }

    /* ngx_add_timer() would keep an old timer that is nearly the same */

    ngx_redis_op_disarm(op);
    ngx_add_timer(&op->timer, wait);
}


ngx_uint_t
ngx_redis_op_late(ngx_redis_op_t *op)
{
    return (ngx_msec_int_t) (op->cmd.deadline - ngx_current_msec) <= 0;
}


void
ngx_redis_op_disarm(ngx_redis_op_t *op)
{
    if (op->timer.timer_set) {
        ngx_del_timer(&op->timer);
    }
}


void
ngx_redis_op_lead(ngx_redis_op_t *op, void *r)
{
    ngx_redis_reply_t  reply;

    op->led = 1;

    if (op->handler) {
        ngx_redis_reply_view(r, &reply);
        op->cmd.lead->handler(op->data, &reply);
    }
}


void
ngx_redis_op_set_error(ngx_redis_op_t *op, const char *error, size_t len)
{
    if (op->error.len) {
        return;
    }

    /* one without a word is an error, too */

    if (len == 0) {
        error = "-";
        len = 1;
    }

    len = ngx_min(len, NGX_REDIS_LOG_LEN);

    op->error.data = ngx_alloc(len, ngx_cycle->log);

    if (op->error.data) {
        op->error.len = len;
        ngx_memcpy(op->error.data, error, len);
    }
}


void
ngx_redis_op_clear_error(ngx_redis_op_t *op)
{
    if (op->error.len) {
        ngx_free(op->error.data);
        op->error.len = 0;
    }
}


void
ngx_redis_op_clear_reply(ngx_redis_op_t *op)
{
    if (op->reply) {
        freeReplyObject(op->reply);
        op->reply = NULL;
    }
}


void
ngx_redis_op_free(ngx_redis_op_t *op)
{
    ngx_redis_op_disarm(op);
    ngx_redis_op_clear_reply(op);
    ngx_redis_op_clear_error(op);
    ngx_free(op);
}


void
ngx_redis_op_finish(ngx_redis_op_t *op, ngx_redis_status_e status, void *r,
    ngx_uint_t maybe)
{
    void                  *data;
    ngx_redis_reply_t      reply;
    ngx_redis_handler_pt   handler;

    handler = op->handler;
    data = op->data;

    ngx_log_debug3(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "redis finish %p, status %d, while %s",
                   op, status, op->cmd.action);

    ngx_redis_op_free(op);

    if (r) {
        ngx_redis_reply_view(r, &reply);
    }

    handler(data, status, r ? &reply : NULL, maybe);
}


static void
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
