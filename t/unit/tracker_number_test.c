
/* Numbers as printf() writes them, and not a byte more. */


#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tracker/number.h"

#include "tap.h"


static int
test_is(uint64_t number)
{
    int   len;
    char  expected[32], *p, *end;
    char  got[TRACKER_NUMBER_LEN + 1];

    memset(got, '#', sizeof(got));

    len = snprintf(expected, sizeof(expected), "%" PRIu64, number);
    end = tracker_put_number(got, number);

    if (end - got == len && memcmp(got, expected, len) == 0) {

        for (p = end; p < got + sizeof(got) && *p == '#'; p++) { /* void */ }

        if (p == got + sizeof(got)) {
            return 1;
        }
    }

    printf("# %s: got %.*s\n", expected, (int) (end - got), got);

    return 0;
}


int
main(void)
{
    int       good;
    char      text[TRACKER_NUMBER_LEN + 1];
    uint64_t  i, power;

    good = 1;

    for (i = 0; i <= 100000; i++) {
        good &= test_is(i);
    }

    ok(good, "0 to 100,000");

    good = 1;

    for (power = 1, i = 0; i < 20; i++, power *= 10) {
        good &= test_is(power - 1) & test_is(power) & test_is(power + 1);
    }

    ok(good, "about each power of ten");
    ok(test_is(UINT64_MAX), "the largest");
    is(text, tracker_put_signed(text, 0) - text, "0", "zero has no sign");
    is(text, tracker_put_signed(text, -1) - text, "-1", "less than zero");
    is(text, tracker_put_signed(text, INT64_MIN) - text,
       "-9223372036854775808", "the smallest");

    return tap_done();
}
