/* SPDX-License-Identifier: BSD-3-Clause */
/* The transports that only name encrypted traffic, tls and ssh; and what the last record of a
 * connection says of its bytes. */
#include "http_world.h"
#include "tests/support/fail_alloc.h"

#define HELLO(type)  "\x16\x03\x01\x00\x05" type "\x00\x00\x01\x03"
#define DATA(length) "\x17\x03\x03\x00" length

struct seen {
    int count, others;
    uint8_t transport, content;
    uint64_t noted[RECORD_NOTED_COUNT];
};

static void on_record(void *ctx, struct record *r)
{
    struct seen *seen = ctx;
    if (r->type != RECORD_CONN) {
        seen->others++;
        return;
    }
    seen->count++;
    seen->transport = r->transport;
    seen->content = r->u.content;
    memcpy(seen->noted, r->u.noted, sizeof(seen->noted));
}

static struct seen seen;
static struct dissector *d;
static const struct stream_sink *s;
static struct conn c;
static const struct stream_pos at = {1, 1};

static void open_conn(bool midstream)
{
    struct record_sink sink = {&seen, on_record, NULL};
    seen = (struct seen){0};
    d = dissector_new(&(struct dissector_config){.hash = WORLD_KEY}, &sink, &world_hit);
    s = dissector_stream_sink(d);
    c = (struct conn){.id = 9, .roles_known = !midstream, .midstream = midstream};
    s->conn(s->ctx, &c, CONN_EVENT_OPENED, &at);
}

static void data(enum dir dir, const char *text, size_t n)
{
    s->data(s->ctx, &c, dir, (const uint8_t *)text, n, &at);
}

/* What the connection's last record says. */
static void close_conn(uint8_t transport, enum record_content content, const char *what)
{
    for (int dir = 0; dir < DIR_COUNT; dir++)
        s->end(s->ctx, &c, (enum dir)dir, STREAM_END_FIN, &at);
    s->conn(s->ctx, &c, CONN_EVENT_GONE, &at);
    cr_expect(seen.transport == transport && seen.content == content && seen.others == 0,
              "%s: transport %u, content %u, %d other records", what, seen.transport, seen.content,
              seen.others);
    dissector_free(d);
}

struct first {
    const char *bytes;
    size_t n;
    uint8_t transport, content;
    enum dir dir;
};

#define FIRST(text) text, sizeof(text) - 1

Test(transport_tls, from_the_start)
{
    static const struct first firsts[] = {
        {FIRST(HELLO("\x01")), TRANSPORT_TLS, RECORD_CONTENT_ENCRYPTED, DIR_C2S},
        {FIRST(HELLO("\x02")), TRANSPORT_TLS, RECORD_CONTENT_ENCRYPTED, DIR_S2C},
        {FIRST("\x16\x03\x03\x40\x00\x01"), TRANSPORT_TLS, RECORD_CONTENT_ENCRYPTED, DIR_C2S},
        {FIRST("SSH-2.0-OpenSSH_9.2p1\r\n"), TRANSPORT_SSH, RECORD_CONTENT_ENCRYPTED, DIR_S2C},
        {FIRST("SSH-1.99-x\r\n"), TRANSPORT_SSH, RECORD_CONTENT_ENCRYPTED, DIR_C2S},
        /* not quite */
        {FIRST(HELLO("\x02")), TRANSPORT_NONE, RECORD_CONTENT_OTHER, DIR_C2S},
        {FIRST(HELLO("\x01")), TRANSPORT_NONE, RECORD_CONTENT_OTHER, DIR_S2C},
        {FIRST(HELLO("\x0b")), TRANSPORT_NONE, RECORD_CONTENT_OTHER, DIR_C2S},
        {FIRST("\x16\x02\x01\x00\x05\x01"), TRANSPORT_NONE, RECORD_CONTENT_OTHER, DIR_C2S},
        {FIRST("\x16\x03\x05\x00\x05\x01"), TRANSPORT_NONE, RECORD_CONTENT_OTHER, DIR_C2S},
        {FIRST("\x16\x03\x01\x00\x00\x01"), TRANSPORT_NONE, RECORD_CONTENT_OTHER, DIR_C2S},
        {FIRST("\x16\x03\x01\x48\x01\x01"), TRANSPORT_NONE, RECORD_CONTENT_OTHER, DIR_C2S},
        {FIRST(DATA("\x03") "abc"), TRANSPORT_NONE, RECORD_CONTENT_OTHER, DIR_C2S},
        {FIRST("SSH-3"), TRANSPORT_NONE, RECORD_CONTENT_OTHER, DIR_C2S},
        {FIRST("SSL-2"), TRANSPORT_NONE, RECORD_CONTENT_OTHER, DIR_C2S},
        /* too few bytes to tell */
        {FIRST("\x16\x03\x01\x00"), TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, DIR_C2S},
        {FIRST("SSH-"), TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, DIR_C2S},
    };
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        const struct first *f = &firsts[i];
        open_conn(false);
        data(f->dir, f->bytes, f->n);
        close_conn(f->transport, f->content, f->bytes);
        open_conn(false);
        for (size_t j = 0; j < f->n; j++)
            data(f->dir, f->bytes + j, 1);
        close_conn(f->transport, f->content, f->bytes);
    }
}

Test(transport_tls, in_the_middle)
{
    static char bulk[1400] = "\x17\x03\x03\x40\x11";
    static const struct first firsts[] = {
        {FIRST(DATA("\x03") "abc"), TRANSPORT_TLS, RECORD_CONTENT_ENCRYPTED, DIR_C2S},
        {FIRST(DATA("\x03") "abc" DATA("\x20") "de"), TRANSPORT_TLS, RECORD_CONTENT_ENCRYPTED,
         DIR_S2C},
        {FIRST(DATA("\x03") "abc\x15\x03\x03"), TRANSPORT_TLS, RECORD_CONTENT_ENCRYPTED, DIR_S2C},
        {FIRST("\x15\x03\x03\x00\x02\x01\x00"), TRANSPORT_TLS, RECORD_CONTENT_ENCRYPTED, DIR_S2C},
        {bulk, sizeof(bulk), TRANSPORT_TLS, RECORD_CONTENT_ENCRYPTED, DIR_S2C},
        /* not quite */
        {bulk, 900, TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, DIR_S2C},
        {FIRST(DATA("\x03") "abcd"), TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, DIR_C2S},
        {FIRST(DATA("\x03") "abc\x17\x03"), TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, DIR_C2S},
        {FIRST(DATA("\x03") "abc{}."), TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, DIR_C2S},
        {FIRST("\x18\x03\x03\x00\x01x"), TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, DIR_C2S},
        {FIRST("\x17\x03\x03\x00"), TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, DIR_C2S},
        {FIRST("\x17"), TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, DIR_C2S},
    };
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        const struct first *f = &firsts[i];
        for (int gap = 0; gap < 2; gap++) {
            open_conn(!gap);
            if (gap)
                s->gap(s->ctx, &c, f->dir, 100, GAP_LOST, &at);
            data(f->dir, f->bytes, f->n);
            close_conn(f->transport, f->content, f->bytes);
        }
    }
}

/* What was named needs no memory and is left alone, whatever comes. */
Test(transport_tls, is_left_alone)
{
    open_conn(false);
    data(DIR_C2S, FIRST(HELLO("\x01")));
    cr_expect_eq(world_hit.count[LIMIT_ID_PROBE_SEGMENTS], 0);
    fail_alloc_at(1);
    data(DIR_C2S, FIRST("POST /mcp HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"));
    s->gap(s->ctx, &c, DIR_S2C, 100, GAP_LOST, &at);
    data(DIR_S2C, FIRST("HTTP/1.1 200 OK\r\n\r\n"));
    cr_expect_not(fail_alloc_stop());
    close_conn(TRANSPORT_TLS, RECORD_CONTENT_ENCRYPTED, "left alone");
}

/* What is no TLS is told apart from what cannot be told. */
Test(transport_tls, other_and_unknown)
{
    open_conn(false);
    data(DIR_C2S, FIRST("*1\r\n$4\r\nPING\r\n"));
    close_conn(TRANSPORT_NONE, RECORD_CONTENT_OTHER, "redis");
    open_conn(true);
    data(DIR_C2S, FIRST("*1\r\n$4\r\nPING\r\n"));
    close_conn(TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, "redis, midstream");
    open_conn(true);
    for (int i = 0; i < 2 * LIMIT_PROBE_SEGMENTS + 1; i++)
        data(i % 2 ? DIR_C2S : DIR_S2C, FIRST("*1\r\n$4\r\nPING\r\n"));
    close_conn(TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, "given up");
    open_conn(false);
    close_conn(TRANSPORT_NONE, RECORD_CONTENT_UNKNOWN, "nothing");
    open_conn(false);
    data(DIR_C2S, FIRST("GET / HTTP/1.1\r\n\r\n"));
    close_conn(TRANSPORT_HTTP1, RECORD_CONTENT_READ, "http");
}

Test(transport_tls, every_allocation_fails)
{
    for (uint64_t n = 1;; n++) {
        open_conn(false);
        fail_alloc_at(n);
        data(DIR_C2S, FIRST("\x16\x03"));
        data(DIR_C2S, FIRST("\x01\x00\x05\x01\x00\x00\x01\x03"));
        bool failed = fail_alloc_stop();
        close_conn(failed ? TRANSPORT_NONE : TRANSPORT_TLS,
                   failed ? RECORD_CONTENT_UNKNOWN : RECORD_CONTENT_ENCRYPTED, "no memory");
        if (!failed)
            break;
    }
}

/* ---- bytes that are something else than their connection */

static void close_noted(uint64_t unread, uint64_t other, uint64_t encrypted, const char *what)
{
    for (int dir = 0; dir < DIR_COUNT; dir++)
        s->end(s->ctx, &c, (enum dir)dir, STREAM_END_FIN, &at);
    data(DIR_C2S, FIRST("late")); /* a reordered capture may bring it */
    s->gap(s->ctx, &c, DIR_C2S, 1, GAP_LOST, &at);
    s->conn(s->ctx, &c, CONN_EVENT_CLOSED, &at);
    s->conn(s->ctx, &c, CONN_EVENT_GONE, &at);
    cr_expect_eq(seen.transport, TRANSPORT_HTTP1, "%s", what);
    cr_expect_eq(seen.content, RECORD_CONTENT_READ, "%s", what);
    cr_expect(seen.noted[RECORD_NOTED_UNREAD] == unread &&
                  seen.noted[RECORD_NOTED_OTHER] == other &&
                  seen.noted[RECORD_NOTED_ENCRYPTED] == encrypted,
              "%s: unread %lu, other %lu, encrypted %lu", what, seen.noted[RECORD_NOTED_UNREAD],
              seen.noted[RECORD_NOTED_OTHER], seen.noted[RECORD_NOTED_ENCRYPTED]);
    dissector_free(d);
}

static void feed(enum dir dir, const char *text, size_t n, bool whole)
{
    for (size_t i = 0; i < n; i += whole ? n : 1)
        data(dir, text + i, whole ? n : 1);
}

#define MCP_HEAD "HTTP/1.1 200 OK\r\nMcp-Session-Id: s\r\nContent-Type: application/json\r\n"

Test(noted, tunnels)
{
    for (int whole = 0; whole < 2; whole++) {
        open_conn(false);
        feed(DIR_C2S, FIRST("CONNECT a:443 HTTP/1.1\r\n\r\n"), whole);
        feed(DIR_S2C, FIRST("HTTP/1.1 200 OK\r\n\r\n"), whole);
        feed(DIR_C2S, FIRST(HELLO("\x01")), whole);
        feed(DIR_S2C, FIRST(HELLO("\x02") "more"), whole);
        close_noted(0, 0, 24, "TLS in a tunnel");
        open_conn(false);
        feed(DIR_C2S, FIRST("CONNECT a:22 HTTP/1.1\r\n\r\n"), whole);
        feed(DIR_S2C, FIRST("HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x\r\n"), whole);
        feed(DIR_C2S, FIRST("SSH-2.0-y\r\n"), whole);
        close_noted(0, 0, 22, "SSH in a tunnel, the server first");
        open_conn(false);
        feed(DIR_C2S, FIRST("CONNECT a:80 HTTP/1.1\r\n\r\n"), whole);
        feed(DIR_S2C, FIRST("HTTP/1.1 200 OK\r\n\r\n"), whole);
        feed(DIR_C2S, FIRST("POST /mcp HTTP/1.1\r\n\r\n"), whole);
        close_noted(22, 0, 0, "clear text in a tunnel");
    }
}

Test(noted, bodies)
{
    for (int whole = 0; whole < 2; whole++) {
        open_conn(false);
        feed(DIR_C2S, FIRST("GET / HTTP/1.1\r\n\r\n"), whole);
        feed(DIR_S2C, FIRST("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), whole);
        close_noted(0, 5, 0, "a web page");
        open_conn(false);
        feed(DIR_C2S, FIRST("POST /mcp HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"), whole);
        feed(DIR_S2C, FIRST(MCP_HEAD "Content-Encoding: x\r\nContent-Length: 5\r\n\r\nhello"),
             whole);
        close_noted(5, 0, 0, "an unknown coding");
    }
}

Test(noted, behind_losses)
{
    open_conn(false);
    data(DIR_C2S, FIRST("POST /mcp HTTP/1.1\r\nContent-Length: 20\r\n\r\n{\"json"));
    s->gap(s->ctx, &c, DIR_C2S, 6, GAP_LOST, &at);
    data(DIR_C2S, FIRST("rest of}"));
    close_noted(8, 0, 0, "the rest of a message");
    open_conn(false);
    data(DIR_C2S, FIRST("POST /mcp HTTP/1.1\r\nContent-Le"));
    s->gap(s->ctx, &c, DIR_C2S, 6, GAP_LOST, &at);
    data(DIR_C2S, FIRST("somewhere"));
    data(DIR_C2S, FIRST("GET / HTTP/1.1\r\n\r\n"));
    close_noted(9, 0, 0, "lost framing");
    open_conn(true);
    data(DIR_S2C, FIRST("the rest of something"));
    data(DIR_S2C, FIRST("HTTP/"));
    s->gap(s->ctx, &c, DIR_S2C, 6, GAP_LOST, &at);
    data(DIR_S2C, FIRST("more"));
    data(DIR_C2S, FIRST("GET / HTTP/1.1\r\n\r\n"));
    close_noted(30, 0, 0, "before anything was recognised");
}
