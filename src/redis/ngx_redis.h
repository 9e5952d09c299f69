
/*
 * An asynchronous Redis client on nginx's event loop.  One object stands for
 * one server, or one cluster, as configured; each worker connects by itself, on
 * first use.  Nothing above this header may assume that there is one connection
 * or one address.
 *
 * Life of a command: ngx_redis_submit() takes it, ngx_redis_handler_pt gets
 * its one result later, never before submit has returned.
 */


#ifndef _NGX_REDIS_H_INCLUDED_
#define _NGX_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#pragma GCC visibility push(hidden)


typedef struct ngx_redis_s     ngx_redis_t;
typedef struct ngx_redis_op_s  ngx_redis_op_t;
typedef struct ngx_redis_addr_s  ngx_redis_addr_t;


/* a server-side script; sha is filled by ngx_redis_add() */

typedef struct {
    ngx_str_t              name;       /* for the log */
    ngx_str_t              text;
    u_char                 sha[40];    /* lower-case hex sha1 of text */
} ngx_redis_script_t;


/* replicas that must have a write before it is answered */

typedef struct {
    ngx_uint_t             replicas;   /* 0: none */
    ngx_msec_t             time;       /* how long to wait for them; 0: by
                                          default, see ngx_redis_fit_wait() */
} ngx_redis_wait_conf_t;


/* how connections are secured; named as nginx's proxy_ssl_* */

typedef struct {
    ngx_str_t              name;       /* len 0: the host of the address */
    ngx_str_t              trusted_certificate;  /* len 0: the system's */
    ngx_str_t              crl;        /* len 0: none */
    ngx_str_t              certificate;          /* len 0: none */
    ngx_str_t              certificate_key;
    ngx_str_t              ciphers;
    ngx_array_t           *passwords;  /* of the key, or NULL */
    ngx_uint_t             protocols;
    ngx_flag_t             verify;
    ngx_int_t              verify_depth;
    ngx_flag_t             server_name;
    ngx_flag_t             session_reuse;
} ngx_redis_ssl_t;


/* the name of a master, and who knows where it is */

typedef struct {
    ngx_str_t              name;       /* len 0: there are no sentinels */
    ngx_str_t              user;       /* as below, at the sentinels */
    ngx_str_t              password;
} ngx_redis_sentinel_conf_t;


typedef struct {
    ngx_str_t              address;    /* the server's name in the log */
    ngx_str_t             *hosts;      /* "host:port" or "unix:path": of the
                                          server, or of the sentinels */
    ngx_uint_t             nhosts;
    ngx_redis_sentinel_conf_t  sentinel;
    ngx_uint_t             cluster;    /* 1: hosts are nodes of a cluster */
    ngx_uint_t             db;
    ngx_str_t              user;       /* len 0: none (plain AUTH); needs a
                                          password */
    ngx_str_t              password;   /* len 0: no AUTH */
    ngx_redis_ssl_t       *ssl;        /* NULL: no TLS */
    ngx_redis_addr_t      *addrs;      /* filled by ngx_redis_resolve() */
    ngx_uint_t             naddrs;
    ngx_resolver_t        *resolver;   /* for names that servers announce, and
                                          for those of hosts when an address
                                          fails; NULL: none */
    ngx_msec_t             resolver_timeout;
    ngx_redis_wait_conf_t  wait;
    ngx_redis_script_t    *scripts;    /* loaded on each new connection */
    ngx_uint_t             nscripts;
} ngx_redis_conf_t;


typedef enum {
    NGX_REDIS_NIL = 0,
    NGX_REDIS_STATUS,                  /* str */
    NGX_REDIS_STRING,                  /* str */
    NGX_REDIS_INTEGER,                 /* integer */
    NGX_REDIS_ARRAY,                   /* n elements */
    NGX_REDIS_OTHER                    /* an error inside an array, RESP3 */
} ngx_redis_type_e;


/* a view of a reply, valid until the handler that got it returns */

typedef struct {
    ngx_redis_type_e       type;
    ngx_str_t              str;
    int64_t                integer;
    size_t                 n;
    void                  *elements;   /* of the library; see below */
} ngx_redis_reply_t;


/* what became of a command */

typedef enum {
    NGX_REDIS_OK = 0,      /* a reply that is no error */
    NGX_REDIS_UNAVAILABLE, /* no connection, or not able to serve: 502 */
    NGX_REDIS_TIMEOUT,     /* no answer in time, or too few replicas: 504 */
    NGX_REDIS_CROWDED,     /* too many of its flow wait: 429 */
    NGX_REDIS_ERROR        /* Redis refused it, a script failed, a reply of
                              no known shape, or no memory: 500 */
} ngx_redis_status_e;


/* how an attempt to connect has ended */

typedef enum {
    NGX_REDIS_CONNECT_OK = 0,
    NGX_REDIS_CONNECT_REFUSED,         /* or reset, or no socket */
    NGX_REDIS_CONNECT_TIMEOUT,
    NGX_REDIS_CONNECT_AUTH,            /* AUTH, SELECT or ROLE was refused */

    NGX_REDIS_CONNECT_RESULTS
} ngx_redis_connect_e;


/* settings of Redis that a worker looks at, as of its newest connection */

typedef enum {
    NGX_REDIS_SETTING_POLICY = 0,      /* maxmemory-policy is noeviction */
    NGX_REDIS_SETTING_AOF,             /* appendonly is yes */

    NGX_REDIS_SETTINGS
} ngx_redis_setting_e;


/* error replies are counted by their first word, at most so many words */
#define NGX_REDIS_REFUSALS     25


/* connections of a worker to a server */

typedef enum {
    NGX_REDIS_LANE_SMALL = 0,          /* for small commands */
    NGX_REDIS_LANE_LARGE,
    NGX_REDIS_LANE_READ,               /* for reads, where writes wait for
                                          replicas */

    NGX_REDIS_LANES
} ngx_redis_lane_e;


/* what a worker counts of a server; of ngx_uint_t only */

typedef struct {
    ngx_uint_t             connects[NGX_REDIS_CONNECT_RESULTS];
    ngx_uint_t             losses;     /* connections, under commands */
    ngx_uint_t             resends;    /* commands that are sent again */
    ngx_uint_t             refused;    /* commands: too many wait */
    ngx_uint_t             few;        /* writes: too few replicas had them in
                                          time */
    ngx_uint_t             errors[NGX_REDIS_REFUSALS];
} ngx_redis_counts_t;


/* of one connection */

typedef struct {
    ngx_uint_t             connected;  /* 1 or 0 */
    ngx_uint_t             commands;   /* without a reply, sent or not */
    ngx_uint_t             bytes;      /* of these */
} ngx_redis_load_t;


/* what is; times are those of ngx_current_msec, 0: never */

typedef struct {
    ngx_uint_t             answered;   /* the last time that Redis did */
    ngx_uint_t             failed;     /* that it could not be reached */
    ngx_uint_t             looked;     /* at the settings */
    ngx_uint_t             wrong[NGX_REDIS_SETTINGS];    /* 1 or 0 */
    ngx_redis_load_t       load[NGX_REDIS_LANES];
} ngx_redis_gauges_t;


/* scripts of one server, at most */
#define NGX_REDIS_MAX_SCRIPTS  32

/* larger commands have a connection of their own: small ones do not wait */
#define NGX_REDIS_LARGE_SIZE   65536

/* a script that is sent as EVAL, with its text: it need not be loaded */

typedef struct {
    ngx_redis_script_t    *script;
    ngx_uint_t             argc;
    ngx_str_t             *argv;       /* numkeys, keys, args */
} ngx_redis_eval_t;


/*
 * Gets the reply to a lead, if it is no error, before the handler of its
 * command is called, and again where both are sent again; data is that
 * handler's.  It must not submit or cancel.
 */
typedef void (*ngx_redis_lead_pt)(void *data, ngx_redis_reply_t *reply);


/*
 * A plain command that goes ahead of another one, in the same write, each time
 * that this is sent; it lives as argv of that one.  Its error is the result of
 * both; except where the command, which may have been executed the time
 * before, is answered without an error.
 */

typedef struct {
    ngx_uint_t             argc;
    ngx_str_t             *argv;
    ngx_redis_lead_pt      handler;
    const char            *action;     /* for the log */
    unsigned               read:1;     /* changes nothing; as its command */
} ngx_redis_lead_t;


/* for ngx_redis_command_t.size */
#define NGX_REDIS_SIZE_UNKNOWN  ((size_t) -1)


/*
 * Makes part the argument i of those behind argv, in one piece or in two (else
 * the second is empty).  data is the handler's.  The bytes, and whatever the
 * function looks at, must live as long as those of argv.
 */
typedef void (*ngx_redis_arg_pt)(void *data, ngx_uint_t i,
    ngx_str_t part[2]);


typedef struct {
    ngx_str_t              flow;       /* whose command it is, such as an
                                          account: flows take turns; bytes as
                                          those of argv */
    ngx_redis_script_t    *script;     /* NULL: argv is the whole command;
                                          else argv is what follows EVALSHA
                                          and the sha: numkeys, keys, args */
    ngx_uint_t             argc;       /* sent at once */
    ngx_str_t             *argv;
    ngx_uint_t             nmore;      /* arguments behind them, asked for
                                          one by one as there is room */
    ngx_redis_arg_pt       more;
    size_t                 more_size;  /* their bytes, all together */
    ngx_redis_eval_t      *before;     /* NULL, or: before, the command and
                                          after are a transaction.  The reply
                                          has theirs; where one of them is an
                                          error, this is the result */
    ngx_redis_eval_t      *after;
    ngx_redis_lead_t      *lead;       /* NULL, or what goes ahead of it: then
                                          it is sent in one piece, and is no
                                          transaction */
    ngx_str_t              key;        /* what its keys begin with, the hash
                                          tag included: for the debug log,
                                          and to choose the server where there
                                          are several; bytes as those of
                                          argv */
    size_t                 size;       /* bytes, about, of the largest command
                                          of those that are to stay in order:
                                          commands of one flow and size are
                                          sent, and run by Redis, in submit's
                                          order, except urgent ones, those sent
                                          again and, where writes wait for
                                          replicas, reads */
    ngx_msec_t             timeout;    /* ms for connect plus one answer */
    ngx_msec_t             deadline;   /* ngx_current_msec at which the
                                          command is given up, retries and
                                          all */
    ngx_msec_t             failover;   /* ms that it waits for a new master,
                                          from the loss of the old one on */
    const char            *action;     /* for the log: "locking" */
    unsigned               read:1;     /* changes nothing */
    unsigned               write:1;    /* answered when the replicas of the
                                          server's configuration have it; it
                                          must write when it is sent again,
                                          too */
    unsigned               urgent:1;   /* a lock release: never refused, goes
                                          ahead of what waits, is retried until
                                          the deadline, at most 1 s in an
                                          exiting worker */
    unsigned               left:1;     /* 0; see ngx_redis_leave() */
} ngx_redis_command_t;


/*
 * status is the result; reply is there for NGX_REDIS_OK only.  maybe is 1
 * where a command that failed, or its lead, may have been executed all the
 * same, and where the reply is that to a command that was sent again: the one
 * before may have been executed too, others since.  The handler may submit and
 * cancel others.
 */
typedef void (*ngx_redis_handler_pt)(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);


/*
 * Configuration time.  Resolves conf->hosts, to all of their addresses: the
 * next one is tried when a connection fails.  Returns NGX_OK, or NGX_ERROR
 * after it logged what is wrong (EMERG, the value quoted).
 */
ngx_int_t ngx_redis_resolve(ngx_conf_t *cf, ngx_redis_conf_t *conf);

/*
 * Returns 1 if workers may meet names of servers: conf, which is resolved, has
 * some, or servers announce theirs; else 0.
 */
ngx_uint_t ngx_redis_names(ngx_redis_conf_t *conf);

/*
 * Configuration time.  Finds the server of conf, which is resolved, among those
 * of servers (an array of ngx_redis_t *, owned by the caller) or adds it; equal
 * servers are shared.  The scripts, NGX_REDIS_MAX_SCRIPTS at most, and all
 * strings must live as long as cf->cycle; they are not copied.
 * Returns NULL after it logged what is wrong (EMERG, the value quoted).
 */
ngx_redis_t *ngx_redis_add(ngx_conf_t *cf, ngx_array_t *servers,
    ngx_redis_conf_t *conf);

/*
 * Configuration time.  Commands that write will have this timeout, in ms: the
 * time that they wait for replicas is half of it at most.  Returns NGX_OK, and
 * a time that is not configured is the least of these, a second at most; or
 * NGX_DECLINED: the one that is configured is too long.
 */
ngx_int_t ngx_redis_fit_wait(ngx_redis_t *redis, ngx_msec_t timeout);

/*
 * Submits a command.  What Redis owes a connection is bounded; what waits for
 * that is taken from the flows in turn, and where too much waits, commands of
 * a flow with more than its share of it are refused (NGX_REDIS_CROWDED).  All
 * commands are sent again when the connection is lost
 * under them or Redis cannot serve yet (LOADING, READONLY, ...), until the
 * deadline: they must be safe to run twice.  cmd is copied; argv, the bytes it
 * points to, and what more looks at stay the caller's and must live until the
 * handler was called or the command was cancelled.  A script must be one of
 * the server's; the name of a plain command has 64 bytes at most.
 * Returns NULL when there is no memory, and after ngx_redis_close(); then the
 * handler is not called.
 */
ngx_redis_op_t *ngx_redis_submit(ngx_redis_t *redis, ngx_redis_command_t *cmd,
    ngx_redis_handler_pt handler, void *data);

/*
 * The handler will not be called.  A command not yet sent as a whole is never
 * executed; one that was may be, its reply is dropped unread.  op is gone.
 * Returns 1 when it was sent as a whole, or may have been, or its lead was
 * executed; else 0.
 */
ngx_uint_t ngx_redis_cancel(ngx_redis_op_t *op);

/*
 * Nobody needs the result of op except to clear up behind it: it fails when an
 * exiting worker has waited a second for it.
 */
void ngx_redis_leave(ngx_redis_op_t *op);

/* Element i, i < reply->n, of an array as a view of its own. */
void ngx_redis_reply_element(ngx_redis_reply_t *reply, size_t i,
    ngx_redis_reply_t *element);

/*
 * From now on the counters and gauges of the server are kept there, memory of
 * the caller; until then they are kept where nobody looks.
 */
void ngx_redis_count(ngx_redis_t *redis, ngx_redis_counts_t *counts,
    ngx_redis_gauges_t *gauges);

/*
 * Returns the word that ngx_redis_counts_t.errors[i] counts, static memory, or
 * NULL behind the last one, which is "other".
 */
ngx_str_t *ngx_redis_error_word(ngx_uint_t i);

/* Returns the version of hiredis, static memory. */
const char *ngx_redis_library(void);

/*
 * Exit of a worker: closes every connection of the servers.  Handlers of
 * what is still pending are not called, and nothing is left to cancel.
 */
void ngx_redis_close(ngx_array_t *servers);


#pragma GCC visibility pop


#endif /* _NGX_REDIS_H_INCLUDED_ */
