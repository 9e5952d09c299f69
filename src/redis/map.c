
/*
 * What a node says of the cluster.
 */


#include "redis/map.h"


static ngx_int_t ngx_redis_map_node(ngx_redis_reply_t *node,
    ngx_redis_place_t *asked, ngx_redis_place_t *place);
static ngx_int_t ngx_redis_map_ip(ngx_redis_reply_t *node, ngx_str_t *ip);


ngx_int_t
ngx_redis_map_range(ngx_redis_reply_t *reply, ngx_uint_t i,
    ngx_redis_place_t *asked, ngx_redis_range_t *range)
{
    ngx_redis_reply_t  element, first, last, master;

    ngx_redis_reply_element(reply, i, &element);

    if (element.type != NGX_REDIS_ARRAY || element.n < 2) {
        return NGX_ERROR;
    }

    ngx_redis_reply_element(&element, 0, &first);
    ngx_redis_reply_element(&element, 1, &last);

    if (first.type != NGX_REDIS_INTEGER || last.type != NGX_REDIS_INTEGER
        || first.integer < 0 || first.integer > last.integer
        || last.integer >= NGX_REDIS_SLOTS)
    {
        return NGX_ERROR;
    }

    range->first = first.integer;
    range->last = last.integer;

    if (element.n < 3) {
        return NGX_DECLINED;
    }

    ngx_redis_reply_element(&element, 2, &master);

    return ngx_redis_map_node(&master, asked, &range->place);
}


/*
 * A host, a port, an id, and what else is known of the node since Redis 7.  The
 * host is missing or empty where the node does not know its own, "?" where it
 * should have a name and has none, and a name where these are preferred.
 */

static ngx_int_t
ngx_redis_map_node(ngx_redis_reply_t *node, ngx_redis_place_t *asked,
    ngx_redis_place_t *place)
{
    u_char             text[NGX_INT64_LEN];
    ngx_str_t          number, ip;
    ngx_uint_t         known;
    ngx_redis_reply_t  host, port;

    if (node->type != NGX_REDIS_ARRAY || node->n < 2) {
        return NGX_ERROR;
    }

    ngx_redis_reply_element(node, 0, &host);
    ngx_redis_reply_element(node, 1, &port);

    if ((host.type != NGX_REDIS_STRING && host.type != NGX_REDIS_NIL)
        || port.type != NGX_REDIS_INTEGER)
    {
        return NGX_ERROR;
    }

    number.data = text;
    number.len = ngx_sprintf(text, "%L", port.integer) - text;

    if (host.type == NGX_REDIS_NIL || host.str.len == 0) {
        host.str = asked->addr.peer;
    }

    known = (ngx_redis_map_ip(node, &ip) == NGX_OK);

    if (ngx_redis_place_set(place, &host.str, &number) == NGX_OK) {

        if (place->addr.named && known) {
            (void) ngx_redis_place_know(place, &ip);
        }

        return NGX_OK;
    }

    if (known && ngx_redis_place_set(place, &ip, &number) == NGX_OK) {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* the value of "ip" in the names and values behind the id */

static ngx_int_t
ngx_redis_map_ip(ngx_redis_reply_t *node, ngx_str_t *ip)
{
    size_t             i;
    ngx_redis_reply_t  list, name, value;

    if (node->n < 4) {
        return NGX_DECLINED;
    }

    ngx_redis_reply_element(node, 3, &list);

    if (list.type != NGX_REDIS_ARRAY) {
        return NGX_DECLINED;
    }

    for (i = 0; i + 1 < list.n; i += 2) {
        ngx_redis_reply_element(&list, i, &name);
        ngx_redis_reply_element(&list, i + 1, &value);

        if (name.type == NGX_REDIS_STRING && value.type == NGX_REDIS_STRING
            && name.str.len == 2
            && ngx_strncmp(name.str.data, "ip", 2) == 0)
        {
            *ip = value.str;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_redis_map_redirect(const char *error, size_t len,
    ngx_redis_place_t *asked, ngx_redis_range_t *range)
{
    u_char     *p, *end, *space, *colon;
    ngx_int_t   slot;
    ngx_str_t   host, port;

    p = (u_char *) error;
    end = p + len;

    p = ngx_strlchr(p, end, ' ');
    space = p ? ngx_strlchr(p + 1, end, ' ') : NULL;

    if (space == NULL) {
        return NGX_ERROR;
    }

    slot = ngx_atoi(p + 1, space - p - 1);

    if (slot == NGX_ERROR || slot >= NGX_REDIS_SLOTS) {
        return NGX_ERROR;
    }

    range->first = slot;
    range->last = slot;

    /* an IPv6 address has colons of its own, and no brackets */

    for (colon = end - 1; colon > space && *colon != ':'; colon--) {
        /* void */
    }

    if (colon == space) {
        return NGX_ERROR;
    }

    host.data = space + 1;
    host.len = colon - host.data;
    port.data = colon + 1;
    port.len = end - port.data;

    if (host.len == 0) {
        host = asked->addr.peer;
    }

    return ngx_redis_place_set(&range->place, &host, &port) == NGX_OK
           ? NGX_OK : NGX_DECLINED;
}
