/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <systemd/sd-bus.h>

#include "base/strings.h"
#include "register.h"

#define MACHINED "org.freedesktop.machine1"
#define MANAGER "/org/freedesktop/machine1"

static int open_bus(int fd, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_fd(bus, fd, fd);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

static int call_register(sd_bus *bus, const Registration *g, sd_bus_error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        uint8_t uuid[16];
        int r;

        r = uuid_parse(g->uuid, uuid);
        if (r >= 0)
                r = sd_bus_message_new_method_call(bus, &m, MACHINED, MANAGER, MACHINED ".Manager", "RegisterMachine");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", g->machine);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', uuid, sizeof uuid);
        if (r >= 0)
                r = sd_bus_message_append(m, "ssus", "unitvirt", "vm", (uint32_t) g->leader, "");
        return r < 0 ? r : sd_bus_call(bus, m, 0, e, NULL);
}

/* Another run of the same unit may have left its machine: machined has not seen the end of it yet. */
static int take_back(sd_bus *bus, const Registration *g, sd_bus_error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *unit = NULL;
        const char *path;
        int r;

        r = sd_bus_call_method(bus, MACHINED, MANAGER, MACHINED ".Manager", "GetMachine", e, &reply, "s", g->machine);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, MACHINED, path, MACHINED ".Machine", "Unit", e, &unit);
        if (r < 0)
                return r;
        if (!streq(unit, g->unit))
                return -EEXIST;
        return sd_bus_call_method(bus, MACHINED, MANAGER, MACHINED ".Manager", "UnregisterMachine", e, NULL, "s", g->machine);
}

static int register_on(sd_bus *bus, const Registration *g, sd_bus_error *e) {
        int r;

        r = call_register(bus, g, e);
        if (r >= 0 || !sd_bus_error_has_name(e, MACHINED ".MachineExists"))
                return r;
        sd_bus_error_free(e);
        r = take_back(bus, g, e);
        return r < 0 ? r : call_register(bus, g, e);
}

__attribute__((visibility("default"))) RegisterMachine register_machine;

int register_machine(int fd, const Registration *g, char **ret_message) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        int r;

        r = open_bus(fd, &bus);
        if (r >= 0)
                r = register_on(bus, g, &e);
        if (r < 0 && (sd_bus_error_has_name(&e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
                      sd_bus_error_has_name(&e, SD_BUS_ERROR_NAME_HAS_NO_OWNER)))
                r = -ENOENT;
        *ret_message = r < 0 && e.message ? strdup(e.message) : NULL;
        return r < 0 ? r : 0;
}
