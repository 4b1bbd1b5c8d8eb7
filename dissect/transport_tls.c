/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS (RFC 8446, RFC 5246), named so that encrypted bytes are told as what they are. Nothing of it
 * is read: no state, and after the probe one comparison a segment.
 *
 * From its start a stream of TLS is a handshake record that holds a hello: the client's in the one
 * direction, the server's in the other. In the middle a segment is taken for TLS if it begins with
 * the head of a record that
 *   - ends exactly with the segment, or
 *   - is followed by the head of another record, or
 *   - carries application data beyond the end of a long segment, as bulk data does.
 * Bytes that are no TLS pass these with a chance of less than one in ten million each, and nothing
 * that carries MCP in clear text begins with such a byte.
 *
 * A gap costs nothing: what follows is not read either.
 *
 * Ignored on purpose: hellos of SSL 2, and TLS that begins behind clear text (STARTTLS) or in a
 * direction opposite to that of TCP: both count as other protocols.
 */
#include "dissect/transport.h"

#define HEAD_BYTES     5              /* of a record */
#define LONGEST_RECORD (16384 + 2048) /* ciphertext, as TLS 1.2 bounds it */
#define LONG_SEGMENT   1000           /* of bulk data: not the end of something short */

enum { TYPE_CHANGE_CIPHER_SPEC = 20, TYPE_HANDSHAKE = 22, TYPE_APPLICATION_DATA = 23 };
enum { HELLO_CLIENT = 1, HELLO_SERVER = 2 };

/* Length of the record whose head lies at p, of which n bytes are there; 0: no record. A head that
 * is not whole is looked at as far as it goes and gives 1. */
static size_t record_length(const uint8_t *p, size_t n)
{
    if (n > 0 && (p[0] < TYPE_CHANGE_CIPHER_SPEC || p[0] > TYPE_APPLICATION_DATA))
        return 0;
    if ((n > 1 && p[1] != 3) || (n > 2 && p[2] > 4))
        return 0;
    if (n < HEAD_BYTES)
        return 1;
    size_t length = (size_t)p[3] << 8 | p[4];
    return length <= LONGEST_RECORD ? length : 0;
}

static enum probe_result probe_start(const struct probe *p)
{
    if (p->bytes[0] != TYPE_HANDSHAKE || record_length(p->bytes, p->n) == 0)
        return PROBE_NO;
    if (p->n <= HEAD_BYTES)
        return PROBE_MORE;
    switch (p->bytes[HEAD_BYTES]) {
    case HELLO_CLIENT:
        return p->dir == DIR_C2S ? PROBE_YES : PROBE_SWAPPED;
    case HELLO_SERVER:
        return p->dir == DIR_S2C ? PROBE_YES : PROBE_SWAPPED;
    default: /* any other byte */
        return PROBE_NO;
    }
}

static enum probe_result probe_middle(const struct probe *p)
{
    if (p->n < HEAD_BYTES)
        return PROBE_NO;
    size_t length = record_length(p->bytes, p->n);
    if (length == 0)
        return PROBE_NO;
    size_t end = HEAD_BYTES + length;
    if (end > p->n) {
        bool bulk = p->bytes[0] == TYPE_APPLICATION_DATA && p->bytes[2] == 3;
        return bulk && p->n >= LONG_SEGMENT ? PROBE_YES : PROBE_NO;
    }
    if (end == p->n)
        return PROBE_YES;
    /* What begins as a record and could not be one by chance: three bytes of a second head. */
    return p->n - end >= 3 && record_length(p->bytes + end, p->n - end) > 0 ? PROBE_YES : PROBE_NO;
}

static enum probe_result probe(const struct probe *p)
{
    enum probe_result result = probe_start(p);
    return p->joined && result == PROBE_NO ? probe_middle(p) : result;
}

const struct transport transport_tls = {
    .name = "tls",
    .encrypted = true,
    .probe = probe,
};
