
/*
 * The metrics, in the order of README.  No label has a string of a client.
 */


#include "http/status.h"
#include "http/apps.h"
#include "http/header.h"
#include "http/metric.h"
#include "http/response.h"
#include "http/send.h"
#include "http/zone.h"
#include "tracker_version.h"


typedef struct {
    ngx_http_tracker_writer_t       w;
    ngx_http_tracker_sum_t          sum;
    ngx_http_tracker_main_conf_t   *tmcf;
} ngx_http_tracker_status_t;


typedef void (*ngx_http_tracker_status_pt)(ngx_http_tracker_status_t *status);


static ngx_int_t ngx_http_tracker_status_handler(ngx_http_request_t *r);
static ngx_uint_t ngx_http_tracker_status_open(ngx_http_request_t *r);
static ngx_int_t ngx_http_tracker_status_send(ngx_http_request_t *r,
    ngx_http_tracker_writer_t *w);

static void ngx_http_tracker_status_self(ngx_http_tracker_status_t *status);
static void ngx_http_tracker_status_requests(
    ngx_http_tracker_status_t *status);
static void ngx_http_tracker_status_others(ngx_http_tracker_status_t *status);
static void ngx_http_tracker_status_endpoints(
    ngx_http_tracker_status_t *status);
static void ngx_http_tracker_status_store(ngx_http_tracker_status_t *status);
static void ngx_http_tracker_status_redis(ngx_http_tracker_status_t *status);
static void ngx_http_tracker_status_up(ngx_http_tracker_status_t *status);
static void ngx_http_tracker_status_settings(
    ngx_http_tracker_status_t *status);
static void ngx_http_tracker_status_load(ngx_http_tracker_status_t *status,
    ngx_http_tracker_family_t *family, size_t offset);
static ngx_redis_gauges_t *ngx_http_tracker_status_gauges(
    ngx_http_tracker_status_t *status, ngx_uint_t *i, ngx_str_t **address);
static void ngx_http_tracker_status_counted(ngx_http_tracker_status_t *status,
    ngx_http_tracker_family_t *family, size_t offset, const char *label,
    ngx_str_t *(*next)(ngx_uint_t i));
static void ngx_http_tracker_status_tokens(ngx_http_tracker_status_t *status);
static void ngx_http_tracker_status_logins(ngx_http_tracker_status_t *status);
static void ngx_http_tracker_status_apps(ngx_http_tracker_status_t *status);

static ngx_str_t *ngx_http_tracker_status_result(ngx_uint_t i);
static void ngx_http_tracker_status_label(ngx_http_tracker_writer_t *w,
    const char *name, const char *value);
static void ngx_http_tracker_status_one(ngx_http_tracker_status_t *status,
    ngx_http_tracker_family_t *family, ngx_uint_t value);


static ngx_http_tracker_status_pt  ngx_http_tracker_status_parts[] = {
    ngx_http_tracker_status_self,
    ngx_http_tracker_status_requests,
    ngx_http_tracker_status_endpoints,
    ngx_http_tracker_status_store,
    ngx_http_tracker_status_redis,
    ngx_http_tracker_status_tokens,
    ngx_http_tracker_status_logins,
    NULL
};


/* the values of labels */

static const char  *ngx_http_tracker_endpoint_names[] = {
    "none", "create", "bulk", "list", "find", "get", "put", "patch", "delete",
    "login", "process", "append", "detect", "job", "conversations",
    "conversation", "messages", "members", "found", "insight", "forget",
    "changes", "description", "options"
};

static const char  *ngx_http_tracker_step_names[] = {
    "lock", "create", "change", "delete", "list", "find", "get", "release",
    "load", "revision", "write", "converse", "forget", "changes"
};

static const char  *ngx_http_tracker_lane_names[] = {
    "small", "large", "read"
};

static const char  *ngx_http_tracker_setting_names[] = {
    "maxmemory_policy", "appendonly"
};

static ngx_str_t  ngx_http_tracker_result_names[] = {
    ngx_string("ok"), ngx_string("refused"), ngx_string("timeout"),
    ngx_string("auth")
};

static const char  *ngx_http_tracker_token_names[] = {
    "ok", "missing", "malformed", "signature", "expired", "not_yet", "claims",
    "error"
};

static const char  *ngx_http_tracker_via_names[] = {
    "authorization", "x_api_key"
};

static const char  *ngx_http_tracker_login_names[] = {
    "ok", "unknown", "secret", "limited"
};


/* one for each */

typedef char  ngx_http_tracker_names_fit[
    sizeof(ngx_http_tracker_endpoint_names) / sizeof(char *)
        == NGX_HTTP_TRACKER_ENDPOINTS
    && sizeof(ngx_http_tracker_step_names) / sizeof(char *) == TRACKER_STEPS
    && sizeof(ngx_http_tracker_lane_names) / sizeof(char *) == NGX_REDIS_LANES
    && sizeof(ngx_http_tracker_setting_names) / sizeof(char *)
           == NGX_REDIS_SETTINGS
    && sizeof(ngx_http_tracker_token_names) / sizeof(char *)
           == NGX_HTTP_TRACKER_TOKENS
    && sizeof(ngx_http_tracker_via_names) / sizeof(char *)
           == NGX_HTTP_TRACKER_VIAS
    && sizeof(ngx_http_tracker_login_names) / sizeof(char *)
           == NGX_HTTP_TRACKER_LOGINS
    && sizeof(ngx_http_tracker_result_names) / sizeof(ngx_str_t)
           == NGX_REDIS_CONNECT_RESULTS ? 1 : -1];


static ngx_int_t
ngx_http_tracker_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_tracker_status_t   *status;
    ngx_http_tracker_status_pt  *part;

    rc = ngx_http_tracker_send_method(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    status = ngx_pcalloc(r->pool, sizeof(ngx_http_tracker_status_t));
    if (status == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status->tmcf = ngx_http_get_module_main_conf(r, ngx_http_tracker_module);

    if (ngx_http_tracker_zone_read(status->tmcf, r->pool, &status->sum)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_tracker_metric_begin(&status->w, r->pool,
                                  ngx_http_tracker_status_open(r));

    for (part = ngx_http_tracker_status_parts; *part; part++) {
        (*part)(status);
    }

    if (ngx_http_tracker_metric_end(&status->w) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_tracker_status_send(r, &status->w);
}


/* Returns 1 if the client takes OpenMetrics, as Prometheus does, else 0. */

static ngx_uint_t
ngx_http_tracker_status_open(ngx_http_request_t *r)
{
    u_char     *p;
    ngx_str_t   value;

    static ngx_str_t  accept = ngx_string("accept");
    static u_char     type[] = "application/openmetrics-text";

    if (ngx_http_tracker_find_header(r, &accept, &value) == 0) {
        return 0;
    }

    p = ngx_strcasestrn(value.data, (char *) type, sizeof(type) - 2);

    return p != NULL;
}


static ngx_int_t
ngx_http_tracker_status_send(ngx_http_request_t *r,
    ngx_http_tracker_writer_t *w)
{
    ngx_int_t  rc;

    static ngx_str_t  plain = ngx_string(
        "text/plain; version=0.0.4; charset=utf-8");
    static ngx_str_t  open = ngx_string(
        "application/openmetrics-text; version=1.0.0; charset=utf-8");

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = w->size;
    r->headers_out.content_type = w->open ? open : plain;
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    w->buf->last_buf = (r == r->main);
    w->buf->last_in_chain = 1;

    return ngx_http_output_filter(r, w->out);
}


static void
ngx_http_tracker_status_self(ngx_http_tracker_status_t *status)
{
    ngx_http_tracker_writer_t  *w;

    static ngx_http_tracker_family_t  build = {
        "tracker_build_info", "gauge",
        "Versions of the module and of what it is built with."
    };
    static ngx_http_tracker_family_t  start = {
        "tracker_start_time_seconds", "gauge",
        "When counting began; a reload does not begin anew."
    };
    static ngx_http_tracker_family_t  workers = {
        "tracker_workers", "gauge",
        "Workers, those that finish after a reload included."
    };

    w = &status->w;

    ngx_http_tracker_metric_family(w, &build);
    ngx_http_tracker_status_label(w, "version", NGX_TRACKER_VERSION);
    ngx_http_tracker_status_label(w, "nginx", NGINX_VERSION);
    ngx_http_tracker_status_label(w, "hiredis", ngx_redis_library());
    ngx_http_tracker_status_label(w, "jansson", tracker_json_library());
    ngx_http_tracker_status_label(w, "reader",
                                  tracker_json_strict() ? "yes" : "no");
    ngx_http_tracker_metric_sample(w, 1);

    ngx_http_tracker_status_one(status, &start, status->sum.start);
    ngx_http_tracker_status_one(status, &workers, status->sum.workers);
}


/* only those that have occurred: there are hundreds of combinations */

static void
ngx_http_tracker_status_requests(ngx_http_tracker_status_t *status)
{
    u_char                      code[NGX_INT_T_LEN + 1];
    ngx_uint_t                  i, n, at;
    ngx_http_tracker_writer_t  *w;

    static ngx_http_tracker_family_t  requests = {
        "tracker_requests", "counter",
        "Requests, by what became of them."
    };

    w = &status->w;

    ngx_http_tracker_metric_family(w, &requests);

    for (at = 0; at < NGX_HTTP_TRACKER_ENDPOINTS; at++) {

        for (i = 1; i < NGX_HTTP_TRACKER_OUTCOMES; i++) {
            n = status->sum.tally.counts.requests[at][i];

            if (n == 0) {
                continue;
            }

            *ngx_sprintf(code, "%ui", ngx_http_tracker_outcome_status(i)) = 0;

            ngx_http_tracker_status_label(w, "endpoint",
                                          ngx_http_tracker_endpoint_names[at]);
            ngx_http_tracker_metric_label(w, "outcome",
                                          ngx_http_tracker_outcome_name(i));
            ngx_http_tracker_status_label(w, "code", (char *) code);
            ngx_http_tracker_metric_sample(w, n);
        }
    }

    ngx_http_tracker_status_others(status);
}


/* requests that another module has answered, or that had no answer */

static void
ngx_http_tracker_status_others(ngx_http_tracker_status_t *status)
{
    u_char                      text[NGX_INT_T_LEN + 1];
    ngx_uint_t                  i, n, at, code;
    ngx_http_tracker_writer_t  *w;

    w = &status->w;

    for (at = 0; at < NGX_HTTP_TRACKER_ENDPOINTS; at++) {

        for (i = 0; i < NGX_HTTP_TRACKER_CODES; i++) {
            n = status->sum.tally.counts.others[at][i];

            if (n == 0) {
                continue;
            }

            code = ngx_http_tracker_codes[i];
            *ngx_sprintf(text, "%ui", code) = '\0';

            ngx_http_tracker_status_label(w, "endpoint",
                                          ngx_http_tracker_endpoint_names[at]);
            ngx_http_tracker_status_label(w, "outcome", "other");
            ngx_http_tracker_status_label(w, "code",
                                          code ? (char *) text : "other");
            ngx_http_tracker_metric_sample(w, n);
        }
    }
}


static void
ngx_http_tracker_status_endpoints(ngx_http_tracker_status_t *status)
{
    ngx_uint_t                  at;
    const char                **name;
    ngx_http_tracker_tally_t   *tally;
    ngx_http_tracker_writer_t  *w;

    static ngx_http_tracker_family_t  durations = {
        "tracker_request_duration_seconds", "histogram",
        "Time of a request, as $request_time."
    };
    static ngx_http_tracker_family_t  flying = {
        "tracker_requests_in_flight", "gauge",
        "Requests that are under way."
    };
    static ngx_http_tracker_family_t  waiting = {
        "tracker_changes_waiting", "gauge",
        "Requests that wait for changes, of those under way."
    };
    static ngx_http_tracker_family_t  bodies = {
        "tracker_request_body_bytes", "histogram",
        "Content-Length of requests with a body."
    };

    w = &status->w;
    tally = &status->sum.tally;
    name = ngx_http_tracker_endpoint_names;

    ngx_http_tracker_metric_family(w, &durations);

    for (at = 0; at < NGX_HTTP_TRACKER_ENDPOINTS; at++) {
        ngx_http_tracker_status_label(w, "endpoint", name[at]);
        ngx_http_tracker_metric_histogram(w, &tally->counts.durations[at],
                                          &ngx_http_tracker_time_scale);
    }

    ngx_http_tracker_metric_family(w, &flying);

    for (at = 0; at < NGX_HTTP_TRACKER_ENDPOINTS; at++) {
        ngx_http_tracker_status_label(w, "endpoint", name[at]);
        ngx_http_tracker_metric_sample(w, tally->gauges.flying[at]);
    }

    ngx_http_tracker_status_one(status, &waiting, tally->gauges.waiting);

    ngx_http_tracker_metric_family(w, &bodies);

    for (at = 0; at < NGX_HTTP_TRACKER_ENDPOINTS; at++) {
        ngx_http_tracker_status_label(w, "endpoint", name[at]);
        ngx_http_tracker_metric_histogram(w, &tally->counts.bodies[at],
                                          &ngx_http_tracker_size_scale);
    }
}


static void
ngx_http_tracker_status_store(ngx_http_tracker_status_t *status)
{
    ngx_uint_t                  i;
    ngx_http_tracker_counts_t  *counts;

    static ngx_http_tracker_family_t  waits = {
        "tracker_redis_wait_seconds", "histogram",
        "Time that a request waits for a reply of Redis."
    };
    static ngx_http_tracker_family_t  trackers[] = {
        { "tracker_trackers_created", "counter", "Trackers created." },
        { "tracker_trackers_changed", "counter", "Trackers changed." },
        { "tracker_trackers_deleted", "counter", "Trackers deleted." },
        { "tracker_detect_searches", "counter",
          "Requests whose messages were searched." },
        { "tracker_detect_hits", "counter",
          "Phrases found, once a sentence each." }
    };
    static ngx_http_tracker_family_t  locks[] = {
        { "tracker_locks_expired", "counter",
          "Locks that had expired before their write." },
        { "tracker_lock_release_failures", "counter",
          "Locks that could not be released and expire." }
    };
    static ngx_http_tracker_family_t  turns = {
        "tracker_turn_duration_seconds", "histogram",
        "Time of a turn of long work, in which a worker does nothing else."
    };

    counts = &status->sum.tally.counts;

    ngx_http_tracker_metric_family(&status->w, &waits);

    for (i = 0; i < TRACKER_STEPS; i++) {
        ngx_http_tracker_status_label(&status->w, "step",
                                      ngx_http_tracker_step_names[i]);
        ngx_http_tracker_metric_histogram(&status->w, &counts->waits[i],
                                          &ngx_http_tracker_time_scale);
    }

    for (i = 0; i < NGX_HTTP_TRACKER_DEEDS; i++) {
        ngx_http_tracker_status_one(status, &trackers[i], counts->trackers[i]);
    }

    for (i = 0; i < TRACKER_LOCK_ENDS; i++) {
        ngx_http_tracker_status_one(status, &locks[i], counts->locks[i]);
    }

    ngx_http_tracker_metric_family(&status->w, &turns);
    ngx_http_tracker_metric_histogram(&status->w, &counts->turns,
                                      &ngx_http_tracker_turn_scale);
}


static void
ngx_http_tracker_status_redis(ngx_http_tracker_status_t *status)
{
    static ngx_http_tracker_family_t  loads[] = {
        { "tracker_redis_connections", "gauge", "Connections to Redis." },
        { "tracker_redis_pending_commands", "gauge",
          "Commands without a reply, sent or not." },
        { "tracker_redis_pending_bytes", "gauge", "Bytes of these commands." }
    };
    static ngx_http_tracker_family_t  counts[] = {
        { "tracker_redis_connects", "counter", "Attempts to connect." },
        { "tracker_redis_resends", "counter",
          "Commands that were sent again." },
        { "tracker_redis_losses", "counter",
          "Connections that were lost under commands." },
        { "tracker_redis_refused", "counter",
          "Commands that were not sent since too many wait." },
        { "tracker_redis_unreplicated", "counter",
          "Writes that too few replicas had in time." },
        { "tracker_redis_errors", "counter", "Error replies of Redis." }
    };

    ngx_http_tracker_status_up(status);
    ngx_http_tracker_status_settings(status);

    ngx_http_tracker_status_load(status, &loads[0],
                                 offsetof(ngx_redis_load_t, connected));
    ngx_http_tracker_status_load(status, &loads[1],
                                 offsetof(ngx_redis_load_t, commands));
    ngx_http_tracker_status_load(status, &loads[2],
                                 offsetof(ngx_redis_load_t, bytes));

    ngx_http_tracker_status_counted(status, &counts[0],
                                    offsetof(ngx_redis_counts_t, connects),
                                    "result", ngx_http_tracker_status_result);
    ngx_http_tracker_status_counted(status, &counts[1],
                                    offsetof(ngx_redis_counts_t, resends),
                                    NULL, NULL);
    ngx_http_tracker_status_counted(status, &counts[2],
                                    offsetof(ngx_redis_counts_t, losses),
                                    NULL, NULL);
    ngx_http_tracker_status_counted(status, &counts[3],
                                    offsetof(ngx_redis_counts_t, refused),
                                    NULL, NULL);
    ngx_http_tracker_status_counted(status, &counts[4],
                                    offsetof(ngx_redis_counts_t, few),
                                    NULL, NULL);
    ngx_http_tracker_status_counted(status, &counts[5],
                                    offsetof(ngx_redis_counts_t, errors),
                                    "word", ngx_redis_error_word);
}


/* what is not known is left out */

static void
ngx_http_tracker_status_up(ngx_http_tracker_status_t *status)
{
    ngx_str_t           *address;
    ngx_uint_t           i;
    ngx_redis_gauges_t  *gauges;

    static ngx_http_tracker_family_t  up = {
        "tracker_redis_up", "gauge", "0 while Redis cannot be reached."
    };

    ngx_http_tracker_metric_family(&status->w, &up);

    i = 0;

    while ((gauges = ngx_http_tracker_status_gauges(status, &i, &address))) {

        if (gauges->answered || gauges->failed) {
            ngx_http_tracker_metric_label(&status->w, "address", address);
            ngx_http_tracker_metric_sample(&status->w, gauges->answered
                                                       >= gauges->failed);
        }
    }
}


static void
ngx_http_tracker_status_settings(ngx_http_tracker_status_t *status)
{
    ngx_str_t           *address;
    ngx_uint_t           i, j;
    ngx_redis_gauges_t  *gauges;

    static ngx_http_tracker_family_t  settings = {
        "tracker_redis_setting_ok", "gauge",
        "1 if a setting of Redis is as it should be, when connected last."
    };

    ngx_http_tracker_metric_family(&status->w, &settings);

    i = 0;

    while ((gauges = ngx_http_tracker_status_gauges(status, &i, &address))) {

        for (j = 0; j < NGX_REDIS_SETTINGS && gauges->looked; j++) {
            ngx_http_tracker_metric_label(&status->w, "address", address);
            ngx_http_tracker_status_label(&status->w, "setting",
                                          ngx_http_tracker_setting_names[j]);
            ngx_http_tracker_metric_sample(&status->w, !gauges->wrong[j]);
        }
    }
}


static void
ngx_http_tracker_status_load(ngx_http_tracker_status_t *status,
    ngx_http_tracker_family_t *family, size_t offset)
{
    u_char              *load;
    ngx_str_t           *address;
    ngx_uint_t           i, j;
    ngx_redis_gauges_t  *gauges;

    ngx_http_tracker_metric_family(&status->w, family);

    i = 0;

    while ((gauges = ngx_http_tracker_status_gauges(status, &i, &address))) {

        for (j = 0; j < NGX_REDIS_LANES; j++) {
            load = (u_char *) &gauges->load[j];

            ngx_http_tracker_metric_label(&status->w, "address", address);
            ngx_http_tracker_status_label(&status->w, "lane",
                                          ngx_http_tracker_lane_names[j]);
            ngx_http_tracker_metric_sample(&status->w,
                                           *(ngx_uint_t *) (load + offset));
        }
    }
}


/*
 * The next server of this configuration that has counters, from *i on, which is
 * then the one after it; or NULL
 */

static ngx_redis_gauges_t *
ngx_http_tracker_status_gauges(ngx_http_tracker_status_t *status,
    ngx_uint_t *i, ngx_str_t **address)
{
    ngx_http_tracker_name_t  *name;

    while (*i < status->tmcf->server_names.nelts) {
        name = status->tmcf->server_names.elts;
        name += (*i)++;

        if (name->place != NGX_HTTP_TRACKER_NO_PLACE) {
            *address = &name->text;
            return &status->sum.tally.gauges.servers[name->place];
        }
    }

    return NULL;
}


/*
 * Counters of each server, those of older configurations included: one without
 * a label, or one for each value that next() returns
 */

static void
ngx_http_tracker_status_counted(ngx_http_tracker_status_t *status,
    ngx_http_tracker_family_t *family, size_t offset, const char *label,
    ngx_str_t *(*next)(ngx_uint_t i))
{
    ngx_str_t   *value;
    ngx_uint_t   i, j, *count;

    ngx_http_tracker_metric_family(&status->w, family);

    for (i = 0; i < NGX_HTTP_TRACKER_SERVERS; i++) {

        if (status->sum.servers[i].len == 0) {
            continue;
        }

        count = (ngx_uint_t *)
                ((u_char *) &status->sum.tally.counts.servers[i] + offset);

        if (next == NULL) {
            ngx_http_tracker_metric_label(&status->w, "address",
                                          &status->sum.servers[i]);
            ngx_http_tracker_metric_sample(&status->w, *count);
            continue;
        }

        for (j = 0; (value = next(j)) != NULL; j++) {
            ngx_http_tracker_metric_label(&status->w, "address",
                                          &status->sum.servers[i]);
            ngx_http_tracker_metric_label(&status->w, label, value);
            ngx_http_tracker_metric_sample(&status->w, count[j]);
        }
    }
}


static ngx_str_t *
ngx_http_tracker_status_result(ngx_uint_t i)
{
    return i < NGX_REDIS_CONNECT_RESULTS ? &ngx_http_tracker_result_names[i]
                                         : NULL;
}


static void
ngx_http_tracker_status_tokens(ngx_http_tracker_status_t *status)
{
    ngx_uint_t                  i, j;
    ngx_http_tracker_counts_t  *counts;

    static ngx_http_tracker_family_t  tokens = {
        "tracker_tokens", "counter", "Tokens of requests, by verdict."
    };
    static ngx_http_tracker_family_t  keys = {
        "tracker_token_key_used", "counter", "Tokens that a key has verified."
    };
    static ngx_http_tracker_family_t  hits = {
        "tracker_token_cache_hits", "counter", "Tokens verified before."
    };
    static ngx_http_tracker_family_t  misses = {
        "tracker_token_cache_misses", "counter", "Tokens verified anew."
    };

    counts = &status->sum.tally.counts;

    ngx_http_tracker_metric_family(&status->w, &tokens);

    for (i = 0; i < NGX_HTTP_TRACKER_TOKENS; i++) {

        for (j = 0; j < NGX_HTTP_TRACKER_VIAS; j++) {
            ngx_http_tracker_status_label(&status->w, "result",
                                          ngx_http_tracker_token_names[i]);
            ngx_http_tracker_status_label(&status->w, "via",
                                          ngx_http_tracker_via_names[j]);
            ngx_http_tracker_metric_sample(&status->w, counts->tokens[i][j]);
        }
    }

    ngx_http_tracker_metric_family(&status->w, &keys);

    for (i = 0; i < NGX_HTTP_TRACKER_KEYS; i++) {

        if (status->sum.keys[i].len) {
            ngx_http_tracker_metric_label(&status->w, "key",
                                          &status->sum.keys[i]);
            ngx_http_tracker_metric_sample(&status->w, counts->keys[i]);
        }
    }

    ngx_http_tracker_status_one(status, &hits, counts->hits);
    ngx_http_tracker_status_one(status, &misses, counts->misses);
}


static void
ngx_http_tracker_status_logins(ngx_http_tracker_status_t *status)
{
    ngx_uint_t                  i;
    ngx_http_tracker_counts_t  *counts;

    static ngx_http_tracker_family_t  logins = {
        "tracker_logins", "counter", "Logins, by verdict."
    };
    static ngx_http_tracker_family_t  failures = {
        "tracker_apps_load_failures", "counter",
        "Applications that could not be read; the last version stays in use."
    };

    counts = &status->sum.tally.counts;

    ngx_http_tracker_metric_family(&status->w, &logins);

    for (i = 0; i < NGX_HTTP_TRACKER_LOGINS; i++) {
        ngx_http_tracker_status_label(&status->w, "result",
                                      ngx_http_tracker_login_names[i]);
        ngx_http_tracker_metric_sample(&status->w, counts->logins[i]);
    }

    ngx_http_tracker_status_apps(status);
    ngx_http_tracker_status_one(status, &failures, counts->failures);
}


/* as this worker knows them, which looks at the file as it would at a login */

static void
ngx_http_tracker_status_apps(ngx_http_tracker_status_t *status)
{
    time_t                     loaded;
    ngx_str_t                  path;
    ngx_uint_t                 i, j, n;
    ngx_http_tracker_apps_t  **apps;

    static ngx_http_tracker_family_t  families[] = {
        { "tracker_apps", "gauge", "Secrets that can log in." },
        { "tracker_apps_loaded_timestamp_seconds", "gauge",
          "When they were read." }
    };

    apps = status->tmcf->apps.elts;

    for (i = 0; i < 2; i++) {
        ngx_http_tracker_metric_family(&status->w, &families[i]);

        for (j = 0; j < status->tmcf->apps.nelts; j++) {
            ngx_http_tracker_look_at_apps(apps[j], &path, &n, &loaded);

            ngx_http_tracker_metric_label(&status->w, "file", &path);
            ngx_http_tracker_metric_sample(&status->w, i ? loaded : (time_t) n);
        }
    }
}


static void
ngx_http_tracker_status_label(ngx_http_tracker_writer_t *w, const char *name,
    const char *value)
{
    ngx_str_t  text;

    text.data = (u_char *) value;
    text.len = ngx_strlen(value);

    ngx_http_tracker_metric_label(w, name, &text);
}


/* a family of one sample without a label */

static void
ngx_http_tracker_status_one(ngx_http_tracker_status_t *status,
    ngx_http_tracker_family_t *family, ngx_uint_t value)
{
    ngx_http_tracker_metric_family(&status->w, family);
    ngx_http_tracker_metric_sample(&status->w, value);
}


char *
ngx_http_tracker_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    if (ngx_http_tracker_zone_add(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_tracker_serve(cf, conf, NGX_HTTP_TRACKER_SERVES_STATUS,
                                  ngx_http_tracker_status_handler);
}
