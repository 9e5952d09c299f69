
/*
 * The strict reader in front of the JSON library.
 */


#include "json/decode.h"
#include "json/reader.h"


struct tracker_decode_s {
    const char               *data;
    size_t                    len;
    tracker_json_shape_e      shape;
    tracker_str_t             id;        /* data NULL: of no PUT */
    const tracker_limits_t   *limits;
    const tracker_arena_t    *arena;
    tracker_set_t            *set;
    tracker_reader_t         *reader;    /* NULL: it has ended */
    tracker_message_t        *message;
    tracker_rc_e              rc;        /* of the check that refused */
    unsigned                  unsure:1;
};


static tracker_rc_e tracker_decode_json(tracker_decode_t *decode,
    tracker_message_t *message);

#if !(TRACKER_NO_READER)

static tracker_rc_e tracker_decode_shape(const tracker_reader_t *rd,
    const char *data, size_t len, tracker_json_shape_e shape, int array,
    tracker_message_t *message);
static tracker_rc_e tracker_decode_check(void *ctx, long index,
    const tracker_t *t, const tracker_reader_fault_t *fault);
static tracker_rc_e tracker_decode_stop(const tracker_reader_t *rd,
    const char *data, size_t len, tracker_message_t *message);
static tracker_rc_e tracker_decode_fault(void *ctx, long index,
    const tracker_t *t, const tracker_reader_fault_t *fault);
static tracker_rc_e tracker_decode_accept(void *ctx, long index,
    const tracker_t *t, const tracker_reader_fault_t *fault);

#endif


tracker_decode_t *
tracker_decode_start(const char *data, size_t len, tracker_json_shape_e shape,
    const tracker_str_t *id, const tracker_limits_t *limits,
    const tracker_arena_t *arena, tracker_set_t *set)
{
    tracker_decode_t  *decode;

    decode = arena->alloc(arena->data, sizeof(tracker_decode_t));
    if (decode == NULL) {
        return NULL;
    }

    decode->data = data;
    decode->len = len;
    decode->shape = shape;
    decode->id.len = id ? id->len : 0;
    decode->id.data = id ? id->data : NULL;
    decode->limits = limits;
    decode->arena = arena;
    decode->set = set;

#if !(TRACKER_NO_READER)

    decode->unsure = 0;
    decode->reader = tracker_read_start(data, len, id != NULL, arena,
                                        tracker_decode_check, decode, set);
    if (decode->reader == NULL) {
        return NULL;
    }

#endif

    return decode;
}


tracker_rc_e
tracker_decode_run(tracker_decode_t *decode, size_t *budget,
    tracker_message_t *message)
{
#if (TRACKER_NO_READER)

    (void) tracker_spend(budget, decode->len);

    return tracker_decode_json(decode, message);

#else

    tracker_set_t  *set;

    set = decode->set;
    decode->message = message;

    if (decode->reader) {

        if (decode->len >= TRACKER_DECODE_LARGE
            && tracker_decode_shape(decode->reader, decode->data, decode->len,
                                    decode->shape, set->bulk, message)
               != TRACKER_OK)
        {
            return TRACKER_INVALID;
        }

        switch (tracker_read_run(decode->reader, budget)) {

        case TRACKER_READER_OK:
            decode->reader = NULL;

            if (*budget == 0) {
                return TRACKER_AGAIN;
            }

            break;

        case TRACKER_READER_AGAIN:
            return TRACKER_AGAIN;

        case TRACKER_READER_NOMEM:
            return TRACKER_NOMEM;

        case TRACKER_READER_REFUSED:

            if (!decode->unsure) {
                return decode->rc;
            }

            return tracker_decode_json(decode, message);

        default: /* TRACKER_READER_UNSURE */

            if (decode->len < TRACKER_DECODE_LARGE) {
                return tracker_decode_json(decode, message);
            }

            return tracker_decode_stop(decode->reader, decode->data,
                                       decode->len, message);
        }
    }

    if (!set->bulk) {
        return decode->id.data
               ? tracker_validate_id(set->elts, &decode->id, message)
               : TRACKER_OK;
    }

    (void) tracker_spend(budget, set->n * TRACKER_COST / 4);

    return tracker_validate_names(set, decode->arena, message);

#endif
}


static tracker_rc_e
tracker_decode_json(tracker_decode_t *decode, tracker_message_t *message)
{
    tracker_set_t  *set;

    set = decode->set;

    if (decode->id.data == NULL) {
        return tracker_json_decode(decode->data, decode->len, decode->shape,
                                   decode->limits, decode->arena, set,
                                   message);
    }

    set->bulk = 0;
    set->n = 1;
    set->elts = decode->arena->alloc(decode->arena->data, sizeof(tracker_t));
    if (set->elts == NULL) {
        return TRACKER_NOMEM;
    }

    return tracker_json_decode_change(decode->data, decode->len, &decode->id,
                                      decode->limits, decode->arena,
                                      set->elts, message);
}


tracker_rc_e
tracker_decode_patch(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_patch_t *patch,
    tracker_message_t *message)
{
#if !(TRACKER_NO_READER)

    tracker_rc_e       rc;
    tracker_set_t      set;
    tracker_reader_t  *rd;

    rd = tracker_read_start(data, len, 0, arena, tracker_decode_fault, message,
                            &set);
    if (rd == NULL) {
        return TRACKER_NOMEM;
    }

    if (len >= TRACKER_DECODE_LARGE
        && tracker_decode_shape(rd, data, len, TRACKER_JSON_ARRAY, set.bulk,
                                message)
           != TRACKER_OK)
    {
        return TRACKER_INVALID;
    }

    switch (tracker_read_patch(rd, patch, message)) {

    case TRACKER_READER_OK:
        return TRACKER_OK;

    case TRACKER_READER_NOMEM:
        return TRACKER_NOMEM;

    case TRACKER_READER_REFUSED:

        if (len >= TRACKER_DECODE_LARGE) {
            return TRACKER_INVALID;
        }

        break;

    default: /* TRACKER_READER_UNSURE */

        if (len < TRACKER_DECODE_LARGE) {
            break;
        }

        rc = tracker_decode_stop(rd, data, len, message);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

#endif

    return tracker_json_decode_patch(data, len, arena, patch, message);
}


tracker_rc_e
tracker_decode_record(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_t *t)
{
#if !(TRACKER_NO_READER)

    size_t             budget;
    tracker_set_t      set;
    tracker_reader_t  *rd;

    rd = tracker_read_start(data, len, 1, arena, tracker_decode_accept, NULL,
                            &set);
    if (rd == NULL) {
        return TRACKER_NOMEM;
    }

    budget = SIZE_MAX;

    if (!set.bulk
        && tracker_read_run(rd, &budget) == TRACKER_READER_OK
        && tracker_record_valid(set.elts))
    {
        *t = *set.elts;
        return TRACKER_OK;
    }

    /* whatever it is, it is rare */

#endif

    return tracker_json_decode_record(data, len, arena, t);
}


#if !(TRACKER_NO_READER)


/*
 * The first byte of a large body tells.  array: it was a bracket; else rd is
 * there.
 */

static tracker_rc_e
tracker_decode_shape(const tracker_reader_t *rd, const char *data, size_t len,
    tracker_json_shape_e shape, int array, tracker_message_t *message)
{
    const char  *first;

    if (shape == TRACKER_JSON_OBJECT && array) {
        tracker_message(message, "Request body must be an object.");
        return TRACKER_INVALID;
    }

    if (shape == TRACKER_JSON_ARRAY && !array) {
        (void) tracker_read_stop(rd, &first);

        if (first == data + len || *first != '{') {
            return tracker_decode_stop(rd, data, len, message);
        }

        tracker_message(message, "Request body must be an array.");
        return TRACKER_INVALID;
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_decode_check(void *ctx, long index, const tracker_t *t,
    const tracker_reader_fault_t *fault)
{
    tracker_decode_t *decode = ctx;

    size_t  max;

    max = decode->limits->max_bulk;

    if (index >= 0 && max && (size_t) index >= max
        && decode->len >= TRACKER_DECODE_LARGE)
    {
        decode->rc = tracker_validate_bulk(tracker_json_count(decode->data,
                                                              decode->len, 1),
                                           decode->limits, decode->message);
        return decode->rc;
    }

    /* sentences about the whole of a small body are the library's */

    if ((index < 0 && decode->shape == TRACKER_JSON_ARRAY)
        || (index >= 0 && decode->shape == TRACKER_JSON_OBJECT)
        || (index >= 0 && max && (size_t) index >= max))
    {
        goto unsure;
    }

    if (fault) {
        tracker_message_path(decode->message, index, fault->key, fault->elt,
                             fault->what);
        decode->rc = TRACKER_INVALID;

    } else {
        decode->rc = tracker_validate(t, index, decode->limits,
                                      decode->arena, decode->message);
    }

    if (decode->rc == TRACKER_INVALID
        && (index >= 0 || fault)
        && decode->len < TRACKER_DECODE_LARGE)
    {
        goto unsure;
    }

    return decode->rc;

unsure:

    decode->unsure = 1;

    return TRACKER_INVALID;
}


/*
 * Why the reader is not sure of a large body.  TRACKER_OK: the library knows
 * more, and will not take long.
 */

static tracker_rc_e
tracker_decode_stop(const tracker_reader_t *rd, const char *data, size_t len,
    tracker_message_t *message)
{
    size_t       line, column;
    const char  *p, *stop, *what;

    switch (tracker_read_stop(rd, &stop)) {

    case TRACKER_READER_FOREIGN:
        return tracker_json_bounded(data, len, message);

    case TRACKER_READER_EMPTY:
        tracker_message(message, "Request body must not be empty.");
        return TRACKER_INVALID;

    case TRACKER_READER_TWICE:
        what = "Duplicate key";
        break;

    default: /* TRACKER_READER_BAD */
        what = "Invalid JSON";
        break;
    }

    line = 1;
    column = 0;

    /* columns are characters, as those of the library */

    for (p = data; p < data + len && p <= stop; p++) {

        if (*p == '\n') {
            line++;
            column = 0;

        } else if ((*p & 0xc0) != 0x80) {
            column++;
        }
    }

    tracker_message(message, "%s at line %zu column %zu.", what, line, column);

    return TRACKER_INVALID;
}


static tracker_rc_e
tracker_decode_fault(void *ctx, long index, const tracker_t *t,
    const tracker_reader_fault_t *fault)
{
    (void) t;

    tracker_message_path(ctx, index, fault->key, fault->elt, fault->what);

    return TRACKER_INVALID;
}


static tracker_rc_e
tracker_decode_accept(void *ctx, long index, const tracker_t *t,
    const tracker_reader_fault_t *fault)
{
    (void) ctx;
    (void) index;
    (void) fault;

    return t ? TRACKER_OK : TRACKER_INVALID;
}


#endif
