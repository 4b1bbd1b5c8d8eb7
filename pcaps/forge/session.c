/* SPDX-License-Identifier: BSD-3-Clause */
/* The texts of one small MCP session over HTTP/1.1, at revision 2025-11-25. */
#include "forge.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 4096
#define SESSION_ID "forged-session-1"

/* The service time before each response. */
#define SERVER_US 2000

struct step {
    const char *verb;
    const char *body; /* of the request */
    const char *status;
    const char *fields; /* of the response */
    const char *answer; /* body of the response */
};

static const struct step steps[SESSION_STEPS] = {
    [SESSION_INITIALIZE] =
        {
            "POST",
            "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
            "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"
            "\"clientInfo\":{\"name\":\"forge\",\"version\":\"1.0\"}}}",
            "200 OK",
            "Content-Type: application/json\r\nMcp-Session-Id: " SESSION_ID "\r\n",
            "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-11-25\","
            "\"capabilities\":{\"tools\":{}},"
            "\"serverInfo\":{\"name\":\"anvil\",\"version\":\"2.0\"}}}",
        },
    [SESSION_INITIALIZED] =
        {
            "POST",
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
            "202 Accepted",
            "",
            "",
        },
    [SESSION_CALL] =
        {
            "POST",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
            "\"name\":\"hammer\",\"arguments\":{\"strokes\":3,\"metal\":\"iron, red hot\"}}}",
            "200 OK",
            "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n",
            "event: message\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{"
            "\"type\":\"text\",\"text\":\"one stroke, two strokes, three strokes: the iron is "
            "flat, "
            "the anvil is warm, the smith wipes his brow and looks for the next piece of work, "
            "which is a hinge for the gate of the mill, to be done by noon, and then a dozen "
            "nails, "
            "square ones, and a hook; after that the fire may go down and the bellows may rest "
            "until the day after tomorrow, when the carter brings new coal from the valley\"}],"
            "\"isError\":false}}\n\n",
        },
    [SESSION_FAILED] =
        {
            "POST",
            "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{"
            "\"name\":\"tongs\",\"arguments\":{}}}",
            "200 OK",
            "Content-Type: application/json\r\n",
            "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32602,\"message\":\"no tongs\"}}",
        },
    [SESSION_DELETE] = {"DELETE", "", "200 OK", "", ""},
};

static char *format_new(void)
{
    char *text = malloc(TEXT_BYTES);
    if (!text) {
        fputs("forge: out of memory\n", stderr);
        exit(1);
    }
    return text;
}

const char *session_request(enum session_step step)
{
    static char *texts[SESSION_STEPS];
    if (texts[step])
        return texts[step];
    const struct step *s = &steps[step];
    texts[step] = format_new();
    snprintf(texts[step], TEXT_BYTES,
             "%s /mcp HTTP/1.1\r\nHost: 10.0.0.2:3000\r\nContent-Type: application/json\r\n"
             "Accept: application/json, text/event-stream\r\n%sContent-Length: %zu\r\n\r\n%s",
             s->verb,
             step == SESSION_INITIALIZE ? ""
                                        : "Mcp-Session-Id: " SESSION_ID "\r\n"
                                          "MCP-Protocol-Version: 2025-11-25\r\n",
             strlen(s->body), s->body);
    return texts[step];
}

const char *session_response(enum session_step step)
{
    static char *texts[SESSION_STEPS];
    if (texts[step])
        return texts[step];
    const struct step *s = &steps[step];
    texts[step] = format_new();
    size_t n = strlen(s->answer);
    if (strstr(s->fields, "chunked"))
        snprintf(texts[step], TEXT_BYTES, "HTTP/1.1 %s\r\n%s\r\n%zx\r\n%s\r\n0\r\n\r\n", s->status,
                 s->fields, n, s->answer);
    else
        snprintf(texts[step], TEXT_BYTES, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s",
                 s->status, s->fields, n, s->answer);
    return texts[step];
}

void session_exchange(struct tcp *c, enum session_step step)
{
    tcp_data(c, CLIENT, session_request(step));
    forge_wait_us(c->forge, SERVER_US);
    tcp_data(c, SERVER, session_response(step));
}

void session_all(struct tcp *c)
{
    tcp_open(c);
    for (int step = 0; step < SESSION_STEPS; step++)
        session_exchange(c, (enum session_step)step);
    tcp_close(c);
}
