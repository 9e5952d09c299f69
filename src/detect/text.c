
/*
 * Words and sentences.  A window of the text becomes bits, one a byte, and
 * from these a list of where runs of letters and digits of ASCII begin and end:
 * in English nearly all of them are words as they are.  What needs a closer
 * look is marked: all that is not ASCII, what may end a sentence, and what may
 * belong to the word beside it.
 */


#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "detect/text.h"


/* a sentence of so many UTF-16 units is cut before a word after a blank */
#define DETECT_SENTENCE_SOFT  (DETECT_SENTENCE_MAX - 320)

/* and of so many anywhere: the next item is a word or a run of stops */
#define DETECT_SENTENCE_HARD  (DETECT_SENTENCE_MAX - DETECT_WORD_MAX - 4)

/* stops and closing quotes that are looked at together */
#define DETECT_STOPS_MAX      64

#define DETECT_BLANKS_MAX     8

/* letters of an abbreviation without points */
#define DETECT_ABBREVIATION   6

/* after the last word of a window: behind any byte of it */
#define DETECT_NOWHERE        0xffff

/* so many items are left for what is not a plain word */
#define DETECT_SPARE          8

/* of what the pool must have room for at a mark: a word and a genitive */
#define DETECT_POOL_SPARE     (DETECT_WORD_MAX + 8)


/* 64 bytes of text, a bit for each */

typedef struct {
    uint64_t       words;          /* letters and digits of ASCII */
    uint64_t       marks;          /* they need a closer look in any case */
    uint64_t       joiners;        /* if they are behind a word */
    uint64_t       inner;          /* if they are between words */
} detect_block_t;


static const uint8_t *detect_cut_window(detect_text_t *text,
    detect_cut_t *cut, size_t window);
static size_t detect_soft(const detect_text_t *text, const uint8_t *base);
static size_t detect_plain_words(detect_text_t *text, detect_cut_t *cut,
    size_t k, size_t stop);
static const uint8_t *detect_join(detect_text_t *text, detect_cut_t *cut,
    const uint8_t *p, size_t k);
static const uint8_t *detect_contraction(detect_text_t *text,
    detect_cut_t *cut, const uint8_t *p, const uint16_t *edge);
static int detect_plain_before(const detect_text_t *text,
    const detect_cut_t *cut, const uint8_t *p);
static void detect_skip(detect_text_t *text, detect_cut_t *cut);
static int detect_joins(const detect_text_t *text, const uint8_t *p);
static const uint8_t *detect_limit(detect_text_t *text, detect_cut_t *cut,
    const uint8_t *seen, const uint8_t *p, int item);
static const uint8_t *detect_mark(detect_text_t *text, detect_cut_t *cut,
    const uint8_t *p);
static const uint8_t *detect_word(detect_text_t *text, detect_cut_t *cut,
    const uint8_t *p);
static const uint8_t *detect_run(const uint8_t *p, const uint8_t *end,
    size_t max, detect_kind_e *kind);
static size_t detect_suffix(const uint8_t *p, const uint8_t *end,
    const char *suffixes);
static const uint8_t *detect_genitive(detect_text_t *text, detect_cut_t *cut,
    const uint8_t *p, size_t apostrophe);
static const uint8_t *detect_stops(const detect_text_t *text,
    const uint8_t *p, int *ends);
static int detect_abbreviates(const detect_text_t *text,
    const detect_cut_t *cut, const uint8_t *p);
static int detect_abbreviation(const detect_text_t *text, const uint8_t *p);
static int detect_abbreviates_name(const detect_text_t *text,
    const uint8_t *p, const uint8_t *folded, size_t len);
static int detect_list_has(const char *list, size_t n, uint64_t name);
static int detect_small_follows(const uint8_t *p, const uint8_t *end);
static void detect_sentence(detect_text_t *text, detect_cut_t *cut,
    const uint8_t *end, detect_item_e type);
static void detect_shift(detect_text_t *text, const uint8_t *p,
    const uint8_t *end);
static size_t detect_classify(const detect_text_t *text, detect_cut_t *cut,
    size_t window);
static inline size_t detect_edges(uint16_t *edges, size_t i, uint64_t bits,
    uint64_t inside);
static inline void detect_block(detect_block_t *block, const uint8_t *p,
    uint8_t *folded);


/*
 * Abbreviations before a name or a number, and those that may also end a
 * sentence, if the next word begins with a capital: 8 bytes each.
 */

static const char  detect_titles[] =
    "adm     brig    capt    cf      cmdr    col     cpl     "
    "dr      fig     figs    gen     gov     hon     lt      "
    "maj     messrs  mme     mr      mrs     ms      mt      "
    "pp      prof    rep     rev     sen     sgt     st      "
    "vol     vs      ";

static const char  detect_ends[] =
    "approx  apt     ave     blvd    bros    co      corp    "
    "dept    est     etc     ext     inc     jr      ltd     "
    "sr      univ    ";

static const char  detect_number[] = "no      ";

#define detect_listed(list, name)                                             \
    detect_list_has(list, sizeof(list) / 8, name)


static inline uint32_t
detect_unit(const detect_text_t *text, const uint8_t *p)
{
    return p - text->data - text->shift;
}


static inline void
detect_add(detect_text_t *text, detect_cut_t *cut, detect_item_e type,
    const uint8_t *p, const uint8_t *end)
{
    detect_item_t  *item;

    item = &cut->items[cut->n++];

    item->type = type;
    item->start = p - text->data;
    item->end = end - text->data;
    item->unit = detect_unit(text, p);
    item->unit_end = detect_unit(text, end);
}


/* the first bit from i on that is set in bits; n if there is none */

static inline size_t
detect_next(const uint64_t *bits, size_t i, size_t n)
{
    uint64_t  word;

    if (i >= n) {
        return n;
    }

    word = bits[i / 64] >> (i % 64) << (i % 64);

    for (i &= ~(size_t) 63; word == 0; word = bits[i / 64]) {
        i += 64;

        if (i >= n) {
            return n;
        }
    }

    i += __builtin_ctzll(word);

    return i < n ? i : n;
}


detect_rc_e
detect_text_start(detect_text_t *text, const char *data, size_t len, int whole)
{
    if (len > DETECT_TEXT_MAX) {
        return DETECT_LARGE;
    }

    memset(text, 0, sizeof(detect_text_t));

    text->data = (const uint8_t *) data;
    text->end = text->data + len;
    text->p = text->data;
    text->from = text->data;
    text->whole = whole;

    return DETECT_OK;
}


detect_rc_e
detect_text_cut(detect_text_t *text, detect_cut_t *cut)
{
    size_t  window;

    cut->n = 0;
    cut->used = 0;
    cut->n_ends = 0;

    if (text->skip) {
        detect_skip(text, cut);

    } else {
        window = text->end - text->p;

        if (window > DETECT_WINDOW) {
            window = DETECT_WINDOW;
        }

        window = detect_classify(text, cut, window);

        text->p = detect_cut_window(text, cut, window);
    }

    if (text->p < text->end) {
        return DETECT_AGAIN;
    }

    if (text->from < text->end) {
        detect_sentence(text, cut, text->end, DETECT_SENTENCE);
    }

    return DETECT_OK;
}


/* returns where the next window begins */

static const uint8_t *
detect_cut_window(detect_text_t *text, detect_cut_t *cut, size_t window)
{
    size_t          i, k, last, mark, soft, seen;
    const uint8_t  *base, *p, *next;

    base = text->p;
    seen = 0;
    k = 0;

    for ( ;; ) {
        mark = detect_next(cut->marks, seen, window);
        soft = detect_soft(text, base);
        last = k;
        k = detect_plain_words(text, cut, k, mark < soft ? mark : soft);

        if (k > last) {
            seen = cut->edges[k - 1];
        }

        i = cut->edges[k] < mark ? cut->edges[k] : mark;
        p = base + i;

        next = i == mark && i < window ? detect_join(text, cut, p, k) : p;

        if (next == p) {

            if (i >= soft) {
                next = detect_limit(text, cut, base + seen, p, i < window);

                if (next) {
                    seen = next - base;
                    continue;
                }

                last = k;
                k = detect_plain_words(text, cut, k, i < mark ? i + 1 : 0);

                if (k > last) {
                    seen = cut->edges[k - 1];
                    continue;
                }
            }

            /* a word that would be plain is left: there is no room */

            if (i == window
                || cut->n > DETECT_ITEMS - 4
                || (i < mark && cut->edges[k + 1] - i <= DETECT_WORD_MAX))
            {
                return p;
            }

            next = i < mark ? detect_word(text, cut, p)
                            : detect_mark(text, cut, p);
        }

        if (next >= base + window
            || text->skip
            || cut->used > DETECT_POOL - DETECT_POOL_SPARE)
        {
            return next;
        }

        for (seen = next - base; cut->edges[k] < seen; k += 2) { /* void */ }
    }
}


/*
 * Returns how far from base the sentence may go on before it is looked for a
 * place to cut it, as long as all is ASCII.
 */

static size_t
detect_soft(const detect_text_t *text, const uint8_t *base)
{
    uint32_t  units;

    if (text->whole) {
        return (size_t) -1;
    }

    units = detect_unit(text, base) - text->from_unit;

    /* it may begin after base */

    if ((int32_t) units < DETECT_SENTENCE_SOFT) {
        return DETECT_SENTENCE_SOFT - (int32_t) units;
    }

    return 0;
}


/*
 * Adds words, from the k-th edge on, that begin before stop; not one that is
 * too long, and none if there is no room.  Returns the edge after them.
 */

static size_t
detect_plain_words(detect_text_t *text, detect_cut_t *cut, size_t k,
    size_t stop)
{
    size_t           start, end;
    uint32_t         from, unit;
    detect_item_t   *item, *first, *last;
    const uint8_t   *folded;
    const uint16_t  *edge;

    edge = cut->edges + k;
    folded = cut->folded;
    first = cut->items + cut->n;
    last = cut->items + DETECT_ITEMS - DETECT_SPARE;
    from = text->p - text->data;
    unit = from - text->shift;

    for (item = first; edge[0] < stop && item < last; edge += 2) {
        start = edge[0];
        end = edge[1];

        if (end - start > DETECT_WORD_MAX) {
            break;
        }

        item->folded = folded + start;
        item->len = end - start;
        item->type = DETECT_WORD;
        item->start = from + start;
        item->end = from + end;
        item->unit = unit + start;
        item->unit_end = unit + end;
        item++;
    }

    if (item > first) {
        text->word_end = text->data + item[-1].end;
        cut->n = item - cut->items;
    }

    return edge - cut->edges;
}


/*
 * The mark at p, before the k-th edge, may belong to the plain word before it,
 * which is then cut anew.  Returns where to go on, p if it does not.
 */

static const uint8_t *
detect_join(detect_text_t *text, detect_cut_t *cut, const uint8_t *p,
    size_t k)
{
    const uint8_t  *next;

    if (!detect_joins(text, p) || !detect_plain_before(text, cut, p)) {
        return p;
    }

    if (*p == '\'') {
        next = detect_contraction(text, cut, p, cut->edges + k);

        if (next) {
            return next;
        }
    }

    cut->n--;

    return detect_word(text, cut, text->data + cut->items[cut->n].start);
}


/*
 * Most apostrophes: between a word of ASCII and what may follow it, and nothing
 * else behind.  All is folded already.  Returns NULL where it is not so plain.
 */

static const uint8_t *
detect_contraction(detect_text_t *text, detect_cut_t *cut, const uint8_t *p,
    const uint16_t *edge)
{
    size_t          at, len;
    detect_item_t  *item;
    const uint8_t  *s, *end;

    at = p - text->p;

    if (edge[0] != at + 1 || edge[1] - edge[0] > 2) {
        return NULL;
    }

    end = text->p + edge[1];

    if (end < text->end
        && (*end >= 0x80 || detect_ascii[*end] == DETECT_APOSTROPHE
            || detect_ascii[*end] == DETECT_JOINER))
    {
        return NULL;
    }

    len = edge[1] - at;
    s = cut->folded + at + 1;
    item = &cut->items[cut->n - 1];

    if (len == 2 && s[0] == 's') {
        item++;
        cut->n++;
        item->folded = s - 1;
        item->len = 0;
        item->type = DETECT_WORD;
        item->start = p - text->data;
        item->unit = detect_unit(text, p);

    } else if (detect_ascii[p[-1]] != DETECT_LETTER
               || item->len + len > DETECT_WORD_MAX
               || (len == 2 ? s[0] != 't' && s[0] != 'd' && s[0] != 'm'
                   : !((s[0] == 'r' || s[0] == 'v') && s[1] == 'e')
                     && !(s[0] == 'l' && s[1] == 'l')))
    {
        return NULL;
    }

    item->len += len;
    item->end = end - text->data;
    item->unit_end = detect_unit(text, end);
    text->word_end = end;

    return end;
}


/* is the last item a plain word, of this window, that ends at p? */

static int
detect_plain_before(const detect_text_t *text, const detect_cut_t *cut,
    const uint8_t *p)
{
    size_t                start;
    const detect_item_t  *item;

    if (cut->n == 0) {
        return 0;
    }

    item = &cut->items[cut->n - 1];
    start = item->start - (text->p - text->data);

    return item->type == DETECT_WORD && text->data + item->end == p
           && start < DETECT_WINDOW && item->folded == cut->folded + start;
}


/* goes on in a word that is too long */

static void
detect_skip(detect_text_t *text, detect_cut_t *cut)
{
    const uint8_t  *next;

    if (!text->whole
        && detect_unit(text, text->p) - text->from_unit >= DETECT_SENTENCE_SOFT)
    {
        detect_sentence(text, cut, text->p, DETECT_PIECE);
    }

    next = detect_run(text->p, text->end, DETECT_WORD_MAX, &text->kind);

    text->skip = next - text->p >= DETECT_WORD_MAX;
    detect_shift(text, text->p, next);
    text->word_end = next;
    text->p = next;
}


/* may the mark at p belong to a word of ASCII before it? */

static int
detect_joins(const detect_text_t *text, const uint8_t *p)
{
    detect_char_t  c;

    if (*p >= 0x80) {
        c = detect_char_wide(p, text->end);

        return c.kind == DETECT_LETTER || c.kind == DETECT_DIGIT
               || c.kind == DETECT_MARK || c.kind == DETECT_APOSTROPHE;
    }

    switch (detect_ascii[*p]) {

    case DETECT_POINT:
    case DETECT_COMMA:
        return p + 1 < text->end && p[1] >= '0' && p[1] <= '9'
               && p > text->data && p[-1] >= '0' && p[-1] <= '9';

    case DETECT_APOSTROPHE:
    case DETECT_JOINER:
        return 1;

    default:
        return 0;
    }
}


/*
 * Cuts a sentence that is long: before p, if an item is there and a blank
 * before it, or in what is between seen and p and is plain.  Returns where to
 * go on, or NULL if it is not cut.
 */

static const uint8_t *
detect_limit(detect_text_t *text, detect_cut_t *cut, const uint8_t *seen,
    const uint8_t *p, int item)
{
    const uint8_t  *limit;

    if (cut->n > DETECT_ITEMS - 4) {
        return NULL;
    }

    limit = p;

    if (detect_unit(text, p) - text->from_unit >= DETECT_SENTENCE_HARD) {
        limit = p - (detect_unit(text, p) - text->from_unit
                     - DETECT_SENTENCE_HARD);

        /* what was seen last may have ended after it */

        if (limit < seen) {
            limit = seen;
        }

    } else if (!item || p[-1] > ' ') {
        return NULL;
    }

    detect_sentence(text, cut, limit, DETECT_PIECE);

    return limit;
}


/* looks at the character at p, returns where to go on */

static const uint8_t *
detect_mark(detect_text_t *text, detect_cut_t *cut, const uint8_t *p)
{
    int             ends;
    detect_char_t   c;
    const uint8_t  *next;

    c = detect_char(p, text->end);
    next = p + c.len;

    switch (c.kind) {

    case DETECT_LETTER:
    case DETECT_DIGIT:
    case DETECT_ALONE:
        return detect_word(text, cut, p);

    case DETECT_APOSTROPHE:
        return detect_genitive(text, cut, p, c.len);

    case DETECT_NEWLINE:
        detect_sentence(text, cut, p, DETECT_SENTENCE);

        if (c.len > 1) {
            detect_shift(text, p, next);
        }

        text->from = next;
        text->from_unit = detect_unit(text, next);
        return next;

    case DETECT_POINT:
    case DETECT_STOP:
    case DETECT_WIDE_STOP:

        /* nearly all of them */

        if (c.kind == DETECT_POINT && next < text->end && *next == ' ') {
            ends = !detect_abbreviates(text, cut, p);

        } else {
            next = detect_stops(text, p, &ends);
            detect_shift(text, p, next);
        }

        if (ends) {
            detect_sentence(text, cut, next, DETECT_SENTENCE);
        }

        return next;

    default:

        if (c.len > 1) {
            detect_shift(text, p, next);
        }

        return next;
    }
}


/* a word that begins at p and is more than a run of ASCII */

static const uint8_t *
detect_word(detect_text_t *text, detect_cut_t *cut, const uint8_t *p)
{
    int             len;
    detect_item_t  *item;
    detect_item_e   type;
    detect_kind_e   kind;
    const uint8_t  *next;

    kind = DETECT_OTHER;
    next = detect_run(p, text->end, DETECT_WORD_MAX + 1, &kind);

    item = &cut->items[cut->n];
    item->folded = cut->pool + cut->used;

    if (next - p > DETECT_WORD_MAX) {
        text->skip = 1;
        text->kind = kind;
        len = -1;

    } else {
        len = detect_fold(cut->pool + cut->used, p, next - p);
    }

    text->word_end = next;

    if (len) {
        type = len > 0 ? DETECT_WORD : DETECT_UNKNOWN;
        item->len = len > 0 ? len : 0;

        detect_add(text, cut, type, p, next);
        detect_shift(text, p, next);
        item->unit_end = detect_unit(text, next);
        cut->used += item->len;

    } else {
        detect_shift(text, p, next);
    }

    return next;
}


/*
 * Goes on in a word, after a character of the given kind, DETECT_OTHER at its
 * beginning, for max bytes or a little more.  Returns the end; *kind is then
 * that of its last character.
 */

static const uint8_t *
detect_run(const uint8_t *p, const uint8_t *end, size_t max,
    detect_kind_e *kind)
{
    size_t          n;
    detect_char_t   c;
    const uint8_t  *last;

    last = (size_t) (end - p) < max ? end : p + max;

    for ( /* void */ ; p < last; p += c.len) {
        c = detect_char(p, end);

        switch (c.kind) {

        case DETECT_LETTER:
        case DETECT_DIGIT:
            if (*kind == DETECT_ALONE) {
                return p;
            }

            *kind = c.kind;
            break;

        case DETECT_ALONE:
            if (*kind != DETECT_OTHER) {
                return p;
            }

            *kind = c.kind;
            break;

        case DETECT_MARK:
            break;

        case DETECT_JOINER:
            if (*kind != DETECT_LETTER) {
                return p;
            }

            break;

        case DETECT_APOSTROPHE:
            n = *kind == DETECT_LETTER
                ? detect_suffix(p + c.len, end, "t re ve ll d m ") : 0;

            if (n == 0) {
                return p;
            }

            p += n;
            break;

        case DETECT_POINT:
        case DETECT_COMMA:
            if (*kind != DETECT_DIGIT || end - p < 2
                || p[1] < '0' || p[1] > '9')
            {
                return p;
            }

            break;

        default:
            return p;
        }
    }

    return p;
}


/*
 * Returns the length of the suffix at p, if one of those in the list, each with
 * a blank after it, ends a word there; else 0.
 */

static size_t
detect_suffix(const uint8_t *p, const uint8_t *end, const char *suffixes)
{
    size_t         n, left;
    detect_char_t  c;

    left = end - p;

    for ( /* void */ ; *suffixes; suffixes += n + 1) {

        for (n = 0; suffixes[n] != ' '; n++) {
            if (n == left || (p[n] | 0x20) != suffixes[n]) {
                break;
            }
        }

        if (suffixes[n] == ' ') {
            break;
        }

        n = strcspn(suffixes, " ");
    }

    if (*suffixes == '\0') {
        return 0;
    }

    if (n < left) {
        c = detect_char(p + n, end);

        if (c.kind == DETECT_LETTER || c.kind == DETECT_DIGIT
            || c.kind == DETECT_MARK)
        {
            return 0;
        }
    }

    return n;
}


/* an apostrophe at p: with an s after it, and a word before it, it is a word */

static const uint8_t *
detect_genitive(detect_text_t *text, detect_cut_t *cut, const uint8_t *p,
    size_t apostrophe)
{
    detect_item_t  *item;
    const uint8_t  *next;

    next = p + apostrophe;

    if (text->word_end != p || detect_suffix(next, text->end, "s ") == 0) {
        detect_shift(text, p, next);
        return next;
    }

    next++;

    item = &cut->items[cut->n];
    item->folded = cut->pool + cut->used;
    item->len = 2;

    cut->pool[cut->used++] = '\'';
    cut->pool[cut->used++] = 's';

    detect_add(text, cut, DETECT_WORD, p, next);
    detect_shift(text, p, next);
    item->unit_end = detect_unit(text, next);
    text->word_end = next;

    return next;
}


/* returns the end of the stops, and closing quotes, at p; do they end it? */

static const uint8_t *
detect_stops(const detect_text_t *text, const uint8_t *p, int *ends)
{
    size_t          points, others, wide;
    detect_char_t   c;
    const uint8_t  *next;

    points = 0;
    others = 0;
    wide = 0;

    for (next = p;
         next < text->end && next - p < DETECT_STOPS_MAX;
         next += c.len)
    {
        c = detect_char(next, text->end);

        if (c.kind == DETECT_POINT) {
            points++;

        } else if (c.kind == DETECT_STOP) {
            /* an ellipsis */
            points += c.code == 0x2026 ? 2 : 0;
            others += c.code != 0x2026;

        } else if (c.kind == DETECT_WIDE_STOP) {
            wide++;

        } else if (c.kind != DETECT_CLOSER && c.kind != DETECT_APOSTROPHE) {
            break;
        }
    }

    *ends = 1;

    if (wide || next == text->end) {
        return next;
    }

    c = detect_char(next, text->end);

    if (c.kind == DETECT_BLANK) {
        *ends = others
                || !(points == 1 ? detect_abbreviation(text, p)
                                 : detect_small_follows(next, text->end));

    } else {
        *ends = c.kind == DETECT_NEWLINE;
    }

    return next;
}


/*
 * Is the point at p, with a blank after it, that of an abbreviation?  If there
 * is a plain word before it, between blanks, its letters are at hand.
 */

static int
detect_abbreviates(const detect_text_t *text, const detect_cut_t *cut,
    const uint8_t *p)
{
    const uint8_t        *start;
    const detect_item_t  *item;

    if (!detect_plain_before(text, cut, p)) {
        return detect_abbreviation(text, p);
    }

    item = &cut->items[cut->n - 1];
    start = text->data + item->start;

    if (start == text->data || start[-1] != ' ' || item->len == 1) {
        return detect_abbreviation(text, p);
    }

    return item->len <= DETECT_ABBREVIATION
           && detect_abbreviates_name(text, p, item->folded, item->len);
}


/* the same, of anything; it is looked for backwards */

static int
detect_abbreviation(const detect_text_t *text, const uint8_t *p)
{
    size_t          n, letters;
    uint8_t         name[8];
    const uint8_t  *start;

    for (start = p;
         start > text->data && p - start < 12
         && (start[-1] == '.'
             || (start[-1] < 0x80 && detect_ascii[start[-1]] == DETECT_LETTER));
         start--)
    {
        /* void */
    }

    n = p - start;

    if (n == 0
        || (start > text->data
            && (start[-1] >= 0x80 || detect_ascii[start[-1]] == DETECT_DIGIT
                || detect_ascii[start[-1]] == DETECT_JOINER
                || detect_ascii[start[-1]] == DETECT_LETTER)))
    {
        return 0;
    }

    /* a letter between two points each: "e.g", "U.S"; an initial: "J" */

    for (letters = 0;
         letters < n && (start[letters] == '.') == (letters & 1);
         letters++)
    {
        /* void */
    }

    if (letters == n && n % 2) {
        return n > 1 || (*start >= 'A' && *start <= 'Z' && *start != 'I');
    }

    if (n > DETECT_ABBREVIATION) {
        return 0;
    }

    for (letters = 0; letters < n; letters++) {
        name[letters] = start[letters] | 0x20;
    }

    return detect_abbreviates_name(text, p, name, n);
}


/* is a word of these few letters, and nothing else, abbreviated at p? */

static int
detect_abbreviates_name(const detect_text_t *text, const uint8_t *p,
    const uint8_t *folded, size_t len)
{
    uint64_t        name;
    const uint8_t  *next;

    name = detect_first(folded, len)
           | (~detect_ones[len] & 0x2020202020202020);

    if (detect_listed(detect_titles, name)) {
        return 1;
    }

    for (next = p + 1; next < text->end && *next == ' ' && next - p < 8; next++)
    {
        /* void */
    }

    if (next == text->end) {
        return 0;
    }

    if (detect_listed(detect_number, name)) {
        return *next >= '0' && *next <= '9';
    }

    return !(*next >= 'A' && *next <= 'Z') && detect_listed(detect_ends, name);
}


/* is the name one of the n of the list?  Without a branch for each */

static int
detect_list_has(const char *list, size_t n, uint64_t name)
{
    int       has;
    size_t    i;
    uint64_t  other;

    has = 0;

    for (i = 0; i < n; i++) {
        memcpy(&other, list + 8 * i, 8);
        has |= other == name;
    }

    return has;
}


/* blanks, and after them a small letter of ASCII? */

static int
detect_small_follows(const uint8_t *p, const uint8_t *end)
{
    size_t  i;

    for (i = 0; p < end && *p == ' ' && i < DETECT_BLANKS_MAX; i++) {
        p++;
    }

    return p < end && *p >= 'a' && *p <= 'z';
}


/* the sentence ends at end; nothing is left of one of blanks */

static void
detect_sentence(detect_text_t *text, detect_cut_t *cut, const uint8_t *end,
    detect_item_e type)
{
    uint32_t        unit, blanks;
    const uint8_t  *from, *last;

    from = text->from;
    last = end;

    while (from < end && *from <= ' ') {
        from++;
    }

    while (last > from && last[-1] <= ' ') {
        last--;
    }

    blanks = from - text->from;
    unit = text->from_unit;

    text->from = end;
    text->from_unit = detect_unit(text, end);

    if (from < last) {
        cut->ends[cut->n_ends++] = cut->n;
        detect_add(text, cut, type, from, last);
        cut->items[cut->n - 1].folded = cut->folded;
        cut->items[cut->n - 1].len = 0;
        cut->items[cut->n - 1].unit = unit + blanks;
    }
}


/* counts what the characters between p and end have more bytes than units */

static void
detect_shift(detect_text_t *text, const uint8_t *p, const uint8_t *end)
{
    detect_char_t  c;

    while (p < end) {

        if (*p < 0x80) {
            p++;
            continue;
        }

        c = detect_char(p, text->end);

        text->shift += c.len - detect_char_units(&c);
        p += c.len;
    }
}


/*
 * Sets the edges, marks and the folded text of a window.  A word that goes on
 * behind it is left to the next one, except if there is nothing else: returns
 * the bytes that are left of it.
 */

static size_t
detect_classify(const detect_text_t *text, detect_cut_t *cut, size_t window)
{
    size_t           i, n;
    uint8_t          tail[64];
    uint64_t         words, behind, inner;
    const uint8_t   *p, *bytes;
    detect_block_t   block;

    p = text->p;
    n = 0;
    words = 0;
    behind = 1;

    for (i = 0; i < window; i += 64) {

        bytes = p + i;

        if (window - i < 64) {
            memset(tail, ' ', 64);
            memcpy(tail, bytes, window - i);
            bytes = tail;
        }

        detect_block(&block, bytes, cut->folded + i);

        n += detect_edges(cut->edges + n, i, block.words, words);
        words = block.words >> 63;

        /* what is before the window and after the block may be a word */

        inner = block.inner & (block.words >> 1 | (uint64_t) 1 << 63);
        behind |= (block.words | block.marks | block.joiners) << 1;

        cut->marks[i / 64] = block.marks | ((block.joiners | inner) & behind);

        behind = (block.words | block.marks | block.joiners) >> 63;
    }

    if (n % 2) {
        cut->edges[n++] = window;
    }

    if (n && cut->edges[n - 1] == window && p + window < text->end
        && cut->edges[n - 2])
    {
        n -= 2;
        window = cut->edges[n];
    }

    cut->edges[n] = DETECT_NOWHERE;

    return window;
}


/*
 * Writes where runs of bits begin and end, from i on; inside is 1 if the bit
 * before them is set.  Returns how many edges they are.
 */

static inline size_t
detect_edges(uint16_t *edges, size_t i, uint64_t bits, uint64_t inside)
{
    size_t    n;
    uint64_t  starts, ends;

    starts = bits & ~(bits << 1 | inside);
    ends = ~bits & (bits << 1 | inside);
    n = 0;

    if (inside && ends) {
        edges[n++] = i + __builtin_ctzll(ends);
        ends &= ends - 1;
    }

    for ( /* void */ ; ends; n += 2) {
        edges[n] = i + __builtin_ctzll(starts);
        edges[n + 1] = i + __builtin_ctzll(ends);
        starts &= starts - 1;
        ends &= ends - 1;
    }

    if (starts) {
        edges[n++] = i + __builtin_ctzll(starts);
    }

    return n;
}


#if defined(__SSE2__)

/* bytes, unsigned, of at least first and at most last */

static inline __m128i
detect_range(__m128i bytes, int first, int last)
{
    bytes = _mm_sub_epi8(bytes, _mm_set1_epi8(first));

    return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(last - first)),
                          bytes);
}


static inline __m128i
detect_equal(__m128i bytes, int c)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}


static inline uint64_t
detect_bits(__m128i bytes, size_t i)
{
    return (uint64_t) (uint32_t) _mm_movemask_epi8(bytes) << i;
}


/* tells 64 bytes apart, and folds those of ASCII */

static inline void
detect_block(detect_block_t *block, const uint8_t *p, uint8_t *folded)
{
    size_t    i;
    __m128i   bytes, letters, marks, joiners, inner, t;
    uint64_t  words, others, joins, inners;

    words = 0;
    others = 0;
    joins = 0;
    inners = 0;

#pragma GCC unroll 4
    for (i = 0; i < 64; i += 16) {
        bytes = _mm_loadu_si128((const __m128i *) (p + i));

        t = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        letters = detect_range(t, 'a', 'z');

        _mm_storeu_si128((__m128i *) (folded + i),
                         _mm_or_si128(bytes,
                                      _mm_and_si128(letters,
                                                    _mm_set1_epi8(0x20))));

        /* new lines, ! . ? and those whose highest bit is set */

        marks = _mm_or_si128(_mm_or_si128(bytes,
                                          detect_range(bytes, '\n', '\r')),
                             _mm_or_si128(_mm_or_si128(detect_equal(bytes, '!'),
                                                       detect_equal(bytes,
                                                                    '.')),
                                          detect_equal(bytes, '?')));

        /* # and + differ in one bit */

        t = _mm_and_si128(bytes, _mm_set1_epi8(~('#' ^ '+')));
        joiners = _mm_or_si128(_mm_or_si128(detect_equal(t, '#' & '+'),
                                            detect_equal(bytes, '&')),
                               _mm_or_si128(detect_equal(bytes, '@'),
                                            detect_equal(bytes, '_')));

        inner = _mm_or_si128(detect_equal(bytes, '\''),
                             detect_equal(bytes, ','));

        t = _mm_or_si128(letters, detect_range(bytes, '0', '9'));

        words |= detect_bits(t, i);
        others |= detect_bits(marks, i);
        joins |= detect_bits(joiners, i);
        inners |= detect_bits(inner, i);
    }

    block->words = words;
    block->marks = others;
    block->joiners = joins;
    block->inner = inners;
}

#else

static inline void
detect_block(detect_block_t *block, const uint8_t *p, uint8_t *folded)
{
    size_t    i;
    uint64_t  bit;

    memset(block, 0, sizeof(detect_block_t));

    for (i = 0; i < 64; i++) {
        bit = (uint64_t) 1 << i;
        folded[i] = p[i];

        switch (p[i] < 0x80 ? detect_ascii[p[i]] : DETECT_MARK) {

        case DETECT_LETTER:
            folded[i] |= 0x20;
            block->words |= bit;
            break;

        case DETECT_DIGIT:
            block->words |= bit;
            break;

        case DETECT_NEWLINE:
        case DETECT_POINT:
        case DETECT_STOP:
        case DETECT_MARK:
            block->marks |= bit;
            break;

        case DETECT_JOINER:
            block->joiners |= bit;
            break;

        case DETECT_APOSTROPHE:
        case DETECT_COMMA:
            block->inner |= bit;
            break;

        default:
            break;
        }
    }
}

#endif
