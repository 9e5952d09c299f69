
/*
 * Phrases become a trie first, whose nodes are found by a hash table of (node,
 * word), one phrase after another.  The dictionary is then one block of the
 * right size: the words are copied, the nodes numbered breadth first, and the
 * links set, of the shorter states first.  Each of these is a step, each step
 * works in turns.
 */


#include <stdlib.h>

#include "detect/array.h"
#include "detect/automaton.h"
#include "detect/stem.h"


/* a place in the tables, at least; a power of 2 */
#define DETECT_TABLE_MIN   64

/* what a word, a node or a copied block costs, in nanoseconds */
#define DETECT_COST_WORD   100
#define DETECT_COST_NODE   40
#define DETECT_COST_COPY   2000
#define DETECT_COST_FILTER 4

#define DETECT_COPY        32768

/* of the processor's cache: words do not straddle two */
#define DETECT_LINE        64

/* positions and numbers have 32 bits; half of it lets tables double */
#define DETECT_MANY        0x7fffffff

/* bytes of a phrase of one word that is compiled by its stem, at least */
#define DETECT_STEM_MIN    4


typedef struct {
    uint32_t             parent;      /* later: its number as a state */
    uint32_t             word;
    uint32_t             child;       /* the last that was added; 0: none */
    uint32_t             sibling;
    uint32_t             n;           /* children */
} detect_node_t;


/* a hash table, at most half full, and the one that it moves to */

typedef struct {
    detect_slot_t       *slots;
    uint32_t             mask;
    uint32_t             n;           /* the next id */
    detect_slot_t       *fresh;
    uint32_t             fresh_mask;
    uint32_t             moved;       /* ids, from 0 on */
} detect_table_t;


typedef struct {
    detect_table_t       table;
    detect_entry_t      *entries;
    uint64_t            *hashes;
    uint32_t             max;
    uint8_t             *pool;
    uint32_t             used;
    uint32_t             max_pool;
} detect_lexicon_t;


typedef struct {
    detect_table_t       table;
    detect_node_t       *nodes;
    uint32_t             max;
    uint32_t             n_children;  /* of nodes with more than a few */
    uint32_t             longest;
    uint32_t             breaks;
    uint32_t            *ends;        /* the node of each phrase */
    uint32_t            *order;       /* nodes, breadth first */
} detect_trie_t;


typedef struct {
    void                *to;
    const void          *from;
    size_t               len;
} detect_copy_t;


/* what is known of a phrase that is compiled by stems */

typedef struct {
    uint32_t             words;
    uint32_t             stems;       /* of words that say something */
    uint32_t             len;         /* bytes of the last word */
} detect_guard_t;


/*
 * Returns DETECT_OK when the step is done, and build->step is the next; or
 * another code, for the caller.
 */

typedef detect_rc_e (*detect_step_pt)(detect_build_t *build);


struct detect_build_s {
    const detect_str_t  *phrases;
    uint32_t             n_phrases;
    uint64_t             key[2];
    detect_step_pt       step;
    size_t              *budget;
    uint32_t             i;           /* how far the step is */
    uint32_t             child;       /* of order[i], the next; 0: none */
    uint32_t             n_states;
    unsigned             similar:1;
    detect_lexicon_t     words;
    detect_trie_t        trie;
    detect_cut_t        *cut;
    detect_copy_t        copies[4];
    detect_dict_t       *dict;
};


static detect_rc_e detect_add_phrases(detect_build_t *build);
static detect_rc_e detect_make_room(detect_build_t *build, size_t len);
static detect_rc_e detect_add_phrase(detect_build_t *build,
    const detect_str_t *phrase, uint32_t *end);
static detect_rc_e detect_stem_phrase(detect_cut_t *cut,
    detect_guard_t *guard);
static int detect_guard_passes(const detect_guard_t *guard);
static detect_rc_e detect_move_words(detect_build_t *build);
static detect_rc_e detect_move_nodes(detect_build_t *build);
static int detect_move_start(detect_table_t *table);
static void detect_move_end(detect_table_t *table);
static uint32_t detect_add_word(detect_build_t *build,
    const detect_item_t *item);
static uint32_t detect_add_node(detect_build_t *build, uint32_t node,
    uint32_t word);
static detect_rc_e detect_allocate(detect_build_t *build);
static detect_rc_e detect_copy(detect_build_t *build);
static detect_rc_e detect_filter_words(detect_build_t *build);
static detect_rc_e detect_number_states(detect_build_t *build);
static void detect_add_state(detect_build_t *build, uint32_t parent,
    uint32_t node);
static void detect_add_child(detect_dict_t *dict, uint32_t parent,
    uint32_t word, uint32_t id);
static detect_rc_e detect_link_phrases(detect_build_t *build);
static detect_rc_e detect_link_states(detect_build_t *build);


static inline void
detect_insert(detect_slot_t *slots, uint32_t mask, uint64_t hash, uint32_t id)
{
    uint32_t  i;

    for (i = hash & mask; slots[i]; i = (i + 1) & mask) { /* void */ }

    slots[i] = detect_tag(hash, mask) | id;
}


detect_build_t *
detect_build_create(const detect_str_t *phrases, uint32_t n,
    const uint64_t key[2])
{
    detect_build_t  *build;

    build = calloc(1, sizeof(detect_build_t));
    if (build == NULL) {
        return NULL;
    }

    build->phrases = phrases;
    build->n_phrases = n;
    build->key[0] = key[0];
    build->key[1] = key[1];
    build->step = detect_add_phrases;

    build->words.table.n = DETECT_FIRST_WORD;
    build->trie.table.n = 1;

    build->cut = malloc(sizeof(detect_cut_t));
    build->trie.ends = malloc((n ? n : 1) * sizeof(uint32_t));

    if (build->cut == NULL
        || build->trie.ends == NULL
        || !detect_move_start(&build->words.table)
        || !detect_move_start(&build->trie.table)
        || !detect_grow(&build->words.entries, &build->words.max,
                        DETECT_FIRST_WORD, sizeof(detect_entry_t))
        || !detect_grow(&build->trie.nodes, &build->trie.max, 1,
                        sizeof(detect_node_t)))
    {
        detect_build_destroy(build);
        return NULL;
    }

    detect_move_end(&build->words.table);
    detect_move_end(&build->trie.table);

    memset(build->words.entries, 0, DETECT_FIRST_WORD * sizeof(detect_entry_t));
    memset(build->trie.nodes, 0, sizeof(detect_node_t));

    /* the hashes grow with the entries */

    build->words.hashes = malloc(build->words.max * sizeof(uint64_t));

    if (build->words.hashes == NULL) {
        detect_build_destroy(build);
        return NULL;
    }

    return build;
}


void
detect_build_similar(detect_build_t *build)
{
    build->similar = 1;
}


detect_rc_e
detect_build_run(detect_build_t *build, size_t *budget)
{
    detect_rc_e  rc;

    build->budget = budget;

    while (build->step) {
        rc = build->step(build);

        if (rc != DETECT_OK) {
            return rc;
        }
    }

    return DETECT_OK;
}


detect_dict_t *
detect_build_dict(detect_build_t *build)
{
    detect_dict_t  *dict;

    if (build->step) {
        return NULL;
    }

    dict = build->dict;
    build->dict = NULL;

    return dict;
}


void
detect_build_destroy(detect_build_t *build)
{
    free(build->words.table.slots);
    free(build->words.table.fresh);
    free(build->words.entries);
    free(build->words.hashes);
    free(build->words.pool);
    free(build->trie.table.slots);
    free(build->trie.table.fresh);
    free(build->trie.nodes);
    free(build->trie.ends);
    free(build->trie.order);
    free(build->cut);
    free(build->dict);
    free(build);
}


size_t
detect_dict_size(const detect_dict_t *dict)
{
    return dict->size;
}


void
detect_dict_destroy(detect_dict_t *dict)
{
    free(dict);
}


static detect_rc_e
detect_add_phrases(detect_build_t *build)
{
    uint32_t             nodes;
    detect_rc_e          rc;
    const detect_str_t  *phrase;

    while (build->i < build->n_phrases) {
        phrase = &build->phrases[build->i];

        /* a unit has three bytes at most: it would not fit into a sentence */

        if (phrase->len > 3 * DETECT_SENTENCE_MAX) {
            build->trie.ends[build->i++] = 0;
            continue;
        }

        rc = detect_make_room(build, phrase->len);

        if (rc != DETECT_OK || build->step != detect_add_phrases) {
            return rc;
        }

        nodes = build->trie.table.n;

        rc = detect_add_phrase(build, phrase, &build->trie.ends[build->i]);

        if (rc != DETECT_OK) {
            return rc;
        }

        build->i++;

        if (!detect_spend(build->budget,
                          DETECT_COST_WORD * (1 + phrase->len / 4)
                          + DETECT_COST_NODE
                            * (build->trie.table.n - nodes)))
        {
            return DETECT_AGAIN;
        }
    }

    build->step = detect_allocate;

    return DETECT_OK;
}


/* for a phrase of len bytes; a table that is too small has to move first */

static detect_rc_e
detect_make_room(detect_build_t *build, size_t len)
{
    uint32_t           max, items;
    detect_trie_t     *trie;
    detect_lexicon_t  *words;

    words = &build->words;
    trie = &build->trie;

    /* ends of sentences too; folding may lengthen words */

    items = len + 2;

    if (words->used > DETECT_MANY - 4 * len - DETECT_WORD_MAX
        || words->table.n > DETECT_MANY / 2 - items
        || trie->table.n > DETECT_MANY / 2 - items)
    {
        return DETECT_LARGE;
    }

    max = words->max;

    if (!detect_grow(&words->entries, &words->max, words->table.n + items,
                     sizeof(detect_entry_t))
        || !detect_grow(&words->hashes, &max, words->table.n + items,
                        sizeof(uint64_t))
        || !detect_grow(&words->pool, &words->max_pool,
                        words->used + 4 * len + DETECT_PAD, 1)
        || !detect_grow(&trie->nodes, &trie->max, trie->table.n + items,
                        sizeof(detect_node_t)))
    {
        return DETECT_NOMEM;
    }

    if (4 * (words->table.n + items) > 3 * (words->table.mask + 1)) {
        build->step = detect_move_words;

        return detect_move_start(&words->table) ? DETECT_OK : DETECT_NOMEM;
    }

    if (2 * (trie->table.n + items) > trie->table.mask + 1) {
        build->step = detect_move_nodes;

        return detect_move_start(&trie->table) ? DETECT_OK : DETECT_NOMEM;
    }

    return DETECT_OK;
}


/* sets *end to the node of the phrase, 0 if it is never found */

static detect_rc_e
detect_add_phrase(detect_build_t *build, const detect_str_t *phrase,
    uint32_t *end)
{
    int              sentence;
    uint32_t         i, node, words;
    detect_rc_e      rc;
    detect_text_t    text;
    detect_item_t   *item;
    detect_guard_t   guard = { 0, 0, 0 };

    node = 0;
    words = 0;
    sentence = 0;

    detect_text_start(&text, phrase->data, phrase->len, 1);

    do {
        rc = detect_text_cut(&text, build->cut);

        if (build->similar
            && detect_stem_phrase(build->cut, &guard) != DETECT_OK)
        {
            return DETECT_NOMEM;
        }

        for (i = 0; i < build->cut->n; i++) {
            item = &build->cut->items[i];

            if (item->type == DETECT_UNKNOWN) {
                *end = 0;
                return DETECT_OK;
            }

            /* one end or more between two words are one */

            if (item->type == DETECT_SENTENCE) {
                sentence = node != 0;
                continue;
            }

            if (sentence) {
                node = detect_add_node(build, node, DETECT_BREAK);
                build->trie.breaks = 1;
                sentence = 0;
                words++;
            }

            node = detect_add_node(build, node, detect_add_word(build, item));
            words++;
        }

    } while (rc == DETECT_AGAIN);

    if (phrase->len - text.shift > DETECT_SENTENCE_MAX
        || (build->similar && !detect_guard_passes(&guard)))
    {
        *end = 0;
        return DETECT_OK;
    }

    if (build->trie.longest < words) {
        build->trie.longest = words;
    }

    *end = node;

    return DETECT_OK;
}


/* counts the words of a piece of a phrase, and makes stems of them */

static detect_rc_e
detect_stem_phrase(detect_cut_t *cut, detect_guard_t *guard)
{
    uint32_t     i;
    detect_rc_e  rc;

    for (i = 0; i < cut->n; i++) {
        if (cut->items[i].type == DETECT_WORD) {
            guard->words++;
            guard->len = cut->items[i].len;
        }
    }

    rc = detect_stem_cut(cut);

    for (i = 0; i < cut->n; i++) {
        guard->stems += cut->items[i].type == DETECT_WORD;
    }

    return rc;
}


/* what is left of other phrases is found wherever somebody talks */

static int
detect_guard_passes(const detect_guard_t *guard)
{
    return guard->stems >= 2
           || (guard->stems == 1 && guard->words == 1
               && guard->len >= DETECT_STEM_MIN);
}


static detect_rc_e
detect_move_words(detect_build_t *build)
{
    detect_table_t  *table;

    table = &build->words.table;

    if (table->moved < DETECT_FIRST_WORD) {
        table->moved = DETECT_FIRST_WORD;
    }

    for ( /* void */ ; table->moved < table->n; table->moved++) {

        if (*build->budget == 0) {
            return DETECT_AGAIN;
        }

        detect_insert(table->fresh, table->fresh_mask,
                      build->words.hashes[table->moved], table->moved);

        detect_spend(build->budget, DETECT_COST_NODE);
    }

    detect_move_end(table);
    build->step = detect_add_phrases;

    return DETECT_OK;
}


static detect_rc_e
detect_move_nodes(detect_build_t *build)
{
    detect_node_t   *node;
    detect_table_t  *table;

    table = &build->trie.table;

    if (table->moved == 0) {
        table->moved = 1;
    }

    for ( /* void */ ; table->moved < table->n; table->moved++) {

        if (*build->budget == 0) {
            return DETECT_AGAIN;
        }

        detect_spend(build->budget, DETECT_COST_NODE);

        node = &build->trie.nodes[table->moved];

        detect_insert(table->fresh, table->fresh_mask,
                      detect_child_hash(build->key, node->parent, node->word),
                      table->moved);
    }

    detect_move_end(table);
    build->step = detect_add_phrases;

    return DETECT_OK;
}


static int
detect_move_start(detect_table_t *table)
{
    uint32_t  size;

    size = table->slots ? 2 * (table->mask + 1) : DETECT_TABLE_MIN;

    table->fresh = calloc(size, sizeof(detect_slot_t));
    table->fresh_mask = size - 1;
    table->moved = 0;

    return table->fresh != NULL;
}


static void
detect_move_end(detect_table_t *table)
{
    free(table->slots);

    table->slots = table->fresh;
    table->mask = table->fresh_mask;
    table->fresh = NULL;
}


/* returns the number of the word, a new one where there is none */

static uint32_t
detect_add_word(detect_build_t *build, const detect_item_t *item)
{
    uint32_t           id, rest;
    uint64_t           hash;
    detect_entry_t    *entry;
    detect_lexicon_t  *words;

    words = &build->words;

    hash = detect_hash(build->key, item->folded, item->len);

    id = detect_find(words->table.slots, words->table.mask, words->entries,
                     words->pool, hash, item->folded, item->len);

    if (id) {
        return id;
    }

    id = words->table.n++;

    words->hashes[id] = hash;
    entry = &words->entries[id];

    /* what is wanted of its root is set later, if it has one */

    memset(entry, 0, sizeof(detect_entry_t));

    entry->first = detect_first(item->folded, item->len);
    entry->start = words->used;
    entry->len = item->len;

    if (item->len > 8) {
        rest = item->len - 8;
        memcpy(words->pool + words->used, item->folded + 8, rest);
        words->used += rest;
    }

    detect_insert(words->table.slots, words->table.mask, hash, id);

    return id;
}


/* returns the child of the node for the word, a new one where there is none */

static uint32_t
detect_add_node(detect_build_t *build, uint32_t node, uint32_t word)
{
    uint32_t         i, id;
    uint64_t         hash;
    detect_node_t   *nodes;
    detect_table_t  *table;

    table = &build->trie.table;
    nodes = build->trie.nodes;

    hash = detect_child_hash(build->key, node, word);
    for (i = hash & table->mask; table->slots[i]; i = (i + 1) & table->mask) {
        id = table->slots[i] ^ detect_tag(hash, table->mask);

        if (id <= table->mask
            && nodes[id].parent == node && nodes[id].word == word)
        {
            return id;
        }
    }

    id = table->n++;

    table->slots[i] = detect_tag(hash, table->mask) | id;

    nodes[id].parent = node;
    nodes[id].word = word;
    nodes[id].child = 0;
    nodes[id].sibling = nodes[node].child;
    nodes[id].n = 0;

    nodes[node].child = id;
    nodes[node].n++;

    if (node && nodes[node].n > DETECT_FEW) {
        build->trie.n_children += nodes[node].n == DETECT_FEW + 1
                                  ? DETECT_FEW + 1 : 1;
    }

    return id;
}


/* the dictionary, in one block, zeroed; wider members first */

static detect_rc_e
detect_allocate(detect_build_t *build)
{
    char           *p;
    size_t          size, slots, words, children, states;
    detect_dict_t  *dict;

    slots = (size_t) build->words.table.mask + 1;
    words = build->words.table.n;
    states = build->trie.table.n;

    for (children = 8; children < 2 * (size_t) build->trie.n_children; ) {
        children *= 2;
    }

    size = sizeof(detect_dict_t) + DETECT_LINE + words * sizeof(detect_entry_t)
           + slots * sizeof(detect_slot_t)
           + states * sizeof(detect_state_t)
           + build->n_phrases * sizeof(detect_phrase_t)
           + children * (sizeof(detect_child_t) + 1) + slots
           + build->words.used;

    dict = calloc(1, size);
    build->trie.order = malloc(states * sizeof(uint32_t));

    build->dict = dict;

    if (dict == NULL || build->trie.order == NULL) {
        return DETECT_NOMEM;
    }

    dict->size = size;
    dict->key[0] = build->key[0];
    dict->key[1] = build->key[1];
    dict->n_states = states;
    dict->n_phrases = build->n_phrases;
    dict->longest = build->trie.longest;
    dict->breaks = build->trie.breaks;
    dict->similar = build->similar;
    dict->slot_mask = slots - 1;
    dict->child_mask = children - 1;

    p = (char *) (dict + 1);
    p += DETECT_LINE - (uintptr_t) p % DETECT_LINE;
    dict->words = (detect_entry_t *) p;
    p += words * sizeof(detect_entry_t);
    dict->filter = (uint64_t *) p;
    p += slots;
    dict->child_filter = (uint64_t *) p;
    p += children;
    dict->slots = (detect_slot_t *) p;
    p += slots * sizeof(detect_slot_t);
    dict->states = (detect_state_t *) p;
    p += states * sizeof(detect_state_t);
    dict->phrases = (detect_phrase_t *) p;
    p += build->n_phrases * sizeof(detect_phrase_t);
    dict->children = (detect_child_t *) p;
    p += children * sizeof(detect_child_t);
    dict->pool = (uint8_t *) p;

    build->copies[0] = (detect_copy_t) { dict->slots, build->words.table.slots,
                                         slots * sizeof(detect_slot_t) };
    build->copies[1] = (detect_copy_t) { dict->words, build->words.entries,
                                         words * sizeof(detect_entry_t) };
    build->copies[2] = (detect_copy_t) { dict->pool, build->words.pool,
                                         build->words.used };
    build->i = 0;
    build->step = detect_copy;

    return DETECT_OK;
}


static detect_rc_e
detect_copy(detect_build_t *build)
{
    size_t          n;
    detect_copy_t  *copy;

    for (copy = &build->copies[build->i]; copy->to; copy++, build->i++) {

        while (copy->len) {

            if (*build->budget == 0) {
                return DETECT_AGAIN;
            }

            detect_spend(build->budget, DETECT_COST_COPY);

            n = copy->len < DETECT_COPY ? copy->len : DETECT_COPY;

            memcpy(copy->to, copy->from, n);

            copy->to = (char *) copy->to + n;
            copy->from = (const char *) copy->from + n;
            copy->len -= n;
        }
    }

    build->i = DETECT_FIRST_WORD;
    build->step = detect_filter_words;

    return DETECT_OK;
}


static detect_rc_e
detect_filter_words(detect_build_t *build)
{
    uint64_t        hash;
    detect_dict_t  *dict;

    dict = build->dict;

    for ( /* void */ ; build->i < build->words.table.n; build->i++) {

        if (*build->budget == 0) {
            return DETECT_AGAIN;
        }

        detect_spend(build->budget, DETECT_COST_FILTER);

        hash = build->words.hashes[build->i];

        dict->filter[detect_filter(dict->slot_mask, hash)]
            |= (uint64_t) 1 << (hash & 63);
    }

    build->trie.order[0] = 0;
    build->dict->states[0].out = DETECT_NONE;
    build->dict->states[0].base = 1;
    build->child = build->trie.nodes[0].child;
    build->n_states = 1;
    build->i = 0;
    build->step = detect_number_states;

    return DETECT_OK;
}


static detect_rc_e
detect_number_states(detect_build_t *build)
{
    detect_node_t   *node;
    detect_state_t  *states;

    states = build->dict->states;

    for ( ;; ) {

        if (*build->budget == 0) {
            return DETECT_AGAIN;
        }

        detect_spend(build->budget, DETECT_COST_NODE);

        if (build->child) {
            detect_add_state(build, build->i, build->child);
            build->child = build->trie.nodes[build->child].sibling;
            continue;
        }

        if (++build->i == build->dict->n_states) {
            break;
        }

        node = &build->trie.nodes[build->trie.order[build->i]];

        states[build->i].base = build->n_states;
        states[build->i].n = node->n <= DETECT_FEW ? node->n : DETECT_FEW + 1;
        build->child = node->child;
    }

    build->i = build->n_phrases;
    build->step = detect_link_phrases;

    return DETECT_OK;
}


/* gives the node the next number; its parent is a state already */

static void
detect_add_state(detect_build_t *build, uint32_t parent, uint32_t node)
{
    uint32_t         id, word;
    detect_dict_t   *dict;
    detect_state_t  *state;

    dict = build->dict;
    id = build->n_states++;
    word = build->trie.nodes[node].word;

    build->trie.order[id] = node;
    build->trie.nodes[node].parent = id;

    state = &dict->states[id];
    state->word = word;
    state->depth = dict->states[parent].depth + 1;
    state->out = DETECT_NONE;

    /* until the links are set */

    state->fail = parent;

    if (parent == 0) {
        dict->words[word].root = id;
        return;
    }

    dict->states[parent].filter |= (uint32_t) 1 << (word & 31);

    if (dict->states[parent].depth == 1) {
        dict->words[dict->states[parent].word].filter
            |= (uint64_t) 1 << (word & 63);
    }

    if (dict->states[parent].n > DETECT_FEW) {
        detect_add_child(dict, parent, word, id);
    }
}


static void
detect_add_child(detect_dict_t *dict, uint32_t parent, uint32_t word,
    uint32_t id)
{
    uint32_t         i;
    uint64_t         hash;
    detect_child_t  *child;

    hash = detect_child_hash(dict->key, parent, word);

    for (i = hash & dict->child_mask;
         dict->children[i].to;
         i = (i + 1) & dict->child_mask)
    {
        /* void */
    }

    child = &dict->children[i];
    child->state = parent;
    child->word = word;
    child->to = id;

    dict->child_filter[detect_filter(dict->child_mask, hash)]
        |= (uint64_t) 1 << (hash & 63);
}


/* the last one first, so that equal ones are found in their order */

static detect_rc_e
detect_link_phrases(detect_build_t *build)
{
    uint32_t         end;
    detect_state_t  *state;

    while (build->i) {

        if (*build->budget == 0) {
            return DETECT_AGAIN;
        }

        detect_spend(build->budget, DETECT_COST_NODE);

        build->i--;
        end = build->trie.ends[build->i];

        if (end == 0) {
            continue;
        }

        state = &build->dict->states[build->trie.nodes[end].parent];

        build->dict->phrases[build->i].next = state->out;
        build->dict->phrases[build->i].depth = state->depth;
        state->out = build->i;
    }

    build->i = 1;
    build->step = detect_link_states;

    return DETECT_OK;
}


static detect_rc_e
detect_link_states(detect_build_t *build)
{
    uint32_t         parent, word, *out;
    detect_dict_t   *dict;
    detect_state_t  *state;

    dict = build->dict;

    for ( /* void */ ; build->i < dict->n_states; build->i++) {

        if (*build->budget == 0) {
            return DETECT_AGAIN;
        }

        detect_spend(build->budget, DETECT_COST_NODE);

        state = &dict->states[build->i];
        word = state->word;
        parent = state->fail;

        state->fail = 0;

        if (parent) {
            state->fail = detect_step(dict, dict->states[parent].fail, word);

            if (state->fail == 0) {
                state->fail = dict->words[word].root;
            }
        }

        /* the links of shorter states are complete */

        for (out = &state->out;
             *out != DETECT_NONE;
             out = &dict->phrases[*out].next)
        {
            detect_spend(build->budget, DETECT_COST_FILTER);
        }

        *out = dict->states[state->fail].out;

        if (parent == 0) {
            dict->words[word].n = state->n;
            dict->words[word].base = state->base;
            dict->words[word].reports = state->out != DETECT_NONE;
        }
    }

    build->step = NULL;

    return DETECT_OK;
}
