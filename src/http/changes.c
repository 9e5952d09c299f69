
/*
 * GET and HEAD of changes, for which a client may wait.
 */


#include "http/changes.h"
#include "http/args.h"
#include "http/etag.h"
#include "http/request.h"
#include "http/response.h"
#include "http/waiting.h"
#include "store/changes.h"


/* changes of a page, also if the client names no limit */
#define NGX_HTTP_TRACKER_MAX_CHANGES  1000

/* seconds that a client may wait */
#define NGX_HTTP_TRACKER_MAX_WAIT     60

/* bytes of a change, without its tag and its record, and a comma, at most */
#define NGX_HTTP_TRACKER_CHANGE_LEN                                           \
    (sizeof(",{\"rev\":\"\",\"type\":\"created\",\"id\":\"\",\"at\":\"\","    \
            "\"tracker\":}")                                                  \
     + TRACKER_ID_LEN + sizeof("1970-01-01T00:00:00.000Z"))


typedef struct {
    ngx_http_tracker_waiter_t   waiter;
    ngx_str_t                   since;        /* a tag of the list */
    ngx_str_t                   rev;          /* its revision */
    ngx_uint_t                  limit;
    ngx_uint_t                  wait;         /* seconds */
} ngx_http_tracker_changes_t;


static void ngx_http_tracker_fail_history(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_parse_changes(ngx_http_request_t *r,
    ngx_http_tracker_changes_t *changes);
static void ngx_http_tracker_strip_etag(ngx_str_t *etag);
static void ngx_http_tracker_strip_end(ngx_str_t *text, const char *end);
static void ngx_http_tracker_read_changes(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_changes_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_wait_for_changes(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_wake(ngx_http_tracker_waiter_t *waiter);
static void ngx_http_tracker_changes_waited(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_answer_changes(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_render_changes(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static size_t ngx_http_tracker_changes_size(tracker_page_t *page);
static u_char *ngx_http_tracker_write_change(u_char *p,
    tracker_logged_t *logged);


/* by tracker_logged_e */

static const char  *ngx_http_tracker_logged_names[] = {
    "created", "changed", "deleted"
};


void
ngx_http_tracker_start_changes(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t                    outcome;
    ngx_http_tracker_changes_t   *changes;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (tlcf->store.history == 0) {
        ngx_http_tracker_fail_history(r, ctx);
        return;
    }

    changes = ngx_pcalloc(r->pool, sizeof(ngx_http_tracker_changes_t));
    if (changes == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->data = changes;
    changes->waiter.ctx = ctx;
    changes->waiter.handler = ngx_http_tracker_wake;

    outcome = ngx_http_tracker_parse_changes(r, changes);
    if (outcome) {
        ngx_http_tracker_fail(r, ctx, outcome);
        return;
    }

    ngx_http_tracker_read_changes(r, ctx);
}


static void
ngx_http_tracker_fail_history(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    tracker_message_t  message;

    tracker_message(&message, "No such endpoint: tracker_history is off.");

    ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_NO_ENDPOINT, &message);
    ngx_http_tracker_refuse(r, ctx);
}


/* returns 0 or the outcome */

static ngx_uint_t
ngx_http_tracker_parse_changes(ngx_http_request_t *r,
    ngx_http_tracker_changes_t *changes)
{
    changes->limit = NGX_HTTP_TRACKER_MAX_CHANGES;

    if (ngx_http_tracker_find_number(r, "limit", 1,
                                     NGX_HTTP_TRACKER_MAX_CHANGES,
                                     &changes->limit)
        == NGX_ERROR)
    {
        return NGX_HTTP_TRACKER_BAD_LIMIT;
    }

    if (ngx_http_tracker_find_number(r, "wait", 0, NGX_HTTP_TRACKER_MAX_WAIT,
                                     &changes->wait)
        == NGX_ERROR)
    {
        return NGX_HTTP_TRACKER_BAD_WAIT;
    }

    changes->waiter.end = ngx_current_msec + 1000 * changes->wait;

    if (ngx_http_tracker_find_arg(r, "since", &changes->since) != NGX_OK) {
        return NGX_HTTP_TRACKER_BAD_SINCE;
    }

    if (ngx_http_tracker_decode_arg(r->pool, &changes->since) != NGX_OK) {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_http_tracker_strip_etag(&changes->since);

    return 0;
}


/* leaves neither quotes, nor that the tag is weak, of lines or of a part */

static void
ngx_http_tracker_strip_etag(ngx_str_t *etag)
{
    if (etag->len > 2 && etag->data[0] == 'W' && etag->data[1] == '/') {
        etag->data += 2;
        etag->len -= 2;
    }

    if (etag->len > 1 && etag->data[0] == '"'
        && etag->data[etag->len - 1] == '"')
    {
        etag->data++;
        etag->len -= 2;
    }

    ngx_http_tracker_strip_end(etag, NGX_HTTP_TRACKER_PART_TAG);
    ngx_http_tracker_strip_end(etag, NGX_HTTP_TRACKER_LINES_TAG);
}


static void
ngx_http_tracker_strip_end(ngx_str_t *text, const char *end)
{
    size_t  n;

    n = ngx_strlen(end);

    if (text->len > n && ngx_memcmp(text->data + text->len - n, end, n) == 0) {
        text->len -= n;
    }
}


/* each time in a txn of its own: memory of the last one is free */

static void
ngx_http_tracker_read_changes(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_changes_t *changes = ctx->data;

    if (ngx_http_tracker_begin_txn(r, ctx, 0) != NGX_OK
        || tracker_txn_begin_round(ctx->txn) != NGX_OK)
    {
        goto failed;
    }

    switch (tracker_txn_since(ctx->txn, &changes->since, &changes->rev)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_GONE);
        return;

    default:
        ngx_http_tracker_fail(r, ctx, NGX_HTTP_TRACKER_BAD_SINCE);
        return;
    }

    if (tracker_txn_changes(ctx->txn, &changes->rev, changes->limit)
        != NGX_OK)
    {
        goto failed;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_changes_read);

    return;

failed:

    ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
}


static void
ngx_http_tracker_changes_read(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_changes_t *changes = ctx->data;

    ngx_msec_int_t  left;

    if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    left = (ngx_msec_int_t) (changes->waiter.end - ngx_current_msec);

    if (ctx->txn->page.n == 0 && left > 0 && !ngx_exiting) {
        ngx_http_tracker_wait_for_changes(r, ctx);
        return;
    }

    ngx_http_tracker_answer_changes(r, ctx);
}


static void
ngx_http_tracker_wait_for_changes(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_changes_t *changes = ctx->data;

    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    tracker_txn_forget(ctx->txn);

    changes->waiter.watcher.rev = changes->rev;

    switch (ngx_http_tracker_await_change(r, &changes->waiter, tlcf->waiting)) {

    case NGX_OK:
        ngx_http_tracker_wait(r, ctx, ngx_http_tracker_changes_waited);
        r->connection->log->action = "waiting for changes";
        return;

    case NGX_DECLINED:
        ngx_http_tracker_fail(r, ctx, NGX_HTTP_TRACKER_MANY_WAITING);
        return;

    default:
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
    }
}


static void
ngx_http_tracker_wake(ngx_http_tracker_waiter_t *waiter)
{
    ngx_http_tracker_resume(waiter->ctx);
}


static void
ngx_http_tracker_changes_waited(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_changes_t *changes = ctx->data;

    if (!changes->waiter.over) {

        /* tracker_timeout is not for the time that it has waited */

        ctx->start = ngx_current_msec;

        ngx_http_tracker_read_changes(r, ctx);
        return;
    }

    /* as it was read: nothing has come */

    ctx->txn->page.n = 0;
    ctx->txn->page.more = 0;
    ctx->txn->page.tag = changes->since;

    ngx_http_tracker_answer_changes(r, ctx);
}


static void
ngx_http_tracker_answer_changes(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (ngx_http_tracker_reserve(r, ctx,
                                 ngx_http_tracker_changes_size(&ctx->txn->page))
        != NGX_OK)
    {
        return;
    }

    if (ngx_http_tracker_render_changes(r, ctx) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    tracker_txn_forget(ctx->txn);

    /* a client that asks again needs another worker */

    if (ngx_exiting) {
        r->keepalive = 0;
    }

    ctx->outcome = TRACKER_OUTCOME_FOUND;

    ngx_http_tracker_finish(r, ctx);
}


static ngx_int_t
ngx_http_tracker_render_changes(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    u_char          *p;
    size_t           i;
    tracker_page_t  *page;

    page = &ctx->txn->page;

    p = ngx_pnalloc(r->pool, ngx_http_tracker_changes_size(page));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->answer.data = p;

    p = ngx_cpymem(p, "{\"changes\":[", sizeof("{\"changes\":[") - 1);

    for (i = 0; i < page->n; i++) {

        if (i) {
            *p++ = ',';
        }

        p = ngx_http_tracker_write_change(p, &page->logged[i]);
    }

    p = ngx_sprintf(p, "],\"rev\":\"%V\",\"more\":%s}", &page->tag,
                    page->more ? "true" : "false");

    ctx->answer.len = p - ctx->answer.data;

    return NGX_OK;
}


/* bytes of the answer, at most */

static size_t
ngx_http_tracker_changes_size(tracker_page_t *page)
{
    size_t             i, size;
    tracker_logged_t  *logged;

    size = sizeof("{\"changes\":[],\"rev\":\"\",\"more\":false}")
           + page->tag.len;

    for (i = 0; i < page->n; i++) {
        logged = &page->logged[i];
        size += NGX_HTTP_TRACKER_CHANGE_LEN + logged->tag.len
                + logged->record.len;
    }

    return size;
}


static u_char *
ngx_http_tracker_write_change(u_char *p, tracker_logged_t *logged)
{
    p = ngx_sprintf(p, "{\"rev\":\"%V\",\"type\":\"%s\",\"id\":\"%V\","
                       "\"at\":\"%V\"",
                    &logged->tag, ngx_http_tracker_logged_names[logged->what],
                    &logged->id, &logged->time);

    if (logged->record.len) {
        p = ngx_cpymem(p, ",\"tracker\":", sizeof(",\"tracker\":") - 1);
        p = ngx_cpymem(p, logged->record.data, logged->record.len);
    }

    *p++ = '}';

    return p;
}
