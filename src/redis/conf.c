
/*
 * The servers of the configuration.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_sha1.h>

#include "redis/client.h"


#define NGX_REDIS_PORT           6379
#define NGX_REDIS_SENTINEL_PORT  26379


static ngx_redis_t *ngx_redis_find(ngx_array_t *servers,
    ngx_redis_conf_t *conf);
static ngx_int_t ngx_redis_place(ngx_conf_t *cf, ngx_redis_t *redis);
static ngx_int_t ngx_redis_resolve(ngx_conf_t *cf, ngx_array_t *addrs,
    ngx_str_t *host, in_port_t port);
static const char *ngx_redis_set_addr(ngx_conf_t *cf, ngx_redis_addr_t *addr,
    ngx_addr_t *from);
static void ngx_redis_sha(ngx_redis_script_t *script);
static ngx_int_t ngx_redis_same_place(ngx_redis_conf_t *one,
    ngx_redis_conf_t *two);
static ngx_int_t ngx_redis_same(ngx_str_t *one, ngx_str_t *two);


ngx_redis_t *
ngx_redis_add(ngx_conf_t *cf, ngx_array_t *servers, ngx_redis_conf_t *conf)
{
    ngx_uint_t           i;
    ngx_redis_t         *redis, **server;
    ngx_pool_cleanup_t  *cln;

    redis = ngx_redis_find(servers, conf);
    if (redis) {
        return redis;
    }

    redis = ngx_pcalloc(cf->cycle->pool, sizeof(ngx_redis_t));
    if (redis == NULL) {
        return NULL;
    }

    redis->node.conf = *conf;

    if (ngx_redis_place(cf, redis) != NGX_OK) {
        return NULL;
    }

    for (i = 0; i < conf->nscripts; i++) {
        ngx_redis_sha(&conf->scripts[i]);
    }

    ngx_redis_node_init(&redis->node);
    ngx_redis_count(redis, &redis->counts, &redis->gauges);

    server = ngx_array_push(servers);
    if (server == NULL) {
        return NULL;
    }

    *server = redis;

    cln = ngx_pool_cleanup_add(cf->cycle->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_redis_close_server;
    cln->data = redis;

    return redis;
}


static ngx_redis_t *
ngx_redis_find(ngx_array_t *servers, ngx_redis_conf_t *conf)
{
    ngx_uint_t          i;
    ngx_redis_t       **server;
    ngx_redis_conf_t   *other;

    server = servers->elts;

    for (i = 0; i < servers->nelts; i++) {
        other = &server[i]->node.conf;

        if (ngx_redis_same_place(other, conf)
            && other->db == conf->db
            && ngx_redis_same(&other->user, &conf->user)
            && ngx_redis_same(&other->password, &conf->password)
            && other->scripts == conf->scripts
            && other->nscripts == conf->nscripts)
        {
            return server[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_redis_same_place(ngx_redis_conf_t *one, ngx_redis_conf_t *two)
{
    ngx_uint_t  i;

    if (one->nhosts != two->nhosts
        || one->cluster != two->cluster
        || !ngx_redis_same(&one->sentinel.name, &two->sentinel.name)
        || !ngx_redis_same(&one->sentinel.user, &two->sentinel.user)
        || !ngx_redis_same(&one->sentinel.password, &two->sentinel.password))
    {
        return 0;
    }

    for (i = 0; i < one->nhosts; i++) {
        if (!ngx_redis_same(&one->hosts[i], &two->hosts[i])) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_redis_same(ngx_str_t *one, ngx_str_t *two)
{
    return one->len == two->len
           && (one->len == 0
               || ngx_memcmp(one->data, two->data, one->len) == 0);
}


/* where the server is, or who knows it */

static ngx_int_t
ngx_redis_place(ngx_conf_t *cf, ngx_redis_t *redis)
{
    in_port_t          port;
    ngx_uint_t         i;
    ngx_array_t        addrs;
    ngx_redis_node_t  *node;

    node = &redis->node;

    if (ngx_array_init(&addrs, cf->cycle->pool, 4, sizeof(ngx_redis_addr_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    port = node->conf.sentinel.name.len ? NGX_REDIS_SENTINEL_PORT
                                        : NGX_REDIS_PORT;

    for (i = 0; i < node->conf.nhosts; i++) {
        if (ngx_redis_resolve(cf, &addrs, &node->conf.hosts[i], port)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (node->conf.cluster) {
        redis->cluster = ngx_redis_cluster_create(cf, &node->conf, addrs.elts,
                                                  addrs.nelts);

        return redis->cluster ? NGX_OK : NGX_ERROR;
    }

    if (node->conf.sentinel.name.len == 0) {
        node->addrs = addrs.elts;
        node->naddrs = addrs.nelts;

        return NGX_OK;
    }

    redis->sentinel = ngx_redis_sentinel_create(cf, node, addrs.elts,
                                                addrs.nelts);

    return redis->sentinel ? NGX_OK : NGX_ERROR;
}


/*
 * What hiredis would resolve while workers wait is resolved here, once; its
 * addresses go to addrs.
 */

static ngx_int_t
ngx_redis_resolve(ngx_conf_t *cf, ngx_array_t *addrs, ngx_str_t *host,
    in_port_t port)
{
    ngx_url_t          u;
    ngx_uint_t         i;
    const char        *err;
    ngx_redis_addr_t  *addr;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *host;
    u.default_port = port;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        err = u.err ? u.err : "no memory";
        goto failed;
    }

    addr = ngx_array_push_n(addrs, u.naddrs);
    if (addr == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(addr, u.naddrs * sizeof(ngx_redis_addr_t));

    for (i = 0; i < u.naddrs; i++) {
        err = ngx_redis_set_addr(cf, &addr[i], &u.addrs[i]);

        if (err) {
            goto failed;
        }
    }

    return NGX_OK;

failed:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in redis address \"%V\"",
                       err, host);

    return NGX_ERROR;
}


/* returns what is wrong, or NULL */

static const char *
ngx_redis_set_addr(ngx_conf_t *cf, ngx_redis_addr_t *addr, ngx_addr_t *from)
{
    u_char               text[NGX_SOCKADDR_STRLEN];
    size_t               len;
#if (NGX_HAVE_UNIX_DOMAIN)
    struct sockaddr_un  *saun;

    if (from->sockaddr->sa_family == AF_UNIX) {
        saun = (struct sockaddr_un *) from->sockaddr;
        len = ngx_strlen(saun->sun_path);

        /* hiredis 0.14 leaves the last byte of sun_path as it was */

        if (len > sizeof(saun->sun_path) - 2) {
            return "too long path";
        }

        ngx_memcpy(text, saun->sun_path, len);

    } else
#endif
    {
        len = ngx_sock_ntop(from->sockaddr, from->socklen, text,
                            NGX_SOCKADDR_STRLEN, 0);

        addr->port = ngx_inet_get_port(from->sockaddr);

        if (addr->port == 0) {
            return "invalid port";
        }
    }

    addr->host = ngx_pnalloc(cf->cycle->pool, len + 1);
    addr->name.data = ngx_pstrdup(cf->cycle->pool, &from->name);

    if (addr->host == NULL || addr->name.data == NULL) {
        return "no memory";
    }

    (void) ngx_cpystrn((u_char *) addr->host, text, len + 1);

    addr->name.len = from->name.len;

    return NULL;
}


static void
ngx_redis_sha(ngx_redis_script_t *script)
{
    u_char      digest[20];
    ngx_sha1_t  sha1;

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, script->text.data, script->text.len);
    ngx_sha1_final(digest, &sha1);

    ngx_hex_dump(script->sha, digest, sizeof(digest));
}
