
/*
 * Strings are copied to blocks, which are never moved: the records of an
 * account are read in stretches, each of which is freed before the next.
 */


#include <stdlib.h>

#include "detect/hash.h"
#include "detect/stem.h"
#include "detect/trackers.h"


/* the size of blocks, except of the first ones and of longer strings */
#define DETECT_BLOCK    65536

/* what an id in the index costs, in nanoseconds */
#define DETECT_COST_ID  60


struct detect_block_s {
    detect_block_t  *next;
    size_t           used;
    size_t           size;
    char             data[];
};


static int detect_copy_string(detect_trackers_t *trackers, detect_str_t *to,
    const tracker_str_t *from);
static detect_rc_e detect_compile_dict(detect_trackers_t *trackers,
    int similar, size_t *budget, detect_dict_t **dict);
static int detect_begin_index(detect_trackers_t *trackers,
    const uint64_t key[2]);
static int detect_index_ids(detect_trackers_t *trackers, size_t *budget);
static uint32_t detect_index_place(const detect_trackers_t *trackers,
    const char *id, size_t len);
static detect_block_t *detect_add_block(detect_trackers_t *trackers,
    size_t len);


detect_rc_e
detect_trackers_add(detect_trackers_t *trackers, const tracker_t *t)
{
    size_t                 i;
    detect_tracker_t      *to;
    const tracker_list_t  *vocabulary;

    vocabulary = &t->vocabulary;

    if (trackers->n == DETECT_TEXT_MAX
        || vocabulary->n > DETECT_TEXT_MAX - trackers->n_phrases)
    {
        return DETECT_LARGE;
    }

    if (!detect_grow(&trackers->elts, &trackers->max, trackers->n + 1,
                     sizeof(detect_tracker_t))
        || !detect_grow(&trackers->phrases, &trackers->max_phrases,
                        trackers->n_phrases + vocabulary->n,
                        sizeof(detect_str_t)))
    {
        return DETECT_NOMEM;
    }

    to = &trackers->elts[trackers->n];

    if (!detect_copy_string(trackers, &to->id, &t->id)
        || !detect_copy_string(trackers, &to->name, &t->name))
    {
        return DETECT_NOMEM;
    }

    for (i = 0; i < vocabulary->n; i++) {
        if (!detect_copy_string(trackers,
                                &trackers->phrases[trackers->n_phrases + i],
                                &vocabulary->elts[i]))
        {
            return DETECT_NOMEM;
        }
    }

    trackers->n++;
    trackers->n_phrases += vocabulary->n;
    trackers->size += sizeof(detect_tracker_t)
                      + vocabulary->n * sizeof(detect_str_t);

    to->end = trackers->n_phrases;

    return DETECT_OK;
}


static int
detect_copy_string(detect_trackers_t *trackers, detect_str_t *to,
    const tracker_str_t *from)
{
    detect_block_t  *block;

    block = trackers->blocks;

    if (block == NULL || block->size - block->used < from->len) {

        block = detect_add_block(trackers, from->len);
        if (block == NULL) {
            return 0;
        }
    }

    to->len = from->len;
    to->data = block->data + block->used;

    if (from->len) {
        memcpy(block->data + block->used, from->data, from->len);
        block->used += from->len;
    }

    return 1;
}


/* one with room for len bytes */

static detect_block_t *
detect_add_block(detect_trackers_t *trackers, size_t len)
{
    size_t           size;
    detect_block_t  *block;

    /* a few phrases do not need much */

    size = trackers->blocks ? 2 * trackers->blocks->size : DETECT_BLOCK / 64;
    size = size < DETECT_BLOCK ? size : DETECT_BLOCK;
    size = size > len ? size : len;

    block = malloc(sizeof(detect_block_t) + size);
    if (block == NULL) {
        return NULL;
    }

    block->next = trackers->blocks;
    block->used = 0;
    block->size = size;

    trackers->blocks = block;
    trackers->size += sizeof(detect_block_t) + size;

    return block;
}


detect_rc_e
detect_trackers_compile(detect_trackers_t *trackers, const uint64_t key[2],
    int similar, size_t *budget)
{
    detect_rc_e  rc;

    if (trackers->index.slots == NULL && !detect_begin_index(trackers, key)) {
        return DETECT_NOMEM;
    }

    if (!detect_index_ids(trackers, budget)) {
        return DETECT_AGAIN;
    }

    rc = DETECT_OK;

    if (trackers->dict == NULL) {
        rc = detect_compile_dict(trackers, 0, budget, &trackers->dict);
    }

    if (rc == DETECT_OK && similar && trackers->similar == NULL) {
        rc = detect_compile_dict(trackers, 1, budget, &trackers->similar);
    }

    return rc;
}


static detect_rc_e
detect_compile_dict(detect_trackers_t *trackers, int similar, size_t *budget,
    detect_dict_t **dict)
{
    detect_rc_e  rc;

    if (trackers->build == NULL) {

        if (similar && !detect_stem_init()) {
            return DETECT_NOMEM;
        }

        trackers->build = detect_build_create(trackers->phrases,
                                              trackers->n_phrases,
                                              trackers->key);
        if (trackers->build == NULL) {
            return DETECT_NOMEM;
        }

        if (similar) {
            detect_build_similar(trackers->build);
        }
    }

    rc = detect_build_run(trackers->build, budget);

    if (rc == DETECT_OK) {
        *dict = detect_build_dict(trackers->build);
        trackers->size += detect_dict_size(*dict);
    }

    if (rc != DETECT_AGAIN) {
        detect_build_destroy(trackers->build);
        trackers->build = NULL;
    }

    return rc;
}


static int
detect_begin_index(detect_trackers_t *trackers, const uint64_t key[2])
{
    if (!detect_index_create(&trackers->index, trackers->n)) {
        return 0;
    }

    trackers->key[0] = key[0];
    trackers->key[1] = key[1];
    trackers->size += ((size_t) trackers->index.mask + 1) * sizeof(uint32_t);

    return 1;
}


/*
 * Returns 1 when all are there, 0 if the budget is spent.  Of those with one id
 * the first is there: trackers that came with a text may have one name, and
 * then each of them would pass all those before it.
 */

static int
detect_index_ids(detect_trackers_t *trackers, size_t *budget)
{
    uint32_t             i;
    const detect_str_t  *id;

    while (trackers->indexed < trackers->n) {

        if (*budget == 0) {
            return 0;
        }

        id = &trackers->elts[trackers->indexed++].id;

        i = detect_index_place(trackers, id->data, id->len);

        if (trackers->index.slots[i] == 0) {
            trackers->index.slots[i] = trackers->indexed;
        }

        (void) detect_spend(budget, DETECT_COST_ID);
    }

    return 1;
}


/* the place of an id, or the free one that it would take */

static uint32_t
detect_index_place(const detect_trackers_t *trackers, const char *id,
    size_t len)
{
    uint32_t             i;
    const detect_str_t  *other;

    for (i = detect_hash_text(trackers->key, 0, id, len) & trackers->index.mask;
         trackers->index.slots[i];
         i = (i + 1) & trackers->index.mask)
    {
        other = &trackers->elts[trackers->index.slots[i] - 1].id;

        if (other->len == len && memcmp(other->data, id, len) == 0) {
            break;
        }
    }

    return i;
}


int
detect_trackers_find(const detect_trackers_t *trackers,
    const tracker_str_t *id, uint32_t *index)
{
    uint32_t  i, number;

    i = detect_index_place(trackers, id->data, id->len);
    number = trackers->index.slots[i];

    if (number == 0) {
        return 0;
    }

    *index = number - 1;

    return 1;
}


uint32_t
detect_trackers_of(const detect_trackers_t *trackers, uint32_t phrase)
{
    uint32_t  low, high, mid;

    low = 0;
    high = trackers->n - 1;

    while (low < high) {
        mid = low + (high - low) / 2;

        if (phrase < trackers->elts[mid].end) {
            high = mid;

        } else {
            low = mid + 1;
        }
    }

    return low;
}


void
detect_trackers_free(detect_trackers_t *trackers)
{
    detect_block_t  *block;

    if (trackers->build) {
        detect_build_destroy(trackers->build);
    }

    if (trackers->dict) {
        detect_dict_destroy(trackers->dict);
    }

    if (trackers->similar) {
        detect_dict_destroy(trackers->similar);
    }

    while (trackers->blocks) {
        block = trackers->blocks;
        trackers->blocks = block->next;
        free(block);
    }

    free(trackers->elts);
    free(trackers->phrases);
    free(trackers->index.slots);

    memset(trackers, 0, sizeof(detect_trackers_t));
}
