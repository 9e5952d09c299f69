
/*
 * Strings of the stored texts are JSON already, and copied as they are.
 */


#include "detect/answer.h"
#include "detect/line.h"
#include "tracker/number.h"


/* bytes of an element besides its strings, at most */
#define DETECT_ELEMENT  250

/* numbers of a find, see detect/record.h */
#define DETECT_FIND     5


static char *detect_element(detect_buffer_t *buffer, size_t len);
static char *detect_put_str(char *p, const detect_str_t *str);
static detect_rc_e detect_close_list(detect_report_t *report,
    detect_buffer_t *buffer);
static detect_rc_e detect_begin_tracker(detect_report_t *report,
    detect_buffer_t *buffer);
static detect_rc_e detect_begin_phrase(detect_report_t *report,
    detect_buffer_t *buffer);
static detect_rc_e detect_end_part(detect_report_t *report,
    detect_buffer_t *buffer);
static detect_rc_e detect_write_ref(detect_report_t *report,
    const detect_part_t *part, detect_buffer_t *buffer);
static int detect_read_find(const detect_line_t *line, uint64_t *find);
static int detect_find_text(const detect_str_t *said, const uint64_t *find,
    detect_str_t *text);
static detect_rc_e detect_write_line(detect_messages_t *messages,
    const detect_line_t *line, detect_buffer_t *buffer);
static detect_rc_e detect_begin_message(detect_messages_t *messages,
    const detect_str_t *rest);
static detect_rc_e detect_write_message(detect_messages_t *messages,
    const detect_str_t *text, detect_buffer_t *buffer);
static detect_rc_e detect_keep_members(detect_messages_t *messages);
static char *detect_put_seconds(char *p, uint64_t ms);


detect_rc_e
detect_report_write(detect_report_t *report, detect_buffer_t *buffer,
    size_t size)
{
    detect_rc_e     rc;
    detect_part_t  *part;

    do {
        if (buffer->n >= size) {
            return DETECT_AGAIN;
        }

        part = &report->parts[report->part];

        if (report->tracker > report->n_trackers) {
            return detect_close_list(report, buffer);
        }

        if (report->phrase == 0) {
            rc = detect_begin_tracker(report, buffer);

        } else if (report->part == 0) {
            rc = detect_begin_phrase(report, buffer);

        } else if (report->p == part->lines.data + part->lines.len) {
            rc = detect_end_part(report, buffer);

        } else {
            rc = detect_write_ref(report, part, buffer);
        }

    } while (rc == DETECT_OK);

    return rc;
}


/* room for an element with len bytes of strings */

static char *
detect_element(detect_buffer_t *buffer, size_t len)
{
    return detect_buffer_room(buffer, len + DETECT_ELEMENT);
}


static char *
detect_put_str(char *p, const detect_str_t *str)
{
    memcpy(p, str->data, str->len);

    return p + str->len;
}


static detect_rc_e
detect_close_list(detect_report_t *report, detect_buffer_t *buffer)
{
    char  *p;

    p = detect_element(buffer, 0);
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    p = report->n_trackers ? tracker_put(p, "]") : tracker_put(p, "[]");

    buffer->n = p - buffer->data;

    return DETECT_OK;
}


static detect_rc_e
detect_begin_tracker(detect_report_t *report, detect_buffer_t *buffer)
{
    char                    *p;
    detect_match_tracker_t  *tracker;

    tracker = &report->trackers[report->tracker];

    if (tracker->first == 0) {
        return DETECT_INVALID;
    }

    p = detect_element(buffer, tracker->name.len);
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    *p++ = report->tracker == 1 ? '[' : ',';

    p = tracker_put(p, "{\"id\":\"");
    p = detect_put_str(p, &tracker->id);
    p = tracker_put(p, "\",\"name\":");
    p = detect_put_str(p, &tracker->name);
    p = tracker_put(p, ",\"matches\":[");

    buffer->n = p - buffer->data;

    report->phrase = tracker->first;
    report->part = 0;

    return DETECT_OK;
}


static detect_rc_e
detect_begin_phrase(detect_report_t *report, detect_buffer_t *buffer)
{
    char                   *p;
    detect_match_phrase_t  *phrase;

    phrase = &report->phrases[report->phrase];

    p = detect_element(buffer, phrase->value.len);
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    if (report->phrase != report->trackers[report->tracker].first) {
        *p++ = ',';
    }

    p = tracker_put(p, "{\"type\":\"vocabulary\",\"value\":");
    p = detect_put_str(p, &phrase->value);
    p = tracker_put(p, ",\"messageRefs\":[");

    buffer->n = p - buffer->data;

    report->comma = 0;
    report->part = phrase->first;
    report->p = report->parts[report->part].lines.data;

    return DETECT_OK;
}


/* goes on to the next part of the phrase, or closes the phrase and so on */

static detect_rc_e
detect_end_part(detect_report_t *report, detect_buffer_t *buffer)
{
    char  *p;

    report->part = report->parts[report->part].next;

    if (report->part) {
        report->p = report->parts[report->part].lines.data;
        return DETECT_OK;
    }

    p = detect_element(buffer, 0);
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    p = tracker_put(p, "],\"insightRefs\":[]}");

    report->phrase = report->phrases[report->phrase].next;

    if (report->phrase == 0) {
        p = tracker_put(p, "]}");
        report->tracker++;
    }

    buffer->n = p - buffer->data;

    return DETECT_OK;
}


static detect_rc_e
detect_write_ref(detect_report_t *report, const detect_part_t *part,
    detect_buffer_t *buffer)
{
    char           *p;
    uint64_t        find[DETECT_FIND];
    detect_str_t    text;
    detect_line_t   line;

    report->p = detect_get_line(report->p, part->lines.data + part->lines.len,
                                &line);

    if (report->p == NULL
        || !detect_read_find(&line, find)
        || !detect_find_text(&report->jobs[part->job].said, find, &text))
    {
        return DETECT_INVALID;
    }

    p = detect_element(buffer, text.len);
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    if (report->comma) {
        *p++ = ',';
    }

    report->comma = 1;

    p = tracker_put(p, "{\"id\":\"");
    p = tracker_put_number(p, report->jobs[part->job].first + find[0]);
    p = tracker_put(p, "\",\"text\":");
    p = detect_put_str(p, &text);

    if (line.kind == 'Q') {
        p = tracker_put(p, ",\"offset\":-1}");

    } else {
        p = tracker_put(p, ",\"offset\":");
        p = tracker_put_number(p, find[3]);
        p = tracker_put(p, ",\"end\":");
        p = tracker_put_number(p, find[4]);
        *p++ = '}';
    }

    buffer->n = p - buffer->data;

    return DETECT_OK;
}


/*
 * Sets find to the sentence, the place and length of its text, and where the
 * phrase is in it, in this order.  Returns 1, or 0 if these are not the numbers
 * of the line.
 */

static int
detect_read_find(const detect_line_t *line, uint64_t *find)
{
    size_t       i, n;
    const char  *p;

    static const uint8_t  words[] = { 0, 3, 4, 1, 2 };
    static const uint8_t  stems[] = { 0, 1, 2 };

    n = line->kind == 'Q' ? sizeof(stems) : sizeof(words);
    p = line->rest.data;

    for (i = 0; p && i < n; i++) {
        p = detect_line_number(&line->rest, p,
                               &find[line->kind == 'Q' ? stems[i] : words[i]]);
    }

    return p == line->rest.data + line->rest.len + 1;
}


static int
detect_find_text(const detect_str_t *said, const uint64_t *find,
    detect_str_t *text)
{
    if (find[1] > said->len || find[2] > said->len - find[1]) {
        return 0;
    }

    text->data = said->data + find[1];
    text->len = find[2];

    return detect_line_string(text);
}


detect_rc_e
detect_messages_write(detect_messages_t *messages, const detect_str_t *said,
    detect_buffer_t *buffer, size_t size)
{
    const char     *end;
    detect_rc_e     rc;
    detect_line_t   line;

    if (messages->p == NULL) {
        messages->p = said->data;
    }

    end = said->data + said->len;

    while (messages->p < end) {

        if (buffer->n >= size) {
            return DETECT_AGAIN;
        }

        messages->p = detect_get_line(messages->p, end, &line);
        if (messages->p == NULL) {
            return DETECT_INVALID;
        }

        rc = detect_write_line(messages, &line, buffer);
        if (rc != DETECT_OK) {
            return rc;
        }
    }

    messages->p = NULL;

    return detect_keep_members(messages);
}


static detect_rc_e
detect_write_line(detect_messages_t *messages, const detect_line_t *line,
    detect_buffer_t *buffer)
{
    switch (line->kind) {

    case '1':
        return detect_line_number(&line->rest, line->rest.data,
                                  &messages->next)
               ? DETECT_OK : DETECT_INVALID;

    case 'M':
        return detect_begin_message(messages, &line->rest);

    case 'S':
        return detect_write_message(messages, &line->rest, buffer);

    default:
        return DETECT_INVALID;
    }
}


static detect_rc_e
detect_begin_message(detect_messages_t *messages, const detect_str_t *rest)
{
    int          before;
    int64_t      start;
    uint64_t     number;
    const char  *p;

    /* before 1970 */

    before = rest->len && rest->data[0] == '-';

    p = detect_line_number(rest, rest->data + before, &number);

    if (p) {
        start = before ? -(int64_t) number : (int64_t) number;
        p = detect_line_number(rest, p, &messages->duration);
    }

    if (p == NULL || p > rest->data + rest->len) {
        return DETECT_INVALID;
    }

    if (!messages->started) {
        messages->started = 1;
        messages->start = start;
    }

    messages->offset = start > messages->start ? start - messages->start : 0;

    messages->members.data = p;
    messages->members.len = rest->data + rest->len - p;

    return DETECT_OK;
}


static detect_rc_e
detect_write_message(detect_messages_t *messages, const detect_str_t *text,
    detect_buffer_t *buffer)
{
    char  *p;

    if (messages->next == 0 || messages->members.data == NULL
        || !detect_line_string(text))
    {
        return DETECT_INVALID;
    }

    p = detect_element(buffer, text->len + messages->members.len
                               + messages->id.len);
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    if (messages->comma) {
        *p++ = ',';
    }

    messages->comma = 1;

    p = tracker_put(p, "{\"id\":\"");
    p = tracker_put_number(p, messages->next++);
    p = tracker_put(p, "\",\"text\":");
    p = detect_put_str(p, text);
    *p++ = ',';
    p = detect_put_str(p, &messages->members);
    p = tracker_put(p, ",\"timeOffset\":");
    p = detect_put_seconds(p, messages->offset);
    p = tracker_put(p, ",\"duration\":");
    p = detect_put_seconds(p, messages->duration);

    if (messages->id.len) {
        p = tracker_put(p, ",\"conversationId\":\"");
        p = detect_put_str(p, &messages->id);
        *p++ = '"';
    }

    p = tracker_put(p, ",\"phrases\":[]}");

    buffer->n = p - buffer->data;

    return DETECT_OK;
}


/* the sentences of a message may go on in the next piece */

static detect_rc_e
detect_keep_members(detect_messages_t *messages)
{
    char  *p;

    if (messages->members.data == NULL
        || messages->members.data == messages->kept.data)
    {
        return DETECT_OK;
    }

    messages->kept.n = 0;

    p = detect_buffer_room(&messages->kept, messages->members.len + 1);
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    memcpy(p, messages->members.data, messages->members.len);

    messages->members.data = p;

    return DETECT_OK;
}


void
detect_messages_free(detect_messages_t *messages)
{
    detect_buffer_free(&messages->kept);
}


/* with as many digits behind the point as there are */

static char *
detect_put_seconds(char *p, uint64_t ms)
{
    p = tracker_put_number(p, ms / 1000);

    if (ms % 1000) {
        *p++ = '.';
        *p++ = '0' + ms / 100 % 10;
        *p++ = '0' + ms / 10 % 10;
        *p++ = '0' + ms % 10;

        while (p[-1] == '0') {
            p--;
        }
    }

    return p;
}
