
/*
 * The steps of a txn that read and delete conversations.  What a step is:
 * store/txn.h.  Ids are 16 digits.
 */


#ifndef _TRACKER_CONVERSATION_STORE_H_INCLUDED_
#define _TRACKER_CONVERSATION_STORE_H_INCLUDED_


#include "store/txn.h"


#pragma GCC visibility push(hidden)


/*
 * Reads what a conversation is, a JSON object.  Ends in FOUND, and record is
 * set; or in MISSING.
 */
ngx_int_t tracker_txn_get_conversation(tracker_txn_t *txn, ngx_str_t *id);

/* The same for its members: JSON objects joined by commas, or nothing. */
ngx_int_t tracker_txn_get_members(tracker_txn_t *txn, ngx_str_t *id);

/*
 * Reads messages, whole lines, after the cursor (len 0: from the beginning;
 * else as in tracker_txn_list()) until they have many bytes.  Ends in FOUND,
 * and more, cursor and records of page are set; or in MISSING.
 */
ngx_int_t tracker_txn_list_messages(tracker_txn_t *txn, ngx_str_t *id,
    ngx_str_t *cursor);

/*
 * Reads all messages and all hits.  Ends in FOUND: page.records are the
 * messages, and record the hits, of one job after the other; or in MISSING.
 */
ngx_int_t tracker_txn_get_hits(tracker_txn_t *txn, ngx_str_t *id);

/*
 * Reads at most limit conversations, the last one written first, fewer when
 * they have many bytes.  With a cursor (see above) it goes on where another
 * list ended, else it leaves out the first offset.  Ends in FOUND: page is
 * set, without a tag, until the next list.
 */
ngx_int_t tracker_txn_list_conversations(tracker_txn_t *txn,
    ngx_str_t *cursor, ngx_uint_t offset, ngx_uint_t limit);

/* Deletes a conversation.  Ends in DELETED or MISSING. */
ngx_int_t tracker_txn_delete_conversation(tracker_txn_t *txn, ngx_str_t *id);


#pragma GCC visibility pop


#endif /* _TRACKER_CONVERSATION_STORE_H_INCLUDED_ */
