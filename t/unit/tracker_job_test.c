/* The id of a job. */


#include "tracker/job.h"
#include "tap.h"


#define MANY  100000


static tracker_job_id_t  id, parsed;
static char              text[TRACKER_JOB_ID_LEN];


static void
of(uint64_t conversation, uint32_t number, uint64_t check)
{
    tracker_id_format(id.conversation, conversation);
    id.number = number;
    id.check = check & (((uint64_t) 1 << TRACKER_JOB_CHECK) - 1);

    tracker_job_id_format(text, &id);
}


static int
comes_back(void)
{
    return tracker_job_id_parse(&parsed, text, sizeof(text))
           && memcmp(parsed.conversation, id.conversation, TRACKER_ID_LEN) == 0
           && parsed.number == id.number
           && parsed.check == id.check;
}


static int
parses(const char *data)
{
    return tracker_job_id_parse(&parsed, data, strlen(data));
}


static void
forms(void)
{
    of(0, 1, 0);
    is(text, sizeof(text), "00000000-0000-8000-8000-400000000000",
       "the first job of the first conversation");

    of(~(uint64_t) 0, TRACKER_JOB_MAX, ~(uint64_t) 0);
    is(text, sizeof(text), "ffffffff-ffff-8fff-bfff-ffffffffffff",
       "the last one of the last");
    ok(comes_back(), "and comes back");

    of(0x123456789abcd, 0xef0123, 0x456789abcdef);
    is(text, sizeof(text), "12345678-9abc-8def-8048-c56789abcdef",
       "where the bits are");
    ok(comes_back(), "and they come back");
}


static void
all(void)
{
    size_t    i, wrong, invalid;
    uint64_t  random;

    random = 88172645463325252u;
    wrong = 0;
    invalid = 0;

    for (i = 0; i < MANY; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;

        of(random, (uint32_t) (1 + i % TRACKER_JOB_MAX), random >> 11);

        wrong += !comes_back();
        invalid += text[14] != '8' || strchr("89ab", text[19]) == NULL;
    }

    ok(wrong == 0, "%d random ones come back", MANY);
    ok(invalid == 0, "each is a UUID of version 8");
}


static void
refused(void)
{
    size_t       i;
    static char  copy[TRACKER_JOB_ID_LEN + 1];

    static const char  good[] = "12345678-9abc-8def-8048-c56789abcdef";

    ok(parses(good), "a job id");
    ok(parses("12345678-9ABC-8DEF-8048-C56789ABCDEF"), "in upper case");
    ok(!parses(""), "nothing");
    ok(!parses("12345678-9abc-8def-8048-c56789abcde"), "too short");
    ok(!parses("12345678-9abc-8def-8048-c56789abcdef0"), "too long");
    ok(!parses("12345678-9abc-4def-8048-c56789abcdef"), "another version");
    ok(!parses("12345678-9abc-8def-c048-c56789abcdef"), "another variant");
    ok(!parses("12345678-9abc-8d00-8000-056789abcdef"), "job 0");

    for (i = 0; i < TRACKER_JOB_ID_LEN; i++) {
        memcpy(copy, good, sizeof(good));
        copy[i] = 'g';

        if (parses(copy)) {
            break;
        }

        copy[i] = good[i] == '-' ? '0' : '-';

        if (parses(copy)) {
            break;
        }
    }

    ok(i == TRACKER_JOB_ID_LEN, "a wrong character at any place");
}


int
main(void)
{
    forms();
    all();
    refused();

    return tap_done();
}
