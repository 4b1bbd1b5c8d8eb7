/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file as memory: see source_map.h.
 *
 * One piece of the file is mapped at a time, and the next one in its place when a window goes
 * beyond it: so neither the address space of a small machine nor a limit on it matters. Of the
 * piece what lies before the window is given back now and then. A window and what is about to
 * follow it is brought in by one call (MADV_POPULATE_READ, Linux 5.14), which takes a third of what
 * copying takes; an older system says that it does not know that, and the file is read.
 *
 * That call fails where the file is not as long any more, or cannot be read. What happens after it
 * is told by a signal, SIGBUS, to the thread that looks: the handler puts a page of zeros there
 * and notes that. Faults that are not in a map are passed on.
 */
#include "source_map.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define MAPS        8           /* in a process; more are not possible */
#define PIECE_BYTES (64u << 20) /* of addresses */
#define STEP_BYTES  262144u     /* brought in at once */
#define GIVE_BYTES  (4u << 20)  /* given back at once */

/* What the handler looks at. */
struct guard {
    atomic_uintptr_t begin, end; /* both 0: nothing is mapped */
    atomic_bool failed;
    bool used; /* under the lock */
};

struct source_map {
    struct guard *guard;
    uint8_t *piece;      /* NULL: none */
    size_t piece_bytes;  /* up to the end of the file */
    size_t given;        /* of them, that were given back */
    size_t present;      /* up to there they are brought in */
    uint64_t offset;     /* of the piece in the file */
    uint64_t file_bytes; /* when the piece was mapped */
};

static struct guard guards[MAPS];
static struct sigaction previous; /* while there are maps */
static unsigned maps;
static uintptr_t page_bytes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- faults ---- */

static struct guard *find_guard(uintptr_t address)
{
    for (unsigned i = 0; i < MAPS; i++) {
        if (address >= atomic_load(&guards[i].begin) && address < atomic_load(&guards[i].end))
            return &guards[i];
    }
    return NULL;
}

/* To who was there before. By default the access is repeated and ends the process. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(number, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    } else {
        sigaction(number, &previous, NULL);
        if (info->si_code <= 0)
            raise(number);
    }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    bool sent = info->si_code <= 0; /* by a process: there is no address */
    uintptr_t address = (uintptr_t)info->si_addr;
    struct guard *g = sent ? NULL : find_guard(address);
    void *page = (void *)(address & ~(page_bytes - 1));
    /* cppcheck-suppress [invalidFunctionArg, leakReturnValNotUsed] -- zeros, that are no file's */
    if (g && mmap(page, page_bytes, PROT_READ, flags, -1, 0) != MAP_FAILED)
        atomic_store(&g->failed, true);
    else
        pass_on(number, info, context);
}

static struct guard *claim_guard(void)
{
    for (unsigned i = 0; i < MAPS; i++) {
        if (!guards[i].used) {
            atomic_store(&guards[i].failed, false);
            guards[i].used = true;
            return &guards[i];
        }
    }
    return NULL;
}

static struct guard *guard_begin(void)
{
    pthread_mutex_lock(&lock);
    struct guard *g = claim_guard();
    if (g && maps++ == 0) {
        struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
        sigemptyset(&action.sa_mask);
        page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
        sigaction(SIGBUS, &action, &previous);
    }
    pthread_mutex_unlock(&lock);
    return g;
}

static void guard_end(struct guard *g)
{
    pthread_mutex_lock(&lock);
    g->used = false;
    if (--maps == 0)
        sigaction(SIGBUS, &previous, NULL);
    pthread_mutex_unlock(&lock);
}

/* ---- pieces ---- */

static void unmap(struct source_map *m)
{
    if (!m->piece)
        return;
    atomic_store(&m->guard->end, 0);
    atomic_store(&m->guard->begin, 0);
    munmap(m->piece, m->piece_bytes);
    m->piece = NULL;
}

/* 0: unknown. */
static uint64_t file_size(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

/* Maps the piece that begins with the page of offset. */
static bool map(struct source_map *m, int fd, uint64_t offset)
{
    unmap(m);
    m->file_bytes = file_size(fd);
    if (offset >= m->file_bytes)
        return false;
    m->offset = offset - offset % page_bytes;
    uint64_t left = m->file_bytes - m->offset;
    m->piece_bytes = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    m->present = m->given = 0;
    void *piece = mmap(NULL, m->piece_bytes, PROT_READ, MAP_SHARED, fd, (off_t)m->offset);
    if (piece == MAP_FAILED)
        return false;
    m->piece = piece;
    atomic_store(&m->guard->begin, (uintptr_t)piece);
    atomic_store(&m->guard->end, (uintptr_t)piece + m->piece_bytes);
    return true;
}

/* Brings in the piece's bytes up to there. */
static bool bring_in(struct source_map *m, int fd, size_t end)
{
    if (end > m->piece_bytes)
        end = m->piece_bytes;
    if (end <= m->present)
        return true;
    if (file_size(fd) < m->file_bytes)
        return false;
    while (m->present < end) {
        size_t left = m->piece_bytes - m->present;
        size_t n = left < STEP_BYTES ? left : STEP_BYTES;
        if (madvise(m->piece + m->present, n, MADV_POPULATE_READ) != 0)
            return false;
        m->present += n;
    }
    return true;
}

/* Gives back what lies before that place in the piece. */
static void give_back(struct source_map *m, size_t at)
{
    at -= at % page_bytes;
    if (at < m->given + GIVE_BYTES)
        return;
    madvise(m->piece + m->given, at - m->given, MADV_DONTNEED);
    m->given = at;
}

size_t source_map_window(struct source_map *m, int fd, uint64_t offset, size_t n,
                         const uint8_t **ret_bytes)
{
    bool inside = m->piece && offset >= m->offset && offset < m->offset + m->piece_bytes;
    bool whole = inside && n <= m->offset + m->piece_bytes - offset;
    bool last = inside && m->offset + m->piece_bytes == m->file_bytes;
    if (!whole && !last && !map(m, fd, offset))
        return 0;
    size_t at = (size_t)(offset - m->offset), left = m->piece_bytes - at;
    give_back(m, at);
    if (!bring_in(m, fd, at + 2 * n)) /* and what is fetched ahead, see batch.h */
        return 0;
    *ret_bytes = m->piece + at;
    return n < left ? n : left;
}

bool source_map_failed(const struct source_map *m)
{
    return atomic_load(&m->guard->failed);
}

/* ---- life and death ---- */

struct source_map *source_map_new(void)
{
    struct source_map *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->guard = guard_begin();
    if (!m->guard) {
        free(m);
        return NULL;
    }
    return m;
}

void source_map_free(struct source_map *m)
{
    if (!m)
        return;
    unmap(m);
    guard_end(m->guard);
    free(m);
}
