/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One live interface, by libpcap.
 *
 * The handle does not block; this file waits by poll() instead. Linux hands over its ring by blocks
 * and wakes nobody while none is filled, so that a blocking read on a silent interface would not
 * return after its time-out, and a break request would wait for the next packet.
 *
 * Several sockets, if asked for, form one fanout group (packet(7)): the kernel gives each
 * connection's packets to one of them, each has a buffer of its own, and the processors that
 * receive packets do not wait for each other. One thread empties them all: it takes the earliest of
 * their next packets. A socket that had none is not asked again before the next batch, since asking
 * is a system call; and the kernel hands over blocks. So times may step back between packets of
 * different sockets, by FANOUT_BLOCK_MS and what the kernel's timer adds, which is less than what
 * causality over connections allows for (LIMIT_STRAYS). Fragments and ICMP errors may come by
 * another socket than the packets of their connection; fragments stay fragments, as in a file,
 * since the front puts together what comes by any socket.
 *
 * Sockets capture from when they are opened, and share the packets from when all have joined. What
 * came between is skipped: some of it lies in several buffers. It is told by its time, which is the
 * system's, the only use of a clock here. Where a group cannot be had (other kinds of
 * interfaces, old kernels, no memory for the buffers), there is one socket.
 *
 * An interface whose frames capture/link.h cannot read (Bluetooth, USB, ...) is refused at once; in
 * a file such packets are counted instead.
 */
#include "source_live.h"
#include "base/err.h"
#include "capture/link.h"
#include "source_file.h"
#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SNAP_BYTES                                                                                 \
    262144 /* libpcap's own maximum: whole packets, also of offloading interfaces                  \
            */
#define TIMEOUT_MS 100

/* Where there are several sockets: a block that is not full is handed over after one to two times
 * this. Blocks are large (libpcap: 262144 bytes), so that a share of the buffer that is smaller
 * than libpcap's default would be full after few of them, even of a trickle. */
#define FANOUT_BLOCK_MS     25
#define FANOUT_BUFFER_BYTES (16u << 20) /* of all sockets */
#define FANOUT_SHARE_BYTES  (2u << 20)  /* of one: at least */

struct tap {
    pcap_t *pcap;
    int fd;
    bool ready; /* head is its next packet, whose data holds until the next one is read */
    bool dry;   /* had nothing when it was asked last */
    struct packet head;
};

struct source_live {
    struct tap taps[SOURCE_SOCKETS_MAX];
    uint32_t tap_count;
    int timeout_ms;
    int64_t ts_factor; /* of the fraction of a second; 1 when it is in nanoseconds */
    int64_t opened_ns; /* packets from then on, up to shared_ns, are skipped */
    int64_t shared_ns;
    char name[64];
    char failure[SOURCE_ERROR_BYTES]; /* why no more will come; "": it will */
};

/* Whether libpcap lists the interface: it asks for privileges before it looks whether there is one.
 * If it does not, names gets those that there are. */
static bool listed(const char *interface, char *names, size_t names_bytes)
{
    pcap_if_t *all = NULL;
    char text[PCAP_ERRBUF_SIZE];
    names[0] = '\0';
    if (pcap_findalldevs(&all, text) != 0)
        return true;
    bool found = false;
    size_t used = 0;
    for (pcap_if_t *i = all; i && !found; i = i->next) {
        found = strcmp(i->name, interface) == 0;
        int n = snprintf(names + used, names_bytes - used, "%s%s", used ? ", " : "", i->name);
        used += (size_t)n < names_bytes - used ? (size_t)n : names_bytes - used - 1;
    }
    pcap_freealldevs(all);
    return found;
}

static int not_found(const char *interface, const char *names, char *error)
{
    snprintf(error, SOURCE_ERROR_BYTES, "%.64s: no such interface%s%s", interface,
             names[0] ? "; there are: " : "", names);
    return ERR_NOT_FOUND;
}

/* Says why pcap_activate() refused. */
static int activate_failed(int result, pcap_t *pcap, const char *interface, char *error)
{
    char names[256];
    bool known = listed(interface, names, sizeof(names));
    switch (result) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
        return not_found(interface, names, error);
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        if (!known)
            return not_found(interface, names, error);
        snprintf(error, SOURCE_ERROR_BYTES,
                 "%.64s: capturing needs privileges: run as root, or once "
                 "`setcap cap_net_raw,cap_net_admin=eip` on the program file",
                 interface);
        return ERR_PERMISSION;
    case PCAP_ERROR_IFACE_NOT_UP:
        snprintf(error, SOURCE_ERROR_BYTES, "%.64s: the interface is not up", interface);
        return ERR_IO;
    }
    const char *text = pcap_geterr(pcap);
    snprintf(error, SOURCE_ERROR_BYTES, "%.64s: %.300s", interface,
             text[0] ? text : pcap_statustostr(result));
    return ERR_IO;
}

/* Sets what must be set before activation; none of it can fail on a new handle. */
static void configure(struct source_live *l, pcap_t *pcap,
                      const struct source_live_options *options)
{
    bool alone = options->sockets == 1;
    l->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
    uint32_t snap = options->snap_bytes ? options->snap_bytes : SNAP_BYTES;
    uint32_t buffer = options->buffer_bytes / options->sockets;
    pcap_set_snaplen(pcap, (int)(snap < SNAP_BYTES ? snap : SNAP_BYTES));
    pcap_set_promisc(pcap, options->promiscuous);
    pcap_set_timeout(pcap, alone ? l->timeout_ms : FANOUT_BLOCK_MS);
    if (buffer)
        pcap_set_buffer_size(pcap, (int)(buffer & INT32_MAX));
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
}

static int set_filter(const struct source_live *l, pcap_t *pcap, const char *filter, char *error)
{
    struct bpf_program program;
    if (pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        snprintf(error, SOURCE_ERROR_BYTES, "filter \"%.120s\" on %s: %.200s", filter, l->name,
                 pcap_geterr(pcap));
        return ERR_ARGUMENT;
    }
    int result = pcap_setfilter(pcap, &program);
    pcap_freecode(&program);
    if (result == 0)
        return 0;
    snprintf(error, SOURCE_ERROR_BYTES, "%s: %.300s", l->name, pcap_geterr(pcap));
    return ERR_IO;
}

static bool link_known(int type)
{
    switch ((enum link_type)type) {
    case LINK_NULL:
    case LINK_ETHERNET:
    case LINK_RAW_LINUX:
    case LINK_RAW:
    case LINK_LOOP:
    case LINK_SLL:
    case LINK_IPV4:
    case LINK_IPV6:
    case LINK_SLL2:
        return true;
    }
    return false;
}

/* Opens one more socket on the interface. */
static int open_tap(struct source_live *l, const char *filter,
                    const struct source_live_options *options, char *error)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    pcap_t *pcap = pcap_create(l->name, text);
    if (!pcap) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: %.300s", l->name, text);
        return ERR_IO;
    }
    struct tap *t = &l->taps[l->tap_count++];
    *t = (struct tap){.pcap = pcap};
    configure(l, pcap, options);
    int result = pcap_activate(pcap); /* positive: a warning */
    if (result < 0)
        return activate_failed(result, pcap, l->name, error);
    l->ts_factor = pcap_get_tstamp_precision(pcap) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
    int type = pcap_datalink(pcap);
    if (!link_known(type)) {
        char type_text[32];
        snprintf(error, SOURCE_ERROR_BYTES, "%s: its link type %s is not read here", l->name,
                 source_link_type_name(type, type_text));
        return ERR_UNSUPPORTED;
    }
    t->fd = pcap_get_selectable_fd(pcap);
    if (pcap_setnonblock(pcap, 1, text) != 0) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: %.300s", l->name, text);
        return ERR_IO;
    }
    return filter ? set_filter(l, pcap, filter, error) : 0;
}

/* Makes the sockets one group, whose number the kernel chooses: one chosen here might be that of
 * another program, which would then lose packets to this one. */
static bool share(const struct source_live *l)
{
    uint32_t group = (uint32_t)(PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
    for (uint32_t i = 0; i < l->tap_count; i++) {
        socklen_t n = sizeof(group);
        int fd = pcap_fileno(l->taps[i].pcap);
        if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &group, n) != 0 ||
            getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &group, &n) != 0)
            return false;
    }
    return true;
}

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void close_taps(struct source_live *l)
{
    while (l->tap_count > 0)
        pcap_close(l->taps[--l->tap_count].pcap);
}

/* Opens as many sockets as the options say. */
static int start(struct source_live *l, const char *filter,
                 const struct source_live_options *options, char *error)
{
    int result = 0;
    l->opened_ns = l->shared_ns = clock_ns();
    do
        result = open_tap(l, filter, options, error);
    while (result == 0 && l->tap_count < options->sockets);
    if (result != 0 || l->tap_count == 1)
        return result;
    if (!share(l)) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: %s", l->name, strerror(errno));
        return ERR_UNSUPPORTED;
    }
    l->shared_ns = clock_ns();
    return 0;
}

/* As many as asked for, as long as each has its share of the buffer. */
static uint32_t wanted_sockets(const struct source_live_options *options)
{
    uint32_t bytes = options->buffer_bytes ? options->buffer_bytes : FANOUT_BUFFER_BYTES;
    uint32_t most = bytes / FANOUT_SHARE_BYTES;
    if (most > SOURCE_SOCKETS_MAX)
        most = SOURCE_SOCKETS_MAX;
    uint32_t wanted = options->sockets < most ? options->sockets : most;
    return wanted > 1 ? wanted : 1;
}

int source_live_open(const char *interface, const char *filter,
                     const struct source_live_options *options, char error[SOURCE_ERROR_BYTES],
                     struct source_live **ret_live)
{
    struct source_live_options use = *options;
    use.sockets = wanted_sockets(options);
    if (use.sockets > 1 && use.buffer_bytes == 0)
        use.buffer_bytes = FANOUT_BUFFER_BYTES;
    struct source_live *l = calloc(1, sizeof(*l));
    if (!l) {
        snprintf(error, SOURCE_ERROR_BYTES, "%.64s: out of memory", interface);
        return ERR_NOMEM;
    }
    snprintf(l->name, sizeof(l->name), "%s", interface);
    int result = start(l, filter, &use, error);
    if (result != 0 && use.sockets > 1) {
        close_taps(l);
        use.sockets = 1;
        use.buffer_bytes = options->buffer_bytes;
        result = start(l, filter, &use, error);
    }
    if (result != 0) {
        source_live_close(l);
        return result;
    }
    *ret_live = l;
    return 0;
}

/* Reads the next packet of a socket that has none ready. */
static void ask(struct source_live *l, struct tap *t)
{
    struct pcap_pkthdr *header;
    const u_char *data;
    int result;
    while ((result = pcap_next_ex(t->pcap, &header, &data)) == 1) {
        int64_t ts_ns = source_file_time_ns(header->ts.tv_sec, header->ts.tv_usec * l->ts_factor);
        if (ts_ns >= l->opened_ns && ts_ns < l->shared_ns)
            continue;
        t->head.data = data;
        t->head.captured_bytes = header->caplen;
        t->head.wire_bytes = header->len < header->caplen ? header->caplen : header->len;
        t->head.ts_ns = ts_ns;
        t->head.link_type = pcap_datalink(t->pcap);
        t->ready = true;
        return;
    }
    t->dry = true;
    if (result < 0 && !l->failure[0])
        snprintf(l->failure, sizeof(l->failure), "%s: %.300s", l->name, pcap_geterr(t->pcap));
}

/* The socket with the earliest packet; NULL: none has any. again: asks those, too, that had none
 * when they were asked last. */
static struct tap *earliest(struct source_live *l, bool again)
{
    struct tap *first = NULL;
    for (uint32_t i = 0; i < l->tap_count; i++) {
        struct tap *t = &l->taps[i];
        t->dry = t->dry && !again;
        if (!t->ready && !t->dry)
            ask(l, t);
        if (t->ready && (!first || t->head.ts_ns < first->head.ts_ns))
            first = t;
    }
    return first;
}

static bool wait_for_any(const struct source_live *l)
{
    struct pollfd fds[SOURCE_SOCKETS_MAX];
    for (uint32_t i = 0; i < l->tap_count; i++)
        fds[i] = (struct pollfd){.fd = l->taps[i].fd, .events = POLLIN};
    return poll(fds, l->tap_count, l->timeout_ms) > 0;
}

int source_live_next(struct source_live *l, bool may_wait, struct packet *ret_packet,
                     char error[SOURCE_ERROR_BYTES])
{
    struct tap *t = earliest(l, may_wait);
    if (!t && may_wait && !l->failure[0] && wait_for_any(l))
        t = earliest(l, true);
    if (t) {
        t->ready = false;
        *ret_packet = t->head;
        return 1;
    }
    if (!l->failure[0])
        return 0;
    memcpy(error, l->failure, SOURCE_ERROR_BYTES);
    return ERR_IO;
}

int source_live_link_type(const struct source_live *l)
{
    return pcap_datalink(l->taps[0].pcap);
}

uint32_t source_live_sockets(const struct source_live *l)
{
    return l->tap_count;
}

int source_live_dropped(struct source_live *l, uint64_t *ret_dropped)
{
    struct pcap_stat stat;
    uint64_t dropped = 0;
    for (uint32_t i = 0; i < l->tap_count; i++) {
        if (pcap_stats(l->taps[i].pcap, &stat) != 0)
            return ERR_UNSUPPORTED;
        dropped += stat.ps_drop;
        if (i == 0) /* each is told of the same interface */
            dropped += stat.ps_ifdrop;
    }
    *ret_dropped = dropped;
    return 0;
}

void source_live_close(struct source_live *l)
{
    if (!l)
        return;
    close_taps(l);
    free(l);
}
