
/*
 * The setup of a connection: AUTH, SELECT, ROLE of what sentinels name; then
 * INFO and SCRIPT LOAD, behind which commands may follow.
 *
 * No command leaves before the +OK of AUTH and of SELECT: piped behind an AUTH
 * that fails, it would run as the default user, in db 0.
 */


#include "redis/setup.h"


/* a command of the setup: how to send it, and what its reply means */

struct ngx_redis_step_s {
    ngx_int_t            (*send)(ngx_redis_conn_t *conn);
    void                 (*answered)(ngx_redis_conn_t *conn, redisReply *r);
    void                 (*refused)(ngx_redis_conn_t *conn,
                                    ngx_redis_refusal_t *refusal);
    const char            *action;     /* for the log; NULL: not logged */
};


static ngx_int_t ngx_redis_auth(ngx_redis_conn_t *conn);
static ngx_int_t ngx_redis_select(ngx_redis_conn_t *conn);
static ngx_int_t ngx_redis_role(ngx_redis_conn_t *conn);
static ngx_int_t ngx_redis_go(ngx_redis_conn_t *conn);
static ngx_int_t ngx_redis_info(ngx_redis_conn_t *conn);
static ngx_int_t ngx_redis_setup_send(ngx_redis_conn_t *conn,
    ngx_redis_step_t *step, ngx_str_t *argv, ngx_uint_t argc);
static void ngx_redis_setup_next(ngx_redis_conn_t *conn, redisReply *r);
static void ngx_redis_role_reply(ngx_redis_conn_t *conn, redisReply *r);
static void ngx_redis_setup_go_on(ngx_redis_conn_t *conn);
static void ngx_redis_setup_denied(ngx_redis_conn_t *conn,
    ngx_redis_refusal_t *refusal);
static void ngx_redis_info_reply(ngx_redis_conn_t *conn, redisReply *r);
static void ngx_redis_warn_policy(ngx_redis_log_t *log, ngx_str_t *value);
static void ngx_redis_warn_aof(ngx_redis_log_t *log);
static ngx_int_t ngx_redis_info_field(redisReply *r, const char *name,
    ngx_str_t *value);


/* one after the other; the last one ends the setup, and sends nothing */

static ngx_redis_step_t  ngx_redis_steps[] = {
    { ngx_redis_auth, ngx_redis_setup_next, ngx_redis_setup_denied,
      "authenticating" },
    { ngx_redis_select, ngx_redis_setup_next, ngx_redis_setup_denied,
      "selecting the database" },
    { ngx_redis_role, ngx_redis_role_reply, ngx_redis_setup_denied,
      "asking for its role" },
    { ngx_redis_go, NULL, NULL, NULL }
};


/*
 * A script that is not loaded: its commands get NOSCRIPT, or the same word, and
 * act on it.  INFO may be denied.
 */

static ngx_redis_step_t  ngx_redis_step_load = {
    NULL, NULL, NULL, "loading a script"
};

static ngx_redis_step_t  ngx_redis_step_info = {
    NULL, ngx_redis_info_reply, NULL, NULL
};

/* if it is refused, so is the command behind it */

static ngx_redis_step_t  ngx_redis_step_asking = {
    NULL, NULL, NULL, NULL
};


ngx_int_t
ngx_redis_setup_begin(ngx_redis_conn_t *conn)
{
    conn->state = NGX_REDIS_SETUP;
    conn->step = ngx_redis_steps;

    return ngx_redis_setup(conn);
}


ngx_int_t
ngx_redis_setup(ngx_redis_conn_t *conn)
{
    ngx_int_t  rc;

    /* a step that the configuration does not ask for is passed over */

    while ((rc = conn->step->send(conn)) == NGX_DECLINED) {
        conn->step++;
    }

    return rc;
}


static ngx_int_t
ngx_redis_auth(ngx_redis_conn_t *conn)
{
    ngx_str_t          argv[3];
    ngx_uint_t         n;
    ngx_redis_conf_t  *conf;

    conf = conn->conf;

    if (conf->password.len == 0) {
        return NGX_DECLINED;
    }

    n = 0;
    ngx_str_set(&argv[n], "AUTH");
    n++;

    if (conf->user.len) {
        argv[n++] = conf->user;
    }

    argv[n++] = conf->password;

    return ngx_redis_setup_send(conn, conn->step, argv, n);
}


static ngx_int_t
ngx_redis_select(ngx_redis_conn_t *conn)
{
    u_char     db[NGX_INT_T_LEN];
    ngx_str_t  argv[2];

    if (conn->conf->db == 0) {
        return NGX_DECLINED;
    }

    ngx_str_set(&argv[0], "SELECT");
    argv[1].data = db;
    argv[1].len = ngx_sprintf(db, "%ui", conn->conf->db) - db;

    return ngx_redis_setup_send(conn, conn->step, argv, 2);
}


/* sentinels name a replica as the master before it is one */

static ngx_int_t
ngx_redis_role(ngx_redis_conn_t *conn)
{
    ngx_str_t  argv[1];

    if (conn->conf->sentinel.name.len == 0) {
        return NGX_DECLINED;
    }

    ngx_str_set(&argv[0], "ROLE");

    return ngx_redis_setup_send(conn, conn->step, argv, 1);
}


/* the scripts are sent ahead of the owner's commands */

static ngx_int_t
ngx_redis_go(ngx_redis_conn_t *conn)
{
    conn->log->counts->connects[NGX_REDIS_CONNECT_OK]++;

    conn->state = NGX_REDIS_READY;
    conn->load = (uint32_t) (((uint64_t) 1 << conn->conf->nscripts) - 1);

    return conn->info ? ngx_redis_info(conn) : NGX_OK;
}


/* two commands: before Redis 7 INFO took one section only */

static ngx_int_t
ngx_redis_info(ngx_redis_conn_t *conn)
{
    ngx_str_t  argv[2];

    ngx_str_set(&argv[0], "INFO");
    ngx_str_set(&argv[1], "memory");

    if (ngx_redis_setup_send(conn, &ngx_redis_step_info, argv, 2) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[1], "persistence");

    return ngx_redis_setup_send(conn, &ngx_redis_step_info, argv, 2);
}


void
ngx_redis_setup_reload(ngx_redis_conn_t *conn, ngx_redis_script_t *script)
{
    conn->load |= (uint32_t) 1 << (script - conn->conf->scripts);
}


ngx_int_t
ngx_redis_setup_asking(ngx_redis_conn_t *conn)
{
    ngx_str_t  argv[1];

    ngx_str_set(&argv[0], "ASKING");

    return ngx_redis_setup_send(conn, &ngx_redis_step_asking, argv, 1);
}


ngx_int_t
ngx_redis_setup_scripts(ngx_redis_conn_t *conn)
{
    ngx_str_t   argv[3];
    ngx_uint_t  i;

    ngx_str_set(&argv[0], "SCRIPT");
    ngx_str_set(&argv[1], "LOAD");

    for (i = 0; conn->load; i++) {

        if (!(conn->load & ((uint32_t) 1 << i))) {
            continue;
        }

        argv[2] = conn->conf->scripts[i].text;

        if (ngx_redis_setup_send(conn, &ngx_redis_step_load, argv, 3)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        conn->load &= ~((uint32_t) 1 << i);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_redis_setup_send(ngx_redis_conn_t *conn, ngx_redis_step_t *step,
    ngx_str_t *argv, ngx_uint_t argc)
{
    ngx_redis_writer_t  w;

    ngx_redis_wire_begin(&w, &conn->stream, conn->own, step, argc);

    if (ngx_redis_wire_args(&w, argv, argc) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_redis_wire_end(&w);
}


void
ngx_redis_setup_reply(ngx_redis_conn_t *conn, ngx_redis_step_t *step,
    redisReply *r)
{
    ngx_redis_refusal_t  *refusal;

    if (r->type != REDIS_REPLY_ERROR) {

        if (step->answered) {
            step->answered(conn, r);
        }

        return;
    }

    refusal = ngx_redis_refusal(r->str, r->len);

    if (refusal->action == NGX_REDIS_HANGUP) {
        ngx_redis_log_refusal(conn->log, refusal, r->str, r->len,
                              "connecting");
        ngx_redis_stream_close(&conn->stream, NGX_REDIS_END_HANGUP);
        return;
    }

    if (step->action
        && (step->refused || refusal->action < NGX_REDIS_DELAY))
    {
        ngx_redis_log_refusal(conn->log, refusal, r->str, r->len,
                              step->action);
    }

    if (step->refused) {
        step->refused(conn, refusal);
    }
}


/* AUTH or SELECT was answered */

static void
ngx_redis_setup_next(ngx_redis_conn_t *conn, redisReply *r)
{
    if (r->type != REDIS_REPLY_STATUS) {
        ngx_redis_log_outage(conn->log, &conn->addr->name,
                             "no OK while setting up", "");
        ngx_redis_stream_close(&conn->stream, NGX_REDIS_END_DENIED);
        return;
    }

    ngx_redis_setup_go_on(conn);
}


/* one that is no master yet is asked again, unless another one is found */

static void
ngx_redis_role_reply(ngx_redis_conn_t *conn, redisReply *r)
{
    if (r->type == REDIS_REPLY_ARRAY && r->elements
        && r->element[0]->type == REDIS_REPLY_STRING
        && ngx_strcmp(r->element[0]->str, "master") == 0)
    {
        ngx_redis_setup_go_on(conn);
        return;
    }

    conn->handlers->refused(conn->data, &ngx_redis_replica);
}


static void
ngx_redis_setup_go_on(ngx_redis_conn_t *conn)
{
    conn->step++;

    if (ngx_redis_setup(conn) != NGX_OK) {
        ngx_redis_stream_close(&conn->stream, NGX_REDIS_END_LOST);
    }
}


static void
ngx_redis_setup_denied(ngx_redis_conn_t *conn, ngx_redis_refusal_t *refusal)
{
    if (refusal->action >= NGX_REDIS_DELAY) {
        conn->handlers->refused(conn->data, refusal);
        return;
    }

    ngx_redis_stream_close(&conn->stream, NGX_REDIS_END_DENIED);
}


/* a reply has one of the two sections */

static void
ngx_redis_info_reply(ngx_redis_conn_t *conn, redisReply *r)
{
    ngx_str_t            value;
    ngx_redis_gauges_t  *gauges;

    gauges = conn->log->gauges;

    if (ngx_redis_info_field(r, "maxmemory_policy:", &value) == NGX_OK) {
        gauges->looked = ngx_current_msec;
        gauges->wrong[NGX_REDIS_SETTING_POLICY] =
            value.len != 10
            || ngx_strncmp(value.data, "noeviction", 10) != 0;

        ngx_redis_warn_policy(conn->log, &value);
    }

    if (ngx_redis_info_field(r, "aof_enabled:", &value) == NGX_OK) {
        gauges->looked = ngx_current_msec;
        gauges->wrong[NGX_REDIS_SETTING_AOF] =
            value.len == 1 && value.data[0] == '0';

        ngx_redis_warn_aof(conn->log);
    }
}


static void
ngx_redis_warn_policy(ngx_redis_log_t *log, ngx_str_t *value)
{
    u_char  buf[NGX_REDIS_LOG_LEN];

    if (log->evicts || !log->gauges->wrong[NGX_REDIS_SETTING_POLICY]) {
        return;
    }

    log->evicts = 1;

    ngx_redis_printable(value, buf);

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "redis: maxmemory-policy of %V is \"%V\": it may remove "
                  "what was stored, set it to \"noeviction\"",
                  log->name, value);
}


static void
ngx_redis_warn_aof(ngx_redis_log_t *log)
{
    if (log->forgets || !log->gauges->wrong[NGX_REDIS_SETTING_AOF]) {
        return;
    }

    log->forgets = 1;

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "redis: appendonly of %V is \"no\": a restart may lose "
                  "trackers; turn it on by CONFIG SET while Redis runs, "
                  "its file alone would make Redis start empty",
                  log->name);
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
