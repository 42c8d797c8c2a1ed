/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "hotplug/class.h"
#include "hotplug/match.h"

/* --- what a guest has once only --- */

static int refuse(Error *e, const char *format, ...) _printf_(2, 3);
static int refuse(Error *e, const char *format, ...) {
        _cleanup_free_ char *words = TEXT_OF_ARGUMENTS(format);

        return error_set(e, -EEXIST, ERROR_OPERATION_INVALID, ORIGIN_QEMU, "%s", words ?: "out of memory");
}

static int same_target(const Definition *d, const xmlNode *wanted, Error *e) {
        const char *dev = xml_get(wanted, "target/@dev");

        XML_FOREACH(disk, definition_devices(d), "disk")
                if (dev && streq_ptr(xml_get(disk, "target/@dev"), dev))
                        return refuse(e, "target %s already exists", dev);
        return 0;
}

static int same_index(const Definition *d, const xmlNode *wanted, Error *e) {
        xmlNode *other;

        return xml_attr(wanted, "index") && device_find_controller(d, wanted, &other, NULL) >= 0
                       ? refuse(e, "Target already exists")
                       : 0;
}

static int same_folder(const Definition *d, const xmlNode *wanted, Error *e) {
        xmlNode *other;

        return device_find_filesystem(d, wanted, &other, NULL) >= 0 ? refuse(e, "Target already exists") : 0;
}

static int same_lease(const Definition *d, const xmlNode *wanted, Error *e) {
        const char *key = xml_text(xml_child(wanted, "key")), *space = xml_text(xml_child(wanted, "lockspace"));
        xmlNode *other;

        return device_find_lease(d, wanted, &other, NULL) >= 0
                       ? refuse(e, "Lease %s in lockspace %s already exists", key ?: "", space ?: "(null)")
                       : 0;
}

static int same_host_device(const Definition *d, const xmlNode *wanted, Error *e) {
        xmlNode *other;
        int r = device_find_hostdev(d, wanted, &other, NULL);

        return r >= 0 || r == -EEXIST ? refuse(e, "device is already in the domain configuration") : 0;
}

static int only_one(const Definition *d, const xmlNode *wanted, Error *e) {
        return xml_child(definition_devices(d), xml_name(wanted))
                       ? refuse(e, "domain already has a %s", xml_name(wanted))
                       : 0;
}

static const DeviceClass classes[] = {
        { "disk", device_find_disk, same_target, .update = true },
        { "interface", device_find_interface, NULL, .update = true },
        { "controller", device_find_controller, same_index },
        { "hostdev", device_find_hostdev, same_host_device },
        { "lease", device_find_lease, same_lease },
        { "filesystem", device_find_filesystem, same_folder },
        { "serial", device_find_alike, NULL },
        { "parallel", device_find_alike, NULL },
        { "console", device_find_alike, NULL },
        { "channel", device_find_alike, NULL },
        { "input", device_find_alike, NULL },
        { "sound", device_find_alike, NULL },
        { "audio", device_find_alike, NULL },
        { "video", device_find_alike, NULL },
        { "graphics", device_find_graphics, NULL, .update = true },
        { "hub", device_find_alike, NULL },
        { "smartcard", device_find_alike, NULL },
        { "redirdev", device_find_alike, NULL },
        { "rng", device_find_alike, NULL },
        { "memory", device_find_memory, NULL, .update = true },
        { "shmem", device_find_alike, NULL },
        { "watchdog", device_find_alike, NULL },
        { "panic", device_find_alike, NULL },
        { "crypto", device_find_alike, NULL },
        { "pstore", device_find_alike, NULL },
        { "tpm", device_find_only, only_one },
        { "vsock", device_find_only, only_one },
        { "iommu", device_find_only, only_one },
        { "nvram", device_find_only, only_one },
        { "memballoon", device_find_only, .fixed = true },
};

const DeviceClass *device_class(const char *element) {
        for (size_t i = 0; i < ELEMENTSOF(classes); i++)
                if (streq(classes[i].element, element))
                        return &classes[i];
        return NULL;
}
