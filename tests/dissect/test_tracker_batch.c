/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker: batches, by the revision that they come in. */
#include "tests/dissect/tracker_world.h"

#define FIRST (MESSAGE_IN_BATCH | MESSAGE_FIRST_IN_BATCH)
#define NEXT  MESSAGE_IN_BATCH

/* A batch of two requests, answered by a batch, in a session that agreed on a version. */
static struct world *batches(const char *version, const char *header)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, 0);
    SAY(w, 1, 1, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .version = "2025-11-25");
    world_head(w, 1, 1, 200, HTTP_CONTENT_JSON, version ? 5 : 0);
    SAY(w, 1, 1, .id = "0", .dir = DIR_S2C, .version = version);
    END(w, 1, 1);
    BEGIN(w, 1, 2, .session = version ? 5 : 0, .version = header);
    SAY(w, 1, 2, "tools/list", "1", .flags = FIRST);
    SAY(w, 1, 2, "tools/call", "2", .name = "t", .flags = NEXT);
    JSON_HEAD(w, 1, 2);
    SAY(w, 1, 2, .id = "2", .dir = DIR_S2C, .flags = FIRST);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C, .flags = NEXT);
    END(w, 1, 2);
    return w;
}

Test(tracker_batch, only_one_revision_has_them)
{
    static const struct {
        const char *session, *header;
        int findings;
    } cases[] = {{"2025-03-26", NULL, 0},         {"2024-11-05", NULL, 2},
                 {"2025-06-18", NULL, 2},         {"2025-11-25", "2025-11-25", 2},
                 {"2025-03-26", "2025-06-18", 0}, {NULL, "2025-06-18", 2},
                 {NULL, "2025-03-26", 0},         {NULL, NULL, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *w = batches(cases[i].session, cases[i].header);
        cr_expect_eq(world_count(w, "f envelope:batch\n"), cases[i].findings, "%zu: %s", i, w->log);
        cr_expect_eq((int)w->findings, cases[i].findings);
        cr_expect_eq(world_count(w, "x tools/list 1 result"), 1);
        cr_expect_eq(world_count(w, "x tools/call 2 result"), 1);
        world_free(w);
    }
}

Test(tracker_batch, of_requests_that_tell_their_version)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .version = "2026-07-28");
    SAY(w, 1, 1, "tools/list", "1", .version = "2026-07-28", .peer = "cli", .flags = FIRST);
    SAY(w, 1, 1, "tools/list", "2", .version = "2026-07-28", .peer = "cli", .flags = NEXT);
    JSON_HEAD(w, 1, 1);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C, .flags = FIRST);
    SAY(w, 1, 1, .id = "2", .dir = DIR_S2C, .flags = NEXT);
    END(w, 1, 1);
    cr_expect_eq(world_count(w, "f envelope:batch\n"), 2, "%s", w->log);
    cr_expect_eq(world_count(w, " result s1"), 2, "%s", w->log);
    cr_expect_eq((int)w->findings, 2);
    world_free(w);
}

Test(tracker_batch, initialize_has_no_place_in_them)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, 0);
    SAY(w, 1, 1, "initialize", "0", .flags = MESSAGE_MCP_SHAPE | FIRST, .version = "2025-03-26");
    SAY(w, 1, 1, "tools/list", "1", .flags = NEXT);
    cr_expect_eq(world_count(w, "f envelope:batched_initialize\n"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "f envelope:batch\n"), 0, "%s", w->log);
    world_free(w);
}
