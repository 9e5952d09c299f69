
/*
 * Metrics as text: that of Prometheus, version 0.0.4, or OpenMetrics 1.0.
 */


#ifndef _NGX_HTTP_TRACKER_METRIC_H_INCLUDED_
#define _NGX_HTTP_TRACKER_METRIC_H_INCLUDED_


#include "http/tally.h"


#pragma GCC visibility push(hidden)


/* bytes of the labels of one sample */
#define NGX_HTTP_TRACKER_LABELS  512


typedef struct {
    const char                 *name;     /* without "_total" */
    const char                 *type;
    const char                 *help;
} ngx_http_tracker_family_t;


typedef struct {
    ngx_pool_t                 *pool;
    ngx_chain_t                *out;      /* what is written; in the end */
    ngx_chain_t               **last;
    ngx_buf_t                  *buf;      /* where it is written to */
    size_t                      size;     /* bytes so far */
    ngx_http_tracker_family_t  *family;   /* of the next samples */
    size_t                      nlabels;
    u_char                      labels[NGX_HTTP_TRACKER_LABELS];

    unsigned                    open:1;   /* OpenMetrics */
    unsigned                    failed:1; /* no memory */
} ngx_http_tracker_writer_t;


/* Begins a text in memory of pool.  open: 1 for OpenMetrics, else 0. */
void ngx_http_tracker_metric_begin(ngx_http_tracker_writer_t *w,
    ngx_pool_t *pool, ngx_uint_t open);

/* Ends the text: returns NGX_OK, or NGX_ERROR if there was no memory. */
ngx_int_t ngx_http_tracker_metric_end(ngx_http_tracker_writer_t *w);

/* The family, which lives on, of the samples that follow. */
void ngx_http_tracker_metric_family(ngx_http_tracker_writer_t *w,
    ngx_http_tracker_family_t *family);

/*
 * Adds a label to the next sample.  The value is that of a configuration, or
 * static, and is escaped; never a client's.
 */
void ngx_http_tracker_metric_label(ngx_http_tracker_writer_t *w,
    const char *name, ngx_str_t *value);

/* Writes a sample with the labels that were added, none of which is left. */
void ngx_http_tracker_metric_sample(ngx_http_tracker_writer_t *w,
    ngx_uint_t value);

/* Writes the samples of a histogram; the same of labels. */
void ngx_http_tracker_metric_histogram(ngx_http_tracker_writer_t *w,
    ngx_http_tracker_histogram_t *histogram, ngx_http_tracker_scale_t *scale);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_METRIC_H_INCLUDED_ */
