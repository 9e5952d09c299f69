/*
 * What the fuzzers of the JSON boundary share: memory that may fail, and a
 * look at messages.  Each fuzzer is one program: it includes this once.
 */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "json/record.h"
#include "json/string.h"
#include "json/tracker_json.h"


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


/* jansson's tree of a body; NULL too where it holds a NUL, which it may lose */

static json_t *
load(const char *data, size_t len)
{
    return memchr(data, '\0', len)
               ? NULL : json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);
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


#endif /* _FUZZ_H_INCLUDED_ */
