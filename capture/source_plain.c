/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of plain pcap files (pcap-savefile(5), version 2.4) without a copy and without a call of
 * stdio for each: a third of the time of libpcap's loop.
 *
 * Blocks of the file are read straight into the memory of batches. Each begins with a record, at
 * the same place of a page as in the file, which the system copies fastest; the beginning of a
 * record that a block cuts is read again with the next one. How much is read at once follows how
 * much was taken of it, so that files of small records are not read several times.
 *
 * Not read here, but by libpcap: other versions and magic numbers, records that are longer than the
 * file's snap length or the usual maximum, and the end of a file, proper or not.
 */
#include "source_plain.h"
#include "capture/batch.h"
#include "source_file.h"
#include <string.h>

#define RECORD_BYTES 262144 /* data of a record: libpcap's maximum for the usual link types */
#define HEAD_BYTES   16     /* of a record */
#define FILE_BYTES   24     /* header of the file */
#define PAGE_BYTES   BATCH_PAGE_BYTES

_Static_assert(PAGE_BYTES + HEAD_BYTES + RECORD_BYTES <= BATCH_MEMORY_BYTES,
               "a block holds the longest record, wherever it begins");

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
    *r = (struct source_plain){.stream = stream,
                               .offset = FILE_BYTES,
                               .block_bytes = BATCH_BYTES,
                               .max_bytes = snap < RECORD_BYTES ? (uint32_t)snap : RECORD_BYTES,
                               .unit_ns = magic == 0xa1b23c4d ? 1 : 1000,
                               .swapped = swapped};
    return true;
}

/* Does the block hold the whole next record? *ret_captured: the length of its data, as far as it is
 * known, else 0. */
static inline bool is_whole(const struct source_plain *r, uint32_t *ret_captured)
{
    size_t left = (size_t)(r->end - r->at);
    *ret_captured = 0;
    if (left < HEAD_BYTES)
        return false;
    *ret_captured = load(r, r->at + 8);
    return *ret_captured <= r->max_bytes && *ret_captured <= left - HEAD_BYTES;
}

bool source_plain_load(struct source_plain *r, uint8_t *memory)
{
    uint32_t page = (uint32_t)(r->offset % PAGE_BYTES), captured;
    size_t wanted = r->block_bytes - page;
    r->block = r->at = r->end = memory + page;
    do {
        uint64_t offset = r->offset + (uint64_t)(r->end - r->block);
        ssize_t got = source_stream_read_at(r->stream, r->end, wanted, offset);
        if (got <= 0)
            return false;
        r->end += got;
        if (is_whole(r, &captured))
            return true;
        wanted = (size_t)(memory + BATCH_MEMORY_BYTES - r->end);
    } while (captured <= r->max_bytes);
    return false;
}

bool source_plain_next(struct source_plain *r, struct packet *ret_packet)
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

void source_plain_unload(struct source_plain *r, bool more)
{
    uint32_t taken = (uint32_t)(r->at - r->block);
    uint32_t pages = r->block_bytes + r->block_bytes / 4;
    if (more) /* and some for records that are a little longer */
        pages = (uint32_t)(r->offset % PAGE_BYTES) + taken + taken / 16 + PAGE_BYTES;
    pages = (pages + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    r->block_bytes = pages < BATCH_BYTES ? pages : BATCH_BYTES;
    r->offset += taken;
    r->block = r->at = r->end = NULL;
}

uint64_t source_plain_end(struct source_plain *r)
{
    uint64_t offset = r->offset;
    *r = (struct source_plain){0};
    return offset;
}
