
/*
 * A table of rows; a row holds the newest of its tokens.  The end of the
 * signature, which only the owner of the key can choose, selects the row.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "jwt/jwt_cache.h"


/*
 * Tokens of a row.  With 1,024 tokens in use, 10 % of the requests would miss
 * in a table of as many entries with one entry a row; with eight none does.
 */
#define JWT_CACHE_WAYS  8

#define JWT_CACHE_ROWS  (JWT_CACHE_TOKENS / JWT_CACHE_WAYS)


/* data is the token, then the account */

typedef struct {
    time_t               since;      /* when it was verified */
    jwt_proof_t          proof;
    size_t               len;
    size_t               sub_len;
    char                 data[];
} jwt_cache_entry_t;


/* newest first; ends are the last bytes of the tokens */

typedef struct {
    uint64_t             ends[JWT_CACHE_WAYS];
    jwt_cache_entry_t   *entries[JWT_CACHE_WAYS];
} jwt_cache_row_t;


struct jwt_cache_s {
    jwt_cache_row_t      rows[JWT_CACHE_ROWS];
};


static uint64_t jwt_cache_end(const char *token, size_t len);
static jwt_cache_row_t *jwt_cache_row(jwt_cache_t *cache, uint64_t end);
static jwt_cache_entry_t *jwt_cache_find(jwt_cache_t *cache,
    const char *token, size_t len, time_t now);
static int jwt_cache_equal(const jwt_cache_entry_t *entry, const char *token,
    size_t len);
static void jwt_cache_keep(jwt_cache_t *cache, const char *token, size_t len,
    time_t now, const jwt_proof_t *proof, const char *sub, size_t sub_len);


jwt_cache_t *
jwt_cache_create(void)
{
    return calloc(1, sizeof(jwt_cache_t));
}


void
jwt_cache_destroy(jwt_cache_t *cache)
{
    size_t  i, j;

    for (i = 0; i < JWT_CACHE_ROWS; i++) {
        for (j = 0; j < JWT_CACHE_WAYS; j++) {
            free(cache->rows[i].entries[j]);
        }
    }

    free(cache);
}


jwt_rc_e
jwt_cache_verify(jwt_cache_t *cache, const char *token, size_t len,
    const jwt_key_t *keys, size_t nkeys, time_t now, char sub[JWT_SUB_MAX],
    size_t *sub_len, jwt_proof_t *proof)
{
    jwt_rc_e            rc;
    jwt_cache_entry_t  *entry;

    if (cache == NULL || len < sizeof(uint64_t) || len > JWT_CACHE_TOKEN_MAX) {
        return jwt_verify(token, len, keys, nkeys, now, sub, sub_len, proof);
    }

    entry = jwt_cache_find(cache, token, len, now);

    if (entry) {
        memcpy(sub, entry->data + len, entry->sub_len);
        *sub_len = entry->sub_len;
        *proof = entry->proof;
        proof->cached = 1;
        return JWT_OK;
    }

    rc = jwt_verify(token, len, keys, nkeys, now, sub, sub_len, proof);

    if (rc == JWT_OK) {
        jwt_cache_keep(cache, token, len, now, proof, sub, *sub_len);
    }

    return rc;
}


static uint64_t
jwt_cache_end(const char *token, size_t len)
{
    uint64_t  end;

    memcpy(&end, token + len - sizeof(end), sizeof(end));

    return end;
}


static jwt_cache_row_t *
jwt_cache_row(jwt_cache_t *cache, uint64_t end)
{
    end *= 0x9e3779b97f4a7c15;

    return &cache->rows[(end >> 32) % JWT_CACHE_ROWS];
}


static jwt_cache_entry_t *
jwt_cache_find(jwt_cache_t *cache, const char *token, size_t len, time_t now)
{
    size_t              i;
    uint64_t            end;
    jwt_cache_row_t    *row;
    jwt_cache_entry_t  *entry;

    end = jwt_cache_end(token, len);
    row = jwt_cache_row(cache, end);

    for (i = 0; i < JWT_CACHE_WAYS && row->entries[i]; i++) {

        if (row->ends[i] != end) {
            continue;
        }

        entry = row->entries[i];

        /* if the clock was set back, iat and nbf may be ahead again */

        if (jwt_cache_equal(entry, token, len)
            && now >= entry->since && now < entry->proof.exp)
        {
            return entry;
        }
    }

    return NULL;
}


/*
 * Only the signature is secret and needs constant time.  An entry has one, so
 * len is large enough.
 */

static int
jwt_cache_equal(const jwt_cache_entry_t *entry, const char *token, size_t len)
{
    size_t  n;

    if (entry->len != len) {
        return 0;
    }

    n = len - JWT_SIGNATURE_LEN;

    return CRYPTO_memcmp(entry->data + n, token + n, JWT_SIGNATURE_LEN) == 0
           && memcmp(entry->data, token, n) == 0;
}


/* if there is no memory, the token is verified again the next time */

static void
jwt_cache_keep(jwt_cache_t *cache, const char *token, size_t len, time_t now,
    const jwt_proof_t *proof, const char *sub, size_t sub_len)
{
    size_t              others;
    jwt_cache_row_t    *row;
    jwt_cache_entry_t  *entry;

    entry = malloc(sizeof(jwt_cache_entry_t) + len + sub_len);
    if (entry == NULL) {
        return;
    }

    entry->since = now;
    entry->proof = *proof;
    entry->len = len;
    entry->sub_len = sub_len;

    memcpy(entry->data, token, len);
    memcpy(entry->data + len, sub, sub_len);

    row = jwt_cache_row(cache, jwt_cache_end(token, len));
    others = JWT_CACHE_WAYS - 1;

    free(row->entries[others]);

    memmove(row->ends + 1, row->ends, others * sizeof(row->ends[0]));
    memmove(row->entries + 1, row->entries, others * sizeof(row->entries[0]));

    row->ends[0] = jwt_cache_end(token, len);
    row->entries[0] = entry;
}
