/*
 * Any bytes as a request body.  Where jansson and the decoder disagree,
 * where a record does not read back as what was sent, or where a message is
 * no good JSON string, the fuzzer is stopped.
 */


#include "fuzz.h"

#include "json/jansson.h"


#define ID      "4503599627370496"
#define PREFIX  "{\"id\":\"" ID "\","


static const tracker_limits_t  limits = { 0, 0, 1 };


/* a record is read as a record and as a PUT, and makes the same record */

static void
check_again(const char *p, size_t n, const tracker_str_t *id)
{
    char               *again;
    memory_t            memory = { NULL, 0 };
    tracker_t           t;
    tracker_set_t       set;
    tracker_arena_t     arena = { memory_alloc, &memory };
    tracker_message_t   message;

    again = malloc(n);
    must(again != NULL);

    must(tracker_jansson_record(p, n, &arena, &t) == TRACKER_OK);
    must(tracker_json_length(&t) == n);
    must(tracker_json_write(again, &t) == again + n);
    must(memcmp(p, again, n) == 0);

    must(tracker_jansson_trackers(p, n, TRACKER_JSON_OBJECT, id, &limits,
                                  &arena, &set, &message)
         == TRACKER_OK);
    t = set.elts[0];
    must(tracker_json_length(&t) == n);
    must(tracker_json_write(again, &t) == again + n);
    must(memcmp(p, again, n) == 0);

    memory_free(&memory);
    free(again);
}


/* writes t, reads it back by jansson and by decode; sent is what jansson saw */

static void
check_record(tracker_t *t, const json_t *sent)
{
    char               *p, *end, *again;
    size_t              n;
    json_t             *record;
    memory_t            memory = { NULL, 0 };
    tracker_set_t       set;
    tracker_arena_t     arena = { memory_alloc, &memory };
    tracker_message_t   message;

    t->id.data = ID;
    t->id.len = TRACKER_ID_LEN;

    n = tracker_json_length(t);
    p = malloc(n);
    again = malloc(n);
    must(p != NULL && again != NULL);

    end = tracker_json_write(p, t);
    must(end == p + n);

    record = json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL);
    must(record != NULL);
    must(strcmp(json_string_value(json_object_get(record, "id")), ID) == 0);

    json_object_del(record, "id");
    must(json_equal(record, sent));
    json_decref(record);

    check_again(p, n, &t->id);

    /* without its id the record is a body again, and makes the same record */

    must(memcmp(p, PREFIX, sizeof(PREFIX) - 1) == 0);
    p[sizeof(PREFIX) - 2] = '{';

    must(tracker_jansson_trackers(p + sizeof(PREFIX) - 2,
                                  n - sizeof(PREFIX) + 2,
                                  TRACKER_JSON_OBJECT, NULL, &limits, &arena,
                                  &set, &message)
         == TRACKER_OK);

    set.elts[0].id = t->id;

    must(tracker_json_length(&set.elts[0]) == n);
    must(tracker_json_write(again, &set.elts[0]) == again + n);
    p[sizeof(PREFIX) - 2] = ',';
    must(memcmp(p, again, n) == 0);

    memory_free(&memory);
    free(p);
    free(again);
}


/* what the sort must find, by comparing each with each */

static void
check_phrases(const tracker_list_t *list)
{
    size_t  i, k;

    must(list->n > 0);

    for (i = 0; i < list->n && i < 300; i++) {
        must(list->elts[i].len > 0);

        for (k = 0; k < i; k++) {
            must(list->elts[k].len != list->elts[i].len
                 || memcmp(list->elts[k].data, list->elts[i].data,
                           list->elts[i].len) != 0);
        }
    }
}


static void
check_set(tracker_set_t *set, const json_t *root, tracker_rc_e rc)
{
    size_t   i, k;
    int      repeated;

    must(set->bulk == json_is_array(root));
    must(set->n == (set->bulk ? json_array_size(root) : 1));

    repeated = 0;

    for (i = 0; i < set->n; i++) {
        check_phrases(&set->elts[i].vocabulary);
        check_record(&set->elts[i],
                     set->bulk ? json_array_get(root, i) : root);

        for (k = 0; k < i; k++) {
            repeated |= set->elts[k].name.len == set->elts[i].name.len
                        && memcmp(set->elts[k].name.data,
                                  set->elts[i].name.data,
                                  set->elts[i].name.len) == 0;
        }
    }

    must(repeated == (rc == TRACKER_REPEATED));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    json_t             *root;
    memory_t            memory = { NULL, 0 };
    const char         *body;
    tracker_t           t;
    tracker_rc_e        rc, other;
    tracker_set_t       set;
    tracker_arena_t     arena = { memory_alloc, &memory };
    tracker_message_t   message;

    if (len == 0) {
        return 0;
    }

    body = (const char *) data;
    message.len = 0;

    rc = tracker_jansson_trackers(body, len, TRACKER_JSON_EITHER, NULL,
                                  &limits, &arena, &set, &message);
    must(rc != TRACKER_NOMEM);

    if (rc != TRACKER_OK) {
        check_message(&message);
    }

    other = tracker_jansson_record(body, len, &arena, &t);
    must(other == TRACKER_OK ? rc == TRACKER_INVALID
                             : other == TRACKER_INVALID);

    root = load(body, len);

    must((root == NULL)
         == (message.len > 13
             && (memcmp(message.data, "Invalid JSON ", 13) == 0
                 || memcmp(message.data, "Duplicate key", 13) == 0)));

    if (rc == TRACKER_OK || rc == TRACKER_REPEATED) {
        check_set(&set, root, rc);

        other = tracker_jansson_trackers(body, len,
                                         set.bulk ? TRACKER_JSON_ARRAY
                                                  : TRACKER_JSON_OBJECT,
                                         NULL, &limits, &arena, &set,
                                         &message);
        must(other == rc);

        other = tracker_jansson_trackers(body, len,
                                         set.bulk ? TRACKER_JSON_OBJECT
                                                  : TRACKER_JSON_ARRAY,
                                         NULL, &limits, &arena, &set,
                                         &message);
        must(other == TRACKER_INVALID);
    }

    json_decref(root);

    memory.fail = len % 8 + 1;

    other = tracker_jansson_trackers(body, len, TRACKER_JSON_EITHER, NULL,
                                     &limits, &arena, &set, &message);
    must(other == rc || other == TRACKER_NOMEM);

    memory_free(&memory);

    return 0;
}
