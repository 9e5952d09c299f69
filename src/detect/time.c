
/*
 * Days are counted in years that begin with March: then a leap day is the last
 * one of its year.
 */


#include <string.h>

#include "detect/time.h"


#define DETECT_DAY          86400000

/* days from March 1st of year 0 to 1970, and of an era, and its years */
#define DETECT_EPOCH        719468
#define DETECT_ERA          146097
#define DETECT_YEARS        (4 * 100)


typedef struct {
    const char  *p;
    const char  *end;
} detect_reader_t;


static int detect_read_number(detect_reader_t *reader, int digits, int low,
    int high, int *value);
static int detect_read_char(detect_reader_t *reader, char c);
static int detect_read_seconds(detect_reader_t *reader, int64_t *ms);
static int detect_read_zone(detect_reader_t *reader, int64_t *ms);
static int64_t detect_days(int year, int month, int day);
static char *detect_put_digits(char *p, int value, int digits, char after);


int
detect_time_parse(const char *data, size_t len, int64_t *ms)
{
    int              year, month, day, hour, minute;
    int64_t          seconds, zone;
    detect_reader_t  reader = { data, data + len };

    if (!detect_read_number(&reader, 4, 0, 9999, &year)
        || !detect_read_char(&reader, '-')
        || !detect_read_number(&reader, 2, 1, 12, &month)
        || !detect_read_char(&reader, '-')
        || !detect_read_number(&reader, 2, 1, 31, &day)
        || !(detect_read_char(&reader, 'T') || detect_read_char(&reader, 't')
             || detect_read_char(&reader, ' '))
        || !detect_read_number(&reader, 2, 0, 24, &hour)
        || !detect_read_char(&reader, ':')
        || !detect_read_number(&reader, 2, 0, 59, &minute)
        || !detect_read_seconds(&reader, &seconds)
        || !detect_read_zone(&reader, &zone)
        || reader.p != reader.end)
    {
        return 0;
    }

    *ms = detect_days(year, month, day) * DETECT_DAY
          + (hour * 60 + minute) * (int64_t) 60000 + seconds - zone;

    return 1;
}


static int
detect_read_number(detect_reader_t *reader, int digits, int low, int high,
    int *value)
{
    *value = 0;

    while (digits--) {
        if (reader->p == reader->end || *reader->p < '0' || *reader->p > '9') {
            return 0;
        }

        *value = *value * 10 + (*reader->p++ - '0');
    }

    return *value >= low && *value <= high;
}


static int
detect_read_char(detect_reader_t *reader, char c)
{
    if (reader->p == reader->end || *reader->p != c) {
        return 0;
    }

    reader->p++;

    return 1;
}


/* a leap second is the first one of the next minute */

static int
detect_read_seconds(detect_reader_t *reader, int64_t *ms)
{
    int  n, unit;

    *ms = 0;

    if (!detect_read_char(reader, ':')) {
        return 1;
    }

    if (!detect_read_number(reader, 2, 0, 60, &n)) {
        return 0;
    }

    *ms = n * 1000;

    if (!detect_read_char(reader, '.') && !detect_read_char(reader, ',')) {
        return 1;
    }

    if (!detect_read_number(reader, 1, 0, 9, &n)) {
        return 0;
    }

    unit = 100;

    do {
        *ms += n * unit;
        unit /= 10;
    } while (detect_read_number(reader, 1, 0, 9, &n));

    return 1;
}


static int
detect_read_zone(detect_reader_t *reader, int64_t *ms)
{
    int   hours, minutes;
    char  sign;

    *ms = 0;

    if (reader->p == reader->end) {
        return 1;
    }

    sign = *reader->p++;

    if (sign == 'Z' || sign == 'z') {
        return 1;
    }

    if ((sign != '+' && sign != '-')
        || !detect_read_number(reader, 2, 0, 23, &hours))
    {
        return 0;
    }

    (void) detect_read_char(reader, ':');

    if (!detect_read_number(reader, 2, 0, 59, &minutes)) {
        return 0;
    }

    *ms = (hours * 60 + minutes) * (int64_t) 60000;

    if (sign == '-') {
        *ms = -*ms;
    }

    return 1;
}


static int64_t
detect_days(int year, int month, int day)
{
    int64_t  years, days;

    years = month > 2 ? year : year - 1;
    days = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

    if (years < 0) {
        years += DETECT_YEARS;
        days -= DETECT_ERA;
    }

    return years * 365 + years / 4 - years / 100 + years / DETECT_YEARS + days
           - DETECT_EPOCH;
}


void
detect_time_format(char *p, int64_t ms)
{
    int      month, day;
    int64_t  days, rest, era, year, left;

    days = ms / DETECT_DAY;
    rest = ms % DETECT_DAY;

    if (rest < 0) {
        rest += DETECT_DAY;
        days--;
    }

    days += DETECT_EPOCH + DETECT_ERA;
    era = days / DETECT_ERA;
    left = days % DETECT_ERA;

    year = (left - left / 1460 + left / 36524 - left / (DETECT_ERA - 1)) / 365;
    left -= 365 * year + year / 4 - year / 100;

    month = (5 * left + 2) / 153;
    day = left - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;

    year += (era - 1) * DETECT_YEARS + (month <= 2);

    p = detect_put_digits(p, year, 4, '-');
    p = detect_put_digits(p, month, 2, '-');
    p = detect_put_digits(p, day, 2, 'T');
    p = detect_put_digits(p, rest / 3600000, 2, ':');
    p = detect_put_digits(p, rest / 60000 % 60, 2, ':');
    p = detect_put_digits(p, rest / 1000 % 60, 2, '.');
    (void) detect_put_digits(p, rest % 1000, 3, 'Z');
}


static char *
detect_put_digits(char *p, int value, int digits, char after)
{
    int  i;

    for (i = digits - 1; i >= 0; i--) {
        p[i] = '0' + value % 10;
        value /= 10;
    }

    p[digits] = after;

    return p + digits + 1;
}
