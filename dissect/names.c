/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counted references to the entries of a table whose key is the whole of struct names. One that
 * nobody holds any more is kept until the next record: events borrow its texts, and it may be
 * wanted again at once.
 *
 * Limits: as many as sessions, and IDLE_MAX that were given up during one record. Beyond that, or
 * without memory, a session keeps the names that it had.
 */
#include "names.h"

struct entry {
    struct names names;
    struct entry *next_idle;
    uint32_t holders;
    bool idle; /* in the list of those that may have no holder */
};

const struct names names_none;
const uint32_t names_entry_bytes = sizeof(struct entry);

#define IDLE_MAX 64 /* sessions change their names three times */

uint32_t names_max(uint32_t sessions)
{
    return sessions < UINT32_MAX - 1 - IDLE_MAX ? sessions + IDLE_MAX : sessions;
}

bool names_put(char *dst, size_t room, const char *text, size_t n)
{
    if (!tracker_copy_text(dst, room, text, n))
        return false;
    size_t length = strlen(dst);
    memset(dst + length, 0, room - length);
    return true;
}

static struct entry *entry_of(const struct names *names)
{
    return (struct entry *)(uintptr_t)names;
}

void names_sweep(struct tracker *t)
{
    while (t->names_idle) {
        struct entry *e = t->names_idle;
        t->names_idle = e->next_idle;
        e->idle = false;
        if (e->holders == 0)
            table_remove(t->names, e);
    }
    t->names_idle_count = 0;
}

void names_release(struct tracker *t, const struct names **at)
{
    if (*at == &names_none)
        return;
    struct entry *e = entry_of(*at);
    *at = &names_none;
    if (--e->holders > 0 || e->idle)
        return;
    e->idle = true;
    e->next_idle = t->names_idle;
    t->names_idle = e;
    t->names_idle_count++;
}

void names_change(struct tracker *t, const struct names **at, const struct names *now)
{
    void *entry;
    if (t->names_idle_count >= IDLE_MAX && !table_find(t->names, now))
        return;
    if (table_take(t->names, now, &entry) < 0)
        return;
    struct entry *e = entry;
    e->holders++;
    names_release(t, at);
    *at = &e->names;
}
