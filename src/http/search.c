
/*
 * Which trackers are looked for: those given in the body, and of the account's
 * all or those chosen by id.  All of them need the account's dictionary, which
 * this worker has or loads.  One that it had may be old: whoever stores what
 * was found compares its revision.  One whose load has begun after the body was
 * here is not compared: what was written before is in it, and an account that
 * writes all the time does not keep itself from searching.
 */


#include "http/search.h"
#include "http/args.h"
#include "http/request.h"
#include "http/response.h"
#include "store/load.h"
#include "tracker/job.h"


/* what a choice, and each phrase that came with it, costs, in nanoseconds */
#define NGX_HTTP_TRACKER_COST_CHOICE  200


static tracker_rc_e ngx_http_tracker_decode_messages(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_message_t *message);
static void ngx_http_tracker_messages(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_find_similar(ngx_http_request_t *r,
    ngx_uint_t *similar);
static ngx_uint_t ngx_http_tracker_wants_stored(ngx_http_request_t *r,
    ngx_http_tracker_search_t *search);
static void ngx_http_tracker_get_stored(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_name_stored(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, detect_name_t *name);
static void ngx_http_tracker_load_stored(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_drop_stored(ngx_http_tracker_search_t *search);
static void ngx_http_tracker_loaded(detect_wait_t *wait);
static void ngx_http_tracker_stored_loaded(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_check_stored(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_stored_checked(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_choose(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_int_t ngx_http_tracker_clear_marks(ngx_http_request_t *r,
    ngx_http_tracker_search_t *search);
static void ngx_http_tracker_choose_ids(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_fail_choice(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t i);
static void ngx_http_tracker_take_given(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_fail_given(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static detect_rc_e ngx_http_tracker_add_given(
    ngx_http_tracker_search_t *search, tracker_choice_t *choice);
static void ngx_http_tracker_compile_given(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_add_source(ngx_http_tracker_search_t *search,
    detect_trackers_t *trackers, u_char *chosen);
static void ngx_http_tracker_searching(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_is_late(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_fail_late(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_begin_record(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_recording(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static void ngx_http_tracker_free_record(void *data);
static void ngx_http_tracker_stop_search(void *data);
static void ngx_http_tracker_free_search(void *data);


void
ngx_http_tracker_start_search(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_uint_t check,
    ngx_http_tracker_step_pt next)
{
    ngx_http_tracker_search_t  *search;

    search = ngx_pcalloc(r->pool, sizeof(ngx_http_tracker_search_t));
    if (search == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    if (ngx_http_tracker_init_search(r, ctx, search) != NGX_OK) {
        return;
    }

    search->next = next;
    search->check = check;

    search->write.next = ngx_http_tracker_messages;
    search->write.decoder = ngx_http_tracker_decode_messages;

    ngx_http_tracker_start_post(r, ctx, &search->write);
}


ngx_int_t
ngx_http_tracker_init_search(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_search_t *search)
{
    ngx_http_cleanup_t  *stop;
    ngx_pool_cleanup_t  *cln;

    /* a load calls back no request that has ended */

    stop = ngx_http_cleanup_add(r, 0);
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (stop == NULL || cln == NULL) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return NGX_ABORT;
    }

    if (ngx_http_tracker_find_similar(r, &search->similar) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, NGX_HTTP_TRACKER_BAD_SIMILAR);
        return NGX_ABORT;
    }

    ctx->data = search;

    search->check = 1;
    search->wait.handler = ngx_http_tracker_loaded;
    search->wait.data = ctx;

    stop->handler = ngx_http_tracker_stop_search;
    stop->data = search;

    cln->handler = ngx_http_tracker_free_search;
    cln->data = search;

    return NGX_OK;
}


/* the argument, or the directive; returns NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_tracker_find_similar(ngx_http_request_t *r, ngx_uint_t *similar)
{
    ngx_str_t                     value;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    *similar = tlcf->talk.similar;

    if (ngx_http_tracker_find_arg(r, "similar", &value) != NGX_OK) {
        return NGX_OK;
    }

    *similar = (value.len == 4 && ngx_strncmp(value.data, "true", 4) == 0);

    if (*similar
        || (value.len == 5 && ngx_strncmp(value.data, "false", 5) == 0))
    {
        return NGX_OK;
    }

    return NGX_ERROR;
}


static tracker_rc_e
ngx_http_tracker_decode_messages(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, tracker_message_t *message)
{
    ngx_http_tracker_search_t *search = ctx->data;

    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    if (search->decode == NULL) {
        search->decode = tracker_decode_talk_start(
                             (char *) ctx->body.data.data, ctx->body.data.len,
                             TRACKER_TALK_BODY, &tlcf->limits,
                             &search->write.arena, &search->conversation);

        if (search->decode == NULL) {
            return TRACKER_NOMEM;
        }
    }

    return tracker_decode_talk_run(search->decode, &ctx->budget, message);
}


static void
ngx_http_tracker_messages(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    if (ngx_http_tracker_begin_txn(r, ctx, ctx->body.data.len) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_find_trackers(r, ctx, ngx_http_tracker_search_messages);
}


void
ngx_http_tracker_find_trackers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, ngx_http_tracker_step_pt ready)
{
    ngx_http_tracker_search_t *search = ctx->data;

    search->ready = ready;
    search->current = 0;
    search->wait.since = detect_dictionary_loads();

    if (ngx_http_tracker_wants_stored(r, search)) {
        ngx_http_tracker_get_stored(r, ctx);

    } else {
        ngx_http_tracker_take_given(r, ctx);
    }
}


static ngx_uint_t
ngx_http_tracker_wants_stored(ngx_http_request_t *r,
    ngx_http_tracker_search_t *search)
{
    size_t                        i;
    tracker_conversation_t       *conversation;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    conversation = &search->conversation;

    /* those that are named are enough, as clients that name some expect */

    if (conversation->all == TRACKER_ALL_ABSENT) {
        conversation->all = tlcf->talk.all && conversation->nchoices == 0
                            ? TRACKER_ALL_YES : TRACKER_ALL_NO;
    }

    if (conversation->all == TRACKER_ALL_YES) {
        return 1;
    }

    for (i = 0; i < conversation->nchoices; i++) {
        if (conversation->choices[i].id.data) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_tracker_get_stored(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    detect_name_t         name;
    detect_dictionary_t  *dictionary;

    ngx_http_tracker_name_stored(r, ctx, &name);

    dictionary = detect_dictionary_get(&name);

    /* that of an earlier search may be kept by nobody else */

    if (dictionary) {
        ngx_http_tracker_drop_stored(search);
        search->stored = dictionary;
    }

    if (search->stored == NULL) {
        ngx_http_tracker_load_stored(r, ctx);

    } else if (search->check) {
        ngx_http_tracker_check_stored(r, ctx);

    } else {
        ngx_http_tracker_choose(r, ctx);
    }
}


static void
ngx_http_tracker_name_stored(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, detect_name_t *name)
{
    ngx_http_tracker_search_t *search = ctx->data;

    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    name->store = &tlcf->store;
    name->account = &ctx->identity.account;
    name->similar = search->similar;
}


static void
ngx_http_tracker_load_stored(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    detect_name_t                 name;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    ngx_http_tracker_drop_stored(search);

    ngx_http_tracker_name_stored(r, ctx, &name);

    if (detect_dictionary_load(&search->wait, &name, &tlcf->talk.limits)
        != NGX_OK)
    {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_stored_loaded);
}


static void
ngx_http_tracker_drop_stored(ngx_http_tracker_search_t *search)
{
    if (search->stored) {
        detect_dictionary_release(search->stored);
        search->stored = NULL;
    }
}


static void
ngx_http_tracker_loaded(detect_wait_t *wait)
{
    ngx_http_tracker_resume(wait->data);
}


static void
ngx_http_tracker_stored_loaded(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    search->stored = search->wait.dictionary;
    search->wait.dictionary = NULL;

    if (search->wait.outcome != TRACKER_OUTCOME_FOUND) {
        ctx->spent.phrases = search->wait.found;
        ngx_http_tracker_fail(r, ctx,
                              search->wait.outcome == TRACKER_OUTCOME_QUOTA
                              ? NGX_HTTP_TRACKER_MANY_PHRASES
                              : search->wait.outcome);
        return;
    }

    search->current = search->wait.fresh;

    if (search->check && !search->current) {
        ngx_http_tracker_check_stored(r, ctx);

    } else {
        ngx_http_tracker_choose(r, ctx);
    }
}


static void
ngx_http_tracker_check_stored(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    if (tracker_txn_revision(ctx->txn) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    ngx_http_tracker_wait(r, ctx, ngx_http_tracker_stored_checked);
}


static void
ngx_http_tracker_stored_checked(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    ngx_str_t  *now, *then;

    if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {
        ngx_http_tracker_fail(r, ctx, ctx->txn->outcome);
        return;
    }

    now = &ctx->txn->revision;
    then = &search->stored->revision;

    if (now->len != then->len
        || ngx_memcmp(now->data, then->data, now->len) != 0)
    {
        ngx_http_tracker_load_stored(r, ctx);
        return;
    }

    search->current = 1;

    ngx_http_tracker_choose(r, ctx);
}


static void
ngx_http_tracker_choose(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    /* it may have been loaded for a location with another limit */

    if (search->stored->trackers.n_phrases > tlcf->talk.limits.max_phrases) {
        ctx->spent.phrases = search->stored->trackers.n_phrases;
        ngx_http_tracker_fail(r, ctx, NGX_HTTP_TRACKER_MANY_PHRASES);
        return;
    }

    if (ngx_http_tracker_clear_marks(r, search) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    search->chosen = search->marks;
    search->nchosen = 0;

    ngx_http_tracker_choose_ids(r, ctx);
}


/* a byte for each of the trackers, 0; returns NGX_OK or NGX_ERROR */

static ngx_int_t
ngx_http_tracker_clear_marks(ngx_http_request_t *r,
    ngx_http_tracker_search_t *search)
{
    size_t  n;

    n = search->stored->trackers.n + 1;

    if (n > search->max_marks) {

        if (search->marks) {
            ngx_free(search->marks);
        }

        search->max_marks = 0;

        search->marks = ngx_alloc(n, r->connection->log);
        if (search->marks == NULL) {
            return NGX_ERROR;
        }

        search->max_marks = n;
    }

    ngx_memzero(search->marks, n);

    return NGX_OK;
}


/* an id that is not found may be that of a tracker written since */

static void
ngx_http_tracker_choose_ids(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    uint32_t           k;
    tracker_choice_t  *choice;

    while (search->nchosen < search->conversation.nchoices) {

        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_choose_ids)) {
            return;
        }

        choice = &search->conversation.choices[search->nchosen];

        if (choice->id.data) {

            if (!detect_trackers_find(&search->stored->trackers, &choice->id,
                                      &k))
            {
                if (search->current) {
                    ngx_http_tracker_fail_choice(r, ctx, search->nchosen);

                } else {
                    ngx_http_tracker_check_stored(r, ctx);
                }

                return;
            }

            search->chosen[k] = 1;
        }

        search->nchosen++;

        (void) tracker_spend(&ctx->budget, NGX_HTTP_TRACKER_COST_CHOICE);
    }

    if (search->conversation.all == TRACKER_ALL_YES) {
        search->chosen = NULL;
    }

    ngx_http_tracker_take_given(r, ctx);
}


static void
ngx_http_tracker_fail_choice(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx, size_t i)
{
    tracker_message_t  message;

    static const tracker_str_t  list = tracker_str("trackers");

    tracker_message(&message, "\"[%lu].id\" is not the id of a tracker",
                    (unsigned long) i);
    tracker_message_at(&message, i, &tracker_fields[TRACKER_FIELD_ID].name, -1);
    tracker_message_prefix(&message, &list);

    ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_INVALID, &message);
    ngx_http_tracker_refuse(r, ctx);
}


/* once: they are the same in another search */

static void
ngx_http_tracker_take_given(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    tracker_choice_t             *choice;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    while (search->ngiven < search->conversation.nchoices) {

        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_take_given)) {
            return;
        }

        choice = &search->conversation.choices[search->ngiven++];

        if (choice->vocabulary.n
            > tlcf->talk.limits.max_phrases - search->given.n_phrases)
        {
            ngx_http_tracker_fail_given(r, ctx);
            return;
        }

        if (choice->id.data == NULL
            && ngx_http_tracker_add_given(search, choice) != DETECT_OK)
        {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
            return;
        }

        (void) tracker_spend(&ctx->budget,
                             NGX_HTTP_TRACKER_COST_CHOICE
                             * (choice->vocabulary.n + 1));
    }

    ngx_http_tracker_compile_given(r, ctx);
}


/* a phrase takes some 200 bytes, and so a body would 30 times as many */

static void
ngx_http_tracker_fail_given(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    tracker_message_t             message;
    ngx_http_tracker_loc_conf_t  *tlcf;

    static const tracker_str_t  list = tracker_str("trackers");

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    tracker_message(&message,
                    "Trackers of at most %lu phrases can be detected, "
                    "\"trackers\" has more.",
                    (unsigned long) tlcf->talk.limits.max_phrases);
    tracker_message_at(&message, -1, &list, -1);

    ngx_http_tracker_set_error(ctx, NGX_HTTP_TRACKER_MANY_PHRASES, &message);
    ngx_http_tracker_refuse(r, ctx);
}


/* the id is made of the name: in each job it is the same */

static detect_rc_e
ngx_http_tracker_add_given(ngx_http_tracker_search_t *search,
    tracker_choice_t *choice)
{
    char       id[TRACKER_ID_LEN];
    tracker_t  t;

    ngx_memzero(&t, sizeof(tracker_t));

    tracker_id_format(id, detect_record_id(&choice->name));

    t.id.len = TRACKER_ID_LEN;
    t.id.data = id;
    t.name = choice->name;
    t.vocabulary = choice->vocabulary;

    return detect_trackers_add(&search->given, &t);
}


/* without any source the messages would not be cut into sentences */

static void
ngx_http_tracker_compile_given(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    detect_rc_e  rc;
    uint64_t     key[2];

    if (search->given.dict || (search->given.n == 0 && search->stored)) {
        search->ready(r, ctx);
        return;
    }

    if (tracker_random(key, sizeof(key)) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    do {
        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_compile_given)) {
            return;
        }

        rc = detect_trackers_compile(&search->given, key, search->similar,
                                     &ctx->budget);

    } while (rc == DETECT_AGAIN);

    if (rc != DETECT_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    search->ready(r, ctx);
}


void
ngx_http_tracker_search_messages(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    detect_search_t              *s;
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    s = &search->search;

    ngx_memzero(s, sizeof(detect_search_t));

    if (search->stored) {
        ngx_http_tracker_add_source(search, &search->stored->trackers,
                                    search->chosen);
    }

    if (search->given.dict) {
        ngx_http_tracker_add_source(search, &search->given, NULL);
    }

    s->messages = search->conversation.messages;
    s->n_messages = search->conversation.nmessages;
    s->max_finds = tlcf->talk.max_hits;

    ngx_http_tracker_searching(r, ctx);
}


static void
ngx_http_tracker_add_source(ngx_http_tracker_search_t *search,
    detect_trackers_t *trackers, u_char *chosen)
{
    ngx_uint_t        i;
    detect_source_t  *source;

    for (i = 0; i <= search->similar; i++) {
        source = &search->search.sources[search->search.n_sources++];

        source->trackers = trackers;
        source->chosen = chosen;
        source->similar = i;
    }
}


static void
ngx_http_tracker_searching(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    uint64_t     start;
    detect_rc_e  rc;

    do {
        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_searching)) {
            return;
        }

        if (ngx_http_tracker_is_late(r, ctx)) {
            ngx_http_tracker_fail_late(r, ctx);
            return;
        }

        start = ngx_http_tracker_clock();
        rc = detect_search_run(&search->search, &ctx->budget);
        ctx->spent.detect += ngx_http_tracker_clock() - start;

    } while (rc == DETECT_AGAIN);

    switch (rc) {

    case DETECT_OK:
        ctx->spent.searched = 1;
        ctx->spent.hits = search->hits
                          + detect_search_finds(&search->search);

        ngx_http_tracker_begin_record(r, ctx);
        break;

    case DETECT_STOPPED:
        ngx_http_tracker_fail(r, ctx, NGX_HTTP_TRACKER_MANY_HITS);
        break;

    default: /* DETECT_NOMEM */
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        break;
    }
}


/*
 * Phrases that are found, and belong to no tracker that was chosen, are not
 * limited as hits are: those of 100,000 equal phrases in each of a million
 * sentences would keep a worker busy for a day.
 */

static ngx_uint_t
ngx_http_tracker_is_late(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tracker_module);

    return (ngx_msec_t) (ngx_current_msec - ctx->start) > tlcf->store.timeout;
}


static void
ngx_http_tracker_fail_late(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    tracker_message_t  message;

    tracker_message(&message, "The messages were not searched in time.");

    ngx_http_tracker_set_error(ctx, TRACKER_OUTCOME_TIMEOUT, &message);
    ngx_http_tracker_refuse(r, ctx);
}


/*
 * It is sent from where it is, perhaps when the request is gone, so that it
 * lives as long as the txn.
 */

static void
ngx_http_tracker_begin_record(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    uint64_t             random[3];
    ngx_time_t          *now;
    ngx_pool_cleanup_t  *cln;

    if (search->record == NULL) {

        cln = ngx_pool_cleanup_add(ctx->txn->pool, sizeof(detect_record_t));
        if (cln == NULL) {
            ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
            return;
        }

        search->record = cln->data;
        ngx_memzero(search->record, sizeof(detect_record_t));

        cln->handler = ngx_http_tracker_free_record;

    } else {
        detect_record_free(search->record);
    }

    if (tracker_random(random, sizeof(random)) != NGX_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    now = ngx_timeofday();

    search->record->search = &search->search;
    search->record->conversation = &search->conversation;
    search->record->key[0] = random[0];
    search->record->key[1] = random[1];
    search->record->first = tracker_job_first(random[2]);
    search->record->now = (int64_t) now->sec * 1000 + now->msec;

    ngx_http_tracker_recording(r, ctx);
}


static void
ngx_http_tracker_recording(ngx_http_request_t *r, ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    uint64_t     start;
    detect_rc_e  rc;

    do {
        if (ngx_http_tracker_yield(r, ctx, ngx_http_tracker_recording)) {
            return;
        }

        start = ngx_http_tracker_clock();
        rc = detect_record_write(search->record, &ctx->budget);
        ctx->spent.detect += ngx_http_tracker_clock() - start;

    } while (rc == DETECT_AGAIN);

    if (rc != DETECT_OK) {
        ngx_http_tracker_fail(r, ctx, TRACKER_OUTCOME_ERROR);
        return;
    }

    /* the record has it all, in a tenth of the memory */

    detect_search_free(&search->search);

    search->next(r, ctx);
}


void
ngx_http_tracker_search_again(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_load_stored(r, ctx);
}


void
ngx_http_tracker_rest_search(ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_drop_stored(ctx->data);
}


void
ngx_http_tracker_end_search(ngx_http_tracker_ctx_t *ctx)
{
    ngx_http_tracker_search_t *search = ctx->data;

    detect_trackers_free(&search->given);

    ngx_http_tracker_drop_stored(search);
}


static void
ngx_http_tracker_free_record(void *data)
{
    detect_record_free(data);
}


static void
ngx_http_tracker_stop_search(void *data)
{
    ngx_http_tracker_search_t *search = data;

    detect_dictionary_cancel(&search->wait);
}


static void
ngx_http_tracker_free_search(void *data)
{
    ngx_http_tracker_search_t *search = data;

    detect_search_free(&search->search);
    detect_trackers_free(&search->given);

    if (search->marks) {
        ngx_free(search->marks);
    }

    ngx_http_tracker_drop_stored(search);

    /* loaded, but another module has taken over the request */

    if (search->wait.dictionary) {
        detect_dictionary_release(search->wait.dictionary);
    }
}
