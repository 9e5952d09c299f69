
/*
 * When trackers were created and changed last, which reads tell with their
 * records.  It is known of what was written since changes are kept.
 */


#ifndef _TRACKER_TIMES_H_INCLUDED_
#define _TRACKER_TIMES_H_INCLUDED_


#include "store/reply.h"


#pragma GCC visibility push(hidden)


/*
 * Goes ahead of the command that tracker_step_start() has begun: reads the
 * times of n trackers, whose ids lie at ids one after the other, and are
 * copied.  The command's reply finds them in txn.times.  Returns NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t tracker_times_lead(tracker_txn_ctx_t *ctx, const char *ids,
    size_t n);

/*
 * Takes the times of n trackers from reply: {created, changed, ...}, each nil
 * where it is not known.  Returns NGX_OK; or NGX_ERROR if it is not that, or
 * there is no memory.
 */
ngx_int_t tracker_times_take(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    size_t n);

/*
 * As tracker_reply_copy() and tracker_reply_join(), of one record and of n
 * elements: each gets its times as its last members.  Return NGX_ERROR too if
 * the times are not those of so many.
 */
ngx_int_t tracker_times_copy(tracker_txn_t *txn, ngx_str_t *to,
    ngx_redis_reply_t *from);
ngx_int_t tracker_times_join(tracker_txn_t *txn, ngx_str_t *to,
    ngx_redis_reply_t *reply, size_t first, size_t n, const char *glue);

/*
 * Writes a time, in ms since 1970, as RFC 3339 has it, in UTC:
 * 2026-11-28T17:40:00.123Z, TRACKER_TIME_LEN bytes.  Returns p behind it.
 */
u_char *tracker_time_format(u_char *p, uint64_t ms);

#define TRACKER_TIME_LEN  (sizeof("2026-11-28T17:40:00.123Z") - 1)


#pragma GCC visibility pop


#endif /* _TRACKER_TIMES_H_INCLUDED_ */
