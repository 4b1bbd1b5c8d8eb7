/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HPACK (RFC 7541) that knows what it does not know.
 *
 * Theory. A header block is a row of representations. Their borders are found here: prefix integers
 * and string lengths. What they hold is decoded by nghttp2, one representation at a time: an index
 * into the static table as it is, a literal rewritten so that it touches no dynamic table ("literal
 * without indexing", with the name's static index or the name itself). So nghttp2's decoder has no
 * state from one representation to the next, and lives for one block.
 *
 * The dynamic table is a ring of entries, the newest is index 62. Its entries are found by counting
 * from the newest, so those inserted since the capture joined, or since a block was lost, are known
 * whatever lies behind them; an index beyond them is an entry that is not known if blocks are
 * missing, and an error if none is. An entry whose name was taken from one that is not known is not
 * known either.
 *
 * When to evict: only by the sizes of entries here, so perhaps later than the peers do where an
 * entry's size is not known, which does no harm: nobody refers to an entry that is gone for him.
 * Earlier than they do, at LIMIT_HTTP2_TABLE, costs knowledge and makes `lost` true.
 *
 * Memory: struct hpack; 16 bytes an entry; name and value of the entries that matter, about 300
 * bytes for what MCP clients send. nghttp2's decoder (1.4 KB) and the strings of a block are held
 * during the call.
 *
 * Ignored on purpose: whether fields are allowed where they stand; "never indexed"; a table size
 * beyond what the peer had granted.
 */
#include "hpack.h"
#include "base/counted.h"
#include "fields.h"
#include <assert.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_OVERHEAD 32 /* RFC 7541 4.1 */
#define STATIC_COUNT   61 /* RFC 7541 appendix A */
#define DEFAULT_TABLE  4096
#define MAX_INTEGER    (1U << 28)
#define KEPT_NAME      32 /* names that matter are shorter */

struct hpack_entry {
    char *text;     /* name, then value; NULL: not kept */
    uint32_t bytes; /* RFC 7541 4.1; at least that much if the name is not known */
    uint16_t name_len;
    bool known; /* and if it is not kept it does not matter */
};

_Static_assert(sizeof(struct hpack_entry) == 16, "as the memory budget says");

/* A string on the wire: with its length in front, and perhaps Huffman coded. */
struct span {
    const uint8_t *p;
    size_t n;
};

/* A name or value. A value is known whenever it is there. */
struct part {
    const char *p; /* a name that is known without text does not matter */
    size_t n;
    bool known;
};

/* One block being read. */
struct reader {
    struct hpack *h;
    const struct hpack_sink *sink;
    struct limits_hit *hit;
    const uint8_t *p, *end;
    nghttp2_hd_inflater *strings;
    bool partly;
};

/* ---- memory of nghttp2, so that tests can make it fail */

static void *mem_malloc(size_t n, void *user)
{
    (void)user;
    return malloc(n);
}

static void mem_free(void *p, void *user)
{
    (void)user;
    free(p);
}

static void *mem_calloc(size_t count, size_t n, void *user)
{
    (void)user;
    return calloc(count, n);
}

static void *mem_realloc(void *p, size_t n, void *user)
{
    (void)user;
    return realloc(p, n);
}

static nghttp2_mem memory = {NULL, mem_malloc, mem_free, mem_calloc, mem_realloc};

/* ---- the dynamic table */

void hpack_init(struct hpack *h, bool joined)
{
    *h = (struct hpack){.max_bytes = DEFAULT_TABLE, .lost = joined};
}

static struct hpack_entry *entry_at(const struct hpack *h, size_t age)
{
    assert(age < h->count && h->cap > 0);
    return &h->ring[(h->first + h->count - 1 - age) % h->cap];
}

/* Name and value, and one more byte, of an entry that counts with so many. */
static size_t text_room(uint32_t entry_bytes)
{
    return entry_bytes - ENTRY_OVERHEAD + 1;
}

static void evict_oldest(struct hpack *h)
{
    struct hpack_entry *e = entry_at(h, h->count - 1U);
    h->bytes -= e->bytes;
    counted_free(h->sum, e->text, text_room(e->bytes));
    h->first = (uint16_t)((h->first + 1) % h->cap);
    h->count--;
}

static void shrink_to(struct hpack *h, uint32_t bytes)
{
    while (h->count > 0 && h->bytes > bytes)
        evict_oldest(h);
}

void hpack_lose(struct hpack *h)
{
    shrink_to(h, 0);
    h->lost = true;
}

void hpack_fini(struct hpack *h)
{
    shrink_to(h, 0);
    counted_free(h->sum, h->ring, h->cap * sizeof(*h->ring));
    h->ring = NULL;
    h->cap = 0;
}

/* Room for one entry more; false: out of memory. */
static bool grow(struct hpack *h)
{
    if (h->count < h->cap)
        return true;
    uint16_t cap = h->cap ? (uint16_t)(h->cap * 2) : 8;
    struct hpack_entry *ring = counted_malloc(h->sum, cap * sizeof(*ring));
    if (!ring)
        return false;
    for (uint16_t i = 0; i < h->count; i++)
        ring[i] = *entry_at(h, h->count - 1U - i);
    counted_free(h->sum, h->ring, h->cap * sizeof(*h->ring));
    h->ring = ring;
    h->cap = cap;
    h->first = 0;
    return true;
}

bool hpack_keeps(const char *name, size_t n)
{
    if (n == 0)
        return false;
    if (name[0] == ':')
        return n < 10; /* not :authority */
    return n < KEPT_NAME && (fields_name_lengths[name[0] & 31] & UINT32_C(1) << n) != 0;
}

static void insert(struct hpack *h, struct part name, struct part value)
{
    size_t bytes = ENTRY_OVERHEAD + name.n + value.n;
    shrink_to(h, bytes < h->max_bytes ? h->max_bytes - (uint32_t)bytes : 0);
    if (bytes > h->max_bytes)
        return; /* RFC 7541 4.4 */
    if (!grow(h)) {
        hpack_lose(h);
        return;
    }
    struct hpack_entry e = {
        .bytes = (uint32_t)bytes, .name_len = (uint16_t)name.n, .known = name.known};
    if (name.p && hpack_keeps(name.p, name.n)) {
        e.text = counted_malloc(h->sum, text_room(e.bytes));
        if (!e.text) {
            hpack_lose(h);
            return;
        }
        memcpy(e.text, name.p, name.n);
        memcpy(e.text + name.n, value.p, value.n);
    }
    h->count++;
    *entry_at(h, 0) = e;
    h->bytes += e.bytes;
}

/* A dynamic table size update. */
static void resize(struct reader *r, uint32_t bytes)
{
    struct hpack *h = r->h;
    if (bytes > LIMIT_HTTP2_TABLE) {
        limits_hit_add(r->hit, LIMIT_ID_HTTP2_TABLE);
        bytes = LIMIT_HTTP2_TABLE;
        h->lost = true; /* soon */
    }
    h->max_bytes = bytes;
    shrink_to(h, bytes);
}

/* ---- the wire */

/* RFC 7541 5.1; false: cut or too large. */
static bool read_integer(struct reader *r, unsigned prefix_bits, uint32_t *ret_value)
{
    if (r->p == r->end)
        return false;
    uint32_t mask = (1U << prefix_bits) - 1;
    uint32_t value = *r->p++ & mask;
    for (unsigned shift = 0; value >= mask; shift += 7) {
        if (r->p == r->end || shift > 21)
            return false;
        value += (uint32_t)(*r->p & 0x7f) << shift;
        if ((*r->p++ & 0x80) == 0)
            break;
    }
    *ret_value = value;
    return value < MAX_INTEGER;
}

static bool read_string(struct reader *r, struct span *ret_string)
{
    uint32_t n;
    ret_string->p = r->p;
    if (!read_integer(r, 7, &n) || n > (size_t)(r->end - r->p))
        return false;
    r->p += n;
    ret_string->n = (size_t)(r->p - ret_string->p);
    return true;
}

/* Feeds a piece of the representation under way to nghttp2. 1: a field came out, 0: none yet,
 * negative: bad. */
static int decode(struct reader *r, struct span s, nghttp2_nv *nv)
{
    while (s.n > 0) {
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(r->strings, nv, &flags, s.p, s.n, 0);
        if (used < 0)
            return -1;
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            return 1;
        s.p += used;
        s.n -= (size_t)used;
        if (used == 0)
            return -1;
    }
    return 0;
}

static struct part part_of(const uint8_t *p, size_t n)
{
    return (struct part){(const char *)p, n, true};
}

static void tell(struct reader *r, struct part name, struct part value)
{
    if (!name.known)
        r->partly = true;
    else if (name.p && hpack_keeps(name.p, name.n))
        r->sink->field(r->sink->ctx, name.p, name.n, value.p, value.n);
}

static struct hpack_entry *lookup(const struct reader *r, uint32_t index)
{
    uint32_t age = index - STATIC_COUNT - 1;
    return age < r->h->count ? entry_at(r->h, age) : NULL;
}

static struct part entry_name(const struct hpack_entry *e)
{
    if (!e)
        return (struct part){NULL, 0, false};
    return (struct part){e->text, e->name_len, e->known};
}

static bool read_indexed(struct reader *r)
{
    uint32_t index;
    const uint8_t *start = r->p;
    if (!read_integer(r, 7, &index) || index == 0)
        return false;
    if (index <= STATIC_COUNT) {
        nghttp2_nv nv;
        if (decode(r, (struct span){start, (size_t)(r->p - start)}, &nv) != 1)
            return false;
        tell(r, part_of(nv.name, nv.namelen), part_of(nv.value, nv.valuelen));
        return true;
    }
    const struct hpack_entry *e = lookup(r, index);
    if (!e && !r->h->lost)
        return false;
    struct part value = {NULL, 0, false};
    if (e && e->text)
        value = (struct part){e->text + e->name_len, e->bytes - ENTRY_OVERHEAD - e->name_len, true};
    tell(r, entry_name(e), value);
    return true;
}

/* Feeds a literal whose name has that index, 0 = is that string, to nghttp2 in a form that indexes
 * nothing. */
static bool decode_literal(struct reader *r, uint32_t index, struct span name, struct span value,
                           nghttp2_nv *nv)
{
    uint8_t head[2] = {(uint8_t)(index < 15 ? index : 15), (uint8_t)(index - 15)};
    if (decode(r, (struct span){head, index < 15 ? 1 : 2}, nv) != 0)
        return false;
    if (index == 0 && decode(r, name, nv) != 0)
        return false;
    return decode(r, value, nv) == 1;
}

static bool read_literal(struct reader *r, unsigned prefix_bits, bool indexing)
{
    uint32_t index;
    struct span name = {NULL, 0}, value;
    if (!read_integer(r, prefix_bits, &index) || (index == 0 && !read_string(r, &name)) ||
        !read_string(r, &value))
        return false;
    bool dynamic = index > STATIC_COUNT;
    const struct hpack_entry *e = dynamic ? lookup(r, index) : NULL;
    if (dynamic && !e && !r->h->lost)
        return false;
    nghttp2_nv nv;
    if (!decode_literal(r, dynamic ? 1 : index, name, value, &nv))
        return false;
    struct part n = dynamic ? entry_name(e) : part_of(nv.name, nv.namelen);
    struct part v = part_of(nv.value, nv.valuelen);
    tell(r, n, v);
    if (!indexing)
        return true;
    char copy[KEPT_NAME]; /* the entry that has the name may have to go for the new one */
    if (dynamic && n.p)
        n.p = memcpy(copy, n.p, n.n);
    insert(r->h, n, v);
    return true;
}

static bool read_one(struct reader *r)
{
    uint8_t first = *r->p;
    uint32_t bytes;
    if (first & 0x80)
        return read_indexed(r);
    if (first & 0x40)
        return read_literal(r, 6, true);
    if (first & 0x20) {
        if (!read_integer(r, 5, &bytes))
            return false;
        resize(r, bytes);
        return true;
    }
    return read_literal(r, 4, false);
}

enum hpack_result hpack_read(struct hpack *h, const struct hpack_sink *sink, const uint8_t *block,
                             size_t n, struct limits_hit *hit)
{
    if (n == 0)
        return HPACK_WHOLE;
    struct reader r = {.h = h, .sink = sink, .hit = hit, .p = block, .end = block + n};
    bool good = nghttp2_hd_inflate_new2(&r.strings, &memory) == 0;
    while (good && r.p < r.end)
        good = read_one(&r);
    if (r.strings)
        nghttp2_hd_inflate_del(r.strings);
    if (!good) {
        hpack_lose(h);
        return HPACK_BAD;
    }
    return r.partly ? HPACK_PARTLY : HPACK_WHOLE;
}
