
/*
 * The id of a job.
 *
 * A UUID of version 8 has 122 bits of our choice, here the two halves of it:
 *
 *   high 60   52 of the conversation's id, 8 of the number
 *   low 62    16 of the number, 46 of the check
 */


#include "tracker/job.h"


#define TRACKER_JOB_VERSION  8
#define TRACKER_JOB_VARIANT  2


static int tracker_job_nibbles(unsigned char *nibbles, const char *data,
    size_t len);
static uint64_t tracker_job_join(const unsigned char *nibbles, size_t n);
static int tracker_job_dash(size_t i);


void
tracker_job_id_format(char *p, const tracker_job_id_t *id)
{
    size_t    i;
    uint64_t  conversation, high, low;

    conversation = 0;

    for (i = 0; i < TRACKER_ID_LEN; i++) {
        conversation = conversation * 10
                       + (uint64_t) (id->conversation[i] - '0');
    }

    high = (conversation - TRACKER_ID_BASE) << 8 | id->number >> 16;

    /* the version stands before the last three digits */

    high = (high & ~(uint64_t) 0xfff) << 4
           | TRACKER_JOB_VERSION << 12 | (high & 0xfff);

    low = (uint64_t) TRACKER_JOB_VARIANT << 62
          | (uint64_t) (id->number & 0xffff) << TRACKER_JOB_CHECK | id->check;

    for (i = TRACKER_JOB_ID_LEN; i > 0; i--) {

        if (tracker_job_dash(i - 1)) {
            p[i - 1] = '-';
            continue;
        }

        p[i - 1] = "0123456789abcdef"[low & 0xf];

        low = low >> 4 | (high & 0xf) << 60;
        high >>= 4;
    }
}


int
tracker_job_id_parse(tracker_job_id_t *id, const char *data, size_t len)
{
    uint64_t       high, low;
    unsigned char  nibbles[32];

    if (!tracker_job_nibbles(nibbles, data, len)) {
        return 0;
    }

    high = tracker_job_join(nibbles, 16);
    low = tracker_job_join(nibbles + 16, 16);

    if ((high >> 12 & 0xf) != TRACKER_JOB_VERSION
        || low >> 62 != TRACKER_JOB_VARIANT)
    {
        return 0;
    }

    high = (high >> 16) << 12 | (high & 0xfff);

    tracker_id_format(id->conversation, high >> 8);

    id->number = (uint32_t) ((high & 0xff) << 16
                             | (low >> TRACKER_JOB_CHECK & 0xffff));
    id->check = low & (((uint64_t) 1 << TRACKER_JOB_CHECK) - 1);

    return id->number != 0;
}


/* the values of the 32 digits; returns 0 if data is not a UUID, else 1 */

static int
tracker_job_nibbles(unsigned char *nibbles, const char *data, size_t len)
{
    char    c;
    size_t  i;

    if (len != TRACKER_JOB_ID_LEN) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        c = data[i];

        if (tracker_job_dash(i)) {

            if (c != '-') {
                return 0;
            }

            continue;
        }

        if (c >= '0' && c <= '9') {
            *nibbles++ = (unsigned char) (c - '0');
            continue;
        }

        c = (char) (c | 0x20);

        if (c < 'a' || c > 'f') {
            return 0;
        }

        *nibbles++ = (unsigned char) (c - 'a' + 10);
    }

    return 1;
}


static uint64_t
tracker_job_join(const unsigned char *nibbles, size_t n)
{
    size_t    i;
    uint64_t  value;

    value = 0;

    for (i = 0; i < n; i++) {
        value = value << 4 | nibbles[i];
    }

    return value;
}


static int
tracker_job_dash(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}
