
/*
 * The domain: what a tracker is and what makes one valid.  Pure functions
 * over views; nothing here allocates, logs or knows JSON, Redis or nginx.
 * Rules: API.md sections 1 and 3.
 */


#ifndef _TRACKER_H_INCLUDED_
#define _TRACKER_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#pragma GCC visibility push(hidden)


#define TRACKER_ID_LEN        16

/* ids of one body that are never equal */
#define TRACKER_ID_PLACES     ((uint64_t) 1 << 20)

/* a name or a key of a client in a message is cut at so many characters */
#define TRACKER_QUOTE_CHARS   100

/* names that a 409 lists before it says "and K more" */
#define TRACKER_QUOTE_NAMES   10

/* ten quoted names of 100 four-byte characters and the words around them */
#define TRACKER_MESSAGE_MAX   5120

/* what a tracker costs besides its bytes: see tracker_spend() */
#define TRACKER_COST          256


/* a view: the bytes belong to somebody else; not NUL-terminated */

typedef struct {
    size_t            len;
    const char       *data;
} tracker_str_t;


#define tracker_str(literal)  { sizeof(literal) - 1, literal }


typedef struct {
    size_t            n;
    tracker_str_t    *elts;          /* NULL: absent; n 0: present, empty */
    tracker_str_t     json;          /* as it is written; data NULL: unknown */
} tracker_list_t;


typedef struct {
    tracker_str_t     id;            /* 16 digits; data NULL: not chosen yet */
    tracker_str_t     name;
    tracker_str_t     description;   /* data NULL: absent */
    tracker_list_t    categories;
    tracker_list_t    languages;
    tracker_list_t    vocabulary;
} tracker_t;


/* the trackers of one request body, in its order */

typedef struct {
    size_t            n;
    tracker_t        *elts;
    unsigned          bulk:1;        /* the body was an array */
} tracker_set_t;


typedef struct {
    size_t            max_bulk;      /* trackers in a body; 0: no limit */
    size_t            max_phrases;   /* phrases of a tracker; 0: no limit */
    size_t            min_phrases;   /* at least 1 */
} tracker_limits_t;


/* a sentence for the client: UTF-8, no NUL, not yet escaped for JSON */

typedef struct {
    size_t            len;
    char              data[TRACKER_MESSAGE_MAX];
} tracker_message_t;


/*
 * Memory of the caller's choice.  What alloc returns is aligned for any
 * object and is freed by the caller as a whole; alloc returns NULL when
 * there is none.
 */

typedef struct {
    void           *(*alloc)(void *data, size_t size);
    void             *data;
} tracker_arena_t;


typedef enum {
    TRACKER_OK = 0,
    TRACKER_INVALID,     /* the message says what is wrong: 400 */
    TRACKER_REPEATED,    /* a name twice in one bulk body: 409, see message */
    TRACKER_UNEQUAL,     /* a "test" of a PATCH failed: 409, see message */
    TRACKER_AGAIN,       /* the budget is spent: call once more */
    TRACKER_NOMEM        /* an allocation failed; no message */
} tracker_rc_e;


/*
 * Long work is done in pieces of a budget, so that nobody waits for its end.
 * A byte read or written costs one, a tracker TRACKER_COST besides: each
 * stands for about a nanosecond.  Takes the cost of what was done from
 * the budget, and returns 1 while some of it is left, else 0.
 */

static inline int
tracker_spend(size_t *budget, size_t cost)
{
    *budget = *budget > cost ? *budget - cost : 0;

    return *budget != 0;
}


/*
 * Writes the id that random stands for (its low 52 bits plus 2^52, decimal:
 * always 16 digits, exact in a double) to p, TRACKER_ID_LEN bytes, no NUL.
 */
void tracker_id_format(char *p, uint64_t random);

/*
 * The same for the trackers of one body, n ids one behind another of n random
 * numbers.  No two are equal, whatever the numbers are, where n is
 * TRACKER_ID_PLACES at most.
 */
void tracker_ids_format(char *p, const uint64_t *random, size_t n);

/* Returns 1 when the len bytes at data are 16 decimal digits, else 0. */
int tracker_id_valid(const char *data, size_t len);

/*
 * Checks one tracker whose types are right already: what is required, what
 * must not be empty, phrase limits, duplicate phrases (byte for byte,
 * reported at the lowest index that repeats an earlier phrase; n log n
 * comparisons at most).  index is the tracker's place in a bulk body, -1
 * when the body is one object: paths in messages begin with it.  Scratch
 * memory, at most 56 bytes a phrase, comes from arena.
 * Returns TRACKER_OK, TRACKER_INVALID or TRACKER_NOMEM.
 */
tracker_rc_e tracker_validate(const tracker_t *t, long index,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_message_t *message);

/*
 * Checks that a bulk body of n trackers is not empty and within max_bulk.
 * Returns TRACKER_OK or TRACKER_INVALID.
 */
tracker_rc_e tracker_validate_bulk(size_t n, const tracker_limits_t *limits,
    tracker_message_t *message);

/*
 * Checks that the tracker of a PUT has no other id than that of the path, and
 * gives it that one, a view of the same bytes as *id.
 * Returns TRACKER_OK or TRACKER_INVALID.
 */
tracker_rc_e tracker_validate_id(tracker_t *t, const tracker_str_t *id,
    tracker_message_t *message);

/* Whether t has what every tracker in the store has; no limit applies. */
int tracker_record_valid(const tracker_t *t);

/*
 * Checks that no two trackers of a bulk body share a name, n log n.
 * Returns TRACKER_OK, TRACKER_REPEATED (message names the lowest index that
 * repeats an earlier name, and that earlier index) or TRACKER_NOMEM.
 */
tracker_rc_e tracker_validate_names(const tracker_set_t *set,
    const tracker_arena_t *arena, tracker_message_t *message);

/*
 * The sentence of a 409: the trackers of set at the n places of index (n at
 * least 1, in ascending order, only the first TRACKER_QUOTE_NAMES are looked
 * at) have names that exist already; total of them do in all.  One object
 * and bulk differ as API.md section 3 says.
 */
void tracker_conflict_message(tracker_message_t *message,
    const tracker_set_t *set, const size_t *index, size_t n, size_t total);

/*
 * Sets the message from a printf format with literal text and numbers only.
 * What does not fit is cut.
 */
void tracker_message(tracker_message_t *message, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Sets the message to the path of a value and its fault, as in
 * "[2].vocabulary[3]" must be a string.  index as in tracker_validate; field
 * is the key, the client's own included, NULL for the tracker at index; elt is
 * the place in its list, -1 where the value is not in one; fault follows the
 * quoted path and a blank.
 */
void tracker_message_path(tracker_message_t *message, long index,
    const tracker_str_t *field, long elt, const char *fault);

/*
 * Appends a client's string to the message, cut at TRACKER_QUOTE_CHARS
 * characters (never inside one) where it is longer, then followed by "...".
 * str must be valid UTF-8.
 */
void tracker_message_quote(tracker_message_t *message,
    const tracker_str_t *str);


#pragma GCC visibility pop


#endif /* _TRACKER_H_INCLUDED_ */
