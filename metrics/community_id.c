/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Community ID flow hash, version 1: SHA-1 over seed (two bytes, 0), lower address, higher
 * address, protocol, a zero byte, their ports; base64 behind "1:". The lower end is the one with
 * the lower address, of equal ones with the lower port, so both directions have the same id.
 *
 * The only user of nettle.
 */
#include "metrics/event_line.h"
#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <nettle/version.h>
#include <stdio.h>
#include <string.h>

#define PROTOCOL_TCP 6
#define INPUT_MAX    (2 + 2 * 16 + 2 + 4)

static size_t address_bytes(const struct endpoint *ep)
{
    return ep->family == 6 ? 16 : 4;
}

static size_t put_port(uint8_t *out, uint16_t port)
{
    out[0] = (uint8_t)(port >> 8);
    out[1] = (uint8_t)port;
    return 2;
}

const char *community_id(const struct endpoint *a, const struct endpoint *b,
                         char text[COMMUNITY_ID_BYTES])
{
    size_t n = address_bytes(a), used = 2;
    int order = memcmp(a->addr, b->addr, n);
    if (order > 0 || (order == 0 && a->port > b->port)) {
        const struct endpoint *higher = a;
        a = b;
        b = higher;
    }
    uint8_t input[INPUT_MAX] = {0};
    memcpy(input + used, a->addr, n);
    memcpy(input + used + n, b->addr, n);
    used += 2 * n;
    input[used++] = PROTOCOL_TCP;
    input[used++] = 0;
    used += put_port(input + used, a->port);
    used += put_port(input + used, b->port);
    struct sha1_ctx sha1;
    uint8_t digest[SHA1_DIGEST_SIZE];
    char base64[BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) + 1] = "";
    sha1_init(&sha1);
    sha1_update(&sha1, used, input);
    sha1_digest(&sha1, sizeof(digest), digest);
    base64_encode_raw(base64, sizeof(digest), digest);
    snprintf(text, COMMUNITY_ID_BYTES, "1:%s", base64);
    return text;
}

const char *community_id_library(void)
{
    static char text[32];
    snprintf(text, sizeof(text), "nettle %d.%d", nettle_version_major(), nettle_version_minor());
    return text;
}
