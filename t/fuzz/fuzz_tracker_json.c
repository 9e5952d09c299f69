/*
 * Any bytes as a request body.  Where jansson and the decoder disagree,
 * where a record does not read back as what was sent, or where a message is
 * no good JSON string, the fuzzer is stopped.
 */


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tracker_json.h"


#define ID      "4503599627370496"
#define PREFIX  "{\"id\":\"" ID "\","

#define must(condition)                                                       \
    if (!(condition)) {                                                       \
        fprintf(stderr, "line %d: %s\n", __LINE__, #condition);               \
        abort();                                                              \
    }


/* blocks of their own size, so that the sanitizer sees a byte too many */

typedef struct block_s  block_t;

struct block_s {
    block_t  *next;
    char      data[];
};


typedef struct {
    block_t  *blocks;
    size_t    fail;          /* the call to fail, 0: none */
} memory_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static const tracker_limits_t  limits = { 0, 0, 1 };


static void *
memory_alloc(void *data, size_t size)
{
    block_t   *block;
    memory_t  *memory = data;

    if (memory->fail && --memory->fail == 0) {
        return NULL;
    }

    block = malloc(sizeof(block_t) + size);
    must(block != NULL);

    block->next = memory->blocks;
    memory->blocks = block;

    return block->data;
}


static void
memory_free(memory_t *memory)
{
    block_t  *block;

    while (memory->blocks) {
        block = memory->blocks;
        memory->blocks = block->next;
        free(block);
    }
}


static json_t *
load_string(const char *data, size_t len)
{
    char    *p, *end;
    size_t   n;
    json_t  *string;

    n = tracker_json_string_length(data, len);
    p = malloc(n);
    must(p != NULL);

    end = tracker_json_string_write(p, data, len);
    must(end == p + n);

    string = json_loadb(p, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    free(p);

    return string;
}


static void
check_message(const tracker_message_t *message)
{
    json_t  *string;

    must(message->len > 0 && message->len < TRACKER_MESSAGE_MAX);
    must(memchr(message->data, '\0', message->len) == NULL);

    string = load_string(message->data, message->len);

    must(string != NULL);
    must(json_string_length(string) == message->len);
    must(memcmp(json_string_value(string), message->data, message->len) == 0);

    json_decref(string);
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

    /* without its id the record is a body again, and makes the same record */

    must(memcmp(p, PREFIX, sizeof(PREFIX) - 1) == 0);
    p[sizeof(PREFIX) - 2] = '{';

    must(tracker_json_decode(p + sizeof(PREFIX) - 2, n - sizeof(PREFIX) + 2,
                             TRACKER_JSON_OBJECT, &limits, &arena, &set,
                             &message)
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
    tracker_rc_e        rc, other;
    tracker_set_t       set;
    tracker_arena_t     arena = { memory_alloc, &memory };
    tracker_message_t   message;

    if (len == 0) {
        return 0;
    }

    body = (const char *) data;
    message.len = 0;

    rc = tracker_json_decode(body, len, TRACKER_JSON_EITHER, &limits, &arena,
                             &set, &message);
    must(rc != TRACKER_NOMEM);

    if (rc != TRACKER_OK) {
        check_message(&message);
    }

    root = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);

    must((root == NULL)
         == (message.len > 13
             && (memcmp(message.data, "Invalid JSON ", 13) == 0
                 || memcmp(message.data, "Duplicate key", 13) == 0)));

    if (rc == TRACKER_OK || rc == TRACKER_REPEATED) {
        check_set(&set, root, rc);

        other = tracker_json_decode(body, len,
                                    set.bulk ? TRACKER_JSON_ARRAY
                                             : TRACKER_JSON_OBJECT,
                                    &limits, &arena, &set, &message);
        must(other == rc);

        other = tracker_json_decode(body, len,
                                    set.bulk ? TRACKER_JSON_OBJECT
                                             : TRACKER_JSON_ARRAY,
                                    &limits, &arena, &set, &message);
        must(other == TRACKER_INVALID);
    }

    json_decref(root);

    memory.fail = len % 8 + 1;

    other = tracker_json_decode(body, len, TRACKER_JSON_EITHER, &limits,
                                &arena, &set, &message);
    must(other == rc || other == TRACKER_NOMEM);

    memory_free(&memory);

    return 0;
}
