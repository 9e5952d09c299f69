
/*
 * HS256 tokens (RFC 7515, RFC 7519) and no others: the algorithm is ours,
 * never the token's.  Rules: API.md section 6.
 */


#ifndef _JWT_H_INCLUDED_
#define _JWT_H_INCLUDED_


#include <stddef.h>
#include <time.h>


/*
 * As in all headers here: nginx loads modules with RTLD_GLOBAL, and without
 * this another one's function of the same name could be called for ours, or
 * ours for its own (libjwt names its functions jwt_* too).
 */
#pragma GCC visibility push(hidden)


#define JWT_KEY_MIN   32     /* bytes, RFC 7518 section 3.2 */
#define JWT_SUB_MAX   255    /* bytes of an account */
#define JWT_SKEW      60     /* seconds that nbf and iat may be ahead */

/* a MAC of 32 bytes in base64url: the end of each token that verifies */
#define JWT_SIGNATURE_LEN  43


/*
 * kid: UTF-8 without NUL; a control character, quote or backslash costs room
 * in a token
 */

typedef struct {
    size_t               len;
    const unsigned char *data;
    size_t               kid_len;   /* 0: the key has no name */
    const char          *kid;
} jwt_key_t;


typedef enum {
    JWT_OK = 0,
    JWT_ERROR,           /* no memory, or the crypto library failed */
    JWT_INVALID,         /* to be signed: jwt_sign() says what */

    /* the token does not verify; a client is not told which of these it is */

    JWT_MALFORMED,       /* not three parts, base64url, two JSON objects */
    JWT_TOO_LONG,
    JWT_BAD_ALG,         /* not HS256 */
    JWT_BAD_CRIT,        /* there is one */
    JWT_BAD_KID,         /* not a string */
    JWT_UNKNOWN_KID,     /* of no key, and no key verifies the signature */
    JWT_BAD_SIGNATURE,
    JWT_BAD_EXP,         /* missing, or not an integer */
    JWT_EXPIRED,
    JWT_EARLY,           /* nbf or iat is ahead, or not an integer */
    JWT_BAD_SUB,

    JWT_LAST
} jwt_rc_e;


/*
 * Returns 1 when data holds a control character (0 to 31, 127), else 0.  An
 * account has none: it gets into headers and logs, where a newline would
 * begin another header or line.
 */
int jwt_has_control(const char *data, size_t len);

/*
 * Verifies the compact token of len bytes against nkeys keys at the time
 * now.  A token that names a kid is tried with the keys of that name, where
 * there are any; every other token with all keys.  The signature is compared
 * in constant time and before a claim is believed.
 * On JWT_OK the account (claim sub, 1 to JWT_SUB_MAX bytes of UTF-8 without
 * control characters, not terminated) is in sub and its length in sub_len,
 * and in *exp, unless exp is NULL, the time from which on the token is not
 * good any more.  Else JWT_ERROR, or why it is not good, from
 * JWT_MALFORMED on.
 */
jwt_rc_e jwt_verify(const char *token, size_t len, const jwt_key_t *keys,
    size_t nkeys, time_t now, char sub[JWT_SUB_MAX], size_t *sub_len,
    time_t *exp);

/*
 * Signs {"sub":S,"iat":I,"exp":E} with key.  The token goes to p, which has
 * room for size bytes (JWT_SIGN_SIZE() is enough where kid is plain text),
 * its length to len; no NUL.
 * Returns JWT_OK, JWT_INVALID when sub is not 1 to JWT_SUB_MAX bytes of
 * UTF-8 without control characters, kid not UTF-8 without NUL, or size is too
 * small, JWT_ERROR.
 */
#define JWT_SIGN_MAX        2560
#define JWT_SIGN_SIZE(key)  (JWT_SIGN_MAX + 2 * (key)->kid_len)

jwt_rc_e jwt_sign(const jwt_key_t *key, const char *sub, size_t sub_len,
    time_t iat, time_t exp, char *p, size_t size, size_t *len);


#pragma GCC visibility pop


#endif /* _JWT_H_INCLUDED_ */
