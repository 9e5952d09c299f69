/*
 * What it costs to find phrases in a text, beside the floor: to cut it into
 * runs of letters and digits of ASCII and to hash them.
 *
 *   gcc -O2 -Isrc -o /tmp/detect t/bench/detect.c src/detect/[a-z]*.c \
 *       -lutf8proc
 *   /tmp/detect /usr/share/dict/words \
 *       $(ls /usr/share/games/fortunes/[a-z]* | grep -v '[.]')
 *
 * Phrases are of the first half of the text, 2 to 6 words of it, 70 %, or words
 * of the list; the second half is searched, in pieces of a kilobyte.
 */


#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "detect/automaton.h"
#include "detect/match.h"


#define PIECE   1024
#define ROUNDS  9


static const uint64_t  key[2] = { 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93 };

static char           *text;
static size_t          text_len;
static uint64_t        sum;
static uint64_t        seed = 88172645463325252;


static uint32_t
rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 20) % n;
}


static double
cpu(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}


static char *
slurp(char *data, size_t *len, const char *name)
{
    long   n;
    FILE  *file;

    file = fopen(name, "rb");

    if (file == NULL) {
        perror(name);
        exit(1);
    }

    fseek(file, 0, SEEK_END);
    n = ftell(file);
    rewind(file);

    data = realloc(data, *len + n + 64);

    if (fread(data + *len, 1, n, file) != (size_t) n) {
        exit(1);
    }

    fclose(file);
    *len += n;

    return data;
}


/* bit by bit: a word begins or ends */

static void
floor_piece(detect_dict_t *dict, const char *p, size_t len)
{
    size_t    i, start;
    uint64_t  bits, carry, edges;

    static uint8_t  folded[PIECE + 64];

    (void) dict;

    carry = 0;
    start = PIECE;

    for (i = 0; i + 64 <= len; i += 64) {
        bits = 0;

#if defined(__SSE2__)
        size_t   k;
        __m128i  v, low, t, letter, digit;

        for (k = 0; k < 64; k += 16) {
            v = _mm_loadu_si128((const __m128i *) (p + i + k));
            low = _mm_or_si128(v, _mm_set1_epi8(0x20));
            t = _mm_sub_epi8(low, _mm_set1_epi8('a'));
            letter = _mm_cmpeq_epi8(_mm_min_epu8(t, _mm_set1_epi8(25)), t);
            t = _mm_sub_epi8(v, _mm_set1_epi8('0'));
            digit = _mm_cmpeq_epi8(_mm_min_epu8(t, _mm_set1_epi8(9)), t);

            _mm_storeu_si128((__m128i *) (folded + i + k),
                             _mm_or_si128(v, _mm_and_si128(letter,
                                                 _mm_set1_epi8(0x20))));

            bits |= (uint64_t) (uint32_t)
                    _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit),
                                                   v)) << k;
        }
#else
        size_t  k;

        for (k = 0; k < 64; k++) {
            folded[i + k] = p[i + k] | 0x20;
            bits |= (uint64_t) (p[i + k] > '/') << k;
        }
#endif

        for (edges = bits ^ (bits << 1 | carry); edges; edges &= edges - 1) {

            if (start == PIECE) {
                start = i + __builtin_ctzll(edges);
                continue;
            }

            sum += detect_hash(key, folded + start,
                               i + __builtin_ctzll(edges) - start);
            start = PIECE;
        }

        carry = bits >> 63;
    }
}


static void
cut_piece(detect_dict_t *dict, const char *p, size_t len)
{
    detect_rc_e    rc;
    detect_text_t  cutter;

    static detect_cut_t  cut;

    (void) dict;

    detect_text_start(&cutter, p, len, 0);

    do {
        rc = detect_text_cut(&cutter, &cut);
        sum += cut.n;
    } while (rc == DETECT_AGAIN);
}


static int
on_hit(void *data, const detect_hit_t *hit)
{
    sum += hit->phrase;
    ++*(size_t *) data;

    return 0;
}


static int
on_sentence(void *data, const detect_item_t *sentence)
{
    (void) data;

    sum += sentence->start;

    return 0;
}


static size_t  hits;


static void
match_piece(detect_dict_t *dict, const char *p, size_t len)
{
    size_t           budget;
    detect_match_t  *match;

    static void               *memory;
    static detect_handlers_t   handlers = { on_hit, on_sentence, &hits };

    if (memory == NULL) {
        memory = malloc(detect_match_size(dict));
    }

    budget = (size_t) -1;
    match = detect_match_start(memory, dict, &handlers, p, len);
    detect_match_run(match, &budget);
}


/* microseconds a kilobyte, the least of some rounds */

static double
measure(void (*piece)(detect_dict_t *dict, const char *p, size_t len),
    detect_dict_t *dict)
{
    int     round;
    size_t  i, n;
    double  start, best;

    best = 1e9;

    for (round = 0; round < ROUNDS; round++) {
        start = cpu();

        for (i = text_len / 2, n = 0; i + PIECE <= text_len; i += PIECE, n++) {
            piece(dict, text + i, PIECE);
        }

        start = (cpu() - start) / n;
        best = start < best ? start : best;
    }

    return best;
}


/* some words of the text, from a random one on */

static detect_str_t
ngram(void)
{
    size_t        i, n;
    detect_str_t  str;

    for (i = rnd(text_len / 2 - 1000); text[i] != ' '; i++) { /* void */ }

    str.data = text + ++i;

    for (n = 2 + rnd(5); n && i < text_len / 2; n--) {
        while (text[++i] != ' ' && text[i] != '\n') { /* void */ }
    }

    str.len = text + i - str.data;

    return str;
}


int
main(int argc, char **argv)
{
    char            *p, *list;
    double           floor, cut, time, build_time;
    size_t           i, k, n, len, budget, n_words;
    detect_rc_e      rc;
    detect_str_t    *phrases, *words;
    detect_dict_t   *dict;
    detect_build_t  *build;

    static const size_t  sizes[] = { 500, 5000, 25000 };

    if (argc < 3) {
        fprintf(stderr, "usage: detect WORDS TEXT ...\n");
        return 2;
    }

    len = 0;
    list = slurp(NULL, &len, argv[1]);
    words = malloc(len * sizeof(detect_str_t));

    for (n_words = 0, p = list; p < list + len; n_words++) {
        words[n_words].data = p;
        p = memchr(p, '\n', list + len - p);
        words[n_words].len = p - words[n_words].data;
        p++;
    }

    for (i = 2; i < (size_t) argc; i++) {
        text = slurp(text, &text_len, argv[i]);
    }

    phrases = malloc(sizes[2] * sizeof(detect_str_t));

    floor = measure(floor_piece, NULL);
    cut = measure(cut_piece, NULL);

    printf("floor    %5.2f us/KB\ncut only %5.2f us/KB  %4.1f x\n",
           floor, cut, cut / floor);

    for (k = 0; k < 3; k++) {
        n = sizes[k];

        for (i = 0; i < n; i++) {
            phrases[i] = i % 10 < 7 ? ngram() : words[rnd(n_words)];
        }

        time = cpu();
        budget = (size_t) -1;
        build = detect_build_create(phrases, n, key);
        rc = detect_build_run(build, &budget);
        build_time = cpu() - time;

        if (rc != DETECT_OK) {
            return 1;
        }

        dict = detect_build_dict(build);
        detect_build_destroy(build);

        hits = 0;
        time = measure(match_piece, dict);

        printf("%5zu    %5.2f us/KB  %4.1f x, %5.1f hits/KB, build %5.1f ms, "
               "%3zu bytes a phrase\n", n, time, time / floor,
               (double) hits / ROUNDS / (text_len / 2 / PIECE),
               build_time / 1000, detect_dict_size(dict) / n);

        detect_dict_destroy(dict);
    }

    return sum == 0;
}
