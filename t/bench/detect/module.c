/*
 * What it costs to find phrases in a text: module MODE TEXT PHRASES.  MODE is
 * match; cut, which is only to cut the words; or floor, which is to cut runs of
 * letters and digits of ASCII, to fold and to hash them.  TEXT has a NUL after
 * each piece, PHRASES a line each.  Prints microseconds a KB, hits a KB, the
 * milliseconds that the dictionary took to build, and its bytes.
 */


#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "detect/automaton.h"
#include "detect/match.h"


#define PIECE   65536
#define ROUNDS  5


static const uint64_t  key[2] = { 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93 };

static char           *text;
static size_t          text_len;
static uint64_t        sum;
static size_t          hits;


static double
cpu(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}


static char *
slurp(size_t *len, const char *name)
{
    long   n;
    char  *data;
    FILE  *file;

    file = fopen(name, "rb");

    if (file == NULL) {
        perror(name);
        exit(1);
    }

    fseek(file, 0, SEEK_END);
    n = ftell(file);
    rewind(file);

    data = malloc(n + 64);

    if (fread(data, 1, n, file) != (size_t) n) {
        perror(name);
        exit(1);
    }

    fclose(file);
    *len = n;

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

    /* the text goes on behind the piece */

    for (i = 0; i < len; i += 64) {
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


/* microseconds a KB, the least of some rounds */

static double
measure(void (*piece)(detect_dict_t *dict, const char *p, size_t len),
    detect_dict_t *dict)
{
    int     round;
    char   *p, *end;
    double  start, best;

    best = 1e9;

    for (round = 0; round < ROUNDS; round++) {
        hits = 0;
        start = cpu();

        for (p = text; p < text + text_len; p = end + 1) {
            end = memchr(p, '\0', text + text_len - p);
            piece(dict, p, end - p);
        }

        start = (cpu() - start) / text_len * 1024;
        best = start < best ? start : best;
    }

    return best;
}


static detect_dict_t *
compile(const char *name, double *time)
{
    char            *list, *p;
    size_t           n, len, budget;
    detect_str_t    *phrases;
    detect_build_t  *build;

    list = slurp(&len, name);
    phrases = malloc(len * sizeof(detect_str_t));

    for (n = 0, p = list; p < list + len; n++) {
        phrases[n].data = p;
        p = memchr(p, '\n', list + len - p);
        phrases[n].len = p - phrases[n].data;
        p++;
    }

    *time = cpu();

    budget = (size_t) -1;
    build = detect_build_create(phrases, n, key);

    if (detect_build_run(build, &budget) != DETECT_OK) {
        fprintf(stderr, "%s: cannot be compiled\n", name);
        exit(1);
    }

    *time = cpu() - *time;

    return detect_build_dict(build);
}


int
main(int argc, char **argv)
{
    double          build_time, time;
    detect_dict_t  *dict;

    if (argc != 4) {
        fprintf(stderr, "usage: module match|cut|floor TEXT PHRASES\n");
        return 2;
    }

    text = slurp(&text_len, argv[2]);
    dict = compile(argv[3], &build_time);

    time = measure(argv[1][0] == 'm' ? match_piece
                   : argv[1][0] == 'c' ? cut_piece : floor_piece, dict);

    printf("%.2f %.1f %.2f %zu\n", time, (double) hits / text_len * 1024,
           build_time / 1000, detect_dict_size(dict));

    return sum == 0;
}
