
/*
 * A connection from the socket to the first command of a caller: connect,
 * AUTH, SELECT, then SCRIPT LOAD and INFO, behind which commands may follow.
 *
 * No command leaves before the +OK of AUTH and of SELECT: piped behind an AUTH
 * that fails, it would run as the default user, in db 0.
 */


#include "redis/private.h"


static ngx_uint_t ngx_redis_passes(ngx_err_t err);
static void ngx_redis_watch_replies(ngx_redis_lane_t *lane,
    redisReader *reader);
static void *ngx_redis_create_string(const redisReadTask *task, char *str,
    size_t len);
static void *ngx_redis_create_array(const redisReadTask *task,
    ngx_redis_elements_t elements);
static ngx_int_t ngx_redis_auth(ngx_redis_lane_t *lane);
static ngx_int_t ngx_redis_select(ngx_redis_lane_t *lane);
static ngx_int_t ngx_redis_info(ngx_redis_lane_t *lane);
static void ngx_redis_setup_done(ngx_redis_lane_t *lane);
static void ngx_redis_setup_refused(ngx_redis_lane_t *lane,
    ngx_redis_kind_e kind, redisReply *r);
static void ngx_redis_info_reply(ngx_redis_t *redis, redisReply *r);
static ngx_int_t ngx_redis_info_field(redisReply *r, const char *name,
    ngx_str_t *value);


static redisReplyObjectFunctions   ngx_redis_reply_functions;
static redisReplyObjectFunctions  *ngx_redis_reply_defaults;


static const char  *ngx_redis_actions[] = {
    "",
    "authenticating",
    "selecting the database",
    "loading a script",
    "reading its settings"
};


ngx_int_t
ngx_redis_connect(ngx_redis_lane_t *lane)
{
    ngx_err_t           err;
    redisAsyncContext  *ac;
    ngx_redis_addr_t   *addr;

    addr = &lane->redis->addrs[lane->addr];

    ngx_log_debug2(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "redis connect to %V, lane %d", &addr->name, lane->id);

    ngx_set_errno(0);

    if (addr->port) {
        ac = redisAsyncConnect(addr->host, addr->port);

    } else {
        ac = redisAsyncConnectUnix(addr->host);
    }

    if (ac == NULL) {
        ngx_redis_lane_lost(lane, "no memory");
        return NGX_ERROR;
    }

    if (ac->c.err) {
        err = ngx_errno;

        if (ngx_redis_passes(err)) {
            ngx_redis_log_outage(lane, "could not connect to", ac->c.errstr);
            ngx_redis_lane_busy(lane);

        } else {
            ngx_redis_lane_lost(lane, ac->c.errstr);
        }

        redisAsyncFree(ac);
        return NGX_ERROR;
    }

    ngx_redis_watch_replies(lane, ac->c.reader);

    lane->ac = ac;

    if (ngx_redis_event_attach(lane) != NGX_OK) {
        lane->ac = NULL;
        redisAsyncFree(ac);

        ngx_redis_log_outage(lane, "could not connect to",
                             "no free connection in nginx");
        ngx_redis_lane_busy(lane);
        return NGX_ERROR;
    }

    lane->state = NGX_REDIS_CONNECTING;
    lane->spoken = 0;
    lane->answered = 0;
    lane->heard = ngx_current_msec;

    return NGX_OK;
}


/*
 * A server that is there and busy: a unix socket whose backlog is full
 * (EAGAIN), no free port, no free file.  What waits is not failed at once, as
 * it is where nobody listens.
 */

static ngx_uint_t
ngx_redis_passes(ngx_err_t err)
{
    switch (err) {

    case NGX_EAGAIN:
    case EADDRNOTAVAIL:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
        return 1;

    default:
        return 0;
    }
}


/* what a reply costs is counted as hiredis reads it */

static void
ngx_redis_watch_replies(ngx_redis_lane_t *lane, redisReader *reader)
{
    if (ngx_redis_reply_defaults == NULL) {
        ngx_redis_reply_defaults = reader->fn;
        ngx_redis_reply_functions = *reader->fn;
        ngx_redis_reply_functions.createString = ngx_redis_create_string;
        ngx_redis_reply_functions.createArray = ngx_redis_create_array;
    }

    reader->fn = &ngx_redis_reply_functions;
    reader->privdata = lane;
}


/* what nobody waits for any more is not copied */

static void *
ngx_redis_create_string(const redisReadTask *task, char *str, size_t len)
{
    ngx_redis_lane_t *lane = task->privdata;

    ngx_queue_t     *q;
    ngx_redis_op_t  *op;

    lane->cost += len;

    if (task->type == REDIS_REPLY_STRING && !ngx_queue_empty(&lane->sent)) {
        q = ngx_queue_head(&lane->sent);
        op = ngx_queue_data(q, ngx_redis_op_t, queue);

        if (op->flow && op->handler == NULL) {
            len = 0;
        }
    }

    return ngx_redis_reply_defaults->createString(task, str, len);
}


/*
 * hiredis allocates an array by the length that was announced, and looks at
 * each element when it frees it: *2147483647 would stop a worker for seconds.
 */

static void *
ngx_redis_create_array(const redisReadTask *task,
    ngx_redis_elements_t elements)
{
    ngx_redis_lane_t *lane = task->privdata;

    if (elements > NGX_REDIS_MAX_ELEMENTS) {
        return NULL;
    }

    lane->cost += elements * NGX_REDIS_ELEMENT_COST;

    return ngx_redis_reply_defaults->createArray(task, elements);
}


/* one step; NGX_ERROR: close the connection */

ngx_int_t
ngx_redis_setup(ngx_redis_lane_t *lane)
{
    ngx_redis_conf_t  *conf;

    conf = &lane->redis->conf;

    if (lane->step == NGX_REDIS_AUTH) {

        if (conf->password.len) {
            return ngx_redis_auth(lane);
        }

        lane->step = NGX_REDIS_SELECT;
    }

    if (lane->step == NGX_REDIS_SELECT) {

        if (conf->db) {
            return ngx_redis_select(lane);
        }

        lane->step = NGX_REDIS_LOAD;
    }

    lane->state = NGX_REDIS_READY;
    lane->tries = 0;

    /* sent by the turn, ahead of the commands */

    lane->load = (uint32_t) (((uint64_t) 1 << conf->nscripts) - 1);
    ngx_redis_lane_post(lane);

    return lane->id == NGX_REDIS_SMALL ? ngx_redis_info(lane) : NGX_OK;
}


static ngx_int_t
ngx_redis_auth(ngx_redis_lane_t *lane)
{
    ngx_str_t          argv[3];
    ngx_uint_t         n;
    ngx_redis_conf_t  *conf;

    conf = &lane->redis->conf;

    n = 0;
    ngx_str_set(&argv[n], "AUTH");
    n++;

    if (conf->user.len) {
        argv[n++] = conf->user;
    }

    argv[n++] = conf->password;

    return ngx_redis_send_own(lane, NGX_REDIS_AUTH, argv, n);
}


static ngx_int_t
ngx_redis_select(ngx_redis_lane_t *lane)
{
    u_char     db[NGX_INT_T_LEN];
    ngx_str_t  argv[2];

    ngx_str_set(&argv[0], "SELECT");
    argv[1].data = db;
    argv[1].len = ngx_sprintf(db, "%ui", lane->redis->conf.db) - db;

    return ngx_redis_send_own(lane, NGX_REDIS_SELECT, argv, 2);
}


/* two commands: before Redis 7 INFO took one section only */

static ngx_int_t
ngx_redis_info(ngx_redis_lane_t *lane)
{
    ngx_str_t  argv[2];

    ngx_str_set(&argv[0], "INFO");
    ngx_str_set(&argv[1], "memory");

    if (ngx_redis_send_own(lane, NGX_REDIS_INFO, argv, 2) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[1], "persistence");

    return ngx_redis_send_own(lane, NGX_REDIS_INFO, argv, 2);
}


/* inside a callback of hiredis */

void
ngx_redis_setup_reply(ngx_redis_lane_t *lane, ngx_redis_kind_e kind,
    redisReply *r)
{
    if (r->type == REDIS_REPLY_ERROR) {
        ngx_redis_setup_refused(lane, kind, r);
        return;
    }

    switch (kind) {

    case NGX_REDIS_AUTH:
    case NGX_REDIS_SELECT:

        if (r->type != REDIS_REPLY_STATUS) {
            ngx_redis_log_outage(lane, "no OK while setting up", "");
            ngx_redis_lane_close(lane, NGX_REDIS_DENIED);
            return;
        }

        lane->refusal = NULL;
        lane->step = (kind == NGX_REDIS_AUTH) ? NGX_REDIS_SELECT
                                              : NGX_REDIS_LOAD;

        if (ngx_redis_setup(lane) != NGX_OK) {
            ngx_redis_lane_close(lane, NGX_REDIS_LOST);
        }

        break;

    case NGX_REDIS_INFO:
        ngx_redis_info_reply(lane->redis, r);
        ngx_redis_setup_done(lane);
        break;

    default: /* NGX_REDIS_LOAD */
        ngx_redis_setup_done(lane);
        break;
    }
}


/* all of it is answered: where a command ends this one, connect at once */

static void
ngx_redis_setup_done(ngx_redis_lane_t *lane)
{
    if (lane->load == 0 && lane->unanswered == 0) {
        lane->retried = 0;
    }
}


static void
ngx_redis_setup_refused(ngx_redis_lane_t *lane, ngx_redis_kind_e kind,
    redisReply *r)
{
    ngx_redis_refusal_t  *refusal;

    refusal = ngx_redis_refusal(r);

    if (refusal->full) {
        ngx_redis_log_refusal(lane->redis, refusal, r, "connecting");
        ngx_redis_lane_refused(lane);
        return;
    }

    switch (kind) {

    case NGX_REDIS_AUTH:
    case NGX_REDIS_SELECT:

        ngx_redis_log_refusal(lane->redis, refusal, r,
                              ngx_redis_actions[kind]);

        if (refusal->retry) {

            /* the same step again after the pause */

            ngx_redis_lane_hold(lane, refusal);
            return;
        }

        ngx_redis_lane_close(lane, NGX_REDIS_DENIED);
        return;

    case NGX_REDIS_LOAD:

        /* the commands get NOSCRIPT, or the same word, and act on it */

        if (!refusal->retry) {
            ngx_redis_log_refusal(lane->redis, refusal, r,
                                  ngx_redis_actions[kind]);
        }

        ngx_redis_setup_done(lane);
        return;

    default: /* NGX_REDIS_INFO: may be denied */

        ngx_log_debug0(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                       "redis: INFO refused");

        ngx_redis_setup_done(lane);
        return;
    }
}


static void
ngx_redis_info_reply(ngx_redis_t *redis, redisReply *r)
{
    u_char     buf[NGX_REDIS_LOG_LEN];
    ngx_str_t  value;

    if (!redis->evicts
        && ngx_redis_info_field(r, "maxmemory_policy:", &value) == NGX_OK
        && (value.len != 10
            || ngx_strncmp(value.data, "noeviction", 10) != 0))
    {
        redis->evicts = 1;

        ngx_redis_printable(&value, buf);

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "redis: maxmemory-policy of %V is \"%V\": it may remove "
                      "what was stored, set it to \"noeviction\"",
                      &redis->conf.address, &value);
    }

    if (!redis->forgets
        && ngx_redis_info_field(r, "aof_enabled:", &value) == NGX_OK
        && value.len == 1 && value.data[0] == '0')
    {
        redis->forgets = 1;

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "redis: appendonly of %V is \"no\": a restart may lose "
                      "trackers; turn it on by CONFIG SET while Redis runs, "
                      "its file alone would make Redis start empty",
                      &redis->conf.address);
    }
}


static ngx_int_t
ngx_redis_info_field(redisReply *r, const char *name, ngx_str_t *value)
{
    size_t   len;
    u_char  *p, *end, *last;

    if (r->type != REDIS_REPLY_STRING) {
        return NGX_DECLINED;
    }

    p = (u_char *) r->str;
    last = p + r->len;
    len = ngx_strlen(name);

    while (p < last) {
        end = ngx_strlchr(p, last, CR);
        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) > len && ngx_strncmp(p, name, len) == 0) {
            value->data = p + len;
            value->len = end - p - len;
            return NGX_OK;
        }

        p = end + 2;
    }

    return NGX_DECLINED;
}
