/* SPDX-License-Identifier: BSD-3-Clause */
#include "numbers.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64u
#define NO_NUMBER  (UINT64_C(1) << 63)

static bool make_room(struct numbers *n, uint32_t slot)
{
    if (slot < n->room)
        return true;
    uint32_t room = n->room ? n->room : FIRST_ROOM;
    while (room <= slot && room <= UINT32_MAX / 2)
        room *= 2;
    uint64_t *of = realloc(n->of, room * sizeof(*of));
    if (!of)
        return false;
    memset(of + n->room, 0, (room - n->room) * sizeof(*of));
    n->of = of;
    n->room = room;
    return true;
}

void numbers_give(struct numbers *n, struct record *r)
{
    if (r->type == RECORD_CONN && r->conn_event == CONN_EVENT_OPENED) {
        n->last++;
        if (make_room(n, r->slot))
            n->of[r->slot] = n->last;
    }
    uint64_t known = r->slot < n->room ? n->of[r->slot] : 0;
    r->conn_id = known ? known : r->conn_id | NO_NUMBER;
    if (r->type != RECORD_CONN)
        return;
    r->u.conn.id = r->conn_id;
    if (r->conn_event == CONN_EVENT_GONE && known)
        n->of[r->slot] = 0; /* not the next one's, should its beginning be lost */
}

void numbers_fini(struct numbers *n)
{
    free(n->of);
    *n = (struct numbers){0};
}
