
/*
 * Which trackers a stretch of a list had.
 */


#include "store/listed.h"


/* bytes that a worker keeps */
#define TRACKER_LISTED_MAX  (2 * 1024 * 1024)


/* on the heap: base, cursor, rev, score and ids lie behind it */

typedef struct {
    ngx_rbtree_node_t   node;         /* first */
    ngx_queue_t         queue;        /* the last used is the first */
    ngx_redis_t        *redis;
    size_t              size;
    tracker_listed_t    listed;
} tracker_listed_entry_t;


static tracker_listed_entry_t *tracker_listed_lookup(ngx_redis_t *redis,
    tracker_listed_t *asked);
static uint32_t tracker_listed_hash(tracker_listed_t *asked);
static ngx_int_t tracker_listed_cmp(tracker_listed_entry_t *entry,
    ngx_redis_t *redis, tracker_listed_t *asked);
static size_t tracker_listed_size(tracker_listed_t *listed);
static void tracker_listed_copy(tracker_listed_t *to, tracker_listed_t *from,
    u_char *p);
static u_char *tracker_listed_copy_str(ngx_str_t *to, ngx_str_t *from,
    u_char *p);
static void tracker_listed_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static void tracker_listed_free(tracker_listed_entry_t *entry);


/* of this worker */

static ngx_rbtree_t       tracker_listed_tree;
static ngx_rbtree_node_t  tracker_listed_sentinel;
static ngx_queue_t        tracker_listed_queue;
static size_t             tracker_listed_bytes;


tracker_listed_t *
tracker_listed_find(ngx_pool_t *pool, ngx_redis_t *redis,
    tracker_listed_t *asked)
{
    tracker_listed_t        *listed;
    tracker_listed_entry_t  *entry;

    entry = tracker_listed_lookup(redis, asked);
    if (entry == NULL) {
        return NULL;
    }

    ngx_queue_remove(&entry->queue);
    ngx_queue_insert_head(&tracker_listed_queue, &entry->queue);

    listed = ngx_palloc(pool, sizeof(tracker_listed_t) + entry->size);
    if (listed == NULL) {
        return NULL;
    }

    tracker_listed_copy(listed, &entry->listed, (u_char *) (listed + 1));

    return listed;
}


void
tracker_listed_keep(ngx_redis_t *redis, tracker_listed_t *listed)
{
    size_t                   size;
    ngx_queue_t             *q;
    tracker_listed_entry_t  *entry;

    entry = tracker_listed_lookup(redis, listed);

    if (entry) {
        tracker_listed_free(entry);
    }

    if (listed->n == 0) {
        return;
    }

    size = tracker_listed_size(listed);

    entry = ngx_alloc(sizeof(tracker_listed_entry_t) + size, ngx_cycle->log);
    if (entry == NULL) {
        return;
    }

    entry->redis = redis;
    entry->size = size;
    tracker_listed_copy(&entry->listed, listed, (u_char *) (entry + 1));

    entry->node.key = tracker_listed_hash(listed);
    ngx_rbtree_insert(&tracker_listed_tree, &entry->node);
    ngx_queue_insert_head(&tracker_listed_queue, &entry->queue);
    tracker_listed_bytes += sizeof(tracker_listed_entry_t) + size;

    while (tracker_listed_bytes > TRACKER_LISTED_MAX) {
        q = ngx_queue_last(&tracker_listed_queue);
        tracker_listed_free(ngx_queue_data(q, tracker_listed_entry_t, queue));
    }
}


static tracker_listed_entry_t *
tracker_listed_lookup(ngx_redis_t *redis, tracker_listed_t *asked)
{
    uint32_t                 hash;
    ngx_int_t                rc;
    ngx_rbtree_node_t       *node;
    tracker_listed_entry_t  *entry;

    if (tracker_listed_tree.root == NULL) {
        ngx_rbtree_init(&tracker_listed_tree, &tracker_listed_sentinel,
                        tracker_listed_insert);
        ngx_queue_init(&tracker_listed_queue);
    }

    hash = tracker_listed_hash(asked);
    node = tracker_listed_tree.root;

    while (node != &tracker_listed_sentinel) {
        entry = (tracker_listed_entry_t *) node;

        if (hash != node->key) {
            node = hash < node->key ? node->left : node->right;
            continue;
        }

        rc = tracker_listed_cmp(entry, redis, asked);

        if (rc == 0) {
            return entry;
        }

        node = rc < 0 ? node->left : node->right;
    }

    return NULL;
}


static uint32_t
tracker_listed_hash(tracker_listed_t *asked)
{
    return ngx_murmur_hash2(asked->base.data, asked->base.len)
           ^ ngx_murmur_hash2(asked->cursor.data, asked->cursor.len);
}


/* less than, equal to, or greater than 0, as asked is to the entry */

static ngx_int_t
tracker_listed_cmp(tracker_listed_entry_t *entry, ngx_redis_t *redis,
    tracker_listed_t *asked)
{
    ngx_int_t          rc;
    tracker_listed_t  *listed;

    listed = &entry->listed;

    if (redis != entry->redis) {
        return redis < entry->redis ? -1 : 1;
    }

    if (asked->limit != listed->limit) {
        return asked->limit < listed->limit ? -1 : 1;
    }

    rc = ngx_memn2cmp(asked->base.data, listed->base.data, asked->base.len,
                      listed->base.len);

    return rc ? rc : ngx_memn2cmp(asked->cursor.data, listed->cursor.data,
                                  asked->cursor.len, listed->cursor.len);
}


/* bytes behind a tracker_listed_t */

static size_t
tracker_listed_size(tracker_listed_t *listed)
{
    return listed->base.len + listed->cursor.len + listed->rev.len
           + listed->score.len + listed->n * TRACKER_ID_LEN;
}


static void
tracker_listed_copy(tracker_listed_t *to, tracker_listed_t *from, u_char *p)
{
    *to = *from;

    p = tracker_listed_copy_str(&to->base, &from->base, p);
    p = tracker_listed_copy_str(&to->cursor, &from->cursor, p);
    p = tracker_listed_copy_str(&to->rev, &from->rev, p);
    p = tracker_listed_copy_str(&to->score, &from->score, p);

    to->ids = (char *) p;
    ngx_memcpy(p, from->ids, from->n * TRACKER_ID_LEN);
}


static u_char *
tracker_listed_copy_str(ngx_str_t *to, ngx_str_t *from, u_char *p)
{
    to->len = from->len;
    to->data = p;

    return ngx_cpymem(p, from->data, from->len);
}


static void
tracker_listed_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t       **p;
    tracker_listed_entry_t   *new, *entry;

    new = (tracker_listed_entry_t *) node;

    for ( ;; ) {
        entry = (tracker_listed_entry_t *) temp;

        if (node->key != temp->key) {
            p = node->key < temp->key ? &temp->left : &temp->right;

        } else {
            p = tracker_listed_cmp(entry, new->redis, &new->listed) < 0
                ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


static void
tracker_listed_free(tracker_listed_entry_t *entry)
{
    tracker_listed_bytes -= sizeof(tracker_listed_entry_t) + entry->size;

    ngx_queue_remove(&entry->queue);
    ngx_rbtree_delete(&tracker_listed_tree, &entry->node);
    ngx_free(entry);
}
