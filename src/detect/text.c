
/*
 * Words and sentences.  A window of the text becomes bits, one a byte: what is
 * part of a word, and what needs a closer look ("marks": all that is not ASCII,
 * what may end a sentence, what may belong to a word).  Words with none of it
 * beside them, nearly all of them in English, cost two searches for a bit.
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


static const uint8_t *detect_cut_window(detect_text_t *text,
    detect_cut_t *cut, size_t window);
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
static int detect_abbreviation(const detect_text_t *text, const uint8_t *p);
static int detect_small_follows(const uint8_t *p, const uint8_t *end);
static void detect_sentence(detect_text_t *text, detect_cut_t *cut,
    const uint8_t *end, detect_item_e type);
static void detect_shift(detect_text_t *text, const uint8_t *p,
    const uint8_t *end);
static void detect_classify(detect_cut_t *cut, const uint8_t *p, size_t len);


/*
 * Abbreviations before a name or a number, and those that may also end a
 * sentence, if the next word begins with a capital.
 */

static const char  detect_titles[] =
    " adm brig capt cf cmdr col cpl dr fig figs gen gov hon lt maj mr mrs ms"
    " messrs mme mt pp prof rep rev sen sgt st vol vs ";

static const char  detect_ends[] =
    " approx apt ave blvd bros co corp dept est etc ext inc jr ltd sr univ ";


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


/* the first bit from i on that is set, or clear, in bits; n if there is none */

static inline size_t
detect_next(const uint64_t *bits, size_t i, size_t n, uint64_t flip)
{
    uint64_t  word;

    if (i >= n) {
        return n;
    }

    word = (bits[i / 64] ^ flip) >> (i % 64);

    if (word) {
        i += __builtin_ctzll(word);
        return i < n ? i : n;
    }

    for (i = (i / 64 + 1) * 64; i < n; i += 64) {
        word = bits[i / 64] ^ flip;

        if (word) {
            i += __builtin_ctzll(word);
            return i < n ? i : n;
        }
    }

    return n;
}


static inline int
detect_bit(const uint64_t *bits, size_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
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

    if (text->skip) {
        detect_skip(text, cut);

    } else {
        window = text->end - text->p;

        if (window > DETECT_WINDOW) {
            window = DETECT_WINDOW;
        }

        detect_classify(cut, text->p, window);

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
    size_t          i, k, seen;
    detect_item_t  *item;
    const uint8_t  *base, *p, *next;

    base = text->p;
    seen = 0;

    for ( ;; ) {
        i = detect_next(cut->marks, seen, window, 0);
        p = base + i;

        if (!text->whole
            && detect_unit(text, p) - text->from_unit >= DETECT_SENTENCE_SOFT)
        {
            next = detect_limit(text, cut, base + seen, p, i < window);

            if (next) {
                seen = next - base;
                continue;
            }
        }

        if (i == window
            || cut->n > DETECT_ITEMS - 4
            || cut->used > DETECT_POOL - DETECT_WORD_MAX)
        {
            return p;
        }

        if (!detect_bit(cut->words, i)) {

            /* most of them are commas between words */

            next = *p == ',' ? p + 1 : detect_mark(text, cut, p);

        } else {
            k = detect_next(cut->words, i, window, (uint64_t) -1);
            next = base + k;

            if (k == window && next < text->end && i) {
                return p;
            }

            if ((k == window && next < text->end)
                || k - i > DETECT_WORD_MAX
                || (k < window && detect_bit(cut->marks, k)
                    && detect_joins(text, next)))
            {
                next = detect_word(text, cut, p);

            } else {
                item = &cut->items[cut->n];
                item->folded = cut->folded + i;
                item->len = k - i;

                detect_add(text, cut, DETECT_WORD, p, next);
                text->word_end = next;
            }
        }

        if (next >= base + window || text->skip) {
            return next;
        }

        seen = next - base;
    }
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


/* a word of ASCII ends at p: may the mark there belong to it? */

static int
detect_joins(const detect_text_t *text, const uint8_t *p)
{
    if (*p >= 0x80) {
        return 1;
    }

    switch (detect_ascii[*p]) {

    case DETECT_APOSTROPHE:
    case DETECT_JOINER:
        return 1;

    case DETECT_POINT:
    case DETECT_COMMA:
        return detect_ascii[p[-1] & 0x7f] == DETECT_DIGIT
               && p + 1 < text->end && p[1] >= '0' && p[1] <= '9';

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
        detect_shift(text, p, next);
        text->from = next;
        text->from_unit = detect_unit(text, next);
        return next;

    case DETECT_POINT:
    case DETECT_STOP:
    case DETECT_WIDE_STOP:
        next = detect_stops(text, p, &ends);
        detect_shift(text, p, next);

        if (ends) {
            detect_sentence(text, cut, next, DETECT_SENTENCE);
        }

        return next;

    default:
        detect_shift(text, p, next);
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


/* is the point at p, with a blank after it, that of an abbreviation? */

static int
detect_abbreviation(const detect_text_t *text, const uint8_t *p)
{
    char            name[16];
    size_t          n, letters;
    const uint8_t  *start, *next;

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

    for (letters = 0; letters < n; letters++) {
        name[letters + 1] = start[letters] | 0x20;
    }

    name[0] = ' ';
    name[n + 1] = ' ';
    name[n + 2] = '\0';

    if (strstr(detect_titles, name)) {
        return 1;
    }

    for (next = p + 1; next < text->end && *next == ' ' && next - p < 8; next++)
    {
        /* void */
    }

    if (next == text->end) {
        return 0;
    }

    if (strcmp(name, " no ") == 0) {
        return *next >= '0' && *next <= '9';
    }

    return strstr(detect_ends, name) && !(*next >= 'A' && *next <= 'Z');
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
        detect_add(text, cut, type, from, last);
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
 * Sets the bits and the folded text of a window.  marks has the bytes of words
 * as well.
 */

static void
detect_classify(detect_cut_t *cut, const uint8_t *p, size_t len)
{
    size_t  i;

#if defined(__SSE2__)

    size_t    n;
    uint8_t   tail[16];
    __m128i   bytes, low, letter, digit, word, mark;
    uint64_t  words, marks;

#define detect_eq(c)  _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c))

    /* unsigned: at least first and at most last */

#define detect_in(v, t, first, last)                                          \
    (t = _mm_sub_epi8(v, _mm_set1_epi8(first)),                               \
     _mm_cmpeq_epi8(_mm_min_epu8(t, _mm_set1_epi8((last) - (first))), t))

    words = 0;
    marks = 0;

    for (i = 0; i < len; i += 16) {
        n = len - i;

        if (n < 16) {
            memset(tail, ' ', 16);
            memcpy(tail, p + i, n);
            bytes = _mm_loadu_si128((const __m128i *) tail);

        } else {
            bytes = _mm_loadu_si128((const __m128i *) (p + i));
        }

        low = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        letter = detect_in(low, mark, 'a', 'z');
        digit = detect_in(bytes, mark, '0', '9');
        word = _mm_or_si128(letter, digit);

        _mm_storeu_si128((__m128i *) (cut->folded + i),
                         _mm_or_si128(bytes,
                                      _mm_and_si128(letter,
                                                    _mm_set1_epi8(0x20))));

        letter = _mm_or_si128(bytes, detect_in(bytes, mark, '\n', '\r'));
        letter = _mm_or_si128(letter, detect_in(bytes, mark, '&', '\''));
        letter = _mm_or_si128(letter, detect_in(bytes, mark, '+', ','));
        letter = _mm_or_si128(letter, detect_in(bytes, mark, '?', '@'));
        letter = _mm_or_si128(letter, _mm_or_si128(detect_eq('.'),
                                                   detect_eq('!')));
        letter = _mm_or_si128(letter, _mm_or_si128(detect_eq('#'),
                                                   detect_eq('_')));

        words |= (uint64_t) (uint32_t) _mm_movemask_epi8(word) << (i % 64);
        marks |= (uint64_t) (uint32_t)
                 _mm_movemask_epi8(_mm_or_si128(letter, word)) << (i % 64);

        if (i % 64 == 48 || n <= 16) {
            cut->words[i / 64] = words;
            cut->marks[i / 64] = marks;
            words = 0;
            marks = 0;
        }
    }

#undef detect_eq
#undef detect_in

#else

    uint64_t       bit;
    detect_kind_e  kind;

    memset(cut->words, 0, sizeof(cut->words));
    memset(cut->marks, 0, sizeof(cut->marks));

    for (i = 0; i < len; i++) {
        bit = (uint64_t) 1 << (i % 64);
        kind = p[i] < 0x80 ? detect_ascii[p[i]] : DETECT_MARK;

        cut->folded[i] = p[i];

        if (kind == DETECT_LETTER || kind == DETECT_DIGIT) {
            cut->folded[i] |= p[i] >= 'A' ? 0x20 : 0;
            cut->words[i / 64] |= bit;
            cut->marks[i / 64] |= bit;

        } else if (kind >= DETECT_MARK && kind != DETECT_CLOSER) {
            cut->marks[i / 64] |= bit;

        } else if (kind == DETECT_NEWLINE) {
            cut->marks[i / 64] |= bit;
        }
    }

#endif
}
