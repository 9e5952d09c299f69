
/*
 * What is read of conversations, and DELETE.
 */


#ifndef _NGX_HTTP_TRACKER_CONVERSATION_H_INCLUDED_
#define _NGX_HTTP_TRACKER_CONVERSATION_H_INCLUDED_


#include "http/ctx.h"


#pragma GCC visibility push(hidden)


/* First steps of GET: the state of the job of ctx->id; the account's list. */
void ngx_http_tracker_start_job(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_start_conversations(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/*
 * First steps of GET: what the conversation of ctx->id is, who spoke, and what
 * others find in conversations, ctx->endpoint says what.
 */
void ngx_http_tracker_start_conversation(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_start_members(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
void ngx_http_tracker_start_insight(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);

/* First step of DELETE. */
void ngx_http_tracker_start_forget(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_TRACKER_CONVERSATION_H_INCLUDED_ */
