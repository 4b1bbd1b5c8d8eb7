/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FORGE_H
#define FORGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Builds captures of networks at their worst, packet by packet, with libnet and without sending
 * anything. A case is a function that fills a forge; the same case gives the same bytes always.
 *
 * Packets are numbered from 0 in the order in which they were added, which is the order in the
 * file unless the case changes it. Times belong to the place in the file, not to the packet, so a
 * case that changes the order does not send time backwards.
 */

#define FORGE_FRAME_BYTES 65550
#define FORGE_MSS         400 /* small, so that messages span segments */

struct forge;

enum side { CLIENT, SERVER };

/* Flags of a segment. */
#define FORGE_FIN 0x01
#define FORGE_SYN 0x02
#define FORGE_RST 0x04
#define FORGE_PSH 0x08
#define FORGE_ACK 0x10

/* Whatever fails here ends the program with a message. */
struct forge *forge_new(void);
void forge_write(const struct forge *f, const char *path);
void forge_free(struct forge *f);

size_t forge_count(const struct forge *f);
/* Adds an Ethernet frame around an IP packet (or anything else of that type). */
void forge_frame(struct forge *f, uint16_t type, const uint8_t *bytes, size_t n);
/* Lets time pass before the next packet. */
void forge_wait_us(struct forge *f, int64_t us);
/* Moves packet `from` to place `to`; those between move by one. */
void forge_move(struct forge *f, size_t from, size_t to);
void forge_swap(struct forge *f, size_t a, size_t b);
/* Takes a packet out: it was never captured. */
void forge_lose(struct forge *f, size_t index);
/* Adds a copy of a packet at the end. */
void forge_repeat(struct forge *f, size_t index);
/* Overwrites payload: the last n bytes of a packet; checksums stay as they were. */
void forge_spoil(struct forge *f, size_t index, const char *text);
/* Keeps at most n bytes of each packet, as a snap length does. */
void forge_snap(struct forge *f, size_t n);
/* Adds n bytes behind the last packet's IP packet, as Ethernet pads short frames. */
void forge_pad(struct forge *f, size_t n);

/* How a connection's packets are wrapped. */
enum wrap {
    WRAP_NONE,
    WRAP_VLAN,
    WRAP_QINQ,
    WRAP_FRAGMENTS,  /* IP fragments of 64 bytes of payload */
    WRAP_EXTENSIONS, /* IPv6: hop-by-hop options, routing, destination options */
    WRAP_PADDED      /* short frames are padded */
};

struct tcp {
    struct forge *forge;
    bool v6;
    enum wrap wrap;
    uint8_t host[2]; /* last byte of the addresses 10.0.0.x or 2001:db8::x */
    uint16_t port[2];
    uint32_t seq[2];   /* next of each side */
    size_t part_bytes; /* largest payload of a segment */
    bool reversed_fragments;
};

/* A connection from 10.0.0.1:40000 (2001:db8::1) to 10.0.0.2:3000, not yet opened. */
struct tcp tcp_init(struct forge *f);
/* One segment at a sequence number of the caller's choice; moves nothing. Returns its index, of the
 * first fragment if there are several. */
size_t tcp_segment(struct tcp *c, enum side from, uint8_t flags, uint32_t seq, const void *bytes,
                   size_t n);
/* The next segment in order; moves the sequence number. */
size_t tcp_send(struct tcp *c, enum side from, uint8_t flags, const void *bytes, size_t n);
/* Handshake. */
void tcp_open(struct tcp *c);
/* Text in as many segments as it takes; the other side acknowledges. Returns the first's index. */
size_t tcp_data(struct tcp *c, enum side from, const char *text);
/* FIN of both sides. */
void tcp_close(struct tcp *c);
/* ICMP destination unreachable from the server's address, for the connection's SYN. */
void tcp_unreachable(struct tcp *c);

/* The MCP session that every case carries: SESSION_STEPS HTTP exchanges on one connection. */
enum session_step {
    SESSION_INITIALIZE,
    SESSION_INITIALIZED,
    SESSION_CALL,   /* tools/call, answered in an event stream of one chunk */
    SESSION_FAILED, /* tools/call, answered with a JSON-RPC error */
    SESSION_DELETE,
    SESSION_STEPS
};
const char *session_request(enum session_step step);
const char *session_response(enum session_step step);
/* One exchange, and the whole session with the connection around it. */
void session_exchange(struct tcp *c, enum session_step step);
void session_all(struct tcp *c);

struct forge_case {
    const char *name;
    void (*fill)(struct forge *f);
};
extern const struct forge_case forge_cases_tcp[];
extern const struct forge_case forge_cases_ip[];
extern const struct forge_case forge_cases_life[];

#endif
