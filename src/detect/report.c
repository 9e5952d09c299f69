
/*
 * Jobs are merged: a tracker is one with its id, a phrase with its value.  The
 * lines are counted first, so that nothing has to grow.  All finds of a phrase
 * in a job are one part, whose lines are read when they are written.
 */


#include <stdlib.h>

#include "detect/hash.h"
#include "detect/line.h"
#include "detect/report.h"
#include "tracker/tracker.h"


/* what a line costs besides its bytes, in nanoseconds */
#define DETECT_COST_LINE   20

typedef detect_rc_e (*detect_line_pt)(detect_report_t *report,
    const detect_line_t *line);


static detect_rc_e detect_each_line(detect_report_t *report, size_t *budget,
    detect_line_pt handler);
static detect_rc_e detect_count_line(detect_report_t *report,
    const detect_line_t *line);
static detect_rc_e detect_report_allocate(detect_report_t *report);
static detect_rc_e detect_read_line(detect_report_t *report,
    const detect_line_t *line);
static detect_rc_e detect_read_head(detect_report_t *report,
    const detect_str_t *rest);
static detect_rc_e detect_read_tracker(detect_report_t *report,
    const detect_str_t *rest);
static detect_rc_e detect_read_phrase(detect_report_t *report,
    const detect_str_t *value);
static void detect_add_part(detect_report_t *report, detect_match_phrase_t *to,
    const char *lines);
static int detect_str_equal(const detect_str_t *one, const detect_str_t *two);


detect_rc_e
detect_report_read(detect_report_t *report, size_t *budget)
{
    detect_rc_e  rc;

    if (!report->counted) {

        rc = detect_each_line(report, budget, detect_count_line);
        if (rc != DETECT_OK) {
            return rc;
        }

        rc = detect_report_allocate(report);
        if (rc != DETECT_OK) {
            return rc;
        }

        report->counted = 1;
    }

    rc = detect_each_line(report, budget, detect_read_line);

    if (rc == DETECT_OK) {
        report->tracker = 1;
        report->phrase = 0;
        report->part = 0;
        report->p = NULL;
    }

    return rc;
}


/* of what was found; can be begun again when it is done */

static detect_rc_e
detect_each_line(detect_report_t *report, size_t *budget,
    detect_line_pt handler)
{
    const char     *end;
    detect_rc_e     rc;
    detect_line_t   line;

    end = report->found.data + report->found.len;

    if (report->p == NULL) {
        report->p = report->found.data;
    }

    while (report->p < end) {

        if (*budget == 0) {
            return DETECT_AGAIN;
        }

        report->p = detect_get_line(report->p, end, &line);
        if (report->p == NULL) {
            return DETECT_INVALID;
        }

        rc = handler(report, &line);
        if (rc != DETECT_OK) {
            return rc;
        }

        (void) detect_spend(budget, line.rest.len / 8 + DETECT_COST_LINE);
    }

    report->p = NULL;

    return DETECT_OK;
}


static detect_rc_e
detect_count_line(detect_report_t *report, const detect_line_t *line)
{
    report->n_jobs += line->kind == '1';
    report->n_trackers += line->kind == 'T';
    report->n_phrases += line->kind == 'P';

    return DETECT_OK;
}


static detect_rc_e
detect_report_allocate(detect_report_t *report)
{
    report->jobs = calloc(report->n_jobs + 1, sizeof(detect_job_t));
    report->trackers = calloc(report->n_trackers + 1,
                              sizeof(detect_match_tracker_t));
    report->phrases = calloc(report->n_phrases + 1,
                             sizeof(detect_match_phrase_t));
    report->parts = calloc(report->n_phrases + 1, sizeof(detect_part_t));

    if (report->jobs == NULL
        || report->trackers == NULL
        || report->phrases == NULL
        || report->parts == NULL
        || !detect_index_create(&report->tracker_index, report->n_trackers)
        || !detect_index_create(&report->phrase_index, report->n_phrases))
    {
        return DETECT_NOMEM;
    }

    report->n_jobs = 0;
    report->n_trackers = 0;
    report->n_phrases = 0;

    return DETECT_OK;
}


static detect_rc_e
detect_read_line(detect_report_t *report, const detect_line_t *line)
{
    switch (line->kind) {

    case '1':
        report->tracker = 0;
        report->part = 0;
        return detect_read_head(report, &line->rest);

    case 'T':
        if (report->n_jobs == 0) {
            return DETECT_INVALID;
        }

        report->part = 0;
        return detect_read_tracker(report, &line->rest);

    case 'P':
        return detect_read_phrase(report, &line->rest);

    case 'R':
    case 'Q':
        if (report->part == 0) {
            return DETECT_INVALID;
        }

        report->parts[report->part].lines.len += line->rest.len + 3;
        return DETECT_OK;

    default:
        return DETECT_INVALID;
    }
}


static detect_rc_e
detect_read_head(detect_report_t *report, const detect_str_t *rest)
{
    uint64_t       first, len;
    const char    *p;
    detect_job_t  *job, *before;

    p = detect_line_number(rest, rest->data, &first);
    p = p ? detect_line_number(rest, p, &len) : NULL;

    if (p == NULL) {
        return DETECT_INVALID;
    }

    before = &report->jobs[report->n_jobs];
    job = &report->jobs[++report->n_jobs];

    job->first = first;
    job->said.data = report->n_jobs == 1 ? report->said.data
                                         : before->said.data + before->said.len;
    job->said.len = len;

    return len <= (size_t) (report->said.data + report->said.len
                            - job->said.data)
           ? DETECT_OK : DETECT_INVALID;
}


/* a tracker that was renamed between two jobs has its last name */

static detect_rc_e
detect_read_tracker(detect_report_t *report, const detect_str_t *rest)
{
    uint32_t                 i, n;
    detect_str_t             id, name;
    detect_index_t          *index;
    detect_match_tracker_t  *tracker;

    if (rest->len < TRACKER_ID_LEN + 1
        || rest->data[TRACKER_ID_LEN] != ' '
        || !tracker_id_valid(rest->data, TRACKER_ID_LEN))
    {
        return DETECT_INVALID;
    }

    id.data = rest->data;
    id.len = TRACKER_ID_LEN;

    name.data = rest->data + TRACKER_ID_LEN + 1;
    name.len = rest->len - TRACKER_ID_LEN - 1;

    if (!detect_line_string(&name)) {
        return DETECT_INVALID;
    }

    index = &report->tracker_index;

    for (i = detect_hash_text(report->key, 0, id.data, id.len) & index->mask;
         index->slots[i];
         i = (i + 1) & index->mask)
    {
        if (detect_str_equal(&report->trackers[index->slots[i]].id, &id)) {
            break;
        }
    }

    n = index->slots[i];

    if (n == 0) {
        n = ++report->n_trackers;
        index->slots[i] = n;
    }

    tracker = &report->trackers[n];
    tracker->id = id;
    tracker->name = name;

    report->tracker = n;

    return DETECT_OK;
}


static detect_rc_e
detect_read_phrase(detect_report_t *report, const detect_str_t *value)
{
    uint32_t                 i, n;
    detect_index_t          *index;
    detect_match_phrase_t   *phrase;
    detect_match_tracker_t  *tracker;

    if (report->tracker == 0 || !detect_line_string(value)) {
        return DETECT_INVALID;
    }

    index = &report->phrase_index;

    for (i = detect_hash_text(report->key, report->tracker, value->data,
                              value->len)
             & index->mask;
         index->slots[i];
         i = (i + 1) & index->mask)
    {
        phrase = &report->phrases[index->slots[i]];

        if (phrase->tracker == report->tracker
            && detect_str_equal(&phrase->value, value))
        {
            break;
        }
    }

    n = index->slots[i];

    if (n == 0) {
        n = ++report->n_phrases;
        index->slots[i] = n;

        phrase = &report->phrases[n];
        phrase->value = *value;
        phrase->tracker = report->tracker;

        tracker = &report->trackers[report->tracker];

        if (tracker->last) {
            report->phrases[tracker->last].next = n;

        } else {
            tracker->first = n;
        }

        tracker->last = n;
    }

    detect_add_part(report, &report->phrases[n], value->data + value->len + 1);

    return DETECT_OK;
}


/* the lines that follow are a part of the phrase */

static void
detect_add_part(detect_report_t *report, detect_match_phrase_t *to,
    const char *lines)
{
    detect_part_t  *part;

    report->part = ++report->n_parts;

    part = &report->parts[report->part];
    part->lines.data = lines;
    part->job = report->n_jobs;

    if (to->last) {
        report->parts[to->last].next = report->part;

    } else {
        to->first = report->part;
    }

    to->last = report->part;
}


static int
detect_str_equal(const detect_str_t *one, const detect_str_t *two)
{
    return one->len == two->len && memcmp(one->data, two->data, one->len) == 0;
}


void
detect_report_free(detect_report_t *report)
{
    free(report->jobs);
    free(report->trackers);
    free(report->phrases);
    free(report->parts);
    free(report->tracker_index.slots);
    free(report->phrase_index.slots);
}
