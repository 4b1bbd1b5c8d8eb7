/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One live interface, by one socket or several.
 *
 * Several form a fanout group (packet(7)): the kernel gives the packets of a connection to one of
 * them, so that the processors that receive packets do not wait for each other, and there are as
 * many buffers. One that is full passes on to the others. What they give is put in the order of
 * time (turns.h), since what belongs together may come by several connections.
 *
 * Sockets capture from when they are opened, and share from when all have joined. What came between
 * is skipped, told by its time: some of it lies in several buffers.
 *
 * Fragments stay fragments (no PACKET_FANOUT_FLAG_DEFRAG), as in a file: the front puts together
 * what comes, by whichever socket, and counts what does not.
 */
#include "source_live.h"
#include "base/clock.h"
#include "base/err.h"
#include "source_socket.h"
#include "turns.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(SOURCE_LIVE_SOCKETS_MAX <= TURNS_MAX, "each socket has turns");

#define TIMEOUT_MS 100

/* Where there are several sockets. A block is handed over after two of BLOCK_MS at the latest, and
 * what the kernel's timer adds. */
#define BLOCK_MS 25
#define HOLD_NS  INT64_C(80000000)
#define WAIT_MS  5 /* at least: packets that come one by one are handed over several at a time */

struct source_live {
    struct source_socket *sockets[SOURCE_LIVE_SOCKETS_MAX];
    struct packet heads[SOURCE_LIVE_SOCKETS_MAX]; /* of the sockets that show one */
    struct turns turns;
    int taken; /* whose head was handed over, and holds until the next call; -1: none */
    int timeout_ms;
    int64_t opened_ns; /* packets from then on, up to shared_ns, are skipped */
    int64_t shared_ns;
    uint64_t dropped_before;          /* until they had their filter, and shared */
    char failure[SOURCE_ERROR_BYTES]; /* why no more will come; "": it will */
};

/* Lost by the sockets for want of room, and by the interface. Returns 0 or ERR_UNSUPPORTED. */
static int dropped(struct source_live *l, uint64_t *ret_packets)
{
    struct source_socket_lost lost = {0};
    uint64_t packets = 0;
    for (uint32_t i = 0; i < l->turns.count; i++) {
        if (source_socket_lost(l->sockets[i], &lost) != 0)
            return ERR_UNSUPPORTED;
        packets += lost.no_room;
    }
    *ret_packets = packets + lost.interface;
    return 0;
}

/* ---- opening ---- */

static bool join_all(struct source_live *l)
{
    int group = -1;
    for (uint32_t i = 0; i < l->turns.count; i++) {
        group = source_socket_join(l->sockets[i], group);
        if (group < 0)
            return false;
    }
    return true;
}

/* Opens as many sockets as the options say. */
static int start(struct source_live *l, const char *interface, const char *filter,
                 const struct source_live_options *options, char *error)
{
    int block_ms = l->turns.count > 1 ? BLOCK_MS : l->timeout_ms;
    l->opened_ns = l->shared_ns = clock_ns();
    for (uint32_t i = 0; i < l->turns.count; i++) {
        int result =
            source_socket_open(interface, filter, options, block_ms, error, &l->sockets[i]);
        if (result != 0)
            return result;
    }
    if (l->turns.count > 1) {
        if (!join_all(l)) {
            snprintf(error, SOURCE_ERROR_BYTES, "%.64s: %u sockets cannot share it: %s", interface,
                     l->turns.count, strerror(errno));
            return ERR_UNSUPPORTED;
        }
        l->shared_ns = clock_ns();
    }
    (void)dropped(l, &l->dropped_before); /* unknown: source_live_dropped() will say so */
    return 0;
}

int source_live_open(const char *interface, const char *filter,
                     const struct source_live_options *options, char error[SOURCE_ERROR_BYTES],
                     struct source_live **ret_live)
{
    struct source_live *l = calloc(1, sizeof(*l));
    if (!l) {
        snprintf(error, SOURCE_ERROR_BYTES, "%.64s: out of memory", interface);
        return ERR_NOMEM;
    }
    turns_init(&l->turns, options->sockets > 1 ? options->sockets : 1, HOLD_NS);
    l->taken = -1;
    l->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
    int result = start(l, interface, filter, options, error);
    if (result != 0) {
        source_live_close(l);
        return result;
    }
    *ret_live = l;
    return 0;
}

/* ---- reading ---- */

/* Has a socket show its next packet. */
static void ask(struct source_live *l, uint32_t i)
{
    struct packet *head = &l->heads[i];
    char error[SOURCE_ERROR_BYTES];
    int result;
    do
        result = source_socket_next(l->sockets[i], head, error);
    while (result == 1 && head->ts_ns >= l->opened_ns && head->ts_ns < l->shared_ns);
    if (result == 1) {
        if (head->ts_ns > l->turns.now_ns)
            turns_clock(&l->turns, clock_ns());
        turns_ready(&l->turns, i, head->ts_ns);
        return;
    }
    if (result < 0 && !l->failure[0]) {
        memcpy(l->failure, error, sizeof(error));
        turns_hurry(&l->turns);
    }
    turns_empty(&l->turns, i);
}

/* Asks the sockets that had none. Returns whose turn it is, as turns_next(). */
static int ask_again(struct source_live *l)
{
    turns_clock(&l->turns, clock_ns());
    for (uint32_t i = 0; i < l->turns.count; i++) {
        if (!l->turns.of[i].ready)
            ask(l, i);
    }
    return turns_next(&l->turns);
}

/* For how long to wait on, in ms: for the packet that is kept until it is its turn; else for what
 * is left of the time-out since then (0: nothing), or nothing if the clock was set back. */
static int left_ms(const struct source_live *l, int64_t since_ns)
{
    int64_t due_ns = turns_due_in_ns(&l->turns);
    if (due_ns < INT64_MAX)
        return due_ns / 1000000 < WAIT_MS ? WAIT_MS : (int)(due_ns / 1000000) + 1;
    int64_t waited_ms = (l->turns.now_ns - since_ns) / 1000000;
    return waited_ms >= 0 && waited_ms < l->timeout_ms ? l->timeout_ms - (int)waited_ms : 0;
}

/* Waits until one of the sockets that had none may have one. Returns false if a signal came. */
static bool poll_empty(const struct source_live *l, int most_ms)
{
    struct pollfd fds[SOURCE_LIVE_SOCKETS_MAX];
    nfds_t count = 0;
    for (uint32_t i = 0; i < l->turns.count; i++) {
        if (!l->turns.of[i].ready)
            fds[count++] = (struct pollfd){source_socket_fd(l->sockets[i]), POLLIN, 0};
    }
    return poll(fds, count, most_ms) >= 0;
}

/* Waits for a packet whose turn it is, for the time-out. A socket that wakes may show none: what it
 * had came before it had its filter, or before all shared. Returns as turns_next(). */
static int wait_for_turn(struct source_live *l)
{
    int64_t since_ns = l->turns.now_ns;
    int turn = -1, most_ms = left_ms(l, since_ns);
    while (turn < 0 && !l->failure[0] && most_ms > 0 && poll_empty(l, most_ms)) {
        turn = ask_again(l);
        most_ms = left_ms(l, since_ns);
    }
    return turn;
}

int source_live_next(struct source_live *l, bool may_wait, struct packet *ret_packet,
                     char error[SOURCE_ERROR_BYTES])
{
    if (l->taken >= 0)
        ask(l, (uint32_t)l->taken);
    l->taken = turns_next(&l->turns);
    if (l->taken < 0 && (may_wait || l->failure[0]))
        l->taken = ask_again(l);
    if (l->taken < 0 && may_wait)
        l->taken = wait_for_turn(l);
    if (l->taken >= 0) {
        *ret_packet = l->heads[l->taken];
        return 1;
    }
    if (!l->failure[0])
        return 0;
    memcpy(error, l->failure, SOURCE_ERROR_BYTES);
    return ERR_IO;
}

int source_live_link_type(const struct source_live *l)
{
    return source_socket_link_type(l->sockets[0]);
}

int source_live_dropped(struct source_live *l, uint64_t *ret_dropped)
{
    uint64_t packets = 0;
    int result = dropped(l, &packets);
    *ret_dropped = packets - l->dropped_before;
    return result;
}

void source_live_close(struct source_live *l)
{
    if (!l)
        return;
    for (uint32_t i = 0; i < l->turns.count; i++)
        source_socket_close(l->sockets[i]);
    free(l);
}
