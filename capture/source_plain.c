/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of plain pcap files (pcap-savefile(5), version 2.4) without a copy and without a call of
 * stdio for each: a third of the time of libpcap's loop.
 *
 * The buffer has two parts. Blocks of the file are read to the same place, on a page's boundary;
 * the beginning of a record that a block cuts is moved in front of it, where there is room for the
 * longest one. So every record lies in one piece, and those that come next are known while one is
 * handled: each record tells the frame of one that comes later, if that is wanted.
 *
 * Not read here, but by libpcap: other versions and magic numbers, records that are longer than the
 * file's snap length or the usual maximum, and the end of a file, proper or not.
 */
#include "source_plain.h"
#include "source_file.h"
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES   4096
#define BLOCK_BYTES  262144 /* stays in the second level cache; larger ones bring nothing more */
#define RECORD_BYTES 262144 /* data of a record: libpcap's maximum for the usual link types */
#define HEAD_BYTES   16     /* of a record */
#define FILE_BYTES   24     /* header of the file */
#define ROOM_BYTES   (RECORD_BYTES + PAGE_BYTES) /* in front of a block */

_Static_assert(PAGE_BYTES >= HEAD_BYTES, "room for the longest record");

static uint32_t load(const struct source_plain *r, const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof(value));
    return r->swapped ? __builtin_bswap32(value) : value;
}

bool source_plain_begin(struct source_plain *r, struct source_stream *stream, pcap_t *pcap)
{
    int snap = pcap_snapshot(pcap);
    uint32_t magic = 0;
    source_stream_magic(stream, &magic);
    bool swapped = pcap_is_swapped(pcap) != 0;
    if (swapped)
        magic = __builtin_bswap32(magic);
    if ((magic != 0xa1b2c3d4 && magic != 0xa1b23c4d) || snap <= 0 ||
        pcap_major_version(pcap) != 2 || pcap_minor_version(pcap) != 4)
        return false;
    uint8_t *buffer = aligned_alloc(PAGE_BYTES, ROOM_BYTES + BLOCK_BYTES);
    if (!buffer)
        return false;
    *r = (struct source_plain){.stream = stream,
                               .buffer = buffer,
                               .at = ROOM_BYTES,
                               .end = ROOM_BYTES,
                               .ahead = ROOM_BYTES,
                               .offset = FILE_BYTES,
                               .max_bytes = snap < RECORD_BYTES ? (uint32_t)snap : RECORD_BYTES,
                               .unit_ns = magic == 0xa1b23c4d ? 1 : 1000,
                               .swapped = swapped};
    return true;
}

/* The frame of the record that is told ahead next, or NULL; goes on to the one behind it. */
static inline const uint8_t *look_ahead(struct source_plain *r, uint32_t *ret_bytes)
{
    const uint8_t *p = r->buffer + r->ahead;
    uint32_t left = r->end - r->ahead;
    if (left < HEAD_BYTES)
        return NULL;
    uint32_t captured = load(r, p + 8);
    if (captured > r->max_bytes || captured > left - HEAD_BYTES)
        return NULL;
    r->ahead += HEAD_BYTES + captured;
    *ret_bytes = captured;
    return p + HEAD_BYTES;
}

/* Reads a block, or what the system gives of it, behind the bytes that are left. */
static bool refill(struct source_plain *r)
{
    uint32_t left = r->end - r->at;
    if (left > ROOM_BYTES)
        return false; /* more than any record */
    uint8_t *block = r->buffer + ROOM_BYTES;
    memmove(block - left, r->buffer + r->at, left);
    r->at = ROOM_BYTES - left;
    r->end = ROOM_BYTES;
    ssize_t got = source_stream_read_at(r->stream, block, BLOCK_BYTES, r->offset);
    if (got <= 0)
        return false;
    r->end += (uint32_t)got;
    r->offset += (uint64_t)got;
    r->ahead = r->look_ahead ? r->at : r->end;
    uint32_t bytes;
    for (int i = 0; i < SOURCE_PLAIN_AHEAD && look_ahead(r, &bytes); i++)
        continue;
    return true;
}

/* Makes n bytes lie in the buffer at r->at. */
static inline bool need(struct source_plain *r, uint32_t n)
{
    while (__builtin_expect(r->end - r->at < n, 0)) {
        if (!refill(r))
            return false;
    }
    return true;
}

bool source_plain_next(struct source_plain *r, struct packet *ret_packet)
{
    if (!need(r, HEAD_BYTES))
        return false;
    uint32_t captured = load(r, r->buffer + r->at + 8);
    if (captured > r->max_bytes || !need(r, HEAD_BYTES + captured))
        return false;
    const uint8_t *p = r->buffer + r->at;
    uint32_t wire = load(r, p + 12);
    ret_packet->data = p + HEAD_BYTES;
    ret_packet->captured_bytes = captured;
    ret_packet->wire_bytes = wire < captured ? captured : wire;
    int64_t fraction = (int32_t)load(r, p + 4); /* signed, as libpcap has it */
    ret_packet->ts_ns = source_file_time_ns(load(r, p), fraction * r->unit_ns);
    r->at += HEAD_BYTES + captured;
    ret_packet->ahead = look_ahead(r, &ret_packet->ahead_bytes);
    return true;
}

uint64_t source_plain_end(struct source_plain *r)
{
    uint64_t offset = r->offset - (r->end - r->at);
    free(r->buffer);
    *r = (struct source_plain){0};
    return offset;
}
