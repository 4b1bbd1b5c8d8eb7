/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MCP over WebSocket (RFC 6455) on a TCP connection of its own, which the SDKs have spoken for
 * years although no revision describes it: one JSON-RPC text in each message, in both directions,
 * subprotocol `mcp`. Others use another subprotocol or none, and binary messages.
 *
 * Theory of operation. The connection is the session: it has one channel, which begins with the 101
 * of HTTP/1.1 (transport_http1.c hands the connection over). websocket.h reads both directions;
 * whether they are MCP is the tracker's to say, by the subprotocol or by the methods, so that other
 * JSON over WebSocket stays silent.
 *
 * A connection that began before the capture is recognised at a segment that consists of whole
 * frames and nothing else, several of them, or one that is a JSON text. Who sends it is told by its
 * mask. Its channel is flagged CHANNEL_STUB; both directions begin as behind a loss. The same where
 * a loss swallowed the 101.
 *
 * What a gap costs, and where it reads on: see websocket.c. What the other direction said stays
 * valid, because JSON-RPC pairs by id.
 *
 * Memory: 220 bytes, once HTTP/1.1's 700 in front of it are gone; while a message is read a parser
 * of 4 KB, and for compressed ones a decoder of 7 to 40 KB, which context takeover keeps for as
 * long as the connection lasts (LIMIT_DECODER_BYTES of all connections together).
 */
#include "fields.h"
#include "websocket.h"

struct socket_conn {
    const struct transport_conn *tc;
    struct websocket socket;
    uint32_t channel;
    uint32_t exchange; /* the one of HTTP that asked for the upgrade, if it was told; 0: no */
    bool begun;
    bool capture_ended;
};

static enum probe_result probe(const struct probe *p)
{
    enum dir sender;
    if (!p->joined || !websocket_recognise(p->bytes, p->n, &sender))
        return PROBE_NO;
    return p->dir == sender ? PROBE_YES : PROBE_SWAPPED;
}

static void begin(struct socket_conn *s, uint16_t flags, const struct stream_pos *at)
{
    struct record r;
    transport_record(s->tc, RECORD_BEGIN, s->channel, at, &r);
    r.u.begin = (struct record_begin){.flags = flags};
    transport_send(s->tc, &r);
    s->begun = true;
}

static int init(void *state, const struct transport_conn *tc, bool joined)
{
    struct socket_conn *s = state;
    s->tc = tc;
    s->channel = 1;
    websocket_init(&s->socket, tc, s->channel, &(struct websocket_options){.joined = joined});
    return 0;
}

static int upgrade(void *state, const struct transport_conn *tc, const struct transport_upgrade *u)
{
    struct socket_conn *s = state;
    s->tc = tc;
    s->channel = u->channel;
    s->exchange = u->begun ? s->channel++ : 0;
    struct websocket_options options = u->response->socket;
    options.joined = u->joined;
    options.client_joined = u->request_lost;
    websocket_init(&s->socket, tc, s->channel, &options);
    uint16_t flags = u->joined ? CHANNEL_STUB : 0;
    if (u->joined ? u->request->mcp_socket : u->response->mcp_socket)
        flags |= CHANNEL_MCP_HEADER;
    begin(s, flags, u->at);
    return 0;
}

static void feed(void *state, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at)
{
    struct socket_conn *s = state;
    if (!s->begun)
        begin(s, CHANNEL_STUB, at);
    websocket_feed(&s->socket, dir, bytes, n, at);
}

static void gap(void *state, enum dir dir, uint64_t n, const struct stream_pos *at)
{
    struct socket_conn *s = state;
    if (!s->begun)
        begin(s, CHANNEL_STUB, at);
    transport_finding(s->tc, s->channel, dir, FINDING_GAP, n, at);
    websocket_gap(&s->socket, dir, n, at);
}

static void end(void *state, enum dir dir, enum stream_end how, const struct stream_pos *at)
{
    struct socket_conn *s = state;
    s->capture_ended |= how == STREAM_END_CAPTURE;
    if (s->begun)
        websocket_end(&s->socket, dir, how == STREAM_END_CAPTURE, at);
}

static void fini(void *state, enum channel_end how, const struct stream_pos *at)
{
    struct socket_conn *s = state;
    websocket_fini(&s->socket);
    if (s->exchange != 0)
        transport_end(s->tc, s->exchange, CHANNEL_END_COMPLETE, at);
    if (s->begun)
        transport_end_conn(s->tc, s->channel, how, s->capture_ended, at);
}

const struct transport transport_websocket = {
    .name = "websocket",
    .token = "websocket",
    .state_bytes = sizeof(struct socket_conn),
    .probe = probe,
    .init = init,
    .upgrade = upgrade,
    .feed = feed,
    .gap = gap,
    .end = end,
    .fini = fini,
};
