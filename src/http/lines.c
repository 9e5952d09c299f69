
/*
 * Lines of a body that comes piece by piece, and those of its answer.
 */


#include "http/lines.h"


static void ngx_http_tracker_take_line(ngx_http_tracker_body_t *body,
    size_t len, ngx_str_t *line);


ngx_int_t
ngx_http_tracker_cut_line(ngx_http_tracker_body_t *body, ngx_str_t *line)
{
    u_char                    *p, *start, *end;
    ngx_http_tracker_lines_t  *lines;

    lines = body->lines;
    lines->at = 0;

    end = body->data.data + body->data.len;

    do {
        start = body->data.data + lines->pos;

        if (start == end) {
            return body->complete ? NGX_DONE : NGX_AGAIN;
        }

        p = memchr(start + lines->scanned, LF, end - start - lines->scanned);

        lines->scanned = (p ? p : end) - start;

        if (lines->scanned > lines->max) {
            lines->at = lines->number + 1;
            return NGX_DECLINED;
        }

        if (p == NULL && !body->complete) {
            return NGX_AGAIN;
        }

        ngx_http_tracker_take_line(body, lines->scanned, line);

        lines->pos += (p != NULL);

    } while (line->len == 0);

    lines->at = lines->number;

    return NGX_OK;
}


static void
ngx_http_tracker_take_line(ngx_http_tracker_body_t *body, size_t len,
    ngx_str_t *line)
{
    ngx_http_tracker_lines_t  *lines;

    lines = body->lines;

    line->data = body->data.data + lines->pos;
    line->len = len;

    if (len && line->data[len - 1] == CR) {
        line->len--;
    }

    lines->pos += len;
    lines->scanned = 0;
    lines->number++;
}


ngx_uint_t
ngx_http_tracker_line_at(ngx_http_tracker_ctx_t *ctx)
{
    return ctx->body.lines ? ctx->body.lines->at : 0;
}


ngx_uint_t
ngx_http_tracker_answers_lines(ngx_http_tracker_ctx_t *ctx)
{
    return ctx->body.lines && ctx->body.lines->count;
}


void
ngx_http_tracker_drop_lines(ngx_http_tracker_body_t *body)
{
    ngx_http_tracker_lines_t  *lines;

    lines = body->lines;

    body->data.len -= lines->pos;
    ngx_memmove(body->data.data, body->data.data + lines->pos, body->data.len);

    lines->pos = 0;
}


void
ngx_http_tracker_lines_sent(ngx_http_tracker_lines_t *lines, ngx_uint_t torn)
{
    lines->out.n = 0;
    lines->whole = 0;
    lines->torn = torn;
}


ngx_int_t
ngx_http_tracker_refuse_line(ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_lines_t  *lines;

    lines = ctx->body.lines;

    if (lines->torn) {
        return NGX_ERROR;
    }

    if (lines->count) {
        ctx->open.data = (u_char *) lines->out.data;
        ctx->open.len = lines->whole;

        ngx_str_set(&ctx->close, "\n");
    }

    return NGX_OK;
}
