/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_ENDPOINT_H
#define BASE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Addresses and directions, the two words that every room uses.
 *
 * A direction is always an index: two of something are `x[DIR_COUNT]`, never `in_x` beside `out_x`.
 */

enum dir {
    DIR_C2S = 0, /* client to server: "received" from the watched server's perspective */
    DIR_S2C = 1  /* server to client: "sent" */
};
#define DIR_COUNT 2

static inline enum dir dir_other(enum dir dir)
{
    return dir == DIR_C2S ? DIR_S2C : DIR_C2S;
}

/* Compared and hashed as bytes: no padding, unused bytes zero. */
struct endpoint {
    uint8_t addr[16]; /* IPv4: the first four bytes, network order; the rest zero */
    uint16_t port;    /* host order */
    uint8_t family;   /* 4 or 6; 0 = unknown */
    uint8_t zero;     /* always zero */
};
_Static_assert(sizeof(struct endpoint) == 20, "struct endpoint is hashed as bytes");

/* "255.255.255.255:65535" or "[ipv6]:65535", with the terminating NUL. */
#define ENDPOINT_TEXT_BYTES 56

/* Writes ADDR:PORT, IPv6 in brackets and in the form of RFC 5952; returns text. */
const char *endpoint_format(const struct endpoint *ep, char text[ENDPOINT_TEXT_BYTES]);

/* The same without port and brackets. */
const char *endpoint_format_ip(const struct endpoint *ep, char text[ENDPOINT_TEXT_BYTES]);

/* A total order (family, address, port), for output that must not depend on hashing. */
int endpoint_compare(const struct endpoint *a, const struct endpoint *b);

#endif
