
/*
 * Where a server is.
 */


#include "redis/place.h"


ngx_int_t
ngx_redis_place_set(ngx_redis_place_t *place, ngx_str_t *host,
    ngx_str_t *port)
{
    char              text[NGX_SOCKADDR_STRLEN];
    ngx_int_t         n;
    const char       *format;
    struct in6_addr   addr;

    n = ngx_atoi(port->data, port->len);

    if (n < 1 || n > 65535 || host->len >= sizeof(text)) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn((u_char *) text, host->data, host->len + 1);

    if (ngx_strlen(text) != host->len) {
        return NGX_ERROR;
    }

    if (inet_pton(AF_INET, text, &addr) == 1) {
        format = "%s:%i";

    } else if (inet_pton(AF_INET6, text, &addr) == 1) {
        format = "[%s]:%i";

    } else {
        return NGX_ERROR;
    }

    ngx_memcpy(place->host, text, host->len + 1);

    place->addr.host = place->host;
    place->addr.port = (int) n;
    place->addr.peer.data = (u_char *) place->host;
    place->addr.peer.len = host->len;
    place->addr.session = NULL;
    place->addr.name.data = place->text;
    place->addr.name.len = ngx_sprintf(place->text, format, place->host, n)
                           - place->text;

    return NGX_OK;
}


void
ngx_redis_place_copy(ngx_redis_place_t *to, ngx_redis_place_t *from)
{
    *to = *from;

    to->addr.host = to->host;
    to->addr.peer.data = (u_char *) to->host;
    to->addr.session = NULL;
    to->addr.name.data = to->text;
}


ngx_uint_t
ngx_redis_place_same(ngx_redis_place_t *one, ngx_redis_place_t *two)
{
    return one->addr.port == two->addr.port
           && ngx_strcmp(one->host, two->host) == 0;
}
