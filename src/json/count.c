
/* The size of a JSON text in values, without a tree. */


#include "json/tracker_json.h"


tracker_rc_e
tracker_json_bounded(const char *data, size_t len, tracker_message_t *message)
{
    size_t  n;

    /* a value takes two bytes at least */

    if (len / 2 <= TRACKER_JSON_VALUES) {
        return TRACKER_OK;
    }

    n = tracker_json_count(data, len, SIZE_MAX);

    if (n > TRACKER_JSON_VALUES) {
        tracker_message(message, "Request body must contain at most %d "
                        "values, found %zu.", TRACKER_JSON_VALUES, n);
        return TRACKER_INVALID;
    }

    return TRACKER_OK;
}


/* as many as commas, and one for each bracket that is not closed at once */

size_t
tracker_json_count(const char *data, size_t len, size_t depth)
{
    char    c, last;
    size_t  i, n, level;

    n = 0;
    level = 0;
    last = '\0';

    for (i = 0; i < len; i++) {
        c = data[i];

        switch (c) {

        case ' ':
        case '\t':
        case '\r':
        case '\n':
            continue;

        case '"':
            for (i++; i < len && data[i] != '"'; i++) {
                i += data[i] == '\\';
            }

            break;

        case '[':
        case '{':
            n += ++level <= depth;
            break;

        case ',':
            n += level <= depth;
            break;

        case ']':
        case '}':
            n -= level <= depth && (last == '[' || last == '{');
            level -= level != 0;
            break;

        default:
            break;
        }

        last = c;
    }

    return n;
}
