/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PCI devices that are taken from the host's drivers, for guests that shall have them, and given back. */

#include <dirent.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "dbus/systemd.h"
#include "nodedev.h"

#define MODPROBE_TIMEOUT (30U * 1000000U)

#define CALL(NAME, f, ...) OBJECT_CALL(remote, REMOTE, &kind_device, Device, NAME, f, __VA_ARGS__)

/* --- whose it is --- */

static unsigned number(const xmlNode *address, const char *name) {
        return (unsigned) strtoul(xml_attr(address, name) ?: "0", NULL, 0);
}

static bool has_device(const Definition *guest, const char *address) {
        XML_FOREACH(hostdev, definition_devices(guest), NULL) {
                const xmlNode *source = xml_child(hostdev, "source"), *a = source ? xml_child(source, "address") : NULL;
                char text[32];

                if (!xml_is(hostdev, "hostdev") && !xml_is(hostdev, "interface"))
                        continue;
                if (!a || (!xml_attr_is(a, "type", "pci") && !xml_attr_is(hostdev, "type", "pci")))
                        continue;
                (void) snprintf(text, sizeof text, "%04x:%02x:%02x.%x", number(a, "domain") & 0xffff,
                                number(a, "bus") & 0xff, number(a, "slot") & 0x1f, number(a, "function") & 7);
                if (streq(text, address))
                        return true;
        }
        return false;
}

/* The running guest that has it, by the live definitions; the caller's, or NULL. */
static char *guest_with(const char *address) {
        _cleanup_free_ char *folder = text_format("%s/qemu", path_run());
        DIR *dir = folder ? opendir(folder) : NULL;
        char *found = NULL;

        for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && !found; entry = readdir(dir)) {
                _cleanup_free_ char *path = NULL;
                _cleanup_definition_ Definition *guest = NULL;
                _cleanup_error_ Error e = ERROR_INIT;

                if (!endswith(entry->d_name, ".xml"))
                        continue;
                path = text_format("%s/%s", folder, entry->d_name);
                if (path && definition_load(path, 0, &guest, &e) >= 0 && has_device(guest, address))
                        found = strdup(definition_name(guest));
        }
        if (dir)
                closedir(dir);
        return found;
}

static int check(const Device *d, const char **ret_address, Error *e) {
        _cleanup_free_ char *guest = NULL;

        if (d->kind != &device_pci || !d->syspath)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NODEDEV, "device %s is not a PCI device",
                                 d->object.name);
        *ret_address = strrchr(d->syspath, '/') + 1;
        guest = guest_with(*ret_address);
        return guest ? error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_NODEDEV,
                                 "PCI device %s is in use by driver QEMU, domain %s", *ret_address, guest)
                     : 0;
}

/* --- the calls --- */

static int work(Call *c, Device *d, const char *verb, const char *driver, Error *e) {
        const char *address = NULL;
        int r = check(d, &address, e);

        return r < 0 ? r
                     : nodedev_work(call_driver(c),
                                    (const char *const[]){ "verb", verb, "device", address, "driver", driver, NULL },
                                    e);
}

/* libvirt's words for drivers, and the kernel's names of those that are made for VFIO. */
static int driver_of(const char *word, const char **ret, Error *e) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

        if (streq(word, "kvm") || streq(word, "xen"))
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NODEDEV,
                                 "driver '%s' is not supported: devices are given to guests by VFIO", word);
        if (!*word || *word == '-' || strlen(word) > 63 || strspn(word, letters) != strlen(word))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NODEDEV, "unknown driver name '%s'", word);
        *ret = streq(word, "vfio") ? "vfio-pci" : word;
        return 0;
}

/* A driver that is not there yet may be a module: systemd's own unit for modules loads it, as this daemon and
 * vm-nodedev@.service may not. Whether that has helped shows when the device is given to it. */
static int load_driver(Call *c, const char *driver) {
        _cleanup_free_ char *path = text_format("/sys/bus/pci/drivers/%s", driver),
                            *unit = text_format("modprobe@%s.service", driver);
        NodedevDriver *n = call_driver(c);
        _cleanup_error_ Error ignored = ERROR_INIT;
        JobResult how;

        if (!path || !unit)
                return -ENOMEM;
        if (access(path, F_OK) == 0)
                return 0;
        /* to modprobe both are the same, to systemd a hyphen is a slash */
        for (char *p = strchr(unit, '@'); *p; p++)
                if (*p == '-')
                        *p = '_';
        if (systemd_run_job(n->host->systemd, "StartUnit", unit, MODPROBE_TIMEOUT, &how, &ignored) < 0)
                log_debug("%s", error_text(&ignored, -EIO));
        return 0;
}

static int give(Call *c, Device *d, const char *driver, Error *e) {
        const char *address;
        int r = check(d, &address, e);

        if (r >= 0)
                r = load_driver(c, driver);
        return r < 0 ? r : work(c, d, "detach", driver, e);
}

static int detach(Call *c, Device *d, const remote_node_device_dettach_args *args, rpc_void *ret, Error *e) {
        return give(c, d, "vfio-pci", e);
}

static int detach_to(Call *c, Device *d, const remote_node_device_detach_flags_args *args, rpc_void *ret, Error *e) {
        const char *driver = "vfio-pci";
        int r = args->driverName ? driver_of(*args->driverName, &driver, e) : 0;

        return r < 0 ? r : give(c, d, driver, e);
}

static int reattach(Call *c, Device *d, const remote_node_device_re_attach_args *args, rpc_void *ret, Error *e) {
        return work(c, d, "reattach", NULL, e);
}

static int reset(Call *c, Device *d, const remote_node_device_reset_args *args, rpc_void *ret, Error *e) {
        return work(c, d, "reset", NULL, e);
}

static const RpcHandler rows[] = {
        CALL(NODE_DEVICE_DETTACH, detach),
        CALL(NODE_DEVICE_DETACH_FLAGS, detach_to),
        CALL(NODE_DEVICE_RE_ATTACH, reattach),
        CALL(NODE_DEVICE_RESET, reset),
};
const RpcTable nodedev_detach_table = RPC_TABLE(rows);
