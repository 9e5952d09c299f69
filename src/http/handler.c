
/*
 * A request from its headers to its first step: which endpoint and method, and
 * whether it is allowed.
 */


#include "http/handler.h"
#include "http/accept.h"
#include "http/args.h"
#include "http/auth.h"
#include "http/change.h"
#include "http/changes.h"
#include "http/content.h"
#include "http/conversation.h"
#include "http/create.h"
#include "http/detect_stream.h"
#include "http/endpoint.h"
#include "http/etag.h"
#include "http/found.h"
#include "http/import.h"
#include "http/process.h"
#include "http/read.h"
#include "http/request.h"


static ngx_uint_t ngx_http_tracker_check_request(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_check_conversation(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);
static ngx_uint_t ngx_http_tracker_check_headers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx);


static ngx_http_tracker_action_t  ngx_http_tracker_one_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_list,
      NGX_HTTP_TRACKER_AT_LIST },
    { NGX_HTTP_POST, ngx_http_tracker_start_create,
      NGX_HTTP_TRACKER_AT_CREATE },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_list_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_list,
      NGX_HTTP_TRACKER_AT_LIST },
    { NGX_HTTP_POST, ngx_http_tracker_start_create,
      NGX_HTTP_TRACKER_AT_BULK },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_bulk_actions[] = {
    { NGX_HTTP_POST, ngx_http_tracker_start_create,
      NGX_HTTP_TRACKER_AT_BULK },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_item_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_get,
      NGX_HTTP_TRACKER_AT_GET },
    { NGX_HTTP_PUT, ngx_http_tracker_start_change,
      NGX_HTTP_TRACKER_AT_PUT },
    { NGX_HTTP_PATCH, ngx_http_tracker_start_change,
      NGX_HTTP_TRACKER_AT_PATCH },
    { NGX_HTTP_DELETE, ngx_http_tracker_start_delete,
      NGX_HTTP_TRACKER_AT_DELETE },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_changes_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_changes,
      NGX_HTTP_TRACKER_AT_CHANGES },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_description_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_description,
      NGX_HTTP_TRACKER_AT_DESCRIPTION },
    { 0, NULL, 0 }
};


static ngx_http_tracker_endpoint_t  ngx_http_tracker_endpoints[] = {

    { ngx_string("tracker"), ngx_string("GET, HEAD, POST, OPTIONS"),
      "Tracker", TRACKER_JSON_OBJECT, 1, 0, ngx_http_tracker_one_actions },

    { ngx_string("trackers"), ngx_string("GET, HEAD, POST, OPTIONS"),
      "Tracker", TRACKER_JSON_EITHER, 1, 0, ngx_http_tracker_list_actions },

    { ngx_string("trackers/bulk"), ngx_string("POST, OPTIONS"),
      "Tracker", TRACKER_JSON_ARRAY, 1, 0, ngx_http_tracker_bulk_actions },

    { ngx_string("trackers/changes"), ngx_string("GET, HEAD, OPTIONS"),
      "Tracker", TRACKER_JSON_OBJECT, 0, 0, ngx_http_tracker_changes_actions },

    { ngx_string("tracker/*"),
      ngx_string("GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
      "Tracker", TRACKER_JSON_OBJECT, 1, 0, ngx_http_tracker_item_actions },

    { ngx_string("trackers/*"),
      ngx_string("GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
      "Tracker", TRACKER_JSON_OBJECT, 1, 0, ngx_http_tracker_item_actions },

    { ngx_string("openapi.yaml"), ngx_string("GET, HEAD, OPTIONS"),
      NULL, TRACKER_JSON_OBJECT, 1, 1, ngx_http_tracker_description_actions },

    { ngx_null_string, ngx_null_string, NULL, 0, 0, 0, NULL }
};


static ngx_http_tracker_action_t  ngx_http_tracker_job_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_job,
      NGX_HTTP_TRACKER_AT_JOB },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_conversations_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_conversations,
      NGX_HTTP_TRACKER_AT_CONVERSATIONS },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_conversation_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_conversation,
      NGX_HTTP_TRACKER_AT_CONVERSATION },
    { NGX_HTTP_DELETE, ngx_http_tracker_start_forget,
      NGX_HTTP_TRACKER_AT_FORGET },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_text_actions[] = {
    { NGX_HTTP_POST, ngx_http_tracker_start_process,
      NGX_HTTP_TRACKER_AT_PROCESS },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_append_actions[] = {
    { NGX_HTTP_PUT, ngx_http_tracker_start_process,
      NGX_HTTP_TRACKER_AT_APPEND },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_detect_actions[] = {
    { NGX_HTTP_POST, ngx_http_tracker_start_detect,
      NGX_HTTP_TRACKER_AT_DETECT },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_found_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_found,
      NGX_HTTP_TRACKER_AT_FOUND },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_messages_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_messages,
      NGX_HTTP_TRACKER_AT_MESSAGES },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_members_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_members,
      NGX_HTTP_TRACKER_AT_MEMBERS },
    { 0, NULL, 0 }
};


static ngx_http_tracker_action_t  ngx_http_tracker_insight_actions[] = {
    { NGX_HTTP_TRACKER_READS, ngx_http_tracker_start_insight,
      NGX_HTTP_TRACKER_AT_INSIGHT },
    { 0, NULL, 0 }
};


#define ngx_http_tracker_conversation_endpoint(path, actions)                 \
    { ngx_string(path), ngx_string("GET, HEAD, OPTIONS"), "Conversation",     \
      TRACKER_JSON_OBJECT, 0, 0, actions }

#define ngx_http_tracker_insight(name)                                        \
    ngx_http_tracker_conversation_endpoint("conversations/*/" name,           \
                                           ngx_http_tracker_insight_actions)


static ngx_http_tracker_endpoint_t  ngx_http_tracker_conversations[] = {

    { ngx_string("process/text"), ngx_string("POST, OPTIONS"), "Conversation",
      TRACKER_JSON_OBJECT, 0, 0, ngx_http_tracker_text_actions },

    { ngx_string("process/text/*"), ngx_string("PUT, OPTIONS"),
      "Conversation", TRACKER_JSON_OBJECT, 0, 0,
      ngx_http_tracker_append_actions },

    { ngx_string("conversations/detect"), ngx_string("POST, OPTIONS"),
      "Conversation", TRACKER_JSON_OBJECT, 0, 0,
      ngx_http_tracker_detect_actions },

    { ngx_string("job/*"), ngx_string("GET, HEAD, OPTIONS"), "Job",
      TRACKER_JSON_OBJECT, 0, 0, ngx_http_tracker_job_actions },

    ngx_http_tracker_conversation_endpoint("conversations",
        ngx_http_tracker_conversations_actions),

    { ngx_string("conversations/*"), ngx_string("GET, HEAD, DELETE, OPTIONS"),
      "Conversation", TRACKER_JSON_OBJECT, 0, 0,
      ngx_http_tracker_conversation_actions },

    ngx_http_tracker_conversation_endpoint("conversations/*/messages",
        ngx_http_tracker_messages_actions),

    ngx_http_tracker_conversation_endpoint("conversations/*/members",
        ngx_http_tracker_members_actions),

    ngx_http_tracker_conversation_endpoint("conversations/*/trackers",
        ngx_http_tracker_found_actions),

    ngx_http_tracker_conversation_endpoint("conversations/*/trackers-detected",
        ngx_http_tracker_found_actions),

    ngx_http_tracker_insight("topics"),
    ngx_http_tracker_insight("questions"),
    ngx_http_tracker_insight("follow-ups"),
    ngx_http_tracker_insight("action-items"),
    ngx_http_tracker_insight("entities"),
    ngx_http_tracker_insight("analytics"),
    ngx_http_tracker_insight("summary"),
    ngx_http_tracker_insight("callscore"),
    ngx_http_tracker_insight("abstract-topics"),
    ngx_http_tracker_insight("insights"),
    ngx_http_tracker_insight("intents"),

    { ngx_null_string, ngx_null_string, NULL, 0, 0, 0, NULL }
};


ngx_int_t
ngx_http_tracker_handler(ngx_http_request_t *r)
{
    return ngx_http_tracker_start(r, ngx_http_tracker_check_request);
}


static ngx_uint_t
ngx_http_tracker_check_request(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  outcome;

    outcome = ngx_http_tracker_find_endpoint(r, ctx,
                                             ngx_http_tracker_endpoints);
    if (outcome) {
        return outcome;
    }

    if (ctx->endpoint->open) {
        return ngx_http_tracker_check_coding(r, ctx);
    }

    outcome = ngx_http_tracker_check_account(r, ctx);
    if (outcome) {
        return outcome;
    }

    if (ctx->id.len
        && !tracker_id_valid((char *) ctx->id.data, ctx->id.len))
    {
        return TRACKER_OUTCOME_MISSING;
    }

    if (!(r->method & NGX_HTTP_TRACKER_READS)) {
        ngx_http_tracker_set_preference(r, ctx);

        outcome = ngx_http_tracker_check_args(r, ctx);
        if (outcome) {
            return outcome;
        }

        if (ctx->form.dry || ctx->form.policy) {
            ctx->step = ngx_http_tracker_start_import;
        }
    }

    outcome = ngx_http_tracker_check_headers(r, ctx);
    if (outcome) {
        return outcome;
    }

    return r->method == NGX_HTTP_POST ? ngx_http_tracker_check_key(r, ctx) : 0;
}


ngx_int_t
ngx_http_tracker_conversations_handler(ngx_http_request_t *r)
{
    return ngx_http_tracker_start(r, ngx_http_tracker_check_conversation);
}


/* the first step looks at the id: what is said of it depends on the step */

static ngx_uint_t
ngx_http_tracker_check_conversation(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  outcome;

    outcome = ngx_http_tracker_find_endpoint(r, ctx,
                                             ngx_http_tracker_conversations);
    if (outcome) {
        return outcome;
    }

    outcome = ngx_http_tracker_check_account(r, ctx);
    if (outcome) {
        return outcome;
    }

    /* clients send arguments of the hosted service with what is processed */

    if (r->method == NGX_HTTP_DELETE) {

        outcome = ngx_http_tracker_check_args(r, ctx);
        if (outcome) {
            return outcome;
        }
    }

    return ngx_http_tracker_check_headers(r, ctx);
}


/* a read may have all headers except a coding */

static ngx_uint_t
ngx_http_tracker_check_headers(ngx_http_request_t *r,
    ngx_http_tracker_ctx_t *ctx)
{
    ngx_uint_t  outcome;

    if (r->method & NGX_HTTP_TRACKER_READS) {
        return ngx_http_tracker_check_coding(r, ctx);
    }

    outcome = ngx_http_tracker_check_meaning(r, ctx);
    if (outcome) {
        return outcome;
    }

    outcome = ngx_http_tracker_check_conditions(r, ctx);
    if (outcome) {
        return outcome;
    }

    if (r->method == NGX_HTTP_DELETE) {
        return ngx_http_tracker_check_coding(r, ctx);
    }

    /* the same messages, a line each */

    if (ctx->counted.at == NGX_HTTP_TRACKER_AT_DETECT
        && ngx_http_tracker_has_lines(r))
    {
        ctx->step = ngx_http_tracker_start_detect_stream;

        return ngx_http_tracker_check_coding(r, ctx);
    }

    return ngx_http_tracker_check_content(r, ctx);
}
