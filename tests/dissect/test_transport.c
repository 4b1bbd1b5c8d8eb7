/* SPDX-License-Identifier: BSD-3-Clause */
/* What transports share: how many parsers are in use, over all connections. */
#include "../../dissect/coding.h"
#include "../../dissect/text.h"
#include "dissect/rpc.h"
#include "dissect/squirrel.h"
#include <criterion/criterion.h>
#include <string.h>

static struct limits_hit hit;
static unsigned lost, messages;

static void on_record(void *ctx, struct record *r)
{
    (void)ctx;
    lost += r->type == RECORD_FINDING && r->u.finding.finding == FINDING_LOST_MESSAGE;
    messages += r->type == RECORD_MESSAGE;
}

static struct transport_spare spare;
static struct decoder_account decoders;
static const struct transport_env env = {{1, 2}, &hit, {NULL, on_record, NULL}, &spare, &decoders};
static struct conn conn = {.id = 1};
static const struct transport_conn tc = {.env = &env, .conn = &conn};

static void read_text(struct text *t, const char *json)
{
    struct stream_pos at = {1, 1};
    t->at = &at;
    if (text_begin(t, false)) {
        (void)text_feed(t, (const uint8_t *)json, strlen(json));
        text_end(t, TEXT_END_COMPLETE, NULL);
    }
}

Test(transport, parsers_in_use_are_counted)
{
    struct rpc *rpc = transport_rpc_take(&env);
    struct squirrel *squirrel = transport_squirrel_take(&env);
    cr_assert(rpc && squirrel);
    cr_expect_eq(spare.in_use, 2);
    transport_rpc_give(&env, rpc);
    transport_squirrel_give(&env, squirrel);
    cr_expect_eq(spare.in_use, 0);
    cr_expect_eq(transport_rpc_take(&env), rpc, "a spare one is used again");
    cr_expect_eq(spare.in_use, 1);
    transport_rpc_give(&env, rpc);
    transport_spare_free(&spare);
}

/* A text beyond the cap is a lost message; when one is given back, the next is read. */
Test(transport, too_many_parsers)
{
    static struct rpc *taken[LIMIT_PARSERS];
    const char *json = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}";
    struct text t = {.tc = &tc, .channel = 1, .dialect = TEXT_RPC};
    for (size_t i = 0; i < LIMIT_PARSERS; i++)
        cr_assert(taken[i] = transport_rpc_take(&env));
    cr_expect_eq(hit.count[LIMIT_ID_PARSERS], 0);
    cr_expect_null(transport_squirrel_take(&env));
    read_text(&t, json);
    cr_expect_eq(hit.count[LIMIT_ID_PARSERS], 2);
    cr_expect(t.lost && lost == 1 && messages == 0, "%u %u", lost, messages);
    transport_rpc_give(&env, taken[0]);
    t.lost = false;
    read_text(&t, json);
    cr_expect(!t.lost && lost == 1 && messages == 1, "%u %u", lost, messages);
    t.dialect = TEXT_EITHER; /* needs two */
    read_text(&t, json);
    cr_expect(t.lost && lost == 2 && messages == 1, "%u %u", lost, messages);
    for (size_t i = 1; i < LIMIT_PARSERS; i++)
        transport_rpc_give(&env, taken[i]);
    cr_expect_eq(spare.in_use, 0);
    transport_spare_free(&spare);
}
