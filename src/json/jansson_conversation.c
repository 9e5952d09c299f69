
/*
 * Conversations with jansson: its tree is walked along the tables of the
 * domain.
 */


#include "json/jansson_walk.h"
#include "json/lexer.h"
#include "tracker/conversation.h"


/* the tree and the text that it was made of */

typedef struct {
    tracker_json_walk_t        walk;
    const char                *data;
    size_t                     len;
    tracker_conversation_t    *conversation;
} tracker_json_talk_t;


static tracker_rc_e tracker_json_talk(tracker_json_talk_t *talk, json_t *object,
    const tracker_members_t *members, const tracker_str_t *path, void *base);
static tracker_rc_e tracker_json_typed(tracker_json_talk_t *talk,
    json_t *value, const tracker_member_t *member, void *base);
static tracker_rc_e tracker_json_all(tracker_json_talk_t *talk, json_t *value,
    const tracker_member_t *member, tracker_all_e *all);
static tracker_rc_e tracker_json_array(tracker_json_talk_t *talk,
    json_t *array, const tracker_member_t *member);
static void *tracker_json_base(tracker_json_talk_t *talk, tracker_talk_e what);
static void *tracker_json_room(tracker_json_talk_t *talk,
    const tracker_member_t *member, size_t n, size_t size);
static tracker_rc_e tracker_json_validate(tracker_json_talk_t *talk,
    const tracker_member_t *member, void *elt);
static tracker_rc_e tracker_json_text(tracker_json_talk_t *talk, json_t *value,
    const tracker_member_t *member, tracker_str_t *text);
static void tracker_json_pass(tracker_lexer_t *lx);


tracker_rc_e
tracker_jansson_conversation(const char *data, size_t len,
    tracker_talk_e what, const tracker_limits_t *limits,
    const tracker_arena_t *arena, tracker_conversation_t *conversation,
    tracker_message_t *message)
{
    void                 *base;
    json_t               *root;
    tracker_rc_e          rc;
    tracker_json_talk_t   talk = { { limits, arena, message, NULL, -1, NULL,
                                     NULL, NULL, 0, 0 }, data, len,
                                   conversation };

    root = tracker_json_open(&talk.walk, data, len, &rc);
    if (root == NULL) {
        return rc;
    }

    memset(conversation, 0, sizeof(tracker_conversation_t));

    base = tracker_json_base(&talk, what);

    rc = base ? tracker_json_talk(&talk, root, &tracker_talk_members[what],
                                  NULL, base)
              : TRACKER_NOMEM;

    json_decref(root);

    return rc == TRACKER_OK ? tracker_validate_conversation(conversation, what,
                                                            message)
                            : rc;
}


/* what has the keys of the text; NULL: there is no memory */

static void *
tracker_json_base(tracker_json_talk_t *talk, tracker_talk_e what)
{
    return what == TRACKER_TALK_MESSAGE
           ? tracker_json_room(talk, &tracker_talk_members[0].elts[0], 1,
                               sizeof(tracker_utterance_t))
           : talk->conversation;
}


/* the object is the value at path; NULL: an element of a list, or the body */

static tracker_rc_e
tracker_json_talk(tracker_json_talk_t *talk, json_t *object,
    const tracker_members_t *members, const tracker_str_t *path, void *base)
{
    size_t         i;
    json_t        *value;
    tracker_rc_e   rc;

    if (!json_is_object(object)) {
        return tracker_json_fault(&talk->walk, path, -1,
                                  TRACKER_FAULT_NOT_OBJECT);
    }

    for (i = 0; i < members->n; i++) {
        value = json_object_get(object, members->elts[i].key.data);

        if (value == NULL || json_is_null(value)) {
            continue;
        }

        rc = tracker_json_typed(talk, value, &members->elts[i], base);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_json_typed(tracker_json_talk_t *talk, json_t *value,
    const tracker_member_t *member, void *base)
{
    switch (member->type) {

    case TRACKER_MEMBER_STRING:
        return tracker_json_string(&talk->walk, value, &member->path, -1,
                                   tracker_member_value(tracker_str_t, base,
                                                        member));

    case TRACKER_MEMBER_STRINGS:
        return tracker_json_list(&talk->walk, value, &member->path,
                                 tracker_member_value(tracker_list_t, base,
                                                      member));

    case TRACKER_MEMBER_BOOLEAN:
        return tracker_json_all(talk, value, member,
                                tracker_member_value(tracker_all_e, base,
                                                     member));

    case TRACKER_MEMBER_TEXT:
        return tracker_json_text(talk, value, member,
                                 tracker_member_value(tracker_str_t, base,
                                                      member));

    case TRACKER_MEMBER_PAYLOAD:
        talk->conversation->is_message = 1;
        return TRACKER_OK;

    case TRACKER_MEMBER_OBJECT:
        return tracker_json_talk(talk, value, member->inner, &member->path,
                                 base);

    default: /* TRACKER_MEMBER_MESSAGES, TRACKER_MEMBER_CHOICES */
        return tracker_json_array(talk, value, member);
    }
}


static tracker_rc_e
tracker_json_all(tracker_json_talk_t *talk, json_t *value,
    const tracker_member_t *member, tracker_all_e *all)
{
    tracker_str_t  str;

    if (json_is_boolean(value)) {
        *all = json_is_true(value) ? TRACKER_ALL_YES : TRACKER_ALL_NO;
        return TRACKER_OK;
    }

    if (json_is_string(value)) {
        str.data = json_string_value(value);
        str.len = json_string_length(value);

        if (tracker_all_string(&str, all)) {
            return TRACKER_OK;
        }
    }

    return tracker_json_fault(&talk->walk, &member->path, -1,
                              TRACKER_FAULT_NOT_BOOLEAN);
}


static tracker_rc_e
tracker_json_array(tracker_json_talk_t *talk, json_t *array,
    const tracker_member_t *member)
{
    char          *elt;
    size_t         i, n, size;
    tracker_rc_e   rc;

    if (!json_is_array(array)) {
        return tracker_json_fault(&talk->walk, &member->path, -1,
                                  TRACKER_FAULT_NOT_ARRAY);
    }

    n = json_array_size(array);
    size = member->type == TRACKER_MEMBER_MESSAGES
           ? sizeof(tracker_utterance_t) : sizeof(tracker_choice_t);

    elt = tracker_json_room(talk, member, n, size);
    if (elt == NULL) {
        return TRACKER_NOMEM;
    }

    talk->walk.list = &member->key;

    for (i = 0; i < n; i++) {
        talk->walk.index = i;

        rc = tracker_json_talk(talk, json_array_get(array, i), member->inner,
                               NULL, elt);
        if (rc != TRACKER_OK) {
            return rc;
        }

        rc = tracker_json_validate(talk, member, elt);
        if (rc != TRACKER_OK) {
            return rc;
        }

        elt += size;
    }

    talk->walk.index = -1;

    return TRACKER_OK;
}


/* the list of the conversation, n elements, all 0; NULL: there is no memory */

static void *
tracker_json_room(tracker_json_talk_t *talk, const tracker_member_t *member,
    size_t n, size_t size)
{
    void                    *elts;
    tracker_conversation_t  *conversation;

    conversation = talk->conversation;

    /* an empty list is not NULL, that is absent */

    elts = talk->walk.arena->alloc(talk->walk.arena->data,
                                   (n ? n : 1) * size);
    if (elts == NULL) {
        return NULL;
    }

    memset(elts, 0, n * size);

    if (member->type == TRACKER_MEMBER_MESSAGES) {
        conversation->messages = elts;
        conversation->nmessages = n;

    } else {
        conversation->choices = elts;
        conversation->nchoices = n;
    }

    return elts;
}


static tracker_rc_e
tracker_json_validate(tracker_json_talk_t *talk,
    const tracker_member_t *member, void *elt)
{
    tracker_json_walk_t  *walk;

    walk = &talk->walk;

    return member->type == TRACKER_MEMBER_MESSAGES
           ? tracker_validate_utterance(elt, walk->index, walk->message)
           : tracker_validate_choice(elt, walk->index, walk->limits,
                                     walk->arena, walk->message);
}


/*
 * Sets *text to the text of an object, the value of a key of the body.  The
 * tree does not have it, so the body is passed through once more.
 */

static tracker_rc_e
tracker_json_text(tracker_json_talk_t *talk, json_t *value,
    const tracker_member_t *member, tracker_str_t *text)
{
    const char       *start;
    tracker_str_t     key;
    tracker_lexer_t   lx;

    if (!json_is_object(value)) {
        return TRACKER_OK;
    }

    memset(&lx, 0, sizeof(tracker_lexer_t));

    lx.p = talk->data;
    lx.end = talk->data + talk->len;
    lx.arena = talk->walk.arena;

    (void) tracker_lex_char(&lx, '{');

    do {
        if (!tracker_lex_string(&lx, &key) || !tracker_lex_char(&lx, ':')) {
            return TRACKER_NOMEM;
        }

        (void) tracker_lex_end(&lx);
        start = lx.p;

        tracker_json_pass(&lx);

        if (tracker_str_equal(&key, &member->key)) {
            text->data = start;
            text->len = lx.p - start;

            while (start[text->len - 1] != '}') {
                text->len--;
            }

            return TRACKER_OK;
        }

    } while (tracker_lex_char(&lx, ','));

    return TRACKER_OK;
}


/* passes a value, and white space behind it, of a text that is JSON */

static void
tracker_json_pass(tracker_lexer_t *lx)
{
    size_t       level;
    const char  *p;

    level = 0;

    for (p = lx->p; p < lx->end; p++) {

        switch (*p) {

        case '"':
            for (p++; *p != '"'; p++) {
                p += *p == '\\';
            }

            break;

        case '[':
        case '{':
            level++;
            break;

        case ']':
        case '}':
        case ',':
            if (level == 0) {
                lx->p = p;
                return;
            }

            level -= *p != ',';
            break;

        default:
            break;
        }
    }
}
