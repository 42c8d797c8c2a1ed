/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Aliases: the names that devices of a running guest have, as ids in QEMU, in
 * events and in calls that name a device. */

#include "base/instance.h"
#include "base/strings.h"
#include "model/definition.h"

/* What distinguishes devices of one kind, numbered in the order of the document. */
static const struct {
        const char *element, *prefix;
} numbered[] = {
        { "interface", "net" },     { "serial", "serial" },
        { "parallel", "parallel" }, { "channel", "channel" },
        { "console", "console" },   { "input", "input" },
        { "hub", "hub" },           { "video", "video" },
        { "sound", "sound" },       { "redirdev", "redir" },
        { "rng", "rng" },           { "memballoon", "balloon" },
        { "watchdog", "watchdog" }, { "smartcard", "smartcard" },
        { "filesystem", "fs" },     { "tpm", "tpm" },
        { "hostdev", "hostdev" },   { "shmem", "shmem" },
        { "panic", "panic" },       { "vsock", "vsock" },
        { "iommu", "iommu" },       { "crypto", "crypto" },
        { "pstore", "pstore" },     { "nvram", "nvram" },
};

/* "vda" -> 0, "sdaa" -> 26: the letters after the prefix, as a number. -EINVAL when there are none. */
static int target_index(const char *dev) {
        static const char *const prefixes[] = { "xvd", "ubd", "fd", "hd", "sd", "vd" };
        unsigned n = 0;

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                const char *s = startswith(dev, prefixes[i]);

                if (!s || *s < 'a' || *s > 'z')
                        continue;
                for (; *s >= 'a' && *s <= 'z' && n < 1000000; s++)
                        n = n * 26 + (unsigned) (*s - 'a' + 1);
                return (int) n - 1;
        }
        return -EINVAL;
}

static int set_alias(xmlNode *device, const char *name) {
        xmlNode *alias = xml_ensure(device, "alias");

        return alias ? xml_set_attr(alias, "name", name) : -ENOMEM;
}

/* Adapters that know targets only: their disks have three numbers, not four. */
static bool on_narrow_scsi(const xmlNode *disk, const xmlNode *address) {
        XML_FOREACH(c, disk->parent, "controller")
                if (xml_attr_is(c, "type", "scsi") &&
                    streq(xml_attr(c, "index") ?: "0", xml_attr(address, "controller") ?: "0"))
                        return streq(xml_attr(c, "model") ?: "lsilogic", "lsilogic");
        return true;
}

static int alias_disk(xmlNode *disk) {
        const xmlNode *address = xml_child(disk, "address"), *target = xml_child(disk, "target");
        const char *bus = xml_attr(target, "bus") ?: "", *dev = xml_attr(target, "dev") ?: "";
        _cleanup_free_ char *name = NULL;
        int r;

        if (xml_attr_is(address, "type", "drive") && streq(bus, "scsi") && !on_narrow_scsi(disk, address))
                r = asprintf(&name, "scsi%s-%s-%s-%s", xml_attr(address, "controller") ?: "0",
                             xml_attr(address, "bus") ?: "0", xml_attr(address, "target") ?: "0",
                             xml_attr(address, "unit") ?: "0");
        else if (xml_attr_is(address, "type", "drive"))
                r = asprintf(&name, "%s%s-%s-%s", bus, xml_attr(address, "controller") ?: "0",
                             xml_attr(address, "bus") ?: "0", xml_attr(address, "unit") ?: "0");
        else
                r = asprintf(&name, "%s-disk%d", bus, MAX(target_index(dev), 0));
        return r < 0 ? -ENOMEM : set_alias(disk, name);
}

static int alias_controller(xmlNode *controller, bool q35) {
        const char *type = xml_attr(controller, "type") ?: "", *model = xml_attr(controller, "model");
        const char *index = xml_attr(controller, "index") ?: "0";
        bool first = streq(index, "0");
        _cleanup_free_ char *name = NULL;
        int r;

        if (streq(type, "pci"))
                r = asprintf(&name, "%s.%s", streq_ptr(model, "pcie-root") ? "pcie" : "pci", index);
        else if (first && (streq(type, "usb") || (streq(type, "ide") && !q35)))
                r = asprintf(&name, "%s", type);
        else if (first && streq(type, "sata") && q35)
                r = asprintf(&name, "ide"); /* QEMU's name of the buses of the chipset's own controller */
        else
                r = asprintf(&name, "%s%s", type, index);
        return r < 0 ? -ENOMEM : set_alias(controller, name);
}

/* dimm0, nvdimm0, virtiomem0, ...: one count for each model. */
static int alias_memory(xmlNode *memory, unsigned counts[5]) {
        const char *model = xml_attr(memory, "model") ?: "dimm";
        static const char *const names[][2] = {
                { "dimm", "dimm" },
                { "nvdimm", "nvdimm" },
                { "virtio-mem", "virtiomem" },
                { "virtio-pmem", "virtiopmem" },
                { "sgx-epc", "epc" },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(names[i][0], model)) {
                        _cleanup_free_ char *name = NULL;

                        unsigned slot;

                        /* A module is known by its slot. */
                        if (xml_attr_uint(xml_child(memory, "address"), "slot", &slot) < 0 ||
                            endswith(names[i][1], "dimm") == NULL)
                                slot = counts[i];
                        counts[i]++;
                        name = text_format("%s%u", names[i][1], slot);
                        if (!name)
                                return -ENOMEM;
                        return set_alias(memory, name);
                }
        return 0;
}

/* The first console of a serial type is the first serial device once more. */
static const char *mirrored_serial(xmlNode *device, unsigned n) {
        const char *type = xml_get(device, "target/@type");
        const xmlNode *serial = xml_child(device->parent, "serial");

        return n == 0 && xml_is(device, "console") && (!type || streq(type, "serial")) && serial ? device_alias(serial)
                                                                                                    : NULL;
}

/* A card of the host is one of its devices, whichever element gives it away; cards come first. */
static bool is_hostdev(const xmlNode *device) {
        return xml_is(device, "hostdev") || (xml_is(device, "interface") && xml_attr_is(device, "type", "hostdev"));
}

static int alias_hostdev(xmlNode *device) {
        _cleanup_free_ char *name = NULL;
        unsigned n = 0;

        /* one with a name of the user's own takes no number */
        for (const xmlNode *p = device->prev; p; p = p->prev)
                n += is_hostdev(p) && !startswith(device_alias(p) ?: "", "ua-");
        name = text_format("hostdev%u", n);
        return name ? set_alias(device, name) : -ENOMEM;
}

static int alias_numbered(xmlNode *device, unsigned counts[ELEMENTSOF(numbered)]) {
        for (size_t i = 0; i < ELEMENTSOF(numbered); i++) {
                _cleanup_free_ char *name = NULL;
                const char *serial;
                unsigned n;

                if (!xml_is(device, numbered[i].element))
                        continue;
                n = counts[i]++;
                if (device_alias(device))
                        return 0;
                serial = mirrored_serial(device, n);
                if (serial)
                        return set_alias(device, serial);
                name = text_format("%s%u", numbered[i].prefix, n);
                if (!name)
                        return -ENOMEM;
                return set_alias(device, name);
        }
        return 0;
}

/* --- one that joins the others --- */

/* A name with the number behind the highest that was given: what leaves takes its own with it only when it has left,
 * and what watches the guest from outside is not to take a new device for an old one. */
static int alias_behind(xmlNode *device, const char *prefix) {
        _cleanup_free_ char *name = NULL;
        unsigned next = 0;

        XML_FOREACH(other, device->parent, NULL) {
                const char *alias = device_alias(other) ?: "", *rest = startswith(alias, prefix);
                unsigned n;

                /* the first console may be a serial port, and counts among consoles by that one's number */
                if (!rest && xml_is(device, "console") && xml_is(other, "console"))
                        rest = startswith(alias, "serial");
                if (rest && parse_uint(rest, &n) >= 0 && n >= next && n < UINT_MAX)
                        next = n + 1;
        }
        name = text_format("%s%u", prefix, next);
        return name ? set_alias(device, name) : -ENOMEM;
}

static int alias_new_memory(xmlNode *device) {
        const char *model = xml_attr(device, "model") ?: "dimm";
        unsigned slot;

        if (endswith(model, "dimm") && xml_attr_uint(xml_child(device, "address"), "slot", &slot) >= 0) {
                _cleanup_free_ char *name = text_format("%s%u", model, slot);

                return name ? set_alias(device, name) : -ENOMEM;
        }
        return alias_behind(device, streq(model, "virtio-mem")    ? "virtiomem"
                                    : streq(model, "virtio-pmem") ? "virtiopmem"
                                                                  : model);
}

static int alias_new(Definition *d, xmlNode *device) {
        const char *machine = xml_get(definition_root(d), "os/type/@machine") ?: "";

        if (xml_is(device, "disk"))
                return alias_disk(device);
        if (xml_is(device, "controller"))
                return alias_controller(device, streq(machine, "q35") || startswith(machine, "pc-q35"));
        if (xml_is(device, "memory"))
                return alias_new_memory(device);
        if (is_hostdev(device))
                return alias_behind(device, "hostdev");
        for (size_t i = 0; i < ELEMENTSOF(numbered); i++)
                if (xml_is(device, numbered[i].element))
                        return alias_behind(device, numbered[i].prefix);
        return 0;
}

/* Nodes of a disk above its images: one for each group that limits it. */
static unsigned count_filters(const xmlNode *disk) {
        unsigned n = 0;

        XML_FOREACH(filter, xml_child(disk, "throttlefilters"), "throttlefilter")
                n++;
        return n;
}

/* That of a layer is its own attribute, as libvirt has it; guests may run yet that have it in the source. */
int definition_image_number(const xmlNode *layer, unsigned *ret) {
        int r = xml_is(layer, "backingStore") ? xml_attr_uint(layer, "index", ret) : -ENOENT;

        return r >= 0 ? r : xml_attr_uint(xml_child(layer, "source"), "index", ret);
}

static unsigned next_image(const Definition *d) {
        unsigned next = 1, n;

        XML_FOREACH(disk, definition_devices(d), "disk")
                for (const xmlNode *layer = disk; layer; layer = xml_child(layer, "backingStore")) {
                        const xmlNode *store = xml_find(xml_child(layer, "source"), "dataStore/source");

                        if (definition_image_number(layer, &n) >= 0 && n < UINT_MAX)
                                next = MAX(next, n + 1 + count_filters(disk));
                        if (xml_attr_uint(store, "index", &n) >= 0 && n < UINT_MAX)
                                next = MAX(next, n + 1 + count_filters(disk));
                }
        return next;
}

static int number_images(xmlNode *disk, unsigned *next);

int definition_number_images(Definition *d, xmlNode *disk) {
        unsigned next = next_image(d);

        return number_images(disk, &next);
}

int definition_name_device(Definition *d, xmlNode *device, Error *e) {
        const char *given = device_alias(device);
        int r = 0;

        if (!given || !startswith(given, "ua-"))
                r = alias_new(d, device);
        if (r >= 0 && xml_is(device, "disk"))
                r = definition_number_images(d, device);
        return r < 0 ? error_set_errno(e, r, ORIGIN_DOMAIN, "cannot name a device") : 0;
}

void definition_lease_name(const xmlNode *lease, char ret[static DEFINITION_LEASE_NAME_MAX]) {
        const xmlNode *space = xml_child(lease, "lockspace"), *key = xml_child(lease, "key");
        uint64_t hash = name_hash(key ? xml_text(key) : "") * 31U + name_hash(space ? xml_text(space) : "");

        (void) snprintf(ret, DEFINITION_LEASE_NAME_MAX, "lease-%016llx", (unsigned long long) hash);
}

/* --- all of them --- */

/* Numbers of the images: "libvirt-N-storage" counts down over all disks, each disk's image and where it keeps its
 * data before those that back it, and those before the groups that limit it ("libvirt-N-filter"). */
static int number_image(xmlNode *bearer, int known, unsigned n, unsigned *next) {
        int r = 0;

        if (known >= 0 && n < UINT_MAX) {
                *next = MAX(*next, n + 1);
                return 0;
        }
        if (bearer)
                r = xml_set_attrf(bearer, "index", "%u", *next);
        (*next)++;
        return r;
}

static int number_layers(xmlNode *disk, unsigned *next) {
        for (xmlNode *layer = disk; layer; layer = xml_child(layer, "backingStore")) {
                xmlNode *source = xml_child(layer, "source"), *store = xml_find(source, "dataStore/source");
                unsigned n = UINT_MAX;
                int r;

                if (layer != disk && !xml_attr(layer, "type"))
                        return 0; /* <backingStore/>: nothing below */
                r = definition_image_number(layer, &n);
                r = number_image(source && layer != disk ? layer : source, r, n, next);
                if (r >= 0 && store) {
                        r = xml_attr_uint(store, "index", &n);
                        r = number_image(store, r, n, next);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int number_images(xmlNode *disk, unsigned *next) {
        int r;

        if (xml_attr_is(disk, "type", "vhostuser"))
                return 0; /* it has no node of QEMU's */
        r = number_layers(disk, next);
        *next += count_filters(disk);
        return r;
}

int definition_assign_aliases(Definition *d, Error *e) {
        xmlNode *devices = definition_devices(d), *disk = NULL;
        unsigned counts[ELEMENTSOF(numbered)] = {}, memory[5] = {}, image = 1;
        const char *machine = xml_get(definition_root(d), "os/type/@machine") ?: "";
        bool q35 = streq(machine, "q35") || startswith(machine, "pc-q35");
        int r = 0;

        XML_FOREACH(device, devices, NULL) {
                if (xml_is(device, "disk"))
                        disk = device;
                if (xml_is(device, "disk") && !device_alias(device))
                        r = alias_disk(device);
                else if (xml_is(device, "controller") && !device_alias(device))
                        r = alias_controller(device, q35);
                else if (is_hostdev(device) && !device_alias(device))
                        r = alias_hostdev(device);
                else if (xml_is(device, "memory") && !device_alias(device))
                        r = alias_memory(device, memory);
                else
                        r = alias_numbered(device, counts);
                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_DOMAIN, "cannot name a device");
        }
        for (; disk; disk = disk->prev)
                if (xml_is(disk, "disk")) {
                        r = number_images(disk, &image);
                        if (r < 0)
                                return error_set_errno(e, r, ORIGIN_DOMAIN, "cannot number an image");
                }
        return 0;
}
