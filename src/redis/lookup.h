
/*
 * The address of a name, from nginx's resolver: without a call that blocks.
 */


#ifndef _NGX_REDIS_LOOKUP_H_INCLUDED_
#define _NGX_REDIS_LOOKUP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "redis/ngx_redis.h"


#pragma GCC visibility push(hidden)


struct ngx_redis_addr_s {
    char                  *host;       /* numeric, empty if it is not known
                                          yet; or the path of a socket */
    int                    port;       /* 0: a path */
    ngx_str_t              name;       /* for the log */
    ngx_str_t              peer;       /* the host as it was given: the name of
                                          its certificate, with a NUL; len 0:
                                          none */
    void                  *session;    /* the last one of TLS, or NULL */
    ngx_uint_t             turn;       /* which of the addresses of peer, */
    ngx_uint_t             step;       /* and by how many to the next one: as
                                          many as take turns */

    unsigned               named:1;    /* peer is a name, in lower case; host
                                          has NGX_SOCKADDR_STRLEN bytes */
    unsigned               stale:1;    /* its address may be another one by
                                          now */
};


/* why is NULL: addr->host is known; or it is not, and this says why */
typedef void (*ngx_redis_lookup_pt)(void *data, const char *why);


typedef struct {
    ngx_resolver_ctx_t    *ctx;        /* NULL: none under way */
    ngx_redis_addr_t      *addr;
    ngx_redis_lookup_pt    handler;
    void                  *data;
} ngx_redis_lookup_t;


/* Returns 1 if addr has a name that is to be looked up, else 0. */
ngx_uint_t ngx_redis_lookup_due(ngx_redis_conf_t *conf,
    ngx_redis_addr_t *addr);

/*
 * Asks conf->resolver, or its cache, for the address of addr; the one as known
 * stays if none comes.  The handler, which the caller has set, is called once,
 * perhaps before this returns, unless ngx_redis_lookup_cancel() is.  addr lives
 * until then.
 */
void ngx_redis_lookup(ngx_redis_lookup_t *lookup, ngx_redis_conf_t *conf,
    ngx_redis_addr_t *addr);

/*
 * What addr has may be its address no longer: it is looked up before the next
 * connection.  leave is 1: that one was of no use, another one of its name is
 * taken.  Several connections that find this out count once.
 */
void ngx_redis_lookup_doubt(ngx_redis_addr_t *addr, ngx_uint_t leave);

/* Ends what is under way, if anything is: the handler is not called. */
void ngx_redis_lookup_cancel(ngx_redis_lookup_t *lookup);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_LOOKUP_H_INCLUDED_ */
