/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The buffers are few, so each question looks at all of them.
 *
 * A packet that is stamped later than now comes from before the clock was set back: it counts as of
 * now, else it would be kept until the clock is there again.
 */
#include "turns.h"
#include "capture/deadline.h"

void turns_init(struct turns *t, uint32_t count, int64_t hold_ns)
{
    *t = (struct turns){.count = count, .hold_ns = hold_ns, .now_ns = INT64_MIN};
    for (uint32_t i = 0; i < count; i++)
        t->of[i].at_ns = INT64_MIN;
}

void turns_clock(struct turns *t, int64_t now_ns)
{
    bool set_back = now_ns < t->now_ns;
    t->now_ns = now_ns;
    for (uint32_t i = 0; set_back && i < t->count; i++) {
        if (t->of[i].at_ns > now_ns)
            t->of[i].at_ns = now_ns;
    }
}

void turns_ready(struct turns *t, uint32_t i, int64_t ts_ns)
{
    t->of[i] = (struct turn){true, ts_ns < t->now_ns ? ts_ns : t->now_ns};
}

void turns_empty(struct turns *t, uint32_t i)
{
    t->of[i] = (struct turn){false, t->now_ns};
}

/* TURNS_MAX: none. */
static uint32_t earliest(const struct turns *t)
{
    uint32_t first = TURNS_MAX;
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->of[i].ready && (first == TURNS_MAX || t->of[i].at_ns < t->of[first].at_ns))
            first = i;
    }
    return first;
}

void turns_hurry(struct turns *t)
{
    t->hold_ns = 0;
}

/* When a buffer must have been asked that has nothing earlier than that one. */
static int64_t due_ns(const struct turns *t, uint32_t first)
{
    return deadline_after(t->of[first].at_ns, t->hold_ns);
}

int64_t turns_due_in_ns(const struct turns *t)
{
    uint32_t first = earliest(t);
    if (first == TURNS_MAX)
        return INT64_MAX;
    int64_t at_ns = due_ns(t, first);
    return at_ns > t->now_ns ? at_ns - t->now_ns : 0;
}

int turns_next(const struct turns *t)
{
    uint32_t first = earliest(t);
    if (first == TURNS_MAX)
        return -1;
    for (uint32_t i = 0; i < t->count; i++) {
        if (!t->of[i].ready && t->of[i].at_ns < due_ns(t, first))
            return -1;
    }
    return (int)first;
}
