/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* controller: indexes, models, those that the machine brings along and those that something refers to. */

#include "base/strings.h"
#include "disk-order.h"
#include "normalise.h"

#define MAX_CONTROLLERS 256U

xmlNode *find_controller(const Normaliser *n, const char *type, unsigned index) {
        XML_FOREACH(c, n->devices, "controller")
                if (xml_attr_is(c, "type", type) && number_or(c, "index", UINT32_MAX) == index)
                        return c;

        return NULL;
}

/* Controllers of a type are listed together by index; the master of an USB 2 set is the first of its index. A type
 * that is new goes to the end. */
static void insert(Normaliser *n, xmlNode *c) {
        const char *type = attr_or(c, "type", "");
        bool master = xml_attr_is(c, "model", "ich9-ehci1");
        unsigned index = number_or(c, "index", 0);
        xmlNode *behind = NULL;

        XML_FOREACH(other, n->devices, "controller") {
                unsigned i = number_or(other, "index", 0);

                if (!xml_attr_is(other, "type", type))
                        continue;
                if (i > index || (i == index && master)) {
                        xmlAddPrevSibling(other, c);
                        return;
                }
                behind = other;
        }

        if (behind)
                xmlAddNextSibling(behind, c);
        else
                xmlAddChild(n->devices, c);
}

static int order_controllers(Normaliser *n) {
        _cleanup_free_ xmlNode **list = NULL;
        size_t count = 0;

        XML_FOREACH(c, n->devices, "controller")
                count++;
        list = calloc(count + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;

        count = 0;
        XML_FOREACH(c, n->devices, "controller")
                list[count++] = c;
        for (size_t i = 0; i < count; i++)
                xmlUnlinkNode(list[i]);
        for (size_t i = 0; i < count; i++)
                insert(n, list[i]);

        return 0;
}

xmlNode *add_controller(Normaliser *n, const char *type, unsigned index, const char *model) {
        xmlNode *c = norm_add(n, n->devices, "controller");

        if (!c)
                return NULL;

        norm_set(n, c, "type", type);
        norm_setf(n, c, "index", "%u", index);
        if (model)
                norm_set(n, c, "model", model);
        xmlUnlinkNode(c);
        insert(n, c);
        return c;
}

void need_controllers(Normaliser *n, const char *type, unsigned index, const char *model) {
        for (unsigned i = 0; i <= index && i < MAX_CONTROLLERS; i++)
                if (!find_controller(n, type, i))
                        (void) add_controller(n, type, i, model);
}

/* What a type is, and what its models may be; NULL ends the list, an empty list means that it has none. */
static const struct {
        const char *type;
        const char *models[16];
} known_models[] = {
        { "ide", { "piix3", "piix4", "ich6" } },
        { "scsi",
          { "auto", "buslogic", "lsilogic", "lsisas1068", "vmpvscsi", "virtio-scsi", "lsisas1078", "ncr53c90", "dc390",
            "am53c974", "ibmvscsi", "virtio-transitional", "virtio-non-transitional" } },
        { "virtio-serial", { "virtio", "virtio-transitional", "virtio-non-transitional" } },
        { "usb",
          { "piix3-uhci", "piix4-uhci", "ehci", "ich9-ehci1", "ich9-uhci1", "ich9-uhci2", "ich9-uhci3",
            "vt82c686b-uhci", "pci-ohci", "nec-xhci", "qemu-xhci", "none" } },
        { "pci",
          { "pci-root", "pcie-root", "pci-bridge", "dmi-to-pci-bridge", "pcie-to-pci-bridge", "pcie-root-port",
            "pcie-switch-upstream-port", "pcie-switch-downstream-port", "pci-expander-bus", "pcie-expander-bus" } },
};

static int check_model(Normaliser *n, xmlNode *c) {
        const char *model = xml_attr(c, "model"), *type = attr_or(c, "type", "");

        if (!model)
                return 0;

        for (size_t i = 0; i < ELEMENTSOF(known_models); i++) {
                if (!streq(known_models[i].type, type))
                        continue;
                for (size_t j = 0; j < ELEMENTSOF(known_models[i].models) && known_models[i].models[j]; j++)
                        if (streq(known_models[i].models[j], model))
                                return 0;
        }

        return fail_xml(n, c, "unknown model '%s' of a controller of type %s", model, type);
}

/* The index of the next free of a type; companions of an USB 2 controller share one. */
static unsigned free_index(const Normaliser *n, const xmlNode *c) {
        const char *type = attr_or(c, "type", ""), *model = attr_or(c, "model", "");
        unsigned i = streq(type, "pci") && !streq(model, "pci-root") && !streq(model, "pcie-root"); /* 0 is the root */

        while (find_controller(n, type, i))
                i++;
        return i;
}

static bool is_companion(const xmlNode *c) {
        return startswith(attr_or(c, "model", ""), "ich9-") != NULL;
}

/* A member of an USB 2 set joins the last set that lacks it. */
static unsigned companion_index(const Normaliser *n, const xmlNode *c) {
        unsigned last = 0;
        bool any = false, joins = true;

        XML_FOREACH(other, n->devices, "controller")
                if (other != c && xml_attr_is(other, "type", "usb") && xml_attr(other, "index")) {
                        last = MAX(last, number_or(other, "index", 0));
                        any = true;
                }
        XML_FOREACH(other, n->devices, "controller")
                if (xml_attr_is(other, "type", "usb") && number_or(other, "index", UINT32_MAX) == last)
                        joins &= is_companion(other) && !streq_ptr(xml_attr(other, "model"), xml_attr(c, "model"));

        return !any ? 0 : joins ? last : last + 1;
}

static int check_index(Normaliser *n, xmlNode *c) {
        const char *type = xml_attr(c, "type");
        unsigned index;

        if (!xml_attr(c, "index")) {
                index = is_companion(c) ? companion_index(n, c) : free_index(n, c);
                if (index >= MAX_CONTROLLERS)
                        return fail_xml(n, c, "more than %u controllers of type '%s'", MAX_CONTROLLERS, type);
                norm_setf(n, c, "index", "%u", index);
                return 0;
        }

        index = number_or(c, "index", 0);
        if (index >= MAX_CONTROLLERS)
                return fail_xml(n, c, "controller index %u is too high, the maximum is %u", index, MAX_CONTROLLERS - 1);

        for (xmlNode *other = xml_next(c, "controller"); other; other = xml_next(other, "controller")) {
                if (!xml_attr_is(other, "type", type) || number_or(other, "index", UINT32_MAX) != index)
                        continue;
                if (streq(type, "usb") && is_companion(c) && is_companion(other) &&
                    !streq_ptr(xml_attr(c, "model"), xml_attr(other, "model")))
                        continue;
                return fail_xml(n, other, "multiple '%s' controllers with index '%u'", type, index);
        }

        return 0;
}

/* Attributes that other types of controller have, not this one. */
static void drop_foreign(xmlNode *c, const char *type) {
        if (!streq(type, "virtio-serial"))
                xml_unset_attr(c, "vectors");
        if (!streq(type, "virtio-serial") && !streq(type, "usb"))
                xml_unset_attr(c, "ports");
        if (!streq(type, "pci")) {
                xml_remove_children(c, "target");
                xml_remove_children(c, "pcihole64");
                xml_remove_children(c, "model");
        }
        if (!streq(type, "nvme"))
                xml_remove_children(c, "serial");
        drop_empty(c, "serial");
        drop_empty(c, "driver");
}

static int check_usb(Normaliser *n, xmlNode *c) {
        static const struct {
                const char *model, *startport;
        } companions[] = { { "ich9-uhci1", "0" }, { "ich9-uhci2", "2" }, { "ich9-uhci3", "4" } };
        const char *model;

        norm_set_default(n, c, "model", "piix3-uhci");
        model = attr_or(c, "model", "");

        for (size_t i = 0; i < ELEMENTSOF(companions); i++)
                if (streq(companions[i].model, model))
                        norm_set_default(n, norm_ensure(n, c, "master"), "startport", companions[i].startport);

        if (endswith(model, "-xhci") && number_or(c, "ports", 1) > 15)
                return fail_unsupported(n, c, "'%s' controller only supports up to '15' ports", model);

        if (streq(model, "none")) {
                xml_remove_children(c, "address");
                XML_FOREACH(other, n->devices, "controller")
                        if (other != c && xml_attr_is(other, "type", "usb"))
                                return fail_xml(n, other,
                                                "Can't add another USB controller: USB is disabled for this domain");
        }

        return 0;
}

static int check_scsi(Normaliser *n, xmlNode *c) {
        const char *model = xml_attr(c, "model");

        if (!model || streq(model, "auto"))
                norm_set(n, c, "model", "lsilogic");
        if (xml_attr_is(c, "model", "buslogic") || xml_attr_is(c, "model", "ncr53c90") ||
            xml_attr_is(c, "model", "ibmvscsi"))
                return fail_unsupported(n, c, "controller model '%s' is not supported", xml_attr(c, "model"));
        return 0;
}

static int check_ide(Normaliser *n, xmlNode *c) {
        if (n->q35)
                return fail_unsupported(n, c, "IDE controllers are unsupported for this QEMU binary or machine type");
        if (number_or(c, "index", 0) > 0)
                return fail_unsupported(n, c, "Only a single IDE controller is supported for this machine type");
        return 0;
}

static int check_nvme(Normaliser *n, xmlNode *c) {
        xmlNode *serial = xml_child(c, "serial");

        if (serial && strlen(xml_text(serial)) > NVME_SERIAL_MAX)
                return fail_unsupported(n, serial, "the serial of an NVMe controller has at most %u characters",
                                        NVME_SERIAL_MAX);
        return 0;
}

static bool has_numa_node(const Normaliser *n, const char *node, unsigned *ret_cells) {
        unsigned id;

        *ret_cells = 0;
        XML_FOREACH(cell, xml_find(n->root, "cpu/numa"), "cell")
                (*ret_cells)++;
        return parse_uint(node, &id) >= 0 && id < *ret_cells;
}

static int check_pci(Normaliser *n, xmlNode *c) {
        const char *root = n->q35 ? "pcie-root" : "pci-root";
        unsigned index = number_or(c, "index", 0), cells;

        if (n->microvm || n->isapc)
                return fail_unsupported(n, c, "machine '%s' has no PCI", xml_get(n->root, "os/type/@machine"));
        if (index == 0)
                norm_set_default(n, c, "model", root);
        else
                n->user_pci = true;

        if (index == 0 && !xml_attr_is(c, "model", root))
                return fail_xml(n, c,
                                "The PCI controller with index='0' must be model='%s' for this machine type, but "
                                "model='%s' was found instead", root, xml_attr(c, "model"));
        if (index > 0 && (xml_attr_is(c, "model", "pci-root") || xml_attr_is(c, "model", "pcie-root")))
                return fail_xml(n, c, "pci-root and pcie-root controllers should have index 0");
        if (index == 0 && xml_child(c, "address"))
                return fail_unsupported(n, c, "pci-root and pcie-root controllers should not have an address");
        if (xml_find(c, "target/node") && !has_numa_node(n, xml_text(xml_find(c, "target/node")), &cells))
                return fail_xml(n, xml_find(c, "target/node"),
                                "%s with index %u is configured for a NUMA node (%s) not present "
                                "in the domain's <cpu><numa> array (%u)",
                                attr_or(c, "model", "pci"), index, xml_text(xml_find(c, "target/node")), cells);
        if (index > 0 && !xml_attr(c, "model"))
                norm_set(n, c, "model", n->q35 ? "pcie-root-port" : "pci-bridge");

        return 0;
}

/* Attributes of the driver that only one kind of adapter has. */
static int check_driver(Normaliser *n, xmlNode *c) {
        xmlNode *driver = xml_child(c, "driver");
        bool scsi = xml_attr_is(c, "type", "scsi") && startswith(attr_or(c, "model", ""), "virtio-");

        if (xml_attr(driver, "iothread") && !scsi)
                return fail_xml(n, driver, "'iothread' attribute only supported for virtio scsi controllers");
        return scsi || xml_attr_is(c, "type", "virtio-serial") ? 0 : refuse_virtio_options(n, c);
}

static int check_type(Normaliser *n, xmlNode *c, const char *type) {
        static const struct {
                const char *type;
                int (*check)(Normaliser *n, xmlNode *c);
        } checks[] = { { "usb", check_usb }, { "scsi", check_scsi }, { "ide", check_ide }, { "pci", check_pci },
                     { "nvme", check_nvme } };

        for (size_t i = 0; i < ELEMENTSOF(checks); i++)
                if (streq(checks[i].type, type))
                        return checks[i].check(n, c);

        return 0;
}

/* USB, PCI root and the SATA controller that is part of the chipset. */
static void add_builtin(Normaliser *n) {
        bool usb = false;

        if (n->microvm || n->isapc)
                return;
        XML_FOREACH(c, n->devices, "controller")
                usb |= xml_attr_is(c, "type", "usb");

        if (!usb)
                (void) add_controller(n, "usb", 0, n->q35 ? "qemu-xhci" : "piix3-uhci");
        if (n->q35)
                need_controllers(n, "sata", 0, NULL);
        need_controllers(n, "pci", 0, n->q35 ? "pcie-root" : "pci-root");
}

/* A companion takes the slow devices of the ports of its master. */
static int check_masters(Normaliser *n) {
        XML_FOREACH(c, n->devices, "controller") {
                bool master = !xml_child(c, "master");

                XML_FOREACH(other, n->devices, "controller")
                        master |= xml_attr_is(other, "model", "ich9-ehci1") &&
                                  streq_ptr(xml_attr(other, "index"), xml_attr(c, "index"));
                if (!master)
                        return fail_unsupported(n, c, "No master USB controller specified");
        }

        return 0;
}

int normalise_controllers(Normaliser *n) {
        int r;

        XML_FOREACH(c, n->devices, "controller") {
                const char *type = xml_attr(c, "type");

                if (!type)
                        return fail_xml(n, c, "missing controller type");
                r = check_model(n, c);
                if (r >= 0)
                        r = check_index(n, c);
                if (r >= 0)
                        r = check_type(n, c, type);
                if (r >= 0)
                        r = check_driver(n, c);
                if (r < 0)
                        return r;
                drop_foreign(c, type);
        }

        r = check_masters(n);
        if (r >= 0)
                r = order_controllers(n);
        if (r < 0)
                return r;

        add_builtin(n);
        return 0;
}

static bool is_usb_device(const xmlNode *d) {
        return xml_attr_is(xml_child(d, "address"), "type", "usb");
}

/* Each smartcard has a reader, which has one slot. */
static void place_smartcard(Normaliser *n, xmlNode *card) {
        xmlNode *a = xml_child(card, "address");
        unsigned index = 0;

        if (!a) {
                for (const xmlNode *c = card->prev; c; c = c->prev)
                        index += xml_is(c, "smartcard");
                a = new_address(n, card, "ccid");
                norm_setf(n, a, "controller", "%u", index);
        }
        norm_set_default(n, a, "controller", "0");
        norm_set_default(n, a, "slot", "0");
        if (number_or(a, "controller", 0) < MAX_CONTROLLERS)
                need_controllers(n, "ccid", number_or(a, "controller", 0), NULL);
}

/* The serial number is the controller's, and all its namespaces have it: where a disk names one, there is no other. */
static int check_serials(Normaliser *n) {
        XML_FOREACH(disk, n->devices, "disk") {
                xmlNode *serial = xml_child(disk, "serial");
                const char *wanted;

                if (!serial || !xml_attr_is(xml_child(disk, "target"), "bus", "nvme"))
                        continue;
                wanted = nvme_serial(n->devices, number_or(device_address(disk), "controller", 0));
                if (!streq_ptr(wanted, xml_text(serial)))
                        return fail_unsupported(n, serial, "the serial '%s' is another than the one of its NVMe "
                                                "controller, '%s'", xml_text(serial), wanted ?: "");
        }
        return 0;
}

int normalise_implied_controllers(Normaliser *n) {
        XML_FOREACH(card, n->devices, "smartcard")
                place_smartcard(n, card);
        XML_FOREACH(d, n->devices, NULL) {
                xmlNode *a = xml_child(d, "address");
                unsigned index = number_or(a, "controller", 0);

                if (xml_is(d, "disk") && xml_attr_is(a, "type", "drive")) {
                        const char *bus = attr_or(xml_child(d, "target"), "bus", "");

                        if (index >= MAX_CONTROLLERS)
                                return fail_xml(n, a, "controller index %u is too high", index);
                        if (streq(bus, "ide") && index > 0)
                                return fail_unsupported(
                                        n, a, "Only a single IDE controller is supported for this machine type");
                        need_controllers(n, bus, index,
                                         !streq(bus, "scsi") ? NULL : n->microvm ? "virtio-scsi" : "lsilogic");
                } else if (xml_attr_is(a, "type", "virtio-serial") && find_controller(n, "virtio-serial", index)) {
                        continue;
                } else if (xml_attr_is(a, "type", "virtio-serial") ||
                           (xml_attr_is(xml_child(d, "target"), "type", "virtio") && !xml_is(d, "disk"))) {
                        if (index >= MAX_CONTROLLERS)
                                return fail_xml(n, a, "controller index %u is too high", index);
                        need_controllers(n, "virtio-serial", index, NULL);
                } else if (is_usb_device(d) && number_or(a, "bus", 0) < MAX_CONTROLLERS &&
                           !find_controller(n, "usb", number_or(a, "bus", 0)))
                        need_controllers(n, "usb", number_or(a, "bus", 0), "piix3-uhci");
        }

        return check_serials(n);
}
