
/*
 * The steps of a txn that write, read and delete conversations.
 */


#include "store/bulk.h"
#include "store/conversation.h"
#include "store/job.h"
#include "store/reply.h"
#include "store/step.h"
#include "tracker/job.h"


/* messages are kept in pieces of about so many bytes */
#define TRACKER_JOB_PIECE       65536

/* arguments of conversation_write.lua before them that are sent the same way */
#define TRACKER_JOB_TEXTS       5

/* keys of conversation_write.lua, and behind them that of the transactions */
#define TRACKER_JOB_KEYS        6
#define TRACKER_JOB_STAGE       (TRACKER_JOB_KEYS + 1)

/* a new conversation with so many bytes of messages, which Lua would hash */
#define TRACKER_JOB_LARGE       32768

/* seconds that they stay, while transactions write them */
#define TRACKER_STAGE_TTL       60

/* where the records begin in the replies of the lists */
#define TRACKER_STRETCH_RECORDS  2


typedef char  tracker_job_len_fits[
    TRACKER_STORE_JOB_LEN == TRACKER_JOB_ID_LEN ? 1 : -1];


static void tracker_txn_add_conversation(tracker_txn_ctx_t *ctx,
    ngx_str_t *id, const char *kind);
static ngx_int_t tracker_txn_keep_job(tracker_txn_ctx_t *ctx,
    tracker_job_t *job);
static ngx_int_t tracker_txn_run_job(tracker_txn_ctx_t *ctx);
static ngx_int_t tracker_txn_begin_stage(tracker_txn_ctx_t *ctx);
static ngx_int_t tracker_txn_stage_job(tracker_txn_ctx_t *ctx);
static ngx_redis_eval_t *tracker_txn_stage_eval(tracker_txn_ctx_t *ctx,
    size_t pieces);
static ngx_redis_eval_t *tracker_txn_stage_end(tracker_txn_ctx_t *ctx);
static ngx_str_t *tracker_txn_cut(ngx_str_t *piece, ngx_str_t *messages);
static void tracker_txn_job_arg(void *data, ngx_uint_t i, ngx_str_t part[2]);
static void tracker_txn_job_piece(void *data, ngx_uint_t i,
    ngx_str_t part[2]);
static void tracker_txn_job_replied(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_staged(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);
static tracker_outcome_e tracker_txn_job_written(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_numbered(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);
static ngx_int_t tracker_txn_stale(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply);
static ngx_int_t tracker_txn_check_job(tracker_txn_ctx_t *ctx,
    tracker_job_id_t *id);
static tracker_outcome_e tracker_txn_job_found(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static ngx_int_t tracker_txn_get(tracker_txn_t *txn, ngx_str_t *id,
    tracker_lua_e script);
static tracker_outcome_e tracker_txn_got(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_got_messages(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_got_hits(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_got_conversations(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe);
static tracker_outcome_e tracker_txn_got_stretch(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, const char *glue);
static tracker_outcome_e tracker_txn_conversation_deleted(
    tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply, ngx_uint_t maybe);


static tracker_word_t  tracker_job_words[] = {
    { ngx_string("created"), TRACKER_OUTCOME_CREATED, tracker_txn_numbered },
    { ngx_string("missing"), TRACKER_OUTCOME_MISSING, NULL },
    { ngx_string("large"), TRACKER_OUTCOME_LARGE, tracker_reply_found },
    { ngx_string("stale"), 0, tracker_txn_stale },
    { ngx_string("taken"), 0, NULL },
    { ngx_string("lost"), 0, NULL },
    { ngx_null_string, TRACKER_OUTCOME_ERROR, NULL }
};

static tracker_word_t  tracker_gone_words[] = {
    { ngx_string("deleted"), TRACKER_OUTCOME_DELETED, NULL },
    { ngx_string("missing"), TRACKER_OUTCOME_MISSING, NULL },
    { ngx_string("gone"), 0, NULL },
    { ngx_null_string, TRACKER_OUTCOME_ERROR, NULL }
};


ngx_int_t
tracker_txn_choose_conversation(tracker_txn_t *txn, ngx_str_t *id)
{
    uint64_t  random;

    id->len = TRACKER_ID_LEN;
    id->data = ngx_pnalloc(txn->pool, TRACKER_ID_LEN);

    if (id->data == NULL || tracker_random(&random, sizeof(random)) != NGX_OK) {
        return NGX_ERROR;
    }

    tracker_id_format((char *) id->data, random);

    return NGX_OK;
}


/* a key of a conversation; kind is what follows the id */

static void
tracker_txn_add_conversation(tracker_txn_ctx_t *ctx, ngx_str_t *id,
    const char *kind)
{
    u_char  *p, name[TRACKER_ID_LEN + sizeof(TRACKER_KEY_MSGS)];

    p = ngx_cpymem(name, id->data, TRACKER_ID_LEN);
    p = ngx_cpymem(p, kind, ngx_strlen(kind));

    tracker_step_add_key(ctx, TRACKER_KEY_CONV, name, p - name);
}


ngx_int_t
tracker_txn_write_job(tracker_txn_t *txn, tracker_job_t *job)
{
    u_char             *rev, *first;
    ngx_uint_t          large;
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    if (tracker_txn_keep_job(ctx, job) != NGX_OK) {
        return NGX_ERROR;
    }

    /* these may be memory of the request */

    rev = job->rev.len ? ngx_pstrdup(txn->pool, &job->rev) : NULL;
    first = ngx_pstrdup(txn->pool, &job->first);

    if ((rev == NULL && job->rev.len) || first == NULL) {
        return NGX_ERROR;
    }

    large = !job->append && job->messages.len >= TRACKER_JOB_LARGE;

    tracker_step_start(ctx);
    tracker_step_add_number(ctx, large ? TRACKER_JOB_KEYS + 1
                                       : TRACKER_JOB_KEYS);
    tracker_step_add_key(ctx, TRACKER_KEY_REV, NULL, 0);
    tracker_txn_add_conversation(ctx, &job->id, "");
    tracker_txn_add_conversation(ctx, &job->id, TRACKER_KEY_MSGS);
    tracker_txn_add_conversation(ctx, &job->id, TRACKER_KEY_HITS);
    tracker_txn_add_conversation(ctx, &job->id, TRACKER_KEY_WHO);
    tracker_step_add_key(ctx, TRACKER_KEY_CONVS, NULL, 0);

    if (large) {
        tracker_txn_add_conversation(ctx, &job->id, TRACKER_KEY_NEW);
    }

    if (job->append) {
        tracker_step_add_text(ctx, "append");

    } else {
        tracker_step_add_text(ctx, "create");
    }

    tracker_step_add(ctx, rev, job->rev.len);
    tracker_step_add(ctx, first, job->first.len);
    tracker_step_add_number(ctx, ctx->store->conversation_ttl);
    tracker_step_add_number(ctx, ctx->store->conversation_size);

    return large ? tracker_txn_begin_stage(ctx) : tracker_txn_run_job(ctx);
}


static ngx_int_t
tracker_txn_run_job(tracker_txn_ctx_t *ctx)
{
    /* the rest is sent as tracker_txn_job_arg() names it */

    ctx->command.more = tracker_txn_job_arg;
    ctx->command.nmore = ctx->job.n;
    ctx->command.more_size = ctx->job.size;
    ctx->command.write = 1;

    return tracker_step_run(ctx, tracker_lua_conversation_write,
                            TRACKER_STEP_WRITE, tracker_txn_job_written);
}


/*
 * The same as transactions, in which the messages do not go through Lua: it
 * hashes every byte of them.  One a piece, for other clients of Redis to come
 * in between: until the last one the pieces are where nobody looks for them.
 */

static ngx_int_t
tracker_txn_begin_stage(tracker_txn_ctx_t *ctx)
{
    if (ctx->nomem) {
        return NGX_ERROR;
    }

    ctx->job.alone = tracker_bulk_eval(ctx, tracker_lua_conversation_write);
    if (ctx->job.alone == NULL) {
        return NGX_ERROR;
    }

    ctx->job.stage = ctx->argv[TRACKER_JOB_STAGE];
    ctx->job.staged = 0;

    return tracker_txn_stage_job(ctx);
}


static ngx_int_t
tracker_txn_stage_job(tracker_txn_ctx_t *ctx)
{
    size_t                i;
    tracker_job_args_t   *job;
    ngx_redis_command_t  *cmd;

    job = &ctx->job;
    cmd = &ctx->command;

    tracker_step_start(ctx);

    i = TRACKER_JOB_TEXTS + job->staged;
    cmd->write = (i == job->n - 1);

    cmd->before = tracker_txn_stage_eval(ctx, job->staged);
    cmd->after = cmd->write ? tracker_txn_stage_end(ctx)
                            : tracker_txn_stage_eval(ctx, job->staged + 1);

    if (cmd->before == NULL || cmd->after == NULL) {
        return NGX_ERROR;
    }

    tracker_step_add_text(ctx, "RPUSH");
    tracker_step_add(ctx, job->stage.data, job->stage.len);

    cmd->more = tracker_txn_job_piece;
    cmd->nmore = 1;
    cmd->more_size = job->args[i].len;

    return tracker_step_send(ctx, NULL, TRACKER_STEP_WRITE,
                             tracker_txn_job_replied);
}


static ngx_redis_eval_t *
tracker_txn_stage_eval(tracker_txn_ctx_t *ctx, size_t pieces)
{
    tracker_step_add_text(ctx, "1");
    tracker_step_add(ctx, ctx->job.stage.data, ctx->job.stage.len);
    tracker_step_add_number(ctx, pieces);
    tracker_step_add_number(ctx, TRACKER_STAGE_TTL);

    return tracker_bulk_eval(ctx, tracker_lua_conversation_stage);
}


/* the script with the bytes in place of the messages, and how many pieces */

static ngx_redis_eval_t *
tracker_txn_stage_end(tracker_txn_ctx_t *ctx)
{
    size_t               bytes;
    ngx_str_t           *arg;
    ngx_uint_t           i;
    tracker_job_args_t  *job;

    job = &ctx->job;
    bytes = job->size;

    for (i = 0; i < job->alone->argc; i++) {

        if (i == TRACKER_JOB_STAGE + 1) {
            tracker_step_add_text(ctx, "staged");
            continue;
        }

        arg = &job->alone->argv[i];
        tracker_step_add(ctx, arg->data, arg->len);
    }

    for (i = 0; i < TRACKER_JOB_TEXTS; i++) {
        arg = &job->args[i];
        tracker_step_add(ctx, arg->data, arg->len);
        bytes -= arg->len;
    }

    tracker_step_add_number(ctx, bytes);
    tracker_step_add_number(ctx, job->n - TRACKER_JOB_TEXTS);

    return tracker_bulk_eval(ctx, tracker_lua_conversation_write);
}


/* all that is sent in pieces, in the order of the script's arguments */

static ngx_int_t
tracker_txn_keep_job(tracker_txn_ctx_t *ctx, tracker_job_t *job)
{
    size_t      i;
    ngx_str_t  *arg;

    arg = ngx_palloc(ctx->txn.pool, (TRACKER_JOB_TEXTS + 1
                                     + job->messages.len / TRACKER_JOB_PIECE)
                                    * sizeof(ngx_str_t));
    if (arg == NULL) {
        return NGX_ERROR;
    }

    ctx->job.args = arg;

    *arg++ = job->meta;
    *arg++ = job->start;
    *arg++ = job->end;
    *arg++ = job->members;
    *arg++ = job->hits;

    arg = tracker_txn_cut(arg, &job->messages);

    ctx->job.n = arg - ctx->job.args;
    ctx->job.size = 0;

    for (i = 0; i < ctx->job.n; i++) {
        ctx->job.size += ctx->job.args[i].len;
    }

    return NGX_OK;
}


/*
 * Cuts messages where a line begins, so that they can be read in stretches.
 * Returns the end of the pieces.
 */

static ngx_str_t *
tracker_txn_cut(ngx_str_t *piece, ngx_str_t *messages)
{
    u_char  *p, *end, *last;

    p = messages->data;
    last = p + messages->len;

    while (last - p > TRACKER_JOB_PIECE) {

        end = ngx_strlchr(p + TRACKER_JOB_PIECE, last, LF);
        if (end == NULL) {
            break;
        }

        end++;

        piece->data = p;
        piece->len = end - p;
        piece++;

        p = end;
    }

    if (p < last) {
        piece->data = p;
        piece->len = last - p;
        piece++;
    }

    return piece;
}


static void
tracker_txn_job_arg(void *data, ngx_uint_t i, ngx_str_t part[2])
{
    tracker_txn_ctx_t *ctx = data;

    part[0] = ctx->job.args[i];
    ngx_str_null(&part[1]);
}


static void
tracker_txn_job_piece(void *data, ngx_uint_t i, ngx_str_t part[2])
{
    tracker_txn_ctx_t *ctx = data;

    tracker_txn_job_arg(data, TRACKER_JOB_TEXTS + ctx->job.staged + i, part);
}


/*
 * What Redis has refused is tried by one script: that of a user who may not do
 * all that the transaction does, and, for it may have been done before, where
 * its memory is full.
 */

static void
tracker_txn_job_replied(void *data, ngx_redis_status_e status,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_txn_ctx_t *ctx = data;

    ngx_redis_reply_t   last;
    ngx_redis_eval_t   *alone;

    if (status == NGX_REDIS_OK
        && reply->type == NGX_REDIS_ARRAY
        && reply->n == TRACKER_BULK_REPLIES)
    {
        ngx_redis_reply_element(reply, TRACKER_BULK_LAST, &last);

        if (last.type == NGX_REDIS_ARRAY) {
            tracker_step_end(ctx, status,
                             tracker_txn_job_written(ctx, &last, maybe));
            return;
        }

        if (!ctx->command.write && tracker_txn_staged(ctx, &last) == NGX_OK) {
            return;
        }

        status = NGX_REDIS_ERROR;
    }

    alone = ctx->job.alone;

    if (status == NGX_REDIS_ERROR && alone) {
        tracker_step_go_on(ctx);
        tracker_step_start(ctx);

        ngx_memcpy(ctx->argv, alone->argv, alone->argc * sizeof(ngx_str_t));
        ctx->command.argc = alone->argc;

        if (tracker_txn_run_job(ctx) == NGX_OK) {
            return;
        }
    }

    tracker_step_end(ctx, status, TRACKER_OUTCOME_ERROR);
}


/*
 * The next piece.  If not all are there that were written, the owner begins
 * anew.  Returns NGX_DECLINED if the reply is none, or there is no memory.
 */

static ngx_int_t
tracker_txn_staged(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    if (reply->type != NGX_REDIS_INTEGER) {
        return NGX_DECLINED;
    }

    if (ctx->job.alone && reply->integer == (int64_t) ctx->job.staged + 1) {
        ctx->job.staged++;
        tracker_step_go_on(ctx);

        return tracker_txn_stage_job(ctx) == NGX_OK ? NGX_OK : NGX_DECLINED;
    }

    ctx->txn.stale = 0;
    ctx->txn.again = 1;
    tracker_step_end(ctx, NGX_REDIS_OK, 0);

    return NGX_OK;
}


static tracker_outcome_e
tracker_txn_job_written(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    ctx->txn.stale = 0;

    return tracker_reply_word(ctx, reply, tracker_job_words);
}


/* {"created", number} */

static ngx_int_t
tracker_txn_numbered(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    if (reply->n != 2
        || tracker_reply_count(reply, 1, &ctx->txn.job) != NGX_OK
        || ctx->txn.job == 0 || ctx->txn.job > TRACKER_JOB_MAX)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
tracker_txn_stale(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply)
{
    ctx->txn.stale = 1;

    return NGX_OK;
}


ngx_int_t
tracker_txn_job_id(tracker_txn_t *txn, ngx_str_t *id, size_t number, u_char *p)
{
    tracker_job_id_t  job;

    ngx_memcpy(job.conversation, id->data, TRACKER_ID_LEN);
    job.number = number;

    if (tracker_txn_check_job(tracker_txn_ctx(txn), &job) != NGX_OK) {
        return NGX_ERROR;
    }

    tracker_job_id_format((char *) p, &job);

    return NGX_OK;
}


/* sets what the check of a job's id must be in the account */

static ngx_int_t
tracker_txn_check_job(tracker_txn_ctx_t *ctx, tracker_job_id_t *id)
{
    size_t     i;
    u_char     hex[TRACKER_SHA256_LEN], number[NGX_INT32_LEN];
    ngx_str_t  parts[3];

    parts[0] = ctx->key_base;
    parts[1].len = TRACKER_ID_LEN;
    parts[1].data = (u_char *) id->conversation;
    parts[2].len = ngx_sprintf(number, "%uD", id->number) - number;
    parts[2].data = number;

    if (tracker_digest(hex, TRACKER_SHA256, parts, 3) != NGX_OK) {
        return NGX_ERROR;
    }

    id->check = 0;

    for (i = 0; i < 12; i++) {
        id->check = id->check << 4
                    | (hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
    }

    id->check &= ((uint64_t) 1 << TRACKER_JOB_CHECK) - 1;

    return NGX_OK;
}


ngx_int_t
tracker_txn_find_job(tracker_txn_t *txn, ngx_str_t *job)
{
    uint64_t            check;
    ngx_str_t           id;
    tracker_job_id_t    parsed;
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    if (!tracker_job_id_parse(&parsed, (char *) job->data, job->len)) {
        return NGX_DECLINED;
    }

    check = parsed.check;

    if (tracker_txn_check_job(ctx, &parsed) != NGX_OK) {
        return NGX_ERROR;
    }

    if (parsed.check != check) {
        return NGX_DECLINED;
    }

    txn->job = parsed.number;

    id.len = TRACKER_ID_LEN;
    id.data = (u_char *) parsed.conversation;

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "HMGET");
    tracker_txn_add_conversation(ctx, &id, "");
    tracker_step_add_text(ctx, "meta");
    tracker_step_add_text(ctx, "jobs");

    ctx->command.read = 1;

    return tracker_step_submit(ctx, TRACKER_STEP_CONVERSE,
                               tracker_txn_job_found);
}


/* {meta, jobs} */

static tracker_outcome_e
tracker_txn_job_found(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    ngx_int_t          n;
    ngx_redis_reply_t  meta, jobs;

    if (reply->type != NGX_REDIS_ARRAY || reply->n != 2) {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_redis_reply_element(reply, 0, &meta);
    ngx_redis_reply_element(reply, 1, &jobs);

    if (meta.type == NGX_REDIS_NIL) {
        return TRACKER_OUTCOME_MISSING;
    }

    if (tracker_reply_digits(&jobs) != NGX_OK) {
        return TRACKER_OUTCOME_ERROR;
    }

    n = ngx_atoi(jobs.str.data, jobs.str.len);

    if (n == NGX_ERROR) {
        return TRACKER_OUTCOME_ERROR;
    }

    return (size_t) n >= ctx->txn.job ? TRACKER_OUTCOME_FOUND
                                      : TRACKER_OUTCOME_MISSING;
}


ngx_int_t
tracker_txn_get_conversation(tracker_txn_t *txn, ngx_str_t *id)
{
    return tracker_txn_get(txn, id, tracker_lua_conversation_get);
}


ngx_int_t
tracker_txn_get_members(tracker_txn_t *txn, ngx_str_t *id)
{
    return tracker_txn_get(txn, id, tracker_lua_conversation_members);
}


static ngx_int_t
tracker_txn_get(tracker_txn_t *txn, ngx_str_t *id, tracker_lua_e script)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "2");
    tracker_txn_add_conversation(ctx, id, "");
    tracker_txn_add_conversation(ctx, id, TRACKER_KEY_WHO);

    ctx->command.read = 1;

    return tracker_step_run(ctx, script, TRACKER_STEP_CONVERSE,
                            tracker_txn_got);
}


/* {record}, or {} */

static tracker_outcome_e
tracker_txn_got(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    ngx_redis_reply_t  record;

    if (reply->type != NGX_REDIS_ARRAY || reply->n > 1) {
        return TRACKER_OUTCOME_ERROR;
    }

    if (reply->n == 0) {
        return TRACKER_OUTCOME_MISSING;
    }

    ngx_redis_reply_element(reply, 0, &record);

    return tracker_reply_copy(&ctx->txn, &ctx->txn.record, &record) == NGX_OK
           ? TRACKER_OUTCOME_FOUND : TRACKER_OUTCOME_ERROR;
}


ngx_int_t
tracker_txn_list_messages(tracker_txn_t *txn, ngx_str_t *id,
    ngx_str_t *cursor)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    /* again for each stretch: the client may take its time over the last */

    ctx->deadline = ngx_current_msec + ctx->store->timeout;

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "2");
    tracker_txn_add_conversation(ctx, id, "");
    tracker_txn_add_conversation(ctx, id, TRACKER_KEY_MSGS);
    tracker_step_add_cursor(ctx, cursor);
    tracker_step_add_number(ctx, TRACKER_STRETCH_BYTES);

    ctx->command.read = 1;

    return tracker_step_run(ctx, tracker_lua_conversation_messages,
                            TRACKER_STEP_CONVERSE, tracker_txn_got_messages);
}


static tracker_outcome_e
tracker_txn_got_messages(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    if (reply->type == NGX_REDIS_ARRAY && reply->n == 0) {
        return TRACKER_OUTCOME_MISSING;
    }

    return tracker_txn_got_stretch(ctx, reply, "");
}


ngx_int_t
tracker_txn_get_hits(tracker_txn_t *txn, ngx_str_t *id)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "3");
    tracker_txn_add_conversation(ctx, id, "");
    tracker_txn_add_conversation(ctx, id, TRACKER_KEY_MSGS);
    tracker_txn_add_conversation(ctx, id, TRACKER_KEY_HITS);

    ctx->command.read = 1;

    return tracker_step_run(ctx, tracker_lua_conversation_hits,
                            TRACKER_STEP_CONVERSE, tracker_txn_got_hits);
}


/* {{piece, ...}, {hits, ...}}, or {} */

static tracker_outcome_e
tracker_txn_got_hits(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    ngx_uint_t maybe)
{
    tracker_txn_t      *txn;
    ngx_redis_reply_t   messages, hits;

    txn = &ctx->txn;

    if (reply->type != NGX_REDIS_ARRAY) {
        return TRACKER_OUTCOME_ERROR;
    }

    if (reply->n == 0) {
        return TRACKER_OUTCOME_MISSING;
    }

    if (reply->n != 2) {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_redis_reply_element(reply, 0, &messages);
    ngx_redis_reply_element(reply, 1, &hits);

    if (messages.type != NGX_REDIS_ARRAY || hits.type != NGX_REDIS_ARRAY
        || tracker_reply_join(txn, &txn->page.records, &messages, 0, "")
           != NGX_OK
        || tracker_reply_join(txn, &txn->record, &hits, 0, "") != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    return TRACKER_OUTCOME_FOUND;
}


ngx_int_t
tracker_txn_list_conversations(tracker_txn_t *txn, ngx_str_t *cursor,
    ngx_uint_t offset, ngx_uint_t limit)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    ctx->deadline = ngx_current_msec + ctx->store->timeout;

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "1");
    tracker_step_add_key(ctx, TRACKER_KEY_CONVS, NULL, 0);
    tracker_step_add_cursor(ctx, cursor);
    tracker_step_add_number(ctx, cursor->len ? 0 : offset);
    tracker_step_add_number(ctx, limit);
    tracker_step_add_number(ctx, ctx->store->conversation_ttl);
    tracker_step_add_number(ctx, TRACKER_STRETCH_BYTES);
    tracker_step_add_key(ctx, TRACKER_KEY_CONV, NULL, 0);
    tracker_step_add_text(ctx, TRACKER_KEY_WHO);

    ctx->command.read = 1;

    return tracker_step_run(ctx, tracker_lua_conversation_list,
                            TRACKER_STEP_CONVERSE,
                            tracker_txn_got_conversations);
}


static tracker_outcome_e
tracker_txn_got_conversations(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    return tracker_txn_got_stretch(ctx, reply, ",");
}


/* {more, cursor, record, ...} */

static tracker_outcome_e
tracker_txn_got_stretch(tracker_txn_ctx_t *ctx, ngx_redis_reply_t *reply,
    const char *glue)
{
    size_t              more;
    tracker_page_t     *page;
    ngx_redis_reply_t   cursor;

    if (reply->type != NGX_REDIS_ARRAY || reply->n < TRACKER_STRETCH_RECORDS) {
        return TRACKER_OUTCOME_ERROR;
    }

    page = &ctx->txn.page;

    ngx_redis_reply_element(reply, 1, &cursor);

    if (tracker_reply_count(reply, 0, &more) != NGX_OK
        || tracker_reply_digits(&cursor) != NGX_OK
        || tracker_reply_copy(&ctx->txn, &page->cursor, &cursor) != NGX_OK
        || tracker_reply_join(&ctx->txn, &page->records, reply,
                              TRACKER_STRETCH_RECORDS, glue)
           != NGX_OK)
    {
        return TRACKER_OUTCOME_ERROR;
    }

    page->n = reply->n - TRACKER_STRETCH_RECORDS;
    page->more = (more == 1);

    return TRACKER_OUTCOME_FOUND;
}


ngx_int_t
tracker_txn_delete_conversation(tracker_txn_t *txn, ngx_str_t *id)
{
    tracker_txn_ctx_t  *ctx;

    ctx = tracker_txn_ctx(txn);

    tracker_step_start(ctx);
    tracker_step_add_text(ctx, "5");
    tracker_txn_add_conversation(ctx, id, "");
    tracker_txn_add_conversation(ctx, id, TRACKER_KEY_MSGS);
    tracker_txn_add_conversation(ctx, id, TRACKER_KEY_HITS);
    tracker_txn_add_conversation(ctx, id, TRACKER_KEY_WHO);
    tracker_step_add_key(ctx, TRACKER_KEY_CONVS, NULL, 0);
    tracker_step_add_number(ctx, ctx->store->timeout + TRACKER_LOCK_MARGIN);

    ctx->command.write = 1;

    return tracker_step_run(ctx, tracker_lua_conversation_delete,
                            TRACKER_STEP_FORGET,
                            tracker_txn_conversation_deleted);
}


/*
 * What is found gone by a delete that was sent again may have been deleted the
 * first time.
 */

static tracker_outcome_e
tracker_txn_conversation_deleted(tracker_txn_ctx_t *ctx,
    ngx_redis_reply_t *reply, ngx_uint_t maybe)
{
    tracker_outcome_e  outcome;

    outcome = tracker_reply_word(ctx, reply, tracker_gone_words);

    if (outcome == 0) {
        ctx->txn.again = 0;

        return maybe ? TRACKER_OUTCOME_DELETED : TRACKER_OUTCOME_MISSING;
    }

    return outcome;
}
