/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Community ID flow hash, version 1: SHA-1 over seed (two bytes, 0), lower address, higher
 * address, protocol, a zero byte, their ports; base64 behind "1:". The lower end is the one with
 * the lower address, of equal ones with the lower port, so both directions have the same id.
 *
 * The only user of libcrypto. Where SHA-1 is not to be had (a restricted build of the library) the
 * id is empty.
 */
#include "metrics/event_line.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define SHA1_BYTES   20
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
    unsigned char digest[EVP_MAX_MD_SIZE];
    char base64[4 * (SHA1_BYTES + 2) / 3 + 1];
    text[0] = '\0';
    if (!EVP_Digest(input, used, digest, NULL, EVP_sha1(), NULL))
        return text;
    EVP_EncodeBlock((unsigned char *)base64, digest, SHA1_BYTES);
    snprintf(text, COMMUNITY_ID_BYTES, "1:%s", base64);
    return text;
}

const char *community_id_library(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
