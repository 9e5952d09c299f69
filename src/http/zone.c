
/*
 * The slots of the workers.
 *
 * Nothing is locked to count.  The mutex of the zone is held while a worker
 * comes or goes, and while all is read, so that what a worker has counted is
 * either in its slot or among that of those who have ended, never in both.
 * Words are read while their worker writes them: each is the old or the new
 * value.
 */


#include "http/zone.h"


/* workers at a time, those of older configurations included */
#define NGX_HTTP_TRACKER_SLOTS      256

/* bytes: longer names are cut off */
#define NGX_HTTP_TRACKER_NAME_SIZE  128


typedef struct {
    size_t                      len;      /* 0: free */
    u_char                      data[NGX_HTTP_TRACKER_NAME_SIZE];
} ngx_http_tracker_place_t;


/* whose slot it is */

typedef struct {
    ngx_pid_t                   pid;      /* 0: free */
    ngx_uint_t                  worker;   /* its number */
    ngx_uint_t                  generation;  /* of its configuration */
} ngx_http_tracker_owner_t;


/*
 * The tallies stand apart from their owners: those of free slots are not
 * looked at, so that their memory is not there before it is used
 */

typedef struct {
    ngx_uint_t                  generation;  /* of the newest configuration */
    time_t                      start;
    ngx_http_tracker_place_t    servers[NGX_HTTP_TRACKER_SERVERS];
    ngx_http_tracker_place_t    keys[NGX_HTTP_TRACKER_KEYS];
    ngx_http_tracker_counts_t   ended;    /* of workers that have ended */
    ngx_http_tracker_owner_t    owners[NGX_HTTP_TRACKER_SLOTS];
    ngx_http_tracker_tally_t    tallies[NGX_HTTP_TRACKER_SLOTS];
} ngx_http_tracker_shared_t;


static ngx_uint_t ngx_http_tracker_zone_is_full(
    ngx_http_tracker_main_conf_t *tmcf);
static ngx_int_t ngx_http_tracker_zone_init(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_http_tracker_zone_create(
    ngx_http_tracker_main_conf_t *tmcf);
static void ngx_http_tracker_find_places(ngx_http_tracker_main_conf_t *tmcf,
    ngx_log_t *log);
static ngx_uint_t ngx_http_tracker_find_place(ngx_http_tracker_place_t *places,
    ngx_uint_t n, ngx_str_t *name);
static ngx_http_tracker_tally_t *ngx_http_tracker_take_slot(
    ngx_http_tracker_main_conf_t *tmcf);
static void ngx_http_tracker_end_slot(ngx_http_tracker_shared_t *shared,
    ngx_uint_t i);
static void ngx_http_tracker_add_counts(ngx_http_tracker_counts_t *to,
    ngx_http_tracker_counts_t *from);
static void ngx_http_tracker_add_gauges(ngx_http_tracker_gauges_t *to,
    ngx_http_tracker_gauges_t *from);
static void ngx_http_tracker_add_server(ngx_redis_gauges_t *to,
    ngx_redis_gauges_t *from);
static ngx_uint_t ngx_http_tracker_has_ended(ngx_http_tracker_owner_t *owner);
static ngx_int_t ngx_http_tracker_copy_places(ngx_pool_t *pool,
    ngx_http_tracker_place_t *places, ngx_uint_t n, ngx_str_t *names);
static ngx_shmtx_t *ngx_http_tracker_zone_mutex(ngx_shm_zone_t *zone);


ngx_int_t
ngx_http_tracker_zone_add(ngx_conf_t *cf)
{
    size_t                         size;
    ngx_http_tracker_main_conf_t  *tmcf;

    static ngx_str_t  name = ngx_string("tracker_status");

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tracker_module);

    if (tmcf->zone) {
        return NGX_OK;
    }

    /* always the same size: another one would begin anew at a reload */

    size = sizeof(ngx_http_tracker_shared_t);
    size = ngx_align(size + size / 64 + 8 * ngx_pagesize, ngx_pagesize);

    tmcf->zone = ngx_shared_memory_add(cf, &name, size,
                                       &ngx_http_tracker_module);
    if (tmcf->zone == NULL) {
        return NGX_ERROR;
    }

    tmcf->zone->init = ngx_http_tracker_zone_init;
    tmcf->zone->data = tmcf;

    return NGX_OK;
}


void
ngx_http_tracker_zone_check(ngx_conf_t *cf)
{
    ngx_http_tracker_main_conf_t  *tmcf;

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tracker_module);

    if (ngx_http_tracker_zone_is_full(tmcf)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"tracker_status\" has room for %d servers and %d "
                           "keys, others are not counted",
                           NGX_HTTP_TRACKER_SERVERS, NGX_HTTP_TRACKER_KEYS);
    }
}


static ngx_uint_t
ngx_http_tracker_zone_is_full(ngx_http_tracker_main_conf_t *tmcf)
{
    return tmcf->server_names.nelts > NGX_HTTP_TRACKER_SERVERS
           || tmcf->key_names.nelts > NGX_HTTP_TRACKER_KEYS;
}


/* in the master; data is that of the configuration before, or NULL */

static ngx_int_t
ngx_http_tracker_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_tracker_main_conf_t *old = data;

    ngx_http_tracker_main_conf_t  *tmcf;
    ngx_http_tracker_shared_t     *shared;

    tmcf = zone->data;

    if (old) {
        tmcf->shared = old->shared;

    } else if (ngx_http_tracker_zone_create(tmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    shared = tmcf->shared;
    tmcf->generation = ++shared->generation;

    ngx_http_tracker_find_places(tmcf, zone->shm.log);

    return NGX_OK;
}


/* nothing is cleared: the memory is new, and all zero */

static ngx_int_t
ngx_http_tracker_zone_create(ngx_http_tracker_main_conf_t *tmcf)
{
    ngx_slab_pool_t            *pool;
    ngx_http_tracker_shared_t  *shared;

    pool = (ngx_slab_pool_t *) tmcf->zone->shm.addr;

    shared = ngx_slab_alloc(pool, sizeof(ngx_http_tracker_shared_t));
    if (shared == NULL) {
        return NGX_ERROR;
    }

#if (NGX_DEBUG_MALLOC)
    ngx_memzero(shared, sizeof(ngx_http_tracker_shared_t));
#endif

    shared->start = ngx_time();

    tmcf->shared = shared;

    return NGX_OK;
}


/* names keep their places; those of older configurations too */

static void
ngx_http_tracker_find_places(ngx_http_tracker_main_conf_t *tmcf,
    ngx_log_t *log)
{
    ngx_uint_t                  i, full;
    ngx_http_tracker_name_t    *name;
    ngx_http_tracker_shared_t  *shared;

    shared = tmcf->shared;
    full = 0;

    name = tmcf->server_names.elts;

    for (i = 0; i < tmcf->server_names.nelts; i++) {
        name[i].place = ngx_http_tracker_find_place(shared->servers,
                                                    NGX_HTTP_TRACKER_SERVERS,
                                                    &name[i].text);
        full |= (name[i].place == NGX_HTTP_TRACKER_NO_PLACE);
    }

    name = tmcf->key_names.elts;

    for (i = 0; i < tmcf->key_names.nelts; i++) {
        name[i].place = ngx_http_tracker_find_place(shared->keys,
                                                    NGX_HTTP_TRACKER_KEYS,
                                                    &name[i].text);
        full |= (name[i].place == NGX_HTTP_TRACKER_NO_PLACE);
    }

    if (full && !ngx_http_tracker_zone_is_full(tmcf)) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "\"tracker_status\" has no room left for new servers or "
                      "keys, they are counted when nginx is started anew");
    }
}


static ngx_uint_t
ngx_http_tracker_find_place(ngx_http_tracker_place_t *places, ngx_uint_t n,
    ngx_str_t *name)
{
    size_t      len;
    ngx_uint_t  i;

    len = ngx_min(name->len, NGX_HTTP_TRACKER_NAME_SIZE);

    for (i = 0; i < n; i++) {

        if (places[i].len == 0) {
            ngx_memcpy(places[i].data, name->data, len);
            places[i].len = len;
            return i;
        }

        if (places[i].len == len
            && ngx_memcmp(places[i].data, name->data, len) == 0)
        {
            return i;
        }
    }

    return NGX_HTTP_TRACKER_NO_PLACE;
}


void
ngx_http_tracker_zone_join(ngx_http_tracker_main_conf_t *tmcf, ngx_log_t *log)
{
    ngx_uint_t                  i;
    ngx_redis_t               **server;
    ngx_http_tracker_name_t    *name;
    ngx_http_tracker_tally_t   *tally;

    if (tmcf->zone == NULL) {
        return;
    }

    tally = ngx_http_tracker_take_slot(tmcf);

    if (tally == NULL) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "tracker: \"tracker_status\" has room for %d workers, "
                      "this one is not counted", NGX_HTTP_TRACKER_SLOTS);
        return;
    }

    ngx_http_tracker_tally = tally;

    server = tmcf->servers.elts;
    name = tmcf->server_names.elts;

    for (i = 0; i < tmcf->servers.nelts; i++) {

        if (name[i].place != NGX_HTTP_TRACKER_NO_PLACE) {
            ngx_redis_count(server[i], &tally->counts.servers[name[i].place],
                            &tally->gauges.servers[name[i].place]);
        }
    }
}


/* a free slot; the worker that this one replaces may have been killed */

static ngx_http_tracker_tally_t *
ngx_http_tracker_take_slot(ngx_http_tracker_main_conf_t *tmcf)
{
    ngx_uint_t                  i, found;
    ngx_shmtx_t                *mutex;
    ngx_http_tracker_owner_t   *owner;
    ngx_http_tracker_shared_t  *shared;

    mutex = ngx_http_tracker_zone_mutex(tmcf->zone);
    shared = tmcf->shared;
    found = NGX_HTTP_TRACKER_SLOTS;

    ngx_shmtx_lock(mutex);

    for (i = 0; i < NGX_HTTP_TRACKER_SLOTS; i++) {
        owner = &shared->owners[i];

        if (owner->pid
            && ((owner->generation == tmcf->generation
                 && owner->worker == ngx_worker)
                || ngx_http_tracker_has_ended(owner)))
        {
            ngx_http_tracker_end_slot(shared, i);
        }

        if (owner->pid == 0 && found == NGX_HTTP_TRACKER_SLOTS) {
            found = i;
        }
    }

    if (found < NGX_HTTP_TRACKER_SLOTS) {
        owner = &shared->owners[found];

        owner->pid = ngx_pid;
        owner->worker = ngx_worker;
        owner->generation = tmcf->generation;
    }

    ngx_shmtx_unlock(mutex);

    return found < NGX_HTTP_TRACKER_SLOTS ? &shared->tallies[found] : NULL;
}


static ngx_uint_t
ngx_http_tracker_has_ended(ngx_http_tracker_owner_t *owner)
{
    return kill(owner->pid, 0) == -1 && ngx_errno == NGX_ESRCH;
}


static void
ngx_http_tracker_end_slot(ngx_http_tracker_shared_t *shared,
    ngx_uint_t i)
{
    ngx_http_tracker_add_counts(&shared->ended, &shared->tallies[i].counts);

    ngx_memzero(&shared->owners[i], sizeof(ngx_http_tracker_owner_t));
    ngx_memzero(&shared->tallies[i], sizeof(ngx_http_tracker_tally_t));
}


static void
ngx_http_tracker_add_counts(ngx_http_tracker_counts_t *to,
    ngx_http_tracker_counts_t *from)
{
    ngx_uint_t  i, *sum, *count;

    sum = (ngx_uint_t *) to;
    count = (ngx_uint_t *) from;

    for (i = 0; i < sizeof(*to) / sizeof(ngx_uint_t); i++) {
        sum[i] += count[i];
    }
}


static void
ngx_http_tracker_add_gauges(ngx_http_tracker_gauges_t *to,
    ngx_http_tracker_gauges_t *from)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_TRACKER_ENDPOINTS; i++) {
        to->flying[i] += from->flying[i];
    }

    to->waiting += from->waiting;

    for (i = 0; i < NGX_HTTP_TRACKER_SERVERS; i++) {
        ngx_http_tracker_add_server(&to->servers[i], &from->servers[i]);
    }
}


/* of what a worker has seen the newest counts; the clock is one for all */

static void
ngx_http_tracker_add_server(ngx_redis_gauges_t *to, ngx_redis_gauges_t *from)
{
    ngx_uint_t  i;

    to->answered = ngx_max(to->answered, from->answered);
    to->failed = ngx_max(to->failed, from->failed);

    if (from->looked > to->looked) {
        to->looked = from->looked;
        ngx_memcpy(to->wrong, from->wrong, sizeof(to->wrong));
    }

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        to->load[i].connected += from->load[i].connected;
        to->load[i].commands += from->load[i].commands;
        to->load[i].bytes += from->load[i].bytes;
    }
}


void
ngx_http_tracker_zone_leave(ngx_http_tracker_main_conf_t *tmcf)
{
    ngx_uint_t                   i;
    ngx_shmtx_t                 *mutex;
    ngx_redis_t                **server;
    ngx_http_tracker_tally_t    *tally;
    ngx_http_tracker_shared_t   *shared;

    if (tmcf->zone == NULL) {
        return;
    }

    /* another worker may take the slot before this one has ended */

    ngx_http_tracker_tally_nowhere();

    tally = ngx_http_tracker_tally;
    server = tmcf->servers.elts;

    for (i = 0; i < tmcf->servers.nelts; i++) {
        ngx_redis_count(server[i], &tally->counts.servers[0],
                        &tally->gauges.servers[0]);
    }

    mutex = ngx_http_tracker_zone_mutex(tmcf->zone);
    shared = tmcf->shared;

    ngx_shmtx_lock(mutex);

    for (i = 0; i < NGX_HTTP_TRACKER_SLOTS; i++) {
        if (shared->owners[i].pid == ngx_pid) {
            ngx_http_tracker_end_slot(shared, i);
        }
    }

    ngx_shmtx_unlock(mutex);
}


ngx_int_t
ngx_http_tracker_zone_read(ngx_http_tracker_main_conf_t *tmcf,
    ngx_pool_t *pool, ngx_http_tracker_sum_t *sum)
{
    ngx_uint_t                  i;
    ngx_shmtx_t                *mutex;
    ngx_http_tracker_owner_t   *owner;
    ngx_http_tracker_tally_t   *tally;
    ngx_http_tracker_shared_t  *shared;

    mutex = ngx_http_tracker_zone_mutex(tmcf->zone);
    shared = tmcf->shared;

    ngx_shmtx_lock(mutex);

    for (i = 0; i < NGX_HTTP_TRACKER_SLOTS; i++) {
        owner = &shared->owners[i];
        tally = &shared->tallies[i];

        if (owner->pid == 0) {
            continue;
        }

        if (ngx_http_tracker_has_ended(owner)) {
            ngx_http_tracker_end_slot(shared, i);
            continue;
        }

        sum->workers++;

        ngx_http_tracker_add_counts(&sum->tally.counts, &tally->counts);
        ngx_http_tracker_add_gauges(&sum->tally.gauges, &tally->gauges);
    }

    ngx_http_tracker_add_counts(&sum->tally.counts, &shared->ended);

    ngx_shmtx_unlock(mutex);

    sum->start = shared->start;

    if (ngx_http_tracker_copy_places(pool, shared->servers,
                                     NGX_HTTP_TRACKER_SERVERS, sum->servers)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_tracker_copy_places(pool, shared->keys,
                                        NGX_HTTP_TRACKER_KEYS, sum->keys);
}


/* a reload may add to them meanwhile: the length is set last */

static ngx_int_t
ngx_http_tracker_copy_places(ngx_pool_t *pool,
    ngx_http_tracker_place_t *places, ngx_uint_t n, ngx_str_t *names)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        names[i].len = places[i].len;

        if (names[i].len == 0) {
            continue;
        }

        names[i].data = ngx_pnalloc(pool, names[i].len);
        if (names[i].data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(names[i].data, places[i].data, names[i].len);
    }

    return NGX_OK;
}


static ngx_shmtx_t *
ngx_http_tracker_zone_mutex(ngx_shm_zone_t *zone)
{
    return &((ngx_slab_pool_t *) zone->shm.addr)->mutex;
}
