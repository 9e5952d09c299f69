
/*
 * Recently verified tokens.  A client sends the same token with each request;
 * verifying it again costs a worker as much as the rest of a small request.
 */


#ifndef _JWT_CACHE_H_INCLUDED_
#define _JWT_CACHE_H_INCLUDED_


#include "jwt/jwt.h"


#pragma GCC visibility push(hidden)


/* most tokens in a cache: about a megabyte */
#define JWT_CACHE_TOKENS     4096

/* bytes: a longer token is not kept */
#define JWT_CACHE_TOKEN_MAX  512


typedef struct jwt_cache_s  jwt_cache_t;


/*
 * Returns an empty cache, for one set of keys and one process, or NULL if
 * there is no memory.  The caller releases it with jwt_cache_destroy().
 */
jwt_cache_t *jwt_cache_create(void);

/* Releases the cache, which is not NULL, and its tokens. */
void jwt_cache_destroy(jwt_cache_t *cache);

/*
 * The same as jwt_verify(), except that proof is not NULL.  A token that was
 * valid before and has not expired since is found in the cache, and any other
 * one is verified; if it is valid, it is kept.  keys are the same in each call.
 * If cache is NULL, every token is verified.
 * An entry is chosen by the last eight bytes of the signature, which only the
 * owner of a key can make; the whole is compared in constant time.
 */
jwt_rc_e jwt_cache_verify(jwt_cache_t *cache, const char *token, size_t len,
    const jwt_key_t *keys, size_t nkeys, time_t now, char sub[JWT_SUB_MAX],
    size_t *sub_len, jwt_proof_t *proof);


#pragma GCC visibility pop


#endif /* _JWT_CACHE_H_INCLUDED_ */
