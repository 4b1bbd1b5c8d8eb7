/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MCP over WebSocket on a TCP connection of its own. The connection is the session: it has one
 * channel, from the handshake on.
 */
#include "fields.h"
#include "websocket.h"
#include <string.h>

struct socket_conn {
    const struct transport_conn *tc;
    uint32_t channel;
    uint32_t exchange; /* the one of HTTP that asked for the upgrade, if it was told; 0: no */
    bool capture_ended;
};

static enum probe_result probe(const struct probe *p)
{
    (void)p;
    return PROBE_NO;
}

static void begin(struct socket_conn *s, uint16_t flags, const struct stream_pos *at)
{
    struct record r;
    transport_record(s->tc, RECORD_BEGIN, s->channel, at, &r);
    r.u.begin = (struct record_begin){.flags = flags};
    s->tc->env->sink.record(s->tc->env->sink.ctx, &r);
}

static void end_channel(const struct socket_conn *s, uint32_t channel, enum channel_end how,
                        const struct stream_pos *at)
{
    struct record r;
    transport_record(s->tc, RECORD_END, channel, at, &r);
    r.end = (uint8_t)how;
    s->tc->env->sink.record(s->tc->env->sink.ctx, &r);
}

static int init(void *state, const struct transport_conn *tc, bool joined)
{
    (void)joined;
    struct socket_conn *s = state;
    s->tc = tc;
    s->channel = 1;
    return 0;
}

static int upgrade(void *state, const struct transport_conn *tc, const struct transport_upgrade *u)
{
    struct socket_conn *s = state;
    s->tc = tc;
    s->channel = u->channel;
    s->exchange = u->begun ? s->channel++ : 0;
    begin(s, u->response->mcp_socket ? CHANNEL_MCP_HEADER : 0, u->at);
    return 0;
}

static void feed(void *state, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at)
{
    (void)state;
    (void)dir;
    (void)bytes;
    (void)n;
    (void)at;
}

static void gap(void *state, enum dir dir, uint64_t n, const struct stream_pos *at)
{
    const struct socket_conn *s = state;
    transport_finding(s->tc, s->channel, dir, FINDING_GAP, n, at);
}

static void end(void *state, enum dir dir, enum stream_end how, const struct stream_pos *at)
{
    struct socket_conn *s = state;
    (void)dir;
    (void)at;
    s->capture_ended |= how == STREAM_END_CAPTURE;
}

static void fini(void *state, enum channel_end how, const struct stream_pos *at)
{
    struct socket_conn *s = state;
    if (s->capture_ended)
        how = CHANNEL_END_CAPTURE;
    if (s->exchange != 0)
        end_channel(s, s->exchange, CHANNEL_END_COMPLETE, at);
    end_channel(s, s->channel, how, at);
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
