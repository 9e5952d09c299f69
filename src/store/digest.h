
/*
 * Digests and random bytes, by OpenSSL.
 */


#ifndef _TRACKER_DIGEST_H_INCLUDED_
#define _TRACKER_DIGEST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#pragma GCC visibility push(hidden)


/* of the hex digits */
#define TRACKER_SHA1_LEN    40
#define TRACKER_SHA256_LEN  64


typedef enum {
    TRACKER_SHA1 = 0,
    TRACKER_SHA256
} tracker_md_e;


/*
 * Writes the digest of n parts, one after the other, to hex: as many lower-case
 * digits as the macros above say.  Returns NGX_OK, or NGX_ERROR when OpenSSL
 * fails.
 */
ngx_int_t tracker_digest(u_char *hex, tracker_md_e md, ngx_str_t *parts,
    ngx_uint_t n);

/*
 * Fills p with len bytes that nobody can guess.  Returns NGX_OK, or NGX_ERROR
 * when OpenSSL fails.
 */
ngx_int_t tracker_random(void *p, size_t len);


#pragma GCC visibility pop


#endif /* _TRACKER_DIGEST_H_INCLUDED_ */
