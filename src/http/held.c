
/*
 * The memory of answers that a worker holds for clients that read slowly, or
 * not at all (HTTP/2 with a window of 0): an account that has more than its
 * share of it gets no more.  Rule: API.md section 7.
 */


#include "http/held.h"
#include "http/ctx.h"


/*
 * If more bytes are held, an account that holds more than its share, which is
 * this limit divided by the number of accounts that hold any, is refused.
 */
#define NGX_HTTP_TRACKER_MAX_HELD  (32 * 1024 * 1024)

/* sizes below the memory that any request takes are not counted */
#define NGX_HTTP_TRACKER_MIN_HELD  4096


struct ngx_http_tracker_holder_s {
    ngx_str_node_t         node;
    ngx_uint_t             requests;
    size_t                 bytes;
};


static ngx_http_tracker_holder_t *ngx_http_tracker_get_holder(
    ngx_str_t *account);
static void ngx_http_tracker_let_go(void *data);


/* of this worker */

static ngx_rbtree_t       ngx_http_tracker_holders;
static ngx_rbtree_node_t  ngx_http_tracker_holders_sentinel;
static ngx_uint_t         ngx_http_tracker_nholders;
static size_t             ngx_http_tracker_held;


ngx_int_t
ngx_http_tracker_hold(ngx_http_tracker_ctx_t *ctx, size_t size)
{
    size_t                      held, total;
    ngx_pool_cleanup_t         *cln;
    ngx_http_tracker_holder_t  *holder;

    if (ctx->held.holder == NULL) {

        if (size < NGX_HTTP_TRACKER_MIN_HELD) {
            return NGX_OK;
        }

        /* sent parts of an HTTP/2 stream may live as long as its pool */

        cln = ngx_pool_cleanup_add(ctx->request->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        ctx->held.holder = ngx_http_tracker_get_holder(&ctx->identity.account);
        if (ctx->held.holder == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_tracker_let_go;
        cln->data = ctx;
    }

    holder = ctx->held.holder;

    total = ngx_http_tracker_held - ctx->held.bytes + size;
    held = holder->bytes - ctx->held.bytes + size;

    /*
     * One answer may have any size, and a list that was begun goes on; not a
     * stream of lines, which would take up more
     */

    if (total > NGX_HTTP_TRACKER_MAX_HELD
        && held > NGX_HTTP_TRACKER_MAX_HELD / ngx_http_tracker_nholders
        && held > size
        && size > ctx->held.bytes
        && !ctx->held.sure
        && (!ctx->form.sent || ctx->body.lines))
    {
        return NGX_DECLINED;
    }

    ngx_http_tracker_held = total;
    holder->bytes = held;
    ctx->held.bytes = size;

    return NGX_OK;
}


static ngx_http_tracker_holder_t *
ngx_http_tracker_get_holder(ngx_str_t *account)
{
    uint32_t                    hash;
    ngx_http_tracker_holder_t  *holder;

    if (ngx_http_tracker_holders.root == NULL) {
        ngx_rbtree_init(&ngx_http_tracker_holders,
                        &ngx_http_tracker_holders_sentinel,
                        ngx_str_rbtree_insert_value);
    }

    hash = ngx_murmur_hash2(account->data, account->len);

    holder = (ngx_http_tracker_holder_t *)
             ngx_str_rbtree_lookup(&ngx_http_tracker_holders, account, hash);

    if (holder) {
        holder->requests++;
        return holder;
    }

    holder = ngx_alloc(sizeof(ngx_http_tracker_holder_t) + account->len,
                       ngx_cycle->log);
    if (holder == NULL) {
        return NULL;
    }

    holder->requests = 1;
    holder->bytes = 0;

    holder->node.node.key = hash;
    holder->node.str.len = account->len;
    holder->node.str.data = (u_char *) holder
                            + sizeof(ngx_http_tracker_holder_t);

    ngx_memcpy(holder->node.str.data, account->data, account->len);

    ngx_rbtree_insert(&ngx_http_tracker_holders, &holder->node.node);
    ngx_http_tracker_nholders++;

    return holder;
}


static void
ngx_http_tracker_let_go(void *data)
{
    ngx_http_tracker_ctx_t *ctx = data;

    ngx_http_tracker_holder_t  *holder;

    holder = ctx->held.holder;

    ngx_http_tracker_held -= ctx->held.bytes;
    holder->bytes -= ctx->held.bytes;

    if (--holder->requests == 0) {
        ngx_rbtree_delete(&ngx_http_tracker_holders, &holder->node.node);
        ngx_http_tracker_nholders--;

        ngx_free(holder);
    }
}
