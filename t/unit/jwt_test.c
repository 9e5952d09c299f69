/* Tokens, made here by other means, verified; tokens signed, compared. */


#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "jwt/jwt.h"
#include "tap.h"


#define NOW  1700000000

#define HS256  "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

#define refused(rc)  ((rc) >= JWT_MALFORMED && (rc) < JWT_LAST)

#define key_of(literal)  sizeof(literal) - 1, (const unsigned char *) literal
#define text(literal)    sizeof(literal) - 1, literal

#define text_and_length(literal)  literal, sizeof(literal) - 1


/* verdict of a token made of header and payload, signed with keys[key] */

typedef struct {
    jwt_rc_e      rc;
    const char   *title;
    size_t        key;
    const char   *header;
    const char   *payload;
} case_t;


static const jwt_key_t  keys[] = {
    { key_of("0123456789abcdef0123456789abcdef"), 0, NULL },
    { key_of("\0\xff a key of the last month, 40 bytes.."), 3, "old" },
    { key_of("another key of the name old, 32 bytes"), 3, "old" },
    { key_of("a key that the server does not have."), 3, "old" },
};

#define KEYS  3


static tap_memory_t  memory;
static char          token[16384];
static size_t        token_len;
static char          sub[JWT_SUB_MAX];
static size_t        sub_len;


static const case_t  cases[] = {

    { JWT_OK, "sub and exp are enough", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_OK, "no typ, and blanks", 0, " { \"alg\" : \"HS256\" } ",
      "\r\n{\"sub\":\"acme\",\"exp\":1700000001}\t" },
    { JWT_OK, "other header parameters and claims are left alone", 0,
      "{\"alg\":\"HS256\",\"cty\":\"x\",\"jku\":[1]}",
      "{\"iss\":\"x\",\"aud\":[\"y\"],\"sub\":\"acme\",\"exp\":1700000001}" },

    /* the algorithm is ours */

    { JWT_BAD_ALG, "alg none", 0, "{\"alg\":\"none\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_ALG, "alg HS384", 0, "{\"alg\":\"HS384\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_ALG, "alg RS256", 0, "{\"alg\":\"RS256\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_ALG, "alg in another case", 0, "{\"alg\":\"hs256\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_ALG, "alg that begins right", 0, "{\"alg\":\"HS256 \"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_ALG, "alg no string", 0, "{\"alg\":256}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_ALG, "alg absent", 0, "{\"typ\":\"JWT\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_MALFORMED, "alg twice", 0, "{\"alg\":\"none\",\"alg\":\"HS256\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_CRIT, "crit", 0, "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_CRIT, "crit null", 0, "{\"alg\":\"HS256\",\"crit\":null}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_MALFORMED, "a header that is an array", 0, "[\"HS256\"]",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_MALFORMED, "a header that is no JSON", 0, "{\"alg\":\"HS256\"",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_MALFORMED, "a header with bytes behind it", 0,
      "{\"alg\":\"HS256\"}x", "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_MALFORMED, "an empty header", 0, "",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },

    /* the key */

    { JWT_OK, "a later key, no kid", 1, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_OK, "kid of the key", 1, "{\"alg\":\"HS256\",\"kid\":\"old\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_OK, "a second key of that kid", 2,
      "{\"alg\":\"HS256\",\"kid\":\"old\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_SIGNATURE, "kid of another key", 0,
      "{\"alg\":\"HS256\",\"kid\":\"old\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_OK, "a kid that no key has: all are tried", 1,
      "{\"alg\":\"HS256\",\"kid\":\"new\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_UNKNOWN_KID, "a kid that no key has, and a foreign key", 3,
      "{\"alg\":\"HS256\",\"kid\":\"new\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_OK, "a kid that begins as a key's does", 0,
      "{\"alg\":\"HS256\",\"kid\":\"older\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_OK, "an empty kid", 0, "{\"alg\":\"HS256\",\"kid\":\"\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_KID, "kid no string", 0, "{\"alg\":\"HS256\",\"kid\":1}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_SIGNATURE, "a foreign key", 3, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001}" },
    { JWT_BAD_SIGNATURE, "a foreign key with our kid", 3,
      "{\"alg\":\"HS256\",\"kid\":\"old\"}",
      "{\"sub\":\"acme\",\"exp\":1700000001}" },

    /* times */

    { JWT_EXPIRED, "exp is now", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000000}" },
    { JWT_EXPIRED, "exp is past", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1699999999}" },
    { JWT_EXPIRED, "exp is negative", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":-1}" },
    { JWT_OK, "exp is the largest integer", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":9223372036854775807}" },
    { JWT_MALFORMED, "exp is larger", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":9223372036854775808}" },
    { JWT_BAD_EXP, "exp absent", 0, HS256, "{\"sub\":\"acme\"}" },
    { JWT_BAD_EXP, "exp a string", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":\"1700000001\"}" },
    { JWT_BAD_EXP, "exp a fraction", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001.0}" },
    { JWT_BAD_EXP, "exp null", 0, HS256, "{\"sub\":\"acme\",\"exp\":null}" },
    { JWT_MALFORMED, "exp twice", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1,\"exp\":1700000001}" },
    { JWT_OK, "nbf 60 s ahead", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001,\"nbf\":1700000060}" },
    { JWT_EARLY, "nbf 61 s ahead", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001,\"nbf\":1700000061}" },
    { JWT_OK, "nbf long past", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001,\"nbf\":-9223372036854775808}" },
    { JWT_EARLY, "nbf no number", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001,\"nbf\":\"1\"}" },
    { JWT_EARLY, "nbf null", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001,\"nbf\":null}" },
    { JWT_OK, "iat 60 s ahead", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001,\"iat\":1700000060}" },
    { JWT_EARLY, "iat 61 s ahead", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001,\"iat\":1700000061}" },
    { JWT_EARLY, "iat the largest integer", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001,\"iat\":9223372036854775807}" },
    { JWT_EARLY, "iat no number", 0, HS256,
      "{\"sub\":\"acme\",\"exp\":1700000001,\"iat\":[]}" },

    /* the account */

    { JWT_BAD_SUB, "sub absent", 0, HS256, "{\"exp\":1700000001}" },
    { JWT_BAD_SUB, "sub empty", 0, HS256,
      "{\"sub\":\"\",\"exp\":1700000001}" },
    { JWT_BAD_SUB, "sub a number", 0, HS256,
      "{\"sub\":7,\"exp\":1700000001}" },
    { JWT_BAD_SUB, "sub null", 0, HS256,
      "{\"sub\":null,\"exp\":1700000001}" },
    { JWT_MALFORMED, "sub with a NUL", 0, HS256,
      "{\"sub\":\"ac\\u0000me\",\"exp\":1700000001}" },
    { JWT_BAD_SUB, "sub with CR LF", 0, HS256,
      "{\"sub\":\"ac\\r\\nX-Evil: 1\",\"exp\":1700000001}" },
    { JWT_BAD_SUB, "sub with a tab", 0, HS256,
      "{\"sub\":\"ac\\tme\",\"exp\":1700000001}" },
    { JWT_BAD_SUB, "sub that ends in the last control character below 32", 0,
      HS256, "{\"sub\":\"acme\\u001f\",\"exp\":1700000001}" },
    { JWT_BAD_SUB, "sub with DEL", 0, HS256,
      "{\"sub\":\"\x7f" "acme\",\"exp\":1700000001}" },
    { JWT_MALFORMED, "sub of bad UTF-8", 0, HS256,
      "{\"sub\":\"ac\xff\",\"exp\":1700000001}" },
    { JWT_MALFORMED, "claims that are an array", 0, HS256,
      "[\"acme\",1700000001]" },
    { JWT_MALFORMED, "claims that are no JSON", 0, HS256, "acme" },
    { JWT_MALFORMED, "no claims", 0, HS256, "" },
};


static void *
failing_malloc(size_t size)
{
    return tap_alloc(&memory, size);
}


static void
failing_free(void *p)
{
    tap_free(&memory, p);
}


static void *
openssl_malloc(size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    return size ? tap_alloc(&memory, size) : NULL;
}


static void *
openssl_realloc(void *p, size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    if (++memory.calls == memory.fail) {
        errno = ENOMEM;
        return NULL;
    }

    memory.live += p == NULL;

    return realloc(p, size);
}


static void
openssl_free(void *p, const char *file, int line)
{
    (void) file;
    (void) line;

    tap_free(&memory, p);
}


static char *
encode(char *p, const unsigned char *data, size_t len)
{
    int  i, n;

    n = EVP_EncodeBlock((unsigned char *) p, data, len);

    while (n && p[n - 1] == '=') {
        n--;
    }

    for (i = 0; i < n; i++) {
        p[i] = p[i] == '+' ? '-' : p[i] == '/' ? '_' : p[i];
    }

    return p + n;
}


/* the signature of what token holds up to p */

static void
append_signature(const jwt_key_t *key, char *p)
{
    unsigned        mac_len;
    unsigned char   mac[EVP_MAX_MD_SIZE];

    HMAC(EVP_sha256(), key->data, key->len, (unsigned char *) token,
         p - token, mac, &mac_len);

    *p++ = '.';
    p = encode(p, mac, mac_len);
    token_len = p - token;
    *p = '\0';
}


/* sets token: an implementation that shares nothing with src/jwt/jwt.c */

static void
make_of(const jwt_key_t *key, const char *header, size_t header_len,
    const char *payload, size_t payload_len)
{
    char  *p;

    p = encode(token, (const unsigned char *) header, header_len);
    *p++ = '.';
    p = encode(p, (const unsigned char *) payload, payload_len);

    append_signature(key, p);
}


static void
make(const jwt_key_t *key, const char *header, const char *payload)
{
    make_of(key, header, strlen(header), payload, strlen(payload));
}


/* the token in a block of its own size: no byte behind it may be read */

static jwt_rc_e
verify(size_t len, time_t now)
{
    char      *copy;
    jwt_rc_e   rc;

    copy = malloc(len ? len : 1);
    if (copy == NULL) {
        exit(1);
    }

    memcpy(copy, token, len);
    rc = jwt_verify(copy, len, keys, KEYS, now, sub, &sub_len, NULL);
    free(copy);

    return rc;
}


static void
test_known_answer(void)
{
    jwt_key_t  key;

    /* RFC 7515, appendix A.1 */

    static const unsigned char  k[] = {
        3, 35, 53, 75, 43, 15, 165, 188, 131, 126, 6, 101, 119, 123, 166,
        143, 90, 179, 40, 230, 240, 84, 201, 40, 169, 15, 132, 178, 210, 80,
        46, 191, 211, 251, 90, 146, 210, 6, 71, 239, 150, 138, 180, 195, 119,
        98, 61, 34, 61, 46, 33, 114, 5, 46, 79, 8, 192, 205, 154, 245, 103,
        208, 128, 163
    };

    memset(&key, 0, sizeof(key));
    key.data = k;
    key.len = sizeof(k);

    make(&key, "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}",
         "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
         "\"http://example.com/is_root\":true}");

    is(token, token_len,
       "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
       ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
       "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
       ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
       "this test makes the token of RFC 7515, appendix A.1");

    ok(jwt_verify(token, token_len, &key, 1, 1300819379, sub, &sub_len, NULL)
       == JWT_BAD_SUB, "which has no sub");
}


static void
test_cases(void)
{
    size_t         i;
    jwt_rc_e       rc;
    const case_t  *c;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];

        make(&keys[c->key], c->header, c->payload);

        sub_len = 0;
        rc = verify(token_len, NOW);

        if (c->rc == JWT_OK) {
            is(sub, rc == JWT_OK ? sub_len : 0, "acme", c->title);
            continue;
        }

        ok(rc == c->rc, "%s", c->title);
    }

    make(&keys[0], HS256, "{\"sub\":\"acme\",\"exp\":1700000001}");
    ok(jwt_verify(token, token_len, keys, 0, NOW, sub, &sub_len, NULL)
       == JWT_BAD_SIGNATURE, "without keys nothing verifies");
}


/* jansson lost some of them */

static void
test_nul(void)
{
    size_t  i;

    static const struct {
        size_t        len;
        const char   *data;
    } headers[] = {
        { text("{\"alg\":\"HS256\",\"x\":1\0}") },
        { text("{\"alg\":\"HS256\",\"x\":true\0}") },
        { text("{\"x\":[null\0],\"alg\":\"HS256\"}") },
        { text("{\"alg\":\"HS256\"}\0") },
        { text("\0{\"alg\":\"HS256\"}") },
    }, claims[] = {
        { text("{\"sub\":\"acme\",\"exp\":1700000001\0}") },
        { text("{\"exp\":1700000001\0,\"sub\":\"acme\"}") },
        { text("{\"exp\":1700000001\0\0\0,\"sub\":\"acme\"}") },
        { text("{\"exp\":1700000001,\"sub\":\"acme\",\"x\":false\0}") },
        { text("{\"exp\":1700000001,\"sub\":\"acme\",\"x\":[1\0]}") },
        { text("{\"exp\":1700000001,\"sub\":\"acme\",\"x\":\"\0\"}") },
        { text("{\"exp\":1700000001,\"sub\":\"acme\"}\0") },
    };

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        make_of(&keys[0], headers[i].data, headers[i].len,
                text_and_length("{\"sub\":\"acme\",\"exp\":1700000001}"));
        ok(verify(token_len, NOW) == JWT_MALFORMED, "header %zu with a NUL", i);
    }

    for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        make_of(&keys[0], text_and_length(HS256), claims[i].data,
                claims[i].len);
        ok(verify(token_len, NOW) == JWT_MALFORMED, "claims %zu with a NUL", i);
    }
}


static void
test_long(void)
{
    char    payload[8192];
    size_t  n;

    sprintf(payload, "{\"sub\":\"%0255d\",\"exp\":1700000001}", 1);
    make(&keys[0], HS256, payload);
    ok(verify(token_len, NOW) == JWT_OK && sub_len == 255
       && sub[0] == '0' && sub[254] == '1', "a sub of 255 bytes");

    sprintf(payload, "{\"sub\":\"%0256d\",\"exp\":1700000001}", 1);
    make(&keys[0], HS256, payload);
    ok(verify(token_len, NOW) == JWT_BAD_SUB, "a sub of 256 bytes");

    n = sprintf(payload, "{\"sub\":\"acme\",\"exp\":1700000001}");
    memset(payload + n, ' ', sizeof(payload) - n);

    payload[6081] = '\0';
    make(&keys[0], HS256, payload);
    ok(token_len <= 8192 && token_len > 8188
       && verify(token_len, NOW) == JWT_OK, "a token of %zu bytes",
       token_len);

    payload[6081] = ' ';
    payload[6084] = '\0';
    make(&keys[0], HS256, payload);
    ok(token_len > 8192 && verify(token_len, NOW) == JWT_TOO_LONG,
       "a token of %zu bytes", token_len);
}


/* every byte of a good token turned into every other, and every length */

static void
test_damage(void)
{
    int     c;
    char    was;
    size_t  i, n, accepted;

    make(&keys[1], "{\"alg\":\"HS256\",\"kid\":\"old\"}",
         "{\"sub\":\"acme\",\"exp\":1700000001}");

    ok(verify(token_len, NOW) == JWT_OK, "a good token");

    n = token_len;
    accepted = 0;

    for (i = 0; i < n; i++) {
        was = token[i];

        for (c = 0; c < 256; c++) {
            token[i] = c;
            accepted += token[i] != was && !refused(verify(n, NOW));
        }

        token[i] = was;
    }

    ok(accepted == 0, "any byte of it changed, %zu accepted", accepted);

    accepted = 0;

    for (i = 0; i < n; i++) {
        accepted += !refused(verify(i, NOW));
        accepted += !refused(jwt_verify(token + n - i, i, keys, KEYS, NOW,
                                        sub, &sub_len, NULL));
    }

    ok(accepted == 0, "cut at any byte, %zu accepted", accepted);

    accepted = 0;

    for (c = 0; c < 256; c++) {
        token[n] = c;
        accepted += !refused(verify(n + 1, NOW));
    }

    ok(accepted == 0, "any byte behind it, %zu accepted", accepted);

    memcpy(token + n, "....", 4);

    for (i = 0; i < 4; i++) {
        accepted += !refused(verify(n + i + 1, NOW));
        accepted += !refused(jwt_verify(token + n, i, keys, KEYS, NOW, sub,
                                        &sub_len, NULL));
    }

    ok(accepted == 0, "points, %zu accepted", accepted);

    ok(verify(n, NOW) == JWT_OK, "the token is still good");
}


/* base64url in another form than the one, under a signature that holds */

static void
test_base64url(void)
{
    char    *p, payload[80];
    size_t   i;

#define PAYLOAD  "eyJzdWIiOiJhY21lIiwiZXhwIjoxNzAwMDAwMDAxfQ"

    static const char  *forms[][2] = {
        { "eyJhbGciOiJIUzI1NiJ9", PAYLOAD },
        { "eyJhbGciOiJIUzI1NiJ9", PAYLOAD "==" },
        { "eyJhbGciOiJIUzI1NiJ9", PAYLOAD "=" },
        { "eyJhbGciOiJIUzI1NiJ9A", PAYLOAD },
        { "eyJhbGciOiJIUzI1NiJ9IA=", PAYLOAD },
        { "eyJhbGciOiJIUzI1NiJ9 ", PAYLOAD },
        { " eyJhbGciOiJIUzI1NiJ9", PAYLOAD },
        { "eyJhbGciOiJIUzI1NiJ9\n", PAYLOAD },
        { "eyJhbGciOiJIUzI1NiJ9",
          "eyJzdWIiOiJhY21lIiwiZXhwIjoxNzAwMDAwMDAxfR" },
        { "eyJhbGciOiJIUzI1NiJ9",
          "eyJzdWIiOiI+Pj4iLCJleHAiOjE3MDAwMDAwMDF9" },
        { "eyJhbGciOiJIUzI1NiJ9",
          "eyJzdWIiOiI/Pz8iLCJleHAiOjE3MDAwMDAwMDF9" },
        { "eyJhbGciOiJIUzI1NiJ9", "" },
        { "", PAYLOAD },
    };

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        p = token + sprintf(token, "%s.%s", forms[i][0], forms[i][1]);
        append_signature(&keys[0], p);

        ok(verify(token_len, NOW) == (i ? JWT_MALFORMED : JWT_OK),
           "form %zu of a token", i);
    }

    /* the bytes - and _ in place of + and / */

    make(&keys[0], HS256, "{\"sub\":\">>>???\",\"exp\":1700000001}");
    ok(strchr(token, '-') && strchr(token, '_')
       && verify(token_len, NOW) == JWT_OK, "both digits of base64url");

    /* a byte that is no digit, where it would do as 63 if let through */

    for (i = 1; ; i++) {
        sprintf(payload, "{\"sub\":\"acme\",\"exp\":%zu}", NOW + i);
        make(&keys[0], HS256, payload);

        p = strrchr(token, '.') + 1;

        while (*p != '_' && token + token_len - p > 4) {
            p += 4;
        }

        if (*p == '_') {
            break;
        }
    }

    *p = '!';
    ok(verify(token_len, NOW) == JWT_BAD_SIGNATURE, "no other byte for them");
}


static void
test_sign(void)
{
    char       p[8 * JWT_SIGN_MAX], wide[JWT_SUB_MAX + 1];
    size_t     len, size, wrong;
    jwt_key_t  key;

    make(&keys[0], HS256,
         "{\"sub\":\"acme\",\"iat\":1700000000,\"exp\":1700086400}");

    ok(jwt_sign(&keys[0], "acme", 4, NOW, NOW + 86400, p, sizeof(p), &len)
       == JWT_OK, "sign");
    is(p, len, token, "the token, byte for byte");

    make(&keys[1], "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"old\"}",
         "{\"sub\":\"acme\",\"iat\":1700000000,\"exp\":1700086400}");

    ok(jwt_sign(&keys[1], "acme", 4, NOW, NOW + 86400, p, sizeof(p), &len)
       == JWT_OK, "sign with a key that has a kid");
    is(p, len, token, "names the kid");

    wrong = 0;

    for (size = 0; size <= token_len; size++) {
        memset(p, 0, sizeof(p));
        wrong += jwt_sign(&keys[1], "acme", 4, NOW, NOW + 86400, p, size,
                          &len)
                 != (size < token_len ? JWT_INVALID : JWT_OK);
        wrong += p[size] != 0;
    }

    ok(wrong == 0, "room that is too small, %zu wrong", wrong);

    memset(wide, '"', sizeof(wide));
    ok(jwt_sign(&keys[1], wide, JWT_SUB_MAX, NOW, NOW + 1, p,
                JWT_SIGN_SIZE(&keys[1]), &len) == JWT_OK
       && jwt_verify(p, len, keys, KEYS, NOW, sub, &sub_len, NULL) == JWT_OK
       && sub_len == JWT_SUB_MAX && memcmp(sub, wide, sub_len) == 0,
       "the longest sub, all escapes");

    ok(jwt_sign(&keys[0], wide, JWT_SUB_MAX + 1, NOW, NOW + 1, p, sizeof(p),
                &len) == JWT_INVALID, "a sub of 256 bytes");
    ok(jwt_sign(&keys[0], "", 0, NOW, NOW + 1, p, sizeof(p), &len)
       == JWT_INVALID, "an empty sub");
    ok(jwt_sign(&keys[0], "a\0b", 3, NOW, NOW + 1, p, sizeof(p), &len)
       == JWT_INVALID, "a sub with a NUL");
    ok(jwt_sign(&keys[0], "a\r\nb", 4, NOW, NOW + 1, p, sizeof(p), &len)
       == JWT_INVALID, "a sub with CR LF");
    ok(jwt_sign(&keys[0], "\xff", 1, NOW, NOW + 1, p, sizeof(p), &len)
       == JWT_INVALID, "a sub of bad UTF-8");

    key = keys[0];
    key.kid = "\xff";
    key.kid_len = 1;
    ok(jwt_sign(&key, "acme", 4, NOW, NOW + 1, p, sizeof(p), &len)
       == JWT_INVALID, "a kid of bad UTF-8");

    key.kid = "a\0b";
    key.kid_len = 3;
    ok(jwt_sign(&key, "acme", 4, NOW, NOW + 1, p, sizeof(p), &len)
       == JWT_INVALID, "a kid with a NUL");

    memset(token, 'k', 4096);
    key.kid = token;
    key.kid_len = 4096;
    ok(jwt_sign(&key, "acme", 4, NOW, NOW + 1, p, sizeof(p), &len)
       == JWT_INVALID, "a kid that has no room");
}


/* the n-th allocation of jansson and OpenSSL fails, for every n */

static void
test_no_memory(void)
{
    char      p[JWT_SIGN_MAX + 64];
    size_t    n, len, live, wrong;
    jwt_rc_e  rc;

    make(&keys[0],
         "{\"alg\":\"HS256\",\"typ\":\"a string that is longer than the "
         "first buffer of jansson\"}",
         "{\"sub\":\"acme\",\"exp\":1700000001}");

    wrong = 0;

    for (n = 1; ; n++) {
        live = memory.live;
        tap_memory_reset(&memory, n);

        rc = jwt_verify(token, token_len, keys, KEYS, NOW, sub, &sub_len, NULL);

        if (memory.calls < n) {
            break;
        }

        wrong += refused(rc) || ERR_peek_error() != 0
                 || memory.live != live;

        tap_memory_reset(&memory, 0);
        wrong += verify(token_len, NOW) != JWT_OK;
    }

    ok(wrong == 0 && rc == JWT_OK,
       "verify: each of %zu allocations fails once, %zu wrong", n - 1, wrong);

    wrong = 0;

    for (n = 1; ; n++) {
        live = memory.live;
        tap_memory_reset(&memory, n);

        rc = jwt_sign(&keys[1], "acme", 4, NOW, NOW + 1, p, sizeof(p), &len);

        if (memory.calls < n) {
            break;
        }

        wrong += rc == JWT_INVALID || ERR_peek_error() != 0
                 || memory.live != live;
    }

    ok(wrong == 0 && rc == JWT_OK,
       "sign: each of %zu allocations fails once, %zu wrong", n - 1, wrong);

    tap_memory_reset(&memory, 0);
}


int
main(void)
{
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc,
                                 openssl_free)
        != 1)
    {
        printf("Bail out! OpenSSL has allocated already\n");
        return 1;
    }

    json_set_alloc_funcs(failing_malloc, failing_free);

    test_known_answer();
    test_cases();
    test_nul();
    test_long();
    test_damage();
    test_base64url();
    test_sign();
    test_no_memory();

    return tap_done();
}
