/*
 * Tokens that have verified lately: remembered as long as they are good, and
 * never taken for another one.
 */


#include "jwt/jwt_cache.h"
#include "tap.h"


#define NOW     1700000000
#define TOKENS  10000
#define MANY    (JWT_CACHE_TOKENS / 4)


static const jwt_key_t  key = {
    32, (const unsigned char *) "0123456789abcdef0123456789abcdef", 0, NULL
};

static const jwt_key_t  other = {
    32, (const unsigned char *) "fedcba9876543210fedcba9876543210", 0, NULL
};

static char    token[JWT_SIGN_MAX];
static size_t  token_len;
static char    sub[JWT_SUB_MAX];
static size_t  sub_len;

static jwt_proof_t  proof;


static void
sign(const char *name, time_t iat, time_t exp)
{
    if (jwt_sign(&key, name, strlen(name), iat, exp, token, sizeof(token),
                 &token_len)
        != JWT_OK)
    {
        ok(0, "the test can sign");
    }
}


/* a key that does not fit tells an answer of the cache from a new look */

static jwt_rc_e
ask(jwt_cache_t *cache, const jwt_key_t *k, time_t now)
{
    sub_len = 0;

    return jwt_cache_verify(cache, token, token_len, k, 1, now, sub,
                            &sub_len, &proof);
}


int
main(void)
{
    char          name[JWT_SUB_MAX + 1];
    size_t        i, good;
    jwt_key_t     two[2];
    jwt_cache_t  *cache;

    cache = jwt_cache_create();

    sign("acme", NOW, NOW + 100);

    ok(ask(cache, &other, NOW) == JWT_BAD_SIGNATURE, "a bad signature");
    ok(ask(cache, &other, NOW) == JWT_BAD_SIGNATURE, "what is bad is not kept");

    ok(ask(cache, &key, NOW) == JWT_OK, "a good token");
    is(sub, sub_len, "acme", "its account");
    ok(!proof.cached && proof.key == 0 && proof.exp == NOW + 100,
       "it was not in the cache");

    ok(ask(cache, &other, NOW + 50) == JWT_OK, "it is remembered");
    is(sub, sub_len, "acme", "its account again");
    ok(proof.cached && proof.key == 0 && proof.exp == NOW + 100,
       "it was, and the proof is the same");

    ok(ask(cache, &key, NOW + 99) == JWT_OK, "good until it expires");
    ok(ask(cache, &key, NOW + 100) == JWT_EXPIRED, "not at its exp");
    ok(ask(cache, &key, NOW + 1000) == JWT_EXPIRED, "nor later");

    ok(ask(cache, &key, NOW - 61) == JWT_EARLY,
       "a clock that was set back before iat");
    ok(ask(cache, &key, NOW) == JWT_OK, "and forth");

    good = 0;

    for (i = 0; i < token_len; i++) {
        token[i] ^= 1;
        good += ask(cache, &key, NOW) == JWT_OK;
        token[i] ^= 1;
    }

    ok(good == 0, "every byte of a remembered token counts");

    token_len--;
    ok(ask(cache, &key, NOW) == JWT_BAD_SIGNATURE, "and its length");

    token_len = 7;
    ok(ask(cache, &key, NOW) == JWT_MALFORMED, "a very short one");

    memset(name, 'x', JWT_SUB_MAX);
    name[JWT_SUB_MAX] = '\0';
    sign(name, NOW, NOW + 100);

    ok(token_len <= JWT_CACHE_TOKEN_MAX && ask(cache, &key, NOW) == JWT_OK
       && ask(cache, &other, NOW) == JWT_OK && sub_len == JWT_SUB_MAX,
       "the longest account is remembered");

    memset(name, '"', JWT_SUB_MAX);
    sign(name, NOW, NOW + 100);

    ok(token_len > JWT_CACHE_TOKEN_MAX && ask(cache, &key, NOW) == JWT_OK
       && ask(cache, &other, NOW) == JWT_BAD_SIGNATURE,
       "a longer token is verified each time");

    good = 0;

    for (i = 0; i < TOKENS; i++) {
        sprintf(name, "account %zu", i);
        sign(name, NOW, NOW + 100);

        good += ask(cache, &key, NOW) == JWT_OK && ask(cache, &other, NOW)
                == JWT_OK && sub_len == strlen(name)
                && memcmp(sub, name, sub_len) == 0;
    }

    ok(good == TOKENS, "more tokens than places: the newest is remembered");

    good = 0;

    for (i = 0; i < 2 * MANY; i++) {
        sprintf(name, "client %zu", i % MANY);
        sign(name, NOW, NOW + 100);

        good += ask(cache, (i < MANY) ? &key : &other, NOW) == JWT_OK;
    }

    ok(good >= 2 * MANY - MANY / 20,
       "a quarter as many tokens as places: nearly all are remembered");

    two[0] = other;
    two[1] = key;

    sign("two keys", NOW, NOW + 100);

    for (i = 0; i < 2; i++) {
        sub_len = 0;
        ok(jwt_cache_verify(cache, token, token_len, two, 2, NOW, sub,
                            &sub_len, &proof)
           == JWT_OK && proof.key == 1 && proof.cached == (int) i,
           "the second key has verified it");
    }

    ok(ask(NULL, &key, NOW) == JWT_OK, "no cache: a good token");
    ok(ask(NULL, &other, NOW) == JWT_BAD_SIGNATURE, "no cache: a bad one");

    jwt_cache_destroy(cache);

    return tap_done();
}
