
/*
 * What a worker counts: plain words, which only this worker writes.  They are
 * in its slot of the shared zone (http/zone.h), where others read them, or in
 * memory of its own if there is no zone.
 */


#ifndef _NGX_HTTP_TRACKER_TALLY_H_INCLUDED_
#define _NGX_HTTP_TRACKER_TALLY_H_INCLUDED_


#include "http/conf.h"


#pragma GCC visibility push(hidden)


/* at least the outcomes of http/response.h */
#define NGX_HTTP_TRACKER_OUTCOMES  64

/* servers and keys with counters of their own */
#define NGX_HTTP_TRACKER_SERVERS   8
#define NGX_HTTP_TRACKER_KEYS      16

/* buckets of a histogram, the last one without a bound */
#define NGX_HTTP_TRACKER_BUCKETS   15

/* statuses that are counted one by one, and one place for all others */
#define NGX_HTTP_TRACKER_CODES     16


/* what a request is for */

typedef enum {
    NGX_HTTP_TRACKER_AT_NONE = 0,      /* no such endpoint, or another module
                                          has answered before */
    NGX_HTTP_TRACKER_AT_CREATE,
    NGX_HTTP_TRACKER_AT_BULK,
    NGX_HTTP_TRACKER_AT_LIST,
    NGX_HTTP_TRACKER_AT_FIND,
    NGX_HTTP_TRACKER_AT_GET,
    NGX_HTTP_TRACKER_AT_PUT,
    NGX_HTTP_TRACKER_AT_PATCH,
    NGX_HTTP_TRACKER_AT_DELETE,
    NGX_HTTP_TRACKER_AT_LOGIN,
    NGX_HTTP_TRACKER_AT_PROCESS,
    NGX_HTTP_TRACKER_AT_APPEND,
    NGX_HTTP_TRACKER_AT_DETECT,
    NGX_HTTP_TRACKER_AT_JOB,
    NGX_HTTP_TRACKER_AT_CONVERSATIONS,
    NGX_HTTP_TRACKER_AT_CONVERSATION,
    NGX_HTTP_TRACKER_AT_MESSAGES,
    NGX_HTTP_TRACKER_AT_MEMBERS,
    NGX_HTTP_TRACKER_AT_FOUND,
    NGX_HTTP_TRACKER_AT_INSIGHT,
    NGX_HTTP_TRACKER_AT_FORGET,
    NGX_HTTP_TRACKER_AT_CHANGES,
    NGX_HTTP_TRACKER_AT_DESCRIPTION,
    NGX_HTTP_TRACKER_AT_OPTIONS,

    NGX_HTTP_TRACKER_ENDPOINTS
} ngx_http_tracker_at_e;


/* what became of a request's token */

typedef enum {
    NGX_HTTP_TRACKER_TOKEN_OK = 0,
    NGX_HTTP_TRACKER_TOKEN_MISSING,
    NGX_HTTP_TRACKER_TOKEN_MALFORMED,
    NGX_HTTP_TRACKER_TOKEN_SIGNATURE,
    NGX_HTTP_TRACKER_TOKEN_EXPIRED,
    NGX_HTTP_TRACKER_TOKEN_NOT_YET,
    NGX_HTTP_TRACKER_TOKEN_CLAIMS,
    NGX_HTTP_TRACKER_TOKEN_ERROR,

    NGX_HTTP_TRACKER_TOKENS
} ngx_http_tracker_token_e;


typedef enum {
    NGX_HTTP_TRACKER_VIA_AUTHORIZATION = 0,
    NGX_HTTP_TRACKER_VIA_API_KEY,

    NGX_HTTP_TRACKER_VIAS
} ngx_http_tracker_via_e;


typedef enum {
    NGX_HTTP_TRACKER_LOGIN_OK = 0,
    NGX_HTTP_TRACKER_LOGIN_UNKNOWN,
    NGX_HTTP_TRACKER_LOGIN_SECRET,
    NGX_HTTP_TRACKER_LOGIN_LIMITED,    /* by another module */

    NGX_HTTP_TRACKER_LOGINS
} ngx_http_tracker_login_e;


/* what was done to trackers */

typedef enum {
    NGX_HTTP_TRACKER_DID_CREATE = 0,
    NGX_HTTP_TRACKER_DID_CHANGE,
    NGX_HTTP_TRACKER_DID_DELETE,
    NGX_HTTP_TRACKER_DID_SEARCH,       /* messages for them */
    NGX_HTTP_TRACKER_DID_FIND,         /* a phrase in a sentence */

    NGX_HTTP_TRACKER_DEEDS
} ngx_http_tracker_deed_e;


typedef struct {
    ngx_uint_t                    sum;
    ngx_uint_t                    buckets[NGX_HTTP_TRACKER_BUCKETS];
} ngx_http_tracker_histogram_t;


/* how the values of a histogram are divided, and how they are written */

typedef struct {
    ngx_uint_t                    scale;     /* of the sum: 1000 for ms */
    struct {
        const char               *text;
        ngx_uint_t                bound;     /* inclusive; 0: no more */
    } buckets[NGX_HTTP_TRACKER_BUCKETS];
} ngx_http_tracker_scale_t;


/* never less than before; of ngx_uint_t only, since a slot is added to another
   one word by word */

typedef struct {
    ngx_uint_t                    requests[NGX_HTTP_TRACKER_ENDPOINTS]
                                          [NGX_HTTP_TRACKER_OUTCOMES];
    ngx_uint_t                    others[NGX_HTTP_TRACKER_ENDPOINTS]
                                        [NGX_HTTP_TRACKER_CODES];
    ngx_http_tracker_histogram_t  durations[NGX_HTTP_TRACKER_ENDPOINTS];
    ngx_http_tracker_histogram_t  bodies[NGX_HTTP_TRACKER_ENDPOINTS];
    ngx_http_tracker_histogram_t  waits[TRACKER_STEPS];
    ngx_http_tracker_histogram_t  turns;

    ngx_uint_t                    trackers[NGX_HTTP_TRACKER_DEEDS];
    ngx_uint_t                    locks[TRACKER_LOCK_ENDS];
    ngx_uint_t                    tokens[NGX_HTTP_TRACKER_TOKENS]
                                        [NGX_HTTP_TRACKER_VIAS];
    ngx_uint_t                    keys[NGX_HTTP_TRACKER_KEYS];
    ngx_uint_t                    hits;      /* tokens found in a cache */
    ngx_uint_t                    misses;
    ngx_uint_t                    logins[NGX_HTTP_TRACKER_LOGINS];
    ngx_uint_t                    failures;  /* to read applications */

    ngx_redis_counts_t            servers[NGX_HTTP_TRACKER_SERVERS];
} ngx_http_tracker_counts_t;


/* what is: it ends with the worker */

typedef struct {
    ngx_uint_t                    flying[NGX_HTTP_TRACKER_ENDPOINTS];
    ngx_uint_t                    waiting;   /* for changes */
    ngx_redis_gauges_t            servers[NGX_HTTP_TRACKER_SERVERS];
} ngx_http_tracker_gauges_t;


typedef struct {
    ngx_http_tracker_counts_t     counts;
    ngx_http_tracker_gauges_t     gauges;
} ngx_http_tracker_tally_t;


/* of one request */

typedef struct {
    ngx_http_tracker_at_e         at;
    unsigned                      flying:1;  /* it is among gauges.flying */
    unsigned                      waited:1;  /* for Redis */
} ngx_http_tracker_counted_t;


/* that of this worker; never NULL */
extern ngx_http_tracker_tally_t  *ngx_http_tracker_tally;

extern ngx_http_tracker_scale_t  ngx_http_tracker_time_scale;
extern ngx_http_tracker_scale_t  ngx_http_tracker_size_scale;
extern ngx_http_tracker_scale_t  ngx_http_tracker_turn_scale;


/* statuses that are counted one by one; the last is 0: all others */
extern ngx_uint_t  ngx_http_tracker_codes[NGX_HTTP_TRACKER_CODES];


/* Returns the microseconds of a clock that nobody sets. */
uint64_t ngx_http_tracker_clock(void);

/* Back to memory that nobody reads; a worker begins there. */
void ngx_http_tracker_tally_nowhere(void);

/* Count a login by its verdict, and a failure to read applications. */
#define ngx_http_tracker_tally_login(verdict)                                 \
    ngx_http_tracker_tally->counts.logins[verdict]++

#define ngx_http_tracker_tally_failure()                                      \
    ngx_http_tracker_tally->counts.failures++


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_TALLY_H_INCLUDED_ */
