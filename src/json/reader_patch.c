
/*
 * The strict reader's operations of a PATCH.  Members that RFC 6902 gives no
 * meaning and a value to remove may be anything: those are the library's.
 */


#include <string.h>

#include "json/lexer.h"


#if !(TRACKER_NO_READER)


/* no operation is shorter: it has its keys, and they have values */
#define TRACKER_READER_STEP  (sizeof("{\"op\":\"\",\"path\":\"\"}") - 1)


/* the members of an operation */

typedef struct {
    tracker_str_t     op;
    tracker_str_t     path;
    tracker_str_t     str;           /* a value of either type */
    tracker_list_t    list;
} tracker_reader_step_t;


static int tracker_read_step(tracker_reader_t *rd, tracker_patch_step_t *step,
    tracker_message_t *message);
static int tracker_read_step_member(tracker_reader_t *rd,
    tracker_reader_step_t *members, tracker_message_t *message);
static int tracker_read_step_value(tracker_reader_t *rd,
    tracker_reader_step_t *members, tracker_message_t *message);
static int tracker_read_step_type(tracker_reader_t *rd,
    const tracker_reader_step_t *members, tracker_message_t *message);
static int tracker_read_step_check(tracker_reader_t *rd,
    tracker_patch_step_t *step, const tracker_reader_step_t *members,
    tracker_message_t *message);
static int tracker_read_step_what(tracker_reader_t *rd,
    tracker_patch_step_t *step, const tracker_reader_step_t *members,
    tracker_message_t *message);
static int tracker_read_step_fit(tracker_reader_t *rd,
    const tracker_patch_step_t *step, const tracker_reader_step_t *members);
static int tracker_read_required(tracker_reader_t *rd,
    const tracker_str_t *key, const tracker_str_t *str);
static int tracker_read_is(const tracker_str_t *str,
    const tracker_str_t *other);


static const tracker_str_t  tracker_read_op = tracker_str("op");
static const tracker_str_t  tracker_read_path = tracker_str("path");
static const tracker_str_t  tracker_read_key = tracker_str("value");
static const tracker_str_t  tracker_read_remove = tracker_str("remove");


tracker_reader_rc_e
tracker_read_patch(tracker_reader_t *rd, tracker_patch_t *patch,
    tracker_message_t *message)
{
    size_t  max;

    if (!rd->set->bulk) {
        return TRACKER_READER_UNSURE;
    }

    max = (rd->end - rd->start) / TRACKER_READER_STEP + 1;

    patch->n = 0;
    patch->elts = rd->arena->alloc(rd->arena->data,
                                   max * sizeof(tracker_patch_step_t));
    if (patch->elts == NULL) {
        return TRACKER_READER_NOMEM;
    }

    do {
        rd->index = patch->n;

        if (!tracker_read_step(rd, &patch->elts[patch->n], message)) {

            if (rd->nomem) {
                return TRACKER_READER_NOMEM;
            }

            return rd->rc == TRACKER_OK ? TRACKER_READER_UNSURE
                                        : TRACKER_READER_REFUSED;
        }

        patch->n++;

    } while (tracker_read_char(rd, ','));

    return tracker_read_char(rd, ']') && tracker_read_end(rd)
           ? TRACKER_READER_OK : TRACKER_READER_UNSURE;
}


/* the functions below return 1, or 0 as those for trackers do */

static int
tracker_read_step(tracker_reader_t *rd, tracker_patch_step_t *step,
    tracker_message_t *message)
{
    tracker_reader_step_t  members;

    memset(&members, 0, sizeof(tracker_reader_step_t));

    if (!tracker_read_char(rd, '{')) {
        return tracker_read_other(rd, NULL, -1, "must be an object");
    }

    if (!tracker_read_char(rd, '}')) {

        do {
            if (!tracker_read_step_member(rd, &members, message)) {
                return 0;
            }

        } while (tracker_read_char(rd, ','));

        if (!tracker_read_char(rd, '}')) {
            return 0;
        }
    }

    return tracker_read_step_check(rd, step, &members, message);
}


static int
tracker_read_step_member(tracker_reader_t *rd, tracker_reader_step_t *members,
    tracker_message_t *message)
{
    tracker_str_t  key;

    if (!tracker_read_string(rd, &key) || !tracker_read_char(rd, ':')) {
        return 0;
    }

    if (tracker_read_is(&key, &tracker_read_op)) {
        return tracker_read_new(rd, members->op.data)
               && tracker_read_value(rd, &key, -1, &members->op);
    }

    if (tracker_read_is(&key, &tracker_read_path)) {
        return tracker_read_new(rd, members->path.data)
               && tracker_read_value(rd, &key, -1, &members->path);
    }

    if (tracker_read_is(&key, &tracker_read_key)) {
        return tracker_read_new(rd, members->str.data)
               && tracker_read_new(rd, members->list.elts)
               && tracker_read_step_value(rd, members, message);
    }

    rd->stop = TRACKER_READER_FOREIGN;

    return 0;
}


static int
tracker_read_step_value(tracker_reader_t *rd, tracker_reader_step_t *members,
    tracker_message_t *message)
{
    int  ok;

    if (tracker_read_char(rd, '[')) {
        rd->p--;
        ok = tracker_read_list(rd, &tracker_read_key, &members->list);

    } else {
        ok = tracker_read_value(rd, &tracker_read_key, -1, &members->str);
    }

    return rd->rc == TRACKER_OK ? ok
                                : tracker_read_step_type(rd, members, message);
}


/* neither a string nor a list of strings: says which it must be */

static int
tracker_read_step_type(tracker_reader_t *rd,
    const tracker_reader_step_t *members, tracker_message_t *message)
{
    tracker_patch_step_t  step;

    /* it may be of any type, or the operation is to come */

    if (members->op.data == NULL
        || members->path.data == NULL
        || tracker_read_is(&members->op, &tracker_read_remove))
    {
        rd->rc = TRACKER_OK;
        rd->stop = TRACKER_READER_FOREIGN;
        return 0;
    }

    if (tracker_read_step_what(rd, &step, members, message)
        && tracker_read_step_fit(rd, &step, members))
    {
        /* a list, and the message is of its element */

        rd->rc = TRACKER_INVALID;
    }

    return 0;
}


static int
tracker_read_step_check(tracker_reader_t *rd, tracker_patch_step_t *step,
    const tracker_reader_step_t *members, tracker_message_t *message)
{
    if (!tracker_read_step_what(rd, step, members, message)) {
        return 0;
    }

    if (step->op == TRACKER_PATCH_REMOVE) {
        return 1;
    }

    if (members->str.data == NULL && members->list.elts == NULL) {
        return tracker_read_fault(rd, &tracker_read_key, -1, "is required");
    }

    step->str = members->str;
    step->list = members->list;

    return tracker_read_step_fit(rd, step, members);
}


/* of a type that its operation takes */

static int
tracker_read_step_fit(tracker_reader_t *rd, const tracker_patch_step_t *step,
    const tracker_reader_step_t *members)
{
    const char  *fault;

    fault = tracker_patch_misfit(step, members->str.data != NULL,
                                 members->list.elts != NULL);

    return fault == NULL
           || tracker_read_fault(rd, &tracker_read_key, -1, fault);
}


/* its op and path */

static int
tracker_read_step_what(tracker_reader_t *rd, tracker_patch_step_t *step,
    const tracker_reader_step_t *members, tracker_message_t *message)
{
    if (!tracker_read_required(rd, &tracker_read_op, &members->op)
        || !tracker_read_required(rd, &tracker_read_path, &members->path))
    {
        return 0;
    }

    rd->rc = tracker_patch_step(step, rd->index, &members->op, &members->path,
                                message);

    return rd->rc == TRACKER_OK;
}


static int
tracker_read_required(tracker_reader_t *rd, const tracker_str_t *key,
    const tracker_str_t *str)
{
    if (str->data == NULL) {
        return tracker_read_fault(rd, key, -1, "is required");
    }

    return str->len != 0
           || tracker_read_fault(rd, key, -1, "is not allowed to be empty");
}


static int
tracker_read_is(const tracker_str_t *str, const tracker_str_t *other)
{
    return str->len == other->len
           && memcmp(str->data, other->data, str->len) == 0;
}


#endif
