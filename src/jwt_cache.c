
/*
 * One token a slot; the newest stays.  The end of the signature, which only
 * who has the key can choose, says which slot.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "jwt_cache.h"


/* two pieces of memory that follow it: the token, then the account */

typedef struct {
    time_t               since;      /* when it was verified */
    time_t               exp;
    size_t               len;
    size_t               sub_len;
    char                 data[];
} jwt_cache_entry_t;


struct jwt_cache_s {
    jwt_cache_entry_t   *slots[JWT_CACHE_TOKENS];
};


static jwt_cache_entry_t **jwt_cache_slot(jwt_cache_t *cache,
    const char *token, size_t len);
static void jwt_cache_keep(jwt_cache_entry_t **slot, const char *token,
    size_t len, time_t now, time_t exp, const char *sub, size_t sub_len);


jwt_cache_t *
jwt_cache_create(void)
{
    return calloc(1, sizeof(jwt_cache_t));
}


void
jwt_cache_destroy(jwt_cache_t *cache)
{
    size_t  i;

    for (i = 0; i < JWT_CACHE_TOKENS; i++) {
        free(cache->slots[i]);
    }

    free(cache);
}


jwt_rc_e
jwt_cache_verify(jwt_cache_t *cache, const char *token, size_t len,
    const jwt_key_t *keys, size_t nkeys, time_t now, char sub[JWT_SUB_MAX],
    size_t *sub_len)
{
    time_t               exp;
    jwt_rc_e             rc;
    jwt_cache_entry_t   *entry, **slot;

    if (cache == NULL || len < sizeof(uint64_t) || len > JWT_CACHE_TOKEN_MAX) {
        return jwt_verify(token, len, keys, nkeys, now, sub, sub_len, NULL);
    }

    slot = jwt_cache_slot(cache, token, len);
    entry = *slot;

    /* a clock that was set back could make iat and nbf a matter again */

    if (entry && entry->len == len
        && CRYPTO_memcmp(entry->data, token, len) == 0
        && now >= entry->since && now < entry->exp)
    {
        memcpy(sub, entry->data + len, entry->sub_len);
        *sub_len = entry->sub_len;
        return JWT_OK;
    }

    rc = jwt_verify(token, len, keys, nkeys, now, sub, sub_len, &exp);

    if (rc == JWT_OK) {
        jwt_cache_keep(slot, token, len, now, exp, sub, *sub_len);
    }

    return rc;
}


static jwt_cache_entry_t **
jwt_cache_slot(jwt_cache_t *cache, const char *token, size_t len)
{
    uint64_t  end;

    memcpy(&end, token + len - sizeof(end), sizeof(end));

    end *= 0x9e3779b97f4a7c15;

    return &cache->slots[(end >> 32) % JWT_CACHE_TOKENS];
}


/* without memory for it, it is verified again the next time */

static void
jwt_cache_keep(jwt_cache_entry_t **slot, const char *token, size_t len,
    time_t now, time_t exp, const char *sub, size_t sub_len)
{
    jwt_cache_entry_t  *entry;

    entry = malloc(sizeof(jwt_cache_entry_t) + len + sub_len);
    if (entry == NULL) {
        return;
    }

    entry->since = now;
    entry->exp = exp;
    entry->len = len;
    entry->sub_len = sub_len;

    memcpy(entry->data, token, len);
    memcpy(entry->data + len, sub, sub_len);

    free(*slot);
    *slot = entry;
}
