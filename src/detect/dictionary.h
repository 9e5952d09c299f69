
/*
 * The trackers of accounts, compiled: each worker keeps those it used last, and
 * loads others from the store, one load at a time for an account.  A dictionary
 * is of one revision of the account's trackers.
 */


#ifndef _DETECT_DICTIONARY_H_INCLUDED_
#define _DETECT_DICTIONARY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "store/txn.h"
#include "detect/trackers.h"


#pragma GCC visibility push(hidden)


typedef struct {
    size_t                 cache;         /* bytes that a worker keeps */
    size_t                 max_phrases;   /* of an account */
} detect_limits_t;


/* what of an account's trackers: its dictionary with stems is another one */

typedef struct {
    tracker_store_t       *store;
    ngx_str_t             *account;
    ngx_uint_t             similar;       /* 1: by stems too */
} detect_name_t;


typedef struct {
    ngx_str_node_t         node;          /* by detect_name_t */
    ngx_queue_t            queue;         /* the last one used is the first */
    detect_trackers_t      trackers;
    ngx_str_t              revision;      /* digits */
    ngx_uint_t             refs;          /* matches, and the cache */
} detect_dictionary_t;


typedef struct detect_load_s  detect_load_t;
typedef struct detect_wait_s  detect_wait_t;

/* may do anything with the wait; the dictionary is then its owner's */
typedef void (*detect_wait_handler_pt)(detect_wait_t *wait);


/* one that waits for a load; zeros but for handler, data and since */

struct detect_wait_s {
    ngx_queue_t              queue;
    detect_load_t           *load;        /* NULL: it has ended */
    detect_wait_handler_pt   handler;
    void                    *data;
    uint64_t                 since;       /* of detect_dictionary_loads() */
    detect_dictionary_t     *dictionary;  /* with FOUND, a reference; or NULL */
    tracker_outcome_e        outcome;     /* or QUOTA: found is too many */
    size_t                   found;       /* phrases, with QUOTA */
    unsigned                 queued:1;    /* waits, or is about to be called */
    unsigned                 fresh:1;     /* all that was written before since
                                             is in the dictionary */
};


/*
 * Returns a dictionary, whatever its revision, with a reference for the caller;
 * or NULL if this worker has none.
 */
detect_dictionary_t *detect_dictionary_get(const detect_name_t *name);

/* Returns how many loads this worker has begun. */
uint64_t detect_dictionary_loads(void);

/*
 * Loads a dictionary, or waits for a load that is under way.  handler is called
 * once, later; the account's bytes are not kept, store and limits must live as
 * long as the cycle.
 * Returns NGX_OK, or NGX_ERROR if there is no memory.
 */
ngx_int_t detect_dictionary_load(detect_wait_t *wait,
    const detect_name_t *name, detect_limits_t *limits);

/* Waits no longer: handler is not called.  A load nobody waits for ends. */
void detect_dictionary_cancel(detect_wait_t *wait);

/* Gives up the reference. */
void detect_dictionary_release(detect_dictionary_t *dictionary);


#pragma GCC visibility pop


#endif /* _DETECT_DICTIONARY_H_INCLUDED_ */
