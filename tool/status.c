/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt status: which listener leads to which daemon, what is active, and what excludes each other. Asks systemd. */

#include <systemd/sd-bus.h>

#include "base/log.h"
#include "base/strings.h"
#include "config/names.h"
#include "tool.h"

#define MANAGER "org.freedesktop.systemd1"

typedef struct UnitInfo {
        char *active; /* "active", "inactive", "failed" ...; NULL where there is no such unit */
        char *enabled; /* "enabled", "disabled" ... */
        char *listen; /* of sockets: where */
} UnitInfo;

static void unit_info_done(UnitInfo *i) {
        free(i->active);
        free(i->enabled);
        free(i->listen);
}

static int read_listen(sd_bus *bus, const char *path, char **ret) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;
        const char *type, *where;
        int r;

        r = sd_bus_get_property(bus, MANAGER, path, MANAGER ".Socket", "Listen", NULL, &m, "a(ss)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(ss)");
        if (r >= 0)
                r = sd_bus_message_read(m, "(ss)", &type, &where);
        if (r <= 0)
                return r;
        *ret = strdup(where);
        return *ret ? 0 : -ENOMEM;
}

static int read_unit(sd_bus *bus, const char *unit, UnitInfo *ret) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;
        __attribute__((cleanup(sd_bus_error_free))) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *load = NULL;
        const char *path;
        int r;

        r = sd_bus_call_method(bus, MANAGER, "/org/freedesktop/systemd1", MANAGER ".Manager", "LoadUnit", &error, &m,
                               "s", unit);
        if (r >= 0)
                r = sd_bus_message_read(m, "o", &path);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, MANAGER, path, MANAGER ".Unit", "LoadState", &error, &load);
        if (r < 0)
                return log_error_errno(r, "cannot ask systemd about %s: %s", unit, error.message ?: strerror(-r));
        if (!streq(load, "loaded"))
                return 0;
        r = sd_bus_get_property_string(bus, MANAGER, path, MANAGER ".Unit", "ActiveState", &error, &ret->active);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, MANAGER, path, MANAGER ".Unit", "UnitFileState", &error,
                                               &ret->enabled);
        if (r >= 0 && endswith(unit, ".socket"))
                r = read_listen(bus, path, &ret->listen);
        return r < 0 ? log_error_errno(r, "cannot ask systemd about %s: %s", unit, error.message ?: strerror(-r)) : 0;
}

static bool is_up(const UnitInfo *i) {
        return i->active &&
               (streq(i->active, "active") || streq(i->active, "activating") || streq(i->active, "reloading"));
}

/* What is known of a daemon when all its units were read. */
typedef struct Seen {
        bool installed, up, enabled;
} Seen;

static void see(Seen *seen, const UnitInfo *i) {
        seen->installed = seen->installed || i->active;
        seen->up = seen->up || is_up(i);
        seen->enabled = seen->enabled || streq_ptr(i->enabled, "enabled");
}

static int show_daemon(sd_bus *bus, const DaemonName *d, Seen *seen) {
        _cleanup_(unit_info_done) UnitInfo service = {};
        _cleanup_free_ char *unit = NULL;
        int r;

        unit = text_format("%s.service", d->name);
        if (!unit)
                return log_oom();
        r = read_unit(bus, unit, &service);
        if (r < 0 || !service.active)
                return r;
        see(seen, &service);
        printf("%-15s %-12s %s\n", d->name, service.active,
               d->driver                    ? d->driver
               : streq(d->name, "libvirtd") ? "all drivers"
                                            : "forwards to the others");
        for (SocketSuffix s = 0; s < _SUFFIX_MAX; s++) {
                _cleanup_(unit_info_done) UnitInfo i = {};
                _cleanup_free_ char *socket = NULL;

                if (!daemon_has_socket(d, s))
                        continue;
                socket = daemon_socket_unit(d, s);
                if (!socket)
                        return log_oom();
                r = read_unit(bus, socket, &i);
                if (r < 0)
                        return r;
                see(seen, &i);
                if (is_up(&i) || streq_ptr(i.active, "failed"))
                        printf("  %-36s %-9s %s\n", i.listen ?: "", i.active, socket);
        }
        return 0;
}

/* The first is libvirtd; those from the second on, without the helpers, exclude it. */
static void show_conflicts(const Seen *seen) {
        bool modular_up = false, modular_enabled = false;

        for (size_t i = 1; i < n_daemon_names; i++) {
                const char *driver = daemon_names[i].driver;

                if (driver && (streq(driver, "log") || streq(driver, "lock")))
                        continue;
                modular_up = modular_up || seen[i].up;
                modular_enabled = modular_enabled || seen[i].enabled;
        }
        if (seen[0].enabled && modular_enabled)
                puts("\nConflict: libvirtd and modular daemons are both enabled; at boot one stops the other. Disable "
                     "libvirtd.service "
                     "and libvirtd{,-ro,-admin,-tcp,-tls}.socket, or the virt*d units.");
        if (!seen[0].up && !modular_up)
                puts("\nNo daemon listens: systemctl enable --now virtqemud.socket, or libvirtd.socket.");
}

int verb_status(int argc, char **argv) {
        __attribute__((cleanup(sd_bus_flush_close_unrefp))) sd_bus *bus = NULL;
        _cleanup_free_ Seen *seen = NULL;
        int r;

        if (argc > 1)
                return tool_usage(argv[0]);
        r = sd_bus_open_system(&bus);
        if (r < 0) {
                log_error_errno(r, "cannot connect to the system bus: %s", strerror(-r));
                return TOOL_FAILED;
        }
        seen = calloc(n_daemon_names, sizeof(*seen));
        if (!seen)
                return log_oom() < 0 ? TOOL_FAILED : TOOL_OK;
        for (size_t i = 0; i < n_daemon_names; i++)
                if (show_daemon(bus, &daemon_names[i], &seen[i]) < 0)
                        return TOOL_FAILED;
        show_conflicts(seen);
        return TOOL_OK;
}
