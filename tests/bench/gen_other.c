/* SPDX-License-Identifier: BSD-3-Clause */
/* Traffic that is not MCP: web pages and images, a JSON interface, TLS, and plain noise. */
#include "gen.h"
#include <string.h>

#define NOISE_BYTES 262144

static void add_noise(struct gen_random *random, struct gen_buf *b, size_t n)
{
    static uint64_t noise[NOISE_BYTES / 8];
    if (noise[0] == 0) {
        for (size_t i = 0; i < NOISE_BYTES / 8; i++)
            noise[i] = gen_random_next(random);
    }
    while (n > 0) {
        size_t take = n < NOISE_BYTES / 2 ? n : NOISE_BYTES / 2;
        const uint8_t *bytes = (const uint8_t *)noise;
        gen_buf_add(b, bytes + gen_random_below(random, NOISE_BYTES - take), take);
        n -= take;
    }
}

static void web(struct gen_random *random, struct gen_conn *c)
{
    size_t n = gen_random_between(random, 500, 60000);
    gen_buf_printf(&c->bytes,
                   "GET /assets/%llu.png HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: "
                   "Mozilla/5.0\r\nAccept: image/png,image/*;q=0.8,*/*;q=0.5\r\n"
                   "Accept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n",
                   (unsigned long long)gen_random_below(random, 1000));
    gen_net_write(c, GEN_C2S);
    gen_buf_printf(&c->bytes,
                   "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: image/png\r\n"
                   "Content-Length: %zu\r\nConnection: keep-alive\r\n\r\n",
                   n);
    add_noise(random, &c->bytes, n);
    gen_net_write(c, GEN_S2C);
}

static void api(struct gen_random *random, struct gen_conn *c)
{
    unsigned long long user = gen_random_below(random, 100000);
    static const char row[] = "{\"name\":\"widget\",\"price\":12.5,\"tags\":[\"a\",\"b\"],\"note\":"
                              "\"first line\\nsecond \\\"line\\\"\"},";
    size_t rows = gen_random_between(random, 5, 300);
    gen_buf_printf(&c->bytes,
                   "POST /api/v1/orders HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: "
                   "application/json\r\nContent-Length: 24\r\n\r\n{\"user\":%05llu,\"limit\":50}",
                   user);
    gen_net_write(c, GEN_C2S);
    gen_buf_printf(&c->bytes,
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                   "%zu\r\n\r\n{\"orders\":[",
                   11 + rows * (sizeof(row) - 1) + 4);
    for (size_t i = 0; i < rows; i++)
        gen_buf_add(&c->bytes, row, sizeof(row) - 1);
    gen_buf_text(&c->bytes, "{}]}");
    gen_net_write(c, GEN_S2C);
}

static void tls_records(struct gen_random *random, struct gen_conn *c, size_t n, int dir)
{
    while (n > 0) {
        size_t take = n < 16384 ? n : 16384;
        uint8_t head[5] = {0x17, 3, 3, (uint8_t)(take >> 8), (uint8_t)take};
        gen_buf_add(&c->bytes, head, sizeof(head));
        add_noise(random, &c->bytes, take);
        n -= take;
    }
    gen_net_write(c, dir);
}

void gen_other_exchange(enum gen_other kind, struct gen_random *random, struct gen_conn *c)
{
    switch (kind) {
    case GEN_OTHER_WEB:
        web(random, c);
        return;
    case GEN_OTHER_API:
        api(random, c);
        return;
    case GEN_OTHER_TLS:
        tls_records(random, c, gen_random_between(random, 200, 2000), GEN_C2S);
        tls_records(random, c, gen_random_between(random, 200, 80000), GEN_S2C);
        return;
    case GEN_OTHER_RANDOM:
        add_noise(random, &c->bytes, gen_random_between(random, 20, 3000));
        gen_net_write(c, GEN_C2S);
        add_noise(random, &c->bytes, gen_random_between(random, 20, 30000));
        gen_net_write(c, GEN_S2C);
        return;
    case GEN_OTHERS:
        return;
    }
}
