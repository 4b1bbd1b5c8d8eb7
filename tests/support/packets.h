/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_SUPPORT_PACKETS_H
#define TESTS_SUPPORT_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Builds packets for tests from the inside out: begin with a payload, then put header after header
 * in front. All headers get right lengths; checksums stay zero.
 *
 *     struct packets p;
 *     packets_begin(&p, "hello", 5);
 *     packets_tcp(&p, &(struct packets_tcp){.from_port = 40000, .to_port = 80, .seq = 1});
 *     packets_ipv4(&p, &(struct packets_ip){.from = 1, .to = 2, .protocol = 6});
 *     packets_ethernet(&p, 0x0800);
 *     ... packets_at(&p), p.n ...
 */

#define PACKETS_ROOM 512u /* for headers */
#define PACKETS_MAX  70000u

struct packets {
    uint8_t space[PACKETS_ROOM + PACKETS_MAX];
    uint32_t start, n;
};

struct packets_tcp {
    uint16_t from_port, to_port;
    uint32_t seq, ack;
    uint8_t flags;
    uint16_t window;       /* 0: 65535, unless zero_window */
    uint8_t options_bytes; /* a multiple of 4, at most 40; no-operations */
    bool zero_window;
};

struct packets_ip {
    uint8_t from, to; /* hosts 10.0.0.N or fd00::N */
    uint8_t protocol; /* of what is in it */
    uint32_t id;      /* with a fragment */
    uint32_t offset;  /* bytes, a multiple of 8 */
    bool more;        /* more fragments; IPv6: with offset or more, a fragment header is added */
    bool zero_length; /* the length field is 0, as with segmentation offload */
    uint8_t options;  /* IPv4: bytes, a multiple of 4, at most 40 */
};

void packets_begin(struct packets *p, const void *payload, size_t n);
void packets_prepend(struct packets *p, const void *header, size_t n);
void packets_append(struct packets *p, const void *bytes, size_t n); /* padding, trailers */

void packets_tcp(struct packets *p, const struct packets_tcp *tcp);
void packets_ipv4(struct packets *p, const struct packets_ip *ip);
void packets_ipv6(struct packets *p, const struct packets_ip *ip);
void packets_ethernet(struct packets *p, uint16_t type);
void packets_vlan(struct packets *p, uint16_t type); /* the tag behind the outer type; see there */

static inline const uint8_t *packets_at(const struct packets *p)
{
    return p->space + p->start;
}

/* Big-endian stores for headers that a test builds itself. */
void packets_be16(uint8_t *at, uint16_t value);
void packets_be32(uint8_t *at, uint32_t value);

#endif
