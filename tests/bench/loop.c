/* SPDX-License-Identifier: BSD-3-Clause */
/* The floor of the benchmark: libpcap reading a file and doing nothing with it. With a second name
 * it tells there how long each thousand packets took. */
#include "steps.h"
#include <pcap/pcap.h>

#define STEP_PACKETS 1024

struct sum {
    unsigned long long packets, bytes;
};

struct steps {
    struct sum sum; /* the first member: count() is called with it */
    uint64_t since;
    FILE *to;
};

static void count(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
    struct sum *sum = (struct sum *)user;
    (void)data;
    sum->packets++;
    sum->bytes += header->len;
}

static void count_in_steps(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
    struct steps *steps = (struct steps *)user;
    count(user, header, data);
    if (steps->sum.packets % STEP_PACKETS == 0)
        steps_put(steps->to, &steps->since);
}

int main(int argc, char **argv)
{
    char error[PCAP_ERRBUF_SIZE] = "";
    pcap_t *pcap = argc >= 2 ? pcap_open_offline(argv[1], error) : NULL;
    struct steps steps = {.to = argc >= 3 ? fopen(argv[2], "wb") : NULL};
    if (!pcap || (argc >= 3 && !steps.to)) {
        fprintf(stderr, "usage: bench_loop FILE [STEPS] %s\n", error);
        return 2;
    }
    steps.since = steps_now();
    int result = pcap_loop(pcap, -1, steps.to ? count_in_steps : count, (u_char *)&steps);
    printf("%llu %llu\n", steps.sum.packets, steps.sum.bytes);
    pcap_close(pcap);
    if (steps.to)
        fclose(steps.to);
    return result == 0 ? 0 : 1;
}
