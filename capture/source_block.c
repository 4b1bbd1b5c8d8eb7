/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of pcap files (pcap-savefile(5), version 2.4) without a copy and without a call of stdio
 * for each: a third of the time of libpcap's loop for a file, a twentieth for a pipe.
 *
 * Blocks of the stream are read straight into the memory of batches, of a file that is not
 * compressed to the same place of a page as in the file, which the system copies fastest. The
 * beginning of a record that a block cuts is given back to the stream and comes first in the next
 * one. How much is read at once follows how much was taken of it, so that streams of small records
 * are not read several times.
 *
 * Not read here, but by libpcap: other versions and magic numbers, records that are longer than the
 * file's snap length or the usual maximum, and the end of a file, proper or not.
 */
#include "source_block.h"
#include "capture/batch.h"
#include "source_file.h"
#include <string.h>

#define RECORD_BYTES 262144 /* data of a record: libpcap's maximum for the usual link types */
#define HEAD_BYTES   16     /* of a record */
#define FILE_BYTES   24     /* header of the file */
#define PAGE_BYTES   BATCH_PAGE_BYTES

_Static_assert(PAGE_BYTES + HEAD_BYTES + RECORD_BYTES <= BATCH_MEMORY_BYTES,
               "a block holds the longest record, wherever it begins");

static uint32_t load(const struct source_block *r, const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof(value));
    return r->swapped ? __builtin_bswap32(value) : value;
}

bool source_block_begin(struct source_block *r, struct source_stream *stream, pcap_t *pcap)
{
    const uint8_t *opening;
    int snap = pcap_snapshot(pcap);
    if (source_stream_opened(stream, &opening) != FILE_BYTES)
        return false;
    struct source_block new = {.block_bytes = BATCH_BYTES, .swapped = pcap_is_swapped(pcap) != 0};
    uint32_t magic = load(&new, opening);
    if ((magic != 0xa1b2c3d4 && magic != 0xa1b23c4d) || snap <= 0 ||
        pcap_major_version(pcap) != 2 || pcap_minor_version(pcap) != 4)
        return false;
    new.stream = stream;
    new.max_bytes = snap < RECORD_BYTES ? (uint32_t)snap : RECORD_BYTES;
    new.unit_ns = magic == 0xa1b23c4d ? 1 : 1000;
    *r = new;
    return true;
}

/* Does the block hold the whole next record? *ret_captured: the length of its data, as far as it is
 * known, else 0. */
static inline bool is_whole(const struct source_block *r, uint32_t *ret_captured)
{
    size_t left = (size_t)(r->end - r->at);
    *ret_captured = 0;
    if (left < HEAD_BYTES)
        return false;
    *ret_captured = load(r, r->at + 8);
    return *ret_captured <= r->max_bytes && *ret_captured <= left - HEAD_BYTES;
}

static void leave_block(struct source_block *r)
{
    source_stream_unread(r->stream, r->at, (size_t)(r->end - r->at));
    r->block = r->at = r->end = NULL;
}

bool source_block_load(struct source_block *r, uint8_t *memory)
{
    uint32_t captured;
    const uint8_t *limit = memory + r->block_bytes;
    r->block = r->at = r->end = memory + source_stream_place(r->stream);
    do {
        if (r->end >= limit) /* a longer record than those before */
            limit = memory + BATCH_MEMORY_BYTES;
        ssize_t got = source_stream_read(r->stream, r->end, (size_t)(limit - r->end));
        if (got <= 0)
            break;
        r->end += got;
        if (is_whole(r, &captured))
            return true;
    } while (captured <= r->max_bytes);
    leave_block(r);
    return false;
}

bool source_block_next(struct source_block *r, struct packet *ret_packet)
{
    uint32_t captured;
    if (!is_whole(r, &captured))
        return false;
    const uint8_t *p = r->at;
    uint32_t wire = load(r, p + 12);
    ret_packet->data = p + HEAD_BYTES;
    ret_packet->captured_bytes = captured;
    ret_packet->wire_bytes = wire < captured ? captured : wire;
    int64_t fraction = (int32_t)load(r, p + 4); /* signed, as libpcap has it */
    ret_packet->ts_ns = source_file_time_ns(load(r, p), fraction * r->unit_ns);
    r->at += HEAD_BYTES + captured;
    return true;
}

void source_block_unload(struct source_block *r, bool more)
{
    uint32_t taken = (uint32_t)(r->at - r->block);
    uint32_t pages = r->block_bytes + r->block_bytes / 4;
    if (more) /* and some for records that are a little longer */
        pages = (uint32_t)((uintptr_t)r->block % PAGE_BYTES) + taken + taken / 16 + PAGE_BYTES;
    pages = (pages + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    r->block_bytes = pages < BATCH_BYTES ? pages : BATCH_BYTES;
    leave_block(r);
}

void source_block_end(struct source_block *r)
{
    *r = (struct source_block){0};
}
