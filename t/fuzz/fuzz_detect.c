/*
 * Any bytes as phrases, a line each, and after an empty line as a text.  What
 * is cut and found must lie in the text and in order; with other budgets, and
 * another dictionary beside, it must be the same; a hit must fold to the words
 * of its phrase.
 */


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/match.h"


#define must(condition)                                                       \
    if (!(condition)) {                                                       \
        fprintf(stderr, "line %d: %s\n", __LINE__, #condition);               \
        abort();                                                              \
    }

#define PHRASES  64
#define HITS     4096
#define WORDS    8192


typedef struct {
    size_t          n;
    size_t          sentences;
    uint32_t        end;               /* of the last sentence */
    detect_hit_t    elts[HITS];
} found_t;


typedef struct {
    uint32_t        start;             /* in the text */
    uint32_t        end;
    size_t          at;                /* in what is folded */
    size_t          after;
} word_t;


typedef struct {
    size_t          n;
    word_t          elts[WORDS];
    char            folded[12 * WORDS];
} words_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static const char     *text;
static size_t          text_len;
static detect_str_t    phrases[PHRASES];
static uint32_t        n_phrases;


static uint32_t
units(const char *p, size_t len)
{
    uint32_t        n;
    detect_char_t   c;
    const uint8_t  *at, *end;

    at = (const uint8_t *) p;
    end = at + len;

    for (n = 0; at < end; at += c.len) {
        c = detect_char(at, end);
        n += c.len == 4 ? 2 : 1;
    }

    return n;
}


/*
 * Folded words, a NUL after each; before them "." where a sentence has ended,
 * and "|" where one was too long: phrases cannot have this word.  So is a word
 * that is too long "?".
 */

static void
cut_words(words_t *words, const char *data, size_t len, int whole)
{
    char           *p;
    word_t         *word;
    uint32_t        i;
    detect_rc_e     rc;
    detect_item_t  *item;
    detect_text_t   cutter;
    char            stop;

    static detect_cut_t  cut;

    must(detect_text_start(&cutter, data, len, whole) == DETECT_OK);
    words->n = 0;
    p = words->folded;
    stop = '\0';

    do {
        rc = detect_text_cut(&cutter, &cut);

        for (i = 0; i < cut.n; i++) {
            item = &cut.items[i];

            if (item->type == DETECT_PIECE || item->type == DETECT_SENTENCE) {
                must(!whole || item->type == DETECT_SENTENCE);
                stop = item->type == DETECT_PIECE || stop == '|' ? '|' : '.';
                continue;
            }

            must(p + item->len + 8 < words->folded + sizeof(words->folded)
                 && words->n < WORDS);

            word = &words->elts[words->n++];
            word->start = item->start;
            word->end = item->end;

            if (stop) {
                *p++ = stop;
                *p++ = '\0';
                stop = '\0';
            }

            word->at = p - words->folded;

            if (item->type == DETECT_UNKNOWN) {
                *p++ = '?';

            } else {
                memcpy(p, item->folded, item->len);
                p += item->len;
            }

            *p++ = '\0';
            word->after = p - words->folded;
        }

    } while (rc == DETECT_AGAIN);
}


/* the words of the text from start to end are those of the phrase */

static void
check_words(const words_t *said, const detect_hit_t *hit)
{
    size_t         i, k, len;
    const word_t  *first, *last;

    static words_t  phrase;

    cut_words(&phrase, phrases[hit->phrase].data, phrases[hit->phrase].len, 1);

    for (i = 0; i < said->n && said->elts[i].start != hit->start; i++) { }
    for (k = i; k < said->n && said->elts[k].end != hit->end; k++) { }

    must(k < said->n && phrase.n == k - i + 1);

    first = &said->elts[i];
    last = &said->elts[k];
    len = last->after - first->at;

    must(phrase.elts[phrase.n - 1].after - phrase.elts[0].at == len);
    must(memcmp(phrase.folded + phrase.elts[0].at, said->folded + first->at,
                len) == 0);
}


static int
on_hit(void *data, const detect_hit_t *hit)
{
    found_t  *found = data;

    must(hit->phrase < n_phrases);
    must(hit->start < hit->end && hit->end <= text_len);
    must(hit->sentence <= found->sentences);

    if (found->n == HITS) {
        return 1;
    }

    found->elts[found->n++] = *hit;

    return 0;
}


static int
on_sentence(void *data, const detect_item_t *sentence)
{
    found_t  *found = data;

    must(sentence->start >= found->end);
    must(sentence->start < sentence->end && sentence->end <= text_len);
    must(sentence->unit_end - sentence->unit <= DETECT_SENTENCE_MAX);
    must(units(text + sentence->start, sentence->end - sentence->start)
         == sentence->unit_end - sentence->unit);

    found->end = sentence->end;
    found->sentences++;

    return 0;
}


static detect_dict_t *
compile(size_t turn)
{
    size_t           budget;
    detect_rc_e      rc;
    detect_dict_t   *dict;
    detect_build_t  *build;

    static const uint64_t  key[2] = { 0x5bd1e995c2b2ae35, 0x27d4eb2f165667c5 };

    build = detect_build_create(phrases, n_phrases, key);
    must(build != NULL);

    do {
        budget = turn;
        rc = detect_build_run(build, &budget);
    } while (rc == DETECT_AGAIN);

    must(rc == DETECT_OK);

    dict = detect_build_dict(build);
    must((dict != NULL) == (rc == DETECT_OK));
    detect_build_destroy(build);

    return dict;
}


static void
match(detect_dict_t *dict, size_t turn, found_t *found)
{
    size_t              budget;
    detect_rc_e         rc;
    detect_match_t     *m;
    detect_handlers_t   handlers = { on_hit, on_sentence, found };

    found->n = 0;
    found->sentences = 0;
    found->end = 0;

    m = malloc(detect_match_size(dict));
    must(m != NULL);
    m = detect_match_start(m, dict, &handlers, text, text_len);

    do {
        budget = turn;
        rc = detect_match_run(m, &budget);
    } while (rc == DETECT_AGAIN);

    free(m);
}


static void
check_hits(const found_t *found)
{
    size_t               i, k;
    const detect_hit_t  *hit;

    static words_t  said;

    cut_words(&said, text, text_len, 0);

    for (i = 0; i < found->n && i < 100; i++) {
        hit = &found->elts[i];

        for (k = 0; k < i; k++) {
            must(found->elts[k].phrase != hit->phrase
                 || found->elts[k].sentence != hit->sentence);
        }

        must(units(text, hit->start) == hit->unit);
        must(units(text, hit->end) == hit->unit_end);

        check_words(&said, hit);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char           *copy;
    const char     *p, *end, *line;
    detect_dict_t  *dict, *other;

    static found_t  found, again;

    copy = malloc(len ? len : 1);
    memcpy(copy, data, len);

    p = copy;
    end = copy + len;

    for (n_phrases = 0; n_phrases < PHRASES && p < end; n_phrases++) {
        line = p;
        p = memchr(line, '\n', end - line);
        p = p ? p : end;

        if (p == line) {
            break;
        }

        phrases[n_phrases].data = line;
        phrases[n_phrases].len = p - line;
        p += p < end;
    }

    text = p;
    text_len = end - p;

    dict = compile((size_t) -1);
    other = compile(1 + len % 100);

    must((dict != NULL) == (other != NULL));

    if (dict) {
        must(detect_dict_size(dict) == detect_dict_size(other));

        match(dict, (size_t) -1, &found);
        check_hits(&found);

        match(other, 1, &again);
        match(other, 1 + len % 1000, &again);

        must(found.n == again.n && found.sentences == again.sentences);
        must(memcmp(found.elts, again.elts, found.n * sizeof(detect_hit_t))
             == 0);

        detect_dict_destroy(dict);
        detect_dict_destroy(other);
    }

    free(copy);

    return 0;
}
