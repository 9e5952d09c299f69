
/*
 * A PING to Redis, and what becomes of it.
 */


#include "http/health.h"
#include "http/send.h"


typedef struct {
    ngx_http_request_t    *request;
    ngx_redis_op_t        *op;         /* NULL: nothing is waited for */
    ngx_str_t              ping;
} ngx_http_tracker_probe_t;


static ngx_int_t ngx_http_tracker_health_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_tracker_health_ask(ngx_http_request_t *r);
static void ngx_http_tracker_health_answered(void *data,
    ngx_redis_status_e status, ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t ngx_http_tracker_health_send(ngx_http_request_t *r,
    ngx_uint_t ready);
static void ngx_http_tracker_health_cleanup(void *data);


static ngx_int_t
ngx_http_tracker_health_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_tracker_send_method(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    /* a client of our own is waited for, not a request of nginx itself */

    if (r != r->main) {
        return NGX_HTTP_NOT_FOUND;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_tracker_health_ask(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;

    return NGX_DONE;
}


static ngx_int_t
ngx_http_tracker_health_ask(ngx_http_request_t *r)
{
    ngx_http_cleanup_t           *cln;
    ngx_redis_command_t           cmd;
    ngx_http_tracker_probe_t     *probe;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_tracker_probe_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    probe = cln->data;
    probe->request = r;
    probe->op = NULL;
    ngx_str_set(&probe->ping, "PING");

    cln->handler = ngx_http_tracker_health_cleanup;

    /* a flow of its own: it takes its turn before what accounts have queued */

    ngx_memzero(&cmd, sizeof(ngx_redis_command_t));

    ngx_str_set(&cmd.flow, "health");
    ngx_str_set(&cmd.key, "health");
    cmd.argc = 1;
    cmd.argv = &probe->ping;
    cmd.timeout = tlcf->store.redis_timeout;
    cmd.failover = tlcf->store.redis_timeout;
    cmd.deadline = ngx_current_msec + tlcf->store.redis_timeout;
    cmd.action = "checking its health";
    cmd.read = 1;

    probe->op = ngx_redis_submit(tlcf->store.redis, &cmd,
                                 ngx_http_tracker_health_answered, probe);
    if (probe->op == NULL) {
        return NGX_ERROR;
    }

    r->connection->log->action = "waiting for redis";

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    return NGX_OK;
}


static void
ngx_http_tracker_health_answered(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    ngx_http_tracker_probe_t *probe = data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = probe->request;
    c = r->connection;

    probe->op = NULL;
    c->log->action = NULL;

    ngx_http_finalize_request(r,
        ngx_http_tracker_health_send(r, status == NGX_REDIS_OK));

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_tracker_health_send(ngx_http_request_t *r, ngx_uint_t ready)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_str_t    *body;
    ngx_chain_t   out;

    static ngx_str_t  good = ngx_string("{\"status\":\"ready\"}");
    static ngx_str_t  bad = ngx_string("{\"status\":\"unavailable\"}");
    static ngx_str_t  no_store = ngx_string("no-store");

    body = ready ? &good : &bad;

    r->headers_out.status = ready ? NGX_HTTP_OK
                                  : NGX_HTTP_SERVICE_UNAVAILABLE;
    r->headers_out.content_length_n = body->len;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_tracker_push_header(r, "Cache-Control", &no_store) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* the client has gone, or the request has its answer */

static void
ngx_http_tracker_health_cleanup(void *data)
{
    ngx_http_tracker_probe_t *probe = data;

    if (probe->op) {
        (void) ngx_redis_cancel(probe->op);
        probe->op = NULL;
    }
}


char *
ngx_http_tracker_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_tracker_serve(cf, conf, NGX_HTTP_TRACKER_SERVES_HEALTH,
                                  ngx_http_tracker_health_handler);
}
