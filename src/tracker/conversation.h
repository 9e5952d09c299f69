#ifndef _TRACKER_CONVERSATION_H_INCLUDED_
#define _TRACKER_CONVERSATION_H_INCLUDED_
#include "tracker/tracker.h"
#pragma GCC visibility push(hidden)
typedef struct {
    tracker_str_t     content;
    tracker_str_t     name;
    tracker_str_t     user_id;
    tracker_str_t     start;
    tracker_str_t     end;
} tracker_utterance_t;
typedef struct {
    tracker_str_t     id;
    tracker_str_t     name;
    tracker_list_t    vocabulary;
} tracker_choice_t;
typedef enum { TRACKER_ALL_ABSENT = 0, TRACKER_ALL_NO, TRACKER_ALL_YES } tracker_all_e;
typedef struct {
    tracker_str_t             name;
    tracker_str_t             metadata;
    tracker_utterance_t      *messages;
    size_t                    nmessages;
    tracker_choice_t         *choices;
    size_t                    nchoices;
    tracker_all_e             all;
} tracker_conversation_t;
#pragma GCC visibility pop
#endif
