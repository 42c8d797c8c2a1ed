/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "serve.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/log.h"

static pid_t split_plainly(int connection, void *userdata) {
        pid_t pid = fork();

        return pid < 0 ? log_warning_errno(-errno, "nobody serves a connection: %m") : pid;
}

int serve_connections(int listener, int idle_ms, serve_split_t split, serve_handler_t handler, void *userdata) {
        for (;;) {
                struct pollfd p = { .fd = listener, .events = POLLIN };
                int n = poll(&p, 1, idle_ms), connection;
                pid_t pid;

                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0 && waitpid(-1, NULL, WNOHANG) < 0)
                        return 0;
                connection = n > 0 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
                if (connection < 0)
                        continue;
                pid = (split ?: split_plainly)(connection, userdata);
                if (pid == 0) {
                        close(listener);
                        _exit(handler(connection, userdata) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
                }
                close(connection);
        }
}
