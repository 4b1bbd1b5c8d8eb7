/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compressed captures: see source_coding.h. Follows RFC 1952 (gzip, members one after another) and
 * RFC 8878 (zstd, frames one after another, skippable ones too).
 *
 * Limits: a zstd window above 128 MiB is refused by libzstd's default. What follows a complete gzip
 * member or zstd frame and is no further one is padding and ignored, as gzip(1) does.
 */
#include "source_coding.h"
#include "base/err.h"
#include <stdlib.h>
#include <string.h>

static const struct {
    uint8_t magic[SOURCE_CODING_MAGIC_BYTES];
    uint8_t len;
    const char *name;
} foreign[] = {
    {{'B', 'Z', 'h'}, 3, "bzip2"},
    {{0xfd, '7', 'z', 'X'}, 4, "xz"},
    {{0x04, 0x22, 0x4d, 0x18}, 4, "lz4"},
    {{'P', 'K', 3, 4}, 4, "zip"},
};

const char *source_coding_foreign(const uint8_t *magic, size_t n)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        if (n >= foreign[i].len && memcmp(magic, foreign[i].magic, foreign[i].len) == 0)
            return foreign[i].name;
    }
    return NULL;
}

int source_coding_begin(struct source_coding *c, const uint8_t *magic, size_t n)
{
    bool gzip = n >= 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    bool zstd = n == 4 &&
                ((magic[0] == 0x28 && magic[1] == 0xb5) ||
                 ((magic[0] & 0xf0) == 0x50 && magic[1] == 0x2a)) &&
                magic[2] == (magic[0] == 0x28 ? 0x2f : 0x4d);
    if (!gzip && !zstd)
        return 0;
    c->in = malloc(SOURCE_CODING_INPUT_BYTES);
    if (zstd)
        c->zstd = ZSTD_createDCtx();
    if (!c->in || (zstd && !c->zstd) || (gzip && inflateInit2(&c->zlib, 15 + 16) != Z_OK))
        return ERR_NOMEM;
    c->kind = gzip ? SOURCE_CODING_GZIP : SOURCE_CODING_ZSTD;
    memcpy(c->in, magic, n);
    c->in_end = n;
    return 0;
}

static void damaged(struct source_coding *c)
{
    c->damaged = c->over = true;
}

/* One step of inflate(). */
static size_t step_gzip(struct source_coding *c, uint8_t *out, size_t n)
{
    if (!c->inside && c->in[c->in_at] != 0x1f) {
        c->over = true;
        return 0;
    }
    c->inside = true;
    c->zlib.next_in = c->in + c->in_at;
    c->zlib.avail_in = (uInt)(c->in_end - c->in_at);
    c->zlib.next_out = out;
    c->zlib.avail_out = (uInt)n;
    int result = inflate(&c->zlib, Z_NO_FLUSH);
    c->in_at = c->in_end - c->zlib.avail_in;
    if (result == Z_STREAM_END) {
        c->inside = false;
        inflateReset(&c->zlib);
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
        damaged(c);
    }
    return n - c->zlib.avail_out;
}

static size_t step_zstd(struct source_coding *c, uint8_t *out, size_t n)
{
    if (!c->inside && c->in[c->in_at] != 0x28 && (c->in[c->in_at] & 0xf0) != 0x50) {
        c->over = true;
        return 0;
    }
    ZSTD_inBuffer input = {c->in, c->in_end, c->in_at};
    ZSTD_outBuffer output = {out, n, 0};
    size_t result = ZSTD_decompressStream(c->zstd, &output, &input);
    c->in_at = input.pos;
    if (ZSTD_isError(result))
        damaged(c);
    else
        c->inside = result != 0;
    return output.pos;
}

size_t source_coding_step(struct source_coding *c, uint8_t *out, size_t n)
{
    return c->kind == SOURCE_CODING_GZIP ? step_gzip(c, out, n) : step_zstd(c, out, n);
}

void source_coding_end(struct source_coding *c)
{
    if (c->kind == SOURCE_CODING_GZIP)
        inflateEnd(&c->zlib);
    ZSTD_freeDCtx(c->zstd);
    free(c->in);
}

const char *source_coding_name(const struct source_coding *c)
{
    static const char *const names[] = {"", "gzip", "zstd"};
    return names[c->kind];
}
