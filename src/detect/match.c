
/*
 * Words of a window are hashed first, so that their places in the table are on
 * their way from memory when they are looked up.  A turn ends with a sentence:
 * the stamps, by which a phrase is reported once in it, are the dictionary's,
 * which others use in between.
 */


#include "detect/automaton.h"
#include "detect/match.h"


/* what a byte of a text costs, and a hit, in nanoseconds */
#define DETECT_COST_BYTE   6
#define DETECT_COST_HIT    40


/* where a word began */

typedef struct {
    uint32_t              start;
    uint32_t              unit;
    uint32_t              sentence;
} detect_place_t;


struct detect_match_s {
    detect_dict_t        *dict;
    detect_handlers_t     handlers;
    detect_text_t         text;
    detect_cut_t          cut;
    uint64_t              hashes[DETECT_ITEMS];
    uint32_t              i;           /* the next item */
    uint32_t              state;
    uint32_t              sentence;
    uint32_t              stamp;
    uint32_t              hits;        /* of this sentence */
    unsigned              open:1;      /* inside of a sentence */
    unsigned              broken:1;    /* no word after the last one yet */
    unsigned              last:1;      /* the text was cut to its end */
    uint32_t              k;           /* words that were looked up */
    uint32_t              mask;
    detect_place_t        places[];    /* of the last words, a ring */
};


static void detect_next_window(detect_match_t *match);
static int detect_match_item(detect_match_t *match, const detect_item_t *item);
static int detect_match_break(detect_match_t *match,
    const detect_item_t *item);
static int detect_match_outputs(detect_match_t *match, uint32_t s,
    const detect_item_t *item);
static void detect_open(detect_match_t *match);


static uint32_t
detect_ring(const detect_dict_t *dict)
{
    uint32_t  n;

    for (n = 16; n < dict->longest; n *= 2) { /* void */ }

    return n;
}


size_t
detect_match_size(const detect_dict_t *dict)
{
    return sizeof(detect_match_t) + detect_ring(dict) * sizeof(detect_place_t);
}


detect_match_t *
detect_match_start(void *memory, detect_dict_t *dict,
    const detect_handlers_t *handlers, const char *data, size_t len)
{
    detect_match_t  *match;

    match = memory;

    match->dict = dict;
    match->handlers = *handlers;
    match->cut.n = 0;
    match->i = 0;
    match->state = 0;
    match->sentence = 0;
    match->hits = 0;
    match->open = 0;
    match->broken = 0;
    match->last = 0;
    match->k = 0;
    match->mask = detect_ring(dict) - 1;

    return detect_text_start(&match->text, data, len, 0) == DETECT_OK
           ? match : NULL;
}


detect_rc_e
detect_match_run(detect_match_t *match, size_t *budget)
{
    size_t                cost;
    const uint8_t        *p;
    const detect_item_t  *item;

    for ( ;; ) {

        if (match->i == match->cut.n) {

            if (match->last) {
                return DETECT_OK;
            }

            p = match->text.p;
            detect_next_window(match);

            cost = DETECT_COST_BYTE * (match->text.p - p + 1);

            if (!detect_spend(budget, cost) && !match->open) {
                return DETECT_AGAIN;
            }

            continue;
        }

        item = &match->cut.items[match->i++];

        if (!match->open) {
            detect_open(match);
        }

        if (detect_match_item(match, item)) {
            return DETECT_STOPPED;
        }

        if (item->type >= DETECT_SENTENCE) {
            detect_spend(budget, DETECT_COST_HIT * match->hits);
            match->hits = 0;

            if (*budget == 0) {
                return DETECT_AGAIN;
            }
        }
    }
}


static void
detect_next_window(detect_match_t *match)
{
    uint32_t              i;
    uint64_t              hash;
    const detect_item_t  *item;
    const detect_dict_t  *dict;

    dict = match->dict;

    match->last = detect_text_cut(&match->text, &match->cut) == DETECT_OK;
    match->i = 0;

    for (i = 0; i < match->cut.n; i++) {
        item = &match->cut.items[i];

        if (item->type == DETECT_WORD) {
            hash = detect_hash(dict->key, item->folded, item->len);
            match->hashes[i] = hash;

            __builtin_prefetch(&dict->slots[hash & dict->slot_mask]);
        }
    }
}


/* a sentence begins: its stamp is one that nothing has yet */

static void
detect_open(detect_match_t *match)
{
    uint32_t        i;
    detect_dict_t  *dict;

    dict = match->dict;

    if (++dict->stamp == 0) {

        for (i = 0; i < dict->n_states; i++) {
            dict->states[i].stamp = 0;
        }

        dict->stamp = 1;
    }

    match->stamp = dict->stamp;
    match->open = 1;
}


/* returns 1 if a handler wants to stop, else 0 */

static int
detect_match_item(detect_match_t *match, const detect_item_t *item)
{
    uint32_t               word, s;
    detect_place_t        *place;
    const detect_dict_t   *dict;
    const detect_state_t  *state;

    dict = match->dict;

    if (item->type >= DETECT_SENTENCE) {
        return detect_match_break(match, item);
    }

    match->broken = 0;

    word = item->type == DETECT_WORD
           ? detect_find(dict->slots, dict->slot_mask, dict->words, dict->pool,
                         match->hashes[match->i - 1], item->folded, item->len)
           : 0;

    if (word == 0) {
        match->state = 0;
        return 0;
    }

    place = &match->places[match->k++ & match->mask];
    place->start = item->start;
    place->unit = item->unit;
    place->sentence = match->sentence;

    s = detect_step(dict, match->state, word);
    match->state = s;

    state = &dict->states[s];

    if (state->out == DETECT_NONE) {
        s = state->next_out;
    }

    return s ? detect_match_outputs(match, s, item) : 0;
}


static int
detect_match_break(detect_match_t *match, const detect_item_t *item)
{
    int  rc;

    rc = match->handlers.sentence(match->handlers.data, item);

    match->sentence++;
    match->open = 0;

    /* nothing is written there that a phrase could have, and no hit crosses */

    if (item->type == DETECT_PIECE) {
        match->state = 0;
        return rc;
    }

    /* as in a phrase, several ends without a word between them are one */

    if (match->broken) {
        return rc;
    }

    match->broken = 1;

    if (match->state && match->dict->breaks) {
        match->k++;
        match->state = detect_step(match->dict, match->state, DETECT_BREAK);

    } else {
        match->state = 0;
    }

    return rc;
}


/* reports what ends with the item, in the state s and in those linked to it */

static int
detect_match_outputs(detect_match_t *match, uint32_t s,
    const detect_item_t *item)
{
    uint32_t         phrase;
    detect_hit_t     hit;
    detect_dict_t   *dict;
    detect_state_t  *state;
    detect_place_t  *place;

    dict = match->dict;

    do {
        state = &dict->states[s];

        /* those linked to it have been reported with it */

        if (state->stamp == match->stamp) {
            return 0;
        }

        state->stamp = match->stamp;

        place = &match->places[(match->k - state->depth) & match->mask];

        hit.sentence = place->sentence;
        hit.start = place->start;
        hit.unit = place->unit;
        hit.end = item->end;
        hit.unit_end = item->unit_end;

        for (phrase = state->out;
             phrase != DETECT_NONE;
             phrase = dict->next[phrase])
        {
            hit.phrase = phrase;
            match->hits++;

            if (match->handlers.hit(match->handlers.data, &hit)) {
                return 1;
            }
        }

        s = state->next_out;

    } while (s);

    return 0;
}
