
/*
 * Cuts a text into words and sentences, in turns.
 *
 * A word is a run of letters, marks and digits.  In it may stand: & + # @ _
 * after a letter, . and , between digits, an apostrophe before t, re, ve, ll,
 * d and m at its end.  's after a word is a word of its own, as is each
 * character of Han, Kana, Thai and other scripts without spaces.
 *
 * A sentence ends at a new line, and at . ! ? and ellipses, with the closing
 * quotes and brackets after them, that stand before a blank or the end of the
 * text; at those of Chinese and Japanese before anything.  Not at the point of
 * an abbreviation, and not at an ellipsis before a small letter.
 */


#ifndef _DETECT_TEXT_H_INCLUDED_
#define _DETECT_TEXT_H_INCLUDED_


#include "detect/char.h"


#pragma GCC visibility push(hidden)


/* UTF-16 units of a sentence: longer ones are cut, before a word if possible */
#define DETECT_SENTENCE_MAX  2000

#define DETECT_TEXT_MAX      0x7fffffff

/* bytes of text that are looked at together */
#define DETECT_WINDOW        2048

#define DETECT_ITEMS         512

/* of folded words that are not just a copy of the window in lower case */
#define DETECT_POOL          4096

/* bytes after each folded word that may be read, whatever they are */
#define DETECT_PAD           8


typedef enum {
    DETECT_OK = 0,
    DETECT_AGAIN,                  /* the budget is spent: call again */
    DETECT_NOMEM,                  /* an allocation failed */
    DETECT_LARGE,                  /* more than positions of 32 bits can tell */
    DETECT_STOPPED,                /* the caller's handler wished so */
    DETECT_INVALID                 /* what is read is not what was written */
} detect_rc_e;


typedef enum {
    DETECT_WORD = 0,
    DETECT_UNKNOWN,                /* more than DETECT_WORD_MAX bytes */
    DETECT_SENTENCE,               /* the end of one, after its words */
    DETECT_PIECE                   /* where one is cut that is too long */
} detect_item_e;


/*
 * A word, or a whole sentence, or piece, without the blanks around it: where it
 * is in the text, in bytes and in UTF-16 units, ends exclusive.
 */

typedef struct {
    const uint8_t   *folded;       /* of a word; valid until the next cut */
    uint32_t         len;          /* bytes at folded, 1 at least */
    detect_item_e    type;
    uint32_t         start;
    uint32_t         unit;
    uint32_t         end;
    uint32_t         unit_end;
} detect_item_t;


typedef struct {
    const uint8_t   *data;
    const uint8_t   *end;
    const uint8_t   *p;            /* the next byte */
    const uint8_t   *from;         /* the sentence begins here, or after it */
    const uint8_t   *word_end;     /* of the last word */
    uint32_t         from_unit;
    uint32_t         shift;        /* bytes before p less their UTF-16 units */
    detect_kind_e    kind;         /* the last one of a word that is skipped */
    unsigned         skip:1;       /* p is inside of a word that is too long */
    unsigned         whole:1;      /* no sentence is too long */
} detect_text_t;


/* what a cut yields, and its memory; used, and all after ends, is its own */

typedef struct {
    uint32_t         n;
    uint32_t         used;
    detect_item_t    items[DETECT_ITEMS];
    uint32_t         n_ends;
    uint16_t         ends[DETECT_ITEMS];   /* items that are no words */
    uint16_t         edges[DETECT_WINDOW + 1];
    uint64_t         marks[DETECT_WINDOW / 64];
    uint8_t          folded[DETECT_WINDOW + DETECT_PAD];
    uint8_t          pool[DETECT_POOL + DETECT_PAD];
} detect_cut_t;


/*
 * Begins with the len bytes at data, UTF-8, which stay the caller's and must
 * not change before the last cut.  With whole 1 no sentence is cut because it
 * is too long.
 * Returns DETECT_OK, or DETECT_LARGE if len is above DETECT_TEXT_MAX.
 */
detect_rc_e detect_text_start(detect_text_t *text, const char *data, size_t len,
    int whole);

/*
 * Cuts some more of the text, DETECT_WINDOW bytes or a little more, which takes
 * microseconds.  Sets cut->n, which may be 0, and cut->items.
 * Returns DETECT_AGAIN, or DETECT_OK when all of the text was cut.
 */
detect_rc_e detect_text_cut(detect_text_t *text, detect_cut_t *cut);


#pragma GCC visibility pop


#endif /* _DETECT_TEXT_H_INCLUDED_ */
