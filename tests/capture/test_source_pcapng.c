/* SPDX-License-Identifier: BSD-3-Clause */
/* The block reader of pcapng files gives what libpcap alone gives: packets, times, order, and the
 * words about the end, whatever blocks there are. */
#include "readers.h"

TestSuite(source_pcapng, .init = readers_make, .fini = readers_unmake, .timeout = 60);

static struct bytes b;
static uint32_t walk; /* a pseudo-random walk */

static uint32_t step(void)
{
    walk = walk * 1103515245 + 12345;
    return walk >> 8;
}

static void begin(bool big)
{
    file_bytes = 0;
    walk = 1;
    b.n = 0;
    b.big = big;
}

static void flush(void)
{
    add(&b);
    b.n = 0;
}

/* A block of any type around a body of a multiple of four bytes. */
static void put_block(uint32_t type, const struct bytes *body)
{
    put32(&b, type);
    put32(&b, (uint32_t)body->n + 12);
    put(&b, body->data, body->n);
    put32(&b, (uint32_t)body->n + 12);
}

static void put_option(struct bytes *to, unsigned code, unsigned n, const void *value)
{
    put16(to, code);
    put16(to, n);
    put(to, value, n);
    put(to, "\0\0\0", (4 - n % 4) % 4);
}

/* resolution: the option's code, or -1 for none; offset_s: 0 for none. */
static void add_interface(int resolution, int64_t offset_s, unsigned link_type, uint32_t snap)
{
    static struct bytes body, value;
    body.n = 0;
    body.big = value.big = b.big;
    put16(&body, link_type);
    put16(&body, 0);
    put32(&body, snap);
    put_option(&body, 2, 4, "eth0");
    uint8_t code = (uint8_t)resolution;
    if (resolution >= 0)
        put_option(&body, 9, 1, &code);
    value.n = 0;
    put32(&value, (uint32_t)((b.big ? (uint64_t)offset_s >> 32 : (uint64_t)offset_s)));
    put32(&value, (uint32_t)((b.big ? (uint64_t)offset_s : (uint64_t)offset_s >> 32)));
    if (offset_s != 0)
        put_option(&body, 14, 8, value.data);
    put_option(&body, 0, 0, "");
    put_block(1, &body);
    flush();
}

/* n bytes of data; with a comment behind them, or not. */
static void add_packet(uint32_t interface, uint64_t ticks, uint32_t n, bool comment)
{
    static struct bytes body;
    body.n = 0;
    body.big = b.big;
    put32(&body, interface);
    put32(&body, (uint32_t)(ticks >> 32));
    put32(&body, (uint32_t)ticks);
    put32(&body, n);
    put32(&body, n + (uint32_t)ticks % 100 - 1);
    for (uint32_t i = 0; i < (n + 3) / 4 * 4; i++)
        put(&body, &(uint8_t){(uint8_t)(n + i)}, 1);
    if (comment)
        put_option(&body, 1, 7, "comment");
    put_block(6, &body);
    flush();
}

/* A block that holds no packet libpcap would give. */
static void add_other(uint32_t type, uint32_t n)
{
    static struct bytes body;
    body.n = 0;
    body.big = b.big;
    for (uint32_t i = 0; i < n; i++)
        put(&body, "z", 1);
    put_block(type, &body);
    flush();
}

static void add_section(void)
{
    put_section(&b);
    flush();
}

/* The file so far in every way, and a packet at a time. */
static void check(void)
{
    compare(file_bytes);
    compare_way(PLAIN, file_bytes, 1);
    compare_way(PIPE, file_bytes, 7);
}

Test(source_pcapng, usual_files_are_not_copied)
{
    begin(false);
    add_section();
    add_interface(9, 0, EN10MB, 262144);
    for (unsigned i = 0; i < 10; i++)
        add_packet(0, i, 100, i % 2);
    for (enum way way = PLAIN; way < WAYS; way++) {
        struct source *s;
        const char *path = hand_in(way, file_bytes);
        cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), 0, "%s", error);
        cr_assert_eq(source_batch(s, block, 0), 1);
        for (uint32_t i = 1; i < block->count; i++)
            cr_assert_geq(block->packets[i].data - block->packets[i - 1].data, 132);
        source_close(s);
        if (way == PIPE)
            end_writer();
    }
}

Test(source_pcapng, many_blocks_of_all_kinds)
{
    static const uint32_t others[] = {4, 5, 10, 0xbad, 0x40000bad, 0x80000001};
    for (int big = 0; big < 2; big++) {
        begin(big);
        add_section();
        add_other(4, 40);
        add_interface(big ? 6 : -1, 0, EN10MB, 65535);
        for (unsigned i = 0; i < 600; i++) {
            add_packet(0, UINT64_C(1700000000000000) + i * 1000, step() % 1500, i % 3 == 0);
            if (i % 7 == 0)
                add_other(others[i % 6], step() % 300 * 4);
            if (i % 50 == 0)
                add_interface(9, 0, EN10MB, 65535);
            if (i % 50 > 10)
                add_packet(i / 50 + 1, UINT64_C(1700000000000000000) + i, step() % 100, false);
        }
        check();
    }
}

/* Every resolution, with and without an offset, on the first interface and on another one; those
 * that are too fine are libpcap's to refuse. */
Test(source_pcapng, resolutions_and_offsets)
{
    for (int code = 0; code < 256; code++) {
        for (unsigned form = 0; form < 4; form++) {
            int64_t offset = form < 2 ? 0 : form == 2 ? 1600000000 : -1000;
            begin(code % 2);
            add_section();
            add_interface(form % 2 ? code : 9, offset, EN10MB, 65535);
            add_interface(code, offset, EN10MB, 65535);
            for (unsigned i = 0; i < 8; i++) {
                uint64_t ticks = (uint64_t)step() << 40 ^ (uint64_t)step() << 20 ^ step();
                add_packet(i % 2, i < 2 ? 0 : ticks >> i * 6, 4 * i, false);
            }
            compare_way(PLAIN, file_bytes, 0);
        }
    }
}

static void put_interface_head(struct bytes *body)
{
    put16(body, EN10MB);
    put16(body, 0);
    put32(body, 40000);
}

/* What stops the reader: libpcap has to know the interfaces that came before. */
static void add_odd(unsigned kind)
{
    static struct bytes body;
    body.n = 0;
    body.big = b.big;
    switch (kind) {
    case 0: /* a simple packet, 8 bytes */
        put32(&body, 8);
        put(&body, "simplest", 8);
        put_block(3, &body);
        break;
    case 1: /* a packet as they were in the beginning */
        put16(&body, 1);
        put16(&body, 0);
        put32(&body, 5);
        put32(&body, 6);
        put32(&body, 8);
        put32(&body, 8);
        put(&body, "obsolete", 8);
        put_block(2, &body);
        break;
    case 2: /* larger than what is read at once */
        for (unsigned i = 0; i < 60000; i++)
            put(&body, "huge", 1);
        put32(&b, 0xbad);
        put32(&b, 5 * 60000 + 12);
        for (unsigned i = 0; i < 5; i++) {
            put(&b, body.data, body.n);
            flush();
        }
        put32(&b, 5 * 60000 + 12);
        break;
    case 3:
        add_packet(99, 5, 8, false); /* of an interface that there is not */
        break;
    case 4:
        add_packet(0, 5, 50000, false); /* longer than the snap length */
        break;
    case 5:
        add_interface(6, 0, EN10MB, 40001);
        break;
    case 6:
        add_interface(6, 0, RAW, 40000);
        break;
    case 7: /* a length that is none */
        put32(&b, 6);
        put32(&b, 33);
        put(&b, "0123456789012345678901234567890123456789", 40);
        break;
    case 8: /* a section in the other byte order */
        b.big = !b.big;
        put_section(&b);
        break;
    case 9: /* lengths before and behind differ */
        put32(&b, 5);
        put32(&b, 16);
        put32(&b, 0);
        put32(&b, 20);
        break;
    case 10: /* an interface with the same option twice */
        put_interface_head(&body);
        put_option(&body, 9, 1, "\6");
        put_option(&body, 9, 1, "\6");
        put_block(1, &body);
        break;
    case 11: /* an interface whose option is cut */
        put_interface_head(&body);
        put16(&body, 9);
        put16(&body, 9);
        put_block(1, &body);
        break;
    case 12:
        add_section(); /* with packets and no interface */
        break;
    }
    flush();
}

Test(source_pcapng, unusual_blocks)
{
    for (unsigned kind = 0; kind < 13; kind++) {
        for (unsigned sections = 1; sections < 4; sections++) {
            begin(kind % 2);
            for (unsigned section = 0; section < sections; section++) {
                add_section();
                add_interface(6, 0, EN10MB, 40000);
                add_interface(9, 7, EN10MB, 40000);
                add_packet(0, UINT64_C(1700000000000000), 60, false);
                add_interface(0x94, 0, EN10MB, 40000);
                add_packet(1, UINT64_C(1700000000000000000), 61, true);
                add_packet(2, UINT64_C(1700000000) << 20, 62, true);
            }
            add_odd(kind);
            bool big = b.big;
            b.big = kind % 2;
            for (unsigned i = 0; i < 3; i++)
                add_packet(i, UINT64_C(1700000000000000), 60, false);
            b.big = big;
            check();
        }
    }
}

/* More interfaces than are kept for libpcap, in each of which a packet arrives. */
Test(source_pcapng, very_many_interfaces)
{
    begin(false);
    add_section();
    for (unsigned i = 0; i < 2500; i++) {
        add_interface(i % 2 ? 6 : 9, i, EN10MB, 65535);
        add_packet(i, UINT64_C(1700000000000000) + i, 10, false);
        add_packet(i / 2, UINT64_C(1700000000000000) + i, 10, false);
    }
    check();
}

static void make_small(bool big)
{
    begin(big);
    add_section();
    add_other(10, 8);
    add_interface(9, 0, EN10MB, 65535);
    add_packet(0, 1, 5, true);
    add_interface(0x8a, 3, EN10MB, 65535);
    add_other(4, 12);
    add_packet(1, 70000, 30, false);
    add_section();
    add_interface(-1, 0, EN10MB, 65535);
    add_packet(0, 3, 0, false);
    add_other(5, 8);
}

Test(source_pcapng, cut_at_every_byte)
{
    static const size_t pieces[] = {1, 7, 4096};
    for (int big = 0; big < 2; big++) {
        make_small(big);
        for (size_t n = 1; n <= file_bytes; n++) {
            piece = pieces[n % 3];
            compare(n);
        }
        piece = 1;
        compare_by(file_bytes, 1);
    }
}

Test(source_pcapng, each_byte_damaged)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0xff};
    make_small(false);
    for (size_t at = 0; at < file_bytes; at++) {
        uint8_t was = file[at];
        for (unsigned i = 0; i < 5; i++) {
            file[at] = i < 4 ? values[i] : was ^ (uint8_t)(1u << at % 8);
            compare_way(PLAIN, file_bytes, 0);
        }
        compare_way(at % 2 ? PIPE : ZSTD, file_bytes, 0);
        file[at] = was;
    }
}

/* What a writer has sent so far is delivered, and a packet that is not whole is waited for. */
Test(source_pcapng, a_pipe_in_pieces)
{
    static const size_t pieces[] = {3, 97, 1499, 4097, 65536, MAX_BYTES};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        piece = pieces[i];
        begin(i % 2);
        add_section();
        add_interface(9, 0, EN10MB, 0);
        add_interface(6, 0, EN10MB, 0);
        for (unsigned k = 0; k < (i < 2 ? 60 : 700); k++)
            add_packet(k % 2, k, step() % 1400, k % 2);
        compare_way(PIPE, file_bytes, i % 3 * 100);
    }
}

Test(source_pcapng, every_allocation_may_fail)
{
    make_small(false);
    read_with_failing_allocations(PLAIN, 3);
}
