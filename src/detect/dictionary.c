
/*
 * A load reads the account's trackers stretch by stretch, all of one revision,
 * decodes them and compiles the dictionary, in turns.  It belongs to nobody:
 * those that wait for it may go.
 */


#include "detect/dictionary.h"
#include "json/record.h"
#include "store/load.h"


/* the budget of a turn, in nanoseconds */
#define DETECT_TURN          (128 * 1024)

/* what decoding and copying a phrase costs besides its bytes, in nanoseconds */
#define DETECT_COST_PHRASE   30

/* records that are decoded with the same memory */
#define DETECT_LOAD_POOL     16384

/*
 * How long a stretch may become while the trackers change between two of them:
 * 4 MB hold those of nearly all accounts
 */
#define DETECT_LOAD_TIMES    16


typedef void (*detect_load_step_pt)(detect_load_t *load);


struct detect_load_s {
    ngx_str_node_t           node;
    ngx_queue_t              waits;
    tracker_store_t         *store;
    ngx_uint_t               similar;
    detect_limits_t         *limits;
    uint64_t                 number;      /* of this worker, from 1 on */
    tracker_txn_t           *txn;
    detect_dictionary_t     *dictionary;
    ngx_str_t                cursor;
    ngx_uint_t               times;       /* see tracker_txn_load() */
    ngx_msec_t               start;       /* ngx_current_msec */
    ngx_event_t              event;       /* of the next turn */
    detect_load_step_pt      step;
    size_t                   budget;      /* of this turn */
    u_char                  *p;           /* in the stretch */
    size_t                   found;       /* phrases */
};


static ngx_int_t detect_make_key(ngx_str_t *key, const detect_name_t *name);
static void detect_init(void);
static detect_load_t *detect_load_create(const detect_name_t *name,
    detect_limits_t *limits);
static detect_dictionary_t *detect_dictionary_create(ngx_str_t *key);
static ngx_int_t detect_load_list(detect_load_t *load);
static void detect_load_listed(tracker_txn_t *txn);
static tracker_outcome_e detect_load_revision(detect_load_t *load);
static void detect_load_turn(ngx_event_t *ev);
static ngx_uint_t detect_load_yield(detect_load_t *load,
    detect_load_step_pt step);
static void detect_load_decode(detect_load_t *load);
static ngx_int_t detect_load_record(detect_load_t *load, ngx_pool_t *pool,
    u_char *data, size_t len);
static void *detect_load_alloc(void *data, size_t size);
static void detect_load_compile(detect_load_t *load);
static void detect_load_end(detect_load_t *load, tracker_outcome_e outcome);
static void detect_load_free(detect_load_t *load);
static void detect_cache_insert(detect_dictionary_t *dictionary, size_t limit);
static void detect_cache_remove(detect_dictionary_t *dictionary);


/* of this worker */

static ngx_rbtree_t       detect_dictionaries;
static ngx_rbtree_node_t  detect_dictionaries_sentinel;
static ngx_queue_t        detect_queue;
static size_t             detect_size;
static ngx_rbtree_t       detect_loads;
static ngx_rbtree_node_t  detect_loads_sentinel;
static uint64_t           detect_begun;
static uint64_t           detect_key[2];


detect_dictionary_t *
detect_dictionary_get(const detect_name_t *name)
{
    ngx_str_t             key;
    detect_dictionary_t  *dictionary;

    if (detect_dictionaries.root == NULL
        || detect_make_key(&key, name) != NGX_OK)
    {
        return NULL;
    }

    dictionary = (detect_dictionary_t *)
                 ngx_str_rbtree_lookup(&detect_dictionaries, &key,
                                       ngx_murmur_hash2(key.data, key.len));

    ngx_free(key.data);

    if (dictionary) {
        ngx_queue_remove(&dictionary->queue);
        ngx_queue_insert_head(&detect_queue, &dictionary->queue);

        dictionary->refs++;
    }

    return dictionary;
}


/* what tells accounts of all locations apart, allocated */

static ngx_int_t
detect_make_key(ngx_str_t *key, const detect_name_t *name)
{
    u_char           *p;
    ngx_str_t        *account;
    tracker_store_t  *store;

    store = name->store;
    account = name->account;

    key->len = sizeof(store->redis) + 1 + store->prefix.len + 1
               + account->len;

    p = ngx_alloc(key->len, ngx_cycle->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;

    p = ngx_cpymem(p, &store->redis, sizeof(store->redis));
    *p++ = name->similar ? '1' : '0';
    p = ngx_cpymem(p, store->prefix.data, store->prefix.len);
    *p++ = '\0';
    ngx_memcpy(p, account->data, account->len);

    return NGX_OK;
}


uint64_t
detect_dictionary_loads(void)
{
    return detect_begun;
}


ngx_int_t
detect_dictionary_load(detect_wait_t *wait, const detect_name_t *name,
    detect_limits_t *limits)
{
    ngx_str_t       key;
    detect_load_t  *load;

    detect_init();

    if (detect_make_key(&key, name) != NGX_OK) {
        return NGX_ERROR;
    }

    load = (detect_load_t *)
           ngx_str_rbtree_lookup(&detect_loads, &key,
                                 ngx_murmur_hash2(key.data, key.len));

    ngx_free(key.data);

    if (load == NULL) {
        load = detect_load_create(name, limits);
        if (load == NULL) {
            return NGX_ERROR;
        }
    }

    wait->load = load;
    wait->fresh = (load->number > wait->since);
    wait->queued = 1;
    wait->dictionary = NULL;

    ngx_queue_insert_tail(&load->waits, &wait->queue);

    return NGX_OK;
}


static void
detect_init(void)
{
    if (detect_loads.root) {
        return;
    }

    ngx_rbtree_init(&detect_dictionaries, &detect_dictionaries_sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&detect_loads, &detect_loads_sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&detect_queue);
}


static detect_load_t *
detect_load_create(const detect_name_t *name, detect_limits_t *limits)
{
    detect_load_t  *load;

    if (detect_key[0] == 0
        && tracker_random(detect_key, sizeof(detect_key)) != NGX_OK)
    {
        return NULL;
    }

    load = ngx_calloc(sizeof(detect_load_t), ngx_cycle->log);
    if (load == NULL) {
        return NULL;
    }

    ngx_queue_init(&load->waits);

    load->store = name->store;
    load->similar = name->similar;
    load->limits = limits;
    load->start = ngx_current_msec;
    load->number = ++detect_begun;
    load->times = 1;

    load->event.handler = detect_load_turn;
    load->event.data = load;
    load->event.log = ngx_cycle->log;

    if (detect_make_key(&load->node.str, name) != NGX_OK) {
        ngx_free(load);
        return NULL;
    }

    load->node.node.key = ngx_murmur_hash2(load->node.str.data,
                                           load->node.str.len);
    ngx_rbtree_insert(&detect_loads, &load->node.node);

    load->dictionary = detect_dictionary_create(&load->node.str);
    load->txn = tracker_txn_begin(name->store, name->account, load->start, 0,
                                  detect_load_listed, load);

    if (load->dictionary == NULL || load->txn == NULL
        || detect_load_list(load) != NGX_OK)
    {
        detect_load_free(load);
        return NULL;
    }

    return load;
}


static detect_dictionary_t *
detect_dictionary_create(ngx_str_t *key)
{
    detect_dictionary_t  *dictionary;

    dictionary = ngx_calloc(sizeof(detect_dictionary_t) + key->len,
                            ngx_cycle->log);
    if (dictionary == NULL) {
        return NULL;
    }

    dictionary->refs = 1;
    dictionary->node.str.len = key->len;
    dictionary->node.str.data = (u_char *) dictionary
                                + sizeof(detect_dictionary_t);
    dictionary->node.node.key = ngx_murmur_hash2(key->data, key->len);

    ngx_memcpy(dictionary->node.str.data, key->data, key->len);

    return dictionary;
}


static ngx_int_t
detect_load_list(detect_load_t *load)
{
    if ((ngx_msec_t) (ngx_current_msec - load->start) > load->store->timeout) {
        return NGX_DECLINED;
    }

    return tracker_txn_load(load->txn, &load->cursor, load->times);
}


static void
detect_load_listed(tracker_txn_t *txn)
{
    detect_load_t *load = txn->data;

    tracker_outcome_e  outcome;

    outcome = txn->outcome;

    if (outcome == TRACKER_OUTCOME_FOUND) {
        outcome = detect_load_revision(load);
    }

    if (outcome) {
        detect_load_end(load, outcome);
        return;
    }

    load->budget = DETECT_TURN;
    load->p = txn->page.records.data;

    detect_load_decode(load);
}


/*
 * A stretch of another revision is the first one of another dictionary: one
 * that is torn would be taken for the new one.  Returns 0 or an outcome.
 */

static tracker_outcome_e
detect_load_revision(detect_load_t *load)
{
    ngx_str_t            *revision;
    detect_dictionary_t  *dictionary;

    dictionary = load->dictionary;
    revision = &load->txn->revision;

    if (dictionary->revision.data == NULL) {

        dictionary->revision.data = ngx_alloc(revision->len, ngx_cycle->log);
        if (dictionary->revision.data == NULL) {
            return TRACKER_OUTCOME_ERROR;
        }

        dictionary->revision.len = revision->len;
        ngx_memcpy(dictionary->revision.data, revision->data, revision->len);

        return 0;
    }

    if (dictionary->revision.len == revision->len
        && ngx_memcmp(dictionary->revision.data, revision->data, revision->len)
           == 0)
    {
        return 0;
    }

    ngx_free(dictionary->revision.data);
    ngx_str_null(&dictionary->revision);

    detect_trackers_free(&dictionary->trackers);
    load->found = 0;
    load->times = ngx_min(2 * load->times, DETECT_LOAD_TIMES);

    /* from the beginning; what has just come is none, perhaps */

    tracker_txn_forget(load->txn);
    load->txn->page.more = 1;
    load->txn->page.cursor.len = 0;

    return 0;
}


static void
detect_load_turn(ngx_event_t *ev)
{
    detect_load_t *load = ev->data;

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    load->budget = DETECT_TURN;

    load->step(load);
}


/* returns 0 while some budget is left; else 1, and step is called later */

static ngx_uint_t
detect_load_yield(detect_load_t *load, detect_load_step_pt step)
{
    if (load->budget) {
        return 0;
    }

    load->step = step;

    /* without a timer an exiting worker would not wait for the next turn */

    ngx_add_timer(&load->event, load->store->timeout);
    ngx_post_event(&load->event, &ngx_posted_next_events);

    return 1;
}


/* the records of a stretch, a line each */

static void
detect_load_decode(detect_load_t *load)
{
    u_char          *line, *end, *last;
    ngx_int_t        rc;
    ngx_pool_t      *pool;
    tracker_page_t  *page;

    page = &load->txn->page;
    last = page->records.data + page->records.len;

    pool = ngx_create_pool(DETECT_LOAD_POOL, ngx_cycle->log);
    if (pool == NULL) {
        detect_load_end(load, TRACKER_OUTCOME_ERROR);
        return;
    }

    rc = NGX_OK;

    while (load->p < last && load->budget && rc == NGX_OK) {
        line = load->p;

        end = ngx_strlchr(line, last, LF);
        end = end ? end : last;

        load->p = end + 1;

        rc = detect_load_record(load, pool, line, end - line);
    }

    ngx_destroy_pool(pool);

    if (rc != NGX_OK) {
        detect_load_end(load, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (detect_load_yield(load, detect_load_decode)) {
        return;
    }

    if (!page->more) {
        detect_load_compile(load);
        return;
    }

    load->cursor = page->cursor;

    switch (detect_load_list(load)) {

    case NGX_OK:
        return;

    case NGX_DECLINED:
        detect_load_end(load, TRACKER_OUTCOME_TIMEOUT);
        return;

    default:
        detect_load_end(load, TRACKER_OUTCOME_ERROR);
        return;
    }
}


/* trackers that are too many are counted only, for the message */

static ngx_int_t
detect_load_record(detect_load_t *load, ngx_pool_t *pool, u_char *data,
    size_t len)
{
    tracker_t             t;
    tracker_arena_t       arena;
    detect_dictionary_t  *dictionary;

    arena.alloc = detect_load_alloc;
    arena.data = pool;

    if (tracker_decode_record((char *) data, len, &arena, &t) != TRACKER_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "tracker: a stored tracker is not what was written");
        return NGX_ERROR;
    }

    load->found += t.vocabulary.n;

    (void) tracker_spend(&load->budget,
                         len + TRACKER_COST
                         + t.vocabulary.n * DETECT_COST_PHRASE);

    if (load->found > load->limits->max_phrases) {
        return NGX_OK;
    }

    dictionary = load->dictionary;

    return detect_trackers_add(&dictionary->trackers, &t) == DETECT_OK
           ? NGX_OK : NGX_ERROR;
}


static void *
detect_load_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


static void
detect_load_compile(detect_load_t *load)
{
    detect_rc_e  rc;

    if (load->found > load->limits->max_phrases) {
        detect_load_end(load, TRACKER_OUTCOME_QUOTA);
        return;
    }

    do {
        if (detect_load_yield(load, detect_load_compile)) {
            return;
        }

        rc = detect_trackers_compile(&load->dictionary->trackers, detect_key,
                                     load->similar, &load->budget);

    } while (rc == DETECT_AGAIN);

    detect_load_end(load, rc == DETECT_OK ? TRACKER_OUTCOME_FOUND
                                          : TRACKER_OUTCOME_ERROR);
}


static void
detect_load_end(detect_load_t *load, tracker_outcome_e outcome)
{
    size_t                found;
    ngx_queue_t           waits, *q;
    detect_wait_t        *wait;
    detect_dictionary_t  *dictionary;

    ngx_queue_init(&waits);

    for (q = ngx_queue_head(&load->waits);
         q != ngx_queue_sentinel(&load->waits);
         q = ngx_queue_next(q))
    {
        wait = ngx_queue_data(q, detect_wait_t, queue);
        wait->load = NULL;
    }

    if (!ngx_queue_empty(&load->waits)) {
        ngx_queue_add(&waits, &load->waits);
        ngx_queue_init(&load->waits);
    }

    found = load->found;
    dictionary = NULL;

    if (outcome == TRACKER_OUTCOME_FOUND) {
        dictionary = load->dictionary;
        load->dictionary = NULL;

        detect_cache_insert(dictionary, load->limits->cache);
    }

    detect_load_free(load);

    /* a handler may cancel other waits, and begin another load */

    while (!ngx_queue_empty(&waits)) {
        wait = ngx_queue_data(ngx_queue_head(&waits), detect_wait_t, queue);

        ngx_queue_remove(&wait->queue);

        wait->queued = 0;
        wait->outcome = outcome;
        wait->found = found;
        wait->dictionary = dictionary;

        if (dictionary) {
            dictionary->refs++;
        }

        wait->handler(wait);
    }

    if (dictionary) {
        detect_dictionary_release(dictionary);
    }
}


static void
detect_load_free(detect_load_t *load)
{
    ngx_rbtree_delete(&detect_loads, &load->node.node);

    if (load->event.posted) {
        ngx_delete_posted_event(&load->event);
    }

    if (load->event.timer_set) {
        ngx_del_timer(&load->event);
    }

    if (load->txn) {
        tracker_txn_close(load->txn);
        tracker_txn_free(load->txn);
    }

    if (load->dictionary) {
        detect_dictionary_release(load->dictionary);
    }

    ngx_free(load->node.str.data);
    ngx_free(load);
}


void
detect_dictionary_cancel(detect_wait_t *wait)
{
    detect_load_t  *load;

    if (!wait->queued) {
        return;
    }

    ngx_queue_remove(&wait->queue);
    wait->queued = 0;

    load = wait->load;
    wait->load = NULL;

    if (load && ngx_queue_empty(&load->waits)) {
        detect_load_free(load);
    }
}


void
detect_dictionary_release(detect_dictionary_t *dictionary)
{
    if (--dictionary->refs) {
        return;
    }

    detect_trackers_free(&dictionary->trackers);

    if (dictionary->revision.data) {
        ngx_free(dictionary->revision.data);
    }

    ngx_free(dictionary);
}


/* in place of the one of another revision; one that is too large is not kept */

static void
detect_cache_insert(detect_dictionary_t *dictionary, size_t limit)
{
    ngx_queue_t          *q;
    detect_dictionary_t  *other;

    other = (detect_dictionary_t *)
            ngx_str_rbtree_lookup(&detect_dictionaries, &dictionary->node.str,
                                  dictionary->node.node.key);
    if (other) {
        detect_cache_remove(other);
    }

    if (dictionary->trackers.size > limit) {
        return;
    }

    while (detect_size > limit - dictionary->trackers.size) {
        q = ngx_queue_last(&detect_queue);
        detect_cache_remove(ngx_queue_data(q, detect_dictionary_t, queue));
    }

    ngx_rbtree_insert(&detect_dictionaries, &dictionary->node.node);
    ngx_queue_insert_head(&detect_queue, &dictionary->queue);

    detect_size += dictionary->trackers.size;

    dictionary->refs++;
}


static void
detect_cache_remove(detect_dictionary_t *dictionary)
{
    ngx_rbtree_delete(&detect_dictionaries, &dictionary->node.node);
    ngx_queue_remove(&dictionary->queue);

    detect_size -= dictionary->trackers.size;

    detect_dictionary_release(dictionary);
}
