/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk-order.h"

#include "base/strings.h"

const struct DiskPrefix disk_prefixes[DISK_PREFIXES] = {
        { "hd", "ide" }, { "sd", "scsi" }, { "vd", "virtio" }, { "xvd", "xen" }, { "fd", "fdc" }, { "ubd", "uml" },
        { "nvme", "nvme" },
};

/* The letters after the prefix count in base 26, from a = 0: z is 25, aa is 26. Digits (a partition) end the name. */
static int letters_to_index(const char *s) {
        int index = 0;

        if (!*s)
                return -EINVAL;
        for (; *s >= 'a' && *s <= 'z'; s++) {
                if (index > 1000000)
                        return -EINVAL;
                index = index * 26 + (*s - 'a') + 1;
        }

        return *s || index == 0 ? -EINVAL : index - 1;
}

/* "1n3": the third namespace, which are counted from 1, of the second controller. */
static int namespace_index(const char *s) {
        size_t digits = strspn(s, "0123456789");
        _cleanup_free_ char *controller = strndup(s, digits);
        unsigned c, space;

        if (!controller)
                return -ENOMEM;
        if (s[digits] != 'n' || parse_uint(controller, &c) < 0 || parse_uint(s + digits + 1, &space) < 0 ||
            space == 0 || space > NVME_NAMESPACES || c > 1000000)
                return -EINVAL;
        return (int) (c * NVME_NAMESPACES + space - 1);
}

int disk_index(const char *target) {
        for (size_t i = 0; i < DISK_PREFIXES; i++) {
                const char *rest = startswith(target, disk_prefixes[i].prefix);

                if (rest)
                        return streq(disk_prefixes[i].bus, "nvme") ? namespace_index(rest) : letters_to_index(rest);
        }

        return -EINVAL;
}

void disk_place(xmlNode *devices, xmlNode *disk) {
        const char *bus = xml_get(disk, "target/@bus") ?: "";
        int index = disk_index(xml_get(disk, "target/@dev") ?: "");
        xmlNode *behind = NULL, *before = NULL;

        xmlUnlinkNode(disk);
        XML_FOREACH(other, devices, "disk") {
                if (!streq_ptr(xml_get(other, "target/@bus"), bus))
                        continue;
                if (disk_index(xml_get(other, "target/@dev") ?: "") > index) {
                        before = other;
                        break;
                }
                behind = other;
        }
        if (before)
                xmlAddPrevSibling(before, disk);
        else if (behind)
                xmlAddNextSibling(behind, disk);
        else
                xmlAddChild(devices, disk);
}
