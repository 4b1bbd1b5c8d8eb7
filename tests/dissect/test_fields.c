/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/fields.h"
#include <criterion/criterion.h>
#include <string.h>

static const struct hash_key KEY = {1, 2};

static struct fields of(const char *name, const char *value)
{
    struct fields f = {0};
    fields_add(&f, &KEY, name, strlen(name), value, strlen(value));
    return f;
}

/* The parser may drop a field by fields_name_lengths: none that fields_add() reads. */
Test(fields, every_name_that_matters_is_in_the_table)
{
    static const char *const known[][2] = {
        {"Accept", "application/json"},
        {"Content-Type", "application/json"},
        {"Content-Encoding", "br"},
        {"Transfer-Encoding", "gzip"},
        {"Last-Event-ID", "7"},
        {"Mcp-Name", "1"},
        {"MCP-METHOD", "tools/call"},
        {"Mcp-Session-Id", "s"},
        {"MCP-PROTOCOL-VERSION", "2025-06-18"},
        {"Upgrade", "h2c, websocket"},
        {"Sec-WebSocket-Protocol", "x, mcp"},
        {"Sec-WebSocket-Extensions", "permessage-deflate"},
        {"mcp-param-of-more-than-thirty-one-bytes", "1"},
    };
    const struct fields none = {0};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t n = strlen(known[i][0]);
        struct fields f = of(known[i][0], known[i][1]);
        cr_assert_neq(memcmp(&f, &none, sizeof(f)), 0, "%s", known[i][0]);
        uint32_t lengths = fields_name_lengths[known[i][0][0] & 31];
        cr_assert(lengths >> (n < 31 ? n : 31) & 1, "%s", known[i][0]);
    }
}

Test(fields, values_that_may_be_encoded)
{
    const unsigned name = CHANNEL_MCP_HEADER | CHANNEL_HAS_NAME;
    const unsigned bad = CHANNEL_MCP_HEADER | CHANNEL_BAD_VALUE;
    cr_expect_eq(of("Mcp-Name", "=?base64?w7w=?=").flags, name);
    cr_expect_eq(of("Mcp-Name", "=?base64?!?=").flags, bad);
    cr_expect_eq(of("Mcp-Name", "\xc3\xbc").flags, bad);
    cr_expect_eq(of("Mcp-Param-City", "Lima").flags, CHANNEL_MCP_HEADER);
    cr_expect_eq(of("mcp-param-city", "=?base64?w7w=?=").flags, CHANNEL_MCP_HEADER);
    cr_expect_eq(of("mcp-param-city", "=?base64?w7?=").flags, bad);
    cr_expect_eq(of("mcp-params", "\xc3\xbc").flags, 0);
    cr_expect_eq(of("mcp-param-", "\xc3\xbc").flags, 0);
    cr_expect_eq(of("Mcp-Session-Id", "\xc3\xbc").flags, CHANNEL_MCP_HEADER | CHANNEL_HAS_SESSION);
}

Test(fields, media_types)
{
    static const struct {
        const char *value;
        enum http_content content;
    } types[] = {
        {"text/event-stream", HTTP_CONTENT_SSE},
        {"Text/Event-Stream; charset=utf-8", HTTP_CONTENT_SSE},
        {"text/event-stream ", HTTP_CONTENT_SSE},
        {"text/event-streams", HTTP_CONTENT_OTHER},
        {"text/event-strea", HTTP_CONTENT_OTHER},
        {"application/json", HTTP_CONTENT_JSON},
        {"application/json\t;x", HTTP_CONTENT_JSON},
        {"application/json-seq", HTTP_CONTENT_OTHER},
        {"application/vnd.x+json;v=1", HTTP_CONTENT_JSON},
        {"application/vnd.x;y=a+json", HTTP_CONTENT_OTHER},
        {"text/json", HTTP_CONTENT_JSON},
        {"+json", HTTP_CONTENT_OTHER},
        {"", HTTP_CONTENT_NONE},
        {";", HTTP_CONTENT_NONE},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        cr_assert_eq(of("content-type", types[i].value).content, types[i].content, "%s",
                     types[i].value);
}
