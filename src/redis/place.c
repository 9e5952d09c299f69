
/*
 * Where a server is.
 */


#include "redis/place.h"


static const char *ngx_redis_place_numeric(ngx_str_t *host, char *text);
static ngx_int_t ngx_redis_place_name(ngx_str_t *host, u_char *name);


ngx_int_t
ngx_redis_place_set(ngx_redis_place_t *place, ngx_str_t *host,
    ngx_str_t *port)
{
    char         text[NGX_SOCKADDR_STRLEN];
    u_char       name[NGX_REDIS_MAX_NAME + 1];
    ngx_int_t    n;
    const char  *format;

    n = ngx_atoi(port->data, port->len);

    if (n < 1 || n > 65535) {
        return NGX_ERROR;
    }

    format = ngx_redis_place_numeric(host, text);

    if (format) {
        (void) ngx_cpystrn(name, (u_char *) text, sizeof(text));

    } else if (ngx_redis_place_name(host, name) == NGX_OK) {
        text[0] = '\0';

    } else {
        return NGX_ERROR;
    }

    ngx_memzero(&place->addr, sizeof(ngx_redis_addr_t));
    ngx_memcpy(place->host, text, sizeof(text));
    ngx_memcpy(place->name, name, sizeof(name));

    place->addr.host = place->host;
    place->addr.port = (int) n;
    place->addr.named = (format == NULL);
    place->addr.stale = place->addr.named;
    place->addr.step = 1;
    place->addr.peer.data = place->name;
    place->addr.peer.len = ngx_strlen(name);
    place->addr.name.data = place->text;
    place->addr.name.len = ngx_sprintf(place->text, format ? format : "%s:%i",
                                       place->name, n)
                           - place->text;

    return NGX_OK;
}


/* into text, with a NUL; returns how it is written before a port, or NULL */

static const char *
ngx_redis_place_numeric(ngx_str_t *host, char *text)
{
    struct in6_addr  addr;

    if (host->len >= NGX_SOCKADDR_STRLEN
        || ngx_strlchr(host->data, host->data + host->len, '\0'))
    {
        return NULL;
    }

    ngx_memzero(text, NGX_SOCKADDR_STRLEN);
    ngx_memcpy(text, host->data, host->len);

    if (inet_pton(AF_INET, text, &addr) == 1) {
        return "%s:%i";
    }

    return inet_pton(AF_INET6, text, &addr) == 1 ? "[%s]:%i" : NULL;
}


/*
 * Into name, with a NUL: letters, digits, "-" and "_" between dots.  The last
 * part of a name is no number: that is an address, of a kind.
 */

static ngx_int_t
ngx_redis_place_name(ngx_str_t *host, u_char *name)
{
    u_char   c;
    size_t   i, len, label;

    len = host->len;

    if (len && host->data[len - 1] == '.') {
        len--;
    }

    if (len > NGX_REDIS_MAX_NAME) {
        return NGX_ERROR;
    }

    label = 0;

    for (i = 0; i < len; i++) {
        c = ngx_tolower(host->data[i]);
        name[i] = c;

        if (c == '.' && i > label && i - label < 64) {
            label = i + 1;
            continue;
        }

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9')
            && c != '-' && c != '_')
        {
            return NGX_ERROR;
        }
    }

    name[len] = '\0';

    if (len == label || len - label > 63
        || ngx_atoi(&name[label], len - label) != NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_redis_place_know(ngx_redis_place_t *place, ngx_str_t *ip)
{
    char  text[NGX_SOCKADDR_STRLEN];

    if (ngx_redis_place_numeric(ip, text) == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(place->host, text, sizeof(text));

    return NGX_OK;
}


ngx_int_t
ngx_redis_place_number(ngx_redis_place_t *place)
{
    u_char     text[NGX_INT_T_LEN];
    ngx_str_t  host, port;

    if (!place->addr.named) {
        return NGX_OK;
    }

    host.data = (u_char *) place->host;
    host.len = ngx_strlen(place->host);

    if (host.len == 0) {
        return NGX_DECLINED;
    }

    port.data = text;
    port.len = ngx_sprintf(text, "%d", place->addr.port) - text;

    return ngx_redis_place_set(place, &host, &port);
}


void
ngx_redis_place_copy(ngx_redis_place_t *to, ngx_redis_place_t *from)
{
    *to = *from;

    to->addr.host = to->host;
    to->addr.peer.data = to->name;
    to->addr.session = NULL;
    to->addr.name.data = to->text;
}


ngx_uint_t
ngx_redis_place_same(ngx_redis_place_t *one, ngx_redis_place_t *two)
{
    return one->addr.port == two->addr.port
           && ngx_strcmp(one->name, two->name) == 0;
}
