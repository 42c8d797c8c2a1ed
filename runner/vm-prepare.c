/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-prepare: started by vm-prepare.socket as root. A vm-run that begins connects to it, says nothing, and gets a
 * parcel (parcel.h) with all that was opened for its guest, or the reason why there is none.
 *
 * It is a service and not a step of the guest's unit (ExecStartPre=+), because systemd makes a view of the file system
 * and looks for the unit's user for each process of a unit, for one without restrictions too; that took more than all
 * that is done here.
 *
 * vm-prepare --broken NAME MESSAGE stands in the drop-in of a definition that cannot be used, as ExecStartPre=+, and
 * fails with the generator's message. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/strings.h"
#include "host/enter.h"
#include "leftovers.h"
#include "notify.h"
#include "prepare.h"
#include "serve.h"
#include "starting.h"

/* Without a start for so long it ends: the next one starts it again. */
#define IDLE_MS 5000

/* The cause where programs look; vm-run puts it into the unit's status. */
static void keep_failure(const char *name, const char *message, const char *text) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_ERROR, name);

        log_error("%s", message);
        if (path)
                (void) file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
}

/* --- a start --- */

/* vm-run's end is the end of this: what it opens would be nobody's, and vm-cleanup is on its way. */
static int end_with(int connection) {
        int flags = fcntl(connection, F_GETFL);

        if (flags < 0 || fcntl(connection, F_SETSIG, SIGTERM) < 0 || fcntl(connection, F_SETOWN, getpid()) < 0 ||
            fcntl(connection, F_SETFL, flags | O_ASYNC) < 0)
                return -errno;
        return poll(&(struct pollfd) { .fd = connection }, 1, 0) > 0 ? -EPIPE : 0;
}

static int answer(int connection, const char *text, int fd) {
        size_t len = MIN(strlen(text), PREPARE_ANSWER_MAX);
        ssize_t n = send_fds(connection, text, len, &fd, fd >= 0, 0);

        return n < 0 ? (int) n : 0;
}

/* As if it were a program of that unit. */
static int take_settings(char *const *settings) {
        for (char *const *s = settings; s && *s; s++)
                if (putenv(*s) != 0)
                        return -errno;
        return 0;
}

static int start(const Starting *s, int connection) {
        _cleanup_close_ int in = -EBADF, out = -EBADF;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        r = parcel_open(&in, &out);
        if (r < 0)
                r = error_set_errno(&e, r, ORIGIN_SYSTEMD, "cannot make a socket for what is opened");
        else
                r = prepare_guest(s, getenv("UNITVIRT_PLAN"), in, &e);
        if (r < 0) {
                _cleanup_free_ char *text = error_to_text(&e, r);

                keep_failure(s->name, error_text(&e, r), text ?: error_text(&e, r));
                (void) answer(connection, error_text(&e, r), -EBADF);
                return r;
        }
        r = answer(connection, "ready", out);
        return r < 0 ? log_error_errno(r, "cannot hand vm-run what was opened: %s", strerror(-r)) : 0;
}

/* Who has connected is found out before there is a process for it, which knows it from here. */
typedef struct Service {
        pid_t manager;
        Starting starting;
} Service;

static pid_t split(int connection, void *userdata) {
        Service *service = userdata;
        int r;

        starting_done(&service->starting);
        r = starting_identify(connection, service->manager, &service->starting);
        if (r < 0)
                return log_warning_errno(r, "somebody asks who is not a guest's vm-run that begins: %s", strerror(-r));
        r = starting_split(&service->starting);
        return r < 0 ? log_warning_errno(r, "nobody prepares the guest '%s': %s", service->starting.name, strerror(-r))
                     : r;
}

static int serve(int connection, void *userdata) {
        Starting *s = &((Service *) userdata)->starting;
        int r;

        r = end_with(connection);
        if (r < 0)
                return r;
        r = starting_read(s);
        if (r < 0)
                return log_error_errno(r, "cannot tell what is asked for the guest '%s': %s", s->name, strerror(-r));
        if (leftovers_begun(s->name, s->invocation))
                return log_error_errno(-EPERM, "a process of the guest '%s' asks, which has begun already", s->name);
        r = take_settings(s->settings);
        return r < 0 ? r : start(s, connection);
}

/* --- the program --- */

static int fail_broken(const char *instance, const char *message) {
        _cleanup_free_ char *name = NULL;
        _cleanup_close_ int notify_fd = -EBADF;
        int r;

        r = host_enter();
        if (r < 0)
                return log_error_errno(r, "cannot enter the host's namespaces: %s", strerror(-r)) < 0;
        r = guest_of_instance(instance, &name);
        if (r < 0)
                return log_error_errno(r, "no guest has this unit: %s", strerror(-r)) < 0;
        keep_failure(name, message, message);
        notify_fd = notify_open();
        (void) notify_status(notify_fd, "", "%s", message);
        return EXIT_FAILURE;
}

int main(int argc, char **argv) {
        Service service = { .manager = getppid() };
        int r;

        log_open("vm-prepare", LOG_TARGET_AUTO);
        if (argc == 4 && streq(argv[1], "--broken"))
                return fail_broken(argv[2], argv[3]);
        if (argc != 1 || sd_listen_fds(true) != 1) {
                log_error("vm-prepare is started by vm-prepare.socket");
                return EXIT_FAILURE;
        }
        r = serve_connections(SD_LISTEN_FDS_START, IDLE_MS, split, serve, &service);
        if (r < 0)
                log_error_errno(r, "cannot wait for guests: %s", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
