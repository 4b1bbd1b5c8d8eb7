/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Items one behind the other in a list of chunks; an item lies in one chunk. Of a record only the
 * bytes that its type uses are kept, so what a listener gets must not be copied as a whole, but for
 * its last chunk's end, where there is room for a whole record (see CHUNK_BYTES).
 */
#include "lane.h"
#include "base/err.h"
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 65536
#define KEPT_CHUNKS 1 /* of an empty lane */

enum kind { KIND_RECORD, KIND_PACKET };

struct item {
    uint32_t step;
    uint16_t bytes; /* of what follows, without the padding up to the next item */
    uint8_t kind;   /* enum kind */
};

struct lane_chunk {
    struct lane_chunk *next;
    uint32_t used;
    alignas(8) uint8_t bytes[CHUNK_BYTES + sizeof(struct record)];
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
        return (uint32_t)sizeof(struct record);
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

/* A chunk with room for n bytes, behind the one that is written now. */
static struct lane_chunk *room(struct lane *l, uint32_t n)
{
    struct lane_chunk *c = l->writing;
    if (c && c->used + n <= CHUNK_BYTES)
        return c;
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

static int append(struct lane *l, enum kind kind, const void *what, uint32_t n)
{
    struct lane_chunk *c = room(l, (uint32_t)sizeof(struct item) + padded(n));
    if (!c)
        return ERR_NOMEM;
    struct item item = {l->step, (uint16_t)n, (uint8_t)kind};
    memcpy(c->bytes + c->used, &item, sizeof(item));
    memcpy(c->bytes + c->used + sizeof(item), what, n);
    c->used += (uint32_t)sizeof(item) + padded(n);
    return 0;
}

_Static_assert(sizeof(struct record) <= UINT16_MAX, "fits an item");
_Static_assert(sizeof(struct item) == 8, "keeps what follows it aligned");

int lane_record(struct lane *l, const struct record *r)
{
    return append(l, KIND_RECORD, r, lane_record_bytes(r));
}

int lane_packet(struct lane *l, const struct stream_packet *p)
{
    return append(l, KIND_PACKET, p, (uint32_t)sizeof(*p));
}

void lane_play(struct lane *l, uint32_t step, const struct record_sink *to)
{
    if (!l->reading)
        l->reading = l->first;
    while (l->reading) {
        struct lane_chunk *c = l->reading;
        if (l->read == c->used) {
            if (c == l->writing || !c->next)
                return;
            l->reading = c->next;
            l->read = 0;
            continue;
        }
        struct item *item = (struct item *)(void *)(c->bytes + l->read);
        if (item->step != step)
            return;
        void *what = item + 1;
        l->read += (uint32_t)sizeof(*item) + padded(item->bytes);
        if (item->kind == KIND_RECORD)
            to->record(to->ctx, what);
        else if (to->packet)
            to->packet(to->packet_ctx, what);
    }
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
    l->step = 0;
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
