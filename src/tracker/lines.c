
/*
 * Trackers as lines: where the lines are.
 */


#include "tracker/lines.h"


static const char *tracker_lines_skip(const char *p, const char *end);


int
tracker_lines_next(tracker_str_t *text, tracker_str_t *line, size_t *number)
{
    const char  *p, *end, *next;

    while (text->len) {
        p = text->data;
        end = memchr(p, '\n', text->len);
        next = end ? end + 1 : p + text->len;

        line->data = p;
        line->len = (end ? end : next) - p;

        text->len -= next - p;
        text->data = next;

        ++*number;

        if (tracker_lines_skip(p, p + line->len) != p + line->len) {
            return 1;
        }
    }

    return 0;
}


/* behind blanks within a line */

static const char *
tracker_lines_skip(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r')) {
        p++;
    }

    return p;
}


int
tracker_lines_is_end(const char *data, size_t len)
{
    const char           *p, *end;
    static const char     key[] = "\"end\"";

    end = data + len;
    p = tracker_lines_skip(data, end);

    if (p == end || *p != '{') {
        return 0;
    }

    p = tracker_lines_skip(p + 1, end);

    return (size_t) (end - p) >= sizeof(key) - 1
           && memcmp(p, key, sizeof(key) - 1) == 0;
}


size_t
tracker_lines_count(const tracker_str_t *text)
{
    size_t         n, number;
    tracker_str_t  rest, line;

    rest = *text;
    n = 0;
    number = 0;

    while (tracker_lines_next(&rest, &line, &number)) {
        n += !tracker_lines_is_end(line.data, line.len);
    }

    return n;
}


size_t
tracker_lines_number(const tracker_str_t *text, size_t index)
{
    size_t         number;
    tracker_str_t  rest, line;

    rest = *text;
    number = 0;

    while (tracker_lines_next(&rest, &line, &number) && index--) { /* void */ }

    return number;
}
