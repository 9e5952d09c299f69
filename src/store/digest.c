
/*
 * Digests and random bytes, by OpenSSL.  After a failure its queue of errors is
 * cleared: nginx would take one in it for an error of a TLS connection.
 */


#include "store/digest.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


#define TRACKER_RANDOM_POOL  1024    /* bytes */


/*
 * The contexts are kept: in OpenSSL 3 the search for an algorithm takes longer
 * than the digest of a short string.
 */

ngx_int_t
tracker_digest(u_char *hex, tracker_md_e md, ngx_str_t *parts, ngx_uint_t n)
{
    u_char              digest[EVP_MAX_MD_SIZE];
    ngx_uint_t          i;
    EVP_MD_CTX         *ctx;
    unsigned int        size;
    const EVP_MD       *type;
    static EVP_MD_CTX  *contexts[2];

    ctx = contexts[md];
    type = NULL;

    if (ctx == NULL) {
        type = (md == TRACKER_SHA1) ? EVP_sha1() : EVP_sha256();

        ctx = EVP_MD_CTX_new();
        if (ctx == NULL) {
            ERR_clear_error();
            return NGX_ERROR;
        }
    }

    contexts[md] = NULL;

    if (EVP_DigestInit_ex(ctx, type, NULL) != 1) {
        goto failed;
    }

    for (i = 0; i < n; i++) {
        if (EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1) {
            goto failed;
        }
    }

    if (EVP_DigestFinal_ex(ctx, digest, &size) != 1) {
        goto failed;
    }

    contexts[md] = ctx;

    ngx_hex_dump(hex, digest, size);

    return NGX_OK;

failed:

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();

    return NGX_ERROR;
}


/* one call of OpenSSL serves many requests */

ngx_int_t
tracker_random(void *p, size_t len)
{
    size_t         n;
    u_char        *to;

    static size_t  left;
    static u_char  pool[TRACKER_RANDOM_POOL];

    for (to = p; len; to += n, len -= n) {

        if (left == 0) {
            if (RAND_bytes(pool, sizeof(pool)) != 1) {
                ERR_clear_error();
                return NGX_ERROR;
            }

            left = sizeof(pool);
        }

        n = ngx_min(len, left);
        left -= n;

        ngx_memcpy(to, pool + left, n);
        ngx_memzero(pool + left, n);
    }

    return NGX_OK;
}
