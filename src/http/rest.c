
/*
 * The trackers that an import deletes, since its body does not name them.
 */


#include "http/rest.h"
#include "http/results.h"
#include "http/stored.h"
#include "store/digest.h"


static uint64_t ngx_http_tracker_id_number(const tracker_str_t *id);
static uint64_t *ngx_http_tracker_find_slot(ngx_http_tracker_rest_t *rest,
    uint64_t number);


/* what is written by and by is not set to zeros before */

ngx_int_t
ngx_http_tracker_start_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest, tracker_match_t **named, size_t nnamed)
{
    size_t       n;
    ngx_pool_t  *pool;

    pool = ctx->txn->round;
    n = rest->have;

    rest->nnamed = nnamed;
    rest->n = 0;
    rest->done = 0;

    /* at least half of them stay free */

    for (rest->bits = 1;
         (size_t) 1 << rest->bits < 2 * nnamed;
         rest->bits++)
    {
        /* void */
    }

    rest->slots = ngx_pcalloc(pool, sizeof(uint64_t) << rest->bits);
    rest->wanted = ngx_palloc(pool, (nnamed + n + 1)
                                    * sizeof(tracker_match_t *));
    rest->elts = ngx_palloc(pool, n * sizeof(tracker_match_t) + 1);
    rest->gone = ngx_palloc(pool, n * sizeof(tracker_written_t) + 1);

    if (rest->slots == NULL
        || rest->wanted == NULL
        || rest->elts == NULL
        || rest->gone == NULL
        || tracker_random(&rest->key, sizeof(rest->key)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a client chooses which of its ids stay, but cannot know the key */

    rest->key |= 1;

    ngx_memcpy(rest->wanted, named, nnamed * sizeof(tracker_match_t *));

    return NGX_OK;
}


ngx_int_t
ngx_http_tracker_find_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest)
{
    size_t                i;
    uint64_t              number;
    tracker_match_t      *match;
    const tracker_str_t  *id;

    while (rest->done < rest->nnamed + rest->have) {

        if (ctx->budget == 0) {
            return NGX_AGAIN;
        }

        (void) tracker_spend(&ctx->budget, TRACKER_COST / 4);

        i = rest->done++;

        if (i < rest->nnamed) {
            number = ngx_http_tracker_id_number(&rest->wanted[i]->id);
            *ngx_http_tracker_find_slot(rest, number) = number;
            continue;
        }

        id = &rest->ids[i - rest->nnamed];
        number = ngx_http_tracker_id_number(id);

        if (*ngx_http_tracker_find_slot(rest, number) == number) {
            continue;
        }

        match = &rest->elts[rest->n];

        ngx_memzero(match, sizeof(tracker_match_t));
        ngx_memzero(&rest->gone[rest->n], sizeof(tracker_written_t));

        match->id = *id;
        rest->wanted[rest->nnamed + rest->n++] = match;
    }

    return NGX_OK;
}


/* of 16 digits, whatever they are: never 0 */

static uint64_t
ngx_http_tracker_id_number(const tracker_str_t *id)
{
    size_t    i;
    uint64_t  number;

    number = 0;

    for (i = 0; i < TRACKER_ID_LEN; i++) {
        number = number * 10 + (id->data[i] - '0');
    }

    return number + 1;
}


/* where the number is, or a free one */

static uint64_t *
ngx_http_tracker_find_slot(ngx_http_tracker_rest_t *rest, uint64_t number)
{
    size_t  i, mask;

    mask = ((size_t) 1 << rest->bits) - 1;

    for (i = (number * rest->key) >> (64 - rest->bits);
         rest->slots[i] && rest->slots[i] != number;
         i = (i + 1) & mask)
    {
        /* void */
    }

    return &rest->slots[i];
}


ngx_int_t
ngx_http_tracker_name_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest, size_t i)
{
    char                       *p;
    tracker_str_t              *name;
    tracker_match_t            *match;
    tracker_written_t          *gone;
    ngx_http_tracker_stored_t   stored;

    match = &rest->elts[i];
    gone = &rest->gone[i];

    if (ngx_http_tracker_open_stored(ctx, match, &stored) != NGX_OK) {
        return NGX_ERROR;
    }

    name = &stored.tracker.name;

    p = ngx_pnalloc(ctx->txn->round, name->len);

    if (p) {
        ngx_memcpy(p, name->data, name->len);

        gone->id = match->id;
        gone->name.len = name->len;
        gone->name.data = p;
    }

    ngx_http_tracker_close_stored(&stored);

    return p ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_tracker_tell_rest(ngx_http_tracker_ctx_t *ctx,
    ngx_http_tracker_rest_t *rest, tracker_str_t *told, size_t *size)
{
    u_char             *p;
    size_t              i, len;
    tracker_written_t  *gone;

    len = told->len;

    for (i = 0; i < rest->n; i++) {
        len += NGX_HTTP_TRACKER_RESULT_LEN + rest->gone[i].name.len + 1;
        *size += rest->gone[i].name.len;
    }

    p = ngx_pnalloc(ctx->txn->round, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = told->len;

    ngx_memcpy(p, told->data, len);
    told->data = (char *) p;

    p += len;

    for (i = 0; i < rest->n; i++) {
        gone = &rest->gone[i];

        *p++ = NGX_HTTP_TRACKER_DELETED;
        p = ngx_cpymem(p, gone->id.data, TRACKER_ID_LEN);
        p = ngx_cpymem(p, gone->name.data, gone->name.len);
        *p++ = '\0';
    }

    told->len = p - (u_char *) told->data;

    return NGX_OK;
}
