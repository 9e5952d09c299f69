
/*
 * The strict reader of the operations of a PATCH.  Members without a meaning in
 * RFC 6902, and the value of a "remove", may be anything: the library reads
 * them.
 */


#include "json/reader.h"


/* the length of the shortest operation */
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
        return TRACKER_READER_UNDECIDED;
    }

    max = (rd->lexer.end - rd->start) / TRACKER_READER_STEP + 1;

    patch->n = 0;
    patch->elts = rd->lexer.arena->alloc(rd->lexer.arena->data,
                                         max * sizeof(tracker_patch_step_t));
    if (patch->elts == NULL) {
        return TRACKER_READER_NOMEM;
    }

    do {
        rd->index = patch->n;

        if (!tracker_read_step(rd, &patch->elts[patch->n], message)) {

            if (rd->lexer.nomem) {
                return TRACKER_READER_NOMEM;
            }

            return rd->rc == TRACKER_OK ? TRACKER_READER_UNDECIDED
                                        : TRACKER_READER_REFUSED;
        }

        patch->n++;

    } while (tracker_lex_char(&rd->lexer, ','));

    return tracker_lex_char(&rd->lexer, ']') && tracker_lex_end(&rd->lexer)
           ? TRACKER_READER_OK : TRACKER_READER_UNDECIDED;
}


/* the functions below return 1, or 0 as those in reader.h */

static int
tracker_read_step(tracker_reader_t *rd, tracker_patch_step_t *step,
    tracker_message_t *message)
{
    tracker_reader_step_t  members;

    memset(&members, 0, sizeof(tracker_reader_step_t));

    if (!tracker_lex_char(&rd->lexer, '{')) {
        return tracker_read_other(rd, NULL, -1, TRACKER_FAULT_NOT_OBJECT);
    }

    if (!tracker_lex_char(&rd->lexer, '}')) {

        do {
            if (!tracker_read_step_member(rd, &members, message)) {
                return 0;
            }

        } while (tracker_lex_char(&rd->lexer, ','));

        if (!tracker_lex_char(&rd->lexer, '}')) {
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

    if (!tracker_lex_string(&rd->lexer, &key)
        || !tracker_lex_char(&rd->lexer, ':'))
    {
        return 0;
    }

    if (tracker_str_equal(&key, &tracker_read_op)) {
        return tracker_read_new(rd, members->op.data)
               && tracker_read_value(rd, &key, -1, &members->op);
    }

    if (tracker_str_equal(&key, &tracker_read_path)) {
        return tracker_read_new(rd, members->path.data)
               && tracker_read_value(rd, &key, -1, &members->path);
    }

    if (tracker_str_equal(&key, &tracker_read_key)) {
        return tracker_read_new(rd, members->str.data)
               && tracker_read_new(rd, members->list.elts)
               && tracker_read_step_value(rd, members, message);
    }

    rd->stop = TRACKER_READER_UNSUPPORTED;

    return 0;
}


static int
tracker_read_step_value(tracker_reader_t *rd, tracker_reader_step_t *members,
    tracker_message_t *message)
{
    int  ok;

    if (tracker_lex_char(&rd->lexer, '[')) {
        rd->lexer.p--;
        ok = tracker_read_list(rd, &tracker_read_key, &members->list);

    } else {
        ok = tracker_read_value(rd, &tracker_read_key, -1, &members->str);
    }

    return rd->rc == TRACKER_OK ? ok
                                : tracker_read_step_type(rd, members, message);
}


/* the value is neither a string nor a list of strings: reports the fault */

static int
tracker_read_step_type(tracker_reader_t *rd,
    const tracker_reader_step_t *members, tracker_message_t *message)
{
    tracker_patch_step_t  step;

    /* any type is allowed, or the operation is not known yet */

    if (members->op.data == NULL
        || members->path.data == NULL
        || tracker_str_equal(&members->op, &tracker_read_remove))
    {
        rd->rc = TRACKER_OK;
        rd->stop = TRACKER_READER_UNSUPPORTED;
        return 0;
    }

    if (tracker_read_step_what(rd, &step, members, message)
        && tracker_read_step_fit(rd, &step, members))
    {
        /* a list is allowed: the message is about its element */

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
        return tracker_read_fault(rd, &tracker_read_key, -1,
                                  TRACKER_FAULT_REQUIRED);
    }

    step->str = members->str;
    step->list = members->list;

    return tracker_read_step_fit(rd, step, members);
}


/* checks that the operation takes a value of this type */

static int
tracker_read_step_fit(tracker_reader_t *rd, const tracker_patch_step_t *step,
    const tracker_reader_step_t *members)
{
    tracker_fault_e  fault;

    fault = tracker_patch_misfit(step, members->str.data != NULL,
                                 members->list.elts != NULL);

    return fault == TRACKER_FAULT_NONE
           || tracker_read_fault(rd, &tracker_read_key, -1, fault);
}


/* sets all of step except its value */

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
        return tracker_read_fault(rd, key, -1, TRACKER_FAULT_REQUIRED);
    }

    return str->len != 0
           || tracker_read_fault(rd, key, -1, TRACKER_FAULT_EMPTY);
}
