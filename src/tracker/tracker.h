
/*
 * The domain: what a tracker is and what makes one valid.  Pure functions over
 * views: memory is the caller's, in an arena, and nothing here logs or knows
 * JSON, Redis or nginx.
 * Rules: API.md sections 1 and 3.
 */


#ifndef _TRACKER_H_INCLUDED_
#define _TRACKER_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <string.h>


#pragma GCC visibility push(hidden)


#define TRACKER_ID_LEN        16

/* the lowest id; there are as many */
#define TRACKER_ID_BASE       ((uint64_t) 1 << 52)

/* so many ids of one body are all different */
#define TRACKER_ID_PLACES     ((uint64_t) 1 << 20)

/* the longest name or key that a message quotes in full, in characters */
#define TRACKER_QUOTE_CHARS   100

/* names that a 409 lists before it says "and K more" */
#define TRACKER_QUOTE_NAMES   10

/* names that a 409 lists for programs */
#define TRACKER_CONFLICTS     100

/* ten quoted names of 100 four-byte characters and the words around them */
#define TRACKER_MESSAGE_MAX   5120

/* a pointer that is longer is cut between its parts */
#define TRACKER_POINTER_MAX   256

/* what a tracker costs in addition to its bytes: see tracker_spend() */
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
    tracker_str_t     json;          /* the list as JSON; data NULL: unknown */
} tracker_list_t;


typedef struct {
    tracker_str_t     id;            /* 16 digits; data NULL: not chosen yet */
    tracker_str_t     name;
    tracker_str_t     description;   /* data NULL: absent */
    tracker_list_t    categories;
    tracker_list_t    languages;
    tracker_list_t    vocabulary;
    tracker_str_t     created;       /* as a client has sent it, unused */
    tracker_str_t     updated;
} tracker_t;


/*
 * The fields of a tracker, in the order in which they are written.  A new one
 * is a member of tracker_t, a name here and a row of tracker_fields[]: the
 * decoders, the writer and PATCH take it from there.  The last ones are never
 * written: what reads tell may come back.
 */

typedef enum {
    TRACKER_FIELD_ID = 0,
    TRACKER_FIELD_NAME,
    TRACKER_FIELD_DESCRIPTION,
    TRACKER_FIELD_CATEGORIES,
    TRACKER_FIELD_LANGUAGES,
    TRACKER_FIELD_VOCABULARY,
    TRACKER_FIELDS_WRITTEN,
    TRACKER_FIELD_CREATED = TRACKER_FIELDS_WRITTEN,
    TRACKER_FIELD_UPDATED,
    TRACKER_FIELDS
} tracker_field_e;


typedef struct {
    tracker_str_t     name;          /* the key; NUL-terminated as well */
    size_t            offset;        /* in tracker_t */
    unsigned          list:1;        /* a tracker_list_t, not a tracker_str_t */
    unsigned          required:1;    /* must be present and not be empty */
    unsigned          settable:1;    /* a client chooses the value */
} tracker_field_t;


extern const tracker_field_t  tracker_fields[TRACKER_FIELDS];


/* the value of a field that is a string, or a list, of the tracker t */

#define tracker_field_str(t, field)                                           \
    ((tracker_str_t *) ((char *) (t) + (field)->offset))

#define tracker_field_list(t, field)                                          \
    ((tracker_list_t *) ((char *) (t) + (field)->offset))


/* the trackers of one request body, in its order */

typedef struct {
    size_t            n;
    tracker_t        *elts;
    unsigned          bulk:1;        /* the body was an array */
} tracker_set_t;


/* a tracker of a set whose name exists already */

typedef struct {
    size_t            place;         /* in the set */
    tracker_str_t     id;            /* of the tracker that has the name; data
                                        NULL: unknown */
} tracker_conflict_t;


typedef struct {
    size_t            max_bulk;      /* trackers in a body; 0: no limit */
    size_t            max_phrases;   /* phrases of a tracker; 0: no limit */
    size_t            min_phrases;   /* at least 1 */
} tracker_limits_t;


/* a sentence for the client: UTF-8, no NUL, not yet escaped for JSON */

typedef struct {
    size_t            len;
    char              data[TRACKER_MESSAGE_MAX];
    size_t            pointer_len;
    char              pointer[TRACKER_POINTER_MAX];  /* to what is wrong in the
                                                        body, RFC 6901 */
    unsigned          pointed:1;     /* it is known; the body itself is "" */
} tracker_message_t;


/*
 * Memory of the caller's choice.  alloc gets data and the size in bytes, and
 * returns memory that is aligned for any object, or NULL when there is none.
 * The caller frees all of it at once.
 */

typedef struct {
    void           *(*alloc)(void *data, size_t size);
    void             *data;
} tracker_arena_t;


typedef enum {
    TRACKER_OK = 0,
    TRACKER_INVALID,     /* the message says what is wrong: 400 */
    TRACKER_REPEATED,    /* two trackers of a body have one name: 409 */
    TRACKER_UNEQUAL,     /* a "test" of a PATCH failed: 409 */
    TRACKER_AGAIN,       /* the budget is spent: call again */
    TRACKER_NOMEM        /* an allocation failed; no message */
} tracker_rc_e;


/* Returns 1 if both strings have the same bytes, else 0. */

static inline int
tracker_str_equal(const tracker_str_t *one, const tracker_str_t *two)
{
    return one->len == two->len
           && (one->len == 0 || memcmp(one->data, two->data, one->len) == 0);
}


/*
 * Long work is done in pieces, each with a budget, so that nobody else waits
 * until it ends.  A byte read or written costs 1, a tracker TRACKER_COST more:
 * a unit is about a nanosecond.  Subtracts the cost of what was done from
 * the budget.  Returns 1 if some of the budget is left, else 0.
 */

static inline int
tracker_spend(size_t *budget, size_t cost)
{
    *budget = *budget > cost ? *budget - cost : 0;

    return *budget != 0;
}


/*
 * Looks for the field with this name.  With id 0 only fields that a client may
 * set are looked at, with id 1 the id and the times too.  Returns NULL if there
 * is none.
 */
const tracker_field_t *tracker_field(const tracker_str_t *name, int id);

/*
 * Writes the id made of a random number (its low 52 bits plus 2^52, decimal:
 * always 16 digits, exact in a double) to p, TRACKER_ID_LEN bytes, no NUL.
 */
void tracker_id_format(char *p, uint64_t random);

/*
 * Writes the n ids of the trackers of one body to p, one after another, made
 * of n random numbers.  All are different, whatever the numbers are, if n is
 * at most TRACKER_ID_PLACES.
 */
void tracker_ids_format(char *p, const uint64_t *random, size_t n);

/* Returns 1 if the len bytes at data are 16 decimal digits, else 0. */
int tracker_id_valid(const char *data, size_t len);

/*
 * Checks one tracker whose values are of the right types: required fields,
 * limits on phrases, empty phrases, duplicate phrases (byte for byte; the
 * message names the first that equals an earlier one; n log n comparisons at
 * most).  index is the tracker's place in a bulk body, -1 if the body is one
 * object: paths in messages begin with it.  Temporary memory, at most 56 bytes
 * a phrase, comes from arena.
 * Returns TRACKER_OK, TRACKER_INVALID with the message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_validate(const tracker_t *t, long index,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_message_t *message);

/*
 * Checks that n phrases of the tracker at index are within the limits.  Returns
 * TRACKER_OK, or TRACKER_INVALID with the message.
 */
tracker_rc_e tracker_validate_count(size_t n, long index,
    const tracker_limits_t *limits, tracker_message_t *message);

/*
 * Checks that a bulk body of n trackers is not empty and within max_bulk.
 * Returns TRACKER_OK, or TRACKER_INVALID with the message.
 */
tracker_rc_e tracker_validate_bulk(size_t n, const tracker_limits_t *limits,
    tracker_message_t *message);

/*
 * Checks that the tracker of a PUT has no other id than that of the path, and
 * sets its id to a view of the same bytes as *id.
 * Returns TRACKER_OK, or TRACKER_INVALID with the message.
 */
tracker_rc_e tracker_validate_id(tracker_t *t, const tracker_str_t *id,
    tracker_message_t *message);

/*
 * Returns 1 if t has a valid id and all required fields, as every tracker in
 * the store has, else 0.  No limit applies.
 */
int tracker_record_valid(const tracker_t *t);

/*
 * Checks that no two trackers of a bulk body have the same name; n log n
 * comparisons at most.  Temporary memory comes from arena.
 * Returns TRACKER_OK; TRACKER_REPEATED with a message that names the first
 * tracker whose name equals an earlier one, and the earlier one; or
 * TRACKER_NOMEM.
 */
tracker_rc_e tracker_validate_names(const tracker_set_t *set,
    const tracker_arena_t *arena, tracker_message_t *message);

/*
 * Sets the message of a 409: total trackers of set have names that exist
 * already.  conflicts has n of them, at least 1, in ascending order; only the
 * first TRACKER_QUOTE_NAMES are used.  The sentence for one tracker differs
 * from that for several, see API.md section 3.
 */
void tracker_conflict_message(tracker_message_t *message,
    const tracker_set_t *set, const tracker_conflict_t *conflicts, size_t n,
    size_t total);


#pragma GCC visibility pop


#endif /* _TRACKER_H_INCLUDED_ */
