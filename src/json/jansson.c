/*
 * The JSON boundary.  jansson says what is valid JSON; its tree is walked
 * once, copied into the caller's arena and freed before decode returns.
 */


#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "json/private.h"


/* what the walk over one body needs at every step */

typedef struct {
    const tracker_limits_t    *limits;
    const tracker_arena_t     *arena;
    tracker_message_t         *message;
    char                      *last;         /* room for the next string */
    long                       index;        /* in an array, -1: in none */
    unsigned                   id:1;         /* the tracker may have one */
} tracker_json_walk_t;


static json_t *tracker_json_open(tracker_json_walk_t *walk, const char *data,
    size_t len, tracker_rc_e *rc);
static tracker_rc_e tracker_json_show_nul(tracker_json_walk_t *walk,
    const char **data, size_t *len);
static tracker_rc_e tracker_json_root(tracker_json_walk_t *walk, json_t *root,
    tracker_json_shape_e shape, tracker_set_t *set);
static tracker_rc_e tracker_json_bulk(tracker_json_walk_t *walk,
    json_t *root, tracker_set_t *set);
static tracker_rc_e tracker_json_tracker(tracker_json_walk_t *walk,
    json_t *object, tracker_t *t);
static tracker_rc_e tracker_json_members(tracker_json_walk_t *walk,
    json_t *object, tracker_t *t);
static tracker_rc_e tracker_json_no_object(tracker_json_walk_t *walk);
static const tracker_json_field_t *tracker_json_field(
    tracker_json_walk_t *walk, const tracker_str_t *key);
static tracker_rc_e tracker_json_list(tracker_json_walk_t *walk,
    json_t *value, const tracker_str_t *key, tracker_list_t *list);
static tracker_rc_e tracker_json_string(tracker_json_walk_t *walk,
    json_t *value, const tracker_str_t *key, long elt, tracker_str_t *str);
static tracker_rc_e tracker_json_patch(tracker_json_walk_t *walk,
    json_t *root, tracker_patch_t *patch);
static tracker_rc_e tracker_json_step(tracker_json_walk_t *walk,
    json_t *object, tracker_patch_step_t *step);
static tracker_rc_e tracker_json_login(tracker_json_walk_t *walk,
    json_t *root, tracker_login_t *login);
static tracker_rc_e tracker_json_member(tracker_json_walk_t *walk,
    json_t *object, const tracker_str_t *key, tracker_str_t *str);


tracker_rc_e
tracker_json_decode(const char *data, size_t len, tracker_json_shape_e shape,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_message_t *message)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_json_walk_t   walk = { limits, arena, message, NULL, -1, 0 };

    root = tracker_json_open(&walk, data, len, &rc);
    if (root == NULL) {
        return rc;
    }

    rc = tracker_json_root(&walk, root, shape, set);

    json_decref(root);

    if (rc != TRACKER_OK || !set->bulk) {
        return rc;
    }

    return tracker_validate_names(set, arena, message);
}


tracker_rc_e
tracker_json_decode_change(const char *data, size_t len,
    const tracker_str_t *id, const tracker_limits_t *limits,
    const tracker_arena_t *arena, tracker_t *t, tracker_message_t *message)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_json_walk_t   walk = { limits, arena, message, NULL, -1, 1 };

    root = tracker_json_open(&walk, data, len, &rc);
    if (root == NULL) {
        return rc;
    }

    rc = tracker_json_tracker(&walk, root, t);

    json_decref(root);

    if (rc != TRACKER_OK) {
        return rc;
    }

    return tracker_validate_id(t, id, message);
}


tracker_rc_e
tracker_json_decode_record(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_t *t)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_message_t     message;
    tracker_json_walk_t   walk = { NULL, arena, &message, NULL, -1, 1 };

    root = tracker_json_open(&walk, data, len, &rc);
    if (root == NULL) {
        return rc;
    }

    rc = tracker_json_members(&walk, root, t);

    json_decref(root);

    if (rc == TRACKER_OK && !tracker_record_valid(t)) {
        return TRACKER_INVALID;
    }

    return rc;
}


/*
 * The tree of a text and, in the walk, memory for its strings.  Where it
 * returns NULL, rc is TRACKER_INVALID or TRACKER_NOMEM.
 */

static json_t *
tracker_json_open(tracker_json_walk_t *walk, const char *data, size_t len,
    tracker_rc_e *rc)
{
    json_t        *root;
    json_error_t   error;

    *rc = tracker_json_show_nul(walk, &data, &len);
    if (*rc != TRACKER_OK) {
        return NULL;
    }

    /*
     * jansson 2.14 calls a string that it has no memory for an invalid
     * token, or leaves bytes out of it when its buffer cannot grow: only
     * errno tells.
     */

    errno = 0;

    root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);

    if (errno == ENOMEM || (root == NULL && error.text[0] == '\0')) {
        json_decref(root);
        *rc = TRACKER_NOMEM;
        return NULL;
    }

    if (root == NULL) {
        tracker_message(walk->message, "%s at line %d column %d.",
                        json_error_code(&error) == json_error_duplicate_key
                            ? "Duplicate key" : "Invalid JSON",
                        error.line, error.column);
        *rc = TRACKER_INVALID;
        return NULL;
    }

    /* decoded strings are never longer than their JSON: one block will do */

    walk->last = walk->arena->alloc(walk->arena->data, len);
    if (walk->last == NULL) {
        json_decref(root);
        *rc = TRACKER_NOMEM;
        return NULL;
    }

    return root;
}


/*
 * jansson 2.14 looks one byte ahead behind a number, "true", "false" and
 * "null", and loses that byte when it is a NUL: [1 NUL] was taken.  Of a text
 * with a NUL it gets what is up to there, another control character in the
 * NUL's place: as wrong, in the same place, and never lost.
 */

static tracker_rc_e
tracker_json_show_nul(tracker_json_walk_t *walk, const char **data,
    size_t *len)
{
    char        *copy;
    size_t       n;
    const char  *nul;

    nul = memchr(*data, '\0', *len);
    if (nul == NULL) {
        return TRACKER_OK;
    }

    n = nul - *data;

    copy = walk->arena->alloc(walk->arena->data, n + 1);
    if (copy == NULL) {
        return TRACKER_NOMEM;
    }

    memcpy(copy, *data, n);
    copy[n] = '\x01';

    *data = copy;
    *len = n + 1;

    return TRACKER_OK;
}


static tracker_rc_e
tracker_json_root(tracker_json_walk_t *walk, json_t *root,
    tracker_json_shape_e shape, tracker_set_t *set)
{
    if (json_is_array(root) && shape != TRACKER_JSON_OBJECT) {
        return tracker_json_bulk(walk, root, set);
    }

    if (shape == TRACKER_JSON_ARRAY) {
        tracker_message(walk->message, "Request body must be an array.");
        return TRACKER_INVALID;
    }

    set->bulk = 0;
    set->n = 1;
    set->elts = walk->arena->alloc(walk->arena->data, sizeof(tracker_t));
    if (set->elts == NULL) {
        return TRACKER_NOMEM;
    }

    return tracker_json_tracker(walk, root, set->elts);
}


static tracker_rc_e
tracker_json_bulk(tracker_json_walk_t *walk, json_t *root,
    tracker_set_t *set)
{
    size_t        i, n;
    tracker_rc_e  rc;

    n = json_array_size(root);

    rc = tracker_validate_bulk(n, walk->limits, walk->message);
    if (rc != TRACKER_OK) {
        return rc;
    }

    set->bulk = 1;
    set->n = n;
    set->elts = walk->arena->alloc(walk->arena->data, n * sizeof(tracker_t));
    if (set->elts == NULL) {
        return TRACKER_NOMEM;
    }

    for (i = 0; i < n; i++) {
        walk->index = i;

        rc = tracker_json_tracker(walk, json_array_get(root, i),
                                  &set->elts[i]);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_json_tracker(tracker_json_walk_t *walk, json_t *object, tracker_t *t)
{
    tracker_rc_e  rc;

    rc = tracker_json_members(walk, object, t);
    if (rc != TRACKER_OK) {
        return rc;
    }

    return tracker_validate(t, walk->index, walk->limits, walk->arena,
                            walk->message);
}


static tracker_rc_e
tracker_json_members(tracker_json_walk_t *walk, json_t *object, tracker_t *t)
{
    void                        *iter, *place;
    json_t                      *value;
    tracker_rc_e                 rc;
    tracker_str_t                key;
    const tracker_json_field_t  *field;

    if (!json_is_object(object)) {
        return tracker_json_no_object(walk);
    }

    memset(t, 0, sizeof(tracker_t));

    for (iter = json_object_iter(object);
         iter != NULL;
         iter = json_object_iter_next(object, iter))
    {
        key.data = json_object_iter_key(iter);
        key.len = strlen(key.data);

        field = tracker_json_field(walk, &key);
        if (field == NULL) {
            tracker_message_path(walk->message, walk->index, &key, -1,
                                 "is not allowed");
            return TRACKER_INVALID;
        }

        value = json_object_iter_value(iter);
        place = (char *) t + field->offset;

        if (field->list) {
            rc = tracker_json_list(walk, value, &field->key, place);

        } else {
            rc = tracker_json_string(walk, value, &field->key, -1, place);
        }

        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_json_no_object(tracker_json_walk_t *walk)
{
    if (walk->index < 0) {
        tracker_message(walk->message, "Request body must be an object.");

    } else {
        tracker_message_path(walk->message, walk->index, NULL, -1,
                             "must be an object");
    }

    return TRACKER_INVALID;
}


static const tracker_json_field_t *
tracker_json_field(tracker_json_walk_t *walk, const tracker_str_t *key)
{
    size_t                       i;
    const tracker_json_field_t  *field;

    for (i = walk->id ? 0 : 1; i < TRACKER_JSON_FIELDS; i++) {
        field = &tracker_json_fields[i];

        if (field->key.len == key->len
            && memcmp(field->key.data, key->data, key->len) == 0)
        {
            return field;
        }
    }

    return NULL;
}


static tracker_rc_e
tracker_json_list(tracker_json_walk_t *walk, json_t *value,
    const tracker_str_t *key, tracker_list_t *list)
{
    size_t        i, n;
    tracker_rc_e  rc;

    if (!json_is_array(value)) {
        tracker_message_path(walk->message, walk->index, key, -1,
                             "must be an array");
        return TRACKER_INVALID;
    }

    n = json_array_size(value);

    /* one more: an empty list must not be NULL, which means absent */

    list->n = n;
    list->json.data = NULL;
    list->elts = walk->arena->alloc(walk->arena->data,
                                    (n + !n) * sizeof(tracker_str_t));
    if (list->elts == NULL) {
        return TRACKER_NOMEM;
    }

    for (i = 0; i < n; i++) {
        rc = tracker_json_string(walk, json_array_get(value, i), key, i,
                                 &list->elts[i]);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_json_string(tracker_json_walk_t *walk, json_t *value,
    const tracker_str_t *key, long elt, tracker_str_t *str)
{
    if (!json_is_string(value)) {
        tracker_message_path(walk->message, walk->index, key, elt,
                             "must be a string");
        return TRACKER_INVALID;
    }

    str->len = json_string_length(value);
    str->data = walk->last;

    memcpy(walk->last, json_string_value(value), str->len);
    walk->last += str->len;

    return TRACKER_OK;
}


tracker_rc_e
tracker_json_decode_patch(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_patch_t *patch,
    tracker_message_t *message)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_json_walk_t   walk = { NULL, arena, message, NULL, -1, 0 };

    root = tracker_json_open(&walk, data, len, &rc);
    if (root == NULL) {
        return rc;
    }

    rc = tracker_json_patch(&walk, root, patch);

    json_decref(root);

    return rc;
}


static tracker_rc_e
tracker_json_patch(tracker_json_walk_t *walk, json_t *root,
    tracker_patch_t *patch)
{
    size_t        i, n;
    tracker_rc_e  rc;

    if (!json_is_array(root)) {
        tracker_message(walk->message, "Request body must be an array.");
        return TRACKER_INVALID;
    }

    n = json_array_size(root);

    if (n == 0) {
        tracker_message(walk->message, "Request body must not be empty.");
        return TRACKER_INVALID;
    }

    patch->n = n;
    patch->elts = walk->arena->alloc(walk->arena->data,
                                     n * sizeof(tracker_patch_step_t));
    if (patch->elts == NULL) {
        return TRACKER_NOMEM;
    }

    for (i = 0; i < n; i++) {
        walk->index = i;

        rc = tracker_json_step(walk, json_array_get(root, i),
                               &patch->elts[i]);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_json_step(tracker_json_walk_t *walk, json_t *object,
    tracker_patch_step_t *step)
{
    json_t         *value;
    const char     *fault;
    tracker_rc_e    rc;
    tracker_str_t   op, path;

    static const tracker_str_t  op_key = tracker_str("op");
    static const tracker_str_t  path_key = tracker_str("path");
    static const tracker_str_t  value_key = tracker_str("value");

    if (!json_is_object(object)) {
        return tracker_json_no_object(walk);
    }

    rc = tracker_json_member(walk, object, &op_key, &op);
    if (rc != TRACKER_OK) {
        return rc;
    }

    rc = tracker_json_member(walk, object, &path_key, &path);
    if (rc != TRACKER_OK) {
        return rc;
    }

    rc = tracker_patch_step(step, walk->index, &op, &path, walk->message);

    if (rc != TRACKER_OK || step->op == TRACKER_PATCH_REMOVE) {
        return rc;
    }

    value = json_object_get(object, value_key.data);

    fault = value ? tracker_patch_misfit(step, json_is_string(value),
                                         json_is_array(value))
                  : "is required";

    if (fault) {
        tracker_message_path(walk->message, walk->index, &value_key, -1,
                             fault);
        return TRACKER_INVALID;
    }

    return json_is_array(value)
           ? tracker_json_list(walk, value, &value_key, &step->list)
           : tracker_json_string(walk, value, &value_key, -1, &step->str);
}


tracker_rc_e
tracker_json_decode_login(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_login_t *login,
    tracker_message_t *message)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_json_walk_t   walk = { NULL, arena, message, NULL, -1, 0 };

    rc = tracker_json_bounded(data, len, message);
    if (rc != TRACKER_OK) {
        return rc;
    }

    root = tracker_json_open(&walk, data, len, &rc);
    if (root == NULL) {
        return rc;
    }

    rc = tracker_json_login(&walk, root, login);

    json_decref(root);

    return rc;
}


static tracker_rc_e
tracker_json_login(tracker_json_walk_t *walk, json_t *root,
    tracker_login_t *login)
{
    tracker_rc_e   rc;
    tracker_str_t  type;

    static const tracker_str_t  application = tracker_str("application");
    static const tracker_str_t  type_key = tracker_str("type");
    static const tracker_str_t  id_key = tracker_str("appId");
    static const tracker_str_t  secret_key = tracker_str("appSecret");

    if (!json_is_object(root)) {
        return tracker_json_no_object(walk);
    }

    rc = tracker_json_member(walk, root, &type_key, &type);
    if (rc != TRACKER_OK) {
        return rc;
    }

    if (type.len != application.len
        || memcmp(type.data, application.data, type.len) != 0)
    {
        tracker_message_path(walk->message, -1, &type_key, -1,
                             "must be \"application\"");
        return TRACKER_INVALID;
    }

    rc = tracker_json_member(walk, root, &id_key, &login->id);
    if (rc != TRACKER_OK) {
        return rc;
    }

    return tracker_json_member(walk, root, &secret_key, &login->secret);
}


/* a string that must be there and not be empty */

static tracker_rc_e
tracker_json_member(tracker_json_walk_t *walk, json_t *object,
    const tracker_str_t *key, tracker_str_t *str)
{
    json_t        *value;
    tracker_rc_e   rc;

    value = json_object_get(object, key->data);

    if (value == NULL) {
        tracker_message_path(walk->message, walk->index, key, -1,
                             "is required");
        return TRACKER_INVALID;
    }

    rc = tracker_json_string(walk, value, key, -1, str);

    if (rc == TRACKER_OK && str->len == 0) {
        tracker_message_path(walk->message, walk->index, key, -1,
                             "is not allowed to be empty");
        return TRACKER_INVALID;
    }

    return rc;
}
