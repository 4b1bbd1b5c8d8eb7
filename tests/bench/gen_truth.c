/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts what is sent, and writes the side file. */
#include "gen.h"
#include <stdlib.h>

const char *const gen_method_names[GEN_METHODS] = {
    "initialize",
    "notifications/initialized",
    "tools/list",
    "tools/call",
    "resources/read",
    "prompts/get",
    "ping",
    "notifications/progress",
    "notifications/message",
};

const char *const gen_tool_names[GEN_TOOLS] = {
    "search_documents", "read_file", "write_file", "list_directory",  "run_query", "get_issue",
    "create_comment",   "fetch_url", "summarize",  "take_screenshot", "get-sum",   "translate_text",
};

static const char *const outcome_names[GEN_OUTCOMES] = {"result", "error", "tool_error"};

/* ---- counting ---- */

void gen_truth_message(struct gen_truth *t, enum gen_method method, enum gen_kind kind, int dir,
                       size_t bytes)
{
    t->count[method][kind][dir]++;
    t->bytes[method][kind][dir] += bytes;
}

void gen_truth_asked(struct gen_truth *t, const struct gen_exchange *exchange)
{
    t->outcome[exchange->method][exchange->outcome]++;
    if (exchange->method == GEN_TOOLS_CALL)
        t->tool[exchange->tool][exchange->outcome]++;
}

static void add_time(struct gen_times *times, uint64_t ns)
{
    if (times->n == times->cap) {
        times->cap = 2 * times->cap + 1024;
        times->ns = realloc(times->ns, times->cap * sizeof(*times->ns));
        if (!times->ns)
            abort();
    }
    times->ns[times->n++] = ns;
}

/* [client, id, method, outcome, tool, latency, complete] */
static void tell(struct gen_truth *t, const struct gen_exchange *exchange, const struct gen_conn *c,
                 uint64_t latency_ns)
{
    struct gen_buf *b = &t->exchanges;
    uint32_t ip = c->ip[GEN_C2S];
    gen_buf_printf(b, "%s\n    [\"%u.%u.%u.%u:%u\", %llu, \"%s\", \"%s\", ", b->len ? "," : "",
                   ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255, c->port[GEN_C2S],
                   (unsigned long long)exchange->id, gen_method_names[exchange->method],
                   outcome_names[exchange->outcome]);
    if (exchange->method == GEN_TOOLS_CALL)
        gen_buf_printf(b, "\"%s\", ", gen_tool_names[exchange->tool]);
    else
        gen_buf_text(b, "null, ");
    if (c->watch.hurt)
        gen_buf_text(b, "null, ");
    else
        gen_buf_printf(b, "%llu, ", (unsigned long long)latency_ns);
    gen_buf_printf(b, "%s]", c->watch.missing ? "false" : "true");
}

void gen_truth_answered(struct gen_truth *t, struct gen_exchange *exchange,
                        const struct gen_conn *c)
{
    if (exchange->method == GEN_METHODS)
        return;
    uint64_t ns = c->watch.sent_ns[GEN_S2C] - c->watch.sent_ns[GEN_C2S];
    add_time(&t->latency[exchange->method], ns);
    if (t->each)
        tell(t, exchange, c, ns);
    exchange->method = GEN_METHODS;
}

/* ---- the side file ---- */

static void print_messages(const struct gen_truth *t, FILE *out)
{
    static const char *const kinds[] = {"request", "notification", "result", "error"};
    static const char *const suffix[] = {"", "", ":result", ":error"};
    static const char *const dirs[] = {"received", "sent"};
    const char *comma = "";
    fprintf(out, "  \"messages\": [");
    for (int method = 0; method < GEN_METHODS; method++) {
        for (int cell = 0; cell < GEN_KINDS * GEN_DIRS; cell++) {
            int kind = cell / GEN_DIRS, dir = cell % GEN_DIRS;
            unsigned long long n = t->count[method][kind][dir];
            if (n == 0)
                continue;
            fprintf(out,
                    "%s\n    {\"type\": \"%s%s\", \"kind\": \"%s\", \"direction\": \"%s\", "
                    "\"count\": %llu, \"bytes\": %llu}",
                    comma, gen_method_names[method], suffix[kind], kinds[kind], dirs[dir], n,
                    (unsigned long long)t->bytes[method][kind][dir]);
            comma = ",";
        }
    }
    fprintf(out, "\n  ],\n");
}

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* By method, in nanoseconds; percentiles by nearest rank. Sorts the times. */
static void print_latency(const struct gen_truth *t, FILE *out)
{
    static const unsigned per_mille[] = {500, 900, 950, 990, 999};
    const char *comma = "";
    fprintf(out, "  \"latency\": {");
    for (int method = 0; method < GEN_METHODS; method++) {
        const struct gen_times *times = &t->latency[method];
        long double sum = 0;
        if (times->n == 0)
            continue;
        qsort(times->ns, times->n, sizeof(*times->ns), compare_times);
        for (size_t i = 0; i < times->n; i++)
            sum += times->ns[i];
        fprintf(out,
                "%s\n    \"%s\": {\"count\": %zu, \"avg\": %.3Lf, \"min\": %llu, \"max\": %llu",
                comma, gen_method_names[method], times->n, sum / times->n,
                (unsigned long long)times->ns[0], (unsigned long long)times->ns[times->n - 1]);
        for (size_t i = 0; i < sizeof(per_mille) / sizeof(*per_mille); i++) {
            size_t rank = (times->n * per_mille[i] + 999) / 1000;
            fprintf(out, ", \"p%u\": %llu", per_mille[i] % 10 ? per_mille[i] : per_mille[i] / 10,
                    (unsigned long long)times->ns[rank - 1]);
        }
        fprintf(out, "}");
        comma = ",";
    }
    fprintf(out, "\n  },\n");
}

static void print_outcomes(const char *name, const uint64_t outcome[GEN_OUTCOMES], FILE *out)
{
    fprintf(out, "    \"%s\": {\"result\": %llu, \"error\": %llu, \"tool_error\": %llu}", name,
            (unsigned long long)outcome[GEN_OK], (unsigned long long)outcome[GEN_FAILED],
            (unsigned long long)outcome[GEN_TOOL_ERROR]);
}

void gen_truth_print(const struct gen_truth *t, FILE *out)
{
    const char *comma = "";
    fprintf(out, "  \"sessions\": %llu,\n  \"http_requests\": %llu,\n",
            (unsigned long long)t->sessions, (unsigned long long)t->http_requests);
    print_messages(t, out);
    print_latency(t, out);
    if (t->each)
        fprintf(out, "  \"each\": [%.*s\n  ],\n", (int)t->exchanges.len, (char *)t->exchanges.data);
    fprintf(out, "  \"exchanges\": {");
    for (int method = 0; method < GEN_METHODS; method++) {
        const uint64_t *outcome = t->outcome[method];
        if (outcome[GEN_OK] + outcome[GEN_FAILED] + outcome[GEN_TOOL_ERROR] == 0)
            continue;
        fprintf(out, "%s\n", comma);
        print_outcomes(gen_method_names[method], outcome, out);
        comma = ",";
    }
    fprintf(out, "\n  },\n  \"tools\": {");
    for (int i = 0; i < GEN_TOOLS; i++) {
        fprintf(out, "%s\n", i ? "," : "");
        print_outcomes(gen_tool_names[i], t->tool[i], out);
    }
    fprintf(out, "\n  }");
}
