
/*
 * A tracker that exists, joined with one that is imported under its name.
 */


#include "tracker/duplicate.h"
#include "tracker/join.h"


tracker_rc_e
tracker_join(tracker_t *t, const tracker_t *other, long index,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    size_t *added, tracker_message_t *message)
{
    size_t           i, n, all;
    tracker_rc_e     rc;
    tracker_str_t   *elts;
    unsigned char   *marks;

    n = t->vocabulary.n;
    all = n + other->vocabulary.n;

    elts = arena->alloc(arena->data, all * sizeof(tracker_str_t));
    marks = arena->alloc(arena->data, all);

    if (elts == NULL || marks == NULL) {
        return TRACKER_NOMEM;
    }

    memcpy(elts, t->vocabulary.elts, n * sizeof(tracker_str_t));
    memcpy(elts + n, other->vocabulary.elts,
           other->vocabulary.n * sizeof(tracker_str_t));

    rc = tracker_mark_duplicates(elts, all, arena, marks);
    if (rc != TRACKER_OK) {
        return rc;
    }

    /* what t has stays, even twice: an older version may have written it */

    for (i = n; i < all; i++) {
        if (!marks[i]) {
            elts[n++] = elts[i];
        }
    }

    *added = n - t->vocabulary.n;

    if (*added == 0) {
        return TRACKER_OK;
    }

    rc = tracker_validate_count(n, index, limits, message);
    if (rc != TRACKER_OK) {
        return rc;
    }

    t->vocabulary.n = n;
    t->vocabulary.elts = elts;
    t->vocabulary.json.data = NULL;

    return TRACKER_OK;
}
