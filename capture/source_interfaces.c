/* SPDX-License-Identifier: BSD-3-Clause */
/* The interfaces that libpcap can capture on, for a listing; see source.h. */
#include "base/err.h"
#include "capture/source.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends an IP address to the comma-separated list; one that does not fit whole is left out. */
static void add_address(char *list, size_t list_bytes, const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN];
    const void *raw = NULL;
    if (address && address->sa_family == AF_INET)
        raw = &((const struct sockaddr_in *)address)->sin_addr;
    else if (address && address->sa_family == AF_INET6)
        raw = &((const struct sockaddr_in6 *)address)->sin6_addr;
    if (!raw || !inet_ntop(address->sa_family, raw, text, sizeof(text)))
        return;
    size_t used = strlen(list);
    if (used + 2 + strlen(text) < list_bytes)
        snprintf(list + used, list_bytes - used, "%s%s", used ? ", " : "", text);
}

static void describe(struct source_interface *out, const pcap_if_t *in)
{
    snprintf(out->name, sizeof(out->name), "%s", in->name);
    snprintf(out->description, sizeof(out->description), "%s",
             in->description ? in->description : "");
    for (const pcap_addr_t *a = in->addresses; a; a = a->next)
        add_address(out->addresses, sizeof(out->addresses), a->addr);
    out->up = in->flags & PCAP_IF_UP;
    out->running = in->flags & PCAP_IF_RUNNING;
    out->loopback = in->flags & PCAP_IF_LOOPBACK;
}

int source_interfaces(char error[SOURCE_ERROR_BYTES], struct source_interface **ret_list)
{
    pcap_if_t *all = NULL;
    char text[PCAP_ERRBUF_SIZE] = "";
    int result = pcap_findalldevs(&all, text);
    if (result != 0) {
        snprintf(error, SOURCE_ERROR_BYTES, "interfaces cannot be listed: %.300s", text);
        return result == PCAP_ERROR_PERM_DENIED ? ERR_PERMISSION : ERR_IO;
    }
    int count = 0;
    for (pcap_if_t *i = all; i; i = i->next)
        count++;
    struct source_interface *list = calloc((size_t)count + 1, sizeof(*list));
    if (list) {
        int n = 0;
        for (pcap_if_t *i = all; i; i = i->next)
            describe(&list[n++], i);
        *ret_list = list;
    } else {
        snprintf(error, SOURCE_ERROR_BYTES, "interfaces cannot be listed: out of memory");
        count = ERR_NOMEM;
    }
    pcap_freealldevs(all);
    return count;
}
