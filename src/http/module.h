
/*
 * What the HTTP rooms share: configuration, the context of a request, and
 * the one list of outcomes.
 */


#ifndef _NGX_HTTP_TRACKER_MODULE_H_INCLUDED_
#define _NGX_HTTP_TRACKER_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "jwt/jwt_cache.h"
#include "json/decode.h"
#include "json/tracker_json.h"
#include "tracker/patch.h"
#include "store/txn.h"
#include "http/body.h"


#pragma GCC visibility push(hidden)


/*
 * How a request ended: what the store says (tracker_outcome_e) and what the
 * HTTP side decides by itself.  http/response.c has the table of
 * their statuses, names and messages.
 */

typedef enum {
    NGX_HTTP_TRACKER_OPTIONS = TRACKER_OUTCOME_LAST,
    NGX_HTTP_TRACKER_UNMODIFIED,
    NGX_HTTP_TRACKER_INVALID,
    NGX_HTTP_TRACKER_REPEATED,
    NGX_HTTP_TRACKER_UNEQUAL,
    NGX_HTTP_TRACKER_UNMATCHED,
    NGX_HTTP_TRACKER_MATCHED,
    NGX_HTTP_TRACKER_GROWN,
    NGX_HTTP_TRACKER_UNAUTHORIZED,
    NGX_HTTP_TRACKER_NO_ENDPOINT,
    NGX_HTTP_TRACKER_BAD_METHOD,
    NGX_HTTP_TRACKER_BAD_TYPE,
    NGX_HTTP_TRACKER_NO_BODY,
    NGX_HTTP_TRACKER_BAD_ARG,
    NGX_HTTP_TRACKER_BAD_CODING,
    NGX_HTTP_TRACKER_BAD_HEADER,
    NGX_HTTP_TRACKER_BAD_CONDITION,
    NGX_HTTP_TRACKER_BAD_KEY,
    NGX_HTTP_TRACKER_BAD_LIMIT,
    NGX_HTTP_TRACKER_BAD_CURSOR,
    NGX_HTTP_TRACKER_BAD_BODY,
    NGX_HTTP_TRACKER_TOO_LARGE,
    NGX_HTTP_TRACKER_LATE,
    NGX_HTTP_TRACKER_LOGGED_IN,
    NGX_HTTP_TRACKER_BAD_LOGIN,

    NGX_HTTP_TRACKER_OUTCOMES
} ngx_http_tracker_outcome_e;


/*
 * Why no account is believed: what jwt_verify() says of the token, or one of
 * these.  http/auth.c has the table of their words.
 */

typedef enum {
    NGX_HTTP_TRACKER_NO_TOKEN = JWT_LAST,
    NGX_HTTP_TRACKER_NO_BEARER,
    NGX_HTTP_TRACKER_TWO_TOKENS,
    NGX_HTTP_TRACKER_NO_ACCOUNT,
    NGX_HTTP_TRACKER_BAD_ACCOUNT,

    NGX_HTTP_TRACKER_REFUSALS
} ngx_http_tracker_refusal_e;


/* the applications that may log in */
typedef struct ngx_http_tracker_apps_s  ngx_http_tracker_apps_t;

/* an account whose answers a worker holds */
typedef struct ngx_http_tracker_holder_s  ngx_http_tracker_holder_t;


typedef struct {
    ngx_array_t                 servers;      /* of ngx_redis_t * */
} ngx_http_tracker_main_conf_t;


/* the keys of one level, and the tokens of theirs that a worker knows */

typedef struct {
    ngx_array_t                 keys;         /* of jwt_key_t */
    jwt_cache_t                *cache;        /* made on first use */
} ngx_http_tracker_keys_t;


typedef struct {
    ngx_flag_t                  api;          /* tracker_api is here */
    ngx_str_t                   base;         /* the location's prefix */
    ngx_http_handler_pt         handler;      /* of either directive, or NULL */

    tracker_store_t             store;
    tracker_limits_t            limits;

    ngx_http_tracker_keys_t    *keys;
    ngx_http_complex_value_t   *account;

    ngx_flag_t                  token;        /* tracker_token is here */
    time_t                      token_ttl;    /* seconds */
    ngx_http_tracker_apps_t    *apps;
} ngx_http_tracker_loc_conf_t;


typedef struct {
    ngx_http_request_t         *request;

    ngx_str_t                   endpoint;     /* below the base */
    ngx_str_t                   id;           /* of the path; len 0: none */
    ngx_uint_t                  state;        /* of the handler */
    ngx_msec_t                  start;        /* ngx_current_msec */
    ngx_event_t                 event;        /* the body's deadline, or the
                                                 next turn */
    size_t                      budget;       /* of this turn */

    ngx_http_tracker_body_t     body;
    tracker_json_shape_e        shape;        /* that the endpoint takes */
    tracker_arena_t             arena;        /* memory of the request */
    tracker_decode_t           *decode;
    tracker_set_t               set;          /* to be written */
    tracker_patch_t             patch;
    tracker_str_t              *records;      /* JSON texts of set */
    size_t                      rendered;     /* of them, in the pass */
    ngx_str_t                   idempotency_key;
    tracker_txn_t              *txn;
    ngx_uint_t                  tries;        /* ids that were taken, or rounds
                                                 of a change */

    ngx_uint_t                  limit;        /* of a list; 0: none */
    ngx_uint_t                  listed;       /* trackers sent so far */
    ngx_str_t                   cursor;       /* where to go on */
    ngx_buf_t                  *tail;         /* last one of the stretch */

    ngx_http_tracker_holder_t  *holder;       /* NULL: nothing is counted */
    size_t                      held;         /* bytes, as counted there */

    ngx_str_t                   account;
    ngx_http_tracker_keys_t    *verified;     /* by these: the token of the
                                                 account; NULL: by none */
    ngx_uint_t                  refusal;      /* why there is no account */
    ngx_msec_t                  redis_time;   /* of txns that are closed */

    ngx_uint_t                  outcome;      /* of both lists above */
    ngx_str_t                   open;         /* sent before the answer */
    ngx_str_t                   answer;       /* the JSON to be sent */
    ngx_str_t                   close;        /* sent after it */
    ngx_str_t                   etag;         /* quotes included */
    ngx_str_t                   location;     /* of a tracker; len 0: none */
    ngx_str_t                   allow;        /* methods of the endpoint */
    ngx_str_t                   fault;        /* words of the request that the
                                                 sentence of outcome quotes */

    unsigned                    decoded:1;    /* the body, all of it */
    unsigned                    waited:1;     /* for Redis */
    unsigned                    sent:1;       /* the answer is ours */
    unsigned                    replaced:1;   /* by the filter pair */
    unsigned                    more:1;       /* the answer goes on */
} ngx_http_tracker_ctx_t;


/* http/conf.c: callbacks of the module, and tracker_redis */
void *ngx_http_tracker_create_main_conf(ngx_conf_t *cf);
void *ngx_http_tracker_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_tracker_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

/*
 * http/conf.c: the client of a server, with the scripts of the
 * store.  Returns NULL after it logged why.
 */
ngx_redis_t *ngx_http_tracker_add_redis(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf);

/*
 * http/variable.c: the context of a request, made on first use.
 * Returns NULL when there is no memory.
 */
ngx_http_tracker_ctx_t *ngx_http_tracker_get_ctx(ngx_http_request_t *r);

/*
 * http/header.c: the lines of a request's header one after the
 * other, those of a name only, in any case.  Returns the value of the next
 * one, or NULL.
 */

typedef struct {
    ngx_list_part_t            *part;
    ngx_uint_t                  i;
} ngx_http_tracker_lines_t;

#define ngx_http_tracker_first_line(lines, r)                                 \
    (lines)->part = &(r)->headers_in.headers.part;                            \
    (lines)->i = 0

ngx_str_t *ngx_http_tracker_next_line(ngx_http_tracker_lines_t *lines,
    ngx_str_t *name);

/*
 * http/header.c: finds a header by its name.  Returns how often
 * it was sent; value is the last one.
 */
ngx_uint_t ngx_http_tracker_find_header(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *value);

/*
 * http/header.c: what the header says of the body of a POST, PUT
 * or PATCH, and the Idempotency-Key of a POST.  Returns 0 or the outcome.
 */
ngx_uint_t ngx_http_tracker_check_headers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * http/header.c: 1 when the body is said to be JSON, that of a
 * PATCH maybe JSON Patch, else 0
 */
ngx_uint_t ngx_http_tracker_is_json(ngx_http_request_t *r);

/*
 * http/header.c: whether the body is encoded, as for gzip.  Returns
 * 0 or the outcome; ctx->fault names the coding.
 */
ngx_uint_t ngx_http_tracker_check_coding(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * http/header.c: whether a write has a header that would give it
 * another meaning.  Returns 0 or the outcome; ctx->fault names the header.
 */
ngx_uint_t ngx_http_tracker_check_meaning(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * http/header.c: adds a line to the header of the answer, memory
 * of r->pool or static.  Returns it, or NULL.
 */
ngx_table_elt_t *ngx_http_tracker_push_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/*
 * http/header.c: adds what caches are told of an answer with this
 * status (API.md section 7).  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_push_caching(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * http/header.c: makes ctx->location, the path of the tracker.
 * Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_set_location(ngx_http_tracker_ctx_t *ctx,
    tracker_str_t *id);

/*
 * http/args.c: what a write says of its arguments, none of which
 * is known yet.  Returns 0 or the outcome; ctx->fault names the first one.
 */
ngx_uint_t ngx_http_tracker_check_args(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * http/args.c: finds the first argument of that name, its value as
 * it was sent; without "=" it is empty.  Returns NGX_OK, or NGX_DECLINED when
 * there is none.
 */
ngx_int_t ngx_http_tracker_find_arg(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/*
 * http/args.c: decodes the value of an argument into memory of
 * pool; a plus is a space, and an invalid escape stays as it is.  Returns
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_decode_arg(ngx_pool_t *pool, ngx_str_t *value);

/*
 * http/etag.c: makes ctx->etag of the len bytes at tag.  Returns
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_set_etag(ngx_http_tracker_ctx_t *ctx,
    const void *tag, size_t len);

/* http/etag.c: the same, for the JSON text of a tracker */
ngx_int_t ngx_http_tracker_set_record_etag(ngx_http_tracker_ctx_t *ctx,
    tracker_str_t *record);

/*
 * http/etag.c: whether a write has conditions that cannot be kept
 * (RFC 9110 section 13).  Returns 0 or the outcome; ctx->fault names one.
 */
ngx_uint_t ngx_http_tracker_check_conditions(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * http/etag.c: compares the conditions of a read, or of a write
 * that was checked, with ctx->etag.  Returns 0 when the request may go on, or
 * the outcome: "unmatched" and "matched", or "unmodified" of a read.
 */
ngx_uint_t ngx_http_tracker_precondition(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* http/variable.c: preconfiguration */
ngx_int_t ngx_http_tracker_add_variables(ngx_conf_t *cf);

/* http/handler.c: the content handler of tracker_api */
ngx_int_t ngx_http_tracker_handler(ngx_http_request_t *r);

/* http/write.c: tracker_arena_t's alloc, data is a pool */
void *ngx_http_tracker_alloc(void *data, size_t size);

/*
 * http/auth.c: finds the account of the request, ctx->account
 * (memory of r->pool).  Returns NGX_OK, NGX_DECLINED when there is none that
 * can be believed (ctx->refusal), NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_authenticate(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * http/auth.c: the same, for a request that needs an account.
 * Returns 0 or the outcome; why it is "unauthorized" is logged.
 */
ngx_uint_t ngx_http_tracker_check_account(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* http/auth.c: the WWW-Authenticate of ctx->refusal */
ngx_str_t *ngx_http_tracker_challenge(ngx_http_tracker_ctx_t *ctx);

/* http/auth.c: setters of the authenticators' directives */
char *ngx_http_tracker_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_tracker_account(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* http/token.c: setter of tracker_token */
char *ngx_http_tracker_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* http/apps.c: setter of tracker_token_apps */
char *ngx_http_tracker_token_apps(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * http/apps.c: looks for the application, after it has read the
 * file again where that has changed.  Returns NGX_OK with its account, memory
 * of r->pool; NGX_DECLINED when the id or the secret is wrong, which is
 * logged; NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_match_app(ngx_http_request_t *r,
    ngx_http_tracker_apps_t *apps, tracker_login_t *login,
    ngx_str_t *account);

/*
 * http/render.c: renders the trackers of ctx->set, which have ids,
 * as the answer to a create; the bytes are memory of the txn.  The JSON object
 * of each tracker in it goes to records, an array of set.n.  After the start
 * run is called until it returns NGX_OK or NGX_ERROR: NGX_AGAIN is the end of
 * the budget.
 */
void ngx_http_tracker_render_start(ngx_http_tracker_ctx_t *ctx,
    tracker_str_t *records);
ngx_int_t ngx_http_tracker_render_run(ngx_http_tracker_ctx_t *ctx,
    size_t *budget);

/*
 * http/response.c.  Each makes ctx->answer from ctx->outcome.
 */

/* Sets the outcome and the sentence of its table, or the given one. */
ngx_int_t ngx_http_tracker_set_error(ngx_http_tracker_ctx_t *ctx,
    ngx_uint_t outcome, tracker_message_t *message);

/*
 * The outcome of a body that could not be read, rc is what
 * ngx_http_tracker_body_read() returned.  0: there is nothing to answer.
 */
ngx_uint_t ngx_http_tracker_body_outcome(ngx_int_t rc);

/*
 * Sends what is set: the header, once, with the status of ctx->outcome, and
 * ctx->etag and ctx->location unless it is an error; then open, answer and
 * close.  With ctx->more the answer goes on in another call.  What it returns
 * is for ngx_http_finalize_request().
 */
ngx_int_t ngx_http_tracker_send(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * Sends what the headers alone have decided, an error or the answer to
 * OPTIONS.  What it returns is for the caller of a content handler.
 */
ngx_int_t ngx_http_tracker_send_outcome(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t outcome);

/* the word of $tracker_outcome; len 0 when nothing is decided yet */
ngx_str_t *ngx_http_tracker_outcome_name(ngx_uint_t outcome);

/* Sets the sentence of a status that is not ours; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_tracker_set_status(ngx_http_tracker_ctx_t *ctx,
    ngx_uint_t status);

/*
 * http/held.c: counts size bytes as held for the answer, instead
 * of those that were counted for this request before, until its pool goes.
 * Returns NGX_OK; NGX_DECLINED when the account holds more than its share of
 * what a worker may hold, and then nothing has changed; NGX_ERROR.
 */
ngx_int_t ngx_http_tracker_hold(ngx_http_tracker_ctx_t *ctx, size_t size);

/*
 * http/filter.c: postconfiguration, puts the filter pair for
 * answers that are not ours into the chain.
 */
ngx_int_t ngx_http_tracker_filter_init(ngx_conf_t *cf);


extern ngx_module_t  ngx_http_tracker_module;


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_MODULE_H_INCLUDED_ */
