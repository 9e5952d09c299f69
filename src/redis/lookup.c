
/*
 * Names become addresses.
 *
 * The resolver keeps what it has learned for as long as its valid= or the
 * answer says, so that to ask it before each connection costs nothing more.
 */


#include "redis/lookup.h"


/* where an address is known, a resolver that says nothing is not waited for
   longer, ms: less than those wait who ask a sentinel, or for a map */
#define NGX_REDIS_LOOKUP_LIMIT  200

/* of one name so many addresses are looked at */
#define NGX_REDIS_LOOKUP_ADDRS  64

/* bytes of what is said when there is none */
#define NGX_REDIS_LOOKUP_WHY    80


static void ngx_redis_lookup_handler(ngx_resolver_ctx_t *ctx);
static void ngx_redis_lookup_take(ngx_redis_addr_t *addr,
    ngx_resolver_ctx_t *ctx);
static ngx_uint_t ngx_redis_lookup_rank(ngx_resolver_addr_t *addrs,
    ngx_uint_t n, ngx_uint_t i);
static ngx_int_t ngx_redis_lookup_compare(ngx_resolver_addr_t *one,
    ngx_resolver_addr_t *two);
static void ngx_redis_lookup_end(ngx_redis_lookup_t *lookup, const char *why);


ngx_uint_t
ngx_redis_lookup_due(ngx_redis_conf_t *conf, ngx_redis_addr_t *addr)
{
    return addr->named
           && (addr->host[0] == '\0' || (addr->stale && conf->resolver));
}


void
ngx_redis_lookup(ngx_redis_lookup_t *lookup, ngx_redis_conf_t *conf,
    ngx_redis_addr_t *addr)
{
    ngx_resolver_ctx_t  *ctx;

    lookup->addr = addr;

    if (conf->resolver == NULL) {
        ngx_redis_lookup_end(lookup, "no resolver defined");
        return;
    }

    ctx = ngx_resolve_start(conf->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_redis_lookup_end(lookup, "no memory");
        return;
    }

    ctx->name = addr->peer;
    ctx->handler = ngx_redis_lookup_handler;
    ctx->data = lookup;
    ctx->timeout = conf->resolver_timeout;
    ctx->cancelable = 1;

    /* to nginx 0 is no limit */

    if (addr->host[0]
        && (ctx->timeout == 0 || ctx->timeout > NGX_REDIS_LOOKUP_LIMIT))
    {
        ctx->timeout = NGX_REDIS_LOOKUP_LIMIT;
    }

    lookup->ctx = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {

        /* ctx is gone */

        lookup->ctx = NULL;
        ngx_redis_lookup_end(lookup, "no memory");
    }
}


static void
ngx_redis_lookup_handler(ngx_resolver_ctx_t *ctx)
{
    ngx_redis_lookup_t *lookup = ctx->data;

    u_char  text[NGX_REDIS_LOOKUP_WHY], *why;

    why = NULL;

    if (ctx->state == NGX_OK) {
        ngx_redis_lookup_take(lookup->addr, ctx);

    } else {
        why = text;
        ngx_snprintf(text, sizeof(text), "could not be resolved (%i: %s)%Z",
                     ctx->state, ngx_resolver_strerror(ctx->state));
    }

    lookup->ctx = NULL;
    ngx_resolve_name_done(ctx);

    ngx_redis_lookup_end(lookup, (char *) why);
}


/*
 * One after the other, as their connections fail.  The resolver begins anywhere
 * in its list: they are put in order, so that two that take turns do not meet.
 */

static void
ngx_redis_lookup_take(ngx_redis_addr_t *addr, ngx_resolver_ctx_t *ctx)
{
    u_char                text[NGX_SOCKADDR_STRLEN];
    size_t                len;
    ngx_uint_t            i, n;
    ngx_resolver_addr_t  *from;

    n = ngx_min(ctx->naddrs, NGX_REDIS_LOOKUP_ADDRS);

    for (i = 0; i + 1 < n; i++) {
        if (ngx_redis_lookup_rank(ctx->addrs, n, i) == addr->turn % n) {
            break;
        }
    }

    from = &ctx->addrs[i];

    len = ngx_sock_ntop(from->sockaddr, from->socklen, text,
                        NGX_SOCKADDR_STRLEN, 0);

    (void) ngx_cpystrn((u_char *) addr->host, text, len + 1);
    addr->stale = 0;

    ngx_log_debug3(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "redis name \"%V\" is %s, of %ui addresses",
                   &addr->peer, addr->host, ctx->naddrs);
}


/* how many of n come before this one */

static ngx_uint_t
ngx_redis_lookup_rank(ngx_resolver_addr_t *addrs, ngx_uint_t n, ngx_uint_t i)
{
    ngx_int_t   rc;
    ngx_uint_t  j, rank;

    rank = 0;

    for (j = 0; j < n; j++) {
        rc = ngx_redis_lookup_compare(&addrs[j], &addrs[i]);

        if (rc < 0 || (rc == 0 && j < i)) {
            rank++;
        }
    }

    return rank;
}


static ngx_int_t
ngx_redis_lookup_compare(ngx_resolver_addr_t *one, ngx_resolver_addr_t *two)
{
    if (one->socklen != two->socklen) {
        return one->socklen < two->socklen ? -1 : 1;
    }

    return ngx_memcmp(one->sockaddr, two->sockaddr, one->socklen);
}


static void
ngx_redis_lookup_end(ngx_redis_lookup_t *lookup, const char *why)
{
    ngx_redis_addr_t  *addr;

    addr = lookup->addr;

    if (why && addr->host[0]) {
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "redis: \"%V\" %s, trying %s as before",
                      &addr->peer, why, addr->host);
        why = NULL;
    }

    lookup->handler(lookup->data, why);
}


void
ngx_redis_lookup_doubt(ngx_redis_addr_t *addr, ngx_uint_t leave)
{
    if (leave && !addr->stale) {
        addr->turn += addr->step;
    }

    addr->stale = 1;
}


void
ngx_redis_lookup_cancel(ngx_redis_lookup_t *lookup)
{
    if (lookup->ctx) {
        ngx_resolve_name_done(lookup->ctx);
        lookup->ctx = NULL;
    }
}
