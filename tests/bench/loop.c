/* SPDX-License-Identifier: BSD-3-Clause */
/* The floor of the benchmark: libpcap reading a file and doing nothing with it. */
#include <pcap/pcap.h>
#include <stdio.h>

struct sum {
    unsigned long long packets, bytes;
};

static void count(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
    struct sum *sum = (struct sum *)user;
    (void)data;
    sum->packets++;
    sum->bytes += header->len;
}

int main(int argc, char **argv)
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;
    if (!pcap) {
        fprintf(stderr, "usage: bench_loop FILE%s%s\n", argc == 2 ? ": " : "",
                argc == 2 ? error : "");
        return 2;
    }
    struct sum sum = {0, 0};
    int result = pcap_loop(pcap, -1, count, (u_char *)&sum);
    printf("%llu %llu\n", sum.packets, sum.bytes);
    pcap_close(pcap);
    return result == 0 ? 0 : 1;
}
