/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ports that are plugged into the guest while it runs: vm-plug brings the pipe that the guest's words come by, and the
 * files that they go to. Locks of leases come the same way, and go. */

#include <fcntl.h>
#include <sys/socket.h>

#include "base/guest-files.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/strings.h"
#include "run.h"

#define CONSOLES_MAX 512U

static int listen_at(const char *folder) {
        _cleanup_free_ char *path = text_format("%s/" GUEST_FOLDER_PORTS, folder);
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un address;
        int r;

        r = path ? unix_address(path, &address) : -ENOMEM;
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        (void) unlink(path);
        if (bind(fd, (const struct sockaddr *) &address, sizeof address) < 0 || listen(fd, 4) < 0)
                return -errno;
        return TAKE_FD(fd);
}

void ports_open(Run *run) {
        int fd = run->runtime_dir ? listen_at(run->runtime_dir) : -EBADF;

        if (fd >= 0)
                run->ports_fd = fd;
        else if (run->runtime_dir)
                log_warning_errno(fd, "the files of ports that are plugged in later have no limit: %s", strerror(-fd));
}

/* One that is free, or a new one; never that of QEMU's own words. */
static Console *find_place(Run *run) {
        Console *list;

        for (size_t i = 1; i < run->n_consoles; i++)
                if (run->consoles[i].vacant)
                        return &run->consoles[i];
        if (run->n_consoles >= CONSOLES_MAX)
                return NULL;
        list = reallocarray(run->consoles, run->n_consoles + 1, sizeof(Console));
        if (!list)
                return NULL;
        run->consoles = list;
        return &list[run->n_consoles++];
}

static int add_port(Run *run, const LatePort *late) {
        _cleanup_free_ char *alias = strdup(late->alias);
        int fd = parcel_find(&late->parcel, LATE_PORT_PIPE), r;
        Console *c;

        fd = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (fd < 0 || !alias)
                return fd < 0 ? fd : -ENOMEM;
        c = find_place(run);
        if (!c) {
                close(fd);
                return -E2BIG;
        }
        (void) fcntl(fd, F_SETFL, O_NONBLOCK);
        *c = (Console) { .fd = fd, .quiet = late->quiet, .lines = { .identifier = alias, .priority = LOG_INFO } };
        c->late_alias = TAKE_PTR(alias);
        r = console_open_copies(run, c, c->late_alias, late);
        if (r < 0)
                console_done(c);
        return r;
}

static int add_lock(Run *run, const LatePort *late, int lock) {
        int fd = fcntl(lock, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), r;

        r = fd < 0 ? -errno : image_locks_add(&run->image_locks, late->alias, fd);
        if (r < 0 && fd >= 0)
                close(fd);
        return r;
}

static int take(Run *run, const LatePort *late) {
        int lock = parcel_find(&late->parcel, LATE_PORT_LOCK);

        if (late->gone)
                image_locks_drop(&run->image_locks, late->alias);
        else
                return lock < 0 ? add_port(run, late) : add_lock(run, late, lock);
        return 0;
}

/* Root alone comes here; QEMU, which could, is not listened to. */
void ports_accept(Run *run) {
        _cleanup_close_ int connection = accept4(run->ports_fd, NULL, NULL, SOCK_CLOEXEC);
        _cleanup_late_port_ LatePort late = {};
        struct timeval patience = { .tv_sec = 1 };
        int r;

        if (connection < 0)
                return;
        (void) setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        r = late_port_receive(connection, 0, &late);
        if (r >= 0)
                r = take(run, &late);
        if (r >= 0)
                r = late_port_answer(connection);
        if (r < 0)
                log_warning_errno(r, "what was plugged in is not taken: %s", strerror(-r));
}
