
/*
 * Keyed hashes: nobody who does not know the key can tell which bytes collide.
 */


#ifndef _DETECT_HASH_H_INCLUDED_
#define _DETECT_HASH_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <string.h>


#pragma GCC visibility push(hidden)


/* Returns both halves of the product of a and b, folded into one. */

static inline uint64_t
detect_mix(uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__)

    unsigned __int128  r;

    r = (unsigned __int128) a * b;

    return (uint64_t) r ^ (uint64_t) (r >> 64);

#else

    uint64_t  low, high, mid, other;

    low = (a & 0xffffffff) * (b & 0xffffffff);
    high = (a >> 32) * (b >> 32);
    mid = (a >> 32) * (b & 0xffffffff);
    other = (a & 0xffffffff) * (b >> 32);

    mid += low >> 32;
    other += mid & 0xffffffff;

    return ((other << 32) | (low & 0xffffffff))
           ^ (high + (mid >> 32) + (other >> 32));

#endif
}


/*
 * Returns the hash of the len bytes at p.  Those of another seed are another
 * hash.
 */

static inline uint64_t
detect_hash_text(const uint64_t *key, uint32_t seed, const char *p, size_t len)
{
    size_t    n;
    uint64_t  hash, bytes;

    hash = key[1] ^ len ^ (uint64_t) seed << 32;

    while (len) {
        n = len < 8 ? len : 8;

        bytes = 0;
        memcpy(&bytes, p, n);

        hash = detect_mix(hash ^ bytes, key[0]);
        p += n;
        len -= n;
    }

    return hash;
}


#pragma GCC visibility pop


#endif /* _DETECT_HASH_H_INCLUDED_ */
