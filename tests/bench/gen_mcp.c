/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MCP over Streamable HTTP, revision 2025-11-25, in the form of the common TypeScript
 * implementation: lower-case request header names, members in the order method, params, jsonrpc,
 * id, answers as JSON with a length, as chunked JSON, or as a chunked event stream.
 */
#include "gen.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_UNITS  200000 /* about 5 MB: larger than any one text */
#define CHUNK_BYTES 16384

/* ---- text ---- */

void gen_mcp_start(struct gen_mcp *m, struct gen_random *random, struct gen_truth *truth)
{
    static const char *const escapes[] = {"\\n", "\\\"", "\\n", "\\\\",    "\\t",    "\\\"",
                                          "\\n", "\\/",  "\\n", "\\u00e9", "\u00fc", "\\r\\n"};
    static const char letters[] = "etaoinshrdlu cmfwyp, vbgkjq.xz{}[]:<>=-_ 0123456789 ";
    m->random = random;
    m->truth = truth;
    m->starts = malloc((TEXT_UNITS + 1) * sizeof(*m->starts));
    if (!m->starts)
        abort();
    for (m->units = 0; m->units < TEXT_UNITS; m->units++) {
        char word[32];
        size_t n = gen_random_between(random, 10, 28);
        for (size_t i = 0; i < n; i++)
            word[i] = letters[gen_random_below(random, sizeof(letters) - 1)];
        m->starts[m->units] = (uint32_t)m->text.len;
        gen_buf_add(&m->text, word, n);
        gen_buf_text(&m->text, escapes[gen_random_below(random, 12)]);
    }
    m->starts[TEXT_UNITS] = (uint32_t)m->text.len;
}

/* About n bytes of JSON string content. */
static void add_text(struct gen_mcp *m, struct gen_buf *b, size_t n)
{
    size_t want = n / 24 + 1;
    size_t units = want < TEXT_UNITS ? want : TEXT_UNITS;
    size_t first = gen_random_below(m->random, TEXT_UNITS - units + 1);
    uint32_t from = m->starts[first];
    gen_buf_add(b, m->text.data + from, m->starts[first + units] - from);
}

/* ---- HTTP ---- */

static void request_head(struct gen_mcp *m, const struct gen_session *s, struct gen_conn *c,
                         const char *verb, size_t length)
{
    struct gen_buf *b = &c->bytes;
    m->truth->http_requests++;
    c->watch = (struct gen_watch){0};
    gen_buf_printf(b, "%s /mcp HTTP/1.1\r\nhost: 10.0.0.%u:%u\r\nconnection: keep-alive\r\n", verb,
                   c->ip[1] & 255, c->port[1]);
    if (s && s->next_id > 0)
        gen_buf_printf(b, "mcp-session-id: %s\r\nmcp-protocol-version: 2025-11-25\r\n", s->id);
    if (length > 0)
        gen_buf_text(b, "content-type: application/json\r\n");
    gen_buf_text(b, "accept: application/json, text/event-stream\r\naccept-language: *\r\n"
                    "sec-fetch-mode: cors\r\nuser-agent: node\r\n"
                    "accept-encoding: gzip, deflate\r\n");
    if (length > 0)
        gen_buf_printf(b, "content-length: %zu\r\n", length);
    gen_buf_text(b, "\r\n");
}

void gen_mcp_post(struct gen_mcp *m, const struct gen_session *s, struct gen_conn *c)
{
    request_head(m, s, c, "POST", m->body.len);
    gen_buf_add(&c->bytes, m->body.data, m->body.len);
    c->watch.end[GEN_C2S] = c->bytes.len;
    gen_net_write(c, GEN_C2S);
}

static void response_head(const struct gen_session *s, struct gen_buf *b, const char *status,
                          const char *type, const char *framing)
{
    gen_buf_printf(b,
                   "HTTP/1.1 %s\r\nX-Powered-By: Express\r\nAccess-Control-Allow-Origin: *\r\n"
                   "Access-Control-Expose-Headers: mcp-session-id,last-event-id,"
                   "mcp-protocol-version\r\n",
                   status);
    if (type) {
        gen_buf_printf(b, "content-type: %s\r\nmcp-session-id: %s\r\n", type, s->id);
        if (strcmp(type, "text/event-stream") == 0)
            gen_buf_text(b, "cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\n");
    }
    gen_buf_printf(b,
                   "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\nConnection: keep-alive\r\n"
                   "Keep-Alive: timeout=5\r\n%s\r\n\r\n",
                   framing);
}

static void add_chunk(struct gen_buf *b, const void *data, size_t n)
{
    gen_buf_printf(b, "%zx\r\n", n);
    gen_buf_add(b, data, n);
    gen_buf_text(b, "\r\n");
}

/* m->body in chunks. */
static void add_chunks(struct gen_mcp *m, struct gen_conn *c)
{
    for (size_t at = 0; at < m->body.len; at += CHUNK_BYTES) {
        size_t left = m->body.len - at;
        add_chunk(&c->bytes, m->body.data + at, left < CHUNK_BYTES ? left : CHUNK_BYTES);
    }
    c->watch.end[GEN_S2C] = c->bytes.len - 2;
}

/* With a length or in chunks. */
void gen_mcp_answer(struct gen_mcp *m, const struct gen_session *s, struct gen_conn *c)
{
    struct gen_buf *b = &c->bytes;
    if (gen_random_below(m->random, 2) == 0) {
        char length[48];
        snprintf(length, sizeof(length), "Content-Length: %zu", m->body.len);
        response_head(s, b, "200 OK", "application/json", length);
        gen_buf_add(b, m->body.data, m->body.len);
        c->watch.end[GEN_S2C] = b->len;
    } else {
        response_head(s, b, "200 OK", "application/json", "Transfer-Encoding: chunked");
        add_chunks(m, c);
        gen_buf_text(b, "0\r\n\r\n");
    }
    gen_net_write(c, GEN_S2C);
}

/* m->body as one event: one chunk, or several when it is large. */
static void add_event(struct gen_mcp *m, struct gen_conn *c)
{
    static const char before[] = "event: message\ndata: ";
    struct gen_buf *b = &c->bytes;
    size_t length = sizeof(before) - 1 + m->body.len + 2;
    if (length <= CHUNK_BYTES) {
        gen_buf_printf(b, "%zx\r\n%s", length, before);
        gen_buf_add(b, m->body.data, m->body.len);
        c->watch.end[GEN_S2C] = b->len;
        gen_buf_text(b, "\n\n\r\n");
        return;
    }
    add_chunk(b, before, sizeof(before) - 1);
    add_chunks(m, c);
    add_chunk(b, "\n\n", 2);
}

/* ---- messages: each leaves its JSON text in m->body and is counted ---- */

static struct gen_buf *begin(struct gen_mcp *m)
{
    m->body.len = 0;
    return &m->body;
}

void gen_mcp_request(struct gen_mcp *m, const struct gen_session *s, const struct gen_call *call,
                     unsigned tool)
{
    struct gen_buf *b = begin(m);
    unsigned long long id = s->next_id;
    gen_buf_printf(b, "{\"method\":\"%s\"", gen_method_names[call->method]);
    switch (call->method) {
    case GEN_TOOLS_CALL:
        gen_buf_printf(b,
                       ",\"params\":{\"name\":\"%s\",\"arguments\":{\"path\":\"src/lib/%llu.ts\","
                       "\"recursive\":true,\"limit\":%u,\"query\":\"",
                       gen_tool_names[tool], id, tool * 10);
        add_text(m, b, call->argument_bytes);
        gen_buf_text(b, "\"}");
        if (call->progress > 0)
            gen_buf_printf(b, ",\"_meta\":{\"progressToken\":%llu}", id);
        gen_buf_text(b, "}");
        break;
    case GEN_RESOURCES_READ:
        gen_buf_printf(b, ",\"params\":{\"uri\":\"file:///project/doc/%llu.md\"}", id % 20);
        break;
    case GEN_PROMPTS_GET:
        gen_buf_printf(b, ",\"params\":{\"name\":\"review-%llu\",\"arguments\":{\"language\":\"",
                       id % 5);
        add_text(m, b, 20);
        gen_buf_text(b, "\"}}");
        break;
    case GEN_INITIALIZE:
        gen_buf_text(b, ",\"params\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":"
                        "{\"sampling\":{\"tools\":{}},\"elicitation\":{\"form\":{},\"url\":{}},"
                        "\"roots\":{\"listChanged\":true}},\"clientInfo\":"
                        "{\"name\":\"bench-client\",\"version\":\"3.1.4\"}}");
        break;
    case GEN_TOOLS_LIST:
    case GEN_PING:
    case GEN_INITIALIZED:
    case GEN_PROGRESS:
    case GEN_MESSAGE:
    case GEN_METHODS:
        break;
    }
    gen_buf_printf(b, ",\"jsonrpc\":\"2.0\",\"id\":%llu}", id);
    gen_truth_message(m->truth, call->method, GEN_REQUEST, GEN_C2S, m->body.len);
}

static void tools_list_result(struct gen_mcp *m, struct gen_buf *b)
{
    gen_buf_text(b, "{\"tools\":[");
    for (unsigned i = 0; i < GEN_TOOLS; i++) {
        gen_buf_printf(b, "%s{\"name\":\"%s\",\"description\":\"", i ? "," : "", gen_tool_names[i]);
        add_text(m, b, 80);
        gen_buf_text(b, "\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"path\":"
                        "{\"type\":\"string\",\"description\":\"where\"},\"limit\":{\"type\":"
                        "\"number\"}},\"required\":[\"path\"]}}");
    }
    gen_buf_text(b, "]}");
}

static void result_value(struct gen_mcp *m, const struct gen_call *call, bool tool_error)
{
    struct gen_buf *b = &m->body;
    switch (call->method) {
    case GEN_TOOLS_CALL:
        gen_buf_text(b, "{\"content\":[{\"type\":\"text\",\"text\":\"");
        add_text(m, b, call->result_bytes);
        gen_buf_printf(b, "\"}]%s}", tool_error ? ",\"isError\":true" : "");
        break;
    case GEN_RESOURCES_READ:
        gen_buf_text(b, "{\"contents\":[{\"uri\":\"file:///project/doc/1.md\",\"mimeType\":"
                        "\"text/markdown\",\"text\":\"");
        add_text(m, b, call->result_bytes);
        gen_buf_text(b, "\"}]}");
        break;
    case GEN_PROMPTS_GET:
        gen_buf_text(
            b, "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"");
        add_text(m, b, call->result_bytes);
        gen_buf_text(b, "\"}}]}");
        break;
    case GEN_INITIALIZE:
        gen_buf_text(b, "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":"
                        "{\"listChanged\":true},\"resources\":{\"subscribe\":true},\"prompts\":{},"
                        "\"logging\":{}},\"serverInfo\":{\"name\":\"bench-server\",\"version\":"
                        "\"2.0.0\"},\"instructions\":\"");
        add_text(m, b, 400);
        gen_buf_text(b, "\"}");
        break;
    case GEN_TOOLS_LIST:
        tools_list_result(m, b);
        break;
    case GEN_PING:
    case GEN_INITIALIZED:
    case GEN_PROGRESS:
    case GEN_MESSAGE:
    case GEN_METHODS:
        gen_buf_text(b, "{}");
        break;
    }
}

void gen_mcp_response(struct gen_mcp *m, const struct gen_session *s, const struct gen_call *call,
                      enum gen_outcome outcome)
{
    struct gen_buf *b = begin(m);
    unsigned long long id = s->next_id;
    if (outcome == GEN_FAILED) {
        gen_buf_printf(b,
                       "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"error\":{\"code\":-32602,\"message\":"
                       "\"MCP error -32602: \\\"",
                       id);
        add_text(m, b, 60);
        gen_buf_text(b, "\"}}");
        gen_truth_message(m->truth, call->method, GEN_ERROR, GEN_S2C, m->body.len);
        return;
    }
    gen_buf_text(b, "{\"result\":");
    result_value(m, call, outcome == GEN_TOOL_ERROR);
    gen_buf_printf(b, ",\"jsonrpc\":\"2.0\",\"id\":%llu}", id);
    gen_truth_message(m->truth, call->method, GEN_RESULT, GEN_S2C, m->body.len);
}

static void progress(struct gen_mcp *m, const struct gen_session *s, unsigned at, unsigned total)
{
    struct gen_buf *b = begin(m);
    enum gen_method method = at % 8 == 7 ? GEN_MESSAGE : GEN_PROGRESS;
    if (method == GEN_MESSAGE)
        gen_buf_printf(b,
                       "{\"method\":\"notifications/message\",\"params\":{\"level\":\"info\","
                       "\"logger\":\"worker\",\"data\":\"step %u: \\\"",
                       at);
    else
        gen_buf_printf(b,
                       "{\"method\":\"notifications/progress\",\"params\":{\"progress\":%u,"
                       "\"total\":%u,\"progressToken\":%llu,\"message\":\"",
                       at, total, (unsigned long long)s->next_id);
    add_text(m, b, gen_random_between(m->random, 20, 120));
    gen_buf_text(b, "\"},\"jsonrpc\":\"2.0\"}");
    gen_truth_message(m->truth, method, GEN_NOTIFICATION, GEN_S2C, m->body.len);
}

/* ---- exchanges ---- */

void gen_mcp_session(struct gen_mcp *m, struct gen_session *s)
{
    uint64_t a = gen_random_next(m->random), b = gen_random_next(m->random);
    snprintf(s->id, sizeof(s->id), "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff, (unsigned)(b >> 48) & 0xfff,
             (unsigned long long)b & 0xffffffffffff);
    s->next_id = 0;
    s->sse = gen_random_below(m->random, 2) == 0;
    m->truth->sessions++;
}

static enum gen_outcome choose_outcome(struct gen_mcp *m, enum gen_method method)
{
    uint64_t dice = gen_random_below(m->random, 100);
    if (method == GEN_INITIALIZE || method == GEN_PING || dice >= 6)
        return GEN_OK;
    return dice < 3 || method != GEN_TOOLS_CALL ? GEN_FAILED : GEN_TOOL_ERROR;
}

void gen_mcp_call(struct gen_mcp *m, struct gen_session *s, struct gen_conn *c,
                  const struct gen_call *call)
{
    unsigned tool = (unsigned)gen_random_below(m->random, GEN_TOOLS);
    enum gen_outcome outcome = choose_outcome(m, call->method);
    s->exchange = (struct gen_exchange){call->method, outcome, tool, s->next_id};
    gen_truth_asked(m->truth, &s->exchange);
    gen_mcp_request(m, s, call, tool);
    gen_mcp_post(m, s, c);
    if (s->sse || call->progress > 0) {
        response_head(s, &c->bytes, "200 OK", "text/event-stream", "Transfer-Encoding: chunked");
        for (unsigned i = 0; i < call->progress; i++) {
            progress(m, s, i, call->progress);
            add_event(m, c);
            gen_net_write(c, GEN_S2C);
        }
        gen_mcp_response(m, s, call, outcome);
        add_event(m, c);
        gen_buf_text(&c->bytes, "0\r\n\r\n");
        gen_net_write(c, GEN_S2C);
    } else {
        gen_mcp_response(m, s, call, outcome);
        gen_mcp_answer(m, s, c);
    }
    s->next_id++;
}

void gen_mcp_initialize(struct gen_mcp *m, struct gen_session *s, struct gen_conn *c)
{
    gen_mcp_call(m, s, c, &(struct gen_call){.method = GEN_INITIALIZE});
}

void gen_mcp_initialized(struct gen_mcp *m, struct gen_session *s, struct gen_conn *c)
{
    s->exchange.method = GEN_METHODS;
    gen_buf_text(begin(m), "{\"method\":\"notifications/initialized\",\"jsonrpc\":\"2.0\"}");
    gen_truth_message(m->truth, GEN_INITIALIZED, GEN_NOTIFICATION, GEN_C2S, m->body.len);
    gen_mcp_post(m, s, c);
    response_head(s, &c->bytes, "202 Accepted", NULL, "Transfer-Encoding: chunked");
    gen_buf_text(&c->bytes, "0\r\n\r\n");
    gen_net_write(c, GEN_S2C);
}

void gen_mcp_delete(struct gen_mcp *m, struct gen_session *s, struct gen_conn *c)
{
    s->exchange.method = GEN_METHODS;
    request_head(m, s, c, "DELETE", 0);
    gen_net_write(c, GEN_C2S);
    response_head(s, &c->bytes, "200 OK", NULL, "Content-Length: 0");
    gen_net_write(c, GEN_S2C);
}
