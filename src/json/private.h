
/* The keys of a tracker, which its reader and its writer share. */


#ifndef _TRACKER_JSON_PRIVATE_H_INCLUDED_
#define _TRACKER_JSON_PRIVATE_H_INCLUDED_


#include "json/tracker_json.h"


#pragma GCC visibility push(hidden)


typedef struct {
    tracker_str_t     key;
    size_t            offset;        /* in tracker_t */
    unsigned          list:1;        /* strings, not one string */
} tracker_json_field_t;


#define TRACKER_JSON_FIELDS   6

/* in the order in which they are written; the first is the id */

extern const tracker_json_field_t  tracker_json_fields[TRACKER_JSON_FIELDS];


#pragma GCC visibility pop


#endif /* _TRACKER_JSON_PRIVATE_H_INCLUDED_ */
