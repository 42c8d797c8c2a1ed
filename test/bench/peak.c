/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peak: runs a command and prints its times and its greatest memory.
 *
 *     peak COMMAND ARGUMENT...
 *
 * A process inherits the greatest memory of the one that executed it, so a large one cannot measure a small one.
 */

#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_usec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

int main(int argc, char **argv) {
        uint64_t begin = now_usec();
        struct rusage usage;
        int status;
        pid_t pid;

        if (argc < 2) {
                fprintf(stderr, "usage: peak COMMAND ARGUMENT...\n");
                return 2;
        }
        pid = fork();
        if (pid == 0) {
                execvp(argv[1], argv + 1);
                _exit(127);
        }
        if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
                return 126;
        printf("wall=%llu cpu=%lld peak=%ld status=%d\n", (unsigned long long) (now_usec() - begin),
               (long long) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
               usage.ru_stime.tv_usec, usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
        return 0;
}
