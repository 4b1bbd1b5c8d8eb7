/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of pcap (pcap-savefile(5), version 2.4) and pcapng files (source_pcapng.h) without a copy
 * and without a call of stdio for each: a third of the time of libpcap's loop for a file, a
 * twentieth for a pipe.
 *
 * Blocks of the stream are read straight into the memory of batches, of a file that is not
 * compressed to the same place of a page as in the file, which the system copies fastest. The
 * beginning of a record that a block cuts is given back to the stream and comes first in the next
 * one. How much is read at once follows how much was taken of it, so that streams of small records
 * are not read several times. Usual blocks of a plain file end at places that are known beforehand:
 * what is behind one may have been read early (source_early.h), all but that beginning of a record.
 *
 * Not read here, but by libpcap: other versions and magic numbers, link types whose records libpcap
 * changes, records that are longer than the file's snap length or the usual maximum, and the end of
 * a file, proper or not.
 */
#include "source_block.h"
#include "capture/batch.h"
#include "source_file.h"
#include "source_pcapng.h"
#include <string.h>

#define DATA_BYTES   262144 /* of a record: libpcap's maximum for the usual link types */
#define HEAD_BYTES   16     /* of a record of pcap */
#define FILE_BYTES   24     /* header of a pcap file */
#define PAGE_BYTES   BATCH_PAGE_BYTES
#define RECORD_BYTES (BATCH_BYTES + PAGE_BYTES)
#define LONG_BYTES                                                                                 \
    (RECORD_BYTES + PAGE_BYTES) /* of pages: hold such a record, wherever it begins */

_Static_assert(HEAD_BYTES + DATA_BYTES <= RECORD_BYTES, "a block holds the longest record");
_Static_assert(BATCH_LEAD_BYTES + LONG_BYTES <= BATCH_MEMORY_BYTES, "and the memory the block");

enum look {
    LOOK_WHOLE, /* a record of a length that is possible */
    LOOK_CUT,   /* the beginning of one, or of what may be one */
    LOOK_ODD
};

static inline uint32_t load(const uint8_t *p, bool swapped)
{
    uint32_t value;
    memcpy(&value, p, sizeof(value));
    return swapped ? __builtin_bswap32(value) : value;
}

/* libpcap corrects what some systems put into records of these. */
static bool is_corrected(int link_type)
{
    return link_type == DLT_USB_LINUX || link_type == DLT_USB_LINUX_MMAPPED ||
           link_type == DLT_NFLOG;
}

static bool begin_pcap(struct source_block *r, const uint8_t *opening, pcap_t *pcap)
{
    int snap = pcap_snapshot(pcap);
    uint32_t magic = load(opening, r->swapped);
    r->max_bytes = snap < DATA_BYTES ? (uint32_t)snap : DATA_BYTES;
    r->unit_ns = magic == 0xa1b23c4d ? 1 : 1000;
    return (magic == 0xa1b2c3d4 || magic == 0xa1b23c4d) && snap > 0 &&
           pcap_major_version(pcap) == 2 && pcap_minor_version(pcap) == 4;
}

void source_block_begin(struct source_block *r, struct source_stream *stream, pcap_t *pcap)
{
    const uint8_t *opening;
    size_t n = source_stream_opened(stream, &opening);
    *r = (struct source_block){.block_bytes = BATCH_BYTES, .swapped = pcap_is_swapped(pcap) != 0};
    if (n == 0 || is_corrected(pcap_datalink(pcap)))
        return;
    if (n > FILE_BYTES)
        r->ng = source_pcapng_new(opening, n, pcap);
    if (r->ng || (n == FILE_BYTES && begin_pcap(r, opening, pcap)))
        r->stream = stream;
}

static inline enum look look_pcap(const uint8_t *at, const uint8_t *end, bool swapped,
                                  uint32_t max_bytes, uint32_t *ret_bytes)
{
    size_t left = (size_t)(end - at);
    if (left < HEAD_BYTES)
        return LOOK_CUT;
    uint32_t captured = load(at + 8, swapped);
    *ret_bytes = HEAD_BYTES + captured;
    if (captured > max_bytes)
        return LOOK_ODD;
    return *ret_bytes <= left ? LOOK_WHOLE : LOOK_CUT;
}

static enum look look_pcapng(const struct source_block *r, uint32_t *ret_bytes)
{
    size_t left = (size_t)(r->end - r->at);
    if (left < SOURCE_PCAPNG_HEAD_BYTES)
        return LOOK_CUT;
    *ret_bytes = source_pcapng_length(r->ng, r->at);
    if (*ret_bytes == 0 || *ret_bytes > RECORD_BYTES)
        return LOOK_ODD;
    return *ret_bytes <= left ? LOOK_WHOLE : LOOK_CUT;
}

/* At the next record. *ret_bytes: its length, if it is whole. */
static enum look look(const struct source_block *r, uint32_t *ret_bytes)
{
    return r->ng ? look_pcapng(r, ret_bytes)
                 : look_pcap(r->at, r->end, r->swapped, r->max_bytes, ret_bytes);
}

/* How long the next block is to be, unless its first record is longer. */
static size_t block_room(const struct source_block *r)
{
    if (r->block_bytes < BATCH_BYTES || source_stream_fd(r->stream) < 0)
        return r->block_bytes - source_stream_place(r->stream);
    uint64_t start = source_stream_offset(r->stream);
    return (size_t)(source_block_end_from(start) - start);
}

static void leave_block(struct source_block *r)
{
    source_stream_unread(r->stream, r->at, (size_t)(r->end - r->at));
    r->block = r->at = r->end = NULL;
}

/* Takes what was read early, with what comes before it, if that is the next block and begins with a
 * whole record: the same bytes as would be read. */
static bool take_early(struct source_block *r, const struct batch *b)
{
    if (b->early_bytes == 0 || source_stream_fd(r->stream) < 0)
        return false;
    uint32_t record;
    uint64_t start = source_stream_offset(r->stream), end = start + block_room(r);
    uint64_t from = b->early_offset, to = from + b->early_bytes;
    if (start + BATCH_LEAD_BYTES < from || start >= to || end <= from)
        return false;
    if (to < end && to % BATCH_BYTES == 0) /* not for the file's end: the block is longer */
        return false;
    uint8_t *early = b->memory + BATCH_LEAD_BYTES;
    r->block = r->at = r->end = early + start - from;
    if (start < from) {
        size_t lead = (size_t)(from - start);
        ssize_t got = source_stream_read(r->stream, early - lead, lead);
        r->end += got > 0 ? got : 0;
    }
    if (r->end >= early) {
        const uint8_t *stop = early + ((to < end ? to : end) - from);
        source_stream_skip(r->stream, (size_t)(stop - r->end));
        r->end = stop;
    }
    if (look(r, &record) == LOOK_WHOLE)
        return true;
    leave_block(r);
    return false;
}

/* Where to read the next block to: where what is read early lies, too, if it has room there. */
static uint8_t *place_block(const struct source_block *r, const struct batch *b, size_t room)
{
    size_t place = source_stream_place(r->stream);
    return b->memory + place + (place + room <= LONG_BYTES ? BATCH_LEAD_BYTES : 0);
}

static enum look read_block(struct source_block *r, const struct batch *b)
{
    uint32_t record;
    size_t room = block_room(r);
    const size_t most = LONG_BYTES - source_stream_place(r->stream);
    uint8_t *begin = place_block(r, b, room), *end = begin;
    r->block = r->at = r->end = end;
    enum look next = LOOK_CUT;
    while (next == LOOK_CUT) {
        if (end == begin + room && room < most) /* a longer record than those before */
            room = most;
        ssize_t got = source_stream_read(r->stream, end, (size_t)(begin + room - end));
        if (got <= 0)
            break;
        r->end = end += got;
        next = look(r, &record);
    }
    return next;
}

bool source_block_load(struct source_block *r, const struct batch *b)
{
    if (!r->odd && (take_early(r, b) || read_block(r, b) == LOOK_WHOLE))
        return true;
    leave_block(r);
    return false;
}

/* The packet of a whole record. */
static inline void read_pcap(const uint8_t *record, uint32_t bytes, bool swapped, uint32_t unit_ns,
                             struct packet *ret_packet)
{
    uint32_t captured = bytes - HEAD_BYTES, wire = load(record + 12, swapped);
    int64_t fraction = (int32_t)load(record + 4, swapped); /* signed, as libpcap has it */
    ret_packet->data = record + HEAD_BYTES;
    ret_packet->captured_bytes = captured;
    ret_packet->wire_bytes = wire < captured ? captured : wire;
    ret_packet->ts_ns = source_file_time_ns(load(record, swapped), fraction * unit_ns);
}

static inline uint32_t take_pcap(struct source_block *r, bool swapped, int link_type,
                                 struct packet *packets, uint32_t max)
{
    const struct source_block block = *r; /* what it says is not looked up for each record */
    const uint8_t *at = block.at;
    struct packet *p = packets;
    uint32_t bytes;
    for (uint32_t n = max; n > 0; n--, p++) {
        if (look_pcap(at, block.end, swapped, block.max_bytes, &bytes) != LOOK_WHOLE)
            break;
        read_pcap(at, bytes, swapped, block.unit_ns, p);
        p->link_type = link_type;
        at += bytes;
    }
    r->at = at;
    return (uint32_t)(p - packets);
}

static uint32_t take_pcapng(struct source_block *r, int link_type, struct packet *packets,
                            uint32_t max)
{
    uint32_t n = 0, record;
    while (n < max && look_pcapng(r, &record) == LOOK_WHOLE) {
        enum source_pcapng_result kind = source_pcapng_read(r->ng, r->at, record, &packets[n]);
        r->odd = kind == SOURCE_PCAPNG_ODD;
        if (r->odd)
            break;
        r->at += record;
        packets[n].link_type = link_type;
        n += kind == SOURCE_PCAPNG_PACKET;
    }
    return n;
}

uint32_t source_block_take(struct source_block *r, int link_type, struct packet *packets,
                           uint32_t max)
{
    if (r->ng)
        return take_pcapng(r, link_type, packets, max);
    return r->swapped ? take_pcap(r, true, link_type, packets, max)
                      : take_pcap(r, false, link_type, packets, max);
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

int source_block_next_start(const struct source_block *r, uint64_t *ret_start)
{
    if (!r->stream || r->odd || r->block_bytes < BATCH_BYTES)
        return -1;
    *ret_start = source_stream_offset(r->stream);
    return source_stream_fd(r->stream);
}

void source_block_end(struct source_block *r)
{
    const uint8_t *descriptions;
    if (r->ng) {
        size_t n = source_pcapng_descriptions(r->ng, &descriptions);
        source_stream_insert(r->stream, descriptions, n);
        source_pcapng_free(r->ng);
    }
    *r = (struct source_block){0};
}
