
/*
 * The header lines that choose the form of an answer.
 */


#include "http/accept.h"
#include "http/header.h"


/* a weight of 1, in thousandths */
#define NGX_HTTP_TRACKER_WEIGHT  1000


/* of the ranges seen so far */

typedef struct {
    ngx_str_t   *type;          /* that is looked for */
    ngx_uint_t   named;         /* its weight */
    ngx_uint_t   json;          /* that of application/json */
    ngx_uint_t   precision;     /* of the range that gave the latter */
} ngx_http_tracker_ranges_t;


static ngx_str_t  ngx_http_tracker_problem_type =
    ngx_string("application/problem+json");

static ngx_str_t  ngx_http_tracker_lines_type =
    ngx_string("application/x-ndjson");


static ngx_uint_t ngx_http_tracker_accepts(ngx_http_request_t *r,
    ngx_str_t *type);
static void ngx_http_tracker_add_range(ngx_http_tracker_ranges_t *ranges,
    ngx_str_t *range);
static ngx_uint_t ngx_http_tracker_weight(ngx_str_t *parameters);
static ngx_uint_t ngx_http_tracker_parse_weight(ngx_str_t *value);
static ngx_uint_t ngx_http_tracker_find_return(ngx_http_request_t *r,
    ngx_str_t *value);


ngx_uint_t
ngx_http_tracker_accepts_problem(ngx_http_request_t *r)
{
    return ngx_http_tracker_accepts(r, &ngx_http_tracker_problem_type);
}


ngx_uint_t
ngx_http_tracker_accepts_lines(ngx_http_request_t *r)
{
    return ngx_http_tracker_accepts(r, &ngx_http_tracker_lines_type);
}


static ngx_uint_t
ngx_http_tracker_accepts(ngx_http_request_t *r, ngx_str_t *type)
{
    ngx_str_t                   *line, rest, range;
    ngx_http_tracker_headers_t   lines;
    ngx_http_tracker_ranges_t    ranges;

    static ngx_str_t  name = ngx_string("accept");

    ngx_memzero(&ranges, sizeof(ngx_http_tracker_ranges_t));
    ranges.type = type;

    ngx_http_tracker_first_line(&lines, r);

    while ((line = ngx_http_tracker_next_line(&lines, &name)) != NULL) {
        rest = *line;

        while (ngx_http_tracker_split(&rest, ',', &range)) {
            ngx_http_tracker_add_range(&ranges, &range);
        }
    }

    return ranges.named > 0 && ranges.named >= ranges.json;
}


static void
ngx_http_tracker_add_range(ngx_http_tracker_ranges_t *ranges,
    ngx_str_t *range)
{
    ngx_str_t   type;
    ngx_uint_t  i, weight;

    /* what application/json is in, the most precise range last */

    static ngx_str_t  json[] = {
        ngx_string("*/*"),
        ngx_string("application/*"),
        ngx_string("application/json")
    };

    if (!ngx_http_tracker_split(range, ';', &type)) {
        return;
    }

    weight = ngx_http_tracker_weight(range);

    if (ngx_http_tracker_is(&type, ranges->type)) {
        ranges->named = ngx_max(ranges->named, weight);
        return;
    }

    for (i = 0; i < 3; i++) {

        if (i + 1 >= ranges->precision && ngx_http_tracker_is(&type, &json[i]))
        {
            ranges->precision = i + 1;
            ranges->json = weight;
        }
    }
}


/* that of a range with these parameters, 0 if it is malformed */

static ngx_uint_t
ngx_http_tracker_weight(ngx_str_t *parameters)
{
    ngx_str_t  parameter, name;

    static ngx_str_t  q = ngx_string("q");

    while (ngx_http_tracker_split(parameters, ';', &parameter)) {

        if (ngx_http_tracker_split(&parameter, '=', &name)
            && ngx_http_tracker_is(&name, &q))
        {
            return ngx_http_tracker_parse_weight(&parameter);
        }
    }

    return NGX_HTTP_TRACKER_WEIGHT;
}


/* "0" or "1", a point and up to three digits (RFC 9110 section 12.4.2) */

static ngx_uint_t
ngx_http_tracker_parse_weight(ngx_str_t *value)
{
    size_t      i;
    ngx_int_t   n;
    ngx_uint_t  weight;

    if (value->len == 0
        || value->len > sizeof("0.000") - 1
        || (value->data[0] != '0' && value->data[0] != '1')
        || (value->len > 1 && value->data[1] != '.'))
    {
        return 0;
    }

    weight = (value->data[0] - '0') * NGX_HTTP_TRACKER_WEIGHT;

    if (value->len > 2) {

        n = ngx_atoi(value->data + 2, value->len - 2);
        if (n == NGX_ERROR) {
            return 0;
        }

        for (i = value->len; i < sizeof("0.000") - 1; i++) {
            n *= 10;
        }

        weight += n;
    }

    return weight <= NGX_HTTP_TRACKER_WEIGHT ? weight : 0;
}


ngx_str_t *
ngx_http_tracker_content_type(ngx_http_tracker_ctx_t *ctx)
{
    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  yaml = ngx_string("application/yaml");

    if ((ctx->body.lines || ctx->form.lines)
        && ctx->request->headers_out.status == NGX_HTTP_OK)
    {
        return &ngx_http_tracker_lines_type;
    }

    if (ctx->form.problem) {
        return &ngx_http_tracker_problem_type;
    }

    return ctx->outcome == TRACKER_OUTCOME_FOUND && ctx->endpoint->open
           ? &yaml : &json;
}


void
ngx_http_tracker_set_preference(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_str_t  value;

    static ngx_str_t  minimal = ngx_string("minimal");
    static ngx_str_t  whole = ngx_string("representation");

    if (!ngx_http_tracker_find_return(r, &value)) {
        return;
    }

    /* a value may be quoted */

    if (value.len > 1
        && value.data[0] == '"' && value.data[value.len - 1] == '"')
    {
        value.data++;
        value.len -= 2;
    }

    ctx->form.minimal = ngx_http_tracker_is(&value, &minimal);
    ctx->form.whole = ngx_http_tracker_is(&value, &whole);
}


/* returns 1 with the first of several values, which counts alone; or 0 */

static ngx_uint_t
ngx_http_tracker_find_return(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_str_t                   *line, rest, preference, key;
    ngx_http_tracker_headers_t   lines;

    static ngx_str_t  name = ngx_string("prefer");
    static ngx_str_t  wanted = ngx_string("return");

    ngx_http_tracker_first_line(&lines, r);

    while ((line = ngx_http_tracker_next_line(&lines, &name)) != NULL) {
        rest = *line;

        while (ngx_http_tracker_split(&rest, ',', &preference)) {

            /* without its parameters */

            if (ngx_http_tracker_split(&preference, ';', value)
                && ngx_http_tracker_split(value, '=', &key)
                && ngx_http_tracker_is(&key, &wanted))
            {
                ngx_http_tracker_trim(value);
                return 1;
            }
        }
    }

    return 0;
}
