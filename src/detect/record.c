
/*
 * A message's line is written when its first sentence is; the places of the
 * sentences' strings are known before the lines that name them.
 */


#include <stdlib.h>

#include "detect/hash.h"
#include "detect/record.h"
#include "detect/time.h"
#include "json/string.h"
#include "tracker/job.h"
#include "tracker/number.h"


/* what a line costs besides its bytes, in nanoseconds */
#define DETECT_COST_LINE  60

/* bytes of a line besides its strings, at most */
#define DETECT_LINE       200


/* of a message: the strings, and the numbers, or those of the post */

typedef struct {
    tracker_str_t    from;
    tracker_str_t    to;
    int64_t          start;        /* ms since 1970 */
    int64_t          duration;     /* ms */
} detect_times_t;


static detect_rc_e detect_write_said(detect_record_t *record, size_t *budget);
static detect_rc_e detect_write_message(detect_record_t *record);
static void detect_find_times(detect_record_t *record,
    const tracker_utterance_t *message, detect_times_t *times);
static char *detect_write_time(detect_record_t *record, char *p,
    const tracker_str_t *time);
static char *detect_write_person(char *p, const tracker_utterance_t *message);
static size_t detect_person_length(const tracker_utterance_t *message);
static detect_rc_e detect_write_member(detect_record_t *record);
static int detect_new_member(detect_record_t *record);
static const tracker_str_t *detect_who(const tracker_utterance_t *message);
static detect_rc_e detect_write_sentence(detect_record_t *record,
    detect_sentence_t *sentence);
static detect_rc_e detect_write_found(detect_record_t *record, size_t *budget);
static int detect_write_head(detect_record_t *record, detect_buffer_t *buffer);
static const detect_find_t *detect_next_find(detect_record_t *record,
    int *similar);
static int detect_cmp_finds(const detect_find_t *one,
    const detect_find_t *two);
static detect_rc_e detect_write_find(detect_record_t *record,
    const detect_find_t *find, int similar);
static detect_rc_e detect_write_names(detect_record_t *record,
    uint32_t phrase);
static detect_rc_e detect_write_string(detect_record_t *record,
    const char *kind, const detect_str_t *id, const detect_str_t *str);


detect_rc_e
detect_record_write(detect_record_t *record, size_t *budget)
{
    detect_rc_e  rc;

    if (record->search->n > TRACKER_JOB_MESSAGES) {
        return DETECT_LARGE;
    }

    rc = detect_write_said(record, budget);

    return rc == DETECT_OK ? detect_write_found(record, budget) : rc;
}


static detect_rc_e
detect_write_said(detect_record_t *record, size_t *budget)
{
    size_t                  before;
    detect_rc_e             rc;
    detect_sentence_t      *sentence;
    const detect_search_t  *search;

    search = record->search;

    if (record->said.n == 0 && !detect_write_head(record, &record->said)) {
        return DETECT_NOMEM;
    }

    while (record->sentence < search->n
           || record->message < search->n_messages)
    {
        if (*budget == 0) {
            return DETECT_AGAIN;
        }

        before = record->said.n;

        sentence = &search->sentences[record->sentence];

        if (record->sentence < search->n
            && sentence->message < record->message)
        {
            rc = detect_write_sentence(record, sentence);
            record->sentence++;

        } else {
            rc = detect_write_message(record);
            record->message++;
        }

        if (rc != DETECT_OK) {
            return rc;
        }

        (void) detect_spend(budget, record->said.n - before
                                    + DETECT_COST_LINE);
    }

    return DETECT_OK;
}


static detect_rc_e
detect_write_message(detect_record_t *record)
{
    char                       *p;
    detect_rc_e                 rc;
    detect_times_t              times;
    const tracker_utterance_t  *message;

    rc = detect_write_member(record);
    if (rc != DETECT_OK) {
        return rc;
    }

    message = &record->conversation->messages[record->message];

    detect_find_times(record, message, &times);

    p = detect_buffer_room(&record->said,
                           DETECT_LINE + detect_person_length(message)
                           + tracker_json_string_length(times.from.data,
                                                        times.from.len)
                           + tracker_json_string_length(times.to.data,
                                                        times.to.len));
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    p = tracker_put(p, "M ");
    p = tracker_put_signed(p, times.start);
    *p++ = ' ';
    p = tracker_put_signed(p, times.duration);
    p = tracker_put(p, " \"from\":");
    p = detect_write_person(p, message);

    p = tracker_put(p, ",\"startTime\":");
    p = detect_write_time(record, p, &times.from);

    if (record->message == 0) {
        record->start = record->end;
        record->start_len = record->end_len;
    }

    p = tracker_put(p, ",\"endTime\":");
    p = detect_write_time(record, p, &times.to);

    *p++ = '\n';

    record->said.n = p - record->said.data;

    return DETECT_OK;
}


/*
 * When a message began and ended, as it says; without that, now.  Clients
 * compute with both.
 */

static void
detect_find_times(detect_record_t *record, const tracker_utterance_t *message,
    detect_times_t *times)
{
    int64_t  end;

    times->from = message->start;
    times->to = message->end;

    if (times->from.data == NULL) {

        if (record->time[0] == '\0') {
            detect_time_format(record->time, record->now);
        }

        times->from.len = DETECT_TIME_LEN;
        times->from.data = record->time;
    }

    if (times->to.data == NULL) {
        times->to = times->from;
    }

    if (times->to.data == record->time) {
        times->start = record->now;
        times->duration = 0;
        return;
    }

    if (!detect_time_parse(times->from.data, times->from.len, &times->start)
        || !detect_time_parse(times->to.data, times->to.len, &end)
        || end < times->start)
    {
        times->start = record->now;
        end = record->now;
    }

    times->duration = end - times->start;
}


/* the last one is that of the end */

static char *
detect_write_time(detect_record_t *record, char *p, const tracker_str_t *time)
{
    char  *from;

    from = p;
    p = tracker_json_string_write(p, time->data, time->len);

    record->end = from - record->said.data;
    record->end_len = p - from;

    return p;
}


/*
 * The id of a person is made of the user's, or of the name: the same in each
 * job.
 */

static char *
detect_write_person(char *p, const tracker_utterance_t *message)
{
    const tracker_str_t  *who;

    who = detect_who(message);

    if (who->len == 0) {
        return tracker_put(p, "{}");
    }

    p = tracker_put(p, "{\"id\":\"");
    tracker_id_format(p, detect_record_id(who));
    p += TRACKER_ID_LEN;
    *p++ = '"';

    if (message->name.data) {
        p = tracker_put(p, ",\"name\":");
        p = tracker_json_string_write(p, message->name.data,
                                      message->name.len);
    }

    if (message->user_id.len) {

        if (memchr(who->data, '@', who->len)) {
            p = tracker_put(p, ",\"email\":");

        } else {
            p = tracker_put(p, ",\"userId\":");
        }

        p = tracker_json_string_write(p, who->data, who->len);
    }

    *p++ = '}';

    return p;
}


/* FNV-1a, its bits mixed: not keyed, since all hosts must agree */

uint64_t
detect_record_id(const tracker_str_t *name)
{
    size_t    i;
    uint64_t  hash;

    hash = 0xcbf29ce484222325;

    for (i = 0; i < name->len; i++) {
        hash = (hash ^ (unsigned char) name->data[i]) * 0x100000001b3;
    }

    return hash ^ hash >> 32;
}


static size_t
detect_person_length(const tracker_utterance_t *message)
{
    size_t  len;

    len = sizeof("{\"id\":\"\",\"name\":,\"userId\":}") + TRACKER_ID_LEN;

    if (message->name.data) {
        len += tracker_json_string_length(message->name.data,
                                          message->name.len);
    }

    if (message->user_id.len) {
        len += tracker_json_string_length(message->user_id.data,
                                          message->user_id.len);
    }

    return len;
}


/* who said the message, unless he is there already */

static detect_rc_e
detect_write_member(detect_record_t *record)
{
    char                       *p;
    const tracker_utterance_t  *message;

    message = &record->conversation->messages[record->message];

    if (detect_who(message)->len == 0) {
        return DETECT_OK;
    }

    switch (detect_new_member(record)) {

    case 0:
        return DETECT_OK;

    case -1:
        return DETECT_NOMEM;
    }

    p = detect_buffer_room(&record->members,
                           detect_person_length(message) + 1);
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    p = detect_write_person(p, message);
    *p++ = '\n';

    record->members.n = p - record->members.data;

    return DETECT_OK;
}


/*
 * Remembers who said the message.  Returns 1 if nobody like that was there
 * before, else 0; or -1 if there is no memory.
 */

static int
detect_new_member(detect_record_t *record)
{
    uint32_t                    i;
    detect_index_t             *seen;
    const tracker_str_t        *who, *other;
    const tracker_utterance_t  *messages;

    messages = record->conversation->messages;
    seen = &record->seen;

    if (seen->slots == NULL
        && !detect_index_create(seen, record->search->n_messages))
    {
        return -1;
    }

    who = detect_who(&messages[record->message]);

    for (i = detect_hash_text(record->key, 0, who->data, who->len) & seen->mask;
         seen->slots[i];
         i = (i + 1) & seen->mask)
    {
        other = detect_who(&messages[seen->slots[i] - 1]);

        if (tracker_str_equal(who, other)) {
            return 0;
        }
    }

    seen->slots[i] = record->message + 1;

    return 1;
}


static const tracker_str_t *
detect_who(const tracker_utterance_t *message)
{
    return message->user_id.len ? &message->user_id : &message->name;
}


static detect_rc_e
detect_write_sentence(detect_record_t *record, detect_sentence_t *sentence)
{
    char           *p;
    tracker_str_t   text;

    text.len = sentence->end - sentence->start;
    text.data = record->conversation->messages[sentence->message].content.data
                + sentence->start;

    /* a byte becomes six at most; to count them would take as long as it is */

    p = detect_buffer_room(&record->said, 6 * text.len + DETECT_LINE);
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    p = tracker_put(p, "S ");

    sentence->pos = p - record->said.data;

    p = tracker_json_string_write(p, text.data, text.len);

    sentence->len = p - record->said.data - sentence->pos;
    *p++ = '\n';

    record->said.n = p - record->said.data;

    return DETECT_OK;
}


static detect_rc_e
detect_write_found(detect_record_t *record, size_t *budget)
{
    int                   similar;
    size_t                before;
    detect_rc_e           rc;
    const detect_find_t  *find;

    if (record->found.n == 0 && !detect_write_head(record, &record->found)) {
        return DETECT_NOMEM;
    }

    rc = DETECT_OK;

    while (rc == DETECT_OK && record->source < record->search->n_sources) {

        if (*budget == 0) {
            return DETECT_AGAIN;
        }

        find = detect_next_find(record, &similar);

        if (find == NULL) {
            record->source++;
            record->find = 0;
            record->other = 0;
            record->phrase = 0;
            record->tracker = 0;
            continue;
        }

        before = record->found.n;

        rc = detect_write_find(record, find, similar);

        (void) detect_spend(budget, record->found.n - before
                                    + DETECT_COST_LINE);
    }

    return rc;
}


/*
 * Of a source and the one by stems, both by phrase and sentence: one that is in
 * both counts as found by its words.  NULL: there are no more.
 */

static const detect_find_t *
detect_next_find(detect_record_t *record, int *similar)
{
    int                     rc;
    const detect_find_t    *find, *other;
    const detect_search_t  *search;
    const detect_source_t  *source;

    search = record->search;
    source = &search->sources[record->source];

    *similar = 0;

    if (source->similar) {
        return NULL;
    }

    find = record->find < source->n ? &source->finds[record->find] : NULL;
    other = NULL;

    if (record->source + 1 < search->n_sources && source[1].similar
        && record->other < source[1].n)
    {
        other = &source[1].finds[record->other];
    }

    if (find == NULL || other == NULL) {
        *similar = (find == NULL);

    } else {
        rc = detect_cmp_finds(find, other);

        record->other += (rc == 0);
        *similar = (rc > 0);
    }

    if (*similar) {
        record->other++;
        return other;
    }

    record->find++;

    return find;
}


static int
detect_cmp_finds(const detect_find_t *one, const detect_find_t *two)
{
    if (one->phrase != two->phrase) {
        return one->phrase < two->phrase ? -1 : 1;
    }

    return (one->sentence > two->sentence) - (one->sentence < two->sentence);
}


/* the first line of either text; returns 0 if there is no memory, else 1 */

static int
detect_write_head(detect_record_t *record, detect_buffer_t *buffer)
{
    char  *p;

    p = detect_buffer_room(buffer, DETECT_LINE);
    if (p == NULL) {
        return 0;
    }

    p = tracker_put(p, "1 ");
    p = tracker_put_number(p, record->first);

    if (buffer == &record->found) {
        *p++ = ' ';
        p = tracker_put_number(p, record->said.n);
    }

    *p++ = '\n';

    buffer->n = p - buffer->data;

    return 1;
}


/* with the lines of its tracker and phrase, if it is the first of those */

static detect_rc_e
detect_write_find(detect_record_t *record, const detect_find_t *find,
    int similar)
{
    char                     *p;
    const detect_sentence_t  *sentence;

    if (find->phrase + 1 != record->phrase
        && detect_write_names(record, find->phrase) != DETECT_OK)
    {
        return DETECT_NOMEM;
    }

    sentence = &record->search->sentences[find->sentence];

    p = detect_buffer_room(&record->found, DETECT_LINE);
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    if (similar) {
        p = tracker_put(p, "Q ");
        p = tracker_put_number(p, find->sentence);

    } else {
        p = tracker_put(p, "R ");
        p = tracker_put_number(p, find->sentence);
        *p++ = ' ';
        p = tracker_put_number(p, find->unit - sentence->unit);
        *p++ = ' ';

        /* a phrase may go on behind the sentence in which it begins */

        p = tracker_put_number(p, (find->unit_end < sentence->unit_end
                                   ? find->unit_end : sentence->unit_end)
                                  - sentence->unit);
    }

    *p++ = ' ';
    p = tracker_put_number(p, sentence->pos);
    *p++ = ' ';
    p = tracker_put_number(p, sentence->len);
    *p++ = '\n';

    record->found.n = p - record->found.data;

    return DETECT_OK;
}


static detect_rc_e
detect_write_names(detect_record_t *record, uint32_t phrase)
{
    uint32_t                  i;
    detect_rc_e               rc;
    const detect_tracker_t   *tracker;
    const detect_trackers_t  *trackers;

    trackers = record->search->sources[record->source].trackers;

    i = detect_trackers_of(trackers, phrase);
    tracker = &trackers->elts[i];

    rc = DETECT_OK;

    if (record->phrase == 0 || record->tracker != i) {
        rc = detect_write_string(record, "T ", &tracker->id, &tracker->name);
    }

    record->phrase = phrase + 1;
    record->tracker = i;

    if (rc != DETECT_OK) {
        return rc;
    }

    return detect_write_string(record, "P ", NULL, &trackers->phrases[phrase]);
}


/* the line of a tracker, or of a phrase, which has no id */

static detect_rc_e
detect_write_string(detect_record_t *record, const char *kind,
    const detect_str_t *id, const detect_str_t *str)
{
    char    *p;
    size_t   len;

    len = tracker_json_string_length(str->data, str->len);

    p = detect_buffer_room(&record->found, len + DETECT_LINE);
    if (p == NULL) {
        return DETECT_NOMEM;
    }

    *p++ = kind[0];
    *p++ = kind[1];

    if (id) {
        memcpy(p, id->data, TRACKER_ID_LEN);
        p += TRACKER_ID_LEN;
        *p++ = ' ';
    }

    p = tracker_json_string_write(p, str->data, str->len);
    *p++ = '\n';

    record->found.n = p - record->found.data;

    return DETECT_OK;
}


detect_str_t
detect_record_start(const detect_record_t *record)
{
    detect_str_t  str = { record->start_len,
                          record->said.data + record->start };

    return str;
}


detect_str_t
detect_record_end(const detect_record_t *record)
{
    detect_str_t  str = { record->end_len, record->said.data + record->end };

    return str;
}


void
detect_record_free(detect_record_t *record)
{
    detect_buffer_free(&record->said);
    detect_buffer_free(&record->found);
    detect_buffer_free(&record->members);
    free(record->seen.slots);

    memset(record, 0, sizeof(detect_record_t));
}
