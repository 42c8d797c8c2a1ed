/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Screens that are seen over TCP, while QEMU has no network: vm-prepare listens, on the host, and vm-run hands each
 * client that comes to QEMU, which asks it for its password as it would have. */

#include <fcntl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/strings.h"
#include "run.h"

/* as the sockets are called, and as QEMU does */
static const ScreenKind kinds[] = {
        { "vnc", "vnc", false },
        { "spice", "spice", false },
        { SCREEN_SPICE_TLS, "spice", true },
};

static void open_screen(Run *run, const ScreenKind *kind, unsigned number) {
        char name[32];
        int fd;

        (void) snprintf(name, sizeof name, SCREEN_FD_PREFIX "%s-%u", kind->name, number);
        fd = parcel_find(&run->parcel, name);
        fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -EBADF;
        if (fd >= 0)
                run->screens[run->n_screens++] = (Screen) { fd, kind };
}

void screens_open(Run *run) {
        for (unsigned i = 0; i < SCREENS_MAX; i++)
                for (size_t k = 0; k < ELEMENTSOF(kinds) && run->n_screens < SCREENS_MAX; k++)
                        open_screen(run, &kinds[k], i);
}

void screens_close(Run *run) {
        while (run->n_screens > 0)
                close(run->screens[--run->n_screens].fd);
}

int screens_fd(const Run *run, size_t i) {
        return run->state == RUN_STARTING || run->state == RUN_ENDING || run->handing ? -1 : run->screens[i].fd;
}

static void handed(Run *run, const json_t *result, const char *error) {
        run->handing = false;
        if (error)
                log_notice("QEMU does not take a client of its screen: %s", error);
}

/* One after the other, so that clients without number do not fill the queue of commands. A descriptor that QEMU does
 * not take is closed by it. */
void screens_accept(Run *run, size_t i) {
        _cleanup_free_ char *add = text_format("{\"execute\":\"add_client\",\"arguments\":{\"protocol\":\"%s\","
                                               "\"fdname\":\"screen\"%s}}\n",
                                               run->screens[i].kind->protocol,
                                               run->screens[i].kind->tls ? ",\"tls\":true" : "");
        int fd = add ? accept4(run->screens[i].fd, NULL, NULL, SOCK_CLOEXEC) : -ENOMEM;

        if (fd < 0)
                return;
        run->handing = true;
        if (monitor_send_fd(run, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"screen\"}}\n", fd, NULL) < 0 ||
            monitor_send(run, add, handed) < 0)
                run->handing = false;
}
