/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/event_line.h"
#include "scene.h"
#include <criterion/criterion.h>

/* The published baseline for TCP and seed 0. */
Test(community_id, baseline)
{
    char text[COMMUNITY_ID_BYTES];
    struct endpoint a = scene_ip4("128.232.110.120", 34855), b = scene_ip4("66.35.250.204", 80);
    cr_assert_str_eq(community_id(&a, &b, text), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    cr_assert_str_eq(community_id(&b, &a, text), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    a = scene_ip6("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943);
    b = scene_ip6("2607:f8b0:400c:c03::1a", 25);
    cr_assert_str_eq(community_id(&a, &b, text), "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=");
    cr_assert_str_eq(community_id(&b, &a, text), "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=");
}

Test(community_id, both_directions_are_one_also_on_one_address)
{
    char there[COMMUNITY_ID_BYTES], back[COMMUNITY_ID_BYTES], other[COMMUNITY_ID_BYTES];
    struct endpoint a = scene_ip4("127.0.0.1", 40000), b = scene_ip4("127.0.0.1", 300);
    struct endpoint c = scene_ip4("127.0.0.1", 40001);
    community_id(&a, &b, there);
    cr_assert_str_eq(there, community_id(&b, &a, back));
    cr_assert_str_neq(there, community_id(&c, &b, other));
    cr_assert_eq(strlen(there), 30);
}
