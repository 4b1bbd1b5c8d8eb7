/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_ENGINE_H
#define CAPTURE_ENGINE_H

#include "base/hash.h"
#include "base/limits.h"
#include "capture/packet.h"
#include "capture/stream.h"

/*
 * Packets in, connections and ordered bytes out: link layer, IP with fragments, flow table, TCP
 * reassembly. One engine is single-threaded and knows nothing of other engines.
 *
 * Time is packet time only. A packet whose time lies before an earlier one's is processed as it is;
 * time-outs use the latest time seen so far.
 */

struct engine;

struct engine_config {
    struct hash_key hash;
    uint32_t max_flows;      /* 0: LIMIT_FLOWS */
    uint32_t max_held_bytes; /* 0: LIMIT_HELD_BYTES */
    int64_t idle_timeout_ns; /* 0: one hour; an open connection silent for longer is closed */
};

/* Why a packet did not become a TCP segment. */
enum undecoded {
    UNDECODED_LINK_TYPE, /* this link type is not known */
    UNDECODED_NOT_IP,    /* ARP, LLDP, ... */
    UNDECODED_NOT_TCP,   /* another IP protocol */
    UNDECODED_MALFORMED, /* a header contradicts itself */
    UNDECODED_TRUNCATED, /* the snap length cut off a header */
    UNDECODED_FRAGMENT,  /* of a datagram that was never completed */
    UNDECODED_COUNT
};

struct engine_counters {
    uint64_t packets;
    uint64_t wire_bytes;
    uint64_t truncated_packets; /* captured_bytes < wire_bytes */
    uint64_t undecoded[UNDECODED_COUNT];
    int64_t first_ns, last_ns; /* earliest and latest packet time */
};

/* The name of a reason in reports: "link_type", "not_ip", ...; static storage. */
const char *engine_undecoded_name(enum undecoded reason);

/* sink and its ctx must outlive the engine; hit receives cap hits. NULL: out of memory. */
struct engine *engine_new(const struct engine_config *config, const struct stream_sink *sink,
                          struct limits_hit *hit);

/* Processes one packet. Memory shortage is handled as a cap hit; there is nothing to fail. */
void engine_packet(struct engine *e, const struct packet *p);

/* Lets time pass without packets (live): closes what has timed out by now_ns. */
void engine_tick(struct engine *e, int64_t now_ns);

/* End of the capture: turns holes into gaps, ends and releases every connection, oldest first. */
void engine_finish(struct engine *e);

void engine_counters(const struct engine *e, struct engine_counters *ret_counters);

/* Connections that are open now (established or midstream, not closed). */
uint32_t engine_open_connections(const struct engine *e);

void engine_free(struct engine *e); /* NULL is allowed; does not call the sink */

#endif
