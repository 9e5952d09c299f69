/*
 * The dictionary and the match against a naive matcher, over random phrases
 * and texts: it splits a text character by character, folds words one by one
 * and compares each phrase at each word.
 */


#include <utf8proc.h>

#include "detect/match.h"
#include "tap.h"


/* how many pairs of phrases and a text */
#ifndef PAIRS
#define PAIRS    100000
#endif

#define TEXT     256
#define PHRASES  6
#define HITS     4096


typedef struct {
    char           fold[3 * TEXT];
    size_t         start;
    size_t         end;
    size_t         unit;
    size_t         unit_end;
    size_t         sentence;
    int            stop;               /* the end of a sentence, not a word */
} word_t;


typedef struct {
    size_t         n;
    size_t         n_sentences;
    word_t         elts[2 * TEXT];
} split_t;


typedef struct {
    size_t         n;
    detect_hit_t   elts[HITS];
} hits_t;


static const char *const  pieces[] = {
    " ", " ", " ", " ", "a", "A", "b", "c", "aa", "1", "2", "'", "'s", "'t",
    "\xe2\x80\x99", "\xe2\x80\x99re", "&", "+", "#", "_", "@", ".", ". ", ",",
    "! ", "? ", "\n", "-", "\"", ")", "(", "\xe2\x80\xa6 ", "\xc3\xa9", "e",
    "\xcc\x81", "\xc3\x89", "\xc4\xb0", "\xc3\x9f", "ss", "\xe4\xb8\xad",
    "\xe3\x80\x82", "\xe3\x81\x8b", "\xe3\x82\x99", "\xe0\xb8\x81",
    "\xe0\xb8\xb4", "\xf0\x9f\x98\x80", "\xc2\xad", "\xef\xb8\x8f", "\xc2\xa0",
    "\xff", "\xd0\x96", "\xd0\xb6", "Mr. ", "e.g. ", " I. ", "... ", "no. ",
    "'ll", "word", "longerwords", "1,000", "6.9"
};

static const uint64_t  key[2] = { 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93 };

static uint64_t        seed = 1;
static split_t         split_text, split_phrase;
static hits_t          expected, got;
static utf8proc_int32_t  codes[TEXT + 8];
static size_t          places[TEXT + 8], units[TEXT + 8], n_codes;


static uint32_t
rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 20) % n;
}


static size_t
random_text(char *to, size_t max, uint32_t from, uint32_t to_piece)
{
    size_t       n, len;
    const char  *piece;

    for (n = 0; rnd(max / 2) || n == 0; n += len) {
        piece = pieces[from + rnd(to_piece - from)];
        len = strlen(piece);

        if (n + len > max) {
            break;
        }

        memcpy(to + n, piece, len);
    }

    return n;
}


/* l letter, d digit, m mark, h alone, s space, n line; the character; or 0 */

static int
type(size_t i)
{
    utf8proc_int32_t  c;

    if (i >= n_codes) {
        return 's';
    }

    c = codes[i];

    if (c == 0x2019) {
        return '\'';
    }

    if (c == 0x4e2d || c == 0x304b || c == 0xe01) {
        return 'h';
    }

    if (c == 0xad) {
        return 'm';
    }

    switch (c < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(c)) {

    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
        return 'l';

    case UTF8PROC_CATEGORY_ND:
        return 'd';

    case UTF8PROC_CATEGORY_MN:
        return 'm';

    case UTF8PROC_CATEGORY_ZS:
        return 's';

    default:
        return c == '\n' ? 'n' : c > 0 && c < 0x80 ? c : 0;
    }
}


static int
in_word(size_t i)
{
    return i < n_codes && strchr("ldm", type(i)) && type(i);
}


/* the number of characters of the suffix at i */

static size_t
suffix(size_t i, const char *list[])
{
    size_t  k, n;

    for (k = 0; list[k]; k++) {
        for (n = 0; list[k][n] && i + n < n_codes
             && (codes[i + n] | 0x20) == list[k][n]; n++) { /* void */ }

        if (list[k][n] == '\0' && !in_word(i + n)) {
            return n;
        }
    }

    return 0;
}


static size_t
word_end(size_t i)
{
    int     last, t;
    size_t  n;

    static const char  *list[] = { "t", "re", "ve", "ll", "d", "m", NULL };

    last = type(i++);

    for ( ;; ) {
        t = type(i);

        if (i < n_codes && t == 'm') {
            i++;

        } else if (last == 'h' || i >= n_codes) {
            return i;

        } else if (t == 'l' || t == 'd') {
            last = t;
            i++;

        } else if (last == 'l' && t && strchr("&+#@_", t)) {
            i++;

        } else if (last == 'd' && (t == '.' || t == ',')
                   && i + 1 < n_codes && codes[i + 1] >= '0'
                   && codes[i + 1] <= '9')
        {
            i++;

        } else if (last == 'l' && t == '\'' && (n = suffix(i + 1, list))) {
            i += 1 + n;

        } else {
            return i;
        }
    }
}


static void
fold(word_t *word, const char *data)
{
    size_t           n;
    char             text[TEXT + 1];
    const char      *p;
    utf8proc_uint8_t  *result;

    n = 0;

    for (p = data + word->start; p < data + word->end; p++) {
        if (strncmp(p, "\xe2\x80\x99", 3) == 0) {
            text[n++] = '\'';
            p += 2;

        } else if (*p != ',') {
            text[n++] = *p;
        }
    }

    utf8proc_map((utf8proc_uint8_t *) text, n, &result,
                 UTF8PROC_CASEFOLD | UTF8PROC_COMPOSE | UTF8PROC_STABLE
                 | UTF8PROC_IGNORE);

    strcpy(word->fold, (char *) result);
    free(result);
}


/* is a stop at i, with a run of them to end, the end of a sentence? */

static int
sentence_ends(size_t i, size_t end)
{
    int     points, others;
    size_t  k, n;

    points = 0;
    others = 0;

    for (k = i; k < end; k++) {
        if (codes[k] == 0x3002) {
            return 1;
        }

        points += codes[k] == '.' ? 1 : codes[k] == 0x2026 ? 2 : 0;
        others += codes[k] == '!' || codes[k] == '?';
    }

    if (end == n_codes || type(end) == 'n') {
        return 1;
    }

    if (type(end) != 's') {
        return 0;
    }

    if (others) {
        return 1;
    }

    for (k = end; k < n_codes && codes[k] == ' ' && k - end < 8; k++) { }

    if (points > 1) {
        return !(k < n_codes && codes[k] >= 'a' && codes[k] <= 'z');
    }

    /* Mr, e.g, no and single letters of the pieces are all there can be */

    for (n = 0;
         n < 12 && n < i && (codes[i - n - 1] == '.'
                  || (type(i - n - 1) == 'l' && codes[i - n - 1] < 0x80));
         n++) { }

    if (n == 0
        || (n < i && (codes[i - n - 1] >= 0x80 || codes[i - n - 1] < 0
                      || strchr("&+#@_", codes[i - n - 1])
                      || type(i - n - 1) == 'd' || type(i - n - 1) == 'l')))
    {
        return 1;
    }

    if (n == 1) {
        return codes[i - 1] == '.' || codes[i - 1] == 'I'
               || codes[i - 1] >= 'a';
    }

    if (n % 2) {
        for (k = 0; k < n && (codes[i - n + k] == '.') == (k % 2 == 1); k++) { }

        if (k == n) {
            return 0;
        }
    }

    if (n == 2 && (codes[i - 2] | 0x20) == 'm' && (codes[i - 1] | 0x20) == 'r')
    {
        return 0;
    }

    if (n == 2 && (codes[i - 2] | 0x20) == 'n' && (codes[i - 1] | 0x20) == 'o')
    {
        for (k = i + 1; k < n_codes && codes[k] == ' ' && k - i <= 7; k++) { }

        return !(k < n_codes && codes[k] >= '0' && codes[k] <= '9');
    }

    return 1;
}


static void
add(split_t *split, const char *data, size_t i, size_t end, int stop)
{
    word_t  *word;

    word = &split->elts[split->n];

    word->start = places[i];
    word->end = places[end];
    word->unit = units[i];
    word->unit_end = units[end];
    word->sentence = split->n_sentences;
    word->stop = stop;
    word->fold[0] = '\0';

    if (!stop) {
        fold(word, data);

        if (word->fold[0] == '\0') {
            return;
        }
    }

    /* several ends are one */

    if (!stop || (split->n && !split->elts[split->n - 1].stop)) {
        split->n++;
    }
}


static void
split(split_t *split, const char *data, size_t len)
{
    size_t            i, k, from, word;
    utf8proc_ssize_t  n;

    static const char  *s[] = { "s", NULL };

    n_codes = 0;
    units[0] = 0;

    for (i = 0; i < len; i += n) {
        n = utf8proc_iterate((const utf8proc_uint8_t *) data + i, len - i,
                             &codes[n_codes]);
        if (n < 1) {
            n = 1;
            codes[n_codes] = -1;
        }

        places[n_codes] = i;
        units[n_codes + 1] = units[n_codes] + 1 + (codes[n_codes] > 0xffff);
        n_codes++;
    }

    places[n_codes] = len;
    split->n = 0;
    split->n_sentences = 0;
    from = 0;
    word = TEXT;

    for (i = 0; i <= n_codes; i = k) {

        k = i + 1;

        if (i < n_codes && type(i) && strchr("ldh", type(i))) {
            k = word_end(i);
            add(split, data, i, k, 0);
            word = k;
            continue;
        }

        if (i == word && type(i) == '\'' && suffix(i + 1, s)) {
            k = i + 2;
            add(split, data, i, k, 0);
            word = k;
            continue;
        }

        if (i < n_codes && type(i) != 'n') {

            if (codes[i] < 0 || !(codes[i] == 0x2026 || codes[i] == 0x3002
                                  || (codes[i] < 0x80
                                      && strchr(".!?", codes[i]))))
            {
                continue;
            }

            while (k < n_codes && codes[k] > 0
                   && (codes[k] == 0x2026 || codes[k] == 0x3002
                       || codes[k] == 0x2019
                       || (codes[k] < 0x80 && strchr(".!?')\"]", codes[k]))))
            {
                k++;
            }

            if (!sentence_ends(i, k)) {
                continue;
            }
        }

        /* from is where it begins; only blanks are no sentence */

        while (from < (k < n_codes ? k : n_codes)
               && codes[from] >= 0 && codes[from] <= ' ')
        {
            from++;
        }

        if (from < k && from < n_codes && !(from == i && type(i) == 'n')) {
            add(split, data, i, i, 1);
            split->n_sentences++;
        }

        from = k;
    }
}


static int
hit_cmp(const void *one, const void *two)
{
    return memcmp(one, two, sizeof(detect_hit_t));
}


static void
match_naively(uint32_t phrase)
{
    size_t         i, k, n, last;
    detect_hit_t  *hit;
    split_t       *text = &split_text, *words = &split_phrase;

    for (n = words->n; n && words->elts[n - 1].stop; n--) { /* void */ }

    last = (size_t) -1;

    for (i = 0; n && i + n <= text->n; i++) {

        for (k = 0; k < n; k++) {
            if (text->elts[i + k].stop != words->elts[k].stop
                || strcmp(text->elts[i + k].fold, words->elts[k].fold))
            {
                break;
            }
        }

        if (k < n || text->elts[i].sentence == last) {
            continue;
        }

        last = text->elts[i].sentence;

        hit = &expected.elts[expected.n++];
        hit->phrase = phrase;
        hit->sentence = last;
        hit->start = text->elts[i].start;
        hit->unit = text->elts[i].unit;
        hit->end = text->elts[i + n - 1].end;
        hit->unit_end = text->elts[i + n - 1].unit_end;
    }
}


static int
on_hit(void *data, const detect_hit_t *hit)
{
    hits_t  *hits = data;

    hits->elts[hits->n++] = *hit;

    return 0;
}


static int
on_sentence(void *data, const detect_item_t *sentence)
{
    (void) data;
    (void) sentence;

    return 0;
}


static int
pair(uint32_t from, uint32_t to)
{
    char              text[TEXT], phrases[PHRASES][TEXT];
    size_t            i, len, budget, turn;
    detect_str_t      strs[PHRASES];
    detect_dict_t    *dict;
    detect_build_t   *build;
    detect_match_t   *match;

    static detect_handlers_t  handlers = { on_hit, on_sentence, &got };

    len = random_text(text, 120, from, to);
    split(&split_text, text, len);
    expected.n = 0;
    got.n = 0;

    for (i = 0; i < PHRASES; i++) {
        strs[i].data = phrases[i];
        strs[i].len = random_text(phrases[i], i < 3 ? 6 : 14, from, to);

        split(&split_phrase, strs[i].data, strs[i].len);
        match_naively(i);
    }

    turn = rnd(2) ? 1 + rnd(500) : (size_t) -1;

    build = detect_build_create(strs, PHRASES, key);

    do {
        budget = turn;
    } while (detect_build_run(build, &budget) == DETECT_AGAIN);

    dict = detect_build_dict(build);
    detect_build_destroy(build);

    match = malloc(detect_match_size(dict));
    match = detect_match_start(match, dict, &handlers, text, len);

    do {
        budget = turn;
    } while (detect_match_run(match, &budget) == DETECT_AGAIN);

    free(match);
    detect_dict_destroy(dict);

    qsort(expected.elts, expected.n, sizeof(detect_hit_t), hit_cmp);
    qsort(got.elts, got.n, sizeof(detect_hit_t), hit_cmp);

    if (expected.n == got.n
        && memcmp(expected.elts, got.elts, got.n * sizeof(detect_hit_t)) == 0)
    {
        return 1;
    }

    printf("# expected %zu, got %zu: \"%.*s\"\n", expected.n, got.n,
           (int) len, text);

    for (i = 0; i < expected.n || i < got.n; i++) {
        printf("# %u %u %u-%u, got %u %u %u-%u\n",
               expected.elts[i].phrase, expected.elts[i].sentence,
               expected.elts[i].unit, expected.elts[i].unit_end,
               got.elts[i].phrase, got.elts[i].sentence,
               got.elts[i].unit, got.elts[i].unit_end);
    }

    for (i = 0; i < PHRASES; i++) {
        printf("# %zu \"%.*s\"\n", i, (int) strs[i].len, strs[i].data);
    }

    return 0;
}


int
main(void)
{
    size_t  i, bad, hits;

    static const uint32_t  all = sizeof(pieces) / sizeof(pieces[0]);

    bad = 0;
    hits = 0;

    for (i = 0; i < PAIRS && bad < 3; i++) {

        /* few words only, ASCII, or all */

        bad += !pair(0, i % 3 == 0 ? 10 : i % 3 == 1 ? 14 : all);
        hits += got.n;
    }

    ok(bad == 0, "%d pairs, %zu hits", PAIRS, hits);
    ok(hits > PAIRS / 2, "not all in vain");

    return tap_done();
}
