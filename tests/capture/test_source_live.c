/* SPDX-License-Identifier: BSD-3-Clause */
/* Live capture on the loopback interface, as far as this user may, by one socket and by several;
 * and the list of interfaces. setsockopt() of the code under test is wrapped: a group can be
 * refused, and packets can come before the filter does.
 *
 * A machine may be busy, so nothing here has to be fast: what must come is waited for with
 * PATIENCE_S, and what must not come late may where the kernel itself was. */
#include "base/clock.h"
#include "base/err.h"
#include "batches.h"
#include "capture/source.h"
#include "tests/support/fail_alloc.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

TestSuite(source_live, .timeout = 120);

#define PATIENCE_S 20

static char error[SOURCE_ERROR_BYTES];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The loopback interface; NULL where capturing is not allowed, which must be said well. */
static struct source *open_with(const char *filter, const struct source_live_options *options)
{
    struct source *s = NULL;
    int result = source_open_live("lo", filter, options, error, &s);
    if (result == ERR_PERMISSION)
        cr_assert_not_null(strstr(error, "cap_net_raw"), "%s", error);
    else if (result != 0)
        cr_assert_eq(result, ERR_NOT_FOUND, "%d: %s", result, error);
    return s;
}

static struct source *open_sockets(const char *filter, uint32_t sockets)
{
    struct source_live_options options = {.timeout_ms = 100, .sockets = sockets};
    return open_with(filter, &options);
}

static struct source *open_loopback(const char *filter)
{
    return open_sockets(filter, 0);
}

/* As source_batch(), of a source that has something: the kernel may take long to hand it over. */
static int batch_soon(struct source *s, struct batch *b, uint32_t max_packets)
{
    double start = now();
    int result;
    do
        result = source_batch(s, b, max_packets);
    while (result == 0 && now() - start < PATIENCE_S);
    return result;
}

/* Sends datagrams to a loopback port that nobody reads. */
static void send_datagrams(uint16_t port, const void *data, size_t n, uint32_t count)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (count-- > 0)
        cr_assert_eq(sendto(fd, data, n, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)n);
    close(fd);
}

static void send_datagram(uint16_t port)
{
    send_datagrams(port, "hello", 5, 1);
}

/* 3 MB, in packets that are few. */
static void send_much(uint16_t port)
{
    static const uint8_t large[30000];
    send_datagrams(port, large, sizeof(large), 100);
}

/* The group is refused to the n-th socket, counted from 1; 0: to none. */
static int refuse_at, joined;

/* Where much is sent when a socket is open and has no filter yet; 0: nowhere. */
static uint16_t early_port;

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t n);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t n);

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
    if (level == SOL_PACKET && name == PACKET_FANOUT && ++joined == refuse_at) {
        errno = EINVAL;
        return -1;
    }
    if (level == SOL_PACKET && name == PACKET_IGNORE_OUTGOING && early_port)
        send_much(early_port);
    return __real_setsockopt(fd, level, name, value, n);
}

Test(source_live, no_such_interface)
{
    struct source *s = NULL;
    struct source_live_options options = {0};
    cr_assert_eq(source_open_live("nothere0", NULL, &options, error, &s), ERR_NOT_FOUND, "%s",
                 error);
    cr_assert_null(s);
    cr_assert_not_null(strstr(error, "nothere0: no such interface"), "%s", error);
    cr_assert_null(strchr(error, '\n'));
}

Test(source_live, silence_returns_after_the_time_out)
{
    struct source *s = open_loopback("udp port 9 and udp port 10");
    if (!s)
        return;
    struct packet p;
    double start = now();
    cr_assert_eq(batches_one(s, &p), 0);
    double waited = now() - start;
    cr_assert(waited > 0.09 && waited < PATIENCE_S, "%f s", waited);
    int types[2];
    cr_assert_eq(source_link_types(s, types, 2), 1);
    struct source_status status;
    source_status(s, &status);
    cr_assert(status.dropped_known);
    cr_assert_eq(status.total_bytes, 0);
    source_close(s);
}

/* What came before the filter does not shorten the wait, and whether it had room is not counted. */
Test(source_live, what_came_before_the_filter_is_nothing)
{
    early_port = 47129;
    for (uint32_t sockets = 1; sockets <= SOURCE_LIVE_SOCKETS_MAX; sockets++) {
        struct source_live_options options = {
            .timeout_ms = 100, .buffer_bytes = 1u << 20, .sockets = sockets};
        struct source *s = open_with("udp dst port 47130", &options);
        if (!s)
            return;
        struct batch *b = batch_new();
        double start = now();
        cr_assert_eq(source_batch(s, b, 0), 0);
        double waited = now() - start;
        cr_assert_gt(waited, 0.09, "%f s", waited);
        send_datagram(47130);
        cr_assert_eq(batch_soon(s, b, 0), 1);
        cr_assert_eq(b->count, 1);
        struct source_status status;
        source_status(s, &status);
        cr_assert_eq(status.dropped, 0, "%u sockets: %" PRIu64, sockets, status.dropped);
        batch_free(b);
        source_close(s);
    }
}

Test(source_live, packets_come)
{
    struct source *s = open_loopback("udp dst port 47123");
    if (!s)
        return;
    send_datagram(47122);
    send_datagram(47123);
    struct packet p = {0};
    int result = 0;
    for (double start = now(); result == 0 && now() - start < PATIENCE_S;)
        result = batches_one(s, &p);
    cr_assert_eq(result, 1);
    cr_assert_eq(p.number, 1);
    cr_assert_eq(p.wire_bytes, 14 + 20 + 8 + 5);
    cr_assert_eq(memcmp(p.data + p.captured_bytes - 5, "hello", 5), 0);
    int64_t age = (int64_t)time(NULL) * 1000000000 - p.ts_ns;
    cr_assert(age > -INT64_C(5000000000) && age < INT64_C(60000000000));
    source_close(s);
}

/* One batch holds what came, and no more than was asked for. */
Test(source_live, batches)
{
    struct source *s = open_loopback("udp dst port 47124");
    if (!s)
        return;
    for (int i = 0; i < 7; i++)
        send_datagram(47124);
    struct batch *b = batch_new();
    uint64_t number = 0;
    while (number < 7) {
        cr_assert_eq(batch_soon(s, b, 3), 1);
        cr_assert(b->count > 0 && b->count <= 3);
        for (uint32_t k = 0; k < b->count; k++) {
            const struct packet *p = &b->packets[k];
            cr_assert_eq(p->number, ++number);
            cr_assert_eq(memcmp(p->data + p->captured_bytes - 5, "hello", 5), 0);
        }
    }
    cr_assert_eq(number, 7);
    batch_free(b);
    source_close(s);
}

Test(source_live, bad_filter)
{
    struct source *s = open_loopback(NULL);
    if (!s)
        return;
    source_close(s);
    struct source_live_options options = {0};
    cr_assert_eq(source_open_live("lo", "port nonsense x", &options, error, &s), ERR_ARGUMENT);
    cr_assert_not_null(strstr(error, "on lo: "), "%s", error);
}

static struct source *waiting;

static void on_alarm(int number)
{
    (void)number;
    source_break(waiting);
}

Test(source_live, break_while_waiting)
{
    struct source_live_options options = {.timeout_ms = 2 * PATIENCE_S * 1000};
    waiting = open_with("udp port 9 and udp port 10", &options);
    if (!waiting)
        return;
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    /* More than once: the first may come before the wait. */
    struct itimerval soon = {.it_value = {.tv_usec = 20000}, .it_interval = {.tv_usec = 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    struct packet p;
    double start = now();
    cr_assert_eq(batches_one(waiting, &p), ERR_INTERRUPTED);
    cr_assert_lt(now() - start, PATIENCE_S);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    source_close(waiting);
}

/* ---- several sockets ---- */

#define FLOWS 16

static atomic_bool stop_sending;
static uint16_t flow_port; /* one for each test, since tests run at the same time */

/* Numbered datagrams of many flows. */
static void *send_flows(void *unused)
{
    int fds[FLOWS];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(flow_port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < FLOWS; i++)
        fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
    for (uint32_t number = 1; !stop_sending; number++) {
        for (int i = 0; i < FLOWS; i++)
            sendto(fds[i], &number, sizeof(number), 0, (struct sockaddr *)&to, sizeof(to));
        usleep(500);
    }
    for (int i = 0; i < FLOWS; i++)
        close(fds[i]);
    return unused;
}

/* Notes a datagram. Returns how many of its flow are missing in front of it. */
static uint32_t note_datagram(uint32_t numbers[65536], const struct packet *p)
{
    const uint8_t *end = p->data + p->captured_bytes;
    uint32_t number, port = (uint32_t)end[-12] << 8 | end[-11];
    memcpy(&number, end - 4, sizeof(number));
    uint32_t before = numbers[port] ? numbers[port] : number - 1;
    cr_assert_gt(number, before, "port %u: %u behind %u", port, number, before);
    numbers[port] = number;
    return number - before - 1;
}

/* For so long packets are kept until those are there that came before (source_live.c). */
#define HOLD_NS INT64_C(80000000)

/* What check_flows() saw. */
struct flows {
    uint32_t numbers[65536]; /* the last one, by port */
    uint32_t seen, missing;
    int64_t latest_ns; /* of all packets; and when its batch was there */
    int64_t latest_read_ns;
};

/* Flows are in the order of time, but where the kernel was late: then the packet that comes first
 * was kept for HOLD_NS. */
static void note_batch(struct flows *f, const struct batch *b)
{
    int64_t read_ns = clock_ns();
    for (uint32_t i = 0; i < b->count; i++) {
        f->missing += note_datagram(f->numbers, &b->packets[i]);
        int64_t ts_ns = b->packets[i].ts_ns, kept_ns = f->latest_read_ns - f->latest_ns;
        cr_assert(ts_ns >= f->latest_ns || kept_ns >= HOLD_NS,
                  "%" PRId64 " ns late, behind one kept for %" PRId64 " ns", f->latest_ns - ts_ns,
                  kept_ns);
        if (ts_ns >= f->latest_ns) {
            f->latest_ns = ts_ns;
            f->latest_read_ns = read_ns;
        }
    }
    f->seen += b->count;
}

/* Opened while packets come, which some of the sockets see before all share them, and read for a
 * while: nothing is seen twice, and once a flow was seen, nothing of it is missing but what the
 * kernel says it dropped. */
static void check_flows(uint32_t sockets)
{
    static struct flows f;
    char filter[32];
    snprintf(filter, sizeof(filter), "udp dst port %u", flow_port);
    memset(&f, 0, sizeof(f));
    stop_sending = false;
    pthread_t sender;
    cr_assert_eq(pthread_create(&sender, NULL, send_flows, NULL), 0);
    usleep(20000);
    struct source *s = open_sockets(filter, sockets);
    struct batch *b = batch_new();
    while (s && f.seen < 5000) {
        cr_assert_eq(batch_soon(s, b, 0), 1);
        note_batch(&f, b);
    }
    stop_sending = true;
    pthread_join(sender, NULL);
    uint32_t flows = 0;
    for (uint32_t i = 0; i < 65536; i++)
        flows += f.numbers[i] > 0;
    cr_assert_eq(flows, s ? FLOWS : 0, "%u flows", flows);
    if (s) {
        struct source_status status;
        source_status(s, &status);
        cr_assert(status.dropped_known);
        cr_assert_leq(f.missing, status.dropped);
    }
    batch_free(b);
    source_close(s);
}

Test(source_live, several_sockets_share_the_packets)
{
    flow_port = 47125;
    for (uint32_t sockets = 1; sockets <= SOURCE_LIVE_SOCKETS_MAX; sockets++)
        check_flows(sockets);
}

Test(source_live, several_sockets_are_refused)
{
    struct source *s = open_loopback(NULL);
    if (!s)
        return;
    source_close(s);
    struct source_live_options options = {.sockets = 3};
    for (refuse_at = 1; refuse_at <= 3; refuse_at++) {
        joined = 0;
        cr_assert_eq(source_open_live("lo", NULL, &options, error, &s), ERR_UNSUPPORTED);
        cr_assert_str_eq(error, "lo: 3 sockets cannot share it: Invalid argument");
    }
}

/* Sends 200 datagrams, gives the kernel time to hand them over and reads them all. Returns whether
 * they came in one batch, by time; 1 where capturing is not allowed. */
static bool merged_by_time(useconds_t time_us)
{
    struct source *s = open_sockets("udp dst port 47126", 4);
    if (!s)
        return true;
    for (int i = 0; i < 200; i++)
        send_datagram(47126);
    usleep(time_us);
    struct batch *b = batch_new();
    cr_assert_eq(batch_soon(s, b, 0), 1);
    bool merged = b->count == 200;
    for (uint32_t k = 1; k < b->count; k++)
        merged = merged && b->packets[k].ts_ns >= b->packets[k - 1].ts_ns;
    uint32_t seen = b->count;
    for (; seen < 200; seen += b->count)
        cr_assert_eq(batch_soon(s, b, 0), 1);
    cr_assert_eq(seen, 200);
    batch_free(b);
    source_close(s);
    return merged;
}

/* In all sockets lie packets that came before they are read: they are merged by time. */
Test(source_live, several_sockets_are_merged_by_time)
{
    useconds_t time_us = 200000;
    while (!merged_by_time(time_us)) {
        time_us *= 2;
        cr_assert_lt(time_us, PATIENCE_S * 1000000 / 2);
    }
}

/* One that came and is kept is waited for: 0 would tell that none came. */
Test(source_live, several_sockets_wait_for_what_is_kept)
{
    struct source_live_options options = {.timeout_ms = PATIENCE_S * 1000, .sockets = 2};
    struct source *s = open_with("udp dst port 47127", &options);
    if (!s)
        return;
    struct batch *b = batch_new();
    for (int i = 0; i < 5; i++) {
        send_datagram(47127);
        cr_assert_eq(source_batch(s, b, 0), 1);
        cr_assert_eq(b->count, 1);
    }
    batch_free(b);
    source_close(s);
}

Test(source_live, several_sockets_fail_as_one_does)
{
    struct source *s = open_sockets(NULL, 2);
    if (!s)
        return;
    source_close(s);
    struct source_live_options options = {.sockets = 2};
    cr_assert_eq(source_open_live("lo", "port nonsense x", &options, error, &s), ERR_ARGUMENT);
    cr_assert_not_null(strstr(error, "on lo: "), "%s", error);
    cr_assert_eq(source_open_live("nothere0", NULL, &options, error, &s), ERR_NOT_FOUND);
    cr_assert_not_null(strstr(error, "nothere0: no such interface"), "%s", error);
}

/* What loopback shows twice is captured, and dropped, once. */
Test(source_live, what_is_dropped_is_counted_once)
{
    struct source_live_options options = {.buffer_bytes = 1u << 20, .timeout_ms = 100};
    struct source *s = open_with("udp dst port 47128", &options);
    if (!s)
        return;
    send_much(47128);
    struct batch *b = batch_new();
    struct source_status status;
    source_status(s, &status);
    cr_assert(status.dropped > 0 && status.dropped < 100, "%" PRIu64, status.dropped);
    uint32_t seen = 0;
    for (; seen + status.dropped < 100; seen += b->count)
        cr_assert_eq(batch_soon(s, b, 0), 1);
    cr_assert_eq(seen + status.dropped, 100, "%u and %" PRIu64, seen, status.dropped);
    cr_assert_eq(source_batch(s, b, 0), 0);
    batch_free(b);
    source_close(s);
}

Test(source_live, interfaces)
{
    struct source_interface *list = NULL;
    int n = source_interfaces(error, &list);
    cr_assert_geq(n, 0, "%s", error);
    cr_assert_not_null(list);
    for (int i = 0; i < n; i++) {
        cr_assert_neq(list[i].name[0], '\0');
        if (strcmp(list[i].name, "lo") == 0) {
            cr_assert(list[i].loopback);
            cr_assert(!list[i].up || strstr(list[i].addresses, "127.0.0.1"));
        }
    }
    free(list);
}

Test(source_live, every_allocation_may_fail)
{
    struct source_live_options options = {0};
    for (uint64_t n = 1;; n++) {
        struct source *s = NULL;
        fail_alloc_at(n);
        int result = source_open_live("nothere0", NULL, &options, error, &s);
        bool failed = fail_alloc_stop();
        cr_assert_eq(result, failed ? ERR_NOMEM : ERR_NOT_FOUND, "%d: %s", result, error);
        if (!failed)
            break;
    }
    bool allowed = true;
    options.sockets = 3;
    for (uint64_t n = 1; allowed; n++) {
        struct source *s = NULL;
        fail_alloc_at(n);
        int result = source_open_live("lo", NULL, &options, error, &s);
        bool failed = fail_alloc_stop();
        allowed = result != ERR_PERMISSION;
        cr_assert(!allowed || result == (failed ? ERR_NOMEM : 0), "%d: %s", result, error);
        source_close(s);
        if (!failed)
            break;
    }
    struct source_interface *list = NULL;
    fail_alloc_at(1);
    cr_assert_eq(source_interfaces(error, &list), ERR_NOMEM);
    cr_assert(fail_alloc_stop());
    cr_assert_null(list);
}
