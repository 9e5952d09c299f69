
/*
 * A level of the configuration: its defaults, what it inherits, whether a
 * location can do what its directives say, and setters.
 */


#include "http/conf.h"
#include "http/count.h"
#include "http/directive.h"
#include "http/secret.h"
#include "http/ssl.h"



typedef struct {
    const char  *directive;
    char        *elsewhere;      /* the error of another one in its place */
} ngx_http_tracker_service_t;


static char *ngx_http_tracker_merge_redis(ngx_http_tracker_loc_conf_t *conf,
    ngx_http_tracker_loc_conf_t *prev);
static void ngx_http_tracker_merge_store(tracker_store_t *conf,
    tracker_store_t *prev);
static char *ngx_http_tracker_check_store(ngx_conf_t *cf,
    ngx_http_tracker_loc_conf_t *tlcf);
static char *ngx_http_tracker_check_redis(ngx_conf_t *cf,
    ngx_http_tracker_loc_conf_t *tlcf);
static ngx_redis_t *ngx_http_tracker_add_redis(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf);
static char *ngx_http_tracker_check_token(ngx_conf_t *cf,
    ngx_http_tracker_loc_conf_t *tlcf);
static char *ngx_http_tracker_check_body_size(ngx_conf_t *cf,
    const char *directive);
static ngx_int_t ngx_http_tracker_name_redis(ngx_conf_t *cf,
    ngx_redis_conf_t *rcf, ngx_str_t *name);
static ngx_int_t ngx_http_tracker_add_name(ngx_array_t *names,
    ngx_str_t *text);
static ngx_int_t ngx_http_tracker_name_key(ngx_conf_t *cf,
    ngx_http_tracker_keys_t *keys, ngx_str_t *name);
static ngx_http_tracker_keys_t *ngx_http_tracker_create_keys(ngx_conf_t *cf);
static void ngx_http_tracker_free_keys(void *data);


#define ngx_http_tracker_service(name)                                        \
    { name, "cannot be in one location with \"" name "\"" }

static ngx_http_tracker_service_t  ngx_http_tracker_services[] = {
    ngx_http_tracker_service(""),
    ngx_http_tracker_service("tracker_api"),
    ngx_http_tracker_service("tracker_token"),
    ngx_http_tracker_service("tracker_conversations"),
    ngx_http_tracker_service("tracker_status"),
    ngx_http_tracker_service("tracker_health")
};


void *
ngx_http_tracker_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_tracker_main_conf_t  *tmcf;

    tmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_tracker_main_conf_t));
    if (tmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     tmcf->zone = NULL;
     *     tmcf->shared = NULL;
     *     tmcf->generation = 0;
     */

    if (ngx_array_init(&tmcf->servers, cf->pool, 1, sizeof(ngx_redis_t *))
            != NGX_OK
        || ngx_array_init(&tmcf->server_names, cf->pool, 1,
                          sizeof(ngx_http_tracker_name_t))
               != NGX_OK
        || ngx_array_init(&tmcf->key_names, cf->pool, 1,
                          sizeof(ngx_http_tracker_name_t))
               != NGX_OK
        || ngx_array_init(&tmcf->apps, cf->pool, 1,
                          sizeof(ngx_http_tracker_apps_t *))
               != NGX_OK)
    {
        return NULL;
    }

    return tmcf;
}


void *
ngx_http_tracker_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_tracker_loc_conf_t  *tlcf;

    tlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_tracker_loc_conf_t));
    if (tlcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     tlcf->service = NGX_HTTP_TRACKER_SERVES_NOTHING;
     *     tlcf->handler = NULL;
     *     tlcf->base = { 0, NULL };
     *     tlcf->store.redis = NULL;
     *     tlcf->store.prefix = { 0, NULL };
     */

#if (NGX_SSL)
    ngx_http_tracker_ssl_init(&tlcf->ssl);
#endif

    tlcf->redis = NGX_CONF_UNSET_PTR;
    tlcf->store.timeout = NGX_CONF_UNSET_MSEC;
    tlcf->store.redis_timeout = NGX_CONF_UNSET_MSEC;
    tlcf->store.failover = NGX_CONF_UNSET_MSEC;
    tlcf->store.max_trackers = NGX_CONF_UNSET_UINT;
    tlcf->store.max_idems = NGX_CONF_UNSET_UINT;
    tlcf->store.history = NGX_CONF_UNSET_UINT;
    tlcf->store.lock = NGX_CONF_UNSET;
    tlcf->store.conversation_ttl = NGX_CONF_UNSET;
    tlcf->store.conversation_size = NGX_CONF_UNSET_SIZE;

    ngx_http_tracker_count_store(&tlcf->store);

    tlcf->limits.max_bulk = NGX_CONF_UNSET_SIZE;
    tlcf->limits.max_phrases = NGX_CONF_UNSET_SIZE;
    tlcf->limits.min_phrases = NGX_CONF_UNSET_SIZE;

    tlcf->waiting = NGX_CONF_UNSET_UINT;

    tlcf->keys = NGX_CONF_UNSET_PTR;
    tlcf->account = NGX_CONF_UNSET_PTR;

    tlcf->token_ttl = NGX_CONF_UNSET;
    tlcf->apps = NGX_CONF_UNSET_PTR;

    tlcf->talk.empty_insights = NGX_CONF_UNSET;
    tlcf->talk.all = NGX_CONF_UNSET_UINT;
    tlcf->talk.similar = NGX_CONF_UNSET;
    tlcf->talk.max_hits = NGX_CONF_UNSET_SIZE;
    tlcf->talk.limits.cache = NGX_CONF_UNSET_SIZE;
    tlcf->talk.limits.max_phrases = NGX_CONF_UNSET_SIZE;

    return tlcf;
}


char *
ngx_http_tracker_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_tracker_loc_conf_t *prev = parent;
    ngx_http_tracker_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname) {

        /* an "if": the handler stays, and must find this */

        conf->service = prev->service;
        conf->base = prev->base;
        conf->handler = prev->handler;

        /* nginx takes the handler of what a limit_except lets through here */

        if (clcf->lmt_excpt && clcf->handler == NULL) {
            clcf->handler = conf->handler;
        }
    }

    if (ngx_http_tracker_merge_redis(conf, prev) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_http_tracker_merge_store(&conf->store, &prev->store);

    ngx_conf_merge_size_value(conf->limits.max_bulk, prev->limits.max_bulk,
                              0);
    ngx_conf_merge_size_value(conf->limits.max_phrases,
                              prev->limits.max_phrases, 0);
    ngx_conf_merge_size_value(conf->limits.min_phrases,
                              prev->limits.min_phrases, 1);

    ngx_conf_merge_uint_value(conf->waiting, prev->waiting, 256);

    /* a level that names its own authenticator does not inherit another */

    if (conf->keys == NGX_CONF_UNSET_PTR
        && conf->account == NGX_CONF_UNSET_PTR)
    {
        conf->keys = prev->keys;
        conf->account = prev->account;
    }

    ngx_conf_init_ptr_value(conf->keys, NULL);
    ngx_conf_init_ptr_value(conf->account, NULL);

    ngx_conf_merge_sec_value(conf->token_ttl, prev->token_ttl, 24 * 3600);
    ngx_conf_merge_ptr_value(conf->apps, prev->apps, NULL);

    ngx_conf_merge_value(conf->talk.empty_insights, prev->talk.empty_insights,
                         0);
    ngx_conf_merge_uint_value(conf->talk.all, prev->talk.all, 1);
    ngx_conf_merge_value(conf->talk.similar, prev->talk.similar, 0);
    ngx_conf_merge_size_value(conf->talk.max_hits, prev->talk.max_hits,
                              50000);
    ngx_conf_merge_size_value(conf->talk.limits.cache,
                              prev->talk.limits.cache, 64 * 1024 * 1024);
    ngx_conf_merge_size_value(conf->talk.limits.max_phrases,
                              prev->talk.limits.max_phrases, 100000);

    /* a location that answers must be able to */

    switch (conf->service) {

    case NGX_HTTP_TRACKER_SERVES_NOTHING:
        return NGX_CONF_OK;

    case NGX_HTTP_TRACKER_SERVES_TOKEN:
        return ngx_http_tracker_check_token(cf, conf);

    case NGX_HTTP_TRACKER_SERVES_STATUS:
        return NGX_CONF_OK;

    case NGX_HTTP_TRACKER_SERVES_HEALTH:
        return ngx_http_tracker_check_redis(cf, conf);

    default:
        return ngx_http_tracker_check_store(cf, conf);
    }
}


static char *
ngx_http_tracker_merge_redis(ngx_http_tracker_loc_conf_t *conf,
    ngx_http_tracker_loc_conf_t *prev)
{
    ngx_conf_merge_ptr_value(conf->redis, prev->redis, NULL);

#if (NGX_SSL)
    return ngx_http_tracker_ssl_merge(&conf->ssl, &prev->ssl);
#else
    return NGX_CONF_OK;
#endif
}


static void
ngx_http_tracker_merge_store(tracker_store_t *conf, tracker_store_t *prev)
{
    ngx_conf_merge_str_value(conf->prefix, prev->prefix, "tracker");
    ngx_conf_merge_msec_value(conf->timeout, prev->timeout, 30000);
    ngx_conf_merge_msec_value(conf->redis_timeout, prev->redis_timeout, 5000);
    ngx_conf_merge_msec_value(conf->failover, prev->failover, 10000);
    ngx_conf_merge_uint_value(conf->max_trackers, prev->max_trackers, 0);
    ngx_conf_merge_uint_value(conf->max_idems, prev->max_idems, 10000);
    ngx_conf_merge_uint_value(conf->history, prev->history, 0);
    ngx_conf_merge_value(conf->lock, prev->lock, 1);
    ngx_conf_merge_sec_value(conf->conversation_ttl, prev->conversation_ttl,
                             24 * 3600);
    ngx_conf_merge_size_value(conf->conversation_size,
                              prev->conversation_size, 8 * 1024 * 1024);
}


static char *
ngx_http_tracker_check_store(ngx_conf_t *cf, ngx_http_tracker_loc_conf_t *tlcf)
{
    const char        *directive;

    directive = ngx_http_tracker_services[tlcf->service].directive;

    if (tlcf->keys == NULL && tlcf->account == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" in location \"%V\" has no "
                      "authenticator: write \"tracker_jwt_key\" or "
                      "\"tracker_account\"", directive, &tlcf->base);
        return NGX_CONF_ERROR;
    }

    if (tlcf->keys && tlcf->account) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tracker_jwt_key\" and \"tracker_account\" exclude "
                      "each other in location \"%V\"", &tlcf->base);
        return NGX_CONF_ERROR;
    }

    /* lines may be of any length; other bodies are checked when they come */

    if (tlcf->service != NGX_HTTP_TRACKER_SERVES_CONVERSATIONS
        && ngx_http_tracker_check_body_size(cf, directive) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (tlcf->limits.max_phrases
        && tlcf->limits.max_phrases < tlcf->limits.min_phrases)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tracker_max_phrases\" is %uz in location \"%V\", "
                      "less than \"tracker_min_phrases\" %uz",
                      tlcf->limits.max_phrases, &tlcf->base,
                      tlcf->limits.min_phrases);
        return NGX_CONF_ERROR;
    }

    if (tlcf->limits.max_bulk == 0
        || tlcf->limits.max_bulk > TRACKER_STORE_MAX_BULK)
    {
        tlcf->limits.max_bulk = TRACKER_STORE_MAX_BULK;
    }

    if (ngx_http_tracker_check_redis(cf, tlcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_redis_fit_wait(tlcf->store.redis, tlcf->store.redis_timeout)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the time of \"wait=\" of \"tracker_redis\" is more than "
                      "half of \"tracker_redis_timeout\", %M ms, in location "
                      "\"%V\"", tlcf->store.redis_timeout, &tlcf->base);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_tracker_check_redis(ngx_conf_t *cf,
    ngx_http_tracker_loc_conf_t *tlcf)
{
    ngx_redis_conf_t          *rcf;
    ngx_http_core_loc_conf_t  *clcf;

    rcf = ngx_pcalloc(cf->pool, sizeof(ngx_redis_conf_t));
    if (rcf == NULL) {
        return NGX_CONF_ERROR;
    }

    if (tlcf->redis) {
        *rcf = *tlcf->redis;

    } else {
        ngx_str_set(&rcf->address, "127.0.0.1:6379");
        rcf->hosts = &rcf->address;
        rcf->nhosts = 1;

        if (ngx_redis_resolve(cf, rcf) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

#if (NGX_SSL)
    if (rcf->ssl) {

        /* of this level, which may say more than that of tracker_redis */

        rcf->ssl = &tlcf->ssl;

        if (ngx_http_tracker_ssl_check(cf, tlcf, rcf) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }
#endif

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* without a directive there is one, too, and it knows no server */

    if (ngx_redis_names(rcf) && clcf->resolver->connections.nelts) {
        rcf->resolver = clcf->resolver;
        rcf->resolver_timeout = clcf->resolver_timeout;
    }

    tlcf->store.redis = ngx_http_tracker_add_redis(cf, rcf);

    return tlcf->store.redis ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_tracker_check_token(ngx_conf_t *cf,
    ngx_http_tracker_loc_conf_t *tlcf)
{
    if (tlcf->keys == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tracker_token\" in location \"%V\" has no key to "
                      "sign with: write \"tracker_jwt_key\"", &tlcf->base);
        return NGX_CONF_ERROR;
    }

    if (tlcf->apps == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tracker_token\" in location \"%V\" knows no "
                      "application: write \"tracker_token_apps\"",
                      &tlcf->base);
        return NGX_CONF_ERROR;
    }

    return ngx_http_tracker_check_body_size(cf, "tracker_token");
}


static char *
ngx_http_tracker_check_body_size(ngx_conf_t *cf, const char *directive)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->client_max_body_size == 0
        || clcf->client_max_body_size > NGX_HTTP_TRACKER_MAX_BODY)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"client_max_body_size\" is %O in location \"%V\", "
                      "\"%s\" needs a value from 1 to 16m",
                      clcf->client_max_body_size, &clcf->name, directive);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_tracker_serve(ngx_conf_t *cf, void *conf,
    ngx_http_tracker_service_e service, ngx_http_handler_pt handler)
{
    ngx_http_tracker_loc_conf_t *tlcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (tlcf->service == service) {
        return "is duplicate";
    }

    if (tlcf->service != NGX_HTTP_TRACKER_SERVES_NOTHING) {
        return ngx_http_tracker_services[tlcf->service].elsewhere;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    tlcf->service = service;
    tlcf->base = clcf->name;
    tlcf->handler = handler;

    clcf->handler = handler;

    return NGX_CONF_OK;
}


/* the client of a server, with the scripts of the store */

static ngx_redis_t *
ngx_http_tracker_add_redis(ngx_conf_t *cf, ngx_redis_conf_t *rcf)
{
    ngx_str_t                      name;
    ngx_uint_t                     n;
    ngx_redis_t                   *redis;
    ngx_http_tracker_main_conf_t  *tmcf;

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tracker_module);

    n = tmcf->servers.nelts;

    rcf->scripts = tracker_store_scripts(&rcf->nscripts);

    redis = ngx_redis_add(cf, &tmcf->servers, rcf);

    if (redis == NULL || tmcf->servers.nelts == n) {
        return redis;
    }

    if (ngx_http_tracker_name_redis(cf, rcf, &name) != NGX_OK
        || ngx_http_tracker_add_name(&tmcf->server_names, &name) != NGX_OK)
    {
        return NULL;
    }

    return redis;
}


/* its address, and what tells it from another one of the same address */

static ngx_int_t
ngx_http_tracker_name_redis(ngx_conf_t *cf, ngx_redis_conf_t *rcf,
    ngx_str_t *name)
{
    u_char  *p;

    name->data = ngx_pnalloc(cf->pool, rcf->address.len + rcf->user.len
                                       + sizeof(" db= user= ssl wait=:ms")
                                       + 3 * NGX_INT_T_LEN);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(name->data, "%V", &rcf->address);

    if (rcf->db) {
        p = ngx_sprintf(p, " db=%ui", rcf->db);
    }

    if (rcf->user.len) {
        p = ngx_sprintf(p, " user=%V", &rcf->user);
    }

    if (rcf->ssl) {
        p = ngx_cpymem(p, " ssl", 4);
    }

    if (rcf->wait.replicas) {
        p = ngx_sprintf(p, " wait=%ui", rcf->wait.replicas);
    }

    if (rcf->wait.time) {
        p = ngx_sprintf(p, ":%Mms", rcf->wait.time);
    }

    name->len = p - name->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tracker_add_name(ngx_array_t *names, ngx_str_t *text)
{
    ngx_http_tracker_name_t  *name;

    name = ngx_array_push(names);
    if (name == NULL) {
        return NGX_ERROR;
    }

    name->text = *text;
    name->place = NGX_HTTP_TRACKER_NO_PLACE;

    return NGX_OK;
}


char *
ngx_http_tracker_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tracker_loc_conf_t *tlcf = conf;

    char       *token, sub[JWT_SUB_MAX];
    size_t      size, len;
    ngx_str_t  *value, secret;
    jwt_key_t  *key;

    value = cf->args->elts;

    if (tlcf->keys == NGX_CONF_UNSET_PTR) {
        tlcf->keys = ngx_http_tracker_create_keys(cf);
        if (tlcf->keys == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    key = ngx_array_push(&tlcf->keys->keys);
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(key, sizeof(jwt_key_t));

    if (cf->args->nelts == 3) {

        if (ngx_strncmp(value[2].data, "kid=", 4) != 0 || value[2].len == 4) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", expected "
                               "\"kid=NAME\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        key->kid = (char *) value[2].data + 4;
        key->kid_len = value[2].len - 4;
    }

    if (ngx_http_tracker_name_key(cf, tlcf->keys,
                                  cf->args->nelts == 3 ? &value[2] : &value[1])
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_tracker_read_secret(cf, &value[1], JWT_KEY_MIN, 0, &secret)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    key->data = secret.data;
    key->len = secret.len;

    if (key->kid == NULL) {
        return NGX_CONF_OK;
    }

    /*
     * A "kid" that does not fit into a token would fail at every login.  The
     * account of this token is the longest, and needs the most bytes.
     */

    ngx_memset(sub, '"', sizeof(sub));

    size = JWT_SIGN_SIZE(key);

    token = ngx_pnalloc(cf->temp_pool, size);
    if (token == NULL) {
        return NGX_CONF_ERROR;
    }

    if (jwt_sign(key, sub, sizeof(sub), ngx_time(), ngx_time(), token, size,
                 &len)
        != JWT_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it is too long or not "
                           "UTF-8", &value[2]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* name is its path, or its "kid=NAME"; equal names are one */

static ngx_int_t
ngx_http_tracker_name_key(ngx_conf_t *cf, ngx_http_tracker_keys_t *keys,
    ngx_str_t *name)
{
    ngx_str_t                      text;
    ngx_uint_t                     i, *place;
    ngx_http_tracker_name_t       *known;
    ngx_http_tracker_main_conf_t  *tmcf;

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tracker_module);

    text = *name;

    if (ngx_strncmp(text.data, "kid=", 4) == 0) {
        text.data += 4;
        text.len -= 4;
    }

    known = tmcf->key_names.elts;

    for (i = 0; i < tmcf->key_names.nelts; i++) {
        if (known[i].text.len == text.len
            && ngx_memcmp(known[i].text.data, text.data, text.len) == 0)
        {
            break;
        }
    }

    place = ngx_array_push(&keys->names);
    if (place == NULL) {
        return NGX_ERROR;
    }

    *place = i;

    return i < tmcf->key_names.nelts
           ? NGX_OK : ngx_http_tracker_add_name(&tmcf->key_names, &text);
}


static ngx_http_tracker_keys_t *
ngx_http_tracker_create_keys(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_tracker_keys_t  *keys;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_tracker_keys_t));
    if (cln == NULL) {
        return NULL;
    }

    keys = cln->data;
    keys->cache = NULL;

    if (ngx_array_init(&keys->keys, cf->pool, 1, sizeof(jwt_key_t)) != NGX_OK
        || ngx_array_init(&keys->names, cf->pool, 1, sizeof(ngx_uint_t))
           != NGX_OK)
    {
        return NULL;
    }

    cln->handler = ngx_http_tracker_free_keys;

    return keys;
}


static void
ngx_http_tracker_free_keys(void *data)
{
    ngx_http_tracker_keys_t *keys = data;

    if (keys->cache) {
        jwt_cache_destroy(keys->cache);
    }
}


char *
ngx_http_tracker_account(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char       *rv;
    ngx_str_t  *value;
    ngx_uint_t  i;

    static ngx_str_t  forgeable[] = {
        ngx_string("$http_"), ngx_string("${http_"),
        ngx_string("$arg_"), ngx_string("${arg_"),
        ngx_string("$cookie_"), ngx_string("${cookie_"),
        ngx_null_string
    };

    rv = ngx_http_set_complex_value_slot(cf, cmd, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    for (i = 0; forgeable[i].len; i++) {
        if (ngx_strncasecmp(value[1].data, forgeable[i].data,
                            forgeable[i].len)
            == 0)
        {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "\"tracker_account %V\" lets each client "
                               "choose its account, use a variable that an "
                               "authenticator has set", &value[1]);
            break;
        }
    }

    return NGX_CONF_OK;
}
