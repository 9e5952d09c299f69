/*
 * The JSON boundary.  jansson says what is valid JSON; its tree is walked
 * once, copied into the caller's arena and freed before decode returns.
 * What goes out is written here: a writer over views costs a tenth of
 * json_dumps().
 */


#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "tracker_json.h"


/* a key that a client may send, in the order in which they are written */

typedef struct {
    tracker_str_t              key;
    size_t                     offset;       /* in tracker_t */
    unsigned                   list:1;       /* strings, not one string */
} tracker_json_field_t;


/* what the walk over one body needs at every step */

typedef struct {
    const tracker_limits_t    *limits;
    const tracker_arena_t     *arena;
    tracker_message_t         *message;
    char                      *last;         /* room for the next string */
    long                       index;        /* of the tracker, -1: no bulk */
} tracker_json_walk_t;


static json_t *tracker_json_load(const char *data, size_t len,
    tracker_rc_e *rc, tracker_message_t *message);
static tracker_rc_e tracker_json_root(tracker_json_walk_t *walk, json_t *root,
    tracker_json_shape_e shape, tracker_set_t *set);
static tracker_rc_e tracker_json_bulk(tracker_json_walk_t *walk,
    json_t *root, tracker_set_t *set);
static tracker_rc_e tracker_json_tracker(tracker_json_walk_t *walk,
    json_t *object, tracker_t *t);
static const tracker_json_field_t *tracker_json_field(const char *key,
    size_t len);
static tracker_rc_e tracker_json_list(tracker_json_walk_t *walk,
    json_t *value, const tracker_str_t *key, tracker_list_t *list);
static tracker_rc_e tracker_json_string(tracker_json_walk_t *walk,
    json_t *value, const tracker_str_t *key, long elt, tracker_str_t *str);
static tracker_rc_e tracker_json_login(tracker_json_walk_t *walk,
    json_t *root, tracker_login_t *login);
static tracker_rc_e tracker_json_member(tracker_json_walk_t *walk,
    json_t *object, const tracker_str_t *key, tracker_str_t *str);
static size_t tracker_json_plain(const char *data, size_t len);
static char *tracker_json_key_write(char *p, char before,
    const tracker_str_t *key);


static const tracker_str_t  tracker_json_id = tracker_str("id");

static const tracker_json_field_t  tracker_json_fields[] = {

    { tracker_str("name"), offsetof(tracker_t, name), 0 },
    { tracker_str("description"), offsetof(tracker_t, description), 0 },
    { tracker_str("categories"), offsetof(tracker_t, categories), 1 },
    { tracker_str("languages"), offsetof(tracker_t, languages), 1 },
    { tracker_str("vocabulary"), offsetof(tracker_t, vocabulary), 1 },
};

#define TRACKER_JSON_FIELDS                                                   \
    (sizeof(tracker_json_fields) / sizeof(tracker_json_fields[0]))


/* bytes that a JSON string cannot hold as they are; u: as \u00XX */

static const char  tracker_json_escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    ['"'] = '"', ['\\'] = '\\'
};


tracker_rc_e
tracker_json_decode(const char *data, size_t len, tracker_json_shape_e shape,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_set_t *set, tracker_message_t *message)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_json_walk_t   walk;

    root = tracker_json_load(data, len, &rc, message);
    if (root == NULL) {
        return rc;
    }

    walk.limits = limits;
    walk.arena = arena;
    walk.message = message;
    walk.index = -1;

    /* decoded strings are never longer than their JSON: one block will do */

    walk.last = arena->alloc(arena->data, len);

    rc = walk.last ? tracker_json_root(&walk, root, shape, set)
                   : TRACKER_NOMEM;

    json_decref(root);

    if (rc != TRACKER_OK || !set->bulk) {
        return rc;
    }

    return tracker_validate_names(set, arena, message);
}


static json_t *
tracker_json_load(const char *data, size_t len, tracker_rc_e *rc,
    tracker_message_t *message)
{
    json_t        *root;
    json_error_t   error;

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
        tracker_message(message, "%s at line %d column %d.",
                        json_error_code(&error) == json_error_duplicate_key
                            ? "Duplicate key" : "Invalid JSON",
                        error.line, error.column);
        *rc = TRACKER_INVALID;
    }

    return root;
}


static tracker_rc_e
tracker_json_root(tracker_json_walk_t *walk, json_t *root,
    tracker_json_shape_e shape, tracker_set_t *set)
{
    if (json_is_array(root)) {
        if (shape == TRACKER_JSON_OBJECT) {
            tracker_message(walk->message, "Request body must be an object.");
            return TRACKER_INVALID;
        }

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
    size_t         i, n, max;
    json_t        *object;
    tracker_rc_e   rc;

    n = json_array_size(root);
    max = walk->limits->max_bulk;

    if (n == 0) {
        tracker_message(walk->message, "Request body must not be empty.");
        return TRACKER_INVALID;
    }

    if (max && n > max) {
        tracker_message(walk->message, "Request body must contain at most "
                        "%zu tracker%s, found %zu.", max,
                        max == 1 ? "" : "s", n);
        return TRACKER_INVALID;
    }

    set->bulk = 1;
    set->n = n;
    set->elts = walk->arena->alloc(walk->arena->data, n * sizeof(tracker_t));
    if (set->elts == NULL) {
        return TRACKER_NOMEM;
    }

    for (i = 0; i < n; i++) {
        object = json_array_get(root, i);

        if (!json_is_object(object)) {
            tracker_message(walk->message, "\"[%zu]\" must be an object", i);
            return TRACKER_INVALID;
        }

        walk->index = i;

        rc = tracker_json_tracker(walk, object, &set->elts[i]);
        if (rc != TRACKER_OK) {
            return rc;
        }
    }

    return TRACKER_OK;
}


static tracker_rc_e
tracker_json_tracker(tracker_json_walk_t *walk, json_t *object, tracker_t *t)
{
    void                        *iter, *place;
    json_t                      *value;
    tracker_rc_e                 rc;
    tracker_str_t                key;
    const tracker_json_field_t  *field;

    memset(t, 0, sizeof(tracker_t));

    for (iter = json_object_iter(object);
         iter != NULL;
         iter = json_object_iter_next(object, iter))
    {
        key.data = json_object_iter_key(iter);
        key.len = strlen(key.data);

        field = tracker_json_field(key.data, key.len);
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

    return tracker_validate(t, walk->index, walk->limits, walk->arena,
                            walk->message);
}


static const tracker_json_field_t *
tracker_json_field(const char *key, size_t len)
{
    size_t                       i;
    const tracker_json_field_t  *field;

    for (i = 0; i < TRACKER_JSON_FIELDS; i++) {
        field = &tracker_json_fields[i];

        if (field->key.len == len && memcmp(field->key.data, key, len) == 0) {
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
tracker_json_decode_login(const char *data, size_t len,
    const tracker_arena_t *arena, tracker_login_t *login,
    tracker_message_t *message)
{
    json_t               *root;
    tracker_rc_e          rc;
    tracker_json_walk_t   walk;

    root = tracker_json_load(data, len, &rc, message);
    if (root == NULL) {
        return rc;
    }

    walk.limits = NULL;
    walk.arena = arena;
    walk.message = message;
    walk.index = -1;
    walk.last = arena->alloc(arena->data, len);

    rc = walk.last ? tracker_json_login(&walk, root, login) : TRACKER_NOMEM;

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
        tracker_message(walk->message, "Request body must be an object.");
        return TRACKER_INVALID;
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
        tracker_message_path(walk->message, -1, key, -1, "is required");
        return TRACKER_INVALID;
    }

    rc = tracker_json_string(walk, value, key, -1, str);

    if (rc == TRACKER_OK && str->len == 0) {
        tracker_message_path(walk->message, -1, key, -1,
                             "is not allowed to be empty");
        return TRACKER_INVALID;
    }

    return rc;
}


size_t
tracker_json_length(const tracker_t *t)
{
    size_t                       i, k, len;
    const tracker_str_t         *str;
    const tracker_list_t        *list;
    const tracker_json_field_t  *field;

    /* {"id":"…", a comma, a key in quotes and a colon before each value */

    len = 1 + tracker_json_id.len + 3 + t->id.len + 2 + 1;

    for (i = 0; i < TRACKER_JSON_FIELDS; i++) {
        field = &tracker_json_fields[i];

        if (!field->list) {
            str = (const tracker_str_t *) ((const char *) t + field->offset);

            if (str->data) {
                len += field->key.len + 4
                       + tracker_json_string_length(str->data, str->len);
            }

            continue;
        }

        list = (const tracker_list_t *) ((const char *) t + field->offset);

        if (list->elts == NULL) {
            continue;
        }

        len += field->key.len + 4 + 2 + (list->n ? list->n - 1 : 0);

        for (k = 0; k < list->n; k++) {
            str = &list->elts[k];
            len += tracker_json_string_length(str->data, str->len);
        }
    }

    return len;
}


char *
tracker_json_write(char *p, const tracker_t *t)
{
    size_t                       i, k;
    const tracker_str_t         *str;
    const tracker_list_t        *list;
    const tracker_json_field_t  *field;

    p = tracker_json_key_write(p, '{', &tracker_json_id);
    p = tracker_json_string_write(p, t->id.data, t->id.len);

    for (i = 0; i < TRACKER_JSON_FIELDS; i++) {
        field = &tracker_json_fields[i];

        if (!field->list) {
            str = (const tracker_str_t *) ((const char *) t + field->offset);

            if (str->data) {
                p = tracker_json_key_write(p, ',', &field->key);
                p = tracker_json_string_write(p, str->data, str->len);
            }

            continue;
        }

        list = (const tracker_list_t *) ((const char *) t + field->offset);

        if (list->elts == NULL) {
            continue;
        }

        p = tracker_json_key_write(p, ',', &field->key);
        *p++ = '[';

        for (k = 0; k < list->n; k++) {
            if (k) {
                *p++ = ',';
            }

            str = &list->elts[k];
            p = tracker_json_string_write(p, str->data, str->len);
        }

        *p++ = ']';
    }

    *p++ = '}';

    return p;
}


static char *
tracker_json_key_write(char *p, char before, const tracker_str_t *key)
{
    *p++ = before;
    *p++ = '"';
    memcpy(p, key->data, key->len);
    p += key->len;
    *p++ = '"';
    *p++ = ':';

    return p;
}


size_t
tracker_json_string_length(const char *data, size_t len)
{
    size_t  i, n;

    n = len + 2;

    for (i = tracker_json_plain(data, len);
         i < len;
         i += tracker_json_plain(data + i, len - i))
    {
        n += tracker_json_escapes[(unsigned char) data[i++]] == 'u' ? 5 : 1;
    }

    return n;
}


char *
tracker_json_string_write(char *p, const char *data, size_t len)
{
    char                escape;
    size_t              n;
    unsigned char       c;
    static const char   hex[] = "0123456789abcdef";

    *p++ = '"';

    for ( ;; ) {
        n = tracker_json_plain(data, len);

        memcpy(p, data, n);
        p += n;

        if (n == len) {
            break;
        }

        c = data[n];
        escape = tracker_json_escapes[c];

        *p++ = '\\';
        *p++ = escape;

        if (escape == 'u') {
            *p++ = '0';
            *p++ = '0';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
        }

        data += n + 1;
        len -= n + 1;
    }

    *p++ = '"';

    return p;
}


/*
 * The length of the run at the start of data that needs no escape.  Eight
 * bytes at a time: the high bit of a byte of odd is set where that byte is
 * below 0x20, a quote or a backslash, and never where all eight are plain.
 */

static size_t
tracker_json_plain(const char *data, size_t len)
{
    size_t          i;
    uint64_t        word, quote, backslash, odd;
    const uint64_t  ones = 0x0101010101010101;

    for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
        memcpy(&word, data + i, sizeof(word));

        quote = word ^ ones * '"';
        backslash = word ^ ones * '\\';

        odd = ((word - ones * 0x20) & ~word)
              | ((quote - ones) & ~quote)
              | ((backslash - ones) & ~backslash);

        if (odd & ones * 0x80) {
            break;
        }
    }

    while (i < len && !tracker_json_escapes[(unsigned char) data[i]]) {
        i++;
    }

    return i;
}
