
/*
 * An import from its body to what became of each tracker: the trackers that
 * have the names are read, what is to be written is made of them, and the write
 * is refused, and all done again, if the account has changed meanwhile.
 */


#include "http/import.h"
#include "http/count.h"
#include "http/etag.h"
#include "http/request.h"
#include "http/response.h"
#include "http/rest.h"
#include "http/results.h"
#include "http/stored.h"
#include "http/write.h"
#include "json/record.h"
#include "store/import.h"
#include "store/write.h"
#include "tracker/join.h"


/* times that the trackers are read for one import */
#define NGX_HTTP_TRACKER_IMPORT_ROUNDS  50

/* bytes of records that are read for one, in all rounds */
#define NGX_HTTP_TRACKER_IMPORT_BYTES   (4 * NGX_HTTP_TRACKER_MAX_BODY)

/* rounds that find the same revision as the one before */
#define NGX_HTTP_TRACKER_IMPORT_SAME    3

/* what a tracker takes besides its bytes, for its matches, ids and results */
#define NGX_HTTP_TRACKER_IMPORT_COST    256

/*
 * Records that are named for one stretch: as many as can be, and at least some
 * where those before were so large that their bytes have ended it
 */
#define NGX_HTTP_TRACKER_IMPORT_MOST    1000
#define NGX_HTTP_TRACKER_IMPORT_FEW     64

/* what is made of one round; memory of the round */

typedef struct {
    tracker_match_t            *matches;      /* of ctx->set */
    tracker_match_t           **wanted;       /* records of these are needed */
    size_t                      nwanted;
    size_t                      fetched;      /* of them */
    size_t                      most;         /* of the next stretch */
    size_t                      bytes;        /* of records */
    size_t                      composed;     /* trackers */
    size_t                      changed;      /* at the end of import.elts, so
                                                 far */
    tracker_str_t              *ids;          /* of the account's trackers */
    ngx_http_tracker_rest_t     rest;
    tracker_import_t            import;
    tracker_set_t               fresh;        /* of a dry run: those that are
                                                 new */
} ngx_http_tracker_import_round_t;


typedef struct {
    ngx_http_tracker_write_t         write;
    ngx_http_tracker_import_round_t  round;
    ngx_uint_t                       rounds;
    ngx_uint_t                       same;       /* rounds in which nothing had
                                                    changed */
    ngx_int_t                        revision;   /* of the last round */
    size_t                           bytes;      /* of records, in all before */
    ngx_http_tracker_stored_t        stored;     /* that is being merged */
    size_t                           added;      /* phrases, to it */
    unsigned                         joined:1;   /* it has them */
} ngx_http_tracker_import_t;


static void ngx_http_tracker_imported(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_import_begin(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_import_key(ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_matching(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_import_round(ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_import_reserve(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_matched(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_import_precondition(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_import_match(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t part);
static void ngx_http_tracker_import_want(ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_indexed(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_import_finding(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_fetch_matches(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_matches_fetched(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_import_too_much(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, const char *what, size_t limit,
    const char *unit);
static void ngx_http_tracker_import_composing(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_composed(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_import_one(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t i);
static ngx_uint_t ngx_http_tracker_import_fresh(ngx_http_tracker_ctx_t *ctx,
    size_t i);
static ngx_uint_t ngx_http_tracker_import_change(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t i);
static ngx_uint_t ngx_http_tracker_import_grown(ngx_http_tracker_ctx_t *ctx,
    size_t i, off_t limit);
static ngx_uint_t ngx_http_tracker_import_merge(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t i, tracker_str_t *record);
static ngx_uint_t ngx_http_tracker_import_join(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t i, ngx_http_tracker_stored_t *stored);
static ngx_int_t ngx_http_tracker_import_record(ngx_http_tracker_ctx_t *ctx,
    tracker_t *t, tracker_str_t *record);
static void ngx_http_tracker_import_tell(ngx_http_tracker_ctx_t *ctx, size_t i,
    ngx_http_tracker_result_e result, tracker_str_t *id);
static ngx_int_t ngx_http_tracker_import_write(ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_written(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_import_again(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


void
ngx_http_tracker_start_import(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    tracker_report_t           *report;
    ngx_http_tracker_import_t  *import;

    report = ngx_palloc(r->pool, sizeof(tracker_report_t));
    if (report == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    report->n = 0;
    report->list = NULL;
    ctx->report = report;

    /* the answer is of results, or their summary */

    ctx->form.whole = 0;

    if (!ctx->form.dry) {
        ngx_http_tracker_start_write(r, ctx, sizeof(ngx_http_tracker_import_t),
                                     ngx_http_tracker_imported);
        return;
    }

    import = ngx_pcalloc(r->pool, sizeof(ngx_http_tracker_import_t));
    if (import == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    /* nothing but the results is of use */

    ctx->form.minimal = 0;

    import->write.next = ngx_http_tracker_imported;

    ngx_http_tracker_start_post(r, ctx, &import->write);
}


static void
ngx_http_tracker_imported(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_count_at(&ctx->counted,
                              ctx->set.bulk ? NGX_HTTP_TRACKER_AT_BULK
                                            : NGX_HTTP_TRACKER_AT_CREATE);

    if (ngx_http_tracker_import_begin(r, ctx) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_matching(r, ctx);
}


/* the txn of a dry run, which has no key; or the key of another */

static ngx_int_t
ngx_http_tracker_import_begin(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    ngx_pool_cleanup_t  *cln;

    /* a client may go away while a record is open */

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_tracker_free_stored;
    cln->data = &import->stored;

    if (ctx->form.dry) {
        return ngx_http_tracker_begin_txn(r, ctx, ctx->body.data.len);
    }

    return ctx->idempotency_key.len ? ngx_http_tracker_import_key(ctx)
                                    : NGX_OK;
}


/* with another policy it is another request, and so with rest=delete */

static ngx_int_t
ngx_http_tracker_import_key(ngx_http_tracker_ctx_t *ctx)
{
    u_char     *p;
    ngx_str_t   endpoint;

    p = ngx_pnalloc(ctx->txn->pool, ctx->endpoint->path.len + 3);
    if (p == NULL) {
        return NGX_ERROR;
    }

    endpoint.data = p;

    p = ngx_cpymem(p, ctx->endpoint->path.data, ctx->endpoint->path.len);
    *p++ = '?';
    *p++ = '0' + ctx->form.policy;

    if (ctx->form.rest) {
        *p++ = 'd';
    }

    endpoint.len = p - endpoint.data;

    return tracker_txn_idempotent(ctx->txn, &ctx->idempotency_key, &endpoint,
                                  &ctx->body.data);
}


static void
ngx_http_tracker_matching(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_matching)) {
        return;
    }

    (void) tracker_spend(&ctx->budget, ctx->set.n * TRACKER_COST / 2);

    import->round.bytes = 0;

    /* those that only wait for the lock must not be what refuses this one */

    ctx->held.sure = ctx->txn->holds_lock;

    if (ngx_http_tracker_import_reserve(r, ctx) != NGX_OK) {
        return;
    }

    if (ngx_http_tracker_import_round(ctx) != NGX_OK
        || tracker_txn_match(ctx->txn, &ctx->set, import->round.matches)
           != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_matched);
}


/* begins a round, with ids of its own: NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_tracker_import_round(ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    size_t                            n;
    ngx_pool_t                       *pool;
    ngx_http_tracker_import_round_t  *round;

    if (tracker_txn_begin_round(ctx->txn) != NGX_OK) {
        return NGX_ERROR;
    }

    n = ctx->set.n;
    pool = ctx->txn->round;
    round = &import->round;

    ngx_memzero(round, sizeof(ngx_http_tracker_import_round_t));

    round->most = NGX_HTTP_TRACKER_IMPORT_MOST;

    round->matches = ngx_palloc(pool, n * sizeof(tracker_match_t));
    round->wanted = ngx_palloc(pool, n * sizeof(tracker_match_t *));
    round->import.elts = ngx_palloc(pool, n * sizeof(tracker_written_t));
    round->import.told.len = n * NGX_HTTP_TRACKER_RESULT_LEN;
    round->import.told.data = ngx_pnalloc(pool, round->import.told.len);

    if (round->matches == NULL
        || round->wanted == NULL
        || round->import.elts == NULL
        || round->import.told.data == NULL)
    {
        return NGX_ERROR;
    }

    if (ctx->form.dry) {
        round->fresh.elts = ngx_palloc(pool, n * sizeof(tracker_t));
        if (round->fresh.elts == NULL) {
            return NGX_ERROR;
        }
    }

    return tracker_txn_choose_ids(ctx->txn, &ctx->set);
}


/* records, what is made of them, and the body as for any write */

static ngx_int_t
ngx_http_tracker_import_reserve(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    return ngx_http_tracker_reserve(r, ctx,
                                    3 * (import->round.bytes
                                         + ctx->body.data.len)
                                    + (ctx->set.n + import->round.rest.have)
                                      * NGX_HTTP_TRACKER_IMPORT_COST);
}


static void
ngx_http_tracker_matched(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    switch (ctx->txn->outcome) {

    case TRACKER_OUTCOME_FOUND:
        break;

    case TRACKER_OUTCOME_REPLAYED:

        /* the script says so again, and releases the lock */

        import->round.import.told.len = 0;

        if (ngx_http_tracker_import_write(ctx) != NGX_OK) {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
            return;
        }

        ngx_http_tracker_wait(r, ctx, ngx_http_tracker_written);
        return;

    default:
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    if (ctx->txn->total && ctx->form.policy <= NGX_HTTP_TRACKER_ON_ERROR) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_CONFLICT);
        return;
    }

    if (ctx->form.policy >= NGX_HTTP_TRACKER_ON_MERGE) {
        ngx_http_tracker_import_want(ctx);
    }

    if (!ctx->form.rest) {
        ngx_http_tracker_fetch_matches(r, ctx);
        return;
    }

    if (ngx_http_tracker_import_precondition(r, ctx) != NGX_OK) {
        return;
    }

    if (tracker_txn_index(ctx->txn, &import->round.ids,
                          import->round.nwanted + NGX_HTTP_TRACKER_MAX_REST)
        != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_indexed);
}


/*
 * What the client has not read is not to be deleted: the ETag of a part of the
 * list is refused.  Returns NGX_OK; or NGX_ABORT, the request was answered.
 */

static ngx_int_t
ngx_http_tracker_import_precondition(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t         outcome;
    tracker_message_t  message;

    outcome = ngx_http_tracker_import_match(r, ctx, 0);

    if (outcome == 0) {
        return NGX_OK;
    }

    if (outcome == NGX_HTTP_TRACKER_UNMATCHED
        && ngx_http_tracker_import_match(r, ctx, 1) == 0)
    {
        tracker_message(&message,
                        "If-Match has the ETag of a part of the list.");

        ngx_http_tracker_set_error(ctx, outcome, &message);
        ngx_http_tracker_refuse(r, ctx);
        return NGX_ABORT;
    }

    ngx_http_tracker_fail(r, ctx, outcome);

    return NGX_ABORT;
}


/*
 * The list, or a part of it, as JSON or as lines, whichever the client has
 * read.  Returns 0 or the outcome.
 */

static ngx_uint_t
ngx_http_tracker_import_match(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t part)
{
    ngx_uint_t  lines, outcome;

    for (lines = 0; lines < 2; lines++) {

        if (ngx_http_tracker_set_list_etag(ctx, lines, part) != NGX_OK) {
            return TRACKER_OUTCOME_ERROR;
        }

        outcome = ngx_http_tracker_precondition(r, ctx);

        /* of what will be no longer */

        ngx_str_null(&ctx->etag);

        if (outcome == 0) {
            return 0;
        }
    }

    return outcome;
}


static void
ngx_http_tracker_import_want(ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    size_t                            i;
    ngx_http_tracker_import_round_t  *round;

    round = &import->round;

    for (i = 0; i < ctx->set.n; i++) {
        if (round->matches[i].id.data) {
            round->wanted[round->nwanted++] = &round->matches[i];
        }
    }
}


static void
ngx_http_tracker_indexed(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    ngx_http_tracker_import_round_t  *round;

    round = &import->round;

    if (ctx->txn->outcome == TRACKER_OUTCOME_QUOTA) {
        ngx_http_tracker_import_too_much(r, ctx, "The request would delete",
                                         NGX_HTTP_TRACKER_MAX_REST,
                                         "trackers");
        return;
    }

    if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    round->rest.ids = round->ids;
    round->rest.have = ctx->txn->found;

    if (ngx_http_tracker_import_reserve(r, ctx) != NGX_OK) {
        return;
    }

    /* the ids were copied in this turn */

    (void) tracker_spend(&ctx->budget, ctx->txn->found * TRACKER_COST / 8);

    if (ngx_http_tracker_start_rest(ctx, &round->rest, round->wanted,
                                    round->nwanted)
        != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_import_finding(r, ctx);
}


static void
ngx_http_tracker_import_finding(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    ngx_http_tracker_import_round_t  *round;

    round = &import->round;

    do {
        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_import_finding)) {
            return;
        }

    } while (ngx_http_tracker_find_rest(ctx, &round->rest) == NGX_AGAIN);

    round->wanted = round->rest.wanted;
    round->nwanted += round->rest.n;

    ngx_http_tracker_fetch_matches(r, ctx);
}


/* in stretches */

static void
ngx_http_tracker_fetch_matches(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    size_t                            n;
    ngx_http_tracker_import_round_t  *round;

    round = &import->round;

    if (round->fetched == round->nwanted) {
        ngx_http_tracker_import_composing(r, ctx);
        return;
    }

    n = ngx_min(round->nwanted - round->fetched, round->most);

    if (tracker_txn_fetch_matches(ctx->txn, round->wanted + round->fetched, n)
        != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_matches_fetched);
}


static void
ngx_http_tracker_matches_fetched(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    size_t                            i;
    ngx_http_tracker_import_round_t  *round;

    if (ctx->txn->again) {
        ngx_http_tracker_import_again(r, ctx);
        return;
    }

    if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    round = &import->round;

    for (i = 0; i < ctx->txn->found; i++) {
        round->bytes += round->wanted[round->fetched++]->record.len;
    }

    /* twice as many as came: soon all that fit, again */

    round->most = ngx_min(2 * ctx->txn->found, NGX_HTTP_TRACKER_IMPORT_MOST);
    round->most = ngx_max(round->most, NGX_HTTP_TRACKER_IMPORT_FEW);

    if (round->bytes > NGX_HTTP_TRACKER_MAX_BODY) {
        ngx_http_tracker_import_too_much(r, ctx,
                                         "The trackers that the request would "
                                         "change or delete have",
                                         NGX_HTTP_TRACKER_MAX_BODY, "bytes");
        return;
    }

    if (ngx_http_tracker_import_reserve(r, ctx) != NGX_OK) {
        return;
    }

    ngx_http_tracker_fetch_matches(r, ctx);
}


static void
ngx_http_tracker_import_too_much(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, const char *what, size_t limit,
    const char *unit)
{
    tracker_message_t  message;

    tracker_message(&message, "%s more than %zu %s, the limit of one request.",
                    what, limit, unit);

    ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_TOO_MUCH, &message);
    ngx_http_tracker_refuse(r, ctx);
}


static void
ngx_http_tracker_import_composing(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    ngx_uint_t                        outcome;
    ngx_http_tracker_import_round_t  *round;

    round = &import->round;

    while (round->composed < ctx->set.n + round->rest.n) {

        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_import_composing))
        {
            return;
        }

        outcome = ngx_http_tracker_import_one(r, ctx, round->composed);

        /* a large one takes some turns */

        if (import->stored.pool) {
            continue;
        }

        round->composed++;

        switch (outcome) {

        case 0:
            break;

        case NGX_HTTP_TRACKER_INVALID:
        case NGX_HTTP_TRACKER_TOO_BIG:

            /* the message is set */

            ngx_http_tracker_refuse(r, ctx);
            return;

        default:
            ngx_http_tracker_fail(r, ctx, outcome);
            return;
        }
    }

    ngx_http_tracker_composed(r, ctx);
}


static void
ngx_http_tracker_composed(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    tracker_import_t                 *made;
    ngx_http_tracker_import_round_t  *round;

    round = &import->round;
    made = &round->import;

    /* what changes was put to the end, backwards */

    ngx_memmove(made->elts + made->fresh,
                made->elts + ctx->set.n - round->changed,
                round->changed * sizeof(tracker_written_t));

    made->n = made->fresh + round->changed;

    made->gone = round->rest.gone;
    made->ngone = round->rest.n;

    if (made->ngone
        && ngx_http_tracker_tell_rest(ctx, &round->rest, &made->told,
                                      &made->size)
           != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (ctx->form.dry && (made->fresh == 0 || ctx->form.rest)) {
        ctx->txn->outcome = tracker_txn_room(ctx->txn, round->rest.have,
                                             made->fresh, made->ngone);
        ngx_http_tracker_written(r, ctx);
        return;
    }

    if (ngx_http_tracker_import_write(ctx) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_written);
}


/* decides about the tracker i, or one of the rest: 0 or the outcome */

static ngx_uint_t
ngx_http_tracker_import_one(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx,
    size_t i)
{
    ngx_http_tracker_import_t *import = ctx->data;

    tracker_match_t                  *match;
    ngx_http_tracker_import_round_t  *round;

    round = &import->round;

    if (i >= ctx->set.n) {
        i -= ctx->set.n;

        (void) tracker_spend(&ctx->budget, round->rest.elts[i].record.len
                                           + TRACKER_COST);

        return ngx_http_tracker_name_rest(ctx, &round->rest, i) == NGX_OK
               ? 0 : TRACKER_OUTCOME_ERROR;
    }

    match = &round->matches[i];

    (void) tracker_spend(&ctx->budget, match->record.len + TRACKER_COST);

    if (match->id.data == NULL) {
        return ngx_http_tracker_import_fresh(ctx, i);
    }

    if (ctx->form.policy == NGX_HTTP_TRACKER_ON_SKIP) {
        ngx_http_tracker_import_tell(ctx, i, NGX_HTTP_TRACKER_SKIPPED,
                                     &match->id);
        return 0;
    }

    return ngx_http_tracker_import_change(r, ctx, i);
}


static ngx_uint_t
ngx_http_tracker_import_fresh(ngx_http_tracker_ctx_t *ctx, size_t i)
{
    ngx_http_tracker_import_t *import = ctx->data;

    char               *p;
    tracker_t          *t;
    tracker_import_t   *made;
    tracker_written_t  *written;

    t = &ctx->set.elts[i];
    made = &import->round.import;

    ngx_http_tracker_import_tell(ctx, i, NGX_HTTP_TRACKER_CREATED, &t->id);

    if (ctx->form.dry) {
        import->round.fresh.elts[import->round.fresh.n++] = *t;
        made->fresh++;
        return 0;
    }

    written = &made->elts[made->fresh++];

    /* the write may outlive the request, whose memory the name is */

    p = ngx_pnalloc(ctx->txn->round, t->name.len);

    if (p == NULL
        || ngx_http_tracker_import_record(ctx, t, &written->record) != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_memcpy(p, t->name.data, t->name.len);

    written->name.len = t->name.len;
    written->name.data = p;
    written->id = t->id;

    made->size += t->name.len + written->record.len;

    return 0;
}


static ngx_uint_t
ngx_http_tracker_import_change(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t i)
{
    ngx_http_tracker_import_t *import = ctx->data;

    ngx_uint_t                        outcome;
    tracker_t                         t;
    tracker_str_t                     record;
    tracker_match_t                  *match;
    tracker_written_t                *written;
    ngx_http_core_loc_conf_t         *clcf;
    ngx_http_tracker_result_e         result;
    ngx_http_tracker_import_round_t  *round;

    round = &import->round;
    match = &round->matches[i];

    if (ctx->form.policy == NGX_HTTP_TRACKER_ON_MERGE) {
        result = NGX_HTTP_TRACKER_MERGED;

        outcome = ngx_http_tracker_import_merge(r, ctx, i, &record);
        if (outcome) {
            return outcome;
        }

        if (import->stored.pool) {
            return 0;
        }

    } else {
        result = NGX_HTTP_TRACKER_REPLACED;
        t = ctx->set.elts[i];
        t.id = match->id;

        if (ngx_http_tracker_import_record(ctx, &t, &record) != NGX_OK) {
            return TRACKER_OUTCOME_ERROR;
        }
    }

    if (tracker_str_equal(&record, &match->record)) {
        ngx_http_tracker_import_tell(ctx, i, NGX_HTTP_TRACKER_UNCHANGED,
                                     &match->id);
        return 0;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /* by many merges a tracker could grow larger than by any PUT */

    if (result == NGX_HTTP_TRACKER_MERGED
        && record.len > match->record.len
        && (off_t) record.len > clcf->client_max_body_size)
    {
        return ngx_http_tracker_import_grown(ctx, i,
                                             clcf->client_max_body_size);
    }

    ngx_http_tracker_import_tell(ctx, i, result, &match->id);

    written = &round->import.elts[ctx->set.n - ++round->changed];

    ngx_memzero(written, sizeof(tracker_written_t));
    written->id = match->id;
    written->record = record;

    round->import.size += record.len;

    return 0;
}


/* of the tracker i, whose phrases leave too large a tracker */

static ngx_uint_t
ngx_http_tracker_import_grown(ngx_http_tracker_ctx_t *ctx, size_t i,
    off_t limit)
{
    tracker_message_t  message;

    if (ctx->set.bulk) {
        tracker_message(&message,
                        "\"[%zu]\" would make its tracker exceed the limit of "
                        "%lu bytes", i, (unsigned long) limit);

    } else {
        tracker_message(&message,
                        "The tracker would exceed the limit of %lu bytes.",
                        (unsigned long) limit);
    }

    tracker_message_at(&message, ctx->set.bulk ? (long) i : -1, NULL, -1);

    if (tracker_report_message(ctx->report, i, &message) != TRACKER_OK) {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_TOO_BIG, &message);

    return ctx->outcome;
}


/*
 * The budget has the size of the record, so that a large one is decoded, joined
 * and written in a turn each: stored is open until then.  Returns 0 or the
 * outcome.
 */

static ngx_uint_t
ngx_http_tracker_import_merge(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t i, tracker_str_t *record)
{
    ngx_http_tracker_import_t *import = ctx->data;

    ngx_uint_t                  outcome;
    tracker_match_t            *match;
    ngx_http_tracker_stored_t  *stored;

    match = &import->round.matches[i];
    stored = &import->stored;
    outcome = 0;

    if (stored->pool == NULL) {

        if (ngx_http_tracker_open_stored(ctx, match, stored) != NGX_OK) {
            return TRACKER_OUTCOME_ERROR;
        }

        import->joined = 0;

        if (ctx->budget == 0) {
            return 0;
        }
    }

    if (!import->joined) {
        outcome = ngx_http_tracker_import_join(r, ctx, i, stored);

        if (outcome == 0) {
            import->joined = 1;

            if (ctx->budget == 0) {
                return 0;
            }
        }
    }

    if (outcome == 0) {

        if (import->added == 0) {
            *record = match->record;

        } else if (ngx_http_tracker_import_record(ctx, &stored->tracker, record)
                   != NGX_OK)
        {
            outcome = TRACKER_OUTCOME_ERROR;
        }
    }

    ngx_http_tracker_close_stored(stored);

    return outcome;
}


/* adds phrases of the tracker i: 0 or the outcome */

static ngx_uint_t
ngx_http_tracker_import_join(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t i, ngx_http_tracker_stored_t *stored)
{
    ngx_http_tracker_import_t *import = ctx->data;

    tracker_message_t             message;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    switch (tracker_join(&stored->tracker, &ctx->set.elts[i],
                         ctx->set.bulk ? (long) i : -1, &tlcf->limits,
                         &stored->arena, &import->added, &message))
    {

    case TRACKER_OK:
        return 0;

    case TRACKER_INVALID:

        if (tracker_report_message(ctx->report, i, &message) != TRACKER_OK) {
            return TRACKER_OUTCOME_ERROR;
        }

        ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_INVALID, &message);
        return ctx->outcome;

    default: /* TRACKER_NOMEM */
        return TRACKER_OUTCOME_ERROR;
    }
}


/* the JSON of t, in memory of the round: NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_tracker_import_record(ngx_http_tracker_ctx_t *ctx, tracker_t *t,
    tracker_str_t *record)
{
    char  *p;

    record->len = tracker_json_length(t);

    p = ngx_pnalloc(ctx->txn->round, record->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) tracker_json_write(p, t);
    (void) tracker_spend(&ctx->budget, 2 * record->len);

    record->data = p;

    return NGX_OK;
}


static void
ngx_http_tracker_import_tell(ngx_http_tracker_ctx_t *ctx, size_t i,
    ngx_http_tracker_result_e result, tracker_str_t *id)
{
    ngx_http_tracker_import_t *import = ctx->data;

    u_char  *p;

    p = (u_char *) import->round.import.told.data
        + i * NGX_HTTP_TRACKER_RESULT_LEN;

    *p++ = result;
    ngx_memcpy(p, id->data, TRACKER_ID_LEN);
}


/* begins the write; a dry run asks for the number of trackers, and no more */

static ngx_int_t
ngx_http_tracker_import_write(ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    if (!ctx->form.dry) {
        return tracker_txn_import(ctx->txn, &import->round.import);
    }

    /* ids were chosen for all: they are chosen anew for some */

    if (tracker_txn_choose_ids(ctx->txn, &import->round.fresh) != NGX_OK) {
        return NGX_ERROR;
    }

    return tracker_txn_check(ctx->txn, &import->round.fresh);
}


static void
ngx_http_tracker_written(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    ngx_str_t                         told;
    ngx_http_tracker_import_round_t  *round;

    /* a name that has come since makes it another conflict */

    if (ctx->txn->again || ctx->txn->outcome == TRACKER_OUTCOME_CONFLICT) {
        ngx_http_tracker_import_again(r, ctx);
        return;
    }

    round = &import->round;

    told.len = round->import.told.len;
    told.data = (u_char *) round->import.told.data;

    switch (ctx->txn->outcome) {

    case TRACKER_OUTCOME_CHANGED:
        ctx->outcome = NGX_HTTP_TRACKER_IMPORTED;
        ctx->held.sure = 1;
        ctx->spent.created = round->import.fresh;
        ctx->spent.changed = round->changed;
        ctx->spent.deleted = round->rest.n;
        break;

    case TRACKER_OUTCOME_FREE:
        ctx->outcome = TRACKER_OUTCOME_FREE;
        break;

    case TRACKER_OUTCOME_REPLAYED:
        ctx->outcome = TRACKER_OUTCOME_REPLAYED;
        ctx->held.sure = 1;
        told = ctx->txn->record;
        break;

    default:
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    if (!ngx_http_tracker_check_results(&told, ctx->set.n)) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_tell_results(r, ctx, &told);
}


static void
ngx_http_tracker_import_again(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_import_t *import = ctx->data;

    ngx_int_t  revision;

    revision = ngx_atoof(ctx->txn->revision.data, ctx->txn->revision.len);

    /* nobody was faster: what Redis has does not fit together */

    if (revision == import->revision
        && ++import->same == NGX_HTTP_TRACKER_IMPORT_SAME)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tracker: names and trackers of an account do not fit "
                      "together");
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    import->revision = revision;

    /* others were faster each time: as if one of them had the lock */

    import->bytes += import->round.bytes;

    if (++import->rounds == NGX_HTTP_TRACKER_IMPORT_ROUNDS
        || import->bytes > NGX_HTTP_TRACKER_IMPORT_BYTES)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_LOCKED);
        return;
    }

    ngx_http_tracker_matching(r, ctx);
}
