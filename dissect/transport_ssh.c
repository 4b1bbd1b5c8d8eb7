/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SSH (RFC 4253), named so that encrypted bytes are told as what they are: MCP over stdio is often
 * carried in it. Nothing of it is read: no state, and after the probe one comparison a segment.
 *
 * It is known by the line that both sides begin with, "SSH-2.0-..." (4.2); in the middle nothing
 * tells it. A gap costs nothing: what follows is not read either.
 *
 * Ignored on purpose: lines of text that a server may send before its version.
 */
#include "dissect/transport.h"
#include <string.h>

static const char banner[] = "SSH-";

static enum probe_result probe(const struct probe *p)
{
    size_t n = p->n < strlen(banner) ? p->n : strlen(banner);
    if (memcmp(p->bytes, banner, n) != 0)
        return PROBE_NO;
    if (p->n <= strlen(banner))
        return PROBE_MORE;
    return p->bytes[n] == '1' || p->bytes[n] == '2' ? PROBE_YES : PROBE_NO;
}

const struct transport transport_ssh = {
    .name = "ssh",
    .encrypted = true,
    .probe = probe,
};
