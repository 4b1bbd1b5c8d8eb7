/* SPDX-License-Identifier: BSD-3-Clause */
/* What the stages tell of batches, shard by shard, against a plain loop in which each packet goes
 * all the way before the next: the same, in the same order. */
#include "capture/engine.h"
#include "capture/source_internal.h"
#include "cli/stages.h"
#include "dissect/dissector.h"
#include <criterion/criterion.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(stages_order, .timeout = 120);

#define FILE_BYTES 24 /* header of a pcap file */
#define SLOTS      8192

static const struct hash_key key = {1, 2};
static char error[SOURCE_ERROR_BYTES];

/* ---- what is told, as lines */

struct told {
    FILE *lines;
    char *text;
    size_t n;
    uint64_t numbers[SLOTS]; /* by slot */
    uint64_t next_number;    /* 0: they are numbered already */
};

static void tell_message(FILE *out, const struct message *m)
{
    fprintf(out,
            " kind %u dir %u method %u flags %x id %" PRIx64 " bytes %" PRIu64 " %" PRId64
            " to %" PRIu64 " ",
            m->kind, m->dir, m->method, m->flags, m->id.hash, m->bytes, m->first.ts_ns,
            m->last.packet);
    for (int which = 0; which < MESSAGE_TEXT_COUNT; which++) {
        size_t n;
        const char *text = message_text(m, (enum message_text)which, &n);
        fprintf(out, "\"%.*s\"", (int)n, text);
    }
}

static void tell_conn(FILE *out, const struct record *r)
{
    const struct conn *c = &r->u.conn;
    fprintf(out, " event %u state %u content %u slot %u", r->conn_event, c->state, r->u.content,
            c->slot);
    for (int side = 0; side < DIR_COUNT; side++)
        fprintf(out, " %" PRIu64 "/%" PRIu64 "/%" PRIu64, c->side[side].packets,
                c->side[side].payload_bytes, c->side[side].lost_bytes);
    for (int what = 0; what < RECORD_NOTED_COUNT; what++)
        fprintf(out, " %" PRIu64, r->u.noted[what]);
}

static void on_record(void *ctx, struct record *r)
{
    struct told *t = ctx;
    cr_assert_lt(r->slot, SLOTS);
    if (t->next_number > 0 && r->type == RECORD_CONN && r->conn_event == CONN_EVENT_OPENED)
        t->numbers[r->slot] = t->next_number++;
    uint64_t number = t->next_number > 0 ? t->numbers[r->slot] : r->conn_id;
    fprintf(t->lines,
            "%u conn %" PRIu64 " channel %u transport %u end %u at %" PRIu64 " %" PRId64 " port %u",
            r->type, number, r->channel, r->transport, r->end, r->at.packet, r->at.ts_ns,
            r->client.port);
    if (r->type == RECORD_CONN)
        tell_conn(t->lines, r);
    else if (r->type == RECORD_BEGIN)
        fprintf(t->lines, " path %" PRIx64 " flags %x version %s", r->u.begin.path_hash,
                r->u.begin.flags, r->u.begin.version);
    else if (r->type == RECORD_HEAD)
        fprintf(t->lines, " status %u flags %x", r->u.head.status, r->u.head.flags);
    else if (r->type == RECORD_LINKS)
        fprintf(t->lines, " task %" PRIx64 " flags %x", r->u.links.task_hash, r->u.links.flags);
    else if (r->type == RECORD_MESSAGE)
        tell_message(t->lines, &r->u.message);
    else if (r->type == RECORD_EVENT)
        fprintf(t->lines, " id %" PRIx64, r->u.event.event_id);
    else if (r->type == RECORD_FINDING)
        fprintf(t->lines, " finding %u dir %u amount %" PRIu64, r->u.finding.finding,
                r->u.finding.dir, r->u.finding.amount);
    fputc('\n', t->lines);
}

static void on_packet(void *ctx, const struct stream_packet *p)
{
    struct told *t = ctx;
    fprintf(t->lines, "packet %" PRId64 " slot %u dir %u wire %u payload %u\n", p->ts_ns, p->slot,
            p->dir, p->wire_bytes, p->payload_bytes);
}

static void begin(struct told *t, bool numbers, struct record_sink *ret_sink)
{
    *t = (struct told){.next_number = numbers};
    t->lines = open_memstream(&t->text, &t->n);
    cr_assert_not_null(t->lines);
    *ret_sink =
        (struct record_sink){.ctx = t, .record = on_record, .packet = on_packet, .packet_ctx = t};
}

/* ---- the capture: all recordings, one behind the other */

static void append(FILE *to, const char *path, bool head)
{
    FILE *from = fopen(path, "rb");
    cr_assert_not_null(from, "%s", path);
    char bytes[4096];
    size_t n = fread(bytes, 1, FILE_BYTES, from);
    for (bool write = head; n > 0; n = fread(bytes, 1, sizeof(bytes), from), write = true)
        cr_assert_eq(fwrite(bytes, 1, write ? n : 0, to), write ? n : 0);
    fclose(from);
}

static struct source *open_recordings(void)
{
    char pattern[512];
    const char *end = strstr(__FILE__, "tests/cli/");
    snprintf(pattern, sizeof(pattern), "%.*spcaps/*.pcap", end ? (int)(end - __FILE__) : 0,
             __FILE__);
    glob_t found;
    cr_assert_eq(glob(pattern, 0, NULL, &found), 0);
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    for (size_t i = 0; i < found.gl_pathc; i++)
        append(file, found.gl_pathv[i], i == 0);
    globfree(&found);
    rewind(file);
    struct source *s = NULL;
    cr_assert_eq(source_open_stream(file, error, &s), 0, "%s", error);
    return s;
}

/* ---- another one: many connections, most of which are open at the end */

#define CROWD 3000

static void write_segment(FILE *file, uint32_t ms, uint32_t client, bool reset)
{
    const uint32_t head[4] = {ms / 1000, ms % 1000 * 1000000, 54, 54};
    uint8_t frame[54] = {[12] = 8, [14] = 0x45, [17] = 40, [22] = 64, [23] = 6, [46] = 0x50};
    const uint8_t from[4] = {10, (uint8_t)(client >> 16), (uint8_t)(client >> 8), (uint8_t)client};
    const uint8_t to[4] = {10, 255, 255, 255};
    memcpy(frame + 26, from, sizeof(from));
    memcpy(frame + 30, to, sizeof(to));
    frame[34] = 0x80;
    frame[37] = 80;
    frame[41] = reset;
    frame[47] = reset ? 4 : 2; /* RST or SYN */
    frame[48] = 1;
    cr_assert_eq(fwrite(head, sizeof(head), 1, file), 1);
    cr_assert_eq(fwrite(frame, sizeof(frame), 1, file), 1);
}

/* Some are reset, and others take their places, so that these are not in order of appearance. */
static struct source *open_crowd(void)
{
    const uint32_t file_head[6] = {0xa1b23c4d, 4u << 16 | 2, 0, 0, 65535, 1};
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(file_head, sizeof(file_head), 1, file), 1);
    uint32_t ms = 0;
    for (uint32_t i = 0; i < CROWD; i++)
        write_segment(file, ms++, i, false);
    for (uint32_t i = 0; i < CROWD; i += 3)
        write_segment(file, ms++, i, true);
    for (uint32_t i = CROWD; i < 2 * CROWD; i++)
        write_segment(file, ms++, i, false);
    rewind(file);
    struct source *s = NULL;
    cr_assert_eq(source_open_stream(file, error, &s), 0, "%s", error);
    return s;
}

/* ---- the plain loop */

struct plain {
    struct front *front;
    struct engine *engine[STAGES_SHARDS];
    struct dissector *dissector[STAGES_SHARDS];
    struct limits_hit hit;
};

static void plain_init(struct plain *p, const struct record_sink *sink)
{
    *p = (struct plain){0};
    p->front = front_new(&(struct front_config){key, STAGES_SHARDS}, &p->hit);
    for (uint32_t k = 0; k < STAGES_SHARDS; k++) {
        p->dissector[k] = dissector_new(
            &(struct dissector_config){.hash = key, .shards = STAGES_SHARDS}, sink, &p->hit);
        p->engine[k] = engine_new(&(struct engine_config){.shard = k, .shards = STAGES_SHARDS},
                                  dissector_stream_sink(p->dissector[k]), &p->hit);
    }
}

static void plain_tick(struct plain *p, const struct batch_segment *s)
{
    for (uint32_t k = 0; k < STAGES_SHARDS; k++)
        engine_tick(p->engine[k], s->now_ns, s->number);
}

/* The oldest of all connections ends first. */
static void plain_end(struct plain *p)
{
    for (;;) {
        struct engine *first = NULL;
        uint64_t oldest = UINT64_MAX;
        for (uint32_t k = 0; k < STAGES_SHARDS; k++) {
            uint64_t id = engine_oldest(p->engine[k]);
            if (id > 0 && id < oldest) {
                oldest = id;
                first = p->engine[k];
            }
        }
        if (!first)
            return;
        engine_end_oldest(first);
    }
}

static void plain_run(struct source *source, const struct record_sink *sink)
{
    struct plain p;
    struct batch *b = batch_new();
    struct batch_segment last = {0};
    plain_init(&p, sink);
    while (source_batch(source, b, 0) == 1) {
        front_batch(p.front, b);
        for (uint32_t i = 0; i < b->count; i++) {
            last = b->segments[i];
            if (last.tick)
                plain_tick(&p, &last);
            engine_segment(p.engine[last.shard], &last);
        }
    }
    front_finish(p.front);
    plain_tick(&p, &last);
    plain_end(&p);
    for (uint32_t k = 0; k < STAGES_SHARDS; k++) {
        engine_free(p.engine[k]);
        dissector_free(p.dissector[k]);
    }
    front_free(p.front);
    batch_free(b);
    source_close(source);
}

static void stages_run(uint32_t threads, struct source *source, const struct record_sink *sink)
{
    struct stages_config config = {.hash = key, .threads = threads};
    struct stages *s = stages_new(&config, sink);
    cr_assert_not_null(s);
    struct stages_feed feed = {.source = source};
    cr_assert_eq(stages_read(s, &feed), 0);
    stages_finish(s);
    stages_free(s);
    source_close(source);
}

/* The first line that differs. */
static void check(uint32_t threads, char *expected, char *got)
{
    char *a, *b, *rest_a, *rest_b;
    a = strtok_r(expected, "\n", &rest_a);
    b = strtok_r(got, "\n", &rest_b);
    for (size_t line = 1; a || b; line++) {
        cr_assert(a && b && strcmp(a, b) == 0, "%u threads, line %zu:\n%s\n%s", threads, line,
                  a ? a : "(end)", b ? b : "(end)");
        a = strtok_r(NULL, "\n", &rest_a);
        b = strtok_r(NULL, "\n", &rest_b);
    }
}

static void compare(struct source *open_capture(void), size_t least_bytes)
{
    static struct told plain, staged;
    struct record_sink sink;
    begin(&plain, true, &sink);
    plain_run(open_capture(), &sink);
    fclose(plain.lines);
    cr_assert_gt(plain.n, least_bytes, "%zu", plain.n);
    for (uint32_t threads = 1; threads <= STAGES_THREADS; threads++) {
        begin(&staged, false, &sink);
        stages_run(threads, open_capture(), &sink);
        fclose(staged.lines);
        char *expected = strdup(plain.text);
        check(threads, expected, staged.text);
        free(expected);
        free(staged.text);
    }
    free(plain.text);
}

Test(stages_order, batches_tell_what_packets_one_by_one_do)
{
    compare(open_recordings, 500000);
}

Test(stages_order, many_connections_end_in_order_of_appearance)
{
    compare(open_crowd, 500000);
}
