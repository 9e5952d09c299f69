
/*
 * Times of the Gregorian calendar, in milliseconds since 1970.
 */


#ifndef _DETECT_TIME_H_INCLUDED_
#define _DETECT_TIME_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#pragma GCC visibility push(hidden)


/* bytes of "2026-01-31T12:00:00.000Z" */
#define DETECT_TIME_LEN  24


/*
 * Reads a date and time of ISO 8601 in its extended format, such as
 * "2026-01-31T12:00:00.5+01:00", years 0000 to 9999; seconds, their fraction
 * and the zone may be missing, and then are 0.  Returns 1, or 0 if it is none.
 */
int detect_time_parse(const char *data, size_t len, int64_t *ms);

/* Writes a time, of year 0 to 9999, to p, DETECT_TIME_LEN bytes, in UTC. */
void detect_time_format(char *p, int64_t ms);


#pragma GCC visibility pop


#endif /* _DETECT_TIME_H_INCLUDED_ */
