/* SPDX-License-Identifier: BSD-3-Clause */
/* What capture/source.c promises about files: forms, order, cuts, filters, errors. */
#include "base/err.h"
#include "batches.h"
#include "capture/source.h"
#include "capture/source_internal.h"
#include "capture_files.h"
#include "tests/support/fail_alloc.h"
#include <sys/resource.h>
#include <sys/stat.h>

TestSuite(source, .init = directory_make, .fini = directory_remove, .timeout = 60);

#define S INT64_C(1000000000)

static char error[SOURCE_ERROR_BYTES];

static struct source *open_one(const char *path, const char *filter)
{
    struct source *s = NULL;
    cr_assert_eq(source_open_files(&path, 1, filter, error, &s), 0, "%s", error);
    return s;
}

/* Opening must fail with that error and a single line that holds text. */
static void fails(const char *path, const char *filter, int expected, const char *text)
{
    struct source *s = NULL;
    memset(error, 0, sizeof(error));
    int result = source_open_files(&path, 1, filter, error, &s);
    cr_assert_eq(result, expected, "%d: %s", result, error);
    cr_assert_null(s);
    cr_assert_not_null(strstr(error, text), "%s", error);
    cr_assert_null(strchr(error, '\n'));
}

static struct source_status status_of(struct source *s)
{
    struct source_status status;
    source_status(s, &status);
    return status;
}

/* Reads all and closes. Returns the number of packets; *ret_status may be NULL. */
static unsigned drain(struct source *s, struct source_status *ret_status)
{
    static uint32_t max_packets; /* every size in turn; 0: the usual one */
    struct batches r;
    struct packet p;
    unsigned n = (unsigned)status_of(s).packets;
    unsigned first = n;
    int result;
    max_packets = (max_packets + 1) % 5;
    batches_init(&r, s, max_packets);
    while ((result = batches_next(&r, &p)) == 1)
        cr_assert_eq(p.number, ++n);
    cr_assert_eq(result, 0);
    cr_assert_eq(batches_next(&r, &p), 0, "the end lasts");
    batches_fini(&r);
    if (ret_status)
        *ret_status = status_of(s);
    source_close(s);
    return n - first;
}

/* ---- forms ---- */

static void check_form(bool big, uint32_t magic)
{
    static struct bytes b;
    b.n = 0;
    b.big = big;
    put_pcap_header(&b, magic, EN10MB);
    put_pcap_packet(&b, 1700000000, 123456, 60, 'a');
    put_pcap_packet(&b, 1700000001, 999999, 1500, 'b');
    put_pcap_packet(&b, 4000000000, 7, 1, 'c'); /* after 2038 */
    struct source *s = open_one(write_file("form.pcap", b.data, b.n), NULL);
    int64_t unit = magic == MAGIC_NS ? 1 : 1000;
    const int64_t times[] = {1700000000 * S + 123456 * unit, 1700000001 * S + 999999 * unit,
                             4000000000 * S + 7 * unit};
    const uint32_t sizes[] = {60, 1500, 1};
    struct packet p;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(batches_one(s, &p), 1);
        cr_assert_eq(p.ts_ns, times[i], "packet %d: %ld", i, (long)p.ts_ns);
        cr_assert_eq(p.captured_bytes, sizes[i]);
        cr_assert_eq(p.wire_bytes, sizes[i] + 100);
        cr_assert_eq(p.number, (uint64_t)i + 1);
        cr_assert_eq(p.link_type, 1);
        cr_assert_eq(p.data[p.captured_bytes - 1], 'a' + i);
    }
    cr_assert_eq(batches_one(s, &p), 0);
    struct source_status status = status_of(s);
    cr_assert_eq(status.packets, 3);
    cr_assert_eq(status.bytes, 60 + 1500 + 1 + 300);
    cr_assert_eq(status.read_bytes, b.n);
    cr_assert_eq(status.total_bytes, b.n);
    cr_assert_eq(status.cut_files, 0);
    cr_assert_str_eq(status.cut, "");
    cr_assert(!status.dropped_known);
    source_close(s);
}

Test(source, pcap_of_either_byte_order_and_precision)
{
    check_form(false, MAGIC_US);
    check_form(false, MAGIC_NS);
    check_form(true, MAGIC_US);
    check_form(true, MAGIC_NS);
}

Test(source, pcapng_of_either_byte_order)
{
    static struct bytes b;
    for (int big = 0; big < 2; big++) {
        b.n = 0;
        b.big = big;
        put_section(&b);
        put_interface(&b, EN10MB, false);
        put_interface(&b, EN10MB, true);
        put_enhanced(&b, 0, UINT64_C(1700000000000001), 'x');
        put_enhanced(&b, 1, UINT64_C(1700000000000000002), 'y');
        struct source *s = open_one(write_file("form.pcapng", b.data, b.n), NULL);
        struct packet p;
        cr_assert_eq(batches_one(s, &p), 1);
        cr_assert_eq(p.ts_ns, 1700000000 * S + 1000);
        cr_assert_eq(p.wire_bytes, 60);
        cr_assert_eq(batches_one(s, &p), 1);
        cr_assert_eq(p.ts_ns, 1700000000 * S + 2);
        cr_assert_eq(p.data[7], 'y');
        cr_assert_eq(drain(s, NULL), 0);
    }
}

Test(source, pcapng_with_two_link_types_is_told)
{
    static struct bytes b;
    put_section(&b);
    put_interface(&b, EN10MB, false);
    put_enhanced(&b, 0, UINT64_C(1700000000000001), 'x');
    put_interface(&b, RAW, false);
    put_enhanced(&b, 1, UINT64_C(1700000000000002), 'y');
    struct source_status status;
    cr_assert_eq(drain(open_one(write_file("mixed.pcapng", b.data, b.n), NULL), &status), 1);
    cr_assert_eq(status.cut_files, 1);
    cr_assert_not_null(strstr(status.cut, "mixed.pcapng: not read beyond packet 1"), "%s",
                       status.cut);
    cr_assert_not_null(strstr(status.cut, "link type"), "%s", status.cut);
}

Test(source, damaged_record_headers_do_no_harm)
{
    static struct bytes b;
    put_pcap_header(&b, MAGIC_US, EN10MB);
    put_pcap_packet(&b, 1, 0xfffffff0, 10, 'a'); /* impossible microseconds */
    put_pcap_packet(&b, 0xffffffff, 0x7fffffff, 10, 'a');
    size_t record = b.n;
    put_pcap_packet(&b, 3, 0, 10, 'b');
    b.data[record + 8] = b.data[record + 9] = b.data[record + 10] = 0xff; /* captured length */
    struct source_status status;
    cr_assert_eq(drain(open_one(write_file("bad.pcap", b.data, b.n), NULL), &status), 2);
    cr_assert_eq(status.cut_files, 1);
    cr_assert_not_null(strstr(status.cut, "bad.pcap: not readable after packet 2"), "%s",
                       status.cut);
}

Test(source, a_stream_in_memory)
{
    static struct bytes b;
    put_pcap_header(&b, MAGIC_US, EN10MB);
    put_pcap_packet(&b, 1, 2, 10, 'a');
    struct source *s;
    cr_assert_eq(source_open_stream(fmemopen(b.data, b.n, "r"), error, &s), 0);
    cr_assert_eq(drain(s, NULL), 1);
    cr_assert_eq(source_open_stream(fmemopen(b.data, 3, "r"), error, &s), ERR_FORMAT);
}

/* ---- order ---- */

struct stamp {
    uint32_t s;
    uint8_t fill;
};

static const char *write_stamps(const char *name, const struct stamp *stamps, size_t n)
{
    static struct bytes b;
    b.n = 0;
    put_pcap_header(&b, MAGIC_US, EN10MB);
    for (size_t i = 0; i < n; i++)
        put_pcap_packet(&b, stamps[i].s, 0, 1 + i % 7, stamps[i].fill);
    return write_file(name, b.data, b.n);
}

static void expect_order(const char *const *paths, size_t count, const char *order)
{
    struct source *s;
    struct packet p;
    cr_assert_eq(source_open_files(paths, count, NULL, error, &s), 0, "%s", error);
    for (size_t i = 0; order[i]; i++) {
        cr_assert_eq(batches_one(s, &p), 1);
        cr_assert_eq(p.data[0], (uint8_t)order[i], "at %zu: %c instead of %c", i, p.data[0],
                     order[i]);
        cr_assert_eq(p.number, i + 1);
    }
    struct source_status status;
    cr_assert_eq(drain(s, &status), 0);
    cr_assert_eq(status.read_bytes, status.total_bytes);
}

Test(source, files_are_merged_by_time)
{
    const char *paths[] = {
        write_stamps("late", (struct stamp[]){{30, 'f'}, {40, 'h'}, {40, 'i'}}, 3),
        write_stamps("early", (struct stamp[]){{10, 'a'}, {20, 'c'}, {35, 'g'}}, 3),
        write_stamps("middle", (struct stamp[]){{15, 'b'}, {25, 'd'}, {28, 'e'}, {50, 'j'}}, 4),
        write_stamps("none", NULL, 0),
    };
    expect_order(paths, 4, "abcdefghij");
}

Test(source, equal_times_keep_the_order_of_names)
{
    const char *paths[] = {
        write_stamps("1", (struct stamp[]){{10, 'a'}, {20, 'd'}}, 2),
        write_stamps("2", (struct stamp[]){{10, 'b'}, {20, 'e'}}, 2),
        write_stamps("3", (struct stamp[]){{10, 'c'}, {20, 'f'}}, 2),
    };
    expect_order(paths, 3, "abcdef");
    const char *reverse[] = {paths[2], paths[1], paths[0]};
    expect_order(reverse, 3, "cbafed");
}

Test(source, the_order_inside_a_file_is_kept)
{
    const char *paths[] = {
        write_stamps("1", (struct stamp[]){{10, 'a'}, {30, 'd'}, {15, 'e'}, {40, 'g'}}, 4),
        write_stamps("2", (struct stamp[]){{12, 'b'}, {20, 'c'}, {35, 'f'}}, 3),
    };
    expect_order(paths, 2, "abcdefg");
}

/* ---- cuts ---- */

Test(source, pcap_cut_at_every_byte)
{
    static struct bytes b;
    size_t ends[3];
    put_pcap_header(&b, MAGIC_NS, EN10MB);
    for (int i = 0; i < 3; i++) {
        put_pcap_packet(&b, 10 + (uint32_t)i, 0, 20, 'a');
        ends[i] = b.n;
    }
    fails(write_file("x", b.data, 0), NULL, ERR_FORMAT, "x: the file is empty");
    for (size_t n = 1; n < 24; n++)
        fails(write_file("x", b.data, n), NULL, ERR_FORMAT, "x: cut off inside its file header");
    for (size_t n = 24; n <= b.n; n++) {
        unsigned whole = (n >= ends[0]) + (n >= ends[1]) + (n >= ends[2]);
        bool clean = n == 24 || n == ends[0] || n == ends[1] || n == ends[2];
        const char *path = write_file("x", b.data, n);
        struct source_status status;
        cr_assert_eq(drain(open_one(path, NULL), &status), whole);
        cr_assert_eq(status.cut_files, clean ? 0 : 1, "cut at %zu", n);
        char sentence[64];
        snprintf(sentence, sizeof(sentence), "x: cut off in the middle of packet %u", whole + 1);
        cr_assert(clean == !strstr(status.cut, sentence), "%s", status.cut);
        /* Beside another file it is looked at twice, but counts once, and the rest is read. */
        const char *two[] = {path, write_stamps("y", (struct stamp[]){{9, 'y'}, {99, 'z'}}, 2)};
        struct source *s;
        cr_assert_eq(source_open_files(two, 2, NULL, error, &s), 0);
        cr_assert_eq(drain(s, &status), whole + 2);
        cr_assert_eq(status.cut_files, clean ? 0 : 1, "cut at %zu, two files", n);
    }
}

Test(source, pcapng_cut_at_every_byte)
{
    static struct bytes b;
    put_section(&b);
    put_interface(&b, EN10MB, true);
    size_t first = b.n;
    put_enhanced(&b, 0, 1, 'x');
    size_t second = b.n;
    put_enhanced(&b, 0, 2, 'y');
    for (size_t n = first; n <= b.n; n++) {
        unsigned whole = (n >= second) + (n >= b.n);
        struct source_status status;
        cr_assert_eq(drain(open_one(write_file("x", b.data, n), NULL), &status), whole);
        cr_assert_eq(status.cut_files, n == first || n == second || n == b.n ? 0 : 1, "at %zu", n);
    }
    for (size_t n = 0; n < first; n++) {
        const char *path = write_file("x", b.data, n);
        struct source *s;
        if (source_open_files(&path, 1, NULL, error, &s) == 0)
            cr_assert_eq(drain(s, NULL), 0);
    }
}

/* ---- filters and link types ---- */

Test(source, a_filter_for_each_link_type)
{
    static struct bytes ethernet, raw;
    put_pcap_header(&ethernet, MAGIC_US, EN10MB);
    put_tcp_packet(&ethernet, 10, 81, true);
    put_tcp_packet(&ethernet, 20, 80, true);
    put_tcp_packet(&ethernet, 30, 81, true);
    put_pcap_header(&raw, MAGIC_US, RAW);
    put_tcp_packet(&raw, 15, 80, false);
    put_tcp_packet(&raw, 16, 81, false);
    put_tcp_packet(&raw, 25, 80, false);
    const char *paths[] = {write_file("e", ethernet.data, ethernet.n),
                           write_file("r", raw.data, raw.n)};
    struct source *s;
    cr_assert_eq(source_open_files(paths, 2, "tcp port 80", error, &s), 0, "%s", error);
    const int64_t times[] = {15, 20, 25};
    const int links[] = {12, 1, 12};
    struct packet p;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(batches_one(s, &p), 1);
        cr_assert_eq(p.ts_ns, times[i] * S);
        cr_assert_eq(p.link_type, links[i]);
        cr_assert_eq(p.number, (uint64_t)i + 1);
    }
    int types[4];
    cr_assert_eq(source_link_types(s, types, 4), 2);
    cr_assert(types[0] == 1 && types[1] == 12);
    cr_assert_eq(source_link_types(s, types, 1), 1);
    cr_assert_eq(drain(s, NULL), 0);
    cr_assert_eq(drain(open_one(paths[0], "tcp port 81"), NULL), 2);
    cr_assert_eq(drain(open_one(paths[0], "udp"), NULL), 0);
}

Test(source, a_cut_is_told_by_the_number_in_the_file)
{
    static struct bytes b;
    put_pcap_header(&b, MAGIC_US, EN10MB);
    for (uint32_t i = 0; i < 5; i++)
        put_tcp_packet(&b, i, 80 + i, true);
    struct source_status status;
    cr_assert_eq(drain(open_one(write_file("x", b.data, b.n - 1), "tcp port 82"), &status), 1);
    cr_assert_not_null(strstr(status.cut, "middle of packet 5"), "%s", status.cut);
}

Test(source, bad_filters)
{
    static struct bytes b;
    put_pcap_header(&b, MAGIC_US, EN10MB);
    const char *path = write_file("x.pcap", b.data, b.n);
    fails(path, "tcp prot 80", ERR_ARGUMENT, "filter \"tcp prot 80\" on ");
    fails(path, "ether proto", ERR_ARGUMENT, "x.pcap (EN10MB): ");
    fails(path, "ip and arp", ERR_ARGUMENT, "rejects all packets");
}

Test(source, names_of_link_types)
{
    char text[32];
    cr_assert_str_eq(source_link_type_name(1, text), "EN10MB");
    cr_assert_str_eq(source_link_type_name(113, text), "LINUX_SLL");
    cr_assert_str_eq(source_link_type_name(12345, text), "UNKNOWN(12345)");
}

Test(source, what_looks_like_a_filter)
{
    const char *const yes[] = {"tcp",         "tcp port 80", "host 10.0.0.1", "(tcp or udp)",
                               "not port 22", "! arp",       "tcp[13] = 2",   "port 3000",
                               "ip6",         " less 128",   "dst net 10/8",  "vlan"};
    const char *const no[] = {"",          "tcp.pcap", "host-1.pcap", "port/3000.pcap",
                              "dump.pcap", "-",        "tcpdump",     "Tcp",
                              "/tmp/tcp",  "10.0.0.1", "hosts",       "net_1"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        cr_assert(source_looks_like_filter(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        cr_assert(!source_looks_like_filter(no[i]), "%s", no[i]);
}

/* ---- errors ---- */

Test(source, what_cannot_be_opened)
{
    fails(path_of("missing.pcap"), NULL, ERR_NOT_FOUND, "missing.pcap: No such file");
    fails(directory, NULL, ERR_FORMAT, "Is a directory");
    fails(write_file("a.txt", "Dear reader, this is text", 25), NULL, ERR_FORMAT,
          "a.txt: not a pcap or pcapng file");
    fails(write_file("a.xz",
                     "\xfd"
                     "7zXZ\0\0\0",
                     8),
          NULL, ERR_FORMAT, "a.xz: compressed with xz");
    fails(write_file("a\nb", "nonsense nonsense", 17), NULL, ERR_FORMAT, "a?b: not a");
    if (geteuid() != 0) {
        const char *path = write_file("secret", "x", 1);
        chmod(path, 0);
        fails(path, NULL, ERR_PERMISSION, "secret: Permission denied");
    }
    static char longer[3000];
    memset(longer, 'x', sizeof(longer) - 6);
    strcat(longer, ".pcap");
    struct source *s;
    const char *path = longer;
    cr_assert_lt(source_open_files(&path, 1, NULL, error, &s), 0);
    cr_assert_not_null(strstr(error, "xxx.pcap: File name too long"), "%s", error);
    static const char *many[65537];
    cr_assert_eq(source_open_files(many, 65537, NULL, error, &s), ERR_LIMIT);
    cr_assert_eq(source_open_files(many, 0, NULL, error, &s), ERR_ARGUMENT);
    source_close(NULL);
}

Test(source, one_bad_file_among_good_ones_fails)
{
    const char *paths[] = {write_stamps("good", (struct stamp[]){{1, 'a'}}, 1),
                           write_file("bad", "nothing of the kind", 19)};
    struct source *s;
    cr_assert_eq(source_open_files(paths, 2, NULL, error, &s), ERR_FORMAT);
    cr_assert_not_null(strstr(error, "bad: not a pcap"), "%s", error);
}

Test(source, a_file_that_changes_under_us)
{
    const char *paths[] = {write_stamps("1", (struct stamp[]){{1, 'a'}, {2, 'b'}}, 2),
                           write_stamps("2", (struct stamp[]){{5, 'c'}}, 1),
                           write_stamps("3", (struct stamp[]){{6, 'd'}}, 1),
                           write_stamps("4", (struct stamp[]){{7, 'e'}}, 1)};
    struct source *s;
    struct packet p;
    cr_assert_eq(source_open_files(paths, 4, NULL, error, &s), 0);
    cr_assert_eq(batches_one(s, &p), 1);
    const char *other = write_stamps("other", (struct stamp[]){{5, 'x'}}, 1);
    cr_assert_eq(rename(other, paths[1]), 0);
    cr_assert_eq(unlink(paths[2]), 0);
    cr_assert_eq(batches_one(s, &p), 1);
    cr_assert_eq(batches_one(s, &p), 1);
    cr_assert_eq(p.data[0], 'e');
    struct source_status status;
    cr_assert_eq(drain(s, &status), 0);
    cr_assert_eq(status.cut_files, 2);
    cr_assert_not_null(strstr(status.cut, "2: replaced by another file"), "%s", status.cut);
}

Test(source, break_before_and_between)
{
    struct packet p;
    struct source *s = open_one(write_stamps("1", (struct stamp[]){{1, 'a'}, {2, 'b'}}, 2), NULL);
    cr_assert_eq(batches_one(s, &p), 1);
    source_break(s);
    cr_assert_eq(batches_one(s, &p), ERR_INTERRUPTED);
    cr_assert_eq(batches_one(s, &p), ERR_INTERRUPTED);
    cr_assert_eq(status_of(s).cut_files, 0);
    source_close(s);
}

/* Opening may fail, reading may fail, but only as out of memory, and nothing leaks. */
static void read_three(const char *const *paths)
{
    struct source *s;
    int result = source_open_files(paths, 3, "tcp or not tcp", error, &s);
    if (result != 0) {
        cr_assert_eq(result, ERR_NOMEM, "%d: %s", result, error);
        return;
    }
    struct batch *b = batch_new();
    while (b && (result = source_batch(s, b, 4)) == 1)
        ;
    cr_assert(!b || result == ERR_NOMEM || (result == 0 && status_of(s).packets == 6));
    batch_free(b);
    source_close(s);
}

Test(source, every_allocation_may_fail)
{
    const char *paths[] = {
        write_stamps("1", (struct stamp[]){{10, 'a'}, {20, 'd'}}, 2),
        write_stamps("2", (struct stamp[]){{10, 'b'}, {20, 'e'}}, 2),
        write_stamps("3", (struct stamp[]){{10, 'c'}, {20, 'f'}}, 2),
    };
    uint64_t n = 1;
    for (;; n++) {
        fail_alloc_at(n);
        read_three(paths);
        if (!fail_alloc_stop())
            break;
    }
    cr_assert_gt(n, 10);
}
