
/*
 * The JSON of an error, in two passes: length, bytes.
 */


#include "http/error.h"
#include "json/string.h"


typedef struct {
    u_char     *p;                 /* NULL: only the length is wanted */
    size_t      len;
} ngx_http_tracker_out_t;


#define ngx_http_tracker_put_text(out, text)                                  \
    ngx_http_tracker_put(out, text, sizeof(text) - 1)


static void ngx_http_tracker_put_error(ngx_http_tracker_out_t *out,
    const ngx_http_tracker_error_t *error);
static void ngx_http_tracker_put_problem(ngx_http_tracker_out_t *out,
    const ngx_http_tracker_error_t *error);
static void ngx_http_tracker_put_pointers(ngx_http_tracker_out_t *out,
    const ngx_http_tracker_error_t *error);
static void ngx_http_tracker_put_report(ngx_http_tracker_out_t *out,
    const ngx_http_tracker_error_t *error);
static void ngx_http_tracker_put_conflicts(ngx_http_tracker_out_t *out,
    const ngx_http_tracker_error_t *error);
static void ngx_http_tracker_put(ngx_http_tracker_out_t *out,
    const char *data, size_t len);
static void ngx_http_tracker_put_number(ngx_http_tracker_out_t *out,
    size_t number);
static void ngx_http_tracker_put_string(ngx_http_tracker_out_t *out,
    const char *data, size_t len);


ngx_int_t
ngx_http_tracker_write_error(ngx_pool_t *pool,
    const ngx_http_tracker_error_t *error, ngx_str_t *answer)
{
    ngx_http_tracker_out_t  out;

    out.p = NULL;
    out.len = 0;

    ngx_http_tracker_put_error(&out, error);

    out.p = ngx_pnalloc(pool, out.len);
    if (out.p == NULL) {
        return NGX_ERROR;
    }

    answer->len = out.len;
    answer->data = out.p;

    ngx_http_tracker_put_error(&out, error);

    return NGX_OK;
}


static void
ngx_http_tracker_put_error(ngx_http_tracker_out_t *out,
    const ngx_http_tracker_error_t *error)
{
    if (error->problem) {
        ngx_http_tracker_put_problem(out, error);

    } else {
        ngx_http_tracker_put_text(out, "{\"message\":");
        ngx_http_tracker_put_string(out, error->message->data,
                                    error->message->len);

        if (error->report) {
            ngx_http_tracker_put_report(out, error);
        }
    }

    ngx_http_tracker_put_conflicts(out, error);
    ngx_http_tracker_put_text(out, "}");
}


static void
ngx_http_tracker_put_problem(ngx_http_tracker_out_t *out,
    const ngx_http_tracker_error_t *error)
{
    ngx_http_tracker_put_text(out, "{\"type\":\"about:blank\",\"title\":");
    ngx_http_tracker_put_string(out, error->title, ngx_strlen(error->title));
    ngx_http_tracker_put_text(out, ",\"status\":");
    ngx_http_tracker_put_number(out, error->status);
    ngx_http_tracker_put_text(out, ",\"detail\":");
    ngx_http_tracker_put_string(out, error->message->data,
                                error->message->len);

    if (error->code.len) {
        ngx_http_tracker_put_text(out, ",\"code\":");
        ngx_http_tracker_put_string(out, (char *) error->code.data,
                                    error->code.len);
    }

    ngx_http_tracker_put_pointers(out, error);
}


/* where the message points to; or each name that exists */

static void
ngx_http_tracker_put_pointers(ngx_http_tracker_out_t *out,
    const ngx_http_tracker_error_t *error)
{
    size_t  i;

    if (error->report) {
        ngx_http_tracker_put_report(out, error);
        return;
    }

    if (error->message->pointed) {
        ngx_http_tracker_put_text(out, ",\"errors\":[{\"pointer\":");
        ngx_http_tracker_put_string(out, error->message->pointer,
                                    error->message->pointer_len);
        ngx_http_tracker_put_text(out, "}]");
        return;
    }

    if (error->nconflicts == 0 || !error->placed) {
        return;
    }

    ngx_http_tracker_put_text(out, ",\"errors\":[");

    for (i = 0; i < error->nconflicts; i++) {

        if (i) {
            ngx_http_tracker_put_text(out, ",");
        }

        ngx_http_tracker_put_text(out, "{\"pointer\":\"");

        if (error->list) {
            ngx_http_tracker_put_text(out, "/");
            ngx_http_tracker_put(out, error->list->data, error->list->len);
        }

        if (error->set->bulk) {
            ngx_http_tracker_put_text(out, "/");
            ngx_http_tracker_put_number(out, error->conflicts[i].place);
        }

        ngx_http_tracker_put_text(out, "/name\"}");
    }

    ngx_http_tracker_put_text(out, "]");
}


/* where each fault is, and what; a problem has details, not messages */

static void
ngx_http_tracker_put_report(ngx_http_tracker_out_t *out,
    const ngx_http_tracker_error_t *error)
{
    size_t                     i;
    const tracker_reported_t  *reported;

    ngx_http_tracker_put_text(out, ",\"errors\":[");

    for (i = 0; i < error->report->n; i++) {
        reported = &error->report->elts[i];

        if (i) {
            ngx_http_tracker_put_text(out, ",");
        }

        ngx_http_tracker_put_text(out, "{\"pointer\":");
        ngx_http_tracker_put_string(out, reported->pointer.data,
                                    reported->pointer.len);

        if (error->problem) {
            ngx_http_tracker_put_text(out, ",\"detail\":");

        } else {
            ngx_http_tracker_put_text(out, ",\"message\":");
        }

        ngx_http_tracker_put_string(out, reported->message.data,
                                    reported->message.len);
        ngx_http_tracker_put_text(out, "}");
    }

    ngx_http_tracker_put_text(out, "]");
}


/* the names in full: a program compares them */

static void
ngx_http_tracker_put_conflicts(ngx_http_tracker_out_t *out,
    const ngx_http_tracker_error_t *error)
{
    size_t                     i;
    const tracker_str_t       *name;
    const tracker_conflict_t  *conflict;

    if (error->nconflicts == 0) {
        return;
    }

    ngx_http_tracker_put_text(out, ",\"conflicts\":[");

    for (i = 0; i < error->nconflicts; i++) {
        conflict = &error->conflicts[i];
        name = &error->set->elts[conflict->place].name;

        if (i) {
            ngx_http_tracker_put_text(out, ",");
        }

        ngx_http_tracker_put_text(out, "{\"index\":");
        ngx_http_tracker_put_number(out, conflict->place);
        ngx_http_tracker_put_text(out, ",\"name\":");
        ngx_http_tracker_put_string(out, name->data, name->len);

        if (conflict->id.data) {
            ngx_http_tracker_put_text(out, ",\"id\":");
            ngx_http_tracker_put_string(out, conflict->id.data,
                                        conflict->id.len);
        }

        ngx_http_tracker_put_text(out, "}");
    }

    ngx_http_tracker_put_text(out, "]");
}


static void
ngx_http_tracker_put(ngx_http_tracker_out_t *out, const char *data, size_t len)
{
    if (out->p) {
        out->p = ngx_cpymem(out->p, data, len);
        return;
    }

    out->len += len;
}


static void
ngx_http_tracker_put_number(ngx_http_tracker_out_t *out, size_t number)
{
    u_char  text[NGX_SIZE_T_LEN];

    ngx_http_tracker_put(out, (char *) text,
                         ngx_sprintf(text, "%uz", number) - text);
}


static void
ngx_http_tracker_put_string(ngx_http_tracker_out_t *out, const char *data,
    size_t len)
{
    if (out->p) {
        out->p = (u_char *) tracker_json_string_write((char *) out->p, data,
                                                      len);
        return;
    }

    out->len += tracker_json_string_length(data, len);
}
