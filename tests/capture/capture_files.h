/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_CAPTURE_CAPTURE_FILES_H
#define TESTS_CAPTURE_CAPTURE_FILES_H

/* Capture files made by hand for the tests of capture/source*.c, in a directory of their own. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bytes {
    uint8_t data[65536];
    size_t n;
    bool big; /* byte order of put16 and put32 */
};

static char directory[64];

static inline void directory_make(void)
{
    snprintf(directory, sizeof(directory), "/tmp/test-source-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static inline void directory_remove(void)
{
    DIR *d = opendir(directory);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char path[400];
        snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
        if (unlink(path) != 0)
            rmdir(path);
    }
    if (d)
        closedir(d);
    rmdir(directory);
}

/* The path of a file there; eight may be in use at once. */
static inline const char *path_of(const char *name)
{
    static char path[8][320];
    static unsigned next;
    char *p = path[next++ % 8];
    snprintf(p, sizeof(path[0]), "%s/%s", directory, name);
    return p;
}

static inline const char *write_file(const char *name, const void *data, size_t n)
{
    const char *path = path_of(name);
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(data, 1, n, f), n);
    fclose(f);
    return path;
}

static inline void put(struct bytes *b, const void *data, size_t n)
{
    cr_assert_leq(b->n + n, sizeof(b->data));
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static inline void put32(struct bytes *b, uint32_t v)
{
    uint8_t p[4];
    for (int i = 0; i < 4; i++)
        p[b->big ? 3 - i : i] = (uint8_t)(v >> (8 * i));
    put(b, p, 4);
}

static inline void put16(struct bytes *b, unsigned v)
{
    uint8_t p[2];
    p[b->big ? 1 : 0] = (uint8_t)v;
    p[b->big ? 0 : 1] = (uint8_t)(v >> 8);
    put(b, p, 2);
}

#define MAGIC_US 0xa1b2c3d4
#define MAGIC_NS 0xa1b23c4d
#define EN10MB   1
#define RAW      101 /* LINKTYPE_RAW; as DLT it is 12 */

static inline void put_pcap_header(struct bytes *b, uint32_t magic, uint32_t link_type)
{
    put32(b, magic);
    put16(b, 2);
    put16(b, 4);
    put32(b, 0);
    put32(b, 0);
    put32(b, 65535);
    put32(b, link_type);
}

/* A packet of n bytes, each `fill`, of `wire` bytes originally. */
static inline void put_pcap_packet(struct bytes *b, uint32_t s, uint32_t fraction, uint32_t n,
                                   uint8_t fill)
{
    put32(b, s);
    put32(b, fraction);
    put32(b, n);
    put32(b, n + 100);
    for (uint32_t i = 0; i < n; i++)
        put(b, &fill, 1);
}

/* An Ethernet frame with IPv4 and TCP to a port; without payload. */
static inline void put_tcp_packet(struct bytes *b, uint32_t s, unsigned port, bool ethernet)
{
    uint8_t frame[54] = {
        [12] = 8, [14] = 0x45, [17] = 40, [22] = 64, [23] = 6, [26] = 10, [30] = 10};
    frame[36] = (uint8_t)(port >> 8);
    frame[37] = (uint8_t)port;
    frame[46] = 0x50;
    uint32_t skip = ethernet ? 0 : 14;
    put32(b, s);
    put32(b, 0);
    put32(b, 54 - skip);
    put32(b, 54 - skip);
    put(b, frame + skip, 54 - skip);
}

/* ---- pcapng ---- */

static inline void put_section(struct bytes *b)
{
    put32(b, 0x0a0d0d0a);
    put32(b, 28);
    put32(b, 0x1a2b3c4d);
    put16(b, 1);
    put16(b, 0);
    put32(b, 0xffffffff);
    put32(b, 0xffffffff);
    put32(b, 28);
}

static inline void put_interface(struct bytes *b, unsigned link_type, bool nanoseconds)
{
    uint32_t length = nanoseconds ? 32 : 20;
    put32(b, 1);
    put32(b, length);
    put16(b, link_type);
    put16(b, 0);
    put32(b, 65535);
    if (nanoseconds) {
        put16(b, 9); /* if_tsresol */
        put16(b, 1);
        put(b, "\x09\0\0\0", 4);
        put32(b, 0);
    }
    put32(b, length);
}

static inline void put_enhanced(struct bytes *b, uint32_t interface, uint64_t ticks, uint8_t fill)
{
    put32(b, 6);
    put32(b, 40);
    put32(b, interface);
    put32(b, (uint32_t)(ticks >> 32));
    put32(b, (uint32_t)ticks);
    put32(b, 8);
    put32(b, 60);
    for (int i = 0; i < 8; i++)
        put(b, &fill, 1);
    put32(b, 40);
}

#endif
