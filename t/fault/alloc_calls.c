
/*
 * The calls of the module into nginx' pools and lists and into hiredis that
 * may fail: linked into the module with --wrap for each name below.  See
 * alloc.c.
 */


#include <stddef.h>


int fault_alloc_fails(void) __attribute__((weak));


#define WRAP1(name)                                                          \
                                                                             \
    void *__real_##name(void *a);                                            \
    void *__wrap_##name(void *a);                                            \
                                                                             \
    void *                                                                   \
    __wrap_##name(void *a)                                                   \
    {                                                                        \
        if (fault_alloc_fails && fault_alloc_fails()) {                      \
            return NULL;                                                     \
        }                                                                    \
                                                                             \
        return __real_##name(a);                                             \
    }

#define WRAP2(name)                                                          \
                                                                             \
    void *__real_##name(void *a, size_t b);                                  \
    void *__wrap_##name(void *a, size_t b);                                  \
                                                                             \
    void *                                                                   \
    __wrap_##name(void *a, size_t b)                                         \
    {                                                                        \
        if (fault_alloc_fails && fault_alloc_fails()) {                      \
            return NULL;                                                     \
        }                                                                    \
                                                                             \
        return __real_##name(a, b);                                          \
    }


WRAP1(ngx_array_push)
WRAP1(ngx_list_push)
WRAP1(ngx_alloc_chain_link)
WRAP1(redisAsyncConnectUnix)
WRAP2(redisAsyncConnect)
WRAP2(ngx_palloc)
WRAP2(ngx_pnalloc)
WRAP2(ngx_pcalloc)
WRAP2(ngx_pstrdup)
WRAP2(ngx_alloc)
WRAP2(ngx_calloc)
WRAP2(ngx_create_pool)
WRAP2(ngx_create_temp_buf)
WRAP2(ngx_http_cleanup_add)
WRAP2(ngx_pool_cleanup_add)


/* a worker out of connections is as one out of memory */

void *__real_ngx_get_connection(int fd, void *log);
void *__wrap_ngx_get_connection(int fd, void *log);

void *
__wrap_ngx_get_connection(int fd, void *log)
{
    if (fault_alloc_fails && fault_alloc_fails()) {
        return NULL;
    }

    return __real_ngx_get_connection(fd, log);
}


/* REDIS_ERR */

int __real_redisAsyncFormattedCommand(void *ac, void *fn, void *data,
    const char *cmd, size_t len);
int __wrap_redisAsyncFormattedCommand(void *ac, void *fn, void *data,
    const char *cmd, size_t len);

int
__wrap_redisAsyncFormattedCommand(void *ac, void *fn, void *data,
    const char *cmd, size_t len)
{
    if (fault_alloc_fails && fault_alloc_fails()) {
        return -1;
    }

    return __real_redisAsyncFormattedCommand(ac, fn, data, cmd, len);
}


int __real_redisAppendFormattedCommand(void *c, const char *cmd, size_t len);
int __wrap_redisAppendFormattedCommand(void *c, const char *cmd, size_t len);

int
__wrap_redisAppendFormattedCommand(void *c, const char *cmd, size_t len)
{
    if (fault_alloc_fails && fault_alloc_fails()) {
        return -1;
    }

    return __real_redisAppendFormattedCommand(c, cmd, len);
}
