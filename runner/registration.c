/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strings.h"
#include "machined.h"
#include "run.h"

static void report(int r, const char *message) {
        log_warning("machined does not know the guest, proceeding without: %s", message ?: strerror(-r));
}

void registration_begin(Run *run) {
        int fd = inherited_fd(MACHINED_FD_NAME), r;
        uint8_t uuid[16];

        if (fd < 0 || !run->launch.machine)
                return;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0) {
                report(-errno, NULL);
                return;
        }
        r = uuid_parse(run->launch.uuid ?: "", uuid);
        if (r >= 0)
                r = machined_register(fd, run->launch.machine, uuid, (uint32_t) getpid());
        if (r < 0) {
                report(r, NULL);
                close(fd);
                return;
        }
        run->machined_fd = fd;
}

void registration_end(Run *run) {
        _cleanup_free_ char *message = NULL;
        int r;

        if (run->machined_fd < 0)
                return;
        r = machined_finish(run->machined_fd, &message);
        close(run->machined_fd);
        run->machined_fd = -EBADF;
        if (r < 0)
                report(r, message);
}
