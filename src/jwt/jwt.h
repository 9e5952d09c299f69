
/*
 * HS256 tokens (RFC 7515, RFC 7519) only: a token never chooses the
 * algorithm.  Rules: API.md section 6.
 */


#ifndef _JWT_H_INCLUDED_
#define _JWT_H_INCLUDED_


#include <stddef.h>
#include <time.h>


/*
 * As in all headers here: nginx loads modules with RTLD_GLOBAL, so without
 * this another module's function of the same name could be called instead of
 * ours, or ours instead of its own (libjwt's functions are named jwt_*, too).
 */
#pragma GCC visibility push(hidden)


#define JWT_KEY_MIN   32     /* bytes, RFC 7518 section 3.2 */
#define JWT_SUB_MAX   255    /* bytes of an account */
#define JWT_SKEW      60     /* seconds that nbf and iat may be ahead */

/* bytes of a MAC in base64url: the end of every valid token */
#define JWT_SIGNATURE_LEN  43


/*
 * A key, memory of the caller.  kid is UTF-8 without NUL; a control character,
 * quote or backslash in it is escaped in a token, which takes more room.
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
    JWT_INVALID,         /* of jwt_sign(): an argument is invalid */

    /* of jwt_verify(): why the token is invalid; a client is not told */

    JWT_MALFORMED,       /* not three parts, base64url, two JSON objects */
    JWT_TOO_LONG,
    JWT_BAD_ALG,         /* not HS256 */
    JWT_BAD_CRIT,        /* present */
    JWT_BAD_KID,         /* not a string */
    JWT_UNKNOWN_KID,     /* no key has it, and none verifies the signature */
    JWT_BAD_SIGNATURE,
    JWT_BAD_EXP,         /* missing, or not an integer */
    JWT_EXPIRED,
    JWT_EARLY,           /* nbf or iat is ahead, or not an integer */
    JWT_BAD_SUB,         /* missing, not 1 to JWT_SUB_MAX bytes, or with a
                            control character */

    JWT_LAST
} jwt_rc_e;


/* what is known of a valid token, beside its account */

typedef struct {
    time_t               exp;       /* when it expires */
    size_t               key;       /* index of the key that has verified it */
    int                  cached;    /* 1: it was found in a cache; else 0 */
} jwt_proof_t;


/*
 * Returns 1 if the len bytes of data contain a control character (0 to 31,
 * 127), else 0.  An account has none: it is written to headers and logs, where
 * a newline would begin another header or line.
 */
int jwt_has_control(const char *data, size_t len);

/*
 * Verifies the compact token of len bytes with nkeys keys at the time now
 * (seconds since 1970).  If keys have the kid of the token, only these are
 * tried, else all.  The signature is compared in constant time, and before any
 * claim is trusted.
 * Returns JWT_OK, JWT_ERROR, or why the token is invalid: JWT_MALFORMED or one
 * of those after it.  On JWT_OK the account (claim sub, 1 to JWT_SUB_MAX bytes
 * of UTF-8 without control characters, not terminated) is copied to sub and
 * its length to *sub_len; and *proof is set, unless it is NULL.
 */
jwt_rc_e jwt_verify(const char *token, size_t len, const jwt_key_t *keys,
    size_t nkeys, time_t now, char sub[JWT_SUB_MAX], size_t *sub_len,
    jwt_proof_t *proof);

/* bytes of a token that jwt_sign() makes, without and with the key's kid */
#define JWT_SIGN_MAX        2560
#define JWT_SIGN_SIZE(key)  (JWT_SIGN_MAX + 2 * (key)->kid_len)

/*
 * Signs {"sub":SUB,"iat":IAT,"exp":EXP} with key, times in seconds since 1970.
 * The token is written to p, which has room for size bytes, not terminated,
 * and its length to *len.  JWT_SIGN_SIZE() bytes are enough if kid has nothing
 * to be escaped.
 * Returns JWT_OK; JWT_ERROR; or JWT_INVALID if sub is not 1 to JWT_SUB_MAX
 * bytes of UTF-8 without control characters, if kid is not UTF-8 without NUL,
 * or if the token is too long.
 */
jwt_rc_e jwt_sign(const jwt_key_t *key, const char *sub, size_t sub_len,
    time_t iat, time_t exp, char *p, size_t size, size_t *len);


#pragma GCC visibility pop


#endif /* _JWT_H_INCLUDED_ */
