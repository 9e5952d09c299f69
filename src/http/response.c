
/*
 * From outcome to status and JSON: the one table of answers.
 * Rules: API.md section 3.
 */


#include "http/response.h"
#include "http/accept.h"
#include "http/error.h"
#include "http/lines.h"


typedef struct {
    ngx_uint_t   status;
    ngx_str_t    name;           /* of $tracker_outcome */
    const char  *message;        /* NULL: none, or made of what was found */
} ngx_http_tracker_answer_t;


typedef struct {
    ngx_uint_t   status;
    const char  *phrase;         /* of a status that another module chose */
    const char  *title;          /* of a problem (RFC 9110 section 15) */
} ngx_http_tracker_phrase_t;


/* a quoted byte may take three, then come "..." and NUL */
#define NGX_HTTP_TRACKER_QUOTE_SIZE  (3 * TRACKER_QUOTE_CHARS + 4)


static ngx_http_tracker_phrase_t *ngx_http_tracker_find_phrase(
    ngx_uint_t status);
static ngx_int_t ngx_http_tracker_render_error(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_error_t *error, tracker_message_t *message);
static void ngx_http_tracker_describe(ngx_http_tracker_ctx_t *ctx,
    tracker_message_t *message);
static void ngx_http_tracker_describe_limit(ngx_http_tracker_ctx_t *ctx,
    tracker_message_t *message);
static u_char *ngx_http_tracker_quote(ngx_http_tracker_ctx_t *ctx,
    u_char *buf);


/* by outcome: first those of the store, then those of the HTTP side */

static ngx_http_tracker_answer_t  ngx_http_tracker_answers[] = {

    [TRACKER_OUTCOME_FOUND] =
        { 200, ngx_string("found"), NULL },
    [TRACKER_OUTCOME_MISSING] =
        { 404, ngx_string("missing"), NULL },
    [TRACKER_OUTCOME_CHANGED] =
        { 200, ngx_string("changed"), NULL },
    [TRACKER_OUTCOME_DELETED] =
        { 200, ngx_string("deleted"), NULL },
    [TRACKER_OUTCOME_CREATED] =
        { 200, ngx_string("created"), NULL },
    [TRACKER_OUTCOME_FREE] =
        { 200, ngx_string("checked"), NULL },
    [TRACKER_OUTCOME_REPLAYED] =
        { 200, ngx_string("replayed"), NULL },
    [TRACKER_OUTCOME_REUSED] =
        { 409, ngx_string("reused"),
          "Idempotency-Key was used with another request." },
    [TRACKER_OUTCOME_CONFLICT] =
        { 409, ngx_string("conflict"), NULL },
    [TRACKER_OUTCOME_QUOTA] =
        { 400, ngx_string("quota"), NULL },
    [TRACKER_OUTCOME_LARGE] =
        { 400, ngx_string("large"), NULL },
    [TRACKER_OUTCOME_GONE] =
        { 410, ngx_string("gone"),
          "What has changed since then is not known: read the list of "
          "trackers again." },
    [TRACKER_OUTCOME_LOCKED] =
        { 429, ngx_string("locked"),
          "Too many requests: the account has reached its limit of "
          "1 concurrent request." },
    [TRACKER_OUTCOME_CROWDED] =
        { 429, ngx_string("crowded"),
          "Too many requests of this account are waiting." },
    [TRACKER_OUTCOME_UNAVAILABLE] =
        { 502, ngx_string("unavailable"),
          "The tracker store did not acknowledge the request." },
    [TRACKER_OUTCOME_TIMEOUT] =
        { 504, ngx_string("timeout"),
          "The tracker store did not respond in time." },
    [TRACKER_OUTCOME_ERROR] =
        { 500, ngx_string("error"), "Internal server error." },

    [NGX_HTTP_TRACKER_OPTIONS] =
        { 204, ngx_string("options"), NULL },
    [NGX_HTTP_TRACKER_UNMODIFIED] =
        { 304, ngx_string("unmodified"), NULL },
    [NGX_HTTP_TRACKER_INVALID] =
        { 400, ngx_string("invalid"), NULL },
    [NGX_HTTP_TRACKER_REPEATED] =
        { 409, ngx_string("repeated"), NULL },
    [NGX_HTTP_TRACKER_UNEQUAL] =
        { 409, ngx_string("unequal"), NULL },
    [NGX_HTTP_TRACKER_UNMATCHED] =
        { 412, ngx_string("unmatched"), NULL },
    [NGX_HTTP_TRACKER_MATCHED] =
        { 412, ngx_string("matched"), NULL },
    [NGX_HTTP_TRACKER_TOO_BIG] =
        { 400, ngx_string("grown"), NULL },
    [NGX_HTTP_TRACKER_TOO_MUCH] =
        { 400, ngx_string("too_much"), NULL },
    [NGX_HTTP_TRACKER_UNCONDITIONAL] =
        { 428, ngx_string("unconditional"),
          "If-Match with the ETag of the list is required." },
    [NGX_HTTP_TRACKER_IMPORTED] =
        { 200, ngx_string("imported"), NULL },
    [NGX_HTTP_TRACKER_PROCESSED] =
        { 201, ngx_string("processed"), NULL },
    [NGX_HTTP_TRACKER_MANY_HITS] =
        { 400, ngx_string("many_hits"), NULL },
    [NGX_HTTP_TRACKER_MANY_PHRASES] =
        { 400, ngx_string("many_phrases"), NULL },
    [NGX_HTTP_TRACKER_UNAUTHORIZED] =
        { 401, ngx_string("unauthorized"),
          "Token validation failed for provided token." },
    [NGX_HTTP_TRACKER_NO_ENDPOINT] =
        { 404, ngx_string("no_endpoint"), "No such endpoint." },
    [NGX_HTTP_TRACKER_BAD_METHOD] =
        { 405, ngx_string("bad_method"), NULL },
    [NGX_HTTP_TRACKER_BAD_TYPE] =
        { 400, ngx_string("bad_type"),
          "Content-Type must be application/json." },
    [NGX_HTTP_TRACKER_NO_BODY] =
        { 400, ngx_string("no_body"), "Request body is required." },
    [NGX_HTTP_TRACKER_BAD_ARG] =
        { 400, ngx_string("bad_arg"), NULL },
    [NGX_HTTP_TRACKER_BAD_DRY_RUN] =
        { 400, ngx_string("bad_dry_run"),
          "\"dryRun\" must be \"true\" or \"false\"." },
    [NGX_HTTP_TRACKER_BAD_POLICY] =
        { 400, ngx_string("bad_policy"),
          "\"on_conflict\" must be \"error\", \"skip\", \"merge\" or "
          "\"replace\"." },
    [NGX_HTTP_TRACKER_BAD_REST] =
        { 400, ngx_string("bad_rest"),
          "\"rest\" must be \"delete\", and \"on_conflict\" \"replace\"." },
    [NGX_HTTP_TRACKER_BAD_CODING] =
        { 400, ngx_string("bad_coding"), NULL },
    [NGX_HTTP_TRACKER_BAD_HEADER] =
        { 400, ngx_string("bad_header"), NULL },
    [NGX_HTTP_TRACKER_BAD_CONDITION] =
        { 400, ngx_string("bad_condition"),
          "If-None-Match must be \"*\" or a list of entity tags." },
    [NGX_HTTP_TRACKER_BAD_KEY] =
        { 400, ngx_string("bad_key"),
          "Idempotency-Key must be sent once and have 1 to 255 bytes." },
    [NGX_HTTP_TRACKER_BAD_LIMIT] =
        { 400, ngx_string("bad_limit"),
          "\"limit\" must be a number from 1 to 1000." },
    [NGX_HTTP_TRACKER_BAD_OFFSET] =
        { 400, ngx_string("bad_offset"),
          "\"offset\" must be a number from 0 to 1000000." },
    [NGX_HTTP_TRACKER_BAD_SIMILAR] =
        { 400, ngx_string("bad_similar"),
          "\"similar\" must be \"true\" or \"false\"." },
    [NGX_HTTP_TRACKER_BAD_CURSOR] =
        { 400, ngx_string("bad_cursor"),
          "\"cursor\" must be the \"next\" of an earlier answer." },
    [NGX_HTTP_TRACKER_BAD_EXPAND] =
        { 400, ngx_string("bad_expand"),
          "\"expand\" must be \"times\"." },
    [NGX_HTTP_TRACKER_BAD_SINCE] =
        { 400, ngx_string("bad_since"),
          "\"since\" is required: the ETag of the list of trackers, without "
          "its quotes, or the \"rev\" of an earlier answer." },
    [NGX_HTTP_TRACKER_BAD_WAIT] =
        { 400, ngx_string("bad_wait"),
          "\"wait\" must be a number from 0 to 60." },
    [NGX_HTTP_TRACKER_MANY_WAITING] =
        { 503, ngx_string("many_waiting"),
          "Too many requests are waiting for changes." },
    [NGX_HTTP_TRACKER_BAD_BODY] =
        { 400, ngx_string("bad_body"),
          "The request body is not encoded as its headers say." },
    [NGX_HTTP_TRACKER_TOO_LARGE] =
        { 413, ngx_string("too_large"), NULL },
    [NGX_HTTP_TRACKER_LATE] =
        { 408, ngx_string("late"),
          "The request body did not arrive in time." },
    [NGX_HTTP_TRACKER_LOGGED_IN] =
        { 200, ngx_string("logged_in"), NULL },
    [NGX_HTTP_TRACKER_BAD_LOGIN] =
        { 401, ngx_string("bad_login"), "Invalid appId or appSecret." }
};


/* by status; those that are missing have the last one */

static ngx_http_tracker_phrase_t  ngx_http_tracker_phrases[] = {
    { 400, "Bad request.", "Bad Request" },
    { 401, "Unauthorized.", "Unauthorized" },
    { 402, "Payment required.", "Payment Required" },
    { 403, "Forbidden.", "Forbidden" },
    { 404, "Not found.", "Not Found" },
    { 405, "Method not allowed.", "Method Not Allowed" },
    { 406, "Not acceptable.", "Not Acceptable" },
    { 408, "Request time-out.", "Request Timeout" },
    { 409, "Conflict.", "Conflict" },
    { 410, "Gone.", "Gone" },
    { 411, "Length required.", "Length Required" },
    { 412, "Precondition failed.", "Precondition Failed" },
    { 413, "Content too large.", "Content Too Large" },
    { 415, "Unsupported media type.", "Unsupported Media Type" },
    { 416, "Range not satisfiable.", "Range Not Satisfiable" },
    { 421, "Misdirected request.", "Misdirected Request" },
    { 428, "Precondition required.", "Precondition Required" },
    { 429, "Too many requests.", "Too Many Requests" },
    { 500, "Internal server error.", "Internal Server Error" },
    { 501, "Not implemented.", "Not Implemented" },
    { 502, "Bad gateway.", "Bad Gateway" },
    { 503, "Service temporarily unavailable.", "Service Unavailable" },
    { 504, "Gateway time-out.", "Gateway Timeout" },
    { 505, "HTTP version not supported.", "HTTP Version Not Supported" },
    { 507, "Insufficient storage.", "Insufficient Storage" },
    { 0, "Error.", "Error" }
};


ngx_str_t *
ngx_http_tracker_outcome_name(ngx_uint_t outcome)
{
    return &ngx_http_tracker_answers[outcome].name;
}


ngx_uint_t
ngx_http_tracker_outcome_status(ngx_uint_t outcome)
{
    return ngx_http_tracker_answers[outcome].status;
}


void
ngx_http_tracker_set_error(ngx_http_tracker_ctx_t *ctx, ngx_uint_t outcome,
    tracker_message_t *message)
{
    ngx_uint_t                line;
    tracker_message_t         own;
    ngx_http_request_t       *r;
    ngx_http_tracker_error_t  error;

    r = ctx->request;

    ctx->outcome = outcome;

    ngx_str_null(&ctx->open);
    ngx_str_null(&ctx->close);

    if (message == NULL) {
        message = &own;
        ngx_http_tracker_describe(ctx, message);
    }

    line = ngx_http_tracker_line_at(ctx);

    if (line
        && ngx_http_tracker_answers[outcome].status == NGX_HTTP_BAD_REQUEST)
    {
        tracker_message_line(message, line);
    }

    ngx_memzero(&error, sizeof(ngx_http_tracker_error_t));

    error.status = ngx_http_tracker_answers[outcome].status;
    error.code = ngx_http_tracker_answers[outcome].name;

    if (ctx->report) {
        error.list = ctx->report->list;
    }

    if (outcome == NGX_HTTP_TRACKER_INVALID
        || outcome == NGX_HTTP_TRACKER_TOO_BIG)
    {
        error.report = ctx->report;
    }

    if (outcome == TRACKER_OUTCOME_CONFLICT) {
        error.set = &ctx->set;
        error.conflicts = ctx->txn->conflicts;
        error.nconflicts = ctx->txn->nconflicts;
        error.placed = r->method != NGX_HTTP_PATCH || ctx->form.merge;
    }

    if (ngx_http_tracker_render_error(ctx, &error, message) != NGX_OK) {
        ctx->outcome = TRACKER_OUTCOME_ERROR;
        ngx_str_null(&ctx->answer);
    }
}


ngx_int_t
ngx_http_tracker_set_status(ngx_http_tracker_ctx_t *ctx, ngx_uint_t status)
{
    tracker_message_t         message;
    ngx_http_tracker_error_t  error;

    if (status == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_TOO_LARGE, NULL);

        return ctx->answer.data ? NGX_OK : NGX_ERROR;
    }

    ngx_memzero(&error, sizeof(ngx_http_tracker_error_t));

    error.status = status;

    tracker_message(&message, "%s",
                    ngx_http_tracker_find_phrase(status)->phrase);

    return ngx_http_tracker_render_error(ctx, &error, &message);
}


static ngx_http_tracker_phrase_t *
ngx_http_tracker_find_phrase(ngx_uint_t status)
{
    ngx_http_tracker_phrase_t  *phrase;

    for (phrase = ngx_http_tracker_phrases; phrase->status; phrase++) {
        if (phrase->status == status) {
            break;
        }
    }

    return phrase;
}


/* sets ctx->answer, in the form that the client wants: NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_tracker_render_error(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_error_t *error, tracker_message_t *message)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    /* an error behind the answers of other lines is a line */

    ctx->form.problem = !ngx_http_tracker_answers_lines(ctx)
                        && ngx_http_tracker_accepts_problem(r);

    error->message = message;
    error->title = ngx_http_tracker_find_phrase(error->status)->title;
    error->problem = ctx->form.problem;

    return ngx_http_tracker_write_error(r->pool, error, &ctx->answer);
}


/* the message of ctx->outcome */

static void
ngx_http_tracker_describe(ngx_http_tracker_ctx_t *ctx,
    tracker_message_t *message)
{
    u_char               quote[NGX_HTTP_TRACKER_QUOTE_SIZE];
    tracker_txn_t       *txn;
    ngx_http_request_t  *r;

    r = ctx->request;
    txn = ctx->txn;

    switch (ctx->outcome) {

    case TRACKER_OUTCOME_CONFLICT:
        tracker_conflict_message(message, &ctx->set, txn->conflicts,
                                 txn->nconflicts, txn->total);
        break;

    case TRACKER_OUTCOME_MISSING:
        tracker_message(message, "%s with id \"%.*s\" does not exist.",
                        ctx->endpoint->noun,
                        (int) ngx_min(ctx->id.len, TRACKER_QUOTE_CHARS),
                        ctx->id.data);
        break;

    case NGX_HTTP_TRACKER_UNMATCHED:

        if (ctx->id.len == 0) {
            tracker_message(message, "The %s has changed.",
                            ctx->endpoint->open ? "description"
                                                : "list of trackers");
            break;
        }

        tracker_message(message, "Tracker with id \"%.*s\" has changed.",
                        (int) ctx->id.len, ctx->id.data);
        break;

    case NGX_HTTP_TRACKER_MATCHED:
        tracker_message(message,
                        "Tracker with id \"%.*s\" matches If-None-Match.",
                        (int) ctx->id.len, ctx->id.data);
        break;

    case NGX_HTTP_TRACKER_BAD_METHOD:
        tracker_message(message, "Method %.*s is not allowed.",
                        (int) ngx_min(r->method_name.len,
                                      TRACKER_QUOTE_CHARS),
                        r->method_name.data);
        break;

    case NGX_HTTP_TRACKER_BAD_TYPE:

        if (ctx->counted.at == NGX_HTTP_TRACKER_AT_DETECT) {
            tracker_message(message, "Content-Type must be application/json "
                                     "or application/x-ndjson.");
            break;
        }

        tracker_message(message, "%s",
                        ngx_http_tracker_answers[ctx->outcome].message);
        break;

    case NGX_HTTP_TRACKER_BAD_ARG:
        tracker_message(message, "\"%s\" is not allowed.",
                        ngx_http_tracker_quote(ctx, quote));
        break;

    case NGX_HTTP_TRACKER_BAD_CODING:
        tracker_message(message, "Content-Encoding \"%s\" is not supported.",
                        ngx_http_tracker_quote(ctx, quote));
        break;

    case NGX_HTTP_TRACKER_BAD_HEADER:
        tracker_message(message, "%s is not supported with %.*s.",
                        ngx_http_tracker_quote(ctx, quote),
                        (int) r->method_name.len, r->method_name.data);
        break;

    case TRACKER_OUTCOME_QUOTA:
    case TRACKER_OUTCOME_LARGE:
    case NGX_HTTP_TRACKER_TOO_BIG:
    case NGX_HTTP_TRACKER_MANY_HITS:
    case NGX_HTTP_TRACKER_MANY_PHRASES:
    case NGX_HTTP_TRACKER_TOO_LARGE:
        ngx_http_tracker_describe_limit(ctx, message);
        break;

    default:
        tracker_message(message, "%s",
                        ngx_http_tracker_answers[ctx->outcome].message);
        break;
    }
}


/* the message of an outcome whose cause is a limit */

static void
ngx_http_tracker_describe_limit(ngx_http_tracker_ctx_t *ctx,
    tracker_message_t *message)
{
    off_t                         size;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_tracker_loc_conf_t  *tlcf;

    clcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_core_module);
    tlcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_tracker_module);

    size = clcf->client_max_body_size;

    if (ctx->body.lines == NULL
        && (size == 0 || size > NGX_HTTP_TRACKER_MAX_BODY))
    {
        size = NGX_HTTP_TRACKER_MAX_BODY;
    }

    switch (ctx->outcome) {

    case TRACKER_OUTCOME_QUOTA:
        tracker_message(message,
                        "The account may hold at most %lu trackers, it has "
                        "%lu and the request adds %lu.",
                        (unsigned long) tlcf->store.max_trackers,
                        (unsigned long) ctx->txn->found,
                        (unsigned long) ctx->txn->adds);
        break;

    case TRACKER_OUTCOME_LARGE:
        tracker_message(message,
                        "A conversation may have at most %lu bytes, this one "
                        "would have %lu.",
                        (unsigned long) tlcf->store.conversation_size,
                        (unsigned long) ctx->txn->found);
        break;

    case NGX_HTTP_TRACKER_MANY_HITS:
        tracker_message(message,
                        "The messages have more than %lu hits, the limit of a "
                        "request.",
                        (unsigned long) tlcf->talk.max_hits);
        break;

    case NGX_HTTP_TRACKER_MANY_PHRASES:
        tracker_message(message,
                        "Trackers of at most %lu phrases can be detected, the "
                        "account has %lu.",
                        (unsigned long) tlcf->talk.limits.max_phrases,
                        (unsigned long) ctx->spent.phrases);
        break;

    case NGX_HTTP_TRACKER_TOO_BIG:
        tracker_message(message,
                        "The tracker would exceed the limit of %lu bytes.",
                        (unsigned long) clcf->client_max_body_size);
        break;

    default: /* NGX_HTTP_TRACKER_TOO_LARGE */
        tracker_message(message,
                        "Request body exceeds the limit of %lu bytes.",
                        (unsigned long) size);
        break;
    }
}


/*
 * ctx->fault as a string, at most TRACKER_QUOTE_CHARS bytes of it.  Bytes that
 * are not printable ASCII are escaped as in a URI: they may not be UTF-8.
 */

static u_char *
ngx_http_tracker_quote(ngx_http_tracker_ctx_t *ctx, u_char *buf)
{
    u_char  ch, *p;
    size_t  i, len;

    p = buf;
    len = ngx_min(ctx->fault.len, TRACKER_QUOTE_CHARS);

    for (i = 0; i < len; i++) {
        ch = ctx->fault.data[i];

        if (ch >= 0x20 && ch < 0x7f) {
            *p++ = ch;

        } else {
            p = ngx_sprintf(p, "%%%02Xi", (ngx_uint_t) ch);
        }
    }

    if (len < ctx->fault.len) {
        p = ngx_cpymem(p, "...", 3);
    }

    *p = '\0';

    return buf;
}


ngx_uint_t
ngx_http_tracker_body_outcome(ngx_int_t rc)
{
    switch (rc) {

    case NGX_HTTP_REQUEST_TIME_OUT:
        return NGX_HTTP_TRACKER_LATE;

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        return NGX_HTTP_TRACKER_TOO_LARGE;

    case NGX_HTTP_BAD_REQUEST:
        return NGX_HTTP_TRACKER_BAD_BODY;

    case NGX_HTTP_TOO_MANY_REQUESTS:
        return TRACKER_OUTCOME_CROWDED;

    case NGX_HTTP_INTERNAL_SERVER_ERROR:
        return TRACKER_OUTCOME_ERROR;

    default:
        return 0;
    }
}
