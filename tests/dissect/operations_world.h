/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DISSECT_OPERATIONS_WORLD_H
#define TESTS_DISSECT_OPERATIONS_WORLD_H

#include "tests/dissect/tracker_world.h"

/* What the tests of operations say to the tracker, and how they look at what it tells. */

/* Only the operations of the log. */
static inline const char *operations(struct world *w)
{
    static char text[1 << 14];
    size_t n = 0;
    text[0] = '\0';
    for (const char *p = w->log; *p;) {
        const char *end = strchr(p, '\n') + 1;
        if (*p == 'o') {
            memcpy(text + n, p, (size_t)(end - p));
            n += (size_t)(end - p);
        }
        p = end;
    }
    text[n] = '\0';
    return text;
}

#define EXPECT_OPERATIONS(w, wanted)                                                               \
    do {                                                                                           \
        if ((wanted)[0])                                                                           \
            world_wait(w);                                                                         \
        const char *got = operations(w);                                                           \
        cr_expect(strcmp(got, (wanted)) == 0, "got\n%s\ninstead of\n%s\nof\n%s", got, wanted,      \
                  (w)->log);                                                                       \
    } while (0)

static inline struct record_links state(uint64_t hash)
{
    return (struct record_links){.state_hash = hash, .flags = LINKS_STATE};
}

/* Keys as bits. */
static inline struct record_links keys(unsigned set)
{
    struct record_links l = {.flags = LINKS_KEYS};
    for (unsigned i = 0; i < RECORD_LINKS_KEYS; i++)
        if (set >> i & 1)
            l.keys[l.key_count++] = i + 1;
    return l;
}

static inline struct record_links task(uint64_t hash, enum links_status status, unsigned flags)
{
    return (struct record_links){
        .task_hash = hash, .flags = (uint8_t)(LINKS_TASK | flags), .status = (uint8_t)status};
}

/* A request on a channel of its own. */
static inline void ask(struct world *w, uint32_t channel, const char *name, struct record_links l)
{
    char id[16];
    snprintf(id, sizeof(id), "%u", channel);
    BEGIN(w, 1, channel, .version = "2026-07-28");
    SAY(w, 1, channel, "tools/call", id, .name = name, .version = "2026-07-28", .links = l);
}

static inline void answer(struct world *w, uint32_t channel, uint16_t flags, struct record_links l)
{
    char id[16];
    snprintf(id, sizeof(id), "%u", channel);
    JSON_HEAD(w, 1, channel);
    SAY(w, 1, channel, .id = id, .dir = DIR_S2C, .flags = flags, .links = l);
    END(w, 1, channel);
}

#define NOTHING  ((struct record_links){.flags = 0})
#define REQUIRED MESSAGE_INPUT_REQUIRED

/* A request about a task, and its answer. */
static inline void poll(struct world *w, uint32_t channel, const char *method, uint64_t hash,
                        struct record_links answer_links)
{
    char id[16];
    snprintf(id, sizeof(id), "%u", channel);
    BEGIN(w, 1, channel, .session = 1);
    SAY(w, 1, channel, method, id, .links = task(hash, LINKS_STATUS_NONE, 0));
    answer(w, channel, 0, answer_links);
}

static inline void create(struct world *w, uint32_t channel, uint64_t hash)
{
    ask(w, channel, "slow", NOTHING);
    answer(w, channel, 0, task(hash, LINKS_STATUS_WORKING, LINKS_CREATED));
}

#endif
