
/*
 * Answers that are made of stored texts.  They may be many times as long, since
 * each sentence is repeated for each phrase in it: so they are made and sent in
 * stretches, each in a turn of its own.
 */


#include "http/found.h"
#include "http/lines.h"
#include "http/request.h"
#include "http/stream.h"
#include "detect/answer.h"
#include "store/conversation.h"


struct ngx_http_tracker_found_s {
    ngx_http_tracker_stream_t   stream;       /* first */
    ngx_http_tracker_step_pt    next;         /* after a job of several */
    void                       *data;         /* ctx->data of that step */

    ngx_str_t                   open;         /* before the next stretch */
    ngx_str_t                   cursor;       /* where messages go on */
    ngx_uint_t                  more;         /* 1: they do */
    ngx_uint_t                  both;         /* 1: trackers follow */

    detect_str_t                said;
    detect_messages_t           messages;
    detect_report_t             report;
    detect_buffer_t            *buffer;       /* the stretch */
    detect_buffer_t             own;          /* it is this one, or of lines */
};


static ngx_http_tracker_found_t *ngx_http_tracker_create_found(
    ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_free_found(void *data);
static void ngx_http_tracker_list_messages(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_messages_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_write_messages(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_hits_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_report(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_write_report(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_put_text(ngx_http_tracker_found_t *found,
    const char *text);
static void ngx_http_tracker_end_job(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_jobs_sent(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_send_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_step_pt next);
static void ngx_http_tracker_finish_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, const char *close);
static void ngx_http_tracker_fail_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, detect_rc_e rc);


/* for ctx->data; returns NULL if there is no memory */

static ngx_http_tracker_found_t *
ngx_http_tracker_create_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_tracker_found_t  *found;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_tracker_found_t));
    if (cln == NULL) {
        return NULL;
    }

    found = cln->data;
    ngx_memzero(found, sizeof(ngx_http_tracker_found_t));

    found->buffer = &found->own;

    cln->handler = ngx_http_tracker_free_found;

    if (tracker_random(found->report.key, sizeof(found->report.key))
        != NGX_OK)
    {
        return NULL;
    }

    return found;
}


static void
ngx_http_tracker_free_found(void *data)
{
    ngx_http_tracker_found_t *found = data;

    detect_messages_free(&found->messages);
    detect_report_free(&found->report);
    detect_buffer_free(&found->own);
}


void
ngx_http_tracker_start_messages(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_found_t  *found;

    if (ngx_http_tracker_begin_conversation(r, ctx) != NGX_OK) {
        return;
    }

    found = ngx_http_tracker_create_found(r, ctx);
    if (found == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->data = found;

    ngx_str_set(&found->open, "{\"messages\":[");

    found->messages.id.len = ctx->id.len;
    found->messages.id.data = (char *) ctx->id.data;

    ngx_http_tracker_list_messages(r, ctx);
}


static void
ngx_http_tracker_list_messages(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_found_t *found = ctx->data;

    if (tracker_txn_list_messages(ctx->txn, &ctx->id, &found->cursor)
        != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_messages_read);
}


static void
ngx_http_tracker_messages_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_found_t *found = ctx->data;

    size_t           size;
    tracker_page_t  *page;

    if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {

        /* cut off, if a part was sent and the conversation is gone now */

        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    page = &ctx->txn->page;
    size = page->records.len + NGX_HTTP_TRACKER_FOUND_STRETCH;

    if (ngx_http_tracker_reserve(r, ctx, size) != NGX_OK) {
        return;
    }

    found->said.len = page->records.len;
    found->said.data = (char *) page->records.data;
    found->cursor = page->cursor;
    found->more = page->more;

    ngx_http_tracker_write_messages(r, ctx);
}


static void
ngx_http_tracker_write_messages(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_found_t *found = ctx->data;

    detect_rc_e  rc;

    if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_write_messages)) {
        return;
    }

    rc = detect_messages_write(&found->messages, &found->said, found->buffer,
                               NGX_HTTP_TRACKER_FOUND_STRETCH);

    if (rc == DETECT_AGAIN) {
        ngx_http_tracker_send_found(r, ctx, ngx_http_tracker_write_messages);
        return;
    }

    if (rc != DETECT_OK) {
        ngx_http_tracker_fail_found(r, ctx, rc);
        return;
    }

    if (found->more) {
        ngx_http_tracker_send_found(r, ctx, ngx_http_tracker_list_messages);
        return;
    }

    if (!found->both) {
        ngx_http_tracker_finish_found(r, ctx, "]}");
        return;
    }

    if (ngx_http_tracker_put_text(found, "],\"trackers\":") != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_report(r, ctx);
}


static ngx_int_t
ngx_http_tracker_put_text(ngx_http_tracker_found_t *found, const char *text)
{
    char    *p;
    size_t   len;

    len = ngx_strlen(text);

    p = detect_buffer_room(found->buffer, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, text, len);
    found->buffer->n += len;

    return NGX_OK;
}


void
ngx_http_tracker_start_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (ngx_http_tracker_begin_conversation(r, ctx) != NGX_OK) {
        return;
    }

    ctx->data = ngx_http_tracker_create_found(r, ctx);

    if (ctx->data == NULL
        || tracker_txn_get_hits(ctx->txn, &ctx->id) != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_hits_read);
}


static void
ngx_http_tracker_hits_read(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_found_t *found = ctx->data;

    ngx_str_t  *said, *hits;

    if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    said = &ctx->txn->page.records;
    hits = &ctx->txn->record;

    /* a report takes up to five times what was found */

    if (ngx_http_tracker_reserve(r, ctx, said->len + 6 * hits->len
                                         + NGX_HTTP_TRACKER_FOUND_STRETCH)
        != NGX_OK)
    {
        return;
    }

    found->report.said.len = said->len;
    found->report.said.data = (char *) said->data;
    found->report.found.len = hits->len;
    found->report.found.data = (char *) hits->data;

    ngx_http_tracker_report(r, ctx);
}


static void
ngx_http_tracker_report(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_found_t *found = ctx->data;

    detect_rc_e  rc;

    do {
        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_report)) {
            return;
        }

        rc = detect_report_read(&found->report, &ctx->budget);

    } while (rc == DETECT_AGAIN);

    if (rc != DETECT_OK) {
        ngx_http_tracker_fail_found(r, ctx, rc);
        return;
    }

    ngx_http_tracker_write_report(r, ctx);
}


static void
ngx_http_tracker_write_report(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_found_t *found = ctx->data;

    detect_rc_e  rc;

    if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_write_report)) {
        return;
    }

    rc = detect_report_write(&found->report, found->buffer,
                             NGX_HTTP_TRACKER_FOUND_STRETCH);

    if (rc == DETECT_AGAIN) {
        ngx_http_tracker_send_found(r, ctx, ngx_http_tracker_write_report);
        return;
    }

    if (rc != DETECT_OK) {
        ngx_http_tracker_fail_found(r, ctx, rc);
        return;
    }

    if (found->next) {
        ngx_http_tracker_end_job(r, ctx);
        return;
    }

    ngx_http_tracker_finish_found(r, ctx, found->both ? "}" : "");
}


void
ngx_http_tracker_answer_job(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    const detect_str_t *said, const detect_str_t *hits)
{
    ngx_http_tracker_found_t  *found;

    found = ngx_http_tracker_create_found(r, ctx);
    if (found == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->data = found;

    ngx_str_set(&found->open, "{\"messages\":[");

    found->both = 1;
    found->said = *said;
    found->report.said = *said;
    found->report.found = *hits;

    ngx_http_tracker_write_messages(r, ctx);
}


ngx_http_tracker_found_t *
ngx_http_tracker_create_jobs(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_found_t  *found;

    found = ngx_http_tracker_create_found(r, ctx);

    if (found) {
        found->both = 1;
        found->buffer = &ctx->body.lines->out;
    }

    return found;
}


void
ngx_http_tracker_gather_job(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_found_t *found,
    const detect_str_t *said, const detect_str_t *hits,
    ngx_http_tracker_step_pt next)
{
    found->next = next;
    found->data = ctx->data;
    ctx->data = found;

    found->said = *said;
    found->report.said = *said;
    found->report.found = *hits;

    if (ngx_http_tracker_put_text(found, "{\"messages\":[") != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_write_messages(r, ctx);
}


static void
ngx_http_tracker_end_job(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_found_t *found = ctx->data;

    uint64_t  key[2];

    detect_messages_free(&found->messages);
    ngx_memzero(&found->messages, sizeof(detect_messages_t));

    ngx_memcpy(key, found->report.key, sizeof(key));
    detect_report_free(&found->report);
    ngx_memzero(&found->report, sizeof(detect_report_t));
    ngx_memcpy(found->report.key, key, sizeof(key));

    if (ngx_http_tracker_put_text(found, "}\n") != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->data = found->data;

    found->next(r, ctx);
}


void
ngx_http_tracker_send_jobs(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_found_t *found, ngx_http_tracker_step_pt next)
{
    found->next = next;
    found->data = ctx->data;
    ctx->data = found;

    ngx_http_tracker_send_found(r, ctx, ngx_http_tracker_jobs_sent);
}


static void
ngx_http_tracker_jobs_sent(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_found_t *found = ctx->data;

    ctx->data = found->data;

    found->next(r, ctx);
}


/* what the buffer has; nothing of it is left in the next stretch */

static void
ngx_http_tracker_send_found(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_step_pt next)
{
    ngx_http_tracker_found_t *found = ctx->data;

    ctx->outcome = TRACKER_OUTCOME_FOUND;
    ctx->open = found->open;
    ctx->answer.len = found->buffer->n;
    ctx->answer.data = (u_char *) found->buffer->data;

    ngx_str_null(&found->open);
    found->buffer->n = 0;

    if (ctx->body.lines) {
        ngx_http_tracker_lines_sent(ctx->body.lines,
                                    next != ngx_http_tracker_jobs_sent);
    }

    /* others have their turn before the next one */

    ctx->budget = 0;

    ngx_http_tracker_send_stretch(r, ctx, next);
}


static void
ngx_http_tracker_finish_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, const char *close)
{
    ngx_http_tracker_found_t *found = ctx->data;

    ctx->outcome = TRACKER_OUTCOME_FOUND;
    ctx->open = found->open;
    ctx->close.len = ngx_strlen(close);
    ctx->close.data = (u_char *) close;

    if (found->buffer->n) {
        ctx->answer.len = found->buffer->n;
        ctx->answer.data = (u_char *) found->buffer->data;

    } else {
        ngx_str_set(&ctx->answer, "");
    }

    ngx_http_tracker_finish(r, ctx);
}


static void
ngx_http_tracker_fail_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, detect_rc_e rc)
{
    if (rc == DETECT_INVALID) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tracker: a stored conversation is not what was "
                      "written");
    }

    ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
}
