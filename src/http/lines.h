
/*
 * A body of lines (NDJSON), and an answer of lines: the one is cut, and the
 * other gathered, while both go on.
 */


#ifndef _NGX_HTTP_TRACKER_LINES_H_INCLUDED_
#define _NGX_HTTP_TRACKER_LINES_H_INCLUDED_


#include "http/ctx.h"
#include "detect/array.h"


#pragma GCC visibility push(hidden)


/* the most bytes of a line */
#define NGX_HTTP_TRACKER_MAX_LINE  (1024 * 1024)


/* what ctx->body.lines points to; zeros at first, but max */

struct ngx_http_tracker_lines_s {
    size_t           max;       /* bytes of a line */
    size_t           pos;       /* in body->data: the line that is next */
    size_t           scanned;   /* bytes of it in which no LF is */
    ngx_uint_t       number;    /* lines that were cut, empty ones too */
    ngx_uint_t       at;        /* the line at work; 0: none is */
    ngx_uint_t       count;     /* messages that were answered */
    detect_buffer_t  out;       /* answers that were not sent so far */
    size_t           whole;     /* bytes of it that are whole lines */
    unsigned         torn:1;    /* the beginning of a line was sent */
};


/*
 * Cuts the next line that is not empty, without its LF or CR LF; the last one
 * of a body may have neither.  It lies in body->data.  Returns
 * NGX_OK;
 * NGX_AGAIN: the rest of the line has not arrived;
 * NGX_DONE: the body has no more lines;
 * NGX_DECLINED: the line has more than max bytes.
 */
ngx_int_t ngx_http_tracker_cut_line(ngx_http_tracker_body_t *body,
    ngx_str_t *line);

/* Returns the number of the line at work, or 0. */
ngx_uint_t ngx_http_tracker_line_at(ngx_http_tracker_ctx_t *ctx);

/* Returns 1 if lines were answered: what follows is a line too; else 0. */
ngx_uint_t ngx_http_tracker_answers_lines(ngx_http_tracker_ctx_t *ctx);

/* Gives back the memory of the lines that were cut: they are gone. */
void ngx_http_tracker_drop_lines(ngx_http_tracker_body_t *body);

/*
 * What lines->out has is being sent.  torn is 1 if its last line goes on behind
 * it, else 0.
 */
void ngx_http_tracker_lines_sent(ngx_http_tracker_lines_t *lines,
    ngx_uint_t torn);

/*
 * ctx->answer is an error: if any line was answered, it becomes the last line.
 * Returns NGX_OK, or NGX_ERROR: a part of a line was sent, and the answer must
 * be cut off.
 */
ngx_int_t ngx_http_tracker_refuse_line(ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_LINES_H_INCLUDED_ */
