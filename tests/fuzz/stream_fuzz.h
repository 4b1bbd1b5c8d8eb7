/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_STREAM_FUZZ_H
#define TESTS_FUZZ_STREAM_FUZZ_H

#include "dissect/dissector.h"
#include "dissect/tracker.h"
#include <stdlib.h>
#include <string.h>

/*
 * A connection of pieces for transports that are no HTTP: each has a byte of direction, gap and
 * kind, a length, and bytes. It goes through dissector and tracker; channel 1 must keep to the life
 * of a channel, and what is told must not depend on how pieces are cut.
 */

struct stream_fuzz {
    const struct record_sink *tracker;
    uint8_t life; /* of channel 1: 0 new, 1 begun, 2 ended */
    struct hash_stream events;
    uint64_t findings; /* since the latest event of another kind */
};

static const struct hash_key STREAM_FUZZ_KEY = {3, 4};

/* How many findings of a packet are told at once depends on the cuts, not how many there are. */
static inline void stream_fuzz_tell_findings(struct stream_fuzz *f)
{
    hash_stream_feed(&f->events, &f->findings, sizeof(f->findings));
    f->findings = 0;
}

static inline void stream_fuzz_record(void *ctx, struct record *r)
{
    struct stream_fuzz *f = ctx;
    if (r->type != RECORD_CONN && r->channel == 1) {
        if (f->life == 2 || (f->life == 0) != (r->type == RECORD_BEGIN))
            abort();
        f->life = r->type == RECORD_END ? 2 : 1;
    }
    f->tracker->record(f->tracker->ctx, r);
}

static inline void stream_fuzz_connection(void *ctx, const struct event_connection *e)
{
    (void)ctx;
    (void)e;
}

static inline void stream_fuzz_session(void *ctx, const struct event_session *e)
{
    struct stream_fuzz *f = ctx;
    stream_fuzz_tell_findings(f);
    hash_stream_feed(&f->events, &e->event, sizeof(e->event));
}

static inline void stream_fuzz_message(void *ctx, const struct event_message *e)
{
    struct stream_fuzz *f = ctx;
    const struct message *m = e->message;
    uint64_t facts[] = {m->kind, m->dir, m->bytes, m->id.hash, m->flags, m->squirrel, e->orphan};
    stream_fuzz_tell_findings(f);
    hash_stream_feed(&f->events, facts, sizeof(facts));
    hash_stream_feed(&f->events, m->text, m->text_used);
    hash_stream_feed(&f->events, e->method, e->method_len);
}

static inline void stream_fuzz_exchange(void *ctx, const struct event_exchange *e)
{
    struct stream_fuzz *f = ctx;
    uint64_t facts[] = {e->dir, e->status, e->request_bytes, e->response_bytes};
    stream_fuzz_tell_findings(f);
    hash_stream_feed(&f->events, facts, sizeof(facts));
    hash_stream_feed(&f->events, e->id, e->id_len);
}

static inline void stream_fuzz_finding(void *ctx, const struct event_finding *e)
{
    struct stream_fuzz *f = ctx;
    uint64_t type = hash_bytes(&STREAM_FUZZ_KEY, e->type, strlen(e->type));
    f->findings += (type + (uint64_t)e->dir) * e->amount;
}

static inline void stream_fuzz_pieces(const struct stream_sink *s, struct conn *c,
                                      const uint8_t *data, size_t size, bool byte_by_byte)
{
    struct stream_pos at = {1000, 1};
    for (size_t i = 1; i + 2 <= size;) {
        uint8_t op = data[i];
        size_t n = data[i + 1] + (op & 0x40 ? 64U : 0U);
        i += 2;
        at.packet++;
        at.ts_ns += (op >> 2) & 3;
        if (op & 0x10) {
            s->gap(s->ctx, c, (op ^ c->swapped) & 1, n + 1, GAP_LOST, &at);
            continue;
        }
        n = n < size - i ? n : size - i;
        for (size_t k = 0, step = byte_by_byte ? 1 : n; k < n; k += step)
            s->data(s->ctx, c, (op ^ c->swapped) & 1, data + i + k, step, &at);
        i += n;
    }
    for (int dir = 0; dir < DIR_COUNT; dir++)
        s->end(s->ctx, c, (enum dir)dir, size ? data[0] >> 3 & 3U : STREAM_END_FIN, &at);
    s->conn(s->ctx, c, CONN_EVENT_GONE, &at);
}

static inline uint64_t stream_fuzz_run(const uint8_t *data, size_t size, bool byte_by_byte)
{
    static const struct dissector_config config = {.hash = {1, 2}};
    static const struct tracker_config tracking = {.hash = {1, 2}};
    struct limits_hit hit = {{0}};
    struct stream_fuzz f = {.life = 0};
    struct event_sink events = {&f,
                                stream_fuzz_connection,
                                stream_fuzz_session,
                                stream_fuzz_message,
                                stream_fuzz_exchange,
                                stream_fuzz_finding};
    struct record_sink records = {&f, stream_fuzz_record, NULL};
    hash_stream_init(&f.events, &STREAM_FUZZ_KEY);
    struct tracker *tracker = tracker_new(&tracking, &events, &hit);
    f.tracker = tracker_record_sink(tracker);
    struct dissector *d = dissector_new(&config, &records, &hit);
    struct conn c = {.id = 1};
    struct stream_pos at = {1000, 1};
    c.midstream = size > 0 && data[0] & 1;
    c.roles_known = !c.midstream;
    c.side[0].packets = c.side[1].packets = 1;
    dissector_stream_sink(d)->conn(dissector_stream_sink(d)->ctx, &c, CONN_EVENT_OPENED, &at);
    stream_fuzz_pieces(dissector_stream_sink(d), &c, data, size, byte_by_byte);
    if (*dissector_state_bytes(d) != 0)
        abort();
    dissector_free(d);
    tracker_finish(tracker, &(struct stream_pos){.ts_ns = INT64_C(1) << 40, .packet = 1 << 20});
    tracker_free(tracker);
    if (f.life == 1)
        abort();
    stream_fuzz_tell_findings(&f);
    return hash_stream_end(&f.events);
}

/* Whole and cut must give the same, but for gaps, and for connections that began before the
 * capture: those are recognised by their segments, so there the cuts matter. */
static inline void stream_fuzz_compare(const uint8_t *data, size_t size)
{
    uint64_t whole = stream_fuzz_run(data, size, false);
    uint64_t cut = stream_fuzz_run(data, size, true);
    bool gaps = false;
    for (size_t i = 1; i + 2 <= size && !gaps;) {
        gaps = (data[i] & 0x10) != 0;
        i += gaps ? 2U : 2U + data[i + 1] + (data[i] & 0x40 ? 64U : 0U);
    }
    if (whole != cut && !gaps && !(size > 0 && data[0] & 1))
        abort();
}

#endif
