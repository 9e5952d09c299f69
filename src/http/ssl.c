
/*
 * The settings of TLS between the workers and Redis.
 */


#include "http/ssl.h"


#if (NGX_SSL)


void
ngx_http_tracker_ssl_init(ngx_redis_ssl_t *ssl)
{
    /*
     * set by ngx_pcalloc():
     *
     *     ssl->name = { 0, NULL };
     *     ssl->trusted_certificate = { 0, NULL };
     *     ssl->crl = { 0, NULL };
     *     ssl->certificate = { 0, NULL };
     *     ssl->certificate_key = { 0, NULL };
     *     ssl->ciphers = { 0, NULL };
     *     ssl->protocols = 0;
     */

    ssl->passwords = NGX_CONF_UNSET_PTR;
    ssl->verify = NGX_CONF_UNSET;
    ssl->verify_depth = NGX_CONF_UNSET;
    ssl->server_name = NGX_CONF_UNSET;
    ssl->session_reuse = NGX_CONF_UNSET;
}


char *
ngx_http_tracker_ssl_merge(ngx_redis_ssl_t *conf, ngx_redis_ssl_t *prev)
{
    ngx_conf_merge_str_value(conf->name, prev->name, "");
    ngx_conf_merge_str_value(conf->trusted_certificate,
                             prev->trusted_certificate, "");
    ngx_conf_merge_str_value(conf->crl, prev->crl, "");
    ngx_conf_merge_str_value(conf->certificate, prev->certificate, "");
    ngx_conf_merge_str_value(conf->certificate_key, prev->certificate_key, "");
    ngx_conf_merge_str_value(conf->ciphers, prev->ciphers, "DEFAULT");

    ngx_conf_merge_ptr_value(conf->passwords, prev->passwords, NULL);
    ngx_conf_merge_bitmask_value(conf->protocols, prev->protocols,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3));

    ngx_conf_merge_value(conf->verify, prev->verify, 1);
    ngx_conf_merge_value(conf->verify_depth, prev->verify_depth, 1);
    ngx_conf_merge_value(conf->server_name, prev->server_name, 1);
    ngx_conf_merge_value(conf->session_reuse, prev->session_reuse, 1);

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_tracker_ssl_check(ngx_conf_t *cf, ngx_http_tracker_loc_conf_t *tlcf,
    ngx_redis_conf_t *rcf)
{
    ngx_redis_ssl_t  *ssl;

    ssl = &tlcf->ssl;

    if (ssl->certificate.len && ssl->certificate_key.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "no \"tracker_redis_ssl_certificate_key\" is defined "
                      "for certificate \"%V\" in location \"%V\"",
                      &ssl->certificate, &tlcf->base);
        return NGX_ERROR;
    }

    if (ssl->certificate_key.len && ssl->certificate.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "no \"tracker_redis_ssl_certificate\" is defined for "
                      "key \"%V\" in location \"%V\"",
                      &ssl->certificate_key, &tlcf->base);
        return NGX_ERROR;
    }

    if (ssl->verify && ssl->name.len == 0 && rcf->sentinel.name.len == 0
        && ngx_strncmp(rcf->hosts[0].data, "unix:", 5) == 0)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tracker_redis %V ssl\" has no name to verify in "
                      "location \"%V\": write \"tracker_redis_ssl_name\"",
                      &rcf->address, &tlcf->base);
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_http_tracker_ssl_password_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_tracker_loc_conf_t *tlcf = conf;

    ngx_str_t  *value;

    if (tlcf->ssl.passwords != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    tlcf->ssl.passwords = ngx_ssl_read_password_file(cf, &value[1]);

    return tlcf->ssl.passwords ? NGX_CONF_OK : NGX_CONF_ERROR;
}


#endif /* NGX_SSL */
