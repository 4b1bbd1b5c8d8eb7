/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One socket on a live interface, by libpcap.
 *
 * The handle does not block; source_live.c waits by poll() instead. Linux hands over its ring by
 * blocks and wakes nobody while none is filled, so that a blocking read on a silent interface would
 * not return after its time-out, and a break request would wait for the next packet.
 *
 * An interface whose frames capture/link.h cannot read (Bluetooth, USB, ...) is refused at once; in
 * a file such packets are counted instead.
 */
#include "source_socket.h"
#include "base/err.h"
#include "capture/link.h"
#include "source_file.h"
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define SNAP_BYTES                                                                                 \
    262144 /* libpcap's own maximum: whole packets, also of offloading interfaces                  \
            */

#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000 /* since Linux 6.2; before, it is ignored */
#endif

struct source_socket {
    pcap_t *pcap;
    bool loopback;
    int64_t ts_factor; /* of the fraction of a second; 1 when it is in nanoseconds */
    char name[64];
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
static void configure(pcap_t *pcap, const struct source_live_options *options, int block_ms)
{
    uint32_t snap = options->snap_bytes ? options->snap_bytes : SNAP_BYTES;
    pcap_set_snaplen(pcap, (int)(snap < SNAP_BYTES ? snap : SNAP_BYTES));
    pcap_set_promisc(pcap, options->promiscuous);
    pcap_set_timeout(pcap, block_ms);
    uint32_t buffer_bytes =
        options->buffer_bytes ? options->buffer_bytes : SOURCE_LIVE_BUFFER_BYTES;
    pcap_set_buffer_size(pcap, (int)(buffer_bytes & INT32_MAX));
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
}

static int set_filter(struct source_socket *s, const char *filter, char *error)
{
    struct bpf_program program;
    if (pcap_compile(s->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        snprintf(error, SOURCE_ERROR_BYTES, "filter \"%.120s\" on %s: %.200s", filter, s->name,
                 pcap_geterr(s->pcap));
        return ERR_ARGUMENT;
    }
    int result = pcap_setfilter(s->pcap, &program);
    pcap_freecode(&program);
    if (result == 0)
        return 0;
    snprintf(error, SOURCE_ERROR_BYTES, "%s: %.300s", s->name, pcap_geterr(s->pcap));
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

/* Loopback shows the kernel each packet twice. libpcap skips those that go out, but they would take
 * half of the buffer, and be counted where they do not fit. Where the kernel cannot leave them out
 * (before Linux 4.20) they do. */
static void leave_out_twins(struct source_socket *s)
{
    struct ifreq request = {0};
    int fd = pcap_fileno(s->pcap), yes = 1;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", s->name);
    s->loopback = ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_LOOPBACK) != 0;
    if (s->loopback)
        (void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes));
}

static int start(struct source_socket *s, const char *filter,
                 const struct source_live_options *options, int block_ms, char *error)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    s->pcap = pcap_create(s->name, text);
    if (!s->pcap) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: %.300s", s->name, text);
        return ERR_IO;
    }
    configure(s->pcap, options, block_ms);
    int result = pcap_activate(s->pcap); /* positive: a warning */
    if (result < 0)
        return activate_failed(result, s->pcap, s->name, error);
    s->ts_factor = pcap_get_tstamp_precision(s->pcap) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
    int type = source_socket_link_type(s);
    if (!link_known(type)) {
        char type_text[32];
        snprintf(error, SOURCE_ERROR_BYTES, "%s: its link type %s is not read here", s->name,
                 source_link_type_name(type, type_text));
        return ERR_UNSUPPORTED;
    }
    leave_out_twins(s);
    if (pcap_setnonblock(s->pcap, 1, text) != 0) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: %.300s", s->name, text);
        return ERR_IO;
    }
    return filter ? set_filter(s, filter, error) : 0;
}

int source_socket_open(const char *interface, const char *filter,
                       const struct source_live_options *options, int block_ms,
                       char error[SOURCE_ERROR_BYTES], struct source_socket **ret_socket)
{
    struct source_socket *s = calloc(1, sizeof(*s));
    if (!s) {
        snprintf(error, SOURCE_ERROR_BYTES, "%.64s: out of memory", interface);
        return ERR_NOMEM;
    }
    snprintf(s->name, sizeof(s->name), "%s", interface);
    int result = start(s, filter, options, block_ms, error);
    if (result != 0) {
        source_socket_close(s);
        return result;
    }
    *ret_socket = s;
    return 0;
}

/* By the hash of a packet's addresses and ports, the same both ways; where the socket that it falls
 * to has no room, one that has. */
int source_socket_join(struct source_socket *s, int group)
{
    uint32_t how = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_ROLLOVER;
    if (s->loopback)
        how |= PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
    uint32_t value =
        group < 0 ? (how | PACKET_FANOUT_FLAG_UNIQUEID) << 16 : how << 16 | (uint32_t)group;
    socklen_t n = sizeof(value);
    int fd = pcap_fileno(s->pcap);
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, n) != 0 ||
        getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, &n) != 0)
        return -1;
    return value & 0xffff;
}

int source_socket_next(struct source_socket *s, struct packet *ret_packet,
                       char error[SOURCE_ERROR_BYTES])
{
    struct pcap_pkthdr *header;
    const u_char *data;
    int result = pcap_next_ex(s->pcap, &header, &data);
    if (result < 0) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: %.300s", s->name, pcap_geterr(s->pcap));
        return ERR_IO;
    }
    if (result == 0)
        return 0;
    struct timeval ts = {header->ts.tv_sec, header->ts.tv_usec * s->ts_factor};
    ret_packet->data = data;
    ret_packet->captured_bytes = header->caplen;
    ret_packet->wire_bytes = header->len < header->caplen ? header->caplen : header->len;
    ret_packet->ts_ns = source_file_time_ns(ts.tv_sec, ts.tv_usec);
    ret_packet->link_type = source_socket_link_type(s);
    return 1;
}

int source_socket_fd(const struct source_socket *s)
{
    return pcap_get_selectable_fd(s->pcap);
}

int source_socket_link_type(const struct source_socket *s)
{
    return pcap_datalink(s->pcap);
}

int source_socket_lost(struct source_socket *s, struct source_socket_lost *ret_lost)
{
    struct pcap_stat stat;
    if (pcap_stats(s->pcap, &stat) != 0)
        return ERR_UNSUPPORTED;
    *ret_lost = (struct source_socket_lost){stat.ps_drop, stat.ps_ifdrop};
    return 0;
}

void source_socket_close(struct source_socket *s)
{
    if (!s)
        return;
    if (s->pcap)
        pcap_close(s->pcap);
    free(s);
}
