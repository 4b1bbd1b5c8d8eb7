/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks of pcapng files (draft-ietf-opsawg-pcapng): sections, interfaces and enhanced packets.
 * Whatever else there is (names, statistics, secrets, what others defined) holds no packet and is
 * passed over, as libpcap does.
 *
 * Times are computed as libpcap does, with the same rounding, since the same file must give the
 * same times whoever reads it.
 *
 * A reader that goes on in the middle of a section must know its interfaces. So the blocks that
 * describe it, since libpcap was opened, are kept; a new section makes those before it void.
 *
 * Not read here, but by libpcap: packets in the two other kinds of block, which nobody writes any
 * more; interfaces that differ in link type or snap length, more descriptions than are kept, and
 * all that is not as it should be.
 */
#include "source_pcapng.h"
#include "base/limits.h"
#include "source_file.h"
#include <stdlib.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

#define BLOCK_BYTES     12 /* of any block: type and length before, length behind */
#define SECTION_BYTES   28
#define INTERFACE_BYTES 20
#define PACKET_BYTES    32
#define OPTION_BYTES    4
#define MICROSECONDS    6 /* the resolution of an interface that does not say */
#define INTERFACES      (LIMIT_DESCRIPTIONS / INTERFACE_BYTES + 1)

enum block_type {
    SECTION = 0x0a0d0d0a,
    INTERFACE = 1,
    OLD_PACKET = 2,
    SIMPLE_PACKET = 3,
    ENHANCED_PACKET = 6
};

enum option { OPTION_END = 0, OPTION_RESOLUTION = 9, OPTION_OFFSET = 14 };

struct interface {
    uint64_t units;            /* of time in a second: a power of two or of ten */
    uint64_t multiply, divide; /* units to nanoseconds, rounded down */
    int64_t offset_s;
};

struct source_pcapng {
    bool swapped;
    int link_type;      /* of all interfaces */
    uint32_t snap;      /* of all interfaces, as the first one says */
    uint32_t max_bytes; /* of a packet's data, by libpcap */
    uint32_t count;     /* of the section's interfaces */
    uint32_t kept_bytes;
    struct interface interfaces[INTERFACES];
    uint8_t kept[LIMIT_DESCRIPTIONS];
};

static inline uint32_t load32(const struct source_pcapng *ng, const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof(value));
    return ng->swapped ? __builtin_bswap32(value) : value;
}

static uint16_t load16(const struct source_pcapng *ng, const uint8_t *p)
{
    uint16_t value;
    memcpy(&value, p, sizeof(value));
    return ng->swapped ? __builtin_bswap16(value) : value;
}

uint32_t source_pcapng_length(const struct source_pcapng *ng, const uint8_t *p)
{
    uint32_t length = load32(ng, p + 4);
    return length < BLOCK_BYTES || length % 4 != 0 ? 0 : length;
}

/* ---- descriptions ---- */

/* Keeps a block. False: there is no room for it. */
static bool keep(struct source_pcapng *ng, const uint8_t *p, uint32_t length)
{
    if (length > sizeof(ng->kept) - ng->kept_bytes)
        return false;
    memcpy(ng->kept + ng->kept_bytes, p, length);
    ng->kept_bytes += length;
    return true;
}

static enum source_pcapng_result read_section(struct source_pcapng *ng, const uint8_t *p,
                                              uint32_t length)
{
    if (length < SECTION_BYTES || length > sizeof(ng->kept) || load32(ng, p + 8) != 0x1a2b3c4d)
        return SOURCE_PCAPNG_ODD;
    uint16_t minor = load16(ng, p + 14);
    if (load16(ng, p + 12) != 1 || (minor != 0 && minor != 2))
        return SOURCE_PCAPNG_ODD;
    ng->count = 0;
    ng->kept_bytes = 0;
    keep(ng, p, length);
    return SOURCE_PCAPNG_NOTHING;
}

/* code: as the option has it. False: finer than can be computed with. */
static bool set_resolution(struct interface *i, uint8_t code)
{
    unsigned exponent = code & 0x7f;
    bool binary = code & 0x80;
    if (exponent > (binary ? 63 : 19))
        return false;
    i->units = 1;
    while (exponent-- > 0)
        i->units *= binary ? 2 : 10;
    i->multiply = i->divide = 1;
    if (binary) {
        i->multiply = NS_PER_S;
        i->divide = i->units;
    } else if (i->units <= NS_PER_S) {
        i->multiply = NS_PER_S / i->units;
    } else {
        i->divide = i->units / NS_PER_S;
    }
    return true;
}

/* The options of an interface, n bytes. False: not as they should be. */
static bool read_options(const struct source_pcapng *ng, const uint8_t *p, uint32_t n,
                         struct interface *i)
{
    bool resolution = false, offset = false;
    while (n > 0) {
        if (n < OPTION_BYTES)
            return false;
        uint16_t code = load16(ng, p), length = load16(ng, p + 2);
        uint32_t whole = OPTION_BYTES + (length + 3u) / 4 * 4;
        if (whole > n)
            return false;
        const uint8_t *value = p + OPTION_BYTES;
        if (code == OPTION_END)
            return length == 0;
        if (code == OPTION_RESOLUTION) {
            if (length != 1 || resolution || !set_resolution(i, value[0]))
                return false;
            resolution = true;
        } else if (code == OPTION_OFFSET) {
            if (length != 8 || offset)
                return false;
            memcpy(&i->offset_s, value, 8);
            if (ng->swapped)
                i->offset_s = (int64_t)__builtin_bswap64((uint64_t)i->offset_s);
            offset = true;
        }
        p += whole;
        n -= whole;
    }
    return true;
}

static enum source_pcapng_result read_interface(struct source_pcapng *ng, const uint8_t *p,
                                                uint32_t length)
{
    struct interface i = {0};
    set_resolution(&i, MICROSECONDS);
    if (length < INTERFACE_BYTES || load16(ng, p + 8) != ng->link_type ||
        load32(ng, p + 12) != ng->snap || ng->count == INTERFACES ||
        !read_options(ng, p + 16, length - INTERFACE_BYTES, &i) || !keep(ng, p, length))
        return SOURCE_PCAPNG_ODD;
    ng->interfaces[ng->count++] = i;
    return SOURCE_PCAPNG_NOTHING;
}

/* ---- packets ---- */

static inline int64_t time_ns(const struct interface *i, uint64_t ticks)
{
    uint64_t seconds = ticks / i->units + (uint64_t)i->offset_s;
    uint64_t fraction = ticks % i->units;
    fraction *= i->multiply;
    if (i->divide > 1)
        fraction /= i->divide;
    return source_file_time_ns((int64_t)seconds, (int32_t)fraction);
}

static inline enum source_pcapng_result read_packet(const struct source_pcapng *ng,
                                                    const uint8_t *p, uint32_t length,
                                                    struct packet *ret_packet)
{
    if (length < PACKET_BYTES)
        return SOURCE_PCAPNG_ODD;
    uint32_t id = load32(ng, p + 8), captured = load32(ng, p + 20), wire = load32(ng, p + 24);
    if (id >= ng->count || captured > ng->max_bytes || captured > length - PACKET_BYTES)
        return SOURCE_PCAPNG_ODD;
    uint64_t ticks = (uint64_t)load32(ng, p + 12) << 32 | load32(ng, p + 16);
    ret_packet->data = p + 28;
    ret_packet->captured_bytes = captured;
    ret_packet->wire_bytes = wire < captured ? captured : wire;
    ret_packet->ts_ns = time_ns(&ng->interfaces[id], ticks);
    return SOURCE_PCAPNG_PACKET;
}

enum source_pcapng_result source_pcapng_read(struct source_pcapng *ng, const uint8_t *p,
                                             uint32_t length, struct packet *ret_packet)
{
    if (load32(ng, p + length - 4) != length)
        return SOURCE_PCAPNG_ODD;
    switch (load32(ng, p)) {
    case ENHANCED_PACKET:
        return read_packet(ng, p, length, ret_packet);
    case SECTION:
        return read_section(ng, p, length);
    case INTERFACE:
        return read_interface(ng, p, length);
    case OLD_PACKET:
    case SIMPLE_PACKET:
        return SOURCE_PCAPNG_ODD;
    }
    return SOURCE_PCAPNG_NOTHING;
}

/* ---- opening ---- */

/* Reads the opening, whose last block is the first interface. */
static bool read_opening(struct source_pcapng *ng, const uint8_t *p, size_t left)
{
    struct packet none;
    while (left >= BLOCK_BYTES) {
        uint32_t length = source_pcapng_length(ng, p);
        if (length == 0 || length > left)
            return false;
        if (load32(ng, p) == INTERFACE && length >= INTERFACE_BYTES) {
            ng->link_type = load16(ng, p + 8);
            ng->snap = load32(ng, p + 12);
        }
        if (source_pcapng_read(ng, p, length, &none) != SOURCE_PCAPNG_NOTHING)
            return false;
        p += length;
        left -= length;
    }
    ng->kept_bytes = 0;
    return left == 0 && ng->count == 1;
}

struct source_pcapng *source_pcapng_new(const uint8_t *opening, size_t n, pcap_t *pcap)
{
    int snap = pcap_snapshot(pcap);
    struct source_pcapng *ng = calloc(1, sizeof(*ng));
    if (!ng)
        return NULL;
    ng->swapped = pcap_is_swapped(pcap) != 0;
    ng->max_bytes = snap > 0 ? (uint32_t)snap : 0;
    if (!read_opening(ng, opening, n)) {
        free(ng);
        return NULL;
    }
    ng->link_type = pcap_datalink(pcap); /* with which libpcap compares the others' */
    return ng;
}

void source_pcapng_free(struct source_pcapng *ng)
{
    free(ng);
}

size_t source_pcapng_descriptions(const struct source_pcapng *ng, const uint8_t **ret_bytes)
{
    *ret_bytes = ng->kept;
    return ng->kept_bytes;
}
