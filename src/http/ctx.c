
/*
 * The context of a request.
 */


#include "http/ctx.h"


static void *ngx_http_tracker_alloc(void *data, size_t size);


ngx_http_tracker_ctx_t *
ngx_http_tracker_get_ctx(ngx_http_request_t *r)
{
    ngx_http_tracker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tracker_module);

    if (ctx == NULL) {
        ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_tracker_ctx_t));
        if (ctx == NULL) {
            return NULL;
        }

        ctx->request = r;
        ngx_http_set_ctx(r, ctx, ngx_http_tracker_module);
    }

    return ctx;
}


void
ngx_http_tracker_set_arena(tracker_arena_t *arena, ngx_pool_t *pool)
{
    arena->alloc = ngx_http_tracker_alloc;
    arena->data = pool;
}


static void *
ngx_http_tracker_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}
