/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A device comes to a guest that runs. It is completed among those that are there, gets a name, and stands in
 * NAME.pending before anything is done; once QEMU has it, in the live definition. Each step before that is undone when
 * a later one fails. */

#include "base/log.h"
#include "base/strings.h"
#include "guest/emulator.h"
#include "guest/events.h"
#include "guest/live.h"
#include "hotplug/here.h"
#include "hotplug/lease.h"
#include "hotplug/live.h"
#include "hotplug/media.h"
#include "hotplug/pending.h"
#include "hotplug/steps.h"
#include "hotplug/unplug.h"
#include "hotplug/vfio.h"
#include "network/files.h"
#include "network/network.h"
#include "run/fd-groups.h"

/* --- one that is complete --- */

static xmlNode *take_answer(Definition *live, xmlNode *device, const PlugAnswer *a, Error *e) {
        const char *text = json_string_value(json_object_get(a->json, "device"));
        _cleanup_xml_ xmlDocPtr doc = NULL;
        xmlNode *copy;

        if (!text || xml_parse(text, strlen(text), NULL, xml_name(device), &doc, e) < 0)
                return NULL;
        copy = xml_add_copy(device->parent, xmlDocGetRootElement(doc));
        return copy ? definition_replace_device(live, device, copy) : NULL;
}

/* What it needs is open. 1: QEMU has it, but not all that it was to have. */
static int give_to_qemu(Guest *g, Definition *live, xmlNode *device, const PlugAnswer *a, Error *e) {
        xmlNode *now = take_answer(live, device, a, e);
        int r, written;

        if (!now)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU, "vm-plug gave no device");
        r = a->n_fds > 0 ? pending_write(g, live, e) : 0; /* else it is as it was */
        if (r >= 0)
                r = vfio_admit(g, live, now, e);
        if (r >= 0)
                r = steps_run(g, device_alias(now), a, false, e);
        if (r < 0 || !g->run)
                return r;
        written = live_write(g, live, NULL);
        if (written < 0)
                log_warning("domain '%s': %s is plugged in, but the live definition cannot be written: %s",
                            g->object.name, device_alias(now), strerror(-written));
        live_count_module(g, now, true);
        emit_device_added(g, device_alias(now));
        return r;
}

/* device: one of live, which becomes the live definition. */
static int plug_in(Guest *g, Definition *live, xmlNode *device, Error *e) {
        _cleanup_plug_answer_ PlugAnswer answer = {};
        _cleanup_free_ char *alias = strdup(device_alias(device) ?: "");
        _cleanup_fd_offer_ FdOffer *offer = NULL;
        _cleanup_plan_ Plan *helper = NULL;
        bool here = plug_here_can(device);
        char version[32];
        unsigned set = 0;
        int r;

        if (!alias)
                return -ENOMEM;
        r = here ? steps_version(g, version, e) : steps_query(g, version, &set, e);
        if (r >= 0)
                r = pending_write(g, live, e);
        if (r < 0)
                return r;
        r = here ? plug_here(live, device, version, &answer, e) : plug_guard_filter(g, device, e);
        if (r >= 0 && !here)
                r = vfio_load_driver(g, device);
        if (r >= 0 && !here)
                r = plug_start_helper(g, live, device, &helper, e);
        if (r >= 0 && !here)
                r = fd_groups_offer(g, device, &offer, e);
        if (r >= 0 && !here)
                r = plug_ask_attach(g, alias, version, set, &answer, e);
        if (r >= 0)
                r = give_to_qemu(g, live, device, &answer, e);
        if (r < 0) {
                plug_stop_helper(g, helper);
                plug_ask_release(g, alias);
                vfio_settle(g);
        }
        pending_remove(g);
        return r > 0 ? -EIO : r;
}

/* --- among the others --- */

static bool has_controller(const Definition *d, const xmlNode *controller) {
        XML_FOREACH(c, definition_devices(d), "controller")
                if (streq_ptr(xml_attr(c, "type"), xml_attr(controller, "type")) &&
                    streq_ptr(xml_attr(c, "index"), xml_attr(controller, "index")))
                        return true;
        return false;
}

static int join(Guest *g, Definition *live, const xmlNode *device, Error *e) {
        xmlNode *own = definition_add_device(live, device);
        int r;

        r = own ? definition_name_device(live, own, e) : -ENOMEM;
        if (r >= 0)
                r = change_count_memory(live, own, e);
        return r < 0 ? r : plug_in(g, live, own, e);
}

/* A disk or port may need a controller that the guest has none of. */
static int join_controllers(Guest *g, Definition *live, const Definition *complete, const xmlNode *device, Error *e) {
        int r = 0;

        XML_FOREACH(c, definition_devices(complete), "controller") {
                if (r < 0 || c == device || has_controller(live, c))
                        continue;
                if (!xml_attr_is(c, "type", "scsi") && !xml_attr_is(c, "type", "virtio-serial"))
                        return error_set(e, -ENOSPC, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                         "the device needs a controller of type '%s', which cannot be added to a "
                                         "guest that runs",
                                         xml_attr(c, "type") ?: "");
                r = join(g, live, c, e);
        }
        return r;
}

/* Those that QEMU can plug in and out. */
static int check_controller(const xmlNode *device, const char *how, Error *e) {
        static const char *const types[] = { "scsi", "virtio-serial", "usb" };

        if (!xml_is(device, "controller"))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (xml_attr_is(device, "type", types[i]))
                        return 0;
        return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU, "'%s' controller cannot be hot %s.",
                         xml_attr(device, "type") ?: "", how);
}

static int check_filesystem(const xmlNode *device, Error *e) {
        return !xml_is(device, "filesystem") || streq_ptr(xml_get(device, "driver/@type"), "virtiofs")
                       ? 0
                       : error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                   "only virtiofs filesystems can be hotplugged");
}

/* The others are parts of the board. */
static int check_watchdog(const xmlNode *device, const char *how, Error *e) {
        return !xml_is(device, "watchdog") || xml_attr_is(device, "model", "i6300esb")
                       ? 0
                       : error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                   "%s of watchdog model '%s' is not supported", how,
                                   xml_attr(device, "model") ?: "");
}

/* What firmware tells of NUMA nodes it tells when the guest starts. */
static int check_hostdev(const xmlNode *device, const char *how, Error *e) {
        return !xml_is(device, "hostdev") || !xml_get(device, "acpi/@nodeset")
                       ? 0
                       : error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                   "%s of a host device with an ACPI nodeset is not supported", how);
}

/* --- what cannot come or go while the guest runs, by its bus --- */

static bool is_on(const char *bus, const char *const *buses) {
        for (; bus && *buses; buses++)
                if (streq(bus, *buses))
                        return true;
        return !bus;
}

static const char *const disk_buses[] = { "virtio", "scsi", "usb", NULL };
static const char *const drive_buses[] = { "scsi", "usb", NULL };
static const char *const input_buses[] = { "usb", "virtio", "none", NULL };

static int check_attach_bus(const xmlNode *device, Error *e) {
        const char *bus = xml_is(device, "input") ? xml_attr(device, "bus") : xml_get(device, "target/@bus");

        if (xml_is(device, "input") && !is_on(bus, input_buses))
                return change_fixed(e, "input device on bus '%s' cannot be hot plugged.", bus);
        if (!xml_is(device, "disk"))
                return 0;
        if (xml_attr_is(device, "device", "floppy"))
                return change_fixed(e, "floppy device hotplug isn't supported");
        return is_on(bus, disk_buses) ? 0 : change_fixed(e, "disk bus '%s' cannot be hotplugged.", bus);
}

static int check_detach_bus(const xmlNode *device, Error *e) {
        const char *bus = xml_is(device, "input") ? xml_attr(device, "bus") : xml_get(device, "target/@bus");
        const char *kind = xml_attr(device, "device") ?: "disk";
        bool drive = streq(kind, "cdrom") || streq(kind, "floppy");

        if (xml_is(device, "input") && !is_on(bus, input_buses))
                return change_fixed(e, "input device on bus '%s' cannot be detached", bus);
        if (!xml_is(device, "disk") || is_on(bus, drive ? drive_buses : disk_buses))
                return 0;
        return drive ? change_fixed(e, "disk device type '%s' cannot be detached", kind)
                     : change_fixed(e, "This type of disk cannot be hot unplugged");
}

/* Something is plugged into the controller. */
static bool is_in_use(const Definition *live, const xmlNode *controller) {
        const char *type = xml_attr(controller, "type") ?: "", *index = xml_attr(controller, "index") ?: "0";
        const char *address_type = streq(type, "scsi") ? "drive" : type;

        XML_FOREACH(device, definition_devices(live), NULL) {
                const xmlNode *a = xml_child(device, "address");
                const char *on = streq(type, "usb") ? xml_attr(a, "bus") : xml_attr(a, "controller");

                if (!xml_attr_is(a, "type", address_type) || !streq(on ?: "0", index))
                        continue;
                if (!streq(type, "scsi") || streq_ptr(xml_get(device, "target/@bus"), "scsi") ||
                    xml_is(device, "hostdev"))
                        return true;
        }
        return false;
}

/* One with the target of a serial port is that port, of which a running guest gets none. */
static int check_console(const xmlNode *device, const char *how, Error *e) {
        return !xml_is(device, "console") || streq_ptr(xml_get(device, "target/@type"), "virtio")
                       ? 0
                       : error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                   "%s serial console is not supported", how);
}

/* A card on a network of functions is a device of the host, whatever card QEMU would have in its place. */
static bool becomes_function(const xmlNode *device) {
        const char *name = xml_is(device, "interface") ? xml_get(device, "source/@network") : NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;

        return name && !xml_child(device, "model") && network_load(NETWORK_FILE_LIVE, name, &doc, NULL) >= 0 &&
               network_forward_mode(xml_root(doc)) == FORWARD_HOSTDEV;
}

/* The device gets all that a definition would have of it. */
static int complete_device(Guest *g, Definition *d, xmlNode *device, Error *e) {
        bool function = becomes_function(device);
        xmlNode *model = function ? xml_ensure(device, "model") : NULL;
        int r;

        /* any slot of PCI Express will do, as for a card that needs none of the other kind */
        if (function && (!model || xml_set_attr(model, "type", "virtio") < 0))
                return -ENOMEM;
        r = driver_normalise(g->driver, d, true, NULL, e);
        if (function)
                xml_remove_children(device, "model");
        return r;
}

int live_attach(Guest *g, Definition *live, const Change *c, Error *e) {
        _cleanup_definition_ Definition *complete = NULL;
        xmlNode *device;
        int r;

        if (xml_is(c->device, "lease"))
                return lease_attach(g, live, c, e);
        r = check_controller(c->device, "plugged", e);
        if (r >= 0)
                r = check_console(c->device, "attaching", e);
        if (r >= 0)
                r = check_filesystem(c->device, e);
        if (r >= 0)
                r = check_watchdog(c->device, "hotplug", e);
        if (r >= 0)
                r = check_hostdev(c->device, "hotplug", e);
        if (r < 0)
                return r;
        r = definition_copy(live, &complete);
        if (r >= 0)
                r = change_attach(complete, c, &device, e);
        if (r >= 0)
                r = check_attach_bus(device, e);
        if (r >= 0)
                r = complete_device(g, complete, device, e);
        if (r >= 0) /* which says the bus where the document does not */
                r = check_attach_bus(device, e);
        if (r >= 0)
                r = join_controllers(g, live, complete, device, e);
        return r < 0 ? r : join(g, live, device, e);
}

int live_detach(Guest *g, Definition *live, const Change *c, Error *e) {
        xmlNode *device;
        int r;

        if (c->device && xml_is(c->device, "lease"))
                return lease_detach(g, live, c, e);
        r = change_find(live, c, &device, e);
        if (r >= 0)
                r = check_controller(device, "unplugged", e);
        if (r >= 0)
                r = check_console(device, "detaching", e);
        if (r >= 0)
                r = check_filesystem(device, e);
        if (r >= 0)
                r = check_watchdog(device, "hot unplug", e);
        if (r >= 0)
                r = check_hostdev(device, "hot unplug", e);
        if (r >= 0)
                r = check_detach_bus(device, e);
        if (r < 0)
                return r;
        if (xml_is(device, "controller") && is_in_use(live, device))
                return error_set(e, -EBUSY, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                 "device cannot be detached: device is busy");
        return unplug_device(g, live, device, e);
}
