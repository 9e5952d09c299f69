/*
 * Any bytes as a token, and any two texts (the input up to its first line
 * feed and behind it) as header and claims of a token signed with our key.
 * A token that verifies although it should not stops the fuzzer.
 */


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "jwt/jwt.h"


#define NOW  1700000000

#define must(condition)                                                       \
    if (!(condition)) {                                                       \
        fprintf(stderr, "line %d: %s\n", __LINE__, #condition);               \
        abort();                                                              \
    }


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static const jwt_key_t  keys[] = {
    { 32, (const unsigned char *) "0123456789abcdef0123456789abcdef", 0,
      NULL },
    { 32, (const unsigned char *) "the key of last month, 32 bytes.", 3,
      "old" },
};


static char *
encode(char *p, const uint8_t *data, size_t len)
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


/* the signature in base64url of what lies between token and p */

static char *
sign(const jwt_key_t *key, char *token, char *p)
{
    unsigned       mac_len;
    unsigned char  mac[EVP_MAX_MD_SIZE];

    HMAC(EVP_sha256(), key->data, key->len, (unsigned char *) token,
         p - token, mac, &mac_len);

    *p++ = '.';

    return encode(p, mac, mac_len);
}


static void
check_sub(const char *sub, size_t len)
{
    json_t  *string;

    must(len > 0 && len <= JWT_SUB_MAX);
    must(!jwt_has_control(sub, len));

    string = json_stringn(sub, len);
    must(string != NULL);
    json_decref(string);
}


/* a token that verified must carry the signature of one of the keys */

static void
check_token(const uint8_t *data, size_t len)
{
    int      good;
    char     sub[JWT_SUB_MAX], *copy, *p, *end;
    size_t   i, sub_len;

    if (jwt_verify((const char *) data, len, keys, 2, NOW, sub, &sub_len, NULL)
        != JWT_OK)
    {
        return;
    }

    check_sub(sub, sub_len);

    copy = malloc(2 * len + 128);
    must(copy != NULL);

    memcpy(copy, data, len);
    copy[len] = '\0';

    p = strrchr(copy, '.');
    must(p != NULL);

    good = 0;

    for (i = 0; i < 2; i++) {
        end = sign(&keys[i], copy, p);
        good |= (size_t) (end - copy) == len && memcmp(copy, data, len) == 0;
    }

    must(good);

    /* the last digit has two bits to spare: no second way to write a token */

    copy[len - 1]++;
    must(jwt_verify(copy, len, keys, 2, NOW, sub, &sub_len, NULL)
         >= JWT_MALFORMED);

    free(copy);
}


static void
check_claims(const uint8_t *header, size_t header_len, const uint8_t *claims,
    size_t claims_len)
{
    char      sub[JWT_SUB_MAX], again[JWT_SUB_MAX], *token, *p;
    char      own[JWT_SIGN_MAX + 6];
    json_t   *root;
    size_t    sub_len, again_len, len;
    jwt_rc_e  rc;

    token = malloc(2 * (header_len + claims_len) + 128);
    must(token != NULL);

    p = encode(token, header, header_len);
    *p++ = '.';
    p = encode(p, claims, claims_len);
    p = sign(&keys[1], token, p);

    rc = jwt_verify(token, p - token, keys, 2, NOW, sub, &sub_len, NULL);
    must(rc == JWT_OK || rc >= JWT_MALFORMED);

    if (rc != JWT_OK) {
        free(token);
        return;
    }

    check_sub(sub, sub_len);

    /* which jansson may lose */

    must(memchr(header, '\0', header_len) == NULL);
    must(memchr(claims, '\0', claims_len) == NULL);

    root = json_loadb((const char *) header, header_len, 0, NULL);
    must(root != NULL);
    must(strcmp(json_string_value(json_object_get(root, "alg")), "HS256")
         == 0);
    must(json_object_get(root, "crit") == NULL);
    json_decref(root);

    root = json_loadb((const char *) claims, claims_len, 0, NULL);
    must(root != NULL);
    must(json_integer_value(json_object_get(root, "exp")) > NOW);
    must(json_integer_value(json_object_get(root, "nbf")) <= NOW + 60);
    must(json_integer_value(json_object_get(root, "iat")) <= NOW + 60);
    must(json_string_length(json_object_get(root, "sub")) == sub_len);
    must(memcmp(json_string_value(json_object_get(root, "sub")), sub,
                sub_len)
         == 0);
    json_decref(root);

    /* a token of our own for that account verifies, and not a second late */

    must(jwt_sign(&keys[1], sub, sub_len, NOW, NOW + 1, own, sizeof(own),
                  &len)
         == JWT_OK);
    must(jwt_verify(own, len, keys, 2, NOW, again, &again_len, NULL) == JWT_OK);
    must(again_len == sub_len && memcmp(again, sub, sub_len) == 0);
    must(jwt_verify(own, len, keys, 2, NOW + 1, again, &again_len, NULL)
         == JWT_EXPIRED);

    /* the keys in another order change nothing; no key, no account */

    must(jwt_verify(token, p - token, keys + 1, 1, NOW, again, &again_len, NULL)
         == JWT_OK);
    must(jwt_verify(token, p - token, keys, 1, NOW, again, &again_len, NULL)
         >= JWT_MALFORMED);

    free(token);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char            own[JWT_SIGN_MAX];
    size_t          n;
    const uint8_t  *line;

    check_token(data, len);

    n = sizeof(own);

    if (jwt_sign(&keys[0], (const char *) data, len, NOW, NOW + 1, own,
                 sizeof(own), &n)
        == JWT_OK)
    {
        check_sub((const char *) data, len);
        check_token((const uint8_t *) own, n);
    }

    line = memchr(data, '\n', len);

    if (line != NULL) {
        check_claims(data, line - data, line + 1, data + len - line - 1);
    }

    return 0;
}
