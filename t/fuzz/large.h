/*
 * The decoder once more, for which every body is large: the first fault ends
 * it.  Its functions are called tracker_decode_large_*.
 */


#ifndef _FUZZ_LARGE_H_INCLUDED_
#define _FUZZ_LARGE_H_INCLUDED_


#include "json/record.h"
#include "json/jansson.h"
#include "json/reader.h"


#undef TRACKER_DECODE_LARGE
#define TRACKER_DECODE_LARGE  1
#define tracker_decode_start       tracker_decode_large_start
#define tracker_decode_import_start  tracker_decode_large_import_start
#define tracker_decode_lines_start   tracker_decode_large_lines_start
#define tracker_decode_run         tracker_decode_large_run
#define tracker_decode_talk_start  tracker_decode_large_talk_start
#define tracker_decode_talk_run    tracker_decode_large_talk_run
#define tracker_decode_patch       tracker_decode_large_patch
#define tracker_decode_merge       tracker_decode_large_merge
#define tracker_decode_record      tracker_decode_large_record
#define tracker_decode_login       tracker_decode_large_login

#include "json/decode.c"

#undef TRACKER_DECODE_LARGE
#undef tracker_decode_start
#undef tracker_decode_import_start
#undef tracker_decode_lines_start
#undef tracker_decode_run
#undef tracker_decode_talk_start
#undef tracker_decode_talk_run
#undef tracker_decode_patch
#undef tracker_decode_merge
#undef tracker_decode_record
#undef tracker_decode_login


#endif /* _FUZZ_LARGE_H_INCLUDED_ */
