/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets from files or from an interface: see source.h.
 *
 * Several files are merged by a heap of their next packets' times. At first every file is opened,
 * its header and first packet are read, and it is closed again: that finds the unreadable ones
 * before anything was reported, and gives each its key. A file whose turn comes is opened for good;
 * so of rotated files no more are open than overlap in time. Things that cannot be opened twice
 * (pipes) stay open. A single file is not read ahead of the first source_batch().
 *
 * A filter is compiled once for each link type that occurs.
 *
 * source_break() only sets a flag, which each packet and each read of a file looks at.
 */
#include "capture/source.h"
#include "base/err.h"
#include "base/limits.h"
#include "source_early.h"
#include "source_file.h"
#include "source_internal.h"
#include "source_live.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define BUFFER_BYTES      262144 /* of a file that is read: larger ones bring nothing more */
#define BUFFER_MANY_BYTES 16384  /* when more than FILES_FEW files overlap */
#define PEEK_BYTES        4096   /* for the first packet only */
#define FILES_FEW         64

struct link {
    struct link *next;
    int type;
    bool compiled;
    struct bpf_program program;
};

struct source {
    struct source_live *live; /* NULL: files */
    struct source_stream_pool pool;
    struct source_file *files;
    size_t file_count;
    uint32_t *heap; /* indices of files that may have packets, the next one to deliver first */
    size_t heap_count;
    uint32_t open_count;
    bool delivered;        /* the first one's head was given out: read its next */
    bool has_pending;      /* a packet was read for which the last batch had no room */
    struct packet pending; /* its data holds, since nothing was read behind it */
    int failure;           /* to be told by the next source_batch(); 0: none */
    char *filter;
    struct source_early early;
    uint64_t batches;            /* asked for so far */
    struct link *links;          /* in order of appearance */
    struct source_status status; /* without what is asked for when it is asked */
};

static bool broken(const struct source *s)
{
    return atomic_load_explicit(&s->pool.broken, memory_order_relaxed);
}

/* ---- the heap ---- */

static bool before(const struct source *s, uint32_t a, uint32_t b)
{
    int64_t ta = s->files[a].head.ts_ns;
    int64_t tb = s->files[b].head.ts_ns;
    return ta != tb ? ta < tb : a < b;
}

/* Moves the entry at i down to where it belongs. */
static void heap_sift(struct source *s, size_t i)
{
    uint32_t moving = s->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->heap_count)
            break;
        if (child + 1 < s->heap_count && before(s, s->heap[child + 1], s->heap[child]))
            child++;
        if (!before(s, s->heap[child], moving))
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = moving;
}

static void heap_drop_first(struct source *s)
{
    s->heap[0] = s->heap[--s->heap_count];
    if (s->heap_count > 0)
        heap_sift(s, 0);
}

/* ---- files ---- */

static void note_problem(struct source *s, const char *problem)
{
    if (!problem[0])
        return;
    if (s->status.cut_files++ == 0)
        snprintf(s->status.cut, sizeof(s->status.cut), "%s", problem);
}

/* The entry of a link type, new if need be. NULL: out of memory. */
static struct link *find_link(struct source *s, int type)
{
    struct link **at = &s->links;
    for (; *at; at = &(*at)->next) {
        if ((*at)->type == type)
            return *at;
    }
    *at = calloc(1, sizeof(**at));
    if (*at)
        (*at)->type = type;
    return *at;
}

/* Notes the link type of an open file and gives it its filter, compiled if that is new. */
static int learn_link(struct source *s, struct source_file *f, char *error)
{
    char name[SOURCE_STREAM_NAME_BYTES], type[32];
    source_stream_name(f->input.path, name);
    f->head.link_type = pcap_datalink(f->pcap);
    struct link *link = find_link(s, f->head.link_type);
    if (!link) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: out of memory", name);
        return ERR_NOMEM;
    }
    if (s->filter && !link->compiled) {
        if (pcap_compile(f->pcap, &link->program, s->filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
            snprintf(error, SOURCE_ERROR_BYTES, "filter \"%.80s\" on %s (%s): %.120s", s->filter,
                     name, source_link_type_name(link->type, type), pcap_geterr(f->pcap));
            return ERR_ARGUMENT;
        }
        link->compiled = true;
    }
    f->filter = link->compiled ? &link->program : NULL;
    return 0;
}

static int open_file(struct source *s, struct source_file *f, size_t buffer_bytes, char *error)
{
    struct source_stream_options options = {buffer_bytes, s->file_count == 1};
    int result = source_file_open(f, &s->pool, &options, error);
    if (result != 0)
        return result;
    result = learn_link(s, f, error);
    if (result != 0)
        source_file_close(f);
    return result;
}

/* Looks at the file's header and first packet. One that cannot be opened twice, and the only one,
 * stays open, and the only one is not read. Returns 1 if it may have packets, 0, or an error. */
static int peek_file(struct source *s, struct source_file *f, char *error)
{
    bool only = s->file_count == 1;
    int result = open_file(s, f, only ? BUFFER_BYTES : PEEK_BYTES, error);
    if (result != 0)
        return result;
    s->status.total_bytes += f->input.size_bytes;
    if (only) {
        s->open_count = 1;
        s->delivered = true;
        return 1;
    }
    if (f->input.regular)
        f->filter = NULL; /* its first packet at all: no need to search the whole file now */
    char problem[SOURCE_ERROR_BYTES];
    bool any = source_file_read(f, &s->pool.broken, true, &f->head, problem) == SOURCE_FILE_PACKET;
    if (!any)
        note_problem(s, problem);
    if (any && !f->input.regular) {
        s->open_count++;
        return 1;
    }
    if (any) /* will be read again, so it is not progress */
        s->pool.closed_bytes -= source_stream_offset(f->stream);
    source_file_close(f);
    return any;
}

/* Opens the first file of the heap, whose turn has come. One that was good a while ago and is not
 * any more counts as cut before its first packet. Returns 1, 0 or ERR_NOMEM. */
static int join(struct source *s, struct source_file *f)
{
    char error[SOURCE_ERROR_BYTES];
    size_t buffer_bytes = s->open_count < FILES_FEW ? BUFFER_BYTES : BUFFER_MANY_BYTES;
    int result = open_file(s, f, buffer_bytes, error);
    if (result == 0) {
        s->open_count++;
        return 1;
    }
    if (result != ERR_NOMEM && !broken(s))
        note_problem(s, error);
    return result == ERR_NOMEM ? ERR_NOMEM : 0;
}

static void drop_first(struct source *s, struct source_file *f)
{
    if (f->pcap) {
        source_file_close(f);
        s->open_count--;
    }
    heap_drop_first(s);
}

/* Makes the first file of the heap ready to deliver its next packet, or drops it. Returns 1, 0 if
 * it has to wait and may not, ERR_INTERRUPTED or ERR_NOMEM. */
static int advance(struct source *s, struct source_file *f, bool may_wait)
{
    char problem[SOURCE_ERROR_BYTES] = "";
    int joined = f->pcap ? 1 : join(s, f);
    enum source_file_result result = SOURCE_FILE_END;
    if (joined == 1)
        result = source_file_read(f, &s->pool.broken, may_wait, &f->head, problem);
    if (broken(s))
        return ERR_INTERRUPTED;
    if (joined < 0)
        return joined;
    switch (result) {
    case SOURCE_FILE_LATER:
        return 0;
    case SOURCE_FILE_PACKET:
        heap_sift(s, 0);
        break;
    case SOURCE_FILE_END:
        note_problem(s, problem);
        drop_first(s, f);
        break;
    }
    s->delivered = false;
    return 1;
}

/* The next packet of all files. Returns 1, 0 at the end or if it would have to wait and may not, or
 * an error. */
static int next_of_files(struct source *s, bool may_wait, struct packet *ret_packet)
{
    while (s->heap_count > 0) {
        struct source_file *f = &s->files[s->heap[0]];
        if (f->pcap && !s->delivered) {
            s->delivered = true;
            *ret_packet = f->head;
            return 1;
        }
        int result = advance(s, f, may_wait);
        if (result != 1)
            return result;
    }
    return 0;
}

/* ---- opening ---- */

static int out_of_memory(struct source *s, char *error)
{
    source_close(s);
    snprintf(error, SOURCE_ERROR_BYTES, "out of memory");
    return ERR_NOMEM;
}

static struct source *new_source(void)
{
    struct source *s = calloc(1, sizeof(*s));
    if (s)
        source_early_init(&s->early);
    return s;
}

/* A source for count files, nothing opened yet. NULL: out of memory. */
static struct source *new_for_files(size_t count, const char *filter)
{
    struct source *s = new_source();
    if (!s)
        return NULL;
    s->files = calloc(count, sizeof(*s->files));
    s->heap = calloc(count, sizeof(*s->heap));
    s->filter = filter ? strdup(filter) : NULL;
    if (!s->files || !s->heap || (filter && !s->filter)) {
        source_close(s);
        return NULL;
    }
    return s;
}

int source_open_files(const char *const *paths, size_t count, const char *filter,
                      char error[SOURCE_ERROR_BYTES], struct source **ret_source)
{
    if (count == 0 || count > LIMIT_INPUT_FILES) {
        snprintf(error, SOURCE_ERROR_BYTES, "%zu input files; at least 1 and at most %d are read",
                 count, LIMIT_INPUT_FILES);
        return count ? ERR_LIMIT : ERR_ARGUMENT;
    }
    struct source *s = new_for_files(count, filter);
    if (!s)
        return out_of_memory(NULL, error);
    for (; s->file_count < count; s->file_count++) {
        s->files[s->file_count].input.path = strdup(paths[s->file_count]);
        if (!s->files[s->file_count].input.path)
            return out_of_memory(s, error);
    }
    bool total_known = true;
    for (uint32_t i = 0; i < count; i++) {
        int result = peek_file(s, &s->files[i], error);
        if (result < 0) {
            source_close(s);
            return result;
        }
        if (result == 1)
            s->heap[s->heap_count++] = i;
        total_known = total_known && s->files[i].input.size_bytes > 0;
    }
    for (size_t i = s->heap_count; i-- > 0;)
        heap_sift(s, i);
    if (!total_known)
        s->status.total_bytes = 0;
    *ret_source = s;
    return 0;
}

int source_open_stream(FILE *file, char error[SOURCE_ERROR_BYTES], struct source **ret_source)
{
    struct source *s = new_for_files(1, NULL);
    int result = ERR_NOMEM;
    if (s) {
        s->file_count = 1;
        s->files[0].input.path = strdup("(memory)");
    }
    if (s && s->files[0].input.path)
        result = source_file_attach(&s->files[0], file, error);
    else
        snprintf(error, SOURCE_ERROR_BYTES, "out of memory");
    if (result != 0)
        fclose(file);
    else
        result = learn_link(s, &s->files[0], error);
    if (result != 0) {
        source_close(s);
        return result;
    }
    s->heap_count = s->open_count = 1;
    s->delivered = true;
    *ret_source = s;
    return 0;
}

int source_open_live(const char *interface, const char *filter,
                     const struct source_live_options *options, char error[SOURCE_ERROR_BYTES],
                     struct source **ret_source)
{
    struct source *s = new_source();
    if (!s)
        return out_of_memory(NULL, error);
    int result = source_live_open(interface, filter, options, error, &s->live);
    if (result == 0 && !find_link(s, source_live_link_type(s->live)))
        return out_of_memory(s, error);
    if (result != 0) {
        source_close(s);
        return result;
    }
    *ret_source = s;
    return 0;
}

/* ---- running ---- */

static int next_packet(struct source *s, bool may_wait, struct packet *ret_packet)
{
    return s->live ? source_live_next(s->live, may_wait, ret_packet, s->status.cut)
                   : next_of_files(s, may_wait, ret_packet);
}

/* Copies packets into the batch. Returns 1 when it is full, 0 or an error as next_packet() did. */
static int copy_packets(struct source *s, struct batch *b, uint32_t max_packets)
{
    while (b->count < max_packets) {
        int result = 1;
        if (!s->has_pending)
            result = next_packet(s, b->count == 0, &s->pending);
        s->has_pending = result == 1;
        if (result == 1)
            result = batch_add(b, &s->pending);
        if (result != 1)
            return result < 0 ? result : s->has_pending;
        s->has_pending = false;
    }
    return 1;
}

static int fill(struct source *s, struct batch *b, uint32_t max_packets)
{
    if (s->heap_count == 1) {
        struct source_file *only = &s->files[s->heap[0]];
        if (only->block.stream)
            source_file_fill(only, &s->pool.broken, b, max_packets);
    }
    return b->count > 0 ? 1 : copy_packets(s, b, max_packets);
}

/* Notes where the next batch begins. */
static void foresee(struct source *s)
{
    uint64_t start = 0;
    int fd = -1;
    if (s->heap_count == 1) {
        const struct source_file *only = &s->files[s->heap[0]];
        if (!only->filter)
            fd = source_block_next_start(&only->block, &start);
    }
    source_early_expect(&s->early, fd, s->batches, start);
}

static void number(struct source_status *status, struct batch *b)
{
    struct packet *p = b->packets;
    uint64_t packets = status->packets, bytes = 0; /* not in memory: each would wait for the last */
    for (uint32_t n = b->count; n > 0; n--, p++) {
        bytes += p->wire_bytes;
        p->number = ++packets;
    }
    status->packets = packets;
    status->bytes += bytes;
}

static int read_batch(struct source *s, struct batch *b, uint32_t max_packets)
{
    batch_clear(b);
    if (broken(s))
        return ERR_INTERRUPTED;
    int result = s->failure;
    s->failure = 0;
    if (result == 0)
        result = fill(s, b, max_packets - 1 < BATCH_PACKETS ? max_packets : BATCH_PACKETS);
    number(&s->status, b);
    if (b->count > 0) {
        s->failure = result < 0 ? result : 0;
        return 1;
    }
    return s->live && broken(s) ? ERR_INTERRUPTED : result;
}

int source_batch(struct source *s, struct batch *b, uint32_t max_packets)
{
    int result = read_batch(s, b, max_packets);
    b->early_bytes = 0;
    s->batches++;
    foresee(s);
    return result;
}

void source_prepare(struct source *s, struct batch *b, uint64_t number)
{
    source_early_read(&s->early, b, number);
}

void source_break(struct source *s)
{
    atomic_store_explicit(&s->pool.broken, true, memory_order_relaxed);
}

void source_status(struct source *s, struct source_status *ret_status)
{
    *ret_status = s->status;
    ret_status->read_bytes = s->pool.closed_bytes;
    for (size_t i = 0; i < s->heap_count; i++) {
        const struct source_file *f = &s->files[s->heap[i]];
        ret_status->read_bytes += f->stream ? source_stream_offset(f->stream) : 0;
    }
    if (s->live)
        ret_status->dropped_known = source_live_dropped(s->live, &ret_status->dropped) == 0;
}

size_t source_link_types(const struct source *s, int *types, size_t max)
{
    size_t n = 0;
    for (const struct link *link = s->links; link && n < max; link = link->next)
        types[n++] = link->type;
    return n;
}

void source_close(struct source *s)
{
    if (!s)
        return;
    source_live_close(s->live);
    for (size_t i = 0; i < s->file_count; i++) {
        source_file_close(&s->files[i]);
        free(s->files[i].input.path);
    }
    while (s->links) {
        struct link *link = s->links;
        s->links = link->next;
        if (link->compiled)
            pcap_freecode(&link->program);
        free(link);
    }
    free(s->files);
    free(s->heap);
    free(s->filter);
    source_early_fini(&s->early);
    free(s);
}

/* ---- words ---- */

const char *source_link_type_name(int link_type, char text[32])
{
    const char *name = pcap_datalink_val_to_name(link_type);
    if (name)
        return name;
    snprintf(text, 32, "UNKNOWN(%d)", link_type);
    return text;
}

const char *source_libraries(void)
{
    static char text[256];
    static const char prefix[] = "libpcap version ";
    const char *pcap = pcap_lib_version();
    if (strncmp(pcap, prefix, sizeof(prefix) - 1) == 0)
        pcap += sizeof(prefix) - 1;
    snprintf(text, sizeof(text), "libpcap %s\nzlib %s\nzstd %s", pcap, zlibVersion(),
             ZSTD_versionString());
    return text;
}

/* What an expression of pcap-filter(7) can begin with. */
static const char *const filter_words[] = {
    "aarp",       "action",  "addr1",     "addr2",     "addr3",   "addr4",  "ah",      "arp",
    "atalk",      "bcc",     "broadcast", "carp",      "clnp",    "csnp",   "decnet",  "dir",
    "direction",  "dst",     "esis",      "esp",       "ether",   "fddi",   "gateway", "geneve",
    "greater",    "host",    "icmp",      "icmp6",     "ifname",  "igmp",   "igrp",    "iih",
    "inbound",    "ip",      "ip6",       "ipx",       "iso",     "isis",   "l1",      "l2",
    "lane",       "lat",     "len",       "less",      "link",    "lsp",    "llc",     "moprc",
    "mopdl",      "mpls",    "multicast", "net",       "netbeui", "not",    "oam",     "on",
    "outbound",   "pim",     "port",      "portrange", "ppp",     "pppoed", "pppoes",  "proto",
    "protochain", "psnp",    "ra",        "radio",     "rarp",    "reason", "rnr",     "rset",
    "rulenum",    "ruleset", "sca",       "sctp",      "slip",    "snp",    "src",     "stp",
    "subtype",    "ta",      "tcp",       "tr",        "type",    "udp",    "vci",     "vlan",
    "vpi",        "vrrp",    "wlan",
};

bool source_looks_like_filter(const char *text)
{
    text += strspn(text, " \t\r\n(!");
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789");
    /* A word that goes on otherwise ("tcp.pcap", "host-1/x") is a file's name. */
    if (n == 0 || !(text[n] == '\0' || strchr(" \t\r\n[()", text[n])))
        return false;
    for (size_t i = 0; i < sizeof(filter_words) / sizeof(filter_words[0]); i++) {
        if (strlen(filter_words[i]) == n && memcmp(filter_words[i], text, n) == 0)
            return true;
    }
    return false;
}
