/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper-agent.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/strings.h"
#include "host/sockets.h"
#include "plan/helper.h"

/* False at the end of one of them. */
static bool carry(int from, int to) {
        char data[4096];
        ssize_t n = read(from, data, sizeof data);

        return n > 0 && write_all(to, data, (size_t) n) >= 0;
}

/* One client after another: each asks and waits for its answer. */
_noreturn_ static void relay(int listening, int agent) {
        int client;

        while ((client = accept4(listening, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                struct pollfd ends[] = { { .fd = client, .events = POLLIN }, { .fd = agent, .events = POLLIN } };
                bool open = true;

                while (open && poll(ends, ELEMENTSOF(ends), -1) > 0) {
                        if (ends[1].revents && !carry(agent, client))
                                _exit(EXIT_SUCCESS);
                        open = !ends[0].revents || carry(client, agent);
                }
                (void) close(client);
        }
        _exit(EXIT_SUCCESS);
}

int helper_offer_agent(const char *folder, int agent) {
        _cleanup_free_ char *path = text_format("%s/" HELPER_AGENT, folder);
        _cleanup_close_ int fd = -EBADF;
        int r = path ? socket_listen(path, &fd) : -ENOMEM;
        pid_t pid;

        if (r >= 0 && setenv("SSH_AUTH_SOCK", path, 1) < 0)
                r = -errno;
        pid = r < 0 ? -1 : fork();
        if (pid < 0)
                return r < 0 ? r : -errno;
        if (pid > 0)
                return 0;
        (void) signal(SIGTERM, SIG_DFL);
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        relay(fd, agent);
}
