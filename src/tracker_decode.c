
/*
 * The strict reader in front of the JSON library.
 */


#include "tracker_decode.h"
#include "tracker_reader.h"


struct tracker_decode_s {
    const char               *data;
    size_t                    len;
    tracker_json_shape_e      shape;
    const tracker_limits_t   *limits;
    const tracker_arena_t    *arena;
    tracker_set_t            *set;
    tracker_reader_t         *reader;    /* NULL: it has ended */
    tracker_message_t        *message;
    tracker_rc_e              rc;        /* of the check that refused */
    unsigned                  unsure:1;
};


#if !(TRACKER_NO_READER)


static tracker_rc_e tracker_decode_check(void *ctx, long index,
    const tracker_t *t, const tracker_reader_fault_t *fault);


#endif


tracker_decode_t *
tracker_decode_start(const char *data, size_t len, tracker_json_shape_e shape,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set)
{
    tracker_decode_t  *decode;

    decode = arena->alloc(arena->data, sizeof(tracker_decode_t));
    if (decode == NULL) {
        return NULL;
    }

    decode->data = data;
    decode->len = len;
    decode->shape = shape;
    decode->limits = limits;
    decode->arena = arena;
    decode->set = set;

#if !(TRACKER_NO_READER)

    decode->unsure = 0;
    decode->reader = tracker_read_start(data, len, arena,
                                        tracker_decode_check, decode, set);
    if (decode->reader == NULL) {
        return NULL;
    }

#endif

    return decode;
}


#if !(TRACKER_NO_READER)


tracker_rc_e
tracker_decode_run(tracker_decode_t *decode, size_t *budget,
    tracker_message_t *message)
{
    tracker_set_t  *set;

    set = decode->set;
    decode->message = message;

    if (decode->reader) {

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

            /* fall through */

        default: /* TRACKER_READER_UNSURE */
            return tracker_json_decode(decode->data, decode->len,
                                       decode->shape, decode->limits,
                                       decode->arena, set, message);
        }
    }

    if (!set->bulk) {
        return TRACKER_OK;
    }

    (void) tracker_spend(budget, set->n * TRACKER_COST / 4);

    return tracker_validate_names(set, decode->arena, message);
}


static tracker_rc_e
tracker_decode_check(void *ctx, long index, const tracker_t *t,
    const tracker_reader_fault_t *fault)
{
    tracker_decode_t *decode = ctx;

    size_t  max;

    max = decode->limits->max_bulk;

    /* sentences about the whole body are the library's */

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


#else


tracker_rc_e
tracker_decode_run(tracker_decode_t *decode, size_t *budget,
    tracker_message_t *message)
{
    (void) tracker_spend(budget, decode->len);

    return tracker_json_decode(decode->data, decode->len, decode->shape,
                               decode->limits, decode->arena, decode->set,
                               message);
}


#endif
