/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* xen-guard ME OTHER...: for ExecStartPre= and ExecCondition=. Exits 1, with the way out in the journal, while another
 * manager of the same Xen guests is up.
 *
 * Conflicts= is no way to say this: it would stop the other one, and stopping xendomains saves or shuts down every
 * guest of the host. Nor may starting xendomains stop us. On a host that does not run Xen nothing is asked. */

#include <systemd/sd-bus.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"

#define MANAGER "org.freedesktop.systemd1"

/* The manager itself, without the bus daemon, which may not be there early; then the bus. */
static int connect_manager(sd_bus **ret) {
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_address(bus, "unix:path=/run/systemd/private");
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0) {
                *ret = bus;
                return 0;
        }
        sd_bus_unref(bus);
        return sd_bus_open_system(ret);
}

/* The ActiveState of a unit, "inactive" where it is not loaded, and whether its own guard is still asking. */
static int unit_state(sd_bus *bus, const char *unit, char **ret, bool *ret_undecided) {
        __attribute__((cleanup(sd_bus_error_free))) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *sub_state = NULL;
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
        const char *path;
        int r;

        r = sd_bus_call_method(bus, MANAGER, "/org/freedesktop/systemd1", MANAGER ".Manager", "GetUnit", &error, &reply,
                               "s", unit);
        *ret_undecided = false;
        if (r < 0 && sd_bus_error_has_name(&error, MANAGER ".NoSuchUnit")) {
                *ret = strdup("inactive");
                return *ret ? 0 : -ENOMEM;
        }
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return r;
        r = sd_bus_get_property_string(bus, MANAGER, path, MANAGER ".Unit", "SubState", &error, &sub_state);
        if (r < 0)
                return r;
        *ret_undecided = streq(sub_state, "condition");
        return sd_bus_get_property_string(bus, MANAGER, path, MANAGER ".Unit", "ActiveState", &error, ret);
}

/* Started in one command, both guards may run at once, see the other "activating" and both refuse. xendomains has its
 * guard as ExecCondition=, during which it has done nothing yet; who meets it there lets it decide first. A guard takes
 * milliseconds; one that takes longer than this counts as up. */
static int decided_unit_state(sd_bus *bus, const char *unit, char **ret) {
        const useconds_t step = 20 * 1000, limit = 10 * 1000 * 1000;
        bool undecided = true;
        int r;

        for (useconds_t waited = 0;; waited += step) {
                _cleanup_free_ char *state = NULL;

                r = unit_state(bus, unit, &state, &undecided);
                if (r < 0)
                        return r;
                if (!undecided || waited >= limit) {
                        *ret = TAKE_PTR(state);
                        return 0;
                }
                (void) usleep(step);
        }
}

/* "virtxend.socket" stands for the daemon as much as its service does, and is what must be stopped first. */
static bool unit_is_up(const char *state) {
        return streq(state, "active") || streq(state, "activating") || streq(state, "reloading") ||
               streq(state, "deactivating");
}

static void refuse(const char *me, const char *other, const char *state) {
        if (startswith(other, "xendomains."))
                log_error("%s: not started: %s is %s and manages the same guests. With no guest running: "
                          "systemctl disable --now %s, then: systemctl start %s. Stopping xendomains while guests run "
                          "saves "
                          "or shuts down EVERY one of them; virtxend(8) tells how to keep them.",
                          me, other, state, other, me);
        else
                log_error("%s: not started: %s is %s and manages the same guests. If xendomains is to manage them: "
                          "systemctl disable --now virtxend.service virtxend.socket libvirtd.service libvirtd.socket, "
                          "then: "
                          "systemctl start %s. Running guests are not touched by that.",
                          me, other, state, me);
}

/* 1 refused, 0 nobody else is up. */
static int check(const char *me, char *const *others) {
        __attribute__((cleanup(sd_bus_flush_close_unrefp))) sd_bus *bus = NULL;
        int r;

        r = connect_manager(&bus);
        if (r < 0)
                return log_error_errno(r, "%s: not started: cannot ask systemd who else manages Xen guests: %s", me,
                                       strerror(-r));
        for (; *others; others++) {
                _cleanup_free_ char *state = NULL;

                r = decided_unit_state(bus, *others, &state);
                if (r < 0)
                        return log_error_errno(r, "%s: not started: cannot ask systemd about %s: %s", me, *others,
                                               strerror(-r));
                if (unit_is_up(state)) {
                        refuse(me, *others, state);
                        return 1;
                }
        }
        return 0;
}

int main(int argc, char **argv) {
        log_open("xen-guard", LOG_TARGET_AUTO);
        if (argc < 3) {
                log_error("usage: xen-guard UNIT OTHER-UNIT...");
                return 1;
        }
        if (!host_is_xen_control_domain())
                return EXIT_SUCCESS;
        return check(argv[1], argv + 2) == 0 ? EXIT_SUCCESS : 1;
}
