/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/link.h"
#include "tests/support/packets.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct limits_hit hit;

/* Decodes p under a link type and a snap length; the frame must then begin with "IP". */
static enum undecoded decode_cut(const struct packets *p, int link_type, uint32_t captured)
{
    struct link_frame frame = {0};
    uint8_t *exact = malloc(captured + 1);
    memcpy(exact, packets_at(p), captured);
    struct packet packet = {exact, captured, p->n, 0, 1, link_type};
    enum undecoded reason = link_decode(&packet, &hit, &frame);
    if (reason == DECODE_OK && captured == p->n) {
        cr_assert_eq(cursor_left(&frame.at), 2);
        cr_assert_arr_eq(frame.at.at, "IP", 2);
        cr_assert_eq(frame.wire_bytes, 2);
    }
    free(exact);
    return reason;
}

/* Whole, and cut by the snap length at every byte of the link header. */
static void expect_ip(const struct packets *p, int link_type)
{
    cr_assert_eq(decode_cut(p, link_type, p->n), DECODE_OK);
    for (uint32_t n = 0; n < p->n - 2; n++)
        cr_assert_eq(decode_cut(p, link_type, n), UNDECODED_TRUNCATED);
}

static enum undecoded decode_bytes(const char *bytes, size_t n, int link_type)
{
    struct packets p;
    packets_begin(&p, bytes, n);
    return decode_cut(&p, link_type, p.n);
}

Test(link, ethernet)
{
    struct packets p;
    packets_begin(&p, "IP", 2);
    packets_ethernet(&p, 0x0800);
    expect_ip(&p, LINK_ETHERNET);
    packets_begin(&p, "IP", 2);
    packets_ethernet(&p, 0x86dd);
    expect_ip(&p, LINK_ETHERNET);
    packets_begin(&p, "IP", 2);
    packets_ethernet(&p, 0x0806);
    cr_assert_eq(decode_cut(&p, LINK_ETHERNET, p.n), UNDECODED_NOT_IP);
    cr_assert_eq(decode_bytes("short", 5, LINK_ETHERNET), UNDECODED_MALFORMED);
}

Test(link, vlan_stacks)
{
    static const uint16_t outer[] = {0x8100, 0x88a8, 0x9100};
    for (int i = 0; i < 3; i++) {
        struct packets p;
        packets_begin(&p, "IP", 2);
        packets_vlan(&p, 0x0800);
        packets_vlan(&p, 0x8100);
        packets_ethernet(&p, outer[i]);
        expect_ip(&p, LINK_ETHERNET);
    }
}

Test(link, endless_vlan_stack_is_a_limit)
{
    struct packets p;
    packets_begin(&p, "IP", 2);
    packets_vlan(&p, 0x0800);
    for (int i = 0; i < LIMIT_EXTENSION_HEADERS - 1; i++)
        packets_vlan(&p, 0x8100);
    packets_ethernet(&p, 0x8100);
    cr_assert_eq(decode_cut(&p, LINK_ETHERNET, p.n), DECODE_OK);
    packets_begin(&p, "IP", 2);
    packets_vlan(&p, 0x0800);
    for (int i = 0; i < LIMIT_EXTENSION_HEADERS; i++)
        packets_vlan(&p, 0x8100);
    packets_ethernet(&p, 0x8100);
    cr_assert_eq(decode_cut(&p, LINK_ETHERNET, p.n), UNDECODED_MALFORMED);
    cr_assert_eq(hit.count[LIMIT_ID_EXTENSION_HEADERS], 1);
}

Test(link, cooked)
{
    struct packets p;
    uint8_t sll[16] = {0, 0, 3, 4, 0, 6};
    packets_be16(sll + 14, 0x0800);
    packets_begin(&p, "IP", 2);
    packets_prepend(&p, sll, sizeof(sll));
    expect_ip(&p, LINK_SLL);
    packets_be16(sll + 14, 0x8100);
    packets_begin(&p, "IP", 2);
    packets_vlan(&p, 0x86dd);
    packets_prepend(&p, sll, sizeof(sll));
    expect_ip(&p, LINK_SLL);
    packets_be16(sll + 14, 0x0004);
    packets_begin(&p, "IP", 2);
    packets_prepend(&p, sll, sizeof(sll));
    cr_assert_eq(decode_cut(&p, LINK_SLL, p.n), UNDECODED_NOT_IP);
}

Test(link, cooked_v2)
{
    struct packets p;
    uint8_t sll2[20] = {0x86, 0xdd};
    packets_begin(&p, "IP", 2);
    packets_prepend(&p, sll2, sizeof(sll2));
    expect_ip(&p, LINK_SLL2);
    sll2[0] = 0x08;
    sll2[1] = 0x06;
    packets_begin(&p, "IP", 2);
    packets_prepend(&p, sll2, sizeof(sll2));
    cr_assert_eq(decode_cut(&p, LINK_SLL2, p.n), UNDECODED_NOT_IP);
}

Test(link, null_in_either_byte_order_and_loop)
{
    static const uint8_t families[] = {2, 10, 24, 28, 30};
    for (int i = 0; i < 5; i++) {
        struct packets p;
        uint8_t big[4] = {0, 0, 0, families[i]}, little[4] = {families[i]};
        packets_begin(&p, "IP", 2);
        packets_prepend(&p, big, 4);
        expect_ip(&p, LINK_NULL);
        expect_ip(&p, LINK_LOOP);
        packets_begin(&p, "IP", 2);
        packets_prepend(&p, little, 4);
        expect_ip(&p, LINK_NULL);
    }
    cr_assert_eq(decode_bytes("\0\0\0\7IP", 6, LINK_NULL), UNDECODED_NOT_IP);
}

Test(link, raw_and_unknown)
{
    static const int raw[] = {LINK_RAW_LINUX, LINK_RAW, LINK_IPV4, LINK_IPV6};
    for (int i = 0; i < 4; i++)
        cr_assert_eq(decode_bytes("IP", 2, raw[i]), DECODE_OK);
    cr_assert_eq(decode_bytes("IP", 2, 147), UNDECODED_LINK_TYPE);
    cr_assert_eq(decode_bytes("", 0, -1), UNDECODED_LINK_TYPE);
}

Test(link, original_length_below_captured_length)
{
    struct packet packet = {(const uint8_t *)"IPxx", 4, 1, 0, 1, LINK_RAW};
    struct link_frame frame;
    cr_assert_eq(link_decode(&packet, &hit, &frame), DECODE_OK);
    cr_assert_eq(frame.wire_bytes, 4);
}
