
/*
 * The table of the scripts.
 */


#include "store/scripts.h"


#define tracker_script(name, text)                                            \
    { ngx_string(#name), ngx_string(text), { 0 } },

ngx_redis_script_t  tracker_scripts[] = {
#include "tracker_lua.h"
};

/* the client keeps the digest of each script, of so many at most */
typedef char  tracker_scripts_fit[
    (int) tracker_lua_last <= NGX_REDIS_MAX_SCRIPTS ? 1 : -1];


ngx_redis_script_t *
tracker_store_scripts(ngx_uint_t *n)
{
    *n = tracker_lua_last;

    return tracker_scripts;
}
