/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP headers by RFC 9293. The payload's length follows from IP's, so it is known even where the
 * snap length cut the payload off.
 *
 * Ignored on purpose: checksum (offload makes it wrong in good captures), options (neither window
 * scale nor timestamps are needed to put bytes in order), urgent data (delivered in line).
 */
#include "capture/tcp.h"

#define TCP_HEADER_BYTES 20u

/* Far beyond what offload puts into one packet (512 KiB), far below half the sequence circle: a
 * forged original length of a record must not make arithmetic wrap. */
#define PAYLOAD_MAX_BYTES (1u << 24)

enum undecoded tcp_decode(const struct ip_packet *ip, struct tcp_segment *ret_segment,
                          struct tcp_ports *ret_ports)
{
    struct cursor at = cursor_make(ip->payload, ip->captured_bytes);
    bool truncated = ip->captured_bytes < ip->length_bytes;
    struct tcp_segment seg = {0};
    struct tcp_ports ports;
    ports.from = cursor_be16(&at);
    ports.to = cursor_be16(&at);
    seg.seq = cursor_be32(&at);
    seg.ack = cursor_be32(&at);
    uint32_t header = (cursor_u8(&at) >> 4) * 4u;
    seg.flags = cursor_u8(&at);
    seg.window = cursor_be16(&at);
    cursor_skip(&at, 4);
    if (at.short_read)
        return decode_short(truncated);
    if (header < TCP_HEADER_BYTES || header > ip->length_bytes ||
        ip->length_bytes > PAYLOAD_MAX_BYTES)
        return UNDECODED_MALFORMED;
    cursor_skip(&at, header - TCP_HEADER_BYTES);
    seg.data = at.at;
    seg.captured_bytes = (uint32_t)cursor_left(&at);
    seg.length_bytes = ip->length_bytes - header;
    if (seg.flags & TCP_SYN)
        seg.flags &= (uint8_t)~TCP_FIN;
    *ret_segment = seg;
    *ret_ports = ports;
    return DECODE_OK;
}
