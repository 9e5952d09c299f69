
/*
 * Messages that are searched while they come, in memory that does not depend on
 * how many they are: a piece of the body is read, each line of it is searched,
 * the answers are sent, and only then the next piece is read.  So a client that
 * does not read is not read from either.
 *
 * The trackers are compared with the store once a piece, before the first
 * message of it is searched: those that were there before the message was sent
 * are found.
 */


#include "http/detect_stream.h"
#include "http/found.h"
#include "http/lines.h"
#include "http/request.h"
#include "http/search.h"


/* memory that is used again for each line */
#define NGX_HTTP_TRACKER_STREAM_POOL  16384

/* a line of short phrases, decoded and compiled, takes so many times its bytes,
   about */
#define NGX_HTTP_TRACKER_KEPT_TIMES    20

/* what a line costs besides its bytes and its search, in nanoseconds */
#define NGX_HTTP_TRACKER_COST_MESSAGE  1500


/* ctx->data, except while answers are written */

typedef struct {
    ngx_http_tracker_search_t   search;       /* first */
    detect_record_t             record;       /* of the line's search */
    ngx_http_tracker_lines_t    lines;
    ngx_http_tracker_found_t   *found;

    ngx_pool_t                 *pool;         /* of the line */
    ngx_pool_t                 *kept;         /* of the settings; or NULL */
    size_t                      kept_size;    /* that, and its trackers */
    tracker_arena_t             arena;        /* of either */
    ngx_str_t                   line;
    tracker_talk_e              what;         /* the line is, or may be */
    tracker_decode_talk_t      *decode;
    tracker_conversation_t      message;

    ngx_uint_t                 *gone;         /* set when the request ends;
                                                 NULL: no line is at work */
    unsigned                    begun:1;      /* the first line is known */
    unsigned                    fresh:1;      /* the trackers are */
    unsigned                    again:1;      /* the line at work is done */
} ngx_http_tracker_detect_t;


static ngx_int_t ngx_http_tracker_create_detect(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_free_detect(void *data);
static void ngx_http_tracker_read_lines(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_lines_read(ngx_http_request_t *r, ngx_int_t rc);
static void ngx_http_tracker_take_lines(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_detect_line(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_end_piece(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_fail_line(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_end_lines(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_begin_line(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_talk_e what);
static ngx_int_t ngx_http_tracker_keep_line(ngx_http_request_t *r,
    ngx_http_tracker_detect_t *detect);
static void ngx_http_tracker_decode_line(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_line_decoded(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_search_line(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_refresh(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_step_pt ready);
static void ngx_http_tracker_line_searched(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_line_answered(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_line_done(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


void
ngx_http_tracker_start_detect_stream(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (ngx_http_tracker_create_detect(r, ctx) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (ngx_http_tracker_init_search(r, ctx, ctx->data) != NGX_OK) {
        return;
    }

    ngx_http_tracker_read_lines(r, ctx);
}


/* ctx->data and ctx->body.lines; returns NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_tracker_create_detect(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_tracker_detect_t  *detect;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_tracker_detect_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    detect = cln->data;
    ngx_memzero(detect, sizeof(ngx_http_tracker_detect_t));

    cln->handler = ngx_http_tracker_free_detect;

    detect->lines.max = NGX_HTTP_TRACKER_MAX_LINE;

    if (clcf->client_max_body_size) {
        detect->lines.max = ngx_min(NGX_HTTP_TRACKER_MAX_LINE,
                                    clcf->client_max_body_size);
    }

    ctx->body.lines = &detect->lines;
    ctx->data = detect;

    detect->search.next = ngx_http_tracker_line_searched;
    detect->search.record = &detect->record;

    detect->pool = ngx_create_pool(NGX_HTTP_TRACKER_STREAM_POOL,
                                   r->connection->log);
    if (detect->pool == NULL) {
        return NGX_ERROR;
    }

    detect->found = ngx_http_tracker_create_jobs(r, ctx);

    return detect->found ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_tracker_free_detect(void *data)
{
    ngx_http_tracker_detect_t *detect = data;

    if (detect->gone) {
        *detect->gone = 1;
    }

    detect_record_free(&detect->record);
    detect_buffer_free(&detect->lines.out);

    if (detect->pool) {
        ngx_destroy_pool(detect->pool);
    }

    if (detect->kept) {
        ngx_destroy_pool(detect->kept);
    }
}


/* in a turn of its own: a client may send as fast as we read */

static void
ngx_http_tracker_read_lines(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_body_receive(r, &ctx->body, 0,
                                  ngx_http_tracker_lines_read);
}


static void
ngx_http_tracker_lines_read(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_tracker_ctx_t     *ctx;
    ngx_http_tracker_detect_t  *detect;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (rc != NGX_OK && rc != NGX_BUSY) {
        ngx_http_tracker_fail_body(r, ctx, rc);
        return;
    }

    /* what follows is not read before this is answered */

    r->read_event_handler = ngx_http_test_reading;

    detect = ctx->data;
    detect->fresh = 0;

    ctx->budget = NGX_HTTP_TRACKER_BUDGET;

    (void) tracker_spend(&ctx->budget,
                         ctx->body.data.len - ctx->body.before);

    ngx_http_tracker_take_lines(r, ctx);
}


/* line by line, without a deeper stack for each */

static void
ngx_http_tracker_take_lines(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_detect_t *detect = ctx->data;

    ngx_uint_t  gone;

    gone = 0;

    do {
        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_take_lines)) {
            return;
        }

        detect->gone = &gone;
        detect->again = 0;

        ngx_http_tracker_detect_line(r, ctx);

        if (gone) {
            return;
        }

        detect->gone = NULL;

    } while (detect->again);
}


static void
ngx_http_tracker_detect_line(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_detect_t *detect = ctx->data;

    size_t                     size;
    ngx_http_tracker_lines_t  *lines;

    lines = &detect->lines;

    if (lines->out.n >= NGX_HTTP_TRACKER_FOUND_STRETCH) {
        ngx_http_tracker_send_jobs(r, ctx, detect->found,
                                   ngx_http_tracker_take_lines);
        return;
    }

    switch (ngx_http_tracker_cut_line(&ctx->body, &detect->line)) {

    case NGX_OK:
        break;

    case NGX_AGAIN:
        ngx_http_tracker_end_piece(r, ctx);
        return;

    case NGX_DONE:
        ngx_http_tracker_end_lines(r, ctx);
        return;

    default: /* NGX_DECLINED */
        ngx_http_tracker_fail_line(r, ctx);
        return;
    }

    /* tracker_timeout is that of a line; and see ngx_http_tracker_decode() */

    ctx->start = ngx_current_msec;

    size = ctx->body.size + lines->out.max + 3 * detect->line.len
           + detect->kept_size;

    if (ngx_http_tracker_reserve(r, ctx, size) != NGX_OK) {
        return;
    }

    ngx_reset_pool(detect->pool);

    if (ngx_http_tracker_begin_line(r, ctx, detect->begun
                                            ? TRACKER_TALK_MESSAGE
                                            : TRACKER_TALK_LINE)
        != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    detect->begun = 1;

    ngx_http_tracker_decode_line(r, ctx);
}


/* all of its lines are answered, and the answers go out */

static void
ngx_http_tracker_end_piece(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_detect_t *detect = ctx->data;

    ngx_http_tracker_drop_lines(&ctx->body);
    ngx_http_tracker_rest_search(ctx);
    detect_record_free(&detect->record);

    if (detect->lines.out.n) {
        ngx_http_tracker_send_jobs(r, ctx, detect->found,
                                   ngx_http_tracker_end_piece);
        return;
    }

    ctx->budget = 0;

    (void) ngx_http_tracker_yield(r, ctx, ngx_http_tracker_read_lines);
}


static void
ngx_http_tracker_fail_line(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    tracker_message_t  message;

    tracker_message(&message, "A line may have at most %lu bytes.",
                    (unsigned long) ctx->body.lines->max);

    ngx_http_tracker_fail_decoding(r, ctx, TRACKER_INVALID, &message);
}


static void
ngx_http_tracker_end_lines(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_detect_t *detect = ctx->data;

    u_char  *p;

    static const char  format[] = "{\"end\":true,\"count\":%ui}\n";

    p = ngx_pnalloc(r->pool, sizeof(format) + NGX_INT_T_LEN);
    if (p == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_end_search(ctx);

    ctx->outcome = TRACKER_OUTCOME_FOUND;
    ctx->open.len = detect->lines.out.n;
    ctx->open.data = (u_char *) detect->lines.out.data;
    ctx->answer.len = ngx_sprintf(p, format, detect->lines.count) - p;
    ctx->answer.data = p;

    ngx_http_tracker_finish(r, ctx);
}


static ngx_int_t
ngx_http_tracker_begin_line(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    tracker_talk_e what)
{
    ngx_http_tracker_detect_t *detect = ctx->data;

    tracker_conversation_t       *conversation;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    conversation = &detect->message;
    ngx_http_tracker_set_arena(&detect->arena, detect->pool);

    if (what == TRACKER_TALK_SETTINGS) {

        if (ngx_http_tracker_keep_line(r, detect) != NGX_OK) {
            return NGX_ERROR;
        }

        conversation = &detect->search.conversation;
        ngx_http_tracker_set_arena(&detect->arena, detect->kept);
    }

    detect->what = what;

    detect->decode = tracker_decode_talk_start((char *) detect->line.data,
                                               detect->line.len, what,
                                               &tlcf->limits, &detect->arena,
                                               conversation);

    return detect->decode ? NGX_OK : NGX_ERROR;
}


/* what it says is of use until the request ends */

static ngx_int_t
ngx_http_tracker_keep_line(ngx_http_request_t *r,
    ngx_http_tracker_detect_t *detect)
{
    u_char  *p;

    detect->kept = ngx_create_pool(NGX_HTTP_TRACKER_STREAM_POOL,
                                   r->connection->log);
    if (detect->kept == NULL) {
        return NGX_ERROR;
    }

    p = ngx_pstrdup(detect->kept, &detect->line);
    if (p == NULL) {
        return NGX_ERROR;
    }

    detect->kept_size = NGX_HTTP_TRACKER_KEPT_TIMES * detect->line.len;

    detect->line.data = p;

    return NGX_OK;
}


static void
ngx_http_tracker_decode_line(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_detect_t *detect = ctx->data;

    tracker_rc_e       rc;
    tracker_message_t  message;

    do {
        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_decode_line)) {
            return;
        }

        rc = tracker_decode_talk_run(detect->decode, &ctx->budget, &message);

    } while (rc == TRACKER_AGAIN);

    if (rc != TRACKER_OK) {
        ngx_http_tracker_fail_decoding(r, ctx, rc, &message);
        return;
    }

    ngx_http_tracker_line_decoded(r, ctx);
}


/* the first line is decoded again as what it has turned out to be */

static void
ngx_http_tracker_line_decoded(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_detect_t *detect = ctx->data;

    tracker_talk_e  what;

    switch (detect->what) {

    case TRACKER_TALK_LINE:
        what = detect->message.is_message ? TRACKER_TALK_MESSAGE
                                          : TRACKER_TALK_SETTINGS;

        if (ngx_http_tracker_begin_line(r, ctx, what) != NGX_OK) {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
            return;
        }

        ngx_http_tracker_decode_line(r, ctx);
        break;

    case TRACKER_TALK_SETTINGS:

        /* an id that is unknown is a fault of this line */

        ngx_http_tracker_refresh(r, ctx, ngx_http_tracker_line_done);
        break;

    default: /* TRACKER_TALK_MESSAGE */
        ngx_http_tracker_search_line(r, ctx);
        break;
    }
}


static void
ngx_http_tracker_search_line(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_detect_t *detect = ctx->data;

    detect->search.conversation.messages = detect->message.messages;
    detect->search.conversation.nmessages = detect->message.nmessages;

    if (detect->fresh) {
        ngx_http_tracker_search_messages(r, ctx);
        return;
    }

    ngx_http_tracker_refresh(r, ctx, ngx_http_tracker_search_messages);
}


/* the one time that the store is asked for a piece */

static void
ngx_http_tracker_refresh(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_step_pt ready)
{
    ngx_http_tracker_detect_t *detect = ctx->data;

    if (ngx_http_tracker_begin_txn(r, ctx, 0) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    detect->fresh = 1;

    ngx_http_tracker_find_trackers(r, ctx, ready);
}


static void
ngx_http_tracker_line_searched(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_detect_t *detect = ctx->data;

    detect_str_t  said, found;

    said.len = detect->record.said.n;
    said.data = detect->record.said.data;
    found.len = detect->record.found.n;
    found.data = detect->record.found.data;

    detect->search.hits = ctx->spent.hits;

    ngx_http_tracker_gather_job(r, ctx, detect->found, &said, &found,
                                ngx_http_tracker_line_answered);
}


static void
ngx_http_tracker_line_answered(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_lines_t *lines = ctx->body.lines;

    (void) tracker_spend(&ctx->budget, NGX_HTTP_TRACKER_COST_MESSAGE
                                       + lines->out.n - lines->whole);

    lines->whole = lines->out.n;
    lines->torn = 0;
    lines->count++;

    ngx_http_tracker_line_done(r, ctx);
}


static void
ngx_http_tracker_line_done(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_detect_t *detect = ctx->data;

    if (detect->gone) {
        detect->again = 1;
        return;
    }

    ngx_http_tracker_take_lines(r, ctx);
}
