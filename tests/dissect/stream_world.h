/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DISSECT_STREAM_WORLD_H
#define TESTS_DISSECT_STREAM_WORLD_H

#include "dissect/dissector.h"
#include "dissect/tracker.h"
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * A world of one TCP connection for tests of transports that are no HTTP: bytes and gaps go through
 * a dissector and a tracker; what both tell becomes a log, one line an event:
 *
 *   >request initialize 1            a message: > from client to server
 *   <result initialize 1
 *   =result initialize 1             an exchange that ended
 *   !parse:malformed_json 1 >        a finding
 */

struct piece {
    enum dir dir;
    const char *bytes; /* NULL: a gap of n bytes */
    size_t n;
};

#define C2S(text)                                                                                  \
    {                                                                                              \
        DIR_C2S, text, sizeof(text) - 1                                                            \
    }
#define S2C(text)                                                                                  \
    {                                                                                              \
        DIR_S2C, text, sizeof(text) - 1                                                            \
    }
#define GAP(dir, n)                                                                                \
    {                                                                                              \
        dir, NULL, n                                                                               \
    }

struct stream_world {
    char log[1 << 15];
    size_t len;
    uint64_t sessions;
    struct limits_hit hit;
    /* How the connection is seen. */
    bool midstream, byte_by_byte;
    enum stream_end end;
    bool one_way;
};

__attribute__((format(printf, 2, 3), unused)) static void stream_log(struct stream_world *w,
                                                                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(w->log + w->len, sizeof(w->log) - w->len, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof(w->log) - w->len)
        w->len += (size_t)n;
}

static void stream_connection(void *ctx, const struct event_connection *e)
{
    (void)ctx;
    (void)e;
}

static void stream_session(void *ctx, const struct event_session *e)
{
    struct stream_world *w = ctx;
    w->sessions += e->event == SESSION_OPENED;
    if (e->origin.version[0] && e->event != SESSION_CLOSED)
        stream_log(w, "@%s\n", e->origin.version);
}

static void stream_message(void *ctx, const struct event_message *e)
{
    static const char *const kinds[] = {"request", "notification", "result", "error"};
    struct stream_world *w = ctx;
    size_t id_len, name_len;
    const char *id = message_text(e->message, MESSAGE_TEXT_ID, &id_len);
    const char *name = message_text(e->message, MESSAGE_TEXT_NAME, &name_len);
    stream_log(w, "%c%s %.*s", e->message->dir == DIR_C2S ? '>' : '<', kinds[e->message->kind],
               (int)e->method_len, e->method);
    if (id_len > 0)
        stream_log(w, " %.*s", (int)id_len, id);
    if (name_len > 0)
        stream_log(w, " (%.*s)", (int)name_len, name);
    stream_log(w, "%s\n", e->orphan ? " orphan" : "");
    cr_assert(e->message->first.ts_ns <= e->message->last.ts_ns);
}

static void stream_exchange(void *ctx, const struct event_exchange *e)
{
    stream_log(ctx, "=%s %.*s %.*s\n", event_status_name(e->status), (int)e->method_len, e->method,
               (int)e->id_len, e->id);
}

static void stream_finding(void *ctx, const struct event_finding *e)
{
    stream_log(ctx, "!%s %llu %c\n", e->type, (unsigned long long)e->amount,
               e->dir == DIR_C2S ? '>' : '<');
}

/* Runs the pieces, a microsecond apart, and ends the connection. Short of memory it may tell less.
 */
__attribute__((unused)) static void stream_run(struct stream_world *w, const struct piece *pieces,
                                               size_t count)
{
    struct event_sink events = {
        w, stream_connection, stream_session, stream_message, stream_exchange, stream_finding};
    struct tracker_config tracking = {.hash = {3, 4}};
    struct dissector_config config = {.hash = {3, 4}};
    w->len = 0;
    w->log[0] = '\0';
    w->sessions = 0;
    struct tracker *tracker = tracker_new(&tracking, &events, &w->hit);
    if (!tracker)
        return;
    struct dissector *d = dissector_new(&config, tracker_record_sink(tracker), &w->hit);
    if (!d) {
        tracker_free(tracker);
        return;
    }
    const struct stream_sink *s = dissector_stream_sink(d);
    struct stream_pos at = {1000000, 1};
    struct conn c = {.id = 1, .midstream = w->midstream, .roles_known = !w->midstream};
    c.endpoint[0] = (struct endpoint){{10, 0, 0, 1}, 40000, 4, 0};
    c.endpoint[1] = (struct endpoint){{10, 0, 0, 2}, 7777, 4, 0};
    c.side[0].packets = 1;
    c.side[1].packets = !w->one_way;
    s->conn(s->ctx, &c, CONN_EVENT_OPENED, &at);
    for (size_t i = 0; i < count; i++) {
        const struct piece *p = &pieces[i];
        size_t step = w->byte_by_byte && p->n > 0 ? 1 : p->n;
        at.packet++;
        at.ts_ns += 1000;
        enum dir dir = (enum dir)((int)p->dir ^ c.swapped);
        if (!p->bytes)
            s->gap(s->ctx, &c, dir, p->n, GAP_LOST, &at);
        for (size_t k = 0; p->bytes && k < p->n; k += step) {
            dir = (enum dir)((int)p->dir ^ c.swapped);
            s->data(s->ctx, &c, dir, (const uint8_t *)p->bytes + k, step, &at);
        }
    }
    for (int dir = 0; dir < DIR_COUNT; dir++)
        s->end(s->ctx, &c, (enum dir)dir, w->end, &at);
    s->conn(s->ctx, &c, CONN_EVENT_GONE, &at);
    cr_assert_eq(*dissector_state_bytes(d), 0);
    dissector_free(d);
    tracker_finish(tracker, &at);
    tracker_free(tracker);
}

#define RUN(w, pieces) stream_run(w, pieces, sizeof(pieces) / sizeof((pieces)[0]))

#define EXPECT(w, text)                                                                            \
    cr_expect(strcmp((w)->log, text) == 0, "got\n%s\ninstead of\n%s", (w)->log, text)

/* Runs the pieces whole and byte by byte, which must tell the same. */
#define RUN_BOTH(w, pieces)                                                                        \
    do {                                                                                           \
        static char whole[sizeof((w)->log)];                                                       \
        (w)->byte_by_byte = false;                                                                 \
        RUN(w, pieces);                                                                            \
        memcpy(whole, (w)->log, sizeof(whole));                                                    \
        (w)->byte_by_byte = true;                                                                  \
        RUN(w, pieces);                                                                            \
        cr_expect(strcmp((w)->log, whole) == 0, "byte by byte\n%s\nwhole\n%s", (w)->log, whole);   \
        (w)->byte_by_byte = false;                                                                 \
    } while (0)

/* The direction dir of a conversation is cut in two at every place, and each half delivered by
 * itself: the log must not change. */
__attribute__((unused)) static void stream_every_cut(struct stream_world *w,
                                                     const struct piece *pieces, size_t count)
{
    static char whole[sizeof(w->log)];
    static struct piece cut[256];
    stream_run(w, pieces, count);
    memcpy(whole, w->log, sizeof(whole));
    cr_assert(count < 255);
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 1; pieces[i].bytes && at < pieces[i].n; at++) {
            memcpy(cut, pieces, i * sizeof(*pieces));
            cut[i] = (struct piece){pieces[i].dir, pieces[i].bytes, at};
            cut[i + 1] = (struct piece){pieces[i].dir, pieces[i].bytes + at, pieces[i].n - at};
            memcpy(cut + i + 2, pieces + i + 1, (count - i - 1) * sizeof(*pieces));
            stream_run(w, cut, count + 1);
            cr_assert(strcmp(w->log, whole) == 0, "piece %zu cut at %zu:\n%s\ninstead of\n%s", i,
                      at, w->log, whole);
        }
    }
}

/* Every run of `length` bytes in every piece is lost, then the same with the rest of the piece:
 * check is called with what was told. */
__attribute__((unused)) static void stream_every_gap(struct stream_world *w,
                                                     const struct piece *pieces, size_t count,
                                                     void (*check)(const struct stream_world *w))
{
    static struct piece cut[256];
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < pieces[i].n; at++) {
            for (size_t n = 1; at + n <= pieces[i].n; n = n < 8 ? n + 1 : n * 3) {
                size_t used = i;
                memcpy(cut, pieces, i * sizeof(*pieces));
                if (at > 0)
                    cut[used++] = (struct piece){pieces[i].dir, pieces[i].bytes, at};
                cut[used++] = (struct piece){pieces[i].dir, NULL, n};
                if (at + n < pieces[i].n)
                    cut[used++] = (struct piece){pieces[i].dir, pieces[i].bytes + at + n,
                                                 pieces[i].n - at - n};
                memcpy(cut + used, pieces + i + 1, (count - i - 1) * sizeof(*pieces));
                stream_run(w, cut, used + count - i - 1);
                check(w);
            }
        }
    }
}

/* How often a text occurs in the log. */
__attribute__((unused)) static int stream_count(const struct stream_world *w, const char *text)
{
    int n = 0;
    for (const char *p = w->log; (p = strstr(p, text)); p += strlen(text))
        n++;
    return n;
}

#endif
