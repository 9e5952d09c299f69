
/*
 * What Redis' error words mean to us, and what of an outage is logged.
 */


#include "redis/error.h"


/* another outage, and other words of a row, are logged after so long, ms */
#define NGX_REDIS_LOG_OTHER  1000


/*
 * maybe: a script got that far and was stopped in the middle.  The words that
 * Redis puts in the way of the first write of a script (READONLY, OOM,
 * MISCONF, NOREPLICAS) come before anything was changed (Redis 7, script.c),
 * as do those for the whole command.
 *
 * moves: this server is a replica now; behind a balancer, or at another
 * address of the same name, a new connection may find the master.
 */

static ngx_redis_refusal_t  ngx_redis_refusals[] = {

    /* accepted and turned away: as good as a refused connection */

    { ngx_string("ERR max number of clients reached"),
                                NGX_REDIS_UNAVAILABLE, NGX_REDIS_HANGUP, 0, 0 },
    { ngx_string("DENIED"),     NGX_REDIS_UNAVAILABLE, NGX_REDIS_HANGUP, 0, 0 },

    { ngx_string("NOSCRIPT"),   NGX_REDIS_ERROR,       NGX_REDIS_RELOAD, 0, 0 },

    /* not able to serve yet: these keys, or writes, only; or at all */

    { ngx_string("LOADING"),    NGX_REDIS_UNAVAILABLE, NGX_REDIS_HOLD,   0, 0 },
    { ngx_string("MASTERDOWN"), NGX_REDIS_UNAVAILABLE, NGX_REDIS_HOLD,   0, 1 },
    { ngx_string("CLUSTERDOWN"), NGX_REDIS_UNAVAILABLE, NGX_REDIS_AWAIT, 0, 0 },
    { ngx_string("TRYAGAIN"),   NGX_REDIS_UNAVAILABLE, NGX_REDIS_DELAY,  0, 0 },
    { ngx_string("ERR Script attempted to access a non local key"),
                                NGX_REDIS_UNAVAILABLE, NGX_REDIS_DELAY,  0, 0 },
    { ngx_string("ERR Unable to execute command"),    /* the same of Redis 8 */
                                NGX_REDIS_UNAVAILABLE, NGX_REDIS_DELAY,  0, 0 },
    { ngx_string("ERR Attempted to access a non local key"),   /* Valkey 9.1 */
                                NGX_REDIS_UNAVAILABLE, NGX_REDIS_DELAY,  0, 0 },
    { ngx_string("READONLY"),   NGX_REDIS_UNAVAILABLE, NGX_REDIS_DELAY,  0, 1 },
    { ngx_string("NOREPLICAS"), NGX_REDIS_UNAVAILABLE, NGX_REDIS_DELAY,  0, 0 },
    { ngx_string("ERR WAIT cannot be used with replica"),
                                NGX_REDIS_UNAVAILABLE, NGX_REDIS_DELAY,  0, 1 },
    { ngx_string("UNBLOCKED"),  NGX_REDIS_UNAVAILABLE, NGX_REDIS_HANGUP, 0, 0 },
    { ngx_string("BUSY"),       NGX_REDIS_TIMEOUT,     NGX_REDIS_HOLD,   0, 0 },

    /* refused for reasons of its own */

    { ngx_string("OOM"),        NGX_REDIS_ERROR,       NGX_REDIS_FAIL,   0, 0 },
    { ngx_string("MISCONF"),    NGX_REDIS_ERROR,       NGX_REDIS_FAIL,   0, 0 },
    { ngx_string("NOAUTH"),     NGX_REDIS_ERROR,       NGX_REDIS_FAIL,   0, 0 },
    { ngx_string("WRONGPASS"),  NGX_REDIS_ERROR,       NGX_REDIS_FAIL,   0, 0 },
    { ngx_string("MOVED"),      NGX_REDIS_ERROR,       NGX_REDIS_MOVED,  0, 0 },
    { ngx_string("ASK"),        NGX_REDIS_ERROR,       NGX_REDIS_ASK,    0, 0 },
    { ngx_string("CROSSSLOT"),  NGX_REDIS_ERROR,       NGX_REDIS_FAIL,   0, 0 },
    { ngx_string("NOPERM"),     NGX_REDIS_ERROR,       NGX_REDIS_FAIL,   1, 0 },
    { ngx_string("WRONGTYPE"),  NGX_REDIS_ERROR,       NGX_REDIS_FAIL,   1, 0 },

    /* anything else, including a script's own error; the last one */

    { ngx_null_string,          NGX_REDIS_ERROR,       NGX_REDIS_FAIL,   1, 0 }
};


ngx_redis_refusal_t  ngx_redis_busy =
    { ngx_null_string,          NGX_REDIS_UNAVAILABLE, NGX_REDIS_HOLD, 0, 0 };

ngx_redis_refusal_t  ngx_redis_no_master =
    { ngx_null_string,          NGX_REDIS_UNAVAILABLE, NGX_REDIS_HOLD, 0, 0 };

ngx_redis_refusal_t  ngx_redis_replica =
    { ngx_null_string,          NGX_REDIS_UNAVAILABLE, NGX_REDIS_HOLD, 0, 1 };


/* a row for each of ngx_redis_log_t.refusals */

typedef char  ngx_redis_refusals_fit[
    sizeof(ngx_redis_refusals) / sizeof(ngx_redis_refusals[0])
    <= NGX_REDIS_REFUSALS ? 1 : -1];


ngx_redis_refusal_t *
ngx_redis_refusal(const char *text, size_t len)
{
    ngx_redis_refusal_t  *refusal;

    static const char  aborted[] =
        "EXECABORT Transaction discarded because of: ";

    /* EXEC itself was refused, which says why; nothing was executed */

    if (len >= sizeof(aborted) - 1
        && ngx_strncmp(text, aborted, sizeof(aborted) - 1) == 0)
    {
        text += sizeof(aborted) - 1;
        len -= sizeof(aborted) - 1;
    }

    for (refusal = ngx_redis_refusals; refusal->word.len; refusal++) {

        if (len >= refusal->word.len
            && ngx_strncmp(text, refusal->word.data, refusal->word.len) == 0
            && (len == refusal->word.len || text[refusal->word.len] == ' '))
        {
            return refusal;
        }
    }

    return refusal;
}


ngx_str_t *
ngx_redis_error_word(ngx_uint_t i)
{
    static ngx_str_t  other = ngx_string("other");

    if (i >= sizeof(ngx_redis_refusals) / sizeof(ngx_redis_refusals[0])) {
        return NULL;
    }

    return ngx_redis_refusals[i].word.len ? &ngx_redis_refusals[i].word
                                          : &other;
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


/* a line of the log must not drive the terminal of its reader */

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


void
ngx_redis_count_refusal(ngx_redis_log_t *log, ngx_redis_refusal_t *refusal)
{
    log->counts->errors[refusal - ngx_redis_refusals]++;
}


void
ngx_redis_log_refusal(ngx_redis_log_t *log, ngx_redis_refusal_t *refusal,
    const char *reply, size_t len, const char *action)
{
    u_char            *end, buf[NGX_REDIS_LOG_LEN];
    uint32_t           hash;
    ngx_str_t          text;
    ngx_msec_t         quiet;
    ngx_redis_said_t  *said;

    text.data = (u_char *) reply;
    text.len = len;

    ngx_redis_printable(&text, buf);

    /* "ERR unknown command 'x', with args beginning with: ...": not those */

    end = ngx_strlchr(text.data, text.data + text.len, ',');
    if (end && ngx_strncmp(text.data, "ERR unknown ", 12) == 0) {
        text.len = end - text.data;
    }

    hash = ngx_murmur_hash2(text.data, text.len);

    ngx_redis_count_refusal(log, refusal);

    said = &log->refusals[refusal - ngx_redis_refusals];
    quiet = (said->hash == hash) ? NGX_REDIS_LOG_QUIET : NGX_REDIS_LOG_OTHER;

    if (!ngx_redis_log_due(said, quiet)) {
        ngx_log_debug2(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                       "redis: \"%V\" while %s", &text, action);
        return;
    }

    said->hash = hash;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "redis: %V answered \"%V\" while %s",
                  log->name, &text, action);
}


void
ngx_redis_log_outage(ngx_redis_log_t *log, ngx_str_t *addr, const char *what,
    const char *why)
{
    ngx_uint_t  level;

    /* one client can cause an outage, and end it, time and again */

    level = NGX_LOG_INFO;

    if (log->outage != NGX_REDIS_OUTAGE_SAID) {
        log->outage = NGX_REDIS_OUTAGE;

        if (ngx_redis_log_due(&log->lost, NGX_REDIS_LOG_OTHER)) {
            log->outage = NGX_REDIS_OUTAGE_SAID;
            level = NGX_LOG_ERR;
        }
    }

    ngx_log_error(level, ngx_cycle->log, 0, "redis: %s %V%s%s",
                  what, addr, *why ? ": " : "", why);
}


void
ngx_redis_log_name(ngx_redis_said_t *said, ngx_str_t *name, ngx_str_t *of)
{
    if (ngx_redis_log_due(said, NGX_REDIS_LOG_QUIET)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: no resolver defined to resolve \"%V\" of %V",
                      name, of);
    }
}


void
ngx_redis_log_recovery(ngx_redis_log_t *log, ngx_str_t *addr)
{
    ngx_uint_t  level;

    if (log->outage == NGX_REDIS_NO_OUTAGE) {
        return;
    }

    level = (log->outage == NGX_REDIS_OUTAGE_SAID) ? NGX_LOG_NOTICE
                                                   : NGX_LOG_INFO;

    log->outage = NGX_REDIS_NO_OUTAGE;

    ngx_log_error(level, ngx_cycle->log, 0, "redis: %V answers again", addr);
}
