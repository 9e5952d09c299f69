
/*
 * A write from its headers to its lock and its whole body, decoded.
 */


#include "http/write.h"
#include "http/request.h"
#include "http/response.h"
#include "store/write.h"


static void ngx_http_tracker_start_body(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_write_t *write);
static void ngx_http_tracker_accept(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_takes_along(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_locked(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_accepted(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_received(ngx_http_request_t *r, ngx_int_t rc);
static void ngx_http_tracker_decoding(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_decode(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static tracker_rc_e ngx_http_tracker_decode_body(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_message_t *message);
static tracker_decode_t *ngx_http_tracker_decode_start(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


void
ngx_http_tracker_start_write(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t size, ngx_http_tracker_step_pt next)
{
    ngx_http_tracker_write_t  *write;

    write = ngx_pcalloc(r->pool, size);
    if (write == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    write->next = next;
    write->decoder = ngx_http_tracker_decode_body;

    ngx_http_tracker_start_body(r, ctx, write);
}


void
ngx_http_tracker_start_post(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_write_t *write)
{
    write->unlocked = 1;

    if (write->decoder == NULL) {
        write->decoder = ngx_http_tracker_decode_body;
    }

    ngx_http_tracker_start_body(r, ctx, write);
}


/*
 * What came along with the headers is decoded before the lock: a small request
 * that is invalid costs Redis nothing.  A client that waits for "100 Continue"
 * gets it only after the lock was taken.
 */

static void
ngx_http_tracker_start_body(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_write_t *write)
{
    ngx_int_t  rc;

    ctx->data = write;
    ngx_http_tracker_set_arena(&write->arena, r->pool);

    if (r->headers_in.expect == NULL) {

        rc = ngx_http_tracker_body_read(r, &ctx->body);

        if (rc != NGX_OK && rc != NGX_AGAIN) {
            ngx_http_tracker_fail_body(r, ctx, rc);
            return;
        }

        (void) tracker_spend(&ctx->budget,
                             ctx->body.data.len - ctx->body.before);

        if (rc == NGX_OK && ngx_http_tracker_decode(r, ctx) != NGX_OK) {
            ngx_http_tracker_refuse(r, ctx);
            return;
        }
    }

    ngx_http_tracker_accept(r, ctx);
}


static void
ngx_http_tracker_accept(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_write_t *write = ctx->data;

    size_t                        size;
    ngx_http_tracker_loc_conf_t  *tlcf;

    if (write->unlocked) {
        ngx_http_tracker_accepted(r, ctx);
        return;
    }

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (r->method == NGX_HTTP_PATCH) {

        /* the body does not tell the record's size */
        size = NGX_REDIS_SIZE_UNKNOWN;

    } else if (ctx->body.complete) {
        size = ctx->body.data.len;

    } else {
        size = r->headers_in.chunked
               ? NGX_REDIS_SIZE_UNKNOWN
               : (size_t) r->headers_in.content_length_n;
    }

    if (ngx_http_tracker_begin_txn(r, ctx, size) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (!tlcf->store.lock) {
        ngx_http_tracker_accepted(r, ctx);
        return;
    }

    if (tracker_txn_claim(ctx->txn) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_LOCKED);
        return;
    }

    if (ngx_http_tracker_takes_along(r, ctx)) {

        if (tracker_txn_lock_along(ctx->txn) != NGX_OK) {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
            return;
        }

        ngx_http_tracker_accepted(r, ctx);
        return;
    }

    if (tracker_txn_lock(ctx->txn) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_locked);
}


/*
 * 1 if the lock can wait for the verb's first command: no more is read and
 * decoded under it, and that command may be sent even if it is refused
 */

static ngx_uint_t
ngx_http_tracker_takes_along(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_write_t *write = ctx->data;

    if (!write->decoded
        || ctx->outcome == NGX_HTTP_TRACKER_REPEATED
        || ctx->form.policy)
    {
        return 0;
    }

    return r->method != NGX_HTTP_POST
           || tracker_txn_is_small(ctx->set.n, ctx->body.data.len);
}


static void
ngx_http_tracker_locked(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ctx->txn->outcome == 0) {
        ngx_http_tracker_accepted(r, ctx);
        return;
    }

    ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
}


/* the lock is taken, or goes along with what follows, or none is used */

static void
ngx_http_tracker_accepted(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_loc_conf_t  *tlcf;

    if (ctx->body.complete) {
        ngx_http_tracker_decoding(r, ctx);
        return;
    }

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    ngx_http_tracker_body_receive(r, &ctx->body,
                                  ctx->start + tlcf->store.timeout,
                                  ngx_http_tracker_received);
}


static void
ngx_http_tracker_received(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (rc != NGX_OK) {
        ngx_http_tracker_fail_body(r, ctx, rc);
        return;
    }

    ctx->budget = NGX_HTTP_TRACKER_BUDGET;

    (void) tracker_spend(&ctx->budget,
                         ctx->body.data.len - ctx->body.before);

    ngx_http_tracker_decoding(r, ctx);
}


/* the same, and the body is complete */

static void
ngx_http_tracker_decoding(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_write_t *write = ctx->data;

    while (!write->decoded) {

        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_decoding)) {
            return;
        }

        if (ngx_http_tracker_decode(r, ctx) != NGX_OK) {
            ngx_http_tracker_refuse(r, ctx);
            return;
        }
    }

    if (ctx->outcome == NGX_HTTP_TRACKER_REPEATED) {
        ngx_http_tracker_refuse(r, ctx);
        return;
    }

    write->next(r, ctx);
}


/*
 * Decodes as much as the budget allows; at the end write->decoded is 1.
 * Returns NGX_OK; or NGX_ABORT, an error is set.  A 409 is set with NGX_OK: it
 * is answered only after the lock was taken.
 */

static ngx_int_t
ngx_http_tracker_decode(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_write_t *write = ctx->data;

    ngx_uint_t         outcome;
    tracker_message_t  message;

    if (ctx->body.data.len == 0) {
        outcome = NGX_HTTP_TRACKER_NO_BODY;
        goto failed;
    }

    /* the body, what is decoded of it, and the answer */

    switch (ngx_http_tracker_hold(ctx, 3 * ctx->body.data.len)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        outcome = TRACKER_OUTCOME_CROWDED;
        goto failed;

    default:
        outcome = TRACKER_OUTCOME_ERROR;
        goto failed;
    }

    switch (write->decoder(r, ctx, &message)) {

    case TRACKER_OK:
        write->decoded = 1;
        return NGX_OK;

    case TRACKER_AGAIN:
        return NGX_OK;

    case TRACKER_REPEATED:
        write->decoded = 1;
        ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_REPEATED, &message);
        return ctx->outcome == NGX_HTTP_TRACKER_REPEATED ? NGX_OK : NGX_ABORT;

    case TRACKER_INVALID:
        ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_INVALID, &message);
        return NGX_ABORT;

    default: /* TRACKER_NOMEM */
        outcome = TRACKER_OUTCOME_ERROR;
        break;
    }

failed:

    ngx_http_tracker_set_error(ctx, outcome, NULL);

    return NGX_ABORT;
}


static tracker_rc_e
ngx_http_tracker_decode_body(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_message_t *message)
{
    ngx_http_tracker_write_t *write = ctx->data;

    char                         *data;
    size_t                        len;
    tracker_str_t                 id;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    data = (char *) ctx->body.data.data;
    len = ctx->body.data.len;

    id.len = ctx->id.len;
    id.data = (char *) ctx->id.data;

    if (ctx->form.merge) {
        return tracker_decode_merge(data, len, &id, &write->arena,
                                    &write->merge, message);
    }

    if (r->method == NGX_HTTP_PATCH) {
        return tracker_decode_patch(data, len, &write->arena, &write->patch,
                                    message);
    }

    if (write->decode == NULL) {
        write->decode = ctx->report || ctx->form.ndjson
                        ? ngx_http_tracker_decode_start(r, ctx)
                        : tracker_decode_start(data, len, ctx->endpoint->shape,
                                               r->method == NGX_HTTP_PUT
                                               ? &id : NULL,
                                               &tlcf->limits, &write->arena,
                                               &ctx->set);
        if (write->decode == NULL) {
            return TRACKER_NOMEM;
        }
    }

    return tracker_decode_run(write->decode, &ctx->budget, message);
}


/* lines, or the body of an import; NULL: no memory */

static tracker_decode_t *
ngx_http_tracker_decode_start(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_write_t *write = ctx->data;

    char                         *data;
    size_t                        len;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    data = (char *) ctx->body.data.data;
    len = ctx->body.data.len;

    if (ctx->report == NULL) {
        ctx->report = ngx_palloc(r->pool, sizeof(tracker_report_t));
        if (ctx->report == NULL) {
            return NULL;
        }
    }

    if (ctx->form.ndjson) {
        return tracker_decode_lines_start(data, len, ctx->form.rest,
                                          &tlcf->limits, &write->arena,
                                          &ctx->set, ctx->report);
    }

    return tracker_decode_import_start(data, len,
                                       ctx->form.rest ? TRACKER_JSON_ARRAY
                                                      : ctx->endpoint->shape,
                                       &tlcf->limits, &write->arena,
                                       &ctx->set, ctx->report);
}
