/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk-order.h"

#include "base/strings.h"

const struct DiskPrefix disk_prefixes[DISK_PREFIXES] = {
        { "hd", "ide" }, { "sd", "scsi" }, { "vd", "virtio" }, { "xvd", "xen" }, { "fd", "fdc" }, { "ubd", "uml" },
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

int disk_index(const char *target) {
        for (size_t i = 0; i < DISK_PREFIXES; i++) {
                const char *rest = startswith(target, disk_prefixes[i].prefix);

                if (rest)
                        return letters_to_index(rest);
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
