/*
 * Decoding with jansson: its tree is walked once, copied to the caller's arena
 * and freed before the function returns.
 */


#include <errno.h>
#include <string.h>

#include "json/jansson_walk.h"


static tracker_rc_e tracker_json_show_nul(tracker_json_walk_t *walk,
    const char **data, size_t *len);
static tracker_rc_e tracker_json_wrapped(tracker_json_walk_t *walk,
    json_t *root, const tracker_str_t *list, json_t **array);
static tracker_rc_e tracker_json_root(tracker_json_walk_t *walk, json_t *root,
    tracker_json_shape_e shape, tracker_set_t *set);
static tracker_rc_e tracker_json_bulk(tracker_json_walk_t *walk,
    json_t *root, tracker_set_t *set);
static tracker_rc_e tracker_json_members(tracker_json_walk_t *walk,
    json_t *object, tracker_t *t);
static tracker_rc_e tracker_json_steps(tracker_json_walk_t *walk,
    json_t *root, tracker_patch_t *patch);
static tracker_rc_e tracker_json_step(tracker_json_walk_t *walk,
    json_t *object, tracker_patch_step_t *step);
static tracker_rc_e tracker_json_members_of_login(tracker_json_walk_t *walk,
    json_t *root, tracker_login_t *login);
static tracker_rc_e tracker_json_member(tracker_json_walk_t *walk,
    json_t *object, const tracker_str_t *key, tracker_str_t *str);


tracker_rc_e
tracker_jansson_trackers(const char *data, size_t len,
    tracker_json_shape_e shape, const tracker_str_t *id,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_message_t *message)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_json_walk_t   walk = { limits, arena, message, NULL, -1,
                                   NULL, NULL, NULL, id != NULL, 0 };

    root = tracker_json_open(&walk, data, len, &rc);
    if (root == NULL) {
        return rc;
    }

    rc = tracker_json_root(&walk, root, shape, set);

    json_decref(root);

    if (rc != TRACKER_OK) {
        return rc;
    }

    if (id) {
        return tracker_validate_id(set->elts, id, message);
    }

    return set->bulk ? tracker_validate_names(set, arena, message)
                     : TRACKER_OK;
}


tracker_rc_e
tracker_jansson_import(const char *data, size_t len,
    tracker_json_shape_e shape, const tracker_str_t *list,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_report_t *report, tracker_message_t *message)
{
    json_t               *root, *array;
    tracker_rc_e          rc;
    tracker_json_walk_t   walk = { limits, arena, message, NULL, -1,
                                   NULL, NULL, NULL, 1, 0 };

    root = tracker_json_open(&walk, data, len, &rc);
    if (root == NULL) {
        return rc;
    }

    array = root;

    rc = tracker_json_wrapped(&walk, root, list, &array);

    if (rc == TRACKER_OK) {
        walk.report = report;
        report->list = walk.list;
        rc = tracker_json_root(&walk, array, shape, set);
    }

    json_decref(root);

    if (rc == TRACKER_OK) {
        rc = tracker_report_end(report, message);
    }

    return rc != TRACKER_OK || !set->bulk
           ? rc : tracker_report_names(report, set, message);
}


/* the array that is the value of an object's first key, if this is list */

static tracker_rc_e
tracker_json_wrapped(tracker_json_walk_t *walk, json_t *root,
    const tracker_str_t *list, json_t **array)
{
    void           *iter;
    tracker_str_t   key;

    iter = json_object_iter(root);

    if (iter == NULL || strcmp(json_object_iter_key(iter), list->data) != 0) {
        return TRACKER_OK;
    }

    *array = json_object_iter_value(iter);

    if (!json_is_array(*array)) {
        return tracker_json_fault(walk, list, -1, TRACKER_FAULT_NOT_ARRAY);
    }

    if (json_array_size(*array) == 0) {
        return tracker_json_fault(walk, list, -1, TRACKER_FAULT_EMPTY);
    }

    iter = json_object_iter_next(root, iter);

    if (iter) {
        key.data = json_object_iter_key(iter);
        key.len = strlen(key.data);

        return tracker_json_fault(walk, &key, -1, TRACKER_FAULT_NOT_ALLOWED);
    }

    walk->list = list;

    return TRACKER_OK;
}


tracker_rc_e
tracker_jansson_record(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_t *t)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_message_t     message;
    tracker_json_walk_t   walk = { NULL, arena, &message, NULL, -1, NULL,
                                   NULL, NULL, 1, 0 };

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


json_t *
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
     * If an allocation fails, jansson 2.14 reports an invalid token, or leaves
     * bytes out of a string: only errno tells.
     */

    errno = 0;

    root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);

    if (errno == ENOMEM || (root == NULL && error.text[0] == '\0')) {
        json_decref(root);
        *rc = TRACKER_NOMEM;
        return NULL;
    }

    if (root == NULL) {
        *rc = tracker_jansson_syntax(walk->message,
                                     json_error_code(&error)
                                     == json_error_duplicate_key,
                                     walk->line + error.line, error.column);
        return NULL;
    }

    /* decoded strings are never longer than their JSON: one block for all */

    walk->last = walk->arena->alloc(walk->arena->data, len);
    if (walk->last == NULL) {
        json_decref(root);
        *rc = TRACKER_NOMEM;
        return NULL;
    }

    return root;
}


/*
 * jansson 2.14 reads one byte ahead after a number, "true", "false" and "null",
 * and loses that byte if it is a NUL: it accepted [1 NUL].  It gets a text with
 * a NUL only up to there, with another control character in place of the NUL:
 * that is as invalid, in the same place, and not lost.
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

    if (shape == TRACKER_JSON_ARRAY || !json_is_object(root)) {
        walk->report = NULL;
        return tracker_json_fault(walk, NULL, -1,
                                  shape == TRACKER_JSON_ARRAY
                                  ? TRACKER_FAULT_NOT_ARRAY
                                  : TRACKER_FAULT_NOT_OBJECT);
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


tracker_rc_e
tracker_json_tracker(tracker_json_walk_t *walk, json_t *object, tracker_t *t)
{
    tracker_rc_e  rc;

    rc = tracker_json_members(walk, object, t);
    if (rc != TRACKER_OK) {
        return rc;
    }

    if (walk->report) {
        return tracker_report_tracker(walk->report, t, walk->index);
    }

    return tracker_validate(t, walk->index, walk->limits, walk->arena,
                            walk->message);
}


static tracker_rc_e
tracker_json_members(tracker_json_walk_t *walk, json_t *object, tracker_t *t)
{
    void                   *iter;
    size_t                  found;
    json_t                 *value;
    tracker_rc_e            rc;
    tracker_str_t           key;
    tracker_fault_e         fault;
    tracker_report_t       *report;
    const tracker_field_t  *field;

    report = walk->report;

    if (report) {
        report->faulty = json_is_object(object) ? 0 : TRACKER_REPORT_FIELDS;
    }

    if (!json_is_object(object)) {
        return tracker_json_fault(walk, NULL, -1, TRACKER_FAULT_NOT_OBJECT);
    }

    memset(t, 0, sizeof(tracker_t));

    for (iter = json_object_iter(object);
         iter != NULL;
         iter = json_object_iter_next(object, iter))
    {
        key.data = json_object_iter_key(iter);
        key.len = strlen(key.data);

        field = tracker_field(&key, walk->id);
        if (field == NULL) {

            rc = tracker_json_fault(walk, &key, -1, TRACKER_FAULT_NOT_ALLOWED);
            if (rc != TRACKER_OK) {
                return rc;
            }

            continue;
        }

        value = json_object_iter_value(iter);
        found = report ? report->found : 0;

        if (walk->merge && json_is_null(value)) {

            fault = tracker_merge_remove(walk->merge, field);
            if (fault != TRACKER_FAULT_NONE) {
                return tracker_json_fault(walk, &field->name, -1, fault);
            }

            continue;
        }

        if (field->list) {
            rc = tracker_json_list(walk, value, &field->name,
                                   tracker_field_list(t, field));

        } else {
            rc = tracker_json_string(walk, value, &field->name, -1,
                                     tracker_field_str(t, field));
        }

        if (rc != TRACKER_OK) {
            return rc;
        }

        if (report && report->found != found) {
            report->faulty |= 1u << (field - tracker_fields);
        }
    }

    return TRACKER_OK;
}


tracker_rc_e
tracker_json_fault(tracker_json_walk_t *walk, const tracker_str_t *key,
    long elt, tracker_fault_e fault)
{
    if (walk->report) {
        return tracker_report_fault(walk->report, walk->index, key, elt,
                                    fault);
    }

    tracker_message_fault(walk->message, walk->index, key, elt, fault);

    if (walk->list && walk->index >= 0) {
        tracker_message_prefix(walk->message, walk->list);
    }

    return TRACKER_INVALID;
}


tracker_rc_e
tracker_json_list(tracker_json_walk_t *walk, json_t *value,
    const tracker_str_t *key, tracker_list_t *list)
{
    size_t        i, n;
    tracker_rc_e  rc;

    if (!json_is_array(value)) {
        return tracker_json_fault(walk, key, -1, TRACKER_FAULT_NOT_ARRAY);
    }

    n = json_array_size(value);

    /* at least 1: the elts of an empty list are not NULL, that is absent */

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


tracker_rc_e
tracker_json_string(tracker_json_walk_t *walk, json_t *value,
    const tracker_str_t *key, long elt, tracker_str_t *str)
{
    if (!json_is_string(value)) {
        return tracker_json_fault(walk, key, elt, TRACKER_FAULT_NOT_STRING);
    }

    str->len = json_string_length(value);
    str->data = walk->last;

    memcpy(walk->last, json_string_value(value), str->len);
    walk->last += str->len;

    return TRACKER_OK;
}


tracker_rc_e
tracker_jansson_merge(const char *data, size_t len, const tracker_str_t *id,
    const tracker_arena_t *arena, tracker_merge_t *merge,
    tracker_message_t *message)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_json_walk_t   walk = { NULL, arena, message, NULL, -1, NULL,
                                   merge, NULL, 1, 0 };

    merge->removed = 0;

    root = tracker_json_open(&walk, data, len, &rc);
    if (root == NULL) {
        return rc;
    }

    rc = tracker_json_members(&walk, root, &merge->values);

    json_decref(root);

    return rc == TRACKER_OK ? tracker_validate_id(&merge->values, id, message)
                            : rc;
}


tracker_rc_e
tracker_jansson_patch(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_patch_t *patch,
    tracker_message_t *message)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_json_walk_t   walk = { NULL, arena, message, NULL, -1, NULL,
                                   NULL, NULL, 0, 0 };

    root = tracker_json_open(&walk, data, len, &rc);
    if (root == NULL) {
        return rc;
    }

    rc = tracker_json_steps(&walk, root, patch);

    json_decref(root);

    return rc;
}


static tracker_rc_e
tracker_json_steps(tracker_json_walk_t *walk, json_t *root,
    tracker_patch_t *patch)
{
    size_t        i, n;
    tracker_rc_e  rc;

    if (!json_is_array(root)) {
        return tracker_json_fault(walk, NULL, -1, TRACKER_FAULT_NOT_ARRAY);
    }

    n = json_array_size(root);

    if (n == 0) {
        return tracker_json_fault(walk, NULL, -1, TRACKER_FAULT_EMPTY_BODY);
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
    json_t           *value;
    tracker_rc_e      rc;
    tracker_str_t     op, path;
    tracker_fault_e   fault;

    static const tracker_str_t  op_key = tracker_str("op");
    static const tracker_str_t  path_key = tracker_str("path");
    static const tracker_str_t  value_key = tracker_str("value");

    if (!json_is_object(object)) {
        return tracker_json_fault(walk, NULL, -1, TRACKER_FAULT_NOT_OBJECT);
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
                  : TRACKER_FAULT_REQUIRED;

    if (fault != TRACKER_FAULT_NONE) {
        return tracker_json_fault(walk, &value_key, -1, fault);
    }

    return json_is_array(value)
           ? tracker_json_list(walk, value, &value_key, &step->list)
           : tracker_json_string(walk, value, &value_key, -1, &step->str);
}


tracker_rc_e
tracker_jansson_login(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_login_t *login,
    tracker_message_t *message)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_json_walk_t   walk = { NULL, arena, message, NULL, -1, NULL,
                                   NULL, NULL, 0, 0 };

    root = tracker_json_open(&walk, data, len, &rc);
    if (root == NULL) {
        return rc;
    }

    rc = tracker_json_members_of_login(&walk, root, login);

    json_decref(root);

    return rc;
}


static tracker_rc_e
tracker_json_members_of_login(tracker_json_walk_t *walk, json_t *root,
    tracker_login_t *login)
{
    tracker_rc_e   rc;
    tracker_str_t  type;

    static const tracker_str_t  application = tracker_str("application");
    static const tracker_str_t  type_key = tracker_str("type");
    static const tracker_str_t  id_key = tracker_str("appId");
    static const tracker_str_t  secret_key = tracker_str("appSecret");

    if (!json_is_object(root)) {
        return tracker_json_fault(walk, NULL, -1, TRACKER_FAULT_NOT_OBJECT);
    }

    rc = tracker_json_member(walk, root, &type_key, &type);
    if (rc != TRACKER_OK) {
        return rc;
    }

    if (!tracker_str_equal(&type, &application)) {
        return tracker_json_fault(walk, &type_key, -1,
                                  TRACKER_FAULT_LOGIN_TYPE);
    }

    rc = tracker_json_member(walk, root, &id_key, &login->id);
    if (rc != TRACKER_OK) {
        return rc;
    }

    return tracker_json_member(walk, root, &secret_key, &login->secret);
}


/* a member that must be a string and not be empty */

static tracker_rc_e
tracker_json_member(tracker_json_walk_t *walk, json_t *object,
    const tracker_str_t *key, tracker_str_t *str)
{
    json_t        *value;
    tracker_rc_e   rc;

    value = json_object_get(object, key->data);

    if (value == NULL) {
        return tracker_json_fault(walk, key, -1, TRACKER_FAULT_REQUIRED);
    }

    rc = tracker_json_string(walk, value, key, -1, str);

    if (rc == TRACKER_OK && str->len == 0) {
        return tracker_json_fault(walk, key, -1, TRACKER_FAULT_EMPTY);
    }

    return rc;
}


tracker_rc_e
tracker_jansson_check_size(const char *data, size_t len,
    tracker_message_t *message)
{
    size_t  n;

    /* a value takes at least two bytes */

    if (len / 2 <= TRACKER_JSON_VALUES) {
        return TRACKER_OK;
    }

    n = tracker_jansson_count(data, len, SIZE_MAX);

    if (n > TRACKER_JSON_VALUES) {
        tracker_message(message, "Request body must contain at most %d "
                        "values, found %zu.", TRACKER_JSON_VALUES, n);
        tracker_message_at(message, -1, NULL, -1);
        return TRACKER_INVALID;
    }

    return TRACKER_OK;
}


/* one for each comma, and one for each array or object that is not empty */

size_t
tracker_jansson_count(const char *data, size_t len, size_t depth)
{
    char    c, last;
    size_t  i, n, level;

    n = 0;
    level = 0;
    last = '\0';

    for (i = 0; i < len; i++) {
        c = data[i];

        switch (c) {

        case ' ':
        case '\t':
        case '\r':
        case '\n':
            continue;

        case '"':
            for (i++; i < len && data[i] != '"'; i++) {
                i += data[i] == '\\';
            }

            break;

        case '[':
        case '{':
            n += ++level <= depth;
            break;

        case ',':
            n += level <= depth;
            break;

        case ']':
        case '}':
            n -= level <= depth && (last == '[' || last == '{');
            level -= level != 0;
            break;

        default:
            break;
        }

        last = c;
    }

    return n;
}


tracker_rc_e
tracker_jansson_syntax(tracker_message_t *message, int duplicate, size_t line,
    size_t column)
{
    tracker_message(message, "%s at line %zu column %zu.",
                    duplicate ? "Duplicate key" : "Invalid JSON", line, column);

    return TRACKER_INVALID;
}


const char *
tracker_json_library(void)
{
    return JANSSON_VERSION;
}


int
tracker_json_strict(void)
{
#if (TRACKER_NO_READER)
    return 0;
#else
    return 1;
#endif
}
