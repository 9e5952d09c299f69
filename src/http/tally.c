
/*
 * Where a worker counts before it has a slot, how values are divided, and the
 * clock of what is measured.
 */


#include "http/tally.h"


/* ms */

ngx_http_tracker_scale_t  ngx_http_tracker_time_scale = { 1000, {
    { "0.001", 1 }, { "0.0025", 2 }, { "0.005", 5 }, { "0.01", 10 },
    { "0.025", 25 }, { "0.05", 50 }, { "0.1", 100 }, { "0.25", 250 },
    { "0.5", 500 }, { "1.0", 1000 }, { "2.5", 2500 }, { "5.0", 5000 },
    { "10.0", 10000 }, { "30.0", 30000 }, { NULL, 0 }
} };


/* bytes */

ngx_http_tracker_scale_t  ngx_http_tracker_size_scale = { 1, {
    { "256.0", 256 }, { "1024.0", 1024 }, { "4096.0", 4096 },
    { "16384.0", 16384 }, { "65536.0", 65536 }, { "262144.0", 262144 },
    { "1048576.0", 1048576 }, { "4194304.0", 4194304 },
    { "16777216.0", 16777216 }, { NULL, 0 }
} };


/* microseconds */

ngx_http_tracker_scale_t  ngx_http_tracker_turn_scale = { 1000000, {
    { "0.0001", 100 }, { "0.00025", 250 }, { "0.0005", 500 },
    { "0.001", 1000 }, { "0.0025", 2500 }, { "0.005", 5000 },
    { "0.01", 10000 }, { "0.025", 25000 }, { "0.05", 50000 },
    { "0.1", 100000 }, { NULL, 0 }
} };


static ngx_http_tracker_tally_t  ngx_http_tracker_nowhere;

ngx_http_tracker_tally_t  *ngx_http_tracker_tally = &ngx_http_tracker_nowhere;


/* the last one stands for all others */

ngx_uint_t  ngx_http_tracker_codes[NGX_HTTP_TRACKER_CODES] = {
    NGX_HTTP_OK, NGX_HTTP_BAD_REQUEST, NGX_HTTP_UNAUTHORIZED,
    NGX_HTTP_FORBIDDEN, NGX_HTTP_NOT_FOUND, NGX_HTTP_NOT_ALLOWED,
    NGX_HTTP_REQUEST_TIME_OUT, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
    NGX_HTTP_TOO_MANY_REQUESTS, NGX_HTTP_CLIENT_CLOSED_REQUEST,
    NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_HTTP_BAD_GATEWAY,
    NGX_HTTP_SERVICE_UNAVAILABLE, NGX_HTTP_GATEWAY_TIME_OUT, NGX_HTTP_CLOSE, 0
};


uint64_t
ngx_http_tracker_clock(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}


void
ngx_http_tracker_tally_nowhere(void)
{
    ngx_http_tracker_tally = &ngx_http_tracker_nowhere;
}
