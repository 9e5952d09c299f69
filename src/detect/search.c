
/*
 * Each message is searched for the phrases of one source after another.  They
 * are cut into the same sentences each time, which the first one keeps.
 */


#include <stdlib.h>

#include "detect/array.h"
#include "detect/search.h"


/* what a message costs besides its text, and a find that is sorted, in ns */
#define DETECT_COST_MESSAGE  300
#define DETECT_COST_SORT     6

/* so many times what the words of a text cost, their stems do at most, about */
#define DETECT_STEM_TIMES    16

/* finds are sorted by so many bits of their phrase at a time */
#define DETECT_DIGIT         11
#define DETECT_DIGITS        (1 << DETECT_DIGIT)

/* or all at once, if they are so few */
#define DETECT_FEW_FINDS     32


static detect_rc_e detect_search_message(detect_search_t *search,
    size_t *budget);
static detect_dict_t *detect_source_dict(const detect_source_t *source);
static int detect_search_start(detect_search_t *search);
static void detect_search_next(detect_search_t *search);
static int detect_search_hit(void *data, const detect_hit_t *hit);
static int detect_search_sentence(void *data, const detect_item_t *item);
static int detect_search_sort(detect_source_t *source);
static void detect_sort_few(detect_find_t *finds, uint32_t n);
static void detect_sort_digit(detect_find_t *to, const detect_find_t *from,
    uint32_t n, unsigned shift);


detect_rc_e
detect_search_run(detect_search_t *search, size_t *budget)
{
    detect_rc_e       rc;
    detect_source_t  *source;

    while (search->message < search->n_messages) {

        rc = detect_search_message(search, budget);

        if (rc != DETECT_OK) {
            return rc;
        }
    }

    free(search->match);
    search->match = NULL;

    while (search->source < search->n_sources) {

        if (*budget == 0) {
            return DETECT_AGAIN;
        }

        source = &search->sources[search->source++];

        if (!detect_search_sort(source)) {
            return DETECT_NOMEM;
        }

        (void) detect_spend(budget, DETECT_COST_SORT * source->n);
    }

    return DETECT_OK;
}


/* goes on with one message and one source; DETECT_OK: it is done */

static detect_rc_e
detect_search_message(detect_search_t *search, size_t *budget)
{
    size_t       share, rest, times;
    detect_rc_e  rc;

    if (*budget == 0) {
        return DETECT_AGAIN;
    }

    if (!search->matching && !detect_search_start(search)) {
        return DETECT_NOMEM;
    }

    times = search->sources[search->source].similar ? DETECT_STEM_TIMES : 1;
    share = *budget / times;
    share += share == 0;
    rest = share;

    rc = detect_match_run(search->match, &rest);

    (void) detect_spend(budget, (share - rest) * times);

    if (rc == DETECT_STOPPED && search->nomem) {
        return DETECT_NOMEM;
    }

    if (rc == DETECT_OK) {
        detect_search_next(search);
        (void) detect_spend(budget, DETECT_COST_MESSAGE);
    }

    return rc;
}


static detect_dict_t *
detect_source_dict(const detect_source_t *source)
{
    return source->similar ? source->trackers->similar
                           : source->trackers->dict;
}


static int
detect_search_start(detect_search_t *search)
{
    size_t                      size, need;
    uint32_t                    i;
    detect_source_t            *source;
    detect_handlers_t           handlers;
    const tracker_utterance_t  *message;

    if (search->match == NULL) {
        size = 0;

        for (i = 0; i < search->n_sources; i++) {
            need = detect_match_size(detect_source_dict(&search->sources[i]));
            size = size > need ? size : need;
        }

        search->match = malloc(size);
        if (search->match == NULL) {
            return 0;
        }
    }

    if (search->source == 0) {
        search->base = search->n;
    }

    source = &search->sources[search->source];
    message = &search->messages[search->message];

    handlers.hit = detect_search_hit;
    handlers.sentence = detect_search_sentence;
    handlers.data = search;

    search->matching = 1;

    return detect_match_start(search->match, detect_source_dict(source),
                              &handlers, message->content.data,
                              message->content.len)
           != NULL;
}


/* after the last message the source is the first one again */

static void
detect_search_next(detect_search_t *search)
{
    search->matching = 0;

    if (++search->source == search->n_sources) {
        search->source = 0;
        search->message++;
    }
}


static int
detect_search_hit(void *data, const detect_hit_t *hit)
{
    detect_search_t *search = data;

    detect_find_t    *find;
    detect_source_t  *source;

    source = &search->sources[search->source];

    if (source->chosen
        && !source->chosen[detect_trackers_of(source->trackers, hit->phrase)])
    {
        return 0;
    }

    if (detect_search_finds(search) == search->max_finds) {
        return 1;
    }

    if (!detect_grow(&source->finds, &source->max, source->n + 1,
                     sizeof(detect_find_t)))
    {
        search->nomem = 1;
        return 1;
    }

    find = &source->finds[source->n++];

    find->phrase = hit->phrase;
    find->sentence = search->base + hit->sentence;
    find->unit = hit->unit;
    find->unit_end = hit->unit_end;

    return 0;
}


static int
detect_search_sentence(void *data, const detect_item_t *item)
{
    detect_search_t *search = data;

    detect_sentence_t  *sentence;

    if (search->source) {
        return 0;
    }

    if (!detect_grow(&search->sentences, &search->max, search->n + 1,
                     sizeof(detect_sentence_t)))
    {
        search->nomem = 1;
        return 1;
    }

    sentence = &search->sentences[search->n++];

    sentence->message = search->message;
    sentence->start = item->start;
    sentence->end = item->end;
    sentence->unit = item->unit;
    sentence->unit_end = item->unit_end;

    return 0;
}


uint32_t
detect_search_finds(const detect_search_t *search)
{
    uint32_t  i, n;

    n = 0;

    for (i = 0; i < search->n_sources; i++) {
        n += search->sources[i].n;
    }

    return n;
}


/*
 * By phrase.  Those of one phrase keep the order in which they were found.
 * Returns 1, or 0 if there is no memory.
 */

static int
detect_search_sort(detect_source_t *source)
{
    unsigned        shift;
    detect_find_t  *from, *to, *other;

    if (source->n <= DETECT_FEW_FINDS) {
        detect_sort_few(source->finds, source->n);
        return 1;
    }

    from = source->finds;

    to = malloc(source->n * sizeof(detect_find_t));
    if (to == NULL) {
        return 0;
    }

    for (shift = 0;
         (uint64_t) (source->trackers->n_phrases - 1) >> shift;
         shift += DETECT_DIGIT)
    {
        detect_sort_digit(to, from, source->n, shift);

        other = from;
        from = to;
        to = other;
    }

    if (from != source->finds) {
        source->max = source->n;
    }

    source->finds = from;
    free(to);

    return 1;
}


static void
detect_sort_few(detect_find_t *finds, uint32_t n)
{
    uint32_t       i, k;
    detect_find_t  find;

    for (i = 1; i < n; i++) {
        find = finds[i];

        for (k = i; k > 0 && finds[k - 1].phrase > find.phrase; k--) {
            finds[k] = finds[k - 1];
        }

        finds[k] = find;
    }
}


static void
detect_sort_digit(detect_find_t *to, const detect_find_t *from, uint32_t n,
    unsigned shift)
{
    uint32_t  i, k, count, sum, places[DETECT_DIGITS];

    memset(places, 0, sizeof(places));

    for (i = 0; i < n; i++) {
        places[(from[i].phrase >> shift) & (DETECT_DIGITS - 1)]++;
    }

    sum = 0;

    for (k = 0; k < DETECT_DIGITS; k++) {
        count = places[k];
        places[k] = sum;
        sum += count;
    }

    for (i = 0; i < n; i++) {
        k = (from[i].phrase >> shift) & (DETECT_DIGITS - 1);
        to[places[k]++] = from[i];
    }
}


void
detect_search_free(detect_search_t *search)
{
    uint32_t          i;
    detect_source_t  *source;

    free(search->match);
    free(search->sentences);

    search->match = NULL;
    search->sentences = NULL;
    search->n = 0;
    search->max = 0;
    search->message = 0;
    search->source = 0;
    search->base = 0;
    search->matching = 0;
    search->nomem = 0;

    for (i = 0; i < DETECT_SOURCES; i++) {
        source = &search->sources[i];

        free(source->finds);

        source->finds = NULL;
        source->n = 0;
        source->max = 0;
    }
}
