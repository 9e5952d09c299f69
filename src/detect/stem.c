
/*
 * The stemmer is Snowball's.  It takes longer than all the rest, so that what
 * it said of the last words is kept.  Its object cannot be used by two at once,
 * which nobody does in a worker.
 */


#include <stdlib.h>
#include <string.h>

#include <libstemmer.h>

#include "detect/stem.h"


/* bytes of a word that is kept, at most */
#define DETECT_STEM_KEPT    15

/* words that are kept, a power of 2 */
#define DETECT_STEM_PLACES  8192


typedef struct {
    uint8_t   len;                 /* of the word; 0: free */
    uint8_t   stem_len;            /* 0: it says little */
    uint8_t   word[DETECT_STEM_KEPT];
    uint8_t   stem[DETECT_STEM_KEPT];
} detect_stem_t;


static int detect_stem_word(detect_item_t *item);
static int detect_stem_find(const uint8_t *word, uint32_t len,
    const uint8_t **stem, uint32_t *stem_len);
static int detect_says_little(const uint8_t *word, uint32_t len);
static int detect_cmp_words(const void *key, const void *element);


/*
 * English words that a phrase may differ in and mean the same, in the order of
 * the alphabet: articles, pronouns, prepositions, auxiliaries and the like.
 */

static const char *const  detect_little_words[] = {
    "a", "about", "above", "after", "again", "ago", "all", "almost", "along",
    "already", "also", "although", "always", "am", "among", "an", "and",
    "another", "any", "anybody", "anyone", "anything", "are", "aren't",
    "around", "as", "at", "away", "back", "be", "because", "been", "before",
    "behind", "being", "below", "between", "both", "but", "by", "can",
    "can't", "cannot", "could", "couldn't", "did", "didn't", "do", "does",
    "doesn't", "doing", "don't", "done", "down", "during", "each", "either",
    "else", "enough", "even", "ever", "every", "everybody", "everyone",
    "everything", "few", "for", "from", "further", "get", "gets", "getting",
    "go", "goes", "going", "gonna", "got", "had", "hadn't", "has", "hasn't",
    "have", "haven't", "having", "he", "he'd", "he'll", "her", "here", "hers",
    "herself", "him", "himself", "his", "how", "however", "i", "i'd", "i'll",
    "i'm", "i've", "if", "in", "into", "is", "isn't", "it", "it'd", "it'll",
    "its", "itself", "just", "kind", "kinda", "let", "like", "lot", "lots",
    "made", "make", "makes", "making", "many", "may", "maybe", "me", "might",
    "mine", "more", "most", "much", "must", "my", "myself", "need", "needs",
    "neither", "never", "no", "nobody", "none", "nor", "not", "nothing",
    "now", "of", "off", "often", "oh", "ok", "okay", "on", "once", "one",
    "only", "onto", "or", "other", "others", "our", "ours", "ourselves",
    "out", "over", "own", "perhaps", "please", "put", "quite", "rather",
    "really", "right", "same", "see", "shall", "she", "she'd", "she'll",
    "should", "shouldn't", "since", "so", "some", "somebody", "someone",
    "something", "sometimes", "soon", "still", "such", "sure", "than", "that",
    "that'd", "that'll", "the", "their", "theirs", "them", "themselves",
    "then", "there", "there'll", "these", "they", "they'd", "they'll",
    "they're", "they've", "thing", "things", "this", "those", "though",
    "through", "till", "to", "together", "too", "toward", "towards", "under",
    "until", "up", "upon", "us", "very", "want", "wants", "was", "wasn't",
    "way", "we", "we'd", "we'll", "we're", "we've", "well", "were",
    "weren't", "what", "what'll", "whatever", "when", "where", "whether",
    "which", "while", "who", "who'd", "who'll", "whoever", "whom", "whose",
    "why", "will", "with", "within", "without", "won't", "would", "wouldn't",
    "yeah", "yes", "yet", "you", "you'd", "you'll", "you're", "you've",
    "your", "yours", "yourself", "yourselves"
};


/* of this process */

static struct sb_stemmer  *detect_stemmer;
static detect_stem_t      *detect_stems;


int
detect_stem_init(void)
{
    if (detect_stemmer == NULL) {
        detect_stemmer = sb_stemmer_new("english", "UTF_8");
    }

    if (detect_stems == NULL) {
        detect_stems = calloc(DETECT_STEM_PLACES, sizeof(detect_stem_t));
    }

    return detect_stemmer && detect_stems;
}


void
detect_stem_exit(void)
{
    sb_stemmer_delete(detect_stemmer);
    free(detect_stems);

    detect_stemmer = NULL;
    detect_stems = NULL;
}


detect_rc_e
detect_stem_cut(detect_cut_t *cut)
{
    int             rc;
    uint32_t        i, n;
    detect_item_t  *item;

    n = 0;
    cut->n_ends = 0;

    for (i = 0; i < cut->n; i++) {
        item = &cut->items[i];

        rc = item->type == DETECT_WORD ? detect_stem_word(item) : 1;

        if (rc == -1) {
            return DETECT_NOMEM;
        }

        if (rc == 0) {
            continue;
        }

        if (item->type >= DETECT_SENTENCE) {
            cut->ends[cut->n_ends++] = n;
        }

        cut->items[n++] = *item;
    }

    cut->n = n;

    return DETECT_OK;
}


/*
 * Returns 1; 0 if the word says little; or -1 if there is no memory.  A stem is
 * not longer than its word, and takes its place.
 */

static int
detect_stem_word(detect_item_t *item)
{
    int             rc;
    uint32_t        len, h;
    const uint8_t  *stem;
    detect_stem_t  *kept;

    h = item->folded[0] + item->folded[item->len / 2] * 37
        + item->folded[item->len - 1] * 311 + item->len * 1031
        + item->folded[item->len > 1] * 4099;

    kept = &detect_stems[h & (DETECT_STEM_PLACES - 1)];

    if (kept->len == item->len
        && memcmp(kept->word, item->folded, item->len) == 0)
    {
        stem = kept->stem;
        len = kept->stem_len;

    } else {
        rc = detect_stem_find(item->folded, item->len, &stem, &len);
        if (rc == -1) {
            return -1;
        }

        if (item->len <= DETECT_STEM_KEPT) {
            kept->len = item->len;
            kept->stem_len = len;
            memcpy(kept->word, item->folded, item->len);
            memcpy(kept->stem, stem, len);
        }
    }

    if (len == 0) {
        return 0;
    }

    memcpy((uint8_t *) item->folded, stem, len);
    item->len = len;

    return 1;
}


/* returns 0, or -1 if there is no memory */

static int
detect_stem_find(const uint8_t *word, uint32_t len, const uint8_t **stem,
    uint32_t *stem_len)
{
    *stem = word;
    *stem_len = 0;

    if (detect_says_little(word, len)) {
        return 0;
    }

    *stem = sb_stemmer_stem(detect_stemmer, word, len);
    if (*stem == NULL) {
        return -1;
    }

    *stem_len = sb_stemmer_length(detect_stemmer);

    /* it may be another word, if that is not shorter */

    if (*stem_len == 0 || *stem_len > len) {
        *stem = word;
        *stem_len = len;
    }

    return 0;
}


typedef struct {
    const uint8_t  *data;
    uint32_t        len;
} detect_word_t;


static int
detect_says_little(const uint8_t *word, uint32_t len)
{
    detect_word_t  key = { word, len };

    return bsearch(&key, detect_little_words,
                   sizeof(detect_little_words) / sizeof(char *),
                   sizeof(char *), detect_cmp_words)
           != NULL;
}


static int
detect_cmp_words(const void *key, const void *element)
{
    int                   rc;
    size_t                len;
    const char           *word;
    const detect_word_t  *k = key;

    word = *(const char *const *) element;
    len = strlen(word);

    rc = memcmp(k->data, word, k->len < len ? k->len : len);

    return rc ? rc : (k->len > len) - (k->len < len);
}
