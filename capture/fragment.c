/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IP reassembly: RFC 791 section 3.2 for IPv4, RFC 8200 section 4.5 for IPv6.
 *
 * A datagram is a row of pieces in order of arrival, each a copy of one fragment's payload. It is
 * complete when the end is known and the pieces cover everything before it; it is then put together
 * in one buffer, later arrivals first, so that the first copy of a byte is what remains.
 *
 * Fragments that the snap length cut: the datagram is complete when the lengths say so, and its
 * captured part is what is there without a hole from its beginning.
 *
 * Limits: LIMIT_FRAGMENTED, LIMIT_FRAGMENTS, 30 s of capture time, 65535 bytes. A datagram that
 * contradicts itself (two ends, bytes beyond the end) is given up.
 *
 * Ignored on purpose: RFC 5722 asks IPv6 hosts to drop datagrams whose fragments overlap. An
 * observer that did so would lose what a lenient host accepts.
 */
#include "capture/fragment.h"
#include "base/table.h"
#include <stdlib.h>
#include <string.h>

#define DATAGRAM_MAX_BYTES  65535u
#define DATAGRAM_TIMEOUT_NS INT64_C(30000000000)

struct piece {
    uint32_t offset, length_bytes, captured_bytes;
    uint8_t data[];
};

struct datagram_key {
    uint8_t from[16], to[16];
    uint32_t id;
    uint8_t family;
    uint8_t protocol; /* IPv4 only: in IPv6 it is the first fragment's that counts */
    uint8_t zero[2];
};
_Static_assert(sizeof(struct datagram_key) == 40, "struct datagram_key is hashed as bytes");

struct datagram {
    struct datagram_key key;
    int64_t first_ns;
    uint32_t end; /* length of the whole; meaningful with end_known */
    uint32_t wire_bytes;
    uint32_t packets;
    uint32_t count;
    uint8_t protocol; /* of the fragment at offset 0 */
    bool end_known;
    struct piece *pieces[LIMIT_FRAGMENTS];
};

struct fragment_table {
    struct table *table;
    struct limits_hit *hit;
    uint64_t *lost;
    uint8_t *buffer; /* DATAGRAM_MAX_BYTES, from the first whole datagram on */
    struct datagram_key whole;
};

static void release_pieces(struct datagram *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        free(d->pieces[i]);
    d->count = 0;
}

static void give_up(struct fragment_table *t, struct datagram *d)
{
    *t->lost += d->packets;
    release_pieces(d);
    table_remove(t->table, d);
}

static void on_evict(void *ctx, void *entry)
{
    struct fragment_table *t = ctx;
    struct datagram *d = entry;
    limits_hit_add(t->hit, LIMIT_ID_FRAGMENTED);
    *t->lost += d->packets;
    release_pieces(d);
}

struct fragment_table *fragment_new(const struct hash_key *hash, struct limits_hit *hit,
                                    uint64_t *lost)
{
    struct fragment_table *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    struct table_config config = {.max_entries = LIMIT_FRAGMENTED,
                                  .entry_bytes = sizeof(struct datagram),
                                  .key_bytes = sizeof(struct datagram_key),
                                  .hash = *hash,
                                  .evict = on_evict,
                                  .ctx = t};
    t->table = table_new(&config);
    if (!t->table) {
        free(t);
        return NULL;
    }
    t->hit = hit;
    t->lost = lost;
    return t;
}

static struct datagram_key key_of(const struct ip_packet *ip)
{
    struct datagram_key key = {.id = ip->fragment_id, .family = ip->family};
    size_t address_bytes = ip->family == 6 ? 16 : 4;
    memcpy(key.from, ip->from, address_bytes);
    memcpy(key.to, ip->to, address_bytes);
    if (ip->family == 4)
        key.protocol = ip->protocol;
    return key;
}

static void expire(struct fragment_table *t, int64_t now_ns)
{
    struct datagram *d;
    while ((d = table_oldest(t->table)) != NULL) {
        int64_t deadline_ns;
        if (!__builtin_add_overflow(d->first_ns, DATAGRAM_TIMEOUT_NS, &deadline_ns) &&
            deadline_ns > now_ns)
            return;
        give_up(t, d);
    }
}

static struct datagram *find_or_add(struct fragment_table *t, const struct datagram_key *key,
                                    int64_t now_ns)
{
    struct datagram *d = table_find(t->table, key);
    if (d)
        return d;
    void *entry;
    if (table_insert(t->table, key, &entry) < 0) {
        limits_hit_add(t->hit, LIMIT_ID_FRAGMENTED);
        return NULL;
    }
    d = entry;
    d->first_ns = now_ns;
    return d;
}

/* False: the fragment contradicts what is known of the datagram, or is beyond any datagram. */
static bool fits(struct datagram *d, const struct ip_packet *ip)
{
    if (ip->length_bytes > DATAGRAM_MAX_BYTES)
        return false;
    uint32_t end = ip->fragment_offset + ip->length_bytes;
    if (end > DATAGRAM_MAX_BYTES || (ip->more_fragments && ip->length_bytes == 0))
        return false;
    if (d->end_known)
        return ip->more_fragments ? end <= d->end : end == d->end;
    if (ip->more_fragments)
        return true;
    for (uint32_t i = 0; i < d->count; i++)
        if (d->pieces[i]->offset + d->pieces[i]->length_bytes > end)
            return false;
    d->end = end;
    d->end_known = true;
    return true;
}

/* Returns false when the datagram has too many fragments, or memory is short. */
static bool keep(struct fragment_table *t, struct datagram *d, const struct ip_packet *ip)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->pieces[i]->offset == ip->fragment_offset &&
            d->pieces[i]->length_bytes == ip->length_bytes &&
            d->pieces[i]->captured_bytes >= ip->captured_bytes)
            return true;
    struct piece *p = NULL;
    if (d->count < LIMIT_FRAGMENTS)
        p = malloc(sizeof(*p) + ip->captured_bytes);
    if (!p) {
        limits_hit_add(t->hit, LIMIT_ID_FRAGMENTS);
        return false;
    }
    p->offset = ip->fragment_offset;
    p->length_bytes = ip->length_bytes;
    p->captured_bytes = ip->captured_bytes;
    if (ip->captured_bytes > 0)
        memcpy(p->data, ip->payload, ip->captured_bytes);
    d->pieces[d->count++] = p;
    return true;
}

/* How far the pieces reach from the beginning without a hole, by captured or by original bytes. */
static uint32_t reach(const struct datagram *d, bool captured)
{
    uint32_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t i = 0; i < d->count; i++) {
            const struct piece *p = d->pieces[i];
            uint32_t end = p->offset + (captured ? p->captured_bytes : p->length_bytes);
            if (p->offset <= at && end > at) {
                at = end;
                moved = true;
            }
        }
    }
    return at;
}

static void put_together(struct fragment_table *t, struct datagram *d, struct ip_packet *ret_ip)
{
    for (uint32_t i = d->count; i-- > 0;) {
        const struct piece *p = d->pieces[i];
        memcpy(t->buffer + p->offset, p->data, p->captured_bytes);
    }
    t->whole = d->key;
    *ret_ip = (struct ip_packet){.from = t->whole.from,
                                 .to = t->whole.to,
                                 .payload = t->buffer,
                                 .captured_bytes = reach(d, true),
                                 .length_bytes = d->end,
                                 .family = d->key.family,
                                 .protocol = d->protocol};
}

bool fragment_add(struct fragment_table *t, const struct ip_packet *ip, uint32_t wire_bytes,
                  int64_t now_ns, struct ip_packet *ret_ip, uint32_t *ret_wire_bytes)
{
    expire(t, now_ns);
    struct datagram_key key = key_of(ip);
    struct datagram *d = find_or_add(t, &key, now_ns);
    if (!d) {
        ++*t->lost;
        return false;
    }
    d->packets++;
    d->wire_bytes += wire_bytes;
    if (!fits(d, ip) || !keep(t, d, ip)) {
        give_up(t, d);
        return false;
    }
    if (ip->fragment_offset == 0)
        d->protocol = ip->protocol;
    if (!d->end_known || reach(d, false) < d->end)
        return false;
    if (!t->buffer && !(t->buffer = malloc(DATAGRAM_MAX_BYTES))) {
        limits_hit_add(t->hit, LIMIT_ID_FRAGMENTS);
        give_up(t, d);
        return false;
    }
    put_together(t, d, ret_ip);
    *ret_wire_bytes = d->wire_bytes;
    release_pieces(d);
    table_remove(t->table, d);
    return true;
}

void fragment_finish(struct fragment_table *t)
{
    struct datagram *d;
    while ((d = table_oldest(t->table)) != NULL)
        give_up(t, d);
}

void fragment_free(struct fragment_table *t)
{
    if (!t)
        return;
    for (struct datagram *d = table_oldest(t->table); d; d = table_next(t->table, d))
        release_pieces(d);
    table_free(t->table);
    free(t->buffer);
    free(t);
}
