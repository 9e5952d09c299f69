
/*
 * Decides who decodes a body: the strict reader first, then the JSON library.
 */


#include "json/jansson.h"
#include "json/lines_end.h"
#include "json/reader_lines.h"
#include "json/record.h"
#include "tracker/lines.h"


struct tracker_decode_s {
    const char               *data;
    size_t                    len;
    tracker_json_shape_e      shape;
    tracker_str_t             id;        /* data NULL: not a PUT */
    const tracker_limits_t   *limits;
    const tracker_arena_t    *arena;
    tracker_set_t            *set;
    tracker_report_t         *report;    /* of imports, lines */
    tracker_reader_t         *reader;    /* NULL: it has ended */
    tracker_message_t        *message;
    tracker_rc_e              rc;        /* of the check that refused */
    unsigned                  lines:1;   /* a tracker a line */
    unsigned                  whole:1;   /* with a line that ends them */
    unsigned                  undecided:1;
    unsigned                  listed:1;  /* the report has what is wrong */
};


struct tracker_decode_talk_s {
    const char               *data;
    size_t                    len;
    tracker_talk_e            what;
    const tracker_limits_t   *limits;
    const tracker_arena_t    *arena;
    tracker_conversation_t   *conversation;
    tracker_set_t             set;       /* of the reader, which needs one */
    tracker_reader_t         *reader;
    tracker_reader_talk_t    *talk;
};


static void tracker_decode_report(tracker_decode_t *decode);
static tracker_rc_e tracker_decode_step(tracker_decode_t *decode,
    size_t *budget, tracker_message_t *message);
static tracker_rc_e tracker_decode_jansson(tracker_decode_t *decode,
    tracker_message_t *message);
static int tracker_decode_decided(const tracker_reader_t *rd,
    tracker_reader_rc_e result, tracker_rc_e *rc, tracker_message_t *message);
static int tracker_decode_is_large(const tracker_reader_t *rd);
static tracker_rc_e tracker_decode_shape(const tracker_reader_t *rd,
    tracker_json_shape_e shape, tracker_message_t *message);
static tracker_rc_e tracker_decode_check(void *ctx, long index,
    const tracker_t *t, const tracker_reader_fault_t *fault);
static size_t tracker_decode_count(const tracker_decode_t *decode);
static tracker_rc_e tracker_decode_stop(const tracker_reader_t *rd,
    tracker_message_t *message);
static tracker_rc_e tracker_decode_fault(void *ctx, long index,
    const tracker_t *t, const tracker_reader_fault_t *fault);
static tracker_rc_e tracker_decode_accept(void *ctx, long index,
    const tracker_t *t, const tracker_reader_fault_t *fault);


/* the key of an import's array */

static const tracker_str_t  tracker_decode_list = tracker_str("trackers");


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
    decode->report = NULL;

    decode->lines = 0;
    decode->whole = 0;
    decode->undecided = 0;
    decode->listed = 0;

    if (!TRACKER_READER) {
        return decode;
    }

    decode->reader = tracker_read_start(data, len, id != NULL, arena,
                                        tracker_decode_check, decode, set);
    if (decode->reader == NULL) {
        return NULL;
    }

    return decode;
}


tracker_decode_t *
tracker_decode_import_start(const char *data, size_t len,
    tracker_json_shape_e shape, const tracker_limits_t *limits,
    const tracker_arena_t *arena, tracker_set_t *set,
    tracker_report_t *report)
{
    tracker_decode_t  *decode;

    decode = tracker_decode_start(data, len, shape, NULL, limits, arena, set);
    if (decode == NULL) {
        return NULL;
    }

    decode->report = report;

    tracker_decode_report(decode);

    if (TRACKER_READER
        && !tracker_read_import(decode->reader, report, &tracker_decode_list))
    {
        return NULL;
    }

    return decode;
}


tracker_decode_t *
tracker_decode_lines_start(const char *data, size_t len, int whole,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_report_t *report)
{
    tracker_decode_t  *decode;

    decode = tracker_decode_start(data, len, TRACKER_JSON_ARRAY, NULL, limits,
                                  arena, set);
    if (decode == NULL) {
        return NULL;
    }

    decode->report = report;
    decode->lines = 1;
    decode->whole = whole;

    tracker_decode_report(decode);

    if (TRACKER_READER && !tracker_read_lines(decode->reader, report, whole)) {
        return NULL;
    }

    return decode;
}


/* begins the report, or begins it again */

static void
tracker_decode_report(tracker_decode_t *decode)
{
    tracker_report_start(decode->report, decode->arena, decode->limits);

    if (decode->lines) {
        decode->report->lines.data = decode->data;
        decode->report->lines.len = decode->len;
    }
}


tracker_rc_e
tracker_decode_run(tracker_decode_t *decode, size_t *budget,
    tracker_message_t *message)
{
    tracker_rc_e  rc;

    rc = tracker_decode_step(decode, budget, message);

    if (decode->report == NULL) {
        return rc;
    }

    if (rc != TRACKER_INVALID) {
        return rc;
    }

    /* what is wrong with the whole body, or the first of the report */

    if (decode->listed) {
        return tracker_report_end(decode->report, message);
    }

    tracker_decode_report(decode);

    rc = tracker_report_add(decode->report, message);

    return rc == TRACKER_OK ? TRACKER_INVALID : rc;
}


static tracker_rc_e
tracker_decode_step(tracker_decode_t *decode, size_t *budget,
    tracker_message_t *message)
{
    tracker_rc_e    rc;
    tracker_set_t  *set;

    if (!TRACKER_READER) {
        (void) tracker_spend(budget, decode->len);
        return tracker_decode_jansson(decode, message);
    }

    set = decode->set;
    decode->message = message;

    if (decode->reader) {

        if (tracker_decode_shape(decode->reader, decode->shape, message)
            != TRACKER_OK)
        {
            return TRACKER_INVALID;
        }

        switch (decode->lines ? tracker_read_lines_run(decode->reader, budget)
                              : tracker_read_run(decode->reader, budget))
        {

        case TRACKER_READER_OK:
            decode->reader = NULL;

            if (decode->report && decode->report->n) {
                decode->listed = 1;
                return TRACKER_INVALID;
            }

            if (*budget == 0) {
                return TRACKER_AGAIN;
            }

            break;

        case TRACKER_READER_AGAIN:
            return TRACKER_AGAIN;

        case TRACKER_READER_NOMEM:
            return TRACKER_NOMEM;

        case TRACKER_READER_REFUSED:

            return decode->undecided ? tracker_decode_jansson(decode, message)
                                     : decode->rc;

        default: /* TRACKER_READER_UNDECIDED */

            if (decode->len >= TRACKER_DECODE_LARGE) {

                /* the library would take long to find others */

                if (decode->reader->stop == TRACKER_READER_FAULTY) {
                    decode->listed = 1;
                    return TRACKER_INVALID;
                }

                rc = tracker_decode_stop(decode->reader, message);
                if (rc != TRACKER_OK) {
                    return rc;
                }
            }

            return tracker_decode_jansson(decode, message);
        }
    }

    if (!set->bulk) {
        return decode->id.data
               ? tracker_validate_id(set->elts, &decode->id, message)
               : TRACKER_OK;
    }

    (void) tracker_spend(budget, set->n * TRACKER_COST / 4);

    if (decode->report) {
        decode->report->line = 0;

        return tracker_report_names(decode->report, set, message);
    }

    return tracker_validate_names(set, decode->arena, message);
}


static tracker_rc_e
tracker_decode_jansson(tracker_decode_t *decode, tracker_message_t *message)
{
    tracker_rc_e  rc;

    if (decode->report) {
        tracker_decode_report(decode);

        rc = decode->lines
             ? tracker_jansson_lines(decode->data, decode->len, decode->whole,
                                     decode->limits, decode->arena,
                                     decode->set, decode->report, message)
             : tracker_jansson_import(decode->data, decode->len,
                                      decode->shape, &tracker_decode_list,
                                      decode->limits, decode->arena,
                                      decode->set, decode->report, message);

        decode->listed = decode->report->n > 0;

        return rc;
    }

    return tracker_jansson_trackers(decode->data, decode->len, decode->shape,
                                    decode->id.data ? &decode->id : NULL,
                                    decode->limits, decode->arena, decode->set,
                                    message);
}


tracker_decode_talk_t *
tracker_decode_talk_start(const char *data, size_t len, tracker_talk_e what,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_conversation_t *conversation)
{
    tracker_decode_talk_t  *decode;

    decode = arena->alloc(arena->data, sizeof(tracker_decode_talk_t));
    if (decode == NULL) {
        return NULL;
    }

    decode->data = data;
    decode->len = len;
    decode->what = what;
    decode->limits = limits;
    decode->arena = arena;
    decode->conversation = conversation;

    if (!TRACKER_READER) {
        return decode;
    }

    decode->reader = tracker_read_start(data, len, 0, arena,
                                        tracker_decode_accept, NULL,
                                        &decode->set);
    if (decode->reader == NULL) {
        return NULL;
    }

    decode->talk = tracker_read_talk_start(decode->reader, what, limits,
                                           conversation);
    if (decode->talk == NULL) {
        return NULL;
    }

    return decode;
}


tracker_rc_e
tracker_decode_talk_run(tracker_decode_talk_t *decode, size_t *budget,
    tracker_message_t *message)
{
    tracker_rc_e         rc;
    tracker_reader_rc_e  result;

    if (TRACKER_READER) {

        if (tracker_decode_shape(decode->reader, TRACKER_JSON_OBJECT, message)
            != TRACKER_OK)
        {
            return TRACKER_INVALID;
        }

        result = tracker_read_talk_run(decode->talk, budget, message);

        if (tracker_decode_decided(decode->reader, result, &rc, message)) {
            return rc;
        }
    }

    (void) tracker_spend(budget, decode->len);

    return tracker_jansson_conversation(decode->data, decode->len,
                                        decode->what, decode->limits,
                                        decode->arena, decode->conversation,
                                        message);
}


tracker_rc_e
tracker_decode_patch(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_patch_t *patch,
    tracker_message_t *message)
{
    tracker_rc_e          rc;
    tracker_set_t         set;
    tracker_reader_t     *rd;
    tracker_reader_rc_e   result;

    if (!TRACKER_READER) {
        return tracker_jansson_patch(data, len, arena, patch, message);
    }

    rd = tracker_read_start(data, len, 0, arena, tracker_decode_fault, message,
                            &set);
    if (rd == NULL) {
        return TRACKER_NOMEM;
    }

    if (tracker_decode_shape(rd, TRACKER_JSON_ARRAY, message) != TRACKER_OK) {
        return TRACKER_INVALID;
    }

    result = tracker_read_patch(rd, patch, message);

    if (tracker_decode_decided(rd, result, &rc, message)) {
        return rc;
    }

    return tracker_jansson_patch(data, len, arena, patch, message);
}


tracker_rc_e
tracker_decode_merge(const char *data, size_t len, const tracker_str_t *id,
    const tracker_arena_t *arena, tracker_merge_t *merge,
    tracker_message_t *message)
{
    tracker_rc_e          rc;
    tracker_set_t         set;
    tracker_reader_t     *rd;
    tracker_reader_rc_e   result;

    if (!TRACKER_READER) {
        return tracker_jansson_merge(data, len, id, arena, merge, message);
    }

    rd = tracker_read_start(data, len, 1, arena, tracker_decode_fault, message,
                            &set);
    if (rd == NULL) {
        return TRACKER_NOMEM;
    }

    if (tracker_decode_shape(rd, TRACKER_JSON_OBJECT, message) != TRACKER_OK) {
        return TRACKER_INVALID;
    }

    result = tracker_read_merge(rd, merge);

    if (tracker_decode_decided(rd, result, &rc, message)) {
        return rc == TRACKER_OK
               ? tracker_validate_id(&merge->values, id, message) : rc;
    }

    return tracker_jansson_merge(data, len, id, arena, merge, message);
}


tracker_rc_e
tracker_decode_record(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_t *t)
{
    size_t             budget;
    tracker_set_t      set;
    tracker_reader_t  *rd;

    if (!TRACKER_READER) {
        return tracker_jansson_record(data, len, arena, t);
    }

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

    /* rare: another version of the module wrote it, or another program */

    return tracker_jansson_record(data, len, arena, t);
}


tracker_rc_e
tracker_decode_login(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_login_t *login,
    tracker_message_t *message)
{
    tracker_rc_e  rc;

    rc = tracker_jansson_check_size(data, len, message);

    return rc == TRACKER_OK
           ? tracker_jansson_login(data, len, arena, login, message) : rc;
}


/* returns 0 if the library must decide, else 1 with *rc */

static int
tracker_decode_decided(const tracker_reader_t *rd, tracker_reader_rc_e result,
    tracker_rc_e *rc, tracker_message_t *message)
{
    switch (result) {

    case TRACKER_READER_OK:
        *rc = TRACKER_OK;
        return 1;

    case TRACKER_READER_AGAIN:
        *rc = TRACKER_AGAIN;
        return 1;

    case TRACKER_READER_NOMEM:
        *rc = TRACKER_NOMEM;
        return 1;

    case TRACKER_READER_REFUSED:
        *rc = TRACKER_INVALID;
        return tracker_decode_is_large(rd);

    default: /* TRACKER_READER_UNDECIDED */

        if (!tracker_decode_is_large(rd)) {
            return 0;
        }

        *rc = tracker_decode_stop(rd, message);
        return *rc != TRACKER_OK;
    }
}


static int
tracker_decode_is_large(const tracker_reader_t *rd)
{
    return (size_t) (rd->lexer.end - rd->start) >= TRACKER_DECODE_LARGE;
}


/* checks the shape of a large body by its first byte, before it is read */

static tracker_rc_e
tracker_decode_shape(const tracker_reader_t *rd, tracker_json_shape_e shape,
    tracker_message_t *message)
{
    const tracker_lexer_t  *lx;

    if (!tracker_decode_is_large(rd)) {
        return TRACKER_OK;
    }

    lx = &rd->lexer;

    if (shape == TRACKER_JSON_OBJECT && rd->set->bulk) {
        tracker_message_fault(message, -1, NULL, -1, TRACKER_FAULT_NOT_OBJECT);
        return TRACKER_INVALID;
    }

    if (shape == TRACKER_JSON_ARRAY && !rd->set->bulk) {

        if (lx->p == lx->end || *lx->p != '{') {
            return tracker_decode_stop(rd, message);
        }

        tracker_message_fault(message, -1, NULL, -1, TRACKER_FAULT_NOT_ARRAY);
        return TRACKER_INVALID;
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_decode_check(void *ctx, long index, const tracker_t *t,
    const tracker_reader_fault_t *fault)
{
    tracker_decode_t *decode = ctx;

    size_t  max, found;

    max = decode->limits->max_bulk;

    if (index >= 0 && max && (size_t) index >= max
        && decode->len >= TRACKER_DECODE_LARGE)
    {
        found = tracker_decode_count(decode);

        decode->rc = tracker_validate_bulk(found, decode->limits,
                                           decode->message);
        return decode->rc;
    }

    /* what is wrong with the whole of a small body, the library says */

    if ((index < 0 && decode->shape == TRACKER_JSON_ARRAY)
        || (index >= 0 && decode->shape == TRACKER_JSON_OBJECT)
        || (index >= 0 && max && (size_t) index >= max))
    {
        goto undecided;
    }

    if (decode->report) {
        decode->rc = fault
                     ? tracker_report_fault(decode->report, index, fault->key,
                                            fault->elt, fault->what)
                     : tracker_report_tracker(decode->report, t, index);
        return decode->rc;
    }

    if (fault) {
        tracker_message_fault(decode->message, index, fault->key, fault->elt,
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
        goto undecided;
    }

    return decode->rc;

undecided:

    decode->undecided = 1;

    return TRACKER_INVALID;
}


/* the trackers of a body that has many, also those that were not read */

static size_t
tracker_decode_count(const tracker_decode_t *decode)
{
    size_t         depth;
    tracker_str_t  text = { decode->len, decode->data };

    if (decode->lines) {
        return tracker_lines_count(&text);
    }

    depth = decode->reader->wrapped ? 2 : 1;

    /* the array is a value, too, where it is in an object */

    return tracker_jansson_count(decode->data, decode->len, depth)
           - (depth - 1);
}


/*
 * Reports why the reader is undecided about a large body.  Returns TRACKER_OK
 * if the library must decide, and will not take long.
 */

static tracker_rc_e
tracker_decode_stop(const tracker_reader_t *rd, tracker_message_t *message)
{
    size_t       line, column;
    const char  *p, *end;

    end = rd->lexer.end;

    if (rd->stop == TRACKER_READER_UNSUPPORTED) {
        return tracker_jansson_check_size(rd->start, end - rd->start, message);
    }

    if (rd->stop == TRACKER_READER_EMPTY) {
        tracker_message_fault(message, -1, NULL, -1, TRACKER_FAULT_EMPTY_BODY);
        return TRACKER_INVALID;
    }

    if (rd->stop == TRACKER_READER_BAD_END) {
        return tracker_jansson_bad_end(message, rd->line, rd->index + 1);
    }

    line = 1;
    column = 0;

    /* the library's columns are characters, too */

    for (p = rd->start; p < end && p <= rd->lexer.p; p++) {

        if (*p == '\n') {
            line++;
            column = 0;

        } else if ((*p & 0xc0) != 0x80) {
            column++;
        }
    }

    return tracker_jansson_syntax(message,
                                  rd->stop == TRACKER_READER_DUPLICATE_KEY,
                                  line, column);
}


static tracker_rc_e
tracker_decode_fault(void *ctx, long index, const tracker_t *t,
    const tracker_reader_fault_t *fault)
{
    (void) t;

    tracker_message_fault(ctx, index, fault->key, fault->elt, fault->what);

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
