
/*
 * What is read of conversations, and DELETE.  JSON texts go from Redis to the
 * client as they are; messages and the list of conversations in stretches.
 */


#include "http/conversation.h"
#include "http/args.h"
#include "http/request.h"
#include "http/response.h"
#include "http/stream.h"
#include "store/conversation.h"
#include "store/job.h"


/* conversations of an answer if the client names no limit */
#define NGX_HTTP_TRACKER_CONVERSATIONS      20

#define NGX_HTTP_TRACKER_MAX_CONVERSATIONS  1000
#define NGX_HTTP_TRACKER_MAX_OFFSET         1000000


/* the list of conversations, which is sent in stretches */

typedef struct {
    ngx_http_tracker_stream_t   stream;       /* first */

    ngx_uint_t                  offset;
    ngx_uint_t                  limit;
    ngx_uint_t                  listed;       /* conversations sent so far */
    ngx_str_t                   cursor;       /* where the next stretch begins,
                                                 or empty */
} ngx_http_tracker_listing_t;


/* what is not found here, and how its absence is said */

typedef struct {
    ngx_str_t                   name;         /* end of the path */
    ngx_str_t                   empty;
} ngx_http_tracker_insight_t;


static void ngx_http_tracker_job_found(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_list_conversations(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_stretch_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_members_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_answer_record(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_http_tracker_insight_t *ngx_http_tracker_find_insight(
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_insight_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_forgotten(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_fail_forget(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


static ngx_http_tracker_insight_t  ngx_http_tracker_insights[] = {
    { ngx_string("topics"), ngx_string("{\"topics\":[]}") },
    { ngx_string("questions"), ngx_string("{\"questions\":[]}") },
    { ngx_string("follow-ups"), ngx_string("{\"followUps\":[]}") },
    { ngx_string("action-items"), ngx_string("{\"actionItems\":[]}") },
    { ngx_string("entities"), ngx_string("{\"entities\":[]}") },
    { ngx_string("analytics"), ngx_string("{\"metrics\":[],\"members\":[]}") },
    { ngx_string("summary"), ngx_string("{\"summary\":[]}") },
    { ngx_string("callscore"), ngx_string("{\"criteria\":[]}") },
    { ngx_string("abstract-topics"), ngx_string("{\"abstractTopics\":[]}") },
    { ngx_string("insights"), ngx_string("{\"insights\":[]}") },
    { ngx_string("intents"), ngx_string("{\"intents\":[]}") },
    { ngx_null_string, ngx_string("{}") }
};


void
ngx_http_tracker_start_job(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_tracker_begin_txn(r, ctx, 0);

    if (rc == NGX_OK) {
        rc = tracker_txn_find_job(ctx->txn, &ctx->id);
    }

    switch (rc) {

    case NGX_OK:
        ngx_http_tracker_wait(r, ctx, ngx_http_tracker_job_found);
        break;

    case NGX_DECLINED:
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_MISSING);
        break;

    default: /* NGX_ERROR */
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        break;
    }
}


/* an id that was found has digits and hyphens only */

static void
ngx_http_tracker_job_found(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    ctx->outcome = TRACKER_OUTCOME_FOUND;

    ngx_str_set(&ctx->open, "{\"id\":\"");
    ctx->answer = ctx->id;
    ngx_str_set(&ctx->close, "\",\"status\":\"completed\"}");

    ngx_http_tracker_finish(r, ctx);
}


void
ngx_http_tracker_start_conversations(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_listing_t  *listing;

    listing = ngx_pcalloc(r->pool, sizeof(ngx_http_tracker_listing_t));
    if (listing == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->data = listing;

    listing->limit = NGX_HTTP_TRACKER_CONVERSATIONS;

    if (ngx_http_tracker_find_number(r, "limit", 1,
                                     NGX_HTTP_TRACKER_MAX_CONVERSATIONS,
                                     &listing->limit)
        == NGX_ERROR)
    {
        ngx_http_tracker_fail(r, ctx, NGX_HTTP_TRACKER_BAD_LIMIT);
        return;
    }

    if (ngx_http_tracker_find_number(r, "offset", 0,
                                     NGX_HTTP_TRACKER_MAX_OFFSET,
                                     &listing->offset)
        == NGX_ERROR)
    {
        ngx_http_tracker_fail(r, ctx, NGX_HTTP_TRACKER_BAD_OFFSET);
        return;
    }

    if (ngx_http_tracker_begin_txn(r, ctx, 0) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_list_conversations(r, ctx);
}


static void
ngx_http_tracker_list_conversations(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_listing_t *listing = ctx->data;

    if (tracker_txn_list_conversations(ctx->txn, &listing->cursor,
                                       listing->offset,
                                       listing->limit - listing->listed)
        != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_stretch_read);
}


static void
ngx_http_tracker_stretch_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_listing_t *listing = ctx->data;

    tracker_page_t  *page;

    if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    page = &ctx->txn->page;

    if (ngx_http_tracker_reserve(r, ctx, page->records.len) != NGX_OK) {
        return;
    }

    if (!ctx->form.sent) {
        ngx_str_set(&ctx->open, "{\"conversations\":[");

    } else if (listing->listed && page->n) {
        ngx_str_set(&ctx->open, ",");

    } else {
        ngx_str_null(&ctx->open);
    }

    ctx->outcome = TRACKER_OUTCOME_FOUND;
    ctx->answer = page->records;

    listing->listed += page->n;
    listing->cursor = page->cursor;

    if (page->more && listing->listed < listing->limit) {
        ngx_http_tracker_send_stretch(r, ctx,
                                      ngx_http_tracker_list_conversations);
        return;
    }

    ngx_str_set(&ctx->close, "]}");

    ngx_http_tracker_finish(r, ctx);
}


void
ngx_http_tracker_start_conversation(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (ngx_http_tracker_begin_conversation(r, ctx) != NGX_OK) {
        return;
    }

    if (tracker_txn_get_conversation(ctx->txn, &ctx->id) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_answer_record);
}


void
ngx_http_tracker_start_members(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (ngx_http_tracker_begin_conversation(r, ctx) != NGX_OK) {
        return;
    }

    if (tracker_txn_get_members(ctx->txn, &ctx->id) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_members_read);
}


static void
ngx_http_tracker_members_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_set(&ctx->open, "{\"members\":[");
    ngx_str_set(&ctx->close, "]}");

    ngx_http_tracker_answer_record(r, ctx);
}


/* the record that was read, between ctx->open and ctx->close */

static void
ngx_http_tracker_answer_record(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    tracker_txn_t  *txn;

    txn = ctx->txn;

    if (txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, txn->outcome);
        return;
    }

    if (ngx_http_tracker_reserve(r, ctx, txn->record.len) != NGX_OK) {
        return;
    }

    ctx->outcome = TRACKER_OUTCOME_FOUND;
    ctx->answer = txn->record;

    ngx_http_tracker_finish(r, ctx);
}


void
ngx_http_tracker_start_insight(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    tracker_message_t             message;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (tlcf->talk.empty_insights) {

        if (ngx_http_tracker_begin_conversation(r, ctx) != NGX_OK) {
            return;
        }

        if (tracker_txn_get_members(ctx->txn, &ctx->id) != NGX_OK) {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
            return;
        }

        ngx_http_tracker_wait(r, ctx, ngx_http_tracker_insight_read);
        return;
    }

    tracker_message(&message,
                    "\"%s\" of a conversation is not offered, \"messages\", "
                    "\"members\", \"trackers\" and \"trackers-detected\" are.",
                    ngx_http_tracker_find_insight(ctx)->name.data);

    ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_NO_ENDPOINT, &message);
    ngx_http_tracker_refuse(r, ctx);
}


/* that of the endpoint: each of them has a row in the table */

static ngx_http_tracker_insight_t *
ngx_http_tracker_find_insight(ngx_http_tracker_ctx_t *ctx)
{
    u_char                      *name;
    ngx_http_tracker_insight_t  *insight;

    name = (u_char *) strrchr((char *) ctx->endpoint->path.data, '/') + 1;

    for (insight = ngx_http_tracker_insights; insight->name.len; insight++) {
        if (ngx_strcmp(name, insight->name.data) == 0) {
            break;
        }
    }

    return insight;
}


static void
ngx_http_tracker_insight_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    ctx->outcome = TRACKER_OUTCOME_FOUND;
    ctx->answer = ngx_http_tracker_find_insight(ctx)->empty;

    ngx_http_tracker_finish(r, ctx);
}


void
ngx_http_tracker_start_forget(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (!tracker_id_valid((char *) ctx->id.data, ctx->id.len)) {
        ngx_http_tracker_fail_forget(r, ctx);
        return;
    }

    if (ngx_http_tracker_begin_txn(r, ctx, 0) != NGX_OK
        || tracker_txn_delete_conversation(ctx->txn, &ctx->id) != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_forgotten);
}


static void
ngx_http_tracker_forgotten(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    switch (ctx->txn->outcome) {

    case TRACKER_OUTCOME_DELETED:
        ctx->outcome = TRACKER_OUTCOME_DELETED;

        ngx_str_set(&ctx->answer,
                    "{\"message\":\"successfully deleted the "
                    "conversation\"}");

        ngx_http_tracker_finish(r, ctx);
        break;

    case TRACKER_OUTCOME_MISSING:
        ngx_http_tracker_fail_forget(r, ctx);
        break;

    default:
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        break;
    }
}


/* the hosted service has another message here */

static void
ngx_http_tracker_fail_forget(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    tracker_message_t  message;

    tracker_message(&message, "The conversationId is either invalid or does "
                              "not exist.");

    ngx_http_tracker_set_error(ctx, TRACKER_OUTCOME_MISSING, &message);
    ngx_http_tracker_refuse(r, ctx);
}
