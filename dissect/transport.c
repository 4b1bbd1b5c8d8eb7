/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all transports share: how a record of a connection begins, and the parsers of texts. A
 * parser is several kilobytes, so a connection has one only while a message is being read; a short
 * list of spare ones saves most of the allocations. Who leaves a message half read holds one, on
 * HTTP/2 for each stream, so their number is bounded over all connections.
 */
#include "dissect/transport.h"
#include "base/counted.h"
#include "dissect/rpc.h"
#include "dissect/squirrel.h"
#include "findings.h"
#include <stdlib.h>
#include <string.h>

struct transport_spare_node {
    struct transport_spare_node *next;
};

void transport_add(const struct transport_env *env, struct noted **at, enum record_noted what,
                   uint64_t n)
{
    if (!*at)
        *at = counted_calloc(env->state_bytes, sizeof(**at));
    if (*at)
        (*at)->bytes[what] += n;
}

void transport_record(const struct transport_conn *tc, enum record_type type, uint32_t channel,
                      const struct stream_pos *at, struct record *ret_record)
{
    struct record *r = ret_record;
    r->type = (uint8_t)type;
    r->transport = tc->transport;
    r->conn_event = 0;
    r->end = 0;
    r->channel = channel;
    r->slot = tc->conn->slot;
    r->conn_id = tc->conn->id;
    r->client = *conn_client(tc->conn);
    r->server = *conn_server(tc->conn);
    r->at = *at;
}

void transport_finding(const struct transport_conn *tc, uint32_t channel, enum dir dir,
                       enum finding finding, uint64_t amount, const struct stream_pos *at)
{
    struct findings *f = findings_may_wait(finding) ? tc->env->findings : NULL;
    if (f && findings_fit(f, tc->conn->id, channel, dir, at)) {
        findings_add(f, finding, amount);
        return;
    }
    struct record r;
    transport_record(tc, RECORD_FINDING, channel, at, &r);
    r.u.finding = (struct record_finding){amount, (uint8_t)finding, (uint8_t)dir};
    if (f)
        findings_begin(f, &r);
    else
        transport_send(tc, &r);
}

void transport_end(const struct transport_conn *tc, uint32_t channel, enum channel_end how,
                   const struct stream_pos *at)
{
    struct record own, *r = transport_room(tc, &own);
    transport_record(tc, RECORD_END, channel, at, r);
    r->end = (uint8_t)how;
    transport_send(tc, r);
}

bool transport_is_monologue(const struct conn *c)
{
    bool complete = !c->midstream && !c->start_unknown && c->established_ns != 0 &&
                    c->close == CONN_CLOSE_FIN && !transport_one_way(c);
    for (int side = 0; side < DIR_COUNT; side++)
        complete = complete && c->side[side].lost_bytes == 0 && c->side[side].truncated_bytes == 0;
    return complete && (c->side[0].payload_bytes == 0 || c->side[1].payload_bytes == 0);
}

void transport_end_conn(const struct transport_conn *tc, uint32_t channel, enum channel_end how,
                        bool capture_ended, const struct stream_pos *at)
{
    if (transport_one_way(tc->conn))
        how = CHANNEL_END_LOST;
    else if (capture_ended)
        how = CHANNEL_END_CAPTURE;
    transport_end(tc, channel, how, at);
}

enum probe_result transport_probe_encrypted(const struct probe *p)
{
    static const struct transport *const transports[] = {
#define TRANSPORT(id, name, file) &file,
#include "dissect/transports.def"
#undef TRANSPORT
    };
    enum probe_result result = PROBE_NO;
    for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
        enum probe_result one = transports[i]->encrypted ? transports[i]->probe(p) : PROBE_NO;
        if (one == PROBE_YES || one == PROBE_SWAPPED)
            return one;
        if (one == PROBE_MORE)
            result = PROBE_MORE;
    }
    return result;
}

static bool may_take(const struct transport_env *env)
{
    if (transport_may_take(env))
        return true;
    limits_hit_add(env->hit, LIMIT_ID_PARSERS);
    return false;
}

struct rpc *transport_rpc_take(const struct transport_env *env)
{
    struct transport_spare *spare = env->spare;
    struct transport_spare_node *node = spare->first;
    if (!may_take(env))
        return NULL;
    if (!node) {
        struct rpc *rpc = malloc(sizeof(*rpc));
        spare->in_use += rpc != NULL;
        return rpc;
    }
    spare->first = node->next;
    spare->count--;
    spare->in_use++;
    return (struct rpc *)(void *)node;
}

void transport_rpc_give(const struct transport_env *env, struct rpc *rpc)
{
    struct transport_spare *spare = env->spare;
    spare->in_use--;
    if (spare->count >= LIMIT_SPARE_PARSERS) {
        free(rpc);
        return;
    }
    struct transport_spare_node *node = (struct transport_spare_node *)(void *)rpc;
    node->next = spare->first;
    spare->first = node;
    spare->count++;
}

struct squirrel *transport_squirrel_take(const struct transport_env *env)
{
    struct squirrel *squirrel = may_take(env) ? malloc(sizeof(*squirrel)) : NULL;
    env->spare->in_use += squirrel != NULL;
    return squirrel;
}

void transport_squirrel_give(const struct transport_env *env, struct squirrel *squirrel)
{
    env->spare->in_use--;
    free(squirrel);
}

void transport_spare_free(struct transport_spare *spare)
{
    while (spare->first) {
        struct transport_spare_node *node = spare->first;
        spare->first = node->next;
        free(node);
    }
    spare->count = 0;
}
