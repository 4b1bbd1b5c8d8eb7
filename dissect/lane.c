/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Items one behind the other in a list of chunks; an item lies in one chunk. Of a record only the
 * bytes that its type uses are kept: what a listener gets has others behind them.
 */
#include "lane.h"
#include "base/err.h"
#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 65536
#define KEPT_CHUNKS 1 /* of an empty lane */
#define NOTHING_DUE UINT32_MAX

enum kind { KIND_RECORD, KIND_PACKET };

struct item {
    uint32_t step;
    uint16_t bytes; /* up to the next item, this head included */
    uint8_t kind;   /* enum kind */
};

struct packet_item {
    struct item item;
    struct stream_packet packet;
};

/* What begins within CHUNK_BYTES may end behind them, and all of a record can be read. */
#define LAST_BYTES (sizeof(struct item) + sizeof(struct record) + 7)

struct lane_chunk {
    struct lane_chunk *next;
    uint32_t used;
    alignas(8) uint8_t bytes[CHUNK_BYTES + LAST_BYTES];
};

static uint32_t padded(uint32_t n)
{
    return (n + 7u) & ~7u;
}

uint32_t lane_record_bytes(const struct record *r)
{
    size_t head = offsetof(struct record, u);
    switch ((enum record_type)r->type) {
    case RECORD_CONN:
        return (uint32_t)(offsetof(struct record, u.content) + sizeof(r->u.content));
    case RECORD_BEGIN:
        return (uint32_t)(head + sizeof(r->u.begin));
    case RECORD_HEAD:
        return (uint32_t)(head + sizeof(r->u.head));
    case RECORD_LINKS:
        return (uint32_t)(head + sizeof(r->u.links));
    case RECORD_MESSAGE:
        return (uint32_t)(head + offsetof(struct message, text) + r->u.message.text_used);
    case RECORD_EVENT:
        return (uint32_t)(head + sizeof(r->u.event));
    case RECORD_FINDING:
        return (uint32_t)(head + sizeof(r->u.finding));
    case RECORD_END:
        break;
    }
    return (uint32_t)head;
}

/* An empty chunk behind the one that is written now. */
static __attribute__((noinline)) struct lane_chunk *more_room(struct lane *l)
{
    struct lane_chunk *c = l->writing;
    struct lane_chunk *next = c ? c->next : l->first;
    if (!next) {
        next = malloc(sizeof(*next));
        if (!next)
            return NULL;
        next->next = NULL;
        next->used = 0;
        if (c)
            c->next = next;
        else
            l->first = next;
    }
    l->writing = next;
    return next;
}

/* The chunk to write an item to; NULL: out of memory. */
static inline struct lane_chunk *room(struct lane *l)
{
    struct lane_chunk *c = l->writing;
    return c && c->used < CHUNK_BYTES ? c : more_room(l);
}

_Static_assert(sizeof(struct item) + sizeof(struct record) + 7 <= UINT16_MAX, "fits an item");
_Static_assert(sizeof(struct item) == 8, "keeps what follows it aligned");
_Static_assert(sizeof(struct packet_item) % 8 == 0, "keeps what follows it aligned");

static inline void note_written(struct lane *l)
{
    l->written = l->step + 1;
    if (l->due == NOTHING_DUE)
        l->due = 0;
}

static inline struct record *next_record(const struct lane_chunk *c)
{
    return (struct record *)(uintptr_t)(c->bytes + c->used + sizeof(struct item));
}

/* In place, or not in this chunk: it would be written over. */
static inline bool is_apart(const struct lane_chunk *c, const struct record *r)
{
    uintptr_t at = (uintptr_t)r, begin = (uintptr_t)c->bytes;
    return r == next_record(c) || at < begin || at >= begin + sizeof(c->bytes);
}

struct record *lane_room(struct lane *l)
{
    struct lane_chunk *c = room(l);
    return c ? next_record(c) : NULL;
}

int lane_record(struct lane *l, const struct record *r)
{
    uint32_t n = lane_record_bytes(r), bytes = (uint32_t)sizeof(struct item) + padded(n);
    struct lane_chunk *c = room(l);
    if (!c)
        return ERR_NOMEM;
    assert(is_apart(c, r));
    struct item item = {l->step, (uint16_t)bytes, KIND_RECORD};
    memcpy(c->bytes + c->used, &item, sizeof(item));
    if (r != next_record(c))
        memcpy(next_record(c), r, n);
    c->used += bytes;
    note_written(l);
    return 0;
}

int lane_packet(struct lane *l, const struct stream_packet *p)
{
    struct packet_item item = {{l->step, sizeof(item), KIND_PACKET}, *p};
    struct lane_chunk *c = room(l);
    if (!c)
        return ERR_NOMEM;
    memcpy(c->bytes + c->used, &item, sizeof(item));
    c->used += (uint32_t)sizeof(item);
    note_written(l);
    return 0;
}

/* The item to be told next; NULL: none is left. */
static inline struct item *next_item(struct lane *l)
{
    struct lane_chunk *c = l->reading ? l->reading : l->first;
    while (c && l->read == c->used && c != l->writing && c->next) {
        c = c->next;
        l->read = 0;
    }
    l->reading = c;
    if (!c || l->read == c->used)
        return NULL;
    return (struct item *)(void *)(c->bytes + l->read);
}

void lane_play_step(struct lane *l, uint32_t step, const struct record_sink *to)
{
    struct item *item = next_item(l);
    while (item && item->step == step) {
        l->read += item->bytes;
        if (item->kind == KIND_RECORD)
            to->record(to->ctx, (struct record *)(void *)(item + 1));
        else if (to->packet)
            to->packet(to->packet_ctx, (struct stream_packet *)(void *)(item + 1));
        item = next_item(l);
    }
    l->due = item ? item->step + 1 : NOTHING_DUE;
}

const struct record *lane_next(struct lane *l)
{
    const struct item *item = next_item(l);
    return item && item->kind == KIND_RECORD ? (const struct record *)(const void *)(item + 1)
                                             : NULL;
}

void lane_clear(struct lane *l)
{
    struct lane_chunk **at = &l->first;
    for (int i = 0; *at && i < KEPT_CHUNKS; i++) {
        (*at)->used = 0;
        at = &(*at)->next;
    }
    while (*at) {
        struct lane_chunk *over = *at;
        *at = over->next;
        free(over);
    }
    l->writing = l->reading = NULL;
    l->read = 0;
    l->step = l->written = l->due = 0;
}

void lane_fini(struct lane *l)
{
    lane_clear(l);
    while (l->first) {
        struct lane_chunk *next = l->first->next;
        free(l->first);
        l->first = next;
    }
    l->writing = NULL;
}
