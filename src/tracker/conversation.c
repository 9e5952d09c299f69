
/*
 * The domain: the keys of a conversation, and what makes one valid.
 */


#include "tracker/conversation.h"
#include "tracker/fault.h"


static void tracker_empty_is_absent(tracker_str_t *str);
static int tracker_same_letters(const tracker_str_t *str, const char *lower,
    size_t len);
static tracker_rc_e tracker_validate_rows(const tracker_members_t *rows,
    tracker_utterance_t *utterance, long index, tracker_message_t *message);
static tracker_rc_e tracker_refuse_utterance(long index,
    tracker_message_t *message);


#define tracker_rows(rows)                                                    \
    { sizeof(rows) / sizeof(tracker_member_t), rows }

#define tracker_content_row(key, path, type, field, inner)                    \
    { tracker_str(key), tracker_str(path), TRACKER_MEMBER_ ## type,           \
      offsetof(tracker_utterance_t, field), inner }

static const tracker_member_t  tracker_payload_rows[] = {
    tracker_content_row("content", "payload.content", STRING, content, NULL)
};

static const tracker_members_t  tracker_payload_members =
    tracker_rows(tracker_payload_rows);

static const tracker_member_t  tracker_from_rows[] = {
    tracker_content_row("name", "from.name", STRING, name, NULL),
    tracker_content_row("userId", "from.userId", STRING, user_id, NULL)
};

static const tracker_members_t  tracker_from_members =
    tracker_rows(tracker_from_rows);

static const tracker_member_t  tracker_duration_rows[] = {
    tracker_content_row("startTime", "duration.startTime", STRING, start, NULL),
    tracker_content_row("endTime", "duration.endTime", STRING, end, NULL)
};

static const tracker_members_t  tracker_duration_members =
    tracker_rows(tracker_duration_rows);

/* the place of an object is that of the struct which its keys are of, too */

static const tracker_member_t  tracker_utterance_rows[] = {
    tracker_content_row("payload", "payload", OBJECT, content,
                        &tracker_payload_members),
    tracker_content_row("from", "from", OBJECT, content,
                        &tracker_from_members),
    tracker_content_row("duration", "duration", OBJECT, content,
                        &tracker_duration_members)
};

static const tracker_members_t  tracker_utterance_members =
    tracker_rows(tracker_utterance_rows);


#define tracker_choice_row(key, type)                                         \
    { tracker_str(#key), tracker_str(#key), TRACKER_MEMBER_ ## type,          \
      offsetof(tracker_choice_t, key), NULL }

static const tracker_member_t  tracker_choice_rows[] = {
    tracker_choice_row(name, STRING),
    tracker_choice_row(vocabulary, STRINGS),
    tracker_choice_row(id, STRING)
};

static const tracker_members_t  tracker_choice_members =
    tracker_rows(tracker_choice_rows);


#define tracker_conversation_row(key, type, field, inner)                     \
    { tracker_str(key), tracker_str(key), TRACKER_MEMBER_ ## type,            \
      offsetof(tracker_conversation_t, field), inner }

static const tracker_member_t  tracker_conversation_rows[] = {
    tracker_conversation_row("messages", MESSAGES, messages,
                             &tracker_utterance_members),
    tracker_conversation_row("trackers", CHOICES, choices,
                             &tracker_choice_members),
    tracker_conversation_row("name", STRING, name, NULL),
    tracker_conversation_row("enableAllTrackers", BOOLEAN, all, NULL),
    tracker_conversation_row("metadata", TEXT, metadata, NULL)
};

static const tracker_member_t  tracker_line_rows[] = {
    { tracker_str("payload"), tracker_str("payload"), TRACKER_MEMBER_PAYLOAD,
      0, NULL }
};


const tracker_members_t  tracker_talk_members[] = {
    [TRACKER_TALK_BODY] = tracker_rows(tracker_conversation_rows),
    [TRACKER_TALK_LINE] = tracker_rows(tracker_line_rows),
    [TRACKER_TALK_SETTINGS] = tracker_rows(tracker_conversation_rows),
    [TRACKER_TALK_MESSAGE] = tracker_rows(tracker_utterance_rows)
};


int
tracker_all_string(const tracker_str_t *str, tracker_all_e *all)
{
    if (tracker_same_letters(str, "true", sizeof("true") - 1)) {
        *all = TRACKER_ALL_YES;
        return 1;
    }

    if (tracker_same_letters(str, "false", sizeof("false") - 1)) {
        *all = TRACKER_ALL_NO;
        return 1;
    }

    return 0;
}


static int
tracker_same_letters(const tracker_str_t *str, const char *lower, size_t len)
{
    size_t  i;

    if (str->len != len) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (str->data[i] != lower[i] && str->data[i] != lower[i] - 'a' + 'A') {
            return 0;
        }
    }

    return 1;
}


tracker_rc_e
tracker_validate_utterance(tracker_utterance_t *utterance, long index,
    tracker_message_t *message)
{
    if (utterance->content.data == NULL) {
        tracker_message_fault(message, index, &tracker_payload_rows[0].path,
                              -1, TRACKER_FAULT_REQUIRED);
        return tracker_refuse_utterance(index, message);
    }

    if (tracker_validate_rows(&tracker_from_members, utterance, index, message)
        != TRACKER_OK)
    {
        return TRACKER_INVALID;
    }

    return tracker_validate_rows(&tracker_duration_members, utterance, index,
                                 message);
}


/* optional strings, which each sentence of the message is answered with */

static tracker_rc_e
tracker_validate_rows(const tracker_members_t *rows,
    tracker_utterance_t *utterance, long index, tracker_message_t *message)
{
    size_t                   i;
    tracker_str_t           *str;
    const tracker_member_t  *row;

    for (i = 0; i < rows->n; i++) {
        row = &rows->elts[i];
        str = tracker_member_value(tracker_str_t, utterance, row);

        tracker_empty_is_absent(str);

        if (str->len > TRACKER_DETAIL_MAX) {
            tracker_message_fault(message, index, &row->path, -1,
                                  TRACKER_FAULT_COUNT);
            tracker_message_append(message, " at most %d bytes, found %zu",
                                   TRACKER_DETAIL_MAX, str->len);
            return tracker_refuse_utterance(index, message);
        }
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_refuse_utterance(long index, tracker_message_t *message)
{
    if (index >= 0) {
        tracker_message_prefix(message, &tracker_conversation_rows[0].key);
    }

    return TRACKER_INVALID;
}


static void
tracker_empty_is_absent(tracker_str_t *str)
{
    if (str->len == 0) {
        str->data = NULL;
    }
}


tracker_rc_e
tracker_validate_choice(tracker_choice_t *choice, long index,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_message_t *message)
{
    tracker_t            t;
    tracker_rc_e         rc;
    const tracker_str_t  *list;

    list = &tracker_conversation_rows[1].key;

    tracker_empty_is_absent(&choice->id);

    memset(&t, 0, sizeof(tracker_t));

    if (choice->id.data) {

        if (!tracker_id_valid(choice->id.data, choice->id.len)) {
            tracker_message_fault(message, index,
                                  &tracker_fields[TRACKER_FIELD_ID].name, -1,
                                  TRACKER_FAULT_NOT_ID);
            tracker_message_prefix(message, list);
            return TRACKER_INVALID;
        }

        choice->name = t.name;
        choice->vocabulary = t.vocabulary;

        return TRACKER_OK;
    }

    t.name = choice->name;
    t.vocabulary = choice->vocabulary;

    rc = tracker_validate(&t, index, limits, arena, message);

    if (rc == TRACKER_INVALID) {
        tracker_message_prefix(message, list);
    }

    return rc;
}


tracker_rc_e
tracker_validate_conversation(tracker_conversation_t *conversation,
    tracker_talk_e talk, tracker_message_t *message)
{
    if (talk == TRACKER_TALK_MESSAGE) {
        return tracker_validate_utterance(conversation->messages, -1, message);
    }

    tracker_empty_is_absent(&conversation->name);

    /* they are the lines that follow */

    if (talk == TRACKER_TALK_SETTINGS && conversation->messages) {
        tracker_message_fault(message, -1, &tracker_conversation_rows[0].key,
                              -1, TRACKER_FAULT_NOT_ALLOWED);
        return TRACKER_INVALID;
    }

    if (talk == TRACKER_TALK_BODY && conversation->nmessages == 0) {
        tracker_message_fault(message, -1, &tracker_conversation_rows[0].key,
                              -1, conversation->messages
                                  ? TRACKER_FAULT_EMPTY
                                  : TRACKER_FAULT_REQUIRED);
        return TRACKER_INVALID;
    }

    return TRACKER_OK;
}
