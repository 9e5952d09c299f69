
/*
 * A merge patch: each field is set, removed, or left as it is.
 */


#include "tracker/merge.h"


#define tracker_merge_bit(field)  (1u << ((field) - tracker_fields))


int
tracker_merge_has(const tracker_merge_t *merge, const tracker_field_t *field)
{
    if (merge->removed & tracker_merge_bit(field)) {
        return 1;
    }

    return field->list
           ? tracker_field_list(&merge->values, field)->elts != NULL
           : tracker_field_str(&merge->values, field)->data != NULL;
}


tracker_fault_e
tracker_merge_remove(tracker_merge_t *merge, const tracker_field_t *field)
{
    if (field->required || !field->settable) {
        return TRACKER_FAULT_NULL;
    }

    merge->removed |= tracker_merge_bit(field);

    return TRACKER_FAULT_NONE;
}


tracker_rc_e
tracker_merge_apply(tracker_t *t, const tracker_merge_t *merge,
    const tracker_limits_t *limits, const tracker_arena_t *arena,
    tracker_message_t *message)
{
    size_t                  i;
    tracker_t               merged;
    tracker_rc_e            rc;
    const tracker_field_t  *field;

    merged = *t;

    for (i = 0; i < TRACKER_FIELDS_WRITTEN; i++) {
        field = &tracker_fields[i];

        if (!tracker_merge_has(merge, field)) {
            continue;
        }

        /* the value of one that is removed is absent */

        if (field->list) {
            *tracker_field_list(&merged, field)
                = *tracker_field_list(&merge->values, field);

        } else {
            *tracker_field_str(&merged, field)
                = *tracker_field_str(&merge->values, field);
        }
    }

    rc = tracker_validate(&merged, -1, limits, arena, message);

    if (rc == TRACKER_OK) {
        *t = merged;
    }

    return rc;
}
