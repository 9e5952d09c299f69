
/*
 * Decoding with jansson a body that has a tracker a line.
 */


#include <errno.h>

#include "json/jansson_walk.h"
#include "json/lines_end.h"
#include "tracker/lines.h"


/* the longest line that ends a list */
#define TRACKER_JSON_END  256


static tracker_rc_e tracker_json_lines(tracker_json_walk_t *walk,
    const tracker_str_t *text, int whole, tracker_set_t *set);
static tracker_rc_e tracker_json_line(tracker_json_walk_t *walk,
    const tracker_str_t *line, size_t number, tracker_set_t *set);
static int tracker_json_ends(json_t *root, size_t n, int whole);


tracker_rc_e
tracker_jansson_lines(const char *data, size_t len, int whole,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_report_t *report, tracker_message_t *message)
{
    size_t                n;
    tracker_rc_e          rc;
    tracker_str_t         text = { len, data };
    tracker_json_walk_t   walk = { limits, arena, message, NULL, -1,
                                   NULL, NULL, report, 1, 0 };

    n = tracker_lines_count(&text);

    set->bulk = 1;
    set->n = 0;
    set->elts = arena->alloc(arena->data, (n + !n) * sizeof(tracker_t));
    if (set->elts == NULL) {
        return TRACKER_NOMEM;
    }

    rc = tracker_json_lines(&walk, &text, whole, set);
    if (rc != TRACKER_OK) {
        return rc;
    }

    report->line = 0;

    rc = tracker_validate_bulk(set->n, limits, message);
    if (rc != TRACKER_OK) {
        report->n = 0;
        return rc;
    }

    rc = tracker_report_end(report, message);

    return rc == TRACKER_OK ? tracker_report_names(report, set, message) : rc;
}


/* what is wrong with the lines as such is alone in the report */

static tracker_rc_e
tracker_json_lines(tracker_json_walk_t *walk, const tracker_str_t *text,
    int whole, tracker_set_t *set)
{
    size_t         number;
    tracker_rc_e   rc;
    tracker_str_t  rest, line, more;

    rest = *text;
    number = 0;
    rc = TRACKER_OK;

    while (rc == TRACKER_OK && tracker_lines_next(&rest, &line, &number)) {

        if (!tracker_lines_is_end(line.data, line.len)) {
            rc = tracker_json_line(walk, &line, number, set);
            continue;
        }

        rc = tracker_jansson_end(line.data, line.len, number, set->n, whole,
                                 walk->message);

        if (rc == TRACKER_OK && tracker_lines_next(&rest, &more, &number)) {
            rc = tracker_jansson_bad_end(walk->message, number, set->n);
        }

        whole = 0;
        break;
    }

    if (rc == TRACKER_OK && whole && set->n) {
        rc = tracker_jansson_bad_end(walk->message, 0, set->n);
    }

    if (rc == TRACKER_INVALID) {
        walk->report->n = 0;
    }

    return rc;
}


static tracker_rc_e
tracker_json_line(tracker_json_walk_t *walk, const tracker_str_t *line,
    size_t number, tracker_set_t *set)
{
    json_t        *root;
    tracker_rc_e   rc;

    walk->index = set->n;
    walk->line = number - 1;
    walk->report->line = number;

    root = tracker_json_open(walk, line->data, line->len, &rc);
    if (root == NULL) {
        return rc;
    }

    rc = tracker_json_tracker(walk, root, &set->elts[set->n++]);

    json_decref(root);

    return rc;
}


tracker_rc_e
tracker_jansson_end(const char *data, size_t len, size_t number, size_t n,
    int whole, tracker_message_t *message)
{
    int      ends;
    json_t  *root;

    while (len && (data[len - 1] == ' ' || data[len - 1] == '\t'
                   || data[len - 1] == '\r'))
    {
        len--;
    }

    if (len > TRACKER_JSON_END || memchr(data, '\0', len)) {
        return tracker_jansson_bad_end(message, number, n);
    }

    errno = 0;

    root = json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);

    if (errno == ENOMEM) {
        json_decref(root);
        return TRACKER_NOMEM;
    }

    ends = tracker_json_ends(root, n, whole);

    json_decref(root);

    return ends ? TRACKER_OK : tracker_jansson_bad_end(message, number, n);
}


static int
tracker_json_ends(json_t *root, size_t n, int whole)
{
    json_t  *count, *next;

    count = json_object_get(root, "count");
    next = json_object_get(root, "next");

    return json_is_true(json_object_get(root, "end"))
           && json_is_integer(count)
           && json_integer_value(count) == (json_int_t) n
           && (next == NULL || (json_is_string(next) && !whole))
           && json_object_size(root) == 2 + (next != NULL);
}


tracker_rc_e
tracker_jansson_bad_end(tracker_message_t *message, size_t number, size_t n)
{
    if (number) {
        tracker_message(message, "Line %zu does not end a list of %zu "
                        "tracker%s: it was cut, or changed.", number, n,
                        n == 1 ? "" : "s");

    } else {
        tracker_message(message, "The last line must be {\"end\":true,"
                        "\"count\":%zu}.", n);
    }

    tracker_message_at(message, -1, NULL, -1);

    return TRACKER_INVALID;
}
