/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hostdev: which device of the host, said in the one way that is printed. */

#include "base/strings.h"
#include "normalise.h"

/* Numbers of NUMA nodes of a guest, by QEMU. */
#define MAX_NODES 128U

/* Units of a SCSI controller that are given out without being asked. */
#define SCSI_UNITS 7U
#define MAX_CONTROLLERS 256U

static int check_usb(Normaliser *n, xmlNode *hostdev, xmlNode *source) {
        static const char *const ids[] = { "vendor", "product" };
        xmlNode *address = xml_child(source, "address");
        bool by_id = false;

        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                xmlNode *id = xml_child(source, ids[i]);
                unsigned v;

                if (!id)
                        continue;
                if (xml_attr_uint(id, "id", &v) < 0 || v > 0xffff)
                        return fail_xml(n, id, "cannot parse %s id '%s'", ids[i], attr_or(id, "id", ""));
                if (v == 0)
                        return fail_xml(n, id, "%s cannot be 0.", ids[i]);
                norm_setf(n, id, "id", "0x%04x", v);
                by_id = true;
        }
        if (by_id && (!xml_child(source, "vendor") || !xml_child(source, "product")))
                return fail_xml(n, source, "missing %s", xml_child(source, "vendor") ? "product" : "vendor");
        if (!by_id && !address)
                return fail_xml(n, hostdev, "vendor/product or address of the USB device is missing");
        if (address && !xml_attr(address, "port"))
                for (size_t i = 0; i < 2; i++) {
                        const char *name = i ? "device" : "bus";

                        if (!xml_attr(address, name))
                                return fail_xml(n, address, "usb address needs %s id", name);
                        norm_setf(n, address, name, "%u", number_or(address, name, 0));
                }

        return 0;
}

int normalise_host_pci_address(Normaliser *n, xmlNode *hostdev, xmlNode *source) {
        xmlNode *address = xml_child(source, "address");
        unsigned domain, bus, slot, function;

        if (!address)
                return fail_xml(n, source ?: hostdev, "the <address> of the PCI device is missing");
        domain = number_or(address, "domain", 0);
        bus = number_or(address, "bus", 0);
        slot = number_or(address, "slot", 0);
        function = number_or(address, "function", 0);
        if (bus > 0xff || slot > 0x1f || function > 7 || (domain | bus | slot | function) == 0)
                return fail_xml(n, address, "Invalid PCI address %04x:%02x:%02x.%x of the host's device", domain, bus,
                                slot, function);

        norm_setf(n, address, "domain", "0x%04x", domain);
        norm_setf(n, address, "bus", "0x%02x", bus);
        norm_setf(n, address, "slot", "0x%02x", slot);
        norm_setf(n, address, "function", "0x%x", function);
        return 0;
}

static int check_pci(Normaliser *n, xmlNode *hostdev, xmlNode *source) {
        int r;

        r = normalise_host_pci_address(n, hostdev, source);
        if (r >= 0)
                xml_unset_attr(xml_child(source, "address"), "type");

        return r;
}

/* A unit of a target, which QEMU itself connects to. */
static int check_iscsi(Normaliser *n, xmlNode *hostdev, xmlNode *source) {
        const xmlNode *host = xml_child(source, "host");

        if (!*attr_or(source, "name", ""))
                return fail_xml(n, source, "missing iSCSI hostdev source path name");
        if (!host)
                return fail_xml(n, source, "missing the host address for the iSCSI hostdev");
        if (xml_next(host, "host"))
                return fail_xml(n, source, "only one source host address may be specified for the iSCSI hostdev");
        return normalise_network_source(n, hostdev);
}

static int check_scsi(Normaliser *n, xmlNode *hostdev, xmlNode *source) {
        static const char *const parts[] = { "bus", "target", "unit" };
        xmlNode *address = xml_child(source, "address");

        if (xml_attr_is(source, "protocol", "iscsi"))
                return check_iscsi(n, hostdev, source);
        if (!xml_attr(xml_child(source, "adapter"), "name"))
                return fail_xml(n, source ?: hostdev, "'adapter' and its name are missing for a scsi hostdev source");
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                if (!xml_attr(address, parts[i]))
                        return fail_xml(n, address ?: source,
                                        "'bus', 'target', and 'unit' must be specified for scsi hostdev source "
                                        "address");

        return 0;
}

static int check_scsi_host(Normaliser *n, xmlNode *hostdev, xmlNode *source) {
        static const char *const models[] = { "virtio", "virtio-transitional", "virtio-non-transitional" };
        const char *model = xml_attr(hostdev, "model"), *wwpn = xml_attr(source, "wwpn");
        bool known = !model;

        if (!xml_attr_is(source, "protocol", "vhost"))
                return fail_xml(n, source ?: hostdev, "Missing scsi_host subsystem protocol");
        if (!wwpn || !startswith(wwpn, "naa."))
                return fail_xml(n, source, "malformed 'wwpn' value '%s'", wwpn ?: "");
        for (size_t i = 0; model && i < ELEMENTSOF(models); i++)
                known |= streq(models[i], model);
        if (!known)
                return fail_xml(n, hostdev, "Unknown hostdev model '%s'", model);
        if (xml_child(hostdev, "boot"))
                return fail_unsupported(n, hostdev,
                                        "booting from assigned devices is not supported by vhost SCSI devices");

        return 0;
}

static int check_mdev(Normaliser *n, xmlNode *hostdev, xmlNode *source) {
        if (!xml_attr(xml_child(source, "address"), "uuid"))
                return fail_unsupported(n, source ?: hostdev, "Missing 'uuid' attribute for element <address>");
        if (!xml_attr(hostdev, "model"))
                return fail_xml(n, hostdev, "Missing 'model' attribute in mediated device's <hostdev> element");
        if (!xml_attr_is(hostdev, "model", "vfio-pci"))
                return fail_unsupported(n, hostdev, "mediated device model '%s' is not supported",
                                        xml_attr(hostdev, "model"));
        norm_set_default(n, hostdev, "display", "off");
        if (device_address(hostdev) && !xml_attr_is(device_address(hostdev), "type", "pci"))
                return fail_xml(n, hostdev, "Unsupported address type '%s' with mediated device model 'vfio-pci'",
                                xml_attr(device_address(hostdev), "type"));

        return 0;
}

/* What the kernel filters is SCSI commands. */
static int check_commands(Normaliser *n, xmlNode *hostdev) {
        static const char *const names[] = { "rawio", "sgio" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (xml_attr(hostdev, names[i]) && !xml_attr_is(hostdev, "type", "scsi"))
                        return fail_xml(n, hostdev, "%s is only supported for scsi host device", names[i]);
        return 0;
}

static const struct {
        const char *type;
        int (*check)(Normaliser *n, xmlNode *hostdev, xmlNode *source);
} types[] = {
        { "usb", check_usb },
        { "pci", check_pci },
        { "scsi", check_scsi },
        { "scsi_host", check_scsi_host },
        { "mdev", check_mdev },
};

/* A screen that a device of the host draws has to be shown by somebody. */
static int check_display(Normaliser *n, xmlNode *hostdev) {
        bool display = xml_attr_is(hostdev, "display", "on");
        unsigned ramfb = 0;

        if (display && !xml_child(n->devices, "graphics"))
                return fail_unsupported(n, hostdev,
                                        "graphics device is needed for attribute value 'display=on' in <hostdev>");
        XML_FOREACH(other, n->devices, "hostdev")
                ramfb += xml_attr_is(other, "ramfb", "on");
        if (ramfb > 1)
                return fail_unsupported(n, hostdev, "Only one vgpu device can have 'ramfb' enabled");

        return 0;
}

static bool same_attrs(const xmlNode *a, const xmlNode *b, const char *const *names) {
        for (; *names; names++)
                if (!streq_ptr(xml_attr(a, *names), xml_attr(b, *names)))
                        return false;

        return a && b;
}

/* Whether two elements give the same device away. */
static bool same_source(const xmlNode *a, const xmlNode *b) {
        static const char *const address[] = { "domain", "bus",    "slot", "function", "device",
                                               "port",   "target", "unit", "uuid",     NULL };
        static const char *const id[] = { "id", NULL }, *const name[] = { "name", NULL },
                                 *const wwpn[] = { "wwpn", NULL };
        const xmlNode *sa = xml_child(a, "source"), *sb = xml_child(b, "source");

        if (!streq_ptr(xml_attr(a, "type"), xml_attr(b, "type")))
                return false;
        if (xml_attr(sa, "protocol") && xml_attr(sa, "name"))
                return same_attrs(sa, sb, name) &&
                       same_attrs(xml_child(sa, "host"), xml_child(sb, "host"), (const char *const[]){ "name", NULL });
        if (xml_attr(sa, "wwpn"))
                return same_attrs(sa, sb, wwpn);
        if (xml_child(sa, "adapter") && !same_attrs(xml_child(sa, "adapter"), xml_child(sb, "adapter"), name))
                return false;
        if (xml_child(sa, "address") || xml_child(sb, "address"))
                return same_attrs(xml_child(sa, "address"), xml_child(sb, "address"), address);

        return same_attrs(xml_child(sa, "vendor"), xml_child(sb, "vendor"), id) &&
               same_attrs(xml_child(sa, "product"), xml_child(sb, "product"), id);
}

/* What the guest has of all its devices of PCI holds where one does not say something else. */
static int choose_iommufd(Normaliser *n, xmlNode *hostdev) {
        bool all = xml_attr_bool(xml_child(n->root, "iommufd"), "enabled", false);
        bool pci = xml_attr_is(hostdev, "type", "pci");
        xmlNode *driver = xml_child(hostdev, "driver");

        if (!pci && xml_attr(driver, "iommufd"))
                return fail_unsupported(n, hostdev, "iommufd is supported for host devices of type 'pci' only");
        if (!pci || !all || xml_attr(driver, "iommufd"))
                return 0;
        driver = xml_ensure(hostdev, "driver");
        if (!driver)
                return -ENOMEM;
        norm_set_default(n, driver, "iommufd", "yes");
        return 0;
}

/* Nodes of the guest that the device is an initiator of. */
static int check_nodes(Normaliser *n, xmlNode *hostdev) {
        xmlNode *acpi = xml_child(hostdev, "acpi");
        uint64_t nodes[MAX_NODES / 64] = {};
        unsigned cells = 0;
        int r = 0;

        if (!xml_attr(acpi, "nodeset"))
                return 0;
        if (!xml_attr_is(hostdev, "type", "pci") && !xml_attr_is(hostdev, "type", "mdev"))
                return fail_unsupported(n, acpi, "only host devices of type 'pci' and 'mdev' have an ACPI nodeset");
        r = norm_cpuset(n, acpi, "nodeset");
        if (r >= 0)
                r = cpuset_parse(xml_attr(acpi, "nodeset"), nodes, MAX_NODES);
        if (r < 0)
                return fail_xml(n, acpi, "invalid nodeset '%s'", xml_attr(acpi, "nodeset"));
        XML_FOREACH(cell, xml_find(n->root, "cpu/numa"), "cell")
                cells++;
        for (unsigned i = cells; i < MAX_NODES; i++)
                if (nodes[i / 64] >> i % 64 & 1)
                        return fail_unsupported(n, acpi, "the ACPI nodeset names the NUMA node %u, of which the guest "
                                                "has none", i);
        return 0;
}

static int check_hostdev(Normaliser *n, xmlNode *hostdev) {
        xmlNode *source = xml_child(hostdev, "source");
        const char *type = xml_attr(hostdev, "type");
        int r;

        if (!type)
                return fail_xml(n, hostdev, "missing source type of the host device");
        norm_set_default(n, hostdev, "mode", "subsystem");
        norm_set_default(n, hostdev, "managed", "no");
        drop_empty(hostdev, "driver");
        r = check_commands(n, hostdev);
        if (r >= 0)
                r = choose_iommufd(n, hostdev);
        if (r >= 0)
                r = check_nodes(n, hostdev);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(types[i].type, type)) {
                        r = types[i].check(n, hostdev, source);
                        if (r < 0)
                                return r;
                }

        return check_display(n, hostdev);
}

int normalise_hostdevs(Normaliser *n) {
        XML_FOREACH(hostdev, n->devices, "hostdev") {
                int r = check_hostdev(n, hostdev);

                if (r < 0)
                        return r;
        }
        XML_FOREACH(hostdev, n->devices, "hostdev")
                for (xmlNode *other = xml_next(hostdev, "hostdev"); other; other = xml_next(other, "hostdev"))
                        if (same_source(hostdev, other))
                                return fail_xml(n, other, "Hostdev already exists in the domain configuration");

        return 0;
}

static bool sits_at(const xmlNode *device, unsigned controller, unsigned unit) {
        const xmlNode *a = device_address(device);

        return xml_attr_is(a, "type", "drive") && number_or(a, "controller", 0) == controller &&
               number_or(a, "bus", 0) == 0 && number_or(a, "target", 0) == 0 && number_or(a, "unit", 0) == unit;
}

/* A device, other than this one, that has the place on a bus of SCSI. */
static xmlNode *scsi_device_at(const Normaliser *n, const xmlNode *but, unsigned controller, unsigned unit) {
        XML_FOREACH(d, n->devices, NULL) {
                bool is_scsi = (xml_is(d, "hostdev") && xml_attr_is(d, "type", "scsi")) ||
                               (xml_is(d, "disk") && streq_ptr(xml_get(d, "target/@bus"), "scsi"));

                if (d != but && is_scsi && sits_at(d, controller, unit))
                        return d;
        }

        return NULL;
}

static void place(Normaliser *n, xmlNode *hostdev) {
        for (unsigned i = 0; i < MAX_CONTROLLERS * SCSI_UNITS; i++)
                if (!scsi_device_at(n, hostdev, i / SCSI_UNITS, i % SCSI_UNITS)) {
                        xmlNode *a = new_address(n, hostdev, "drive");

                        norm_setf(n, a, "controller", "%u", i / SCSI_UNITS);
                        norm_set(n, a, "bus", "0");
                        norm_set(n, a, "target", "0");
                        norm_setf(n, a, "unit", "%u", i % SCSI_UNITS);
                        return;
                }
}

static int check_place(Normaliser *n, xmlNode *hostdev) {
        xmlNode *a = device_address(hostdev), *other;
        unsigned controller = number_or(a, "controller", 0), unit = number_or(a, "unit", 0);

        if (!xml_attr_is(a, "type", "drive"))
                return fail_unsupported(n, a, "a SCSI device of the host needs an address of type 'drive', not '%s'",
                                        attr_or(a, "type", ""));
        other = number_or(a, "bus", 0) || number_or(a, "target", 0) ? NULL
                                                                    : scsi_device_at(n, hostdev, controller, unit);
        if (other && xml_is(other, "disk"))
                return fail_unsupported(n, other,
                                        "using disk target name '%s' conflicts with SCSI host device address "
                                        "controller='%u' bus='0' target='0' unit='%u'",
                                        xml_get(other, "target/@dev"), controller, unit);
        if (other)
                return fail_unsupported(
                        n, a,
                        "SCSI host address controller='%u' bus='0' target='0' unit='%u' in use by another "
                        "SCSI host device",
                        controller, unit);
        for (unsigned i = 0; i <= controller && i < MAX_CONTROLLERS; i++)
                need_controllers(n, "scsi", i,
                                 i > 0        ? xml_attr(find_controller(n, "scsi", i - 1), "model")
                                 : n->microvm ? "virtio-scsi"
                                              : "lsilogic");

        return 0;
}

int assign_hostdev_addresses(Normaliser *n) {
        XML_FOREACH(hostdev, n->devices, "hostdev") {
                int r;

                if (!xml_attr_is(hostdev, "type", "scsi"))
                        continue;
                if (!device_address(hostdev))
                        place(n, hostdev);
                if (n->out_of_memory)
                        return -ENOMEM;
                r = check_place(n, hostdev);
                if (r < 0)
                        return r;
        }

        return 0;
}
