/* SPDX-License-Identifier: BSD-3-Clause */
/* A file as memory: its bytes, in few pages, and no fault when it is cut short meanwhile. */
#include "capture/source_map.h"
#include "capture_files.h"
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MIB       (UINT64_C(1) << 20)
#define FILE_SIZE (3 * MIB + 123)
#define MANY      8 /* maps at once */

TestSuite(source_map, .init = directory_make, .fini = directory_remove, .timeout = 60);

static uint8_t pattern[FILE_SIZE];

/* A file of the pattern, open for both. */
static int pattern_file(void)
{
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (uint8_t)(i * 2654435761u >> 13);
    int fd = open(write_file("map", pattern, sizeof(pattern)), O_RDWR);
    cr_assert_geq(fd, 0);
    return fd;
}

static struct source_map *new_map(void)
{
    struct source_map *m = source_map_new();
    cr_assert_not_null(m);
    return m;
}

static void check_window(struct source_map *m, int fd, uint64_t offset, size_t n)
{
    const uint8_t *bytes = NULL;
    size_t left = FILE_SIZE - offset;
    cr_assert_eq(source_map_window(m, fd, offset, n, &bytes), n < left ? n : left);
    cr_assert_eq(memcmp(bytes, pattern + offset, n < left ? n : left), 0, "at %lu", offset);
}

Test(source_map, windows_anywhere)
{
    static const size_t sizes[] = {1, 24, 4096, 65536, 262145, SOURCE_MAP_WINDOW_BYTES};
    int fd = pattern_file();
    struct source_map *m = new_map();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t step = sizes[i] < 10000 ? 99991 : sizes[i] - 7;
        for (uint64_t at = 0; at < FILE_SIZE; at += step)
            check_window(m, fd, at, sizes[i]);
        check_window(m, fd, FILE_SIZE - 1, sizes[i]);
    }
    const uint8_t *bytes;
    cr_assert_eq(source_map_window(m, fd, FILE_SIZE, 1, &bytes), 0);
    cr_assert_eq(source_map_window(m, fd, FILE_SIZE + 5000, 1, &bytes), 0);
    check_window(m, fd, 5, 10);
    cr_assert_not(source_map_failed(m));
    source_map_free(m);
    close(fd);
    source_map_free(NULL);
}

/* Kilobytes of files that are in this process's memory. */
static unsigned long file_kilobytes(void)
{
    char line[128];
    unsigned long n = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "RssFile: %lu", &n) == 1)
            break;
    fclose(f);
    return n;
}

Test(source_map, a_large_file_in_little_memory)
{
    const uint64_t size = 150 * MIB;
    int fd = open(path_of("large"), O_RDWR | O_CREAT, 0600);
    cr_assert_eq(ftruncate(fd, (off_t)size), 0);
    for (uint64_t at = 1000; at + 8 < size; at += 65536)
        cr_assert_eq(pwrite(fd, &at, 8, (off_t)at), 8);
    struct source_map *m = new_map();
    unsigned long before = file_kilobytes(), most = 0;
    for (uint64_t at = 1000; at + 8 < size; at += 65536) {
        const uint8_t *bytes;
        cr_assert_eq(source_map_window(m, fd, at, 65536, &bytes),
                     size - at < 65536 ? size - at : 65536);
        cr_assert_eq(memcmp(bytes, &at, 8), 0);
        unsigned long now = file_kilobytes();
        most = now > most ? now : most;
    }
    cr_assert_leq(most, before + 8 * 1024, "%lu KiB, %lu before", most, before);
    source_map_free(m);
    close(fd);
}

static void *look_at(void *bytes)
{
    const volatile uint8_t *p = bytes;
    uintptr_t sum = 0;
    for (size_t i = 0; i < SOURCE_MAP_WINDOW_BYTES; i += 1000)
        sum += p[i];
    return (void *)sum;
}

/* By whichever thread looks at what is gone. */
Test(source_map, cut_short_while_in_use)
{
    for (int threads = 0; threads < 3; threads++) {
        int fd = pattern_file();
        struct source_map *m = new_map();
        const uint8_t *bytes;
        cr_assert_gt(source_map_window(m, fd, 7, SOURCE_MAP_WINDOW_BYTES, &bytes), 0);
        cr_assert_eq(ftruncate(fd, 100000), 0);
        cr_assert_eq(memcmp(bytes, pattern + 7, 90000), 0);
        cr_assert_not(source_map_failed(m));
        pthread_t other[2];
        for (int i = 0; i < threads; i++)
            cr_assert_eq(pthread_create(&other[i], NULL, look_at, (void *)(uintptr_t)bytes), 0);
        look_at((void *)(uintptr_t)bytes);
        for (int i = 0; i < threads; i++)
            pthread_join(other[i], NULL);
        cr_assert(source_map_failed(m));
        cr_assert_eq(bytes[500000], 0);
        cr_assert_eq(memcmp(bytes, pattern + 7, 90000), 0);
        source_map_free(m);
        close(fd);
    }
}

/* What is gone before it was brought in is no window, and nothing failed. */
Test(source_map, cut_short_before_it_is_used)
{
    int fd = pattern_file();
    struct source_map *m = new_map();
    const uint8_t *bytes;
    check_window(m, fd, 0, 1000);
    cr_assert_eq(ftruncate(fd, 2 * MIB), 0);
    cr_assert_eq(source_map_window(m, fd, 2 * MIB - 1000, 65536, &bytes), 0);
    cr_assert_not(source_map_failed(m));
    source_map_free(m);
    close(fd);
}

static sigjmp_buf back;
static volatile sig_atomic_t told;

static void on_bus(int number)
{
    told++;
    siglongjmp(back, number);
}

static void on_bus_told(int number, siginfo_t *info, void *context)
{
    (void)context;
    told += number == SIGBUS && info->si_code <= 0;
}

/* A page of a file that has none. */
static const volatile uint8_t *bad_page(void)
{
    int fd = open(path_of("empty"), O_RDWR | O_CREAT, 0600);
    const uint8_t *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    cr_assert_neq(page, MAP_FAILED);
    close(fd);
    return page;
}

Test(source_map, faults_of_others_are_passed_on)
{
    struct sigaction own = {.sa_handler = on_bus}, now;
    cr_assert_eq(sigaction(SIGBUS, &own, NULL), 0);
    struct source_map *m = new_map(), *n = new_map();
    int fd = pattern_file();
    const volatile uint8_t *bad = bad_page();
    const uint8_t *bytes;
    cr_assert_gt(source_map_window(m, fd, 0, 65536, &bytes), 0);
    told = 0;
    if (sigsetjmp(back, 1) == 0)
        cr_assert_eq(*bad, 1, "is not reached");
    cr_assert_eq(told, 1);
    source_map_free(n);
    if (sigsetjmp(back, 1) == 0)
        raise(SIGBUS);
    cr_assert_eq(told, 2);
    cr_assert_eq(ftruncate(fd, 0), 0);
    cr_assert_eq(bytes[5000], 0, "the own ones are still seen to");
    cr_assert(source_map_failed(m));
    cr_assert_eq(told, 2);
    source_map_free(m);
    sigaction(SIGBUS, NULL, &now);
    cr_assert_eq(now.sa_handler, on_bus, "who was there before is there again");
    close(fd);
}

Test(source_map, signals_of_others_are_passed_on)
{
    struct sigaction own = {.sa_sigaction = on_bus_told, .sa_flags = SA_SIGINFO};
    cr_assert_eq(sigaction(SIGBUS, &own, NULL), 0);
    struct source_map *m = new_map();
    told = 0;
    kill(getpid(), SIGBUS);
    cr_assert_eq(told, 1);
    source_map_free(m);
}

Test(source_map, a_fault_nobody_sees_to_ends_the_process, .signal = SIGBUS)
{
    signal(SIGBUS, SIG_DFL);
    new_map();
    cr_assert_eq(*bad_page(), 1, "is not reached");
}

Test(source_map, a_signal_nobody_sees_to_ends_the_process, .signal = SIGBUS)
{
    signal(SIGBUS, SIG_DFL);
    new_map();
    raise(SIGBUS);
}

Test(source_map, only_so_many)
{
    struct source_map *maps[MANY];
    int fd = pattern_file();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++)
            maps[i] = new_map();
        cr_assert_null(source_map_new());
        for (int i = 0; i < MANY; i++)
            check_window(maps[i], fd, (uint64_t)i * 1000, 2000);
        for (int i = 0; i < MANY; i++)
            source_map_free(maps[i]);
    }
    close(fd);
}
