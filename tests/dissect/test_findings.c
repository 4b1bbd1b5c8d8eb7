/* SPDX-License-Identifier: BSD-3-Clause */
/* Findings that wait: how many of each, in front of what comes behind them. */
#include "../../dissect/findings.h"
#include "dissect/transport.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct {
    char text[1024];
    size_t len;
} log_of;

static void on_record(void *ctx, struct record *r)
{
    cr_assert_eq(ctx, &log_of);
    const char *what =
        r->type == RECORD_FINDING ? finding_name((enum finding)r->u.finding.finding) : "end";
    log_of.len += (size_t)snprintf(log_of.text + log_of.len, sizeof(log_of.text) - log_of.len,
                                   "%llu:%u@%llu %s", (unsigned long long)r->conn_id, r->channel,
                                   (unsigned long long)r->at.packet, what);
    if (r->type == RECORD_FINDING)
        log_of.len += (size_t)snprintf(log_of.text + log_of.len, sizeof(log_of.text) - log_of.len,
                                       " %c%llu", r->u.finding.dir == DIR_C2S ? '>' : '<',
                                       (unsigned long long)r->u.finding.amount);
    log_of.len +=
        (size_t)snprintf(log_of.text + log_of.len, sizeof(log_of.text) - log_of.len, "\n");
    r->conn_id += 1000; /* a listener may */
}

static struct findings findings;
static struct transport_env env;
static struct conn conns[2] = {{.id = 1}, {.id = 2}};
static struct transport_conn tc[2] = {{.env = &env, .conn = &conns[0]},
                                      {.env = &env, .conn = &conns[1]}};

static void begin(bool wait)
{
    env = (struct transport_env){.sink = {.ctx = &log_of, .record = on_record}};
    env.findings = wait ? &findings : NULL;
    findings_init(&findings, &env.sink);
    log_of.len = 0;
    log_of.text[0] = '\0';
}

static void find(int conn, uint32_t channel, enum dir dir, enum finding what, uint64_t packet)
{
    struct stream_pos at = {7, packet};
    transport_finding(&tc[conn], channel, dir, what, 1, &at);
}

static void end(uint64_t packet)
{
    transport_end(&tc[0], 1, CHANNEL_END_COMPLETE, &(struct stream_pos){7, packet});
}

Test(findings, those_of_a_packet_are_counted)
{
    begin(true);
    for (int i = 0; i < 1000; i++) {
        find(0, 1, DIR_C2S, i % 3 ? FINDING_NOT_JSONRPC : FINDING_EMPTY_BATCH, 5);
        cr_assert_eq(log_of.len, 0);
    }
    findings_tell(&findings);
    cr_expect_str_eq(log_of.text, "1:1@5 parse:empty_batch >334\n1:1@5 parse:not_jsonrpc >666\n");
    findings_tell(&findings);
    find(0, 1, DIR_C2S, FINDING_NOT_JSONRPC, 5);
    findings_tell(&findings);
    cr_expect(strstr(log_of.text, "not_jsonrpc >1\n"), "it begins anew: %s", log_of.text);
    cr_expect(env.sink.record == on_record && env.sink.ctx == &log_of);
}

Test(findings, others_come_behind)
{
    begin(true);
    find(0, 1, DIR_C2S, FINDING_NOT_JSONRPC, 5);
    find(0, 1, DIR_C2S, FINDING_NOT_JSONRPC, 5);
    end(5);
    end(5);
    find(0, 1, DIR_C2S, FINDING_BAD_HTTP, 5);
    find(0, 1, DIR_C2S, FINDING_GAP, 5);
    find(0, 1, DIR_C2S, FINDING_GAP, 5);
    find(0, 1, DIR_C2S, FINDING_OVERLAP, 5);
    cr_expect_str_eq(log_of.text,
                     "1:1@5 parse:not_jsonrpc >2\n1:1@5 end\n1:1@5 end\n1:1@5 http:malformed >1\n"
                     "1:1@5 tcp:gap >1\n1:1@5 tcp:gap >1\n1:1@5 tcp:overlap >1\n");
}

/* Told apart by connection, channel, direction and packet. */
Test(findings, of_other_things)
{
    begin(true);
    find(0, 1, DIR_C2S, FINDING_BAD_FRAME, 5);
    find(1, 1, DIR_C2S, FINDING_BAD_FRAME, 5);
    find(1, 2, DIR_C2S, FINDING_BAD_FRAME, 5);
    find(1, 2, DIR_S2C, FINDING_BAD_FRAME, 5);
    find(1, 2, DIR_S2C, FINDING_BAD_FRAME, 6);
    findings_tell(&findings);
    cr_expect_str_eq(log_of.text, "1:1@5 frame:malformed >1\n2:1@5 frame:malformed >1\n"
                                  "2:2@5 frame:malformed >1\n2:2@5 frame:malformed <1\n"
                                  "2:2@6 frame:malformed <1\n");
}

static struct record in_place;

static struct record *room(void *ctx)
{
    cr_assert_eq(ctx, &log_of);
    return &in_place;
}

/* What waits comes first, and would be written to the same place. */
Test(findings, while_one_waits_records_are_not_written_in_place)
{
    struct record own;
    begin(true);
    env.sink.room = room;
    findings_init(&findings, &env.sink);
    cr_expect_eq(transport_room(&tc[0], &own), &in_place);
    find(0, 1, DIR_C2S, FINDING_NOT_JSONRPC, 5);
    cr_expect_eq(transport_room(&tc[0], &own), &own);
    end(5);
    cr_expect_eq(transport_room(&tc[0], &own), &in_place);
}

/* A loss of nothing is told, too. */
Test(findings, of_no_amount)
{
    begin(true);
    transport_finding(&tc[0], 1, DIR_C2S, FINDING_LOST_MESSAGE, 0, &(struct stream_pos){7, 5});
    findings_tell(&findings);
    cr_expect_str_eq(log_of.text, "1:1@5 parse:lost_message >0\n");
}

Test(findings, without_waiting)
{
    begin(false);
    find(0, 1, DIR_C2S, FINDING_NOT_JSONRPC, 5);
    find(0, 1, DIR_C2S, FINDING_NOT_JSONRPC, 5);
    cr_expect_str_eq(log_of.text, "1:1@5 parse:not_jsonrpc >1\n1:1@5 parse:not_jsonrpc >1\n");
}
