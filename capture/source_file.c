/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One capture file as packets, by libpcap: pcap (either byte order, micro- or nanoseconds) and
 * pcapng, always in nanoseconds. libpcap reads every header; the records of a file that is the only
 * one are read in blocks (source_block.h), and by libpcap from the first one on that is not as
 * usual.
 *
 * The filter is applied here, not by libpcap, so that packets are counted as they are in the file
 * and a cut can be told by packet number.
 *
 * Not read, because libpcap refuses it: a pcapng file that mixes link types or snap lengths. It
 * gives its packets up to the first such interface and a sentence that says so.
 */
#include "source_file.h"
#include "base/err.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

#define RECORD_HEAD_BYTES 24 /* of a pcap record, of any variant of the format */

/* Blocks of pcapng that are packets; they begin with type and length. */
#define NG_PACKET   2
#define NG_SIMPLE   3
#define NG_ENHANCED 6

int64_t source_file_time_ns(int64_t seconds, int64_t ns)
{
    /* A pcap time is unsigned (until 2106), but libpcap hands it over as signed (until 2038). */
    if (seconds < 0 && seconds >= INT32_MIN)
        seconds += INT64_C(1) << 32;
    /* The fraction of a damaged record may be beyond a second: 32 bits of microseconds. */
    if (ns < 0)
        ns = 0;
    const int64_t max = INT64_MAX / NS_PER_S - 8192;
    if (seconds < 0 || seconds > max)
        seconds = seconds < 0 ? 0 : max;
    return seconds * NS_PER_S + (ns < 4096 * NS_PER_S ? ns : 0);
}

/* libpcap's message in our words, as far as it is a known one. */
static void describe_open(const struct source_file *f, const char *name, const char *text,
                          char *error)
{
    enum source_stream_end end = f->stream ? source_stream_end(f->stream) : SOURCE_STREAM_GOOD;
    const char *coding = f->stream ? source_stream_coding(f->stream) : "";
    if (end == SOURCE_STREAM_DAMAGED)
        snprintf(error, SOURCE_ERROR_BYTES, "%s: damaged %s data", name, coding);
    else if (end == SOURCE_STREAM_FAILED)
        snprintf(error, SOURCE_ERROR_BYTES, "%s: %s", name,
                 strerror(source_stream_errno(f->stream)));
    else if (end == SOURCE_STREAM_CUT)
        snprintf(error, SOURCE_ERROR_BYTES, "%s: %s data cut off inside the file header", name,
                 coding);
    else if (strstr(text, "unknown file format"))
        snprintf(error, SOURCE_ERROR_BYTES, "%s: not a pcap or pcapng file", name);
    else if (strstr(text, "got 0") && strstr(text, "tried to read 4 "))
        snprintf(error, SOURCE_ERROR_BYTES, "%s: empty inside its %s compression", name, coding);
    else if (strstr(text, "truncated"))
        snprintf(error, SOURCE_ERROR_BYTES, "%s: cut off inside its file header", name);
    else
        snprintf(error, SOURCE_ERROR_BYTES, "%s: %.200s", name, text);
}

int source_file_attach(struct source_file *f, FILE *file, char error[SOURCE_ERROR_BYTES])
{
    char text[PCAP_ERRBUF_SIZE] = "";
    char name[SOURCE_STREAM_NAME_BYTES];
    errno = 0;
    f->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
    if (f->pcap)
        return 0;
    bool no_memory = errno == ENOMEM;
    describe_open(f, source_stream_name(f->input.path, name), text, error);
    if (no_memory)
        return ERR_NOMEM;
    enum source_stream_end end = f->stream ? source_stream_end(f->stream) : SOURCE_STREAM_GOOD;
    if (end == SOURCE_STREAM_CUT)
        return ERR_CUT;
    if (end != SOURCE_STREAM_FAILED)
        return ERR_FORMAT;
    return source_stream_errno(f->stream) == EINTR ? ERR_INTERRUPTED : ERR_IO;
}

int source_file_open(struct source_file *f, struct source_stream_pool *pool,
                     const struct source_stream_options *options, char error[SOURCE_ERROR_BYTES])
{
    FILE *file;
    int result = source_stream_open(pool, &f->input, options, error, &f->stream, &file);
    if (result != 0) {
        f->stream = NULL;
        return result;
    }
    result = source_file_attach(f, file, error);
    if (result != 0) {
        fclose(file);
        source_stream_close(f->stream);
        f->stream = NULL;
    }
    f->packets = 0;
    if (result == 0 && options->keep)
        source_block_begin(&f->block, f->stream, f->pcap);
    return result;
}

/* Why reading ended before the file's proper end; text is libpcap's, or NULL if it noticed nothing.
 * The words before the colon are the file's name, those behind tell how far it was good. */
static void describe_end(struct source_file *f, const char *text, char *problem)
{
    char name[SOURCE_STREAM_NAME_BYTES];
    source_stream_name(f->input.path, name);
    enum source_stream_end end = f->stream ? source_stream_end(f->stream) : SOURCE_STREAM_GOOD;
    const char *coding = f->stream ? source_stream_coding(f->stream) : "";
    problem[0] = '\0';
    if (end == SOURCE_STREAM_FAILED)
        snprintf(problem, SOURCE_ERROR_BYTES, "%s: reading failed after packet %" PRIu64 ": %s",
                 name, f->packets, strerror(source_stream_errno(f->stream)));
    else if (end == SOURCE_STREAM_DAMAGED)
        snprintf(problem, SOURCE_ERROR_BYTES, "%s: damaged %s data after packet %" PRIu64, name,
                 coding, f->packets);
    else if (end == SOURCE_STREAM_CUT)
        snprintf(problem, SOURCE_ERROR_BYTES, "%s: %s data cut off after packet %" PRIu64, name,
                 coding, f->packets);
    else if (end == SOURCE_STREAM_SHORTER)
        snprintf(problem, SOURCE_ERROR_BYTES,
                 "%s: cut short while it was read, after packet %" PRIu64, name, f->packets);
    else if (!text)
        return;
    else if (strstr(text, "truncated pcapng"))
        snprintf(problem, SOURCE_ERROR_BYTES, "%s: cut off in a block after packet %" PRIu64, name,
                 f->packets);
    else if (strstr(text, "truncated"))
        snprintf(problem, SOURCE_ERROR_BYTES, "%s: cut off in the middle of packet %" PRIu64, name,
                 f->packets + 1);
    else if (strstr(text, "different from the"))
        snprintf(problem, SOURCE_ERROR_BYTES,
                 "%s: not read beyond packet %" PRIu64 ": its interfaces differ in %s, which "
                 "libpcap cannot read in one file",
                 name, f->packets, strstr(text, "snapshot") ? "snap length" : "link type");
    else
        snprintf(problem, SOURCE_ERROR_BYTES, "%s: not readable after packet %" PRIu64 ": %.160s",
                 name, f->packets, text);
}

/* The next record, by libpcap. Returns 1, or what pcap_next_ex() does at an end. */
static int next_record(struct source_file *f, struct packet *ret_packet)
{
    struct pcap_pkthdr *header;
    const u_char *data;
    source_block_end(&f->block);
    int result = pcap_next_ex(f->pcap, &header, &data);
    if (result != 1)
        return result;
    ret_packet->data = data;
    ret_packet->captured_bytes = header->caplen;
    ret_packet->wire_bytes = header->len < header->caplen ? header->caplen : header->len;
    ret_packet->ts_ns = source_file_time_ns(header->ts.tv_sec, header->ts.tv_usec);
    return 1;
}

static uint32_t load(const struct source_file *f, const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof(value));
    return pcap_is_swapped(f->pcap) ? __builtin_bswap32(value) : value;
}

/* True if the next record can be read without waiting for the rest of it. Where that is not certain
 * it is said to be not there: then it is read first thing by the next call. */
static bool is_there(const struct source_file *f)
{
    const uint8_t *p;
    if (!f->stream || !source_stream_waits(f->stream))
        return true;
    size_t n = source_stream_ahead(f->stream, &p);
    if (n < RECORD_HEAD_BYTES)
        return false;
    if (pcap_major_version(f->pcap) >= 2) /* pcap; pcapng is version 1 */
        return n - RECORD_HEAD_BYTES >= load(f, p + 8);
    uint32_t type = load(f, p);
    bool packet = type == NG_PACKET || type == NG_SIMPLE || type == NG_ENHANCED;
    return packet && n >= load(f, p + 4);
}

static bool passes(const struct bpf_program *filter, const struct packet *p)
{
    struct pcap_pkthdr header = {.caplen = p->captured_bytes, .len = p->wire_bytes};
    return pcap_offline_filter(filter, &header, p->data) != 0;
}

/* Of n packets; returns how many are left. */
static uint32_t keep_passing(const struct bpf_program *filter, struct packet *packets, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (passes(filter, &packets[i]))
            packets[kept++] = packets[i];
    }
    return kept;
}

void source_file_fill(struct source_file *f, const atomic_bool *broken, struct batch *b,
                      uint32_t max)
{
    while (b->count == 0 && source_block_load(&f->block, b)) {
        struct packet *p = b->packets;
        uint32_t n;
        while ((n = source_block_take(&f->block, f->head.link_type, p, max - b->count)) > 0) {
            f->packets += n;
            b->count += f->filter ? keep_passing(f->filter, p, n) : n;
            p = b->packets + b->count;
        }
        b->used = b->count > 0 ? (uint32_t)(f->block.end - b->memory) : 0;
        source_block_unload(&f->block, b->count == max);
        if (atomic_load_explicit(broken, memory_order_relaxed))
            break;
    }
}

enum source_file_result source_file_read(struct source_file *f, const atomic_bool *broken,
                                         bool may_wait, struct packet *ret_packet,
                                         char problem[SOURCE_ERROR_BYTES])
{
    int result = 1;
    do {
        if (!may_wait && !is_there(f))
            return SOURCE_FILE_LATER;
        result = next_record(f, ret_packet);
        if (result != 1)
            break;
        f->packets++;
        if (!f->filter || passes(f->filter, ret_packet)) {
            ret_packet->link_type = f->head.link_type;
            return SOURCE_FILE_PACKET;
        }
    } while (!atomic_load_explicit(broken, memory_order_relaxed));
    describe_end(f, result == PCAP_ERROR ? pcap_geterr(f->pcap) : NULL, problem);
    return SOURCE_FILE_END;
}

void source_file_close(struct source_file *f)
{
    source_block_end(&f->block);
    if (f->pcap)
        pcap_close(f->pcap); /* and the FILE */
    source_stream_close(f->stream);
    f->pcap = NULL;
    f->stream = NULL;
}
