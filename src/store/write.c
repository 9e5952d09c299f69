
/*
 * The writes of a txn: what a create, a change and a delete ask of their
 * scripts, and what these answer.
 */


#include "store/private.h"


#define TRACKER_SHA256_LEN  64           /* hex */

/*
 * Revisions begin at random and rise by chance, so that an account that was
 * deleted, restored, or has lost its last writes to a failover gives no number
 * twice: an old ETag of its list would be a 304 of another list.  They are
 * scores too, exact up to 2^53.  From 2^41 on, by 2^15 on average, 2^38 writes
 * fit, those of eight years at a thousand a second.
 */
#define TRACKER_REV_FIRST   ((uint64_t) 1 << 40)
#define TRACKER_REV_BITS    16


/* the ids of a bulk differ */

typedef char  tracker_txn_ids_fit[
    TRACKER_STORE_MAX_BULK <= TRACKER_ID_PLACES ? 1 : -1];


typedef struct {
    ngx_str_t             word;
    tracker_txn_state_e   state;         /* in which it is an answer */
    tracker_outcome_e     outcome;
} tracker_reply_t;


static ngx_int_t tracker_txn_revision(tracker_txn_t *txn, ngx_str_t *first,
    ngx_str_t *further);
static ngx_int_t tracker_txn_keep_names(tracker_txn_t *txn,
    tracker_set_t *set);
static void tracker_txn_create_arg(void *data, ngx_uint_t i,
    ngx_str_t part[2]);
static ngx_int_t tracker_txn_conflict(tracker_txn_t *txn,
    ngx_redis_reply_t *reply);
static ngx_int_t tracker_txn_quota(tracker_txn_t *txn,
    ngx_redis_reply_t *reply);
static ngx_int_t tracker_txn_count(ngx_redis_reply_t *reply, size_t i,
    size_t *count);
static ngx_int_t tracker_txn_replay(tracker_txn_t *txn,
    ngx_redis_reply_t *reply);


/* the first element of what each script that writes may answer */

static tracker_reply_t  tracker_replies[] = {
    { ngx_string("created"), TRACKER_TXN_CREATING, TRACKER_OUTCOME_CREATED },
    { ngx_string("replayed"), TRACKER_TXN_CREATING, TRACKER_OUTCOME_REPLAYED },
    { ngx_string("reused"), TRACKER_TXN_CREATING, TRACKER_OUTCOME_REUSED },
    { ngx_string("conflict"), TRACKER_TXN_CREATING, TRACKER_OUTCOME_CONFLICT },
    { ngx_string("quota"), TRACKER_TXN_CREATING, TRACKER_OUTCOME_QUOTA },
    { ngx_string("locked"), TRACKER_TXN_CREATING, TRACKER_OUTCOME_LOCKED },
    { ngx_string("taken"), TRACKER_TXN_CREATING, TRACKER_OUTCOME_TAKEN },

    { ngx_string("changed"), TRACKER_TXN_CHANGING, TRACKER_OUTCOME_CHANGED },
    { ngx_string("missing"), TRACKER_TXN_CHANGING, TRACKER_OUTCOME_MISSING },
    { ngx_string("conflict"), TRACKER_TXN_CHANGING, TRACKER_OUTCOME_CONFLICT },
    { ngx_string("locked"), TRACKER_TXN_CHANGING, TRACKER_OUTCOME_LOCKED },
    { ngx_string("stale"), TRACKER_TXN_CHANGING, TRACKER_OUTCOME_STALE },

    { ngx_string("deleted"), TRACKER_TXN_DELETING, TRACKER_OUTCOME_DELETED },
    { ngx_string("stale"), TRACKER_TXN_DELETING, TRACKER_OUTCOME_STALE },

    { ngx_null_string, TRACKER_TXN_IDLE, TRACKER_OUTCOME_ERROR }
};


ngx_int_t
tracker_txn_idempotent(tracker_txn_t *txn, ngx_str_t *key,
    ngx_str_t *endpoint, ngx_str_t *body)
{
    u_char      name[TRACKER_SHA256_LEN];
    ngx_str_t   parts[3];

    txn->idem_digest.data = ngx_pnalloc(txn->pool, TRACKER_SHA256_LEN);
    if (txn->idem_digest.data == NULL) {
        return NGX_ERROR;
    }

    parts[0] = *endpoint;
    ngx_str_set(&parts[1], "\n");
    parts[2] = *body;

    if (tracker_txn_digest(txn->idem_digest.data, TRACKER_SHA256, parts, 3)
        != NGX_OK
        || tracker_txn_digest(name, TRACKER_SHA256, key, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    txn->idem_digest.len = TRACKER_SHA256_LEN;

    if (tracker_txn_key(txn, &txn->idems_key, "idems", NULL, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return tracker_txn_key(txn, &txn->idem_key, "idem:", name, sizeof(name));
}


ngx_int_t
tracker_txn_choose_ids(tracker_txn_t *txn, tracker_set_t *set)
{
    char      *id;
    size_t     i;
    uint64_t  *random;

    id = ngx_pnalloc(txn->pool, set->n * TRACKER_ID_LEN);
    random = ngx_palloc(txn->pool, set->n * sizeof(uint64_t));

    if (id == NULL || random == NULL
        || tracker_txn_random(random, set->n * sizeof(uint64_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    tracker_ids_format(id, random, set->n);

    txn->ids = id;

    for (i = 0; i < set->n; i++) {
        set->elts[i].id.len = TRACKER_ID_LEN;
        set->elts[i].id.data = id;

        id += TRACKER_ID_LEN;
    }

    return NGX_OK;
}


ngx_int_t
tracker_txn_create(tracker_txn_t *txn, tracker_set_t *set,
    tracker_str_t *records)
{
    size_t                i, n, size;
    ngx_str_t            *arg;
    ngx_uint_t            idem;
    ngx_redis_command_t  *cmd;

    n = set->n;
    idem = txn->idem_key.len ? 2 : 0;

    arg = tracker_txn_args(txn, 4 + idem);

    if (arg == NULL
        || tracker_txn_number(txn, &arg[0], 3 + idem + 2 * n) != NGX_OK
        || tracker_txn_key(txn, &arg[1], "lock", NULL, 0) != NGX_OK
        || tracker_txn_key(txn, &arg[2], "index", NULL, 0) != NGX_OK
        || tracker_txn_key(txn, &arg[3], "rev", NULL, 0) != NGX_OK
        || tracker_txn_key(txn, &txn->name_base, "name:", NULL, 0) != NGX_OK
        || tracker_txn_key(txn, &txn->id_base, "id:", NULL, 0) != NGX_OK
        || tracker_txn_number(txn, &txn->values[1], txn->store->max_trackers)
           != NGX_OK
        || tracker_txn_number(txn, &txn->values[3], txn->store->max_idems)
           != NGX_OK
        || tracker_txn_revision(txn, &txn->values[4], &txn->values[5])
           != NGX_OK
        || tracker_txn_keep_names(txn, set) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (idem) {
        arg[4] = txn->idem_key;
        arg[5] = txn->idems_key;
    }

    tracker_txn_token(txn, &txn->values[0]);
    txn->values[2] = txn->idem_digest;

    txn->set = set;
    txn->n = n;
    txn->records = records;

    size = n * (txn->name_base.len + txn->id_base.len + TRACKER_ID_LEN);

    for (i = 0; i < n; i++) {
        size += txn->names[i].len + records[i].len;
    }

    cmd = &txn->command;

    cmd->more = tracker_txn_create_arg;
    cmd->nmore = 2 * n + TRACKER_STORE_VALUES + n;
    cmd->more_size = size;

    return tracker_txn_run(txn, TRACKER_SCRIPT_CREATE, TRACKER_TXN_CREATING);
}


/* what a script is told of the revisions: the first one, and a step */

static ngx_int_t
tracker_txn_revision(tracker_txn_t *txn, ngx_str_t *first, ngx_str_t *further)
{
    uint64_t  random;

    if (tracker_txn_random(&random, sizeof(random)) != NGX_OK
        || tracker_txn_number(txn, first, TRACKER_REV_FIRST
                                          + random % TRACKER_REV_FIRST)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return tracker_txn_number(txn, further,
                              1 + (random >> (64 - TRACKER_REV_BITS)));
}


/* the set may be gone before the command is sent, or sent again */

static ngx_int_t
tracker_txn_keep_names(tracker_txn_t *txn, tracker_set_t *set)
{
    char           *p;
    size_t          i, len;
    tracker_str_t  *name;

    len = 0;

    for (i = 0; i < set->n; i++) {
        len += set->elts[i].name.len;
    }

    txn->names = ngx_palloc(txn->pool, set->n * sizeof(tracker_str_t));
    p = ngx_pnalloc(txn->pool, len);

    if (txn->names == NULL || p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < set->n; i++) {
        name = &set->elts[i].name;

        txn->names[i].len = name->len;
        txn->names[i].data = p;

        p = (char *) ngx_cpymem(p, name->data, name->len);
    }

    return NGX_OK;
}


/* n keys of names, n keys of ids, the values, n records */

static void
tracker_txn_create_arg(void *data, ngx_uint_t i, ngx_str_t part[2])
{
    tracker_txn_t *txn = data;

    ngx_str_null(&part[1]);

    if (i < txn->n) {
        part[0] = txn->name_base;
        part[1].len = txn->names[i].len;
        part[1].data = (u_char *) txn->names[i].data;
        return;
    }

    i -= txn->n;

    if (i < txn->n) {
        part[0] = txn->id_base;
        part[1].len = TRACKER_ID_LEN;
        part[1].data = (u_char *) txn->ids + i * TRACKER_ID_LEN;
        return;
    }

    i -= txn->n;

    if (i < TRACKER_STORE_VALUES) {
        part[0] = txn->values[i];
        return;
    }

    i -= TRACKER_STORE_VALUES;

    part[0].len = txn->records[i].len;
    part[0].data = (u_char *) txn->records[i].data;
}


ngx_int_t
tracker_txn_change(tracker_txn_t *txn, tracker_t *t, tracker_str_t *name,
    tracker_str_t *record)
{
    ngx_str_t  *arg;

    arg = tracker_txn_args(txn, 11);

    if (arg == NULL
        || tracker_txn_key(txn, &arg[1], "lock", NULL, 0) != NGX_OK
        || tracker_txn_key(txn, &arg[2], "rev", NULL, 0) != NGX_OK
        || tracker_txn_key(txn, &arg[3], "id:", t->id.data, t->id.len)
           != NGX_OK
        || tracker_txn_key(txn, &arg[4], "name:", t->name.data, t->name.len)
           != NGX_OK
        || tracker_txn_key(txn, &arg[5], "name:", name->data, name->len)
           != NGX_OK
        || tracker_txn_revision(txn, &arg[9], &arg[10]) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "5");
    tracker_txn_token(txn, &arg[6]);
    arg[7].len = sizeof(txn->digest);
    arg[7].data = txn->digest;
    arg[8].len = record->len;
    arg[8].data = (u_char *) record->data;

    return tracker_txn_run(txn, TRACKER_SCRIPT_CHANGE, TRACKER_TXN_CHANGING);
}


ngx_int_t
tracker_txn_delete(tracker_txn_t *txn, tracker_t *t)
{
    ngx_str_t  *arg;

    arg = tracker_txn_args(txn, 9);

    if (arg == NULL
        || tracker_txn_key(txn, &arg[1], "rev", NULL, 0) != NGX_OK
        || tracker_txn_key(txn, &arg[2], "index", NULL, 0) != NGX_OK
        || tracker_txn_key(txn, &arg[3], "id:", t->id.data, t->id.len)
           != NGX_OK
        || tracker_txn_key(txn, &arg[4], "name:", t->name.data, t->name.len)
           != NGX_OK
        || tracker_txn_number(txn, &arg[6],
                              txn->store->timeout + TRACKER_LOCK_MARGIN)
           != NGX_OK
        || tracker_txn_revision(txn, &arg[7], &arg[8]) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "4");
    arg[5].len = sizeof(txn->digest);
    arg[5].data = txn->digest;

    return tracker_txn_run(txn, TRACKER_SCRIPT_DELETE, TRACKER_TXN_DELETING);
}


tracker_outcome_e
tracker_txn_written(tracker_txn_t *txn, tracker_txn_state_e state,
    ngx_redis_reply_t *reply)
{
    tracker_reply_t    *r;
    ngx_redis_reply_t   word;

    if (reply->type != NGX_REDIS_ARRAY || reply->n == 0) {
        return TRACKER_OUTCOME_ERROR;
    }

    ngx_redis_reply_element(reply, 0, &word);

    if (word.type != NGX_REDIS_STRING) {
        return TRACKER_OUTCOME_ERROR;
    }

    for (r = tracker_replies; r->word.len; r++) {
        if (r->state == state
            && word.str.len == r->word.len
            && ngx_memcmp(word.str.data, r->word.data, r->word.len) == 0)
        {
            break;
        }
    }

    switch (r->outcome) {

    case TRACKER_OUTCOME_ERROR:
    case TRACKER_OUTCOME_TAKEN:
    case TRACKER_OUTCOME_STALE:
        return r->outcome;

    case TRACKER_OUTCOME_CONFLICT:

        if (tracker_txn_conflict(txn, reply) != NGX_OK) {
            return TRACKER_OUTCOME_ERROR;
        }

        break;

    case TRACKER_OUTCOME_QUOTA:

        if (tracker_txn_quota(txn, reply) != NGX_OK) {
            return TRACKER_OUTCOME_ERROR;
        }

        break;

    case TRACKER_OUTCOME_REPLAYED:

        if (tracker_txn_replay(txn, reply) != NGX_OK) {
            return TRACKER_OUTCOME_ERROR;
        }

        break;

    default:
        break;
    }

    /* the script has given the lock back, or found it in other hands */

    txn->holds_lock = 0;

    return r->outcome;
}


/* {"conflict", total, i, ...} of create.lua, {"conflict"} of change.lua */

static ngx_int_t
tracker_txn_conflict(tracker_txn_t *txn, ngx_redis_reply_t *reply)
{
    size_t  i;

    if (reply->n > 2 + TRACKER_QUOTE_NAMES) {
        return NGX_ERROR;
    }

    txn->total = 1;
    txn->nplaces = 1;
    txn->places[0] = 0;

    if (reply->n > 1 && tracker_txn_count(reply, 1, &txn->total) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 2; i < reply->n; i++) {

        if (tracker_txn_count(reply, i, &txn->places[i - 2]) != NGX_OK
            || (txn->set && txn->places[i - 2] >= txn->set->n))
        {
            return NGX_ERROR;
        }

        txn->nplaces = i - 1;
    }

    return NGX_OK;
}


/* {"quota", have} */

static ngx_int_t
tracker_txn_quota(tracker_txn_t *txn, ngx_redis_reply_t *reply)
{
    return reply->n == 2 ? tracker_txn_count(reply, 1, &txn->found)
                         : NGX_ERROR;
}


static ngx_int_t
tracker_txn_count(ngx_redis_reply_t *reply, size_t i, size_t *count)
{
    ngx_redis_reply_t  number;

    ngx_redis_reply_element(reply, i, &number);

    if (number.type != NGX_REDIS_INTEGER || number.integer < 0) {
        return NGX_ERROR;
    }

    *count = number.integer;

    return NGX_OK;
}


/* {"replayed", ids} */

static ngx_int_t
tracker_txn_replay(tracker_txn_t *txn, ngx_redis_reply_t *reply)
{
    char               *id;
    size_t              i;
    ngx_redis_reply_t   ids;

    if (txn->set == NULL) {
        return NGX_OK;
    }

    if (reply->n != 2) {
        return NGX_ERROR;
    }

    ngx_redis_reply_element(reply, 1, &ids);

    if (ids.type != NGX_REDIS_STRING
        || ids.str.len != txn->set->n * TRACKER_ID_LEN)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < txn->set->n; i++) {
        id = (char *) ids.str.data + i * TRACKER_ID_LEN;

        if (!tracker_id_valid(id, TRACKER_ID_LEN)) {
            return NGX_ERROR;
        }

        ngx_memcpy((char *) txn->set->elts[i].id.data, id, TRACKER_ID_LEN);
    }

    return NGX_OK;
}
