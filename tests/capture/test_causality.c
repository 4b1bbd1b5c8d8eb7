/* SPDX-License-Identifier: BSD-3-Clause */
/* An answer never comes before its question, however a capture orders their packets. */
#include "tests/capture/engine_world.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>

static struct world w;

static void setup(void)
{
    world_init(&w, NULL);
    world_handshake(&w);
    world_clear(&w);
}

static void teardown(void)
{
    world_finish(&w);
}

TestSuite(causality, .init = setup, .fini = teardown);

#define expect_log(text) cr_assert_str_eq(w.log, text)

static void acks(int side, int n)
{
    for (int i = 0; i < n; i++)
        world_flags(&w, side, 0, 0, TCP_ACK);
}

Test(causality, answer_captured_before_its_question)
{
    world_send(&w, SERVER, 0, 3, "answer");
    expect_log("");
    world_send(&w, CLIENT, 0, 0, "ask");
    expect_log("c[ask] s[answer] ");
}

Test(causality, a_whole_conversation_backwards)
{
    world_send(&w, SERVER, 1, 4, "D");
    world_send(&w, CLIENT, 2, 1, "cc");
    world_send(&w, SERVER, 0, 2, "B");
    world_send(&w, CLIENT, 0, 0, "aa");
    expect_log("c[aa] s[B] c[cc] s[D] ");
}

Test(causality, pushes_need_no_question)
{
    world_send(&w, SERVER, 0, 0, "push");
    expect_log("s[push] ");
    world_send(&w, CLIENT, 0, 0, "ask");
    expect_log("s[push] c[ask] ");
}

Test(causality, a_lost_question_is_a_gap_before_the_answer)
{
    world_send(&w, CLIENT, 0, 0, "one");
    world_send(&w, SERVER, 0, 6, "answer");
    expect_log("c[one] ");
    acks(CLIENT, 31);
    expect_log("c[one] ");
    acks(CLIENT, 1);
    expect_log("c[one] c:gap:3 s[answer] ");
}

Test(causality, a_lost_question_is_waited_for_two_seconds)
{
    world_send(&w, CLIENT, 0, 0, "one");
    world_send(&w, SERVER, 0, 6, "answer");
    world_tick(&w, w.now_ns + 2 * SECOND - MS);
    expect_log("c[one] ");
    world_tick(&w, w.now_ns + 2 * SECOND);
    expect_log("c[one] c:gap:3 s[answer] ");
}

Test(causality, a_question_lost_before_any_byte_of_its_direction_is_a_gap)
{
    world_send(&w, SERVER, 0, 100, "first");
    acks(SERVER, 32);
    expect_log("c:gap:100 s[first] ");
}

/* Only what the server sends is in the capture. */
static void setup_answers(void)
{
    world_init(&w, NULL);
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_send(&w, SERVER, 0, 3, "first");
    acks(SERVER, 32);
    cr_assert_not_null(strstr(w.log, "s[first] "), "%s", w.log);
    world_clear(&w);
}

Test(causality, a_direction_without_any_packet_makes_no_gap_and_is_waited_for_once,
     .init = setup_answers)
{
    world_send(&w, SERVER, 5, 200, "second");
    expect_log("s[second] ");
    world_finish(&w);
    cr_assert_eq(w.last.side[CLIENT].lost_bytes, 0);
}

Test(causality, an_absent_direction_that_speaks_is_waited_for_again, .init = setup_answers)
{
    world_send(&w, CLIENT, 0, 5, "ask");
    world_send(&w, SERVER, 5, 6, "second");
    expect_log("c[ask] ");
    world_send(&w, CLIENT, 3, 5, "two");
    expect_log("c[ask] c[two] s[second] ");
}

/* The last bytes of a connection are missing, and nothing comes behind them. */
static const char *tail(uint8_t flags)
{
    world_send(&w, CLIENT, 0, 0, "ask");
    world_flags(&w, CLIENT, 3, 10, TCP_ACK); /* the answer is not in the capture */
    if (flags)
        world_flags(&w, CLIENT, 3, 10, flags);
    world_finish(&w);
    return w.log;
}

Test(causality, an_acknowledged_tail_is_a_gap_when_the_capture_ends)
{
    cr_assert_not_null(strstr(tail(0), "s:gap:9 "), "%s", w.log); /* or 10: was it a FIN? */
}

Test(causality, an_acknowledged_tail_is_a_gap_before_a_reset)
{
    cr_assert_not_null(strstr(tail(TCP_RST | TCP_ACK), "s:gap:9 "), "%s", w.log);
}

Test(causality, an_acknowledged_fin_is_no_lost_byte)
{
    world_send(&w, CLIENT, 0, 0, "ask");
    world_flags(&w, CLIENT, 3, 1, TCP_FIN | TCP_ACK);
    world_finish(&w);
    cr_assert_null(strstr(w.log, "gap"), "%s", w.log);
}

/* "two" was asked when the first half of the hole had arrived, and answered in the second. */
Test(causality, what_was_sent_in_the_middle_of_a_hole_is_told_there)
{
    world_send(&w, CLIENT, 0, 0, "one");
    world_send(&w, CLIENT, 3, 10, "two");
    world_flags(&w, SERVER, 30, 6, TCP_FIN | TCP_ACK);
    world_finish(&w);
    cr_assert_eq(strncmp(w.log, "c[one] s:gap:10 c[two] s:gap:20 s:end:fin ", 42), 0, "%s", w.log);
}

static void setup_nothing(void)
{
    world_init(&w, NULL);
}

/* Whole, though its connection counts as midstream: it was told before the SYN came. */
Test(causality, question_before_its_syn, .init = setup_nothing)
{
    world_send(&w, CLIENT, 0, 0, "ask");
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    cr_assert(!w.last.whole); /* the copy of OPENED */
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_send(&w, SERVER, 0, 3, "answer");
    world_finish(&w);
    expect_log("midstream c[ask] s[answer] c:end:capture s:end:capture gone ");
    cr_assert(w.last.midstream && w.last.whole);
}

/* Each acknowledges what the other did not send yet: no two hosts do that. */
Test(causality, forged_waits_for_each_other_end)
{
    world_send(&w, SERVER, 0, 3, "S");
    world_send(&w, CLIENT, 0, 1, "ccc");
    expect_log("");
    acks(CLIENT, 33);
    cr_assert_not_null(strstr(w.log, "c[ccc]"));
    cr_assert_not_null(strstr(w.log, "s[S]"));
}

Test(causality, an_absurd_acknowledgement_waits_for_nothing)
{
    world_send(&w, CLIENT, 0, 0, "ask");
    world_send(&w, SERVER, 0, 500000000, "answer");
    expect_log("c[ask] s[answer] ");
}

Test(causality, the_end_of_the_capture_keeps_the_order)
{
    world_send(&w, CLIENT, 3, 0, "two"); /* "one" is missing */
    world_send(&w, SERVER, 0, 6, "answer");
    world_finish(&w);
    cr_assert_eq(strncmp(w.log, "c:gap:3 c[two] s[answer] ", 25), 0, "%s", w.log);
}

Test(causality, overlap_with_bytes_that_wait)
{
    world_send(&w, SERVER, 0, 3, "wait");    /* needs "ask" */
    world_send(&w, SERVER, 0, 0, "waiting"); /* may go, and begins with the same bytes */
    world_send(&w, CLIENT, 0, 0, "ask");
    world_finish(&w);
    cr_assert_eq(w.n[SERVER], 7);
    cr_assert_eq(memcmp(w.bytes[SERVER], "waiting", 7), 0);
}

Test(causality, waiting_data_respects_the_cap)
{
    static char big[60001];
    memset(big, 'x', sizeof(big) - 1);
    world_send(&w, CLIENT, 0, 0, "ask");
    for (uint32_t i = 0; i < 25; i++)
        world_send(&w, SERVER, i * 60000, 6, big);
    cr_assert_gt(w.hit.count[LIMIT_ID_HELD_CONNECTION_BYTES], 0);
    world_finish(&w);
    cr_assert_eq(w.n[SERVER], 25 * 60000);
    cr_assert_eq(w.last.side[CLIENT].lost_bytes, 3);
}

enum { TURNS = 60 };

struct turn {
    int side;
    uint32_t seq, ack;
    char text[12];
};

static struct turn turns[TURNS];
static char expected[WORLD_LOG_BYTES];

static void make_turns(uint32_t seed)
{
    uint32_t sent[2] = {0, 0};
    expected[0] = '\0';
    for (int i = 0; i < TURNS; i++) {
        seed = seed * 1664525 + 1013904223;
        int side = i == 0 ? CLIENT : (seed >> 30) % 2;
        struct turn *t = &turns[i];
        *t = (struct turn){.side = side, .seq = sent[side], .ack = sent[!side]};
        snprintf(t->text, sizeof(t->text), "%d", i);
        sent[side] += (uint32_t)strlen(t->text);
        size_t n = strlen(expected);
        snprintf(expected + n, sizeof(expected) - n, "%c[%s] ", side == CLIENT ? 'c' : 's',
                 t->text);
    }
}

/* Every sender acknowledges all that it has, so there is one order that explains the packets up to
 * data in flight at the same time; here nothing is. */
Test(causality, any_shuffle_of_a_conversation_is_told_in_order)
{
    for (uint32_t seed = 1; seed <= 200; seed++) {
        make_turns(seed);
        int order[TURNS];
        for (int i = 0; i < TURNS; i++)
            order[i] = i;
        uint32_t random = seed * 7919;
        for (int i = 0; i + 1 < TURNS; i++) {
            random = random * 1664525 + 1013904223;
            int j = i + (int)((random >> 16) % 8);
            if (random >> 28 < 5 && j < TURNS) {
                int swap = order[i];
                order[i] = order[j];
                order[j] = swap;
            }
        }
        for (int i = 0; i < TURNS; i++) {
            const struct turn *t = &turns[order[i]];
            world_send(&w, t->side, t->seq, t->ack, t->text);
        }
        cr_assert_str_eq(w.log, expected, "seed %u\n%s\n%s", seed, w.log, expected);
        teardown();
        setup();
    }
}

static void shuffled_conversation(void)
{
    make_turns(5);
    if (!world_init(&w, NULL))
        return;
    world_handshake(&w);
    for (int i = 0; i < TURNS; i++) {
        const struct turn *t = &turns[i ^ 3];
        world_send(&w, t->side, t->seq, t->ack, t->text);
    }
    world_finish(&w);
}

Test(causality, survives_every_allocation_failure)
{
    uint64_t n = 0;
    do {
        teardown();
        fail_alloc_at(++n);
        shuffled_conversation();
    } while (fail_alloc_stop());
    cr_assert_gt(n, 10);
}
