/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Coverage: from the counters of a connection that goes to the classes of its bytes.
 *
 * A connection's class is, the first that fits:
 *
 *   mcp          MCP was seen on it
 *   lost         none of its payload is in the capture
 *   encrypted    recognised as such
 *   undecodable  a transport that carries MCP was recognised, but most of it could not be read
 *   other        that transport carried no MCP, or it begins like nothing that carries MCP, or
 *                nothing was recognised where one side alone spoke, from its beginning to its end
 *   ambiguous    not recognised, and it cannot be said whether it would be: joined in the middle,
 *                given up, or too few bytes
 *
 * Its bytes count there, but for those that are told apart:
 *
 *   lost         never captured, or cut off by the snap length
 *   ambiguous    of a direction in which segments contradict each other: what the receiver took is
 *                not known
 *   undecodable, other, encrypted
 *                what the transport noted (dissect/record.h)
 *   other, ambiguous
 *                of a connection that carries MCP, JSON-RPC that is none, and such that came before
 *                anything showed whether it is
 */
#include "coverage.h"

static uint64_t no_more_than(uint64_t n, uint64_t most)
{
    return n < most ? n : most;
}

/* Moves up to n of *left to a class. */
static void tell_apart(struct coverage *t, enum coverage_class class, uint64_t n, uint64_t *left)
{
    n = no_more_than(n, *left);
    t->bytes[class] += n;
    *left -= n;
}

static enum coverage_class class_of(const struct event_connection *e, uint64_t captured)
{
    if (e->mcp)
        return COVERAGE_MCP;
    if (captured == 0)
        return COVERAGE_LOST;
    switch ((enum record_content)e->content) {
    case RECORD_CONTENT_UNKNOWN:
        break;
    case RECORD_CONTENT_OTHER:
        return COVERAGE_OTHER;
    case RECORD_CONTENT_ENCRYPTED:
        return COVERAGE_ENCRYPTED;
    case RECORD_CONTENT_READ:
        if (e->noted && e->noted[RECORD_NOTED_UNREAD] > captured / 2)
            return COVERAGE_UNDECODABLE;
        if (e->noted && e->noted[RECORD_NOTED_ENCRYPTED] > captured / 2)
            return COVERAGE_ENCRYPTED;
        return COVERAGE_OTHER;
    }
    return COVERAGE_AMBIGUOUS;
}

void coverage_add(struct coverage *t, const struct event_connection *e)
{
    static const enum coverage_class noted[RECORD_NOTED_COUNT] = {
        [RECORD_NOTED_UNREAD] = COVERAGE_UNDECODABLE,
        [RECORD_NOTED_OTHER] = COVERAGE_OTHER,
        [RECORD_NOTED_ENCRYPTED] = COVERAGE_ENCRYPTED};
    uint64_t captured = 0, certain = 0, lost = 0;
    for (int side = 0; side < DIR_COUNT; side++) {
        const struct conn_counters *n = &e->conn->side[side];
        uint64_t cut = no_more_than(n->truncated_bytes, n->payload_bytes);
        captured += n->payload_bytes - cut;
        lost += n->lost_bytes + cut;
        if (n->overlap_conflicts == 0)
            certain += n->payload_bytes - cut;
    }
    if (captured + lost == 0)
        return;
    enum coverage_class class = class_of(e, captured);
    t->connections[class]++;
    t->bytes[COVERAGE_LOST] += lost;
    t->bytes[COVERAGE_AMBIGUOUS] += captured - certain;
    for (int i = 0; e->noted && i < RECORD_NOTED_COUNT; i++)
        tell_apart(t, noted[i], e->noted[i], &certain);
    if (e->mcp) {
        tell_apart(t, COVERAGE_OTHER, e->foreign_bytes, &certain);
        tell_apart(t, COVERAGE_AMBIGUOUS, e->unproven_bytes, &certain);
    }
    t->bytes[class] += certain;
}

void coverage_merge(struct coverage *t, const struct coverage *from)
{
    for (int i = 0; i < COVERAGE_CLASS_COUNT; i++) {
        t->bytes[i] += from->bytes[i];
        t->connections[i] += from->connections[i];
    }
}

bool coverage_percent(const struct coverage *t, double *ret_percent)
{
    uint64_t total = 0;
    for (int i = 0; i < COVERAGE_CLASS_COUNT; i++)
        total += i == COVERAGE_OTHER ? 0 : t->bytes[i];
    if (total == 0)
        return false;
    *ret_percent = 100.0 * (double)t->bytes[COVERAGE_MCP] / (double)total;
    return true;
}

const char *coverage_key(enum coverage_class class)
{
    static const char *const keys[COVERAGE_CLASS_COUNT] = {
#define COVERAGE_CLASS(id, key) [COVERAGE_##id] = (key),
        COVERAGE_CLASSES
#undef COVERAGE_CLASS
    };
    return keys[class];
}
