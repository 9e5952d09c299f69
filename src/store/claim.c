
/*
 * The accounts that write, in this worker.
 */


#include "store/claim.h"


static ngx_rbtree_t       tracker_claims;
static ngx_rbtree_node_t  tracker_claims_sentinel;


ngx_int_t
tracker_claim_take(tracker_claim_t *claim, ngx_redis_t *redis,
    ngx_str_t *base)
{
    uint32_t  hash;

    if (tracker_claims.root == NULL) {
        ngx_rbtree_init(&tracker_claims, &tracker_claims_sentinel,
                        ngx_str_rbtree_insert_value);
    }

    /* the same base on two servers has two places */

    hash = ngx_murmur_hash2(base->data, base->len)
           ^ (uint32_t) ((uintptr_t) redis / sizeof(void *));

    if (ngx_str_rbtree_lookup(&tracker_claims, base, hash)) {
        return NGX_DECLINED;
    }

    claim->node.node.key = hash;
    claim->node.str = *base;
    claim->held = 1;

    ngx_rbtree_insert(&tracker_claims, &claim->node.node);

    return NGX_OK;
}


void
tracker_claim_drop(tracker_claim_t *claim)
{
    if (claim->held) {
        claim->held = 0;
        ngx_rbtree_delete(&tracker_claims, &claim->node.node);
    }
}
