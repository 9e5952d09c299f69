
/*
 * The words of a window pass several loops: they are hashed, those that a
 * filter knows are listed, looked up, compared, and only what is then left
 * meets the automaton.  So what is wanted next is on its way from memory, and
 * words of no phrase cost no wrong guess of the processor.
 *
 * A turn does not end inside of a sentence with a hit: the stamps, by which a
 * phrase is reported once in it, are the dictionary's, which others use in
 * between.
 */


#include "detect/automaton.h"
#include "detect/match.h"
#include "detect/stem.h"


/* what a byte of a text costs, and a hit, in nanoseconds */
#define DETECT_COST_BYTE   6
#define DETECT_COST_HIT    40

/* words after which what is found is reported */
#define DETECT_BATCH       32


/* where a word began */

typedef struct {
    uint32_t              start;
    uint32_t              unit;
    uint32_t              sentence;
} detect_place_t;


/* a state, and what of it is wanted most */

typedef struct {
    uint32_t              state;
    uint32_t              fail;
    uint32_t              reports;
    uint64_t              filter;
} detect_cursor_t;


/* a state in which something is found, after the i-th known word */

typedef struct {
    uint32_t              state;
    uint32_t              i;
} detect_found_t;


struct detect_match_s {
    detect_dict_t        *dict;
    detect_handlers_t     handlers;
    detect_text_t         text;
    detect_cut_t          cut;
    uint64_t              hashes[DETECT_ITEMS];
    uint32_t              words[DETECT_ITEMS];    /* of those that are known */
    uint16_t              known[DETECT_ITEMS];    /* their items */
    uint32_t              n_known;
    uint32_t              i;           /* the next known word */
    uint32_t              end;         /* the next end */
    uint32_t              next;        /* the item after the last word */
    uint32_t              state;
    uint32_t              sentence;
    uint32_t              stamp;
    uint32_t              hits;        /* of this sentence */
    unsigned              open:1;      /* inside of a sentence */
    unsigned              broken:1;    /* no word after the last one yet */
    unsigned              last:1;      /* the text was cut to its end */
    unsigned              nomem:1;
    detect_found_t        found[DETECT_BATCH];
    uint32_t              k;           /* words that were looked up */
    uint32_t              mask;
    detect_place_t        places[];    /* of the last words, a ring */
};


static void detect_next_window(detect_match_t *match);
static void detect_hash_words(detect_match_t *match);
static void detect_find_words(detect_match_t *match);
static void detect_compare_words(detect_match_t *match);
static uint32_t detect_look_up(const detect_match_t *match, uint32_t i,
    const detect_item_t *item) __attribute__((noinline));
static int detect_match_words(detect_match_t *match, uint32_t end);
static uint32_t detect_match_batch(detect_match_t *match, uint32_t end);
static uint32_t detect_follow(const detect_dict_t *dict, uint32_t state,
    const detect_entry_t *before, uint32_t word);
static int detect_match_break(detect_match_t *match, uint32_t end);
static int detect_report(detect_match_t *match, uint32_t n);
static int detect_report_state(detect_match_t *match, uint32_t i,
    uint32_t out);
static void detect_open(detect_match_t *match);


static inline void
detect_go(const detect_dict_t *dict, detect_cursor_t *at, uint32_t s)
{
    const detect_state_t  *state;

    state = &dict->states[s];

    at->state = s;
    at->filter = (uint64_t) state->filter << 32 | state->filter;
    at->fail = state->fail;
    at->reports = state->out != DETECT_NONE;
}


static inline void
detect_go_root(detect_cursor_t *at, const detect_entry_t *entry)
{
    at->state = entry->root;
    at->filter = entry->filter;
    at->fail = 0;
    at->reports = entry->reports;
}


static uint32_t
detect_ring(const detect_dict_t *dict)
{
    uint32_t  n;

    for (n = 16; n < dict->longest + DETECT_BATCH; n *= 2) { /* void */ }

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
    match->n_known = 0;
    match->cut.n_ends = 0;
    match->i = 0;
    match->end = 0;
    match->next = 0;
    match->state = 0;
    match->sentence = 0;
    match->hits = 0;
    match->open = 0;
    match->broken = 0;
    match->last = 0;
    match->nomem = 0;
    match->k = 0;
    match->mask = detect_ring(dict) - 1;

    return detect_text_start(&match->text, data, len, 0) == DETECT_OK
           ? match : NULL;
}


detect_rc_e
detect_match_run(detect_match_t *match, size_t *budget)
{
    size_t          cost;
    uint32_t        end;
    const uint8_t  *p;

    for ( ;; ) {

        if (match->end < match->cut.n_ends) {
            end = match->cut.ends[match->end++];

            if (detect_match_words(match, end)
                || detect_match_break(match, end))
            {
                return DETECT_STOPPED;
            }

            detect_spend(budget, DETECT_COST_HIT * match->hits);
            match->hits = 0;

            if (*budget == 0) {
                return DETECT_AGAIN;
            }

            continue;
        }

        if (detect_match_words(match, DETECT_ITEMS)) {
            return DETECT_STOPPED;
        }

        if (match->last) {
            return DETECT_OK;
        }

        p = match->text.p;
        detect_next_window(match);

        if (match->nomem) {
            return DETECT_NOMEM;
        }

        cost = DETECT_COST_BYTE * (match->text.p - p + 1);

        if (!detect_spend(budget, cost) && !match->open) {
            return DETECT_AGAIN;
        }
    }
}


static void
detect_next_window(detect_match_t *match)
{
    /* a word that is not known ends what has begun */

    if (match->next != match->cut.n) {
        match->state = 0;
    }

    match->last = detect_text_cut(&match->text, &match->cut) == DETECT_OK;

    if (match->dict->similar
        && detect_stem_cut(&match->cut) != DETECT_OK)
    {
        match->nomem = 1;
    }

    match->i = 0;
    match->end = 0;
    match->next = 0;

    detect_hash_words(match);
    detect_find_words(match);
    detect_compare_words(match);
}


/* lists the words that the filter knows */

static void
detect_hash_words(detect_match_t *match)
{
    uint32_t              i, n, known;
    uint64_t              hash, bits, key[2];
    const detect_item_t  *item;
    const detect_dict_t  *dict;

    dict = match->dict;
    key[0] = dict->key[0];
    key[1] = dict->key[1];
    item = match->cut.items;
    n = match->cut.n;
    known = 0;

    for (i = 0; i < n; i++, item++) {

        /* what is not a word has no bytes, at an address that can be read */

        hash = detect_hash(key, item->folded, item->len);
        bits = dict->filter[detect_filter(dict->slot_mask, hash)];

        match->known[known] = i;
        match->hashes[known] = hash;
        known += bits >> (hash & 63) & 1;
    }

    match->n_known = known;
}


/*
 * Sets the numbers that the hashes of known words give them.  Nearly all are in
 * the first two places, which are tried without a branch.
 */

static void
detect_find_words(detect_match_t *match)
{
    uint32_t               i, k, n, tag, mask, id, other;
    const detect_slot_t   *slots;
    const detect_entry_t  *words;

    slots = match->dict->slots;
    words = match->dict->words;
    mask = match->dict->slot_mask;
    n = match->n_known;

    for (i = 0; i < n; i++) {
        k = match->hashes[i] & mask;
        tag = detect_tag(match->hashes[i], mask);

        id = slots[k] ^ tag;
        k = (k + 1) & mask;
        other = slots[k] ^ tag;
        id ^= (id ^ other) & -(uint32_t) (id > mask);

        if (id > mask) {

            while (slots[k] && (slots[k] ^ tag) > mask) {
                k = (k + 1) & mask;
            }

            id = slots[k] & mask;
        }

        match->words[i] = id;

        __builtin_prefetch(&words[id]);
    }
}


/* keeps those on the list that are the words they seem to be */

static void
detect_compare_words(detect_match_t *match)
{
    uint32_t               i, k, n, word, before;
    const detect_item_t   *item;
    const detect_dict_t   *dict;
    const detect_entry_t  *entry, *last;

    dict = match->dict;
    last = dict->words;
    n = 0;

    for (i = 0; i < match->n_known; i++) {
        word = match->words[i];
        k = match->known[i];
        item = &match->cut.items[k];
        entry = &dict->words[word];

        if (!detect_same(entry, dict->pool, item->folded, item->len)) {

            if (word == 0) {
                continue;
            }

            /* another may have the same tag */

            word = detect_look_up(match, i, item);
            entry = &dict->words[word];
        }

        match->words[n] = word;
        match->known[n] = k;
        n += word != 0;

        /* it may be a child of the state after the word before it */

        before = -(uint32_t) (last->filter >> (word & 63) & 1);
        __builtin_prefetch(&dict->states[last->base & before]);
        last = entry;
    }

    match->n_known = n;
}


/* rare, and away from the loop, whose registers it would take */

static uint32_t
detect_look_up(const detect_match_t *match, uint32_t i,
    const detect_item_t *item)
{
    const detect_dict_t  *dict;

    dict = match->dict;

    return detect_find(dict->slots, dict->slot_mask, dict->words, dict->pool,
                       match->hashes[i], item->folded, item->len);
}


/* the known words before the item; returns 1 if a handler wants to stop */

static int
detect_match_words(detect_match_t *match, uint32_t end)
{
    uint32_t  n;

    while (match->i < match->n_known && match->known[match->i] < end) {
        n = detect_match_batch(match, end);

        if (n && detect_report(match, n)) {
            return 1;
        }
    }

    return 0;
}


/* some of them, one at least; returns how many entries match->found has */

static uint32_t
detect_match_batch(detect_match_t *match, uint32_t end)
{
    uint64_t               on;
    uint32_t               i, k, n, to, next, last, mask, word, stop;
    uint32_t               sentence;
    detect_place_t        *place;
    detect_cursor_t        at;
    const detect_item_t   *item;
    const detect_dict_t   *dict;
    const detect_entry_t  *before;

    dict = match->dict;
    next = match->next;
    last = match->k;
    mask = match->mask;
    sentence = match->sentence;
    stop = match->n_known - match->i > DETECT_BATCH ? match->i + DETECT_BATCH
                                                    : match->n_known;
    before = dict->words;
    n = 0;

    detect_go(dict, &at, match->state);

    for (i = match->i; i < stop && match->known[i] < end; i++) {
        k = match->known[i];
        word = match->words[i];

        /* nothing goes on over a word that is not known; without a branch */

        on = -(uint64_t) (k == next);
        at.filter &= on;
        at.fail &= on;
        next = k + 1;

        to = (at.filter >> (word & 63) & 1) | at.fail
             ? detect_follow(dict, at.state, before, word) : 0;

        before = &dict->words[word];

        if (to) {
            detect_go(dict, &at, to);

        } else {
            detect_go_root(&at, before);
        }

        item = &match->cut.items[k];

        place = &match->places[last++ & mask];
        place->start = item->start;
        place->unit = item->unit;
        place->sentence = sentence;

        match->found[n].state = at.state;
        match->found[n].i = i;
        n += at.reports;
    }

    match->k = last;
    match->broken = 0;
    match->i = i;
    match->next = next;
    match->state = at.state;

    return n;
}


/*
 * As detect_step(), after the word before, or after words[0]: what is wanted of
 * its root, which nearly all fail to, is at hand.
 */

static uint32_t
detect_follow(const detect_dict_t *dict, uint32_t state,
    const detect_entry_t *before, uint32_t word)
{
    uint32_t               to;
    const detect_state_t  *s;

    for ( /* void */ ; state != before->root; state = s->fail) {

        if (state == 0) {
            return 0;
        }

        s = &dict->states[state];

        if (s->filter >> (word & 31) & 1) {
            to = detect_child(dict, state, s->n, s->base, word);

            if (to) {
                return to;
            }
        }
    }

    return before->filter >> (word & 63) & 1
           ? detect_child(dict, state, before->n, before->base, word) : 0;
}


static int
detect_match_break(detect_match_t *match, uint32_t end)
{
    int                   rc;
    const detect_item_t  *item;

    item = &match->cut.items[end];

    rc = match->handlers.sentence(match->handlers.data, item);

    match->sentence++;
    match->open = 0;

    if (match->next != end) {
        match->state = 0;
        match->broken = 0;
    }

    match->next = end + 1;

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


/*
 * Reports what the n first entries of match->found lead to.  One loop asks for
 * it, another has it.
 */

static int
detect_report(detect_match_t *match, uint32_t n)
{
    uint32_t              i, out[DETECT_BATCH];
    const detect_dict_t  *dict;

    dict = match->dict;

    for (i = 0; i < n; i++) {
        out[i] = dict->states[match->found[i].state].out;
        __builtin_prefetch(&dict->phrases[out[i]]);
    }

    if (!match->open) {
        detect_open(match);
    }

    for (i = 0; i < n; i++) {
        if (detect_report_state(match, match->found[i].i, out[i])) {
            return 1;
        }
    }

    return 0;
}


/* the phrase out, and those linked to it, end with the i-th known word */

static int
detect_report_state(detect_match_t *match, uint32_t i, uint32_t out)
{
    uint32_t              last;
    detect_hit_t          hit;
    detect_place_t       *place;
    detect_phrase_t      *phrase;
    const detect_item_t  *item;

    item = &match->cut.items[match->known[i]];
    last = match->k - (match->i - 1 - i);

    hit.end = item->end;
    hit.unit_end = item->unit_end;

    for ( /* void */ ; out != DETECT_NONE; out = phrase->next) {
        phrase = &match->dict->phrases[out];

        /* those linked to it have been reported with it */

        if (phrase->stamp == match->stamp) {
            break;
        }

        phrase->stamp = match->stamp;

        place = &match->places[(last - phrase->depth) & match->mask];

        hit.phrase = out;
        hit.sentence = place->sentence;
        hit.start = place->start;
        hit.unit = place->unit;

        match->hits++;

        if (match->handlers.hit(match->handlers.data, &hit)) {
            return 1;
        }
    }

    return 0;
}


/* a sentence begins: its stamp is one that nothing has yet */

static void
detect_open(detect_match_t *match)
{
    uint32_t        i;
    detect_dict_t  *dict;

    dict = match->dict;

    if (++dict->stamp == 0) {

        for (i = 0; i < dict->n_phrases; i++) {
            dict->phrases[i].stamp = 0;
        }

        dict->stamp = 1;
    }

    match->stamp = dict->stamp;
    match->open = 1;
}
