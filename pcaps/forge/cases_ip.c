/* SPDX-License-Identifier: BSD-3-Clause */
/* Hazards below TCP: fragments, tags, header chains, cut and padded frames. */
#include "forge.h"
#include <stddef.h>
#include <string.h>

static void wrapped(struct forge *f, enum wrap wrap, bool v6)
{
    struct tcp c = tcp_init(f);
    c.v6 = v6;
    c.wrap = wrap;
    session_all(&c);
}

static void ip4_fragments(struct forge *f)
{
    wrapped(f, WRAP_FRAGMENTS, false);
}

static void ip6_fragments(struct forge *f)
{
    wrapped(f, WRAP_FRAGMENTS, true);
}

static void ip4_fragments_reversed(struct forge *f)
{
    struct tcp c = tcp_init(f);
    c.wrap = WRAP_FRAGMENTS;
    c.reversed_fragments = true;
    session_all(&c);
}

/* One fragment of a response is missing, so its whole segment is. */
static void ip4_fragment_lost(struct forge *f)
{
    struct tcp c = tcp_init(f);
    tcp_open(&c);
    session_exchange(&c, SESSION_INITIALIZE);
    tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    c.wrap = WRAP_FRAGMENTS;
    size_t first = tcp_data(&c, SERVER, session_response(SESSION_CALL));
    c.wrap = WRAP_NONE;
    forge_lose(f, first + 2);
    session_exchange(&c, SESSION_FAILED);
    tcp_close(&c);
}

/* A fragment comes twice, the second time with other content. */
static void ip4_fragment_conflict(struct forge *f)
{
    struct tcp c = tcp_init(f);
    tcp_open(&c);
    session_exchange(&c, SESSION_INITIALIZE);
    tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    c.wrap = WRAP_FRAGMENTS;
    size_t first = tcp_data(&c, SERVER, session_response(SESSION_CALL));
    forge_repeat(f, first + 2);
    forge_spoil(f, forge_count(f) - 1, "not what was said before");
    forge_move(f, forge_count(f) - 1, first + 3);
    c.wrap = WRAP_NONE;
    session_exchange(&c, SESSION_FAILED);
    tcp_close(&c);
}

static void ip6_plain(struct forge *f)
{
    wrapped(f, WRAP_NONE, true);
}

static void ip6_extension_headers(struct forge *f)
{
    wrapped(f, WRAP_EXTENSIONS, true);
}

static void vlan(struct forge *f)
{
    wrapped(f, WRAP_VLAN, false);
}

static void qinq(struct forge *f)
{
    wrapped(f, WRAP_QINQ, true);
}

static void ethernet_padding(struct forge *f)
{
    wrapped(f, WRAP_PADDED, false);
}

/* Request heads are whole, bodies are cut: what is missing was seen to pass but not kept. */
static void snap_length(struct forge *f)
{
    struct tcp c = tcp_init(f);
    session_all(&c);
    forge_snap(f, 300);
}

/* Not even the TCP header is whole. */
static void snap_length_in_header(struct forge *f)
{
    struct tcp c = tcp_init(f);
    session_all(&c);
    forge_snap(f, 44);
}

/* Other traffic between: ARP, an unknown type, an IP packet that is cut by its own length. */
static void not_tcp(struct forge *f)
{
    static const uint8_t arp[28] = {0, 1, 8, 0, 6, 4, 0, 1};
    static const uint8_t bad_ip[20] = {0x45, 0, 0x40, 0, 0, 0, 0, 0, 64, 6};
    static const uint8_t odd_ip[20] = {0x42, 0, 0, 20, 0, 0, 0, 0, 64, 6};
    struct tcp c = tcp_init(f);
    tcp_open(&c);
    forge_frame(f, 0x0806, arp, sizeof arp);
    session_exchange(&c, SESSION_INITIALIZE);
    forge_frame(f, 0x88cc, arp, sizeof arp);
    forge_frame(f, 0x0800, bad_ip, sizeof bad_ip);
    forge_frame(f, 0x0800, odd_ip, sizeof odd_ip);
    session_exchange(&c, SESSION_CALL);
    forge_frame(f, 0x86dd, bad_ip, sizeof bad_ip);
    tcp_close(&c);
}

const struct forge_case forge_cases_ip[] = {
    {"ip4-fragments", ip4_fragments},
    {"ip4-fragments-reversed", ip4_fragments_reversed},
    {"ip4-fragment-lost", ip4_fragment_lost},
    {"ip4-fragment-conflict", ip4_fragment_conflict},
    {"ip6-plain", ip6_plain},
    {"ip6-fragments", ip6_fragments},
    {"ip6-extension-headers", ip6_extension_headers},
    {"vlan", vlan},
    {"qinq", qinq},
    {"ethernet-padding", ethernet_padding},
    {"snap-length", snap_length},
    {"snap-length-in-header", snap_length_in_header},
    {"not-tcp", not_tcp},
    {NULL, NULL},
};
