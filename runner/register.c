/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-register NAME: run by vm@NAME.service as root once the guest runs (ExecStartPost=+): tells machined,
 * so that machinectl knows the guest. A host without machined is none the worse. */

#include <systemd/sd-bus.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "host.h"
#include "plan/names.h"

static int read_uuid(const char *name, uint8_t ret[16]) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        char *line;
        int r;

        if (asprintf(&path, "%s/qemu/%s.launch", path_run(), name) < 0)
                return -ENOMEM;
        r = file_read(path, 16 * 1024 * 1024, &text, NULL);
        if (r < 0)
                return r;
        line = strstr(text, "\nuuid=");
        if (!line)
                return -ENOENT;
        line += strlen("\nuuid=");
        line[strcspn(line, "\n")] = 0;
        return uuid_parse(line, ret);
}

static int call_register(sd_bus *bus, const char *machine, const uint8_t uuid[16], uint32_t leader, sd_bus_error *e) {
        sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, "org.freedesktop.machine1", "/org/freedesktop/machine1",
                                           "org.freedesktop.machine1.Manager", "RegisterMachine");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", machine);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', uuid, 16);
        if (r >= 0)
                r = sd_bus_message_append(m, "ssus", "unitvirt", "vm", leader, "");
        if (r >= 0)
                r = sd_bus_call(bus, m, 0, e, NULL);
        sd_bus_message_unref(m);
        return r;
}

static int register_machine(const char *name, uint32_t leader) {
        sd_bus_error e = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *machine = NULL;
        uint8_t uuid[16];
        sd_bus *bus = NULL;
        int r;

        r = machine_name_for_guest(name, &machine);
        if (r >= 0)
                r = read_uuid(name, uuid);
        if (r >= 0)
                r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = call_register(bus, machine, uuid, leader, &e);
        if (r == -EEXIST && sd_bus_call_method(bus, "org.freedesktop.machine1", "/org/freedesktop/machine1",
                                               "org.freedesktop.machine1.Manager", "UnregisterMachine", NULL, NULL, "s",
                                               machine) >= 0) {
                /* the guest before a restart of its unit */
                sd_bus_error_free(&e);
                r = call_register(bus, machine, uuid, leader, &e);
        }
        if (r < 0)
                log_warning("machined does not know the guest, proceeding without: %s", e.message ?: strerror(-r));
        sd_bus_error_free(&e);
        sd_bus_flush_close_unref(bus);
        return 0;
}

int main(int argc, char **argv) {
        unsigned leader;
        int r;

        log_open("vm-register", LOG_TARGET_AUTO);
        if (argc != 2 || parse_uint(getenv("MAINPID") ?: "", &leader) < 0) {
                log_error("usage: vm-register NAME (started by vm@NAME.service)");
                return EXIT_FAILURE;
        }
        r = host_enter();
        if (r < 0)
                return log_error_errno(r, "cannot enter the host's namespaces: %s", strerror(-r)) < 0;
        return register_machine(argv[1], leader) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
