
/*
 * The servers of the configuration.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_sha1.h>

#include "redis/client.h"


#define NGX_REDIS_PORT           6379
#define NGX_REDIS_SENTINEL_PORT  26379

/* by default writes wait for replicas so long, ms */
#define NGX_REDIS_WAIT_TIME      1000


static ngx_redis_t *ngx_redis_find(ngx_array_t *servers,
    ngx_redis_conf_t *conf);
static ngx_msec_t ngx_redis_wait_time(ngx_redis_t *redis);
static ngx_int_t ngx_redis_init_place(ngx_conf_t *cf, ngx_redis_t *redis,
    ngx_redis_conf_t *conf);
static ngx_redis_addr_t *ngx_redis_copy_addrs(ngx_conf_t *cf,
    ngx_redis_conf_t *conf);
static ngx_int_t ngx_redis_same_ssl(ngx_redis_ssl_t *one,
    ngx_redis_ssl_t *two);
static ngx_int_t ngx_redis_resolve_host(ngx_conf_t *cf, ngx_array_t *addrs,
    ngx_str_t *host, in_port_t port);
static const char *ngx_redis_set_addr(ngx_conf_t *cf, ngx_redis_addr_t *addr,
    ngx_addr_t *from, ngx_str_t *host);
static ngx_int_t ngx_redis_set_peer(ngx_conf_t *cf, ngx_redis_addr_t *addr,
    ngx_str_t *host);
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

    if (ngx_redis_init_place(cf, redis, conf) != NGX_OK) {
        return NULL;
    }

    for (i = 0; i < conf->nscripts; i++) {
        ngx_redis_sha(&conf->scripts[i]);
    }

    if (conf->wait.time == 0) {
        redis->node.conf.wait.time = NGX_REDIS_WAIT_TIME;
        redis->wait_default = 1;
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
            && other->resolver == conf->resolver
            && other->resolver_timeout == conf->resolver_timeout
            && other->db == conf->db
            && ngx_redis_same(&other->user, &conf->user)
            && ngx_redis_same(&other->password, &conf->password)
            && other->wait.replicas == conf->wait.replicas
            && ngx_redis_wait_time(server[i]) == conf->wait.time
            && other->scripts == conf->scripts
            && other->nscripts == conf->nscripts
            && ngx_redis_same_ssl(other->ssl, conf->ssl))
        {
            return server[i];
        }
    }

    return NULL;
}


/* as it was configured */

static ngx_msec_t
ngx_redis_wait_time(ngx_redis_t *redis)
{
    return redis->wait_default ? 0 : redis->node.conf.wait.time;
}


ngx_int_t
ngx_redis_fit_wait(ngx_redis_t *redis, ngx_msec_t timeout)
{
    ngx_redis_wait_conf_t  *wait;

    wait = &redis->node.conf.wait;

    if (redis->wait_default) {
        wait->time = ngx_min(wait->time, timeout / 2);

        if (redis->cluster) {
            ngx_redis_cluster_wait(redis->cluster, wait);
        }
    }

    return wait->replicas == 0 || wait->time <= timeout / 2 ? NGX_OK
                                                            : NGX_DECLINED;
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


static ngx_int_t
ngx_redis_same_ssl(ngx_redis_ssl_t *one, ngx_redis_ssl_t *two)
{
    if (one == NULL || two == NULL) {
        return one == two;
    }

    return ngx_redis_same(&one->name, &two->name)
           && ngx_redis_same(&one->trusted_certificate,
                             &two->trusted_certificate)
           && ngx_redis_same(&one->crl, &two->crl)
           && ngx_redis_same(&one->certificate, &two->certificate)
           && ngx_redis_same(&one->certificate_key, &two->certificate_key)
           && ngx_redis_same(&one->ciphers, &two->ciphers)
           && one->passwords == two->passwords
           && one->protocols == two->protocols
           && one->verify == two->verify
           && one->verify_depth == two->verify_depth
           && one->server_name == two->server_name
           && one->session_reuse == two->session_reuse;
}


/* where the server is, or who knows it */

static ngx_int_t
ngx_redis_init_place(ngx_conf_t *cf, ngx_redis_t *redis,
    ngx_redis_conf_t *conf)
{
    ngx_redis_addr_t  *addrs;
    ngx_redis_node_t  *node;

    node = &redis->node;
    node->conf = *conf;

    addrs = ngx_redis_copy_addrs(cf, conf);
    if (addrs == NULL) {
        return NGX_ERROR;
    }

#if (NGX_SSL)
    if (conf->ssl) {
        node->tls = ngx_redis_tls_create(cf, conf);

        if (node->tls == NULL) {
            return NGX_ERROR;
        }
    }
#endif

    if (conf->cluster) {
        redis->cluster = ngx_redis_cluster_create(cf, node, addrs,
                                                  conf->naddrs);

        return redis->cluster ? NGX_OK : NGX_ERROR;
    }

    if (conf->sentinel.name.len) {
        redis->sentinel = ngx_redis_sentinel_create(cf, node, addrs,
                                                    conf->naddrs);

        return redis->sentinel ? NGX_OK : NGX_ERROR;
    }

    node->addrs = addrs;
    node->naddrs = conf->naddrs;

    return NGX_OK;
}


/*
 * Not those of others that have the same address, and other settings of TLS or
 * another resolver
 */

static ngx_redis_addr_t *
ngx_redis_copy_addrs(ngx_conf_t *cf, ngx_redis_conf_t *conf)
{
    char              *host;
    ngx_uint_t         i;
    ngx_redis_addr_t  *addrs;

    addrs = ngx_palloc(cf->cycle->pool,
                       conf->naddrs * sizeof(ngx_redis_addr_t));
    if (addrs == NULL) {
        return NULL;
    }

    for (i = 0; i < conf->naddrs; i++) {
        addrs[i] = conf->addrs[i];

        if (!addrs[i].named) {
            continue;
        }

        host = ngx_pcalloc(cf->cycle->pool, NGX_SOCKADDR_STRLEN);
        if (host == NULL) {
            return NULL;
        }

        (void) ngx_cpystrn((u_char *) host, (u_char *) addrs[i].host,
                           NGX_SOCKADDR_STRLEN);
        addrs[i].host = host;
    }

    return addrs;
}


/*
 * What hiredis would resolve while workers wait is resolved here, once; later
 * by the resolver, if there is one
 */

ngx_int_t
ngx_redis_resolve(ngx_conf_t *cf, ngx_redis_conf_t *conf)
{
    in_port_t    port;
    ngx_uint_t   i;
    ngx_array_t  addrs;

    if (ngx_array_init(&addrs, cf->cycle->pool, 4, sizeof(ngx_redis_addr_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    port = conf->sentinel.name.len ? NGX_REDIS_SENTINEL_PORT : NGX_REDIS_PORT;

    for (i = 0; i < conf->nhosts; i++) {
        if (ngx_redis_resolve_host(cf, &addrs, &conf->hosts[i], port)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    conf->addrs = addrs.elts;
    conf->naddrs = addrs.nelts;

    return NGX_OK;
}


ngx_uint_t
ngx_redis_names(ngx_redis_conf_t *conf)
{
    ngx_uint_t  i;

    if (conf->cluster || conf->sentinel.name.len) {
        return 1;
    }

    for (i = 0; i < conf->naddrs; i++) {
        if (conf->addrs[i].named) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_redis_resolve_host(ngx_conf_t *cf, ngx_array_t *addrs, ngx_str_t *host,
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
        err = ngx_redis_set_addr(cf, &addr[i], &u.addrs[i], &u.host);

        if (err) {
            goto failed;
        }

        addr[i].turn = i;
        addr[i].step = u.naddrs;
    }

    return NGX_OK;

failed:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in redis address \"%V\"",
                       err, host);

    return NGX_ERROR;
}


/* returns what is wrong, or NULL */

static const char *
ngx_redis_set_addr(ngx_conf_t *cf, ngx_redis_addr_t *addr, ngx_addr_t *from,
    ngx_str_t *host)
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

        if (ngx_redis_set_peer(cf, addr, host) != NGX_OK) {
            return "no memory";
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


/* the host, without the brackets of an IPv6 address */

static ngx_int_t
ngx_redis_set_peer(ngx_conf_t *cf, ngx_redis_addr_t *addr, ngx_str_t *host)
{
    u_char             *p;
    size_t              len;
    ngx_str_t           port;
    ngx_redis_place_t   place;

    p = host->data;
    len = host->len;

    if (len > 2 && *p == '[') {
        p++;
        len -= 2;
    }

    addr->peer.data = ngx_pnalloc(cf->cycle->pool, len + 1);
    if (addr->peer.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(addr->peer.data, p, len + 1);
    addr->peer.len = len;

    /* libc may know names that are none to the resolver */

    ngx_str_set(&port, "6379");

    if (ngx_redis_place_set(&place, &addr->peer, &port) == NGX_OK
        && place.addr.named)
    {
        addr->named = 1;
        ngx_strlow(addr->peer.data, addr->peer.data, len);
    }

    return NGX_OK;
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
