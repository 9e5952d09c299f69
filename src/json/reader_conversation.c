
/*
 * The strict reader of conversations.  Which keys there are is said by the
 * tables of the domain; others are skipped.
 */


#include "json/skip.h"
#include "tracker/conversation.h"
#include "tracker/fault.h"


/* there is memory at first for one message, or tracker, in so many bytes */
#define TRACKER_READER_ELEMENT  128


struct tracker_reader_talk_s {
    tracker_reader_t          *rd;
    tracker_talk_e             what;
    void                      *base;         /* what has the keys of the text */
    const tracker_limits_t    *limits;
    tracker_conversation_t    *conversation;
    tracker_message_t         *message;
    const tracker_member_t    *list;         /* p is in it; NULL: in none */
    size_t                     room;         /* elements it has memory for */
    tracker_skip_t             skip;
    tracker_str_t              keys[TRACKER_SKIP_KEYS];    /* of skip */
    uint32_t                   seen;         /* keys of the text */
    unsigned                   begun:1;
};


static void *tracker_read_alone(tracker_reader_t *rd,
    tracker_conversation_t *conversation);
static tracker_rc_e tracker_read_talk_fault(void *ctx, long index,
    const tracker_t *t, const tracker_reader_fault_t *fault);
static int tracker_read_talk(tracker_reader_talk_t *talk, size_t *budget);
static int tracker_read_spend(tracker_reader_talk_t *talk, size_t cost,
    size_t *budget);
static int tracker_read_elements(tracker_reader_talk_t *talk, size_t *budget);
static int tracker_read_utterance(tracker_reader_talk_t *talk);
static int tracker_read_choice(tracker_reader_talk_t *talk);
static int tracker_read_room_for(tracker_reader_talk_t *talk, void *elts,
    size_t n, size_t size);
static int tracker_read_members(tracker_reader_talk_t *talk,
    const tracker_members_t *members, const tracker_str_t *path, void *base);
static int tracker_read_pair(tracker_reader_talk_t *talk,
    const tracker_members_t *members, size_t first, uint32_t *seen, void *base);
static int tracker_read_typed(tracker_reader_talk_t *talk,
    const tracker_member_t *member, void *base);
static int tracker_read_all(tracker_reader_talk_t *talk,
    const tracker_member_t *member, tracker_all_e *all);
static int tracker_read_payload(tracker_reader_talk_t *talk);
static int tracker_read_text(tracker_reader_talk_t *talk, tracker_str_t *text);
static int tracker_read_open(tracker_reader_talk_t *talk,
    const tracker_member_t *member);


tracker_reader_talk_t *
tracker_read_talk_start(tracker_reader_t *rd, tracker_talk_e what,
    const tracker_limits_t *limits, tracker_conversation_t *conversation)
{
    tracker_reader_talk_t  *talk;

    talk = rd->lexer.arena->alloc(rd->lexer.arena->data,
                                  sizeof(tracker_reader_talk_t));
    if (talk == NULL) {
        return NULL;
    }

    memset(conversation, 0, sizeof(tracker_conversation_t));

    talk->base = conversation;

    if (what == TRACKER_TALK_MESSAGE) {
        talk->base = tracker_read_alone(rd, conversation);
        if (talk->base == NULL) {
            return NULL;
        }
    }

    talk->rd = rd;
    talk->what = what;
    talk->limits = limits;
    talk->conversation = conversation;
    talk->list = NULL;
    talk->skip.elts = talk->keys;
    talk->skip.most = TRACKER_SKIP_KEYS;
    talk->skip.n = 0;
    talk->skip.cost = 0;
    talk->seen = 0;
    talk->begun = 0;

    rd->check = tracker_read_talk_fault;
    rd->ctx = talk;

    return talk;
}


/* memory for the message of the conversation; or NULL */

static void *
tracker_read_alone(tracker_reader_t *rd, tracker_conversation_t *conversation)
{
    conversation->messages = rd->lexer.arena->alloc(rd->lexer.arena->data,
                                                 sizeof(tracker_utterance_t));
    if (conversation->messages == NULL) {
        return NULL;
    }

    memset(conversation->messages, 0, sizeof(tracker_utterance_t));
    conversation->nmessages = 1;

    return conversation->messages;
}


/* a fault of the reader is one of an element of the list, or of the text */

static tracker_rc_e
tracker_read_talk_fault(void *ctx, long index, const tracker_t *t,
    const tracker_reader_fault_t *fault)
{
    tracker_reader_talk_t *talk = ctx;

    (void) t;

    tracker_message_fault(talk->message, index, fault->key, fault->elt,
                          fault->what);

    if (index >= 0) {
        tracker_message_prefix(talk->message, &talk->list->key);
    }

    return TRACKER_INVALID;
}


tracker_reader_rc_e
tracker_read_talk_run(tracker_reader_talk_t *talk, size_t *budget,
    tracker_message_t *message)
{
    int                ok;
    tracker_reader_t  *rd;

    rd = talk->rd;
    talk->message = message;

    ok = tracker_read_talk(talk, budget);

    if (ok && rd->more) {
        return TRACKER_READER_AGAIN;
    }

    if (ok && tracker_lex_end(&rd->lexer)) {
        rd->rc = tracker_validate_conversation(talk->conversation, talk->what,
                                               message);

        if (rd->rc == TRACKER_OK) {
            return TRACKER_READER_OK;
        }
    }

    if (rd->lexer.nomem || rd->rc == TRACKER_NOMEM) {
        return TRACKER_READER_NOMEM;
    }

    return rd->rc == TRACKER_OK ? TRACKER_READER_UNDECIDED
                                : TRACKER_READER_REFUSED;
}


/* the functions below return 1, or 0 as those in reader.h */

/* reads to the end of the object, or to a comma when the budget is spent */

static int
tracker_read_talk(tracker_reader_talk_t *talk, size_t *budget)
{
    const char        *start;
    tracker_reader_t  *rd;

    rd = talk->rd;

    if (!talk->begun) {
        talk->begun = 1;

        /* the bracket of an array has been read already */

        if (rd->set->bulk || !tracker_lex_char(&rd->lexer, '{')) {
            return 0;
        }

        if (tracker_lex_char(&rd->lexer, '}')) {
            return 1;
        }
    }

    do {
        start = rd->lexer.p;

        if (talk->list == NULL
            && !tracker_read_pair(talk, &tracker_talk_members[talk->what], 0,
                                  &talk->seen, talk->base))
        {
            return 0;
        }

        (void) tracker_read_spend(talk, rd->lexer.p - start, budget);

        if (talk->list) {

            if (!tracker_read_elements(talk, budget)) {
                return 0;
            }

            if (rd->more) {
                return 1;
            }
        }

        rd->more = tracker_lex_char(&rd->lexer, ',');

    } while (rd->more && *budget);

    return rd->more || tracker_lex_char(&rd->lexer, '}');
}


/* cost is that without what was skipped; returns 1 if some budget is left */

static int
tracker_read_spend(tracker_reader_talk_t *talk, size_t cost, size_t *budget)
{
    cost += talk->skip.cost;
    talk->skip.cost = 0;

    return tracker_spend(budget, cost);
}


static int
tracker_read_elements(tracker_reader_talk_t *talk, size_t *budget)
{
    int                left;
    const char        *start;
    tracker_reader_t  *rd;

    rd = talk->rd;

    do {
        start = rd->lexer.p;

        rd->index++;

        if (talk->list->type == TRACKER_MEMBER_MESSAGES
            ? !tracker_read_utterance(talk)
            : !tracker_read_choice(talk))
        {
            return 0;
        }

        rd->more = tracker_lex_char(&rd->lexer, ',');

        left = tracker_read_spend(talk, rd->lexer.p - start + TRACKER_COST,
                                  budget);

    } while (rd->more && left);

    if (rd->more) {
        return 1;
    }

    talk->list = NULL;
    rd->index = -1;

    return tracker_lex_char(&rd->lexer, ']');
}


static int
tracker_read_utterance(tracker_reader_talk_t *talk)
{
    tracker_reader_t     *rd;
    tracker_utterance_t  *utterance;

    rd = talk->rd;

    if (!tracker_read_room_for(talk, &talk->conversation->messages,
                               talk->conversation->nmessages,
                               sizeof(tracker_utterance_t)))
    {
        return 0;
    }

    utterance = &talk->conversation->messages[talk->conversation->nmessages++];
    memset(utterance, 0, sizeof(tracker_utterance_t));

    if (!tracker_read_members(talk, talk->list->inner, NULL, utterance)) {
        return 0;
    }

    rd->rc = tracker_validate_utterance(utterance, rd->index, talk->message);

    return rd->rc == TRACKER_OK;
}


static int
tracker_read_choice(tracker_reader_talk_t *talk)
{
    tracker_choice_t  *choice;
    tracker_reader_t  *rd;

    rd = talk->rd;

    if (!tracker_read_room_for(talk, &talk->conversation->choices,
                               talk->conversation->nchoices,
                               sizeof(tracker_choice_t)))
    {
        return 0;
    }

    choice = &talk->conversation->choices[talk->conversation->nchoices++];
    memset(choice, 0, sizeof(tracker_choice_t));

    if (!tracker_read_members(talk, talk->list->inner, NULL, choice)) {
        return 0;
    }

    rd->rc = tracker_validate_choice(choice, rd->index, talk->limits,
                                     rd->lexer.arena, talk->message);

    return rd->rc == TRACKER_OK;
}


/*
 * Makes room for one more of n elements, an array whose address is at elts:
 * for all that follow, and some more, if they are like those so far.
 */

static int
tracker_read_room_for(tracker_reader_talk_t *talk, void *elts, size_t n,
    size_t size)
{
    void              *old, *to;
    size_t             room;
    tracker_reader_t  *rd;

    if (talk->list && n < talk->room) {
        return 1;
    }

    rd = talk->rd;

    room = (rd->end - rd->lexer.p) / TRACKER_READER_ELEMENT + 2;

    if (n) {
        room = n * (rd->end - rd->start) / (rd->lexer.p - rd->start);
        room += room / 8 + n / 2 + 1;
    }

    to = rd->lexer.arena->alloc(rd->lexer.arena->data, room * size);
    if (to == NULL) {
        rd->lexer.nomem = 1;
        return 0;
    }

    /* a pointer to either type */

    if (n) {
        memcpy(&old, elts, sizeof(old));
        memcpy(to, old, n * size);
    }

    memcpy(elts, &to, sizeof(to));
    talk->room = room;

    return 1;
}


/* reads an object: the value at path, NULL: an element of the list */

static int
tracker_read_members(tracker_reader_talk_t *talk,
    const tracker_members_t *members, const tracker_str_t *path, void *base)
{
    size_t            first;
    uint32_t          seen;
    tracker_lexer_t  *lx;

    lx = &talk->rd->lexer;

    if (!tracker_lex_char(lx, '{')) {
        return tracker_read_other(talk->rd, path, -1, TRACKER_FAULT_NOT_OBJECT);
    }

    if (tracker_lex_char(lx, '}')) {
        return 1;
    }

    first = talk->skip.n;
    seen = 0;

    do {
        if (!tracker_read_pair(talk, members, first, &seen, base)) {
            return 0;
        }

    } while (tracker_lex_char(lx, ','));

    talk->skip.n = first;

    return tracker_lex_char(lx, '}');
}


/* reads a key and its value; keys without a meaning are those from first on */

static int
tracker_read_pair(tracker_reader_talk_t *talk,
    const tracker_members_t *members, size_t first, uint32_t *seen, void *base)
{
    uint32_t                 bit;
    tracker_str_t            key;
    tracker_reader_t        *rd;
    const tracker_member_t  *member;

    rd = talk->rd;

    if (!tracker_lex_string(&rd->lexer, &key)) {
        return 0;
    }

    member = tracker_member(members, &key);

    if (member == NULL) {
        return tracker_skip_key(rd, &talk->skip, first, &key)
               && tracker_lex_char(&rd->lexer, ':')
               && tracker_skip_value(rd, &talk->skip);
    }

    bit = 1 << (member - members->elts);

    if (*seen & bit) {
        return tracker_skip_twice(rd);
    }

    *seen |= bit;

    return tracker_lex_char(&rd->lexer, ':')
           && (tracker_skip_literal(rd, "null", sizeof("null") - 1)
               || tracker_read_typed(talk, member, base));
}


static int
tracker_read_typed(tracker_reader_talk_t *talk, const tracker_member_t *member,
    void *base)
{
    switch (member->type) {

    case TRACKER_MEMBER_STRING:
        return tracker_read_value(talk->rd, &member->path, -1,
                                  tracker_member_value(tracker_str_t, base,
                                                       member));

    case TRACKER_MEMBER_STRINGS:
        return tracker_read_list(talk->rd, &member->path,
                                 tracker_member_value(tracker_list_t, base,
                                                      member));

    case TRACKER_MEMBER_BOOLEAN:
        return tracker_read_all(talk, member,
                                tracker_member_value(tracker_all_e, base,
                                                     member));

    case TRACKER_MEMBER_TEXT:
        return tracker_read_text(talk,
                                 tracker_member_value(tracker_str_t, base,
                                                      member));

    case TRACKER_MEMBER_PAYLOAD:
        return tracker_read_payload(talk);

    case TRACKER_MEMBER_OBJECT:
        return tracker_read_members(talk, member->inner, &member->path, base);

    default: /* TRACKER_MEMBER_MESSAGES, TRACKER_MEMBER_CHOICES */
        return tracker_read_open(talk, member);
    }
}


static int
tracker_read_all(tracker_reader_talk_t *talk, const tracker_member_t *member,
    tracker_all_e *all)
{
    tracker_str_t      str;
    tracker_reader_t  *rd;

    rd = talk->rd;

    if (tracker_skip_literal(rd, "true", sizeof("true") - 1)) {
        *all = TRACKER_ALL_YES;
        return 1;
    }

    if (tracker_skip_literal(rd, "false", sizeof("false") - 1)) {
        *all = TRACKER_ALL_NO;
        return 1;
    }

    if (tracker_lex_string(&rd->lexer, &str)) {
        return tracker_all_string(&str, all)
               || tracker_read_fault(rd, &member->path, -1,
                                     TRACKER_FAULT_NOT_BOOLEAN);
    }

    return rd->lexer.no_string
           ? tracker_read_other(rd, &member->path, -1,
                                TRACKER_FAULT_NOT_BOOLEAN)
           : 0;
}


static int
tracker_read_payload(tracker_reader_talk_t *talk)
{
    talk->conversation->is_message = 1;

    return tracker_skip_value(talk->rd, &talk->skip);
}


/* the text of an object; another value is ignored */

static int
tracker_read_text(tracker_reader_talk_t *talk, tracker_str_t *text)
{
    const char       *start;
    tracker_lexer_t  *lx;

    lx = &talk->rd->lexer;

    (void) tracker_lex_end(lx);
    start = lx->p;

    if (!tracker_skip_value(talk->rd, &talk->skip)) {
        return 0;
    }

    if (*start == '{') {
        text->data = start;
        text->len = lx->p - start;
    }

    return 1;
}


/* reads the bracket of a list, and the whole of an empty one */

static int
tracker_read_open(tracker_reader_talk_t *talk, const tracker_member_t *member)
{
    int                      ok;
    tracker_reader_t        *rd;
    tracker_conversation_t  *conversation;

    rd = talk->rd;
    conversation = talk->conversation;

    if (!tracker_lex_char(&rd->lexer, '[')) {
        return tracker_read_other(rd, &member->path, -1,
                                  TRACKER_FAULT_NOT_ARRAY);
    }

    ok = member->type == TRACKER_MEMBER_MESSAGES
         ? tracker_read_room_for(talk, &conversation->messages, 0,
                                 sizeof(tracker_utterance_t))
         : tracker_read_room_for(talk, &conversation->choices, 0,
                                 sizeof(tracker_choice_t));
    if (!ok) {
        return 0;
    }

    if (!tracker_lex_char(&rd->lexer, ']')) {
        talk->list = member;
    }

    return 1;
}
