
/*
 * The accounts that are waited for.  Each has a timer, and at most one command
 * under way.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "store/watch.h"
#include "store/step.h"


/* on the heap, and the bytes of base and key behind it */

struct tracker_watch_s {
    ngx_str_node_t      node;         /* base; first */
    tracker_store_t    *store;
    ngx_queue_t         watchers;     /* the oldest is the first */
    ngx_uint_t          n;            /* of these, and of those that are being
                                         called */
    ngx_event_t         timer;
    ngx_redis_op_t     *op;           /* NULL: none is under way */
    ngx_msec_t          sent;
    ngx_str_t           argv[2];
    unsigned            again:1;      /* a write came after the command */
};


static tracker_watch_t *tracker_watch_find(ngx_redis_t *redis,
    ngx_str_t *base);
static uint32_t tracker_watch_hash(ngx_redis_t *redis, ngx_str_t *base);
static tracker_watch_t *tracker_watch_create(tracker_txn_ctx_t *ctx);
static void tracker_watch_timer(ngx_event_t *ev);
static void tracker_watch_ask(tracker_watch_t *watch);
static void tracker_watch_answered(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static void tracker_watch_call(tracker_watch_t *watch, ngx_str_t *rev);


/* of this worker */

static ngx_rbtree_t       tracker_watches;
static ngx_rbtree_node_t  tracker_watches_sentinel;
static ngx_uint_t         tracker_nwatches;


ngx_int_t
tracker_watch_join(tracker_txn_t *txn, tracker_watcher_t *watcher)
{
    tracker_watch_t    *watch;
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    watch = tracker_watch_find(ctx->store->redis, &ctx->key_base);

    if (watch == NULL) {
        watch = tracker_watch_create(ctx);
        if (watch == NULL) {
            return NGX_ERROR;
        }
    }

    watcher->watch = watch;
    ngx_queue_insert_tail(&watch->watchers, &watcher->queue);
    watch->n++;

    return NGX_OK;
}


static tracker_watch_t *
tracker_watch_find(ngx_redis_t *redis, ngx_str_t *base)
{
    if (tracker_nwatches == 0) {
        return NULL;
    }

    return (tracker_watch_t *)
           ngx_str_rbtree_lookup(&tracker_watches, base,
                                 tracker_watch_hash(redis, base));
}


/* the same base on two servers has two places */

static uint32_t
tracker_watch_hash(ngx_redis_t *redis, ngx_str_t *base)
{
    return ngx_murmur_hash2(base->data, base->len)
           ^ (uint32_t) ((uintptr_t) redis / sizeof(void *));
}


static tracker_watch_t *
tracker_watch_create(tracker_txn_ctx_t *ctx)
{
    u_char           *p;
    size_t            len;
    tracker_watch_t  *watch;

    len = ctx->key_base.len;

    watch = ngx_calloc(sizeof(tracker_watch_t) + 2 * len
                       + sizeof(TRACKER_KEY_REV), ngx_cycle->log);
    if (watch == NULL) {
        return NULL;
    }

    p = (u_char *) (watch + 1);

    watch->node.str.len = len;
    watch->node.str.data = p;
    p = ngx_cpymem(p, ctx->key_base.data, len);

    ngx_str_set(&watch->argv[0], "GET");
    watch->argv[1].len = len + sizeof(TRACKER_KEY_REV) - 1;
    watch->argv[1].data = p;
    p = ngx_cpymem(p, ctx->key_base.data, len);
    ngx_memcpy(p, TRACKER_KEY_REV, sizeof(TRACKER_KEY_REV) - 1);

    watch->store = ctx->store;
    ngx_queue_init(&watch->watchers);

    watch->timer.handler = tracker_watch_timer;
    watch->timer.data = watch;
    watch->timer.log = ngx_cycle->log;
    watch->timer.cancelable = 1;

    if (tracker_watches.root == NULL) {
        ngx_rbtree_init(&tracker_watches, &tracker_watches_sentinel,
                        ngx_str_rbtree_insert_value);
    }

    watch->node.node.key = tracker_watch_hash(ctx->store->redis,
                                              &ctx->key_base);
    ngx_rbtree_insert(&tracker_watches, &watch->node.node);
    tracker_nwatches++;

    ngx_add_timer(&watch->timer, TRACKER_WATCH_INTERVAL);

    return watch;
}


void
tracker_watch_leave(tracker_watcher_t *watcher)
{
    tracker_watch_t  *watch;

    watch = watcher->watch;

    if (watch == NULL) {
        return;
    }

    watcher->watch = NULL;
    ngx_queue_remove(&watcher->queue);

    if (--watch->n) {
        return;
    }

    if (watch->op) {
        (void) ngx_redis_cancel(watch->op);
    }

    if (watch->timer.timer_set) {
        ngx_del_timer(&watch->timer);
    }

    ngx_rbtree_delete(&tracker_watches, &watch->node.node);
    tracker_nwatches--;

    ngx_free(watch);
}


tracker_watcher_t *
tracker_watch_surplus(tracker_watcher_t *watcher, ngx_uint_t most)
{
    ngx_queue_t      *q;
    tracker_watch_t  *watch;

    watch = watcher->watch;

    if (watch->n <= most) {
        return NULL;
    }

    q = ngx_queue_head(&watch->watchers);

    return ngx_queue_data(q, tracker_watcher_t, queue);
}


void
tracker_watch_written(ngx_redis_t *redis, ngx_str_t *base)
{
    tracker_watch_t  *watch;

    watch = tracker_watch_find(redis, base);

    if (watch == NULL) {
        return;
    }

    if (watch->op) {

        /* it may have been executed before the write */

        watch->again = 1;
        return;
    }

    tracker_watch_ask(watch);
}


static void
tracker_watch_timer(ngx_event_t *ev)
{
    tracker_watch_ask(ev->data);
}


static void
tracker_watch_ask(tracker_watch_t *watch)
{
    ngx_redis_command_t  cmd;

    ngx_memzero(&cmd, sizeof(ngx_redis_command_t));

    cmd.flow = watch->node.str;
    cmd.key = watch->node.str;
    cmd.argc = 2;
    cmd.argv = watch->argv;
    cmd.timeout = watch->store->redis_timeout;
    cmd.failover = watch->store->failover;
    cmd.deadline = ngx_current_msec + watch->store->redis_timeout;
    cmd.action = "watching";
    cmd.read = 1;

    watch->again = 0;
    watch->sent = ngx_current_msec;
    watch->op = ngx_redis_submit(watch->store->redis, &cmd,
                                 tracker_watch_answered, watch);

    if (watch->op == NULL) {
        ngx_add_timer(&watch->timer, TRACKER_WATCH_INTERVAL);

    } else if (watch->timer.timer_set) {
        ngx_del_timer(&watch->timer);
    }
}


/* what fails is asked again */

static void
tracker_watch_answered(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_watch_t *watch = data;

    ngx_str_t  rev;

    watch->op = NULL;
    watch->store->reports->waited(TRACKER_STEP_REVISION,
                                  ngx_current_msec - watch->sent);

    if (watch->again && status == NGX_REDIS_OK) {
        tracker_watch_ask(watch);

    } else {
        ngx_add_timer(&watch->timer, TRACKER_WATCH_INTERVAL);
    }

    if (status != NGX_REDIS_OK) {
        return;
    }

    if (reply->type == NGX_REDIS_NIL) {
        ngx_str_set(&rev, "0");

    } else if (reply->type == NGX_REDIS_STRING) {
        rev = reply->str;

    } else {
        return;
    }

    tracker_watch_call(watch, &rev);
}


/*
 * A handler may make others leave, as that of a stream does which closes its
 * connection; with the last one watch is freed.
 */

static void
tracker_watch_call(tracker_watch_t *watch, ngx_str_t *rev)
{
    ngx_queue_t         woken, *q, *next;
    tracker_watcher_t  *watcher;

    ngx_queue_init(&woken);

    for (q = ngx_queue_head(&watch->watchers);
         q != ngx_queue_sentinel(&watch->watchers);
         q = next)
    {
        next = ngx_queue_next(q);
        watcher = ngx_queue_data(q, tracker_watcher_t, queue);

        if (watcher->rev.len != rev->len
            || ngx_memcmp(watcher->rev.data, rev->data, rev->len) != 0)
        {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&woken, q);
        }
    }

    while (!ngx_queue_empty(&woken)) {
        q = ngx_queue_head(&woken);
        watcher = ngx_queue_data(q, tracker_watcher_t, queue);

        tracker_watch_leave(watcher);
        watcher->handler(watcher);
    }
}
