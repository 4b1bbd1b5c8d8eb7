/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_SEQUENCE_H
#define TESTS_FUZZ_SEQUENCE_H

#include "base/hash.h"
#include "dissect/message.h"
#include "dissect/record.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * Texts that resemble each other, out of one input. What is in front of the first separator is a
 * text; SEQUENCE_NEW begins another one; SEQUENCE_LIKE repeats the one before with a change: two
 * bytes where, a byte of how many bytes go, and the bytes that come instead. Each has a byte of
 * options in front.
 */

#define SEQUENCE_NEW  0x1e
#define SEQUENCE_LIKE 0x1d
#define SEQUENCE_MAX  8192 /* bytes of one text */

struct sequence {
    const uint8_t *at, *end;
    bool begun;
    uint8_t options;
    size_t n;
    uint8_t text[SEQUENCE_MAX];
};

static inline void sequence_change(struct sequence *s, const uint8_t *change, size_t n)
{
    size_t at = ((size_t)change[0] << 8 | change[1]) % (s->n + 1);
    size_t less = change[2] < s->n - at ? change[2] : s->n - at;
    size_t more = n - 3 < SEQUENCE_MAX - (s->n - less) ? n - 3 : SEQUENCE_MAX - (s->n - less);
    memmove(s->text + at + more, s->text + at + less, s->n - at - less);
    memcpy(s->text + at, change + 3, more);
    s->n += more - less;
}

/* The next text; false: there is none. */
static inline bool sequence_next(struct sequence *s)
{
    if (s->at == s->end)
        return false;
    bool like = *s->at == SEQUENCE_LIKE;
    if (s->begun)
        s->at++;
    s->begun = true;
    s->options = s->at < s->end ? *s->at++ : 0;
    const uint8_t *p = s->at, *from = s->at;
    size_t fixed = like ? 3 : 0; /* may look like separators */
    while (p < s->end &&
           ((size_t)(p - from) < fixed || (*p != SEQUENCE_NEW && *p != SEQUENCE_LIKE)))
        p++;
    size_t n = (size_t)(p - from);
    s->at = p;
    if (like && n >= 3) {
        sequence_change(s, from, n);
    } else if (!like) {
        s->n = n < SEQUENCE_MAX ? n : SEQUENCE_MAX;
        memcpy(s->text, from, s->n);
    }
    return true;
}

/* Those n > 0 bytes alone, so that reading beyond them is seen; to be freed. */
static inline uint8_t *sequence_copy(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n);
    if (!copy)
        abort();
    return memcpy(copy, bytes, n);
}

/* Adds what m says, all but where it was. */
static inline void sequence_message(struct hash_stream *seen, const struct message *m)
{
    uint64_t facts[] = {(uint64_t)m->first.ts_ns,
                        (uint64_t)m->last.ts_ns,
                        m->bytes,
                        m->id.type,
                        m->id.hash,
                        m->cancels.type,
                        m->cancels.hash,
                        m->event_id,
                        (uint64_t)m->error_code,
                        m->flags,
                        m->kind,
                        m->dir,
                        m->method,
                        m->squirrel,
                        m->text_used,
                        m->capabilities};
    hash_stream_feed(seen, facts, sizeof(facts));
    for (int i = 0; i < MESSAGE_TEXT_COUNT; i++) {
        size_t n;
        const char *text = message_text(m, (enum message_text)i, &n);
        if (text + n > m->text + m->text_used)
            abort();
        hash_stream_feed(seen, &n, sizeof(n));
        hash_stream_feed(seen, text, n);
    }
}

/* Adds what l says; there are more keys in it than it has. */
static inline void sequence_links(struct hash_stream *seen, const struct record_links *l)
{
    uint64_t facts[] = {l->state_hash, l->task_hash, l->key_count, l->flags, l->status};
    size_t keys = l->key_count < RECORD_LINKS_KEYS ? l->key_count : RECORD_LINKS_KEYS;
    hash_stream_feed(seen, facts, sizeof(facts));
    hash_stream_feed(seen, l->keys, keys * sizeof(l->keys[0]));
}

#endif
