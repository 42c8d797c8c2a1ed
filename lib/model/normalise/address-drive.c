/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Drive addresses: which controller, bus and unit a disk sits on, from the name of its target. */

#include "base/strings.h"
#include "disk-order.h"
#include "normalise.h"

/* How many units a controller of SCSI has; wide ones leave out 7, which is the adapter itself. */
static bool is_narrow(const Normaliser *n) {
        xmlNode *c = find_controller(n, "scsi", 0);
        const char *model = attr_or(c, "model", "lsilogic");

        return streq(model, "lsilogic") || streq(model, "dc390") || streq(model, "am53c974") ||
               streq(model, "ncr53c90");
}

static void place(Normaliser *n, xmlNode *disk, unsigned controller, unsigned bus, unsigned unit) {
        xmlNode *a = new_address(n, disk, "drive");

        norm_setf(n, a, "controller", "%u", controller);
        norm_setf(n, a, "bus", "%u", bus);
        norm_set(n, a, "target", "0");
        norm_setf(n, a, "unit", "%u", unit);
}

static bool same_place(const xmlNode *a, const xmlNode *b) {
        static const char *const parts[] = { "controller", "bus", "target", "unit" };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                if (number_or(a, parts[i], 0) != number_or(b, parts[i], 0))
                        return false;

        return true;
}

static bool is_taken(const Normaliser *n, const char *bus, unsigned controller, unsigned unit) {
        XML_FOREACH(disk, n->devices, "disk") {
                xmlNode *a = device_address(disk);

                if (a && streq_ptr(xml_get(disk, "target/@bus"), bus) && number_or(a, "controller", 0) == controller &&
                    number_or(a, "bus", 0) == 0 && number_or(a, "target", 0) == 0 && number_or(a, "unit", 0) == unit)
                        return true;
        }

        return false;
}

static void place_scsi(Normaliser *n, xmlNode *disk, unsigned index) {
        unsigned units = is_narrow(n) ? 7 : 15, controller = index / units, unit = index % units;

        if (units == 15 && unit >= 7)
                unit++;
        /* A controller with explicit addresses may have given this place away. */
        while (is_taken(n, "scsi", controller, unit)) {
                index++;
                controller = index / units;
                unit = index % units;
                if (units == 15 && unit >= 7)
                        unit++;
        }

        place(n, disk, controller, 0, unit);
}

static int check_explicit(Normaliser *n, xmlNode *disk, const char *bus) {
        static const char *const parts[] = { "controller", "bus", "target", "unit" };
        xmlNode *a = device_address(disk);

        if (!xml_attr_is(a, "type", "drive"))
                return fail_unsupported(n, a, "disk bus '%s' needs an address of type 'drive', not '%s'", bus,
                                        attr_or(a, "type", ""));
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                norm_setf(n, a, parts[i], "%u", number_or(a, parts[i], 0));

        if (streq(bus, "sata") && (number_or(a, "bus", 0) > 0 || number_or(a, "unit", 0) > 5))
                return fail_unsupported(n, a, "a SATA disk has bus 0 and a unit from 0 to 5");
        if (streq(bus, "nvme") && (number_or(a, "bus", 0) > 0 || number_or(a, "unit", 0) >= NVME_NAMESPACES))
                return fail_unsupported(n, a, "an NVMe disk has bus 0 and a unit from 0 to %u", NVME_NAMESPACES - 1);
        if (!streq(bus, "scsi") && number_or(a, "target", 0) > 0)
                return fail_unsupported(n, a, "target must be 0 for a disk on bus '%s'", bus);

        for (xmlNode *other = xml_next(disk, "disk"); other; other = xml_next(other, "disk"))
                if (device_address(other) && streq_ptr(xml_get(other, "target/@bus"), bus) &&
                    same_place(a, device_address(other)))
                        return fail_xml(n, device_address(other),
                                        "Found duplicate drive address for disk with target name '%s' controller='%u' "
                                        "bus='%u' target='%u' unit='%u'",
                                        xml_get(other, "target/@dev"), number_or(a, "controller", 0),
                                        number_or(a, "bus", 0), number_or(a, "target", 0), number_or(a, "unit", 0));

        return 0;
}

static bool has_drive_address(const char *bus) {
        return streq(bus, "fdc") || streq(bus, "ide") || streq(bus, "sata") || streq(bus, "scsi") ||
               streq(bus, "nvme");
}

/* What was placed by its name may be where another one is on purpose. */
static int check_places(Normaliser *n) {
        XML_FOREACH(disk, n->devices, "disk") {
                const char *bus = xml_get(disk, "target/@bus") ?: "";
                int r;

                if (!has_drive_address(bus))
                        continue;
                r = check_explicit(n, disk, bus);
                if (r < 0)
                        return r;
        }

        return 0;
}

int assign_drive_addresses(Normaliser *n) {
        int r;

        XML_FOREACH(disk, n->devices, "disk") {
                const char *bus = xml_get(disk, "target/@bus") ?: "";

                if (has_drive_address(bus) && device_address(disk)) {
                        r = check_explicit(n, disk, bus);
                        if (r < 0)
                                return r;
                }
        }

        XML_FOREACH(disk, n->devices, "disk") {
                const char *bus = xml_get(disk, "target/@bus") ?: "", *dev = xml_get(disk, "target/@dev") ?: "";
                unsigned index;

                if (!has_drive_address(bus) || device_address(disk))
                        continue;
                r = disk_index(dev);
                if (r < 0)
                        return fail_xml(n, disk, "unknown disk name '%s' and no address specified", dev);
                index = (unsigned) r;

                if (streq(bus, "ide"))
                        place(n, disk, index / 4, index % 4 / 2, index % 2);
                else if (streq(bus, "sata"))
                        place(n, disk, index / 6, 0, index % 6);
                else if (streq(bus, "fdc"))
                        place(n, disk, index / 2, 0, index % 2);
                else if (streq(bus, "nvme"))
                        place(n, disk, index / NVME_NAMESPACES, 0, index % NVME_NAMESPACES);
                else
                        place_scsi(n, disk, index);
                if (streq(bus, "ide") && index >= 4)
                        return fail_unsupported(n, disk, "there is no room for IDE disk '%s': only hda to hdd", dev);
        }

        return check_places(n);
}
