
/*
 * The scripts: one for each file of store/lua.  tracker_lua.h, which config
 * generates, has a line tracker_script(name, text) for each.
 */


#ifndef _TRACKER_SCRIPTS_H_INCLUDED_
#define _TRACKER_SCRIPTS_H_INCLUDED_


#include "store/store.h"


#pragma GCC visibility push(hidden)


#define tracker_script(name, text)  tracker_lua_ ## name,

typedef enum {
#include "tracker_lua.h"
    tracker_lua_last
} tracker_lua_e;

#undef tracker_script


/* by tracker_lua_e */
extern ngx_redis_script_t  tracker_scripts[];


#pragma GCC visibility pop


#endif /* _TRACKER_SCRIPTS_H_INCLUDED_ */
