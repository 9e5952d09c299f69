
/*
 * The domain: what a client sends of a conversation, to process/text or to have
 * trackers detected, and what makes it valid.  Clients differ in what they add
 * and leave out: a key without a meaning is ignored, null is as good as absent,
 * and so is an optional string that is empty.
 */


#ifndef _TRACKER_CONVERSATION_H_INCLUDED_
#define _TRACKER_CONVERSATION_H_INCLUDED_


#include "tracker/tracker.h"


#pragma GCC visibility push(hidden)


/* bytes of who said a message, and of when, at most */
#define TRACKER_DETAIL_MAX    1000


/* a message as it was sent; what is absent has data NULL */

typedef struct {
    tracker_str_t              content;      /* may be empty */
    tracker_str_t              name;         /* who said it */
    tracker_str_t              user_id;
    tracker_str_t              start;        /* as sent: of any form */
    tracker_str_t              end;
} tracker_utterance_t;


/* a tracker to look for: one of the account by its id, or one given here */

typedef struct {
    tracker_str_t              id;           /* 16 digits, then name and
                                                vocabulary are absent; data
                                                NULL: a tracker given here */
    tracker_str_t              name;
    tracker_list_t             vocabulary;
} tracker_choice_t;


/* are all trackers of the account to be looked for? */

typedef enum {
    TRACKER_ALL_ABSENT = 0,
    TRACKER_ALL_NO,
    TRACKER_ALL_YES
} tracker_all_e;


typedef struct {
    tracker_str_t              name;         /* data NULL: absent */
    tracker_str_t              metadata;     /* a JSON object as it was sent,
                                                blanks included; data NULL:
                                                absent, or no object */
    tracker_utterance_t       *messages;     /* NULL: absent */
    size_t                     nmessages;
    tracker_choice_t          *choices;
    size_t                     nchoices;     /* 0: none, or absent */
    tracker_all_e              all;
    unsigned                   is_message:1; /* only of TRACKER_TALK_LINE: it
                                                has a payload */
} tracker_conversation_t;


/* what the text is, an object */

typedef enum {
    TRACKER_TALK_BODY = 0,                   /* a conversation */
    TRACKER_TALK_LINE,                       /* a message, or settings: sets
                                                is_message only */
    TRACKER_TALK_SETTINGS,                   /* one without messages */
    TRACKER_TALK_MESSAGE                     /* a message alone */
} tracker_talk_e;


/* what the value of a key is */

typedef enum {
    TRACKER_MEMBER_STRING = 0,               /* a tracker_str_t */
    TRACKER_MEMBER_STRINGS,                  /* a tracker_list_t */
    TRACKER_MEMBER_BOOLEAN,                  /* a tracker_all_e */
    TRACKER_MEMBER_TEXT,                     /* a tracker_str_t: JSON */
    TRACKER_MEMBER_PAYLOAD,                  /* sets is_message */
    TRACKER_MEMBER_OBJECT,                   /* inner, of the same struct */
    TRACKER_MEMBER_MESSAGES,                 /* each has the keys of inner */
    TRACKER_MEMBER_CHOICES
} tracker_member_e;


typedef struct tracker_member_s  tracker_member_t;


/* the keys of an object that have a meaning */

typedef struct {
    size_t                     n;            /* at most 8 */
    const tracker_member_t    *elts;
} tracker_members_t;


struct tracker_member_s {
    tracker_str_t              key;          /* NUL-terminated as well */
    tracker_str_t              path;         /* in messages, from the element of
                                                the list on */
    tracker_member_e           type;
    size_t                     offset;       /* in the struct */
    const tracker_members_t   *inner;
};


/*
 * The keys of a text: those of tracker_utterance_t for TRACKER_TALK_MESSAGE,
 * else of tracker_conversation_t
 */

extern const tracker_members_t  tracker_talk_members[];


/* the value of a member of the struct at base */

#define tracker_member_value(type, base, member)                              \
    ((type *) ((char *) (base) + (member)->offset))


/* Looks for a key.  Returns NULL if it has no meaning. */

static inline const tracker_member_t *
tracker_member(const tracker_members_t *members, const tracker_str_t *key)
{
    size_t                   i;
    const tracker_member_t  *member;

    for (i = 0; i < members->n; i++) {
        member = &members->elts[i];

        if (member->key.len == key->len
            && member->key.data[0] == key->data[0]
            && memcmp(member->key.data, key->data, key->len) == 0)
        {
            return member;
        }
    }

    return NULL;
}


/*
 * Sets *all from a string that stands for a boolean: "true" or "false" in any
 * case of letters.  Returns 1, or 0 if it is another string.
 */
int tracker_all_string(const tracker_str_t *str, tracker_all_e *all);

/*
 * Checks a message whose values are of the right types; index is its place, -1
 * if it is alone.  It has content, and its other strings have
 * TRACKER_DETAIL_MAX bytes at most.  Optional strings that are empty become
 * absent.
 * Returns TRACKER_OK, or TRACKER_INVALID with the message for the client.
 */
tracker_rc_e tracker_validate_utterance(tracker_utterance_t *utterance,
    long index, tracker_message_t *message);

/*
 * Checks a tracker to look for, whose values are of the right types; index is
 * its place.  An id that is empty becomes absent; beside another id, name and
 * vocabulary do.  One without an id is checked as tracker_validate() does.
 * Temporary memory comes from arena.
 * Returns TRACKER_OK, TRACKER_INVALID with the message, or TRACKER_NOMEM.
 */
tracker_rc_e tracker_validate_choice(tracker_choice_t *choice, long index,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_message_t *message);

/*
 * Checks what is left of a text when all elements of its lists are good: that
 * there are messages, or none, or that the one alone is good.  A name that is
 * empty becomes absent.
 * Returns TRACKER_OK, or TRACKER_INVALID with the message.
 */
tracker_rc_e tracker_validate_conversation(tracker_conversation_t *conversation,
    tracker_talk_e talk, tracker_message_t *message);


#pragma GCC visibility pop


#endif /* _TRACKER_CONVERSATION_H_INCLUDED_ */
