
/*
 * Redis Cluster.
 *
 * A handler of a node may run inside a callback of hiredis: there commands are
 * moved from one node's queues to another's, and members are made, or freed if
 * they have never connected; others are closed and freed in the turn of the
 * cluster.
 */


#include "redis/cluster.h"
#include "redis/map.h"


/* a node that says nothing for so long is passed over, ms */
#define NGX_REDIS_MAP_LIMIT      300

/* from one map to the next, ms, and up to that much more at random */
#define NGX_REDIS_MAP_PAUSE      1000
#define NGX_REDIS_MAP_JITTER     500

/* a map is asked for after so long though nothing speaks against it, ms */
#define NGX_REDIS_MAP_LIFE       60000

/* a member that is named, and used, by none of so many maps is left */
#define NGX_REDIS_MAP_KEEP       3

/* so many redirections at once; more are a loop, or nearly so */
#define NGX_REDIS_MAX_HOPS       3


static ngx_int_t ngx_redis_cluster_seed(ngx_conf_t *cf,
    ngx_redis_cluster_t *cluster, ngx_redis_addr_t *addr, ngx_str_t *host);
static void ngx_redis_cluster_cleanup(void *data);
static void ngx_redis_cluster_init(ngx_redis_cluster_t *cluster,
    ngx_redis_node_t *node);
static ngx_redis_node_t *ngx_redis_cluster_of(ngx_redis_cluster_t *cluster,
    ngx_redis_op_t *op);
static ngx_uint_t ngx_redis_cluster_member(ngx_redis_cluster_t *cluster,
    ngx_redis_place_t *place);
static void ngx_redis_cluster_know(ngx_redis_member_t *member,
    ngx_redis_place_t *place);
static ngx_redis_member_t *ngx_redis_cluster_add(
    ngx_redis_cluster_t *cluster, ngx_uint_t i, ngx_redis_place_t *place);
static void ngx_redis_cluster_doubt(void *data);
static void ngx_redis_cluster_probe(ngx_redis_cluster_t *cluster);
static ngx_uint_t ngx_redis_cluster_fits(ngx_redis_op_t *op, void *data);
static void ngx_redis_cluster_probed(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static void ngx_redis_cluster_told(ngx_redis_cluster_t *cluster,
    ngx_redis_op_t *op, ngx_redis_refusal_t *refusal, const char *error,
    size_t len);
static void ngx_redis_cluster_inherit(ngx_redis_cluster_t *cluster,
    ngx_uint_t n);
static void ngx_redis_cluster_want(ngx_redis_cluster_t *cluster);
static void ngx_redis_cluster_due(ngx_event_t *ev);
static void ngx_redis_cluster_turn(ngx_event_t *ev);
static void ngx_redis_cluster_reap(ngx_redis_cluster_t *cluster);
static void ngx_redis_cluster_remove(ngx_redis_cluster_t *cluster,
    ngx_uint_t i);
static void ngx_redis_cluster_begin(ngx_redis_cluster_t *cluster);
static ngx_uint_t ngx_redis_cluster_first(ngx_redis_cluster_t *cluster);
static ngx_uint_t ngx_redis_cluster_next(ngx_redis_cluster_t *cluster,
    ngx_uint_t i);
static void ngx_redis_cluster_ask(ngx_redis_cluster_t *cluster);
static void ngx_redis_cluster_reply(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_uint_t ngx_redis_cluster_busy(ngx_redis_cluster_t *cluster);
static ngx_int_t ngx_redis_cluster_read(ngx_redis_cluster_t *cluster,
    ngx_redis_reply_t *reply);
static ngx_int_t ngx_redis_cluster_range(ngx_redis_cluster_t *cluster,
    ngx_redis_reply_t *reply, ngx_uint_t i, ngx_redis_place_t *asked,
    ngx_redis_range_t *range);
static ngx_int_t ngx_redis_cluster_check(ngx_redis_cluster_t *cluster,
    ngx_redis_reply_t *reply, ngx_redis_place_t *asked, ngx_uint_t *covered);
static ngx_int_t ngx_redis_cluster_fill(ngx_redis_cluster_t *cluster,
    ngx_redis_reply_t *reply, ngx_redis_place_t *asked);
static void ngx_redis_cluster_forget(ngx_redis_cluster_t *cluster);
static void ngx_redis_cluster_adopt(ngx_redis_cluster_t *cluster);
static void ngx_redis_cluster_reroute(ngx_redis_cluster_t *cluster,
    ngx_redis_node_t *node);
static void ngx_redis_cluster_look(ngx_redis_op_t *op, void *data);
static ngx_uint_t ngx_redis_cluster_redirect(void *data, ngx_redis_op_t *op,
    ngx_redis_refusal_t *refusal, const char *error, size_t len);
static ngx_redis_node_t *ngx_redis_cluster_target(
    ngx_redis_cluster_t *cluster, ngx_redis_op_t *op, const char *error,
    size_t len, ngx_uint_t moved);


ngx_redis_cluster_t *
ngx_redis_cluster_create(ngx_conf_t *cf, ngx_redis_node_t *model,
    ngx_redis_addr_t *addrs, ngx_uint_t naddrs)
{
    ngx_str_t             host;
    ngx_uint_t            i;
    ngx_pool_t           *pool;
    ngx_pool_cleanup_t   *cln;
    ngx_redis_cluster_t  *cluster;

    pool = cf->cycle->pool;

    cluster = ngx_pcalloc(pool, sizeof(ngx_redis_cluster_t));
    if (cluster == NULL) {
        return NULL;
    }

    cluster->round = 1;    /* 0 is none: seeds are named by no map yet */
    cluster->conf = &model->conf;
    cluster->tls = model->tls;
    cluster->members = ngx_pcalloc(pool, NGX_REDIS_MAX_NODES
                                         * sizeof(ngx_redis_member_t *));
    cluster->slots = ngx_pcalloc(pool, NGX_REDIS_SLOTS * sizeof(uint16_t));
    cluster->next = ngx_pcalloc(pool, NGX_REDIS_SLOTS * sizeof(uint16_t));

    if (cluster->members == NULL || cluster->slots == NULL
        || cluster->next == NULL)
    {
        return NULL;
    }

    cluster->homeless.conf = model->conf;
    cluster->homeless.placeless = 1;
    ngx_redis_cluster_init(cluster, &cluster->homeless);

    /* members are not in the pool: they come and go */

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_redis_cluster_cleanup;
    cln->data = cluster;

    cluster->turn.handler = ngx_redis_cluster_turn;
    cluster->turn.data = cluster;

    cluster->timer.handler = ngx_redis_cluster_due;
    cluster->timer.data = cluster;
    cluster->timer.cancelable = 1;

    for (i = 0; i < naddrs; i++) {
        host.data = (u_char *) addrs[i].host;
        host.len = ngx_strlen(host.data);

        if (ngx_redis_cluster_seed(cf, cluster, &addrs[i], &host) != NGX_OK) {
            return NULL;
        }

        /* the name is asked as well: its address may change */

        if (addrs[i].named && cluster->conf->resolver
            && ngx_redis_cluster_seed(cf, cluster, &addrs[i], &addrs[i].peer)
               != NGX_OK)
        {
            return NULL;
        }
    }

    return cluster;
}


/* host is that of addr, as a number or a name */

static ngx_int_t
ngx_redis_cluster_seed(ngx_conf_t *cf, ngx_redis_cluster_t *cluster,
    ngx_redis_addr_t *addr, ngx_str_t *host)
{
    u_char             text[NGX_INT_T_LEN];
    ngx_str_t          port;
    ngx_uint_t         n;
    ngx_redis_place_t  place;

    port.data = text;
    port.len = ngx_sprintf(text, "%d", addr->port) - text;

    if (ngx_redis_place_set(&place, host, &port) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a cluster has no node at \"%V\"", &addr->name);
        return NGX_ERROR;
    }

    n = ngx_redis_cluster_member(cluster, &place);
    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no memory, or more than %d nodes of a "
                           "cluster, at \"%V\"",
                           NGX_REDIS_MAX_NODES, &addr->name);
        return NGX_ERROR;
    }

    cluster->members[n - 1]->seed = 1;

    return NGX_OK;
}


static void
ngx_redis_cluster_cleanup(void *data)
{
    ngx_redis_cluster_close(data);
}


static void
ngx_redis_cluster_init(ngx_redis_cluster_t *cluster, ngx_redis_node_t *node)
{
    node->doubt = ngx_redis_cluster_doubt;
    node->redirect = ngx_redis_cluster_redirect;
    node->data = cluster;
    node->tls = cluster->tls;

    ngx_redis_node_init(node);

    node->log.counts = cluster->counts;
    node->log.gauges = cluster->gauges;
}


void
ngx_redis_cluster_count(ngx_redis_cluster_t *cluster,
    ngx_redis_counts_t *counts, ngx_redis_gauges_t *gauges)
{
    ngx_uint_t  i;

    cluster->counts = counts;
    cluster->gauges = gauges;

    cluster->homeless.log.counts = counts;
    cluster->homeless.log.gauges = gauges;

    for (i = 0; i < cluster->nmembers; i++) {
        if (cluster->members[i]) {
            cluster->members[i]->node.log.counts = counts;
            cluster->members[i]->node.log.gauges = gauges;
        }
    }
}


void
ngx_redis_cluster_wait(ngx_redis_cluster_t *cluster,
    ngx_redis_wait_conf_t *wait)
{
    ngx_uint_t  i;

    cluster->homeless.conf.wait = *wait;

    for (i = 0; i < cluster->nmembers; i++) {
        cluster->members[i]->node.conf.wait = *wait;
    }
}


ngx_redis_node_t *
ngx_redis_cluster_route(ngx_redis_cluster_t *cluster, ngx_uint_t slot)
{
    ngx_uint_t  n;

    if (cluster->stopped) {
        return NULL;
    }

    if (ngx_current_msec - cluster->began >= NGX_REDIS_MAP_LIFE) {
        ngx_redis_cluster_want(cluster);
    }

    n = cluster->slots[slot];

    return n ? &cluster->members[n - 1]->node : &cluster->homeless;
}


/* the node that op should be at */

static ngx_redis_node_t *
ngx_redis_cluster_of(ngx_redis_cluster_t *cluster, ngx_redis_op_t *op)
{
    return ngx_redis_cluster_route(cluster, ngx_redis_slot(&op->cmd.key));
}


/* the place in members of the one at this place, new if need be, and 1; or 0 */

static ngx_uint_t
ngx_redis_cluster_member(ngx_redis_cluster_t *cluster,
    ngx_redis_place_t *place)
{
    ngx_uint_t            i, free;
    ngx_redis_member_t   *member;

    free = cluster->nmembers;

    for (i = 0; i < cluster->nmembers; i++) {
        member = cluster->members[i];

        if (member == NULL) {
            free = i;

        } else if (ngx_redis_place_same(&member->place, place)) {

            if (member->place.addr.stale && place->host[0]) {
                ngx_redis_cluster_know(member, place);
            }

            return i + 1;
        }
    }

    if (free == NGX_REDIS_MAX_NODES) {
        return 0;
    }

    return ngx_redis_cluster_add(cluster, free, place) ? free + 1 : 0;
}


/*
 * The map has the address of its name, too, for where it is not to be looked
 * up.  The first one is not waited for any more.
 */

static void
ngx_redis_cluster_know(ngx_redis_member_t *member, ngx_redis_place_t *place)
{
    ngx_uint_t  first;

    first = (member->place.host[0] == '\0');

    ngx_memcpy(member->place.host, place->host, NGX_SOCKADDR_STRLEN);

    if (first) {
        ngx_redis_node_relocate(&member->node);
    }
}


static ngx_redis_member_t *
ngx_redis_cluster_add(ngx_redis_cluster_t *cluster, ngx_uint_t i,
    ngx_redis_place_t *place)
{
    ngx_redis_node_t    *node;
    ngx_redis_member_t  *member;

    member = ngx_calloc(sizeof(ngx_redis_member_t), ngx_cycle->log);
    if (member == NULL) {
        return NULL;
    }

    ngx_redis_place_copy(&member->place, place);

    node = &member->node;
    node->conf = *cluster->conf;
    node->conf.address = member->place.addr.name;
    node->addrs = &member->place.addr;
    node->naddrs = 1;

    ngx_redis_cluster_init(cluster, node);

    cluster->members[i] = member;
    cluster->nmembers = ngx_max(cluster->nmembers, i + 1);

    return member;
}


/* a node has lost its connection, is silent, is a replica, or has no place */

static void
ngx_redis_cluster_doubt(void *data)
{
    ngx_redis_cluster_t *cluster = data;

    ngx_redis_cluster_want(cluster);
    ngx_redis_cluster_probe(cluster);

    /* one whose slots are elsewhere already may have become silent */

    if (!cluster->stopped) {
        ngx_post_event(&cluster->turn, &ngx_posted_events);
    }
}


/* a map comes once a second: who has what waits for a master that is away? */

static void
ngx_redis_cluster_probe(ngx_redis_cluster_t *cluster)
{
    ngx_uint_t           i;
    ngx_redis_node_t    *to;
    ngx_redis_probe_t   *probe;
    ngx_redis_member_t  *away;

    probe = &cluster->probe;

    if (cluster->stopped || !ngx_redis_probe_due(probe)) {
        return;
    }

    probe->asked = ngx_redis_cluster_first(cluster);
    to = &cluster->members[probe->asked]->node;

    if (to->lanes[0].conn.state != NGX_REDIS_READY
        || ngx_redis_node_away(to))
    {
        return;
    }

    probe->fits = ngx_redis_cluster_fits;
    probe->data = cluster;

    /* where several are away, another one each time */

    for (i = 0; i < cluster->nmembers; i++) {
        probe->away = (probe->away + 1) % cluster->nmembers;
        away = cluster->members[probe->away];

        if (away && ngx_redis_node_away(&away->node)
            && ngx_redis_probe(probe, &away->node, to,
                               ngx_redis_cluster_probed)
               == NGX_OK)
        {
            return;
        }
    }
}


/* not one that is elsewhere for a while only, or was sent there before */

static ngx_uint_t
ngx_redis_cluster_fits(ngx_redis_op_t *op, void *data)
{
    ngx_redis_cluster_t *cluster = data;

    return !op->way.asking
           && cluster->slots[ngx_redis_slot(&op->cmd.key)]
              == cluster->probe.away + 1;
}


static void
ngx_redis_cluster_probed(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    ngx_redis_cluster_t *cluster = data;

    cluster->probe.op = NULL;

    if (status == NGX_REDIS_OK) {
        ngx_redis_cluster_inherit(cluster, cluster->probe.asked);
    }
}


/* op of the probe was refused: MOVED says more than a reply */

static void
ngx_redis_cluster_told(ngx_redis_cluster_t *cluster, ngx_redis_op_t *op,
    ngx_redis_refusal_t *refusal, const char *error, size_t len)
{
    ngx_uint_t          n;
    ngx_redis_range_t   range;
    ngx_redis_place_t  *asked;

    asked = &cluster->members[cluster->probe.asked]->place;

    if (refusal->action != NGX_REDIS_MOVED
        || ngx_redis_map_redirect(error, len, asked, &range) != NGX_OK
        || range.first != ngx_redis_slot(&op->cmd.key)
        || (cluster->conf->resolver == NULL
            && ngx_redis_place_number(&range.place) != NGX_OK))
    {
        return;
    }

    n = ngx_redis_cluster_member(cluster, &range.place);

    if (n) {
        ngx_redis_cluster_inherit(cluster, n - 1);
    }
}


/*
 * Member n has a slot of the one that is away: it has taken all of them over.
 * If not, MOVED says where they are, and the next map.  What the other has not
 * answered is sent again in the next turn.
 */

static void
ngx_redis_cluster_inherit(ngx_redis_cluster_t *cluster, ngx_uint_t n)
{
    ngx_uint_t           i, away;
    ngx_redis_member_t  *member;

    away = cluster->probe.away;
    member = cluster->members[away];

    if (n == away || member == NULL || !ngx_redis_node_away(&member->node)
        || cluster->slots[ngx_redis_slot(&cluster->probe.argv[1])] != away + 1)
    {
        return;
    }

    for (i = 0; i < NGX_REDIS_SLOTS; i++) {
        if (cluster->slots[i] == away + 1) {
            cluster->slots[i] = (uint16_t) (n + 1);
        }
    }

    cluster->members[n]->used = cluster->round;
    cluster->members[n]->left = 0;
    member->left = 1;

    ngx_redis_cluster_reroute(cluster, &member->node);
    ngx_redis_cluster_want(cluster);
    ngx_post_event(&cluster->turn, &ngx_posted_events);
}


static void
ngx_redis_cluster_want(ngx_redis_cluster_t *cluster)
{
    ngx_msec_t  passed, pause;

    if (cluster->wanted || cluster->stopped) {
        return;
    }

    cluster->wanted = 1;
    cluster->turn.log = ngx_cycle->log;
    cluster->timer.log = ngx_cycle->log;

    pause = NGX_REDIS_MAP_PAUSE + ngx_random() % NGX_REDIS_MAP_JITTER;
    passed = ngx_current_msec - cluster->began;

    if (!cluster->begun || passed >= pause) {
        ngx_post_event(&cluster->turn, &ngx_posted_events);

    } else {
        ngx_add_timer(&cluster->timer, pause - passed);
    }
}


static void
ngx_redis_cluster_due(ngx_event_t *ev)
{
    ngx_redis_cluster_t *cluster = ev->data;

    ngx_post_event(&cluster->turn, &ngx_posted_events);
}


static void
ngx_redis_cluster_turn(ngx_event_t *ev)
{
    ngx_redis_cluster_t *cluster = ev->data;

    if (cluster->stopped) {
        return;
    }

    ngx_redis_cluster_reap(cluster);

    if (cluster->wanted && cluster->op == NULL && !cluster->timer.timer_set) {
        ngx_redis_cluster_begin(cluster);
    }
}


/*
 * Members that no map names any more: those that nobody waits for go, after
 * some maps, since a node without slots of its own gets redirections while it
 * imports them; what waits at one that has fallen silent is sent again, to
 * others.
 */

static void
ngx_redis_cluster_reap(ngx_redis_cluster_t *cluster)
{
    ngx_uint_t           i, age;
    ngx_redis_member_t  *member;

    for (i = 0; i < cluster->nmembers; i++) {
        member = cluster->members[i];

        if (member == NULL) {
            continue;
        }

        age = cluster->round - ngx_max(member->named, member->used);

        if (age == 0 && !member->left) {
            continue;
        }

        if (ngx_redis_node_leave(&member->node)) {
            ngx_redis_cluster_reroute(cluster, &member->node);
        }

        if (ngx_redis_node_busy(&member->node)
            || (!member->seed && age < NGX_REDIS_MAP_KEEP))
        {
            ngx_redis_cluster_want(cluster);
            continue;
        }

        if (!member->seed) {
            ngx_redis_cluster_remove(cluster, i);
        }
    }
}


static void
ngx_redis_cluster_remove(ngx_redis_cluster_t *cluster, ngx_uint_t i)
{
    ngx_uint_t         j;
    ngx_redis_node_t  *node;

    node = &cluster->members[i]->node;

    ngx_redis_node_close(node);

    /* its part of what is counted together */

    for (j = 0; j < NGX_REDIS_LANES; j++) {
        ngx_redis_lane_settle(&node->lanes[j]);
    }

    ngx_free(cluster->members[i]);
    cluster->members[i] = NULL;
}


static void
ngx_redis_cluster_begin(ngx_redis_cluster_t *cluster)
{
    cluster->begun = 1;
    cluster->began = ngx_current_msec;
    cluster->first = ngx_redis_cluster_first(cluster);
    cluster->asked = cluster->first;
    cluster->best = 0;

    ngx_redis_cluster_ask(cluster);
}


/* one at random of those that are connected, else of all */

static ngx_uint_t
ngx_redis_cluster_first(ngx_redis_cluster_t *cluster)
{
    ngx_uint_t         n, start;
    ngx_redis_node_t  *node;

    start = ngx_redis_cluster_next(cluster, ngx_random() % cluster->nmembers);
    n = start;

    do {
        node = &cluster->members[n]->node;

        if (node->lanes[0].conn.state == NGX_REDIS_READY
            && !ngx_redis_node_away(node))
        {
            return n;
        }

        n = ngx_redis_cluster_next(cluster, n);

    } while (n != start);

    return start;
}


/*
 * The place in members of the one behind this place that may be asked: of the
 * map, or a seed, of which there is one at least.
 */

static ngx_uint_t
ngx_redis_cluster_next(ngx_redis_cluster_t *cluster, ngx_uint_t i)
{
    ngx_redis_member_t  *member;

    do {
        i = (i + 1) % cluster->nmembers;
        member = cluster->members[i];

    } while (member == NULL
             || (!member->seed && member->named != cluster->round));

    return i;
}


static void
ngx_redis_cluster_ask(ngx_redis_cluster_t *cluster)
{
    ngx_redis_op_t       *op;
    ngx_redis_member_t   *member;
    ngx_redis_command_t   cmd;

    static ngx_str_t  argv[] = { ngx_string("CLUSTER"), ngx_string("SLOTS") };

    member = cluster->members[cluster->asked];

    ngx_memzero(&cmd, sizeof(ngx_redis_command_t));

    ngx_str_set(&cmd.flow, "cluster");

    cmd.argc = 2;
    cmd.argv = argv;
    cmd.size = 64;
    cmd.timeout = NGX_REDIS_MAP_LIMIT;
    cmd.deadline = ngx_current_msec + NGX_REDIS_MAP_LIMIT;
    cmd.failover = NGX_REDIS_MAP_LIMIT;
    cmd.action = "asking for the slots";
    cmd.read = 1;

    op = ngx_redis_op_create(&cmd, ngx_redis_cluster_reply, cluster);

    if (op) {

        /* an exiting worker waits for what needs the map, not for the map */

        op->timer.cancelable = 1;

        if (ngx_redis_node_submit(&member->node, op) == NGX_OK) {
            cluster->op = op;
            return;
        }

        ngx_redis_op_free(op);
    }

    /* no memory: later */

    cluster->wanted = 0;
    ngx_redis_cluster_want(cluster);
}


static void
ngx_redis_cluster_reply(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    ngx_redis_cluster_t *cluster = data;

    cluster->op = NULL;

    if (status == NGX_REDIS_OK
        && ngx_redis_cluster_read(cluster, reply) == NGX_OK)
    {
        cluster->wanted = 0;
        ngx_redis_cluster_adopt(cluster);
        return;
    }

    cluster->asked = ngx_redis_cluster_next(cluster, cluster->asked);

    if (cluster->asked != cluster->first) {
        ngx_redis_cluster_ask(cluster);
        return;
    }

    if (cluster->best) {

        /* nobody knows more: the next round takes it */

        cluster->least = cluster->best;

    } else if (ngx_redis_log_due(&cluster->said, NGX_REDIS_LOG_QUIET)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: no node of %V has a map of the slots",
                      &cluster->conf->address);
    }

    cluster->wanted = 0;

    if (cluster->best || ngx_redis_cluster_busy(cluster)) {
        ngx_redis_cluster_want(cluster);
    }
}


/* returns 1 while somebody waits for a node, else 0 */

static ngx_uint_t
ngx_redis_cluster_busy(ngx_redis_cluster_t *cluster)
{
    ngx_uint_t  i;

    for (i = 0; i < cluster->nmembers; i++) {
        if (cluster->members[i]
            && ngx_redis_node_busy(&cluster->members[i]->node))
        {
            return 1;
        }
    }

    return ngx_redis_node_busy(&cluster->homeless);
}


/*
 * Into cluster->next.  A node that was reset, or knows few others, has a map
 * too: one that covers less than half of ours is none, unless a whole round has
 * found no better one.  Members are made for a map only, not for what turns out
 * to be none.
 */

static ngx_int_t
ngx_redis_cluster_read(ngx_redis_cluster_t *cluster, ngx_redis_reply_t *reply)
{
    ngx_uint_t          covered;
    ngx_redis_place_t  *asked;

    if (reply->type != NGX_REDIS_ARRAY || reply->n > NGX_REDIS_SLOTS) {
        return NGX_ERROR;
    }

    asked = &cluster->members[cluster->asked]->place;

    if (ngx_redis_cluster_check(cluster, reply, asked, &covered) != NGX_OK
        || covered == 0)
    {
        return NGX_ERROR;
    }

    if (covered < cluster->least) {
        cluster->best = ngx_max(cluster->best, covered);
        return NGX_ERROR;
    }

    if (ngx_redis_cluster_fill(cluster, reply, asked) != NGX_OK) {
        ngx_redis_cluster_forget(cluster);
        return NGX_ERROR;
    }

    cluster->least = covered / 2;

    return NGX_OK;
}


/*
 * As ngx_redis_map_range(); without a resolver a name is none, unless its
 * address is there as well
 */

static ngx_int_t
ngx_redis_cluster_range(ngx_redis_cluster_t *cluster, ngx_redis_reply_t *reply,
    ngx_uint_t i, ngx_redis_place_t *asked, ngx_redis_range_t *range)
{
    ngx_int_t           rc;
    ngx_redis_place_t  *place;

    rc = ngx_redis_map_range(reply, i, asked, range);
    place = &range->place;

    if (rc != NGX_OK || cluster->conf->resolver
        || ngx_redis_place_number(place) == NGX_OK)
    {
        return rc;
    }

    ngx_redis_log_name(&cluster->named, &place->addr.peer,
                       &cluster->conf->address);

    return NGX_DECLINED;
}


/* the ranges of a map, none twice; covered: how many slots have a master */

static ngx_int_t
ngx_redis_cluster_check(ngx_redis_cluster_t *cluster,
    ngx_redis_reply_t *reply, ngx_redis_place_t *asked, ngx_uint_t *covered)
{
    ngx_int_t          rc;
    ngx_uint_t         i, slot;
    ngx_redis_range_t  range;

    *covered = 0;

    ngx_memzero(cluster->next, NGX_REDIS_SLOTS * sizeof(uint16_t));

    for (i = 0; i < reply->n; i++) {
        rc = ngx_redis_cluster_range(cluster, reply, i, asked, &range);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            continue;
        }

        for (slot = range.first; slot <= range.last; slot++) {

            if (cluster->next[slot]++) {
                return NGX_ERROR;
            }
        }

        *covered += range.last - range.first + 1;
    }

    return NGX_OK;
}


/* of a map that was checked: NGX_OK, or NGX_ERROR, too many nodes */

static ngx_int_t
ngx_redis_cluster_fill(ngx_redis_cluster_t *cluster,
    ngx_redis_reply_t *reply, ngx_redis_place_t *asked)
{
    ngx_uint_t         i, n, slot;
    ngx_redis_range_t  range;

    for (i = 0; i < reply->n; i++) {

        if (ngx_redis_cluster_range(cluster, reply, i, asked, &range)
            != NGX_OK)
        {
            continue;
        }

        n = ngx_redis_cluster_member(cluster, &range.place);
        if (n == 0) {
            return NGX_ERROR;
        }

        for (slot = range.first; slot <= range.last; slot++) {
            cluster->next[slot] = (uint16_t) n;
        }
    }

    return NGX_OK;
}


/* the members that were made for what is no map: they never had a command */

static void
ngx_redis_cluster_forget(ngx_redis_cluster_t *cluster)
{
    ngx_uint_t           i;
    ngx_redis_member_t  *member;

    for (i = 0; i < cluster->nmembers; i++) {
        member = cluster->members[i];

        if (member && !member->seed && !member->named && !member->used) {
            ngx_redis_cluster_remove(cluster, i);
        }
    }
}


/* what waits goes to where its slot is now */

static void
ngx_redis_cluster_adopt(ngx_redis_cluster_t *cluster)
{
    uint16_t    *slots;
    ngx_uint_t   i;

    slots = cluster->slots;
    cluster->slots = cluster->next;
    cluster->next = slots;

    cluster->round++;

    for (i = 0; i < NGX_REDIS_SLOTS; i++) {
        if (cluster->slots[i]) {
            cluster->members[cluster->slots[i] - 1]->named = cluster->round;
            cluster->members[cluster->slots[i] - 1]->left = 0;
        }
    }

    ngx_redis_cluster_reroute(cluster, &cluster->homeless);

    if (!ngx_redis_node_busy(&cluster->homeless)) {
        cluster->homeless.absent = 0;
    }

    for (i = 0; i < cluster->nmembers; i++) {
        if (cluster->members[i]) {
            ngx_redis_cluster_reroute(cluster, &cluster->members[i]->node);
        }
    }

    ngx_post_event(&cluster->turn, &ngx_posted_events);
}


typedef struct {
    ngx_redis_cluster_t   *cluster;
    ngx_redis_node_t      *node;
    ngx_queue_t            ops;        /* that go elsewhere */
} ngx_redis_leaving_t;


static void
ngx_redis_cluster_reroute(ngx_redis_cluster_t *cluster, ngx_redis_node_t *node)
{
    ngx_uint_t            i;
    ngx_queue_t          *q;
    ngx_redis_op_t       *op;
    ngx_redis_leaving_t   leaving;

    leaving.cluster = cluster;
    leaving.node = node;
    ngx_queue_init(&leaving.ops);

    for (i = 0; i < NGX_REDIS_LANES; i++) {
        ngx_redis_queue_each(&node->lanes[i].queue, ngx_redis_cluster_look,
                             &leaving);
    }

    while (!ngx_queue_empty(&leaving.ops)) {
        q = ngx_queue_head(&leaving.ops);
        ngx_queue_remove(q);

        op = ngx_queue_data(q, ngx_redis_op_t, queue);
        op->way.asking = 0;

        ngx_redis_node_take(ngx_redis_cluster_of(cluster, op), op, 0);
    }
}


static void
ngx_redis_cluster_look(ngx_redis_op_t *op, void *data)
{
    ngx_redis_leaving_t *leaving = data;

    if (op != leaving->cluster->op
        && op != leaving->cluster->probe.op
        && ngx_redis_cluster_of(leaving->cluster, op)
           != leaving->node)
    {
        ngx_redis_queue_remove(&op->lane->queue, op);
        ngx_queue_insert_tail(&leaving->ops, &op->queue);
    }
}


/*
 * op was refused, and is in no queue.  Returns 1 if another node has taken it,
 * else 0.
 */

static ngx_uint_t
ngx_redis_cluster_redirect(void *data, ngx_redis_op_t *op,
    ngx_redis_refusal_t *refusal, const char *error, size_t len)
{
    ngx_redis_cluster_t *cluster = data;

    ngx_redis_node_t  *node;

    if (op == cluster->op) {
        return 0;
    }

    if (op == cluster->probe.op) {
        ngx_redis_cluster_told(cluster, op, refusal, error, len);
        ngx_redis_lane_finish(op->lane, op, NGX_REDIS_ERROR, NULL, 0);
        return 1;
    }

    switch (refusal->action) {

    case NGX_REDIS_MOVED:
    case NGX_REDIS_ASK:

        node = ngx_redis_cluster_target(cluster, op, error, len,
                                        refusal->action == NGX_REDIS_MOVED);
        break;

    case NGX_REDIS_DELAY:
    case NGX_REDIS_AWAIT:

        /* TRYAGAIN: some of its keys are still where they were */

        if (!op->way.asking) {
            ngx_redis_cluster_want(cluster);
            return 0;
        }

        op->way.asking = 0;
        op->way.hops = NGX_REDIS_MAX_HOPS;
        node = ngx_redis_cluster_of(cluster, op);
        break;

    default:
        return 0;
    }

    if (node == NULL) {
        return 0;
    }

    if (ngx_redis_delays(refusal)) {
        op->refusal = refusal;
    }

    op->renew = 1;

    if (op->way.hops >= NGX_REDIS_MAX_HOPS) {

        /* in the end it was not served, rather than too slowly */

        op->refusal = ngx_redis_refusal("TRYAGAIN", sizeof("TRYAGAIN") - 1);
    }

    ngx_redis_node_take(node, op, op->way.hops >= NGX_REDIS_MAX_HOPS);

    return 1;
}


/* where MOVED or ASK sends op; or NULL */

static ngx_redis_node_t *
ngx_redis_cluster_target(ngx_redis_cluster_t *cluster, ngx_redis_op_t *op,
    const char *error, size_t len, ngx_uint_t moved)
{
    ngx_int_t            rc;
    ngx_uint_t           n;
    ngx_redis_range_t    range;
    ngx_redis_member_t  *asked;

    asked = (ngx_redis_member_t *) op->lane->node;

    rc = ngx_redis_map_redirect(error, len, &asked->place, &range);

    if (rc == NGX_ERROR || range.first != ngx_redis_slot(&op->cmd.key)) {
        return NULL;
    }

    op->way.hops++;
    op->way.asking = 0;

    if (moved) {
        ngx_redis_cluster_want(cluster);
    }

    if (rc == NGX_OK && cluster->conf->resolver == NULL) {
        rc = ngx_redis_place_number(&range.place);
    }

    n = (rc == NGX_OK) ? ngx_redis_cluster_member(cluster, &range.place) : 0;

    if (n == 0) {

        /* a name that has no address, or one node too many: the next map
           knows */

        op->way.hops = NGX_REDIS_MAX_HOPS;
        return ngx_redis_cluster_of(cluster, op);
    }

    cluster->members[n - 1]->used = cluster->round;
    cluster->members[n - 1]->left = 0;

    if (moved) {
        cluster->slots[range.first] = (uint16_t) n;

    } else {
        op->way.asking = 1;
    }

    return &cluster->members[n - 1]->node;
}


void
ngx_redis_cluster_close(ngx_redis_cluster_t *cluster)
{
    ngx_uint_t  i;

    cluster->stopped = 1;
    cluster->op = NULL;
    cluster->probe.op = NULL;

    ngx_redis_node_close(&cluster->homeless);

    for (i = 0; i < cluster->nmembers; i++) {
        if (cluster->members[i]) {
            ngx_redis_node_close(&cluster->members[i]->node);

            ngx_free(cluster->members[i]);
            cluster->members[i] = NULL;
        }
    }

    if (cluster->turn.posted) {
        ngx_delete_posted_event(&cluster->turn);
    }

    if (cluster->timer.timer_set) {
        ngx_del_timer(&cluster->timer);
    }
}
