/* SPDX-License-Identifier: BSD-3-Clause */
/* Text and order of endpoints; inet_ntop writes the form of RFC 5952. */
#include "base/endpoint.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

const char *endpoint_format_ip(const struct endpoint *ep, char text[ENDPOINT_TEXT_BYTES])
{
    int family = ep->family == 6 ? AF_INET6 : AF_INET;
    if (!inet_ntop(family, ep->addr, text, ENDPOINT_TEXT_BYTES))
        snprintf(text, ENDPOINT_TEXT_BYTES, "?");
    return text;
}

const char *endpoint_format(const struct endpoint *ep, char text[ENDPOINT_TEXT_BYTES])
{
    char ip[ENDPOINT_TEXT_BYTES];
    endpoint_format_ip(ep, ip);
    const char *form = ep->family == 6 ? "[%.45s]:%u" : "%.45s:%u";
    snprintf(text, ENDPOINT_TEXT_BYTES, form, ip, (unsigned)ep->port);
    return text;
}

int endpoint_compare(const struct endpoint *a, const struct endpoint *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    int order = memcmp(a->addr, b->addr, sizeof(a->addr));
    if (order != 0)
        return order;
    return a->port < b->port ? -1 : a->port > b->port;
}
