/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs a program and prints what it took: wall seconds, processor seconds, peak resident bytes.
 * A process of its own, because the kernel counts as peak of a child also what its parent held
 * when it was made: a few pages here, much in an interpreter.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench_run OUTPUT COMMAND...\n");
        return 2;
    }
    int output = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    double start = now();
    pid_t child = output < 0 ? -1 : fork();
    if (child == 0) {
        if (dup2(output, STDOUT_FILENO) >= 0)
            execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    close(output);
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
        perror("bench_run");
        return 1;
    }
    printf("%.6f %.6f %ld\n", now() - start, seconds(&usage.ru_utime) + seconds(&usage.ru_stime),
           usage.ru_maxrss * 1024);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
