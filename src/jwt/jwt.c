/*
 * HS256 tokens: OpenSSL's HMAC, and jansson for header and claims.
 */


#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "jwt/jwt.h"


/* bytes: by default nginx accepts no longer header line */
#define JWT_TOKEN_MAX         8192

#define JWT_MAC_LEN           32

/* base64url without padding */
#define jwt_encoded_len(len)  (((len) * 4 + 2) / 3)
#define jwt_decoded_len(len)  ((len) * 3 / 4)


typedef struct {
    size_t                len;
    const char           *data;
} jwt_part_t;


/* the parts of header.payload.signature */

typedef struct {
    jwt_part_t            header;
    jwt_part_t            payload;
    jwt_part_t            signature;
    jwt_part_t            input;         /* header.payload: what is signed */
} jwt_parts_t;


static jwt_rc_e jwt_split(const char *token, size_t len, jwt_parts_t *parts);
static jwt_rc_e jwt_check_header(const json_t *header, jwt_part_t *kid);
static jwt_rc_e jwt_check_signature(const jwt_parts_t *parts,
    const jwt_key_t *keys, size_t nkeys, const jwt_part_t *kid, size_t *key);
static int jwt_key_named(const jwt_key_t *key, const jwt_part_t *kid);
static jwt_rc_e jwt_check_key(const jwt_key_t *key, const jwt_part_t *input,
    const unsigned char mac[JWT_MAC_LEN]);
static jwt_rc_e jwt_check_claims(const json_t *claims, time_t now,
    char sub[JWT_SUB_MAX], size_t *sub_len);
static int jwt_is_ahead(const json_t *claim, time_t now);
static jwt_rc_e jwt_load(const jwt_part_t *part, json_t **object);
static jwt_rc_e jwt_encode_object(char **p, const char *end, json_t *object);
static jwt_rc_e jwt_mac(const jwt_key_t *key, const char *data, size_t len,
    unsigned char mac[JWT_MAC_LEN]);
static char *jwt_encode(char *p, const unsigned char *data, size_t len);
static int jwt_decode(unsigned char *p, const char *data, size_t len);
static int jwt_digit(unsigned char c);


int
jwt_has_control(const char *data, size_t len)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < len; i++) {
        c = data[i];

        if (c < 0x20 || c == 0x7f) {
            return 1;
        }
    }

    return 0;
}


jwt_rc_e
jwt_verify(const char *token, size_t len, const jwt_key_t *keys,
    size_t nkeys, time_t now, char sub[JWT_SUB_MAX], size_t *sub_len,
    jwt_proof_t *proof)
{
    size_t        key;
    json_t       *header, *claims;
    jwt_rc_e      rc;
    jwt_part_t    kid;
    jwt_parts_t   parts;

    rc = jwt_split(token, len, &parts);
    if (rc != JWT_OK) {
        return rc;
    }

    /* until the signature is verified, only alg, crit and kid are used */

    rc = jwt_load(&parts.header, &header);
    if (rc != JWT_OK) {
        return rc;
    }

    key = 0;
    rc = jwt_check_header(header, &kid);

    if (rc == JWT_OK) {
        rc = jwt_check_signature(&parts, keys, nkeys, &kid, &key);
    }

    json_decref(header);

    if (rc != JWT_OK) {
        return rc;
    }

    rc = jwt_load(&parts.payload, &claims);
    if (rc != JWT_OK) {
        return rc;
    }

    rc = jwt_check_claims(claims, now, sub, sub_len);

    if (rc == JWT_OK && proof) {
        proof->exp = json_integer_value(json_object_get(claims, "exp"));
        proof->key = key;
        proof->cached = 0;
    }

    json_decref(claims);

    return rc;
}


static jwt_rc_e
jwt_split(const char *token, size_t len, jwt_parts_t *parts)
{
    const char  *first, *second, *end;

    if (len > JWT_TOKEN_MAX) {
        return JWT_TOO_LONG;
    }

    end = token + len;

    first = memchr(token, '.', len);
    if (first == NULL) {
        return JWT_MALFORMED;
    }

    second = memchr(first + 1, '.', end - first - 1);
    if (second == NULL) {
        return JWT_MALFORMED;
    }

    parts->header.data = token;
    parts->header.len = first - token;

    parts->payload.data = first + 1;
    parts->payload.len = second - first - 1;

    parts->signature.data = second + 1;
    parts->signature.len = end - second - 1;

    parts->input.data = token;
    parts->input.len = second - token;

    return JWT_OK;
}


static jwt_rc_e
jwt_check_header(const json_t *header, jwt_part_t *kid)
{
    json_t  *value;

    value = json_object_get(header, "alg");

    if (!json_is_string(value)
        || strcmp(json_string_value(value), "HS256") != 0)
    {
        return JWT_BAD_ALG;
    }

    /* crit lists extensions that must be understood: none is supported */

    if (json_object_get(header, "crit") != NULL) {
        return JWT_BAD_CRIT;
    }

    kid->len = 0;
    kid->data = NULL;

    value = json_object_get(header, "kid");

    if (value != NULL) {
        if (!json_is_string(value)) {
            return JWT_BAD_KID;
        }

        kid->len = json_string_length(value);
        kid->data = json_string_value(value);
    }

    return JWT_OK;
}


static jwt_rc_e
jwt_check_signature(const jwt_parts_t *parts, const jwt_key_t *keys,
    size_t nkeys, const jwt_part_t *kid, size_t *key)
{
    int            named;
    size_t         i;
    jwt_rc_e       rc;
    unsigned char  mac[JWT_MAC_LEN];

    if (parts->signature.len != JWT_SIGNATURE_LEN
        || !jwt_decode(mac, parts->signature.data, parts->signature.len))
    {
        return JWT_BAD_SIGNATURE;
    }

    named = 0;

    for (i = 0; i < nkeys; i++) {
        named |= jwt_key_named(&keys[i], kid);
    }

    for (i = 0; i < nkeys; i++) {
        if (named && !jwt_key_named(&keys[i], kid)) {
            continue;
        }

        rc = jwt_check_key(&keys[i], &parts->input, mac);
        if (rc != JWT_BAD_SIGNATURE) {
            *key = i;
            return rc;
        }
    }

    return (kid->len && !named) ? JWT_UNKNOWN_KID : JWT_BAD_SIGNATURE;
}


static int
jwt_key_named(const jwt_key_t *key, const jwt_part_t *kid)
{
    return kid->len != 0 && key->kid_len == kid->len
           && memcmp(key->kid, kid->data, kid->len) == 0;
}


static jwt_rc_e
jwt_check_key(const jwt_key_t *key, const jwt_part_t *input,
    const unsigned char mac[JWT_MAC_LEN])
{
    jwt_rc_e       rc;
    unsigned char  good[JWT_MAC_LEN];

    rc = jwt_mac(key, input->data, input->len, good);

    if (rc == JWT_OK && CRYPTO_memcmp(good, mac, JWT_MAC_LEN) != 0) {
        rc = JWT_BAD_SIGNATURE;
    }

    /* good is a valid signature of the client's text: keep no copy of it */

    OPENSSL_cleanse(good, sizeof(good));

    return rc;
}


static jwt_rc_e
jwt_check_claims(const json_t *claims, time_t now, char sub[JWT_SUB_MAX],
    size_t *sub_len)
{
    size_t   len;
    json_t  *value;

    value = json_object_get(claims, "exp");

    if (!json_is_integer(value)) {
        return JWT_BAD_EXP;
    }

    if (json_integer_value(value) <= now) {
        return JWT_EXPIRED;
    }

    if (jwt_is_ahead(json_object_get(claims, "nbf"), now)
        || jwt_is_ahead(json_object_get(claims, "iat"), now))
    {
        return JWT_EARLY;
    }

    value = json_object_get(claims, "sub");
    len = json_string_length(value);

    if (len == 0 || len > JWT_SUB_MAX
        || jwt_has_control(json_string_value(value), len))
    {
        return JWT_BAD_SUB;
    }

    memcpy(sub, json_string_value(value), len);
    *sub_len = len;

    return JWT_OK;
}


static int
jwt_is_ahead(const json_t *claim, time_t now)
{
    if (claim == NULL) {
        return 0;
    }

    return !json_is_integer(claim)
           || json_integer_value(claim) > (json_int_t) now + JWT_SKEW;
}


/*
 * Returns JWT_OK, JWT_MALFORMED or JWT_ERROR.  On JWT_OK *object is the JSON
 * object of the part; the caller releases it with json_decref().
 */

static jwt_rc_e
jwt_load(const jwt_part_t *part, json_t **object)
{
    size_t          len;
    json_t         *root;
    json_error_t    error;
    unsigned char   text[jwt_decoded_len(JWT_TOKEN_MAX)];

    if (!jwt_decode(text, part->data, part->len)) {
        return JWT_MALFORMED;
    }

    len = jwt_decoded_len(part->len);

    /* jansson 2.14 drops a NUL after a number: see tracker_json_show_nul() */

    if (memchr(text, '\0', len) != NULL) {
        return JWT_MALFORMED;
    }

    /* it also hides some failed allocations: see tracker_json_open() */

    errno = 0;

    root = json_loadb((char *) text, len, JSON_REJECT_DUPLICATES, &error);

    if (errno == ENOMEM || (root == NULL && error.text[0] == '\0')) {
        json_decref(root);
        return JWT_ERROR;
    }

    if (!json_is_object(root)) {
        json_decref(root);
        return JWT_MALFORMED;
    }

    *object = root;

    return JWT_OK;
}


jwt_rc_e
jwt_sign(const jwt_key_t *key, const char *sub, size_t sub_len, time_t iat,
    time_t exp, char *p, size_t size, size_t *len)
{
    char           *start;
    json_t         *object;
    jwt_rc_e        rc;
    const char     *end;
    unsigned char   mac[JWT_MAC_LEN];

    if (sub_len == 0 || sub_len > JWT_SUB_MAX
        || jwt_has_control(sub, sub_len))
    {
        return JWT_INVALID;
    }

    /* could be signed, but no such token would be valid */

    if (key->kid_len && memchr(key->kid, '\0', key->kid_len) != NULL) {
        return JWT_INVALID;
    }

    start = p;
    end = p + size;
    errno = 0;

    if (key->kid_len) {
        object = json_pack("{s:s,s:s,s:s%}", "alg", "HS256", "typ", "JWT",
                           "kid", key->kid, key->kid_len);

    } else {
        object = json_pack("{s:s,s:s}", "alg", "HS256", "typ", "JWT");
    }

    rc = jwt_encode_object(&p, end, object);
    if (rc != JWT_OK) {
        return rc;
    }

    if (p == end) {
        return JWT_INVALID;
    }

    *p++ = '.';

    object = json_pack("{s:s%,s:I,s:I}", "sub", sub, sub_len,
                       "iat", (json_int_t) iat, "exp", (json_int_t) exp);

    rc = jwt_encode_object(&p, end, object);
    if (rc != JWT_OK) {
        return rc;
    }

    if ((size_t) (end - p) < 1 + JWT_SIGNATURE_LEN) {
        return JWT_INVALID;
    }

    rc = jwt_mac(key, start, p - start, mac);
    if (rc != JWT_OK) {
        return rc;
    }

    *p++ = '.';
    p = jwt_encode(p, mac, JWT_MAC_LEN);
    *len = p - start;

    return JWT_OK;
}


/*
 * Writes the JSON text of object to *p in base64url, advances *p, and releases
 * object.  NULL is an object that could not be made: jansson rejects invalid
 * UTF-8 without setting errno, while a failed allocation sets it.
 */

static jwt_rc_e
jwt_encode_object(char **p, const char *end, json_t *object)
{
    char    text[JWT_SIGN_MAX];
    size_t  len;

    if (object == NULL) {
        return errno == ENOMEM ? JWT_ERROR : JWT_INVALID;
    }

    len = json_dumpb(object, text, sizeof(text), JSON_COMPACT);

    json_decref(object);

    if (len == 0) {
        return JWT_ERROR;
    }

    /* len is the length of the whole text, even if it did not fit */

    if (len > sizeof(text) || (size_t) (end - *p) < jwt_encoded_len(len)) {
        return JWT_INVALID;
    }

    *p = jwt_encode(*p, (unsigned char *) text, len);

    return JWT_OK;
}


static jwt_rc_e
jwt_mac(const jwt_key_t *key, const char *data, size_t len,
    unsigned char mac[JWT_MAC_LEN])
{
    if (HMAC(EVP_sha256(), key->data, key->len, (const unsigned char *) data,
             len, mac, NULL)
        == NULL)
    {
        /* nginx would take what is left in the queue for a TLS error */

        ERR_clear_error();

        return JWT_ERROR;
    }

    return JWT_OK;
}


static char *
jwt_encode(char *p, const unsigned char *data, size_t len)
{
    size_t             i, n;
    uint32_t           bits;
    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz"
                                  "0123456789-_";

    bits = 0;
    n = 0;

    for (i = 0; i < len; i++) {
        bits = bits << 8 | data[i];

        for (n += 8; n >= 6; n -= 6) {
            *p++ = digits[bits >> (n - 6) & 0x3f];
        }
    }

    if (n) {
        *p++ = digits[bits << (6 - n) & 0x3f];
    }

    return p;
}


/*
 * Returns 1 if data is base64url as RFC 7515 defines it, else 0: no padding,
 * no other characters, and the unused bits are zero (otherwise one token could
 * be written in several ways).
 */

static int
jwt_decode(unsigned char *p, const char *data, size_t len)
{
    int       digit;
    size_t    i, n;
    uint32_t  bits;

    if (len % 4 == 1) {
        return 0;
    }

    bits = 0;
    n = 0;

    for (i = 0; i < len; i++) {
        digit = jwt_digit(data[i]);
        if (digit < 0) {
            return 0;
        }

        bits = bits << 6 | digit;
        n += 6;

        if (n >= 8) {
            n -= 8;
            *p++ = bits >> n;
        }
    }

    return (bits & ((1u << n) - 1)) == 0;
}


static int
jwt_digit(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    if (c == '-') {
        return 62;
    }

    return c == '_' ? 63 : -1;
}
