/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/lane.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <string.h>

/* What was told, as numbers: of a record its connection, of a packet its slot. */
static uint64_t told[100000];
static size_t count;
static struct message last;

static void on_record(void *ctx, struct record *r)
{
    (void)ctx;
    told[count++] = r->conn_id;
    if (r->type != RECORD_MESSAGE)
        return;
    size_t n;
    const char *text = message_text(&r->u.message, MESSAGE_TEXT_NAME, &n);
    memcpy(&last, &r->u.message, offsetof(struct message, text));
    memcpy(last.text, text, n);
}

static void on_packet(void *ctx, const struct stream_packet *p)
{
    told[count++] = *(const uint64_t *)ctx + p->slot;
}

static uint64_t packets_from = 1000000;
static const struct record_sink sink = {NULL, on_record, on_packet, &packets_from};

static struct record record(enum record_type type, uint64_t id)
{
    struct record r = {.type = (uint8_t)type, .conn_id = id};
    return r;
}

TestSuite(lane, .timeout = 20);

Test(lane, plays_step_by_step_in_the_order_written)
{
    struct lane l = {0};
    struct record a = record(RECORD_BEGIN, 1), b = record(RECORD_END, 2);
    lane_play(&l, 0, &sink);
    lane_step(&l, 1);
    cr_assert_eq(lane_packet(&l, &(struct stream_packet){.slot = 7}), 0);
    cr_assert_eq(lane_record(&l, &a), 0);
    lane_step(&l, 4);
    cr_assert_eq(lane_record(&l, &b), 0);
    lane_play(&l, 0, &sink);
    cr_assert_eq(count, 0);
    lane_play(&l, 1, &sink);
    cr_assert(count == 2 && told[0] == 1000007 && told[1] == 1);
    lane_play(&l, 1, &sink);
    lane_play(&l, 3, &sink);
    cr_assert_eq(count, 2);
    lane_play(&l, 4, &sink);
    lane_play(&l, 5, &sink);
    cr_assert(count == 3 && told[2] == 2);
    lane_clear(&l);
    lane_play(&l, 4, &sink);
    cr_assert_eq(count, 3);
    lane_fini(&l);
}

Test(lane, keeps_all_of_a_message_that_means_anything)
{
    struct lane l = {0};
    struct record r = record(RECORD_MESSAGE, 3);
    r.u.message.bytes = 4711;
    r.u.message.text_off[MESSAGE_TEXT_NAME] = 3;
    r.u.message.text_len[MESSAGE_TEXT_NAME] = 4;
    memcpy(r.u.message.text, "xyzecho", 7);
    r.u.message.text_used = 7;
    cr_assert_lt(lane_record_bytes(&r), sizeof(r) - MESSAGE_POOL_BYTES + 8);
    cr_assert_eq(lane_record(&l, &r), 0);
    lane_play(&l, 0, &sink);
    cr_assert_eq(last.bytes, 4711);
    cr_assert_arr_eq(last.text, "echo", 4);
    lane_fini(&l);
}

/* Every type, over many chunks, cleared and filled again. */
Test(lane, any_amount_comes_back)
{
    struct lane l = {0};
    for (int turn = 0; turn < 3; turn++) {
        size_t written = 0, most = turn == 1 ? 30000 : 300;
        count = 0;
        for (uint32_t step = 0; written < most; step += 1 + step % 3) {
            lane_step(&l, step);
            for (uint32_t i = 0; i < step % 9; i++, written++) {
                struct record r =
                    record((enum record_type)(written % (RECORD_END + 1)), written + 1);
                if (r.type == RECORD_MESSAGE)
                    r.u.message.text_used = (uint16_t)(written % MESSAGE_POOL_BYTES);
                cr_assert_eq(lane_record(&l, &r), 0);
            }
        }
        for (uint32_t step = 0; count < written; step++)
            lane_play(&l, step, &sink);
        for (size_t i = 0; i < written; i++)
            cr_assert_eq(told[i], i + 1);
        lane_clear(&l);
    }
    lane_fini(&l);
}

/* Records that are written in place, among others, over many chunks; some are not sent. */
Test(lane, what_is_written_in_place_comes_back)
{
    struct lane l = {0};
    struct record other = record(RECORD_FINDING, 0);
    uint64_t id = 0;
    count = 0;
    lane_step(&l, 7);
    for (uint32_t i = 0; i < 5000; i++) {
        struct record *r = lane_room(&l);
        cr_assert_not_null(r);
        memset(r, 0xee, sizeof(*r));
        r->type = RECORD_MESSAGE;
        r->conn_id = i % 5 == 4 ? UINT64_MAX : ++id;
        r->u.message.text_used = (uint16_t)(i * 37 % MESSAGE_POOL_BYTES);
        memset(r->u.message.text_off, 0, sizeof(r->u.message.text_off));
        memset(r->u.message.text_len, 0, sizeof(r->u.message.text_len));
        if (i % 5 < 4)
            cr_assert_eq(lane_record(&l, r), 0);
        if (i % 3 > 0)
            continue;
        other.conn_id = ++id;
        cr_assert_eq(lane_record(&l, &other), 0);
    }
    lane_play(&l, 7, &sink);
    cr_assert_eq(count, id);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(told[i], i + 1);
    lane_fini(&l);
}

Test(lane, without_memory_nothing_is_kept_and_it_says_so)
{
    struct lane l = {0};
    struct record r = record(RECORD_CONN, 5);
    fail_alloc_at(1);
    cr_assert_null(lane_room(&l));
    fail_alloc_at(1);
    cr_assert_lt(lane_record(&l, &r), 0);
    cr_assert_lt(lane_packet(&l, &(struct stream_packet){.slot = 1}), 1);
    fail_alloc_stop();
    count = 0;
    cr_assert_eq(lane_record(&l, &r), 0);
    lane_play(&l, 0, &sink);
    cr_assert_geq(count, 1);
    cr_assert_eq(told[count - 1], 5);
    lane_fini(&l);
}
