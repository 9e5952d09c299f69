
/*
 * The strict reader of trackers.  An unexpected byte ends it: the JSON library
 * finds out what is wrong, or unusual, unless the caller trusts the reader, as
 * it does for unknown keys, values of other types, and large bodies.
 */


#include "json/reader.h"
#include "json/skip.h"


/* the library refuses so many brackets in a row, without reading further */
#define TRACKER_READER_DEPTH  2048

/* trackers that there is memory for at first */
#define TRACKER_READER_FIRST  8

/* strings that there is room for: so many, one for so many bytes, at most */
#define TRACKER_READER_STRINGS  8
#define TRACKER_READER_STRING   16
#define TRACKER_READER_ROOM     4096

/* a list of so many strings gets room for all that may follow */
#define TRACKER_READER_LONG     16384


static void tracker_read_list_of(tracker_reader_t *rd,
    const tracker_str_t *list);
static int tracker_read_array(tracker_reader_t *rd, size_t *budget);
static int tracker_read_room(tracker_reader_t *rd);
static int tracker_read_object(tracker_reader_t *rd, tracker_t *t);
static int tracker_read_member(tracker_reader_t *rd, tracker_t *t,
    const tracker_str_t *key, const tracker_field_t *field);
static int tracker_read_field(tracker_reader_t *rd, tracker_t *t,
    const tracker_str_t *key, const tracker_field_t *field);
static int tracker_read_null(tracker_reader_t *rd,
    const tracker_field_t *field);
static int tracker_read_list_room(tracker_reader_t *rd, tracker_list_t *list);
static int tracker_read_deep(tracker_reader_t *rd);


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

    rd->lexer.p = data;
    rd->lexer.end = data + len;
    rd->lexer.arena = arena;
    rd->start = data;
    rd->end = data + len;
    rd->id = id;
    rd->check = check;
    rd->ctx = ctx;
    rd->set = set;
    rd->index = -1;
    rd->rc = TRACKER_OK;

    set->bulk = tracker_lex_char(&rd->lexer, '[');
    set->n = 0;

    if (set->bulk && tracker_lex_char(&rd->lexer, ']')) {
        rd->stop = TRACKER_READER_EMPTY;
        rd->lexer.p--;
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


int
tracker_read_import(tracker_reader_t *rd, tracker_report_t *report,
    const tracker_str_t *list)
{
    if (!tracker_read_report(rd, report)) {
        return 0;
    }

    if (!rd->set->bulk) {
        tracker_read_list_of(rd, list);
    }

    return !rd->lexer.nomem;
}


int
tracker_read_report(tracker_reader_t *rd, tracker_report_t *report)
{
    const tracker_arena_t  *arena;

    arena = rd->lexer.arena;

    rd->skip = arena->alloc(arena->data,
                            sizeof(tracker_skip_t)
                            + TRACKER_SKIP_FAULTS * sizeof(tracker_str_t));
    if (rd->skip == NULL) {
        return 0;
    }

    rd->skip->elts = (tracker_str_t *) (rd->skip + 1);
    rd->skip->most = TRACKER_SKIP_FAULTS;
    rd->skip->n = 0;
    rd->skip->cost = 0;
    rd->report = report;
    rd->id = 1;

    return 1;
}


/* what is no plain list, the library looks at */

static void
tracker_read_list_of(tracker_reader_t *rd, const tracker_str_t *list)
{
    const char       *start;
    tracker_str_t     key;
    tracker_lexer_t  *lx;

    lx = &rd->lexer;
    start = lx->p;

    if (!tracker_lex_char(lx, '{')
        || !tracker_lex_string(lx, &key)
        || !tracker_str_equal(&key, list)
        || !tracker_lex_char(lx, ':'))
    {
        lx->p = start;
        lx->no_string = 0;
        lx->bad_escape = 0;

        /* the key is read again: its text would need as much memory again */

        lx->text = NULL;
        return;
    }

    rd->wrapped = 1;
    rd->report->list = list;
    rd->set->bulk = tracker_lex_char(lx, '[');
    rd->set->n = 0;

    if (!rd->set->bulk) {
        rd->stop = TRACKER_READER_UNSUPPORTED;
    }
}


tracker_reader_rc_e
tracker_read_run(tracker_reader_t *rd, size_t *budget)
{
    int             ok;
    tracker_set_t  *set;

    set = rd->set;

    if (rd->wrapped
        && (!set->bulk
            || (rd->index < 0 && tracker_lex_char(&rd->lexer, ']'))))
    {
        rd->stop = TRACKER_READER_UNSUPPORTED;
        return TRACKER_READER_UNDECIDED;
    }

    ok = set->bulk ? tracker_read_array(rd, budget)
                   : tracker_read_object(rd, set->elts);

    if (rd->lexer.nomem) {
        return TRACKER_READER_NOMEM;
    }

    if (!ok) {
        return rd->rc == TRACKER_OK ? TRACKER_READER_UNDECIDED
                                    : TRACKER_READER_REFUSED;
    }

    if (rd->more) {
        return TRACKER_READER_AGAIN;
    }

    if (rd->wrapped && !tracker_lex_char(&rd->lexer, '}')) {

        if (rd->lexer.p < rd->lexer.end && *rd->lexer.p == ',') {
            rd->stop = TRACKER_READER_UNSUPPORTED;
        }

        return TRACKER_READER_UNDECIDED;
    }

    if (!tracker_lex_end(&rd->lexer)) {
        return TRACKER_READER_UNDECIDED;
    }

    if (!set->bulk) {
        (void) tracker_spend(budget, rd->lexer.end - rd->start);

        rd->rc = rd->check(rd->ctx, -1, set->elts, NULL);
    }

    return rd->rc == TRACKER_OK ? TRACKER_READER_OK : TRACKER_READER_REFUSED;
}


tracker_reader_rc_e
tracker_read_merge(tracker_reader_t *rd, tracker_merge_t *merge)
{
    int  ok;

    if (rd->set->bulk) {
        return TRACKER_READER_UNDECIDED;
    }

    merge->removed = 0;
    rd->merge = merge;

    ok = tracker_read_object(rd, &merge->values);

    if (rd->lexer.nomem) {
        return TRACKER_READER_NOMEM;
    }

    if (!ok) {
        return rd->rc == TRACKER_OK ? TRACKER_READER_UNDECIDED
                                    : TRACKER_READER_REFUSED;
    }

    return tracker_lex_end(&rd->lexer) ? TRACKER_READER_OK
                                       : TRACKER_READER_UNDECIDED;
}


/* reads to the end of the array, or to a comma when the budget is spent */

static int
tracker_read_array(tracker_reader_t *rd, size_t *budget)
{
    const char  *start;

    do {
        start = rd->lexer.p;

        if (!tracker_read_element(rd)) {
            return 0;
        }

        rd->more = tracker_lex_char(&rd->lexer, ',');

        tracker_read_pay(rd, start, budget);

    } while (rd->more && *budget);

    return rd->more || tracker_lex_char(&rd->lexer, ']');
}


int
tracker_read_element(tracker_reader_t *rd)
{
    tracker_t      *t;
    tracker_set_t  *set;

    set = rd->set;

    if (set->n == rd->size && !tracker_read_room(rd)) {
        return 0;
    }

    t = &set->elts[set->n];
    rd->index++;

    if (!tracker_read_object(rd, t)) {
        return 0;
    }

    rd->rc = rd->check(rd->ctx, rd->index, t, NULL);
    if (rd->rc != TRACKER_OK) {
        return 0;
    }

    /* a set that is refused needs no more memory: "1," is a tracker, too */

    if (rd->report == NULL || rd->report->found == 0) {
        set->n++;
    }

    return 1;
}


void
tracker_read_pay(tracker_reader_t *rd, const char *start, size_t *budget)
{
    size_t  cost;

    cost = rd->lexer.p - start + TRACKER_COST;

    if (rd->skip) {
        cost += rd->skip->cost;
        rd->skip->cost = 0;
    }

    (void) tracker_spend(budget, cost);
}


static int
tracker_read_room(tracker_reader_t *rd)
{
    size_t          n, like;
    tracker_t      *elts;
    tracker_set_t  *set;

    set = rd->set;

    n = TRACKER_READER_FIRST;

    /* enough for all, and some more, if the others are like those so far */

    if (rd->size) {
        n = 2 * rd->size;

        like = rd->size * (rd->end - rd->start) / (rd->lexer.p - rd->start);
        like += like / 8;

        if (n < like) {
            n = like;
        }
    }

    elts = rd->lexer.arena->alloc(rd->lexer.arena->data, n * sizeof(tracker_t));
    if (elts == NULL) {
        rd->lexer.nomem = 1;
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
    tracker_str_t           key;
    const tracker_field_t  *field;

    memset(t, 0, sizeof(tracker_t));

    if (rd->report) {
        rd->report->faulty = 0;
        rd->skip->n = 0;
    }

    if (!tracker_lex_char(&rd->lexer, '{')) {

        /* about the whole body, that is the library's */

        if (rd->index < 0
            || !tracker_read_other(rd, NULL, -1, TRACKER_FAULT_NOT_OBJECT))
        {
            return 0;
        }

        rd->report->faulty = TRACKER_REPORT_FIELDS;

        return 1;
    }

    if (tracker_lex_char(&rd->lexer, '}')) {
        return 1;
    }

    do {
        if (!tracker_lex_string(&rd->lexer, &key)) {
            return 0;
        }

        field = tracker_field(&key, rd->id);

        if (field == NULL
            && rd->report
            && !tracker_skip_key(rd, rd->skip, 0, &key))
        {
            return 0;
        }

        if (!tracker_lex_char(&rd->lexer, ':')
            || !tracker_read_member(rd, t, &key, field))
        {
            return 0;
        }

    } while (tracker_lex_char(&rd->lexer, ','));

    return tracker_lex_char(&rd->lexer, '}');
}


static int
tracker_read_member(tracker_reader_t *rd, tracker_t *t,
    const tracker_str_t *key, const tracker_field_t *field)
{
    size_t  found;

    if (field == NULL) {
        return tracker_read_fault(rd, key, -1, TRACKER_FAULT_NOT_ALLOWED)
               && tracker_skip_value(rd, rd->skip);
    }

    if (rd->report == NULL) {
        return tracker_read_field(rd, t, key, field);
    }

    found = rd->report->found;

    if (!tracker_read_field(rd, t, key, field)) {
        return 0;
    }

    if (rd->report->found != found) {
        rd->report->faulty |= 1u << (field - tracker_fields);
    }

    return 1;
}


static int
tracker_read_field(tracker_reader_t *rd, tracker_t *t,
    const tracker_str_t *key, const tracker_field_t *field)
{
    tracker_str_t   *str;
    tracker_list_t  *list;

    if (rd->merge) {

        if (tracker_merge_has(rd->merge, field)) {
            return tracker_read_new(rd, key);
        }

        if (tracker_skip_literal(rd, "null", sizeof("null") - 1)) {
            return tracker_read_null(rd, field);
        }
    }

    if (field->list) {
        list = tracker_field_list(t, field);

        return tracker_read_new(rd, list->elts)
               && tracker_read_list(rd, key, list);
    }

    str = tracker_field_str(t, field);

    return tracker_read_new(rd, str->data)
           && tracker_read_value(rd, key, -1, str);
}


static int
tracker_read_null(tracker_reader_t *rd, const tracker_field_t *field)
{
    tracker_fault_e  fault;

    fault = tracker_merge_remove(rd->merge, field);

    return fault == TRACKER_FAULT_NONE
           || tracker_read_fault(rd, &field->name, -1, fault);
}


int
tracker_read_new(tracker_reader_t *rd, const void *seen)
{
    if (seen) {
        rd->stop = TRACKER_READER_DUPLICATE_KEY;
        return 0;
    }

    return 1;
}


int
tracker_read_value(tracker_reader_t *rd, const tracker_str_t *key, long elt,
    tracker_str_t *str)
{
    if (tracker_lex_string(&rd->lexer, str)) {
        return 1;
    }

    if (!rd->lexer.no_string
        || !tracker_read_other(rd, key, elt, TRACKER_FAULT_NOT_STRING))
    {
        return 0;
    }

    /* it was seen, and has no value */

    str->len = 0;
    str->data = rd->start;

    return 1;
}


int
tracker_read_list(tracker_reader_t *rd, const tracker_str_t *key,
    tracker_list_t *list)
{
    size_t       elt, len;
    const char  *start;

    if (rd->room == 0 && !tracker_read_list_room(rd, list)) {
        return 0;
    }

    list->elts = rd->strs;

    if (!tracker_lex_char(&rd->lexer, '[')) {
        return tracker_read_other(rd, key, -1, TRACKER_FAULT_NOT_ARRAY);
    }

    start = rd->lexer.p - 1;

    if (tracker_lex_char(&rd->lexer, ']')) {
        return 1;
    }

    /* two brackets, less the comma that the last string does not have */

    len = 1;
    elt = 0;

    do {
        if ((rd->room == 0 && !tracker_read_list_room(rd, list))
            || !tracker_read_value(rd, key, elt++, rd->strs))
        {
            return 0;
        }

        /* there is memory for strings only */

        if (rd->strs->data == rd->start) {
            continue;
        }

        len += rd->strs->len + sizeof("\"\",") - 1;
        rd->strs++;
        rd->room--;

    } while (tracker_lex_char(&rd->lexer, ','));

    list->n = rd->strs - list->elts;

    if (!tracker_lex_char(&rd->lexer, ']')) {
        return 0;
    }

    /*
     * A text with escapes or white space is longer than its strings with their
     * quotes and commas; one without is what the writer would write.
     */

    if ((size_t) (rd->lexer.p - start) == len) {
        list->json.data = start;
        list->json.len = len;
    }

    return 1;
}


/*
 * Makes room for more strings of a list, to which those it has are moved.  A
 * list that is very long gets room for all that may be left of the text, in
 * which a string takes at least three bytes: "",
 */

static int
tracker_read_list_room(tracker_reader_t *rd, tracker_list_t *list)
{
    size_t          n, len, most, room;
    tracker_str_t  *strs;

    n = list->elts ? (size_t) (rd->strs - list->elts) : 0;
    len = rd->end - rd->lexer.p;
    most = len / 3 + 1;

    room = TRACKER_READER_STRINGS + len / TRACKER_READER_STRING;

    if (room > TRACKER_READER_ROOM) {
        room = TRACKER_READER_ROOM;
    }

    room += 3 * n;

    if (room > most || n >= TRACKER_READER_LONG) {
        room = most;
    }

    strs = rd->lexer.arena->alloc(rd->lexer.arena->data,
                                  (n + room) * sizeof(tracker_str_t));
    if (strs == NULL) {
        rd->lexer.nomem = 1;
        return 0;
    }

    if (n) {
        memcpy(strs, list->elts, n * sizeof(tracker_str_t));
    }

    list->elts = strs;
    rd->strs = strs + n;
    rd->room = room;

    return 1;
}


int
tracker_read_other(tracker_reader_t *rd, const tracker_str_t *key, long elt,
    tracker_fault_e what)
{
    static const char  first[] = "{[\"-0123456789tfn";

    if (rd->lexer.p == rd->lexer.end
        || memchr(first, *rd->lexer.p, sizeof(first) - 1) == NULL
        || tracker_read_deep(rd))
    {
        return 0;
    }

    return tracker_read_fault(rd, key, elt, what)
           && tracker_skip_value(rd, rd->skip);
}


static int
tracker_read_deep(tracker_reader_t *rd)
{
    const char  *p, *end;

    end = rd->lexer.end;

    if (end - rd->lexer.p > TRACKER_READER_DEPTH) {
        end = rd->lexer.p + TRACKER_READER_DEPTH;
    }

    for (p = rd->lexer.p; p < end && *p == '['; p++) { /* void */ }

    return p - rd->lexer.p == TRACKER_READER_DEPTH;
}


int
tracker_read_fault(tracker_reader_t *rd, const tracker_str_t *key, long elt,
    tracker_fault_e what)
{
    tracker_reader_fault_t  fault = { key, elt, what };

    rd->rc = rd->check(rd->ctx, rd->index, NULL, &fault);

    return rd->report && rd->rc == TRACKER_OK;
}
