/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections that change their protocol (RFC 9110 7.8): the transport is found by its token in the
 * Upgrade field, and its state lies behind what it needs to know of the connection, in one
 * allocation.
 *
 * Ignored on purpose: protocols on top of each other, of which an Upgrade field of a response may
 * name several.
 */
#include "upgrade.h"
#include "ascii.h"
#include "base/counted.h"
#include <stdalign.h>

static const struct transport *const transports[TRANSPORT_COUNT] = {
    NULL,
#define TRANSPORT(id, name, file) &file,
#include "dissect/transports.def"
#undef TRANSPORT
};

struct upgrade {
    struct transport_conn tc;
    const struct transport *transport;
    alignas(max_align_t) uint8_t state[];
};

static bool is_word(char c)
{
    return c != ',' && c != '/' && c != ' ' && c != '\t';
}

uint8_t upgrade_find(const char *value, size_t n)
{
    size_t i = 0;
    while (i < n) {
        while (i < n && !is_word(value[i]) && value[i] != '/')
            i++;
        size_t begin = i;
        while (i < n && is_word(value[i]))
            i++;
        for (unsigned id = TRANSPORT_NONE + 1; id < TRANSPORT_COUNT; id++) {
            const char *token = transports[id]->token;
            if (token && ascii_is(value + begin, i - begin, token))
                return (uint8_t)id;
        }
        while (i < n && value[i] != ',') /* a version */
            i++;
    }
    return TRANSPORT_NONE;
}

enum probe_result upgrade_probe(uint8_t transport, const struct probe *p)
{
    return transports[transport]->probe(p);
}

struct upgrade *upgrade_new(const struct transport_conn *outer, uint8_t transport,
                            const struct transport_upgrade *how)
{
    const struct transport *t = transports[transport];
    struct upgrade *u = counted_calloc(outer->env->state_bytes, sizeof(*u) + t->state_bytes);
    if (!u)
        return NULL;
    u->tc = *outer;
    u->tc.transport = transport;
    u->tc.turned = NULL;
    u->transport = t;
    if (t->upgrade(u->state, &u->tc, how) == 0)
        return u;
    counted_free(outer->env->state_bytes, u, sizeof(*u) + t->state_bytes);
    return NULL;
}

uint8_t upgrade_speaks(const struct upgrade *u)
{
    return u->transport->speaks ? u->transport->speaks(u->state) : u->tc.transport;
}

void upgrade_feed(struct upgrade *u, enum dir dir, const uint8_t *bytes, size_t n,
                  const struct stream_pos *at)
{
    u->transport->feed(u->state, dir, bytes, n, at);
}

void upgrade_gap(struct upgrade *u, enum dir dir, uint64_t n, const struct stream_pos *at)
{
    u->transport->gap(u->state, dir, n, at);
}

void upgrade_end(struct upgrade *u, enum dir dir, enum stream_end how, const struct stream_pos *at)
{
    u->transport->end(u->state, dir, how, at);
}

void upgrade_fini(struct upgrade *u, enum channel_end how, const struct stream_pos *at)
{
    u->transport->fini(u->state, how, at);
    counted_free(u->tc.env->state_bytes, u, sizeof(*u) + u->transport->state_bytes);
}

void upgrade_settle(struct upgrade *u, struct noted **noted)
{
    u->tc.noted = noted;
}

/* ---- as a transport of its own */

static struct upgrade *of(const void *state)
{
    return *(struct upgrade *const *)state;
}

static uint8_t speaks(const void *state)
{
    return upgrade_speaks(of(state));
}

static void feed(void *state, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at)
{
    upgrade_feed(of(state), dir, bytes, n, at);
}

static void gap(void *state, enum dir dir, uint64_t n, const struct stream_pos *at)
{
    upgrade_gap(of(state), dir, n, at);
}

static void end(void *state, enum dir dir, enum stream_end how, const struct stream_pos *at)
{
    upgrade_end(of(state), dir, how, at);
}

static void fini(void *state, enum channel_end how, const struct stream_pos *at)
{
    upgrade_fini(of(state), how, at);
}

const struct transport transport_upgraded = {
    .state_bytes = sizeof(struct upgrade *),
    .speaks = speaks,
    .feed = feed,
    .gap = gap,
    .end = end,
    .fini = fini,
};
