/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counted references to the entries of a table whose key is the whole of struct names. One that
 * nobody holds any more is kept at least until the next record, for events borrow its texts, and
 * mostly longer: sessions of the same kind learn the same in the same order. So an entry remembers,
 * too, which one followed it last, and that is compared before it is looked for.
 *
 * Limits: as many as sessions, and IDLE_MAX that nobody holds, of which NAMES_IDLE are not of the
 * record under way. Beyond that, or without memory, a session keeps the names that it had.
 */
#include "names.h"

struct entry {
    struct names names;
    struct entry *next_idle;
    struct entry *follower; /* NULL, or an entry, which may be another one by now, or nobody's */
    uint32_t holders;
    bool idle; /* in the list of those that may have no holder */
};

const struct names names_none;
const uint32_t names_entry_bytes = sizeof(struct entry);

#define IDLE_MAX (NAMES_IDLE + 64) /* sessions change their names three times */

uint32_t names_max(uint32_t sessions)
{
    return sessions < UINT32_MAX - 1 - IDLE_MAX ? sessions + IDLE_MAX : sessions;
}

bool names_put(char *dst, size_t room, const char *text, size_t n)
{
    if (!tracker_copy_text(dst, room, text, n))
        return false;
    size_t length = strnlen(text, n < room ? n : room - 1);
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

/* NULL: no room. */
static struct entry *take(struct tracker *t, const struct names *now)
{
    void *entry;
    if (t->names_idle_count >= IDLE_MAX && !table_find(t->names, now))
        return NULL;
    return table_take(t->names, now, &entry) < 0 ? NULL : entry;
}

/* One that is in the table has a holder, or is idle. */
static bool is_that(const struct entry *e, const struct names *now)
{
    return e && (e->holders > 0 || e->idle) && memcmp(&e->names, now, sizeof(*now)) == 0;
}

void names_change(struct tracker *t, const struct names **at, const struct names *now)
{
    struct entry *before = *at == &names_none ? NULL : entry_of(*at);
    struct entry *e = before ? before->follower : t->names_first;
    if (!is_that(e, now)) {
        e = take(t, now);
        if (!e)
            return;
        *(before ? &before->follower : (struct entry **)&t->names_first) = e;
    }
    e->holders++;
    names_release(t, at);
    *at = &e->names;
}
