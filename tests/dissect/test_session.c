/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session knows of its parties' capabilities, whose words are told as hexadecimal. */
#include "tracker_world.h"

#define NOW "2026-07-28"

/* `initialize` on a channel, answered with JSON. */
static void initialize(struct world *w, uint32_t channel, uint64_t session, uint16_t client,
                       uint16_t server)
{
    BEGIN(w, 1, channel, 0);
    SAY(w, 1, channel, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .version = "2025-11-25",
        .peer = "cli", .capabilities = client);
    world_head(w, 1, channel, 200, HTTP_CONTENT_JSON, session);
    SAY(w, 1, channel, .id = "0", .dir = DIR_S2C, .version = "2025-06-18", .peer = "srv",
        .capabilities = server);
    END(w, 1, channel);
}

/* A request of revision 2026-07-28 and its result. */
static void ask(struct world *w, uint32_t channel, const char *method, uint16_t client,
                uint16_t server)
{
    BEGIN(w, 1, channel, .version = NOW, .mcp_method = method);
    SAY(w, 1, channel, method, "1", .version = NOW, .peer = "cli", .capabilities = client);
    JSON_HEAD(w, 1, channel);
    SAY(w, 1, channel, .id = "1", .dir = DIR_S2C, .peer = "srv", .capabilities = server);
    END(w, 1, channel);
}

static void expect_sessions(struct world *w, const char *expected)
{
    char got[1024] = "";
    for (const char *p = w->log; *p; p += strcspn(p, "\n") + 1)
        if (strncmp(p, "s ", 2) == 0)
            strncat(got, p, strcspn(p, "\n") + 1);
    cr_expect_str_eq(got, expected, "%s", got);
    world_free(w);
}

Test(session, initialize_tells_both)
{
    struct world *w = world_new(0, 0);
    initialize(w, 1, 5, 0x8003, 0x8010);
    world_call(w, 1, 2, 5, "1");
    world_finish(w);
    expect_sessions(w, "s open 1 2025-06-18 cli/srv can=8003/8010\n"
                       "s close 1 2025-06-18 cli/srv can=8003/8010\n");
}

Test(session, a_new_one_begins_without)
{
    struct world *w = world_new(0, 0); /* the server gives no session ids */
    initialize(w, 1, 0, 0x8003, 0x8010);
    initialize(w, 2, 0, 0, 0);
    initialize(w, 3, 0, 0x8000, 0);
    expect_sessions(w, "s open 1 2025-06-18 cli/srv can=8003/8010\n"
                       "s close 1 2025-06-18 cli/srv can=8003/8010\n"
                       "s open 2 2025-06-18 cli/srv\n"
                       "s close 2 2025-06-18 cli/srv\n"
                       "s open 3 2025-06-18 cli/srv can=8000/0\n");
}

/* Only what `initialize` and its result say is of the session. */
Test(session, other_messages_of_it_tell_nothing)
{
    struct world *w = world_new(0, 0);
    initialize(w, 1, 5, 0x8001, 0x8002);
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1", .name = "t", .capabilities = 0x8004);
    JSON_HEAD(w, 1, 2);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C, .capabilities = 0x8008);
    END(w, 1, 2);
    expect_sessions(w, "s open 1 2025-06-18 cli/srv can=8001/8002\n");
}

Test(session, every_modern_request_adds_what_it_declares)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "server/discover", 0x8000, 0x8030);
    ask(w, 2, "tools/list", 0x8001, 0x8040); /* the result of another request declares nothing */
    ask(w, 3, "tools/list", 0x8002, 0);
    ask(w, 4, "tools/list", 0x8001, 0);
    ask(w, 5, "server/discover", 0x8000, 0x8010);
    expect_sessions(w, "s open 1 2026-07-28 cli/srv can=8000/8030\n"
                       "s update 1 2026-07-28 cli/srv can=8001/8030\n"
                       "s update 1 2026-07-28 cli/srv can=8003/8030\n"
                       "s update 1 2026-07-28 cli/srv can=8003/8010\n");
}

/* Without HTTP: a client that tries both eras, and declares less in the older. */
Test(session, initialize_replaces_what_a_probe_declared)
{
    struct world *w = world_new(0, 0);
    w->transport = TRANSPORT_NONE + 200; /* any that is not HTTP */
    BEGIN(w, 1, 1, .method = HTTP_METHOD_UNKNOWN);
    SAY(w, 1, 1, "server/discover", "1", .version = NOW, .peer = "cli", .capabilities = 0x8007);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C, .error = true, .code = -32601, .capabilities = 0x8007);
    SAY(w, 1, 1, "initialize", "2", .version = "2025-11-25", .peer = "cli", .capabilities = 0x8001);
    SAY(w, 1, 1, .id = "2", .dir = DIR_S2C, .version = "2025-11-25", .peer = "srv",
        .capabilities = 0x8020);
    expect_sessions(w, "s open 1 - /\n"
                       "s update 1 2026-07-28 cli/ can=8007/0\n"
                       "s update 1 2026-07-28 cli/ can=8001/0\n"
                       "s update 1 2025-11-25 cli/srv can=8001/8020\n");
}
