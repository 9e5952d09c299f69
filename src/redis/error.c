
/*
 * What Redis' error words mean to us, and what of them is logged.
 */


#include "redis/private.h"


/* the same word with another text behind it */
#define NGX_REDIS_LOG_OTHER  1000


/*
 * maybe: a script got that far and was stopped in the middle.  The words that
 * Redis puts in the way of the first write of a script (READONLY, OOM,
 * MISCONF, NOREPLICAS) come before anything was changed (Redis 7, script.c),
 * as do those for the whole command.
 *
 * moved: this server is a replica now; behind a balancer, or at another address
 * of the same name, a new connection may find the master.
 */

static ngx_redis_refusal_t  ngx_redis_refusals[] = {

    /*                      status         retry, load, full, moved, maybe */

    /* accepted and turned away: as good as a refused connection */

    { ngx_string("ERR max number of clients reached"),
                                  NGX_REDIS_UNAVAILABLE, 0, 0, 1, 0, 0 },

    { ngx_string("NOSCRIPT"),     NGX_REDIS_ERROR,       0, 1, 0, 0, 0 },

    /* not able to serve yet */

    { ngx_string("LOADING"),      NGX_REDIS_UNAVAILABLE, 1, 0, 0, 0, 0 },
    { ngx_string("MASTERDOWN"),   NGX_REDIS_UNAVAILABLE, 1, 0, 0, 1, 0 },
    { ngx_string("CLUSTERDOWN"),  NGX_REDIS_UNAVAILABLE, 1, 0, 0, 0, 0 },
    { ngx_string("TRYAGAIN"),     NGX_REDIS_UNAVAILABLE, 1, 0, 0, 0, 0 },
    { ngx_string("READONLY"),     NGX_REDIS_UNAVAILABLE, 1, 0, 0, 1, 0 },
    { ngx_string("NOREPLICAS"),   NGX_REDIS_UNAVAILABLE, 1, 0, 0, 0, 0 },
    { ngx_string("BUSY"),         NGX_REDIS_TIMEOUT,     1, 0, 0, 0, 0 },

    /* refused for reasons of its own */

    { ngx_string("OOM"),          NGX_REDIS_ERROR,       0, 0, 0, 0, 0 },
    { ngx_string("MISCONF"),      NGX_REDIS_ERROR,       0, 0, 0, 0, 0 },
    { ngx_string("NOAUTH"),       NGX_REDIS_ERROR,       0, 0, 0, 0, 0 },
    { ngx_string("WRONGPASS"),    NGX_REDIS_ERROR,       0, 0, 0, 0, 0 },
    { ngx_string("DENIED"),       NGX_REDIS_UNAVAILABLE, 0, 0, 1, 0, 0 },
    { ngx_string("MOVED"),        NGX_REDIS_ERROR,       0, 0, 0, 0, 0 },
    { ngx_string("ASK"),          NGX_REDIS_ERROR,       0, 0, 0, 0, 0 },
    { ngx_string("CROSSSLOT"),    NGX_REDIS_ERROR,       0, 0, 0, 0, 0 },
    { ngx_string("NOPERM"),       NGX_REDIS_ERROR,       0, 0, 0, 0, 1 },
    { ngx_string("WRONGTYPE"),    NGX_REDIS_ERROR,       0, 0, 0, 0, 1 },

    /* anything else, a script's own error among it; the last one */

    { ngx_null_string,            NGX_REDIS_ERROR,       0, 0, 0, 0, 1 }
};


ngx_redis_refusal_t  ngx_redis_busy =
    { ngx_null_string,            NGX_REDIS_UNAVAILABLE, 1, 0, 0, 0, 0 };


/* a row for each of ngx_redis_t.refusals */

typedef char  ngx_redis_refusals_fit[
    sizeof(ngx_redis_refusals) / sizeof(ngx_redis_refusals[0])
    <= NGX_REDIS_REFUSALS ? 1 : -1];


ngx_redis_refusal_t *
ngx_redis_refusal(redisReply *r)
{
    size_t                len;
    ngx_redis_refusal_t  *refusal;

    len = r->len;

    for (refusal = ngx_redis_refusals; refusal->word.len; refusal++) {

        if (len >= refusal->word.len
            && ngx_strncmp(r->str, refusal->word.data, refusal->word.len) == 0
            && (len == refusal->word.len || r->str[refusal->word.len] == ' '))
        {
            return refusal;
        }
    }

    return refusal;
}


ngx_uint_t
ngx_redis_log_due(ngx_redis_said_t *said, ngx_msec_t quiet)
{
    if (said->used && ngx_current_msec - said->at < quiet) {
        return 0;
    }

    said->used = 1;
    said->at = ngx_current_msec;

    return 1;
}


/* what comes from the network is not for the terminal of who reads the log */

void
ngx_redis_printable(ngx_str_t *text, u_char *buf)
{
    size_t  i;
    u_char  ch;

    text->len = ngx_min(text->len, NGX_REDIS_LOG_LEN);

    for (i = 0; i < text->len; i++) {
        ch = text->data[i];
        buf[i] = (ch < 0x20 || ch > 0x7e) ? '?' : ch;
    }

    text->data = buf;
}


/* once an outage, not once a request */

void
ngx_redis_log_refusal(ngx_redis_t *redis, ngx_redis_refusal_t *refusal,
    redisReply *r, const char *action)
{
    u_char                   *end, buf[NGX_REDIS_LOG_LEN];
    uint32_t                  hash;
    ngx_str_t                 text;
    ngx_msec_t                now;
    ngx_uint_t                quiet, other;
    ngx_redis_refusal_log_t  *log;

    text.data = (u_char *) r->str;
    text.len = r->len;

    ngx_redis_printable(&text, buf);

    /* "ERR unknown command 'x', with args beginning with: ...": not those */

    end = ngx_strlchr(text.data, text.data + text.len, ',');
    if (end && ngx_strncmp(text.data, "ERR unknown ", 12) == 0) {
        text.len = end - text.data;
    }

    hash = ngx_crc32_short(text.data, text.len);
    now = ngx_current_msec;

    log = &redis->refusals[refusal - ngx_redis_refusals];

    quiet = (!log->used || now - log->seen > NGX_REDIS_LOG_QUIET);
    other = (log->hash != hash && now - log->logged > NGX_REDIS_LOG_OTHER);

    log->seen = now;
    log->used = 1;

    if (!quiet && !other) {
        ngx_log_debug2(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                       "redis: \"%V\" while %s", &text, action);
        return;
    }

    log->logged = now;
    log->hash = hash;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "redis: %V answered \"%V\" while %s",
                  &redis->conf.address, &text, action);
}


void
ngx_redis_log_outage(ngx_redis_lane_t *lane, const char *what,
    const char *why)
{
    ngx_uint_t         level;
    ngx_redis_t       *redis;
    ngx_redis_addr_t  *addr;

    redis = lane->redis;
    addr = &redis->addrs[lane->addr];

    /* one client can make an outage, and end it, time and again */

    level = NGX_LOG_INFO;

    if (!redis->said && ngx_redis_log_due(&redis->lost, NGX_REDIS_LOG_OTHER)) {
        redis->said = 1;
        level = NGX_LOG_ERR;
    }

    ngx_log_error(level, ngx_cycle->log, 0, "redis: %s %V%s%s",
                  what, &addr->name, *why ? ": " : "", why);

    redis->outage = 1;
}


void
ngx_redis_log_recovery(ngx_redis_lane_t *lane)
{
    ngx_uint_t    level;
    ngx_redis_t  *redis;

    redis = lane->redis;

    if (!redis->outage) {
        return;
    }

    level = redis->said ? NGX_LOG_NOTICE : NGX_LOG_INFO;

    redis->outage = 0;
    redis->said = 0;

    ngx_log_error(level, ngx_cycle->log, 0,
                  "redis: %V answers again",
                  &redis->addrs[lane->addr].name);
}
