
/*
 * A stored record, decoded for a while.
 */


#include "http/stored.h"
#include "json/record.h"


/* a small record is decoded in one block */
#define NGX_HTTP_TRACKER_STORED_POOL  4096


ngx_int_t
ngx_http_tracker_open_stored(ngx_http_tracker_ctx_t *ctx,
    const tracker_match_t *match, ngx_http_tracker_stored_t *stored)
{
    ngx_log_t     *log;
    tracker_rc_e   rc;

    log = ctx->request->connection->log;

    stored->pool = ngx_create_pool(NGX_HTTP_TRACKER_STORED_POOL, log);
    if (stored->pool == NULL) {
        return NGX_ERROR;
    }

    ngx_http_tracker_set_arena(&stored->arena, stored->pool);

    rc = tracker_decode_record(match->record.data, match->record.len,
                               &stored->arena, &stored->tracker);
    if (rc == TRACKER_OK) {
        return NGX_OK;
    }

    if (rc == TRACKER_INVALID) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "tracker: stored record of tracker \"%*s\" is invalid",
                      match->id.len, match->id.data);
    }

    ngx_http_tracker_close_stored(stored);

    return NGX_ERROR;
}


void
ngx_http_tracker_close_stored(ngx_http_tracker_stored_t *stored)
{
    ngx_destroy_pool(stored->pool);
    stored->pool = NULL;
}


void
ngx_http_tracker_free_stored(void *data)
{
    ngx_http_tracker_stored_t *stored = data;

    if (stored->pool) {
        ngx_http_tracker_close_stored(stored);
    }
}
