
/*
 * Metrics as text.
 */


#include "http/metric.h"


#define NGX_HTTP_TRACKER_METRIC_BUF   16384

/* bytes of a line: labels, and what is around them */
#define NGX_HTTP_TRACKER_METRIC_LINE  (NGX_HTTP_TRACKER_LABELS + 256)


static void ngx_http_tracker_metric_write(ngx_http_tracker_writer_t *w,
    u_char *data, size_t len);
static ngx_int_t ngx_http_tracker_metric_grow(ngx_http_tracker_writer_t *w);
static void ngx_http_tracker_metric_bucket(ngx_http_tracker_writer_t *w,
    const char *bound, ngx_uint_t value);
static void ngx_http_tracker_metric_line(ngx_http_tracker_writer_t *w,
    const char *suffix, const char *value, ...);


void
ngx_http_tracker_metric_begin(ngx_http_tracker_writer_t *w,
    ngx_pool_t *pool, ngx_uint_t open)
{
    ngx_memzero(w, sizeof(ngx_http_tracker_writer_t));

    w->pool = pool;
    w->open = open;
    w->last = &w->out;
}


ngx_int_t
ngx_http_tracker_metric_end(ngx_http_tracker_writer_t *w)
{
    static u_char  eof[] = "# EOF\n";

    if (w->open) {
        ngx_http_tracker_metric_write(w, eof, sizeof(eof) - 1);
    }

    return w->failed ? NGX_ERROR : NGX_OK;
}


static void
ngx_http_tracker_metric_write(ngx_http_tracker_writer_t *w, u_char *data,
    size_t len)
{
    if (w->failed) {
        return;
    }

    if ((w->buf == NULL || (size_t) (w->buf->end - w->buf->last) < len)
        && ngx_http_tracker_metric_grow(w) != NGX_OK)
    {
        w->failed = 1;
        return;
    }

    w->buf->last = ngx_cpymem(w->buf->last, data, len);
    w->size += len;
}


static ngx_int_t
ngx_http_tracker_metric_grow(ngx_http_tracker_writer_t *w)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(w->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = ngx_create_temp_buf(w->pool, NGX_HTTP_TRACKER_METRIC_BUF);
    if (cl->buf == NULL) {
        return NGX_ERROR;
    }

    cl->next = NULL;

    w->buf = cl->buf;
    *w->last = cl;
    w->last = &cl->next;

    return NGX_OK;
}


/* OpenMetrics takes the name of a counter without its "_total" */

void
ngx_http_tracker_metric_family(ngx_http_tracker_writer_t *w,
    ngx_http_tracker_family_t *family)
{
    u_char      *p, line[NGX_HTTP_TRACKER_METRIC_LINE];
    const char  *total;

    w->family = family;
    w->nlabels = 0;

    total = (!w->open && family->type[0] == 'c') ? "_total" : "";

    p = ngx_snprintf(line, sizeof(line),
                     "# HELP %s%s %s\n# TYPE %s%s %s\n",
                     family->name, total, family->help,
                     family->name, total, family->type);

    ngx_http_tracker_metric_write(w, line, p - line);
}


/* a label that does not fit is left out */

void
ngx_http_tracker_metric_label(ngx_http_tracker_writer_t *w, const char *name,
    ngx_str_t *value)
{
    u_char  ch, *p;
    size_t  i;

    if (NGX_HTTP_TRACKER_LABELS - w->nlabels
        < ngx_strlen(name) + 2 * value->len + 4)
    {
        return;
    }

    p = w->labels + w->nlabels;

    p = ngx_sprintf(p, "%s%s=\"", w->nlabels ? "," : "", name);

    for (i = 0; i < value->len; i++) {
        ch = value->data[i];

        if (ch == '"' || ch == '\\' || ch == LF) {
            *p++ = '\\';
        }

        *p++ = (ch == LF) ? 'n' : ch;
    }

    *p++ = '"';

    w->nlabels = p - w->labels;
}


void
ngx_http_tracker_metric_sample(ngx_http_tracker_writer_t *w, ngx_uint_t value)
{
    ngx_http_tracker_metric_line(w, w->family->type[0] == 'c' ? "_total" : "",
                                 "%ui", value);
    w->nlabels = 0;
}


void
ngx_http_tracker_metric_histogram(ngx_http_tracker_writer_t *w,
    ngx_http_tracker_histogram_t *histogram, ngx_http_tracker_scale_t *scale)
{
    ngx_uint_t   i, n;
    const char  *sum;

    n = 0;

    for (i = 0; scale->buckets[i].bound; i++) {
        n += histogram->buckets[i];
        ngx_http_tracker_metric_bucket(w, scale->buckets[i].text, n);
    }

    n += histogram->buckets[i];
    ngx_http_tracker_metric_bucket(w, "+Inf", n);

    sum = (scale->scale == 1000) ? "%ui.%03ui"
          : (scale->scale == 1000000) ? "%ui.%06ui" : "%ui";

    ngx_http_tracker_metric_line(w, "_sum", sum,
                                 histogram->sum / scale->scale,
                                 histogram->sum % scale->scale);
    ngx_http_tracker_metric_line(w, "_count", "%ui", n);

    w->nlabels = 0;
}


static void
ngx_http_tracker_metric_bucket(ngx_http_tracker_writer_t *w,
    const char *bound, ngx_uint_t value)
{
    size_t     nlabels;
    ngx_str_t  text;

    nlabels = w->nlabels;

    text.data = (u_char *) bound;
    text.len = ngx_strlen(bound);

    ngx_http_tracker_metric_label(w, "le", &text);
    ngx_http_tracker_metric_line(w, "_bucket", "%ui", value);

    w->nlabels = nlabels;
}


static void
ngx_http_tracker_metric_line(ngx_http_tracker_writer_t *w, const char *suffix,
    const char *value, ...)
{
    u_char   *p, *end, line[NGX_HTTP_TRACKER_METRIC_LINE];
    va_list   args;

    end = line + sizeof(line);

    p = ngx_slprintf(line, end, "%s%s", w->family->name, suffix);

    if (w->nlabels) {
        p = ngx_slprintf(p, end, "{%*s}", w->nlabels, w->labels);
    }

    p = ngx_slprintf(p, end, " ");

    va_start(args, value);
    p = ngx_vslprintf(p, end, value, args);
    va_end(args);

    p = ngx_slprintf(p, end, "\n");

    ngx_http_tracker_metric_write(w, line, p - line);
}
