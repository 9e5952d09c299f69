/*
 * Words and sentences of a text: what they are, how they fold, where they
 * stand.  Expected words are written one after another with blanks between
 * them, a bar at the end of each sentence, a slash at that of a piece of one,
 * and ? for a word that is too long.
 */


#include "detect/text.h"
#include "tap.h"


typedef struct {
    const char  *text;
    const char  *expected;
} words_t;


static const words_t  words[] = {

    /* words */

    { "COVID-19", "covid 19 |" },
    { "covid 19", "covid 19 |" },
    { "follow-up", "follow up |" },
    { "\xc3\x89t\xc3\xa9", "\xc3\xa9t\xc3\xa9 |" },
    { "E\xcc\x81T\xc3\x89", "\xc3\xa9t\xc3\xa9 |" },
    { "Stra\xc3\x9f" "e STRASSE", "strasse strasse |" },
    { "\xe2\x84\xaa", "k |" },
    { "\xef\xac\x81ne", "fine |" },
    { "\xce\xa3\xce\x95\xce\xa3", "\xcf\x83\xce\xb5\xcf\x83 |" },
    { "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82",
      "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 |" },
    { "co\xc2\xadop", "coop |" },
    { "I \xe2\x9d\xa4\xef\xb8\x8f you", "i you |" },
    { "update please", "update please |" },
    { "", "" },
    { " \n\t ", "" },
    { "???", "|" },

    /* apostrophes */

    { "I can", "i can |" },
    { "I can't", "i can't |" },
    { "I can\xe2\x80\x99t", "i can't |" },
    { "You\xe2\x80\x99re YOU'RE", "you're you're |" },
    { "we've I'll I'd I'm", "we've i'll i'd i'm |" },
    { "I'd've", "i'd've |" },
    { "it's it\xe2\x80\x99s", "it 's it 's |" },
    { "ABC Corp's", "abc corp 's |" },
    { "the dogs' 'tis", "the dogs tis |" },
    { "O'Brien can'tx it'sx", "o brien can tx it sx |" },
    { "'s", "s |" },
    { "\xc3\x89" "cole's", "\xc3\xa9" "cole 's |" },

    /* what belongs to a word */

    { "AT&T R&D.", "at&t r&d |" },
    { "C++ C# C++11", "c++ c# c++11 |" },
    { "this & that", "this that |" },
    { "#tag @home me@home foo_bar", "tag home me@home foo_bar |" },
    { "$69.99 and 10,000", "69.99 and 10000 |" },
    { "10000, 3. x", "10000 3 | x |" },
    { "1,a a.1 1.2.3", "1 a a 1 1.2.3 |" },
    { "7+3", "7 3 |" },

    /* scripts without spaces */

    { "\xe6\x88\x91\xe7\x88\xb1 abc\xe4\xbd\xa0",
      "\xe6\x88\x91 \xe7\x88\xb1 abc \xe4\xbd\xa0 |" },
    { "\xe3\x81\x8b\xe3\x82\x99", "\xe3\x81\x8c |" },
    { "\xe0\xb8\x81\xe0\xb8\xb4\xe0\xb8\x99",
      "\xe0\xb8\x81\xe0\xb8\xb4 \xe0\xb8\x99 |" },
    { "\xe4\xbd\xa0\xe3\x80\x82\xe6\x88\x91\xe3\x80\x82",
      "\xe4\xbd\xa0 | \xe6\x88\x91 |" },

    /* sentences */

    { "something new. England", "something new | england |" },
    { "Hi! You? Yes\xe2\x80\xa6 No", "hi | you | yes | no |" },
    { "He said \"no.\" Then (really.) left",
      "he said no | then really | left |" },
    { "one\ntwo\r\nthree", "one | two | three |" },
    { "Mr. Smith vs. Dr. J. Doe.", "mr smith vs dr j doe |" },
    { "e.g. this, i.e. the U.S. one", "e g this i e the u s one |" },
    { "You and I. Me", "you and i | me |" },
    { "etc. and etc. And", "etc and etc | and |" },
    { "No. 5 or no. Yes", "no 5 or no | yes |" },
    { "Well ... yes. So... No", "well yes | so | no |" },
    { "3.5 is. 4", "3.5 is | 4 |" },
    { "a.b?c", "a b c |" },
    { "x \xff\xfe y \xe2\x82", "x y |" },

    { NULL, NULL }
};


static detect_cut_t   cut;
static detect_item_t  sentences[64];
static size_t         n_sentences;


/* writes the words of a copy of a text of its own size to to */

static size_t
cut_all(char *to, const char *data, size_t len, int whole)
{
    char           *p, *copy;
    uint32_t        i;
    detect_rc_e     rc;
    detect_text_t   text;
    detect_item_t  *item;

    copy = malloc(len ? len : 1);
    memcpy(copy, data, len);

    p = to;
    n_sentences = 0;

    detect_text_start(&text, copy, len, whole);

    do {
        rc = detect_text_cut(&text, &cut);

        for (i = 0; i < cut.n; i++) {
            item = &cut.items[i];

            if (p > to) {
                *p++ = ' ';
            }

            switch (item->type) {

            case DETECT_WORD:
                memcpy(p, item->folded, item->len);
                p += item->len;
                break;

            case DETECT_UNKNOWN:
                *p++ = '?';
                break;

            case DETECT_SENTENCE:
            case DETECT_PIECE:
                *p++ = item->type == DETECT_PIECE ? '/' : '|';
                sentences[n_sentences++ % 64] = *item;
                break;
            }
        }

    } while (rc == DETECT_AGAIN);

    free(copy);
    *p = '\0';

    return p - to;
}


static void
test_words(void)
{
    size_t          len;
    const char     *line;
    static char     buffer[1024];
    const words_t  *w;

    for (w = words; w->text; w++) {
        len = cut_all(buffer, w->text, strlen(w->text), 0);

        /* a title is one line */

        for (line = w->text; *line && *line != '\n'; line++) { /* void */ }

        is(buffer, len, w->expected, *line ? "lines" : w->text);
    }
}


/* the same text at every place of a window, and of two of them */

static void
test_windows(void)
{
    char        *at;
    size_t       i, len, bad;
    static char  text[4096], expected[8192], buffer[8192];
    const char  *piece = "Mr. X can't pay $10,000.50 to AT&T's "
                         "\xc3\x89t\xc3\xa9 Corp\xe2\x80\x99s CFO "
                         "\xf0\x9f\x98\x80. Why";

    bad = 0;

    for (i = 0; i < DETECT_WINDOW + 100; i++) {
        memset(text, '\n', i);
        strcpy(text + i, piece);

        len = cut_all(buffer, text, strlen(text), 0);
        strcpy(expected, "mr x can't pay 10000.50 to at&t 's \xc3\xa9t\xc3\xa9 "
                         "corp 's cfo | why |");
        at = strcmp(buffer, expected) ? NULL : buffer;

        bad += at == NULL || len != strlen(expected) || n_sentences != 2
               || sentences[0].start != i
               || sentences[0].end - i != strlen(piece) - 4
               || sentences[0].unit_end - i != strlen(piece) - 4 - 6
               || sentences[1].unit - i != strlen(piece) - 3 - 6;
    }

    ok(bad == 0, "the same at every place of a window");
}


static void
test_positions(void)
{
    char           buffer[256];
    detect_text_t  text;
    static const char  data[] = "\xf0\x9f\x98\x80 \xc4\xb0stanbul\xe2\x80\x99s"
                                " \xc3\xa9. \n B";

    detect_text_start(&text, data, strlen(data), 0);
    ok(detect_text_cut(&text, &cut) == DETECT_OK, "cut at once");

    ok(cut.n == 6, "items");
    ok(cut.items[0].start == 5 && cut.items[0].end == 14
       && cut.items[0].unit == 3 && cut.items[0].unit_end == 11,
       "a word after four bytes, with two");
    ok(cut.items[1].start == 14 && cut.items[1].end == 18
       && cut.items[1].unit == 11 && cut.items[1].unit_end == 13,
       "its 's");
    ok(cut.items[2].unit == 14 && cut.items[2].unit_end == 15, "another");
    ok(cut.items[3].type == DETECT_SENTENCE && cut.items[3].start == 0
       && cut.items[3].unit == 0 && cut.items[3].unit_end == 16
       && cut.items[3].end == 22, "the sentence without the blank");
    ok(cut.items[5].type == DETECT_SENTENCE
       && cut.items[5].start == strlen(data) - 1
       && cut.items[5].unit == 19 && cut.items[5].unit_end == 20,
       "the next one");

    ok(detect_text_start(&text, buffer, (size_t) DETECT_TEXT_MAX + 1, 0)
       == DETECT_LARGE, "a text of more than 2 GB");
}


static void
test_long(void)
{
    size_t       i, n, bad, len;
    static char  text[100000], buffer[300000];

    memset(text, 'a', sizeof(text));

    len = cut_all(buffer, text, DETECT_WORD_MAX, 0);
    ok(len == DETECT_WORD_MAX + 2, "a word of the greatest length");

    cut_all(buffer, text, DETECT_WORD_MAX + 1, 0);
    is(buffer, strlen(buffer), "? |", "one of a byte more");

    memcpy(text + 1000, "'s b", 4);
    cut_all(buffer, text, 1004, 0);
    is(buffer, strlen(buffer), "? 's b |", "what comes after it");

    memcpy(text, "b \xe4\xb8\xad", 5);

    for (i = 0; i < 5000; i++) {
        memcpy(text + 5 + 2 * i, "\xcc\x81", 2);
    }

    memcpy(text + 10005, " c", 2);
    cut_all(buffer, text, 10007, 1);
    is(buffer, strlen(buffer), "b ? c |", "a character with 5000 accents");

    for (n = 0; n < 5; n++) {
        memset(text, "a-.x "[n], sizeof(text));

        if (n == 3) {
            for (i = 10; i < sizeof(text); i += 11) {
                text[i] = ' ';
            }
        }

        cut_all(buffer, text, sizeof(text), 0);

        for (i = 0, bad = 0; i < 64 && i < n_sentences; i++) {
            bad += sentences[i].unit_end - sentences[i].unit
                   > DETECT_SENTENCE_MAX;
            bad += n == 3 && text[sentences[i].start] != 'x';
            bad += n == 3 && text[sentences[i].end - 1] != 'x';
            bad += (i + 1 < n_sentences)
                   != (sentences[i].type == DETECT_PIECE);
        }

        ok(bad == 0 && (n == 4 ? n_sentences == 0 : n_sentences >= 50),
           "sentences of %c are cut", "a-.x "[n]);
    }

    cut_all(buffer, text, 0, 0);
    memset(text, '-', sizeof(text));
    cut_all(buffer, text, sizeof(text), 1);
    ok(n_sentences == 1, "except where the caller wants them whole");
}


int
main(void)
{
    test_words();
    test_windows();
    test_positions();
    test_long();

    return tap_done();
}
