/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/coverage.h"
#include <criterion/criterion.h>
#include <string.h>

/* Payload, truncated, lost, conflicts of each side. */
struct side {
    uint64_t payload, cut, lost;
    uint32_t conflicts;
};

struct given {
    const char *what;
    struct side side[2];
    bool mcp;
    uint8_t content;
    uint64_t noted[RECORD_NOTED_COUNT];
    int class; /* -1: none */
    uint64_t bytes[COVERAGE_CLASS_COUNT];
    uint64_t foreign, unproven;
};

static struct coverage add(const struct given *g)
{
    struct coverage t = {0};
    struct conn c = {0};
    for (int i = 0; i < 2; i++)
        c.side[i] = (struct conn_counters){.payload_bytes = g->side[i].payload,
                                           .truncated_bytes = g->side[i].cut,
                                           .lost_bytes = g->side[i].lost,
                                           .overlap_conflicts = g->side[i].conflicts};
    struct event_connection e = {
        .conn = &c, .content = g->content, .mcp = g->mcp, .noted = g->noted};
    e.foreign_bytes = g->foreign;
    e.unproven_bytes = g->unproven;
    coverage_add(&t, &e);
    return t;
}

static const struct given cases[] = {
    {"nothing", {{0}, {0}}, false, RECORD_CONTENT_UNKNOWN, {0}, -1, {0}},
    {"mcp", {{100}, {200}}, true, RECORD_CONTENT_READ, {0}, COVERAGE_MCP, {300}},
    {"mcp with holes and cut packets",
     {{100, 30}, {200, 0, 50}},
     true,
     RECORD_CONTENT_READ,
     {0},
     COVERAGE_MCP,
     {270, 0, 0, 80}},
    {"mcp with other bodies",
     {{100}, {200}},
     true,
     RECORD_CONTENT_READ,
     {[RECORD_NOTED_OTHER] = 120},
     COVERAGE_MCP,
     {180, 120}},
    {"mcp that was not read",
     {{100}, {200}},
     true,
     RECORD_CONTENT_READ,
     {[RECORD_NOTED_UNREAD] = 120},
     COVERAGE_MCP,
     {180, 0, 0, 0, 120}},
    {"only holes",
     {{0}, {0, 0, 9}},
     false,
     RECORD_CONTENT_UNKNOWN,
     {0},
     COVERAGE_LOST,
     {0, 0, 0, 9}},
    {"only heads of packets",
     {{7, 7}, {0}},
     false,
     RECORD_CONTENT_UNKNOWN,
     {0},
     COVERAGE_LOST,
     {0, 0, 0, 7}},
    {"tls",
     {{10}, {20, 0, 5}},
     false,
     RECORD_CONTENT_ENCRYPTED,
     {0},
     COVERAGE_ENCRYPTED,
     {0, 0, 30, 5}},
    {"web",
     {{10}, {20}},
     false,
     RECORD_CONTENT_READ,
     {[RECORD_NOTED_OTHER] = 15},
     COVERAGE_OTHER,
     {0, 30}},
    {"half unread",
     {{10}, {20}},
     false,
     RECORD_CONTENT_READ,
     {[RECORD_NOTED_UNREAD] = 15},
     COVERAGE_OTHER,
     {0, 15, 0, 0, 15}},
    {"mostly unread",
     {{10}, {20}},
     false,
     RECORD_CONTENT_READ,
     {[RECORD_NOTED_UNREAD] = 16},
     COVERAGE_UNDECODABLE,
     {0, 0, 0, 0, 30}},
    {"a tunnel",
     {{10}, {20}},
     false,
     RECORD_CONTENT_READ,
     {[RECORD_NOTED_ENCRYPTED] = 25},
     COVERAGE_ENCRYPTED,
     {0, 0, 30}},
    {"another protocol", {{10}, {20}}, false, RECORD_CONTENT_OTHER, {0}, COVERAGE_OTHER, {0, 30}},
    {"who knows",
     {{10}, {20}},
     false,
     RECORD_CONTENT_UNKNOWN,
     {0},
     COVERAGE_AMBIGUOUS,
     {0, 0, 0, 0, 0, 30}},
    {"contradicts itself",
     {{10, 0, 0, 1}, {20}},
     true,
     RECORD_CONTENT_READ,
     {0},
     COVERAGE_MCP,
     {20, 0, 0, 0, 0, 10}},
    {"mcp beside other messages",
     {{100}, {200}},
     true,
     RECORD_CONTENT_READ,
     {[RECORD_NOTED_OTHER] = 10},
     COVERAGE_MCP,
     {220, 50, 0, 0, 0, 30},
     40,
     30},
    {"other messages alone",
     {{100}, {200}},
     false,
     RECORD_CONTENT_READ,
     {0},
     COVERAGE_OTHER,
     {0, 300},
     40,
     30},
    {"more of them than there is",
     {{100}, {200}},
     true,
     RECORD_CONTENT_READ,
     {[RECORD_NOTED_UNREAD] = 270},
     COVERAGE_MCP,
     {0, 20, 0, 0, 270, 10},
     20,
     30},
    {"more noted than there is",
     {{10, 20}, {20}},
     true,
     RECORD_CONTENT_READ,
     {15, 15, 15},
     COVERAGE_MCP,
     {0, 5, 0, 10, 15}},
};

/* One class for each byte, and one for the connection. */
static void expect_classes(const struct given *g)
{
    struct coverage t = add(g);
    uint64_t sum = 0, want = 0;
    for (int j = 0; j < COVERAGE_CLASS_COUNT; j++) {
        cr_expect_eq(t.connections[j], g->class == j ? 1 : 0, "%s: connections %s", g->what,
                     coverage_key((enum coverage_class)j));
        cr_expect_eq(t.bytes[j], g->bytes[j], "%s: bytes %s: %lu", g->what,
                     coverage_key((enum coverage_class)j), t.bytes[j]);
        sum += t.bytes[j];
    }
    for (int j = 0; j < 2; j++)
        want += g->side[j].payload + g->side[j].lost;
    cr_expect_eq(sum, want, "%s", g->what);
}

Test(coverage, every_byte_and_connection_once)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_classes(&cases[i]);
}

Test(coverage, without_notes)
{
    struct coverage t = {0};
    struct conn c = {.side = {{.payload_bytes = 5}}};
    struct event_connection e = {.conn = &c, .content = RECORD_CONTENT_READ};
    coverage_add(&t, &e);
    cr_expect_eq(t.bytes[COVERAGE_OTHER], 5);
}

Test(coverage, percent)
{
    double percent = -1;
    struct coverage t = {0}, more = {.bytes = {30, 1000, 60, 6, 3, 1}, .connections = {1, 1, 1}};
    cr_expect_not(coverage_percent(&t, &percent));
    t.bytes[COVERAGE_OTHER] = 1000;
    cr_expect_not(coverage_percent(&t, &percent));
    cr_expect_eq(percent, -1);
    coverage_merge(&t, &more);
    cr_expect_eq(t.bytes[COVERAGE_OTHER], 2000);
    cr_expect_eq(t.connections[COVERAGE_ENCRYPTED], 1);
    cr_expect(coverage_percent(&t, &percent));
    cr_expect_float_eq(percent, 30, 1e-9);
    t = (struct coverage){.bytes = {[COVERAGE_MCP] = 7}};
    cr_expect(coverage_percent(&t, &percent));
    cr_expect_eq(percent, 100);
}
