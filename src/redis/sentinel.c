
/*
 * Who is the master.
 *
 * One round asks the sentinels in turn, the first one another one each time,
 * and ends when two agree.  The place as known counts as a voice, so that one
 * question is enough as a rule; but not where something speaks against it (a
 * lost connection, READONLY): one sentinel may have missed the failover.  Where
 * a single one answers at all, its word is taken.
 */


#include "redis/sentinel.h"


/* a sentinel that says nothing for so long is passed over, ms */
#define NGX_REDIS_SENTINEL_LIMIT   300

/* from one round to the next, ms: while commands come, and in doubt */
#define NGX_REDIS_SENTINEL_PAUSE   1000
#define NGX_REDIS_SENTINEL_HURRY   100


static void ngx_redis_sentinel_doubt(void *data);
static void ngx_redis_sentinel_begin(ngx_redis_sentinel_t *sentinel,
    ngx_uint_t doubt);
static void ngx_redis_sentinel_turn(ngx_event_t *ev);
static void ngx_redis_sentinel_ready(void *data);
static void ngx_redis_sentinel_ask(ngx_redis_sentinel_t *sentinel);
static void ngx_redis_sentinel_refused(void *data,
    ngx_redis_refusal_t *refusal);
static void ngx_redis_sentinel_reply(void *data, void *command, redisReply *r,
    size_t cost);
static ngx_uint_t ngx_redis_sentinel_repeats(ngx_redis_sentinel_t *sentinel);
static ngx_int_t ngx_redis_sentinel_parse(redisReply *r,
    ngx_redis_place_t *place);
static void ngx_redis_sentinel_vote(ngx_redis_sentinel_t *sentinel,
    ngx_redis_place_t *place);
static void ngx_redis_sentinel_next(ngx_redis_sentinel_t *sentinel);
static void ngx_redis_sentinel_end(ngx_redis_sentinel_t *sentinel,
    ngx_redis_place_t *place);
static void ngx_redis_sentinel_queued(void *data, void *command,
    redisReply *r);
static void ngx_redis_sentinel_waited(void *data, redisReply *r);
static ngx_uint_t ngx_redis_sentinel_wanted(void *command);
static void ngx_redis_sentinel_lost(void *data, ngx_redis_end_e end,
    ngx_redis_state_e state, const char *why);
static void ngx_redis_sentinel_late(ngx_event_t *ev);
static void ngx_redis_sentinel_shutdown(void *data);


static ngx_redis_conn_handlers_t  ngx_redis_sentinel_handlers = {
    ngx_redis_sentinel_ready,
    ngx_redis_sentinel_refused,
    ngx_redis_sentinel_reply,
    ngx_redis_sentinel_queued,
    ngx_redis_sentinel_waited,
    ngx_redis_sentinel_wanted,
    ngx_redis_sentinel_lost,
    ngx_redis_sentinel_shutdown
};


ngx_redis_sentinel_t *
ngx_redis_sentinel_create(ngx_conf_t *cf, ngx_redis_node_t *node,
    ngx_redis_addr_t *addrs, ngx_uint_t naddrs)
{
    ngx_redis_sentinel_t  *sentinel;

    sentinel = ngx_pcalloc(cf->cycle->pool, sizeof(ngx_redis_sentinel_t));
    if (sentinel == NULL) {
        return NULL;
    }

    /* a round may begin with the place as known */

    sentinel->votes = ngx_pcalloc(cf->cycle->pool,
                                  (naddrs + 1) * sizeof(ngx_redis_place_t));
    if (sentinel->votes == NULL) {
        return NULL;
    }

    sentinel->place.addr.name = node->conf.address;

    node->addrs = &sentinel->place.addr;
    node->naddrs = 1;
    node->placeless = 1;
    node->doubt = ngx_redis_sentinel_doubt;
    node->data = sentinel;

    sentinel->node = node;
    sentinel->addrs = addrs;
    sentinel->naddrs = naddrs;

    sentinel->conf.address = node->conf.address;
    sentinel->conf.resolver = node->conf.resolver;
    sentinel->conf.resolver_timeout = node->conf.resolver_timeout;
    sentinel->conf.user = node->conf.sentinel.user;
    sentinel->conf.password = node->conf.sentinel.password;

    sentinel->log.name = &sentinel->conf.address;
    sentinel->log.counts = &sentinel->counts;
    sentinel->log.gauges = &sentinel->gauges;

    sentinel->conn.conf = &sentinel->conf;
    sentinel->conn.log = &sentinel->log;
    sentinel->conn.handlers = &ngx_redis_sentinel_handlers;
    sentinel->conn.data = sentinel;

    sentinel->conn.stream.tls = node->tls;

    ngx_redis_conn_init(&sentinel->conn);

    sentinel->turn.handler = ngx_redis_sentinel_turn;
    sentinel->turn.data = sentinel;

    sentinel->limit.handler = ngx_redis_sentinel_late;
    sentinel->limit.data = sentinel;
    sentinel->limit.cancelable = 1;

    return sentinel;
}


void
ngx_redis_sentinel_look(ngx_redis_sentinel_t *sentinel)
{
    if (sentinel->began == 0
        || ngx_current_msec - sentinel->began >= NGX_REDIS_SENTINEL_PAUSE)
    {
        ngx_redis_sentinel_begin(sentinel, sentinel->place.addr.port == 0);
    }
}


/* a lane has lost its connection, is silent, a replica, or has no place */

static void
ngx_redis_sentinel_doubt(void *data)
{
    ngx_redis_sentinel_t *sentinel = data;

    ngx_uint_t  i;

    if (sentinel->asking) {

        /* what was known counts no more, from now on */

        if (!sentinel->doubt) {
            sentinel->doubt = 1;

            for (i = 1; i < sentinel->nvotes; i++) {
                ngx_redis_place_copy(&sentinel->votes[i - 1],
                                     &sentinel->votes[i]);
            }

            sentinel->nvotes--;
        }

        return;
    }

    if (sentinel->began == 0
        || ngx_current_msec - sentinel->began >= NGX_REDIS_SENTINEL_HURRY)
    {
        ngx_redis_sentinel_begin(sentinel, 1);
    }
}


static void
ngx_redis_sentinel_begin(ngx_redis_sentinel_t *sentinel, ngx_uint_t doubt)
{
    if (sentinel->asking || sentinel->stopped) {
        return;
    }

    sentinel->asking = 1;
    sentinel->sent = 0;
    sentinel->failed = 0;
    sentinel->doubt = doubt;
    sentinel->began = ngx_current_msec;
    sentinel->nasked = 0;
    sentinel->nvotes = 0;

    if (!doubt) {
        ngx_redis_place_copy(&sentinel->votes[sentinel->nvotes++],
                             &sentinel->place);
    }

    sentinel->turn.log = ngx_cycle->log;
    sentinel->limit.log = ngx_cycle->log;

    ngx_post_event(&sentinel->turn, &ngx_posted_events);
}


/* outside all callbacks of hiredis: one connection for one question */

static void
ngx_redis_sentinel_turn(ngx_event_t *ev)
{
    ngx_redis_sentinel_t *sentinel = ev->data;

    ngx_redis_conn_t  *conn;

    conn = &sentinel->conn;

    if (sentinel->failed && sentinel->asking) {
        sentinel->failed = 0;
        ngx_redis_sentinel_next(sentinel);
        return;
    }

    if (!sentinel->asking || sentinel->sent) {
        ngx_redis_conn_close(conn, NGX_REDIS_END_CLOSED);
        return;
    }

    if (conn->state != NGX_REDIS_DOWN) {

        /* of the round before, which has just ended; the loss leads on */

        ngx_redis_conn_close(conn, NGX_REDIS_END_CLOSED);
        return;
    }

    sentinel->answered = 0;

    ngx_add_timer(&sentinel->limit, NGX_REDIS_SENTINEL_LIMIT);
    ngx_redis_connect(conn, &sentinel->addrs[sentinel->at]);
}


static void
ngx_redis_sentinel_ready(void *data)
{
    ngx_redis_sentinel_t *sentinel = data;

    if (sentinel->conn.state == NGX_REDIS_READY && sentinel->asking
        && !sentinel->sent)
    {
        ngx_redis_sentinel_ask(sentinel);
    }
}


static void
ngx_redis_sentinel_ask(ngx_redis_sentinel_t *sentinel)
{
    ngx_str_t           argv[3];
    ngx_redis_writer_t  w;

    ngx_str_set(&argv[0], "SENTINEL");
    ngx_str_set(&argv[1], "get-master-addr-by-name");
    argv[2] = sentinel->node->conf.sentinel.name;

    sentinel->sent = 1;

    ngx_redis_conn_begin(&sentinel->conn, &w, sentinel, 3,
                         NGX_REDIS_ANSWERS_COMMAND);

    if (ngx_redis_wire_args(&w, argv, 3) != NGX_OK
        || ngx_redis_wire_end(&w) != NGX_OK)
    {
        ngx_redis_stream_close(&sentinel->conn.stream, NGX_REDIS_END_LOST);
    }
}


static void
ngx_redis_sentinel_refused(void *data, ngx_redis_refusal_t *refusal)
{
    ngx_redis_sentinel_t *sentinel = data;

    ngx_redis_stream_close(&sentinel->conn.stream, NGX_REDIS_END_LOST);
}


static void
ngx_redis_sentinel_reply(void *data, void *command, redisReply *r, size_t cost)
{
    ngx_redis_sentinel_t *sentinel = data;

    ngx_str_t          *name;
    ngx_redis_place_t   place;

    sentinel->answered = 1;
    name = &sentinel->addrs[sentinel->at].name;

    if (r->type == REDIS_REPLY_ERROR) {
        ngx_redis_log_refusal(&sentinel->log,
                              ngx_redis_refusal(r->str, r->len), r->str,
                              r->len, "asking for the master");

    } else if (ngx_redis_sentinel_parse(r, &place) != NGX_OK) {

        if (ngx_redis_log_due(&sentinel->log.full, NGX_REDIS_LOG_QUIET)) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "redis: sentinel %V knows no address of \"%V\"",
                          name, &sentinel->node->conf.sentinel.name);
        }

    } else if (place.addr.named && sentinel->conf.resolver == NULL) {
        ngx_redis_log_name(&sentinel->named, &place.addr.peer,
                           sentinel->log.name);

    } else if (!ngx_redis_sentinel_repeats(sentinel)) {
        ngx_redis_sentinel_vote(sentinel, &place);
        return;
    }

    ngx_redis_sentinel_next(sentinel);
}


/* Returns 1 if another name, or another address of it, has led to this one. */

static ngx_uint_t
ngx_redis_sentinel_repeats(ngx_redis_sentinel_t *sentinel)
{
    ngx_uint_t         i, n;
    ngx_redis_addr_t  *addr, *other;

    n = sentinel->naddrs;
    addr = &sentinel->addrs[sentinel->at];

    for (i = 1; i <= sentinel->nasked; i++) {
        other = &sentinel->addrs[(sentinel->at + n - i) % n];

        if (other->port == addr->port
            && ngx_strcmp(other->host, addr->host) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* an array of a host, an address or a name, and a port */

static ngx_int_t
ngx_redis_sentinel_parse(redisReply *r, ngx_redis_place_t *place)
{
    ngx_str_t  host, port;

    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2
        || r->element[0]->type != REDIS_REPLY_STRING
        || r->element[1]->type != REDIS_REPLY_STRING)
    {
        return NGX_ERROR;
    }

    host.data = (u_char *) r->element[0]->str;
    host.len = r->element[0]->len;

    port.data = (u_char *) r->element[1]->str;
    port.len = r->element[1]->len;

    return ngx_redis_place_set(place, &host, &port);
}


static void
ngx_redis_sentinel_vote(ngx_redis_sentinel_t *sentinel,
    ngx_redis_place_t *place)
{
    ngx_uint_t  i;

    for (i = 0; i < sentinel->nvotes; i++) {
        if (ngx_redis_place_same(&sentinel->votes[i], place)) {
            ngx_redis_sentinel_end(sentinel, place);
            return;
        }
    }

    ngx_redis_place_copy(&sentinel->votes[sentinel->nvotes++], place);

    ngx_redis_sentinel_next(sentinel);
}


/* this one is of no use, or is not enough */

static void
ngx_redis_sentinel_next(ngx_redis_sentinel_t *sentinel)
{
    ngx_uint_t  known, sole;

    if (++sentinel->nasked < sentinel->naddrs) {
        sentinel->at = (sentinel->at + 1) % sentinel->naddrs;

        /* closes the connection; the loss leads to the next one */

        ngx_post_event(&sentinel->turn, &ngx_posted_events);
        return;
    }

    known = !sentinel->doubt;
    sole = (sentinel->nvotes == known + 1);

    if (sentinel->nvotes == known
        && ngx_redis_log_due(&sentinel->said, NGX_REDIS_LOG_QUIET))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: no sentinel says where %V is",
                      sentinel->log.name);
    }

    ngx_redis_sentinel_end(sentinel,
                           sole ? &sentinel->votes[known] : NULL);
}


/* place is that of the master, or NULL: it is not known better than before */

static void
ngx_redis_sentinel_end(ngx_redis_sentinel_t *sentinel,
    ngx_redis_place_t *place)
{
    sentinel->asking = 0;

    /* another one is the first of the next round */

    sentinel->at = (sentinel->at + 1) % sentinel->naddrs;

    if (sentinel->limit.timer_set) {
        ngx_del_timer(&sentinel->limit);
    }

    ngx_post_event(&sentinel->turn, &ngx_posted_events);

    if (place == NULL || ngx_redis_place_same(&sentinel->place, place)) {
        return;
    }

#if (NGX_SSL)
    ngx_redis_tls_forget(&sentinel->place.addr.session);
#endif

    ngx_redis_place_copy(&sentinel->place, place);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "redis: %V is at %V", sentinel->log.name,
                  &sentinel->place.addr.name);

    ngx_redis_node_relocate(sentinel->node);
}


/* no transaction is sent */

static void
ngx_redis_sentinel_queued(void *data, void *command, redisReply *r)
{
}


/* and no WAIT */

static void
ngx_redis_sentinel_waited(void *data, redisReply *r)
{
}


static ngx_uint_t
ngx_redis_sentinel_wanted(void *command)
{
    return 1;
}


static void
ngx_redis_sentinel_lost(void *data, ngx_redis_end_e end,
    ngx_redis_state_e state, const char *why)
{
    ngx_redis_sentinel_t *sentinel = data;

    if (sentinel->limit.timer_set) {
        ngx_del_timer(&sentinel->limit);
    }

    if (!sentinel->asking || sentinel->stopped) {
        return;
    }

    sentinel->sent = 0;

    if (end == NGX_REDIS_END_CLOSED || sentinel->answered) {

        /* another one is to be asked, or the first one of this round */

        ngx_post_event(&sentinel->turn, &ngx_posted_events);
        return;
    }

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "redis: no answer from sentinel %V%s%s",
                  &sentinel->addrs[sentinel->at].name, *why ? ": " : "", why);

    /* not here: what the resolver calls must end no other lookup */

    sentinel->failed = 1;
    ngx_post_event(&sentinel->turn, &ngx_posted_events);
}


static void
ngx_redis_sentinel_late(ngx_event_t *ev)
{
    ngx_redis_sentinel_t *sentinel = ev->data;

    ngx_redis_conn_close(&sentinel->conn, NGX_REDIS_END_SILENT);
}


/* worker_shutdown_timeout is over */

static void
ngx_redis_sentinel_shutdown(void *data)
{
    ngx_redis_sentinel_close(data);
}


void
ngx_redis_sentinel_close(ngx_redis_sentinel_t *sentinel)
{
#if (NGX_SSL)
    ngx_uint_t  i;

#endif
    sentinel->stopped = 1;
    sentinel->asking = 0;

    ngx_redis_conn_close(&sentinel->conn, NGX_REDIS_END_CLOSED);

    if (sentinel->limit.timer_set) {
        ngx_del_timer(&sentinel->limit);
    }

    if (sentinel->turn.posted) {
        ngx_delete_posted_event(&sentinel->turn);
    }

#if (NGX_SSL)
    for (i = 0; i < sentinel->naddrs; i++) {
        ngx_redis_tls_forget(&sentinel->addrs[i].session);
    }
#endif
}
