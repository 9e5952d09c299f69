
/*
 * All faults of a body: a list of bounded length, and the checks of
 * tracker_validate() that do not stop at the first fault.
 */


#include "tracker/duplicate.h"
#include "tracker/lines.h"
#include "tracker/report.h"


static char *tracker_report_copy(tracker_report_t *report,
    tracker_str_t *str, const char *data, size_t len);
static tracker_rc_e tracker_report_fields(tracker_report_t *report,
    const tracker_t *t, long index);
static tracker_rc_e tracker_report_phrases(tracker_report_t *report,
    const tracker_list_t *phrases, long index);


void
tracker_report_start(tracker_report_t *report, const tracker_arena_t *arena,
    const tracker_limits_t *limits)
{
    report->arena = arena;
    report->limits = limits;
    report->list = NULL;
    report->lines.data = NULL;
    report->line = 0;
    report->faulty = 0;
    report->found = 0;
    report->n = 0;
}


tracker_rc_e
tracker_report_add(tracker_report_t *report, const tracker_message_t *message)
{
    size_t               len;
    tracker_reported_t  *reported;

    report->found++;

    if (report->n == TRACKER_REPORT_MAX) {
        return TRACKER_OK;
    }

    /* what points nowhere is about the whole body */

    len = message->pointed ? message->pointer_len : 0;

    reported = &report->elts[report->n];

    if (tracker_report_copy(report, &reported->pointer, message->pointer, len)
        == NULL
        || tracker_report_copy(report, &reported->message, message->data,
                               message->len)
           == NULL)
    {
        return TRACKER_NOMEM;
    }

    report->n++;

    return TRACKER_OK;
}


static char *
tracker_report_copy(tracker_report_t *report, tracker_str_t *str,
    const char *data, size_t len)
{
    char  *p;

    p = report->arena->alloc(report->arena->data, len + !len);
    if (p == NULL) {
        return NULL;
    }

    memcpy(p, data, len);

    str->len = len;
    str->data = p;

    return p;
}


tracker_rc_e
tracker_report_fault(tracker_report_t *report, long index,
    const tracker_str_t *field, long elt, tracker_fault_e fault)
{
    tracker_message_t  message;

    if (report->n == TRACKER_REPORT_MAX) {
        report->found++;
        return TRACKER_OK;
    }

    tracker_message_fault(&message, index, field, elt, fault);

    return tracker_report_message(report, index, &message);
}


tracker_rc_e
tracker_report_message(tracker_report_t *report, long index,
    tracker_message_t *message)
{
    if (report->list) {
        tracker_message_prefix(message, report->list);
    }

    if (report->lines.data) {
        tracker_message_of_line(message, report->line
                                         ? report->line
                                         : tracker_lines_number(&report->lines,
                                                                index));
    }

    return tracker_report_add(report, message);
}


tracker_rc_e
tracker_report_tracker(tracker_report_t *report, const tracker_t *t,
    long index)
{
    tracker_rc_e  rc;

    rc = tracker_report_fields(report, t, index);

    if (rc != TRACKER_OK
        || report->faulty & 1u << TRACKER_FIELD_VOCABULARY
        || t->vocabulary.n == 0)
    {
        return rc;
    }

    return tracker_report_phrases(report, &t->vocabulary, index);
}


/* required fields that are absent or empty */

static tracker_rc_e
tracker_report_fields(tracker_report_t *report, const tracker_t *t,
    long index)
{
    int                     absent, empty;
    size_t                  i;
    tracker_rc_e            rc;
    const tracker_field_t  *field;

    for (i = 0; i < TRACKER_FIELDS; i++) {
        field = &tracker_fields[i];

        if (!field->required || report->faulty & 1u << i) {
            continue;
        }

        if (field->list) {
            absent = tracker_field_list(t, field)->elts == NULL;
            empty = tracker_field_list(t, field)->n == 0;

        } else {
            absent = tracker_field_str(t, field)->data == NULL;
            empty = tracker_field_str(t, field)->len == 0;
        }

        if (!absent && !empty) {
            continue;
        }

        rc = tracker_report_fault(report, index, &field->name, -1,
                                  absent ? TRACKER_FAULT_REQUIRED
                                         : TRACKER_FAULT_EMPTY);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_report_phrases(tracker_report_t *report, const tracker_list_t *phrases,
    long index)
{
    size_t                i;
    tracker_rc_e          rc;
    unsigned char        *marks;
    tracker_message_t     message;
    const tracker_str_t  *name;

    /* the body is refused, and nothing more is listed: no search for it */

    if (report->n == TRACKER_REPORT_MAX) {
        return TRACKER_OK;
    }

    name = &tracker_fields[TRACKER_FIELD_VOCABULARY].name;

    if (tracker_validate_count(phrases->n, index, report->limits, &message)
        != TRACKER_OK)
    {
        rc = tracker_report_message(report, index, &message);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    marks = report->arena->alloc(report->arena->data, phrases->n);

    if (marks == NULL
        || tracker_mark_duplicates(phrases->elts, phrases->n, report->arena,
                                   marks)
           != TRACKER_OK)
    {
        return TRACKER_NOMEM;
    }

    for (i = 0; i < phrases->n && report->n < TRACKER_REPORT_MAX; i++) {

        if (phrases->elts[i].len && !marks[i]) {
            continue;
        }

        rc = tracker_report_fault(report, index, name, i,
                                  phrases->elts[i].len
                                  ? TRACKER_FAULT_DUPLICATE
                                  : TRACKER_FAULT_EMPTY);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    return TRACKER_OK;
}


tracker_rc_e
tracker_report_names(tracker_report_t *report, const tracker_set_t *set,
    tracker_message_t *message)
{
    tracker_rc_e         rc;
    tracker_duplicate_t  twice;

    if (report->lines.data == NULL) {
        rc = tracker_validate_names(set, report->arena, message);

        if (rc == TRACKER_REPEATED && report->list) {
            tracker_message_prefix(message, report->list);
        }

        return rc;
    }

    if (set->n < 2) {
        return TRACKER_OK;
    }

    rc = tracker_find_duplicate(&set->elts[0].name, sizeof(tracker_t), set->n,
                                report->arena, &twice);

    if (rc != TRACKER_OK || twice.index == 0) {
        return rc;
    }

    tracker_message(message, "Line %zu: \"name\" repeats the name of line %zu.",
                    tracker_lines_number(&report->lines, twice.index),
                    tracker_lines_number(&report->lines, twice.earlier));
    tracker_message_at(message, twice.index,
                       &tracker_fields[TRACKER_FIELD_NAME].name, -1);

    return TRACKER_REPEATED;
}


tracker_rc_e
tracker_report_end(const tracker_report_t *report, tracker_message_t *message)
{
    const tracker_reported_t  *first;

    if (report->n == 0) {
        return TRACKER_OK;
    }

    first = &report->elts[0];

    memcpy(message->data, first->message.data, first->message.len);
    message->len = first->message.len;

    memcpy(message->pointer, first->pointer.data, first->pointer.len);
    message->pointer_len = first->pointer.len;
    message->pointed = 1;

    return TRACKER_INVALID;
}
