/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * floor: QEMU started by hand, with the command line that a manager gave it.
 *
 *     floor [-k] ARGUMENTS...
 *
 * Each file holds a command line as /proc/PID/cmdline shows it. All are started at once; for each the greeting is
 * read from its monitor, the guest is continued, and its state is asked for until it runs. Prints the microseconds
 * until all greeted and until all run, waits for the end of standard input, sends SIGTERM to all and prints the
 * microseconds until all are gone. With -k it sends SIGKILL and prints the microseconds until the kernel has closed
 * their monitors, the first that anybody sees of it. No manager can be faster than this, or use less of the processor.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
        GUESTS_MAX = 64,
        ARGUMENTS_MAX = 512,
        TEXT_MAX = 65536,
        REPLY_MAX = 65536,
        SPARE_MIN = 512,
};

typedef struct Guest {
        char text[TEXT_MAX];
        char *argv[ARGUMENTS_MAX];
        int monitor;            /* our end */
        int theirs;             /* QEMU's end, and the number that the command line gives it */
        int theirs_number;
        pid_t pid;
} Guest;

static uint64_t now_usec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static void die(const char *what) {
        fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
        kill(0, SIGTERM);
        exit(1);
}

static void load(Guest *g, const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC), n = 0;
        ssize_t size = fd < 0 ? -1 : read(fd, g->text, sizeof(g->text) - 1);

        if (size <= 0)
                die(path);
        close(fd);
        for (char *p = g->text; p < g->text + size && n < ARGUMENTS_MAX - 1; p += strlen(p) + 1)
                g->argv[n++] = p;
}

/* A listening socket for QEMU and a connection to it. */
static void make_listener(Guest *g) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        socklen_t size = sizeof(sa_family_t);

        g->theirs = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g->monitor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        /* an address of the family alone has the kernel choose an abstract name */
        if (bind(g->theirs, (struct sockaddr *) &address, size) < 0 || listen(g->theirs, 1) < 0)
                die("monitor socket");
        size = sizeof(address);
        if (getsockname(g->theirs, (struct sockaddr *) &address, &size) < 0 ||
            connect(g->monitor, (struct sockaddr *) &address, size) < 0)
                die("monitor socket");
}

/* The monitor is the first socket that the command line takes as a descriptor. */
static void make_monitor(Guest *g) {
        for (int i = 0; g->argv[i]; i++) {
                const char *number = strstr(g->argv[i], ",fd=");
                int ends[2];

                if (strncmp(g->argv[i], "socket,", 7) != 0 || !number)
                        continue;
                g->theirs_number = atoi(number + 4);
                if (strstr(g->argv[i], "server=on"))
                        make_listener(g);
                else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
                        die("monitor socket");
                else {
                        g->monitor = ends[0];
                        g->theirs = ends[1];
                }
                return;
        }
        errno = ENOENT;
        die("no monitor with a descriptor in the command line");
}

/* In the child: of further sockets that the command line takes as descriptors QEMU gets one that nobody uses. */
static void give_spare(const Guest *g) {
        for (int i = 0; g->argv[i]; i++) {
                const char *number = strstr(g->argv[i], ",fd=");
                int ends[2];

                if (strncmp(g->argv[i], "socket,", 7) != 0 || !number || atoi(number + 4) == g->theirs_number)
                        continue;
                /* the other end stays open in QEMU, above all numbers that it is given */
                if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || fcntl(ends[0], F_DUPFD, SPARE_MIN) < 0 ||
                    fcntl(ends[1], F_DUPFD, SPARE_MIN) < 0 || dup2(ends[1], atoi(number + 4)) < 0)
                        die("another socket");
        }
}

static void launch(Guest *g) {
        g->pid = fork();
        if (g->pid < 0)
                die("fork");
        if (g->pid > 0) {
                close(g->theirs);
                return;
        }
        if (g->theirs == g->theirs_number)
                fcntl(g->theirs, F_SETFD, 0);
        else
                dup2(g->theirs, g->theirs_number);
        give_spare(g);
        execv(g->argv[0], g->argv);
        die(g->argv[0]);
}

/* Reads from the monitor until a text has come. */
static void expect(Guest *g, const char *text) {
        char reply[REPLY_MAX];
        size_t n = 0;

        for (;;) {
                ssize_t got = read(g->monitor, reply + n, sizeof(reply) - 1 - n);

                if (got <= 0)
                        die("QEMU closed its monitor");
                n += (size_t) got;
                reply[n] = 0;
                if (strstr(reply, text) && reply[n - 1] == '\n')
                        return;
        }
}

static void say(Guest *g, const char *text) {
        if (write(g->monitor, text, strlen(text)) < 0)
                die("QEMU's monitor");
}

static void run(Guest *g) {
        say(g, "{\"execute\":\"qmp_capabilities\"}\n");
        expect(g, "return");
        say(g, "{\"execute\":\"cont\"}\n");
        expect(g, "\"return\": {}");
        say(g, "{\"execute\":\"query-status\"}\n");
        expect(g, "\"running\": true");
}

static void end_all(Guest *guests, int n, int sig) {
        char rest[4096];

        for (int i = 0; i < n; i++)
                kill(guests[i].pid, sig);
        for (int i = 0; i < n; i++)
                if (sig == SIGKILL)
                        while (read(guests[i].monitor, rest, sizeof(rest)) > 0)
                                ;
                else
                        waitpid(guests[i].pid, NULL, 0);
}

int main(int argc, char **argv) {
        Guest *guests = calloc(GUESTS_MAX, sizeof(Guest));
        int sig = argc > 1 && strcmp(argv[1], "-k") == 0 ? SIGKILL : SIGTERM, skip = sig == SIGKILL,
            n = argc - 1 - skip;
        uint64_t begin, greeted;
        char c;

        if (n < 1 || n > GUESTS_MAX || !guests) {
                fprintf(stderr, "usage: floor [-k] ARGUMENTS...\n");
                return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        for (int i = 0; i < n; i++) {
                load(&guests[i], argv[i + 1 + skip]);
                make_monitor(&guests[i]);
        }

        begin = now_usec();
        for (int i = 0; i < n; i++)
                launch(&guests[i]);
        for (int i = 0; i < n; i++)
                expect(&guests[i], "QMP");
        greeted = now_usec();
        for (int i = 0; i < n; i++)
                run(&guests[i]);
        printf("greeted=%llu wall=%llu at=%llu\n", (unsigned long long) (greeted - begin),
               (unsigned long long) (now_usec() - begin), (unsigned long long) now_usec());
        fflush(stdout);

        while (read(STDIN_FILENO, &c, 1) > 0)
                ;
        begin = now_usec();
        end_all(guests, n, sig);
        printf("wall=%llu\n", (unsigned long long) (now_usec() - begin));
        free(guests);
        return 0;
}
