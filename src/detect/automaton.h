
/*
 * How a dictionary lies in memory, for those that build it and that match with
 * it.  Words have numbers, states are numbered breadth first, so that the
 * children of one follow one another; all is found by index.
 */


#ifndef _DETECT_AUTOMATON_H_INCLUDED_
#define _DETECT_AUTOMATON_H_INCLUDED_


#include <string.h>

#include "detect/dict.h"
#include "detect/hash.h"


#pragma GCC visibility push(hidden)


/* 0 is an unknown word, 1 the end of a sentence inside of a phrase */
#define DETECT_BREAK       1
#define DETECT_FIRST_WORD  2

#define DETECT_NONE        0xffffffff

/* a state with more children has them in a hash table */
#define DETECT_FEW         8


/*
 * A place of a hash table, 0: free.  The bits of the table's mask are the
 * number of what is there, the others are some of its hash.
 */

typedef uint32_t  detect_slot_t;


/* a word, with what is wanted of the state after it alone, its root */

typedef struct {
    uint64_t         first;        /* its first bytes, 0 behind them */
    uint64_t         filter;       /* as that of the root, of 64 bits */
    uint32_t         start;        /* of the other bytes, in the pool */
    uint16_t         len;
    uint8_t          n;            /* of the root */
    uint8_t          reports;
    uint32_t         base;
    uint32_t         root;         /* 0: none */
} detect_entry_t;


/*
 * A state is the beginning of a phrase.  What is found in it are the phrase out
 * and all those that are linked to it.
 */

typedef struct {
    uint32_t         base;         /* the first child */
    uint32_t         word;         /* the last one */
    uint32_t         filter;       /* a bit for each child, by its word */
    uint32_t         fail;
    uint32_t         out;          /* a phrase, or DETECT_NONE */
    uint16_t         depth;        /* words */
    uint8_t          n;            /* children, DETECT_FEW + 1 at most */
} detect_state_t;


/* next is one that is equal or, after these, one that the phrase ends with */

typedef struct {
    uint32_t         next;         /* or DETECT_NONE */
    uint32_t         depth;        /* words */
    uint32_t         stamp;        /* of the last sentence it was found in */
} detect_phrase_t;


typedef struct {
    uint32_t         state;
    uint32_t         word;
    uint32_t         to;           /* 0: free */
} detect_child_t;


/* all arrays are in the block of the dictionary itself */

struct detect_dict_s {
    size_t           size;
    uint64_t         key[2];
    uint32_t         n_states;
    uint32_t         n_phrases;
    uint32_t         longest;      /* words of a phrase */
    uint32_t         stamp;        /* the last one given out */
    uint32_t         breaks;       /* phrases contain the end of a sentence */
    uint32_t         similar;      /* of stems */
    uint32_t         slot_mask;
    uint32_t         child_mask;
    uint64_t        *filter;       /* of words, 8 bits for each slot */
    uint64_t        *child_filter; /* as well for each of the children */
    detect_slot_t   *slots;        /* words */
    detect_entry_t  *words;
    detect_state_t  *states;
    detect_phrase_t *phrases;
    detect_child_t  *children;
    uint8_t         *pool;
};


/* Returns the hash of the len bytes of a folded word. */

static inline uint64_t
detect_hash(const uint64_t *key, const uint8_t *p, uint32_t len)
{
    uint64_t  hash;

    if (len <= 8) {
        return detect_mix(detect_first(p, len) ^ key[0], len ^ key[1]);
    }

    for (hash = len ^ key[1]; len > 8; len -= 8) {
        hash = detect_mix(hash ^ detect_first(p, 8), key[0]);
        p += 8;
    }

    return detect_mix(hash ^ detect_first(p, len), key[1]);
}


/* Returns the hash of a word that follows a state. */

static inline uint64_t
detect_child_hash(const uint64_t *key, uint32_t state, uint32_t word)
{
    return detect_mix(((uint64_t) state << 32 | word) ^ key[0], key[1]);
}


/* Returns the word of a filter that has the bit of a hash, hash & 63. */

static inline size_t
detect_filter(uint32_t mask, uint64_t hash)
{
    return hash >> 38 & mask >> 3;
}


/* Returns 1 if the word has these bytes, all of which are compared; else 0. */

static inline int
detect_same(const detect_entry_t *word, const uint8_t *pool, const uint8_t *p,
    uint32_t len)
{
    return word->first == detect_first(p, len) && word->len == len
           && (len <= 8
               || memcmp(pool + word->start, p + 8, len - 8) == 0);
}


/*
 * Returns what a place of a table has besides a number.  Exclusive or with it
 * the place is the number, or above the mask: the hash is another one.
 */

static inline uint32_t
detect_tag(uint64_t hash, uint32_t mask)
{
    return hash >> 32 & ~mask;
}


/*
 * Returns the number of the word with this hash and these bytes; 0 if it is not
 * in the table.
 */

static inline uint32_t
detect_find(const detect_slot_t *slots, uint32_t mask,
    const detect_entry_t *words, const uint8_t *pool, uint64_t hash,
    const uint8_t *p, uint32_t len)
{
    uint32_t  i, id;

    for (i = hash & mask; slots[i]; i = (i + 1) & mask) {
        id = slots[i] ^ detect_tag(hash, mask);

        if (id <= mask && detect_same(&words[id], pool, p, len)) {
            return id;
        }
    }

    return 0;
}


/*
 * Returns the child of a state, not of the root, for a word; 0: none.  n and
 * base are those of the state.
 */

static inline uint32_t
detect_child(const detect_dict_t *dict, uint32_t state, uint32_t n,
    uint32_t base, uint32_t word)
{
    size_t                 k;
    uint32_t               i;
    uint64_t               hash;
    const detect_child_t  *child;

    if (n <= DETECT_FEW) {

        for (i = base; i < base + n; i++) {
            if (dict->states[i].word == word) {
                return i;
            }
        }

        return 0;
    }

    hash = detect_child_hash(dict->key, state, word);
    k = detect_filter(dict->child_mask, hash);

    if (!(dict->child_filter[k] >> (hash & 63) & 1)) {
        return 0;
    }

    for (i = hash & dict->child_mask;
         dict->children[i].to;
         i = (i + 1) & dict->child_mask)
    {
        child = &dict->children[i];

        if (child->state == state && child->word == word) {
            return child->to;
        }
    }

    return 0;
}


/* Returns the state after a word in a state; 0: no phrase goes on. */

static inline uint32_t
detect_step(const detect_dict_t *dict, uint32_t state, uint32_t word)
{
    uint32_t               to;
    const detect_state_t  *s;

    for ( /* void */ ; state; state = s->fail) {
        s = &dict->states[state];

        if (s->filter >> (word & 31) & 1) {
            to = detect_child(dict, state, s->n, s->base, word);

            if (to) {
                return to;
            }
        }
    }

    return 0;
}


#pragma GCC visibility pop


#endif /* _DETECT_AUTOMATON_H_INCLUDED_ */
