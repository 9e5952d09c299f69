
/*
 * What became of each tracker of an import, as JSON, in two passes: an upper
 * bound of the length, bytes.
 */


#include "http/request.h"
#include "http/results.h"
#include "json/string.h"


typedef struct {
    ngx_str_t     told;
    size_t        n;                  /* trackers, those deleted too */
    size_t        done;               /* of these, in this pass */
    u_char       *next;               /* of told: the next one */
} ngx_http_tracker_results_t;


typedef struct {
    u_char        letter;
    ngx_str_t     word;
} ngx_http_tracker_result_t;


static u_char *ngx_http_tracker_next_deleted(u_char *p, u_char *end,
    tracker_str_t *name);
static void ngx_http_tracker_begin_results(ngx_http_tracker_results_t *results);
static u_char *ngx_http_tracker_next_result(ngx_http_tracker_ctx_t *ctx,
    tracker_str_t *name);
static void ngx_http_tracker_measuring_results(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_telling_results(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static u_char *ngx_http_tracker_put_result(ngx_http_tracker_ctx_t *ctx,
    u_char *p);
static u_char *ngx_http_tracker_put_summary(ngx_http_tracker_ctx_t *ctx,
    u_char *p);
static ngx_http_tracker_result_t *ngx_http_tracker_find_result(u_char letter);


static ngx_http_tracker_result_t  ngx_http_tracker_result_words[] = {
    { NGX_HTTP_TRACKER_CREATED, ngx_string("created") },
    { NGX_HTTP_TRACKER_SKIPPED, ngx_string("skipped") },
    { NGX_HTTP_TRACKER_MERGED, ngx_string("merged") },
    { NGX_HTTP_TRACKER_REPLACED, ngx_string("replaced") },
    { NGX_HTTP_TRACKER_UNCHANGED, ngx_string("unchanged") },
    { NGX_HTTP_TRACKER_DELETED, ngx_string("deleted") },
    { 0, ngx_null_string }
};


/* what is put around a name, an id and a word, and around all of them */

#define NGX_HTTP_TRACKER_RESULT_ROOM                                          \
    (sizeof(",{\"index\":,\"name\":,\"id\":\"\",\"result\":\"unchanged\"}")   \
     + NGX_SIZE_T_LEN + TRACKER_ID_LEN)

#define NGX_HTTP_TRACKER_RESULTS_ROOM                                         \
    (sizeof("{\"dryRun\":true,\"results\":[],\"summary\":{}}")                \
     + 6 * (sizeof(",\"unchanged\":") + NGX_SIZE_T_LEN))


ngx_uint_t
ngx_http_tracker_check_results(ngx_str_t *told, size_t n)
{
    size_t          i;
    u_char         *p, *end;
    tracker_str_t   name;

    if (told->len < n * NGX_HTTP_TRACKER_RESULT_LEN) {
        return 0;
    }

    p = told->data;
    end = p + told->len;

    for (i = 0; i < n; i++) {

        if (*p == NGX_HTTP_TRACKER_DELETED
            || ngx_http_tracker_find_result(*p) == NULL
            || !tracker_id_valid((char *) p + 1, TRACKER_ID_LEN))
        {
            return 0;
        }

        p += NGX_HTTP_TRACKER_RESULT_LEN;
    }

    while (p < end) {

        p = ngx_http_tracker_next_deleted(p, end, &name);
        if (p == NULL) {
            return 0;
        }
    }

    return 1;
}


/* what was deleted at p, which is below end: what follows it, or NULL */

static u_char *
ngx_http_tracker_next_deleted(u_char *p, u_char *end, tracker_str_t *name)
{
    u_char  *start;

    if (end - p < NGX_HTTP_TRACKER_RESULT_LEN
        || *p != NGX_HTTP_TRACKER_DELETED
        || !tracker_id_valid((char *) p + 1, TRACKER_ID_LEN))
    {
        return NULL;
    }

    start = p + NGX_HTTP_TRACKER_RESULT_LEN;

    p = memchr(start, '\0', end - start);

    if (p == NULL || p == start) {
        return NULL;
    }

    name->len = p - start;
    name->data = (char *) start;

    return p + 1;
}


void
ngx_http_tracker_tell_results(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_str_t *told)
{
    u_char                      *p;
    tracker_str_t                name;
    ngx_http_tracker_results_t  *results;

    results = ngx_pcalloc(r->pool, sizeof(ngx_http_tracker_results_t));
    if (results == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    results->told = *told;
    results->n = ctx->set.n;

    p = told->data + ctx->set.n * NGX_HTTP_TRACKER_RESULT_LEN;

    while (p < told->data + told->len) {
        p = ngx_http_tracker_next_deleted(p, told->data + told->len, &name);
        results->n++;
    }

    ngx_http_tracker_begin_results(results);

    ctx->data = results;
    ctx->answer.len = NGX_HTTP_TRACKER_RESULTS_ROOM;

    ngx_http_tracker_measuring_results(r, ctx);
}


static void
ngx_http_tracker_begin_results(ngx_http_tracker_results_t *results)
{
    results->done = 0;
    results->next = results->told.data;
}


/* sets the name, and returns where told has the result */

static u_char *
ngx_http_tracker_next_result(ngx_http_tracker_ctx_t *ctx, tracker_str_t *name)
{
    ngx_http_tracker_results_t *results = ctx->data;

    u_char  *told;

    told = results->next;

    if (results->done++ < ctx->set.n) {
        *name = ctx->set.elts[results->done - 1].name;
        results->next += NGX_HTTP_TRACKER_RESULT_LEN;

    } else {
        results->next = ngx_http_tracker_next_deleted(told,
                                                      results->told.data
                                                      + results->told.len,
                                                      name);
    }

    return told;
}


static void
ngx_http_tracker_measuring_results(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_results_t *results = ctx->data;

    size_t          len;
    u_char         *p;
    tracker_str_t   name;

    while (!ctx->form.minimal && results->done < results->n) {

        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_measuring_results))
        {
            return;
        }

        (void) ngx_http_tracker_next_result(ctx, &name);

        len = NGX_HTTP_TRACKER_RESULT_ROOM
              + tracker_json_string_length(name.data, name.len);

        ctx->answer.len += len;
        (void) tracker_spend(&ctx->budget, len + TRACKER_COST / 4);
    }

    if (ngx_http_tracker_reserve(r, ctx, ctx->held.bytes + ctx->answer.len)
        != NGX_OK)
    {
        return;
    }

    p = ngx_pnalloc(r->pool, ctx->answer.len);
    if (p == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ctx->answer.data = p;

    p = ngx_sprintf(p, "{%s%s", ctx->form.dry ? "\"dryRun\":true," : "",
                    ctx->form.minimal ? "" : "\"results\":[");

    ctx->answer.len = p - ctx->answer.data;

    ngx_http_tracker_begin_results(results);

    ngx_http_tracker_telling_results(r, ctx);
}


static void
ngx_http_tracker_telling_results(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_results_t *results = ctx->data;

    u_char  *p, *start;

    while (!ctx->form.minimal && results->done < results->n) {

        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_telling_results)) {
            return;
        }

        start = ctx->answer.data + ctx->answer.len;
        p = ngx_http_tracker_put_result(ctx, start);

        ctx->answer.len += p - start;
        (void) tracker_spend(&ctx->budget, p - start + TRACKER_COST / 4);
    }

    p = ctx->answer.data + ctx->answer.len;

    if (!ctx->form.minimal) {
        p = ngx_cpymem(p, "],", 2);
    }

    p = ngx_http_tracker_put_summary(ctx, p);

    ctx->answer.len = p - ctx->answer.data;

    ngx_http_tracker_finish(r, ctx);
}


static u_char *
ngx_http_tracker_put_result(ngx_http_tracker_ctx_t *ctx, u_char *p)
{
    ngx_http_tracker_results_t *results = ctx->data;

    size_t          i;
    u_char         *told;
    tracker_str_t   name;

    i = results->done;
    told = ngx_http_tracker_next_result(ctx, &name);

    if (i) {
        *p++ = ',';
    }

    *p++ = '{';

    /* what is deleted is not in the body */

    if (i < ctx->set.n) {
        p = ngx_sprintf(p, "\"index\":%uz,", i);
    }

    p = ngx_cpymem(p, "\"name\":", sizeof("\"name\":") - 1);
    p = (u_char *) tracker_json_string_write((char *) p, name.data, name.len);

    /* the id that a dry run chose for a new one is nobody's */

    if (!ctx->form.dry || *told != NGX_HTTP_TRACKER_CREATED) {
        p = ngx_sprintf(p, ",\"id\":\"%*s\"", (size_t) TRACKER_ID_LEN,
                        told + 1);
    }

    return ngx_sprintf(p, ",\"result\":\"%V\"}",
                       &ngx_http_tracker_find_result(*told)->word);
}


static u_char *
ngx_http_tracker_put_summary(ngx_http_tracker_ctx_t *ctx, u_char *p)
{
    ngx_http_tracker_results_t *results = ctx->data;

    size_t                      i, n;
    ngx_uint_t                  more;
    ngx_http_tracker_result_t  *result;

    more = 0;
    p = ngx_cpymem(p, "\"summary\":{", sizeof("\"summary\":{") - 1);

    for (result = ngx_http_tracker_result_words; result->letter; result++) {

        n = result->letter == NGX_HTTP_TRACKER_DELETED
            ? results->n - ctx->set.n : 0;

        for (i = 0; i < ctx->set.n; i++) {
            n += results->told.data[i * NGX_HTTP_TRACKER_RESULT_LEN]
                 == result->letter;
        }

        if (n) {
            p = ngx_sprintf(p, "%s\"%V\":%uz", more ? "," : "", &result->word,
                            n);
            more = 1;
        }
    }

    return ngx_cpymem(p, "}}", 2);
}


static ngx_http_tracker_result_t *
ngx_http_tracker_find_result(u_char letter)
{
    ngx_http_tracker_result_t  *result;

    for (result = ngx_http_tracker_result_words; result->letter; result++) {
        if (result->letter == letter) {
            return result;
        }
    }

    return NULL;
}
