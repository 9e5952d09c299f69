/*
 * Two sets of trackers that must be the same.
 */


#ifndef _FUZZ_SAME_SET_H_INCLUDED_
#define _FUZZ_SAME_SET_H_INCLUDED_


#include "fuzz.h"


static void
same_set(const tracker_set_t *set, const tracker_set_t *other)
{
    char    *p, *q;
    size_t   i, n;

    must(set->bulk == other->bulk);
    must(set->n == other->n);

    /* their JSON tells all but ids apart: absent and empty, each byte */

    for (i = 0; i < set->n; i++) {
        set->elts[i].id.data = "4503599627370496";
        set->elts[i].id.len = TRACKER_ID_LEN;
        other->elts[i].id = set->elts[i].id;

        n = tracker_json_length(&set->elts[i]);
        must(n == tracker_json_length(&other->elts[i]));

        p = malloc(n);
        q = malloc(n);
        must(p != NULL && q != NULL);

        must(tracker_json_write(p, &set->elts[i]) == p + n);
        must(tracker_json_write(q, &other->elts[i]) == q + n);
        must(memcmp(p, q, n) == 0);

        free(p);
        free(q);
    }
}


#endif /* _FUZZ_SAME_SET_H_INCLUDED_ */
