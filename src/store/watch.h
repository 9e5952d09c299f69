
/*
 * The accounts whose trackers are waited for to change, in this worker: as long
 * as anybody waits, it asks Redis for the revision of each of them, whatever
 * the number of those who wait.
 */


#ifndef _TRACKER_WATCH_H_INCLUDED_
#define _TRACKER_WATCH_H_INCLUDED_


#include "store/txn.h"


#pragma GCC visibility push(hidden)


/* ms between two questions for one account */
#define TRACKER_WATCH_INTERVAL  500


typedef struct tracker_watch_s    tracker_watch_t;
typedef struct tracker_watcher_s  tracker_watcher_t;

/* of the owner; it may do anything, joining and leaving included */
typedef void (*tracker_watch_pt)(tracker_watcher_t *watcher);


/* one who waits; memory of the owner, zeros at first */

struct tracker_watcher_s {
    ngx_queue_t         queue;
    tracker_watch_t    *watch;        /* NULL: it does not wait */
    ngx_str_t           rev;          /* digits: the revision that it knows */
    tracker_watch_pt    handler;
};


/*
 * Waits until the account of txn has another revision than watcher->rev: then
 * the watcher leaves, and its handler is called, never before this function has
 * returned.  A failing Redis is asked again and again.  watcher and rev must
 * live until it has left; txn need not.  Returns NGX_OK or NGX_ERROR, no
 * memory.
 */
ngx_int_t tracker_watch_join(tracker_txn_t *txn, tracker_watcher_t *watcher);

/* The handler is not called any more.  watcher may have left before. */
void tracker_watch_leave(tracker_watcher_t *watcher);

/*
 * Returns the one who has waited longest for the account that watcher waits
 * for, if they are more than most; else NULL.
 */
tracker_watcher_t *tracker_watch_surplus(tracker_watcher_t *watcher,
    ngx_uint_t most);

/*
 * A write of the account with this base on this server was acknowledged: if
 * anybody waits for it, Redis is asked at once.
 */
void tracker_watch_written(ngx_redis_t *redis, ngx_str_t *base);


#pragma GCC visibility pop


#endif /* _TRACKER_WATCH_H_INCLUDED_ */
