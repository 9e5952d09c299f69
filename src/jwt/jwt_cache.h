
/*
 * Tokens that have verified lately.  A client sends the same token with each
 * request; to verify it once more costs as much as all else that a small
 * request asks of a worker.
 */


#ifndef _JWT_CACHE_H_INCLUDED_
#define _JWT_CACHE_H_INCLUDED_


#include "jwt/jwt.h"


#pragma GCC visibility push(hidden)


/* tokens that a cache holds at most, about a megabyte */
#define JWT_CACHE_TOKENS     4096

/* a longer one is not kept */
#define JWT_CACHE_TOKEN_MAX  512


typedef struct jwt_cache_s  jwt_cache_t;


/*
 * A cache serves one set of keys and one process.  NULL: no memory.
 */
jwt_cache_t *jwt_cache_create(void);
void jwt_cache_destroy(jwt_cache_t *cache);

/*
 * jwt_verify() of the cache's keys, or what it said of the very same token
 * before, as long as that is still true at the time now.  The signature is
 * compared in constant time, after its last eight bytes at once.  cache NULL:
 * jwt_verify().
 */
jwt_rc_e jwt_cache_verify(jwt_cache_t *cache, const char *token, size_t len,
    const jwt_key_t *keys, size_t nkeys, time_t now, char sub[JWT_SUB_MAX],
    size_t *sub_len);


#pragma GCC visibility pop


#endif /* _JWT_CACHE_H_INCLUDED_ */
