
/*
 * What Redis' error words mean to us, and what of an outage is logged.
 */


#ifndef _NGX_REDIS_ERROR_H_INCLUDED_
#define _NGX_REDIS_ERROR_H_INCLUDED_


#include "redis/ngx_redis.h"


#pragma GCC visibility push(hidden)


/* the same line is not logged again for so long, ms */
#define NGX_REDIS_LOG_QUIET  60000

/* bytes of what Redis says that go to the log */
#define NGX_REDIS_LOG_LEN    200


/* what follows an error reply */

typedef enum {
    NGX_REDIS_FAIL = 0,                /* the command has failed */
    NGX_REDIS_MOVED,                   /* the same, unless in a cluster */
    NGX_REDIS_ASK,                     /* the same */
    NGX_REDIS_RELOAD,                  /* SCRIPT LOAD, then sent again */
    NGX_REDIS_HANGUP,                  /* Redis closes the connection */
    NGX_REDIS_DELAY,                   /* the command waits for a while */
    NGX_REDIS_AWAIT,                   /* the same; in a cluster not for longer
                                          than a failover may take */
    NGX_REDIS_HOLD                     /* the server cannot serve yet */
} ngx_redis_action_e;


#define ngx_redis_delays(refusal)                                             \
    ((refusal)->action == NGX_REDIS_DELAY                                     \
     || (refusal)->action == NGX_REDIS_AWAIT)


/* an error reply by its first word */

typedef struct {
    ngx_str_t              word;
    ngx_redis_status_e     status;
    ngx_redis_action_e     action;
    unsigned               maybe:1;    /* parts may have been executed */
    unsigned               moves:1;    /* another server may be the master */
} ngx_redis_refusal_t;


/* when a line that any client can cause was last logged */

typedef struct {
    ngx_msec_t             at;
    uint32_t               hash;       /* of its text */
    unsigned               used:1;
} ngx_redis_said_t;


typedef enum {
    NGX_REDIS_NO_OUTAGE = 0,
    NGX_REDIS_OUTAGE,                  /* logged with level info only */
    NGX_REDIS_OUTAGE_SAID              /* logged as an error */
} ngx_redis_outage_e;


/* what a worker has logged and counted of one server */

typedef struct {
    ngx_str_t             *name;       /* of the server, as configured */
    ngx_redis_outage_e     outage;
    ngx_redis_said_t       lost;       /* an outage */
    ngx_redis_said_t       full;       /* a flow was refused */
    ngx_redis_said_t       hangup;     /* a command that ends connections */
    ngx_redis_said_t       few;        /* replicas have a write */
    ngx_redis_said_t       refusals[NGX_REDIS_REFUSALS];
    ngx_redis_counts_t    *counts;
    ngx_redis_gauges_t    *gauges;
    unsigned               evicts:1;   /* warned of maxmemory-policy */
    unsigned               forgets:1;  /* warned of appendonly */
} ngx_redis_log_t;


/* a server that cannot take a connection now, as if it had said so */
extern ngx_redis_refusal_t  ngx_redis_busy;

/* nobody is the master now */
extern ngx_redis_refusal_t  ngx_redis_no_master;

/* its ROLE is not that of a master */
extern ngx_redis_refusal_t  ngx_redis_replica;


/* Returns the row of an error reply of len bytes; never NULL. */
ngx_redis_refusal_t *ngx_redis_refusal(const char *text, size_t len);

/* Returns 1 if the line was not logged for the last quiet ms, and is now. */
ngx_uint_t ngx_redis_log_due(ngx_redis_said_t *said, ngx_msec_t quiet);

/*
 * Makes text the beginning of itself, without control characters, in buf of
 * NGX_REDIS_LOG_LEN bytes.
 */
void ngx_redis_printable(ngx_str_t *text, u_char *buf);

/* Counts an error reply. */
void ngx_redis_count_refusal(ngx_redis_log_t *log,
    ngx_redis_refusal_t *refusal);

/*
 * Counts and logs an error reply of len bytes: once a minute, other words of
 * the same row once a second.  action says what we were doing.
 */
void ngx_redis_log_refusal(ngx_redis_log_t *log, ngx_redis_refusal_t *refusal,
    const char *reply, size_t len, const char *action);

/*
 * Logs that the server at addr does not serve, once an outage.  what is the
 * text before the address; why the one behind it, or empty.
 */
void ngx_redis_log_outage(ngx_redis_log_t *log, ngx_str_t *addr,
    const char *what, const char *why);

/*
 * Logs, once a minute, that there is no resolver for the name of a server of
 * the one that is configured as of.
 */
void ngx_redis_log_name(ngx_redis_said_t *said, ngx_str_t *name,
    ngx_str_t *of);

/* Logs the end of an outage, if there was one. */
void ngx_redis_log_recovery(ngx_redis_log_t *log, ngx_str_t *addr);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_ERROR_H_INCLUDED_ */
