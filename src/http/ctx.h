
/*
 * The context of a request.  All rooms of the HTTP side share it; what only
 * one verb needs lies behind ctx->data, in a struct of the verb's file.
 */


#ifndef _NGX_HTTP_TRACKER_CTX_H_INCLUDED_
#define _NGX_HTTP_TRACKER_CTX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "json/tracker_json.h"
#include "store/txn.h"
#include "http/auth.h"
#include "http/body.h"
#include "http/conf.h"
#include "http/held.h"
#include "http/tally.h"


#pragma GCC visibility push(hidden)


/*
 * A step of a request.  It says which step comes next, with
 * ngx_http_tracker_wait() or ngx_http_tracker_yield(), reads the body, or ends
 * the request: r and ctx may be freed when it returns.
 */
typedef void (*ngx_http_tracker_step_pt)(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


typedef struct {
    ngx_uint_t                       methods;
    ngx_http_tracker_step_pt         start;
    ngx_http_tracker_at_e            at;
} ngx_http_tracker_action_t;


typedef struct {
    ngx_str_t                        path;      /* below the base; a "*"
                                                   stands for an id */
    ngx_str_t                        allow;     /* value of the header */
    const char                      *noun;      /* what has the id */
    tracker_json_shape_e             shape;     /* of a POST's body */
    ngx_uint_t                       tagged;    /* 1: it has ETags */
    ngx_uint_t                       open;      /* 1: YAML, for all, without a
                                                   token */
    ngx_http_tracker_action_t       *actions;   /* the last one is empty */
} ngx_http_tracker_endpoint_t;


/* for the variables, the counters, and for a message */

typedef struct {
    ngx_msec_t                       redis;     /* of closed txns */
    uint64_t                         detect;    /* in searches, microseconds */
    ngx_uint_t                       hits;
    ngx_uint_t                       created;   /* trackers, by an import */
    ngx_uint_t                       changed;
    ngx_uint_t                       deleted;
    ngx_uint_t                       phrases;   /* of the account, if they are
                                                   too many */
    unsigned                         searched:1;
} ngx_http_tracker_spent_t;


/* what becomes of a tracker that is imported if its name exists */

typedef enum {
    NGX_HTTP_TRACKER_ON_ERROR = 1,
    NGX_HTTP_TRACKER_ON_SKIP,
    NGX_HTTP_TRACKER_ON_MERGE,
    NGX_HTTP_TRACKER_ON_REPLACE
} ngx_http_tracker_policy_e;


/* the forms of the body and of the answer, and how far the latter is */

typedef struct {
    unsigned                         merge:1;     /* a merge patch */
    unsigned                         ndjson:1;    /* trackers, a line each */
    unsigned                         sent:1;      /* our header */
    unsigned                         replaced:1;  /* by our filters */
    unsigned                         problem:1;   /* application/problem+json */
    unsigned                         lines:1;     /* a list, a tracker a line */
    unsigned                         minimal:1;   /* return=minimal */
    unsigned                         whole:1;     /* return=representation */
    unsigned                         dry:1;       /* dryRun=true: nothing is
                                                     written */
    unsigned                         rest:1;      /* rest=delete: trackers that
                                                     the body does not name are
                                                     deleted */
    unsigned                         policy:3;    /* on_conflict, a
                                                     ngx_http_tracker_policy_e;
                                                     0: it was not sent */
} ngx_http_tracker_form_t;


struct ngx_http_tracker_ctx_s {
    ngx_http_request_t              *request;

    ngx_http_tracker_endpoint_t     *endpoint;
    ngx_str_t                        id;        /* in the path; or empty */
    ngx_http_tracker_step_pt         step;      /* the next one */
    void                            *data;      /* of the verb; or NULL */
    ngx_msec_t                       start;     /* as ngx_current_msec */
    ngx_event_t                      event;     /* of the next turn */
    size_t                           budget;    /* of this turn, for
                                                   tracker_spend() */

    ngx_http_tracker_body_t          body;
    tracker_set_t                    set;       /* to be written */
    tracker_report_t                *report;    /* faults of the body of an
                                                   import, or of lines; or
                                                   NULL */
    ngx_str_t                        idempotency_key;

    tracker_txn_t                   *txn;       /* NULL: none, or closed */
    ngx_http_tracker_spent_t         spent;

    ngx_http_tracker_identity_t      identity;
    ngx_http_tracker_held_t          held;
    ngx_http_tracker_counted_t       counted;

    ngx_uint_t                       outcome;   /* or 0: none so far */
    ngx_str_t                        open;      /* sent before the answer */
    ngx_str_t                        answer;    /* JSON */
    ngx_str_t                        close;     /* sent after it */
    ngx_str_t                        etag;      /* with its quotes */
    ngx_str_t                        fault;     /* what the message quotes: the
                                                   name of an argument, a header
                                                   or a coding; any bytes */
    ngx_http_tracker_form_t          form;
};


/*
 * Returns the context of a request, which the first call allocates in r->pool;
 * or NULL if there is no memory.
 */
ngx_http_tracker_ctx_t *ngx_http_tracker_get_ctx(ngx_http_request_t *r);

/* Makes an arena of a pool, which owns what is allocated. */
void ngx_http_tracker_set_arena(tracker_arena_t *arena, ngx_pool_t *pool);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_CTX_H_INCLUDED_ */
