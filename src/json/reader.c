
/*
 * The strict reader.  A byte that it does not expect ends it: what is wrong, or
 * unusual, the JSON library finds out, unless the caller takes the reader's
 * word: for an unknown key, a value of another type, or all of a large body.
 */


#include <string.h>

#include "json/lexer.h"


#if !(TRACKER_NO_READER)


/* so many brackets in a row are bad JSON to the library, and it soon says so */
#define TRACKER_READER_DEPTH  2048

/* trackers of the first array */
#define TRACKER_READER_FIRST  8


static int tracker_read_array(tracker_reader_t *rd, size_t *budget);
static int tracker_read_room(tracker_reader_t *rd);
static int tracker_read_object(tracker_reader_t *rd, tracker_t *t);
static int tracker_read_member(tracker_reader_t *rd, tracker_t *t,
    const tracker_str_t *key);
static int tracker_read_deep(tracker_reader_t *rd);
static void tracker_read_space(tracker_reader_t *rd);


tracker_reader_t *
tracker_read_start(const char *data, size_t len, int id,
    const tracker_arena_t *arena, tracker_reader_pt check, void *ctx,
    tracker_set_t *set)
{
    tracker_reader_t  *rd;

    rd = arena->alloc(arena->data, sizeof(tracker_reader_t));
    if (rd == NULL) {
        return NULL;
    }

    memset(rd, 0, sizeof(tracker_reader_t));

    rd->p = data;
    rd->end = data + len;
    rd->start = data;
    rd->id = id;
    rd->arena = arena;
    rd->check = check;
    rd->ctx = ctx;
    rd->set = set;
    rd->index = -1;
    rd->rc = TRACKER_OK;

    /* a string of a list takes three bytes at least: "", */

    rd->strs = arena->alloc(arena->data,
                            (len / 3 + 1) * sizeof(tracker_str_t));
    if (rd->strs == NULL) {
        return NULL;
    }

    set->bulk = tracker_read_char(rd, '[');
    set->n = 0;

    if (set->bulk && tracker_read_char(rd, ']')) {
        rd->stop = TRACKER_READER_EMPTY;
        rd->p--;
    }

    if (!set->bulk) {
        set->n = 1;
        set->elts = arena->alloc(arena->data, sizeof(tracker_t));
        if (set->elts == NULL) {
            return NULL;
        }
    }

    return rd;
}


tracker_reader_rc_e
tracker_read_run(tracker_reader_t *rd, size_t *budget)
{
    int             ok;
    tracker_set_t  *set;

    set = rd->set;

    ok = set->bulk ? tracker_read_array(rd, budget)
                   : tracker_read_object(rd, set->elts);

    if (rd->nomem) {
        return TRACKER_READER_NOMEM;
    }

    if (!ok) {
        return rd->rc == TRACKER_OK ? TRACKER_READER_UNSURE
                                    : TRACKER_READER_REFUSED;
    }

    if (rd->more) {
        return TRACKER_READER_AGAIN;
    }

    if (!tracker_read_end(rd)) {
        return TRACKER_READER_UNSURE;
    }

    if (!set->bulk) {
        (void) tracker_spend(budget, rd->end - rd->start);

        rd->rc = rd->check(rd->ctx, -1, set->elts, NULL);
    }

    return rd->rc == TRACKER_OK ? TRACKER_READER_OK : TRACKER_READER_REFUSED;
}


tracker_reader_stop_e
tracker_read_stop(const tracker_reader_t *rd, const char **place)
{
    *place = rd->p;

    return rd->stop;
}


/* the functions below return 1, or 0 when the reader is not sure or rd->rc
   is a fault */

/* up to the end of the array, or to a comma when the budget is spent */

static int
tracker_read_array(tracker_reader_t *rd, size_t *budget)
{
    int             left;
    tracker_t      *t;
    const char     *start;
    tracker_set_t  *set;

    set = rd->set;

    do {
        start = rd->p;

        if (set->n == rd->size && !tracker_read_room(rd)) {
            return 0;
        }

        t = &set->elts[set->n];
        rd->index = set->n++;

        if (!tracker_read_object(rd, t)) {
            return 0;
        }

        rd->rc = rd->check(rd->ctx, rd->index, t, NULL);
        if (rd->rc != TRACKER_OK) {
            return 0;
        }

        rd->more = tracker_read_char(rd, ',');

        left = tracker_spend(budget, rd->p - start + TRACKER_COST);

    } while (rd->more && left);

    return rd->more || tracker_read_char(rd, ']');
}


static int
tracker_read_room(tracker_reader_t *rd)
{
    size_t          n, like;
    tracker_t      *elts;
    tracker_set_t  *set;

    set = rd->set;

    n = rd->size ? 2 * rd->size : TRACKER_READER_FIRST;

    /* room for all, and some more, when the others are like those so far */

    like = rd->size * (rd->end - rd->start) / (rd->p - rd->start);
    like += like / 8;

    if (n < like) {
        n = like;
    }

    elts = rd->arena->alloc(rd->arena->data, n * sizeof(tracker_t));
    if (elts == NULL) {
        rd->nomem = 1;
        return 0;
    }

    if (set->n) {
        memcpy(elts, set->elts, set->n * sizeof(tracker_t));
    }

    set->elts = elts;
    rd->size = n;

    return 1;
}


static int
tracker_read_object(tracker_reader_t *rd, tracker_t *t)
{
    tracker_str_t  key;

    memset(t, 0, sizeof(tracker_t));

    if (!tracker_read_char(rd, '{')) {

        /* the sentence about a whole body is another one */

        return rd->index < 0 ? 0 : tracker_read_other(rd, NULL, -1,
                                                      "must be an object");
    }

    if (tracker_read_char(rd, '}')) {
        return 1;
    }

    do {
        if (!tracker_read_string(rd, &key)
            || !tracker_read_char(rd, ':')
            || !tracker_read_member(rd, t, &key))
        {
            return 0;
        }

    } while (tracker_read_char(rd, ','));

    return tracker_read_char(rd, '}');
}


static int
tracker_read_member(tracker_reader_t *rd, tracker_t *t,
    const tracker_str_t *key)
{
    tracker_str_t   *str;
    tracker_list_t  *list;

    str = NULL;
    list = NULL;

    switch (key->len) {

    case sizeof("id") - 1:
        if (rd->id && memcmp(key->data, "id", key->len) == 0) {
            str = &t->id;
        }

        break;

    case sizeof("name") - 1:
        if (memcmp(key->data, "name", key->len) == 0) {
            str = &t->name;
        }

        break;

    case sizeof("languages") - 1:
        if (memcmp(key->data, "languages", key->len) == 0) {
            list = &t->languages;
        }

        break;

    case sizeof("vocabulary") - 1:    /* and categories */
        if (memcmp(key->data, "vocabulary", key->len) == 0) {
            list = &t->vocabulary;

        } else if (memcmp(key->data, "categories", key->len) == 0) {
            list = &t->categories;
        }

        break;

    case sizeof("description") - 1:
        if (memcmp(key->data, "description", key->len) == 0) {
            str = &t->description;
        }

        break;

    default:
        break;
    }

    if (str) {
        return tracker_read_new(rd, str->data)
               && tracker_read_value(rd, key, -1, str);
    }

    if (list) {
        return tracker_read_new(rd, list->elts)
               && tracker_read_list(rd, key, list);
    }

    return tracker_read_fault(rd, key, -1, "is not allowed");
}


int
tracker_read_new(tracker_reader_t *rd, const void *seen)
{
    if (seen) {
        rd->stop = TRACKER_READER_TWICE;
        return 0;
    }

    return 1;
}


int
tracker_read_value(tracker_reader_t *rd, const tracker_str_t *key, long elt,
    tracker_str_t *str)
{
    if (tracker_read_string(rd, str)) {
        return 1;
    }

    return rd->other ? tracker_read_other(rd, key, elt, "must be a string")
                     : 0;
}


int
tracker_read_list(tracker_reader_t *rd, const tracker_str_t *key,
    tracker_list_t *list)
{
    size_t       len;
    const char  *start;

    list->elts = rd->strs;

    if (!tracker_read_char(rd, '[')) {
        return tracker_read_other(rd, key, -1, "must be an array");
    }

    start = rd->p - 1;

    if (tracker_read_char(rd, ']')) {
        return 1;
    }

    /* two brackets, and no comma after the last string */

    len = 1;

    do {
        if (!tracker_read_value(rd, key, rd->strs - list->elts, rd->strs)) {
            return 0;
        }

        len += rd->strs->len + sizeof("\"\",") - 1;
        rd->strs++;

    } while (tracker_read_char(rd, ','));

    list->n = rd->strs - list->elts;

    if (!tracker_read_char(rd, ']')) {
        return 0;
    }

    /*
     * Escapes and white space make a text longer than its strings with their
     * quotes and commas: without them it is what the writer would write.
     */

    if ((size_t) (rd->p - start) == len) {
        list->json.data = start;
        list->json.len = len;
    }

    return 1;
}


/* what begins here is no value of the right type; is it one of another? */

int
tracker_read_other(tracker_reader_t *rd, const tracker_str_t *key, long elt,
    const char *what)
{
    static const char  first[] = "{[\"-0123456789tfn";

    if (rd->p == rd->end
        || memchr(first, *rd->p, sizeof(first) - 1) == NULL
        || tracker_read_deep(rd))
    {
        return 0;
    }

    return tracker_read_fault(rd, key, elt, what);
}


static int
tracker_read_deep(tracker_reader_t *rd)
{
    const char  *p, *end;

    end = rd->end;

    if (end - rd->p > TRACKER_READER_DEPTH) {
        end = rd->p + TRACKER_READER_DEPTH;
    }

    for (p = rd->p; p < end && *p == '['; p++) { /* void */ }

    return p - rd->p == TRACKER_READER_DEPTH;
}


int
tracker_read_fault(tracker_reader_t *rd, const tracker_str_t *key, long elt,
    const char *what)
{
    tracker_reader_fault_t  fault = { key, elt, what };

    rd->rc = rd->check(rd->ctx, rd->index, NULL, &fault);

    return 0;
}


int
tracker_read_char(tracker_reader_t *rd, char c)
{
    if (rd->p == rd->end || *rd->p != c) {
        tracker_read_space(rd);

        if (rd->p == rd->end || *rd->p != c) {
            return 0;
        }
    }

    rd->p++;

    return 1;
}


int
tracker_read_end(tracker_reader_t *rd)
{
    tracker_read_space(rd);

    return rd->p == rd->end;
}


static void
tracker_read_space(tracker_reader_t *rd)
{
    const char  *p;

    p = rd->p;

    while (p < rd->end
           && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
    {
        p++;
    }

    rd->p = p;
}


#endif
