/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_TCP_H
#define CAPTURE_TCP_H

#include "capture/decode.h"
#include "capture/ip.h"

/* The TCP header (RFC 9293, section 3.1) and arithmetic on its sequence numbers. */

enum tcp_flag { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_ACK = 0x10, TCP_URG = 0x20 };

struct tcp_segment {
    const uint8_t *data;     /* borrowed from the packet */
    uint32_t captured_bytes; /* at data; at most length_bytes */
    uint32_t length_bytes;   /* of the payload as it was sent */
    uint32_t seq, ack;
    uint32_t wire_bytes; /* of the frame or frames it came in */
    uint16_t window;
    uint8_t flags; /* TCP_*; FIN is cleared beside SYN, which no receiver honours */
    int64_t ts_ns;
};

struct tcp_ports {
    uint16_t from, to;
};

/* Reads the header in ip's payload, and the ports; wire_bytes and ts_ns are left to the caller.
 * Options may be cut off by the snap length, the first 20 bytes not. Returns DECODE_OK,
 * UNDECODED_MALFORMED or _TRUNCATED. */
enum undecoded tcp_decode(const struct ip_packet *ip, struct tcp_segment *ret_segment,
                          struct tcp_ports *ret_ports);

/* The sequence number of the first payload byte. */
static inline uint32_t tcp_data_seq(const struct tcp_segment *seg)
{
    return seg->seq + ((seg->flags & TCP_SYN) ? 1 : 0);
}

/* How far a is ahead of b in the circle of sequence numbers; negative if behind. */
static inline int32_t tcp_ahead(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

/* True if a is at b or ahead of it by at most reach. */
static inline bool tcp_within(uint32_t a, uint32_t b, uint32_t reach)
{
    return a - b <= reach;
}

#endif
