
/*
 * The strict reader in front of the JSON library.
 */


#include "tracker_decode.h"
#include "tracker_reader.h"


#if !(TRACKER_NO_READER)


typedef struct {
    size_t                    len;
    tracker_json_shape_e      shape;
    const tracker_limits_t   *limits;
    const tracker_arena_t    *arena;
    tracker_message_t        *message;
    tracker_rc_e              rc;
    unsigned                  unsure:1;
} tracker_decode_t;


static tracker_rc_e tracker_decode_check(void *ctx, long index,
    const tracker_t *t, const tracker_reader_fault_t *fault);


tracker_rc_e
tracker_decode(const char *data, size_t len, tracker_json_shape_e shape,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_message_t *message)
{
    tracker_decode_t  ctx = { len, shape, limits, arena, message,
                              TRACKER_OK, 0 };

    switch (tracker_read(data, len, arena, tracker_decode_check, &ctx, set)) {

    case TRACKER_READER_OK:
        return set->bulk ? tracker_validate_names(set, arena, message)
                         : TRACKER_OK;

    case TRACKER_READER_REFUSED:

        if (!ctx.unsure) {
            return ctx.rc;
        }

        break;

    case TRACKER_READER_NOMEM:
        return TRACKER_NOMEM;

    default: /* TRACKER_READER_UNSURE */
        break;
    }

    return tracker_json_decode(data, len, shape, limits, arena, set, message);
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
tracker_decode(const char *data, size_t len, tracker_json_shape_e shape,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_message_t *message)
{
    return tracker_json_decode(data, len, shape, limits, arena, set, message);
}


#endif
