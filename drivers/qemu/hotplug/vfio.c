/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "hotplug/vfio.h"
#include "object/unit.h"
#include "plan/names.h"
#include "run/unit-limits.h"

#define UNIT_TIMEOUT (30U * 1000000U)
#define KEY "DeviceAllow"
#define FOLDER "/dev/vfio/"
#define CONTAINER FOLDER "vfio rw"
/* All groups: what a unit has whose guest had one at its start. */
#define ALL_GROUPS "char-vfio"

static bool is_card(const xmlNode *device) {
        return xml_is(device, "interface") && xml_attr_is(device, "type", "hostdev");
}

static bool is_mdev(const xmlNode *device) {
        return xml_is(device, "hostdev") && xml_attr_is(device, "type", "mdev");
}

/* A disk whose controller is the guest's: QEMU itself drives it. */
static bool is_nvme(const xmlNode *device) {
        return xml_is(device, "disk") && xml_attr_is(device, "type", "nvme");
}

static bool is_pci(const xmlNode *device) {
        return is_card(device) || is_nvme(device) || (xml_is(device, "hostdev") && xml_attr_is(device, "type", "pci"));
}

/* QEMU gets its node open. */
static bool has_iommufd(const xmlNode *device) {
        return xml_is(device, "hostdev") && streq_ptr(xml_get(device, "driver/@iommufd"), "yes");
}

/* --- the driver --- */

/* systemd's own unit for modules loads it; nobody of ours may. To modprobe a hyphen is as good as the other line. */
static int load_module(Guest *g, const char *module) {
        _cleanup_free_ char *unit = text_format("modprobe@%s.service", module);
        _cleanup_error_ Error ignored = ERROR_INIT;
        JobResult how;

        if (!unit)
                return -ENOMEM;
        for (char *p = strchr(unit, '@'); *p; p++)
                *p = *p == '-' ? '_' : *p;
        if (systemd_run_job(g->driver->systemd, "StartUnit", unit, UNIT_TIMEOUT, &how, &ignored) < 0)
                log_debug("%s", error_text(&ignored, -EIO));
        return 0;
}

int vfio_load_driver(Guest *g, const xmlNode *device) {
        const char *driver = xml_get(device, "driver/@model") ?: "vfio-pci";
        _cleanup_free_ char *path = text_format("%s/bus/pci/drivers/%s", path_sys(), driver);
        int r = 0;

        if (!path)
                return -ENOMEM;
        if (is_pci(device) && access(path, F_OK) < 0)
                r = load_module(g, driver);
        /* a module of its own, which nothing of VFIO brings along */
        return r >= 0 && has_iommufd(device) && access("/dev/iommu", F_OK) < 0 ? load_module(g, "iommufd") : r;
}

/* --- what may be opened --- */

static unsigned number(const xmlNode *address, const char *key) {
        unsigned v = 0;

        (void) xml_attr_uint(address, key, &v);
        return v;
}

/* "/dev/vfio/7 rw"; *ret is NULL for what has none, or has it no more. */
static int node_of(const xmlNode *device, char **ret) {
        const xmlNode *a = xml_find(device, "source/address");
        _cleanup_free_ char *link = NULL, *group = NULL;
        int r;

        *ret = NULL;
        if ((!is_pci(device) && !is_mdev(device)) || has_iommufd(device))
                return 0;
        link = is_mdev(device) ? text_format("%s/bus/mdev/devices/%s/iommu_group", path_sys(),
                                             xml_attr(a, "uuid") ?: "")
                               : text_format("%s/bus/pci/devices/%04x:%02x:%02x.%x/iommu_group", path_sys(),
                                             number(a, "domain"), number(a, "bus"), number(a, "slot"),
                                             number(a, "function"));
        r = link ? link_target_name(link, &group) : -ENOMEM;
        if (r == -ENOENT)
                return 0;
        *ret = r < 0 ? NULL : text_format(FOLDER "%s rw", group);
        return r < 0 ? r : *ret ? 0 : -ENOMEM;
}

/* The nodes of all that the guest has, and what they are put into. */
static int list_nodes(const Definition *live, char ***ret) {
        _cleanup_strv_ char **nodes = NULL;

        XML_FOREACH(device, definition_devices(live), NULL) {
                char *node;
                int r = node_of(device, &node);

                if (r >= 0 && node && !strv_contains(nodes, node))
                        r = strv_consume(&nodes, node);
                else
                        free(node);
                if (r >= 0 && nodes && !strv_contains(nodes, CONTAINER))
                        r = strv_add(&nodes, CONTAINER);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(nodes);
        return 0;
}

/* --- what the unit lets it open --- */

static bool is_any_group(char *const *allowed) {
        for (; allowed && *allowed; allowed++)
                if (startswith(*allowed, ALL_GROUPS " "))
                        return true;
        return false;
}

typedef struct Devices {
        char *const *allowed, *const *nodes;
} Devices;

static int append_list(sd_bus_message *m, char *const *list, bool but_vfio) {
        int r = 0;

        for (; r >= 0 && list && *list; list++) {
                const char *space = strrchr(*list, ' ');
                _cleanup_free_ char *path = space ? strndup(*list, (size_t) (space - *list)) : NULL;

                if (but_vfio && startswith(*list, FOLDER))
                        continue;
                r = path ? sd_bus_message_append(m, "(ss)", path, space + 1) : -ENOMEM;
        }
        return r;
}

static int append_setting(sd_bus_message *m, const Devices *d) {
        int r = sd_bus_message_open_container(m, 'r', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", KEY);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "a(ss)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(ss)");
        if (r >= 0 && d)
                r = append_list(m, d->allowed, true);
        if (r >= 0 && d)
                r = append_list(m, d->nodes, false);
        for (unsigned i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

/* An empty list takes all away, and comes into force together with what follows. */
static int append(sd_bus_message *m, void *userdata) {
        int r = append_setting(m, NULL);

        return r < 0 ? r : append_setting(m, userdata);
}

static bool is_same(char *const *allowed, char *const *nodes) {
        size_t n = 0;

        for (; allowed && *allowed; allowed++)
                if (startswith(*allowed, FOLDER)) {
                        if (!strv_contains(nodes, *allowed))
                                return false;
                        n++;
                }
        return n == strv_length(nodes);
}

static int allow(Guest *g, const char *unit, char *const *allowed, const Definition *live, Error *e) {
        _cleanup_strv_ char **nodes = NULL;
        int r = list_nodes(live, &nodes);

        if (r < 0 || is_same(allowed, nodes))
                return r;
        r = unit_setting_promise(g, unit, KEY, e);
        return r < 0 ? r
                     : systemd_set_properties(g->driver->systemd, unit, append, &(Devices) { allowed, nodes }, e);
}

/* --- what it sees --- */

static int show(Guest *g, Error *e) {
        _cleanup_free_ char *instance = NULL, *unit = NULL;
        JobResult how;
        int r;

        r = unit_instance(&unit_guest, g->object.name, &instance);
        unit = r >= 0 ? text_format("vm-vfio@%s.service", instance) : NULL;
        if (!unit)
                return r < 0 ? r : -ENOMEM;
        r = systemd_run_job(g->driver->systemd, "StartUnit", unit, UNIT_TIMEOUT, &how, e);
        if (r >= 0 && how != JOB_DONE)
                return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "the guest's QEMU cannot be shown /dev/vfio: see 'journalctl -u %s'", unit);
        return r;
}

int vfio_admit(Guest *g, const Definition *live, const xmlNode *device, Error *e) {
        _cleanup_strv_ char **allowed = NULL;
        _cleanup_free_ char *unit = NULL;
        int r;

        if (!is_pci(device) && !is_mdev(device))
                return 0;
        r = object_unit(&g->object, &unit, e);
        if (r >= 0)
                r = systemd_unit_devices(g->driver->systemd, unit, &allowed, e);
        if (r < 0 || is_any_group(allowed))
                return r;
        r = strv_contains(allowed, CONTAINER) ? 0 : show(g, e);
        return r < 0 ? r : allow(g, unit, allowed, live, e);
}

void vfio_settle(Guest *g) {
        _cleanup_definition_ Definition *live = NULL;
        _cleanup_free_ char *unit = NULL;
        _cleanup_strv_ char **allowed = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        r = object_unit(&g->object, &unit, &e);
        if (r >= 0 && !unit_setting_is_promised(g, unit, KEY))
                return; /* nothing was added */
        if (r >= 0)
                r = g->run ? object_load(&g->object, OBJECT_LIVE, &live, &e) : -ESRCH;
        if (r >= 0)
                r = systemd_unit_devices(g->driver->systemd, unit, &allowed, &e);
        if (r >= 0 && !is_any_group(allowed))
                r = allow(g, unit, allowed, live, &e);
        if (r < 0 && g->run)
                log_warning("domain '%s': devices of the host that have gone could still be opened: %s", g->object.name,
                            error_text(&e, r));
}
