/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/strings.h"
#include "register.h"

#define MACHINED "org.freedesktop.machine1"
#define MANAGER "/org/freedesktop/machine1"
/* How long a machine may stay that was unregistered, and how often that is looked at. */
#define PATIENCE_MS 3000U
#define RETRY_MS 10U

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

static int unregister_earlier(sd_bus *bus, const Registration *g, sd_bus_error *e) {
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
        if (!*unit)
                return 0; /* on its way out */
        if (!streq(unit, g->unit))
                return -EEXIST;
        return sd_bus_call_method(bus, MACHINED, MANAGER, MACHINED ".Manager", "UnregisterMachine", e, NULL, "s",
                                  g->machine);
}

/* Another run of the same unit may have left its machine: machined has not seen the end of it yet. That it sees it in
 * the meantime is just as well. */
static int take_back(sd_bus *bus, const Registration *g, sd_bus_error *e) {
        int r = unregister_earlier(bus, g, e);

        if (r >= 0 || !(sd_bus_error_has_name(e, MACHINED ".NoSuchMachine") ||
                        sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_OBJECT)))
                return r;
        sd_bus_error_free(e);
        return 0;
}

/* machined forgets a machine when it has nothing else to do, not when it answers that it is unregistered: until then
 * the name is taken. */
static int register_on(sd_bus *bus, const Registration *g, sd_bus_error *e) {
        for (unsigned waited = 0;; waited += RETRY_MS) {
                int r = call_register(bus, g, e);

                if (r >= 0 || !sd_bus_error_has_name(e, MACHINED ".MachineExists") || waited >= PATIENCE_MS)
                        return r;
                if (waited > 0)
                        (void) usleep(RETRY_MS * 1000);
                sd_bus_error_free(e);
                r = take_back(bus, g, e);
                if (r < 0)
                        return r;
        }
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
